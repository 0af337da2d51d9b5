//! Reading one code in any spelling a person or a log uses.
//!
//! Digits alone can be decimal or hexadecimal. What people and Windows really write decides:
//! `80070021` (eight digits, the first an 8 or 9) and `240006` (six digits, 24 in front) are
//! hexadecimal without its `0x`; `2147942433` and everything else is decimal. With `%%` before
//! it, as in event records, a number is always decimal.

use std::ops::RangeInclusive;

use super::{Code, codes_in, names};

/// Why a spelling is no code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseCodeError {
    /// Nothing but blanks and punctuation.
    #[error("no code was given")]
    Empty,
    /// Neither a number nor a name that is known here.
    #[error("`{spelling}` is no error code")]
    NotACode {
        /// What was given, cut to a readable length.
        spelling: String,
    },
    /// A number that does not fit 32 bits.
    #[error("`{spelling}` is larger than any error code")]
    TooLarge {
        /// What was given, cut to a readable length.
        spelling: String,
    },
    /// A whole line was given that holds different codes.
    #[error("there is more than one code: {first} and {second}")]
    Several {
        /// The first one.
        first: Code,
        /// The next that is a different cause.
        second: Code,
    },
}

/// The pair that Windows Setup fails with, such as `0xC1900101 - 0x20017`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SetupCode {
    /// What went wrong.
    pub result: Code,
    /// Where setup was: the phase in the upper half, the operation in the lower.
    pub extend: u32,
}

impl SetupCode {
    /// Reads a pair; `None` when the text is not two hexadecimal numbers with a dash between.
    #[must_use]
    pub fn parse(spelling: &str) -> Option<Self> {
        let trimmed = trim(spelling);
        // The dash at the very start would be a sign.
        let dash = trimmed.char_indices().skip(1).find(|(_, c)| matches!(c, '-' | '–' | '—'));
        let (at, dash) = dash?;
        let result = hex_with_or_without_prefix(trim(&trimmed[..at]), 8..=8)?;
        let extend = hex_with_or_without_prefix(trim(&trimmed[at + dash.len_utf8()..]), 5..=6)?;
        Some(Self { result: Code(result), extend })
    }

    /// The phase, 0 to 5: unknown, old Windows, safe OS, first boot, second boot, uninstall.
    #[must_use]
    pub const fn phase(self) -> u32 {
        self.extend >> 16
    }

    /// The operation that was under way in the phase, such as 0x17 for the start of Windows.
    #[must_use]
    pub const fn operation(self) -> u32 {
        self.extend & 0xFFFF
    }
}

impl std::fmt::Display for SetupCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-0x{:05x}", self.result, self.extend)
    }
}

/// What a word before the number says about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    None,
    Win32,
    Jet,
}

impl Code {
    /// Reads a code in any spelling: `0x80070021`, `80070021`, `-2147024863`, `2147942433`,
    /// `%%33`, `Win32 33`, `os error 33`, `NTSTATUS -1073283059`, `JET -1032`,
    /// `HRESULT_FROM_WIN32(14098)`, `[80070021]`, `hr:0x80070021`, `STATUS_LOCK_NOT_GRANTED`.
    ///
    /// The value is kept as it is spelled: `33` is `Code(33)`; [`Code::canonical`] makes the
    /// HRESULT of it. Of a setup pair the result is taken ([`SetupCode`] has both). A whole line
    /// is accepted when it holds only one cause.
    ///
    /// # Errors
    ///
    /// When the text is empty, no code, too large a number, or holds several causes.
    pub fn parse(spelling: &str) -> Result<Self, ParseCodeError> {
        let trimmed = trim(spelling);
        if trimmed.is_empty() {
            return Err(ParseCodeError::Empty);
        }
        if let Some(pair) = SetupCode::parse(trimmed) {
            return Ok(pair.result);
        }
        match parse_one(trimmed) {
            Err(ParseCodeError::NotACode { .. }) => parse_line(spelling),
            result => result,
        }
    }
}

impl std::str::FromStr for Code {
    type Err = ParseCodeError;

    fn from_str(spelling: &str) -> Result<Self, Self::Err> {
        Self::parse(spelling)
    }
}

