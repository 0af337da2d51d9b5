//! One cause, many wrappings: taking a code out of what other layers put around it.
//!
//! Each [`Step`] takes one wrapping off; the last inner code is the canonical one. So what
//! `explain` tells and what rules compare can never disagree.

use super::{Code, names};

/// What one layer of Windows puts around the code of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// A Win32 number as such (`33`), whose HRESULT is the canonical form.
    Win32Number,
    /// `HRESULT_FROM_NT`: an NTSTATUS with bit 28 set (`0xd0000054`).
    HresultFromNtstatus,
    /// `NTSTATUS_FROM_WIN32`: Win32 carried as NTSTATUS (`0xc0070021`), printed by CSI.
    NtstatusFromWin32,
    /// An NTSTATUS that Windows reports to programs as a Win32 error (`0xc0000054`).
    NtstatusAsWin32,
    /// Structured storage, whose low numbers are Win32 numbers (`0x80030021`).
    Storage,
    /// A JET error of the database engine as HRESULT (`0x8e5e0408`), facility 0xe5e.
    EseHresult,
    /// A JET error of the update database (`0xc8000408`), as the update agent reports it.
    EseDatastore,
    /// A filter manager NTSTATUS as seen from programs (`0xc01c0010` is `0x801f0010`).
    FilterStatus,
    /// A device installer error as setupapi.dev.log prints it (`0xe0000241` is `0x800f0241`).
    SetupApi,
    /// An HTTP answer as BITS reports it, which the update agent has a code of its own for.
    HttpStatus,
    /// A WinHTTP error that the update agent has a code of its own for.
    WinHttp,
}

/// One wrapping taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// With the wrapping.
    pub outer: Code,
    /// What the wrapping is.
    pub wrapping: Wrapping,
    /// Without it.
    pub inner: Code,
}

/// JET errors run from -100 to -4999; [MS] `esent.h`.
const JET: std::ops::RangeInclusive<u32> = 100..=4999;

/// The Win32 numbers that structured storage took over; `winerror.h`, `STG_E_*`.
const STORAGE: [u32; 18] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x08, 0x09, 0x12, 0x13, 0x19, 0x1D, 0x1E, 0x20, 0x21, 0x50,
    0x57, 0x70,
];

/// HTTP status and the update agent's code for it; `wuerror.h`, "same as HTTP status ..".
const HTTP: [(u32, u32); 15] = [
    (400, 0x8024_4016),
    (401, 0x8024_4017),
    (403, 0x8024_4018),
    (404, 0x8024_4019),
    (405, 0x8024_401A),
    (407, 0x8024_401B),
    (408, 0x8024_401C),
    (409, 0x8024_401D),
    (410, 0x8024_401E),
    (500, 0x8024_401F),
    (501, 0x8024_4020),
    (502, 0x8024_4021),
    (503, 0x8024_4022),
    (504, 0x8024_4023),
    (505, 0x8024_4024),
];

impl Code {
    /// Takes one wrapping off; `None` when the code is canonical.
    #[must_use]
    pub fn unwrap_once(self) -> Option<Step> {
        let (wrapping, inner) = self.wrapping()?;
        Some(Step { outer: self, wrapping, inner: Self(inner) })
    }

    /// All wrappings from the outermost to the innermost; empty when the code is canonical.
    #[must_use]
    pub fn wrappings(self) -> Vec<Step> {
        std::iter::successors(self.unwrap_once(), |step| step.inner.unwrap_once()).collect()
    }

    /// The one code that all wrappings of a cause share.
    ///
    /// Win32 causes have their HRESULT (`0x80070021`), database causes the JET error
    /// (`0xfffffbf8`, -1032), everything else itself. A plain number below 65536 is taken for a
    /// Win32 error, 0 for itself.
    #[must_use]
    pub fn canonical(self) -> Self {
        let mut code = self;
        // A wrapping is always nearer to the canonical form, and no chain is longer than three.
        while let Some(step) = code.unwrap_once() {
            code = step.inner;
        }
        code
    }

    /// Whether two codes are the same cause in different wrappings.
    #[must_use]
    pub fn same_cause_as(self, other: Self) -> bool {
        self.canonical() == other.canonical()
    }

