//! Products that are known to stand in the way of updates: what belongs to them, how they are
//! paused and removed.
//!
//! Table: `knowledge/products.tsv`.

use std::sync::OnceLock;

use serde::Serialize;

use super::table::{Confidence, Names, Table, file_key, given, list, matches, rows, table};

/// One product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Product {
    /// Its name; older names in brackets.
    pub name: &'static str,
    /// Who makes it today.
    pub vendor: &'static str,
    /// What it is, such as `AV`, `EDR`, `backup`, `sync`.
    pub kind: &'static str,
    /// Short names of its services; `*` stands for a version.
    pub services: Vec<&'static str>,
    /// Image names of its processes, without names that many programs use.
    pub processes: Vec<&'static str>,
    /// File names of its own drivers; `*` stands for a version.
    pub drivers: Vec<&'static str>,
    /// Drivers of Windows that it works through.
    pub windows_drivers: Vec<&'static str>,
    /// How it is called in the list of installed programs; `*` stands for anything.
    pub uninstall_names: Vec<&'static str>,
    /// The vendor's tool that removes it, where the usual uninstaller is not all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal_tool: Option<&'static str>,
    /// How the vendor lets one pause it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub official_pause: Option<&'static str>,
    /// How sure the names are.
    pub confidence: Confidence,
    /// Columns that are general knowledge and not checked with a source; `all` for every one.
    pub unverified: Vec<&'static str>,
    /// Where that is known from.
    pub source: &'static str,
}

impl Product {
    /// Whether a column of the table is checked with a source.
    #[must_use]
    pub fn is_verified(&self, column: &str) -> bool {
        !self.unverified.iter().any(|it| *it == column || *it == "all")
    }
}

/// Products that bring a driver, by its file name with or without folder and `.sys`.
///
/// Several when one maker licences the engine of another: then the driver alone does not say which
/// product it is. Drivers of Windows belong to no product; see [`through_driver`].
#[must_use]
pub fn of_driver(name: &str) -> &'static [&'static Product] {
    index().drivers.get(&file_key(name, ".sys"))
}

/// Products that work through a driver of Windows, such as `cldflt.sys`.
#[must_use]
pub fn through_driver(name: &str) -> &'static [&'static Product] {
    index().windows_drivers.get(&file_key(name, ".sys"))
}

/// Products that bring a service, by its short name.
#[must_use]
pub fn of_service(name: &str) -> &'static [&'static Product] {
    index().services.get(&name.trim().to_lowercase())
}

/// Products that run a process, by its image name with or without folder and `.exe`.
#[must_use]
pub fn of_process(name: &str) -> &'static [&'static Product] {
    index().processes.get(&file_key(name, ".exe"))
}

/// Products whose entry in the list of installed programs is this one; the longest pattern, which
/// says most, first.
#[must_use]
pub fn of_uninstall_name(display_name: &str) -> Vec<&'static Product> {
    let name = display_name.trim().to_lowercase();
    let mut found: Vec<(usize, &Product)> = Vec::new();
    for product in all() {
        let patterns = product.uninstall_names.iter();
        let fitting = patterns.filter(|pattern| matches(&pattern.to_lowercase(), &name));
        found.extend(fitting.map(|pattern| pattern.len()).max().map(|length| (length, product)));
    }
    found.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
    found.into_iter().map(|(_, product)| product).collect()
}

/// The product with exactly this name, however it is capitalised.
#[must_use]
pub fn named(name: &str) -> Option<&'static Product> {
    all().iter().find(|product| product.name.eq_ignore_ascii_case(name.trim()))
}

/// Products of which every word of `text` begins a word of the name or the vendor.
#[must_use]
pub fn find(text: &str) -> Vec<&'static Product> {
    let wanted = words(text);
    if wanted.is_empty() {
        return Vec::new();
    }
    let begins = |product: &Product| {
        let known: Vec<String> =
            [product.name, product.vendor].into_iter().flat_map(words).collect();
        wanted.iter().all(|word| known.iter().any(|it| it.starts_with(word)))
    };
    all().iter().filter(|product| begins(product)).collect()
}

