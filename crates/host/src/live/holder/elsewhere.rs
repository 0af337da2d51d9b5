//! Who else knows of holders: the Restart Manager, the list of hives, tasks, transfers.

use std::time::Duration;

use windows::Win32::Networking::BackgroundIntelligentTransferService::{
    BG_JOB_ENUM_ALL_USERS, BackgroundCopyManager, IBackgroundCopyJob, IBackgroundCopyManager,
};
use windows::Win32::System::Com::CoTaskMemFree;
use windows::Win32::System::RestartManager::RM_PROCESS_INFO;
use windows::core::{HSTRING, PCWSTR, PWSTR};

use super::super::com;
use super::super::library::{Address, Library};
use super::super::refusal::refused;
use super::super::registry::Registry;
use super::place::Places;
use super::wire::Answer;
use crate::registry::Data;
use crate::{KeyPath, Result, WinPath};

type StartSession = unsafe extern "system" fn(*mut u32, u32, *mut u16) -> u32;
type Register = unsafe extern "system" fn(u32, u32, *const PCWSTR, u32, usize, u32, usize) -> u32;
type GetList =
    unsafe extern "system" fn(u32, *mut u32, *mut u32, *mut RM_PROCESS_INFO, *mut u32) -> u32;
type EndSession = unsafe extern "system" fn(u32) -> u32;

const MORE_DATA: u32 = 234;
/// More jobs than these are not looked at.
const MOST_JOBS: usize = 1000;
const TRANSFER_LIMIT: Duration = Duration::from_secs(5);

/// Asks the Restart Manager; what it refuses is not known.
pub(super) fn managed(paths: &[String]) -> Answer {
    ask_manager(paths).map_or_else(Answer::Refused, Answer::Processes)
}

fn ask_manager(paths: &[String]) -> std::result::Result<Vec<(u32, Option<u64>)>, u32> {
    const PROC_NOT_FOUND: u32 = 127;
    let library = Library::system("rstrtmgr.dll").map_err(|_| PROC_NOT_FOUND)?;
    let function = |name| library.function(name).map_err(|_| PROC_NOT_FOUND);
    // SAFETY: the function of this name has this form (restartmanager.h).
    let start =
        unsafe { std::mem::transmute::<Address, StartSession>(function(c"RmStartSession")?) };
    let register = function(c"RmRegisterResources")?;
    // SAFETY: the function of this name has this form (restartmanager.h).
    let register = unsafe { std::mem::transmute::<Address, Register>(register) };
    // SAFETY: the function of this name has this form (restartmanager.h).
    let list = unsafe { std::mem::transmute::<Address, GetList>(function(c"RmGetList")?) };
    // SAFETY: the function of this name has this form (restartmanager.h).
    let end = unsafe { std::mem::transmute::<Address, EndSession>(function(c"RmEndSession")?) };

    let (mut session, mut key) = (0, [0u16; 64]);
    // SAFETY: the key has room for `CCH_RM_SESSION_KEY` (32) units and a zero.
    let started = unsafe { start(&mut session, 0, key.as_mut_ptr()) };
    if started != 0 {
        return Err(started);
    }
    let spelled: Vec<HSTRING> = paths.iter().map(HSTRING::from).collect();
    let names: Vec<PCWSTR> = spelled.iter().map(|it| PCWSTR(it.as_ptr())).collect();
    // SAFETY: the session is open; there are as many names as is said, each ending in a zero.
    let registered = unsafe { register(session, names.len() as u32, names.as_ptr(), 0, 0, 0, 0) };
    let told = match registered {
        0 => users(list, session),
        code => Err(code),
    };
    // SAFETY: the session is open and not used again.
    unsafe { end(session) };
    told
}

