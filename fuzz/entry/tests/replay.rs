//! What fuzzing runs for hours, for some seconds: every seed, every input that once went wrong, and
//! some thousand damaged seeds, the same ones each time. Measures what memory each takes.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use unwedge_fuzz_entry::{TARGETS, Target};

/// Damaged inputs of one target, whatever the number of its seeds.
const DAMAGED: usize = 400;
/// Bytes of damaged inputs of one target: long seeds are damaged less often.
const DAMAGED_BYTES: usize = 3 << 20;

/// A test for each target.
macro_rules! replay {
    ($($target:ident),*) => {
        /// The targets that have a test.
        const TESTED: [&str; TARGETS.len()] = [$(stringify!($target)),*];
        $(
            #[test]
            fn $target() {
                replay(stringify!($target));
            }
        )*
    };
}

replay!(
    code,
    container,
    database,
    event_log,
    event_text,
    export,
    fixture,
    hive,
    image_file,
    registry_export,
    servicing_log,
    text_log,
    trace
);

/// Every seed and what damage makes of it is read, in little memory.
fn replay(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(target);
    assert!(seeds.len() >= 2, "{name} has too few seeds");
    let mut worst = Worst::default();
    for (name, bytes) in &seeds {
        worst.run(target, name, bytes);
    }
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut bytes_left = DAMAGED_BYTES;
    for number in 0..DAMAGED {
        let (name, seed) = random.of(&seeds);
        let Some(left) = bytes_left.checked_sub(seed.len()) else { break };
        bytes_left = left;
        let damaged = damaged(seed, &random.of(&seeds).1, &mut random);
        worst.run(target, &format!("{name}, damage {number}"), &damaged);
    }
    assert!(worst.runs > 100, "only {} inputs", worst.runs);
    say(&format!(
        "{name}: {} inputs, at most {} bytes held for {} ({})",
        worst.runs, worst.held_bytes, worst.length, worst.name
    ));
}

#[test]
fn each_folder_of_seeds_belongs_to_a_target() {
    for folder in ["seeds", "regressions"] {
        let Ok(found) = fs::read_dir(fuzz().join(folder)) else { continue };
        for entry in found {
            let name = entry.unwrap().file_name();
            assert!(TARGETS.iter().any(|target| name == *target.name), "{name:?} is no target");
        }
    }
    assert_eq!(TESTED, TARGETS.map(|target| target.name));
    for target in TARGETS {
        let file = fuzz().join(format!("targets/{}.rs", target.name));
        assert!(file.is_file(), "{} has no fuzz target", target.name);
    }
}

/// Which input came nearest to its bound.
#[derive(Default)]
struct Worst {
    runs: usize,
    held_bytes: u64,
    length: usize,
    name: String,
}

impl Worst {
    fn run(&mut self, target: &Target, name: &str, bytes: &[u8]) {
        let run = || allocation_counter::measure(|| (target.run)(bytes)).bytes_max;
        let Ok(held_bytes) = std::panic::catch_unwind(run) else {
            panic!("{} does not hold for {name}: {}", target.name, kept(target, bytes));
        };
        let most = target.memory.for_input(bytes.len());
        assert!(
            held_bytes <= most,
            "{} held {held_bytes} bytes for {name}, more than {most}: {}",
            target.name,
            kept(target, bytes)
        );
        self.runs += 1;
        if held_bytes * self.most(target) >= self.held_bytes * most {
            (self.held_bytes, self.length) = (held_bytes, bytes.len());
            name.clone_into(&mut self.name);
        }
    }

    fn most(&self, target: &Target) -> u64 {
        target.memory.for_input(self.length)
    }
}

/// Keeps an input that went wrong, to be looked at and to become a regression.
fn kept(target: &Target, bytes: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.input", target.name));
    match fs::write(&path, bytes) {
        Ok(()) => format!("the input is in {}", path.display()),
        Err(error) => format!("the input could not be kept: {error}"),
    }
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All seeds of a target in the order of their names, and what once went wrong.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let mut folders = vec![fuzz().join("seeds"), fuzz().join("regressions")];
    folders.iter_mut().for_each(|folder| folder.push(target.name));
    if target.name == "fixture" {
        folders.push(fuzz().join("../examples"));
    }
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flat_map(|found| found.map(|entry| entry.unwrap().path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

/// A seed with one to four kinds of damage, as fuzzers do it.
fn damaged(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len());
        let length = 1 + random.below((bytes.len() - at).min(64));
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = *random.of(&[0, 1, 0x7f, 0x80, 0xfe, 0xff]),
            2 => {
                let number = *random.of(&[0_u32, 1, 0xffff, 0x7fff_ffff, u32::MAX]);
                for (byte, new) in bytes[at..].iter_mut().zip(number.to_le_bytes()) {
                    *byte = new;
                }
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..at + length)),
            5 => {
                let piece = bytes[at..at + length].to_vec();
                let to = random.below(bytes.len());
                drop(bytes.splice(to..to, piece.repeat(1 + random.below(4))));
            }
            6 if !other.is_empty() => {
                let from = random.below(other.len());
                let piece = &other[from..(from + length).min(other.len())];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            _ => bytes[at..at + length].rotate_left(length / 2),
        }
    }
    bytes
}

/// Numbers that are the same each time (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn of<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

fn say(line: &str) {
    // The test's own output is kept from people; this is for them.
    let _ = writeln!(std::io::stderr(), "{line}");
}
