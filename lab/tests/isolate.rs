//! The search for the culprit by the real program, over restarts of a PC of the lab: services of the lab
//! are the suspects, and one of them, or two together, keep files to themselves.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use unwedge_lab::{Ending, Lab, PLAYER, Pc, Registry, SCHEDULER, Start};

const HELD: &str = r"C:\windows\SoftwareDistribution\DataStore\DataStore.edb";
const OTHER: &str = r"C:\windows\SoftwareDistribution\Download\part.cab";
const JOURNALS: &str = r"C:\ProgramData\unwedge\repairs";
const TASK: &str = r"C:\lab\tasks\unwedge\recover";
/// What is started when somebody signs in.
const SIGN_IN: &str = r"C:\lab\tasks\unwedge\sign-in";
const SUSPECTS: [&str; 4] = ["alpha", "beta", "gamma", "delta"];
/// A step of the search takes less, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
/// Longer than any way out of a search that has its answer.
const LAST_DEEDS: Duration = Duration::from_secs(3);

#[test]
fn one_of_four_is_found_over_restarts_and_everything_is_as_before() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "one", |name| (name == "gamma").then_some(HELD));
    let before = State::of(&pc);
    let restarts = searched(&mut pc, &tells(HELD), &[]);
    assert_eq!(found(&pc), ["gamma"]);
    assert!((3..=7).contains(&restarts), "{restarts} restarts");
    before.compare(&pc);
    for task in [TASK, SIGN_IN] {
        assert!(!pc.path(task).exists(), "{task} still stands by");
    }
}

#[test]
fn a_pair_that_blocks_only_together_is_found_as_a_pair() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "pair", |name| match name {
        "alpha" => Some(HELD),
        "delta" => Some(OTHER),
        _ => None,
    });
    let before = State::of(&pc);
    searched(&mut pc, &format!("{} || {}", tells(HELD), tells(OTHER)), &[]);
    assert_eq!(found(&pc), ["alpha", "delta"]);
    before.compare(&pc);
}

#[test]
fn a_search_that_is_killed_in_each_phase_goes_on_with_the_next_start() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "phases", |name| (name == "gamma").then_some(HELD));
    let before = State::of(&pc);
    searched(&mut pc, &tells(HELD), &[switches_off, tests, puts_back]);
    assert_eq!(found(&pc), ["gamma"]);
    before.compare(&pc);
}

#[test]
fn after_two_starts_that_failed_everything_is_put_back() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "failed", |name| (name == "gamma").then_some(HELD));
    let before = State::of(&pc);
    let test = tells(HELD);
    // With everything on, then without some.
    for starts in 0..2 {
        assert_eq!(goes_on(&pc, starts, &begin(&test), None), End::AsksToRestart);
        pc.restart(Ending::ShutDown, Start::Unattended);
    }
    for _ in 0..2 {
        // Windows comes up, and falls over while the test is made.
        assert_eq!(goes_on(&pc, 1, &[], Some(tests)), End::Killed);
        pc.restart(Ending::PowerCut, Start::Unattended);
    }
    assert_eq!(goes_on(&pc, 1, &[], None), End::Over);
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    let answer = answer(&pc);
    assert_eq!(answer["why"]["reason"], "failed_starts", "{answer:#}");
    assert_ne!(answer["why"]["off"], json!([]), "some were off");
    before.compare(&pc);
}

#[test]
fn whoever_signs_in_is_told_and_can_stop_it() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "stop", |name| (name == "gamma").then_some(HELD));
    let before = State::of(&pc);
    assert_eq!(goes_on(&pc, 0, &begin(&tells(HELD)), None), End::AsksToRestart);
    pc.restart(Ending::ShutDown, Start::Unattended);
    thread::scope(|scope| {
        let asked = restarts(&pc);
        scope.spawn(|| start_task(&pc));
        assert_eq!(wait_for_end(&pc, asked, None), End::AsksToRestart);
        // It waits for the end that it asked for.
        let (program, arguments) = action(&pc, SIGN_IN);
        let said =
            pc.run_windows("cmd", &["/d", "/c", &format!("echo stop| {program} {arguments}")]);
        assert!(said.stdout.contains("This is start 2 of at most"), "{said:?}");
        assert!(said.stdout.contains("switched off: "), "{said:?}");
        assert!(said.stderr.contains("It stops as soon as"), "{said:?}");
        pc.shut_down();
    });
    pc.restart(Ending::ShutDown, Start::Unattended);
    assert_eq!(goes_on(&pc, 2, &[], None), End::Over);
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    assert_eq!(answer(&pc)["why"]["reason"], "stopped");
    before.compare(&pc);
    assert!(!pc.path(SIGN_IN).exists(), "its task still stands by");
}

