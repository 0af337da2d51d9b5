//! What Windows returns in one buffer: structures with pointers to strings behind them.
//!
//! The layouts are those of 64-bit Windows. Whatever does not point into its buffer is passed over.

use crate::probe::Spent;
use crate::service::{FailureAction, FailureActionKind, RunState};
use crate::{ServiceName, StartType};

use super::name;

/// More than these are not taken from one buffer.
const MOST_ITEMS: usize = 100_000;

/// A buffer as it was filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Returned<'b> {
    bytes: &'b [u8],
    /// Where it lay, so that pointers into it can be followed.
    base: u64,
}

/// `SERVICE_STATUS_PROCESS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) state: RunState,
    pub(super) accepts_stop: bool,
    pub(super) exit_code: u32,
    pub(super) check_point: u32,
    pub(super) wait_hint_ms: u32,
    pub(super) pid: u32,
}

/// `QUERY_SERVICE_CONFIGW`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) start: Option<StartType>,
    pub(super) image: Option<String>,
    pub(super) needs: Vec<ServiceName>,
    pub(super) account: Option<String>,
    pub(super) display_name: Option<String>,
}

/// `SYSTEM_PROCESS_INFORMATION`, as much of it as is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) session: u32,
    /// In units of 100 ns since 1601.
    pub(super) began: u64,
    pub(super) image: String,
    pub(super) spent: Spent,
}

