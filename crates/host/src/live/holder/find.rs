//! From the files asked about to everyone who holds them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::windows::io::AsRawHandle;

use windows::Wdk::System::SystemInformation::{NtQuerySystemInformation, SYSTEM_INFORMATION_CLASS};
use windows::Win32::Foundation::STATUS_INFO_LENGTH_MISMATCH;

use super::super::file::Files;
use super::super::registry::Registry;
use super::super::returned::Running;
use super::super::{about, filter, name, process, task};
use super::ask::{Asker, Helper, Reply};
use super::named::{self, Target};
use super::place::Places;
use super::wanted::Wanted;
use super::wire::{Answer, FileId, Question};
use super::witness::{Found, Seen, Tried, put_together};
use super::{conflict, elsewhere, table};
use crate::probe::{
    Certainty, Conflict, Hold, Holder, HolderGap, Holders, NotInspected, Process, Witness,
};
use crate::{HostError, HostErrorKind, Result, ServiceName, WinPath};
use unwedge_formats::export::TaskAction;

/// A table longer than this is no table of handles.
const MOST_TABLE_BYTES: usize = 512 << 20;
/// The Restart Manager takes a second for some hundred files.
const MOST_MANAGED: usize = 16;
/// The file system looks through all processes for each file.
const MOST_USERS: usize = 64;
/// More held files are named, but not tried.
const MOST_TRIED: usize = 20_000;
const ACCESS_DENIED: u32 = 5;
/// The process of the kernel, which holds the hives.
const SYSTEM: u32 = 4;

/// What is known so far.
struct Search<'s> {
    paths: &'s [WinPath],
    targets: Vec<Target>,
    wanted: Wanted,
    ids: HashMap<FileId, usize>,
    places: Places,
    running: BTreeMap<u32, Running>,
    services: BTreeMap<u32, Vec<ServiceName>>,
    seen: Vec<Seen>,
    /// What could not be seen of a process, and why.
    unseen: BTreeMap<u32, BTreeMap<String, usize>>,
    command_lines: BTreeMap<u32, String>,
    gaps: Vec<HolderGap>,
}

/// Finds everyone who holds one of `paths` or something below.
pub(in crate::live) fn find(
    files: &Files,
    registry: &Registry,
    helper: &Helper,
    paths: &[WinPath],
) -> Result<Holders> {
    about::look_into_processes();
    let mut asker = Asker::start(helper)?;
    let running = process::running()?.into_iter().filter(|it| it.pid != 0);
    let mut search = Search {
        paths,
        targets: Vec::new(),
        wanted: Wanted::default(),
        ids: HashMap::new(),
        places: named::places(&files.windows),
        running: running.map(|it| (it.pid, it)).collect(),
        services: process::by_process(),
        seen: Vec::new(),
        unseen: BTreeMap::new(),
        command_lines: BTreeMap::new(),
        gaps: Vec::new(),
    };
    search.look_for(files);
    search.ask_processes(&mut asker)?;
    search.ask_services(registry);
    let tried = search.try_files(files, &mut asker)?;
    Ok(search.told(&tried))
}