#[test]
fn a_clean_boot_by_hand_starts_without_them_and_is_put_back() {
    let Some(lab) = Lab::open() else { return };
    let mut pc = pc(&lab, "clean", |name| (name == "gamma").then_some(HELD));
    let before = State::of(&pc);
    let holder = ["who", HELD];
    assert_eq!(pc.run(&holder).code, 1, "somebody holds the file");
    let only = SUSPECTS.iter().flat_map(|it| ["--only", it]);
    let on: Vec<&str> = ["clean-boot", "on", "--yes"].into_iter().chain(only).collect();
    let said = pc.run(&on);
    assert_eq!(said.code, 5, "it takes a restart: {said:?}");
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    assert_eq!(State::of(&pc).running, SUSPECTS.map(|name| json!([name, false])));
    assert_eq!(pc.run(&holder).code, 0, "nobody holds the file");
    let status = pc.run(&["clean-boot", "status", "--json"]);
    let told: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(told["is_clean_boot"], true, "{told:#}");
    assert!(SUSPECTS.iter().all(|it| status.stdout.contains(it)), "{told:#}");
    let said = pc.run(&["clean-boot", "off", "--yes"]);
    assert_eq!(said.code, 0, "{said:?}");
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    before.compare(&pc);
}

/// Tells by the last event of a journal whether a search is in a phase.
type Phase = fn(&Value) -> bool;

fn switches_off(last: &Value) -> bool {
    last["event"] == "intended" || last["event"] == "done"
}

fn tests(last: &Value) -> bool {
    last["note"]["note"] == "testing" && last["note"]["trial"] != 0
}

fn puts_back(last: &Value) -> bool {
    last["event"] == "undo_started" || last["event"] == "undone"
}

/// A PC on which four services start with Windows; each may have a file to itself.
fn pc(lab: &Lab, name: &str, holds: impl Fn(&str) -> Option<&'static str>) -> Pc {
    let mut pc = lab.pc(name);
    pc.use_released();
    pc.program("unwedge.exe");
    pc.write(HELD, vec![0; 4096]);
    pc.write(OTHER, vec![0; 4096]);
    pc.play(PLAYER, &SCHEDULER);
    // As on every Windows, but not in Wine.
    for key in ["services", "state"] {
        pc.change_registry(&format!(
            "[HKEY_LOCAL_MACHINE\\Software\\Microsoft\\Shared Tools\\MSConfig\\{key}]\n"
        ));
    }
    for name in SUSPECTS {
        let deed = holds(name).map_or(r"keep:C:\lab".to_owned(), |file| format!("own:{file}"));
        pc.start_service(name, &deed);
        // With Windows.
        pc.change_registry(&format!(
            "[HKEY_LOCAL_MACHINE\\System\\CurrentControlSet\\Services\\{name}]\n\
             \"Start\"=dword:00000002\n"
        ));
    }
    pc.restart(Ending::ShutDown, Start::ToTheEnd);
    pc
}

/// A command that ends with 0 if nobody holds the file.
fn tells(file: &str) -> String {
    format!(r"C:\lab\unwedge.exe who {file}")
}

fn begin(test: &str) -> Vec<&str> {
    let only = SUSPECTS.iter().flat_map(|it| ["--only", it]);
    ["isolate", "--yes", "--test", test].into_iter().chain(only).collect()
}

/// Runs a search to its end, and restarts Windows whenever it asks for that, or was killed, once in each of these
/// phases. Gives how often it asked.
fn searched(pc: &mut Pc, test: &str, kills: &[Phase]) -> usize {
    let begin = begin(test);
    let mut kills = kills.iter().copied().peekable();
    let mut starts = 0;
    loop {
        let end = goes_on(pc, starts, &begin, kills.peek().copied());
        starts += 1;
        match end {
            End::AsksToRestart => pc.restart(Ending::ShutDown, Start::Unattended),
            End::Killed => {
                kills.next();
                pc.restart(Ending::PowerCut, Start::Unattended);
            }
            End::Over => {
                assert!(kills.next().is_none(), "it ended before it was killed");
                pc.restart(Ending::ShutDown, Start::ToTheEnd);
                return restarts(pc);
            }
        }
    }
}

/// How a start of Windows ends for a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    AsksToRestart,
    /// With all of the PC.
    Killed,
    Over,
}

/// What happens in one start of Windows: the search begins, or its task goes on with it.
fn goes_on(pc: &Pc, starts: usize, begin: &[&str], kill: Option<Phase>) -> End {
    thread::scope(|scope| {
        let asked = restarts(pc);
        let run = scope.spawn(|| match starts {
            0 => drop(pc.run(begin)),
            _ => start_task(pc),
        });
        let end = wait_for_end(pc, asked, kill);
        match end {
            End::Killed => pc.cut_power(),
            // The program waits for the end that it asked for, which Wine does not bring about.
            End::AsksToRestart => pc.shut_down(),
            End::Over => {
                // Windows is to restart once more, so that what was off runs, which no journal tells.
                let start = Instant::now();
                while !run.is_finished() && start.elapsed() < LAST_DEEDS {
                    thread::sleep(Duration::from_millis(20));
                }
                pc.shut_down();
            }
        }
        end
    })
}

