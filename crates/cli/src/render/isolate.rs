//! A search for the culprit in plain words: who is searched, what came out, and the proof.

use std::path::Path;

use unwedge_engine::isolate::clean_boot::Status;
use unwedge_engine::isolate::note::{Answer, GaveUp, Test};
use unwedge_engine::isolate::search::{Bound, Found};
use unwedge_engine::isolate::signer::SignedBy;
use unwedge_engine::isolate::suspect::{Spared, Suspect, SuspectKind, Suspects};
use unwedge_engine::isolate::{Isolation, UnderWay};
use unwedge_engine::journal::Outcome;
use unwedge_engine::knowledge::products::{self, Product};

use super::plan::sentence;
use super::style::{FAINT, RIGHT, UNSURE, WRONG};
use super::{counted, heading, item, paragraph};

/// Who is searched, how it is tested, and how many restarts that takes.
pub(crate) fn plan(found: &Suspects, test: &Test, restarts: Bound) -> String {
    let mut out = whom(found, "Who may be in the way, the likeliest first");
    if found.suspects.is_empty() {
        out.push_str(&paragraph("Nobody is left who could be switched off."));
        return out;
    }
    let tested = match test {
        Test::Update { kb: Some(kb) } => {
            format!(
                "After each restart Windows Update tries {kb} again. Once it goes through, it is \
                     installed and the search is over."
            )
        }
        Test::Update { kb: None } => "After each restart Windows Update tries again. Once the \
             update goes through, it is installed and the search is over."
            .to_owned(),
        Test::Command { command } => format!("After each restart this tells: {command}"),
        Test::Question => "After each restart you are asked whether it works.".to_owned(),
    };
    out.push_str(&format!("\n{}", paragraph(&tested)));
    out.push_str(&paragraph(&format!(
        "Windows restarts about {} times, in no case more than {}, by itself, the first time with \
         everything on; a remote connection is cut each time. Save your work first. Everything is put \
         back in the end, and also after two \
         failed starts, in Safe Mode, or when you say `unwedge isolate --stop`.",
        restarts.expected, restarts.most
    )));
    out.push('\n');
    out
}

/// What a search is at, for whoever signs in meanwhile.
pub(crate) fn under_way(it: &UnderWay) -> String {
    let mut out = heading("unwedge looks for the program that keeps Windows Update from working");
    let off = match it.off.len() {
        0 => "Right now everything is on.".to_owned(),
        count => format!(
            "Right now {} switched off: {}. All of it is put back in the end.",
            if count == 1 { "this one is" } else { "these are" },
            it.off.join(", ")
        ),
    };
    out.push_str(&paragraph(&format!(
        "This is start {} of at most {}. {off}",
        it.trial, it.most_trials
    )));
    if it.test != Test::Question {
        out.push_str(&paragraph(
            "It goes on by itself and restarts Windows again; save your work.",
        ));
    }
    out
}

/// Who is switched off by a clean boot.
pub(crate) fn clean_boot(found: &Suspects) -> String {
    whom(found, "What a clean boot switches off")
}

fn whom(found: &Suspects, title: &str) -> String {
    let mut out = heading(title);
    let width = found.suspects.len().to_string().len().max(2);
    for (number, it) in (1..).zip(&found.suspects) {
        let label = format!("  {number:>width$}. {FAINT}{:<13}{FAINT:#} ", kind(it));
        let indent = " ".repeat(width + 18);
        out.push_str(&item(&label, &indent, &line(it)));
        for because in &it.because {
            out.push_str(&item(&indent, &indent, &sentence(because.trim_end_matches('.'))));
        }
    }
    if !found.spared.is_empty() {
        out.push_str(&format!("\n{}", heading("Never switched off from here")));
        for (names, it) in alike(&found.spared) {
            let advice = it.advice.as_ref().map(|it| format!(" Instead: {it}")).unwrap_or_default();
            let text = format!("{}: {}.{advice}", names.join(", "), it.why);
            out.push_str(&item("  - ", "    ", &text));
        }
    }
    out.push_str(&format!(
        "\n{}",
        paragraph(&format!(
            "What Microsoft signed stays as it is ({} services and entries).",
            found.of_microsoft
        ))
    ));
    for it in &found.unknown {
        out.push_str(&item("Not known: ", "           ", it));
    }
    out
}

/// Those with the same reason and advice, which are told once, in the order of the first.
fn alike(spared: &[Spared]) -> Vec<(Vec<&str>, &Spared)> {
    let mut all: Vec<(Vec<&str>, &Spared)> = Vec::new();
    for it in spared {
        let same = |(_, told): &&mut (Vec<&str>, &Spared)| {
            (told.why, &told.advice) == (it.why, &it.advice)
        };
        match all.iter_mut().find(same) {
            Some((names, _)) => names.push(&it.name),
            None => all.push((vec![&it.name], it)),
        }
    }
    all
}

