//! The end of what changes this PC, as one event in its Application log.

use unwedge_host::live::said::{Said, Weight, say};

use crate::exit::Exit;
use crate::render;

/// What was done. Its number and the exit code together are that of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Fix = 100,
    Undo = 200,
    Recover = 300,
    Isolate = 400,
}

/// Writes the event; that it cannot be written is told, and changes nothing about how this ends.
pub(crate) fn noted(deed: Deed, end: anyhow::Result<Exit>) -> anyhow::Result<Exit> {
    let said = match &end {
        Ok(exit) => said(deed, *exit, ""),
        Err(error) => said(deed, Exit::Error, &format!("{error:#}")),
    };
    if let Err(why) = say(&said) {
        render::say(&format!("Nothing stands in the Application log about this: {why}."));
    }
    end
}

fn said(deed: Deed, exit: Exit, why: &str) -> Said {
    let name = match deed {
        Deed::Fix => "fix",
        Deed::Undo => "undo",
        Deed::Recover => "recover",
        Deed::Isolate => "isolate",
    };
    let (weight, ended) = match exit {
        Exit::Ok => (Weight::Information, "done"),
        Exit::Failing => (Weight::Warning, "updates still fail"),
        Exit::Error => (Weight::Error, "it could not do what it was asked"),
        Exit::NotAssessed => (Weight::Warning, "done, and not proven"),
        Exit::Refused => (Weight::Warning, "refused, nothing was changed"),
        Exit::NeedsRestart => (Weight::Warning, "Windows has to be restarted"),
        Exit::Stuck => (Weight::Error, "something could not be taken back; a person must look"),
        Exit::Kept => (Weight::Warning, "something stays that cannot be taken back"),
    };
    let colon = if why.is_empty() { "" } else { ": " };
    let code = exit as u32;
    Said {
        number: deed as u32 + code,
        weight,
        text: format!("unwedge {name} ended with {code} ({ended}){colon}{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_number_of_its_own() {
        let stuck = said(Deed::Undo, Exit::Stuck, "");
        assert_eq!((stuck.number, stuck.weight), (206, Weight::Error));
        assert!(stuck.text.contains("undo ended with 6"), "{}", stuck.text);
        let failed = said(Deed::Fix, Exit::Error, "no such file");
        assert_eq!(failed.number, 102);
        assert!(failed.text.ends_with(": no such file"), "{}", failed.text);
        assert_eq!(said(Deed::Recover, Exit::Ok, "").weight, Weight::Information);
    }
}
