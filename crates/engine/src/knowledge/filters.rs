//! File system minifilters: who registered which altitude, and what its load order group does.
//!
//! Tables: `knowledge/minifilter_altitudes.tsv`, `knowledge/altitude_groups.tsv`.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Serialize, Serializer};

use super::table::{Names, Table, file_key, given, rows, table};

/// One altitude that Microsoft gave to one driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// File name as registered, usually with `.sys`.
    pub driver: &'static str,
    /// Where it stands in the stack of filters.
    pub altitude: Altitude<'static>,
    /// Who registered it. Names of firms change: it may be another than today's maker.
    pub company: &'static str,
    /// Name of the load order group; [`group`] tells more.
    pub group: &'static str,
    /// What the registration says beside that, such as `64-bit` or `retired`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'static str>,
    /// Where that is known from.
    pub source: &'static str,
}

/// A load order group: a range of altitudes for filters of one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Its name, such as `FSFilter Anti-Virus`.
    pub name: &'static str,
    /// Lowest altitude.
    pub lowest: u32,
    /// Highest altitude, without what stands behind a decimal point.
    pub highest: u32,
    /// What filters of the group are for.
    pub purpose: &'static str,
    /// Whether they hold files that updates need.
    pub holds_files: Holding,
    /// What that looks like, as a sentence.
    pub during_updates: &'static str,
    /// Where the range and the purpose are known from.
    pub source: &'static str,
}

/// Whether filters of a group hold files, or keep others from them, while updates are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holding {
    /// Their purpose gives no reason to.
    Unlikely,
    /// They can.
    Possible,
    /// They look at every file that is written, or copy it.
    Likely,
}

/// A place in the stack of filters: a decimal number of any length, the higher the nearer to
/// programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Altitude<'t> {
    whole: u32,
    /// Digits behind the point, without zeros at the end: they compare as text.
    fraction: &'t str,
}

impl<'t> Altitude<'t> {
    /// Reads `321300` or `385250.5`.
    #[must_use]
    pub fn parse(text: &'t str) -> Option<Self> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        Some(Altitude { whole: whole.parse().ok()?, fraction: fraction.trim_end_matches('0') })
    }

    /// What stands before the point.
    #[must_use]
    pub fn whole(self) -> u32 {
        self.whole
    }
}

impl fmt::Display for Altitude<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fraction {
            "" => write!(f, "{}", self.whole),
            fraction => write!(f, "{}.{fraction}", self.whole),
        }
    }
}

impl Serialize for Altitude<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Filter {
    /// Whether the registration says that it is no longer used.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.note.is_some_and(|note| note.starts_with("old") || note.starts_with("retired"))
    }
}

/// The registration of a driver, by its file name with or without folder and `.sys`; of several
/// the first that is still used. Constant time.
#[must_use]
pub fn by_driver(name: &str) -> Option<&'static Filter> {
    let all = of_driver(name);
    all.iter().find(|filter| !filter.is_retired()).or(all.first())
}

/// All registrations of a driver; some names are used by several makers. Constant time.
#[must_use]
pub fn of_driver(name: &str) -> &'static [Filter] {
    let tables = tables();
    let at = tables.by_driver.get(&file_key(name, ".sys")).first();
    at.map_or(&[], |at| &tables.filters[at.clone()])
}

/// Who has exactly this altitude. Constant time.
pub fn at(altitude: Altitude<'_>) -> impl Iterator<Item = &'static Filter> {
    let tables = tables();
    // The closure shortens `'static` to the life of what is asked.
    let map: &HashMap<Altitude<'_>, Vec<usize>> = &tables.by_altitude;
    let places = map.get(&altitude).map_or(&[][..], Vec::as_slice);
    places.iter().map(|&at| &tables.filters[at])
}

/// The load order group whose range holds an altitude; `None` between the ranges.
#[must_use]
pub fn group_of(altitude: Altitude<'_>) -> Option<&'static Group> {
    let groups = groups();
    let after = groups.partition_point(|group| group.lowest <= altitude.whole);
    let group = &groups[after.checked_sub(1)?];
    (altitude.whole <= group.highest).then_some(group)
}

/// A load order group by its name, however it is capitalised.
#[must_use]
pub fn group(name: &str) -> Option<&'static Group> {
    groups().iter().find(|group| group.name.eq_ignore_ascii_case(name.trim()))
}

/// All groups, the lowest altitude first.
#[must_use]
pub fn groups() -> &'static [Group] {
    static GROUPS: OnceLock<Vec<Group>> = OnceLock::new();
    GROUPS.get_or_init(|| {
        let mut groups: Vec<Group> = rows(GROUP_TABLE).map(group_in).collect();
        groups.sort_by_key(|group| group.lowest);
        groups
    })
}

