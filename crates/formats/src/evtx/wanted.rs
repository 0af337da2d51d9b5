//! Which events are worth expanding: providers and their event ids.

use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Ids of events are 16 bits wide in manifests and in records.
const LAST_ID: u32 = 0xFFFF;

/// A set of (provider, event ids), built once from rules and asked for every record.
///
/// Providers are compared without case, and a blank equals an underscore, so that the names of
/// [`Event::line`](super::Event::line) can be given as they stand there.
#[derive(Debug, Clone)]
pub struct Wanted {
    everything: bool,
    providers: HashMap<String, usize>,
    ids: Vec<Ids>,
    any: Ids,
}

/// Which of a provider's ids are wanted; an index into [`Wanted`] found once for many records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProviderIndex(usize);

impl Default for Wanted {
    fn default() -> Self {
        Self::nothing()
    }
}

impl Wanted {
    /// No event at all; to be added to.
    #[must_use]
    pub fn nothing() -> Self {
        Self { everything: false, providers: HashMap::new(), ids: Vec::new(), any: Ids::none() }
    }

    /// Every event of every provider.
    #[must_use]
    pub fn everything() -> Self {
        Self { everything: true, ..Self::nothing() }
    }

    /// Adds events of `provider` with these ids; ids above 65,535 do not exist.
    pub fn add(&mut self, provider: &str, ids: RangeInclusive<u32>) {
        let index = self.index_or_new(provider);
        for id in *ids.start()..=(*ids.end()).min(LAST_ID) {
            self.ids[index].add(id);
            self.any.add(id);
        }
    }

    /// Adds all events of `provider`.
    pub fn add_all(&mut self, provider: &str) {
        let index = self.index_or_new(provider);
        self.ids[index] = Ids::All;
        self.any = Ids::All;
    }

    /// Whether events of `provider` with this id are wanted.
    #[must_use]
    pub fn wants(&self, provider: &str, id: u32) -> bool {
        self.everything
            || self.provider(&folded(provider)).is_some_and(|index| self.provider_wants(index, id))
    }

    /// Whether nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.everything && self.providers.is_empty()
    }

    pub(super) fn is_everything(&self) -> bool {
        self.everything
    }

    /// Whether any provider has this id in the set: the cheapest question, so asked first.
    pub(super) fn any_provider_wants(&self, id: u32) -> bool {
        self.any.contains(id)
    }

    /// The provider by its name as [`folded`] gives it.
    pub(super) fn provider(&self, folded_name: &str) -> Option<ProviderIndex> {
        self.providers.get(folded_name).copied().map(ProviderIndex)
    }

    pub(super) fn provider_wants(&self, provider: ProviderIndex, id: u32) -> bool {
        self.ids[provider.0].contains(id)
    }

    fn index_or_new(&mut self, provider: &str) -> usize {
        let next = self.ids.len();
        let index = *self.providers.entry(folded(provider)).or_insert(next);
        if index == next {
            self.ids.push(Ids::none());
        }
        index
    }
}

/// The form in which names of providers are compared.
fn folded(provider: &str) -> String {
    let mut name = provider.to_owned();
    fold_name(&mut name);
    name
}

/// Puts a provider's name in the form in which it is compared.
pub(super) fn fold_name(name: &mut String) {
    name.make_ascii_lowercase();
    if name.contains(' ') {
        *name = name.replace(' ', "_");
    }
}

/// A set of ids with constant-time look-up.
#[derive(Debug, Clone)]
enum Ids {
    All,
    Some(Box<[u64; 1024]>),
}

impl Ids {
    fn none() -> Self {
        Ids::Some(Box::new([0; 1024]))
    }

    fn add(&mut self, id: u32) {
        if let Ids::Some(bits) = self
            && let Some(word) = bits.get_mut(id as usize / 64)
        {
            *word |= 1 << (id % 64);
        }
    }

    fn contains(&self, id: u32) -> bool {
        match self {
            Ids::All => true,
            Ids::Some(bits) => {
                bits.get(id as usize / 64).is_some_and(|word| word & (1 << (id % 64)) != 0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_asked_for_are_wanted() {
        let mut wanted = Wanted::nothing();
        assert!(wanted.is_empty());
        wanted.add("Service Control Manager", 7000..=7035);
        wanted.add("service_control_manager", 7041..=7041);
        wanted.add_all("Microsoft-Windows-Servicing");
        for (provider, id, expected) in [
            ("Service Control Manager", 7000, true),
            ("SERVICE CONTROL MANAGER", 7035, true),
            ("Service_Control_Manager", 7041, true),
            ("Service Control Manager", 7036, false),
            ("Service Control Manager", 70_000, false),
            ("Microsoft-Windows-Servicing", 1, true),
            ("Microsoft-Windows-Servicing", u32::MAX, true),
            ("Microsoft-Windows-Other", 7000, false),
        ] {
            assert_eq!(wanted.wants(provider, id), expected, "{provider} {id}");
        }
    }

    #[test]
    fn a_range_without_end_is_no_trouble() {
        let mut wanted = Wanted::nothing();
        wanted.add("x", 65_000..=u32::MAX);
        assert!(wanted.wants("X", 65_535));
        assert!(!wanted.wants("x", 65_536));
    }

    #[test]
    fn everything_wants_everything() {
        assert!(Wanted::everything().wants("anybody", 1));
        assert!(!Wanted::nothing().wants("anybody", 1));
    }
}
