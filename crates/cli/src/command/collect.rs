//! `unwedge collect`: the evidence of a PC in one file, to be kept or given away.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use unwedge_engine::collect::{CollectError, Manifest, Privacy, Request, collect};
use unwedge_host::Host;

use crate::exit::Exit;
use crate::machine::open_all;
use crate::render::{self, json};

/// Puts the evidence into one zip with a manifest, to be kept or given away
#[derive(Debug, clap::Args)]
pub(crate) struct CollectArgs {
    /// Logs, folders or archives of evidence, or a .host machine; on Windows none means this PC
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Where the bundle is written
    #[arg(short, long, value_name = "BUNDLE.zip")]
    output: PathBuf,

    /// Replace names of people and PCs, addresses and serial numbers; event logs, traces and the
    /// registry become text, as far as unwedge reads them
    #[arg(long)]
    redact: bool,

    /// Evidence before compression; the most telling and newest comes first
    #[arg(long, value_name = "SIZE", default_value = "100MB", value_parser = size)]
    max_size: u64,

    /// Write over a file that is there
    #[arg(long)]
    force: bool,

    /// Print the manifest as JSON (docs/collect.schema.json)
    #[arg(long)]
    json: bool,
}

/// Writes the bundle.
pub(crate) fn run(args: &CollectArgs) -> anyhow::Result<Exit> {
    if args.output.exists() && !args.force {
        bail!("{} is there already; --force writes over it", args.output.display());
    }
    let host = open_all(&args.paths)?;
    let privacy = match args.redact {
        true => Privacy::Redact,
        false => Privacy::Keep,
    };
    let request = Request { max_size_bytes: args.max_size, privacy };
    let manifest = write(&*host, request, &args.output)?;
    if args.json {
        json(&manifest)?;
        return Ok(Exit::Ok);
    }
    render::show(&render::collect::text(&manifest, &args.output));
    Ok(Exit::Ok)
}

/// Writes beside the place and renames at the end, so that a half-written bundle is never there.
pub(crate) fn write(host: &dyn Host, request: Request, output: &Path) -> anyhow::Result<Manifest> {
    let mut name = output.file_name().context("the bundle needs a name")?.to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = output.with_file_name(name);
    let cannot = || format!("could not write {}", part.display());
    // One of this name is left from a run that was killed: no other process has our number now.
    // Removed and not written over, lest it be a link to something else.
    match fs::remove_file(&part) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why).with_context(cannot),
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&part);
    let file = file.with_context(cannot)?;
    let done = collected(host, request, file).and_then(|manifest| {
        fs::rename(&part, output)
            .with_context(|| format!("could not write {}", output.display()))?;
        Ok(manifest)
    });
    if done.is_err() {
        // The error that matters is the one at hand.
        let _ = fs::remove_file(&part);
    }
    done
}

fn collected(host: &dyn Host, request: Request, file: File) -> anyhow::Result<Manifest> {
    match collect(host, request, &file) {
        Err(error @ CollectError::Leak(_)) => {
            Err(error).context("no bundle was written: it could not be made free of private values")
        }
        done => {
            let manifest = done?;
            file.sync_all()?;
            Ok(manifest)
        }
    }
}

/// `100MB`, `1.5 GB`, or bytes; by thousands or, with an `i`, by 1024.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let unit = text[digits.len()..].trim().to_ascii_lowercase();
    let factor: u64 = match &unit[..] {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(format!("`{unit}` is no unit; B, KB, MB and GB are")),
    };
    let number: u64 =
        digits.parse().map_err(|_| "a size is a whole number and a unit".to_owned())?;
    number.checked_mul(factor).filter(|size| *size > 0).ok_or_else(|| "out of range".to_owned())
}

#[cfg(test)]
mod tests {
    use unwedge_host::Fixture;

    use super::*;

    #[test]
    fn what_a_killed_run_left_does_not_stop_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("b.zip");
        let part = folder.path().join(format!("b.zip.{}.part", std::process::id()));
        fs::write(&part, "half").unwrap();
        let log = "2026-01-02 10:00:00, Info                  CBS    a line\n".repeat(9);
        let pc = Fixture::parse(&format!("//- file C:\\Windows\\Logs\\CBS\\CBS.log\n{log}"));
        let request = Request { max_size_bytes: 1 << 20, privacy: Privacy::Keep };
        write(&pc.unwrap(), request, &bundle).unwrap();
        assert!(bundle.is_file() && !part.exists());
    }
}
