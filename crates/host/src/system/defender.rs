//! Who decides about Microsoft Defender: whoever uses the PC, or an organisation.

use super::{Inquiry, Reading};
use crate::Host;

/// Where Defender for Endpoint tells whether the PC is onboarded.
const ONBOARDING: &str = r"HKLM\SOFTWARE\Microsoft\Windows Advanced Threat Protection\Status";
/// Where policies about Defender stand, and the keys below it that matter here.
const POLICIES: &str = r"HKLM\SOFTWARE\Policies\Microsoft\Windows Defender";
const BELOW: [&str; 4] =
    ["Real-Time Protection", "Exclusions", r"Exclusions\Paths", "Policy Manager"];

/// An organisation that decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// The PC is onboarded to Defender for Endpoint.
    Endpoint,
    /// A policy is set in this key.
    Policy(String),
}

/// Everybody who decides about it beside the user.
pub fn read(host: &dyn Host) -> Reading<Vec<Owner>> {
    let mut inquiry = Inquiry::of(host);
    let mut found = Vec::new();
    if inquiry.key(ONBOARDING).is_some_and(|key| key.dword("OnboardingState") == Some(1)) {
        found.push(Owner::Endpoint);
    }
    let below = BELOW.map(|it| format!(r"{POLICIES}\{it}"));
    for path in std::iter::once(POLICIES.to_owned()).chain(below) {
        if inquiry.key(&path).is_some_and(|key| !key.values.is_empty()) {
            found.push(Owner::Policy(path));
        }
    }
    inquiry.done(found)
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Owner::Endpoint => f.write_str("Microsoft Defender for Endpoint manages it"),
            Owner::Policy(key) => write!(f, "a policy decides about it ({key})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fixture;

    #[test]
    fn an_organisation_is_told_by_onboarding_or_policy_and_silence_is_no_answer() {
        let told = |text: &str| read(&Fixture::parse(text).unwrap());
        let text = format!("//- reg \"{ONBOARDING}\"\nOnboardingState = dword:1\n");
        assert_eq!(told(&text).found, [Owner::Endpoint]);
        let key = format!(r"{POLICIES}\Real-Time Protection");
        let text = format!("//- reg \"{key}\"\nDisableRealtimeMonitoring = dword:1\n");
        assert_eq!(told(&text).found, [Owner::Policy(key)]);
        let text = format!("//- reg \"{POLICIES}\"\n");
        assert_eq!(told(&text).found, []);
        assert_eq!(told("").unknown.len(), 6);
    }
}
