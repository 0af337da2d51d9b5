//! Text logs of Windows: servicing, setup, the update agent, drivers, and events as text.
//!
//! Each file reads one log: where a record begins ([`head`]), what it says ([`statement_of`]), and
//! where its clock stands ([`zone_of`]). [`recognise()`] tells the kind.
//! CBS.log and dism.log, which are large, share one record form with setup:
//!
//! ```text
//! 2020-02-04 17:17:12, Error                 CBS    text [HRESULT = 0x800f0820 - CBS_E_CANCEL]
//! ```
//!
//! A file may mix both (`dism /LogPath` writes CBS records too), so the component of each record
//! decides, never the name of the file.

mod azure;
mod checksur;
mod config_manager;
mod cursor;
mod decode;
mod event_text;
pub mod events;
mod kind;
mod line;
mod poqexec;
mod recognise;
mod records;
mod reporting_events;
mod servicing;
mod setup;
mod setup_diag;
mod setupapi;
mod time;
mod update;
mod windows_update;

pub use decode::{Decoder, Encoding};
pub use event_text::{EventLine, event_lines};
pub use events::{event_value, event_values};
pub use kind::{LogKind, head, statement_of, structure, update_named, zone_of};
pub use line::{CsiStamp, Header, Level, csi_sequence, csi_stamp, header};
pub use recognise::recognise;
pub use records::{Record, Records, count_lines, line_around, line_at, records, without_mark};
pub use servicing::{Statement, SystemFileCheck, clean_string, statement};
pub use time::LocalTime;
pub use update::{NamedUpdate, UpdateAction, UpdateEnd, UpdateStep};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_recognised_by_its_records() {
        let cbs = b"2020-02-03 23:50:28, Info                  CBS    Starting\r\n";
        let dism = b"2014-02-17 15:22:02, Info                  DISM   DISM.EXE: <-----\n";
        let setup = b"2022-07-06 08:18:24, Error                 SP     Operation failed\r\n";
        let new = b"2025/03/17 15:43:15.1571414 18348 7716  Misc            text\r\n";
        let old = b"2021-08-28\t03:07:48:216\t 648\t13bc\tReport\ttext\r\n";
        assert_eq!(recognise(cbs), Some(LogKind::Cbs));
        assert_eq!(recognise(dism), Some(LogKind::Dism));
        assert_eq!(recognise(setup), Some(LogKind::Setup));
        assert_eq!(recognise(new), Some(LogKind::WindowsUpdate));
        assert_eq!(recognise(old), Some(LogKind::WindowsUpdate));
        assert_eq!(recognise(b"MZ\x90\0\x03\0\0"), None);
        assert_eq!(recognise(b""), None);
    }

    #[test]
    fn records_without_a_component_are_still_cbs() {
        let head = b"2025-04-26 05:21:00, Info                         Loading database: x\r\n";
        assert_eq!(recognise(head), Some(LogKind::Cbs));
    }
}
