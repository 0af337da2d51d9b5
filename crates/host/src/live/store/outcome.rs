//! How servicing ended, told by numbers and records, never by words for people.

use unwedge_formats::log::{self, LogKind, Statement, SystemFileCheck};

use crate::HostErrorKind;

/// How a call of DISM ended.
pub(super) fn dism_ended(code: u32, was_stopped: bool) -> Result<(), HostErrorKind> {
    /// `HRESULT_FROM_WIN32(ERROR_SUCCESS_REBOOT_REQUIRED)`: done, with the next start.
    const RESTART: u32 = 0x8007_0bc2;
    /// `CBS_E_CANCEL`, `ERROR_CANCELLED`, `ERROR_REQUEST_ABORTED`.
    const CANCELLED: [u32; 3] = [0x800f_0820, 0x8007_04c7, 0x8007_04d3];
    match code {
        code if code.cast_signed() >= 0 || code == RESTART => Ok(()),
        code if was_stopped || CANCELLED.contains(&code) => Err(HostErrorKind::Cancelled),
        code if code & 0xffff_0000 == 0x8007_0000 => Err(HostErrorKind::Win32(code & 0xffff)),
        code => Err(HostErrorKind::Com(code)),
    }
}

/// What the records of one run of the check of system files say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    /// Batches of components that were looked at.
    batches: u32,
    repaired: u32,
    /// Files that could not be repaired, each once.
    left: Vec<String>,
    is_in_use: bool,
}

/// What became of a check of system files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileCheck {
    /// Every file is as it should be.
    Sound,
    /// Some were not and are now.
    Repaired,
    /// Some are still damaged: what that means for an update, the update shows.
    Left,
    /// Files to be replaced are in use: it is complete after a restart.
    AfterRestart,
    /// It ended well, and wrote nothing that says so.
    Unknown,
    /// It could not be made.
    NotMade,
}

impl Records {
    /// At most so many names are kept.
    const MOST_LEFT: usize = 1_000;

    /// Reads what was added to CBS.log.
    pub(super) fn read(added: &[u8]) -> Records {
        let mut records = Records::default();
        for line in added.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let Some(head) = log::head(LogKind::Cbs, line) else { continue };
            let text = String::from_utf8_lossy(line.get(head.text_at..).unwrap_or_default());
            let said = log::statement_of(LogKind::Cbs, head.component, &text);
            if let Some(Statement::SystemFileCheck { record, .. }) = said {
                records.take(record);
            }
        }
        records
    }

    fn take(&mut self, record: SystemFileCheck<'_>) {
        match record {
            SystemFileCheck::Verifying => self.batches += 1,
            SystemFileCheck::Repaired { file } => {
                self.repaired += 1;
                self.left.retain(|it| !it.eq_ignore_ascii_case(file));
            }
            SystemFileCheck::CannotRepair { file, .. }
            | SystemFileCheck::SourceDamaged { file } => {
                let is_known = self.left.iter().any(|it| it.eq_ignore_ascii_case(file));
                if !is_known && self.left.len() < Self::MOST_LEFT {
                    self.left.push(file.to_owned());
                }
            }
            SystemFileCheck::InUse => self.is_in_use = true,
            SystemFileCheck::Completed | SystemFileCheck::Other => {}
        }
    }

    /// Whether anything was written at all.
    pub(super) fn is_empty(&self) -> bool {
        *self == Records::default()
    }

    /// With the number the program ended with, of which only 0 is known to be good.
    pub(super) fn outcome(&self, exit_code: i32) -> FileCheck {
        match self {
            _ if self.is_empty() && exit_code == 0 => FileCheck::Unknown,
            _ if self.batches == 0 && exit_code != 0 => FileCheck::NotMade,
            _ if self.is_in_use => FileCheck::AfterRestart,
            _ if !self.left.is_empty() => FileCheck::Left,
            // It broke off: what it had not come to is not known.
            _ if exit_code != 0 && self.repaired == 0 => FileCheck::NotMade,
            _ if self.repaired > 0 => FileCheck::Repaired,
            _ => FileCheck::Sound,
        }
    }
}

/// Finds percentages in what a console program writes, in UTF-16 or in bytes: a number right before
/// a `%`, with at most a blank between. Words are in any language and not looked at.
#[derive(Debug, Default)]
pub(super) struct Percents {
    /// Told by the first two bytes: the first letter of the program is none beyond ASCII.
    is_wide: Option<bool>,
    half: Option<u8>,
    number: Option<u32>,
    is_after_blank: bool,
}

impl Percents {
    /// Takes some more of the output; gives the last percentage in it.
    pub(super) fn take(&mut self, output: &[u8]) -> Option<u8> {
        let mut last = None;
        for &byte in output {
            let letter = match (self.is_wide, self.half.take()) {
                (Some(false), _) => u16::from(byte),
                (_, None) => {
                    self.half = Some(byte);
                    continue;
                }
                (Some(true), Some(low)) => u16::from_le_bytes([low, byte]),
                (None, Some(low)) => {
                    // UTF-16 begins with its mark or with a letter of ASCII.
                    let is_wide = byte == 0 || (low, byte) == (0xff, 0xfe);
                    self.is_wide = Some(is_wide);
                    match is_wide {
                        true => u16::from_le_bytes([low, byte]),
                        false => {
                            last = self.letter(u16::from(low)).or(last);
                            u16::from(byte)
                        }
                    }
                }
            };
            last = self.letter(letter).or(last);
        }
        last
    }

