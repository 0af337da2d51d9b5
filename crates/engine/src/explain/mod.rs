//! What a code, a name or a rule means: everything that is known about it in one place.

use serde::Serialize;
use unwedge_formats::code::{Code, ParseCodeError, SetupCode, Step, Wrapping};

use crate::knowledge::{self, CodeAdvice, CodeFact, Failure};
use crate::report::{Category, SCHEMA};

mod near;

/// What explaining needs to know about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleNote {
    /// Its id, such as `locked-file`.
    pub id: String,
    /// One line.
    pub title: String,
    /// What it means, why it stops updates, what the repair does.
    pub prose: String,
    /// Codes it looks for.
    pub codes: Vec<Code>,
    /// Kind of cause.
    pub category: Category,
}

/// Everything known about what was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was asked, as it was spelled.
    pub asked: String,
    /// What it turned out to be.
    pub kind: Kind,
    /// The code in its usual form, or the id of the rule.
    pub id: String,
    /// Its name, or the title of the rule.
    pub name: String,
    /// What it means, in a few words.
    pub meaning: String,
    /// The code that all wrappings of the cause share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Wrappings, from the outermost to the innermost.
    pub wrapped: Vec<Wrapped>,
    /// The same cause in other forms.
    pub also: Vec<Form>,
    /// The second half of a setup pair: when it happened.
    pub moments: Vec<Fact>,
    /// Kind of cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// Whether it stands for a failure: `yes`, `no`, `probe`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'static str>,
    /// What usually causes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// What usually helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<&'static str>,
    /// What one should know beside that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// What has the same number and is something else.
    pub not: Vec<FalseFriend>,
    /// Rules that look for it.
    pub rules: Vec<RuleRef>,
    /// All facts with their sources.
    pub facts: Vec<Fact>,
    /// The prose of a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prose: Option<String>,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A code.
    Code,
    /// The pair of codes of Windows Setup.
    SetupPair,
    /// A rule.
    Rule,
}

/// One wrapping taken off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrapped {
    /// With the wrapping.
    pub outer: String,
    /// What the wrapping is, in plain words.
    pub how: String,
    /// Without it.
    pub inner: String,
}

/// The same cause in another form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Form {
    /// The code, as it is printed in that form.
    pub code: String,
    /// What form that is.
    pub what: String,
}

/// A fact with its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The code.
    pub code: String,
    /// Its name.
    pub symbol: &'static str,
    /// Which part of Windows gives it out.
    pub facility: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Where that is known from.
    pub source: &'static str,
}

/// Something that shows the same number and is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FalseFriend {
    /// What it is.
    pub what: &'static str,
    /// How to tell, and what to do there.
    pub why: &'static str,
}

/// A rule by its id and title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleRef {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Kind of cause.
    pub category: Category,
}

/// Why nothing could be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotKnown {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was asked.
    pub asked: String,
    /// What is wrong with it, as a sentence without a full stop.
    pub reason: String,
    /// Names and codes that are nearly the same.
    pub did_you_mean: Vec<String>,
}

/// What shows `0x80070021` outside updating. Sources: iisnode issue 54 and Klondike issue 140
/// (IIS), windows-sys constants (WIA), hobocopy issue 35 and outlookbackupaddin issue 21 (PST).
const LOCK_FRIENDS: [FalseFriend; 3] = [
    FalseFriend {
        what: "Web server IIS, \"HTTP Error 500.19\"",
        why: "There the number means that a section of the configuration is locked at a parent \
              level (overrideModeDefault=\"Deny\"). Unlock the section; no file is locked.",
    },
    FalseFriend {
        what: "Scanners and cameras (WIA)",
        why: "STIERR_DEVICE_LOCKED has the same value: another program is using the device. \
              Close that program; updates are not concerned.",
    },
    FalseFriend {
        what: "Outlook data files (PST, OST) in a backup",
        why: "Outlook locks parts of its open file, so a backup program reports the number. Close \
              Outlook during the backup; updates are not concerned.",
    },
];