/// The value of `NAME(argument)` for the macros that Windows prints.
pub(super) fn apply_macro(name: &str, argument: &str) -> Option<Code> {
    let inner = match argument.parse::<u32>() {
        Ok(number) => Code(number),
        Err(_) => names::named(argument.as_bytes())
            .or_else(|| argument.parse::<i32>().ok().map(|number| Code(number.cast_unsigned())))
            .or_else(|| hex_with_or_without_prefix(argument, 8..=8).map(Code))?,
    };
    match name {
        "HRESULT_FROM_WIN32" | "WIN32_TO_HRESULT" => {
            Some(if inner.0 <= 0xFFFF { Code::from_win32(inner.0) } else { inner })
        }
        "NTSTATUS_FROM_WIN32" => Some(Code(0xC007_0000 | (inner.0 & 0xFFFF))),
        "HRESULT_FROM_NT" => Some(Code(inner.0 | 0x1000_0000)),
        _ => None,
    }
}

fn parse_one(text: &str) -> Result<Code, ParseCodeError> {
    if let Some((name, rest)) = text.split_once('(')
        && let Some(code) =
            apply_macro(&name.trim().to_ascii_uppercase(), trim(rest.trim_end_matches(')')))
    {
        return Ok(code);
    }
    let (hint, number) = strip_labels(text);
    if let Some(digits) = number.strip_prefix("%%") {
        return decimal(digits, text);
    }
    if let Some(code) = names::named(number.to_ascii_uppercase().as_bytes()) {
        return Ok(code);
    }
    let lower = number.to_ascii_lowercase();
    if let Some(digits) = lower.strip_prefix("0x") {
        return hexadecimal(digits, text);
    }
    if number.starts_with('-') || number.starts_with('+') {
        return decimal(number, text);
    }
    if number.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        // Without `0x` a short word such as `bad` or `face` is more likely a word.
        let value = hex_with_or_without_prefix(number, 8..=8)
            .or_else(|| hex_with_or_without_prefix(number, 6..=6).filter(|v| v >> 16 == 0x24));
        return value.map(Code).ok_or_else(|| not_a_code(text));
    }
    match (hint, number.len()) {
        (Hint::Jet, 3..=4) => decimal(&format!("-{number}"), text),
        (Hint::None, 8) if number.starts_with(['8', '9']) => hexadecimal(number, text),
        (Hint::None, 6) if number.starts_with("24") => hexadecimal(number, text),
        _ => decimal(number, text),
    }
}

/// A whole line, where every code in it is the same cause.
fn parse_line(line: &str) -> Result<Code, ParseCodeError> {
    let mut found = codes_in(line.as_bytes()).filter(|found| found.code.0 != 0);
    let first = found.next().ok_or_else(|| not_a_code(line))?.code;
    match found.find(|other| !other.code.same_cause_as(first)) {
        Some(second) => Err(ParseCodeError::Several { first, second: second.code }),
        None => Ok(first),
    }
}

/// Drops the words before a number (`error code: 33`), and tells what they say about it.
fn strip_labels(text: &str) -> (Hint, &str) {
    const LABELS: [(&str, Hint); 20] = [
        ("win32", Hint::Win32),
        ("windows", Hint::None),
        ("system", Hint::None),
        ("os", Hint::Win32),
        ("errorcode", Hint::None),
        ("error", Hint::None),
        ("fehler", Hint::None),
        ("code", Hint::None),
        ("ntstatus", Hint::None),
        ("status", Hint::None),
        ("hresult", Hint::None),
        ("hr", Hint::None),
        ("gle", Hint::None),
        ("result", Hint::None),
        ("exit", Hint::None),
        ("number", Hint::None),
        ("jet", Hint::Jet),
        ("esent", Hint::Jet),
        ("ese", Hint::Jet),
        ("failure", Hint::None),
    ];
    let mut hint = Hint::None;
    let mut rest = text;
    // At most as many words as there are labels, so that a long text ends soon.
    for _ in 0..LABELS.len() {
        let word_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..word_end];
        let label = LABELS.iter().find(|(label, _)| word.eq_ignore_ascii_case(label));
        let Some(&(_, says)) = label.filter(|_| word_end < rest.len()) else { break };
        let after = rest[word_end..].trim_start_matches([' ', '\t', ':', '=', '#', '"', '\'', '[']);
        if after.len() == rest.len() - word_end || after.is_empty() {
            break;
        }
        if says != Hint::None {
            hint = says;
        }
        rest = after;
    }
    (hint, rest)
}

