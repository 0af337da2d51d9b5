//! Random plans on random machines, with random failures and power cuts, against a reference: a
//! repair leaves the machine as it was or as the plan says, whatever happens.
//!
//! The reference knows nothing of journals: it applies a plan to a list of settings.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

#[path = "support/tape.rs"]
mod tape;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::ops::ControlFlow;

use tape::Tape;
use unwedge_engine::execute::{Interrupted, execute, rollback};
use unwedge_engine::journal::{Journal, JournalStep, Outcome, Replay};
use unwedge_host::testing::{Fault, Faulty, Power};
use unwedge_host::{
    Change, Data, Fixture, Host as _, KeyPath, ServiceName, Setting, StartType, WinPath,
};

const RUNS: u64 = 20_000;
const KEY: &str = r"HKLM\SOFTWARE\Example";

/// SplitMix64: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (it ^ (it >> 31)) % most
    }

    fn is(&mut self, one_in: u64) -> bool {
        self.below(one_in) == 0
    }
}

/// Everything a plan may change, in words.
type State = BTreeMap<String, String>;

fn machine(dice: &mut Dice) -> (Fixture, u64, u64) {
    let (services, folders) = (1 + dice.below(4), 1 + dice.below(2));
    let mut text = "//- about now=2026-01-02T12:00:00\n//- folder C:\\Work\n".to_owned();
    for number in 0..services {
        let state = if dice.is(2) { "running" } else { "stopped" };
        let start = ["automatic", "manual", "automatic-delayed"][dice.below(3) as usize];
        writeln!(text, "//- service S{number} {state} {start}").unwrap();
    }
    for number in 0..folders {
        writeln!(text, "//- folder C:\\Work\\F{number}\n//- file C:\\Work\\F{number}\\a.txt\nx")
            .unwrap();
    }
    writeln!(text, "//- reg {KEY}\nA = dword:1\nB = sz:two").unwrap();
    (Fixture::parse(&text).unwrap(), services, folders)
}

fn plan(dice: &mut Dice, services: u64, folders: u64) -> Vec<JournalStep> {
    let count = 1 + dice.below(7);
    let mut moved = Vec::new();
    let mut steps = Vec::new();
    for _ in 0..count {
        let service = ServiceName::new(&format!("S{}", dice.below(services)));
        let change = match dice.below(4) {
            0 => Change::Assign(Setting::Running { service, running: dice.is(2) }),
            1 => {
                let starts = [StartType::Automatic, StartType::Manual, StartType::AutomaticDelayed];
                Change::Assign(Setting::Start { service, start: starts[dice.below(3) as usize] })
            }
            2 => {
                let name = ["A", "B", "C"][dice.below(3) as usize].to_owned();
                let data = match dice.below(3) {
                    0 => None,
                    1 => Some(Data::Dword(dice.below(9) as u32)),
                    _ => Some(Data::Sz(format!("v{}", dice.below(9)))),
                };
                Change::Assign(Setting::Value { key: KeyPath::new(KEY), name, data })
            }
            _ => {
                let number = dice.below(folders);
                // A plan moves a folder once.
                if moved.contains(&number) {
                    continue;
                }
                moved.push(number);
                Change::Move {
                    from: WinPath::new(&format!(r"C:\Work\F{number}")),
                    to: WinPath::new(&format!(r"C:\Work\F{number}.kept")),
                }
            }
        };
        steps.push(JournalStep { says: change.to_string(), change, optional: false });
    }
    steps
}

/// What the plan says, without any machinery.
fn expected(mut state: State, steps: &[JournalStep]) -> State {
    for step in steps {
        match &step.change {
            Change::Assign(Setting::Running { service, running }) => {
                state.insert(format!("{service} runs"), running.to_string());
            }
            Change::Assign(Setting::Start { service, start }) => {
                state.insert(format!("{service} starts"), start.to_string());
            }
            Change::Assign(Setting::Value { name, data, .. }) => {
                state.insert(format!("value {name}"), format!("{data:?}"));
            }
            Change::Move { from, to } => {
                state.insert(from.to_string(), "false".to_owned());
                state.insert(to.to_string(), "true".to_owned());
            }
            other => panic!("no plan of this test has {other}"),
        }
    }
    state
}

