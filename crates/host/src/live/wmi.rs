//! Windows Management Instrumentation: rows of a class, with a limit of time and of number.

use std::time::{Duration, Instant};

use windows::Win32::Foundation::RPC_E_CALL_CANCELED;
use windows::Win32::System::Com::{
    CoSetProxyBlanket, EOAC_NONE, RPC_C_AUTHN_LEVEL_CALL, RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::Rpc::{RPC_C_AUTHN_WINNT, RPC_C_AUTHZ_NONE};
use windows::Win32::System::Variant::VARIANT;
use windows::Win32::System::Wmi::{
    IEnumWbemClassObject, IWbemClassObject, IWbemLocator, IWbemServices, WBEM_E_INVALID_CLASS,
    WBEM_E_INVALID_NAMESPACE, WBEM_E_NOT_FOUND, WBEM_FLAG_CONNECT_USE_MAX_WAIT,
    WBEM_FLAG_FORWARD_ONLY, WBEM_FLAG_RETURN_IMMEDIATELY, WBEM_FLAG_RETURN_WBEM_COMPLETE,
    WbemLocator,
};
use windows::core::{BSTR, HSTRING};

use super::com;
use super::limit::Asked;
use super::refusal::refused;
use crate::{HostError, HostErrorKind, Result};

/// More rows than any class has that is asked for.
const MOST_ROWS: usize = 10_000;

/// One object.
pub(super) struct Row(IWbemClassObject);

/// Asks for the objects of `namespace` that `query` names; `read` picks what is wanted of each.
pub(super) fn ask<T: Send + 'static>(
    namespace: &'static str,
    query: &'static str,
    limit: Duration,
    read: impl Fn(&Row) -> Option<T> + Send + 'static,
) -> Asked<Vec<T>> {
    com::ask("ask WMI", query, limit, move || rows(namespace, query, limit, read))
}

fn rows<T>(
    namespace: &str,
    query: &str,
    limit: Duration,
    read: impl Fn(&Row) -> Option<T>,
) -> Result<Vec<T>> {
    let until = Instant::now() + limit;
    let services = connect(namespace)?;
    let (language, text) = (BSTR::from("WQL"), BSTR::from(query));
    let flags = WBEM_FLAG_FORWARD_ONLY | WBEM_FLAG_RETURN_IMMEDIATELY;
    // SAFETY: the texts live as long as the call.
    let found = unsafe { services.ExecQuery(&language, &text, flags, None) };
    let found = found.map_err(|error| failed(query, &error))?;
    secure(&found, query)?;
    let mut all = Vec::new();
    while all.len() < MOST_ROWS {
        let left = until.saturating_duration_since(Instant::now());
        let Some(row) = next(&found, query, left)? else { return Ok(all) };
        all.extend(read(&row));
    }
    let why = format!("there are more than {MOST_ROWS} objects");
    Err(HostError { op: "ask WMI", subject: query.to_owned(), kind: HostErrorKind::Corrupt(why) })
}

