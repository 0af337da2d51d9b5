//! The one PC that a plan, a repair or an undo is about, and what is wrong with it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use unwedge_engine::report::Diagnosis;
use unwedge_engine::rule::RuleSet;
use unwedge_engine::shelf::Shelf;
use unwedge_engine::{diagnose, fact};
use unwedge_host::collected::Collected;
use unwedge_host::fixture::{self, state_folder};
use unwedge_host::live::{Live, state};
use unwedge_host::{Fixture, Host, HostMut};

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
        Named::This => Ok(Box::new(this_pc()?)),
        Named::Fixture(path) => Ok(Box::new(open_fixture(path)?)),
        Named::Collected(path) => Ok(Box::new(Collected::open(std::slice::from_ref(path))?)),
    }
}

/// The first argument that makes this program a helper of itself, which answers about the files
/// that processes have open; no command of a person.
#[cfg(windows)]
pub(crate) const HELPER: &str = "--answer-about-open-files";

/// The PC this program runs on, of which it can be asked too who holds what.
fn this_pc() -> anyhow::Result<Live> {
    let live = Live::open()?;
    #[cfg(windows)]
    let live = live.with_helper(unwedge_host::live::holder::Helper::this_program(HELPER)?);
    Ok(live)
}

/// Adds what to do where only the right was missing.
fn for_administrators(error: unwedge_host::HostError) -> anyhow::Error {
    let is_denied = error.kind.is_denied();
    let error = anyhow::Error::from(error);
    match is_denied {
        true => error.context(
            "only an administrator may repair this PC: right-click the program or the terminal and \
             choose \"Run as administrator\"",
        ),
        false => error,
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

/// A PC that can be changed.
pub(crate) enum Patient {
    /// The PC this program runs on.
    This(Box<Live>),
    /// A PC written down as text.
    Fixture(Box<Fixture>),
}

/// Where the repairs of a PC are kept, and how it is called, without opening the PC itself.
pub(crate) struct Chart {
    /// Its journals.
    pub(crate) shelf: Shelf,
    /// What it is called in sentences.
    pub(crate) name: String,
    /// How it is named on the command line, with a blank before it; empty for this PC.
    pub(crate) argument: String,
}

impl Named {
    /// The journals of a PC that is going to be changed.
    pub(crate) fn chart(&self) -> anyhow::Result<Chart> {
        self.chart_in(state::folder)
    }

    /// The journals of a PC, if there are any; nothing is made for them.
    pub(crate) fn chart_to_read(&self) -> anyhow::Result<Chart> {
        self.chart_in(state::place)
    }

    fn chart_in(&self, place: fn() -> unwedge_host::Result<PathBuf>) -> anyhow::Result<Chart> {
        match self {
            Named::This => {
                this_pc()?;
                Ok(Chart {
                    shelf: Shelf::new(&place().map_err(for_administrators)?),
                    name: "this PC".to_owned(),
                    argument: String::new(),
                })
            }
            Named::Fixture(path) => Ok(Chart {
                shelf: Shelf::new(&state_folder(path)),
                name: path.display().to_string(),
                argument: format!(" {}", path.display()),
            }),
            Named::Collected(path) => {
                bail!("{} is evidence from a PC; it was never changed", path.display())
            }
        }
    }

    /// Opens a PC to change it.
    pub(crate) fn patient(&self) -> anyhow::Result<Patient> {
        match self {
            Named::This => Ok(Patient::This(Box::new(this_pc()?))),
            Named::Fixture(path) => Ok(Patient::Fixture(Box::new(open_fixture(path)?))),
            Named::Collected(path) => bail!("{} is evidence from a PC", path.display()),
        }
    }
}

impl Patient {
    /// The PC.
    pub(crate) fn host(&self) -> &dyn Host {
        match self {
            Patient::This(live) => &**live,
            Patient::Fixture(fixture) => &**fixture,
        }
    }

    /// The PC, to change it.
    pub(crate) fn host_mut(&mut self) -> &mut dyn HostMut {
        match self {
            Patient::This(live) => &mut **live,
            Patient::Fixture(fixture) => &mut **fixture,
        }
    }

    /// What its clock shows.
    pub(crate) fn now(&self) -> String {
        match self {
            Patient::This(_) => Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Patient::Fixture(fixture) => fixture.now(),
        }
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
