//! The program from outside: real repositories in temporary folders.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const PASSWORD: &str = "correct horse";

/// A folder with files to back up, and room for a repository.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place { folder: tempfile::tempdir().unwrap() };
        let source = place.source();
        fs::create_dir_all(source.join("name with space").join("empty")).unwrap();
        fs::create_dir_all(source.join("\u{fc}n\u{ef}")).unwrap();
        fs::write(source.join("name with space").join("a b.txt"), "some text\n").unwrap();
        fs::write(source.join("\u{fc}n\u{ef}").join("\u{65e5}\u{672c}.txt"), "x").unwrap();
        fs::write(source.join("nothing"), "").unwrap();
        fs::write(source.join("large.bin"), noise(3_000_000, 1)).unwrap();
        place
    }

    fn source(&self) -> PathBuf {
        self.at("source")
    }

    fn repository(&self) -> PathBuf {
        self.at("repository")
    }

    fn at(&self, name: &str) -> PathBuf {
        dunce::canonicalize(self.folder.path()).unwrap().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(PASSWORD, arguments)
    }

    fn run_with(&self, password: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_unwedge-backup"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("UNWEDGE_BACKUP_PASSWORD", password)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Backs up the source; gives the exit code and the answer.
    fn back_up(&self, more: &[&str]) -> (i32, Value) {
        let arguments = ["--to", "repository", "--from", "source", "--yes", "--json"];
        answer(&self.run(&[&arguments, more].concat()))
    }

    /// The files of the repository with their sizes.
    fn stored(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        contents(&self.repository())
    }

    /// Where the source lies in a whole backup that was restored to `into`.
    fn restored(&self, into: &str) -> PathBuf {
        let source = self.source();
        let parts = source.components().filter_map(|part| match part {
            std::path::Component::Normal(name) => Some(name.to_owned()),
            std::path::Component::Prefix(it) => {
                Some(it.as_os_str().to_str().unwrap().trim_end_matches(':').into())
            }
            _ => None,
        });
        parts.fold(self.at(into), |path, part| path.join(part))
    }
}

fn answer(output: &Output) -> (i32, Value) {
    let told = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.code().unwrap(), told)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Bytes that do not compress and are the same every time.
fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(step).collect()
}

/// All files below a folder with what they hold, and all folders with nothing.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(next) = left.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().to_owned();
            if path.is_dir() {
                found.insert(name, Vec::new());
                left.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn bytes(of: &BTreeMap<PathBuf, Vec<u8>>) -> usize {
    of.values().map(Vec::len).sum()
}

#[test]
fn what_was_backed_up_comes_back_byte_for_byte() {
    let place = Place::new();
    let (code, made) = place.back_up(&[]);
    assert_eq!((code, &made["exit"]), (0, &Value::from(0)), "{made:#}");
    assert_eq!(made["backup"]["held"]["files"], 4);
    assert_eq!(made["backup"]["held"]["bytes"], made["found"]["bytes"]);
    assert_eq!(made["backup"]["left_out"], Value::Array(Vec::new()));
    let before = contents(&place.source());
    let back = place.run(&["restore", "--to", "repository", "--into", "out"]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    assert_eq!(contents(&place.restored("out")), before);
    let verified = place.run(&["verify", "--to", "repository"]);
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
}

#[test]
fn a_second_backup_stores_only_what_is_new() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let first = bytes(&place.stored());
    fs::write(place.source().join("new.txt"), "new").unwrap();
    let (code, made) = place.back_up(&[]);
    assert_eq!(code, 0);
    let grown = bytes(&place.stored()) - first;
    assert!(grown < 100_000, "{grown} bytes more");
    assert_eq!(made["backup"]["added_bytes"], grown);
    let (code, list) = answer(&place.run(&["list", "--to", "repository", "--json"]));
    assert_eq!((code, list["snapshots"].as_array().unwrap().len()), (0, 2));
    // The older one comes back too, by its number.
    let older = list["snapshots"][0]["id"].as_str().unwrap();
    let back = place.run(&["restore", "--to", "repository", "--into", "out", older]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    assert!(!place.restored("out").join("new.txt").exists());
}

#[test]
fn a_part_of_a_backup_comes_back_by_the_path_it_had() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let inner = place.source().join("name with space");
    let inner = inner.to_str().unwrap();
    let arguments = ["restore", "--to", "repository", "--into", "out", "latest", inner];
    assert_eq!(place.run(&arguments).status.code(), Some(0));
    assert_eq!(contents(&place.at("out")), contents(Path::new(inner)));
    let wrong = place.run(&["restore", "--to", "repository", "--into", "b", "latest", "/no/where"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("where"), "{}", said(&wrong));
}

#[test]
fn one_changed_byte_is_found() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let stored = place.stored();
    let data = stored.iter().filter(|(name, _)| name.starts_with("data"));
    let (name, pack) = data.max_by_key(|(_, held)| held.len()).unwrap();
    let mut damaged = pack.clone();
    damaged[pack.len() / 2] ^= 1;
    fs::write(place.repository().join(name), damaged).unwrap();
    let (code, told) = answer(&place.run(&["verify", "--to", "repository", "--json"]));
    assert_eq!(code, 1, "{told:#}");
    let id = name.file_name().unwrap().to_str().unwrap();
    let named = told["errors"].to_string();
    assert!(named.contains(&id[..8]), "{named} does not name {id}");
    let text = place.run(&["verify", "--to", "repository"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("Damaged: "));
    // It does not come back in silence either.
    let back = place.run(&["restore", "--to", "repository", "--into", "out"]);
    assert_ne!(back.status.code(), Some(0));
}

#[test]
fn a_missing_pack_is_found() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let stored = place.stored();
    let mut data =
        stored.iter().filter(|(name, held)| name.starts_with("data") && !held.is_empty());
    fs::remove_file(place.repository().join(data.next().unwrap().0)).unwrap();
    assert_eq!(place.run(&["verify", "--to", "repository"]).status.code(), Some(1));
}

#[test]
fn a_wrong_password_is_told_and_not_shown() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let list = place.run_with("wrong battery", &["list", "--to", "repository"]);
    assert_eq!(list.status.code(), Some(2));
    assert!(said(&list).contains("password"), "{}", said(&list));
    assert!(!said(&list).contains("battery"));
    let empty = place.run_with("", &["list", "--to", "repository"]);
    assert_eq!(empty.status.code(), Some(2));
    assert!(said(&empty).contains("empty"), "{}", said(&empty));
    let in_file = place.at("password");
    fs::write(&in_file, format!("{PASSWORD}\r\n")).unwrap();
    let file = in_file.to_str().unwrap();
    let list = place.run_with("", &["list", "--to", "repository", "--password-file", file]);
    assert_eq!(list.status.code(), Some(0), "{}", said(&list));
}

