//! Finding the codes in one line of a log, in all the spellings that logs use.
//!
//! A line is cut into words once; a word is looked at only when its first letter and length can
//! be those of a code. What decides then is the value (Windows gives out codes in known ranges
//! only, which keeps out hashes and addresses) and the word before it (`gle=`, `status:`), which
//! is needed for small numbers and for digits without `0x`.

use std::ops::Range;

use super::parse::apply_macro;
use super::{Code, names};

/// A code in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCode {
    /// Where it stands, in bytes of the text.
    pub at: Range<usize>,
    /// What it is, as it is spelled; see [`Code::canonical`].
    pub code: Code,
    /// Whether it stands for a failure; `0x0`, `S_OK` and `0x80070bc2` do not.
    pub failure: bool,
}

/// The codes of a text, in the order in which they stand there; see [`codes_in`].
#[derive(Debug, Clone)]
pub struct CodesIn<'t> {
    text: &'t [u8],
    at: usize,
    last: Option<(usize, Code)>,
}

/// Finds the codes in one line of a log.
///
/// Addresses (`@0x7f956e56211`), handles, hashes, session ids and unlabelled small numbers
/// (`(0x00000064)`) are none. A name that only repeats the number before it
/// (`0x80070020 - ERROR_SHARING_VIOLATION`) is not reported again.
#[must_use]
pub fn codes_in(text: &[u8]) -> CodesIn<'_> {
    CodesIn { text, at: 0, last: None }
}

impl Iterator for CodesIn<'_> {
    type Item = FoundCode;

    fn next(&mut self) -> Option<FoundCode> {
        while let Some(word) = self.next_word() {
            let Some((at, code)) = self.code_at(&word) else { continue };
            self.at = self.at.max(at.end);
            let repeats = self.last.is_some_and(|(end, before)| {
                code.same_cause_as(before) && is_link(&self.text[end..at.start])
            });
            self.last = Some((at.end, code));
            if !repeats {
                return Some(FoundCode { at, code, failure: code.means_failure() });
            }
        }
        None
    }
}

impl<'t> CodesIn<'t> {
    /// The next word that could be a code by its first letter.
    fn next_word(&mut self) -> Option<Range<usize>> {
        let mut inside = self.at > 0 && self.text.get(self.at - 1).copied().is_some_and(is_word);
        for (start, &byte) in self.text.iter().enumerate().skip(self.at) {
            let class = CLASS[usize::from(byte)];
            if class == Class::Start && !inside {
                let rest = &self.text[start..];
                let length = rest.iter().position(|&byte| !is_word(byte)).unwrap_or(rest.len());
                self.at = start + length;
                return Some(start..start + length);
            }
            inside = class != Class::Gap;
        }
        self.at = self.text.len();
        None
    }

    fn code_at(&self, word: &Range<usize>) -> Option<(Range<usize>, Code)> {
        let text = self.text.get(word.clone())?;
        match *text.first()? {
            b'0' if matches!(text.get(1), Some(b'x' | b'X')) => self.prefixed(word, text),
            b'8' | b'c'..=b'd' | b'C'..=b'D' if text.len() == 8 && all_hex(text) => {
                self.bare(word, text)
            }
            b'2' if text.len() == 6 && text.starts_with(b"24") && all_hex(text) => {
                self.bare(word, text)
            }
            b'0' if text == b"0" || text == b"00000000" => None,
            b'1'..=b'9' => self.decimal(word, text),
            b'A'..=b'Z' if text.contains(&b'_') => self.name(word, text),
            _ => None,
        }
    }

    /// `0x80070021`, or `0x20` after a word that announces an error.
    fn prefixed(&self, word: &Range<usize>, text: &[u8]) -> Option<(Range<usize>, Code)> {
        let digits = text.get(2..)?;
        if digits.is_empty() || !all_hex(digits) {
            return None;
        }
        let value = match digits.len() {
            1..=8 => hex(digits)?,
            16 if digits[..8].eq_ignore_ascii_case(b"ffffffff") => hex(&digits[8..])?,
            _ => return None,
        };
        let before = self.before(word.start);
        if before.glued {
            return None;
        }
        let wanted = match before.label {
            Label::Error => value <= 0xFFFF || Code(value).is_failure() || is_issued(value),
            // Unlabelled, the lowest ones are more likely `HKEY_LOCAL_MACHINE` or a bit.
            Label::Other => is_issued(value) && !(0x8000_0000..=0x8000_0030).contains(&value),
            Label::NoError => false,
        };
        wanted.then(|| (word.clone(), Code(value)))
    }

