//! Rules: what is known of failures, written as data under `rules/`.
//!
//! A rule is a closed set of predicates in TOML with its prose, its sources and its cases. What a
//! rule reads is derived from its predicates, so a predicate that cannot be searched for (a line
//! without a literal) is refused when the rule is loaded.

mod load;
mod matcher;
mod service_name;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::RangeInclusive;
use std::sync::OnceLock;
use unwedge_host::probe::Provider;

use regex::{Regex, RegexBuilder};
use unwedge_formats::code::Code;
use unwedge_formats::evtx::Wanted;
use unwedge_formats::log::{LogKind, structure};
use unwedge_host::KeyPath;

use crate::report::{Category, Role, Severity, SubjectKind};

pub use load::RuleError;
pub use matcher::{LineMatch, LogLine, Matcher};

/// All rules, in the order of their ids.
#[derive(Debug)]
pub struct RuleSet {
    /// The rules; a [`RuleIndex`] points into them.
    pub rules: Vec<Rule>,
}

/// Position of a rule in its [`RuleSet`].
pub type RuleIndex = usize;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Name of its folder, such as `file-locked`.
    pub id: String,
    /// One line, for the head of a finding.
    pub title: String,
    /// Kind of cause.
    pub category: Category,
    /// How much it matters.
    pub severity: Severity,
    /// What a sighting of it is.
    pub weight: Weight,
    /// Causes by which failed operations are recognised, in canonical form.
    pub codes: Vec<Code>,
    /// Rules whose findings follow from this one.
    pub explains: Vec<String>,
    /// Repairs, the gentlest first.
    pub repairs: Vec<String>,
    /// What it means and why it stops updates.
    pub prose: String,
    /// What to do.
    pub advice: String,
    /// Where that is known from.
    pub sources: Vec<RuleSource>,
    /// Any of these makes it fire.
    pub when: Vec<Predicate>,
}

/// What a sighting of a rule means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// It can be the reason of a failure.
    Root,
    /// Worth knowing; never the reason.
    Note,
    /// Looks like an error and is none: the line counts for nothing else.
    Harmless,
}

impl Weight {
    /// The role of a finding of this weight, before others explain it.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Weight::Root => Role::Root,
            Weight::Note | Weight::Harmless => Role::Note,
        }
    }
}

/// A source of a rule's knowledge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSource {
    /// Where: an address or the name of a document.
    pub url: String,
    /// What it says, in our words.
    pub says: String,
}

/// One way for a rule to fire.
#[derive(Debug)]
pub enum Predicate {
    /// A line of a log.
    Line(Box<LinePredicate>),
    /// An operation failed with one of the rule's codes, and no line tells more.
    Outcome,
    /// The state of the component store at the end of the evidence.
    Store(StoreState),
    /// The configuration of a service.
    Service(ServicePredicate),
    /// What stands in the registry.
    Registry(RegistryPredicate),
    /// A trait of the whole system that takes more than one key to see.
    System(SystemTrait),
}

/// Traits of a system that rules ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SystemTrait {
    /// Windows waits for a restart.
    RestartDue,
    /// Something would be done at a restart, but nothing waits for it, or the trace is often left.
    RestartTraces,
    /// Servicing is at work now.
    ServicingAtWork,
    /// A driver is set up to be loaded from a folder for temporary files.
    DriverInTemporaryFolder,
    /// The scan of setup found a program that may not stay.
    UpgradeBlockedByProgram,
    /// The scan of setup found a device, or the PC itself, to be unfit.
    UpgradeBlockedByHardware,
}

impl SystemTrait {
    /// Whether it is of an upgrade: a reason where one failed, and nothing anywhere else.
    #[must_use]
    pub fn is_of_an_upgrade(self) -> bool {
        match self {
            SystemTrait::RestartDue
            | SystemTrait::RestartTraces
            | SystemTrait::ServicingAtWork
            | SystemTrait::DriverInTemporaryFolder => false,
            SystemTrait::UpgradeBlockedByProgram | SystemTrait::UpgradeBlockedByHardware => true,
        }
    }
}

