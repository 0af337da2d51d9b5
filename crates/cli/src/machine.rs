//! The one PC that a plan, a repair or an undo is about, and what is wrong with it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use unwedge_engine::report::Diagnosis;
use unwedge_engine::rule::RuleSet;
use unwedge_engine::{diagnose, fact};
use unwedge_host::collected::Collected;
use unwedge_host::live::Live;
use unwedge_host::{Fixture, Host, fixture};

/// Which kind of PC was named.
pub(crate) enum Named {
    /// The PC this program runs on.
    This,
    /// A PC written down as text: can be repaired.
    Fixture(PathBuf),
    /// Evidence copied from a PC: can be read only.
    Collected(PathBuf),
}

/// Takes what the user named; nothing named is this PC.
pub(crate) fn named(pc: Option<&Path>) -> anyhow::Result<Named> {
    let Some(path) = pc else { return Ok(Named::This) };
    if !path.exists() {
        bail!("there is no {}", path.display());
    }
    Ok(match is_fixture(path) && path.is_file() {
        true => Named::Fixture(path.to_owned()),
        false => Named::Collected(path.to_owned()),
    })
}

/// Opens a PC to read it.
pub(crate) fn open(named: &Named) -> anyhow::Result<Box<dyn Host>> {
    match named {
        Named::This => Ok(Box::new(Live::open()?)),
        Named::Fixture(path) => Ok(Box::new(open_fixture(path)?)),
        Named::Collected(path) => Ok(Box::new(Collected::open(std::slice::from_ref(path))?)),
    }
}

/// Opens all that lies at `paths` as evidence from one PC.
pub(crate) fn open_all(paths: &[PathBuf]) -> anyhow::Result<Box<dyn Host>> {
    match paths {
        [] => open(&named(None)?),
        [path] => open(&named(Some(path))?),
        paths if paths.iter().any(|path| is_fixture(path)) => {
            bail!("a .host machine is a whole PC: give it alone, without other paths")
        }
        paths => Ok(Box::new(Collected::open(paths)?)),
    }
}

/// Opens a PC written down as text, to change it.
pub(crate) fn open_fixture(path: &Path) -> anyhow::Result<Fixture> {
    match Fixture::open(path) {
        Err(err @ fixture::OpenError::OtherOrigin { .. }) => Err(err).context(
            "the file was edited after a repair was made on it; move the folder beside it away to \
             start afresh",
        ),
        other => Ok(other?),
    }
}

/// Looks at a PC and says what is wrong.
pub(crate) fn diagnosed(host: &dyn Host) -> Diagnosis {
    let rules = RuleSet::built_in();
    diagnose::diagnose(&fact::observe(host, &rules), &rules)
}

fn is_fixture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("host"))
}
