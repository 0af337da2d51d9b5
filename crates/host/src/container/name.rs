//! The names of members, as they may be shown: nothing in them leads out or plays with a terminal.

/// Components longer than this are cut; Windows allows 255.
const LONGEST_COMPONENT: usize = 255;
/// Deeper paths keep their last components.
const MOST_COMPONENTS: usize = 64;
/// Names that are devices in every folder of Windows, whatever follows the first dot.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// A name made harmless.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cleaned {
    /// Components joined by `/`; never empty.
    pub(super) name: String,
    /// Whether it would have led out of the folder it were unpacked to.
    pub(super) led_out: bool,
}

/// Makes the name of a member harmless.
pub(super) fn cleaned(raw: &str) -> Cleaned {
    let mut led_out = raw.starts_with(['/', '\\']);
    let mut components: Vec<String> = Vec::new();
    for (index, component) in raw.split(['/', '\\']).enumerate() {
        match component {
            "" | "." => {}
            ".." => led_out = true,
            _ => {
                led_out |= index == 0 && is_drive(component);
                components.push(clean(component));
            }
        }
    }
    components.drain(..components.len().saturating_sub(MOST_COMPONENTS));
    let name = match components.is_empty() {
        true => "unnamed".to_owned(),
        false => components.join("/"),
    };
    Cleaned { name, led_out }
}

fn is_drive(component: &str) -> bool {
    matches!(component.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

fn clean(component: &str) -> String {
    let harmless = |c: char| if is_harmful(c) { '_' } else { c };
    let mut name: String = component.chars().take(LONGEST_COMPONENT).map(harmless).collect();
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = ["com", "lpt"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|rest| {
            rest.chars().count() == 1
                && rest.chars().all(|c| c.is_ascii_digit() || "¹²³".contains(c))
        })
    });
    if numbered || DEVICES.contains(&stem.as_str()) {
        name.insert(0, '_');
    }
    name
}

/// Control characters, marks that turn the direction of writing, and what no Windows name may hold.
pub(crate) fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(c, '\u{061c}' | '\u{feff}' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Gives each name of one container once: the second `a.log` is `a.log#2`.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: std::collections::HashMap<String, usize>,
}

impl Names {
    pub(super) fn take(&mut self, name: String) -> String {
        let count = self.taken.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return name;
        }
        // A member may be called `a.log#2` by itself.
        let first = *count;
        let free = (first..).map(|number| format!("{name}#{number}"));
        let (number, free) = (first..)
            .zip(free)
            .find(|(_, free)| !self.taken.contains_key(free))
            .expect("numbers do not end");
        self.taken.insert(name, number);
        self.taken.insert(free.clone(), 1);
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_never_leads_out() {
        for (raw, name) in [
            ("../../etc/passwd", "etc/passwd"),
            (r"..\..\Windows\win.ini", "Windows/win.ini"),
            ("/etc/passwd", "etc/passwd"),
            (r"\\server\share\CBS.log", "server/share/CBS.log"),
            (r"C:\Windows\CBS.log", "C_/Windows/CBS.log"),
            ("c:CBS.log", "c_CBS.log"),
            ("a/../b", "a/b"),
        ] {
            assert_eq!(cleaned(raw), Cleaned { name: name.to_owned(), led_out: true }, "{raw}");
        }
    }

    #[test]
    fn a_name_does_not_play_with_the_terminal_or_the_file_system() {
        for (raw, name) in [
            ("a\x1b[31mred\n.log", "a_[31mred_.log"),
            ("a\u{202e}gol.exe", "a_gol.exe"),
            ("CBS.log:hidden", "CBS.log_hidden"),
            ("a\0b", "a_b"),
            ("logs/NUL", "logs/_NUL"),
            ("com1.log", "_com1.log"),
            ("common.log", "common.log"),
            ("", "unnamed"),
            ("./Logs//CBS.log", "Logs/CBS.log"),
        ] {
            assert_eq!(cleaned(raw), Cleaned { name: name.to_owned(), led_out: false }, "{raw}");
        }
        assert_eq!(cleaned(&"x".repeat(5_000)).name.len(), 255);
    }

    #[test]
    fn the_same_name_twice_is_two_names() {
        let mut names = Names::default();
        let given = ["a", "a#2", "a", "a", "b"].map(|name| names.take(name.to_owned()));
        assert_eq!(given, ["a", "a#2", "a#3", "a#4", "b"]);
    }
}