impl Search<'_> {
    /// Finds out what the paths asked about really are.
    fn look_for(&mut self, files: &Files) {
        for (number, path) in self.paths.iter().enumerate() {
            self.wanted.add(path, number);
            let target = files.place("look at", path).and_then(|place| {
                let verbatim = place.to_string_lossy().into_owned();
                let looked = named::target(&verbatim, &self.places);
                looked.map_err(|error| super::super::file::refused("look at", path, &error))
            });
            let target = target.unwrap_or_else(|error| {
                let is_absent = matches!(error.kind, HostErrorKind::Win32(2 | 3));
                if !is_absent {
                    self.gaps.push(gap(&format!("other names of {path}"), &error.kind));
                }
                Target { is_absent, ..Target::default() }
            });
            for name in &target.names {
                self.wanted.add(name, number);
            }
            if let Some(id) = target.id {
                self.ids.insert(id, number);
            }
            self.targets.push(target);
        }
    }

    /// Asks for all that processes have open, mapped, or work in.
    fn ask_processes(&mut self, asker: &mut Asker) -> Result<()> {
        let own = [std::process::id(), asker.pid()];
        let open = snapshot(&own)?;
        let with_id = !self.ids.is_empty();
        let mut questions = Vec::new();
        for it in &open {
            let Some(process) = self.running.get(&it.pid) else { continue };
            let (pid, born) = (it.pid, process.began);
            questions.push((
                Question::Handle { pid, born, handle: it.handle, with_id },
                Some((it.handle, it.access)),
            ));
        }
        for process in self.running.values().filter(|it| !own.contains(&it.pid)) {
            let (pid, born) = (process.pid, process.began);
            questions.push((Question::Parameters { pid, born }, None));
            questions.push((Question::Memory { pid, born }, None));
        }
        questions.sort_by_key(|(question, _)| question.pid());
        let (questions, details): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        let replies = asker.ask(questions.clone())?;
        for ((question, detail), reply) in questions.iter().zip(details).zip(replies) {
            let pid = question.pid().expect("these are all about processes");
            self.hear(pid, question, detail, reply);
        }
        Ok(())
    }

    fn hear(&mut self, pid: u32, question: &Question, detail: Option<(u64, u32)>, reply: Reply) {
        let access = detail.map(|(_, access)| access);
        match reply {
            Reply::Answer(Answer::File { name, id }) => {
                let hold = Hold::Handle { access };
                self.see(pid, &name, id, hold, Witness::HandleTable);
            }
            Reply::Answer(Answer::Mapped(all)) => {
                for (is_image, name) in all {
                    let hold = if is_image { Hold::Image } else { Hold::Mapping };
                    self.see(pid, &name, None, hold, Witness::Memory);
                }
            }
            Reply::Answer(Answer::Parameters { folder, command_line, .. }) => {
                self.see(pid, &folder, None, Hold::WorkingDirectory, Witness::Parameters);
                self.command_lines.insert(pid, command_line);
            }
            Reply::Answer(Answer::Refused(code)) => {
                self.not_seen(pid, question, code_in_words(code))
            }
            Reply::Hung => {
                let why = match detail {
                    Some((handle, _)) => format!("handle 0x{handle:X} gave no answer in time"),
                    None => "Windows gave no answer in time".to_owned(),
                };
                self.not_seen(pid, question, why);
            }
            Reply::NotAsked => {
                self.not_seen(pid, question, "too many before it gave no answer".to_owned());
            }
            Reply::Answer(Answer::NoFile | Answer::Gone | Answer::Processes(_)) => {}
        }
    }

    fn see(&mut self, pid: u32, native: &str, id: Option<FileId>, hold: Hold, witness: Witness) {
        let Some(path) = self.places.path(native) else { return };
        let by_id = || id.and_then(|id| self.ids.get(&id).copied());
        let Some(question) = self.wanted.find(&path).or_else(by_id) else { return };
        self.seen.push(Seen { path, question, pid, hold, witness });
    }

    fn not_seen(&mut self, pid: u32, question: &Question, why: String) {
        let reasons = self.unseen.entry(pid).or_default();
        let is_handle = matches!(question, Question::Handle { .. });
        *reasons.entry(why).or_default() += usize::from(is_handle);
    }

    /// Asks parts of Windows that hold files for others.
    fn ask_services(&mut self, registry: &Registry) {
        match elsewhere::hives(registry, &self.places) {
            Ok(hives) => {
                for (path, key) in hives {
                    if let Some(question) = self.wanted.find(&path) {
                        let (hold, witness) = (Hold::Hive { key }, Witness::HiveList);
                        self.seen.push(Seen { path, question, pid: SYSTEM, hold, witness });
                    }
                }
            }
            Err(error) => self.gaps.push(gap("loaded hives", &error.kind)),
        }
        // Asking the service would start it, which changes the PC.
        let transfer = ServiceName::new("BITS");
        let Some(pid) = self.services.iter().find(|(_, all)| all.contains(&transfer)) else {
            return;
        };
        let pid = *pid.0;
        match elsewhere::transfers() {
            Ok(files) => {
                for (path, name) in files {
                    if let Some(question) = self.wanted.find(&path) {
                        let (hold, witness) = (Hold::Transfer { name }, Witness::TransferService);
                        self.seen.push(Seen { path, question, pid, hold, witness });
                    }
                }
            }
            Err(error) => self.gaps.push(gap("background transfers", &error.kind)),
        }
    }

    /// Tries the files that are held and those asked for by name, and asks others who uses them.
    fn try_files(&mut self, files: &Files, asker: &mut Asker) -> Result<BTreeMap<WinPath, Tried>> {
        let named: Vec<(usize, WinPath)> = self
            .targets
            .iter()
            .enumerate()
            .filter_map(|(at, it)| {
                it.names.first().filter(|_| !it.is_folder).map(|name| (at, name.clone()))
            })
            .collect();
        let asked_for: BTreeSet<&WinPath> = named.iter().map(|(_, path)| path).collect();
        let held: BTreeSet<WinPath> =
            self.seen.iter().filter(|it| is_tried(&it.hold)).map(|it| it.path.clone()).collect();
        let all: BTreeSet<&WinPath> = asked_for.iter().copied().chain(&held).collect();
        if all.len() > MOST_TRIED {
            let why = HostErrorKind::Io(format!("more than {MOST_TRIED} files are held"));
            self.gaps.push(gap("what others are kept from", &why));
        }
        let mut tried = BTreeMap::new();
        for path in all.into_iter().take(MOST_TRIED) {
            let Some(verbatim) = name::verbatim(path, &files.windows) else { continue };
            let result = conflict::tried(path, &verbatim, asked_for.contains(path));
            tried.insert(path.clone(), result);
        }
        self.ask_others(&named, asker, &mut tried)?;
        Ok(tried)
    }

    /// Second witnesses: the file system, and the Restart Manager, for files asked for by name.
    fn ask_others(
        &mut self,
        named: &[(usize, WinPath)],
        asker: &mut Asker,
        tried: &mut BTreeMap<WinPath, Tried>,
    ) -> Result<()> {
        let verbatim = |path: &WinPath| format!(r"\\?\{path}");
        let sees_all = self.unseen.is_empty();
        // A file that nobody holds is no matter for the Restart Manager: it takes its time.
        let held = |path: &WinPath| {
            let opens =
                tried.get(path).is_none_or(|it| it.write == Some(true) && it.ranges.is_empty());
            !opens || self.seen.iter().any(|it| it.path == *path)
        };
        let managed: Vec<&(usize, WinPath)> = named.iter().filter(|(_, path)| held(path)).collect();
        let mut questions: Vec<(usize, WinPath, Question)> = Vec::new();
        // The file system knows of processes too into which nobody may look.
        let used = named.iter().filter(|(_, path)| !sees_all || held(path));
        for (number, path) in used.take(MOST_USERS) {
            questions.push((*number, path.clone(), Question::Users { path: verbatim(path) }));
        }
        for (number, path) in managed.iter().take(MOST_MANAGED) {
            let paths = vec![path.to_string()];
            questions.push((*number, path.clone(), Question::Managed { paths }));
        }
        let replies = asker.ask(questions.iter().map(|(_, _, it)| it.clone()).collect())?;
        for ((question, path, asked), reply) in questions.into_iter().zip(replies) {
            let is_manager = matches!(asked, Question::Managed { .. });
            let witness = if is_manager { Witness::RestartManager } else { Witness::FileSystem };
            let Reply::Answer(Answer::Processes(all)) = reply else { continue };
            let own = std::process::id();
            let all = all.into_iter().filter(|(pid, born)| {
                let same = |it: &Running| born.is_none_or(|born| born == it.began);
                *pid != own && self.running.get(pid).is_some_and(same)
            });
            let pids: Vec<u32> = all.map(|(pid, _)| pid).collect();
            for pid in &pids {
                let (path, hold) = (path.clone(), Hold::Use);
                self.seen.push(Seen { path, question, pid: *pid, hold, witness });
            }
            if !is_manager {
                tried.entry(path).or_default().users = Some(pids);
            }
        }
        Ok(())
    }

    /// Puts it together.
    fn told(mut self, tried: &BTreeMap<WinPath, Tried>) -> Holders {
        let found = put_together(std::mem::take(&mut self.seen), tried, self.unseen.is_empty());
        let pids: BTreeSet<u32> =
            found.iter().map(|it| it.pid).chain(self.unseen.keys().copied()).collect();
        let running: Vec<Running> =
            pids.iter().filter_map(|pid| self.running.get(pid).cloned()).collect();
        let mut processes: BTreeMap<u32, Process> = BTreeMap::new();
        for mut it in process::described(&running, &self.services) {
            it.command_line = it.command_line.or_else(|| self.command_lines.remove(&it.pid));
            processes.insert(it.pid, it);
        }
        let holder = |it: Found| Holder {
            asked: self.paths[it.question].clone(),
            process: processes.get(&it.pid).cloned(),
            path: it.path,
            hold: it.hold,
            conflict: it.conflict,
            certainty: it.certainty,
            witnesses: it.witnesses,
        };
        let mut holders: Vec<Holder> = found.into_iter().map(holder).collect();
        let unexplained = self.unexplained(&holders, tried);
        let is_complete = unexplained.is_empty() && self.is_complete(&holders, tried);
        holders.extend(self.filters(&unexplained));
        // A task that does not run holds nothing: not to know of tasks leaves nobody out.
        holders.extend(self.tasks());
        let not_inspected = self
            .unseen
            .iter()
            .map(|(pid, reasons)| not_inspected(*pid, reasons, processes.get(pid)));
        Holders {
            complete: is_complete,
            not_inspected: not_inspected.collect(),
            gaps: std::mem::take(&mut self.gaps),
            holders,
        }
    }

    /// Whether everyone was found: every process was seen into, or the file system, which sees
    /// them all, names nobody else for any of the files asked for.
    fn is_complete(&self, holders: &[Holder], tried: &BTreeMap<WinPath, Tried>) -> bool {
        let is_found = |pid: &u32, path: &WinPath| {
            holders.iter().any(|it| it.pid() == *pid && it.path == *path)
        };
        let is_settled = |target: &Target| {
            let name = target.names.first().filter(|_| !target.is_folder);
            let users = name.and_then(|name| Some((name, tried.get(name)?.users.as_ref()?)));
            target.is_absent
                || users.is_some_and(|(name, users)| users.iter().all(|it| is_found(it, name)))
        };
        self.gaps.is_empty() && (self.unseen.is_empty() || self.targets.iter().all(is_settled))
    }

    /// Tasks that run one of the programs asked for by name.
    fn tasks(&mut self) -> Vec<Holder> {
        const PROGRAMS: [&str; 5] = [".exe", ".bat", ".cmd", ".com", ".ps1"];
        let is_program = |path: &WinPath| {
            let name = path.folded();
            PROGRAMS.iter().any(|it| name.ends_with(it))
        };
        if !self.paths.iter().any(is_program) {
            return Vec::new();
        }
        let tasks = match task::list() {
            Ok(tasks) => tasks,
            Err(error) => {
                self.gaps.push(gap("tasks that run it", &error.kind));
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for task in tasks {
            let Ok(definition) = &task.definition else { continue };
            for action in &definition.actions {
                let TaskAction::Run { command, .. } = action else { continue };
                let path = WinPath::new(command.trim_matches('"'));
                let Some(question) = self.wanted.find(&path) else { continue };
                found.push(Holder {
                    path,
                    asked: self.paths[question].clone(),
                    hold: Hold::Task { name: task.path.clone() },
                    conflict: Conflict::Unknown,
                    certainty: Certainty::Candidate,
                    witnesses: vec![Witness::TaskScheduler],
                    process: None,
                });
            }
        }
        found
    }

    /// Files that are shut, though nobody is seen to shut them.
    fn unexplained(
        &self,
        holders: &[Holder],
        tried: &BTreeMap<WinPath, Tried>,
    ) -> Vec<(usize, WinPath)> {
        let explains = |it: &Holder| it.excludes() || it.pins() || it.hold == Hold::Image;
        let targets = self.targets.iter().enumerate().filter_map(|(at, target)| {
            let path = target.names.first()?;
            let it = tried.get(path)?;
            let shut = [it.read, it.write, it.delete].contains(&Some(false))
                || !it.ranges.is_empty()
                || it.delete_pending;
            let is_explained = holders
                .iter()
                .any(|holder| target.names.contains(&holder.path) && explains(holder));
            (shut && !is_explained).then(|| (at, path.clone()))
        });
        targets.collect()
    }

    /// Who may hold these in the kernel, where no handle shows.
    fn filters(&mut self, unexplained: &[(usize, WinPath)]) -> Vec<Holder> {
        if unexplained.is_empty() {
            return Vec::new();
        }
        let filters = match filter::loaded() {
            Ok(filters) => filters,
            Err(error) => {
                self.gaps.push(gap("filters that may hold it in the kernel", &error.kind));
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        for (question, path) in unexplained {
            for filter in &filters {
                found.push(Holder {
                    path: path.clone(),
                    asked: self.paths[*question].clone(),
                    hold: Hold::Filter {
                        name: filter.name.clone(),
                        altitude: filter.altitude.clone(),
                    },
                    conflict: Conflict::Unknown,
                    certainty: Certainty::Candidate,
                    witnesses: vec![Witness::FilterManager],
                    process: None,
                });
            }
        }
        found
    }
}

/// Trying tells nothing of these that is not known already.
fn is_tried(hold: &Hold) -> bool {
    matches!(hold, Hold::Handle { .. } | Hold::Use)
}

fn not_inspected(
    pid: u32,
    reasons: &BTreeMap<String, usize>,
    process: Option<&Process>,
) -> NotInspected {
    let handles: usize = reasons.values().sum();
    NotInspected {
        pid,
        image: process.map(|it| it.image.clone()).unwrap_or_default(),
        services: process.map(|it| it.services.clone()).unwrap_or_default(),
        is_protected: process.and_then(|it| it.is_protected),
        what: match handles {
            0 => "its memory".to_owned(),
            1 => "one of its open files".to_owned(),
            n => format!("{n} of its open files"),
        },
        why: reasons.keys().cloned().collect::<Vec<_>>().join("; "),
    }
}

fn code_in_words(code: u32) -> String {
    match code {
        ACCESS_DENIED => "Windows does not let it be looked into (error 5)".to_owned(),
        code => format!("Windows refused with error {code}"),
    }
}

fn gap(what: &str, why: &HostErrorKind) -> HolderGap {
    HolderGap { what: what.to_owned(), why: why.to_string() }
}

/// The open files of all other processes.
fn snapshot(own: &[u32]) -> Result<Vec<table::Open>> {
    // One file of ours tells the number that files have in the table.
    let program = std::env::current_exe().and_then(std::fs::File::open);
    let marker = program.map_err(|error| failed(&error.to_string()))?;
    let bytes = handles()?;
    let kind = table::kind_of(&bytes, std::process::id(), marker.as_raw_handle() as u64);
    let kind = kind.ok_or_else(|| failed("our own file is not among them"))?;
    Ok(table::of_kind(&bytes, kind, own))
}

fn handles() -> Result<Vec<u8>> {
    let mut bytes = vec![0_u8; 4 << 20];
    loop {
        let mut needed = 0;
        let (into, size) = (bytes.as_mut_ptr().cast(), bytes.len() as u32);
        // SAFETY: the buffer is as long as its size says.
        let status = unsafe {
            NtQuerySystemInformation(
                SYSTEM_INFORMATION_CLASS(table::CLASS),
                into,
                size,
                &mut needed,
            )
        };
        if status.is_ok() {
            return Ok(bytes);
        }
        // More may be opened before the next try.
        let wanted = (needed as usize).max(bytes.len()).saturating_add(1 << 20);
        if status != STATUS_INFO_LENGTH_MISMATCH || wanted > MOST_TABLE_BYTES {
            return Err(failed(&format!("status 0x{:08X}", status.0)));
        }
        bytes = vec![0; wanted];
    }
}

fn failed(why: &str) -> HostError {
    let kind = HostErrorKind::Io(why.to_owned());
    HostError { op: "list", subject: "open handles".to_owned(), kind }
}