#[test]
fn nothing_of_the_source_is_readable_in_the_repository() {
    let place = Place::new();
    let secret = b"no stranger may read this line of text";
    fs::write(place.source().join("secret-name.txt"), secret).unwrap();
    assert_eq!(place.back_up(&[]).0, 0);
    for (name, held) in place.stored() {
        let holds = |wanted: &[u8]| held.windows(wanted.len()).any(|it| it == wanted);
        assert!(!holds(secret) && !holds(b"secret-name"), "{}", name.display());
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let place = Place::new();
    let before = contents(place.folder.path());
    let (code, told) = place.back_up(&["--dry-run"]);
    assert_eq!((code, &told["found"]["files"]), (0, &Value::from(4)), "{told:#}");
    assert_eq!(contents(place.folder.path()), before);
}

#[test]
fn without_a_yes_nothing_is_written() {
    let place = Place::new();
    let before = contents(place.folder.path());
    let asked = place.run(&["--to", "repository", "--from", "source"]);
    assert_eq!(asked.status.code(), Some(4));
    assert!(said(&asked).contains("--yes"), "{}", said(&asked));
    assert_eq!(contents(place.folder.path()), before);
}

#[test]
fn a_restore_writes_over_nothing() {
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    fs::create_dir(place.at("out")).unwrap();
    fs::write(place.at("out").join("mine"), "mine").unwrap();
    let before = contents(&place.at("out"));
    for into in ["out", "repository", "repository/new"] {
        let back = place.run(&["restore", "--to", "repository", "--into", into]);
        assert_eq!(back.status.code(), Some(4), "{into}: {}", said(&back));
    }
    assert_eq!(contents(&place.at("out")), before);
}

#[test]
fn a_backup_into_its_own_source_is_refused() {
    let place = Place::new();
    let before = contents(place.folder.path());
    let inside = place.run(&["--to", "source/backup", "--from", "source", "--yes"]);
    assert_eq!(inside.status.code(), Some(4), "{}", said(&inside));
    let full = place.run(&["--to", "source", "--from", "source/large.bin", "--yes"]);
    assert_eq!(full.status.code(), Some(4), "{}", said(&full));
    let other = place.run(&["--to", "source", "--from", ".", "--yes"]);
    assert_eq!(other.status.code(), Some(4), "{}", said(&other));
    assert_eq!(contents(place.folder.path()), before);
}

#[test]
fn bad_input_is_told_with_what_to_do() {
    let place = Place::new();
    let told = |arguments: &[&str], code: i32, wanted: &str| {
        let output = place.run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(wanted), "{arguments:?}: {}", said(&output));
    };
    told(&["--from", "source", "--yes"], 2, "--to DIR");
    told(&["--to", "repository", "--from", "no-such-folder", "--yes"], 2, "no-such-folder");
    told(&["--to", "repository", "--from", "source", "--exclude", "[", "--yes"], 2, "pattern");
    told(&["verify", "--to", "nowhere"], 2, "no backup in");
    told(&["restore", "--to", "source", "--into", "out"], 2, "no backup in");
    told(&["--to", "no/such/folder", "--from", "source", "--yes"], 4, "plugged in");
    #[cfg(not(windows))]
    told(&["--to", "repository", "--yes"], 2, "--from PATH");
    #[cfg(not(windows))]
    told(&["file-history"], 2, "part of Windows");
    fs::create_dir(place.at("others")).unwrap();
    fs::write(place.at("others").join("file"), "").unwrap();
    told(&["--to", "others", "--from", "source", "--yes"], 4, "unwedge-backup");
}