    /// `[8024402C]`, `HRESULT=80004005`, a field of its own between tabs.
    fn bare(&self, word: &Range<usize>, text: &[u8]) -> Option<(Range<usize>, Code)> {
        let value = hex(text)?;
        let before = self.before(word.start);
        let next = self.text.get(word.end).copied();
        let previous = word.start.checked_sub(1).and_then(|at| self.text.get(at)).copied();
        let follows_csi_flags =
            self.text.get(word.end..).is_some_and(|rest| rest.starts_with(b" [Error"));
        let enclosed = (previous == Some(b'[') && next == Some(b']'))
            || (previous == Some(b'\t') && next == Some(b'\t'));
        let wanted = before.label == Label::Error || enclosed || follows_csi_flags;
        let continues = matches!(next, Some(b'-' | b'+' | b'/' | b'.'))
            && self.text.get(word.end + 1).is_some_and(u8::is_ascii_alphanumeric);
        (wanted && !before.glued && !continues && is_issued(value))
            .then(|| (word.clone(), Code(value)))
    }

    /// `NTSTATUS -1073283059`, `%%2147942433`, `os error 33`, `JET error -1032`.
    fn decimal(&self, word: &Range<usize>, text: &[u8]) -> Option<(Range<usize>, Code)> {
        let head = self.text.get(..word.start)?;
        let in_event = head.ends_with(b"%%");
        // Dates and times end here: most numbers of a log are those.
        let negative = matches!(head, [.., byte, b'-'] if !is_word(*byte));
        let after_os_error = ends_with_ignoring_case(head, b"os error ");
        let long = text.len() == 10;
        if !(in_event || negative || after_os_error || long)
            || text.len() > 10
            || !text.iter().all(u8::is_ascii_digit)
        {
            return None;
        }
        let number: u64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        let number = u32::try_from(number).ok()?;
        if in_event {
            return Some((word.start - 2..word.end, Code(number)));
        }
        let start = word.start - usize::from(negative);
        let before = self.before(start);
        if before.glued || before.label != Label::Error {
            return None;
        }
        let value = if negative { number.wrapping_neg() } else { number };
        let code = Code(value);
        let wanted = if long {
            is_issued(value)
        } else if negative {
            text.len() >= 3 && code.jet_error().is_some()
        } else {
            after_os_error
        };
        wanted.then_some((start..word.end, code))
    }

    /// `STATUS_SHARING_VIOLATION`, `HRESULT_FROM_WIN32(14098)`.
    fn name(&self, word: &Range<usize>, text: &[u8]) -> Option<(Range<usize>, Code)> {
        const MACROS: [&[u8]; 3] =
            [b"HRESULT_FROM_WIN32", b"NTSTATUS_FROM_WIN32", b"HRESULT_FROM_NT"];
        if MACROS.contains(&text) && self.text.get(word.end) == Some(&b'(') {
            let rest = self.text.get(word.end + 1..)?;
            // The longest name in use has 71 letters.
            let close = rest.iter().take(80).position(|&byte| byte == b')')?;
            let argument = std::str::from_utf8(&rest[..close]).ok()?.trim();
            let code = apply_macro(std::str::from_utf8(text).ok()?, argument)?;
            return Some((word.start..word.end + 1 + close + 1, code));
        }
        names::named(text).map(|code| (word.clone(), code))
    }

    /// What stands before a number: blanks, one sign such as `=`, an opening bracket, a word.
    fn before(&self, start: usize) -> Before {
        let head = self.text.get(..start).unwrap_or_default();
        let glued = matches!(head.last(), Some(b'@' | b'+' | b'/' | b'#' | b'\\' | b'$' | b'&'));
        let head = trim_end(head, b" \t\"'");
        let head = trim_end(head, b"[(");
        let head = trim_end(head, b" \t");
        let head = match head {
            [rest @ .., b'=' | b':'] => rest,
            _ => head,
        };
        let head = trim_end(head, b" \t*");
        let length = head.iter().rev().take(24).take_while(|&&byte| is_word(byte)).count();
        let label = Label::of(&head[head.len() - length..]);
        Before { glued, label }
    }
}

struct Before {
    /// Part of something longer, such as base64 or an address after `@`.
    glued: bool,
    label: Label,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    /// Announces an error.
    Error,
    /// Announces something else.
    NoError,
    /// Says nothing.
    Other,
}

