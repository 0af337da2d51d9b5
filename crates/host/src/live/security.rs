//! What protects this PC: products known to the Security Center, and Microsoft Defender.

use super::com::LIMIT;
use super::limit::Asked;
use super::wmi;
use crate::HostErrorKind;
use crate::probe::{Defender, Part, ProductKind, ProductState, Security, SecurityProduct};

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
        })
    });
    Security { products: together(antivirus, firewall), defender: one(defender) }
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
