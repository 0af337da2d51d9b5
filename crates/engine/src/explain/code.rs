//! Explaining codes: what they mean, what they wrap, what they are not.

use unwedge_formats::code::{Code, SetupCode, Step, Wrapping};

use super::{Explanation, Fact, FalseFriend, Form, Kind, RuleNote, Wrapped, blank, rule_ref};
use crate::knowledge::{self, CodeAdvice, CodeFact, Failure};

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

/// A code in any spelling, a name or a setup pair; `None` when nothing is known about it.
pub(super) fn explain(asked: &str, rules: &[RuleNote]) -> Option<Explanation> {
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
pub(super) fn form(code: Code) -> Form {
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

pub(super) fn fact(fact: &CodeFact) -> Fact {
    let CodeFact { code, symbol, facility, meaning, source } = *fact;
    Fact { code: code.to_string(), symbol, facility, meaning, source }
}
