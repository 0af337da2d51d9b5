//! Traits of a whole system that rules ask for and that take more than one key to see.

use unwedge_formats::export::compatibility::BlockKind;
use unwedge_host::system::pending::{self, Worth};
use unwedge_host::system::{services, servicing};
use unwedge_host::{Host, probe};

use super::{Facts, SystemFact};
use crate::evidence::Says;
use crate::report::{Subject, SubjectKind};
use crate::rule::{Predicate, RuleSet, SystemTrait};

/// Looks for what rules ask for. What a host cannot tell is no fact: keys that live in memory only
/// are in no hive, so that not finding them says nothing.
pub(super) fn observe(host: &dyn Host, rules: &RuleSet, facts: &mut Facts) {
    let whens = || rules.rules.iter().flat_map(|rule| &rule.when);
    let asks = |wanted: SystemTrait| {
        whens().any(|when| matches!(when, Predicate::System(own) if *own == wanted))
    };
    if asks(SystemTrait::RestartDue) || asks(SystemTrait::RestartTraces) {
        restart(host, &mut facts.system);
    }
    if asks(SystemTrait::ServicingAtWork)
        && let servicing = servicing::read(host).found
        && servicing.is_at_work() == Some(true)
    {
        let sessions = servicing.sessions.map_or(String::new(), |it| format!(", {it} sessions"));
        facts.system.push(SystemFact {
            of: SystemTrait::ServicingAtWork,
            told: format!("servicing is at work now{sessions}"),
            subject: None,
        });
    }
    if asks(SystemTrait::DriverInTemporaryFolder) {
        drivers(host, &mut facts.system);
    }
    upgrade_blocks(facts);
}

/// What the last scan of setup found to be in the way; earlier ones may have been heeded.
fn upgrade_blocks(facts: &mut Facts) {
    let scans = facts.printed.iter().filter_map(|printed| match &printed.says {
        Says::Blocks(blocks) => Some((&printed.source, blocks)),
        _ => None,
    });
    // Their names carry the time.
    let Some((source, blocks)) = scans.max_by_key(|(source, _)| base_name(source)) else { return };
    for block in blocks.iter().filter(|block| block.is_hard) {
        let (of, kind, what) = match block.kind {
            BlockKind::Program => {
                (SystemTrait::UpgradeBlockedByProgram, SubjectKind::Component, "program")
            }
            BlockKind::Device => {
                (SystemTrait::UpgradeBlockedByHardware, SubjectKind::Component, "device")
            }
            BlockKind::Hardware => {
                (SystemTrait::UpgradeBlockedByHardware, SubjectKind::Component, "hardware")
            }
        };
        facts.system.push(SystemFact {
            of,
            told: format!("{source}: {what} {}, BlockingType Hard", block.name),
            subject: Some(Subject { kind, name: block.name.clone() }),
        });
    }
}

fn base_name(source: &str) -> &str {
    source.rsplit(['/', '\\', '!']).next().unwrap_or(source)
}

fn restart(host: &dyn Host, found: &mut Vec<SystemFact>) {
    let agent = probe::update_agent(host).and_then(|agent| {
        let unknown = |_| unwedge_host::HostError::not_collected("ask for", "a restart");
        agent.restart_required.map_err(unknown)
    });
    if let Ok(true) = agent {
        found.push(SystemFact {
            of: SystemTrait::RestartDue,
            told: "the Windows Update Agent says that it needs a restart".to_owned(),
            subject: None,
        });
    }
    for sign in pending::read(host).found.signs {
        let of = match sign.kind.worth() {
            Worth::Restart => SystemTrait::RestartDue,
            Worth::Maybe => SystemTrait::RestartTraces,
            Worth::Nothing => continue,
        };
        let detail = sign.detail.map_or(String::new(), |detail| format!(": {detail}"));
        let is_file = sign.place.as_bytes().get(1) == Some(&b':');
        let kind = if is_file { SubjectKind::File } else { SubjectKind::RegistryKey };
        found.push(SystemFact {
            of,
            told: format!("{}{detail}", sign.place),
            subject: Some(Subject { kind, name: sign.place }),
        });
    }
}

fn drivers(host: &dyn Host, found: &mut Vec<SystemFact>) {
    for service in services::read(host).found.into_iter().filter(|service| service.is_driver()) {
        let Some(image) = service.image.as_ref() else { continue };
        let folded = image.to_lowercase().replace('/', r"\");
        let is_temporary =
            [r"\temp\", r"%temp%", r"%tmp%", r"\tmp\"].iter().any(|it| folded.contains(it));
        if is_temporary {
            let name = service.name.as_str().to_owned();
            found.push(SystemFact {
                of: SystemTrait::DriverInTemporaryFolder,
                told: format!("driver {name}: {image}"),
                subject: Some(Subject { kind: SubjectKind::Driver, name }),
            });
        }
    }
}