/// Explains a code in any spelling, a name such as `ERROR_LOCK_VIOLATION`, or a rule by its id.
///
/// `None` when nothing is known about it; [`not_known`] says why.
#[must_use]
pub fn explain(what: &str, rules: &[RuleNote]) -> Option<Explanation> {
    let asked = what.trim();
    if let Some(rule) = rules.iter().find(|rule| rule.id.eq_ignore_ascii_case(asked)) {
        return Some(explain_rule(asked, rule));
    }
    if let Some(pair) = SetupCode::parse(asked) {
        let mut explanation = explain_code(asked, pair.result, rules)?;
        explanation.kind = Kind::SetupPair;
        explanation.id = pair.to_string();
        explanation.moments = moments(pair);
        return Some(explanation);
    }
    let code = knowledge::symbol(asked).map_or_else(|| Code::parse(asked), Ok).ok()?;
    explain_code(asked, code, rules)
}

/// Why [`explain`] found nothing, and what may have been meant.
#[must_use]
pub fn not_known(what: &str, rules: &[RuleNote]) -> NotKnown {
    let asked = what.trim();
    let reason = match Code::parse(asked) {
        Ok(code) => match code.facility() {
            Some(part) => {
                format!("{code} comes from this part of Windows: {part}; its meaning is not known")
            }
            None => format!("{code} is not among the codes that are known"),
        },
        Err(ParseCodeError::NotACode { .. }) => {
            "it is neither an error code nor a name nor a rule that is known".to_owned()
        }
        Err(error) => error.to_string(),
    };
    let ids = rules.iter().map(|rule| rule.id.as_str());
    // The closure shortens `'static` to the life of the rules.
    let names = ids.chain(knowledge::symbols().map(|name| -> &str { name }));
    NotKnown {
        schema: SCHEMA,
        asked: near::shorten(asked),
        reason,
        did_you_mean: near::nearest(asked, names),
    }
}

fn explain_rule(asked: &str, rule: &RuleNote) -> Explanation {
    let known = rule.codes.iter().flat_map(|code| knowledge::code(code.canonical()));
    Explanation {
        kind: Kind::Rule,
        id: rule.id.clone(),
        name: rule.title.clone(),
        meaning: String::new(),
        category: Some(rule.category),
        also: rule.codes.iter().map(|&code| form(code)).collect(),
        facts: known.map(fact).collect(),
        prose: Some(rule.prose.clone()),
        ..blank(asked)
    }
}

fn explain_code(asked: &str, code: Code, rules: &[RuleNote]) -> Option<Explanation> {
    let canonical = code.canonical();
    let own = knowledge::code(code);
    let inner = if canonical == code { &[] } else { knowledge::code(canonical) };
    let first = own.first().or(inner.first());
    // Zero is in no table: it is not an error.
    let success = (code == Code(0)).then_some("Success: nothing failed");
    let meaning = first.map(|fact| fact.meaning).or(success)?;
    let advice = knowledge::category_of(code);
    let looking = rules.iter().filter(|rule| rule.codes.iter().any(|at| at.same_cause_as(code)));
    Some(Explanation {
        id: code.to_string(),
        name: first.map_or("S_OK", |fact| fact.symbol).to_owned(),
        meaning: meaning.to_owned(),
        canonical: Some(canonical.to_string()),
        wrapped: code.wrappings().into_iter().map(wrapped).collect(),
        also: forms(code),
        category: advice.map(|advice| advice.category),
        failure: Some(failure(code, advice)),
        cause: advice.map(|advice| advice.cause),
        help: advice.map(|advice| advice.help),
        note: advice.and_then(|advice| advice.note),
        not: if canonical == Code(0x8007_0021) { LOCK_FRIENDS.to_vec() } else { Vec::new() },
        rules: looking.map(rule_ref).collect(),
        facts: own.iter().chain(inner).map(fact).collect(),
        ..blank(asked)
    })
}

fn blank(asked: &str) -> Explanation {
    Explanation {
        schema: SCHEMA,
        asked: asked.to_owned(),
        kind: Kind::Code,
        id: String::new(),
        name: String::new(),
        meaning: String::new(),
        canonical: None,
        wrapped: Vec::new(),
        also: Vec::new(),
        moments: Vec::new(),
        category: None,
        failure: None,
        cause: None,
        help: None,
        note: None,
        not: Vec::new(),
        rules: Vec::new(),
        facts: Vec::new(),
        prose: None,
    }
}

