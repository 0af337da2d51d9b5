//! What stands in for a private value: the same each time, and never like a real one.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The kinds of private values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Private {
    /// The name of a person's account or profile folder.
    User,
    /// The name of a PC or server of the organisation.
    Host,
    /// The name of a domain or workgroup.
    Domain,
    /// The identifier of an account: the machine or domain part of it; the last part stays.
    Sid,
    /// An address of mail.
    Mail,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// The address of a network card.
    Mac,
    /// A serial number, asset tag or the like.
    Serial,
    /// A product key or product ID.
    ProductKey,
    /// An identifier of this PC, such as `SusClientId`.
    MachineId,
}

impl Private {
    /// The word used in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Private::User => "user",
            Private::Host => "host",
            Private::Domain => "domain",
            Private::Sid => "sid",
            Private::Mail => "mail",
            Private::Ipv4 => "ipv4",
            Private::Ipv6 => "ipv6",
            Private::Mac => "mac",
            Private::Serial => "serial",
            Private::ProductKey => "product_key",
            Private::MachineId => "machine_id",
        }
    }

    /// The stand-in of this number, from 1.
    fn fake(self, number: usize) -> String {
        let [high, low] = [number >> 8, number & 255];
        match self {
            Private::User => format!("user{number}"),
            Private::Host => format!("host{number}"),
            Private::Domain => format!("domain{number}.example"),
            Private::Sid => format!("S-1-5-21-1000000001-1000000002-{}", 1_000_000_000 + number),
            Private::Mail => format!("user{number}@mail.example"),
            // The ranges for documentation (RFC 5737), then that for benchmarks (RFC 2544).
            Private::Ipv4 => match number {
                1..=254 => format!("192.0.2.{number}"),
                255..=508 => format!("198.51.100.{}", number - 254),
                509..=762 => format!("203.0.113.{}", number - 508),
                _ => format!("198.18.{}.{low}", high & 255),
            },
            // RFC 3849.
            Private::Ipv6 => format!("2001:db8::{number:x}"),
            // RFC 7042, section 2.1.2, then addresses that are local by their second bit.
            Private::Mac if number < 256 => format!("00-00-5E-00-53-{low:02X}"),
            Private::Mac => format!("02-00-5E-00-{:02X}-{low:02X}", high & 255),
            Private::Serial => format!("SERIAL{number:04}"),
            Private::ProductKey => format!("AAAAA-AAAAA-AAAAA-AAAAA-{number:05}"),
            Private::MachineId => format!("00000000-0000-4000-8000-{number:012}"),
        }
    }
}

/// Which value stands in for which.
#[derive(Debug, Default)]
pub(super) struct Fakes {
    /// Values as first seen, in the order in which they were met.
    learnt: Vec<(Private, Vec<u8>)>,
    known: HashSet<(Private, Vec<u8>)>,
    fakes: HashMap<(Private, Vec<u8>), String>,
}

impl Fakes {
    pub(super) fn learn(&mut self, kind: Private, value: &[u8]) {
        if self.known.insert((kind, folded(value))) {
            self.learnt.push((kind, value.to_vec()));
        }
    }

    /// Whether a value was learnt.
    pub(super) fn has(&self, kind: Private, value: &[u8]) -> bool {
        self.known.contains(&(kind, folded(value)))
    }

    /// Gives each learnt value its stand-in: none that is itself a value that was learnt.
    pub(super) fn settle(&mut self) {
        let originals: HashSet<Vec<u8>> =
            self.learnt.iter().map(|(_, value)| folded(value)).collect();
        let mut numbers: BTreeMap<Private, usize> = BTreeMap::new();
        for (kind, value) in &self.learnt {
            // A PC that is not in a domain stands for one in the names of its accounts.
            let names = [Private::Host, Private::Domain, Private::User];
            let same = names.into_iter().find_map(|it| self.fakes.get(&(it, folded(value))));
            if let Some(fake) = same.filter(|_| names.contains(kind)).cloned() {
                self.fakes.insert((*kind, folded(value)), fake);
                continue;
            }
            let number = numbers.entry(*kind).or_default();
            let fake = loop {
                *number += 1;
                let fake = kind.fake(*number);
                if !originals.contains(&folded(fake.as_bytes())) {
                    break fake;
                }
            };
            self.fakes.insert((*kind, folded(value)), fake);
        }
    }

    /// The stand-in of a value that was learnt.
    pub(super) fn of(&self, kind: Private, value: &[u8]) -> Option<&str> {
        self.fakes.get(&(kind, folded(value))).map(String::as_str)
    }

    pub(super) fn learnt(&self) -> &[(Private, Vec<u8>)] {
        &self.learnt
    }

    /// How many values of each kind were replaced.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (kind, _) in &self.learnt {
            *counts.entry(kind.name()).or_default() += 1;
        }
        counts
    }
}

/// The form by which values are compared.
pub(super) fn folded(value: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(value) {
        Ok(text) => text.to_lowercase().into_bytes(),
        // An 8-bit code page, read as the one of western Europe.
        Err(_) => latin(value).to_lowercase().into_bytes(),
    }
}

/// Bytes of an 8-bit code page as text.
pub(super) fn latin(value: &[u8]) -> String {
    value.iter().map(|&byte| char::from(byte)).collect()
}
