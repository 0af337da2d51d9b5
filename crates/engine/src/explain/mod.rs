//! What something means: a code, a driver, a service, an event... everything that is known about it
//! in one place.

use serde::Serialize;
use unwedge_formats::code::{Code, ParseCodeError};

use crate::knowledge::{self, components, filters, products, services, setup_diag};
use crate::report::{Category, SCHEMA};

mod code;
mod kb;
mod near;
mod thing;

pub use kb::{KbDetails, kb_in_evidence, kb_number};
pub use thing::{
    AltitudeDetails, Details, DriverDetails, ProductDetails, ProductName, ServiceDetails,
};

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
    /// The code in its usual form, the id of the rule, the name of the driver, service, ...
    pub id: String,
    /// Its name, the title of the rule, what the thing is.
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
    /// What is known about a thing that is neither a code nor a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    /// Where that is known from; `facts` have their own sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<&'static str>,
    /// What the same words mean beside that, the likeliest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_meanings: Vec<Explanation>,
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
    /// A file system filter or another driver.
    Driver,
    /// A place in the stack of filters.
    Altitude,
    /// A service.
    Service,
    /// A product.
    Product,
    /// Several products to choose from.
    Products,
    /// An event of one provider.
    Event,
    /// Events of several providers with the same number, or all of one provider.
    Events,
    /// A rule of SetupDiag.
    SetupRule,
    /// A file, folder, key, policy or task of updating.
    Component,
    /// An update.
    Kb,
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

/// Explains whatever is known: a code in any spelling, a name such as `ERROR_LOCK_VIOLATION`, a rule
/// by its id, a driver, an altitude, a service, a product or its process, an event, a rule of
/// SetupDiag, a file, folder, key or task of updating, or a KB number.
///
/// A word before the name says which is meant, as in `service bits`. What has several meanings is
/// explained by the likeliest; the rest is in [`Explanation::other_meanings`].
///
/// `None` when nothing is known about it; [`not_known`] says why.
#[must_use]
pub fn explain(what: &str, rules: &[RuleNote]) -> Option<Explanation> {
    let asked = what.trim();
    let mut meanings = meanings(asked, rules).into_iter();
    let mut first = meanings.next()?;
    first.other_meanings = meanings.collect();
    Some(first)
}

fn meanings(asked: &str, rules: &[RuleNote]) -> Vec<Explanation> {
    if let Some(rule) = rules.iter().find(|rule| rule.id.eq_ignore_ascii_case(asked)) {
        return vec![explain_rule(asked, rule)];
    }
    let hinted = thing::hinted(asked);
    if !hinted.is_empty() {
        return hinted;
    }
    let code = code::explain(asked, rules);
    // What is written as a code means nothing else; a plain number may.
    let is_plain = asked.bytes().all(|letter| letter.is_ascii_digit() || letter == b'.');
    if code.is_some() && !is_plain {
        return code.into_iter().collect();
    }
    let mut all: Vec<Explanation> = code.into_iter().chain(thing::meanings(asked)).collect();
    if all.is_empty() {
        all.extend(thing::last_resort(asked));
    }
    all
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
        Err(ParseCodeError::NotACode { .. }) => "nothing with this name is known".to_owned(),
        Err(error) => error.to_string(),
    };
    let ids = rules.iter().map(|rule| rule.id.as_str());
    let components: Vec<String> = components::short_names().collect();
    // The closure shortens `'static` to the life of the rules.
    let known = knowledge::symbols().chain(names_of_things()).map(|name| -> &str { name });
    let names = ids.chain(known).chain(components.iter().map(String::as_str));
    NotKnown {
        schema: SCHEMA,
        asked: near::shorten(asked),
        reason,
        did_you_mean: near::nearest(asked, names),
    }
}

/// Names of drivers, services, products and SetupDiag's rules.
fn names_of_things() -> impl Iterator<Item = &'static str> {
    let filters = filters::all().iter().map(|it| it.driver);
    let services = services::all().iter().flat_map(|it| [it.name, it.display_name]);
    let of_products = products::all().iter().flat_map(|it| {
        let parts = [&it.drivers, &it.services, &it.processes, &it.uninstall_names];
        let patterns = |name: &&str| !name.contains('*');
        [it.name, it.vendor]
            .into_iter()
            .chain(parts.into_iter().flatten().copied().filter(patterns))
    });
    let rules = setup_diag::all().iter().map(|it| it.name);
    filters.chain(services).chain(of_products).chain(rules)
}

fn explain_rule(asked: &str, rule: &RuleNote) -> Explanation {
    let known = rule.codes.iter().flat_map(|code| knowledge::code(code.canonical()));
    Explanation {
        kind: Kind::Rule,
        id: rule.id.clone(),
        name: rule.title.clone(),
        meaning: String::new(),
        category: Some(rule.category),
        also: rule.codes.iter().map(|&code| code::form(code)).collect(),
        facts: known.map(code::fact).collect(),
        prose: Some(rule.prose.clone()),
        ..blank(asked)
    }
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
        details: None,
        sources: Vec::new(),
        other_meanings: Vec::new(),
    }
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