/// Starts what the task is to start with Windows: the scheduler of the lab starts nothing.
fn start_task(pc: &Pc) {
    // What Wine itself started may have come to the end before; else the task stands by.
    if is_over(pc) {
        return;
    }
    let (program, arguments) = action(pc, TASK);
    let words: Vec<&str> = arguments.split(' ').collect();
    pc.run_windows(&program, &words);
}

/// The program that a task starts, and what it is told.
fn action(pc: &Pc, task: &str) -> (String, String) {
    let trigger = if task == SIGN_IN { "LogonTrigger" } else { "BootTrigger" };
    let task = fs::read_to_string(pc.path(task)).expect("the task stands by");
    assert!(task.contains(&format!("<{trigger}><Enabled>true</Enabled>")), "{task}");
    let between = |from: &str, to: &str| {
        let (_, rest) = task.split_once(from).unwrap();
        rest.split_once(to).unwrap().0.to_owned()
    };
    let program = between("<Command>", "</Command>").trim_matches('"').to_owned();
    (program, between("<Arguments>", "</Arguments>"))
}

/// Waits until Windows is asked to restart once more, the search is over, or is in a phase in which it is to be
/// killed.
fn wait_for_end(pc: &Pc, asked: usize, kill: Option<Phase>) -> End {
    let (start, first) = (Instant::now(), events(pc).len());
    loop {
        let events = events(pc);
        // Not before it is at work.
        let last = events.last().filter(|_| events.len() > first);
        if last.zip(kill).is_some_and(|(last, is_in_phase)| is_in_phase(last)) {
            assert!(!pc.processes_of("unwedge.exe").is_empty(), "nobody is at work");
            return End::Killed;
        }
        if restarts(pc) > asked {
            return End::AsksToRestart;
        }
        if is_over(pc) {
            return End::Over;
        }
        let last = events.last();
        assert!(start.elapsed() < PATIENCE, "nothing goes on after {asked} restarts: {last:#?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Whether the search has come to its end.
fn is_over(pc: &Pc) -> bool {
    events(pc).iter().any(|it| it["event"] == "closed")
}

/// The events of the only journal.
fn events(pc: &Pc) -> Vec<Value> {
    let Ok(folder) = fs::read_dir(pc.path(JOURNALS)) else { return Vec::new() };
    let is_journal = |it: &PathBuf| it.extension().is_some_and(|it| it == "journal");
    let Some(journal) = folder.flatten().map(|it| it.path()).find(is_journal) else {
        return Vec::new();
    };
    let text = fs::read_to_string(journal).unwrap_or_default();
    // The last line may be written right now.
    text.lines().filter_map(|it| serde_json::from_str(it.get(9..)?).ok()).collect()
}

fn noted(pc: &Pc, what: &str) -> Vec<Value> {
    let notes = events(pc).into_iter().map(|mut it| it["note"].take());
    notes.filter(|it| it["note"] == what).collect()
}

/// How often Windows was asked to restart.
fn restarts(pc: &Pc) -> usize {
    noted(pc, "restarting").len()
}

fn answer(pc: &Pc) -> Value {
    let mut answers = noted(pc, "answered");
    answers.pop().expect("the search has an answer")["answer"].take()
}

/// The names of the one group of culprits.
fn found(pc: &Pc) -> Vec<String> {
    let answer = answer(pc);
    assert_eq!(answer["found"], "groups", "{answer:#}");
    let begun = noted(pc, "begun").pop().unwrap();
    let groups = answer["groups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{answer:#}");
    let name = |it: &Value| begun["suspects"][it.as_u64().unwrap() as usize]["name"].clone();
    let mut names: Vec<String> = groups[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| name(it).as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// What must be as before when a search is over.
struct State {
    registry: Registry,
    running: Vec<Value>,
}

impl State {
    fn of(pc: &Pc) -> State {
        let running = SUSPECTS.map(|name| {
            let query = pc.run_windows("sc", &["query", name]);
            json!([name, query.stdout.contains("RUNNING")])
        });
        State { registry: pc.registry_dump(), running: running.to_vec() }
    }

    fn compare(&self, pc: &Pc) {
        let now = State::of(pc);
        assert_eq!(now.running, self.running);
        assert!(now.running.iter().all(|it| it[1] == true), "{:?}", now.running);
        let mut changed = now.registry.changes_since(&self.registry);
        changed.retain(|it| !is_by_wine(it));
        assert_eq!(changed, [""; 0]);
    }
}

/// What Wine itself writes: what it finds of displays at each start, and who asked for signatures.
fn is_by_wine(changed: &str) -> bool {
    [
        r"\Control\ServiceCurrent]",
        r"\Control\Video\",
        r"\Control\Class\{4D36E968-E325-11CE-BFC1-08002BE10318}",
        r"\CurrentVersion\Wintrust",
    ]
    .iter()
    .any(|place| changed.contains(place))
}