impl Label {
    fn of(word: &[u8]) -> Self {
        const ERROR: [&[u8]; 20] = [
            b"hr",
            b"hresult",
            b"result",
            b"status",
            b"ntstatus",
            b"gle",
            b"error",
            b"errorcode",
            b"code",
            b"resultmapped",
            b"resultunmapped",
            b"lasterror",
            b"failed",
            b"returned",
            b"win32error",
            b"statuscode",
            b"errno",
            b"failure",
            b"err",
            b"dwerror",
        ];
        const NO_ERROR: [&[u8]; 22] = [
            b"handle",
            b"address",
            b"addr",
            b"ptr",
            b"flags",
            b"session",
            b"id",
            b"pid",
            b"tid",
            b"thread",
            b"mask",
            b"size",
            b"base",
            b"offset",
            b"cookie",
            b"hash",
            b"attributes",
            b"value",
            b"token",
            b"key",
            b"h",
            b"da",
        ];
        let is = |list: &[&[u8]]| list.iter().any(|label| word.eq_ignore_ascii_case(label));
        if is(&ERROR) {
            Self::Error
        } else if is(&NO_ERROR) {
            Self::NoError
        } else {
            Self::Other
        }
    }
}

/// Whether Windows gives out failures in this range, or update successes worth telling.
///
/// The facilities are those of the servicing stack, the update agent and what they call.
fn is_issued(value: u32) -> bool {
    let low = value & 0xFFFF;
    match value >> 16 {
        0x8000 => matches!(low, 0..=0x30 | 0x4001..=0x4040 | 0xFFFF),
        0x8001 | 0x8002 | 0x8003 | 0x8008 | 0x8013 | 0x8018 | 0x8019 | 0x801F | 0x8020 => true,
        0x8004 | 0x8007 | 0x8009 | 0x800B | 0x800F | 0x8024 | 0x803D | 0x80D0 | 0x8A15 => true,
        0x8E5E | 0xC004 | 0xC007 | 0xC015 | 0xC019 | 0xC01A | 0xC01C | 0xC142 | 0xC144 => true,
        0xC151 | 0xC157 | 0xC180 | 0xC190 | 0xD007 | 0xD015 | 0xD019 | 0xD01A | 0xD01C => true,
        0xC000 | 0xD000 => low <= 0x0FFF || low >> 8 == 0xA0 || low >> 8 == 0xCF,
        0xC800 => (100..=4999).contains(&low),
        0xFFFF => Code(value).jet_error().is_some(),
        0xE000 => low <= 0x0FFF,
        0x0024 => low != 0 && low <= 0x8001,
        _ => false,
    }
}

/// What a byte can be in a word.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Gap,
    Inner,
    /// May also be the first letter of a code.
    Start,
}

/// The scan visits every byte of a line, so that the question is asked of a table.
static CLASS: [Class; 256] = {
    let mut table = [Class::Gap; 256];
    let mut at = 0_u8;
    loop {
        table[at as usize] = match at {
            b'0'..=b'9' | b'A'..=b'Z' | b'c'..=b'd' => Class::Start,
            b'a'..=b'z' | b'_' => Class::Inner,
            _ => Class::Gap,
        };
        if at == u8::MAX {
            break table;
        }
        at += 1;
    }
};

fn is_word(byte: u8) -> bool {
    CLASS[usize::from(byte)] != Class::Gap
}

/// What stands between a number and the name that only repeats it.
fn is_link(between: &[u8]) -> bool {
    between.len() <= 4 && between.iter().all(|byte| b" -(,:".contains(byte))
}

fn all_hex(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_hexdigit)
}

fn hex(digits: &[u8]) -> Option<u32> {
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Without the given bytes at the end; no more than eight, as logs pad no wider.
fn trim_end<'t>(text: &'t [u8], bytes: &[u8]) -> &'t [u8] {
    let extra = text.iter().rev().take(8).take_while(|byte| bytes.contains(byte)).count();
    &text[..text.len() - extra]
}

