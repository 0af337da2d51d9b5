//! What is known about the services of Windows: `knowledge/services.tsv`.

use unwedge_host::{ServiceName, StartType};

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownService {
    /// Short name.
    pub name: &'static str,
    /// The name people see.
    pub display_name: &'static str,
    start_windows_10: &'static str,
    start_windows_11: &'static str,
    /// Its part in updating, or `-`.
    pub role: &'static str,
    /// Whether it may be stopped for a while.
    pub stopping: Stopping,
}

/// Whether a service may be stopped for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopping {
    /// Yes.
    Safe,
    /// Only in conditions that this program does not check, so no.
    Conditional,
    /// Never.
    Never,
}

const TABLE: &str = include_str!("../../../knowledge/services.tsv");
const FIRST_BUILD_OF_WINDOWS_11: u32 = 22000;

/// What is known about a service; `None` if it is not part of Windows.
#[must_use]
pub fn known(name: &ServiceName) -> Option<KnownService> {
    rows().find(|it| it.name.eq_ignore_ascii_case(name.as_str()))
}

fn rows() -> impl Iterator<Item = KnownService> {
    TABLE.lines().skip(1).filter_map(|line| {
        let mut fields = line.split('\t');
        Some(KnownService {
            name: fields.next()?,
            display_name: fields.next()?,
            start_windows_10: fields.next()?,
            start_windows_11: fields.next()?,
            role: fields.next()?,
            stopping: match fields.next()? {
                "Y" => Stopping::Safe,
                "C" => Stopping::Conditional,
                _ => Stopping::Never,
            },
        })
    })
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
    use std::collections::BTreeSet;

    use super::*;

    fn default_of(name: &str, build: Option<&str>) -> Option<StartType> {
        known(&ServiceName::new(name)).unwrap().default_start(build)
    }

    #[test]
    fn every_row_is_whole_and_every_service_stands_once() {
        assert_eq!(rows().count(), TABLE.lines().count() - 1);
        let mut names = BTreeSet::new();
        for line in TABLE.lines().skip(1) {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 9, "{line}");
            assert!(["Y", "C", "N"].contains(&fields[5]), "{line}");
            assert!(names.insert(fields[0].to_lowercase()), "{line} stands twice");
        }
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
