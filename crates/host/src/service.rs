//! Services as the service control manager knows them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Key, ServiceName};

/// One service: how it is set up, and what it is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Short name.
    pub name: ServiceName,
    /// The name people see, where it is known.
    pub display_name: Option<String>,
    /// When Windows starts it.
    pub start: StartType,
    /// What it is doing.
    pub state: RunState,
    /// Its process while it runs.
    pub pid: Option<u32>,
    /// Command line of its process, where it is known.
    pub image: Option<String>,
    /// Services it depends on (`DependOnService`).
    pub needs: Vec<ServiceName>,
    /// Services that depend on it directly.
    pub dependents: Vec<ServiceName>,
    /// Whether it takes a request to stop; taken to be so where its state is unknown.
    pub accepts_stop: bool,
    /// Whether Windows protects its process (antimalware and other protected services).
    pub protected: bool,
    /// What else is known of it.
    pub more: ServiceDetail,
}

/// What is worth knowing of a service beyond starting and stopping it; `None` where the evidence
/// does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceDetail {
    /// The account it runs as, such as `LocalSystem`.
    pub account: Option<String>,
    /// The library it lives in (`ServiceDll`), as stored.
    pub dll: Option<String>,
    /// The group of services that share its process (`svchost.exe -k netsvcs`).
    pub host_group: Option<String>,
    /// Whether events start or stop it, whatever its start type.
    pub is_triggered: Option<bool>,
    /// Who may do what with it, as SDDL.
    pub security: Option<String>,
    /// What Windows does when it fails: the first time, the second, and so on.
    pub on_failure: Option<Vec<FailureAction>>,
    /// What the service control manager did not tell, so that it was taken from the registry.
    pub told_by_registry: Vec<&'static str>,
}

/// What Windows does when a service fails, and how much later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureAction {
    /// What it does.
    pub kind: FailureActionKind,
    /// How long it waits before, in milliseconds.
    pub delay_ms: u32,
}

/// What Windows does when a service fails (`SC_ACTION_TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum FailureActionKind {
    Nothing,
    RestartService,
    RestartComputer,
    RunCommand,
    /// A kind that is not known here.
    Other(u32),
}

impl FailureActionKind {
    /// The kind that has this number.
    #[must_use]
    pub fn of(number: u32) -> Self {
        match number {
            0 => FailureActionKind::Nothing,
            1 => FailureActionKind::RestartService,
            2 => FailureActionKind::RestartComputer,
            3 => FailureActionKind::RunCommand,
            other => FailureActionKind::Other(other),
        }
    }
}

impl ServiceDetail {
    /// Reads the key of a service, and the key `Parameters` below it.
    #[must_use]
    pub fn of_keys(key: &Key, parameters: Option<&Key>) -> Self {
        let text = |key: &Key, name| key.text(name).filter(|it| !it.is_empty()).map(str::to_owned);
        let dll = parameters.and_then(|it| text(it, "ServiceDll"));
        ServiceDetail {
            account: text(key, "ObjectName"),
            dll: dll.or_else(|| text(key, "ServiceDll")),
            host_group: key.text("ImagePath").and_then(host_group),
            is_triggered: Some(key.subkeys.iter().any(|it| it.eq_ignore_ascii_case("TriggerInfo"))),
            security: None,
            on_failure: match key.value("FailureActions") {
                Some(crate::Data::Binary(bytes)) => stored_failure_actions(bytes),
                _ => None,
            },
            told_by_registry: Vec::new(),
        }
    }
}

/// The group that a command line of `svchost.exe` names.
fn host_group(image: &str) -> Option<String> {
    let mut words = image.split_ascii_whitespace();
    let program = words.next()?.to_lowercase();
    let program = program.trim_matches('"');
    if !program.ends_with("svchost.exe") && !program.ends_with("svchost") {
        return None;
    }
    let mut rest = words.skip_while(|it| !matches!(*it, "-k" | "/k" | "-K"));
    rest.nth(1).map(str::to_owned)
}