fn ends_with_ignoring_case(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, wanted: &[u32]) {
        let found: Vec<u32> = codes_in(line.as_bytes()).map(|found| found.code.0).collect();
        assert_eq!(found, wanted, "{line}");
    }

    #[test]
    fn every_spelling_of_the_logs_is_found() {
        check("[HRESULT = 0x80070020 - ERROR_SHARING_VIOLATION]", &[0x8007_0020]);
        check("[HRESULT = 0x800f0805]", &[0x800F_0805]);
        check("[HRESULT = 0x8024402c - Unknown Error]", &[0x8024_402C]);
        check("Plan: x, new state: Staged, hr = 0x80070005", &[0x8007_0005]);
        check("- CClass::Method(hr:0x80070020)", &[0x8007_0020]);
        check("package: KB1, status: 0x80070002, failure source: Resolve", &[0x8007_0002]);
        check("ErrorCode: 80070005", &[0x8007_0005]);
        check("WARNING: failed [0x8024402C]", &[0x8024_402C]);
        check("Result = 0x8024402C", &[0x8024_402C]);
        check("Error NTSTATUS -1073283059 while executing", &[0xC007_000D]);
        check("HRESULT_FROM_WIN32(14098) #61875# from", &[0x8007_3712]);
        check(
            "file.cpp(12): Error NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA) originated",
            &[0xC007_000D],
        );
        check("Failed. HRESULT=80004005", &[0x8000_4005]);
        check("}, co = x)[gle=0xd0000034]", &[0xD000_0034]);
        check(
            "Error STATUS_SHARING_VIOLATION while executing operation CreateFile on",
            &[0xC000_0043],
        );
        check("(F) STATUS_FILE_LOCK_CONFLICT #12# from Windows::Rtl", &[0xC000_0054]);
        check("c0000279 [Error,Facility=(system),Code=633 (0x0279)] #3914314#", &[0xC000_0279]);
        check(
            "*FAILED* [80070020] CreateFile C:\\x (Access = 2147483648, Share = 1)",
            &[0x8007_0020],
        );
        check("Install resultMapped=80242014, result=0x0", &[0x8024_2014, 0]);
        check("The update service failed to start: %%2147942414 and %%50", &[0x8007_000E, 50]);
        check("svchost (1) error -1032 (0xfffffbf8)", &[0xFFFF_FBF8]);
        check("The process cannot access the file. (os error 33)", &[33]);
        check("WARNING: exit code = 0x00000000, Call error code = 0x80240022", &[0, 0x8024_0022]);
        check("{g}\t2021\t1\t182 [X]\t101\t{g}\t200\t80070643\tWU\tFailure", &[0x8007_0643]);
        check("{g}\t2021\t1\t183 [X]\t101\t{g}\t200\t240005\tWU\tSuccess", &[0x0024_0005]);
        check("HR=0x800700b7, gle=0x20", &[0x8007_00B7, 0x20]);
        check("sig: Error 0xe0000241: The INF was signed", &[0xE000_0241]);
        check("Setup failed: 0xC1900101 - 0x20017", &[0xC190_0101]);
    }

    #[test]
    fn what_only_looks_like_a_code_is_left_alone() {
        check("oa = @0x7f956e56211->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[69]'x'}", &[]);
        check("object @0x80070020", &[]);
        check("handle=0xdeb4d7d7, provider=NULL, handle = {h=0x80070020}", &[]);
        check("Session: 31069300_2212357542 initialized by client WindowsUpdateAgent.", &[]);
        check("Progress (0x00000064) of (0x00000064)", &[]);
        check("KB5001330 Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1220.1.8", &[]);
        check("hash pZkm80070020/0x80070020+c0000043==", &[]);
        check("Hash 0xdeb4d7d7 cafe0xdeb4d7d7 c0ffee12", &[]);
        check("{80070020-47c4-454e-8c5c-e868d637e4d8} [80070020-47c4]", &[]);
        check("00000009 Created NT transaction (seq 2) result", &[]);
        check("Flags: 0x80070020 0x00000080", &[]);
        check("mapping for HKLM\\ELAM to 0x80000002, prior state: 0x80000000", &[]);
        check("Error      [0x0606ae] IBS    text, Driver Status: 0x180000a", &[]);
        check("errors: 3, failed 12 of 20", &[]);
        check("ERROR_OF_MINE STATUS_MESSAGE", &[]);
        check("0x 0X 0xg %% - ( HRESULT_FROM_WIN32( HRESULT_FROM_WIN32(", &[]);
    }

    #[test]
    fn a_code_knows_where_it_stands_and_whether_it_is_a_failure() {
        let line = b"done [HRESULT = 0x80070bc2 - ERROR_SUCCESS_REBOOT_REQUIRED], was 0x80070020";
        let found: Vec<FoundCode> = codes_in(line).collect();
        assert_eq!(&line[found[0].at.clone()], b"0x80070bc2");
        assert_eq!((found[0].failure, found[1].failure, found.len()), (false, true, 2));
        let wrapped = codes_in(b"x HRESULT_FROM_WIN32(14098) y").next().unwrap();
        assert_eq!(wrapped.at, 2..27);
    }

    #[test]
    fn success_is_told_as_such() {
        let found = codes_in(b"[HRESULT = 0x00000000 - S_OK]").next().unwrap();
        assert_eq!((found.code, found.failure), (Code(0), false));
        assert_eq!(codes_in(b"[HRESULT = 0x00000000 - S_OK]").count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_are_too_strange(text: Vec<u8>) {
            for found in codes_in(&text) {
                assert!(found.at.start < found.at.end && found.at.end <= text.len());
            }
        }

        #[test]
        fn places_are_in_order_and_inside(
            text in "(0x|%%|-|\\[|=| |hr|STATUS_|HRESULT_FROM_WIN32\\(|80070020|c0000054|[0-9a-f\\]]){0,30}"
        ) {
            let mut end = 0;
            for found in codes_in(text.as_bytes()) {
                assert!(end <= found.at.start && found.at.start < found.at.end);
                end = found.at.end;
            }
            assert!(end <= text.len());
        }
    }
}
