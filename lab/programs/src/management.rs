//! Windows Management Instrumentation over the objects that `C:\lab\wmi.txt` has:
//!
//! ```text
//! [root\default SystemRestore]            an object, by its namespace and class
//! SequenceNumber = u32 7
//! Description = text Before the update
//! [class root\default SystemRestore]      the class: enough where it has no object
//! code = 0x80041003                       asking for its objects fails with this
//! silent = 60                             it takes so many seconds to tell the first object
//! returns = 5                             its methods return this, and change nothing
//! ignores = yes                           its methods return 0, and change nothing
//! frees = KB5099999                       that update goes through once a method changed something
//! ```
//!
//! Types are `u32`, `bool`, `text`, `list` (texts with `|` between) and `null`. Methods are those of
//! `MSFT_MpPreference`; what is called is written to `wmi.log` beside.

use std::cell::{Cell, RefCell};
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use windows::Win32::Foundation::{E_OUTOFMEMORY, VARIANT_BOOL};
use windows::Win32::System::Com::SAFEARRAY;
use windows::Win32::System::Ole::{
    SafeArrayCreateVector, SafeArrayGetElement, SafeArrayGetUBound, SafeArrayPutElement,
};
use windows::Win32::System::Variant::{
    VARENUM, VARIANT, VARIANT_0_0, VARIANT_0_0_0, VT_ARRAY, VT_BOOL, VT_BSTR, VT_NULL,
};
use windows::Win32::System::Wmi::*;
use windows::core::{BSTR, Error, HRESULT, OutRef, PCWSTR, Ref, Result};
use windows_core::implement;

use crate::script;
use crate::told::{note, number, path};

const FILE: &str = "wmi.txt";
const LOG: &str = "wmi.log";
/// `WBEM_S_FALSE`: fewer than were asked for.
const NO_MORE: HRESULT = HRESULT(1);

/// Taken by whoever reads or writes the file.
static GUARD: Mutex<()> = Mutex::new(());

/// A value of a property.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(u32),
    Flag(bool),
    Text(String),
    List(Vec<String>),
    Null,
}

/// Names and values, in the order of the file.
pub(crate) type Properties = Vec<(String, Value)>;

/// An object of the file, or what is said of a class.
#[derive(Debug, Clone)]
struct Entry {
    is_class: bool,
    namespace: String,
    class: String,
    properties: Properties,
    /// How the class behaves.
    manners: Vec<(String, String)>,
}

#[implement(IWbemLocator)]
pub(crate) struct Locator;

/// One namespace.
#[implement(IWbemServices)]
struct Services(String);

/// The objects of an answer.
#[implement(IEnumWbemClassObject)]
struct Answer {
    objects: Vec<Properties>,
    given: Cell<usize>,
    code: HRESULT,
    silent: Duration,
}

/// An object, a class, or what is given to a method.
#[implement(IWbemClassObject)]
struct Object(RefCell<Properties>);

/// Adds an object.
pub(crate) fn add(namespace: &str, class: &str, properties: Properties) {
    let _guard = GUARD.lock();
    let mut all = read();
    let (namespace, class) = (namespace.to_owned(), class.to_owned());
    all.push(Entry { is_class: false, namespace, class, properties, manners: Vec::new() });
    write(&all);
}

/// All objects of a class.
pub(crate) fn objects(namespace: &str, class: &str) -> Vec<Properties> {
    let _guard = GUARD.lock();
    let all = read().into_iter();
    all.filter(|it| !it.is_class && it.is(namespace, class)).map(|it| it.properties).collect()
}

/// The value of a property, in whatever case it is spelled.
pub(crate) fn value_of<'a>(properties: &'a Properties, name: &str) -> Option<&'a Value> {
    properties.iter().find(|it| it.0.eq_ignore_ascii_case(name)).map(|it| &it.1)
}