fn kind(suspect: &Suspect) -> &'static str {
    match suspect.kind {
        SuspectKind::Service => "service",
        SuspectKind::Startup => "startup entry",
        SuspectKind::Task => "task",
        SuspectKind::Filter => "file filter",
    }
}

fn line(suspect: &Suspect) -> String {
    let signer = match &suspect.signer {
        SignedBy::Nobody => " (not signed)",
        SignedBy::Unknown(_) => " (who signed it is not known)",
        SignedBy::Other(_) | SignedBy::Microsoft => "",
    };
    format!("{}{signer}", suspect.shown())
}

/// What came out, and the proof.
pub(crate) fn text(isolation: &Isolation, argument: &str, journal: &Path) -> String {
    let (title, story) = answer(isolation);
    let mut out = format!("\n{}{}", heading(title), paragraph(&story));
    for culprit in culprits(isolation) {
        let told = &isolation.suspects[culprit];
        out.push_str(&format!("\n{}", item("  ", "  ", &told.shown)));
        let known = product(&told.name);
        let advice = match known {
            Some(Product { official_pause: Some(pause), .. }) => {
                format!("Its maker's way to pause it: {}", pause.trim_end_matches('.'))
            }
            _ => "Look for a newer version of it first; if its settings have exclusions, add \
                  C:\\Windows\\SoftwareDistribution and C:\\Windows\\WinSxS"
                .to_owned(),
        };
        out.push_str(&item("    ", "    ", &format!("{advice}.")));
        if let Some(tool) = known.and_then(|it| it.removal_tool) {
            let text = format!("If it has to go: {}.", tool.trim_end_matches('.'));
            out.push_str(&item("    ", "    ", &text));
        }
    }
    out.push_str(&proof(isolation));
    for (name, why) in &isolation.spared {
        out.push_str(&item("Left out: ", "          ", &format!("{name}: {why}.")));
    }
    out.push_str(&format!("\n{}", paragraph(&state(isolation))));
    if let Outcome::Stuck { left } = &isolation.outcome {
        for line in left {
            out.push_str(&item("  - ", "    ", line));
        }
        out.push_str(&paragraph(&format!("Mend that, then run: unwedge undo{argument}")));
    }
    out.push_str(&paragraph(&format!("Every switch is on record: {}", journal.display())));
    out
}

fn product(name: &str) -> Option<&'static Product> {
    let service = products::of_service(name).first().copied();
    service.or_else(|| products::of_driver(&format!("{name}.sys")).first().copied())
}

fn culprits(isolation: &Isolation) -> Vec<usize> {
    match &isolation.answer {
        Answer::Found(Found::Groups { groups }) => groups.iter().flatten().copied().collect(),
        Answer::Found(Found::Among { these, .. }) => these.clone(),
        _ => Vec::new(),
    }
}

fn answer(isolation: &Isolation) -> (&'static str, String) {
    match &isolation.answer {
        Answer::Found(Found::Groups { groups }) => match &groups[..] {
            [one] if one.len() == 1 => (
                "Found",
                "This one is in the way: with everything on it fails, and with only this one off it \
                 works."
                    .into(),
            ),
            [several] => (
                "Found, they block only together",
                format!(
                    "These {} are in the way only together; without one of them it works.",
                    several.len()
                ),
            ),
            several => (
                "Found, more than one",
                format!(
                    "{} things are in the way, each by itself; it works only without all of them.",
                    several.len()
                ),
            ),
        },
        Answer::Found(Found::Among { these, before }) => {
            let also = match before.is_empty() {
                true => "",
                false => " Others that were off with it may matter too.",
            };
            match &these[..] {
                [_] => (
                    "The update is in",
                    format!("It went through as soon as this one was off.{also}"),
                ),
                several => (
                    "The update is in",
                    format!(
                        "It went through as soon as these {} were off; one of them was in the way. \
                         An update that is in cannot be tried again: when the next one fails, search \
                         among them with --only.{also}",
                        several.len()
                    ),
                ),
            }
        }
        Answer::Found(Found::RestartAlone) => (
            "A restart was enough",
            "After a restart it works with everything on, so nobody is named. Either the restart was \
             all it took, or what was in the way starts only later, such as when somebody signs in. \
             If it fails again, search with --ask: then the test waits for you."
                .into(),
        ),
        Answer::Found(Found::NoneOfThem) => (
            "None of them",
            "With all of them off it fails as before: the reason lies elsewhere. `unwedge diagnose` \
             tells what else was seen."
                .into(),
        ),
        Answer::Found(Found::Unsteady { left }) => (
            "Not found: it is not the same every time",
            format!(
                "It failed and worked with the same things off, so nobody can be named for sure. {} \
                 are left.",
                left.len()
            ),
        ),
        Answer::GoesThrough => (
            "Nobody to search for",
            "It works with everything on, so nothing was switched.".into(),
        ),
        Answer::GaveUp { why } => ("Given up, everything put back", gave_up(isolation, why)),
    }
}

