//! Headers of real database files, where there are some.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use unwedge_formats::ese::{FileKind, HeaderCopy, State, database, recognise};

#[test]
fn real_files_are_told_apart_and_their_checksums_are_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ese");
    let mut seen = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let bytes = if name.ends_with(".xz") {
            let Ok(output) = Command::new("xz").arg("-dc").arg(&path).output() else { continue };
            output.stdout
        } else {
            fs::read(&path).unwrap()
        };
        let kind = match name.trim_end_matches(".xz").rsplit('.').next() {
            Some("edb") => FileKind::Database,
            Some("log") => FileKind::Log,
            Some("chk") => FileKind::Checkpoint,
            Some("jfm") => FileKind::FlushMap,
            _ => continue,
        };
        assert_eq!(recognise(&bytes), Some(kind), "{name}");
        if kind == FileKind::Database {
            let told = database(&bytes).unwrap();
            assert_eq!(told.copies, [HeaderCopy::Whole; 2], "{name}");
            assert_eq!(told.state, State::CleanShutdown, "{name}");
        }
        seen += 1;
    }
    let note = if seen == 0 { "skipped: no database files of real PCs" } else { "compared" };
    writeln!(std::io::stderr(), "{note}: {seen} files").unwrap();
}