fn hexadecimal(digits: &str, whole: &str) -> Result<Code, ParseCodeError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(not_a_code(whole));
    }
    let significant = digits.trim_start_matches('0');
    // A 64-bit program prints the sign of an HRESULT through all sixteen digits.
    let significant = match significant.len() {
        16 if significant[..8].eq_ignore_ascii_case("ffffffff") => &significant[8..],
        _ => significant,
    };
    match significant.len() {
        0 => Ok(Code(0)),
        1..=8 => u32::from_str_radix(significant, 16).map(Code).map_err(|_| not_a_code(whole)),
        _ => Err(ParseCodeError::TooLarge { spelling: shorten(whole) }),
    }
}

fn decimal(digits: &str, whole: &str) -> Result<Code, ParseCodeError> {
    let unsigned = digits.trim_start_matches(['-', '+']);
    let signs = digits.len() - unsigned.len();
    if unsigned.is_empty() || signs > 1 || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(not_a_code(whole));
    }
    let too_large = || ParseCodeError::TooLarge { spelling: shorten(whole) };
    let number: i64 = digits.parse().map_err(|_| too_large())?;
    let signed = i32::try_from(number).map(i32::cast_unsigned);
    signed.or_else(|_| u32::try_from(number)).map(Code).map_err(|_| too_large())
}

/// Hexadecimal digits with or without `0x`, as many as `digits` says where there is no `0x`.
fn hex_with_or_without_prefix(text: &str, digits: RangeInclusive<usize>) -> Option<u32> {
    let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let number = bare.unwrap_or(text);
    let fits = if bare.is_some() { 1..=8 } else { digits };
    let all_hex = number.bytes().all(|byte| byte.is_ascii_hexdigit());
    (fits.contains(&number.len()) && all_hex)
        .then(|| u32::from_str_radix(number, 16).expect("one to eight hexadecimal digits"))
}

/// Without what people and logs put around a code.
fn trim(text: &str) -> &str {
    let outer = |c: char| c.is_whitespace() || "[]()<>{}\"'`,;:.!?*|".contains(c);
    // A closing bracket belongs to `HRESULT_FROM_WIN32(5)`; `parse_one` takes it off.
    text.trim_start_matches(outer).trim_end_matches(outer)
}

fn not_a_code(text: &str) -> ParseCodeError {
    ParseCodeError::NotACode { spelling: shorten(text) }
}

