//! A whole run of the ladder by the real program, killed at every record of its journals: `recover`
//! leaves the PC as it was, or repaired where the update went through.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use unwedge_lab::locked::{HELD, KB, LOG};
use unwedge_lab::{Ending, Lab, PLAYER, Pc, Registry, Start, Tree, UPDATE_AGENT, Victims};

const DOWNLOADED: &str = r"C:\windows\SoftwareDistribution\Download\5f3e\part.cab";
const JOURNALS: &str = r"C:\ProgramData\unwedge\repairs";
/// How often a record that went by too quickly is tried again.
const MOST_TRIES: u32 = 5;
/// Records at which the power is cut: after each kind of step, and in the middle of taking back.
const POWER_CUTS: [usize; 4] = [3, 5, 11, 19];
const POLLED: Duration = Duration::from_micros(100);

/// How closely a run is watched.
#[derive(Clone, Copy)]
struct Pace {
    /// So many records ahead it begins to be let go on step by step only.
    ahead: usize,
    longest_step: Duration,
}

const FIRST_PACE: Pace = Pace { ahead: 1, longest_step: Duration::from_millis(5) };

/// In the shape of a CBS.log in which one try met a lock and the next one damaged files.
fn failed() -> String {
    let package =
        format!("Package: Package_for_{KB}~31bf3856ad364e35~amd64~~1.0, Identifier: {KB}");
    let mut log = "2026-01-02 10:00:00, Info                  CBS    TI: --- Initializing Trusted Installer ---\n".to_owned();
    for (minute, met, result) in [
        (
            1,
            r"CSI    00000001@2026/1/2:09:00:03.000 Error STATUS_FILE_LOCK_CONFLICT while executing operation ReadFile on [l:61]'\SystemRoot\SoftwareDistribution\DataStore\DataStore.edb'",
            "0x80070021 - ERROR_LOCK_VIOLATION",
        ),
        (
            2,
            r"CBS    Failed to extract the payload: \\?\C:\Windows\SoftwareDistribution\Download\5f3e\part.cab [HRESULT = 0x80246002 - WU_E_DM_INCORRECTFILEHASH]",
            "0x80246002 - WU_E_DM_INCORRECTFILEHASH",
        ),
    ] {
        let at = |second: u32| format!("2026-01-02 10:0{minute}:0{second}, Info                  ");
        log += &format!(
            "{}CBS    Session: 3110000{minute}_1 initialized by client WindowsUpdateAgent, external staging directory: (null), external registry directory: (null)\n\
             {}CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 3110000{minute}_1, {package}\n\
             {}{met}\n\
             {}CBS    Exec: Processing complete.  Session: 3110000{minute}_1, {package} [HRESULT = {result}]\n\
             {}CBS    Session: 3110000{minute}_1 finalized. Reboot required: no [HRESULT = {result}]\n",
            at(1),
            at(2),
            at(3),
            at(4),
            at(5)
        );
    }
    log
}

/// The update fails, whatever is done.
const NEVER: &str = "code = 0x80070021";
/// The update goes through once what was downloaded is out of its way: a folder is no file that
/// could be opened.
const WITHOUT_DOWNLOADS: &str = r"held = C:\windows\SoftwareDistribution\Download\5f3e";

/// A PC on which the update fails; the agent does what `script` says.
fn failing_pc(lab: &Lab, name: &str, script: &str) -> Pc {
    let pc = lab.pc(name);
    pc.use_released();
    has_failed(&pc, script);
    pc.write(HELD, vec![0; 4096]);
    pc.write(DOWNLOADED, "part of an update");
    pc.play(PLAYER, &UPDATE_AGENT);
    pc.start_service("backup", &format!("lock:{HELD}"));
    pc
}

/// The update was tried and failed, and was not installed since.
fn has_failed(pc: &Pc, script: &str) {
    pc.write(LOG, failed());
    pc.write(r"C:\lab\update_agent.txt", format!("[{KB}]\nlog = {LOG}\n{script}\n"));
}

#[test]
fn a_ladder_killed_at_every_record_is_taken_back() {
    let Some(lab) = Lab::open() else { return };
    let _alone = alone();
    let finished = kill_at_every_record(&lab, "kill", NEVER, 1, 20);
    assert_eq!(finished, 0, "the update never goes through");
}

#[test]
fn a_ladder_that_helps_killed_at_every_record_is_taken_back_or_finished() {
    let Some(lab) = Lab::open() else { return };
    let _alone = alone();
    let finished = kill_at_every_record(&lab, "help", WITHOUT_DOWNLOADS, 0, 8);
    assert!(finished > 0, "no repair was left in place");
}

