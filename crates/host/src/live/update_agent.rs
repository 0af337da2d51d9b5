//! The Windows Update Agent, asked for what it knows. Nothing is searched for online, and nothing
//! is downloaded or installed.

use std::time::Duration;

use windows::Win32::System::UpdateAgent::{
    AutomaticUpdates as AutomaticUpdatesClass, IAutomaticUpdates2, ISystemInformation, IUpdate,
    IUpdate2, IUpdate3, IUpdateCollection, IUpdateHistoryEntry, IUpdateSearcher, IUpdateService2,
    IUpdateServiceManager, IUpdateSession, IWindowsUpdateAgentInfo, SystemInformation,
    UpdateServiceManager, UpdateSession, WindowsUpdateAgentInfo, utDriver,
};
use windows::Win32::System::Variant::VARIANT;
use windows::core::{BSTR, Interface};

use super::com::{self, LIMIT};
use super::limit::Asked;
use super::refusal::refused;
use super::retry::choice::Offered;
use crate::Result;
use crate::probe::{
    AutomaticUpdates, Deed, DeedResult, HistoryEntry, Part, Update, UpdateAgent, UpdateService,
    UpdateState, kb_in, moment_of_days,
};

const SUBJECT: &str = "the Windows Update Agent";
/// A search looks through the whole store of updates.
const SEARCH_LIMIT: Duration = Duration::from_secs(90);
/// So many entries of the history are read, the newest.
const MOST_HISTORY: i32 = 500;
/// More services than any PC knows.
const MOST_SERVICES: i32 = 64;
/// More updates than any search gives.
const MOST_UPDATES: i32 = 5000;

/// All it knows, asked side by side.
pub(super) fn tell() -> UpdateAgent {
    let version = asked(version);
    let restart = asked(restart_required);
    let count = asked(history_count);
    let history = asked(history);
    let automatic = asked(automatic);
    let services = asked(services);
    UpdateAgent {
        version: part(version),
        restart_required: part(restart),
        history_count: part(count),
        history: part(history),
        automatic: part(automatic),
        services: part(services),
    }
}

/// Whether it needs a restart.
pub(super) fn needs_restart() -> Result<bool> {
    asked(restart_required).wait()
}

/// Updates that are pending or installed, as it already knows them.
pub(super) fn updates() -> Result<Vec<Update>> {
    com::ask("ask", SUBJECT, SEARCH_LIMIT, || {
        let mut found = search("IsInstalled=0 and IsHidden=0")?;
        found.extend(search("IsInstalled=1")?);
        Ok(found.into_iter().filter_map(update_of).collect())
    })
    .wait()
}

fn asked<T: Send + 'static>(question: fn() -> Result<T>) -> Asked<T> {
    com::ask("ask", SUBJECT, LIMIT, question)
}

fn part<T>(asked: Asked<T>) -> Part<T> {
    asked.wait().map_err(|error| error.kind)
}

/// Turns a failed call into an error about the agent.
fn told<T>(answer: windows::core::Result<T>) -> Result<T> {
    answer.map_err(|error| refused("ask", SUBJECT, &error))
}

fn version() -> Result<String> {
    let info: IWindowsUpdateAgentInfo = com::create(SUBJECT, &WindowsUpdateAgentInfo)?;
    let name = VARIANT::from(BSTR::from("ProductVersionString"));
    // SAFETY: the name lives as long as the call.
    let value = told(unsafe { info.GetInfo(&name) })?;
    Ok(com::text(&value).unwrap_or_default())
}

fn restart_required() -> Result<bool> {
    let system: ISystemInformation = com::create(SUBJECT, &SystemInformation)?;
    // SAFETY: nothing is given to the call.
    Ok(told(unsafe { system.RebootRequired() })?.as_bool())
}

/// What everything is asked through.
pub(super) fn session() -> Result<IUpdateSession> {
    let session: IUpdateSession = com::create(SUBJECT, &UpdateSession)?;
    // SAFETY: the name lives as long as the call. Without it Windows calls us by our file.
    let _ = unsafe { session.SetClientApplicationID(&BSTR::from("unwedge")) };
    Ok(session)
}

fn searcher() -> Result<IUpdateSearcher> {
    let session = session()?;
    // SAFETY: nothing is given to the call.
    told(unsafe { session.CreateUpdateSearcher() })
}

fn history_count() -> Result<u32> {
    let searcher = searcher()?;
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { searcher.GetTotalHistoryCount() })?;
    Ok(u32::try_from(count).unwrap_or(0))
}