fn shorten(text: &str) -> String {
    const READABLE: usize = 40;
    let trimmed = text.trim();
    let mut short: String = trimmed.chars().take(READABLE).collect();
    if short.len() < trimmed.len() {
        short.push_str("..");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: u32, spellings: &[&str]) {
        for spelling in spellings {
            assert_eq!(Code::parse(spelling), Ok(Code(value)), "{spelling}");
        }
    }

    #[test]
    fn an_hresult_is_read_in_every_spelling() {
        check(
            0x8007_0021,
            &[
                "0x80070021",
                "80070021",
                "0X80070021",
                "0x80070021.",
                " 0x80070021\r\n",
                "[80070021]",
                "(0x80070021)",
                "-2147024863",
                "2147942433",
                "%%2147942433",
                "hr:0x80070021",
                "hr = 0x80070021",
                "HRESULT=80070021",
                "[HRESULT = 0x80070021 - ERROR_LOCK_VIOLATION]",
                "Error code: 0x80070021",
                "error 80070021",
                "HRESULT_FROM_WIN32(33)",
                "hresult_from_win32( ERROR_LOCK_VIOLATION )",
                "0xFFFFFFFF80070021",
                "0x0000000080070021",
                "Install failed with 0x80070021",
                "\"0x80070021\",",
            ],
        );
    }

    #[test]
    fn a_win32_number_stays_one() {
        check(
            33,
            &[
                "33",
                "0x21",
                "0x00000021",
                "%%33",
                "Win32 33",
                "win32 error 33",
                "ERROR 33",
                "os error 33",
                "(os error 33)",
                "ERROR_LOCK_VIOLATION",
                "error_lock_violation",
                "Error code #33",
            ],
        );
        check(0, &["0", "0x0", "00000000", "S_OK"]);
        check(14098, &["14098"]);
        check(0x9000_0005, &["90000005"]);
    }

    #[test]
    fn a_status_is_read_in_every_spelling() {
        check(0xC000_0054, &["c0000054", "0xC0000054", "STATUS_FILE_LOCK_CONFLICT", "3221225556"]);
        check(0xD000_0054, &["0xD0000054", "HRESULT_FROM_NT(STATUS_FILE_LOCK_CONFLICT)"]);
        check(0xC007_000D, &["NTSTATUS -1073283059", "NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)"]);
        check(0xC007_000D, &["NTSTATUS_FROM_WIN32(13)", "-1073283059", "NTSTATUS=-1073283059"]);
    }

    #[test]
    fn a_database_error_is_read_in_every_spelling() {
        check(0xFFFF_FBF8, &["-1032", "JET -1032", "JET error -1032", "ESE 1032", "0xfffffbf8"]);
        check(0x8E5E_0408, &["8e5e0408", "0x8e5e0408"]);
        check(0xC800_0408, &["C8000408"]);
    }

    #[test]
    fn a_success_of_the_update_agent_without_its_0x_is_hexadecimal() {
        check(0x0024_0006, &["240006", "0x240006", "0x00240006"]);
        check(0x0024_000A, &["24000a"]);
    }

    #[test]
    fn a_setup_pair_has_two_halves() {
        for spelling in ["0xC1900101-0x20017", "0xC1900101 - 0x20017", "[c1900101 – 0x20017]"] {
            let pair = SetupCode::parse(spelling).unwrap();
            assert_eq!(pair.result, Code(0xC190_0101));
            assert_eq!((pair.phase(), pair.operation()), (2, 0x17));
            assert_eq!(pair.to_string(), "0xc1900101-0x20017");
            check(0xC190_0101, &[spelling]);
        }
        assert_eq!(SetupCode::parse("0xC1900101"), None);
        assert_eq!(SetupCode::parse("-2147024863"), None);
        assert_eq!(SetupCode::parse("0x80070020 - ERROR_SHARING_VIOLATION"), None);
    }

    #[test]
    fn junk_is_refused_with_a_reason() {
        let not = |spelling: &str| ParseCodeError::NotACode { spelling: spelling.to_owned() };
        assert_eq!(Code::parse(""), Err(ParseCodeError::Empty));
        assert_eq!(Code::parse(" .. "), Err(ParseCodeError::Empty));
        for junk in ["hello", "bad", "0x", "0xzz", "--33", "%%", "KB5001330", "error", "1.2.3"] {
            assert_eq!(Code::parse(junk), Err(not(junk)));
        }
        let huge = "9".repeat(30_000);
        assert!(matches!(Code::parse(&huge), Err(ParseCodeError::TooLarge { .. })));
        assert!(matches!(Code::parse("0x180070021"), Err(ParseCodeError::TooLarge { .. })));
        assert!(matches!(Code::parse("4294967296"), Err(ParseCodeError::TooLarge { .. })));
    }

    #[test]
    fn a_line_with_two_causes_is_refused() {
        assert_eq!(
            Code::parse("first 0x80070020, then 0x80073712"),
            Err(ParseCodeError::Several { first: Code(0x8007_0020), second: Code(0x8007_3712) })
        );
    }

    #[test]
    fn the_reason_reads_well_and_stays_short() {
        let error = Code::parse(&"x".repeat(1000)).unwrap_err();
        assert_eq!(error.to_string(), format!("`{}..` is no error code", "x".repeat(40)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC{0,60}") {
            let _ = Code::parse(&text);
        }

        #[test]
        fn what_looks_like_a_code_never_panics(text in "[-%0-9a-fxX ()\\[\\]=:_STAUERO–]{0,40}") {
            let _ = Code::parse(&text);
        }

        #[test]
        fn every_value_is_read_back(value: u32) {
            let code = Code(value);
            assert_eq!(Code::parse(&code.to_string()), Ok(code));
            assert!(Code::parse(&value.cast_signed().to_string()).is_ok());
            assert_eq!(Code::parse(&format!("%%{value}")), Ok(code));
            if value & 0x8000_0000 != 0 {
                assert_eq!(Code::parse(&format!("{value:08x}")), Ok(code));
                assert_eq!(Code::parse(&value.cast_signed().to_string()), Ok(code));
            }
        }
    }
}
