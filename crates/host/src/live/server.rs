//! Servers, asked as services of Windows ask them: by WinHTTP, through the proxy that is set for services.
//!
//! Were the library imported, one of its name beside the program would be taken first; so it is loaded by
//! name, from System32 alone.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use windows::Win32::Networking::WinHttp::{
    ERROR_WINHTTP_INVALID_URL, ERROR_WINHTTP_SECURE_CERT_CN_INVALID,
    ERROR_WINHTTP_SECURE_CERT_DATE_INVALID, ERROR_WINHTTP_SECURE_CERT_REVOKED,
    ERROR_WINHTTP_SECURE_CHANNEL_ERROR, ERROR_WINHTTP_SECURE_FAILURE,
    ERROR_WINHTTP_SECURE_INVALID_CA, WINHTTP_ACCESS_TYPE_DEFAULT_PROXY,
    WINHTTP_CALLBACK_FLAG_SECURE_FAILURE, WINHTTP_CALLBACK_STATUS_FLAG_CERT_CN_INVALID,
    WINHTTP_CALLBACK_STATUS_FLAG_CERT_DATE_INVALID, WINHTTP_CALLBACK_STATUS_FLAG_CERT_REVOKED,
    WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA, WINHTTP_CALLBACK_STATUS_FLAG_SECURITY_CHANNEL_ERROR,
    WINHTTP_FLAG_SECURE, WINHTTP_QUERY_FLAG_NUMBER, WINHTTP_QUERY_STATUS_CODE,
};
use windows::core::{BOOL, HSTRING, PCWSTR, w};

use super::library::{Address, Library};
use super::limit;
use super::refusal::kind_of;
use crate::probe::{Part, ServerAnswer};
use crate::{HostErrorKind, Result};

/// For the name, the connection, sending and receiving, each, in milliseconds.
const STEP_MS: i32 = 4_000;
/// For all of it, should one of these not keep its limit.
const LIMIT: Duration = Duration::from_secs(12);
const SUBJECT: &str = "the servers of Windows Update";

type Handle = *mut c_void;
type Opens = unsafe extern "system" fn(PCWSTR, u32, PCWSTR, PCWSTR, u32) -> Handle;
type Limits = unsafe extern "system" fn(Handle, i32, i32, i32, i32) -> BOOL;
type Connects = unsafe extern "system" fn(Handle, PCWSTR, u16, u32) -> Handle;
type Requests =
    unsafe extern "system" fn(Handle, PCWSTR, PCWSTR, PCWSTR, PCWSTR, *const PCWSTR, u32) -> Handle;
type Sends = unsafe extern "system" fn(Handle, PCWSTR, u32, *const c_void, u32, u32, usize) -> BOOL;
type Receives = unsafe extern "system" fn(Handle, *mut c_void) -> BOOL;
type Queries =
    unsafe extern "system" fn(Handle, u32, PCWSTR, *mut c_void, *mut u32, *mut u32) -> BOOL;
type Closes = unsafe extern "system" fn(Handle) -> BOOL;
type Watches = unsafe extern "system" fn(Handle, Option<Watcher>, u32, usize) -> *const c_void;
type Watcher = unsafe extern "system" fn(Handle, usize, u32, *mut c_void, u32);

/// The functions of WinHTTP, in the forms of `winhttp.h`.
#[derive(Clone, Copy)]
struct WinHttp {
    open: Opens,
    limit: Limits,
    connect: Connects,
    request: Requests,
    send: Sends,
    receive: Receives,
    query: Queries,
    close: Closes,
    watch: Watches,
}

/// Asks all of them at once.
pub(super) fn ask(urls: &[String]) -> Result<Vec<ServerAnswer>> {
    let api = WinHttp::load()?;
    let asked: Vec<_> = urls
        .iter()
        .map(|url| {
            let own = url.clone();
            (url, limit::ask("ask", SUBJECT, LIMIT, move || Ok(api.status(&own))))
        })
        .collect();
    let told = asked.into_iter().map(|(url, asked)| ServerAnswer {
        url: url.clone(),
        status: asked.wait().map_err(|error| error.kind).and_then(|it| it),
    });
    Ok(told.collect())
}

/// A handle that is closed when it is not needed any more.
struct Open {
    api: WinHttp,
    handle: Handle,
}

impl Drop for Open {
    fn drop(&mut self) {
        // SAFETY: the handle is open and of this value alone.
        let _ = unsafe { (self.api.close)(self.handle) };
    }
}