/// What a line must be like.
#[derive(Debug)]
pub struct LinePredicate {
    /// Kinds of log it may stand in; empty is any but event logs.
    pub logs: Vec<LogKind>,
    /// Component of its record; `None` is any.
    pub component: Option<String>,
    /// It is one of these events; empty is no condition.
    pub events: Vec<EventIds>,
    /// One of these stands in it, letter by letter; empty only for an event.
    pub contains: Vec<String>,
    /// All of these stand in it too.
    pub also: Vec<String>,
    /// None of these stands in it.
    pub unless: Vec<String>,
    /// It matches this; named groups become subjects.
    pub pattern: Option<Pattern>,
    /// It carries one of these causes, in canonical form; empty is no condition.
    pub coded: Vec<Code>,
    /// Whether it is proof of a failure by itself, without a failed operation around it.
    pub strong: bool,
}

/// Events of one provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventIds {
    /// The provider, blanks in its name as underscores.
    pub provider: String,
    /// Their numbers.
    pub ids: RangeInclusive<u32>,
}

/// A regular expression, compiled when it is first needed: most are never.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    /// A pattern that is trusted to be one; see [`Rule::check`].
    #[must_use]
    pub fn new(text: String) -> Self {
        Pattern { text, compiled: OnceLock::new() }
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&self.text).size_limit(1 << 20).build()
    }

    fn regex(&self) -> &Regex {
        self.compiled.get_or_init(|| self.compile().expect("every pattern was checked by a test"))
    }
}

/// States of the component store that rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreState {
    /// Damage was found, and nothing later shows it repaired.
    Damaged,
    /// Damage was found and repaired.
    Repaired,
    /// One scan after the other found other things damaged, and those of before sound, though nobody
    /// repaired them.
    Moving,
}

/// What a service must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePredicate {
    /// Short names of services, any of which may be so.
    pub names: Vec<String>,
    /// It is disabled.
    pub disabled: bool,
}

/// What the registry must hold, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryPredicate {
    /// All of these must hold.
    pub tests: Vec<RegistryTest>,
    /// What it is worth.
    pub worth: RegistryWorth,
}

/// What it is worth that the registry holds something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryWorth {
    /// It is proof of a failure by itself.
    Alone,
    /// It is a reason when something failed with one of the rule's codes.
    BesideItsCode,
    /// It was stored when an upgrade failed once: a reason when the last upgrade told of in the
    /// evidence failed, else only worth knowing.
    BesideAnUpgrade,
}

/// What one key or value must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryTest {
    /// The key.
    pub key: KeyPath,
    /// The value; `None` asks about the key itself.
    pub value: Option<String>,
    /// How it must be.
    pub must: RegistryMust,
}

/// How a key or a value must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryMust {
    /// It is there; a text that is empty counts as absent.
    BePresent,
    /// It is known not to be there.
    BeAbsent,
    /// It is one of these, as a number or as a text compared without case.
    BeOneOf(Vec<RegistryWord>),
    /// Its text, or one of its lines, contains this, compared without case.
    Contain(String),
    /// It is there, and this does not stand in it, compared without case.
    Lack(String),
}

/// A value as a rule writes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum RegistryWord {
    /// Of a number.
    Number(u64),
    /// Of a text.
    Text(String),
}

/// The kind of subject a named group of a pattern stands for.
#[must_use]
pub(crate) fn subject_kind(group: &str) -> Option<SubjectKind> {
    Some(match group {
        "file" => SubjectKind::File,
        "folder" => SubjectKind::Folder,
        "package" => SubjectKind::Package,
        "capability" => SubjectKind::Capability,
        "kb" => SubjectKind::Kb,
        "component" => SubjectKind::Component,
        "service" => SubjectKind::Service,
        "driver" => SubjectKind::Driver,
        "process" => SubjectKind::Process,
        "url" => SubjectKind::Url,
        "key" => SubjectKind::RegistryKey,
        "command" => SubjectKind::Command,
        "update" => SubjectKind::Update,
        _ => return None,
    })
}

