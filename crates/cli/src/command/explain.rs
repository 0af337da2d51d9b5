//! `unwedge explain`: what a code, a name or a rule means.

use unwedge_engine::explain::{RuleNote, explain, not_known};
use unwedge_engine::rule::RuleSet;

use crate::exit::{Exit, written};
use crate::render;
use crate::render::page::Page;

/// Says what an error code, a name or a rule means
#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// A code in any spelling (0x80070021, -2147024863, 33), a name (ERROR_LOCK_VIOLATION), a
    /// setup pair (0xC1900101-0x20017) or the id of a rule
    #[arg(required = true, allow_hyphen_values = true, value_name = "CODE")]
    what: Vec<String>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Explains what was asked.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<Exit> {
    // `allow_hyphen_values` takes `--json` behind a code for another value.
    let (flags, words): (Vec<&String>, Vec<&String>) =
        args.what.iter().partition(|word| *word == "--json");
    let json = args.json || !flags.is_empty();
    let what = words.into_iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    answer(&what, &rules(), json)
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
    if json {
        render::json(&told)?;
        return Ok(Exit::Ok);
    }
    written(Page::to_terminal(anstream::stdout().lock()).explanation(&told), Exit::Ok)
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
        let line = Line::try_parse_from(["x", "--json", "Win32", "33"]).unwrap();
        assert!(line.args.json && line.args.what == ["Win32", "33"]);
    }
}
