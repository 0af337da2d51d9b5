//! Embeds every `rules/<id>/rule.toml`, so that the executable is one file.
//!
//! TOML is for those who write rules; read at every start it would take longer than many a log.
//! What is embedded is the same as JSON.

use std::path::Path;
use std::{env, fs};

fn main() {
    let rules =
        Path::new(&env::var("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../../rules");
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut folders: Vec<_> = fs::read_dir(&rules)
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
    let out = Path::new(&env::var("OUT_DIR").expect("set by cargo")).join("rules.rs");
    fs::write(out, list).expect("the output folder is writable");
}