/// Its history, newest first.
pub(super) fn history() -> Result<Vec<HistoryEntry>> {
    let searcher = searcher()?;
    // SAFETY: nothing is given to the call.
    let total = told(unsafe { searcher.GetTotalHistoryCount() })?;
    if total <= 0 {
        return Ok(Vec::new());
    }
    let wanted = total.min(MOST_HISTORY);
    // SAFETY: two numbers are given to the call.
    let entries = told(unsafe { searcher.QueryHistory(0, wanted) })?;
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { entries.Count() })?;
    let mut found = Vec::new();
    for index in 0..count.min(wanted) {
        // SAFETY: the number is below the count.
        let entry = told(unsafe { entries.get_Item(index) })?;
        found.push(entry_of(&entry)?);
    }
    Ok(found)
}

fn entry_of(entry: &IUpdateHistoryEntry) -> Result<HistoryEntry> {
    // SAFETY: nothing is given to the call.
    let identity = unsafe { entry.UpdateIdentity() }.ok();
    // SAFETY: nothing is given to the call.
    let update = identity.as_ref().and_then(|it| unsafe { it.UpdateID() }.ok());
    // SAFETY: nothing is given to the call.
    let revision = identity.as_ref().and_then(|it| unsafe { it.RevisionNumber() }.ok());
    // SAFETY: nothing is given to the call.
    let time = unsafe { entry.Date() }.ok();
    // SAFETY: nothing is given to the call.
    let deed = told(unsafe { entry.Operation() })?;
    // SAFETY: nothing is given to the call.
    let result = told(unsafe { entry.ResultCode() })?;
    // SAFETY: nothing is given to the call.
    let code = told(unsafe { entry.HResult() })?;
    // SAFETY: nothing is given to the call.
    let title = unsafe { entry.Title() }.unwrap_or_default();
    // SAFETY: nothing is given to the call.
    let client = unsafe { entry.ClientApplicationID() }.unwrap_or_default();
    Ok(HistoryEntry {
        time: time.and_then(moment_of_days),
        deed: Deed::of(deed.0),
        result: DeedResult::of(result.0),
        code: code.cast_unsigned(),
        title: title.to_string(),
        update: update.unwrap_or_default().to_string(),
        revision: revision.and_then(|it| u32::try_from(it).ok()).unwrap_or(0),
        client: client.to_string(),
    })
}

fn automatic() -> Result<AutomaticUpdates> {
    let updates: IAutomaticUpdates2 = com::create(SUBJECT, &AutomaticUpdatesClass)?;
    // SAFETY: nothing is given to the call.
    let enabled = unsafe { updates.ServiceEnabled() };
    // SAFETY: nothing is given to the call.
    let results = unsafe { updates.Results() };
    let results = results.as_ref().map_err(com::reason);
    let search = results.clone().and_then(|it| {
        // SAFETY: nothing is given to the call.
        unsafe { it.LastSearchSuccessDate() }.map_err(|error| com::reason(&error))
    });
    let installation = results.and_then(|it| {
        // SAFETY: nothing is given to the call.
        unsafe { it.LastInstallationSuccessDate() }.map_err(|error| com::reason(&error))
    });
    let moment = |value: VARIANT| com::days(&value).and_then(moment_of_days);
    Ok(AutomaticUpdates {
        enabled: enabled.map(|it| it.as_bool()).map_err(|error| com::reason(&error)),
        last_search: search.map(moment),
        last_installation: installation.map(moment),
    })
}

fn services() -> Result<Vec<UpdateService>> {
    let manager: IUpdateServiceManager = com::create(SUBJECT, &UpdateServiceManager)?;
    // SAFETY: nothing is given to the call.
    let services = told(unsafe { manager.Services() })?;
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { services.Count() })?;
    let mut found = Vec::new();
    for index in 0..count.min(MOST_SERVICES) {
        // SAFETY: the number is below the count.
        let service = told(unsafe { services.get_Item(index) })?;
        // SAFETY: nothing is given to the call.
        let id = told(unsafe { service.ServiceID() })?;
        // SAFETY: nothing is given to the call.
        let name = told(unsafe { service.Name() })?;
        // SAFETY: nothing is given to the call.
        let is_managed = unsafe { service.IsManaged() }.is_ok_and(|it| it.as_bool());
        let newer = service.cast::<IUpdateService2>().ok();
        // SAFETY: nothing is given to the call.
        let default = newer.and_then(|it| unsafe { it.IsDefaultAUService() }.ok());
        found.push(UpdateService {
            id: id.to_string(),
            name: name.to_string(),
            is_managed,
            is_default: default.is_some_and(|it| it.as_bool()),
        });
    }
    Ok(found)
}

