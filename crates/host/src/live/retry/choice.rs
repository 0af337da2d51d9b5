//! Which updates are tried again, and what it means how they ended.

use crate::probe::{Deed, DeedResult, HistoryEntry};
use crate::{HostError, HostErrorKind};

/// An update as it is offered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::live) struct Offered {
    /// Its identity, together with the revision.
    pub(in crate::live) id: String,
    pub(in crate::live) revision: u32,
    /// The name people see.
    pub(in crate::live) title: String,
    /// Such as `KB5034441`; the first of those it names.
    pub(in crate::live) kb: Option<String>,
    pub(in crate::live) is_installed: bool,
    /// It is installed as far as that goes before a restart.
    pub(in crate::live) needs_restart: bool,
    pub(in crate::live) is_driver: bool,
    /// Windows does not install it unless somebody chooses it.
    pub(in crate::live) is_optional: bool,
    pub(in crate::live) is_downloaded: bool,
    pub(in crate::live) is_licence_accepted: bool,
    /// It may ask something while it is installed.
    pub(in crate::live) asks_a_person: bool,
}

/// How one update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::live) struct Ended {
    pub(in crate::live) result: DeedResult,
    /// The code it ended with.
    pub(in crate::live) code: u32,
    pub(in crate::live) needs_restart: bool,
}

/// Why Windows Update is not asked, or not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(not(windows), allow(dead_code, reason = "only Windows gives these answers"))]
pub(in crate::live) enum Refusal {
    #[error(
        "Windows Update does not offer it to this PC; it is installed, replaced by a newer one, \
         withdrawn or hidden"
    )]
    NotOffered,
    #[error("Windows Update offers nothing that it would install by itself")]
    NothingOffered,
    #[error(
        "it may ask a person while it is installed; install it under Settings, Windows Update, to \
         answer"
    )]
    AsksAPerson,
    #[error(
        "Windows Update reported it installed {times} times and offers it again, so that \
         installing it once more would prove nothing"
    )]
    InstalledOverAndOver { times: usize },
    #[error("Windows Update reported it installed, and offers it again")]
    OfferedAgain,
    #[error("another installation is at work; wait until it is done")]
    Busy,
    #[error("Windows has to be restarted before anything can be installed")]
    RestartFirst,
    #[error(
        "Windows Update installs nothing for somebody who signed in over the network (remote \
         command line); sign in at the PC or by remote desktop, or run this as a scheduled task of \
         the account SYSTEM"
    )]
    FromTheNetwork,
}

impl Refusal {
    /// As an error about `subject`.
    pub(in crate::live) fn of(&self, subject: &str) -> HostError {
        let kind = HostErrorKind::Io(self.to_string());
        HostError { op: "let Windows Update retry", subject: subject.to_owned(), kind }
    }
}

impl Offered {
    /// What it is called where it has to be told from others.
    pub(in crate::live) fn name(&self) -> String {
        match &self.kb {
            Some(kb) if !self.title.contains(kb) => format!("{kb}, {}", self.title),
            _ => self.title.clone(),
        }
    }

    /// Whether Windows would install it, or go on installing it, with nobody there.
    pub(in crate::live) fn is_for_windows(&self) -> bool {
        // An optional one that lies here was chosen by somebody.
        let is_chosen = !self.is_optional || self.is_downloaded;
        is_chosen && !self.is_driver && !self.asks_a_person
    }

    fn is(&self, kb: &str) -> bool {
        self.kb.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(kb))
    }

    fn is_same(&self, other: &Offered) -> bool {
        self.id.eq_ignore_ascii_case(&other.id) && self.revision == other.revision
    }
}

impl Ended {
    /// Whether the agent says that it is installed, or downloaded.
    pub(in crate::live) fn is_success(self) -> bool {
        matches!(self.result, DeedResult::Succeeded | DeedResult::SucceededWithErrors)
    }
}

/// The places of those that are to be tried; none where all that is left is a restart.
pub(in crate::live) fn chosen(
    kb: Option<&str>,
    offered: &[Offered],
) -> Result<Vec<usize>, Refusal> {
    let is_wanted = |it: &Offered| match kb {
        Some(kb) => it.is(kb),
        None => it.is_for_windows(),
    };
    let wanted: Vec<usize> = (0..offered.len())
        .filter(|at| is_wanted(&offered[*at]) && !offered[*at].is_installed)
        .collect();
    if wanted.is_empty() {
        return Err(if kb.is_some() { Refusal::NotOffered } else { Refusal::NothingOffered });
    }
    if wanted.iter().any(|at| offered[*at].asks_a_person) {
        return Err(Refusal::AsksAPerson);
    }
    Ok(wanted.into_iter().filter(|at| !offered[*at].needs_restart).collect())
}

