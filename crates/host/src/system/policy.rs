//! Policies that decide where updates come from, when, and whether at all.

use super::{Inquiry, Reading};
use crate::{Data, Host, Key};

const UPDATE: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const AUTOMATIC: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU";
const SETTINGS: &str = r"HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\Settings";
const SERVICING: &str = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Servicing";
const DELIVERY: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\DeliveryOptimization";
const TRANSFER: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows\BITS";
/// Set through device management rather than group policy.
const MANAGED: &str = r"HKLM\SOFTWARE\Microsoft\PolicyManager\current\device\Update";

/// What policies say; `None` and empty where they say nothing and Windows does what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// The update server of the organisation (`WUServer`), which counts only if
    /// [`UpdatePolicy::uses_server`].
    pub server: Option<String>,
    /// Where results are reported to (`WUStatusServer`).
    pub status_server: Option<String>,
    /// `UseWUServer`.
    pub uses_server: Option<bool>,
    /// `NoAutoUpdate`.
    pub no_automatic_updates: Option<bool>,
    /// `AUOptions`: 2 asks before the download, 3 before installing, 4 installs at a set time,
    /// 5 lets the administrator of the PC choose, 7 notifies of install and restart.
    pub automatic_option: Option<u32>,
    /// `DisableWindowsUpdateAccess`: the pages of Windows Update are blocked.
    pub blocks_access: Option<bool>,
    /// `DoNotConnectToWindowsUpdateInternetLocations`: also repairs and features on demand find
    /// no source but the server.
    pub blocks_internet: Option<bool>,
    /// `TargetReleaseVersionInfo`, if `TargetReleaseVersion` is on, such as `23H2`.
    pub target_release: Option<String>,
    /// `ProductVersion`, such as `Windows 11`.
    pub product: Option<String>,
    /// How many days quality updates are put off.
    pub quality_deferral_days: Option<u32>,
    /// How many days feature updates are put off.
    pub feature_deferral_days: Option<u32>,
    /// Pauses, by the user or by policy: the name of the value and its text.
    pub pauses: Vec<(String, String)>,
    /// `SetPolicyDrivenUpdateSourceFor…`: the kind of update, and whether it comes from the server.
    pub sources: Vec<(String, bool)>,
    /// Where servicing looks for missing files (`LocalSourcePath`).
    pub repair_source: Option<String>,
    /// `UseWindowsUpdate` of servicing is 2: missing files never come from Windows Update.
    pub repairs_avoid_windows_update: bool,
    /// `RepairContentServerSource` is 2: missing files come from Windows Update, not the server.
    pub repairs_bypass_server: bool,
    /// `DODownloadMode`: 0 no peers, 1 same network, 2 group, 3 internet, 99 simple, 100 BITS
    /// instead.
    pub download_mode: Option<u32>,
    /// Limits of the transfer service, by the name of their value.
    pub transfer_limits: Vec<(String, u32)>,
    /// Every value of these keys, as it stands there: key, name, data.
    pub values: Vec<(&'static str, String, Data)>,
}

/// Reads all of it.
pub fn read(host: &dyn Host) -> Reading<UpdatePolicy> {
    let mut inquiry = Inquiry::of(host);
    let mut ask = |path| inquiry.key(path).unwrap_or_default();
    let (update, automatic, settings) = (ask(UPDATE), ask(AUTOMATIC), ask(SETTINGS));
    let (servicing, delivery, transfer) = (ask(SERVICING), ask(DELIVERY), ask(TRANSFER));
    let managed = ask(MANAGED);
    let text = |key: &Key, name| key.text(name).filter(|it| !it.is_empty()).map(str::to_owned);
    let flag = |key: &Key, name| key.dword(name).map(|it| it != 0);
    let found = UpdatePolicy {
        server: text(&update, "WUServer"),
        status_server: text(&update, "WUStatusServer"),
        uses_server: flag(&automatic, "UseWUServer"),
        no_automatic_updates: flag(&automatic, "NoAutoUpdate"),
        automatic_option: automatic.dword("AUOptions"),
        blocks_access: flag(&update, "DisableWindowsUpdateAccess"),
        blocks_internet: flag(&update, "DoNotConnectToWindowsUpdateInternetLocations"),
        target_release: (update.dword("TargetReleaseVersion") == Some(1))
            .then(|| text(&update, "TargetReleaseVersionInfo"))
            .flatten()
            .or_else(|| text(&managed, "TargetReleaseVersion")),
        product: text(&update, "ProductVersion").or_else(|| text(&managed, "ProductVersion")),
        quality_deferral_days: deferral(&update, &managed, "Quality"),
        feature_deferral_days: deferral(&update, &managed, "Feature"),
        pauses: [&update, &settings, &managed].into_iter().flat_map(pauses).collect(),
        sources: sources(&update),
        repair_source: text(&servicing, "LocalSourcePath"),
        repairs_avoid_windows_update: servicing.dword("UseWindowsUpdate") == Some(2),
        repairs_bypass_server: servicing.dword("RepairContentServerSource") == Some(2),
        download_mode: delivery.dword("DODownloadMode"),
        transfer_limits: (transfer.values.iter())
            .filter_map(|(name, _)| Some((name.clone(), transfer.dword(name)?)))
            .collect(),
        values: [
            (UPDATE, update),
            (AUTOMATIC, automatic),
            (SETTINGS, settings),
            (SERVICING, servicing),
            (DELIVERY, delivery),
            (TRANSFER, transfer),
            (MANAGED, managed),
        ]
        .into_iter()
        .flat_map(|(path, key)| key.values.into_iter().map(move |(name, data)| (path, name, data)))
        .collect(),
    };
    inquiry.done(found)
}

