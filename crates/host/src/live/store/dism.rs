//! The component store through the interface of DISM, loaded by name.
//!
//! Source of all forms: Microsoft, "DISM API reference". A call may take an hour and is made on a
//! thread of its own; whoever watches is told how far it is and may ask it to stop.

use std::ffi::c_void;
use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windows::Win32::Foundation::HANDLE;
use windows::Win32::System::Threading::{CreateEventW, SetEvent};
use windows::core::{BOOL, HSTRING, PCWSTR, w};

use super::outcome::dism_ended;
use crate::live::library::{Address, Library};
use crate::live::limit::ask;
use crate::live::refusal::refused;
use crate::probe::StoreHealth;
use crate::{Advance, HostError, HostErrorKind, RepairSource, Result, Stage, Watch};

const SUBJECT: &str = "the component store";
/// To read the mark takes seconds, most of them to start DISM's own helper.
const MARK_LIMIT: Duration = Duration::from_secs(120);
/// A repair that loads what it needs over a slow line takes an hour or two.
const WORK_LIMIT: Duration = Duration::from_secs(6 * 60 * 60);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);
/// `DISM_ONLINE_IMAGE`.
const ONLINE: PCWSTR = w!("DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}");
/// `DismLogErrorsWarningsInfo`.
const LOG_LEVEL: i32 = 2;

type Initialize = unsafe extern "system" fn(i32, PCWSTR, PCWSTR) -> u32;
type Shutdown = unsafe extern "system" fn() -> u32;
type OpenSession = unsafe extern "system" fn(PCWSTR, PCWSTR, PCWSTR, *mut u32) -> u32;
type CloseSession = unsafe extern "system" fn(u32) -> u32;
type Progress = unsafe extern "system" fn(u32, u32, *mut c_void);
type CheckHealth =
    unsafe extern "system" fn(u32, BOOL, HANDLE, Option<Progress>, *mut c_void, *mut i32) -> u32;
type RestoreHealth = unsafe extern "system" fn(
    u32,
    *const PCWSTR,
    u32,
    BOOL,
    HANDLE,
    Option<Progress>,
    *mut c_void,
) -> u32;

/// The mark that the last scan left.
pub(in crate::live) fn health() -> Result<StoreHealth> {
    let (tell, _) = channel();
    let watcher = Watcher { tell, stop: event()?, stage: Stage::Scanning };
    ask("ask for", SUBJECT, MARK_LIMIT, move || Session::open()?.check(false, &watcher)).wait()
}

/// Searches the whole store.
pub(in crate::live) fn scan(watch: &mut Watch<'_>) -> Result<()> {
    watched(Stage::Scanning, watch, |watcher| {
        Session::open()?.check(true, watcher).map(|_: StoreHealth| ())
    })
}

/// Repairs what is damaged.
pub(in crate::live) fn repair(
    source: Option<&RepairSource>,
    limit_access: bool,
    watch: &mut Watch<'_>,
) -> Result<()> {
    let source = source.map(ToString::to_string);
    watched(Stage::Repairing, watch, move |watcher| {
        Session::open()?.restore(source.as_deref(), limit_access, watcher)
    })
}

/// Does `work` on a thread of its own and tells how far it is.
fn watched(
    stage: Stage,
    watch: &mut Watch<'_>,
    work: impl FnOnce(&Watcher) -> Result<()> + Send + 'static,
) -> Result<()> {
    let (tell, told) = channel();
    let stop = event()?;
    let watcher = Watcher { tell, stop: Arc::clone(&stop), stage };
    let asked = ask("service", SUBJECT, WORK_LIMIT, move || work(&watcher));
    let mut last = Advance::at(stage);
    let mut waited = Duration::ZERO;
    loop {
        match told.recv_timeout(BETWEEN_LOOKS) {
            Ok(advance) => last = advance,
            Err(RecvTimeoutError::Timeout) if waited < WORK_LIMIT => waited += BETWEEN_LOOKS,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return asked.wait(),
        }
        if watch(&last).is_break() {
            stop.set();
        }
    }
}

/// What the thread that works shares with the one that watches.
struct Watcher {
    tell: Sender<Advance>,
    stop: Arc<Event>,
    stage: Stage,
}

