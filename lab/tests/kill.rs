//! A whole run of the ladder by the real program, killed at every record of its journals: `recover`
//! leaves the PC as it was.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use unwedge_lab::{Ending, Lab, Pc, Registry, Start, Tree, Victims};

const KB: &str = "KB5099999";
const LOG: &str = r"C:\windows\Logs\CBS\CBS.log";
const HELD: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";
const DOWNLOADED: &str = r"C:\windows\SoftwareDistribution\Download\5f3e\part.cab";
const JOURNALS: &str = r"C:\ProgramData\unwedge\repairs";
/// How often a record that went by too quickly is tried again.
const MOST_TRIES: usize = 4;
/// Records at which the power is cut: after each kind of step, and in the middle of taking back.
const POWER_CUTS: [usize; 4] = [3, 5, 11, 19];
const POLLED: Duration = Duration::from_micros(100);
const LONGEST_STEP: Duration = Duration::from_millis(5);

/// The classes of the agent that the lab's own takes over.
const CLASSES: [&str; 3] = [
    "{4CB43D7F-7EEE-4906-8698-60DA1C38F2FE}",
    "{13639463-00DB-4646-803D-528026140D88}",
    "{C01B9BA0-BEA7-41BA-B604-D0A36F469133}",
];

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

/// A PC on which the update fails, whatever is done.
fn failing_pc(lab: &Lab, name: &str) -> Pc {
    let pc = lab.pc(name);
    pc.use_released();
    pc.write(LOG, failed());
    pc.write(HELD, vec![0; 4096]);
    pc.write(DOWNLOADED, "part of an update");
    pc.write(r"C:\lab\update_agent.txt", format!("[{KB}]\nlog = {LOG}\ncode = 0x80070021\n"));
    let library = pc.program("lab_update_agent.dll").replace('\\', r"\\");
    let class = |id: &str| {
        format!(
            "[HKEY_LOCAL_MACHINE\\Software\\Classes\\CLSID\\{id}\\InprocServer32]\n@=\"{library}\"\n\
             \"ThreadingModel\"=\"Both\"\n\n"
        )
    };
    pc.change_registry(&CLASSES.map(class).concat());
    pc.start_service("backup", &format!("lock:{HELD}"));
    pc
}

#[test]
fn a_ladder_killed_at_every_record_is_taken_back() {
    let Some(lab) = Lab::open() else { return };
    let pcs = [failing_pc(&lab, "kill-1"), failing_pc(&lab, "kill-2")];
    let all = whole_run(&pcs[0]);
    assert!(all >= 20, "the ladder has {all} records only: no two repairs were made");
    // Each PC takes every second record, the other ones a PC of the same kind.
    let cuts: Vec<Cut> = thread::scope(|scope| {
        let halves: Vec<_> = pcs
            .iter()
            .enumerate()
            .map(|(half, pc)| {
                let mine = (1..=all).filter(move |it| it % 2 == half);
                scope.spawn(move || cut_at_each(pc, mine))
            })
            .collect();
        halves.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let reached: BTreeSet<usize> = cuts.iter().map(|it| it.record).collect();
    let back = cuts.iter().filter(|it| it.was_taken_back).count();
    // Straight to the stream, so that it is seen of a test that passes.
    writeln!(
        io::stderr(),
        "killed {} times, at {} of {all} records: {back} taken back, of {} all was back already",
        cuts.len(),
        reached.len(),
        cuts.len() - back,
    )
    .unwrap();
    let missed: Vec<usize> = (1..=all).filter(|it| !reached.contains(it)).collect();
    assert!(missed.is_empty(), "never killed at the records {missed:?} of {all}");
    assert!(back * 2 > all, "hardly anything had to be taken back");
}

#[test]
fn a_ladder_cut_off_with_all_of_windows_is_taken_back() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = failing_pc(&lab, "power");
    // What was set up just now is kept by an end in good order only.
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    start(&pc);
    let before = State::of(&pc);
    let first = records(&pc);
    for record in POWER_CUTS {
        run_until(&pc, record, |running| {
            pc.cut_power();
            running.are_gone();
        });
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
    /// Whether there was something to take back.
    was_taken_back: bool,
}

/// A run that nobody disturbs: how many records it writes.
fn whole_run(pc: &Pc) -> usize {
    let before = State::of(pc);
    let told = pc.run(&["fix", "--yes", "--json"]);
    assert_eq!(told.code, 1, "{told:?}");
    before.compare(pc, "a run that was not disturbed");
    records(pc)
}

/// Kills a run at each of these records, and has it taken back.
fn cut_at_each(pc: &Pc, records: impl Iterator<Item = usize>) -> Vec<Cut> {
    let before = State::of(pc);
    let mut cuts = Vec::new();
    for record in records {
        for _ in 0..MOST_TRIES {
            let cut = cut_at(pc, record, &before);
            let reached = cut.record;
            cuts.push(cut);
            if reached == record {
                break;
            }
        }
    }
    cuts
}

fn cut_at(pc: &Pc, record: usize, before: &State) -> Cut {
    let earlier = records(pc);
    run_until(pc, record, Victims::kill);
    let reached = records(pc) - earlier;
    let recovered = pc.run(&["recover", "--yes", "--json"]);
    assert_eq!(recovered.code, 0, "killed at record {reached}: {recovered:?}");
    before.compare(pc, &format!("a run killed at record {reached}"));
    let again = pc.run(&["recover", "--yes"]);
    assert_eq!(again.code, 0, "killed at record {reached}, nothing is left to do: {again:?}");
    Cut { record: reached, was_taken_back: records(pc) - earlier > reached }
}

/// Lets a run go on until its journals have so many records, and then has it ended.
fn run_until(pc: &Pc, record: usize, end: impl FnOnce(&Victims)) {
    let earlier = records(pc);
    let written = || records(pc) - earlier;
    thread::scope(|scope| {
        let run = scope.spawn(|| pc.run(&["fix", "--yes", "--json"]));
        let mut running = Victims::default();
        // Found anew until there is a journal, so that it takes no time afterwards.
        while !run.is_finished() && written() + 1 < record.max(2) {
            if written() == 0 {
                running = pc.processes_of("unwedge.exe");
            }
            thread::sleep(POLLED);
        }
        // Records follow each other quickly or after seconds: the steps are short at first.
        let mut step = POLLED;
        while !run.is_finished() && written() < record {
            running.step(step);
            step = step.mul_f64(1.05).min(LONGEST_STEP);
        }
        end(&running);
        let told = run.join().unwrap();
        assert_eq!(told.stdout, "", "it came to its end before record {record}: {told:?}");
    });
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
        let now = State::of(pc);
        assert!(self.runs && now.runs, "the service does not run after {after}");
        let mut files = now.files.changes_since(&self.files);
        files.retain(|it| !is_expected(&it.to_lowercase()));
        assert!(files.is_empty(), "after {after}: {files:?}");
        let mut registry = now.registry.changes_since(&self.registry);
        registry.retain(|it| !is_by_wine(it));
        assert!(registry.is_empty(), "after {after}: {registry:?}");
    }
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
