//! Components of Windows: threads that may use them, and what they answer.

use std::sync::OnceLock;
use std::time::Duration;

use windows::Win32::Foundation::{E_OUTOFMEMORY, REGDB_E_CLASSNOTREG, RPC_E_TOO_LATE};
use windows::Win32::System::Com::{
    CLSCTX_ALL, COINIT_MULTITHREADED, CoCreateInstance, CoInitializeEx, CoInitializeSecurity,
    CoUninitialize, EOAC_NONE, RPC_C_AUTHN_LEVEL_DEFAULT, RPC_C_IMP_LEVEL_IMPERSONATE,
};
use windows::Win32::System::Ole::{
    SafeArrayCreateVector, SafeArrayGetElement, SafeArrayGetLBound, SafeArrayGetUBound,
    SafeArrayPutElement,
};
use windows::Win32::System::Variant::{
    VARENUM, VARIANT, VARIANT_0_0, VARIANT_0_0_0, VT_ARRAY, VT_BOOL, VT_BSTR, VT_DATE, VT_EMPTY,
    VT_I2, VT_I4, VT_NULL, VT_R8, VT_UI1, VT_UI2, VT_UI4,
};
use windows::core::{BSTR, GUID, Interface};

use super::limit::{self, Asked};
use super::refusal::refused;
use crate::{HostError, HostErrorKind, Result};

/// How long a component is waited for; some are started first.
pub(super) const LIMIT: Duration = Duration::from_secs(20);

/// Asks a component, on a thread of its own on which components can be used.
pub(super) fn ask<T: Send + 'static>(
    op: &'static str,
    subject: &str,
    limit: Duration,
    question: impl FnOnce() -> Result<T> + Send + 'static,
) -> Asked<T> {
    let named = subject.to_owned();
    limit::ask(op, subject, limit, move || {
        // Declared first, dropped last: every component is let go before.
        let _apartment = Apartment::enter(&named)?;
        question()
    })
}

/// A thread on which components can be used.
struct Apartment;

impl Apartment {
    fn enter(subject: &str) -> Result<Apartment> {
        static SECURITY: OnceLock<windows::core::Result<()>> = OnceLock::new();
        // SAFETY: no pointer is given; every success is matched by one `CoUninitialize`.
        let entered = unsafe { CoInitializeEx(None, COINIT_MULTITHREADED) };
        entered.ok().map_err(|error| refused("use components for", subject, &error))?;
        let apartment = Apartment;
        let security = SECURITY.get_or_init(|| {
            // Without a descriptor everybody may call back, which who makes a restore point needs: the services
            // that take part in it run as others (Microsoft: "Using System Restore").
            // SAFETY: all pointers are null.
            unsafe {
                CoInitializeSecurity(
                    None,
                    -1,
                    None,
                    None,
                    RPC_C_AUTHN_LEVEL_DEFAULT,
                    RPC_C_IMP_LEVEL_IMPERSONATE,
                    None,
                    EOAC_NONE,
                    None,
                )
            }
        });
        match security {
            Err(error) if error.code() != RPC_E_TOO_LATE => {
                Err(refused("secure components for", subject, error))
            }
            _ => Ok(apartment),
        }
    }
}

impl Drop for Apartment {
    fn drop(&mut self) {
        // SAFETY: it matches the call by which this value was made, on the same thread.
        unsafe { CoUninitialize() };
    }
}

/// Makes a component.
pub(super) fn create<I: Interface>(subject: &str, class: &GUID) -> Result<I> {
    // SAFETY: the class lives as long as the call, and no outer component is given.
    let made: windows::core::Result<I> = unsafe { CoCreateInstance(class, None, CLSCTX_ALL) };
    made.map_err(|error| match error.code() {
        REGDB_E_CLASSNOTREG => {
            HostError { op: "use", subject: subject.to_owned(), kind: HostErrorKind::Absent }
        }
        _ => refused("use", subject, &error),
    })
}

/// Only for the reason: what was asked is said by the question around it.
pub(super) fn reason(error: &windows::core::Error) -> HostErrorKind {
    refused("", "", error).kind
}

/// A text in `value`; `None` if it holds none.
pub(super) fn text(value: &VARIANT) -> Option<String> {
    let inner = inner(value);
    if inner.vt != VT_BSTR {
        return None;
    }
    // SAFETY: the type says that the union holds a text.
    let text = unsafe { &inner.Anonymous.bstrVal };
    Some(text.to_string())
}