impl Watcher {
    /// What a call takes so as to find this again in [`progress`].
    fn user_data(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

/// Called by DISM while it works.
unsafe extern "system" fn progress(current: u32, total: u32, user_data: *mut c_void) {
    // SAFETY: DISM hands back what it was given, a watcher that lives as long as the call.
    let watcher = unsafe { &*user_data.cast::<Watcher>() };
    let percent = (u64::from(current) * 100).checked_div(total.into());
    let percent = percent.and_then(|it| u8::try_from(it.min(100)).ok());
    // Whoever watched may have given up.
    let _ = watcher.tell.send(Advance { percent, ..Advance::at(watcher.stage) });
}

/// An event that asks DISM to stop, once it is set.
struct Event {
    handle: OwnedHandle,
    is_set: std::sync::atomic::AtomicBool,
}

fn event() -> Result<Arc<Event>> {
    // SAFETY: no pointer is given.
    let made = unsafe { CreateEventW(None, true, false, None) };
    let made = made.map_err(|error| refused("make", "an event", &error))?;
    // SAFETY: the handle is new and belongs to nobody else.
    let handle = unsafe { OwnedHandle::from_raw_handle(made.0) };
    Ok(Arc::new(Event { handle, is_set: false.into() }))
}

impl Event {
    fn set(&self) {
        self.is_set.store(true, std::sync::atomic::Ordering::Relaxed);
        // SAFETY: the handle is open. Should it fail, the work goes on to its end.
        let _ = unsafe { SetEvent(self.raw()) };
    }

    fn is_set(&self) -> bool {
        self.is_set.load(std::sync::atomic::Ordering::Relaxed)
    }

    fn raw(&self) -> HANDLE {
        HANDLE(self.handle.as_raw_handle())
    }
}

/// DISM, ready for calls; one at a time in a process.
struct Dism {
    shutdown: Shutdown,
    open: OpenSession,
    close: CloseSession,
    check: CheckHealth,
    restore: RestoreHealth,
    _alone: std::sync::MutexGuard<'static, ()>,
}

/// A session with the running Windows; fields are dropped in this order.
struct Session {
    number: u32,
    dism: Dism,
}

impl Dism {
    fn start() -> Result<Dism> {
        static ALONE: Mutex<()> = Mutex::new(());
        let library = Library::system("dismapi.dll")?;
        let initialize = library.function(c"DismInitialize")?;
        let shutdown = library.function(c"DismShutdown")?;
        let open = library.function(c"DismOpenSession")?;
        let close = library.function(c"DismCloseSession")?;
        let check = library.function(c"DismCheckImageHealth")?;
        let restore = library.function(c"DismRestoreImageHealth")?;
        // SAFETY: this is its documented form.
        let initialize = unsafe { std::mem::transmute::<Address, Initialize>(initialize) };
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: names of its own choice are asked for by null.
        let code = unsafe { initialize(LOG_LEVEL, PCWSTR::null(), PCWSTR::null()) };
        ended("start DISM for", code, false)?;
        Ok(Dism {
            // SAFETY: this is its documented form.
            shutdown: unsafe { std::mem::transmute::<Address, Shutdown>(shutdown) },
            // SAFETY: this is its documented form.
            open: unsafe { std::mem::transmute::<Address, OpenSession>(open) },
            // SAFETY: this is its documented form.
            close: unsafe { std::mem::transmute::<Address, CloseSession>(close) },
            // SAFETY: this is its documented form.
            check: unsafe { std::mem::transmute::<Address, CheckHealth>(check) },
            // SAFETY: this is its documented form.
            restore: unsafe { std::mem::transmute::<Address, RestoreHealth>(restore) },
            _alone: alone,
        })
    }
}

impl Drop for Dism {
    fn drop(&mut self) {
        // SAFETY: it was initialised, and every session is closed.
        let _ = unsafe { (self.shutdown)() };
    }
}

impl Session {
    fn open() -> Result<Session> {
        let dism = Dism::start()?;
        let mut number = 0;
        // SAFETY: the name is a constant, and the number lives as long as the call.
        let code = unsafe { (dism.open)(ONLINE, PCWSTR::null(), PCWSTR::null(), &mut number) };
        ended("open", code, false)?;
        Ok(Session { number, dism })
    }

    fn check(&self, scan: bool, watcher: &Watcher) -> Result<StoreHealth> {
        let mut state = 0;
        let (stop, user_data) = (watcher.stop.raw(), watcher.user_data());
        let (check, scan) = (self.dism.check, BOOL::from(scan));
        // SAFETY: the session is open; event, watcher and number live as long as the call.
        let code = unsafe { check(self.number, scan, stop, Some(progress), user_data, &mut state) };
        ended("look for damage in", code, watcher.stop.is_set())?;
        StoreHealth::of_dism(state).ok_or_else(|| HostError {
            op: "ask for",
            subject: SUBJECT.to_owned(),
            kind: HostErrorKind::Corrupt(format!("Windows answers with the unknown state {state}")),
        })
    }

    fn restore(&self, source: Option<&str>, limit_access: bool, watcher: &Watcher) -> Result<()> {
        let source = source.map(HSTRING::from);
        let names: Vec<PCWSTR> = source.iter().map(|it| PCWSTR(it.as_ptr())).collect();
        let (place, count) = match names.as_slice() {
            [] => (std::ptr::null(), 0),
            [only, ..] => (std::ptr::from_ref(only), 1),
        };
        let (stop, user_data) = (watcher.stop.raw(), watcher.user_data());
        let (restore, limited) = (self.dism.restore, BOOL::from(limit_access));
        // SAFETY: the session is open; names, event and watcher live as long as the call.
        let code =
            unsafe { restore(self.number, place, count, limited, stop, Some(progress), user_data) };
        ended("repair", code, watcher.stop.is_set())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // SAFETY: the session is open and is not used again.
        let _ = unsafe { (self.dism.close)(self.number) };
    }
}

fn ended(op: &'static str, code: u32, was_stopped: bool) -> Result<()> {
    dism_ended(code, was_stopped).map_err(|kind| HostError {
        op,
        subject: SUBJECT.to_owned(),
        kind,
    })
}
