//! The component store, and the images it can be repaired from.

use unwedge_formats::wim;

/// How the component store stands, as far as Windows has taken note of it: the mark that the last
/// scan left, and no scan of its own. A store that was never scanned counts as healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreHealth {
    /// No damage was noted.
    Healthy,
    /// Damage was noted that can be repaired.
    Repairable,
    /// Damage was noted that cannot be repaired: Windows has to be installed over itself.
    NotRepairable,
}

impl StoreHealth {
    /// What the numbers of `DismImageHealthState` mean (Microsoft: DISM API reference).
    #[must_use]
    pub fn of_dism(state: i32) -> Option<Self> {
        match state {
            0 => Some(StoreHealth::Healthy),
            1 => Some(StoreHealth::Repairable),
            2 => Some(StoreHealth::NotRepairable),
            _ => None,
        }
    }
}

/// What lies where a repair is to take its files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceContent {
    /// A folder: that of a mounted image, or one with the files themselves.
    Folder,
    /// A file of images, `.wim` or `.esd`.
    Images(Vec<wim::Image>),
    /// A file of another kind.
    Other,
}
