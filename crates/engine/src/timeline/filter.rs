//! Which records a person wants to see.

use std::str::FromStr;

use regex::{Regex, RegexBuilder};
use unwedge_formats::code::{Code, ParseCodeError};
use unwedge_formats::log::Level;

use super::stamp::Moment;

/// What a record must be to be shown; an empty list asks for nothing. Of the values of one list any
/// is enough, and each list must be met.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Not before this.
    pub from: Option<Moment>,
    /// Before this.
    pub to: Option<Moment>,
    /// Not longer before the latest of all records than so many seconds.
    pub last_seconds: Option<i64>,
    /// Updates.
    pub kbs: Vec<Kb>,
    /// Sessions of the servicing stack.
    pub sessions: Vec<Session>,
    /// Codes; another wrapping of the same cause is the same.
    pub codes: Vec<Code>,
    /// Who wrote it.
    pub components: Vec<ComponentPattern>,
    /// How loud it is.
    pub levels: Vec<Level>,
    /// What is written.
    pub texts: Vec<Text>,
}

/// A value that cannot be filtered by.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadFilter {
    /// No point in time.
    #[error(
        "`{given}` is no time; write 2025-03-17, 2025-03-17T10:00 (UTC) or 2025-03-17T10:00:00+01:00"
    )]
    Time {
        /// What was given.
        given: String,
    },
    /// No length of time.
    #[error("`{given}` is no length of time; write 30m, 2h, 3d or 1w")]
    Duration {
        /// What was given.
        given: String,
    },
    /// No KB number.
    #[error("`{given}` is no KB number; write KB5034441")]
    Kb {
        /// What was given.
        given: String,
    },
    /// No session.
    #[error("`{given}` is no session; write it as CBS.log does: 31069300_2212357542")]
    Session {
        /// What was given.
        given: String,
    },
    /// No code.
    #[error(transparent)]
    Code(#[from] ParseCodeError),
    /// No level.
    #[error("`{given}` is no level; there are error, warning and info")]
    Level {
        /// What was given.
        given: String,
    },
    /// Nothing given, or too long a pattern.
    #[error("an empty or endless value fits nothing")]
    Pattern,
}

/// Reads the begin of a span of time. A time without offset is UTC.
///
/// # Errors
/// When it is no time.
pub fn parse_from(given: &str) -> Result<Moment, BadFilter> {
    moment(given).map(|(moment, _)| moment)
}

/// Reads the end of a span of time, which is no part of it; a date alone means the end of that day.
///
/// # Errors
/// When it is no time.
pub fn parse_to(given: &str) -> Result<Moment, BadFilter> {
    let (moment, is_day) = moment(given)?;
    let day_seconds = if is_day { 86_400 } else { 0 };
    Ok(Moment { seconds: moment.seconds + day_seconds, ..moment })
}

/// Reads a length of time such as `2h`, `3d` or `1h30m`, in seconds.
///
/// # Errors
/// When it is none, or longer than a thousand years.
pub fn parse_duration(given: &str) -> Result<i64, BadFilter> {
    const MOST_SECONDS: i64 = 1_000 * 366 * 86_400;
    let bad = || BadFilter::Duration { given: given.to_owned() };
    let (mut rest, mut total) = (given.trim(), 0_i64);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
        let unit = match rest[digits..].chars().next().map(|unit| unit.to_ascii_lowercase()) {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            Some('w') => 7 * 86_400,
            _ => return Err(bad()),
        };
        let sum = number.checked_mul(unit).and_then(|part| total.checked_add(part));
        total = sum.filter(|&sum| sum <= MOST_SECONDS).ok_or_else(bad)?;
        rest = &rest[digits + 1..];
    }
    if total == 0 { Err(bad()) } else { Ok(total) }
}

/// Reads a level.
///
/// # Errors
/// When there is none of that name.
pub fn parse_level(given: &str) -> Result<Level, BadFilter> {
    match given.trim().to_ascii_lowercase().as_str() {
        "error" => Ok(Level::Error),
        "warning" | "warn" => Ok(Level::Warning),
        "info" => Ok(Level::Info),
        _ => Err(BadFilter::Level { given: given.to_owned() }),
    }
}