impl<'b> Returned<'b> {
    /// A buffer that still lies where it was filled.
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        Returned { bytes, base: bytes.as_ptr() as u64 }
    }

    /// `SERVICE_STATUS_PROCESS` at `at`.
    pub(super) fn status(&self, at: usize) -> Option<Status> {
        const SERVICE_ACCEPT_STOP: u32 = 1;
        let number = |index: usize| self.u32_at(at + index * 4);
        Some(Status {
            state: match number(1)? {
                1 => RunState::Stopped,
                2 => RunState::Starting,
                3 => RunState::Stopping,
                // Going on after a pause is on its way to running, as starting is.
                4 => RunState::Running,
                5 => RunState::Starting,
                // Pausing will be paused.
                6 | 7 => RunState::Paused,
                _ => RunState::Unknown,
            },
            accepts_stop: number(2)? & SERVICE_ACCEPT_STOP != 0,
            exit_code: number(3)?,
            check_point: number(5)?,
            wait_hint_ms: number(6)?,
            pid: number(7)?,
        })
    }

    /// `count` of `ENUM_SERVICE_STATUS_PROCESSW`.
    pub(super) fn services(&self, count: u32) -> Vec<(ServiceName, Status)> {
        const STRIDE: usize = 56;
        let one = |index: usize| {
            let at = index * STRIDE;
            Some((ServiceName::new(&self.text_at(at)?), self.status(at + 16)?))
        };
        (0..(count as usize).min(MOST_ITEMS)).map_while(one).collect()
    }

    /// The names of `count` `ENUM_SERVICE_STATUSW`.
    pub(super) fn names(&self, count: u32) -> Vec<ServiceName> {
        const STRIDE: usize = 48;
        let one = |index: usize| Some(ServiceName::new(&self.text_at(index * STRIDE)?));
        (0..(count as usize).min(MOST_ITEMS)).map_while(one).collect()
    }

    /// `QUERY_SERVICE_CONFIGW`.
    pub(super) fn config(&self) -> Option<Config> {
        let text = |at| self.text_at(at).filter(|it| !it.is_empty());
        Some(Config {
            start: StartType::from_registry(self.u32_at(4)?, false),
            image: text(16),
            needs: self.needs(40),
            account: text(48),
            display_name: text(56),
        })
    }

    /// `SERVICE_FAILURE_ACTIONSW`.
    pub(super) fn failure_actions(&self) -> Option<Vec<FailureAction>> {
        let count = self.u32_at(24)? as usize;
        let Some(first) = self.pointer_at(32) else { return Some(Vec::new()) };
        let one = |index: usize| {
            let kind = FailureActionKind::of(self.u32_at(first + index * 8)?);
            Some(FailureAction { kind, delay_ms: self.u32_at(first + index * 8 + 4)? })
        };
        Some((0..count.min(64)).map_while(one).collect())
    }

    /// The number of 32 bits at `at`.
    pub(super) fn u32_at(&self, at: usize) -> Option<u32> {
        let four = self.bytes.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(four.try_into().ok()?))
    }

    /// A chain of `SYSTEM_PROCESS_INFORMATION`.
    pub(super) fn processes(&self) -> Vec<Running> {
        let mut all = Vec::new();
        let mut at = 0;
        while let Some(process) = self.process(at)
            && all.len() < MOST_ITEMS
        {
            all.push(process);
            match self.u32_at(at) {
                Some(0) | None => break,
                Some(next) => at += next as usize,
            }
        }
        all
    }

    /// `UNICODE_STRING` at `at`: a length in bytes, and a pointer.
    pub(super) fn counted_text(&self, at: usize) -> Option<String> {
        let length = (self.u32_at(at)? & 0xffff) as usize;
        let from = match self.pointer_at(at + 8) {
            Some(from) => from,
            None if length == 0 => return Some(String::new()),
            None => return None,
        };
        let units: Vec<u16> = self.units(from).take(length / 2).collect();
        Some(name::spelled(&units))
    }

    fn process(&self, at: usize) -> Option<Running> {
        let pid = self.u32_at(at + 80)?;
        let image = self.counted_text(at + 56)?;
        Some(Running {
            pid,
            parent: self.u32_at(at + 88)?,
            session: self.u32_at(at + 100)?,
            began: self.u64_at(at + 32)?,
            // `UserTime`, `KernelTime`, `ReadTransferCount`, `WriteTransferCount` (winternl.h and
            // phnt/ntexapi.h), the numbers of `GetProcessTimes` and `GetProcessIoCounters`.
            spent: Spent {
                processor_100ns: self.u64_at(at + 40)?.saturating_add(self.u64_at(at + 48)?),
                read_bytes: self.u64_at(at + 232)?,
                written_bytes: self.u64_at(at + 240)?,
            },
            image: match pid {
                0 => "System Idle Process".to_owned(),
                4 if image.is_empty() => "System".to_owned(),
                _ => image,
            },
        })
    }

    /// Names that end in a zero each, the list in one more; groups of drivers have a plus sign.
    fn needs(&self, at: usize) -> Vec<ServiceName> {
        let mut names = Vec::new();
        let Some(mut from) = self.pointer_at(at) else { return names };
        while names.len() < MOST_ITEMS {
            let units: Vec<u16> = self.units(from).take_while(|it| *it != 0).collect();
            if units.is_empty() {
                break;
            }
            from += (units.len() + 1) * 2;
            let name = name::spelled(&units);
            if !name.starts_with('+') {
                names.push(ServiceName::new(&name));
            }
        }
        names
    }

    fn text_at(&self, at: usize) -> Option<String> {
        let from = self.pointer_at(at)?;
        let units: Vec<u16> = self.units(from).take_while(|it| *it != 0).collect();
        Some(name::spelled(&units))
    }

    fn units(&self, from: usize) -> impl Iterator<Item = u16> + use<'b> {
        let bytes = self.bytes.get(from..).unwrap_or_default();
        bytes.chunks_exact(2).map(|it| u16::from_le_bytes([it[0], it[1]]))
    }

    /// Where in the buffer the pointer at `at` points.
    pub(super) fn pointer_at(&self, at: usize) -> Option<usize> {
        let offset = self.u64_at(at)?.checked_sub(self.base)?;
        usize::try_from(offset).ok().filter(|it| *it < self.bytes.len())
    }

    fn u64_at(&self, at: usize) -> Option<u64> {
        let eight = self.bytes.get(at..at.checked_add(8)?)?;
        Some(u64::from_le_bytes(eight.try_into().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: u64 = 0x1000;

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    fn returned(bytes: &[u8]) -> Returned<'_> {
        Returned { bytes, base: BASE }
    }

    #[test]
    fn services_are_read_with_their_states() {
        let mut bytes = Vec::new();
        bytes.extend((BASE + 56).to_le_bytes());
        bytes.extend((BASE + 56).to_le_bytes());
        for number in [0x20, 4, 1, 0, 0, 7, 3000, 1204, 0, 0_u32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(wide("wuauserv"));
        let [(name, status)] = &returned(&bytes).services(1)[..] else { panic!("not one") };
        assert_eq!(*name, ServiceName::new("wuauserv"));
        let running = Status {
            state: RunState::Running,
            accepts_stop: true,
            exit_code: 0,
            check_point: 7,
            wait_hint_ms: 3000,
            pid: 1204,
        };
        assert_eq!(*status, running);
        assert_eq!(returned(&bytes[..40]).services(1), []);
    }

    #[test]
    fn a_service_is_read_as_it_is_set_up_and_groups_are_not_services() {
        let mut bytes = Vec::new();
        for number in [0x20, 3, 1, 0_u32] {
            bytes.extend(number.to_le_bytes());
        }
        let texts = [wide("a.exe -k x"), wide("RpcSs\0+Group\0Http\0"), wide(""), wide("Shown")];
        let mut at = BASE + 64;
        let mut ends = Vec::new();
        for text in &texts {
            ends.push(at);
            at += text.len() as u64;
        }
        for pointer in [ends[0], 0, 0, ends[1], ends[2], ends[3]] {
            bytes.extend(pointer.to_le_bytes());
        }
        bytes.extend(texts.concat());
        let config = returned(&bytes).config().unwrap();
        assert_eq!(config.start, Some(StartType::Manual));
        assert_eq!(config.needs, ["RpcSs", "Http"].map(ServiceName::new));
        assert_eq!(config.image.as_deref(), Some("a.exe -k x"));
        assert_eq!(config.account, None);
        assert_eq!(config.display_name.as_deref(), Some("Shown"));
    }

    #[test]
    fn processes_are_a_chain() {
        let process = |next: u32, pid: u32, name: &str, at: u64| {
            let mut bytes = vec![0; 256];
            bytes[..4].copy_from_slice(&next.to_le_bytes());
            for (at, number) in [(32, 9_u64), (40, 20), (48, 300), (232, 4_000), (240, 50_000)] {
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            bytes[56..58].copy_from_slice(&(name.len() as u16 * 2).to_le_bytes());
            if !name.is_empty() {
                bytes[64..72].copy_from_slice(&(BASE + at + 256).to_le_bytes());
            }
            bytes[80..84].copy_from_slice(&pid.to_le_bytes());
            bytes[88..92].copy_from_slice(&4_u32.to_le_bytes());
            bytes[100..104].copy_from_slice(&1_u32.to_le_bytes());
            bytes.extend(wide(name));
            bytes
        };
        let first = process(258, 0, "", 0);
        let bytes = [first, process(0, 77, "scan.exe", 258)].concat();
        let all = returned(&bytes).processes();
        let names: Vec<&str> = all.iter().map(|it| it.image.as_str()).collect();
        assert_eq!(names, ["System Idle Process", "scan.exe"]);
        let last = &all[1];
        assert_eq!((last.pid, last.parent, last.session, last.began), (77, 4, 1, 9));
        let spent = Spent { processor_100ns: 320, read_bytes: 4_000, written_bytes: 50_000 };
        assert_eq!(last.spent, spent);
    }

    proptest! {
        #[test]
        fn any_buffer_is_read_without_panic(bytes: Vec<u8>, count: u32, base: u64) {
            let returned = Returned { bytes: &bytes, base };
            returned.services(count);
            returned.names(count);
            returned.config();
            returned.failure_actions();
            returned.processes();
            Returned::of(&bytes).processes();
        }
    }
}
