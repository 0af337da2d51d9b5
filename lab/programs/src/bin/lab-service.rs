//! A service, or an ordinary program, that holds files in every way Windows knows, and ends as told.
//!
//! ```text
//! lab-service.exe NAME [DEED…]     as a service: NAME is what it is registered as
//! lab-service.exe - [DEED…]        as a program: says `ready`, ends when its stdin does
//!
//! lock:FILE      locks the bytes 100 to 199 of a file, which others may open
//! own:FILE       opens a file so that nobody else can
//! keep:FOLDER    opens a folder so that it cannot be renamed
//! map:FILE       maps a file and closes its handle
//! load:LIBRARY   loads a library
//! here:FOLDER    makes a folder its current one
//! some:N:FOLDER  opens N of the files below a folder, evenly spread, so that others may only read them
//! open:N:FILE    opens a file N times
//! events:N       has N handles that are no files
//! closed         lets no other program look into it
//! ignore-stop    does not accept to be stopped
//! slow-stop      takes three seconds to stop
//! respawn        when asked to stop, starts itself anew as a program that goes on
//! die            ends one second after it runs, without a word
//! ```
//!
//! What it does is written to `service.log` beside it.

#[cfg(windows)]
fn main() -> std::process::ExitCode {
    windows_only::main()
}

#[cfg(not(windows))]
fn main() {
    panic!("this program is for Windows");
}

#[cfg(windows)]
mod windows_only {
    use std::fs::{File, OpenOptions};
    use std::io::{Read as _, Write as _};
    use std::os::windows::fs::OpenOptionsExt as _;
    use std::os::windows::io::AsRawHandle as _;
    use std::process::{Command, ExitCode};
    use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
    use std::sync::{Mutex, OnceLock, mpsc};
    use std::time::Duration;

    use windows::Win32::Foundation::{ERROR_CALL_NOT_IMPLEMENTED, HANDLE, NO_ERROR};
    use windows::Win32::Security::Authorization::{SE_KERNEL_OBJECT, SetSecurityInfo};
    use windows::Win32::Security::{ACL, DACL_SECURITY_INFORMATION};
    use windows::Win32::Storage::FileSystem::{
        FILE_FLAG_BACKUP_SEMANTICS, FILE_LIST_DIRECTORY, FILE_SHARE_READ, FILE_SHARE_WRITE,
        LOCKFILE_EXCLUSIVE_LOCK, LOCKFILE_FAIL_IMMEDIATELY, LockFileEx,
    };
    use windows::Win32::System::IO::OVERLAPPED;
    use windows::Win32::System::LibraryLoader::LoadLibraryW;
    use windows::Win32::System::Memory::{
        CreateFileMappingW, FILE_MAP_READ, MapViewOfFile, PAGE_READONLY,
    };
    use windows::Win32::System::Services::{
        RegisterServiceCtrlHandlerExW, SERVICE_ACCEPT_STOP, SERVICE_CONTROL_INTERROGATE,
        SERVICE_CONTROL_STOP, SERVICE_RUNNING, SERVICE_START_PENDING, SERVICE_STATUS,
        SERVICE_STATUS_CURRENT_STATE, SERVICE_STATUS_HANDLE, SERVICE_STOP_PENDING, SERVICE_STOPPED,
        SERVICE_TABLE_ENTRYW, SERVICE_WIN32_OWN_PROCESS, SetServiceStatus,
        StartServiceCtrlDispatcherW,
    };
    use windows::Win32::System::Threading::{CreateEventW, GetCurrentProcess};
    use windows::core::{HSTRING, PWSTR};

    static DEEDS: OnceLock<Vec<String>> = OnceLock::new();
    static NAME: OnceLock<String> = OnceLock::new();
    /// Whoever stops the service sends through it.
    static STOP: Mutex<Option<mpsc::Sender<()>>> = Mutex::new(None);
    static STATUS: AtomicPtr<core::ffi::c_void> = AtomicPtr::new(std::ptr::null_mut());
    static STEP: AtomicU32 = AtomicU32::new(0);

    pub(super) fn main() -> ExitCode {
        let mut arguments = std::env::args().skip(1);
        let name = arguments.next().unwrap_or_default();
        NAME.get_or_init(|| name.clone());
        DEEDS.get_or_init(|| arguments.collect());
        if name == "-" { as_program() } else { as_service(&name) }
    }

    fn as_program() -> ExitCode {
        let Some(held) = hold() else { return ExitCode::FAILURE };
        println!("ready");
        // Until nobody talks to it any more.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        drop(held);
        ExitCode::SUCCESS
    }