/// Calls a method of a class; what it returns, which is 0 for success.
pub(super) fn call(
    namespace: &'static str,
    class: &'static str,
    method: &'static str,
    arguments: Vec<(&'static str, Argument)>,
    limit: Duration,
) -> Asked<u32> {
    com::ask("call WMI", class, limit, move || called(namespace, class, method, arguments))
}

/// What is given to a method.
pub(super) enum Argument {
    /// Yes or no.
    Flag(bool),
    /// A list with this one text.
    List(String),
}

fn called(
    namespace: &str,
    class: &str,
    method: &str,
    arguments: Vec<(&str, Argument)>,
) -> Result<u32> {
    let services = connect(namespace)?;
    let (path, name) = (BSTR::from(class), BSTR::from(method));
    let told = |answer: windows::core::Result<()>| answer.map_err(|error| failed(class, &error));
    let mut found = None;
    // SAFETY: the texts and the place for the answer live as long as the call.
    told(unsafe {
        services.GetObject(&path, WBEM_FLAG_RETURN_WBEM_COMPLETE, None, Some(&mut found), None)
    })?;
    let absent =
        || HostError { op: "call WMI", subject: class.to_owned(), kind: HostErrorKind::Absent };
    let found: IWbemClassObject = found.ok_or_else(absent)?;
    let (mut form, mut result) = (None, None);
    // SAFETY: the name and both places for answers live as long as the call.
    told(unsafe { found.GetMethod(&HSTRING::from(method), 0, &mut form, &mut result) })?;
    let form: IWbemClassObject = form.ok_or_else(absent)?;
    // SAFETY: the flag is not used and must be 0.
    let given = unsafe { form.SpawnInstance(0) }.map_err(|error| failed(class, &error))?;
    for (name, argument) in arguments {
        let value = match argument {
            Argument::Flag(flag) => VARIANT::from(flag),
            Argument::List(text) => com::list_of(&text)?,
        };
        // SAFETY: the name and the value live as long as the call; the form tells the type.
        told(unsafe { given.Put(&HSTRING::from(name), 0, &value, 0) })?;
    }
    let mut answer = None;
    // SAFETY: texts, arguments and the place for the answer live as long as the call.
    told(unsafe {
        services.ExecMethod(
            &path,
            &name,
            WBEM_FLAG_RETURN_WBEM_COMPLETE,
            None,
            &given,
            Some(&mut answer),
            None,
        )
    })?;
    let answer = answer.map(Row).ok_or_else(absent)?;
    Ok(answer.number("ReturnValue").unwrap_or(0))
}

fn connect(namespace: &str) -> Result<IWbemServices> {
    let locator: IWbemLocator = com::create("WMI", &WbemLocator)?;
    let (place, empty) = (BSTR::from(namespace), BSTR::new());
    let wait = WBEM_FLAG_CONNECT_USE_MAX_WAIT.0;
    // SAFETY: the texts live as long as the call; empty ones stand for the user of this process.
    let services =
        unsafe { locator.ConnectServer(&place, &empty, &empty, &empty, wait, &empty, None) };
    let services = services.map_err(|error| failed(namespace, &error))?;
    secure(&services, namespace)?;
    Ok(services)
}

/// Lets WMI act for the user, without which it refuses.
fn secure<I: windows::core::Interface>(proxy: &I, subject: &str) -> Result<()> {
    let proxy: windows::core::IUnknown =
        proxy.cast().map_err(|error| refused("secure", subject, &error))?;
    // SAFETY: the proxy is alive, and no name or identity is given.
    let secured = unsafe {
        CoSetProxyBlanket(
            &proxy,
            RPC_C_AUTHN_WINNT,
            RPC_C_AUTHZ_NONE,
            None,
            RPC_C_AUTHN_LEVEL_CALL,
            RPC_C_IMP_LEVEL_IMPERSONATE,
            None,
            EOAC_NONE,
        )
    };
    match secured {
        // What lives in this process is no proxy and needs nothing.
        Err(error) if error.code() == windows::Win32::Foundation::E_NOINTERFACE => Ok(()),
        other => other.map_err(|error| refused("secure", subject, &error)),
    }
}

fn next(found: &IEnumWbemClassObject, query: &str, left: Duration) -> Result<Option<Row>> {
    let wait = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
    let (mut row, mut count) = ([None], 0);
    // SAFETY: the row and the count are of this function and live as long as the call.
    let answer = unsafe { found.Next(wait, &mut row, &mut count) };
    const TIMED_OUT: i32 = 0x4_0004;
    let [row] = row;
    match (answer.0, row) {
        (0, Some(row)) => Ok(Some(Row(row))),
        (TIMED_OUT, _) => Err(failed(query, &RPC_E_CALL_CANCELED.into())),
        (code, _) if code < 0 => Err(failed(query, &answer.into())),
        _ => Ok(None),
    }
}

/// What is missing in this Windows is told apart from what was refused.
fn failed(subject: &str, error: &windows::core::Error) -> HostError {
    let code = error.code().0;
    let missing = [WBEM_E_INVALID_NAMESPACE.0, WBEM_E_INVALID_CLASS.0, WBEM_E_NOT_FOUND.0];
    let kind = match missing.contains(&code) {
        true => HostErrorKind::Absent,
        false => com::reason(error),
    };
    HostError { op: "ask WMI", subject: subject.to_owned(), kind }
}

impl Row {
    /// A text; `None` if it has none of that name.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        com::text(&self.get(name)?).filter(|it| !it.is_empty())
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        com::texts(&self.get(name)?)
    }

    /// A number that is not negative.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        u32::try_from(com::number(&self.get(name)?)?).ok()
    }

    /// Yes or no.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        com::flag(&self.get(name)?)
    }

    fn get(&self, name: &str) -> Option<VARIANT> {
        let mut value = VARIANT::default();
        // SAFETY: the name and the place for the value live as long as the call.
        let got = unsafe { self.0.Get(&HSTRING::from(name), 0, &mut value, None, None) };
        got.ok().map(|()| value)
    }
}
