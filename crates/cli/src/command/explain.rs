//! `unwedge explain`: what a code, a driver, a service, an event or another name means.

use std::path::PathBuf;

use unwedge_engine::explain::{
    Explanation, RuleNote, explain, kb_in_evidence, kb_number, not_known,
};
use unwedge_engine::fact;
use unwedge_engine::rule::RuleSet;

use crate::exit::{Exit, written};
use crate::machine::open_all;
use crate::render;
use crate::render::page::Page;

/// Says what an error code, a driver, a service, an event or another name means
///
/// Knows codes in any spelling (0x80070021, -2147024863, 33) and their names, setup pairs
/// (0xC1900101-0x20017), rules of unwedge and of SetupDiag, drivers (WdFilter), altitudes (321300),
/// services (wuauserv), products (Acronis) and their processes, events (WindowsUpdateClient 20),
/// files, folders, keys and tasks of updating (pending.xml) and KB numbers. What has several
/// meanings is explained by each; a word in front says which is meant: driver, altitude, service,
/// product, process, event, file, task.
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// What to explain, such as 0x80070021, WdFilter, wuauserv or WindowsUpdateClient 20
    #[arg(required = true, allow_negative_numbers = true, value_name = "WHAT")]
    what: Vec<String>,

    /// Look for the KB number in this evidence: logs, a folder or a .host machine
    #[arg(long = "in", value_name = "PATH")]
    evidence: Vec<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains what was asked.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    let what = args.what.join(" ");
    if args.evidence.is_empty() {
        return answer(&what, &rules(), args.json);
    }
    if kb_number(&what).is_none() {
        anyhow::bail!("--in looks for an update: give a KB number, such as KB5034441");
    }
    let host = open_all(&args.evidence)?;
    let rules = RuleSet::built_in();
    let told = kb_in_evidence(&what, &fact::observe(&*host, &rules), &rules);
    tell(&told.expect("it is a KB number, as was asked above"), args.json)
}

/// The rules that know codes.
fn rules() -> Vec<RuleNote> {
    let note = |rule: unwedge_engine::rule::Rule| RuleNote {
        id: rule.id,
        title: rule.title,
        prose: [rule.prose, rule.advice].join("\n\n").trim().to_owned(),
        codes: rule.codes,
        category: rule.category,
    };
    RuleSet::built_in().rules.into_iter().map(note).collect()
}

fn answer(what: &str, rules: &[RuleNote], json: bool) -> anyhow::Result<Exit> {
    let Some(told) = explain(what, rules) else {
        let not = not_known(what, rules);
        if json {
            render::json(&not)?;
            return Ok(Exit::Error);
        }
        return written(Page::to_terminal(anstream::stderr().lock()).not_known(&not), Exit::Error);
    };
    tell(&told, json)
}

fn tell(told: &Explanation, json: bool) -> anyhow::Result<Exit> {
    if json {
        render::json(told)?;
        return Ok(Exit::Ok);
    }
    written(Page::to_terminal(anstream::stdout().lock()).explanation(told), Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_minus_is_no_option() {
        use clap::Parser;
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            args: ExplainArgs,
        }
        for line in [["x", "-2147024863"], ["x", "-1032"]] {
            assert_eq!(Line::try_parse_from(line).unwrap().args.what, line[1..]);
        }
        for line in [["x", "--json", "Win32", "33"], ["x", "Win32", "33", "--json"]] {
            let line = Line::try_parse_from(line).unwrap();
            assert!(line.args.json && line.args.what == ["Win32", "33"]);
        }
        let pair = ["x", "0xC1900101", "-", "0x20017"];
        assert_eq!(Line::try_parse_from(pair).unwrap().args.what, pair[1..]);
    }
}
