//! Who manages a PC: an organisation by its domain, its cloud directory, device management,
//! Configuration Manager, an update server, or nobody.
//!
//! Being a member of something is no management of updates by itself; [`Management::of_updates`]
//! keeps the two apart.

use super::policy::{self, UpdatePolicy};
use super::services::SERVICES;
use super::{Inquiry, Reading};
use crate::probe::{self, Membership};
use crate::{Host, HostErrorKind};

const CLOUD: &str = r"HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo";
const ENROLLMENTS: &str = r"HKLM\SOFTWARE\Microsoft\Enrollments";
const CONFIG_MANAGER: &str = r"HKLM\SOFTWARE\Microsoft\SMS\Mobile Client";
const NETWORK: &str = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";

/// Everything that says who manages a PC; `None` where that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Management {
    /// Whether it is a member of a domain or of a workgroup; only a running PC tells.
    pub membership: Option<Membership>,
    /// The domain of its network names, which members of a domain have.
    pub network_domain: Option<String>,
    /// Tenants of a cloud directory (Microsoft Entra) the PC has joined.
    pub cloud_tenants: Vec<String>,
    /// Services for the management of devices that the PC is enrolled with, such as
    /// `MS DM Server` (Intune).
    pub enrolled_with: Vec<String>,
    /// The site of Configuration Manager; empty if its client is there and has none.
    pub config_manager_site: Option<String>,
    /// What policies say of updates.
    pub policy: UpdatePolicy,
}

/// Who decides about updates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// Configuration Manager, of this site.
    ConfigurationManager(String),
    /// An update server of the organisation.
    Server(String),
    /// A service for the management of devices.
    Device(String),
    /// Policies, of whoever set them.
    Policy,
}

/// Reads all of it.
pub fn read(host: &dyn Host) -> Reading<Management> {
    let mut inquiry = Inquiry::of(host);
    let policy = policy::read(host);
    let membership = match probe::membership(host) {
        Ok(told) => Some(told),
        Err(error) if error.kind == HostErrorKind::NotCollected => None,
        Err(error) => inquiry.noted("membership of a domain", Err(error)),
    };
    let network = inquiry.key(NETWORK).unwrap_or_default();
    let domain = ["Domain", "NV Domain"].into_iter().find_map(|name| network.text(name));
    let tenants = inquiry.keys_below(CLOUD).into_iter();
    let tenants = tenants.filter_map(|(_, key)| key.text("TenantId").map(str::to_owned));
    let found = Management {
        membership,
        network_domain: domain.filter(|it| !it.is_empty()).map(str::to_owned),
        cloud_tenants: tenants.collect(),
        enrolled_with: enrollments(&mut inquiry),
        config_manager_site: config_manager(&mut inquiry),
        policy: policy.found,
    };
    inquiry.unknown.extend(policy.unknown);
    inquiry.done(found)
}

/// Enrolments that are complete (`EnrollmentState` 1) and are of a service rather than of Windows
/// itself, which keeps keys of the same form there.
fn enrollments(inquiry: &mut Inquiry<'_>) -> Vec<String> {
    const COMPLETE: u32 = 1;
    let all = inquiry.keys_below(ENROLLMENTS).into_iter();
    let complete = all.filter(|(_, key)| key.dword("EnrollmentState") == Some(COMPLETE));
    let mut named: Vec<String> = complete
        .filter_map(|(_, key)| key.text("ProviderID").map(str::to_owned))
        .filter(|it| !it.is_empty() && !it.eq_ignore_ascii_case("Local_Management"))
        .collect();
    named.sort();
    named.dedup();
    named
}

/// The client is there if its service is; its key stays behind when it is removed.
fn config_manager(inquiry: &mut Inquiry<'_>) -> Option<String> {
    inquiry.key(&format!(r"{SERVICES}\CcmExec"))?;
    let client = inquiry.key(CONFIG_MANAGER);
    Some(client.and_then(|it| it.text("AssignedSiteCode").map(str::to_owned)).unwrap_or_default())
}

impl Management {
    /// Who decides about updates, those who decide most first; empty is the user of the PC.
    #[must_use]
    pub fn of_updates(&self) -> Vec<Manager> {
        let mut found = Vec::new();
        found.extend(self.config_manager_site.clone().map(Manager::ConfigurationManager));
        let server = self.policy.server.clone().filter(|_| self.policy.uses_server == Some(true));
        found.extend(server.map(Manager::Server));
        found.extend(self.enrolled_with.iter().cloned().map(Manager::Device));
        let is_set = |path: &str| path.contains(r"\Policies\") || path.contains("PolicyManager");
        let ruled = self.policy.values.iter().any(|(path, ..)| is_set(path));
        found.extend(ruled.then_some(Manager::Policy));
        found
    }

    /// Whether it belongs to an organisation; `None` where that is not known.
    #[must_use]
    pub fn is_of_an_organisation(&self) -> Option<bool> {
        let seen = !self.cloud_tenants.is_empty()
            || !self.enrolled_with.is_empty()
            || self.config_manager_site.is_some();
        match &self.membership {
            Some(Membership::Domain(_)) => Some(true),
            _ if seen => Some(true),
            Some(Membership::Workgroup(_) | Membership::None) => Some(false),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn membership_and_management_of_updates_are_kept_apart() {
        let pc = Fixture::parse(
            r"//- membership domain=EXAMPLE
//- reg HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters
Domain = sz:example.org
//- reg HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo
//- reg HKLM\SYSTEM\CurrentControlSet\Control\CloudDomainJoin\JoinInfo\AB12
TenantId = sz:11111111-2222-3333-4444-555555555555
//- reg HKLM\SOFTWARE\Microsoft\Enrollments
//- reg HKLM\SOFTWARE\Microsoft\Enrollments\{1}
EnrollmentState = dword:1
ProviderID = sz:Local_Management
//- absent key HKLM\SYSTEM\CurrentControlSet\Services\CcmExec
",
        );
        let read = read(&pc.unwrap()).found;
        assert_eq!(read.membership, Some(Membership::Domain("EXAMPLE".to_owned())));
        assert_eq!(read.network_domain.as_deref(), Some("example.org"));
        assert_eq!((read.cloud_tenants.len(), read.enrolled_with.len()), (1, 0));
        assert_eq!(read.is_of_an_organisation(), Some(true));
        assert_eq!(read.of_updates(), []);
    }

    #[test]
    fn whoever_decides_most_about_updates_comes_first() {
        let pc = Fixture::parse(
            r#"//- membership workgroup=WORKGROUP
//- reg HKLM\SYSTEM\CurrentControlSet\Services\CcmExec
//- reg "HKLM\SOFTWARE\Microsoft\SMS\Mobile Client"
AssignedSiteCode = sz:P01
//- reg HKLM\SOFTWARE\Microsoft\Enrollments
//- reg HKLM\SOFTWARE\Microsoft\Enrollments\{1}
EnrollmentState = dword:1
ProviderID = sz:MS DM Server
//- reg HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate
WUServer = sz:http://wsus.example:8530
//- reg HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU
UseWUServer = dword:1
"#,
        );
        let read = read(&pc.unwrap()).found;
        let wanted = [
            Manager::ConfigurationManager("P01".to_owned()),
            Manager::Server("http://wsus.example:8530".to_owned()),
            Manager::Device("MS DM Server".to_owned()),
            Manager::Policy,
        ];
        assert_eq!(read.of_updates(), wanted);
        assert_eq!(read.is_of_an_organisation(), Some(true), "whatever the workgroup");
    }
}