    fn as_service(name: &str) -> ExitCode {
        let mut name: Vec<u16> = name.encode_utf16().chain([0]).collect();
        let table = [
            SERVICE_TABLE_ENTRYW {
                lpServiceName: PWSTR(name.as_mut_ptr()),
                lpServiceProc: Some(service_main),
            },
            SERVICE_TABLE_ENTRYW::default(),
        ];
        // SAFETY: the table ends in an empty entry and outlives the call, as does the name in it.
        match unsafe { StartServiceCtrlDispatcherW(table.as_ptr()) } {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                note(&format!("was not started as a service: {error}"));
                ExitCode::FAILURE
            }
        }
    }

    extern "system" fn service_main(_: u32, _: *mut PWSTR) {
        let name = HSTRING::from(NAME.get().map_or("", |name| name));
        // SAFETY: the handler is a function of this program; it is given nothing.
        let status = unsafe { RegisterServiceCtrlHandlerExW(&name, Some(control), None) };
        let Ok(status) = status else { return note("has no control handler") };
        STATUS.store(status.0, Ordering::SeqCst);
        let (stop, stopped) = mpsc::channel();
        *STOP.lock().expect("nobody panics with it") = Some(stop);
        report(SERVICE_START_PENDING);
        let Some(held) = hold() else { return report(SERVICE_STOPPED) };
        report(SERVICE_RUNNING);
        note("running");
        if does("die") {
            std::thread::sleep(Duration::from_secs(1));
            note("dies");
            std::process::exit(3);
        }
        let _ = stopped.recv();
        if does("slow-stop") {
            for _ in 0..6 {
                std::thread::sleep(Duration::from_millis(500));
                report(SERVICE_STOP_PENDING);
            }
        }
        drop(held);
        if does("respawn") {
            respawn();
        }
        note("stopped");
        report(SERVICE_STOPPED);
    }

    extern "system" fn control(
        control: u32,
        _: u32,
        _: *mut core::ffi::c_void,
        _: *mut core::ffi::c_void,
    ) -> u32 {
        note(&format!("control {control}"));
        match control {
            SERVICE_CONTROL_STOP => {
                report(SERVICE_STOP_PENDING);
                if let Some(stop) = &*STOP.lock().expect("nobody panics with it") {
                    let _ = stop.send(());
                }
                NO_ERROR.0
            }
            SERVICE_CONTROL_INTERROGATE => NO_ERROR.0,
            _ => ERROR_CALL_NOT_IMPLEMENTED.0,
        }
    }

    fn report(state: SERVICE_STATUS_CURRENT_STATE) {
        let is_settled = state == SERVICE_RUNNING || state == SERVICE_STOPPED;
        let accepts_stop = state == SERVICE_RUNNING && !does("ignore-stop");
        let status = SERVICE_STATUS {
            dwServiceType: SERVICE_WIN32_OWN_PROCESS,
            dwCurrentState: state,
            dwControlsAccepted: if accepts_stop { SERVICE_ACCEPT_STOP } else { 0 },
            dwCheckPoint: if is_settled { 0 } else { STEP.fetch_add(1, Ordering::SeqCst) + 1 },
            dwWaitHint: if is_settled { 0 } else { 5000 },
            ..SERVICE_STATUS::default()
        };
        let handle = SERVICE_STATUS_HANDLE(STATUS.load(Ordering::SeqCst));
        // SAFETY: the handle was given for this service; the status outlives the call.
        if let Err(error) = unsafe { SetServiceStatus(handle, &status) } {
            note(&format!("cannot report: {error}"));
        }
    }

    /// Takes the right to open this process from everybody.
    fn close() -> windows::core::Result<()> {
        let list = ACL { AclRevision: 2, AclSize: size_of::<ACL>() as u16, ..ACL::default() };
        // SAFETY: the handle stands for this process; the list is empty and outlives the call.
        unsafe {
            SetSecurityInfo(
                GetCurrentProcess(),
                SE_KERNEL_OBJECT,
                DACL_SECURITY_INFORMATION,
                None,
                None,
                Some(&list),
                None,
            )
        }
        .ok()
    }

    fn does(deed: &str) -> bool {
        DEEDS.get().is_some_and(|deeds| deeds.iter().any(|each| each == deed))
    }

    /// The next life is no service any more, so that only its process can be ended.
    fn respawn() {
        let deeds = DEEDS.get().into_iter().flatten().filter(|deed| *deed != "respawn");
        let started = std::env::current_exe().and_then(|me| {
            Command::new(me).arg("-").args(deeds).stdin(std::process::Stdio::piped()).spawn()
        });
        match started {
            // Its stdin must stay open for as long as it is to live: until the session ends.
            Ok(mut child) => std::mem::forget(child.stdin.take()),
            Err(error) => note(&format!("cannot respawn: {error}")),
        }
    }

    /// Does all deeds that hold something; what they hold is let go when the result is dropped.
    fn hold() -> Option<Vec<File>> {
        let mut held = Vec::new();
        if does("closed")
            && let Err(error) = close()
        {
            note(&format!("cannot close itself: {error}"));
            return None;
        }
        for deed in DEEDS.get().into_iter().flatten() {
            let Some((deed, what)) = deed.split_once(':') else { continue };
            match all(deed, what) {
                Ok(files) => held.extend(files),
                Err(error) => {
                    note(&format!("cannot {deed} {what}: {error}"));
                    return None;
                }
            }
        }
        Some(held)
    }

    /// Deeds that are done many times, and the others.
    fn all(deed: &str, what: &str) -> std::io::Result<Vec<File>> {
        let (many, of) = what.split_once(':').unwrap_or((what, ""));
        let many = || many.parse::<usize>().map_err(std::io::Error::other);
        match deed {
            "some" => some(many()?, of),
            "open" => (0..many()?).map(|_| File::open(of)).collect(),
            "events" => events(many()?).map(|()| Vec::new()),
            _ => one(deed, what).map(|file| file.into_iter().collect()),
        }
    }

    fn some(many: usize, folder: &str) -> std::io::Result<Vec<File>> {
        let (mut files, mut open) = (Vec::new(), vec![std::path::PathBuf::from(folder)]);
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder)? {
                let entry = entry?;
                let is_folder = entry.file_type()?.is_dir();
                if is_folder { &mut open } else { &mut files }.push(entry.path());
            }
        }
        files.sort();
        let step = (files.len() / many.max(1)).max(1);
        let mut how = OpenOptions::new();
        how.read(true).share_mode(FILE_SHARE_READ.0);
        files.iter().step_by(step).take(many).map(|file| how.open(file)).collect()
    }

    /// They stay until the program ends.
    fn events(many: usize) -> std::io::Result<()> {
        for _ in 0..many {
            // SAFETY: no pointer is given.
            unsafe { CreateEventW(None, true, false, None) }?;
        }
        Ok(())
    }

    fn one(deed: &str, what: &str) -> std::io::Result<Option<File>> {
        let mut how = OpenOptions::new();
        how.read(true);
        match deed {
            "lock" => {
                let file = how.write(true).open(what)?;
                lock(&file)?;
                Ok(Some(file))
            }
            "own" => how.write(true).share_mode(0).open(what).map(Some),
            "keep" => how
                .access_mode(FILE_LIST_DIRECTORY.0)
                .share_mode(FILE_SHARE_READ.0 | FILE_SHARE_WRITE.0)
                .custom_flags(FILE_FLAG_BACKUP_SEMANTICS.0)
                .open(what)
                .map(Some),
            "map" => map(&how.open(what)?).map(|()| None),
            "load" => {
                // SAFETY: the library is the lab's own, and stays loaded.
                unsafe { LoadLibraryW(&HSTRING::from(what)) }?;
                Ok(None)
            }
            "here" => std::env::set_current_dir(what).map(|()| None),
            _ => Err(std::io::Error::other("no such deed")),
        }
    }

    fn lock(file: &File) -> std::io::Result<()> {
        let mut from = OVERLAPPED::default();
        from.Anonymous.Anonymous.Offset = 100;
        let how = LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY;
        // SAFETY: the handle is open, and the call does not return before it is done.
        unsafe { LockFileEx(HANDLE(file.as_raw_handle()), how, None, 100, 0, &mut from) }?;
        Ok(())
    }

    fn map(file: &File) -> std::io::Result<()> {
        let handle = HANDLE(file.as_raw_handle());
        // SAFETY: the handle is open; the mapping stays until the program ends.
        let mapping = unsafe { CreateFileMappingW(handle, None, PAGE_READONLY, 0, 0, None) }?;
        // SAFETY: the mapping was just made; nothing is read through the view.
        let view = unsafe { MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, 0) };
        if view.Value.is_null() {
            return Err(std::io::Error::last_os_error());
        }
        // SAFETY: the view keeps the section; its own handle is not needed any more.
        unsafe { windows::Win32::Foundation::CloseHandle(mapping) }?;
        Ok(())
    }

    /// Writes one line to the log; whoever cannot be told is not told.
    fn note(what: &str) {
        let Ok(me) = std::env::current_exe() else { return };
        let log =
            OpenOptions::new().append(true).create(true).open(me.with_file_name("service.log"));
        if let Ok(mut log) = log {
            let name = NAME.get().map_or("", |name| name);
            let _ = log.write_all(format!("{name} {what}\n").as_bytes());
        }
    }
}