#[test]
fn what_is_excluded_is_counted_and_not_stored() {
    let place = Place::new();
    let (code, made) = place.back_up(&["--exclude", "*.bin", "--exclude", "name with space"]);
    assert_eq!((code, &made["backup"]["held"]["excluded"]), (0, &Value::from(2)), "{made:#}");
    let back = place.run(&["restore", "--to", "repository", "--into", "out"]);
    assert_eq!(back.status.code(), Some(0));
    let there = contents(&place.restored("out"));
    assert!(
        !there.contains_key(Path::new("large.bin")) && there.contains_key(Path::new("nothing"))
    );
}

#[cfg(unix)]
#[test]
fn what_cannot_be_stored_is_listed_with_its_reason() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    let place = Place::new();
    let pipe = place.source().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    symlink("nothing", place.source().join("link")).unwrap();
    let shut = place.source().join("shut");
    fs::write(&shut, "x").unwrap();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything.
    let is_root = fs::read(&shut).is_ok();
    let mut wanted = vec![(pipe.to_str().unwrap(), "special")];
    if !is_root {
        wanted.push((shut.to_str().unwrap(), "denied"));
    }
    let listed = |left_out: &Value| {
        let all = left_out.as_array().unwrap().iter();
        let told = all.map(|it| (it["path"].as_str().unwrap(), it["reason"].as_str().unwrap()));
        told.map(|(path, reason)| (path.to_owned(), reason.to_owned())).collect::<Vec<_>>()
    };
    let wanted: Vec<_> =
        wanted.into_iter().map(|(path, reason)| (path.to_owned(), reason.to_owned())).collect();
    let (code, tried) = place.back_up(&["--dry-run"]);
    assert_eq!((code, listed(&tried["left_out"])), (3, wanted.clone()));
    let (code, made) = place.back_up(&[]);
    assert_eq!((code, listed(&made["backup"]["left_out"])), (3, wanted));
    assert_eq!(made["backup"]["held"]["links"], 1);
    let back = place.run(&["restore", "--to", "repository", "--into", "out"]);
    assert_eq!(back.status.code(), Some(0), "{}", said(&back));
    let link = place.restored("out").join("link");
    assert_eq!(fs::read_link(link).unwrap(), Path::new("nothing"));
}

#[cfg(unix)]
#[test]
fn the_drive_of_the_system_is_warned_about() {
    use std::os::unix::fs::MetadataExt as _;

    let place = Place::new();
    let same = fs::metadata("/").unwrap().dev() == place.folder.path().metadata().unwrap().dev();
    let (_, told) = place.back_up(&["--dry-run"]);
    assert_eq!(told["warnings"].to_string().contains("external drive"), same, "{told:#}");
}

#[test]
fn restic_reads_the_repository() {
    if Command::new("restic").arg("version").output().is_err() {
        use std::io::Write as _;
        // Straight to the stream, so that it is seen of a test that passes.
        writeln!(std::io::stderr(), "SKIPPED: restic is not installed").unwrap();
        return;
    }
    let place = Place::new();
    assert_eq!(place.back_up(&[]).0, 0);
    let restic = |arguments: &[&str]| {
        let output = Command::new("restic")
            .args(["--no-cache", "-r"])
            .arg(place.repository())
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    };
    restic(&["check", "--read-data"]);
    let out = place.at("out");
    restic(&["restore", "latest", "--target", out.to_str().unwrap()]);
    assert_eq!(contents(&place.restored("out")), contents(&place.source()));
}