fn users(list: GetList, session: u32) -> std::result::Result<Vec<(u32, Option<u64>)>, u32> {
    let mut found = vec![RM_PROCESS_INFO::default(); 64];
    // Processes come and go between two questions.
    for _ in 0..4 {
        let (mut needed, mut count, mut reasons) = (0, found.len() as u32, 0);
        // SAFETY: the session is open; the list has as many places as `count` says.
        let code =
            unsafe { list(session, &mut needed, &mut count, found.as_mut_ptr(), &mut reasons) };
        match code {
            0 => {
                let one = |it: &RM_PROCESS_INFO| {
                    let began = it.Process.ProcessStartTime;
                    let born =
                        u64::from(began.dwHighDateTime) << 32 | u64::from(began.dwLowDateTime);
                    (it.Process.dwProcessId, Some(born).filter(|it| *it != 0))
                };
                return Ok(found.iter().take(count as usize).map(one).collect());
            }
            MORE_DATA => found.resize(needed as usize + 16, RM_PROCESS_INFO::default()),
            code => return Err(code),
        }
    }
    Err(MORE_DATA)
}

/// The files of loaded hives, with the key each is loaded as.
pub(super) fn hives(registry: &Registry, places: &Places) -> Result<Vec<(WinPath, KeyPath)>> {
    let path = KeyPath::new(r"HKLM\SYSTEM\CurrentControlSet\Control\hivelist");
    let Some(key) = registry.key(&path)? else { return Ok(Vec::new()) };
    let hive = |(name, data): (&String, &Data)| match data {
        Data::Sz(file) | Data::ExpandSz(file) => Some((places.path(file)?, KeyPath::new(name))),
        _ => None,
    };
    Ok(key.values.iter().filter_map(|(name, data)| hive((name, data))).collect())
}

/// The files that background transfers write, with the name of each job.
pub(super) fn transfers() -> Result<Vec<(WinPath, String)>> {
    com::ask("ask for", "background transfers", TRANSFER_LIMIT, || {
        let failed =
            |error: windows::core::Error| refused("ask for", "background transfers", &error);
        let manager: IBackgroundCopyManager =
            com::create("background transfers", &BackgroundCopyManager)?;
        // The jobs of all users are told to administrators only.
        // SAFETY: the component is ours.
        let jobs = unsafe { manager.EnumJobs(BG_JOB_ENUM_ALL_USERS) }
            // SAFETY: as above.
            .or_else(|_| unsafe { manager.EnumJobs(0) })
            .map_err(failed)?;
        let mut found = Vec::new();
        for _ in 0..MOST_JOBS {
            let mut one: [Option<IBackgroundCopyJob>; 1] = [None];
            let mut fetched = 0;
            // SAFETY: the list has room for one, as its length says.
            let told = unsafe { jobs.Next(&mut one, &mut fetched) };
            let (true, [Some(job)]) = (told.is_ok() && fetched == 1, one) else { break };
            found.extend(files_of(&job).unwrap_or_default());
        }
        Ok(found)
    })
    .wait()
}

fn files_of(job: &IBackgroundCopyJob) -> windows::core::Result<Vec<(WinPath, String)>> {
    // SAFETY: the component is ours.
    let name = text(unsafe { job.GetDisplayName() }?);
    // SAFETY: as above.
    let files = unsafe { job.EnumFiles() }?;
    let mut found = Vec::new();
    for _ in 0..MOST_JOBS {
        let mut one = [None];
        let mut fetched = 0;
        // SAFETY: the list has room for one, as its length says.
        let told = unsafe { files.Next(&mut one, &mut fetched) };
        let (true, [Some(file)]) = (told.is_ok() && fetched == 1, one) else { break };
        // SAFETY: the component is ours.
        let local = text(unsafe { file.GetLocalName() }?);
        found.push((WinPath::new(&local), name.clone()));
    }
    Ok(found)
}

/// Takes over a string that the component made.
fn text(made: PWSTR) -> String {
    // SAFETY: a string that was returned ends in a zero.
    let text = unsafe { made.to_string() }.unwrap_or_default();
    // SAFETY: it was made for the caller, who lets it go once.
    unsafe { CoTaskMemFree(Some(made.0.cast_const().cast())) };
    text
}