    fn letter(&mut self, letter: u16) -> Option<u8> {
        const NO_BREAK_SPACE: u16 = 0xa0;
        let letter = if letter == NO_BREAK_SPACE { u16::from(b' ') } else { letter };
        let ascii = u8::try_from(letter).unwrap_or(0);
        match (ascii, self.number) {
            (b'0'..=b'9', number) => {
                let before = number.filter(|_| !self.is_after_blank).unwrap_or(0);
                self.number = Some((before * 10 + u32::from(ascii - b'0')).min(1_000));
                self.is_after_blank = false;
                None
            }
            (b' ', Some(_)) if !self.is_after_blank => {
                self.is_after_blank = true;
                None
            }
            (b'%', Some(number)) => {
                self.forget();
                u8::try_from(number).ok().filter(|it| *it <= 100)
            }
            _ => {
                self.forget();
                None
            }
        }
    }

    fn forget(&mut self) {
        self.number = None;
        self.is_after_blank = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BATCH: &str = "00000006 [SR] Verifying 100 components";
    const CANNOT: &str = "00000007 [SR] Cannot repair member file [l:5]'a.dll' of Part, version 1, \
                          arch amd64, hash mismatch";
    const REPAIRED: &str =
        r"00000008 [SR] Repairing file \??\C:\Windows\System32\\a.dll from store";
    const IN_USE: &str = "00000009 [SR] Unable to complete Verify and Repair transaction because \
                          some of the files are in use";

    #[track_caller]
    fn assert_outcome(records: &[&str], exit_code: i32, wanted: FileCheck) {
        let line =
            |it: &&str| format!("2026-01-02 10:00:00, Info                  CSI    {it}\r\n");
        let added: String = records.iter().map(line).collect();
        let found = Records::read(added.as_bytes());
        assert_eq!(found.outcome(exit_code), wanted, "{records:?} with {exit_code}");
    }

    #[test]
    fn the_end_of_a_check_is_told_by_its_records_and_its_number() {
        assert_outcome(&[BATCH], 0, FileCheck::Sound);
        assert_outcome(&[BATCH, CANNOT], 0, FileCheck::Left);
        assert_outcome(&[BATCH, CANNOT], 1, FileCheck::Left);
        assert_outcome(&[BATCH, CANNOT, REPAIRED], 0, FileCheck::Repaired);
        assert_outcome(&[BATCH, REPAIRED], 1, FileCheck::Repaired);
        assert_outcome(&[BATCH, REPAIRED, IN_USE], 0, FileCheck::AfterRestart);
        assert_outcome(&[BATCH], 1, FileCheck::NotMade);
        assert_outcome(&[], 1, FileCheck::NotMade);
        assert_outcome(&[], 0, FileCheck::Unknown);
        assert_outcome(&["00000001 Something else"], 0, FileCheck::Unknown);
    }

    #[test]
    fn the_end_of_a_call_is_told_by_its_code() {
        assert_eq!(dism_ended(0, false), Ok(()));
        assert_eq!(dism_ended(1, false), Ok(()));
        assert_eq!(dism_ended(0x8007_0bc2, false), Ok(()));
        assert_eq!(dism_ended(0x800f_081f, false), Err(HostErrorKind::Com(0x800f_081f)));
        assert_eq!(dism_ended(0x8007_02e4, false), Err(HostErrorKind::Win32(740)));
        assert_eq!(dism_ended(0x800f_0820, false), Err(HostErrorKind::Cancelled));
        assert_eq!(dism_ended(0x8000_4004, true), Err(HostErrorKind::Cancelled));
    }

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn percentages_are_found_in_any_language_and_however_they_are_cut() {
        let text = "\r\nBeginn\r\n\rÜberprüfung 7 % abgeschlossen.\r检查 42%\r";
        assert_eq!(Percents::default().take(&wide(text)), Some(42));
        assert_eq!(Percents::default().take(b"\r\nVerification 12% complete."), Some(12));
        let mut cut = Percents::default();
        let seen: Vec<u8> = wide(text).chunks(1).filter_map(|it| cut.take(it)).collect();
        assert_eq!(seen, [7, 42]);
    }

    #[test]
    fn other_numbers_are_no_percentages() {
        for text in ["\r\n2024 files", "\r\n120%", "\r\n5  %", "\r\n%", "\r\n3.\r%"] {
            assert_eq!(Percents::default().take(&wide(text)), None, "{text:?}");
        }
        assert_eq!(Percents::default().take(&wide("\r\n3 17%")), Some(17));
    }

    proptest! {
        #[test]
        fn nothing_makes_them_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let seen = Percents::default().take(&bytes);
            prop_assert!(seen.is_none_or(|it| it <= 100));
            let _ = Records::read(&bytes).outcome(0);
        }
    }
}
