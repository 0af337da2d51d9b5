//! The registry before a repair: every key that its steps touch, as a file that `regedit` opens.
//!
//! The journal alone takes a repair back; this is for a person who has nothing but Windows itself.

use std::collections::BTreeMap;

use unwedge_formats::regf;
use unwedge_formats::registry_export::{Standing, begin, write_standing, write_values};
use unwedge_host::{Change, Host, HostError, HostErrorKind, KeyPath, Setting};

use crate::journal::JournalStep;

const SERVICES: &str = r"HKLM\SYSTEM\CurrentControlSet\Services";

/// Names of the roots, as evidence shortens them and as `regedit` wants them.
const ROOTS: [(&str, &str); 5] = [
    ("HKLM", "HKEY_LOCAL_MACHINE"),
    ("HKCU", "HKEY_CURRENT_USER"),
    ("HKU", "HKEY_USERS"),
    ("HKCR", "HKEY_CLASSES_ROOT"),
    ("HKCC", "HKEY_CURRENT_CONFIG"),
];

/// The export, in UTF-16 with a mark, or `None` if no step touches a key. A key that is there and
/// cannot be read is an error: then nothing may be changed.
///
/// Imported, it gives every value its data back and takes those away that were not there. A key that
/// was not there stands in it as a remark; nothing takes a whole key away.
pub fn before(host: &dyn Host, steps: &[JournalStep]) -> Result<Option<Vec<u8>>, HostError> {
    let touched = touched(steps);
    if touched.is_empty() {
        return Ok(None);
    }
    let mut text = begin();
    for (path, names) in touched.values() {
        let shown = shown(path);
        let key = match host.key(path) {
            Ok(Some(key)) => key,
            Ok(None) => {
                write_standing(&mut text, &shown, Standing::NotThere);
                continue;
            }
            // A PC written down as text; the step itself meets it again.
            Err(err) if err.kind == HostErrorKind::NotCollected => {
                write_standing(&mut text, &shown, Standing::NotExported);
                continue;
            }
            Err(err) => return Err(err),
        };
        let absent = names.iter().filter(|name| key.value(name).is_none());
        let absent: Vec<(&str, Option<regf::Data>)> =
            absent.map(|name| (name.as_str(), None)).collect();
        let present =
            key.values.iter().map(|(name, data)| (name.as_str(), Some(data.clone().into())));
        let all: Vec<(&str, Option<regf::Data>)> = present.chain(absent).collect();
        write_values(&mut text, &shown, all.iter().map(|(name, data)| (*name, data.as_ref())));
    }
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    Ok(Some(bytes))
}

/// Keys that steps touch, with the names of values that they set.
fn touched(steps: &[JournalStep]) -> BTreeMap<String, (KeyPath, Vec<String>)> {
    let mut all: BTreeMap<String, (KeyPath, Vec<String>)> = BTreeMap::new();
    for step in steps {
        let (key, names) = match &step.change {
            Change::Assign(Setting::Value { key, name, .. }) => (key.clone(), vec![name.clone()]),
            Change::Assign(Setting::Start { service, .. }) => {
                let names = ["Start", "DelayedAutostart"].map(str::to_owned);
                (KeyPath::new(SERVICES).join(service.as_str()), names.to_vec())
            }
            Change::Assign(_) | Change::Move { .. } | Change::PutBack { .. } | Change::Run(_) => {
                continue;
            }
        };
        let (_, known) = all.entry(key.folded()).or_insert_with(|| (key, Vec::new()));
        for name in names {
            if !known.iter().any(|it| it.eq_ignore_ascii_case(&name)) {
                known.push(name);
            }
        }
    }
    all
}

fn shown(path: &KeyPath) -> String {
    let (root, rest) = path.as_str().split_once('\\').unwrap_or((path.as_str(), ""));
    let long = ROOTS.iter().find(|(short, _)| short.eq_ignore_ascii_case(root));
    format!(r"{}\{rest}", long.map_or(root, |(_, long)| long))
}

#[cfg(test)]
mod tests {
    use unwedge_formats::registry_export::read;
    use unwedge_host::{Data, Fixture, ServiceName, StartType};

    use super::*;

    const PC: &str = "//- service wuauserv stopped disabled\n\
                      //- reg HKLM\\SYSTEM\\CurrentControlSet\\Services\\wuauserv\n\
                      Start = dword:4\nImagePath = expand:%x%\\svchost.exe\n\
                      //- reg HKLM\\SOFTWARE\\Known\nOld = sz:it was\n\
                      //- absent key HKLM\\SOFTWARE\\New\n";

    fn step(setting: Setting) -> JournalStep {
        JournalStep { change: Change::Assign(setting), says: String::new(), optional: false }
    }

    fn value(key: &str, name: &str) -> JournalStep {
        let data = Some(Data::Dword(1));
        step(Setting::Value { key: KeyPath::new(key), name: name.to_owned(), data })
    }

    #[test]
    fn what_steps_touch_is_kept_as_a_file_that_gives_it_back() {
        let pc = Fixture::parse(PC).unwrap();
        let start = StartType::Manual;
        let steps = [
            step(Setting::Start { service: ServiceName::new("wuauserv"), start }),
            value(r"HKLM\SOFTWARE\Known", "Old"),
            value(r"HKLM\SOFTWARE\Known", "Fresh"),
            value(r"HKLM\SOFTWARE\New", "X"),
        ];
        let bytes = before(&pc, &steps).unwrap().unwrap();
        assert_eq!(bytes[..2], [0xff, 0xfe]);
        let export = read(&bytes).unwrap();
        assert_eq!(export.gaps, []);
        let key = |path: &str| export.items.iter().find(|it| it.path == path).unwrap();
        let known = &key(r"HKEY_LOCAL_MACHINE\SOFTWARE\Known").values;
        let was = Some(regf::Data::Sz("it was".to_owned()));
        assert_eq!(*known, [("Old".to_owned(), was), ("Fresh".to_owned(), None)]);
        let service = key(r"HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\wuauserv");
        assert!(service.values.contains(&("Start".to_owned(), Some(regf::Data::Dword(4)))));
        assert_eq!(key(r"HKEY_LOCAL_MACHINE\SOFTWARE\New").standing, Standing::NotThere);
        assert_eq!(before(&pc, &[]).unwrap(), None);
    }
}