impl RuleSet {
    /// The rules that come with unwedge.
    ///
    /// # Panics
    /// When a rule of the project is wrong, which its tests would have shown.
    #[must_use]
    pub fn built_in() -> RuleSet {
        let files: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/rules.rs"));
        let rules = files
            .iter()
            .map(|(id, json)| match Rule::embedded(id, json) {
                Ok(rule) => rule,
                Err(error) => panic!("rules/{id}/rule.toml: {error}"),
            })
            .collect();
        RuleSet { rules }
    }

    /// The events that these rules ask for, and those that tell of updates or of who is in the way.
    #[must_use]
    pub fn wanted_events(&self) -> Wanted {
        let mut wanted = Wanted::nothing();
        for provider in structure(LogKind::Events) {
            wanted.add_all(provider.trim());
        }
        crate::fact::suspects::add_wanted(&mut wanted);
        for when in self.rules.iter().flat_map(|rule| &rule.when) {
            let Predicate::Line(line) = when else { continue };
            for event in &line.events {
                wanted.add(&event.provider, event.ids.clone());
            }
        }
        wanted
    }

    /// The same, in the form in which the event service is asked: blanks in names are blanks.
    pub(crate) fn asked_events(&self) -> Vec<Provider> {
        let mut ids: BTreeMap<String, Vec<(u32, u32)>> = BTreeMap::new();
        let named = |name: &str| name.trim().replace('_', " ");
        for provider in structure(LogKind::Events) {
            ids.entry(named(provider)).or_default();
        }
        let of_rules =
            self.rules.iter().flat_map(|rule| &rule.when).filter_map(|when| match when {
                Predicate::Line(line) => Some(&line.events),
                _ => None,
            });
        let of_rules = of_rules.flatten().map(|it| (it.provider.as_str(), it.ids.clone()));
        for (provider, range) in of_rules.chain(crate::fact::suspects::EVENTS) {
            match ids.entry(named(provider)) {
                // An empty list of one that is there stands for all its events.
                Entry::Occupied(mut known) if !known.get().is_empty() => {
                    known.get_mut().push((*range.start(), *range.end()));
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(new) => drop(new.insert(vec![(*range.start(), *range.end())])),
            }
        }
        ids.into_iter().map(|(name, ids)| Provider { name, ids }).collect()
    }

    /// The rule with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.index(id).map(|index| &self.rules[index])
    }

    /// The place of the rule with this id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<RuleIndex> {
        self.rules.iter().position(|rule| rule.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_rule_loads_and_names_only_rules_and_repairs_that_exist() {
        let set = RuleSet::built_in();
        for rule in &set.rules {
            rule.check().unwrap_or_else(|error| panic!("{}: {error}", rule.id));
            for other in &rule.explains {
                assert!(set.get(other).is_some(), "{} explains {other}, which is no rule", rule.id);
            }
            for repair in &rule.repairs {
                let known = crate::recipe::RECIPES.iter().any(|recipe| recipe.id == *repair);
                assert!(known, "{} names the repair {repair}, which does not exist", rule.id);
            }
            assert!(!rule.sources.is_empty(), "{} names no source", rule.id);
            assert!(rule.title.len() <= 80 && !rule.title.ends_with('.'), "title of {}", rule.id);
        }
    }

    #[test]
    fn no_rule_explains_itself_over_others() {
        let set = RuleSet::built_in();
        for rule in &set.rules {
            let mut reached: Vec<&str> = rule.explains.iter().map(String::as_str).collect();
            let mut at = 0;
            while let Some(&id) = reached.get(at) {
                assert_ne!(id, rule.id, "then neither would be a root");
                let more = &set.get(id).expect("it exists").explains;
                let fresh = more.iter().map(String::as_str).filter(|id| !reached.contains(id));
                let fresh: Vec<&str> = fresh.collect();
                reached.extend(fresh);
                at += 1;
            }
        }
    }
}
