//! `sc query`, `sc queryex` and `sc qc`: services with state, start and account.
//!
//! ```text
//! SERVICE_NAME: wuauserv
//!         TYPE               : 30  WIN32
//!         STATE              : 1  STOPPED
//!         WIN32_EXIT_CODE    : 1077  (0x435)
//! ```
//!
//! Labels are translated in some languages; numbers and the constants behind them are not.

use super::{foreign_line, numbered};
use crate::Parsed;

/// A service or driver.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Short name.
    pub name: String,
    /// Name for people; empty where it is not printed.
    pub display_name: String,
    /// Value of `TYPE`, such as 0x20 for a shared process, 0x2 for a file system driver.
    pub kind: Option<u32>,
    /// 1 stopped, 2 starting, 3 stopping, 4 running, 5 continuing, 6 pausing, 7 paused.
    pub state: Option<u32>,
    /// 0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled.
    pub start: Option<u32>,
    /// Win32 number it ended with; 1066 says that it gave one of its own.
    pub exit_code: Option<u32>,
    /// The number of its own.
    pub own_exit_code: Option<u32>,
    /// Process, when it runs and `queryex` was asked.
    pub process_id: Option<u32>,
    /// Command line, as registered.
    pub path: String,
    /// Account it runs as.
    pub account: String,
}

const STATES: [&str; 7] = [
    "STOPPED",
    "START_PENDING",
    "STOP_PENDING",
    "RUNNING",
    "CONTINUE_PENDING",
    "PAUSE_PENDING",
    "PAUSED",
];
const STARTS: [&str; 5] = ["BOOT_START", "SYSTEM_START", "AUTO_START", "DEMAND_START", "DISABLED"];

/// Whether the text is an output of `sc`.
pub(super) fn is_list(head: &str) -> bool {
    let parsed = services(head);
    parsed.items.iter().any(|service| {
        service.kind.is_some() && (service.state.is_some() || service.start.is_some())
    })
}

/// Reads every service; services that answered with an error are left out.
#[must_use]
pub fn services(text: &str) -> Parsed<Service> {
    let mut parsed = Parsed { items: Vec::new(), gaps: Vec::new() };
    let mut open: Option<(usize, u64, &str, Block)> = None;
    let mut close = |open: Option<(usize, u64, &str, Block)>| {
        let Some((at, number, line, block)) = open else { return };
        match block.service.kind {
            Some(_) => parsed.items.push(block.ended()),
            // A line that only looks like a title, such as `C:\>sc query`.
            None if block.fields == 0 => {}
            None => parsed.gaps.push(foreign_line(at, line, number, "service")),
        }
    };
    for (at, number, line) in numbered(text) {
        let indented = line.starts_with([' ', '\t']);
        match (title(line), &mut open) {
            (Some(name), Some((.., block)))
                if block.fields == 0 && !block.service.name.is_empty() =>
            {
                // The second line without indent is the name for people.
                block.service.display_name = name.to_owned();
            }
            (Some(name), _) => {
                close(open.take());
                let service = Service { name: name.to_owned(), ..Service::default() };
                open = Some((at, number, line, Block { service, ..Block::default() }));
            }
            (None, Some((.., block))) if indented => block.field(line),
            _ => {}
        }
    }
    close(open);
    parsed
}

/// The value of a line `SERVICE_NAME: x`: one word before the colon, no indent.
fn title(line: &str) -> Option<&str> {
    let (label, name) = line.split_once(": ")?;
    let is_label = !label.is_empty() && !label.contains([' ', '\\', '[', '>', '<']);
    (is_label && !line.starts_with([' ', '\t'])).then(|| name.trim())
}

#[derive(Debug, Default)]
struct Block {
    service: Service,
    fields: usize,
    /// How many fields ago the error control stood; the path comes first behind it.
    behind_control: Option<usize>,
    last: String,
    zeros: usize,
}

impl Block {
    fn field(&mut self, line: &str) {
        let Some((_, value)) = line.split_once(':') else { return };
        let value = value.trim();
        self.fields += 1;
        let mut words = value.split_whitespace();
        let (number, word) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if let Some(behind) = &mut self.behind_control {
            *behind += 1;
            match *behind {
                1 => value.clone_into(&mut self.service.path),
                4 => value.clone_into(&mut self.service.display_name),
                behind if behind > 4 => value.clone_into(&mut self.last),
                _ => {}
            }
            return;
        }
        if self.service.kind.is_none() {
            self.service.kind = u32::from_str_radix(number, 16).ok().filter(|_| !word.is_empty());
        } else if let Some(state) = STATES.iter().position(|state| *state == word) {
            self.service.state = u32::try_from(state + 1).ok();
        } else if let Some(start) = STARTS.iter().position(|start| *start == word) {
            self.service.start = u32::try_from(start).ok();
        } else if self.service.start.is_some() {
            self.behind_control = Some(0);
        } else if word.starts_with("(0x") {
            let code = number.parse().ok();
            match self.service.exit_code {
                None => self.service.exit_code = code,
                Some(_) => self.service.own_exit_code = code,
            }
        } else if number.starts_with("0x") {
            self.zeros += 1;
        } else if self.zeros == 2 && self.service.process_id.is_none() {
            self.service.process_id = number.parse().ok().filter(|&id| id != 0);
            self.zeros += 1;
        }
    }

    fn ended(self) -> Service {
        // The account is the last field, behind any number of dependencies.
        Service { account: self.last, ..self.service }
    }
}
