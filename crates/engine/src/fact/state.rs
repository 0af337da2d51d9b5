//! The present state of the machine itself, as far as a host can tell: services and holders.

use std::collections::{BTreeMap, BTreeSet};

use unwedge_host::probe::{Conflict, Hold, Holder, Probe, ProbeOutput};
use unwedge_host::service::StartType;
use unwedge_host::{Data, Host, HostError, HostErrorKind, Key, KeyPath, ServiceName, WinPath};

use super::{Facts, HolderFact, Outcome, RegistryFact, ServiceFact, suspects, system, this_pc};
use crate::evidence::Says;
use crate::report::{Category, GapNote, SubjectKind};
use crate::rule::{Predicate, RegistryMust, RegistryTest, RegistryWord, Rule, RuleSet};

/// What Windows Update and servicing write to; holders of it matter although no log names them.
pub(crate) const UPDATE_PATHS: [&str; 4] = [
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
    registry(host, rules, facts);
    system::observe(host, rules, facts);
    this_pc::observe(host, facts);
    holders(host, facts);
    if was_locked_out(rules, facts) {
        facts.filters = suspects::filters(host, &facts.printed, &mut facts.gaps);
        facts.foreign_services = suspects::foreign_services(host);
    }
    // Last: what is damaged shows only where somebody reads.
    facts.gaps.extend(host.registry_gaps().into_iter().map(|damaged| GapNote {
        source: damaged.source,
        line: None,
        what: format!(
            "{} at bytes {} to {}",
            damaged.gap.what, damaged.gap.at.start, damaged.gap.at.end
        ),
        why: damaged.gap.why.to_string(),
    }));
}

/// Asks `host` for all of the registry that [`observe`] may ask for, whatever logs say.
pub(crate) fn ask(host: &dyn Host, rules: &RuleSet) {
    let mut facts = Facts::default();
    services(host, rules, &mut facts);
    registry(host, rules, &mut facts);
    // A test that does not hold ends the look at the others of its rule.
    for rule in &rules.rules {
        for when in &rule.when {
            let Predicate::Registry(wanted) = when else { continue };
            wanted.tests.iter().for_each(|test| drop(host.key(&test.key)));
        }
    }
    system::observe(host, rules, &mut facts);
    suspects::filters(host, &facts.printed, &mut facts.gaps);
    suspects::foreign_services(host);
}

/// Whether something failed because a file was held; only then it matters who stands before files.
fn was_locked_out(rules: &RuleSet, facts: &Facts) -> bool {
    let of_locks =
        || rules.rules.iter().enumerate().filter(|(_, rule)| rule.category == Category::Lock);
    let failed = |rule: &Rule| {
        facts.operations.iter().any(|operation| {
            operation.outcome == Outcome::Failed
                && operation.code.is_some_and(|code| rule.codes.contains(&code.canonical()))
        })
    };
    of_locks().any(|(index, rule)| facts.sightings.contains_key(&index) || failed(rule))
}

fn registry(host: &dyn Host, rules: &RuleSet, facts: &mut Facts) {
    // Many rules ask about the same few keys.
    let mut known: BTreeMap<KeyPath, Option<Option<Key>>> = BTreeMap::new();
    for (index, rule) in rules.rules.iter().enumerate() {
        for when in &rule.when {
            let Predicate::Registry(wanted) = when else { continue };
            let mut told = Vec::new();
            let all = wanted.tests.iter().all(|test| {
                let key = known.entry(test.key.clone()).or_insert_with(|| {
                    let answer = host.key(&test.key);
                    if let Err(error) = &answer {
                        not_told(facts, &format!("key {}", test.key), error);
                    }
                    answer.ok()
                });
                // What is not known is no fact.
                let holds = key.as_ref().and_then(|key| holds(test, key.as_ref()));
                told.extend(holds.clone());
                holds.is_some()
            });
            if all && let Some(first) = wanted.tests.first() {
                facts.registry.push(RegistryFact {
                    rule: index,
                    key: first.key.to_string(),
                    told: told.join("; "),
                    worth: wanted.worth,
                });
            }
        }
    }
}

