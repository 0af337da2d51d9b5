//! What protects this PC: products known to the Security Center, and Microsoft Defender.

use super::com::LIMIT;
use super::limit::Asked;
use super::wmi::{self, Argument};
use crate::probe::{
    Defender, Part, ProductKind, ProductState, Security, SecurityProduct, exclusions_told,
};
use crate::{HostError, HostErrorKind, Result};

const CENTER: &str = r"root\SecurityCenter2";
const DEFENDER: &str = r"root\Microsoft\Windows\Defender";

/// Both, asked side by side.
pub(super) fn tell() -> Security {
    let antivirus = products("SELECT * FROM AntiVirusProduct", ProductKind::Antivirus);
    let firewall = products("SELECT * FROM FirewallProduct", ProductKind::Firewall);
    let defender = wmi::ask(DEFENDER, "SELECT * FROM MSFT_MpComputerStatus", LIMIT, |row| {
        Some(Defender {
            enabled: row.flag("AMServiceEnabled"),
            real_time: row.flag("RealTimeProtectionEnabled"),
            tamper_protected: row.flag("IsTamperProtected"),
            mode: row.text("AMRunningMode"),
            signature_age_days: row.number("AntivirusSignatureAge"),
            version: row.text("AMProductVersion"),
            exclusions: Err(HostErrorKind::NotCollected),
        })
    });
    let exclusions =
        wmi::ask(DEFENDER, "SELECT ExclusionPath FROM MSFT_MpPreference", LIMIT, |row| {
            row.texts("ExclusionPath")
        });
    let exclusions = exclusions
        .wait()
        .map_err(|error| error.kind)
        .and_then(|rows| exclusions_told(rows.into_iter().next().ok_or(HostErrorKind::Absent)?));
    let defender = one(defender).map(|it| Defender { exclusions, ..it });
    Security { products: together(antivirus, firewall), defender }
}

/// Switches real-time protection. That Windows takes it says nothing: it is read back by whoever
/// asked.
pub(super) fn protect(on: bool) -> Result<()> {
    let off = ("DisableRealtimeMonitoring", Argument::Flag(!on));
    prefer("Set", vec![off, ("Force", Argument::Flag(true))])
}

/// Lets Microsoft Defender leave `path` alone, or look at it again.
pub(super) fn exclude(path: &str, present: bool) -> Result<()> {
    let method = if present { "Add" } else { "Remove" };
    let list = ("ExclusionPath", Argument::List(path.to_owned()));
    prefer(method, vec![list, ("Force", Argument::Flag(true))])
}

fn prefer(method: &'static str, arguments: Vec<(&'static str, Argument)>) -> Result<()> {
    const CLASS: &str = "MSFT_MpPreference";
    match wmi::call(DEFENDER, CLASS, method, arguments, LIMIT).wait()? {
        0 => Ok(()),
        code => Err(HostError {
            op: "change",
            subject: "the settings of Microsoft Defender".to_owned(),
            kind: HostErrorKind::Com(code),
        }),
    }
}

fn products(query: &'static str, kind: ProductKind) -> Asked<Vec<SecurityProduct>> {
    wmi::ask(CENTER, query, LIMIT, move |row| {
        Some(SecurityProduct {
            kind,
            name: row.text("displayName")?,
            program: row.text("pathToSignedProductExe"),
            state: ProductState(row.number("productState")?),
        })
    })
}

fn together(
    first: Asked<Vec<SecurityProduct>>,
    second: Asked<Vec<SecurityProduct>>,
) -> Part<Vec<SecurityProduct>> {
    let mut all = first.wait().map_err(|error| error.kind)?;
    all.extend(second.wait().map_err(|error| error.kind)?);
    Ok(all)
}

fn one(asked: Asked<Vec<Defender>>) -> Part<Defender> {
    let found = asked.wait().map_err(|error| error.kind)?;
    found.into_iter().next().ok_or(HostErrorKind::Absent)
}
