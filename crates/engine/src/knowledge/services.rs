//! The services of Windows: how they start as shipped, their part in updating, whether they may be
//! stopped.
//!
//! Table: `knowledge/services.tsv`.

use std::collections::HashMap;
use std::sync::OnceLock;

use serde::Serialize;
use unwedge_host::{ServiceName, StartType};

use super::table::{Confidence, Table, given, rows, table};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KnownService {
    /// Short name.
    pub name: &'static str,
    /// The name people see.
    pub display_name: &'static str,
    /// What kind of service it is.
    pub kind: ServiceKind,
    /// How it starts in Windows 10 22H2 as shipped, as the Services window names it.
    pub start_windows_10: &'static str,
    /// How it starts in Windows 11 as shipped.
    pub start_windows_11: &'static str,
    /// Its part in updating, or `-`.
    pub role: &'static str,
    /// Whether it may be stopped for a while.
    pub stopping: Stopping,
    /// What keeps it from being changed or stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protection: Option<&'static str>,
    /// Which sources say something else about its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sources_differ: Option<&'static str>,
    /// What one should know beside that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// How sure that is.
    pub confidence: Confidence,
    /// Where that is known from.
    pub source: &'static str,
}

/// What kind of service it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceKind {
    /// One that runs in a process.
    Service,
    /// A template: each session has its own, with a number behind the name (`CDPUserSvc_1a2b3`).
    PerUser,
    /// A driver.
    Driver,
}

/// Whether a service may be stopped for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopping {
    /// Yes.
    Safe,
    /// Only in conditions that this program does not check, so no.
    Conditional,
    /// Never.
    Never,
}

pub(super) const TABLE: Table = table!("services");
const FIRST_BUILD_OF_WINDOWS_11: u32 = 22000;

/// What is known about a service; `None` if it is not part of Windows.
#[must_use]
pub fn known(name: &ServiceName) -> Option<KnownService> {
    get(name.as_str()).copied()
}

/// What is known about a service by its short name, however it is capitalised; a service of one
/// session (`CDPUserSvc_1a2b3`) is known by its template. Constant time.
#[must_use]
pub fn get(name: &str) -> Option<&'static KnownService> {
    let key = name.trim().to_lowercase();
    let found = tables().by_name.get(&key).copied();
    found.or_else(|| {
        let (template, session) = key.rsplit_once('_')?;
        let is_number = session.bytes().all(|digit| digit.is_ascii_hexdigit());
        let template = tables().by_name.get(template).filter(|_| is_number)?;
        (template.kind == ServiceKind::PerUser).then_some(*template)
    })
}

/// What is known about a service by the name people see. Constant time.
#[must_use]
pub fn by_display_name(name: &str) -> Option<&'static KnownService> {
    tables().by_display_name.get(&name.trim().to_lowercase()).copied()
}

/// All services, in the order of the table.
#[must_use]
pub fn all() -> &'static [KnownService] {
    static SERVICES: OnceLock<Vec<KnownService>> = OnceLock::new();
    SERVICES.get_or_init(|| rows(TABLE).map(service_in).collect())
}

struct Tables {
    by_name: HashMap<String, &'static KnownService>,
    by_display_name: HashMap<String, &'static KnownService>,
}

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| Tables {
        by_name: all().iter().map(|it| (it.name.to_lowercase(), it)).collect(),
        by_display_name: all().iter().map(|it| (it.display_name.to_lowercase(), it)).collect(),
    })
}

fn service_in(row: [&'static str; 12]) -> KnownService {
    let [name, display_name, kind, start_windows_10, start_windows_11, role, ..] = row;
    let [.., stopping, protection, sources_differ, note, confidence, source] = row;
    KnownService {
        name,
        display_name,
        kind: match kind {
            "driver" => ServiceKind::Driver,
            "per_user" => ServiceKind::PerUser,
            _ => ServiceKind::Service,
        },
        start_windows_10,
        start_windows_11,
        role,
        stopping: match stopping {
            "Y" => Stopping::Safe,
            "C" => Stopping::Conditional,
            _ => Stopping::Never,
        },
        protection: given(protection),
        sources_differ: given(sources_differ),
        note: given(note),
        confidence: Confidence::of(confidence),
        source,
    }
}

impl KnownService {
    /// When Windows of this build starts it, as shipped; `None` where the table does not say.
    #[must_use]
    pub fn default_start(&self, build: Option<&str>) -> Option<StartType> {
        let number = build.and_then(|it| it.split('.').next()?.parse::<u32>().ok());
        let is_11 = number.is_some_and(|it| it >= FIRST_BUILD_OF_WINDOWS_11);
        let spelled = match number {
            Some(_) if is_11 => self.start_windows_11,
            Some(_) => self.start_windows_10,
            // Without a build, only what both agree on.
            None if self.start_windows_10 == self.start_windows_11 => self.start_windows_10,
            None => return None,
        };
        match spelled {
            "Automatic" | "Automatic (Trigger)" => Some(StartType::Automatic),
            "Automatic (Delayed)" => Some(StartType::AutomaticDelayed),
            "Manual" | "Manual (Trigger)" => Some(StartType::Manual),
            "Disabled" => Some(StartType::Disabled),
            _ => None,
        }
    }

    /// Whether updating cannot work without it.
    #[must_use]
    pub fn is_core_of_updating(&self) -> bool {
        self.role.starts_with("core")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_of(name: &str, build: Option<&str>) -> Option<StartType> {
        known(&ServiceName::new(name)).unwrap().default_start(build)
    }

    #[test]
    fn a_service_is_found_by_either_name_and_in_any_session() {
        assert_eq!(get("WUAUSERV").unwrap().display_name, "Windows Update");
        assert_eq!(by_display_name("windows update").unwrap().name, "wuauserv");
        assert_eq!(get("CDPUserSvc_1a2b3").unwrap().name, "CDPUserSvc");
        assert_eq!(get("wuauserv_1a2b3"), None, "only templates have sessions");
        assert_eq!(get("WdFilter").unwrap().kind, ServiceKind::Driver);
        assert_eq!(get(""), None);
    }

    #[test]
    fn pitfall_09_start_types_are_those_windows_ships_with() {
        assert_eq!(default_of("wuauserv", None), Some(StartType::Manual));
        assert_eq!(default_of("CryptSvc", Some("19045.1")), Some(StartType::Automatic));
        assert_eq!(default_of("usosvc", Some("26100.2314")), Some(StartType::AutomaticDelayed));
    }

    #[test]
    fn a_default_that_depends_on_the_build_needs_the_build() {
        assert_eq!(default_of("SgrmBroker", None), None);
        assert_eq!(default_of("SgrmBroker", Some("19045")), Some(StartType::AutomaticDelayed));
        assert_eq!(default_of("SgrmBroker", Some("26100")), Some(StartType::Disabled));
    }
}
