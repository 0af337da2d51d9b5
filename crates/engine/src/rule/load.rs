//! Reads a rule from TOML and refuses what could never fire or never be searched for.

use serde::Deserialize;
use unwedge_formats::code::Code;
use unwedge_formats::log::LogKind;
use unwedge_host::KeyPath;

use super::{
    EventIds, LinePredicate, Pattern, Predicate, RegistryMust, RegistryPredicate, RegistryTest,
    RegistryWord, RegistryWorth, Rule, RuleSource, ServicePredicate, StoreState, SystemTrait,
    Weight, subject_kind,
};
use crate::report::{Category, Severity};

/// Why a rule cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// Not the TOML a rule is written in.
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    /// Not the JSON as which a rule is embedded.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The pattern of a predicate is no regular expression.
    #[error("[[when]] number {when}: bad pattern")]
    Pattern {
        /// Which predicate, counted from 1.
        when: usize,
        /// What is wrong with it.
        #[source]
        source: Box<regex::Error>,
    },
    /// A predicate asks for nothing, or for things that exclude each other.
    #[error("[[when]] number {when}: {why}")]
    Predicate {
        /// Which predicate, counted from 1.
        when: usize,
        /// What is wrong with it.
        why: String,
    },
    /// A field holds something else than it should.
    #[error("{field}: {value:?} is not {wanted}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What should.
        wanted: &'static str,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    title: String,
    category: Category,
    severity: Severity,
    weight: WeightWord,
    #[serde(default)]
    codes: Vec<String>,
    #[serde(default)]
    explains: Vec<String>,
    #[serde(default)]
    repairs: Vec<String>,
    prose: String,
    #[serde(default)]
    advice: String,
    source: Vec<SourceFile>,
    when: Vec<WhenFile>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum WeightWord {
    Root,
    Note,
    Harmless,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceFile {
    url: String,
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WhenFile {
    #[serde(default)]
    log: Vec<String>,
    component: Option<String>,
    #[serde(default)]
    event: Vec<String>,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    pattern: Option<String>,
    #[serde(default)]
    coded: bool,
    #[serde(default)]
    strong: bool,
    #[serde(default)]
    stored: bool,
    #[serde(default)]
    outcome: bool,
    store: Option<String>,
    #[serde(default)]
    service: Vec<String>,
    start: Option<String>,
    #[serde(default)]
    registry: Vec<RegistryFile>,
    system: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryFile {
    key: String,
    value: Option<String>,
    is: Option<Vec<RegistryWord>>,
    contains: Option<String>,
    lacks: Option<String>,
    #[serde(default)]
    absent: bool,
}

impl Rule {
    /// Reads the rule `id` from its TOML text.
    pub fn parse(id: &str, text: &str) -> Result<Rule, RuleError> {
        Rule::new(id, toml::from_str(text)?)
    }

    /// Reads the rule `id` from the JSON as which the build embeds it.
    pub(super) fn embedded(id: &str, json: &str) -> Result<Rule, RuleError> {
        Rule::new(id, serde_json::from_str(json)?)
    }

    fn new(id: &str, file: RuleFile) -> Result<Rule, RuleError> {
        let codes = file
            .codes
            .iter()
            .map(|spelled| cause("codes", spelled))
            .collect::<Result<Vec<_>, _>>()?;
        let when = file
            .when
            .into_iter()
            .enumerate()
            .map(|(i, when)| predicate(i + 1, when, &codes))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Rule {
            id: id.to_owned(),
            title: file.title,
            category: file.category,
            severity: file.severity,
            weight: match file.weight {
                WeightWord::Root => Weight::Root,
                WeightWord::Note => Weight::Note,
                WeightWord::Harmless => Weight::Harmless,
            },
            codes,
            explains: file.explains,
            repairs: file.repairs,
            prose: one_paragraph(&file.prose),
            advice: one_paragraph(&file.advice),
            sources: file
                .source
                .into_iter()
                .map(|source| RuleSource { url: source.url, says: source.says })
                .collect(),
            when,
        })
    }
}

impl Rule {
    /// Fails unless every pattern is a regular expression whose groups are kinds of subjects.
    ///
    /// Loading leaves that out, because compiling all patterns takes longer than reading most
    /// logs; the rules that come with unwedge are checked by its tests.
    pub fn check(&self) -> Result<(), RuleError> {
        for (number, when) in (1..).zip(&self.when) {
            let Predicate::Line(line) = when else { continue };
            let Some(pattern) = &line.pattern else { continue };
            let regex = pattern
                .compile()
                .map_err(|source| RuleError::Pattern { when: number, source: Box::new(source) })?;
            let unknown = regex.capture_names().flatten().find(|name| subject_kind(name).is_none());
            if let Some(group) = unknown {
                let why = format!("{group} is no kind of subject");
                return Err(RuleError::Predicate { when: number, why });
            }
        }
        Ok(())
    }
}

/// Lines of a text in TOML are only for its writer; paragraphs are kept.
fn one_paragraph(text: &str) -> String {
    let paragraphs = text.trim().split("\n\n");
    paragraphs
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn cause(field: &'static str, spelled: &str) -> Result<Code, RuleError> {
    Code::parse(spelled).map(Code::canonical).map_err(|_| RuleError::Field {
        field,
        value: spelled.to_owned(),
        wanted: "a code",
    })
}

fn predicate(number: usize, when: WhenFile, codes: &[Code]) -> Result<Predicate, RuleError> {
    let wrong = |why: &str| RuleError::Predicate { when: number, why: why.to_owned() };
    let forms = [
        !when.contains.is_empty() || !when.event.is_empty(),
        when.outcome,
        when.store.is_some(),
        !when.service.is_empty(),
        !when.registry.is_empty(),
        when.system.is_some(),
    ];
    if forms.iter().filter(|&&form| form).count() != 1 {
        return Err(wrong(
            "needs exactly one of contains or event, outcome, store, service, registry and system",
        ));
    }
    if !when.registry.is_empty() {
        let tests = when.registry.into_iter().map(registry_test);
        let tests = tests.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let worth = match (when.strong, when.stored) {
            (true, false) => RegistryWorth::Alone,
            (false, true) => RegistryWorth::BesideAnUpgrade,
            (false, false) if !codes.is_empty() => RegistryWorth::BesideItsCode,
            (false, false) => {
                return Err(wrong("registry needs strong, stored, or a rule with codes"));
            }
            (true, true) => return Err(wrong("what is only stored proves nothing by itself")),
        };
        return Ok(Predicate::Registry(RegistryPredicate { tests, worth }));
    }
    if let Some(name) = &when.system {
        return Ok(Predicate::System(match name.as_str() {
            "restart_due" => SystemTrait::RestartDue,
            "restart_traces" => SystemTrait::RestartTraces,
            "servicing_at_work" => SystemTrait::ServicingAtWork,
            "driver_in_temporary_folder" => SystemTrait::DriverInTemporaryFolder,
            "upgrade_blocked_by_program" => SystemTrait::UpgradeBlockedByProgram,
            "upgrade_blocked_by_hardware" => SystemTrait::UpgradeBlockedByHardware,
            _ => return Err(wrong("system is a trait that is known")),
        }));
    }
    if when.outcome {
        return match codes {
            [] => Err(wrong("outcome needs the rule to list codes")),
            _ => Ok(Predicate::Outcome),
        };
    }
    if let Some(state) = when.store {
        return Ok(Predicate::Store(match state.as_str() {
            "damaged" => StoreState::Damaged,
            "repaired" => StoreState::Repaired,
            "moving" => StoreState::Moving,
            _ => return Err(wrong("store is damaged, repaired or moving")),
        }));
    }
    if !when.service.is_empty() {
        let disabled = match when.start.as_deref() {
            Some("disabled") => true,
            _ => return Err(wrong("a service predicate needs start = \"disabled\"")),
        };
        return Ok(Predicate::Service(ServicePredicate { names: when.service, disabled }));
    }
    if when.contains.iter().any(|literal| literal.len() < 3) {
        return Err(wrong("a literal under three letters cannot be searched for"));
    }
    if when.coded && codes.is_empty() {
        return Err(wrong("coded needs the rule to list codes"));
    }
    let mut logs: Vec<LogKind> =
        when.log.iter().map(|name| log_kind(name)).collect::<Result<_, _>>()?;
    let events: Vec<EventIds> =
        when.event.iter().map(|spelled| event(spelled)).collect::<Result<_, _>>()?;
    if !events.is_empty() {
        logs = vec![LogKind::Events];
    }
    Ok(Predicate::Line(Box::new(LinePredicate {
        events,
        logs,
        component: when.component,
        contains: when.contains,
        also: when.also,
        unless: when.unless,
        pattern: when.pattern.map(Pattern::new),
        coded: if when.coded { codes.to_vec() } else { Vec::new() },
        strong: when.strong,
    })))
}

fn registry_test(file: RegistryFile) -> Result<RegistryTest, &'static str> {
    let must = match (file.is, file.contains, file.lacks, file.absent) {
        (None, None, None, false) => RegistryMust::BePresent,
        (None, None, None, true) => RegistryMust::BeAbsent,
        (Some(words), None, None, false) if !words.is_empty() => RegistryMust::BeOneOf(words),
        (None, Some(text), None, false) => RegistryMust::Contain(text),
        (None, None, Some(text), false) => RegistryMust::Lack(text),
        _ => return Err("a registry test has one of is, contains, lacks and absent"),
    };
    let of_value = !matches!(must, RegistryMust::BePresent | RegistryMust::BeAbsent);
    if of_value && file.value.is_none() {
        return Err("is, contains and lacks ask about a value");
    }
    Ok(RegistryTest { key: KeyPath::new(&file.key), value: file.value, must })
}

/// `Service Control Manager 7000-7009` or `Microsoft-Windows-Ntfs 55`.
fn event(spelled: &str) -> Result<EventIds, RuleError> {
    let parsed = spelled.rsplit_once(' ').and_then(|(provider, ids)| {
        let (first, last) = ids.split_once('-').unwrap_or((ids, ids));
        let ids = first.parse().ok()?..=last.parse().ok()?;
        Some(EventIds { provider: provider.replace(' ', "_"), ids })
    });
    parsed.filter(|event| !event.ids.is_empty()).ok_or_else(|| RuleError::Field {
        field: "event",
        value: spelled.to_owned(),
        wanted: "a provider and a number, or a range such as 7000-7009",
    })
}

fn log_kind(name: &str) -> Result<LogKind, RuleError> {
    LogKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| RuleError::Field {
        field: "log",
        value: name.to_owned(),
        wanted: "a kind of log",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "title = 'x'\ncategory = 'lock'\nseverity = 'blocking'\nweight = 'root'\n\
        prose = 'x'\n[[source]]\nurl = 'x'\nsays = 'x'\n";

    #[track_caller]
    fn refused(tail: &str) -> String {
        Rule::parse("x", &format!("{HEAD}{tail}"))
            .and_then(|rule| rule.check())
            .expect_err("the rule is wrong")
            .to_string()
    }

    #[test]
    fn a_line_that_cannot_be_searched_for_is_refused() {
        assert!(refused("[[when]]\npattern = 'x'").contains("exactly one of"));
        assert!(refused("[[when]]\ncontains = ['ab']").contains("under three letters"));
    }

    #[test]
    fn an_unknown_field_group_or_log_is_refused() {
        assert!(refused("[[when]]\ncontain = ['abc']").contains("unknown field"));
        assert!(
            refused("[[when]]\ncontains = ['abc']\npattern = '(?<holder>x)'").contains("holder")
        );
        assert!(refused("[[when]]\ncontains = ['abc']\nlog = ['CBS']").contains("kind of log"));
    }

    #[test]
    fn a_predicate_on_codes_needs_codes() {
        assert!(refused("[[when]]\noutcome = true").contains("list codes"));
        assert!(refused("[[when]]\ncontains = ['abc']\ncoded = true").contains("list codes"));
    }
}