    /// The well-known wrappings of the same cause, without the code itself; for showing, and for
    /// searching logs.
    #[must_use]
    pub fn relatives(self) -> Vec<Self> {
        let canonical = self.canonical();
        let low = canonical.0 & 0xFFFF;
        let mut all = vec![canonical];
        if let Some(number) = canonical.win32() {
            all.push(Self(number));
            for row in names::STATUSES.iter().filter(|row| u32::from(row.win32) == number) {
                all.extend([Self(row.value), Self(row.value | 0x1000_0000)]);
            }
            all.push(Self(0xC007_0000 | number));
            all.push(Self(0x8003_0000 | number));
            all.push(Self(0x8024_402C));
        } else if let Some(error) = canonical.jet_error() {
            all.extend([Self(0x8E5E_0000 | error), Self(0xC800_0000 | error)]);
        } else {
            all.extend([Self(0xC01C_0000 | low), Self(0xD01C_0000 | low)]);
            all.push(Self(0xE000_0000 | low));
            all.extend(HTTP.iter().map(|&(status, _)| Self(0x8019_0000 | status)));
            if names::status_row(canonical.0).is_some() {
                all.push(Self(canonical.0 | 0x1000_0000));
            }
        }
        all.retain(|code| *code != self && code.canonical() == canonical);
        all.dedup();
        all
    }

    /// The JET error number without its sign, where the code is a database error in any form.
    #[must_use]
    pub fn jet_error(self) -> Option<u32> {
        let number = self.canonical().0.wrapping_neg();
        JET.contains(&number).then_some(number)
    }