/// Fails for an update whose last two attempts or more went through, as the history (newest first)
/// tells, and which is offered all the same.
pub(in crate::live) fn not_in_a_loop(
    offered: &Offered,
    history: &[HistoryEntry],
) -> Result<(), Refusal> {
    const MOST: usize = 2;
    let own = history
        .iter()
        .filter(|it| it.update.eq_ignore_ascii_case(&offered.id) && it.revision == offered.revision)
        .filter(|it| !matches!(it.result, DeedResult::NotStarted | DeedResult::InProgress));
    let went_through = |it: &&HistoryEntry| {
        it.deed == Deed::Installation
            && matches!(it.result, DeedResult::Succeeded | DeedResult::SucceededWithErrors)
    };
    match own.take_while(went_through).count() {
        times if times >= MOST => Err(Refusal::InstalledOverAndOver { times }),
        _ => Ok(()),
    }
}

/// Fails if an update that was just reported installed is offered as before.
pub(in crate::live) fn not_offered_again(
    tried: &[(&Offered, Ended)],
    offered_now: &[Offered],
) -> Result<(), HostError> {
    for (update, ended) in tried.iter().filter(|(_, ended)| ended.is_success()) {
        let is_pending = |it: &&Offered| !it.is_installed && !it.needs_restart;
        let again = offered_now.iter().filter(is_pending).any(|it| it.is_same(update));
        if again && !ended.needs_restart {
            return Err(Refusal::OfferedAgain.of(&update.name()));
        }
    }
    Ok(())
}