/// Records are told apart by time: the fewer PCs are at work, the better.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills a ladder that ends with `code` after at least so many records at each of them, and says how
/// often `recover` left the PC repaired.
fn kill_at_every_record(lab: &Lab, name: &str, script: &str, code: i32, least: usize) -> usize {
    let pcs = ["1", "2"].map(|it| failing_pc(lab, &format!("{name}-{it}"), script));
    let ladder = whole_run(&pcs[0], script, code);
    let all = ladder.records;
    assert!(all >= least, "the ladder has {all} records only");
    // Each PC takes every second record, the other ones a PC of the same kind.
    let cuts: Vec<Cut> = thread::scope(|scope| {
        let halves: Vec<_> = pcs
            .iter()
            .enumerate()
            .map(|(half, pc)| {
                let mine = (1..=all).filter(move |it| it % 2 == half);
                let ladder = &ladder;
                scope.spawn(move || cut_at_each(pc, ladder, mine))
            })
            .collect();
        halves.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let reached: BTreeSet<usize> =
        cuts.iter().filter(|it| it.was_cut_off).map(|it| it.record).collect();
    let count = |left: Left| cuts.iter().filter(|it| it.left == left).count();
    let (back, finished) = (count(Left::TakenBack), count(Left::Finished));
    // Straight to the stream, so that it is seen of a test that passes.
    let mut stream = io::stderr();
    writeln!(
        stream,
        "killed {} times, at {} of {all} records: {finished} finished, {back} taken back, \
         of {} all was back already",
        cuts.len(),
        reached.len(),
        count(Left::AsItWas),
    )
    .unwrap();
    let missed: Vec<usize> = (1..=all).filter(|it| !reached.contains(it)).collect();
    // Two records may follow each other so closely that nobody gets between them.
    assert!(missed.len() * 10 <= all, "never killed at the records {missed:?} of {all}");
    assert!(back * 2 > all, "hardly anything had to be taken back");
    finished
}

#[test]
fn a_ladder_cut_off_with_all_of_windows_is_taken_back() {
    let Some(lab) = Lab::open() else { return };
    let _alone = alone();
    let mut pc = failing_pc(&lab, "power", NEVER);
    // What was set up just now is kept by an end in good order only.
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    start(&pc);
    let before = State::of(&pc);
    let first = records(&pc);
    for record in POWER_CUTS {
        let was_cut_off = run_until(&pc, record, FIRST_PACE, |_| pc.cut_power());
        assert!(was_cut_off, "it came to its end before record {record}");
        pc.restart(Ending::PowerCut, Start::ToTheEnd);
        let recovered = pc.run(&["recover", "--yes", "--json"]);
        assert_eq!(recovered.code, 0, "cut off at record {record}: {recovered:?}");
        // What does not start with Windows runs again only where that had to be taken back.
        if !runs(&pc) {
            start(&pc);
        }
        before.compare(&pc, &format!("a power cut at record {record}"));
    }
    assert!(records(&pc) > first + POWER_CUTS.iter().sum::<usize>(), "nothing was taken back");
}

fn start(pc: &Pc) {
    let started = pc.run_windows("sc", &["start", "backup"]);
    assert_eq!(started.code, 0, "{started:?}");
}

fn runs(pc: &Pc) -> bool {
    pc.run_windows("sc", &["query", "backup"]).stdout.contains("RUNNING")
}

/// What became of a run that was killed.
struct Cut {
    /// How many records its journals had.
    record: usize,
    /// Whether it had not come to its end by then.
    was_cut_off: bool,
    left: Left,
}

/// How `recover` leaves a PC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// There was nothing to take back.
    AsItWas,
    TakenBack,
    Finished,
}

/// A run that nobody disturbs.
struct Ladder {
    script: String,
    /// How many it writes.
    records: usize,
    /// What it leaves changed.
    finished: Changes,
}

fn whole_run(pc: &Pc, script: &str, code: i32) -> Ladder {
    let before = State::of(pc);
    let told = pc.run(&["fix", "--yes", "--json"]);
    assert_eq!(told.code, code, "{told:?}");
    let finished = before.changes(pc, "a run that was not disturbed");
    assert_eq!(finished.is_empty(), code != 0, "{finished:?} after {told:?}");
    let ladder = Ladder { script: script.to_owned(), records: records(pc), finished };
    make_failed_again(pc, &ladder, &before);
    ladder
}

/// Takes back what helped, and has the update fail again.
fn make_failed_again(pc: &Pc, ladder: &Ladder, before: &State) {
    if !ladder.finished.is_empty() {
        let undone = pc.run(&["undo", "--yes"]);
        assert_eq!(undone.code, 0, "{undone:?}");
    }
    before.compare(pc, "the undo");
    has_failed(pc, &ladder.script);
}

/// Kills a run at each of these records, and has it taken back.
fn cut_at_each(pc: &Pc, ladder: &Ladder, records: impl Iterator<Item = usize>) -> Vec<Cut> {
    let before = State::of(pc);
    let mut cuts = Vec::new();
    for record in records {
        let mut pace = FIRST_PACE;
        for _ in 0..MOST_TRIES {
            let cut = cut_at(pc, ladder, record, pace, &before);
            let is_as_wanted = cut.record == record && cut.was_cut_off;
            cuts.push(cut);
            if is_as_wanted {
                break;
            }
            // It went by between two looks, or in one step.
            pace.ahead += 2;
            pace.longest_step = (pace.longest_step / 3).max(POLLED);
        }
    }
    cuts
}

fn cut_at(pc: &Pc, ladder: &Ladder, record: usize, pace: Pace, before: &State) -> Cut {
    has_failed(pc, &ladder.script);
    let earlier = records(pc);
    let was_cut_off = run_until(pc, record, pace, Victims::kill);
    let reached = records(pc) - earlier;
    assert!(reached >= record, "it came to its end at record {reached}, before {record}");
    let recovered = pc.run(&["recover", "--yes", "--json"]);
    assert_eq!(recovered.code, 0, "killed at record {reached}: {recovered:?}");
    let had_to_act = records(pc) - earlier > reached;
    let again = pc.run(&["recover", "--yes"]);
    assert_eq!(again.code, 0, "killed at record {reached}, nothing is left to do: {again:?}");
    let changes = before.changes(pc, &format!("a run killed at record {reached}"));
    let left = if !changes.is_empty() {
        // Half of a repair is none.
        assert_eq!(changes, ladder.finished, "a run killed at record {reached}");
        make_failed_again(pc, ladder, before);
        Left::Finished
    } else if had_to_act {
        Left::TakenBack
    } else {
        Left::AsItWas
    };
    Cut { record: reached, was_cut_off, left }
}

/// Lets a run go on until its journals have so many records, and then has it ended; says whether it
/// had not come to its end by then.
fn run_until(pc: &Pc, record: usize, pace: Pace, end: impl FnOnce(&Victims)) -> bool {
    let earlier = records(pc);
    let written = || records(pc) - earlier;
    thread::scope(|scope| {
        let run = scope.spawn(|| pc.run(&["fix", "--yes", "--json"]));
        let mut running = Victims::default();
        // Found anew until there is a journal, so that it takes no time afterwards.
        while !run.is_finished() && written() + pace.ahead < record.max(pace.ahead + 1) {
            if written() == 0 {
                running = pc.processes_of("unwedge.exe");
            }
            thread::sleep(POLLED);
        }
        // Records follow each other quickly or after seconds: the steps are short at first.
        let mut step = POLLED;
        while !run.is_finished() && written() < record {
            running.step(step);
            step = step.mul_f64(1.05).min(pace.longest_step);
        }
        end(&running);
        running.let_go(|| run.is_finished());
        // What is killed has told nothing yet.
        run.join().unwrap().stdout.is_empty()
    })
}

/// All of a PC that a repair may touch.
struct State {
    files: Tree,
    registry: Registry,
    runs: bool,
}

impl State {
    fn of(pc: &Pc) -> State {
        State { files: pc.tree(), registry: pc.registry_dump(), runs: runs(pc) }
    }

    fn compare(&self, pc: &Pc, after: &str) {
        let changes = self.changes(pc, after);
        assert!(changes.is_empty(), "after {after}: {changes:?}");
    }

    fn changes(&self, pc: &Pc, after: &str) -> Changes {
        let now = State::of(pc);
        assert!(self.runs && now.runs, "the service does not run after {after}");
        let mut files = now.files.changes_since(&self.files);
        files.retain(|it| !is_expected(&it.to_lowercase()));
        let mut registry = now.registry.changes_since(&self.registry);
        registry.retain(|it| !is_by_wine(it));
        files.into_iter().chain(registry).map(|it| without_number(&it)).collect()
    }
}

/// The files, keys and values that are not as they were; of what was moved aside without the number
/// of the journal.
type Changes = BTreeSet<String>;

fn without_number(changed: &str) -> String {
    let Some((path, aside)) = changed.split_once("unwedge-") else { return changed.to_owned() };
    let rest = aside.trim_start_matches(|it: char| it.is_ascii_digit());
    format!("{path}unwedge-N{rest}")
}

/// What a repair and the lab's own agent write, and nothing else: journals, and the log of the try.
fn is_expected(path: &str) -> bool {
    // Renaming there and back touches the folder itself.
    ["windows", "windows/softwaredistribution", "windows/system32/tasks"].contains(&path)
        || ["programdata", "lab", "windows/logs/cbs", "windows/temp"]
            .iter()
            .any(|folder| path.starts_with(folder))
}

/// What Wine itself writes meanwhile: which service it starts, that its desktop has no display, that
/// its Task Scheduler starts with Windows once it has had a task, and who asked for signatures.
fn is_by_wine(changed: &str) -> bool {
    [
        r"\Control\ServiceCurrent]",
        r"\Control\Video\",
        // Display adapters, found anew at each start.
        r"\Control\Class\{4D36E968-E325-11CE-BFC1-08002BE10318}",
        r#"\Services\Schedule] "Start""#,
        r"\CurrentVersion\Wintrust",
    ]
    .iter()
    .any(|place| changed.contains(place))
}

fn journals(pc: &Pc) -> Vec<PathBuf> {
    let Ok(folder) = fs::read_dir(pc.path(JOURNALS)) else { return Vec::new() };
    let is_journal = |it: &PathBuf| it.extension().is_some_and(|it| it == "journal");
    folder.flatten().map(|it| it.path()).filter(is_journal).collect()
}

/// How many records all journals have together.
fn records(pc: &Pc) -> usize {
    let of_one = |it: PathBuf| {
        fs::read(it).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
    };
    journals(pc).into_iter().map(of_one).sum()
}