/// All products, in the order of the table.
#[must_use]
pub fn all() -> &'static [Product] {
    static PRODUCTS: OnceLock<Vec<Product>> = OnceLock::new();
    PRODUCTS.get_or_init(|| rows(TABLE).map(product_in).collect())
}

fn words(text: &str) -> Vec<String> {
    let letters = text.split(|letter: char| !letter.is_alphanumeric());
    letters.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[derive(Default)]
struct Index {
    drivers: Names<&'static Product>,
    windows_drivers: Names<&'static Product>,
    services: Names<&'static Product>,
    processes: Names<&'static Product>,
}

pub(super) const TABLE: Table = table!("products");

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index = Index::default();
        for product in all() {
            for driver in &product.drivers {
                index.drivers.add(file_key(driver, ".sys"), product);
            }
            for driver in &product.windows_drivers {
                index.windows_drivers.add(file_key(driver, ".sys"), product);
            }
            for service in &product.services {
                index.services.add(service.to_lowercase(), product);
            }
            for process in &product.processes {
                index.processes.add(file_key(process, ".exe"), product);
            }
        }
        index
    })
}

fn product_in(row: [&'static str; 13]) -> Product {
    let [name, vendor, kind, services, processes, drivers, windows_drivers, ..] = row;
    let [.., uninstall_names, removal_tool, official_pause, confidence, unverified, source] = row;
    Product {
        name,
        vendor,
        kind,
        services: list(services),
        processes: list(processes),
        drivers: list(drivers),
        windows_drivers: list(windows_drivers),
        uninstall_names: list(uninstall_names),
        removal_tool: given(removal_tool),
        official_pause: given(official_pause),
        confidence: Confidence::of(confidence),
        unverified: list(unverified),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(products: &[&'static Product]) -> Vec<&'static str> {
        products.iter().map(|product| product.name).collect()
    }

    #[test]
    fn a_product_is_found_by_what_belongs_to_it() {
        assert_eq!(names(of_driver("EAMONM")), ["ESET (NOD32, Security, Endpoint)"]);
        assert_eq!(names(of_service("ekrn")), ["ESET (NOD32, Security, Endpoint)"]);
        assert_eq!(names(of_process(r"C:\Program Files\ESET\EKRN.exe")), names(of_service("ekrn")));
        assert!(of_driver("").is_empty() && of_service("-").is_empty());
    }

    #[test]
    fn a_driver_with_a_version_in_its_name_is_found() {
        let found = of_driver("klupd_klif_arkmon.sys");
        assert_eq!(names(found), ["Kaspersky (Standard, Plus, Premium, KIS)"]);
        assert_eq!(names(of_service("AVP21.19")), names(found));
    }

    #[test]
    fn a_driver_that_several_products_bring_names_them_all() {
        assert_eq!(of_driver("mfehidk").len(), 2);
    }

    #[test]
    fn a_driver_of_windows_blames_nobody() {
        assert!(of_driver("cldflt.sys").is_empty());
        assert!(names(through_driver("cldflt.sys")).contains(&"Microsoft OneDrive"));
        assert!(of_process("sfc.exe").is_empty(), "that is the check of system files");
    }

    #[test]
    fn words_are_found_at_their_beginnings() {
        assert_eq!(names(&find("acronis")).len(), 1);
        assert!(find("kaspersky").len() >= 2);
        assert_eq!(names(&find("kaspersky endp")), ["Kaspersky Endpoint Security"]);
        assert!(find("lock").is_empty() && find(" - ").is_empty());
    }

    #[test]
    fn the_list_of_installed_programs_names_a_product() {
        let found = of_uninstall_name("Kaspersky Endpoint Security for Windows");
        assert_eq!(found[0].name, "Kaspersky Endpoint Security");
        assert!(of_uninstall_name("Notepad++").is_empty());
    }
}
