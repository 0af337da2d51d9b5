//! What a person is asked: the password, and whether to go ahead.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use anyhow::{Context as _, bail, ensure};
use console::Term;
use unwedge_backup::repository::Password;

use crate::arguments::Place;
use crate::text::say;

/// Holds the password for programs that start this one.
const VARIABLE: &str = "UNWEDGE_BACKUP_PASSWORD";

/// Asks once. Without a terminal there is nobody to ask, and no is the answer.
pub(crate) fn agreed(question: &str) -> anyhow::Result<bool> {
    let input = io::stdin();
    if !input.is_terminal() {
        say("Nothing was written: there is no terminal to ask on. Give --yes to go ahead without \
             being asked.");
        return Ok(false);
    }
    let mut talk = anstream::stderr();
    write!(talk, "{question} [y/N] ")?;
    talk.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    let agreed = matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !agreed {
        say("Nothing was written.");
    }
    Ok(agreed)
}

/// The password of a repository, which is asked for twice where it is `new`.
pub(crate) fn password(place: &Place, new: bool) -> anyhow::Result<Password> {
    if let Some(file) = &place.password_file {
        let at = file.display();
        let bytes =
            fs::read(file).with_context(|| format!("cannot read the password file {at}"))?;
        return Password::in_file(&bytes).with_context(|| format!("the password file {at}"));
    }
    if let Some(given) = std::env::var_os(VARIABLE) {
        return Password::new(&text(given)?).with_context(|| VARIABLE.to_owned());
    }
    let terminal = Term::stderr();
    if !terminal.is_term() || !io::stdin().is_terminal() {
        bail!(
            "no password: give --password-file, or {VARIABLE} in the environment; there is no \
             terminal to ask on"
        );
    }
    if new {
        say("The backup is encrypted. Without the password nothing in it can be restored, by \
             nobody: write it down and keep it elsewhere than on this PC.");
    }
    let given = asked(&terminal, if new { "New password: " } else { "Password: " })?;
    let password = Password::new(&given)?;
    if new {
        let again = asked(&terminal, "The same again: ")?;
        ensure!(given == again, "the two passwords differ; nothing was written");
    }
    Ok(password)
}

fn text(given: OsString) -> anyhow::Result<String> {
    given.into_string().ok().with_context(|| format!("{VARIABLE} is no Unicode text"))
}

fn asked(terminal: &Term, prompt: &str) -> anyhow::Result<String> {
    terminal.write_str(prompt)?;
    terminal.flush()?;
    terminal.read_secure_line().context("the terminal gave no password")
}
