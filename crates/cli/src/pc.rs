//! Which PC is meant by a path: a machine written down as text, or collected evidence.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use unwedge_host::collected::Collected;
use unwedge_host::{Fixture, Host};

/// Opens what lies at `paths` for reading.
pub(crate) fn open(paths: &[PathBuf]) -> anyhow::Result<Box<dyn Host>> {
    match paths {
        [] => bail!(
            "this version cannot look at the PC it runs on yet: give a log, a folder such as a \
             copy of C:\\Windows\\Logs, or a .host machine"
        ),
        [path] if is_fixture(path) => {
            let fixture = Fixture::open(path).context("this is no machine that can be read")?;
            Ok(Box::new(fixture))
        }
        paths if paths.iter().any(|path| is_fixture(path)) => {
            bail!("a .host machine is a whole PC: give it alone, without other paths")
        }
        paths => Ok(Box::new(Collected::open(paths)?)),
    }
}

fn is_fixture(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("host"))
}