/// The time, and whether only a day was named.
fn moment(given: &str) -> Result<(Moment, bool), BadFilter> {
    let bad = || BadFilter::Time { given: given.to_owned() };
    let text = given.trim();
    let timestamp = match text.parse::<jiff::Timestamp>() {
        Ok(timestamp) => timestamp,
        // What is no point in time yet must not show an offset: it would be passed over.
        Err(_) if text.bytes().skip(10).any(|byte| matches!(byte, b'+' | b'-' | b'[')) => {
            return Err(bad());
        }
        Err(_) => {
            let civil: jiff::civil::DateTime = text.parse().map_err(|_| bad())?;
            jiff::tz::Offset::UTC.to_timestamp(civil).map_err(|_| bad())?
        }
    };
    // Before 1970 the parts of a second count backward.
    let nanoseconds = timestamp.subsec_nanosecond();
    let borrow = i64::from(nanoseconds < 0);
    let moment = Moment {
        seconds: timestamp.as_second() - borrow,
        nanoseconds: (nanoseconds + 1_000_000_000 * borrow as i32).cast_unsigned(),
    };
    Ok((moment, text.len() <= 10))
}

/// The number of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kb(pub(super) u32);

impl FromStr for Kb {
    type Err = BadFilter;

    fn from_str(given: &str) -> Result<Self, BadFilter> {
        let text = given.trim().to_ascii_uppercase();
        let digits = text.strip_prefix("KB").unwrap_or(&text).trim_start();
        let fits = (6..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let number = fits.then(|| digits.parse().ok()).flatten();
        number.map(Kb).ok_or_else(|| BadFilter::Kb { given: given.to_owned() })
    }
}

/// A session of the servicing stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session(pub(super) String);

impl FromStr for Session {
    type Err = BadFilter;

    fn from_str(given: &str) -> Result<Self, BadFilter> {
        let number = |text: &str| (1..=10).contains(&text.len()) && text.parse::<u64>().is_ok();
        let text = given.trim();
        let fits = text.split_once('_').is_some_and(|(high, low)| number(high) && number(low));
        match fits {
            true => Ok(Session(text.to_owned())),
            false => Err(BadFilter::Session { given: given.to_owned() }),
        }
    }
}

/// A component or provider: its name, the end of its name behind a dash, or a pattern of it.
#[derive(Debug, Clone)]
pub struct ComponentPattern(Regex);

impl ComponentPattern {
    pub(super) fn fits(&self, component: &str) -> bool {
        self.0.is_match(component)
    }
}

impl FromStr for ComponentPattern {
    type Err = BadFilter;

    fn from_str(given: &str) -> Result<Self, BadFilter> {
        // Providers with blanks in their names have `_` there.
        let name = given.trim().replace(' ', "_");
        let begin = if is_glob(&name) { "^" } else { "(^|-)" };
        pattern(&name, |name| format!("{begin}{name}$")).map(ComponentPattern)
    }
}

/// A part of the name of a source, or a pattern of the whole of it or of its last part.
#[derive(Debug, Clone)]
pub struct SourcePattern(Regex);

impl SourcePattern {
    /// Whether the source of this name is meant.
    #[must_use]
    pub fn fits(&self, source: &str) -> bool {
        self.0.is_match(&source.replace('\\', "/"))
    }
}

impl FromStr for SourcePattern {
    type Err = BadFilter;

