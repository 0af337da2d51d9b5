//! One event of an event log, and the one line of text as which it is looked at.

use std::fmt::Write as _;

use super::time;

/// One event, expanded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// Number of the record in its log.
    pub record: u64,
    /// When, in UTC, counted in 100 ns since 1601-01-01 (a FILETIME).
    pub time: u64,
    /// Who wrote it, such as `Microsoft-Windows-WindowsUpdateClient`.
    pub provider: String,
    /// What it says, a number that means something for this provider only.
    pub id: u32,
    /// 0 always, 1 critical, 2 error, 3 warning, 4 information, 5 verbose.
    pub level: u8,
    /// The log it was written to, such as `System`.
    pub channel: String,
    /// The computer that wrote it.
    pub computer: String,
    /// The data in the order of the record, by name; data without a name are `param1`, `param2`
    /// and so on. From `UserData` these are the elements that hold no others.
    pub data: Vec<(String, String)>,
}

impl Event {
    /// The event as one line, without an end of line:
    ///
    /// ```text
    /// 2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-WindowsUpdateClient 20 System errorCode=0x80248007 updateTitle="2017-07 Update"
    /// ```
    ///
    /// Time, level, provider, id and channel are single words, each followed by one blank but the
    /// last. A value with blanks, quotes or `=`, or an empty one, stands in double quotes with
    /// inner ones doubled; control characters in a row become one blank.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = String::with_capacity(self.line_bytes());
        time::write_file_time(&mut line, self.time);
        line.push(' ');
        line.push_str(self.level_word());
        line.push(' ');
        push_word(&mut line, &self.provider);
        let _ = write!(line, " {} ", self.id);
        push_word(&mut line, &self.channel);
        for (name, value) in &self.data {
            line.push(' ');
            push_word(&mut line, name);
            line.push('=');
            push_value(&mut line, value);
        }
        line
    }

    /// About how long the line is.
    fn line_bytes(&self) -> usize {
        let data: usize = self.data.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        48 + self.provider.len() + self.channel.len() + data
    }

    /// The level in the three words that text logs use.
    #[must_use]
    pub fn level_word(&self) -> &'static str {
        match self.level {
            1 | 2 => "Error",
            3 => "Warning",
            _ => "Info",
        }
    }
}

/// A word must stay one word and must not look like a pair; nothing at all becomes `-`.
fn push_word(line: &mut String, word: &str) {
    if !word.is_empty() && word.bytes().all(is_plain) {
        line.push_str(word);
        return;
    }
    if word.is_empty() {
        line.push('-');
    }
    line.extend(word.chars().map(|c| match c {
        '"' | '=' => '_',
        c if c.is_whitespace() || is_control(c) => '_',
        c => c,
    }));
}

fn push_value(line: &mut String, value: &str) {
    if !value.is_empty() && value.bytes().all(is_plain) {
        line.push_str(value);
        return;
    }
    let is_word = |c: char| !c.is_whitespace() && !is_control(c) && c != '"' && c != '=';
    if !value.is_empty() && value.chars().all(is_word) {
        line.push_str(value);
        return;
    }
    if value.bytes().all(|byte| is_plain(byte) || matches!(byte, b' ' | b'=')) {
        line.push('"');
        line.push_str(value);
        line.push('"');
        return;
    }
    line.push('"');
    let mut in_controls = false;
    for character in value.chars() {
        let control = is_control(character);
        match character {
            _ if control && in_controls => {}
            _ if control => line.push(' '),
            '"' => line.push_str("\"\""),
            other => line.push(other),
        }
        in_controls = control;
    }
    line.push('"');
}

/// ASCII that may stand anywhere; nearly all there is, so asked first.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'='
}

/// Control characters, and the two that Unicode calls ends of lines and paragraphs.
fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &[(&str, &str)]) -> Event {
        Event {
            record: 561,
            time: 131_452_782_721_234_567,
            provider: "Microsoft-Windows-WindowsUpdateClient".to_owned(),
            id: 20,
            level: 2,
            channel: "System".to_owned(),
            computer: "PC".to_owned(),
            data: data.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let event = event(&[
            ("errorCode", "0x80248007"),
            ("updateTitle", "2017-07 Cumulative Update"),
            ("updateGuid", "{0b6b1f0c-0000-0000-0000-000000000000}"),
        ]);
        assert_eq!(
            event.line(),
            "2017-07-23T10:11:12.1234567Z Error Microsoft-Windows-WindowsUpdateClient 20 System \
             errorCode=0x80248007 updateTitle=\"2017-07 Cumulative Update\" \
             updateGuid={0b6b1f0c-0000-0000-0000-000000000000}"
        );
    }

    #[test]
    fn values_that_could_be_misread_stand_in_quotes() {
        for (value, written) in [
            ("", r#""""#),
            ("plain", "plain"),
            ("a b", r#""a b""#),
            ("a=b", r#""a=b""#),
            ("say \"x\"", r#""say ""x""""#),
            ("one\r\ntwo\tthree", r#""one two three""#),
            ("\u{7}", r#"" ""#),
            ("a\u{2028}b", r#""a b""#),
            ("%%2147942414", "%%2147942414"),
        ] {
            let line = event(&[("n", value)]).line();
            let (_, rest) = line.split_once(" System n=").unwrap();
            assert_eq!(rest, written, "{value:?}");
        }
    }

    #[test]
    fn words_stay_words() {
        let mut event = event(&[("a name", "1"), ("", "2"), ("x=\"y\"\n", "3")]);
        event.provider = "Service Control Manager".to_owned();
        event.channel = String::new();
        let line = event.line();
        assert!(line.ends_with(" Service_Control_Manager 20 - a_name=1 -=2 x__y__=3"), "{line}");
    }

    #[test]
    fn levels_are_told_in_three_words() {
        let words: Vec<_> =
            (0..=6).map(|level| Event { level, ..event(&[]) }.level_word()).collect();
        assert_eq!(words, ["Info", "Error", "Error", "Warning", "Info", "Info", "Info"]);
    }
}