/// The texts of a list in `value`; an empty value is an empty list, `None` is none at all.
pub(super) fn texts(value: &VARIANT) -> Option<Vec<String>> {
    let inner = inner(value);
    match inner.vt {
        VT_EMPTY | VT_NULL => return Some(Vec::new()),
        VARENUM(kind) if kind == VT_ARRAY.0 | VT_BSTR.0 => {}
        _ => return None,
    }
    // SAFETY: the type says that the union holds a list.
    let list = unsafe { inner.Anonymous.parray };
    // SAFETY: the list lives as long as the value, and this only reads a number of it.
    let first = unsafe { SafeArrayGetLBound(list, 1) }.ok()?;
    // SAFETY: as above.
    let last = unsafe { SafeArrayGetUBound(list, 1) }.ok()?;
    let mut all = Vec::new();
    for index in first..=last {
        let mut text = BSTR::new();
        // SAFETY: the list holds texts, of which a copy is put into ours, which frees it.
        unsafe { SafeArrayGetElement(list, &index, (&raw mut text).cast()) }.ok()?;
        all.push(text.to_string());
    }
    Some(all)
}

/// A list with one text.
pub(super) fn list_of(text: &str) -> Result<VARIANT> {
    let failed = |error: windows::core::Error| refused("make", "a list", &error);
    // SAFETY: no pointer is given; a list that could not be made is null.
    let list = unsafe { SafeArrayCreateVector(VT_BSTR, 0, 1) };
    if list.is_null() {
        return Err(failed(E_OUTOFMEMORY.into()));
    }
    let text = BSTR::from(text);
    // SAFETY: the list has this place and copies the text, which lives as long as the call.
    let put = unsafe { SafeArrayPutElement(list, &0, text.as_ptr().cast()) };
    let inner = VARIANT_0_0 {
        vt: VARENUM(VT_ARRAY.0 | VT_BSTR.0),
        Anonymous: VARIANT_0_0_0 { parray: list },
        ..VARIANT_0_0::default()
    };
    let mut value = VARIANT::default();
    // From here on the value owns the list and frees it.
    value.Anonymous.Anonymous = std::mem::ManuallyDrop::new(inner);
    put.map(|()| value).map_err(failed)
}

/// A number in `value`, whatever its width; `None` if it holds none that is not negative. WMI
/// writes 64-bit numbers as texts.
pub(super) fn number(value: &VARIANT) -> Option<u64> {
    let inner = inner(value);
    let signed = match inner.vt {
        VT_BSTR => return text(value)?.trim().parse().ok(),
        // SAFETY: the type says that the union holds this number.
        VT_I4 => i64::from(unsafe { inner.Anonymous.lVal }),
        // SAFETY: the type says that the union holds this number.
        VT_UI4 => i64::from(unsafe { inner.Anonymous.ulVal }),
        // SAFETY: the type says that the union holds this number.
        VT_I2 => i64::from(unsafe { inner.Anonymous.iVal }),
        // SAFETY: the type says that the union holds this number.
        VT_UI2 => i64::from(unsafe { inner.Anonymous.uiVal }),
        // SAFETY: the type says that the union holds this number.
        VT_UI1 => i64::from(unsafe { inner.Anonymous.bVal }),
        _ => return None,
    };
    // WMI gives 32-bit numbers without sign as such with one.
    let bits = if inner.vt == VT_I4 { signed & 0xffff_ffff } else { signed };
    u64::try_from(bits).ok()
}

/// Yes or no in `value`.
pub(super) fn flag(value: &VARIANT) -> Option<bool> {
    let inner = inner(value);
    if inner.vt != VT_BOOL {
        return None;
    }
    // SAFETY: the type says that the union holds yes or no.
    let flag = unsafe { inner.Anonymous.boolVal };
    Some(flag.as_bool())
}

/// A time in `value`, in days since 1899-12-30.
pub(super) fn days(value: &VARIANT) -> Option<f64> {
    let inner = inner(value);
    match inner.vt {
        // SAFETY: the type says that the union holds this number.
        VT_DATE => Some(unsafe { inner.Anonymous.date }),
        // SAFETY: the type says that the union holds this number.
        VT_R8 => Some(unsafe { inner.Anonymous.dblVal }),
        _ => None,
    }
}

fn inner(value: &VARIANT) -> &VARIANT_0_0 {
    // SAFETY: the other form of the union is a decimal number, whose type stands in the same place.
    unsafe { &value.Anonymous.Anonymous }
}
