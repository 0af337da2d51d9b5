//! The present state of the machine itself, as far as a host can tell: services and holders.

use std::collections::BTreeSet;

use unwedge_host::probe::{Holder, Probe, ProbeOutput};
use unwedge_host::service::StartType;
use unwedge_host::{Host, HostError, HostErrorKind, ServiceName, WinPath};

use super::{Facts, HolderFact, ServiceFact};
use crate::report::{GapNote, SubjectKind};
use crate::rule::{Predicate, RuleSet};

/// What Windows Update and servicing write to; holders of it matter although no log names them.
const UPDATE_PATHS: [&str; 4] = [
    r"C:\Windows\SoftwareDistribution",
    r"C:\Windows\System32\catroot2",
    r"C:\Windows\System32\config\COMPONENTS",
    r"C:\Windows\WinSxS",
];
/// At most so many files of the logs are asked for.
const MOST_PATHS: usize = 200;

/// Asks `host` for what `rules` and the logs read so far make worth knowing.
pub(super) fn observe(host: &dyn Host, rules: &RuleSet, facts: &mut Facts) {
    services(host, rules, facts);
    holders(host, facts);
}

fn services(host: &dyn Host, rules: &RuleSet, facts: &mut Facts) {
    let wanted: BTreeSet<&String> = rules
        .rules
        .iter()
        .flat_map(|rule| &rule.when)
        .filter_map(|when| match when {
            Predicate::Service(service) => Some(&service.names),
            _ => None,
        })
        .flatten()
        .collect();
    for name in wanted {
        match host.service(&ServiceName::new(name)) {
            Ok(Some(service)) => facts.services.push(ServiceFact {
                name: name.clone(),
                disabled: service.start == StartType::Disabled,
                told: format!("service {name}: start type {}, {}", service.start, service.state),
            }),
            Ok(None) => {}
            Err(error) => not_told(facts, &format!("service {name}"), &error),
        }
    }
}

fn holders(host: &dyn Host, facts: &mut Facts) {
    let mut paths: Vec<WinPath> = UPDATE_PATHS.iter().map(|path| WinPath::new(path)).collect();
    let named = facts.sightings.values().flat_map(|series| series.iter());
    let files = named.flat_map(|sighting| &sighting.subjects).filter(|subject| {
        subject.kind == SubjectKind::File && subject.name.as_bytes().get(1) == Some(&b':')
    });
    for file in files {
        let path = WinPath::new(&file.name);
        if paths.len() < MOST_PATHS && !paths.iter().any(|known| path.is_within(known)) {
            paths.push(path);
        }
    }
    match host.probe(&Probe::Holders { paths }) {
        Ok(ProbeOutput::Holders(found)) => {
            facts.holders_complete = Some(found.complete);
            facts.holders.extend(found.holders.iter().map(told));
        }
        Ok(_) => {}
        Err(error) => not_told(facts, "holders of the files of Windows Update", &error),
    }
}

fn told(holder: &Holder) -> HolderFact {
    HolderFact {
        path: holder.path.clone(),
        service: holder.service.as_ref().map(|name| name.as_str().to_owned()),
        image: holder.image.clone(),
        pid: holder.pid,
        conflict: holder.conflict.clone(),
        confirmed: holder.confirmed,
    }
}

/// Evidence that was brought cannot tell the present state; that goes without saying.
fn not_told(facts: &mut Facts, what: &str, error: &HostError) {
    if error.kind == HostErrorKind::NotCollected {
        return;
    }
    facts.gaps.push(GapNote {
        source: "this PC".to_owned(),
        line: None,
        what: what.to_owned(),
        why: error.to_string(),
    });
}