fn gave_up(isolation: &Isolation, why: &GaveUp) -> String {
    match why {
        GaveUp::Stopped => "The search was stopped.".into(),
        GaveUp::TimeIsUp => "It took longer than was agreed to.".into(),
        GaveUp::TooManyRestarts => "It would have taken more restarts than were announced.".into(),
        GaveUp::NoRestart => "Windows did not restart when it was asked to.".into(),
        GaveUp::NobodyLeft => "Nobody is left who can be switched off.".into(),
        GaveUp::NotPutBack { why } => format!("One could not be switched on again. {why}."),
        GaveUp::NotTestable { why } => format!("It could not be tested: {why}."),
        GaveUp::FailedStarts { off } => {
            let names: Vec<&str> = off
                .iter()
                .filter_map(|it| isolation.suspects.get(*it as usize))
                .map(|it| it.name.as_str())
                .collect();
            if names.is_empty() {
                return "Windows did not come up properly although nothing was off.".into();
            }
            format!(
                "Windows did not come up properly while these were off: {}. It may need one of them. \
                 Search again without them: --keep NAME.",
                names.join(", ")
            )
        }
    }
}

fn proof(isolation: &Isolation) -> String {
    let mut out = String::new();
    if isolation.trials.iter().any(|it| it.passes.is_some()) {
        out.push_str(&format!("\n{}", heading("The proof")));
    }
    for it in &isolation.trials {
        let (word, style) = match it.passes {
            Some(true) => ("works", RIGHT),
            Some(false) => ("fails", WRONG),
            None => ("not tested", UNSURE),
        };
        let names: Vec<&str> = it
            .off
            .iter()
            .filter_map(|it| isolation.suspects.get(*it as usize))
            .map(|it| it.name.as_str())
            .collect();
        let off = match names.len() {
            0 => "with everything on".to_owned(),
            count if count == isolation.suspects.len() && count > 3 => {
                format!("with all {count} off")
            }
            1..=6 => format!("without {}", names.join(", ")),
            count => format!("without {count}: {}, …", names[..3].join(", ")),
        };
        let label = format!("  start {:>2}  {style}{word:<10}{style:#}  ", it.trial);
        out.push_str(&item(&label, &" ".repeat(23), &off));
    }
    out
}

fn state(isolation: &Isolation) -> String {
    let restarts = counted(isolation.restarts.into(), "restart");
    match (&isolation.outcome, isolation.needs_restart) {
        (Outcome::Stuck { .. }, _) => {
            format!("{restarts}. Not everything could be put back:")
        }
        (_, true) => format!(
            "{restarts}. Every switch is as it was, read back one by one; what was off runs again \
             after one more."
        ),
        (_, false) => "Every switch is as it was.".to_owned(),
    }
}

/// How a PC starts.
pub(crate) fn status(status: &Status) -> String {
    let mut out = match (status.is_clean_boot(), status.unknown.is_empty()) {
        (true, _) => heading("This PC starts without some of its services"),
        (false, true) => heading("This PC starts with everything"),
        (false, false) => heading("Nothing of a clean boot was found, and not everything is known"),
    };
    for (name, start) in &status.services_off {
        let text = match start {
            Some(start) => format!("{name}: off, was {start}"),
            None => format!("{name}: off, and how it started is not remembered"),
        };
        out.push_str(&item("  - ", "    ", &text));
    }
    for name in &status.ours_off {
        out.push_str(&item("  - ", "    ", &format!("{name}: switched off by unwedge")));
    }
    for name in &status.services_back {
        let text = format!("{name}: remembered as off by System Configuration, and on");
        out.push_str(&item("  - ", "    ", &text));
    }
    for name in &status.entries_off {
        out.push_str(&item("  - ", "    ", &format!("{name}: startup entry, off")));
    }
    for name in &status.entries_kept {
        let text = format!("{name}: startup entry that System Configuration took away");
        out.push_str(&item("  - ", "    ", &text));
    }
    for it in &status.unknown {
        out.push_str(&item("Not known: ", "           ", it));
    }
    out
}
