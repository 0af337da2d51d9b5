//! What stands in for the running Windows on every other system: nothing, and it says so.

use crate::{About, Change, Evidence, Host, HostError, HostErrorKind, HostMut, ReadSeek, Result};

/// The PC this program runs on.
#[derive(Debug)]
pub enum Live {}

impl Live {
    /// Opens the PC this program runs on.
    pub fn open() -> Result<Live> {
        Err(HostError {
            op: "open",
            subject: "this PC".to_owned(),
            kind: HostErrorKind::Io(
                "it does not run Windows; give a folder or archive collected from a PC, or a PC \
                 written down as a .host file"
                    .to_owned(),
            ),
        })
    }
}

impl Host for Live {
    fn about(&self) -> &About {
        match *self {}
    }
    fn evidence(&self) -> Result<Vec<Evidence>> {
        match *self {}
    }
    fn open_evidence(&self, _: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        match *self {}
    }
}

impl HostMut for Live {
    fn apply(&mut self, _: &Change) -> Result<()> {
        match *self {}
    }
}