/// The failure of the first update that failed, with the names of all that did.
pub(in crate::live) fn failure(
    op: &'static str,
    tried: &[(&Offered, Ended)],
    reason: impl Fn(u32) -> HostErrorKind,
) -> Option<HostError> {
    let mut failed = tried.iter().filter(|(_, ended)| !ended.is_success()).peekable();
    let kind = match failed.peek()?.1 {
        Ended { code: 0, result: DeedResult::Aborted, .. } => HostErrorKind::Cancelled,
        Ended { code: 0, .. } => HostErrorKind::Io("Windows Update does not say why".to_owned()),
        Ended { code, .. } => reason(code),
    };
    let subject: Vec<String> = failed.map(|(update, _)| update.name()).collect();
    Some(HostError { op, subject: subject.join("; "), kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(kb: &str) -> Offered {
        let title = format!("2026-01 Cumulative Update ({kb})");
        let kb = Some(kb.to_owned());
        Offered { id: title.clone(), title, kb, is_licence_accepted: true, ..Offered::default() }
    }

    fn entry(update: &Offered, deed: Deed, result: DeedResult) -> HistoryEntry {
        HistoryEntry {
            time: None,
            deed,
            result,
            code: 0,
            title: update.title.clone(),
            update: update.id.to_uppercase(),
            revision: update.revision,
            client: String::new(),
        }
    }

    fn ended(result: DeedResult, code: u32) -> Ended {
        Ended { result, code, needs_restart: false }
    }

    /// The agent answers E_ACCESSDENIED over WinRM only once everything is set up; it is said before
    /// it is asked for anything, with the way out.
    #[test]
    fn pitfall_34_over_the_network_nothing_is_asked_and_the_way_out_is_told() {
        let said = Refusal::FromTheNetwork.of("KB1111111").to_string();
        assert!(said.contains("over the network") && said.contains("SYSTEM"), "{said}");
        let code = include_str!("agent.rs");
        let (before, _) = code.split_once("Refusal::FromTheNetwork").unwrap();
        for asks in ["create(", "UpdateSession", "Search"] {
            let body = before.rsplit("fn retry(").next().unwrap();
            assert!(!body.contains(asks), "{asks} before it is known who asks");
        }
    }

    #[test]
    fn the_named_update_is_tried_and_no_other() {
        let all = [offered("KB1111111"), offered("KB2222222")];
        assert_eq!(chosen(Some("kb2222222"), &all), Ok(vec![1]));
        assert_eq!(chosen(Some("KB3333333"), &all), Err(Refusal::NotOffered));
        assert_eq!(chosen(Some("KB3333333"), &[]), Err(Refusal::NotOffered));
    }

    #[test]
    fn without_a_name_all_are_tried_but_drivers_and_what_nobody_chose() {
        let driver = Offered { is_driver: true, ..offered("KB1111111") };
        let preview = Offered { is_optional: true, ..offered("KB2222222") };
        let asking = Offered { asks_a_person: true, ..offered("KB3333333") };
        let chosen_preview = Offered { is_downloaded: true, ..preview.clone() };
        let all = [driver, preview, asking, chosen_preview, offered("KB4444444")];
        assert_eq!(chosen(None, &all), Ok(vec![3, 4]));
        assert_eq!(chosen(None, &all[..3]), Err(Refusal::NothingOffered));
        assert_eq!(chosen(Some("KB1111111"), &all), Ok(vec![0]));
    }

    #[test]
    fn what_may_ask_a_person_is_left_to_one() {
        let asking = Offered { asks_a_person: true, ..offered("KB3333333") };
        assert_eq!(chosen(Some("KB3333333"), &[asking]), Err(Refusal::AsksAPerson));
    }

    #[test]
    fn what_waits_for_a_restart_is_not_installed_again() {
        let waiting = Offered { needs_restart: true, ..offered("KB1111111") };
        assert_eq!(chosen(Some("KB1111111"), std::slice::from_ref(&waiting)), Ok(vec![]));
        assert_eq!(chosen(None, &[waiting, offered("KB2222222")]), Ok(vec![1]));
    }

    #[test]
    fn an_update_that_was_installed_over_and_over_is_a_loop() {
        let update = offered("KB1111111");
        let done = || entry(&update, Deed::Installation, DeedResult::Succeeded);
        let failed = entry(&update, Deed::Installation, DeedResult::Failed);
        let removed = entry(&update, Deed::Removal, DeedResult::Succeeded);
        let running = entry(&update, Deed::Installation, DeedResult::InProgress);
        let twice = not_in_a_loop(&update, &[running, done(), done()]);
        assert_eq!(twice, Err(Refusal::InstalledOverAndOver { times: 2 }));
        assert_eq!(not_in_a_loop(&update, &[done(), failed.clone(), done()]), Ok(()));
        assert_eq!(not_in_a_loop(&update, &[removed, done(), done()]), Ok(()));
        assert_eq!(not_in_a_loop(&update, &[failed, done(), done()]), Ok(()));
        let newer = Offered { revision: 2, ..update.clone() };
        assert_eq!(not_in_a_loop(&newer, &[done(), done()]), Ok(()));
    }

    #[test]
    fn an_update_that_is_offered_again_at_once_was_not_installed() {
        let update = offered("KB1111111");
        let done = ended(DeedResult::Succeeded, 0);
        let now = [offered("KB2222222"), update.clone()];
        let error = not_offered_again(&[(&update, done)], &now).unwrap_err().to_string();
        assert!(error.contains("offers it again") && error.contains("KB1111111"), "{error}");
        assert!(not_offered_again(&[(&update, done)], &now[..1]).is_ok());
        let after_restart = Ended { needs_restart: true, ..done };
        assert!(not_offered_again(&[(&update, after_restart)], &now).is_ok());
        let waiting = [Offered { needs_restart: true, ..update.clone() }];
        assert!(not_offered_again(&[(&update, done)], &waiting).is_ok());
        let failed = ended(DeedResult::Failed, 5);
        assert!(not_offered_again(&[(&update, failed)], &now).is_ok());
    }

    #[test]
    fn the_code_of_the_update_that_failed_is_told_with_its_name() {
        let (first, second) = (offered("KB1111111"), offered("KB2222222"));
        let tried = [
            (&first, ended(DeedResult::SucceededWithErrors, 0)),
            (&second, ended(DeedResult::Failed, 0x8007_0020)),
        ];
        let error = failure("install", &tried, HostErrorKind::Com).unwrap();
        assert_eq!(error.kind, HostErrorKind::Com(0x8007_0020));
        assert!(error.subject.contains("KB2222222") && !error.subject.contains("KB1111111"));
        assert_eq!(failure("install", &tried[..1], HostErrorKind::Com).map(|it| it.kind), None);
        let aborted = [(&first, ended(DeedResult::Aborted, 0))];
        let error = failure("install", &aborted, HostErrorKind::Com).unwrap();
        assert_eq!(error.kind, HostErrorKind::Cancelled);
    }
}