/// What stands there, if it is as the test wants it; `key` is `None` when it is known to be absent.
fn holds(test: &RegistryTest, key: Option<&Key>) -> Option<String> {
    let place = match &test.value {
        Some(value) => format!("{}, {value}", test.key),
        None => test.key.to_string(),
    };
    let data = key.and_then(|key| test.value.as_ref().and_then(|value| key.value(value)));
    let text = data.map(words_of);
    let present = match &test.value {
        None => key.is_some(),
        Some(_) => text.as_ref().is_some_and(|lines| lines.iter().any(|line| !line.is_empty())),
    };
    let fits = match &test.must {
        RegistryMust::BePresent => present,
        RegistryMust::BeAbsent => !present,
        RegistryMust::BeOneOf(words) => words.iter().any(|word| is_word(data, word)),
        RegistryMust::Contain(part) => {
            let part = part.to_lowercase();
            text.as_ref()
                .is_some_and(|lines| lines.iter().any(|it| it.to_lowercase().contains(&part)))
        }
        RegistryMust::Lack(part) => {
            let part = part.to_lowercase();
            let lines = text.as_deref().unwrap_or_default();
            present && !lines.iter().any(|it| it.to_lowercase().contains(&part))
        }
    };
    fits.then(|| match (&text, present) {
        (Some(lines), _) => format!("{place} = {}", lines.join(" ")),
        (None, true) => format!("{place} is there"),
        (None, false) => format!("{place} is not there"),
    })
}

fn is_word(data: Option<&Data>, word: &RegistryWord) -> bool {
    match (data, word) {
        (Some(Data::Dword(own)), RegistryWord::Number(wanted)) => u64::from(*own) == *wanted,
        (Some(Data::Qword(own)), RegistryWord::Number(wanted)) => own == wanted,
        (Some(Data::Sz(own) | Data::ExpandSz(own)), RegistryWord::Text(wanted)) => {
            own.eq_ignore_ascii_case(wanted)
        }
        // Numbers are often stored as texts.
        (Some(Data::Sz(own)), RegistryWord::Number(wanted)) => own.parse() == Ok(*wanted),
        _ => false,
    }
}

fn words_of(data: &Data) -> Vec<String> {
    match data {
        Data::Dword(number) => vec![number.to_string()],
        Data::Qword(number) => vec![number.to_string()],
        Data::Sz(text) | Data::ExpandSz(text) => vec![text.clone()],
        Data::MultiSz(lines) => lines.clone(),
        Data::Binary(bytes) => vec![format!("{} bytes", bytes.len())],
    }
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
            Err(error) => match printed_service(facts, name) {
                Some(fact) => facts.services.push(fact),
                None => not_told(facts, &format!("service {name}"), &error),
            },
        }
    }
}

/// The service as a printed list of services tells it.
fn printed_service(facts: &Facts, name: &str) -> Option<ServiceFact> {
    const SERVICE_DISABLED: u32 = 4;
    facts.printed.iter().find_map(|printed| {
        let Says::Services(services) = &printed.says else { return None };
        let service = services.iter().find(|it| it.name.eq_ignore_ascii_case(name))?;
        let start = service.start?;
        Some(ServiceFact {
            name: name.to_owned(),
            disabled: start == SERVICE_DISABLED,
            told: format!("service {name}: start type {start}, told by {}", printed.source),
        })
    })
}

fn holders(host: &dyn Host, facts: &mut Facts) {
    let mut paths: Vec<WinPath> = UPDATE_PATHS.iter().map(|path| WinPath::new(path)).collect();
    let sightings = facts.sightings.values().flat_map(|series| series.iter());
    let files = sightings.flat_map(|sighting| &sighting.subjects).filter(|subject| {
        subject.kind == SubjectKind::File && subject.name.as_bytes().get(1) == Some(&b':')
    });
    let mut named = BTreeSet::new();
    for path in files.map(|file| WinPath::new(&file.name)) {
        named.insert(path.clone());
        if paths.len() < MOST_PATHS && !paths.iter().any(|known| path.is_within(known)) {
            paths.push(path);
        }
    }
    match host.probe(&Probe::Holders { paths }) {
        Ok(ProbeOutput::Holders(found)) => {
            facts.holders_complete = Some(found.complete);
            let in_the_way = found.holders.iter().filter(|it| is_in_the_way(it, &named));
            facts.holders.extend(in_the_way.map(told));
        }
        Ok(_) => {}
        Err(error) => not_told(facts, "holders of the files of Windows Update", &error),
    }
}

fn told(holder: &Holder) -> HolderFact {
    HolderFact {
        path: holder.path.clone(),
        service: holder.service().map(|name| name.as_str().to_owned()),
        image: holder.image().to_owned(),
        pid: holder.pid(),
        conflict: holder.conflict.clone(),
        confirmed: holder.is_seen(),
    }
}

/// Whoever has a file open and keeps nobody out, or only may have it, caused nothing.
fn is_in_the_way(holder: &Holder, named: &BTreeSet<WinPath>) -> bool {
    // Nearly every program has some library of WinSxS loaded, and Windows loads the hive of its
    // components whenever it services them: only of a file that failed is that worth telling.
    match (&holder.hold, &holder.conflict) {
        _ if holder.process.is_none() => false,
        (Hold::Hive { key }, _) => !key.folded().ends_with(r"\machine\components"),
        (_, Conflict::None | Conflict::Unknown) => false,
        (_, Conflict::MappedImage | Conflict::Oplock) => named.contains(&holder.path),
        _ => true,
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
