//! The definition of a scheduled task, as it lies under `System32\Tasks` and as the Task Scheduler
//! gives it: XML in the form that Microsoft documents as "Task Scheduler Schema".

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// When a task runs and what it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Whether it is switched on.
    pub is_enabled: bool,
    /// Whether it is left out of lists.
    pub is_hidden: bool,
    /// What starts it, up to [`MOST`]: the name of the element, such as `BootTrigger`, and whether
    /// it is switched on.
    pub triggers: Vec<TaskTrigger>,
    /// What it runs, up to [`MOST`].
    pub actions: Vec<TaskAction>,
    /// The user it runs as, or a group.
    pub user: Option<String>,
}

/// What starts a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskTrigger {
    /// The name of the element, such as `BootTrigger`, `LogonTrigger`, `CalendarTrigger`.
    pub kind: String,
    /// Whether it is switched on.
    pub is_enabled: bool,
}

/// What a task runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskAction {
    /// A program.
    Run {
        /// As written, which may hold variables and quotes.
        command: String,
        /// Its arguments.
        arguments: String,
    },
    /// A COM class, by its identity.
    Class(String),
    /// Mail or a message, which Windows no longer does.
    Other,
}

/// How many triggers and actions are kept; Windows allows 48 and 32.
pub const MOST: usize = 64;
/// Longest text of one element that is kept, in bytes.
const MOST_TEXT: usize = 64 << 10;

/// Reads a definition; `None` if the text is none.
#[must_use]
pub fn task(text: &str) -> Option<TaskDefinition> {
    let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut found = TaskDefinition { is_enabled: true, ..TaskDefinition::default() };
    let mut place = Place::default();
    loop {
        match reader.read_event().ok()? {
            Event::Eof => return None,
            Event::Start(tag) => place.enter(&name_of(tag.local_name().as_ref()), &mut found),
            Event::Empty(tag) => {
                place.enter(&name_of(tag.local_name().as_ref()), &mut found);
                place.leave(&mut found);
            }
            Event::End(_) => {
                if place.leave(&mut found) {
                    return Some(found);
                }
            }
            Event::Text(piece) => place.say(&piece.decode().ok()?),
            Event::CData(piece) => place.say(&String::from_utf8_lossy(&piece)),
            Event::GeneralRef(name) => place.say(&reference(&name)),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// Where in the document the reader is.
#[derive(Debug, Default)]
struct Place {
    /// Depth; 1 is within `Task`.
    depth: u64,
    /// The names of the elements at depth 2, 3 and 4, below `Task`.
    names: [String; 3],
    text: String,
}

impl Place {
    fn enter(&mut self, name: &str, found: &mut TaskDefinition) {
        self.text.clear();
        self.depth += 1;
        if let Some(slot) = self.slot() {
            name.clone_into(&mut self.names[slot]);
        }
        if self.depth == 3 {
            match self.names[0].as_str() {
                "Triggers" if found.triggers.len() < MOST => {
                    found.triggers.push(TaskTrigger { kind: name.to_owned(), is_enabled: true })
                }
                "Actions" if found.actions.len() < MOST => found.actions.push(match name {
                    "Exec" => TaskAction::Run { command: String::new(), arguments: String::new() },
                    "ComHandler" => TaskAction::Class(String::new()),
                    _ => TaskAction::Other,
                }),
                _ => {}
            }
        }
    }

    /// Closes the present element; whether that was the whole task.
    fn leave(&mut self, found: &mut TaskDefinition) -> bool {
        let text = std::mem::take(&mut self.text).trim().to_owned();
        let names = self.names.each_ref().map(String::as_str);
        match (self.depth, names) {
            (3, ["Settings", "Enabled", _]) => found.is_enabled = text != "false",
            (3, ["Settings", "Hidden", _]) => found.is_hidden = text == "true",
            (4, ["Triggers", _, "Enabled"]) => {
                if let Some(last) = found.triggers.last_mut() {
                    last.is_enabled = text != "false";
                }
            }
            (4, ["Principals", "Principal", "UserId" | "GroupId"]) => found.user = Some(text),
            (4, ["Actions", _, part]) => match (found.actions.last_mut(), part) {
                (Some(TaskAction::Run { command, .. }), "Command") => *command = text,
                (Some(TaskAction::Run { arguments, .. }), "Arguments") => *arguments = text,
                (Some(TaskAction::Class(class)), "ClassId") => *class = text,
                _ => {}
            },
            _ => {}
        }
        self.depth = self.depth.saturating_sub(1);
        self.depth == 0
    }

    fn say(&mut self, piece: &str) {
        if self.text.len() + piece.len() <= MOST_TEXT {
            self.text.push_str(piece);
        }
    }

    fn slot(&self) -> Option<usize> {
        usize::try_from(self.depth).ok()?.checked_sub(2).filter(|slot| *slot < 3)
    }
}

fn name_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn reference(name: &BytesRef<'_>) -> String {
    if let Ok(Some(letter)) = name.resolve_char_ref() {
        return letter.to_string();
    }
    match name.as_ref() {
        b"amp" => "&",
        b"lt" => "<",
        b"gt" => ">",
        b"quot" => "\"",
        b"apos" => "'",
        _ => "",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TASK: &str = r#"<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><URI>\Tide\Backup</URI></RegistrationInfo>
  <Principals><Principal id="Author"><UserId>S-1-5-18</UserId></Principal></Principals>
  <Settings><Enabled>false</Enabled><Hidden>true</Hidden><IdleSettings><Enabled>true</Enabled></IdleSettings></Settings>
  <Triggers>
    <BootTrigger/>
    <CalendarTrigger><Enabled>false</Enabled><Repetition><Interval>PT1H</Interval></Repetition></CalendarTrigger>
  </Triggers>
  <Actions Context="Author">
    <Exec><Command>"C:\Program Files\Tide &amp; Co\tide.exe"</Command><Arguments>/x</Arguments></Exec>
    <ComHandler><ClassId>{00000000-0000-0000-0000-000000000001}</ClassId></ComHandler>
  </Actions>
</Task>"#;

    #[test]
    fn a_definition_tells_when_and_what() {
        let read = task(TASK).unwrap();
        assert!(!read.is_enabled && read.is_hidden);
        let triggers: Vec<(&str, bool)> =
            read.triggers.iter().map(|it| (it.kind.as_str(), it.is_enabled)).collect();
        assert_eq!(triggers, [("BootTrigger", true), ("CalendarTrigger", false)]);
        let command = r#""C:\Program Files\Tide & Co\tide.exe""#.to_owned();
        assert_eq!(read.actions[0], TaskAction::Run { command, arguments: "/x".to_owned() });
        assert!(matches!(&read.actions[1], TaskAction::Class(class) if class.ends_with("1}")));
        assert_eq!(read.user.as_deref(), Some("S-1-5-18"));
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_none() {
        assert_eq!(task(""), None);
        assert_eq!(task(&TASK[..400]), None);
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(text in "(<|>|/|Task|Actions|Exec|Triggers| |&|;|\"){0,60}") {
            let _: Option<TaskDefinition> = task(&text);
        }

        #[test]
        fn a_cut_anywhere_does_no_harm(at in 0..TASK.len()) {
            if let Some(part) = TASK.get(..at) {
                let _: Option<TaskDefinition> = task(part);
            }
        }
    }
}