    fn from_str(given: &str) -> Result<Self, BadFilter> {
        let name = given.trim().replace('\\', "/");
        let whole = is_glob(&name);
        pattern(&name, |name| if whole { format!("(^|[/!]){name}$") } else { name.to_owned() })
            .map(SourcePattern)
    }
}

/// A piece of text, in any case.
#[derive(Debug, Clone)]
pub struct Text(Regex);

impl Text {
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl FromStr for Text {
    type Err = BadFilter;

    fn from_str(given: &str) -> Result<Self, BadFilter> {
        if given.is_empty() {
            return Err(BadFilter::Pattern);
        }
        built(&regex::escape(given)).map(Text)
    }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// A pattern of `text`, in which `*` and `?` stand for any letters and for any one.
fn pattern(text: &str, anchored: impl FnOnce(&str) -> String) -> Result<Regex, BadFilter> {
    if text.is_empty() {
        return Err(BadFilter::Pattern);
    }
    let escaped = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
    built(&anchored(&escaped))
}

fn built(pattern: &str) -> Result<Regex, BadFilter> {
    RegexBuilder::new(pattern).case_insensitive(true).build().map_err(|_| BadFilter::Pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_they_show_an_offset() {
        let seconds = |given: &str| parse_from(given).map(|moment| moment.seconds);
        assert_eq!(seconds("1970-01-02"), Ok(86_400));
        assert_eq!(seconds("1970-01-01T01:00"), Ok(3_600));
        assert_eq!(seconds("1970-01-01 01:00:05"), Ok(3_605));
        assert_eq!(seconds("1970-01-01T01:00:00Z"), Ok(3_600));
        assert_eq!(seconds("1970-01-01T01:00+01:00"), Ok(0));
        assert_eq!(seconds("1970-01-01T01:00:00-0230"), Ok(12_600));
        assert_eq!(parse_to("1970-01-01").map(|moment| moment.seconds), Ok(86_400));
        assert_eq!(parse_to("1970-01-01T00:00").map(|moment| moment.seconds), Ok(0));
        let half = parse_from("1969-12-31T23:59:59.5Z").unwrap();
        assert_eq!(half, Moment { seconds: -1, nanoseconds: 500_000_000 });
        for bad in ["", "yesterday", "17.03.2025", "2025-02-30", "2025-03-17T25:00", "10:00"] {
            assert_eq!(seconds(bad), Err(BadFilter::Time { given: bad.to_owned() }));
        }
    }

    #[test]
    fn lengths_of_time_have_units() {
        assert_eq!(parse_duration("2h"), Ok(7_200));
        assert_eq!(parse_duration("1d12h"), Ok(129_600));
        for bad in ["", "2", "h", "0h", "-2h", "2y", "99999999999999999999d", "9999999w", "2ü"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_are_read_or_refused_with_a_reason() {
        assert_eq!("kb5034441".parse(), Ok(Kb(5_034_441)));
        assert_eq!("5034441".parse(), Ok(Kb(5_034_441)));
        assert!("KB12".parse::<Kb>().is_err() && "update".parse::<Kb>().is_err());
        assert!("31069300_2212357542".parse::<Session>().is_ok());
        assert!("31069300".parse::<Session>().is_err() && "a_b".parse::<Session>().is_err());
        assert!(parse_level("loud").is_err() && parse_level("ERROR") == Ok(Level::Error));
        assert!("".parse::<Text>().is_err() && " ".parse::<SourcePattern>().is_err());
    }

    #[test]
    fn components_fit_by_name_or_ending() {
        let fits = |pattern: &str, name| pattern.parse::<ComponentPattern>().unwrap().fits(name);
        let client = "Microsoft-Windows-WindowsUpdateClient";
        assert!(
            fits("cbs", "CBS") && fits("WindowsUpdateClient", client) && fits("*Update*", client)
        );
        assert!(fits("Service Control Manager", "Service_Control_Manager"));
        assert!(!fits("CBS", "CBSX") && !fits("Client", client) && !fits("Windows", client));
    }

    #[test]
    fn sources_fit_by_a_part_or_by_a_pattern() {
        let fits = |pattern: &str, name| pattern.parse::<SourcePattern>().unwrap().fits(name);
        assert!(fits("cbs", r"C:\Windows\Logs\CBS\CBS.log") && fits("*.LOG", "a/b.log"));
        assert!(fits("CBS*.log", r"C:\Windows\Logs\CBS\CBS.log") && fits("p*", "x.cab!p.log"));
        assert!(!fits("CBS*.log", "dism.log") && !fits("b?", "a/b.log"));
    }
}