fn seen(pc: &Fixture, services: u64, folders: u64) -> State {
    let mut state = State::new();
    for number in 0..services {
        let name = ServiceName::new(&format!("S{number}"));
        let service = pc.service(&name).unwrap().unwrap();
        let runs = service.state == unwedge_host::RunState::Running;
        state.insert(format!("{name} runs"), runs.to_string());
        state.insert(format!("{name} starts"), service.start.to_string());
    }
    for number in 0..folders {
        for path in [format!(r"C:\Work\F{number}"), format!(r"C:\Work\F{number}.kept")] {
            let exists = pc.exists(&WinPath::new(&path)).unwrap();
            state.insert(path, exists.to_string());
        }
    }
    let key = pc.key(&KeyPath::new(KEY)).unwrap().unwrap();
    for name in ["A", "B", "C"] {
        state.insert(format!("value {name}"), format!("{:?}", key.value(name).cloned()));
    }
    state
}

/// Runs or goes on with a repair until the power goes, if it does.
fn run(
    pc: &mut Fixture,
    bytes: &mut Vec<u8>,
    steps: &[JournalStep],
    faults: &[(Change, Fault)],
    power: &Power,
    tears: bool,
    take_back: bool,
) -> Option<Result<Outcome, Interrupted>> {
    let (replay, whole) = Replay::read(bytes).unwrap();
    bytes.truncate(whole);
    let is_new = replay.never_happened();
    if is_new && take_back {
        return None;
    }
    let mut tape = Tape { bytes: std::mem::take(bytes), power: power.clone(), tears };
    let mut host = Faulty { below: pc, power: power.clone(), faults: faults.to_vec() };
    let journal = match is_new {
        true => Journal::create(&mut tape, "now", steps.to_vec()),
        false => Ok(Journal::resume(&mut tape, replay)),
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let done = journal
        .map_err(|source| Interrupted::Journal { source, left: Vec::new() })
        .and_then(|mut it| match take_back {
            true => rollback(&mut host, &mut it, go_on),
            false => execute(&mut host, &mut it, go_on),
        });
    *bytes = tape.bytes;
    Some(done)
}

fn one(seed: u64) -> Outcome {
    let mut dice = Dice(seed);
    let (mut pc, services, folders) = machine(&mut dice);
    let steps = plan(&mut dice, services, folders);
    let before = seen(&pc, services, folders);
    let after = expected(before.clone(), &steps);
    let faults: Vec<(Change, Fault)> = match (steps.is_empty(), dice.is(3)) {
        (false, true) => {
            let at = dice.below(steps.len() as u64) as usize;
            let fault = if dice.is(2) { Fault::Refuses } else { Fault::Lies };
            vec![(steps[at].change.clone(), fault)]
        }
        _ => Vec::new(),
    };
    let (take_back, tears) = (dice.is(2), dice.is(2));
    let mut bytes = Vec::new();
    for cut in 0..dice.below(3) {
        let at = 1 + dice.below(40) as u32;
        let power = if dice.is(2) { Power::cut_before(at) } else { Power::cut_after(at) };
        let done = run(&mut pc, &mut bytes, &steps, &faults, &power, tears, take_back && cut > 0);
        if done.is_some_and(|it| it.is_ok()) {
            break;
        }
    }
    // What made a step fail does not keep an undo from being made.
    let is_undo_hit = |undo: &Change| faults.iter().any(|(it, _)| it == undo);
    let done = run(&mut pc, &mut bytes, &steps, &faults, &Power::endless(), tears, take_back);
    let now = seen(&pc, services, folders);
    let Some(done) = done else {
        assert_eq!(now, before, "seed {seed}: nothing was begun");
        return Outcome::RolledBack;
    };
    let outcome = done.unwrap();
    match &outcome {
        Outcome::Repaired => assert_eq!(now, after, "seed {seed}: {steps:?}"),
        Outcome::RolledBack => assert_eq!(now, before, "seed {seed}: {steps:?}"),
        Outcome::Stuck { left } => {
            let (replay, _) = Replay::read(&bytes).unwrap();
            let hit = (0..steps.len() as u32).any(|step| {
                let undo = unwedge_engine::execute::to_undo(&replay.state(step)).flatten();
                undo.is_some_and(|it| is_undo_hit(&it))
            });
            assert!(hit, "seed {seed}: stuck without a reason: {left:?}");
        }
        other => panic!("seed {seed}: {other:?}"),
    }
    outcome
}

#[test]
fn random_plans_end_as_the_reference_says_whatever_happens() {
    let (mut repaired, mut back, mut stuck) = (0, 0, 0);
    for seed in 0..RUNS {
        match one(seed) {
            Outcome::Repaired => repaired += 1,
            Outcome::RolledBack => back += 1,
            _ => stuck += 1,
        }
    }
    let line = format!("random plans: {repaired} repaired, {back} taken back, {stuck} stuck");
    let _ = writeln!(io::stderr().lock(), "{line}");
    // Each end must really have been met, or the test proves less than it says.
    assert!(repaired > RUNS / 10 && back > RUNS / 10 && stuck > 0, "{line}");
}