impl WinHttp {
    fn load() -> Result<WinHttp> {
        let library = Library::system("winhttp.dll")?;
        Ok(WinHttp {
            open: found(library, c"WinHttpOpen")?,
            limit: found(library, c"WinHttpSetTimeouts")?,
            connect: found(library, c"WinHttpConnect")?,
            request: found(library, c"WinHttpOpenRequest")?,
            send: found(library, c"WinHttpSendRequest")?,
            receive: found(library, c"WinHttpReceiveResponse")?,
            query: found(library, c"WinHttpQueryHeaders")?,
            close: found(library, c"WinHttpCloseHandle")?,
            watch: found(library, c"WinHttpSetStatusCallback")?,
        })
    }

    /// The status with which an address is answered; nothing of the answer itself is read.
    fn status(self, url: &str) -> Part<u16> {
        let Some(parts) = parts(url) else {
            return Err(HostErrorKind::Win32(ERROR_WINHTTP_INVALID_URL));
        };
        let none = PCWSTR::null();
        let session = self.session()?;
        let server = HSTRING::from(parts.server);
        // SAFETY: the session is open, and the name lives as long as the call.
        let connection =
            unsafe { (self.connect)(session.handle, PCWSTR(server.as_ptr()), parts.port, 0) };
        let connection = self.opened(connection)?;
        let path = HSTRING::from(parts.path);
        let flags = if parts.is_secure { WINHTTP_FLAG_SECURE.0 } else { 0 };
        let (verb, path) = (w!("GET"), PCWSTR(path.as_ptr()));
        // SAFETY: the connection is open, and the texts live as long as the call.
        let request =
            unsafe { (self.request)(connection.handle, verb, path, none, none, null(), flags) };
        self.answered(&self.opened(request)?)
    }

    fn session(self) -> Part<Open> {
        let none = PCWSTR::null();
        let proxy = WINHTTP_ACCESS_TYPE_DEFAULT_PROXY.0;
        // SAFETY: no text is given but one that is part of the program.
        let session = self.opened(unsafe { (self.open)(w!("unwedge"), proxy, none, none, 0) })?;
        // SAFETY: the session is open.
        done(unsafe { (self.limit)(session.handle, STEP_MS, STEP_MS, STEP_MS, STEP_MS) })?;
        Ok(session)
    }

    fn answered(self, request: &Open) -> Part<u16> {
        let fault = AtomicU32::new(0);
        let of_certificates = WINHTTP_CALLBACK_FLAG_SECURE_FAILURE;
        // SAFETY: the request is open. What the function writes to is told with sending.
        unsafe { (self.watch)(request.handle, Some(untrusted), of_certificates, 0) };
        let context = &raw const fault as usize;
        // SAFETY: the request is open, nothing is sent with it, and the place lives until this function
        // ends, after which nothing is called: these calls end with what they do.
        let sent = unsafe { (self.send)(request.handle, PCWSTR::null(), 0, null(), 0, 0, context) };
        let answered = done(sent).and_then(|()| {
            // SAFETY: the request is open and sent; the other argument has to be nothing.
            done(unsafe { (self.receive)(request.handle, null_mut()) })
        });
        // SAFETY: as above; from here on nobody watches.
        unsafe { (self.watch)(request.handle, None, 0, 0) };
        answered.map_err(|kind| said_by_certificate(kind, fault.load(Ordering::Relaxed)))?;
        self.status_of(request)
    }

    fn status_of(self, request: &Open) -> Part<u16> {
        let (mut status, mut size) = (0_u32, size_of::<u32>() as u32);
        let wanted = WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER;
        let (none, place) = (PCWSTR::null(), (&raw mut status).cast());
        // SAFETY: the request is answered, and a number of this size is wanted there.
        done(unsafe { (self.query)(request.handle, wanted, none, place, &mut size, null_mut()) })?;
        Ok(u16::try_from(status).unwrap_or(u16::MAX))
    }

    fn opened(self, handle: Handle) -> Part<Open> {
        match handle.is_null() {
            true => Err(last()),
            false => Ok(Open { api: self, handle }),
        }
    }
}

/// A function in the form `F`, which is that of `winhttp.h` for this name.
fn found<F: Copy>(library: Library, name: &'static CStr) -> Result<F> {
    const { assert!(size_of::<F>() == size_of::<Address>()) };
    let address = library.function(name)?;
    // SAFETY: both are addresses of functions, and `F` is how this one is called.
    Ok(unsafe { std::mem::transmute_copy::<Address, F>(&address) })
}