    /// The part of Windows that an HRESULT comes from; `None` for other values and for parts
    /// that have nothing to do with updating.
    #[must_use]
    pub const fn facility(self) -> Option<&'static str> {
        if !self.is_failure() {
            return None;
        }
        Some(match self.0 >> 16 & 0xFFF {
            _ if self.0 & 0xF000_0000 == 0xC000_0000 => return self.status_facility(),
            0x001 => "remote procedure call",
            0x002 => "automation",
            0x003 => "structured storage",
            0x004 => "component-specific",
            0x007 => "Win32",
            0x008 => "COM activation",
            0x009 => "security and cryptography",
            0x00B => "certificates and trust",
            0x00F => "setup and servicing",
            0x013 => ".NET",
            0x019 => "HTTP",
            0x01F => "filter manager",
            0x020 => "background transfer (BITS)",
            0x024 => "Windows Update agent",
            0x0D0 => "Delivery Optimization",
            0xE5E => "database engine (ESE)",
            _ => return None,
        })
    }

    const fn status_facility(self) -> Option<&'static str> {
        Some(match self.0 >> 16 & 0xFFF {
            0x000 => "kernel",
            0x007 => "Win32 carried as NTSTATUS",
            0x004 => "DISM",
            0x015 => "side-by-side assemblies",
            0x019 => "file system transactions",
            0x01A => "common log file system",
            0x01C => "filter manager",
            0x142 | 0x144 => "image files (WIM)",
            0x151 | 0x157 => "DISM",
            0x180 | 0x190 => "Windows Setup",
            0x800 => "update database (ESE)",
            _ => return None,
        })
    }

    fn wrapping(self) -> Option<(Wrapping, u32)> {
        let value = self.0;
        let low = value & 0xFFFF;
        Some(match value >> 16 {
            0 if value > 0 => (Wrapping::Win32Number, 0x8007_0000 | low),
            0x8003 if STORAGE.contains(&low) => (Wrapping::Storage, 0x8007_0000 | low),
            0xC007 => (Wrapping::NtstatusFromWin32, 0x8007_0000 | low),
            0xC800 if JET.contains(&low) => (Wrapping::EseDatastore, low.wrapping_neg()),
            0x8E5E if JET.contains(&low) => (Wrapping::EseHresult, low.wrapping_neg()),
            0xC01C => (Wrapping::FilterStatus, 0x801F_0000 | low),
            0xE000 => (Wrapping::SetupApi, 0x800F_0000 | low),
            0x8019 => {
                let &(_, code) = HTTP.iter().find(|&&(status, _)| status == low)?;
                (Wrapping::HttpStatus, code)
            }
            0x8024 if low == 0x402C => (Wrapping::WinHttp, 0x8007_2EE7),
            0x9000..=0x9FFF | 0xD000..=0xDFFF => {
                (Wrapping::HresultFromNtstatus, value & !0x1000_0000)
            }
            _ => {
                let row = names::status_row(value).filter(|row| row.win32 != 0)?;
                (Wrapping::NtstatusAsWin32, 0x8007_0000 | u32::from(row.win32))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_family(canonical: u32, members: &[u32]) {
        for &member in members {
            assert_eq!(Code(member).canonical(), Code(canonical), "{}", Code(member));
        }
    }

    #[test]
    fn every_wrapping_of_a_lock_violation_is_one_cause() {
        check_family(
            0x8007_0021,
            &[
                0x8007_0021,
                33,
                0xC000_0054,
                0xC000_0055,
                0xD000_0054,
                0xD000_0055,
                0xC007_0021,
                0xD007_0021,
                0x8003_0021,
            ],
        );
    }

    #[test]
    fn every_wrapping_of_a_sharing_violation_is_one_cause() {
        check_family(
            0x8007_0020,
            &[0x8007_0020, 32, 0xC000_0043, 0xD000_0043, 0xC007_0020, 0x8003_0020],
        );
    }

    #[test]
    fn the_database_has_a_family_of_its_own() {
        check_family(0xFFFF_FBF8, &[0xFFFF_FBF8, 0xC800_0408, 0x8E5E_0408]);
        assert_eq!(Code(0xC800_0408).jet_error(), Some(1032));
        assert_eq!(Code(0xFFFF_FFFF).canonical(), Code(0xFFFF_FFFF), "-1 is no JET error");
        assert_eq!(Code(0xFFFF_FFFF).jet_error(), None);
    }

    #[test]
    fn network_answers_come_together() {
        check_family(0x8007_2EE7, &[0x8024_402C, 12007]);
        check_family(0x8024_4019, &[0x8019_0194]);
        check_family(0x801F_0010, &[0xC01C_0010, 0xD01C_0010]);
        check_family(0x800F_0241, &[0xE000_0241]);
    }

    #[test]
    fn a_store_corruption_from_the_kernel_is_the_known_one() {
        check_family(0x8007_3712, &[0xD015_001A, 0xC015_001A, 14098]);
    }

    #[test]
    fn wrappings_are_told_from_the_outside_in() {
        let steps = Code(0xD000_0054).wrappings();
        let told: Vec<_> = steps.iter().map(|step| (step.wrapping, step.inner)).collect();
        assert_eq!(
            told,
            [
                (Wrapping::HresultFromNtstatus, Code(0xC000_0054)),
                (Wrapping::NtstatusAsWin32, Code(0x8007_0021)),
            ]
        );
        assert!(Code(0x8007_0021).wrappings().is_empty());
    }

    #[test]
    fn relatives_are_of_the_same_cause_and_leave_out_the_code_itself() {
        let all = Code(0x8007_0021).relatives();
        for wanted in [33, 0xC000_0054, 0xC000_0055, 0xD000_0054, 0xC007_0021, 0x8003_0021] {
            assert!(all.contains(&Code(wanted)), "{} is missing", Code(wanted));
        }
        assert!(!all.contains(&Code(0x8007_0021)) && !all.contains(&Code(0x8024_402C)));
        assert_eq!(Code(0x8024_0016).relatives(), []);
        assert_eq!(Code(0x801F_0010).relatives(), [Code(0xC01C_0010), Code(0xD01C_0010)]);
        assert!(Code(0xFFFF_FBF8).relatives().contains(&Code(0xC800_0408)));
    }

    #[test]
    fn facilities_are_named_in_plain_words() {
        assert_eq!(Code(0x8024_402C).facility(), Some("Windows Update agent"));
        assert_eq!(Code(0xC000_0054).facility(), Some("kernel"));
        assert_eq!(Code(0).facility(), None);
    }

    proptest::proptest! {
        #[test]
        fn the_canonical_code_is_its_own_canonical_code(value: u32) {
            let canonical = Code(value).canonical();
            assert_eq!(canonical.canonical(), canonical);
            assert!(Code(value).wrappings().len() <= 3);
        }

        #[test]
        fn relatives_of_any_code_share_its_cause(value: u32) {
            for relative in Code(value).relatives() {
                assert!(relative.same_cause_as(Code(value)));
            }
        }
    }
}
