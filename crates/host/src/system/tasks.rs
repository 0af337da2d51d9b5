//! Scheduled tasks: from the Task Scheduler where it answers, else as they are stored.
//!
//! Stored they are twice: as a tree of keys with what happened (`Schedule\TaskCache`), and as one
//! XML file each under `System32\Tasks`.

use unwedge_formats::export::task::task;
use unwedge_formats::export::{TaskAction, TaskDefinition};
use unwedge_formats::log::{Decoder, Encoding};

use super::{Inquiry, Reading, Unknown, image_file};
use crate::probe::{self, Task};
use crate::{Data, Host, HostErrorKind, Key, WinPath};

const CACHE: &str = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Schedule\TaskCache";
const FILES: &str = r"C:\Windows\System32\Tasks";
/// Folders in which Windows keeps the tasks of its own updates.
const OF_UPDATES: [&str; 2] =
    [r"\Microsoft\Windows\UpdateOrchestrator", r"\Microsoft\Windows\WindowsUpdate"];
/// A PC has some hundreds.
const MOST_TASKS: usize = 10_000;

/// Reads every task.
pub fn read(host: &dyn Host) -> Reading<Vec<Task>> {
    let error = match probe::tasks(host) {
        Ok(found) => return Reading { found, unknown: Vec::new() },
        Err(error) => error,
    };
    let mut stored = stored(host);
    if error.kind != HostErrorKind::NotCollected {
        stored.unknown.push(Unknown { subject: "Task Scheduler".to_owned(), why: error.kind });
    }
    stored
}

/// Reads them as they are stored.
pub fn stored(host: &dyn Host) -> Reading<Vec<Task>> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Vec::new();
    // Depth first without recursion: what stands here is still to be looked at.
    let mut open = vec![String::new()];
    while let Some(path) = open.pop() {
        let Some(key) = inquiry.key(&format!(r"{CACHE}\Tree{path}")) else { continue };
        if found.len() + open.len() + key.subkeys.len() > MOST_TASKS {
            let subject = format!(r"{CACHE}\Tree{path}");
            let why = HostErrorKind::Corrupt(format!("there are more than {MOST_TASKS} tasks"));
            inquiry.unknown.push(Unknown { subject, why });
            break;
        }
        open.extend(key.subkeys.iter().rev().map(|name| format!(r"{path}\{name}")));
        if let Some(id) = key.text("Id") {
            let known = inquiry.key(&format!(r"{CACHE}\Tasks\{id}"));
            found.push(one(host, path, known.as_ref()));
        }
    }
    inquiry.done(found)
}

fn one(host: &dyn Host, path: String, known: Option<&Key>) -> Task {
    let history = known.and_then(|key| match key.value("DynamicInfo")? {
        Data::Binary(bytes) => History::of(bytes),
        _ => None,
    });
    let definition = match host.read(&WinPath::new(&format!("{FILES}{path}"))) {
        Ok(Some(bytes)) => definition(&bytes),
        Ok(None) => Err(HostErrorKind::Corrupt("it has no file".to_owned())),
        Err(error) => Err(error.kind),
    };
    Task {
        path,
        state: None,
        last_result: history.as_ref().filter(|it| it.last_run.is_some()).map(|it| it.last_result),
        last_run: history.and_then(|it| it.last_run),
        definition,
    }
}

/// Reads the file of a task.
fn definition(bytes: &[u8]) -> Result<TaskDefinition, HostErrorKind> {
    let mut decoded = Vec::new();
    let text = match Decoder::new(Encoding::of(bytes)) {
        Some(mut decoder) => {
            decoder.decode(bytes, &mut decoded);
            &decoded
        }
        None => bytes,
    };
    task(&String::from_utf8_lossy(text))
        .ok_or_else(|| HostErrorKind::Corrupt("its file is no definition of a task".to_owned()))
}

/// What `DynamicInfo` remembers of a task, as forensic tools read it: a version, when it was made,
/// when it last ran, its state, the code it ended with, when it last went through.
struct History {
    last_run: Option<String>,
    last_result: u32,
}