/// All registrations, sorted by the name of the driver.
#[must_use]
pub fn all() -> &'static [Filter] {
    &tables().filters
}

struct Tables {
    /// Sorted by driver, so that the rows of one driver stand together.
    filters: Vec<Filter>,
    by_driver: Names<Range<usize>>,
    by_altitude: HashMap<Altitude<'static>, Vec<usize>>,
}

pub(super) const TABLE: Table = table!("minifilter_altitudes");
pub(super) const GROUP_TABLE: Table = table!("altitude_groups");

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(read_tables)
}

fn read_tables() -> Tables {
    let mut filters: Vec<Filter> = rows(TABLE).map(filter_in).collect();
    // Of one driver the highest altitude comes first, as in a listing of the stack.
    filters.sort_by_cached_key(|it| (file_key(it.driver, ".sys"), std::cmp::Reverse(it.altitude)));
    let mut by_driver = Names::default();
    let mut by_altitude: HashMap<Altitude<'static>, Vec<usize>> = HashMap::new();
    let mut from = 0;
    for at in 0..filters.len() {
        by_altitude.entry(filters[at].altitude).or_default().push(at);
        let key = file_key(filters[at].driver, ".sys");
        if filters.get(at + 1).is_none_or(|next| file_key(next.driver, ".sys") != key) {
            by_driver.add(key, from..at + 1);
            from = at + 1;
        }
    }
    Tables { filters, by_driver, by_altitude }
}

fn filter_in([driver, altitude, company, group, note, source]: [&'static str; 6]) -> Filter {
    let altitude = Altitude::parse(altitude).expect("a test reads every altitude");
    Filter { driver, altitude, company, group, note: given(note), source }
}

fn group_in(row: [&'static str; 7]) -> Group {
    let [name, lowest, highest, purpose, holds_files, during_updates, source] = row;
    let number = |text: &str| text.parse().expect("a test reads every range");
    Group {
        name,
        lowest: number(lowest),
        highest: number(highest),
        purpose,
        holds_files: match holds_files {
            "likely" => Holding::Likely,
            "possible" => Holding::Possible,
            _ => Holding::Unlikely,
        },
        during_updates,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_is_found_however_it_is_spelled() {
        for name in ["mfehidk.sys", "MFEHIDK", r"\SystemRoot\system32\drivers\mfehidk.sys"] {
            let found = by_driver(name).unwrap();
            assert_eq!(
                (found.driver, found.altitude.to_string().as_str()),
                ("mfehidk.sys", "321300")
            );
        }
        assert_eq!(by_driver("WdFilter").unwrap().group, "FSFilter Anti-Virus");
        assert_eq!(by_driver("no-such-driver.sys"), None);
        assert_eq!(by_driver(""), None);
    }

    #[test]
    fn a_name_with_question_marks_stands_for_all_that_fit() {
        assert!(by_driver("pfmfs_64a.sys").unwrap().company.starts_with("Pismo"));
    }

    #[test]
    fn altitudes_compare_as_decimal_numbers_of_any_length() {
        let read = |text| Altitude::parse(text).unwrap();
        assert!(read("385250") < read("385250.5"));
        assert!(read("320110.99") > read("320110.9"));
        assert!(read("99999") < read("100000"));
        assert_eq!(read("320110.50"), read("320110.5"));
        assert_eq!(read("1.0").to_string(), "1");
        for bad in ["", ".", "1.", ".5", "-1", "1e5", "1,5", "99999999999", "321300x"] {
            assert_eq!(Altitude::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_altitude_belongs_to_the_group_whose_range_holds_it() {
        let name = |text| group_of(Altitude::parse(text).unwrap()).map(|group| group.name);
        assert_eq!(name("321300"), Some("FSFilter Anti-Virus"));
        assert_eq!(name("385250.5"), Some("FSFilter Activity Monitor"));
        assert_eq!(name("329999.9"), Some("FSFilter Anti-Virus"));
        assert_eq!(name("0"), Some("FSFilter Infrastructure"));
        assert_eq!(name("335000"), None);
        assert_eq!(name("4000000000"), None);
    }

    #[test]
    fn several_may_share_one_altitude() {
        let drivers: Vec<_> = at(Altitude::parse("388510").unwrap()).map(|it| it.driver).collect();
        assert_eq!(drivers, ["CyProtectDrv32.sys", "CyProtectDrv64.sys"]);
        assert_eq!(at(Altitude::parse("1.5").unwrap()).count(), 0);
    }
}