fn done(answer: BOOL) -> Part<()> {
    if answer.as_bool() { Ok(()) } else { Err(last()) }
}

/// What the last call of this thread failed with.
fn last() -> HostErrorKind {
    kind_of(windows::core::Error::from_thread().code().0.cast_unsigned())
}

/// Takes note of what is wrong with a certificate: the call itself says only that it is not trusted.
unsafe extern "system" fn untrusted(
    _: Handle,
    context: usize,
    _: u32,
    information: *mut c_void,
    length: u32,
) {
    if context == 0 || information.is_null() || (length as usize) < size_of::<u32>() {
        return;
    }
    // SAFETY: what comes with this message is a number (`WINHTTP_CALLBACK_STATUS_SECURE_FAILURE`).
    let flags = unsafe { information.cast::<u32>().read_unaligned() };
    // SAFETY: the context is the place that was given with sending, which waits for this.
    let place = unsafe { &*(context as *const AtomicU32) };
    place.store(flags, Ordering::Relaxed);
}

/// The code that names what is wrong with a certificate, if that is known.
fn said_by_certificate(kind: HostErrorKind, flags: u32) -> HostErrorKind {
    const NAMED: [(u32, u32); 5] = [
        (WINHTTP_CALLBACK_STATUS_FLAG_CERT_DATE_INVALID, ERROR_WINHTTP_SECURE_CERT_DATE_INVALID),
        (WINHTTP_CALLBACK_STATUS_FLAG_CERT_CN_INVALID, ERROR_WINHTTP_SECURE_CERT_CN_INVALID),
        (WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA, ERROR_WINHTTP_SECURE_INVALID_CA),
        (WINHTTP_CALLBACK_STATUS_FLAG_CERT_REVOKED, ERROR_WINHTTP_SECURE_CERT_REVOKED),
        (WINHTTP_CALLBACK_STATUS_FLAG_SECURITY_CHANNEL_ERROR, ERROR_WINHTTP_SECURE_CHANNEL_ERROR),
    ];
    if kind != HostErrorKind::Win32(ERROR_WINHTTP_SECURE_FAILURE) {
        return kind;
    }
    let named = NAMED.iter().find(|(flag, _)| flags & flag != 0);
    named.map_or(kind, |(_, code)| HostErrorKind::Win32(*code))
}

#[derive(Debug, PartialEq, Eq)]
struct Parts<'u> {
    is_secure: bool,
    server: &'u str,
    port: u16,
    path: &'u str,
}

/// Takes an address apart; none with a name and password in it, nor one of IPv6, which no update server has.
fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let is_secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (server, path) = rest.split_at(at);
    let (server, port) = match server.split_once(':') {
        Some((server, port)) => (server, port.parse().ok()?),
        None => (server, if is_secure { 443 } else { 80 }),
    };
    let is_name = !server.is_empty() && !server.contains(['@', '[', ' ']);
    is_name.then_some(Parts {
        is_secure,
        server,
        port,
        path: if path.is_empty() { "/" } else { path },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let told = parts("http://wsus.example:8530/ClientWebService/client.asmx").unwrap();
        assert_eq!((told.server, told.port, told.is_secure), ("wsus.example", 8530, false));
        assert_eq!(told.path, "/ClientWebService/client.asmx");
        let told = parts("HTTPS://update.example").unwrap();
        assert_eq!((told.port, told.path), (443, "/"));
        for wrong in ["", "wsus", "ftp://a/", "http://", "http://a:b/", "http://u@a/"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_clock_is_told_from_other_faults_of_a_certificate() {
        let all = HostErrorKind::Win32(ERROR_WINHTTP_SECURE_FAILURE);
        let named = |flags| said_by_certificate(all.clone(), flags);
        assert_eq!(named(0), all);
        let date = WINHTTP_CALLBACK_STATUS_FLAG_CERT_DATE_INVALID;
        let issuer = WINHTTP_CALLBACK_STATUS_FLAG_INVALID_CA;
        assert_eq!(named(date | issuer), HostErrorKind::Win32(12037));
        assert_eq!(named(issuer), HostErrorKind::Win32(12045));
        let other = HostErrorKind::Win32(12007);
        assert_eq!(said_by_certificate(other.clone(), date), other);
    }
}