impl IWbemLocator_Impl for Locator_Impl {
    fn ConnectServer(
        &self,
        place: &BSTR,
        _: &BSTR,
        _: &BSTR,
        _: &BSTR,
        _: i32,
        _: &BSTR,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IWbemServices> {
        let place = place.to_string();
        let _guard = GUARD.lock();
        if !read().iter().any(|it| it.namespace.eq_ignore_ascii_case(&place)) {
            return failed(WBEM_E_INVALID_NAMESPACE);
        }
        Ok(Services(place).into())
    }
}

impl IWbemServices_Impl for Services_Impl {
    absent! {
        CancelAsyncCall(Ref<'_, IWbemObjectSink>) -> ();
        QueryObjectSink(WBEM_GENERIC_FLAG_TYPE) -> IWbemObjectSink;
        OpenNamespace(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, OutRef<'_, IWbemServices>, OutRef<'_, IWbemCallResult>) -> ();
        GetObjectAsync(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        PutClass(Ref<'_, IWbemClassObject>, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, OutRef<'_, IWbemCallResult>) -> ();
        PutClassAsync(Ref<'_, IWbemClassObject>, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        DeleteClass(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, OutRef<'_, IWbemCallResult>) -> ();
        DeleteClassAsync(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        CreateClassEnum(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>) -> IEnumWbemClassObject;
        CreateClassEnumAsync(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        PutInstance(Ref<'_, IWbemClassObject>, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, OutRef<'_, IWbemCallResult>) -> ();
        PutInstanceAsync(Ref<'_, IWbemClassObject>, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        DeleteInstance(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, OutRef<'_, IWbemCallResult>) -> ();
        DeleteInstanceAsync(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        CreateInstanceEnum(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>) -> IEnumWbemClassObject;
        CreateInstanceEnumAsync(&BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        ExecQueryAsync(&BSTR, &BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        ExecNotificationQuery(&BSTR, &BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>) -> IEnumWbemClassObject;
        ExecNotificationQueryAsync(&BSTR, &BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemObjectSink>) -> ();
        ExecMethodAsync(&BSTR, &BSTR, WBEM_GENERIC_FLAG_TYPE, Ref<'_, IWbemContext>, Ref<'_, IWbemClassObject>, Ref<'_, IWbemObjectSink>) -> ();
    }

    fn ExecQuery(
        &self,
        language: &BSTR,
        query: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
    ) -> Result<IEnumWbemClassObject> {
        let query = query.to_string();
        let words: Vec<&str> = query.split_whitespace().collect();
        let (true, ["SELECT", _, "FROM", class]) = (*language == "WQL", &words[..]) else {
            return failed(WBEM_E_INVALID_QUERY);
        };
        let (code, manners) = self.class(class);
        let silent = manners.iter().find(|it| it.0 == "silent").and_then(|it| number(&it.1));
        let silent = Duration::from_secs(silent.unwrap_or(0).into());
        // As from Windows: that there is no such class is told with the first object.
        let objects = objects(&self.0, class);
        Ok(Answer { objects, given: Cell::new(0), code, silent }.into())
    }

    fn GetObject(
        &self,
        class: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        object: OutRef<'_, IWbemClassObject>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        match self.class(&class.to_string()) {
            (HRESULT(0), _) => object.write(Some(Object(RefCell::default()).into())),
            (code, _) if code.0 == WBEM_E_INVALID_CLASS.0 => failed(WBEM_E_NOT_FOUND),
            (code, _) => Err(Error::from_hresult(code)),
        }
    }

    fn ExecMethod(
        &self,
        class: &BSTR,
        method: &BSTR,
        _: WBEM_GENERIC_FLAG_TYPE,
        _: Ref<'_, IWbemContext>,
        given: Ref<'_, IWbemClassObject>,
        answer: OutRef<'_, IWbemClassObject>,
        _: OutRef<'_, IWbemCallResult>,
    ) -> Result<()> {
        let (class, method) = (class.to_string(), method.to_string());
        let given = given.ok()?;
        let mut arguments = Properties::new();
        for name in ["DisableRealtimeMonitoring", "ExclusionPath", "Force"] {
            let (wide, mut value) = (BSTR::from(name), VARIANT::default());
            // SAFETY: the name and the place for the value live as long as the call.
            let found = unsafe { given.Get(PCWSTR(wide.as_ptr()), 0, &mut value, None, None) };
            if found.is_ok() {
                arguments.push((name.to_owned(), from_variant(&value)?));
            }
        }
        let spelled: Vec<String> =
            arguments.iter().map(|(name, value)| format!("{name} = {}", spelled(value))).collect();
        note(LOG, &format!("{class}.{method} {}", spelled.join(", ")));
        let (_, manners) = self.class(&class);
        let manner = |name: &str| manners.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
        let code = manner("returns").and_then(number).unwrap_or(0);
        if code == 0 && manner("ignores").is_none() {
            prefer(&self.0, &method, &arguments);
            if let Some(kb) = manner("frees") {
                script::set(kb, "code", "0");
            }
        }
        let told = vec![("ReturnValue".to_owned(), Value::Number(code))];
        answer.write(Some(Object(RefCell::new(told)).into()))
    }
}

impl Services {
    /// With which code asking for the objects of a class ends, and how the class behaves.
    fn class(&self, class: &str) -> (HRESULT, Vec<(String, String)>) {
        let _guard = GUARD.lock();
        let all = read();
        let mut of = all.iter().filter(|it| it.is(&self.0, class)).peekable();
        if of.peek().is_none() {
            return (HRESULT(WBEM_E_INVALID_CLASS.0), Vec::new());
        }
        let manners: Vec<(String, String)> = of.flat_map(|it| it.manners.clone()).collect();
        let code = manners.iter().find(|it| it.0 == "code").and_then(|it| number(&it.1));
        (HRESULT(code.unwrap_or(0).cast_signed()), manners)
    }
}

impl IEnumWbemClassObject_Impl for Answer_Impl {
    absent! {
        Reset() -> ();
        Clone() -> IEnumWbemClassObject;
    }
    fn Next(
        &self,
        _: i32,
        count: u32,
        into: *mut Option<IWbemClassObject>,
        given: *mut u32,
    ) -> HRESULT {
        // As Windows at times, whatever time the caller has.
        std::thread::sleep(self.silent);
        if self.code.is_err() {
            return self.code;
        }
        let left = self.objects.iter().skip(self.given.get()).take(count as usize);
        let mut told = 0;
        for it in left {
            let object: IWbemClassObject = Object(RefCell::new(it.clone())).into();
            // SAFETY: there is room for as many as were asked for.
            unsafe { into.add(told).write(Some(object)) };
            told += 1;
        }
        self.given.set(self.given.get() + told);
        // SAFETY: the caller has a place for the number.
        unsafe { given.write(told as u32) };
        if told < count as usize { NO_MORE } else { HRESULT(0) }
    }
    fn NextAsync(&self, _: u32, _: Ref<'_, IWbemObjectSink>) -> HRESULT {
        windows::Win32::Foundation::E_NOTIMPL
    }
    fn Skip(&self, _: i32, _: u32) -> HRESULT {
        windows::Win32::Foundation::E_NOTIMPL
    }
}

impl IWbemClassObject_Impl for Object_Impl {
    absent! {
        GetQualifierSet() -> IWbemQualifierSet;
        Delete(&PCWSTR) -> ();
        GetNames(&PCWSTR, WBEM_CONDITION_FLAG_TYPE, *const VARIANT) -> *mut SAFEARRAY;
        BeginEnumeration(i32) -> ();
        Next(i32, *mut BSTR, *mut VARIANT, *mut i32, *mut i32) -> ();
        EndEnumeration() -> ();
        GetPropertyQualifierSet(&PCWSTR) -> IWbemQualifierSet;
        Clone() -> IWbemClassObject;
        GetObjectText(i32) -> BSTR;
        SpawnDerivedClass(i32) -> IWbemClassObject;
        CompareTo(WBEM_COMPARISON_FLAG, Ref<'_, IWbemClassObject>) -> ();
        GetPropertyOrigin(&PCWSTR) -> BSTR;
        InheritsFrom(&PCWSTR) -> ();
        PutMethod(&PCWSTR, i32, Ref<'_, IWbemClassObject>, Ref<'_, IWbemClassObject>) -> ();
        DeleteMethod(&PCWSTR) -> ();
        BeginMethodEnumeration(i32) -> ();
        NextMethod(i32, *mut BSTR, OutRef<'_, IWbemClassObject>, OutRef<'_, IWbemClassObject>) -> ();
        EndMethodEnumeration() -> ();
        GetMethodQualifierSet(&PCWSTR) -> IWbemQualifierSet;
        GetMethodOrigin(&PCWSTR) -> BSTR;
    }
    fn Get(
        &self,
        name: &PCWSTR,
        _: i32,
        into: *mut VARIANT,
        _: *mut i32,
        _: *mut i32,
    ) -> Result<()> {
        // SAFETY: the caller gives a name that ends in a zero.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        let properties = self.0.borrow();
        let Some(value) = value_of(&properties, &name) else { return failed(WBEM_E_NOT_FOUND) };
        let value = to_variant(value)?;
        // SAFETY: the caller has a place for the value, which holds nothing yet.
        unsafe { into.write(value) };
        Ok(())
    }
    fn Put(&self, name: &PCWSTR, _: i32, value: *const VARIANT, _: i32) -> Result<()> {
        // SAFETY: the caller gives a name that ends in a zero.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        // SAFETY: the caller gives a value.
        let value = from_variant(unsafe { &*value })?;
        let mut properties = self.0.borrow_mut();
        properties.retain(|it| !it.0.eq_ignore_ascii_case(&name));
        properties.push((name, value));
        Ok(())
    }
    fn SpawnInstance(&self, _: i32) -> Result<IWbemClassObject> {
        Ok(Object(RefCell::default()).into())
    }
    fn GetMethod(
        &self,
        name: &PCWSTR,
        _: i32,
        given: OutRef<'_, IWbemClassObject>,
        answer: OutRef<'_, IWbemClassObject>,
    ) -> Result<()> {
        // SAFETY: the caller gives a name that ends in a zero.
        let name = unsafe { name.to_string() }.unwrap_or_default();
        if !["Set", "Add", "Remove"].contains(&name.as_str()) {
            return failed(WBEM_E_NOT_FOUND);
        }
        given.write(Some(Object(RefCell::default()).into()))?;
        answer.write(Some(Object(RefCell::default()).into()))
    }
}

/// What the methods of `MSFT_MpPreference` do: `Set` replaces, `Add` and `Remove` change lists. That
/// protection in real time goes is seen in `MSFT_MpComputerStatus`.
fn prefer(namespace: &str, method: &str, arguments: &Properties) {
    let _guard = GUARD.lock();
    let mut all = read();
    for (name, value) in arguments.iter().filter(|it| it.0 != "Force") {
        for it in all.iter_mut().filter(|it| !it.is_class && it.namespace == namespace) {
            if it.class == "MSFT_MpPreference" {
                let now = value_of(&it.properties, name).cloned().unwrap_or(Value::Null);
                let next = match (method, now, value.clone()) {
                    ("Set", _, value) => value,
                    ("Add", Value::Null, value) => value,
                    ("Add", Value::List(mut now), Value::List(more)) => {
                        now.extend(more);
                        Value::List(now)
                    }
                    ("Remove", Value::List(mut now), Value::List(less)) => {
                        now.retain(|it| !less.contains(it));
                        if now.is_empty() { Value::Null } else { Value::List(now) }
                    }
                    (_, now, _) => now,
                };
                it.properties.retain(|it| it.0 != *name);
                it.properties.push((name.clone(), next));
            }
            if it.class == "MSFT_MpComputerStatus"
                && let ("DisableRealtimeMonitoring", Value::Flag(off)) = (name.as_str(), value)
            {
                it.properties.retain(|it| it.0 != "RealTimeProtectionEnabled");
                it.properties.push(("RealTimeProtectionEnabled".to_owned(), Value::Flag(!off)));
            }
        }
    }
    write(&all);
}

impl Entry {
    fn is(&self, namespace: &str, class: &str) -> bool {
        self.namespace.eq_ignore_ascii_case(namespace) && self.class.eq_ignore_ascii_case(class)
    }
}

fn read() -> Vec<Entry> {
    let text = fs::read_to_string(path(FILE)).unwrap_or_default();
    let mut all: Vec<Entry> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(head) = line.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            let class = head.strip_prefix("class ");
            let (namespace, name) = class.unwrap_or(head).rsplit_once(' ').expect("two words");
            all.push(Entry {
                is_class: class.is_some(),
                namespace: namespace.to_owned(),
                class: name.to_owned(),
                properties: Vec::new(),
                manners: Vec::new(),
            });
        } else if let (Some((name, value)), Some(it)) = (line.split_once(" = "), all.last_mut()) {
            match it.is_class {
                true => it.manners.push((name.to_owned(), value.to_owned())),
                false => it.properties.push((name.to_owned(), parsed(value))),
            }
        }
    }
    all
}

fn write(all: &[Entry]) {
    let mut text = String::new();
    for it in all {
        let class = if it.is_class { "class " } else { "" };
        text += &format!("[{class}{} {}]\n", it.namespace, it.class);
        for (name, value) in &it.properties {
            text += &format!("{name} = {}\n", spelled(value));
        }
        for (name, value) in &it.manners {
            text += &format!("{name} = {value}\n");
        }
    }
    fs::write(path(FILE), text).expect("the file of objects can be written");
}

fn parsed(text: &str) -> Value {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("u32", it) => Value::Number(number(it).expect("a number")),
        ("bool", it) => Value::Flag(it == "true"),
        ("text", it) => Value::Text(it.to_owned()),
        ("list", it) => Value::List(it.split('|').map(str::to_owned).collect()),
        _ => Value::Null,
    }
}

fn spelled(value: &Value) -> String {
    match value {
        Value::Number(it) => format!("u32 {it}"),
        Value::Flag(it) => format!("bool {it}"),
        Value::Text(it) => format!("text {it}"),
        Value::List(it) => format!("list {}", it.join("|")),
        Value::Null => "null".to_owned(),
    }
}

/// As Windows gives it: 32-bit numbers have a sign, whatever the class says.
fn to_variant(value: &Value) -> Result<VARIANT> {
    Ok(match value {
        Value::Number(it) => VARIANT::from(it.cast_signed()),
        Value::Flag(it) => VARIANT::from(*it),
        Value::Text(it) => VARIANT::from(it.as_str()),
        Value::Null => of(VT_NULL, VARIANT_0_0_0::default()),
        Value::List(texts) => {
            // SAFETY: no pointer is given; a list that could not be made is null.
            let list = unsafe { SafeArrayCreateVector(VT_BSTR, 0, texts.len() as u32) };
            if list.is_null() {
                return Err(E_OUTOFMEMORY.into());
            }
            for (at, text) in texts.iter().enumerate() {
                let text = BSTR::from(text);
                // SAFETY: the list has this place and copies the text, which lives as long as the call.
                unsafe { SafeArrayPutElement(list, &(at as i32), text.as_ptr().cast()) }?;
            }
            of(VARENUM(VT_ARRAY.0 | VT_BSTR.0), VARIANT_0_0_0 { parray: list })
        }
    })
}

fn of(kind: VARENUM, inner: VARIANT_0_0_0) -> VARIANT {
    let inner = VARIANT_0_0 { vt: kind, Anonymous: inner, ..VARIANT_0_0::default() };
    let mut value = VARIANT::default();
    value.Anonymous.Anonymous = std::mem::ManuallyDrop::new(inner);
    value
}

fn from_variant(value: &VARIANT) -> Result<Value> {
    // SAFETY: the other form of the union is a decimal number, whose type stands in the same place.
    let inner = unsafe { &value.Anonymous.Anonymous };
    match inner.vt {
        VT_BOOL => {
            // SAFETY: the type says that the union holds yes or no.
            let flag: VARIANT_BOOL = unsafe { inner.Anonymous.boolVal };
            Ok(Value::Flag(flag.as_bool()))
        }
        VARENUM(kind) if kind == VT_ARRAY.0 | VT_BSTR.0 => {
            // SAFETY: the type says that the union holds a list.
            let list = unsafe { inner.Anonymous.parray };
            // SAFETY: the list lives as long as the value.
            let last = unsafe { SafeArrayGetUBound(list, 1) }?;
            let mut texts = Vec::new();
            for at in 0..=last {
                let mut text = BSTR::new();
                // SAFETY: the list holds texts, of which a copy is put into ours, which frees it.
                unsafe { SafeArrayGetElement(list, &at, (&raw mut text).cast()) }?;
                texts.push(text.to_string());
            }
            Ok(Value::List(texts))
        }
        // Nothing else is given to these methods.
        _ => failed(WBEM_E_INVALID_PARAMETER),
    }
}

fn failed<T>(code: WBEMSTATUS) -> Result<T> {
    Err(Error::from_hresult(HRESULT(code.0)))
}
