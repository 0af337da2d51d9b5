//! Runs programs one after the other, `turns PROGRAM ARGUMENT… -- PROGRAM ARGUMENT…`, and prints how many
//! seconds each took from its start to its end.

use std::process::{Command, Stdio};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    for command in arguments.split(|argument| argument == "--") {
        let Some((program, arguments)) = command.split_first() else { continue };
        let begun = Instant::now();
        Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        println!("{}", begun.elapsed().as_secs_f64());
    }
    Ok(())
}
