//! The registry of the evidence as the text of an export: the keys that unwedge reads, no others.

use unwedge_host::recorded::Recorder;
use unwedge_host::{Data, Host, Key, KeyPath};

use crate::fact;
use crate::redact::{Learner, Redactor};
use crate::rule::{Predicate, RuleSet};

/// Texts are kept only of these values; what they hold is known.
const TEXTS: [&str; 44] = [
    "Altitude",
    "BootExecute",
    "Class",
    "ComputerName",
    "CurrentBuild",
    "CurrentBuildNumber",
    "CurrentVersion",
    "DefaultInstance",
    "DependOnService",
    "DisplayName",
    "DisplayVersion",
    "EditionID",
    "Group",
    "ImagePath",
    "InstallClient",
    "InstallDate",
    "InstallLocation",
    "InstallName",
    "LocalSourcePath",
    "LowerFilters",
    "ParentKeyName",
    "PendingFileRenameOperations",
    "PendingFileRenameOperations2",
    "PoqexecCmdline",
    "ProductName",
    "ProductVersion",
    "Publisher",
    "ReleaseId",
    "RepairContentServerSource",
    "Select",
    "ServiceDll",
    "ServiceMain",
    "SetupExecute",
    "SetupExecuteNoPnpSync",
    "TargetReleaseVersion",
    "TargetReleaseVersionInfo",
    "TimeZoneKeyName",
    "UninstallString",
    "UpperFilters",
    "WUServer",
    "WUStatusServer",
    "UpdateServiceUrlAlternate",
    "UpdateExeVolatile",
    "ProfileImagePath",
];
/// Keys, and those below them, of which all texts are kept: their values have no fixed names.
const WHOLE: [&str; 8] = [
    r"hklm\software\microsoft\windows\currentversion\run",
    r"hklm\software\wow6432node\microsoft\windows\currentversion\run",
    r"hkcu\software\microsoft\windows\currentversion\run",
    r"hklm\software\policies\microsoft\windows",
    r"hklm\software\microsoft\windowsupdate",
    r"hklm\software\microsoft\policymanager\current\device\update",
    r"hklm\system\currentcontrolset\control\hivelist",
    r"hklm\software\microsoft\windows\currentversion\component based servicing\sessionspending",
];

/// The keys that were asked for.
pub(super) struct Registry<'h> {
    recorder: Recorder<'h>,
    /// Values that rules look at, in lower case.
    of_rules: Vec<String>,
}

impl<'h> Registry<'h> {
    /// Asks for everything that a diagnosis may ask for.
    pub(super) fn of(host: &'h dyn Host) -> Registry<'h> {
        let recorder = Recorder::new(host);
        let rules = RuleSet::built_in();
        unwedge_host::system::ask_all(&recorder);
        fact::ask(&recorder, &rules);
        let tests = rules.rules.iter().flat_map(|rule| &rule.when).filter_map(|when| match when {
            Predicate::Registry(wanted) => Some(&wanted.tests),
            _ => None,
        });
        let values = tests.flatten().filter_map(|test| test.value.as_ref());
        let of_rules = values.map(|value| value.to_lowercase()).collect();
        Registry { recorder, of_rules }
    }

    /// Learns what is private in it.
    pub(super) fn learn(&self, learner: &mut Learner) {
        self.recorder.export(&mut str::to_owned, &mut |path, key| {
            learner.line(path.as_str().as_bytes());
            for (name, data) in self.kept(path, key) {
                for text in texts(&data) {
                    learner.line(format!("{name}={text}").as_bytes());
                }
            }
            Vec::new()
        });
    }

    /// The export without what is private, and all its texts as they are to be checked; `None` if
    /// there is no registry among the evidence.
    pub(super) fn redacted(&self, redactor: &Redactor) -> Option<(String, String)> {
        let mut plain = String::new();
        let text =
            self.recorder.export(&mut |path| redactor.redacted_text(path), &mut |path, key| {
                let kept = self.kept(path, key).into_iter();
                let kept = kept.map(|(name, data)| replaced(redactor, &name, data));
                let kept: Vec<(String, Data)> = kept.collect();
                for (name, data) in &kept {
                    plain.extend(texts(data).iter().map(|text| format!("{name}={text}\n")));
                }
                kept
            })?;
        Some((text, plain))
    }

    fn kept(&self, path: &KeyPath, key: Key) -> Vec<(String, Data)> {
        let folded = path.folded();
        let is_whole = WHOLE.iter().any(|whole| folded.starts_with(whole));
        let is_approval = folded.contains(r"\startupapproved\");
        let mut values = key.values;
        values.retain(|(name, data)| match data {
            Data::Dword(_) | Data::Qword(_) => true,
            // Twelve bytes of state and time.
            Data::Binary(bytes) => is_approval && bytes.len() <= 12,
            Data::Sz(_) | Data::ExpandSz(_) | Data::MultiSz(_) => {
                is_whole
                    || TEXTS.iter().any(|known| known.eq_ignore_ascii_case(name))
                    || self.of_rules.contains(&name.to_lowercase())
            }
        });
        values
    }
}

fn texts(data: &Data) -> Vec<&str> {
    match data {
        Data::Sz(text) | Data::ExpandSz(text) => vec![text],
        Data::MultiSz(lines) => lines.iter().map(String::as_str).collect(),
        Data::Dword(_) | Data::Qword(_) | Data::Binary(_) => Vec::new(),
    }
}

/// A value as it may be given away; its name tells what it may be.
fn replaced(redactor: &Redactor, name: &str, data: Data) -> (String, Data) {
    let own = redactor.redacted_text(name);
    let one = |text: &str| {
        let whole = redactor.redacted_text(&format!("{name}={text}"));
        match whole.strip_prefix(&format!("{own}=")) {
            Some(text) => text.to_owned(),
            None => redactor.redacted_text(text),
        }
    };
    let data = match data {
        Data::Sz(text) => Data::Sz(one(&text)),
        Data::ExpandSz(text) => Data::ExpandSz(one(&text)),
        Data::MultiSz(lines) => Data::MultiSz(lines.iter().map(|line| one(line)).collect()),
        other => other,
    };
    (own, data)
}