/// `SERVICE_FAILURE_ACTIONS` as the registry holds it: five numbers of 32 bits, of which the fourth is the
/// number of actions, then two numbers for each action.
fn stored_failure_actions(bytes: &[u8]) -> Option<Vec<FailureAction>> {
    let number = |index: usize| {
        let four = bytes.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes(four.try_into().ok()?))
    };
    let count = number(3)? as usize;
    let actions = (0..count.min(64)).map_while(|index| {
        let kind = FailureActionKind::of(number(5 + index * 2)?);
        Some(FailureAction { kind, delay_ms: number(6 + index * 2)? })
    });
    Some(actions.collect())
}

/// When Windows starts a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartType {
    /// By the boot loader: drivers without which Windows could not begin.
    Boot,
    /// While the kernel starts: drivers.
    System,
    /// With Windows.
    Automatic,
    /// A while after Windows.
    AutomaticDelayed,
    /// When something asks for it.
    Manual,
    /// Never.
    Disabled,
}

/// What a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum RunState {
    Stopped,
    Starting,
    Running,
    Stopping,
    Paused,
    /// The evidence does not say: a registry tells how a service is set up, not what it does.
    Unknown,
}

impl StartType {
    /// The registry value `Start` that stands for it.
    #[must_use]
    pub fn registry_start(self) -> u32 {
        match self {
            StartType::Boot => 0,
            StartType::System => 1,
            StartType::Automatic | StartType::AutomaticDelayed => 2,
            StartType::Manual => 3,
            StartType::Disabled => 4,
        }
    }

    /// What the registry values `Start` and `DelayedAutostart` stand for; `None` for a number that
    /// Windows does not know.
    #[must_use]
    pub fn from_registry(start: u32, is_delayed: bool) -> Option<Self> {
        Some(match start {
            0 => StartType::Boot,
            1 => StartType::System,
            2 if is_delayed => StartType::AutomaticDelayed,
            2 => StartType::Automatic,
            3 => StartType::Manual,
            4 => StartType::Disabled,
            _ => return None,
        })
    }
}

impl fmt::Display for StartType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StartType::Boot => "boot",
            StartType::System => "system",
            StartType::Automatic => "automatic",
            StartType::AutomaticDelayed => "automatic-delayed",
            StartType::Manual => "manual",
            StartType::Disabled => "disabled",
        })
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunState::Stopped => "stopped",
            RunState::Starting => "starting",
            RunState::Running => "running",
            RunState::Stopping => "stopping",
            RunState::Paused => "paused",
            RunState::Unknown => "in an unknown state",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Data;

    #[test]
    fn the_group_of_a_shared_process_is_read_from_its_command_line() {
        let group = |image| host_group(image);
        let usual = r"%SystemRoot%\system32\svchost.exe -k netsvcs -p";
        assert_eq!(group(usual).as_deref(), Some("netsvcs"));
        assert_eq!(group(r#""C:\Program Files\a.exe" -k x"#), None);
        assert_eq!(group(r"C:\Windows\svchost.exe"), None);
        assert_eq!(group(""), None);
    }

    #[test]
    fn what_happens_after_failures_is_read_as_it_is_stored() {
        let numbers: [u32; 9] = [86_400, 0, 0, 2, 20, 1, 60_000, 0, 0];
        let bytes: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
        let key = Key {
            values: vec![("FailureActions".to_owned(), Data::Binary(bytes.clone()))],
            subkeys: vec!["TriggerInfo".to_owned()],
        };
        let detail = ServiceDetail::of_keys(&key, None);
        let again = FailureAction { kind: FailureActionKind::RestartService, delay_ms: 60_000 };
        let then = FailureAction { kind: FailureActionKind::Nothing, delay_ms: 0 };
        assert_eq!(detail.on_failure, Some(vec![again, then]));
        assert_eq!(detail.is_triggered, Some(true));
        assert_eq!(stored_failure_actions(&bytes[..28]), Some(vec![again]));
        assert_eq!(stored_failure_actions(&bytes[..8]), None);
    }
}
