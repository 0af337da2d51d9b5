//! What protects a PC, as products register themselves with Windows.

use super::Part;

/// All of it; every part may be missing by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    /// Products that registered with the Security Center; servers have none of it.
    pub products: Part<Vec<SecurityProduct>>,
    /// Microsoft Defender.
    pub defender: Part<Defender>,
}

/// A product that registered with the Security Center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityProduct {
    /// What it registered as.
    pub kind: ProductKind,
    /// Its name.
    pub name: String,
    /// Its program, as registered.
    pub program: Option<String>,
    /// How it stands.
    pub state: ProductState,
}

/// What a product registered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum ProductKind {
    Antivirus,
    Firewall,
}

/// `productState`: three bytes that Microsoft does not document. They are read as
/// administrators commonly do: by the tenth of the thousands it is on or off, by the hundreds it
/// is Microsoft's, by the tens it knows the newest threats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductState(pub u32);

/// Whether a product is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Switch {
    Off,
    On,
    Snoozed,
    Expired,
    Unknown,
}

/// Whether what a product knows of threats is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Freshness {
    Current,
    Old,
    Unknown,
}

/// Microsoft Defender; `None` where its own report does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defender {
    /// `AMServiceEnabled`: its service runs.
    pub enabled: Option<bool>,
    /// `RealTimeProtectionEnabled`.
    pub real_time: Option<bool>,
    /// `IsTamperProtected`: others cannot change its settings.
    pub tamper_protected: Option<bool>,
    /// `AMRunningMode`, such as `Normal`, `Passive Mode`, `EDR Block Mode`.
    pub mode: Option<String>,
    /// `AntivirusSignatureAge`.
    pub signature_age_days: Option<u32>,
    /// `AMProductVersion`.
    pub version: Option<String>,
}

impl ProductState {
    /// Whether it is on.
    #[must_use]
    pub fn switch(self) -> Switch {
        match self.0 >> 12 & 0xf {
            0 => Switch::Off,
            1 => Switch::On,
            2 => Switch::Snoozed,
            3 => Switch::Expired,
            _ => Switch::Unknown,
        }
    }

    /// Whether it knows the newest threats.
    #[must_use]
    pub fn freshness(self) -> Freshness {
        match self.0 >> 4 & 0xf {
            0 => Freshness::Current,
            1 => Freshness::Old,
            _ => Freshness::Unknown,
        }
    }

    /// Whether it is Microsoft's own.
    #[must_use]
    pub fn is_of_microsoft(self) -> bool {
        self.0 >> 8 & 0xf == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_states_seen_in_the_field_are_read() {
        for (number, switch, freshness, is_of_microsoft) in [
            (266_240, Switch::On, Freshness::Current, false),
            (397_568, Switch::On, Freshness::Current, true),
            (393_472, Switch::Off, Freshness::Current, true),
            (266_256, Switch::On, Freshness::Old, false),
            (270_336, Switch::Snoozed, Freshness::Current, false),
            (u32::MAX, Switch::Unknown, Freshness::Unknown, false),
        ] {
            let state = ProductState(number);
            let told = (state.switch(), state.freshness(), state.is_of_microsoft());
            assert_eq!(told, (switch, freshness, is_of_microsoft), "{number}");
        }
    }
}
