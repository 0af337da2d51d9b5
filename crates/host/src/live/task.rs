//! Scheduled tasks, from the Task Scheduler.

use unwedge_formats::export::task::task;
use windows::Win32::System::TaskScheduler::{
    IRegisteredTask, ITaskFolder, ITaskService, TASK_ENUM_HIDDEN, TaskScheduler,
};
use windows::Win32::System::Variant::VARIANT;
use windows::core::BSTR;

use super::com::{self, LIMIT};
use super::refusal::refused;
use crate::probe::{Task, TaskState};
use crate::{HostError, HostErrorKind, Result};

const SUBJECT: &str = "the Task Scheduler";
/// What `LastTaskResult` says of a task that never ran (`SCHED_S_TASK_HAS_NOT_RUN`).
const NEVER_RAN: u32 = 0x0004_1303;
/// A PC has some hundreds.
const MOST_TASKS: usize = 10_000;
const MOST_FOLDERS: usize = 2_000;

/// Every task that the user may see.
pub(super) fn list() -> Result<Vec<Task>> {
    com::ask("ask", SUBJECT, LIMIT, ask).wait()
}

/// Switches a task on or off, as its own switch in Task Scheduler does.
pub(super) fn switch(path: &str, enabled: bool) -> Result<()> {
    let subject = path.to_owned();
    com::ask("switch", SUBJECT, LIMIT, move || {
        let service: ITaskService = com::create(SUBJECT, &TaskScheduler)?;
        let none = VARIANT::default();
        // SAFETY: empty values stand for this PC and this user and live as long as the call.
        told(unsafe { service.Connect(&none, &none, &none, &none) })?;
        // SAFETY: the path lives as long as the call.
        let root = told(unsafe { service.GetFolder(&BSTR::from("\\")) })?;
        // SAFETY: the path lives as long as the call.
        let task = unsafe { root.GetTask(&BSTR::from(subject.as_str())) };
        let task = task.map_err(|error| refused("find task", &subject, &error))?;
        // SAFETY: a truth value is given to the call.
        unsafe { task.SetEnabled(enabled.into()) }
            .map_err(|error| refused("switch task", &subject, &error))
    })
    .wait()
}

fn ask() -> Result<Vec<Task>> {
    let service: ITaskService = com::create(SUBJECT, &TaskScheduler)?;
    let none = VARIANT::default();
    // SAFETY: empty values stand for this PC and this user and live as long as the call.
    told(unsafe { service.Connect(&none, &none, &none, &none) })?;
    // SAFETY: the path lives as long as the call.
    let root = told(unsafe { service.GetFolder(&BSTR::from("\\")) })?;
    let (mut open, mut folders, mut found) = (vec![root], 0, Vec::new());
    while let Some(folder) = open.pop() {
        folders += 1;
        tasks_of(&folder, &mut found)?;
        below(&folder, &mut open)?;
        if folders > MOST_FOLDERS || found.len() > MOST_TASKS {
            let kind = HostErrorKind::Corrupt("there is no end of tasks".to_owned());
            return Err(HostError { op: "ask", subject: SUBJECT.to_owned(), kind });
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

fn tasks_of(folder: &ITaskFolder, found: &mut Vec<Task>) -> Result<()> {
    // SAFETY: one number is given to the call.
    let tasks = told(unsafe { folder.GetTasks(TASK_ENUM_HIDDEN.0) })?;
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { tasks.Count() })?;
    // Collections of the Task Scheduler count from 1.
    for index in 1..=count {
        // SAFETY: the number lives as long as the call.
        let task = told(unsafe { tasks.get_Item(&VARIANT::from(index)) })?;
        found.push(one(&task)?);
    }
    Ok(())
}

fn below(folder: &ITaskFolder, open: &mut Vec<ITaskFolder>) -> Result<()> {
    // SAFETY: the flag is not used and must be 0.
    let folders = told(unsafe { folder.GetFolders(0) })?;
    // SAFETY: nothing is given to the call.
    let count = told(unsafe { folders.Count() })?;
    for index in 1..=count {
        // SAFETY: the number lives as long as the call.
        open.push(told(unsafe { folders.get_Item(&VARIANT::from(index)) })?);
    }
    Ok(())
}

fn one(known: &IRegisteredTask) -> Result<Task> {
    // SAFETY: nothing is given to the call.
    let path = told(unsafe { known.Path() })?.to_string();
    // SAFETY: nothing is given to the call.
    let state = unsafe { known.State() }.ok();
    // SAFETY: nothing is given to the call.
    let result = unsafe { known.LastTaskResult() }.ok().map(i32::cast_unsigned);
    // SAFETY: nothing is given to the call.
    let xml = unsafe { known.Xml() };
    let definition = xml.map_err(|error| com::reason(&error)).and_then(|xml| {
        let broken = || HostErrorKind::Corrupt("it is no definition of a task".to_owned());
        task(&xml.to_string()).ok_or_else(broken)
    });
    Ok(Task {
        path,
        state: state.map(|it| TaskState::of(it.0)),
        last_result: result.filter(|it| *it != NEVER_RAN),
        // The scheduler gives it in local time, of a zone that may have changed since.
        last_run: None,
        definition,
    })
}

fn told<T>(answer: windows::core::Result<T>) -> Result<T> {
    answer.map_err(|error| refused("ask", SUBJECT, &error))
}