impl History {
    fn of(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let version = u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
        if version != 3 {
            return None;
        }
        let last_run = match long(12)? {
            0 => None,
            ticks => Some(moment(ticks)?),
        };
        let last_result = u32::from_le_bytes(bytes.get(24..28)?.try_into().ok()?);
        Some(History { last_run, last_result })
    }
}

/// A `FILETIME`, hundreds of nanoseconds since 1601, as `2026-01-02T10:11:12Z`.
fn moment(ticks: u64) -> Option<String> {
    const FROM_1601_TO_1970_SECONDS: i64 = 11_644_473_600;
    let seconds = i64::try_from(ticks / 10_000_000).ok()? - FROM_1601_TO_1970_SECONDS;
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    Some(moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Whether Windows keeps the tasks of its own updates there.
#[must_use]
pub fn is_of_updates(path: &str) -> bool {
    let path = path.to_lowercase();
    OF_UPDATES.iter().any(|folder| {
        path.strip_prefix(&folder.to_lowercase()).is_some_and(|rest| rest.starts_with('\\'))
    })
}

/// The tasks that run `file`: as their program, or named in its arguments.
pub fn running<'t>(tasks: &'t [Task], file: &'t WinPath) -> impl Iterator<Item = &'t Task> {
    tasks.iter().filter(|it| runs(it, file))
}

fn runs(task: &Task, file: &WinPath) -> bool {
    let Ok(definition) = &task.definition else { return false };
    definition.actions.iter().any(|action| match action {
        TaskAction::Run { command, arguments } => {
            let named = arguments.to_lowercase().contains(&file.folded());
            named || image_file(command).is_some_and(|program| program == *file)
        }
        TaskAction::Class(_) | TaskAction::Other => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    const PC: &str = r#"//- reg "CACHE\Tree"
//- reg "CACHE\Tree\Tide"
Id = sz:{1}
//- reg "CACHE\Tasks\{1}"
DynamicInfo = hex:0300000000c0b0a6a87bdc0100c0b0a6a87bdc0100000000050007800000000000000000
//- reg "CACHE\Tree\Microsoft"
//- reg "CACHE\Tree\Microsoft\Windows"
//- reg "CACHE\Tree\Microsoft\Windows\WindowsUpdate"
//- reg "CACHE\Tree\Microsoft\Windows\WindowsUpdate\Scheduled Start"
Id = sz:{2}
//- file C:\Windows\System32\Tasks\Tide utf16
<?xml version="1.0" encoding="UTF-16"?>
<Task><Settings><Enabled>false</Enabled></Settings>
<Actions><Exec><Command>"C:\Program Files\Tide\tide.exe"</Command></Exec></Actions></Task>
//- absent "C:\Windows\System32\Tasks\Microsoft\Windows\WindowsUpdate\Scheduled Start"
"#;

    #[test]
    fn stored_tasks_are_put_together_from_keys_and_files() {
        let pc = Fixture::parse(&PC.replace("CACHE", CACHE)).unwrap();
        let read = read(&pc);
        let paths: Vec<&str> = read.found.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, [r"\Microsoft\Windows\WindowsUpdate\Scheduled Start", r"\Tide"]);
        let [update, tide] = &read.found[..] else { panic!("{:?}", read.found) };
        assert!(is_of_updates(&update.path) && !is_of_updates(&tide.path));
        assert_eq!(tide.is_disabled(), Some(true));
        assert_eq!(tide.last_result, Some(0x8007_0005));
        assert_eq!(tide.last_run.as_deref(), Some("2026-01-02T05:28:39Z"));
        assert!(matches!(update.definition, Err(HostErrorKind::Corrupt(_))));
        let file = WinPath::new(r"C:\Program Files\Tide\tide.exe");
        assert_eq!(running(&read.found, &file).count(), 1);
    }

    #[test]
    fn without_the_registry_no_task_is_known() {
        let read = read(&Fixture::parse("").unwrap());
        assert!(read.found.is_empty() && !read.unknown.is_empty());
    }
}
