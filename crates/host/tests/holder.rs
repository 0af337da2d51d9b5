//! Who holds a file of the running Windows: each way of holding one, by a program that does it.

#![cfg(windows)]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use unwedge_host::live::{Live, holder::Helper};
use unwedge_host::probe::{
    self, ByteRange, Certainty, Conflict, Hold, Holder, Holders, Share, Witness,
};
use unwedge_host::{HostErrorKind, WinPath};

/// A program that holds something until it is dropped.
struct Holding(Child);

impl Holding {
    fn start(arguments: &[&str]) -> Holding {
        let mut child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "ready", "{arguments:?}");
        Holding(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The example `hold`, which `cargo test` builds too.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.parent().unwrap();
    let places = [folder.join("../examples/hold.exe"), folder.join("hold.exe")];
    places.into_iter().find(|it| it.exists()).expect("cargo build --example hold")
}

fn who(paths: &[&str]) -> Holders {
    let helper = Helper::of(program(), "answer");
    let paths: Vec<WinPath> = paths.iter().map(|it| WinPath::new(it)).collect();
    probe::holders(&Live::open().unwrap().with_helper(helper), &paths).unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn file(folder: &tempfile::TempDir, name: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, vec![7; 10_000]).unwrap();
    path.to_str().unwrap().to_owned()
}

#[track_caller]
fn only(found: &Holders, pid: u32) -> &Holder {
    let [holder] = found.holders.as_slice() else { panic!("{found:#?}") };
    assert_eq!(holder.pid(), pid, "{found:#?}");
    assert_eq!(holder.image(), "hold.exe");
    let process = holder.process.as_ref().unwrap();
    assert!(process.began.is_some() && process.path.is_some(), "{process:?}");
    assert!(process.command_line.as_ref().is_some_and(|it| it.contains("hold")), "{process:?}");
    holder
}

#[test]
fn nobody_is_found_where_nobody_is() {
    let folder = folder();
    let path = file(&folder, "free.dat");
    let found = who(&[&path, folder.path().to_str().unwrap(), r"C:\there is no such file"]);
    assert_eq!(found.holders, []);
    assert!(found.complete, "{found:?}");
}

#[test]
fn an_open_file_is_held_by_whoever_opened_it_and_shared_as_it_is() {
    let folder = folder();
    for (name, share, shared) in [
        ("none.dat", "0", Some(Share::NONE)),
        ("read.dat", "1", Some(Share { read: true, ..Share::NONE })),
        ("write.dat", "3", Some(Share { delete: false, ..Share::ALL })),
        ("all.dat", "7", None),
    ] {
        let path = file(&folder, name);
        let holding = Holding::start(&["open", &path, share]);
        let found = who(&[&path]);
        let holder = only(&found, holding.pid());
        let conflict = shared.map_or(Conflict::None, |shared| Conflict::Sharing { shared });
        assert_eq!(holder.conflict, conflict, "{name}");
        assert_eq!(holder.certainty, Certainty::Confirmed);
        assert!(holder.witnesses.contains(&Witness::HandleTable));
        assert!(matches!(holder.hold, Hold::Handle { access: Some(_) }));
    }
}

#[test]
fn a_file_in_a_folder_is_found_by_the_folder_and_once() {
    let folder = folder();
    let path = file(&folder, "inside.dat");
    let holding = Holding::start(&["open", &path, "1"]);
    let asked = folder.path().to_str().unwrap();
    let found = who(&[r"C:\windows\temp\nothing", asked]);
    let holder = only(&found, holding.pid());
    assert_eq!(holder.path, WinPath::new(&path));
    assert_eq!(holder.asked, WinPath::new(asked));
}

#[test]
fn locked_ranges_are_found_and_stay_as_they_are() {
    let folder = folder();
    let path = file(&folder, "locked.edb");
    let ranges = ["0..10", "4096..8192", "1073741824..1073742336"];
    let holding = Holding::start(&[&["lock", &path, "exclusive"], ranges.as_slice()].concat());
    let expected: Vec<ByteRange> = [(0, 10), (4096, 8192), (1_073_741_824, 1_073_742_336)]
        .map(|(from, to)| ByteRange { from, to })
        .to_vec();
    // The second look shows that the first one left nothing locked, and freed nothing.
    for _ in 0..2 {
        let found = who(&[&path]);
        let holder = only(&found, holding.pid());
        assert_eq!(holder.conflict, Conflict::ByteRange { ranges: expected.clone() });
        assert_eq!(holder.certainty, Certainty::Confirmed);
    }
    drop(holding);
    assert_eq!(who(&[&path]).holders, []);
}

#[test]
fn a_shared_lock_is_found_in_a_file_asked_for_by_name() {
    let folder = folder();
    let path = file(&folder, "shared.db");
    let holding = Holding::start(&["lock", &path, "shared", "100..200"]);
    let found = who(&[&path]);
    let ranges = vec![ByteRange { from: 100, to: 200 }];
    assert_eq!(only(&found, holding.pid()).conflict, Conflict::ByteRange { ranges });
}

#[test]
fn a_mapped_file_is_held_after_its_handle_is_closed() {
    let folder = folder();
    let path = file(&folder, "mapped.dat");
    let holding = Holding::start(&["map", &path]);
    let found = who(&[&path]);
    let holder = only(&found, holding.pid());
    assert_eq!((&holder.hold, &holder.conflict), (&Hold::Mapping, &Conflict::MappedData));
    assert!(holder.witnesses.contains(&Witness::Memory));
}

#[test]
fn a_loaded_library_and_a_running_program_are_images() {
    let folder = folder();
    let path = folder.path().join("held.dll");
    fs::copy(r"C:\windows\system32\version.dll", &path).unwrap();
    let holding = Holding::start(&["load", path.to_str().unwrap()]);
    let found = who(&[path.to_str().unwrap()]);
    let holder = only(&found, holding.pid());
    assert_eq!((&holder.hold, &holder.conflict), (&Hold::Image, &Conflict::MappedImage));
    let program = program().canonicalize().unwrap();
    let found = who(&[program.to_str().unwrap()]);
    let is_it = |it: &Holder| it.pid() == holding.pid() && it.hold == Hold::Image;
    assert!(found.holders.iter().any(is_it), "{found:#?}");
}

#[test]
fn a_working_directory_keeps_its_folder_where_it_is() {
    let folder = folder();
    let holding = Holding::start(&["directory", folder.path().to_str().unwrap()]);
    let found = who(&[folder.path().to_str().unwrap()]);
    let works = |it: &&Holder| it.hold == Hold::WorkingDirectory && it.pid() == holding.pid();
    let holder = found.holders.iter().find(works).unwrap_or_else(|| panic!("{found:#?}"));
    assert!(holder.pins());
}

#[test]
fn another_name_of_the_same_file_is_the_same_file() {
    let folder = folder();
    let path = file(&folder, "one.dat");
    let other = folder.path().join("two.dat");
    fs::hard_link(&path, &other).unwrap();
    let holding = Holding::start(&["open", other.to_str().unwrap(), "1"]);
    let found = who(&[&path]);
    let holder = only(&found, holding.pid());
    assert_eq!(holder.path, WinPath::new(other.to_str().unwrap()));
    assert_eq!(holder.asked, WinPath::new(&path));
}

#[test]
fn of_two_holders_each_is_named() {
    let folder = folder();
    let path = file(&folder, "both.dat");
    let one = Holding::start(&["open", &path, "7"]);
    let two = Holding::start(&["lock", &path, "exclusive", "5..6"]);
    let found = who(&[&path]);
    let mut pids: Vec<u32> = found.holders.iter().map(Holder::pid).collect();
    pids.sort_unstable();
    let mut expected = [one.pid(), two.pid()];
    expected.sort_unstable();
    assert_eq!(pids, expected, "{found:#?}");
    assert!(found.holders.iter().all(|it| it.certainty == Certainty::Likely), "{found:#?}");
}

#[test]
fn a_pipe_that_hangs_costs_nothing_else() {
    let folder = folder();
    let path = file(&folder, "beside.dat");
    let _hanging = Holding::start(&["pipe"]);
    let holding = Holding::start(&["open", &path, "0"]);
    only(&who(&[&path]), holding.pid());
}

#[test]
fn a_helper_that_never_answers_is_ended_and_told() {
    let folder = folder();
    let path = file(&folder, "silent.dat");
    let _holding = Holding::start(&["open", &path, "0"]);
    // Called so, it prints one line that is no answer, and waits.
    let helper = Helper::of(program(), "pipe");
    let live = Live::open().unwrap().with_helper(helper);
    let found = probe::holders(&live, &[WinPath::new(&path)]).unwrap();
    assert!(!found.complete && !found.not_inspected.is_empty(), "{found:#?}");
    assert_eq!(found.holders, []);
}

#[test]
fn without_a_helper_nobody_is_called_free() {
    let error = probe::holders(&Live::open().unwrap(), &[WinPath::new(r"C:\a")]).unwrap_err();
    assert_eq!(error.kind, HostErrorKind::NotCollected);
}

#[test]
fn looking_changes_nothing() {
    let folder = folder();
    let path = file(&folder, "same.dat");
    let _holding = Holding::start(&["lock", &path, "exclusive", "0..4"]);
    let before = fs::metadata(&path).unwrap();
    who(&[folder.path().to_str().unwrap(), &path]);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
    assert_eq!(before.len(), after.len());
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["same.dat"]);
}
