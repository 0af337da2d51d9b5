//! The place where the running Windows will be reached; in this version it says that it is not.

use std::convert::Infallible;

use crate::{HostError, HostErrorKind, Result};

/// Opens the PC this program runs on.
pub fn open() -> Result<Infallible> {
    Err(HostError {
        op: "open",
        subject: "this PC".to_owned(),
        kind: HostErrorKind::Io(
            "working on the running Windows is not part of this version; give a collected folder \
             or a PC written down as a .host file"
                .to_owned(),
        ),
    })
}