/// When it happened, from the second half of a setup pair.
fn moments(pair: SetupCode) -> Vec<Fact> {
    let parts = [
        knowledge::setup_phase(pair.phase()),
        knowledge::setup_operation(pair.operation()),
        knowledge::setup_combination(pair.extend),
    ];
    parts.into_iter().flatten().map(fact).collect()
}

fn failure(code: Code, advice: Option<&CodeAdvice>) -> &'static str {
    match advice.map(|advice| advice.failure) {
        Some(Failure::No) => "no",
        Some(Failure::Probe) => "probe",
        Some(Failure::Yes) if code.means_failure() => "yes",
        None if code.means_failure() => "yes",
        // A success value of a facility whose advice is about failures.
        Some(Failure::Yes) | None => "no",
    }
}

fn wrapped(step: Step) -> Wrapped {
    let inner = step.inner;
    let number = inner.0 & 0xFFFF;
    let name = name_or_number;
    let how = match step.wrapping {
        Wrapping::Win32Number => format!("Win32 error {number}, {}", name(inner)),
        Wrapping::HresultFromNtstatus => {
            format!("HRESULT_FROM_NT({}), a kernel status as an HRESULT", name(inner))
        }
        Wrapping::NtstatusFromWin32 => {
            format!("NTSTATUS_FROM_WIN32({}), a Win32 error as a kernel status", name(inner))
        }
        Wrapping::NtstatusAsWin32 => format!(
            "{}, a kernel status that programs see as Win32 error {number}, {}",
            name(step.outer),
            name(inner),
        ),
        Wrapping::Storage => {
            format!("Win32 error {number}, {}, as a structured storage error", name(inner))
        }
        Wrapping::EseHresult => {
            format!("the database (JET) error {} as an HRESULT", inner.0.cast_signed())
        }
        Wrapping::EseDatastore => format!(
            "the database (JET) error {} as the update agent reports it",
            inner.0.cast_signed()
        ),
        Wrapping::FilterStatus => "the same filter manager error as programs see it".to_owned(),
        Wrapping::SetupApi => {
            format!("{}, as setupapi.dev.log prints it", name(inner))
        }
        Wrapping::HttpStatus => {
            format!("the answer HTTP {} as BITS reports it", step.outer.0 & 0xFFFF)
        }
        Wrapping::WinHttp => "the WinHTTP error of the same meaning".to_owned(),
    };
    Wrapped { outer: step.outer.to_string(), how, inner: inner.to_string() }
}

fn name_or_number(code: Code) -> String {
    let fact = knowledge::code(code).first().map(|fact| fact.symbol);
    fact.or_else(|| code.name()).map_or_else(|| code.to_string(), str::to_owned)
}

/// All forms of the cause but the one that was asked, and the numbers that programs print.
fn forms(code: Code) -> Vec<Form> {
    let canonical = code.canonical();
    let mut all: Vec<Form> = code.relatives().into_iter().map(form).collect();
    if canonical.is_failure() && canonical.jet_error().is_none() {
        let decimal = |code: String| Form { code, what: "as a decimal number".to_owned() };
        all.push(decimal(canonical.0.cast_signed().to_string()));
        all.push(decimal(canonical.0.to_string()));
    }
    all
}

/// One form of a cause, spelled as logs spell it.
fn form(code: Code) -> Form {
    let own = knowledge::code(code).first().map(|fact| fact.symbol);
    let spelled = match code.jet_error() {
        Some(error) if code == code.canonical() => format!("-{error}"),
        _ if (1..=0xFFFF).contains(&code.0) => code.0.to_string(),
        _ => code.to_string(),
    };
    let step = code.unwrap_once();
    let what = match (step.map(|step| step.wrapping), own.or_else(|| code.name())) {
        (Some(Wrapping::Win32Number), Some(name)) => format!("Win32 number of {name}"),
        (Some(Wrapping::Win32Number), None) => "Win32 number".to_owned(),
        (_, Some(name)) => name.to_owned(),
        (_, None) => step.map_or_else(String::new, |step| wrapped(step).how),
    };
    Form { code: spelled, what }
}

fn fact(fact: &CodeFact) -> Fact {
    let CodeFact { code, symbol, facility, meaning, source } = *fact;
    Fact { code: code.to_string(), symbol, facility, meaning, source }
}

