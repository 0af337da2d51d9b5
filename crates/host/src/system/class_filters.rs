//! Filters of device classes: drivers that must not go away while their class still names them,
//! or the PC does not start (stop 0x7B for disks and volumes).

use super::{Inquiry, Reading};
use crate::{Host, ServiceName};

const CLASSES: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\Class";

/// A class of devices and the drivers around its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassFilters {
    /// Its id, such as `{4d36e967-e325-11ce-bfc1-08002be10318}` for disks.
    pub class: String,
    /// Its name, such as `DiskDrive`.
    pub name: Option<String>,
    /// Drivers above that of the class.
    pub upper: Vec<ServiceName>,
    /// Drivers below it.
    pub lower: Vec<ServiceName>,
}

/// Reads every class that has filters.
pub fn read(host: &dyn Host) -> Reading<Vec<ClassFilters>> {
    let mut inquiry = Inquiry::of(host);
    let classes = inquiry.keys_below(CLASSES).into_iter().map(|(class, key)| {
        let drivers = |name| {
            let names = key.strings(name).iter().filter(|it| !it.is_empty());
            names.map(|it| ServiceName::new(it)).collect()
        };
        ClassFilters {
            name: key.text("Class").map(str::to_owned),
            upper: drivers("UpperFilters"),
            lower: drivers("LowerFilters"),
            class,
        }
    });
    let found = classes.filter(|it| !it.upper.is_empty() || !it.lower.is_empty()).collect();
    inquiry.done(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn only_classes_with_filters_are_told() {
        let pc = Fixture::parse(
            r#"//- reg HKLM\SYSTEM\CurrentControlSet\Control\Class
//- reg HKLM\SYSTEM\CurrentControlSet\Control\Class\{1}
Class = sz:DiskDrive
UpperFilters = multi:"partmgr" "vault"
//- reg HKLM\SYSTEM\CurrentControlSet\Control\Class\{2}
Class = sz:Mouse
"#,
        );
        let found = read(&pc.unwrap()).found;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].upper, [ServiceName::new("partmgr"), ServiceName::new("vault")]);
    }
}
