//! Embeds every `rules/<id>/rule.toml` and the tables of `knowledge/`, so that the executable is one
//! file.
//!
//! TOML is for those who write rules; read at every start it would take longer than many a log.
//! What is embedded is the same as JSON. The tables are packed to a fifth.

use std::io::Write;
use std::path::Path;
use std::{env, fs};

use flate2::Compression;
use flate2::write::ZlibEncoder;

fn main() {
    let project = env::var("CARGO_MANIFEST_DIR").expect("set by cargo") + "/../..";
    let out = env::var("OUT_DIR").expect("set by cargo");
    embed_rules(&Path::new(&project).join("rules"), Path::new(&out));
    embed_tables(&Path::new(&project).join("knowledge"), Path::new(&out));
}

fn embed_tables(tables: &Path, out: &Path) {
    println!("cargo::rerun-if-changed={}", tables.display());
    for entry in fs::read_dir(tables).expect("the tables stand beside the crates") {
        let path = entry.expect("a readable entry").path();
        if path.extension().is_none_or(|it| it != "tsv") {
            continue;
        }
        let text = fs::read(&path).expect("a readable table");
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&text).expect("memory takes everything");
        let packed = packed.finish().expect("memory takes everything");
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        fs::write(out.join(format!("{name}.zz")), packed).expect("the output folder is writable");
    }
}

fn embed_rules(rules: &Path, out: &Path) {
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut folders: Vec<_> = fs::read_dir(rules)
        .expect("the rules stand beside the crates")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.join("rule.toml").is_file())
        .collect();
    folders.sort();
    let mut list = String::from("&[\n");
    for folder in folders {
        let file = folder.join("rule.toml").canonicalize().expect("it was just seen");
        println!("cargo::rerun-if-changed={}", file.display());
        let id = folder.file_name().expect("a folder has a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(&file).expect("a rule is text");
        let rule: serde_json::Value =
            toml::from_str(&text).unwrap_or_else(|error| panic!("rules/{id}/rule.toml: {error}"));
        list.push_str(&format!("    ({id:?}, {:?}),\n", rule.to_string()));
    }
    list.push_str("]\n");
    fs::write(out.join("rules.rs"), list).expect("the output folder is writable");
}
