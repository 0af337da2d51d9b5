//! The Windows Update Agent installs again, on a thread that may use it.

use std::time::Duration;

use windows::Win32::System::UpdateAgent::{
    IUpdate, IUpdateCollection, IUpdateInstaller2, IUpdateSession, UpdateCollection, dpHigh,
};
use windows::Win32::System::Variant::VARIANT;
use windows::core::{BSTR, Interface};

use super::choice::{Ended, Offered, Refusal, chosen, failure, not_in_a_loop, not_offered_again};
use super::job::Listener;
use super::{OP, SUBJECT, Teller};
use crate::live::refusal::{kind_of, refused};
use crate::live::update_agent::{self, offered_of};
use crate::live::{com, logon};
use crate::probe::DeedResult;
use crate::{Result, Stage};

/// All that is not installed, drivers too.
const PENDING: &str = "IsInstalled=0 and IsHidden=0";
/// Servers are asked, which takes minutes on a slow PC.
const SEARCH_LIMIT: Duration = Duration::from_secs(40 * 60);
/// A download that stands still for so long does not go on.
const DOWNLOAD_QUIET_LIMIT: Duration = Duration::from_secs(30 * 60);
/// Some installations say nothing for an hour.
const INSTALL_QUIET_LIMIT: Duration = Duration::from_secs(3 * 60 * 60);

/// Installs what is pending: the update of this number, or all that Windows would install itself.
pub(super) fn retry(kb: Option<&str>, teller: &Teller) -> Result<()> {
    let subject = kb.unwrap_or("the pending updates");
    if logon::is_from_network()? {
        return Err(Refusal::FromTheNetwork.of(subject));
    }
    let session = update_agent::session()?;
    let found = found(&session, teller)?;
    let offered: Vec<Offered> = found.iter().map(|(_, it)| it.clone()).collect();
    let chosen = chosen(kb, &offered).map_err(|refusal| refusal.of(subject))?;
    if chosen.is_empty() {
        return Ok(());
    }
    // Without a history no loop is seen, which is no reason not to try.
    let history = update_agent::history().unwrap_or_default();
    let wanted: Vec<&(IUpdate, Offered)> = chosen.into_iter().map(|at| &found[at]).collect();
    for (update, about) in &wanted {
        not_in_a_loop(about, &history).map_err(|refusal| refusal.of(&about.name()))?;
        if !about.is_licence_accepted {
            // It was chosen, so that it asks nothing else.
            // SAFETY: nothing is given to the call.
            told(unsafe { update.AcceptEula() })?;
        }
    }
    let downloaded = download(&session, &wanted, teller)?;
    let (ready, missing): (Vec<_>, Vec<_>) =
        wanted.into_iter().zip(downloaded).partition(|(_, ended)| ended.is_success());
    let missing: Vec<(&Offered, Ended)> =
        missing.iter().map(|(it, ended)| (&it.1, *ended)).collect();
    let ready: Vec<&(IUpdate, Offered)> = ready.into_iter().map(|(it, _)| it).collect();
    if !ready.is_empty() {
        install(&session, &ready, teller)?;
    }
    failure("download", &missing, kind_of).map_or(Ok(()), Err)
}

/// Searches, and says what each is that was found.
fn found(session: &IUpdateSession, teller: &Teller) -> Result<Vec<(IUpdate, Offered)>> {
    // SAFETY: nothing is given to the call.
    let searcher = told(unsafe { session.CreateUpdateSearcher() })?;
    let (criteria, listener) = (BSTR::from(PENDING), Listener::new());
    let state = VARIANT::default();
    // SAFETY: the criteria, the callback and the empty state live as long as the call.
    let job = told(unsafe { searcher.BeginSearch(&criteria, listener.bell(), &state) })?;
    listener.follow(&job, teller, SEARCH_LIMIT)?;
    // SAFETY: the job is the searcher's own, and done.
    let result = told(unsafe { searcher.EndSearch(&job) })?;
    // SAFETY: nothing is given to the call.
    let updates = told(unsafe { result.Updates() })?;
    update_agent::each(&updates, |update| Ok((update.clone(), offered_of(&update)?)))
}