/// Days count only where putting off is switched on; policy of device management has no switch.
fn deferral(update: &Key, managed: &Key, kind: &str) -> Option<u32> {
    let days = format!("Defer{kind}UpdatesPeriodInDays");
    let by_policy = update.dword(&days);
    let is_on = update.dword(&format!("Defer{kind}Updates")) != Some(0);
    by_policy.filter(|_| is_on).or_else(|| managed.dword(&days))
}

/// `PauseUpdatesExpiryTime`, `PauseQualityUpdatesStartTime` and their like; a switch counts if on.
fn pauses(key: &Key) -> Vec<(String, String)> {
    let values = key
        .values
        .iter()
        .filter(|(name, _)| name.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("Pause")));
    let told = values.filter_map(|(name, data)| {
        let text = match data {
            Data::Sz(text) | Data::ExpandSz(text) if !text.is_empty() => text.clone(),
            Data::Dword(number) if *number != 0 => number.to_string(),
            _ => return None,
        };
        Some((name.clone(), text))
    });
    told.collect()
}

fn sources(update: &Key) -> Vec<(String, bool)> {
    const BEGINNING: &str = "SetPolicyDrivenUpdateSourceFor";
    let values = update.values.iter().filter_map(|(name, _)| {
        let begin = name.get(..BEGINNING.len())?;
        let kind = name.get(BEGINNING.len()..)?;
        begin.eq_ignore_ascii_case(BEGINNING).then_some(())?;
        Some((kind.to_owned(), update.dword(name)? == 1))
    });
    values.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn what_policies_say_is_read_and_switches_count() {
        let pc = Fixture::parse(
            r"//- reg HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate
WUServer = sz:http://wsus.example:8530
TargetReleaseVersion = dword:1
TargetReleaseVersionInfo = sz:23H2
ProductVersion = sz:Windows 11
DeferQualityUpdates = dword:0
DeferQualityUpdatesPeriodInDays = dword:7
DeferFeatureUpdatesPeriodInDays = dword:30
SetPolicyDrivenUpdateSourceForQualityUpdates = dword:1
SetPolicyDrivenUpdateSourceForDriverUpdates = dword:0
//- reg HKLM\SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU
UseWUServer = dword:1
//- reg HKLM\SOFTWARE\Microsoft\WindowsUpdate\UX\Settings
PauseUpdatesExpiryTime = sz:2026-02-01T00:00:00Z
PauseNothing = dword:0
//- reg HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Policies\Servicing
LocalSourcePath = expand:\\server\sxs
UseWindowsUpdate = dword:2
//- absent key HKLM\SOFTWARE\Policies\Microsoft\Windows\DeliveryOptimization
",
        );
        let read = read(&pc.unwrap());
        let policy = &read.found;
        assert_eq!(policy.server.as_deref(), Some("http://wsus.example:8530"));
        assert_eq!(policy.uses_server, Some(true));
        assert_eq!(policy.target_release.as_deref(), Some("23H2"));
        assert_eq!(policy.quality_deferral_days, None, "it is switched off");
        assert_eq!(policy.feature_deferral_days, Some(30));
        assert_eq!(policy.pauses.len(), 1);
        let kinds = [("QualityUpdates".to_owned(), true), ("DriverUpdates".to_owned(), false)];
        assert_eq!(policy.sources, kinds);
        assert!(policy.repairs_avoid_windows_update);
        assert_eq!(policy.values.len(), 14);
        assert_eq!(read.unknown.len(), 2, "BITS and device management were not collected");
    }
}