/// What the store of updates says; no server is asked.
pub(super) fn search(criteria: &str) -> Result<Vec<Offered>> {
    let searcher = searcher()?;
    // SAFETY: one flag is given to the call.
    told(unsafe { searcher.SetOnline(false.into()) })?;
    // SAFETY: the criteria live as long as the call.
    let result = told(unsafe { searcher.Search(&BSTR::from(criteria)) })?;
    // SAFETY: nothing is given to the call.
    let updates = told(unsafe { result.Updates() })?;
    each(&updates, |update| offered_of(&update))
}

/// Reads each update of a collection.
pub(super) fn each<T>(
    updates: &IUpdateCollection,
    read: impl Fn(IUpdate) -> Result<T>,
) -> Result<Vec<T>> {
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { updates.Count() })?;
    let mut found = Vec::new();
    for index in 0..count.min(MOST_UPDATES) {
        // SAFETY: the number is below the count.
        found.push(read(told(unsafe { updates.get_Item(index) })?)?);
    }
    Ok(found)
}

/// What an update says of itself.
pub(super) fn offered_of(update: &IUpdate) -> Result<Offered> {
    // SAFETY: nothing is given to the call.
    let title = told(unsafe { update.Title() })?.to_string();
    // SAFETY: nothing is given to the call.
    let identity = told(unsafe { update.Identity() })?;
    // SAFETY: nothing is given to the call.
    let id = told(unsafe { identity.UpdateID() })?.to_string();
    // SAFETY: nothing is given to the call.
    let revision = told(unsafe { identity.RevisionNumber() })?;
    // SAFETY: nothing is given to the call.
    let is_installed = told(unsafe { update.IsInstalled() })?.as_bool();
    // SAFETY: nothing is given to the call.
    let is_downloaded = unsafe { update.IsDownloaded() }.is_ok_and(|it| it.as_bool());
    // SAFETY: nothing is given to the call.
    let is_licence_accepted = unsafe { update.EulaAccepted() }.is_ok_and(|it| it.as_bool());
    // SAFETY: nothing is given to the call.
    let kind = unsafe { update.Type() }.ok();
    // SAFETY: nothing is given to the call.
    let behavior = unsafe { update.InstallationBehavior() }.ok();
    // SAFETY: nothing is given to the call.
    let asks = behavior.and_then(|it| unsafe { it.CanRequestUserInput() }.ok());
    // SAFETY: nothing is given to the call.
    let numbers = unsafe { update.KBArticleIDs() }.ok();
    // SAFETY: the first of a list; an empty one gives an error.
    let first = numbers.and_then(|it| unsafe { it.get_Item(0) }.ok());
    let first = first.map(|it| it.to_string()).filter(|it| !it.is_empty());
    let kb = first.map(|it| format!("KB{}", it.trim_start_matches("KB"))).or_else(|| kb_in(&title));
    let newer = update.cast::<IUpdate2>().ok();
    // SAFETY: nothing is given to the call.
    let restart = newer.and_then(|it| unsafe { it.RebootRequired() }.ok());
    let newest = update.cast::<IUpdate3>().ok();
    // SAFETY: nothing is given to the call.
    let optional = newest.and_then(|it| unsafe { it.BrowseOnly() }.ok());
    Ok(Offered {
        id,
        revision: u32::try_from(revision).unwrap_or(0),
        title,
        kb,
        is_installed,
        needs_restart: restart.is_some_and(|it| it.as_bool()),
        is_driver: kind == Some(utDriver),
        is_optional: optional.is_some_and(|it| it.as_bool()),
        is_downloaded,
        is_licence_accepted,
        asks_a_person: asks.is_some_and(|it| it.as_bool()),
    })
}

/// `None` for an update without a KB number, which cannot be named, and for one that is pending and
/// left to a person or to the makers of a device: nothing waits for that.
fn update_of(offered: Offered) -> Option<Update> {
    let state = match (offered.is_installed, offered.needs_restart) {
        (_, true) => UpdateState::InstalledAfterRestart,
        (true, false) => UpdateState::Installed,
        (false, false) => UpdateState::Pending,
    };
    let is_told = state != UpdateState::Pending || offered.is_for_windows();
    let kb = offered.kb.filter(|_| is_told)?;
    Some(Update { kb, title: Some(offered.title), state })
}
