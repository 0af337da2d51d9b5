//! The running Windows as a host.

use super::facts;
use crate::{
    About, Change, Evidence, Host, HostError, HostMut, Probe, ProbeOutput, ReadSeek, Result,
};

/// The PC this program runs on.
#[derive(Debug)]
pub struct Live {
    about: About,
}

impl Live {
    /// Opens the PC this program runs on.
    pub fn open() -> Result<Live> {
        Ok(Live { about: About::default() })
    }
}

impl Host for Live {
    fn about(&self) -> &About {
        &self.about
    }
    fn evidence(&self) -> Result<Vec<Evidence>> {
        Err(HostError::not_collected("list", "evidence"))
    }
    fn open_evidence(&self, evidence: &Evidence) -> Result<Box<dyn ReadSeek + '_>> {
        Err(HostError::not_collected("open", &evidence.source))
    }
    fn probe(&self, probe: &Probe) -> Result<ProbeOutput> {
        facts::answer(self, probe)
            .unwrap_or_else(|| Err(HostError::not_collected("ask for", &format!("{probe:?}"))))
    }
}

impl HostMut for Live {
    fn apply(&mut self, change: &Change) -> Result<()> {
        Err(HostError::not_collected("apply", change))
    }
}