/// How each ended, in their order; those that lie here already are not downloaded again.
fn download(
    session: &IUpdateSession,
    wanted: &[&(IUpdate, Offered)],
    teller: &Teller,
) -> Result<Vec<Ended>> {
    let there = Ended { result: DeedResult::Succeeded, code: 0, needs_restart: false };
    let mut ended = vec![there; wanted.len()];
    let missing: Vec<usize> = (0..wanted.len()).filter(|at| !wanted[*at].1.is_downloaded).collect();
    if missing.is_empty() {
        return Ok(ended);
    }
    // SAFETY: nothing is given to the call.
    let downloader = told(unsafe { session.CreateUpdateDownloader() })?;
    let updates = collection(missing.iter().map(|at| &wanted[*at].0))?;
    // SAFETY: the collection lives as long as the call.
    told(unsafe { downloader.SetUpdates(&updates) })?;
    // Somebody waits for it; without it the download may be put off.
    // SAFETY: a number is given to the call.
    let _ = unsafe { downloader.SetPriority(dpHigh) };
    let (listener, state) = (Listener::new(), VARIANT::default());
    let bell = listener.bell();
    // SAFETY: the callbacks and the empty state live as long as the call.
    let job = told(unsafe { downloader.BeginDownload(bell, bell, &state) })?;
    listener.follow(&job, teller, DOWNLOAD_QUIET_LIMIT)?;
    // SAFETY: the job is the downloader's own, and done.
    let result = told(unsafe { downloader.EndDownload(&job) })?;
    for (at, index) in missing.into_iter().zip(0..) {
        // SAFETY: the number is below the count.
        let one = told(unsafe { result.GetUpdateResult(index) })?;
        // SAFETY: nothing is given to the call.
        let code = told(unsafe { one.HResult() })?;
        // SAFETY: nothing is given to the call.
        let result = told(unsafe { one.ResultCode() })?;
        ended[at].result = DeedResult::of(result.0);
        ended[at].code = code.cast_unsigned();
    }
    // SAFETY: nothing is given to the call.
    let _ = unsafe { job.CleanUp() };
    Ok(ended)
}

/// Installs, looks again, and fails if any of them failed or is offered as before.
fn install(
    session: &IUpdateSession,
    wanted: &[&(IUpdate, Offered)],
    teller: &Teller,
) -> Result<()> {
    // SAFETY: nothing is given to the call.
    let installer = told(unsafe { session.CreateUpdateInstaller() })?;
    let names: Vec<String> = wanted.iter().map(|(_, it)| it.name()).collect();
    // SAFETY: nothing is given to the call.
    if unsafe { installer.IsBusy() }.is_ok_and(|it| it.as_bool()) {
        return Err(Refusal::Busy.of(&names.join("; ")));
    }
    // SAFETY: nothing is given to the call.
    if unsafe { installer.RebootRequiredBeforeInstallation() }.is_ok_and(|it| it.as_bool()) {
        return Err(Refusal::RestartFirst.of(&names.join("; ")));
    }
    if let Ok(quiet) = installer.cast::<IUpdateInstaller2>() {
        // One that has to show something does so, and was not chosen.
        // SAFETY: a flag is given to the call.
        let _ = unsafe { quiet.SetForceQuiet(true.into()) };
    }
    let updates = collection(wanted.iter().map(|it| &it.0))?;
    // SAFETY: the collection lives as long as the call.
    told(unsafe { installer.SetUpdates(&updates) })?;
    let (listener, state) = (Listener::new(), VARIANT::default());
    let bell = listener.bell();
    // SAFETY: the callbacks and the empty state live as long as the call.
    let job = told(unsafe { installer.BeginInstall(bell, bell, &state) })?;
    listener.follow(&job, teller, INSTALL_QUIET_LIMIT)?;
    // SAFETY: the job is the installer's own, and done.
    let result = told(unsafe { installer.EndInstall(&job) })?;
    let mut tried = Vec::new();
    for ((_, about), index) in wanted.iter().zip(0..) {
        // SAFETY: the number is below the count.
        let one = told(unsafe { result.GetUpdateResult(index) })?;
        // SAFETY: nothing is given to the call.
        let code = told(unsafe { one.HResult() })?.cast_unsigned();
        // SAFETY: nothing is given to the call.
        let result = DeedResult::of(told(unsafe { one.ResultCode() })?.0);
        // SAFETY: nothing is given to the call.
        let needs_restart = told(unsafe { one.RebootRequired() })?.as_bool();
        tried.push((about, Ended { result, code, needs_restart }));
    }
    // SAFETY: nothing is given to the call.
    let _ = unsafe { job.CleanUp() };
    failure("install", &tried, kind_of).map_or(Ok(()), Err)?;
    teller.tell(&crate::Advance::at(Stage::Searching));
    not_offered_again(&tried, &update_agent::search(PENDING)?)
}

fn collection<'a>(updates: impl Iterator<Item = &'a IUpdate>) -> Result<IUpdateCollection> {
    let collection: IUpdateCollection = com::create(SUBJECT, &UpdateCollection)?;
    for update in updates {
        // SAFETY: the update lives as long as the call.
        told(unsafe { collection.Add(update) })?;
    }
    Ok(collection)
}

fn told<T>(answer: windows::core::Result<T>) -> Result<T> {
    answer.map_err(|error| refused(OP, SUBJECT, &error))
}
