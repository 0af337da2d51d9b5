//! Whether servicing is at work on this PC now, so that others must wait.

use super::{Inquiry, Reading};
use crate::{Host, HostErrorKind, RunState, ServiceName};

const CBS: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing";
/// The service of servicing, which ends by itself minutes after its last work.
const INSTALLER: &str = "TrustedInstaller";

/// What says so; `None` where it is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Servicing {
    /// `ServicingInProgress`: 1 while changes wait for a restart or are finished at one, 2 while
    /// somebody works.
    pub flag: Option<u32>,
    /// The service of servicing runs; it also does so for a while after its work.
    pub installer_runs: Option<bool>,
    /// How many sessions wait (keys below `SessionsPending`).
    pub sessions: Option<u32>,
    /// Whether one of them keeps all others out (`Exclusive`).
    pub exclusive: Option<bool>,
}

/// Reads it.
pub fn read(host: &dyn Host) -> Reading<Servicing> {
    let mut inquiry = Inquiry::of(host);
    let flag = inquiry.key(&format!(r"{CBS}\Interface"));
    let pending = format!(r"{CBS}\SessionsPending");
    let before = inquiry.unknown.len();
    let sessions = inquiry.key(&pending);
    // Known to be absent is none at all.
    let is_known = inquiry.unknown.len() == before;
    let count = sessions.as_ref().map_or(0, |it| it.subkeys.len());
    let service = match host.service(&ServiceName::new(INSTALLER)) {
        Ok(Some(service)) => match service.state {
            RunState::Unknown => None,
            state => Some(state != RunState::Stopped),
        },
        Ok(None) => Some(false),
        Err(error) if error.kind == HostErrorKind::NotCollected => None,
        Err(error) => inquiry.noted(INSTALLER, Err(error)),
    };
    inquiry.done(Servicing {
        flag: flag.map(|it| it.dword("ServicingInProgress").unwrap_or(0)),
        installer_runs: service,
        sessions: is_known.then_some(u32::try_from(count).unwrap_or(u32::MAX)),
        exclusive: is_known
            .then(|| sessions.and_then(|it| it.dword("Exclusive")).is_some_and(|it| it != 0)),
    })
}

impl Servicing {
    /// Whether somebody works now; `None` where that is not known.
    ///
    /// That the service runs is not enough: it idles before it ends.
    #[must_use]
    pub fn is_at_work(&self) -> Option<bool> {
        const WORKING: u32 = 2;
        match (self.flag, self.installer_runs) {
            (Some(WORKING), runs) if runs != Some(false) => Some(true),
            (_, Some(true)) if self.exclusive == Some(true) => Some(true),
            (Some(_), _) | (None, Some(false)) => Some(false),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    fn check(text: &str) -> Servicing {
        read(&Fixture::parse(&text.replace("CBS", CBS)).unwrap()).found
    }

    #[test]
    fn work_needs_the_flag_or_a_session_that_keeps_others_out() {
        let working = check(
            "//- service TrustedInstaller running manual\n//- reg \"CBS\\Interface\"\n\
             ServicingInProgress = dword:2\n//- absent key \"CBS\\SessionsPending\"\n",
        );
        assert_eq!(working.is_at_work(), Some(true));
        assert_eq!(working.sessions, Some(0));
        let exclusive = check(
            "//- service TrustedInstaller running manual\n//- reg \"CBS\\Interface\"\n\
             //- reg \"CBS\\SessionsPending\"\nExclusive = dword:1\n//- reg \"CBS\\SessionsPending\\1_2\"\n",
        );
        assert_eq!((exclusive.is_at_work(), exclusive.sessions), (Some(true), Some(1)));
    }

    #[test]
    fn a_service_that_idles_or_a_flag_that_was_left_is_no_work() {
        let idle =
            check("//- service TrustedInstaller running manual\n//- reg \"CBS\\Interface\"\n");
        assert_eq!(idle.is_at_work(), Some(false));
        let left = check(
            "//- service TrustedInstaller stopped manual\n//- reg \"CBS\\Interface\"\n\
             ServicingInProgress = dword:2\n",
        );
        assert_eq!(left.is_at_work(), Some(false));
    }

    #[test]
    fn without_evidence_nothing_is_known() {
        assert_eq!(check(""), Servicing::default());
        assert_eq!(check("").is_at_work(), None);
    }
}