fn rule_ref(rule: &RuleNote) -> RuleRef {
    RuleRef { id: rule.id.clone(), title: rule.title.clone(), category: rule.category }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked_file() -> RuleNote {
        RuleNote {
            id: "locked-file".to_owned(),
            title: "A file that the update needs is locked".to_owned(),
            prose: "What it means.".to_owned(),
            codes: vec![Code(0x8007_0020), Code(0x8007_0021)],
            category: Category::Lock,
        }
    }

    fn check(what: &str) -> Explanation {
        explain(what, &[locked_file()]).unwrap_or_else(|| panic!("{what} is not explained"))
    }

    #[test]
    fn a_lock_violation_is_explained_from_every_spelling() {
        for what in ["0x80070021", "-2147024863", "33", "ERROR_LOCK_VIOLATION", "d0000054"] {
            let told = check(what);
            assert_eq!(told.canonical.as_deref(), Some("0x80070021"), "{what}");
            assert_eq!(told.category, Some(Category::Lock), "{what}");
            assert_eq!(told.not.len(), 3, "{what}");
            assert_eq!(told.rules[0].id, "locked-file", "{what}");
            assert!(told.facts.iter().any(|fact| fact.symbol == "ERROR_LOCK_VIOLATION"), "{what}");
        }
    }

    #[test]
    fn wrappings_are_told_in_words() {
        let told = check("0xd0000054");
        assert_eq!(
            told.wrapped[0].how,
            "HRESULT_FROM_NT(STATUS_FILE_LOCK_CONFLICT), a kernel status as an HRESULT"
        );
        assert_eq!(told.wrapped.last().unwrap().inner, "0x80070021");
    }

    #[test]
    fn what_has_another_cause_has_no_false_friends() {
        let told = check("0x80070020");
        assert!(told.not.is_empty());
        assert_eq!(told.failure, Some("yes"));
    }

    #[test]
    fn a_success_is_not_called_a_failure() {
        assert_eq!(check("0x80070bc2").failure, Some("no"));
        assert_eq!(check("3010").failure, Some("no"));
        assert_eq!(check("240006").failure, Some("no"));
        assert_eq!(check("0x0").failure, Some("no"));
        assert_eq!(check("0x800f0805").failure, Some("probe"));
    }

    #[test]
    fn a_rule_is_explained_by_its_id() {
        let told = check("Locked-File");
        assert_eq!((told.kind, told.id.as_str()), (Kind::Rule, "locked-file"));
        assert_eq!(told.prose.as_deref(), Some("What it means."));
        assert_eq!(told.also.len(), 2);
    }

    #[test]
    fn a_setup_pair_says_when_it_happened() {
        let told = check("0xC1900101 - 0x20017");
        assert_eq!(told.kind, Kind::SetupPair);
        assert_eq!(told.id, "0xc1900101-0x20017");
        assert_eq!(told.category, Some(Category::Driver));
        let symbols: Vec<_> = told.moments.iter().map(|fact| fact.symbol).collect();
        assert_eq!(symbols[1..], ["SP_EXECUTION_OP_BOOT", "SAFE_OS/BOOT"]);
    }

    #[test]
    fn a_misspelled_name_is_met_with_a_suggestion() {
        assert_eq!(explain("ERROR_LOCK_VIOLATON", &[]), None);
        let not = not_known("ERROR_LOCK_VIOLATON", &[locked_file()]);
        assert_eq!(not.did_you_mean[0], "ERROR_LOCK_VIOLATION");
        assert_eq!(not_known("lockd-file", &[locked_file()]).did_you_mean, ["locked-file"]);
        assert!(not_known("hello", &[]).did_you_mean.is_empty());
    }

    #[test]
    fn an_unknown_code_is_said_to_be_one() {
        assert_eq!(explain("0x8024abcd", &[]), None);
        assert!(not_known("0x8024abcd", &[]).reason.contains("Windows Update agent"));
        assert_eq!(explain("", &[]), None);
        assert_eq!(not_known("", &[]).reason, "no code was given");
    }

    #[test]
    fn the_json_form_has_a_schema_number_and_snake_case() {
        let json = serde_json::to_value(check("33")).unwrap();
        assert_eq!(json["schema"], 1);
        assert_eq!(json["kind"], "code");
        assert_eq!(json["category"], "lock");
        assert_eq!(json["id"], "0x00000021");
    }
}
