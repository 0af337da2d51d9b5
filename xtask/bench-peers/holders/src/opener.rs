//! Opens each file below a folder as a program would that is going to change it, and prints how many
//! somebody else keeps it from: what can be told without asking who.

use std::fs;
use std::path::PathBuf;

const ERROR_SHARING_VIOLATION: i32 = 32;

fn main() -> std::io::Result<()> {
    let mut open: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let mut held = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
                continue;
            }
            // Lets others read, write and delete, as it is the default.
            let opened = fs::File::options().read(true).write(true).open(entry.path());
            held += usize::from(
                opened.is_err_and(|error| error.raw_os_error() == Some(ERROR_SHARING_VIOLATION)),
            );
        }
    }
    println!("{held}");
    Ok(())
}
