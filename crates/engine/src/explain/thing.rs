//! Explaining what is no code: drivers, altitudes, services, products, events, rules of SetupDiag
//! and the files and keys of updating.

use serde::Serialize;

use super::{Explanation, KbDetails, Kind, blank, kb};
use crate::knowledge::components::{self, Component};
use crate::knowledge::events::{self, Event};
use crate::knowledge::filters::{self, Altitude, Filter, Group};
use crate::knowledge::products::{self, Product};
use crate::knowledge::services::{self, KnownService, ServiceKind};
use crate::knowledge::setup_diag::{self, SetupRule};

/// What is known about a thing, by its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Details {
    /// A driver.
    Driver(DriverDetails),
    /// A place in the stack of filters.
    Altitude(AltitudeDetails),
    /// A service.
    Service(ServiceDetails),
    /// A product.
    Product(ProductDetails),
    /// Several products to choose from.
    Products(Vec<ProductName>),
    /// One event.
    Event(&'static Event),
    /// Several events.
    Events(Vec<&'static Event>),
    /// A rule of SetupDiag.
    SetupRule(&'static SetupRule),
    /// A file, folder, key, policy or task.
    Component(&'static Component),
    /// An update.
    Kb(KbDetails),
}

/// A driver: who registered it, to what it belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DriverDetails {
    /// Its altitudes; none when it is no filter, or its maker registered none.
    pub registrations: &'static [Filter],
    /// The load order groups of these altitudes.
    pub groups: Vec<&'static Group>,
    /// Products that bring it; several when one maker licences another's engine.
    pub products: &'static [&'static Product],
    /// Products that work through it, where it is a driver of Windows.
    pub used_by: Vec<&'static str>,
    /// Its service, where it is a driver of Windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<&'static KnownService>,
}

/// A place in the stack of filters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AltitudeDetails {
    /// The load order group whose range holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<&'static Group>,
    /// Drivers that registered exactly this place.
    pub drivers: Vec<&'static Filter>,
}

/// A service of Windows or of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceDetails {
    /// What is known of it as a service of Windows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub windows: Option<&'static KnownService>,
    /// Products that bring it.
    pub products: &'static [&'static Product],
}

/// A product, and where its drivers stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProductDetails {
    /// The line of the table.
    pub product: &'static Product,
    /// Registered altitudes of its drivers.
    pub filters: Vec<&'static Filter>,
}

/// A product to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ProductName {
    /// Its name.
    pub name: &'static str,
    /// Who makes it.
    pub vendor: &'static str,
    /// What it is.
    pub kind: &'static str,
}

/// More than this is no choice but a table.
const MOST_COMPONENTS: usize = 5;
/// The lowest altitude that is anybody's: below all is Windows' own.
const LOWEST_ALTITUDE: u32 = 20_000;

/// What words mean whose first word says which kind of thing is meant, such as `driver wcifs`.
pub(super) fn hinted(asked: &str) -> Vec<Explanation> {
    let Some((hint, rest)) = asked.split_once([' ', ':']) else { return Vec::new() };
    let rest = rest.trim();
    match hint.to_ascii_lowercase().as_str() {
        "driver" | "filter" => driver(asked, rest).into_iter().collect(),
        "altitude" => {
            Altitude::parse(rest).and_then(|it| altitude(asked, it)).into_iter().collect()
        }
        "service" => service(asked, rest).into_iter().collect(),
        "product" => {
            exact_product(asked, rest).or_else(|| some_product(asked, rest)).into_iter().collect()
        }
        "process" => process(asked, rest).into_iter().collect(),
        "event" => event(asked, rest).into_iter().collect(),
        "setupdiag" => setup_rules(asked, rest),
        "file" | "folder" | "key" | "policy" | "task" | "component" => components_of(asked, rest),
        _ => Vec::new(),
    }
}

/// Everything that bears this name, the likeliest first.
pub(super) fn meanings(asked: &str) -> Vec<Explanation> {
    if let Some(update) = kb::explain(asked) {
        return vec![update];
    }
    let registered = Altitude::parse(asked).filter(|&it| filters::at(it).next().is_some());
    let mut all: Vec<Explanation> =
        registered.and_then(|it| altitude(asked, it)).into_iter().collect();
    all.extend(exact_product(asked, asked));
    all.extend(event(asked, asked));
    all.extend(setup_rules(asked, asked));
    all.extend(driver(asked, asked));
    let known_as_driver = all.iter().any(|it| it.kind == Kind::Driver);
    // The service of a driver of Windows is told with the driver.
    let service = service(asked, asked).filter(|_| !known_as_driver);
    all.extend(service);
    all.extend(components_of(asked, asked));
    if all.is_empty() {
        all.extend(process(asked, asked).or_else(|| some_product(asked, asked)));
    }
    all
}

/// What a number or name that nothing bears may still mean.
pub(super) fn last_resort(asked: &str) -> Option<Explanation> {
    let place = Altitude::parse(asked).filter(|place| place.whole() >= LOWEST_ALTITUDE);
    place.and_then(|place| altitude(asked, place))
}

fn driver(asked: &str, name: &str) -> Option<Explanation> {
    let registrations = filters::of_driver(name);
    let products = products::of_driver(name);
    let service_name = name.rsplit('\\').next().unwrap_or(name);
    let service_name = service_name.strip_suffix(".sys").unwrap_or(service_name);
    let service = services::get(service_name).filter(|it| it.kind == ServiceKind::Driver);
    if registrations.is_empty() && products.is_empty() && service.is_none() {
        return None;
    }
    let mut groups: Vec<&'static Group> = Vec::new();
    for group in registrations.iter().filter_map(|filter| filters::group(filter.group)) {
        if !groups.contains(&group) {
            groups.push(group);
        }
    }
    let used_by = products::through_driver(name).iter().map(|product| product.name).collect();
    let mut sources: Vec<&str> = registrations.iter().map(|filter| filter.source).collect();
    sources.extend(products.iter().map(|product| product.source));
    sources.extend(service.map(|service| service.source));
    let first = registrations.first().map(|filter| filter.driver);
    let first = first.or_else(|| products.first().and_then(|it| driver_name(it, name)));
    Some(Explanation {
        kind: Kind::Driver,
        id: first.or(service.map(|it| it.name)).unwrap_or_default().to_owned(),
        name: makers(registrations, products),
        meaning: groups.first().map_or_else(String::new, |group| sentence(group.purpose)),
        sources: once(sources),
        details: Some(Details::Driver(DriverDetails {
            registrations,
            groups,
            products,
            used_by,
            service,
        })),
        ..blank(asked)
    })
}

/// What a driver is, and whose.
fn makers(registrations: &[Filter], products: &[&Product]) -> String {
    let companies = once(registrations.iter().map(|filter| filter.company).collect());
    match (companies.as_slice(), products) {
        ([], []) => "driver of Windows".to_owned(),
        ([], [product]) => format!("driver of {}", product.vendor),
        ([], several) => format!("driver of {} products", several.len()),
        ([company], _) => format!("file system filter of {company}"),
        ([first, second], _) => format!("file system filter of {first} and {second}"),
        (several, _) => format!("file system filter that {} makers use", several.len()),
    }
}

/// How the product spells the driver.
fn driver_name(product: &Product, name: &str) -> Option<&'static str> {
    let same = |it: &&&'static str| products::of_driver(it) == products::of_driver(name);
    let wanted = name.rsplit('\\').next().unwrap_or(name).to_lowercase();
    let spelled = product.drivers.iter().filter(same);
    spelled
        .copied()
        .find(|it| it.to_lowercase().starts_with(wanted.trim_end_matches(".sys")))
        .or_else(|| product.drivers.iter().copied().find(|it| it.contains('*')))
}

fn altitude(asked: &str, place: Altitude<'_>) -> Option<Explanation> {
    let drivers: Vec<&'static Filter> = filters::at(place).collect();
    let group = filters::group_of(place);
    if drivers.is_empty() && group.is_none() {
        return None;
    }
    let name = match drivers.as_slice() {
        [] => "an altitude that nobody registered".to_owned(),
        [filter] => format!("altitude of {} ({})", filter.driver, filter.company),
        several => format!("altitude of {} drivers", several.len()),
    };
    let mut sources: Vec<&str> = drivers.iter().map(|filter| filter.source).collect();
    sources.extend(group.map(|group| group.source));
    Some(Explanation {
        kind: Kind::Altitude,
        id: place.to_string(),
        name,
        meaning: group.map_or_else(String::new, |group| sentence(group.purpose)),
        sources: once(sources),
        details: Some(Details::Altitude(AltitudeDetails { group, drivers })),
        ..blank(asked)
    })
}

fn service(asked: &str, name: &str) -> Option<Explanation> {
    let windows = services::get(name).or_else(|| services::by_display_name(name));
    let short = windows.map_or(name, |service| service.name);
    let products = products::of_service(short);
    let mut sources: Vec<&str> = windows.iter().map(|service| service.source).collect();
    sources.extend(products.iter().map(|product| product.source));
    let (id, title) = match (windows, products) {
        (Some(service), _) => (service.name.to_owned(), service.display_name.to_owned()),
        (None, []) => return None,
        (None, [product]) => (name.to_owned(), format!("service of {}", product.name)),
        (None, several) => (name.to_owned(), format!("service of {} products", several.len())),
    };
    Some(Explanation {
        kind: Kind::Service,
        id,
        name: title,
        meaning: windows.map_or_else(String::new, |service| {
            let kind = match service.kind {
                ServiceKind::Service => "a service of Windows",
                ServiceKind::PerUser => "a service of Windows that each session has for itself",
                ServiceKind::Driver => "a driver of Windows",
            };
            sentence(kind)
        }),
        sources: once(sources),
        details: Some(Details::Service(ServiceDetails { windows, products })),
        ..blank(asked)
    })
}

fn exact_product(asked: &str, name: &str) -> Option<Explanation> {
    products::named(name).map(|found| product(asked, found))
}

/// Products that are called so, in part or in the list of installed programs.
fn some_product(asked: &str, text: &str) -> Option<Explanation> {
    // Shorter words begin too many names.
    if !text.split_whitespace().any(|word| word.len() >= 3) {
        return None;
    }
    let installed = || Some(product(asked, products::of_uninstall_name(text).first()?));
    choice(asked, &products::find(text)).or_else(installed)
}

fn process(asked: &str, name: &str) -> Option<Explanation> {
    choice(asked, products::of_process(name))
}

/// The product, or the products to choose from.
fn choice(asked: &str, found: &[&'static Product]) -> Option<Explanation> {
    let names =
        |it: &&'static Product| ProductName { name: it.name, vendor: it.vendor, kind: it.kind };
    match found {
        [] => None,
        [found] => Some(product(asked, found)),
        several => Some(Explanation {
            kind: Kind::Products,
            id: asked.to_owned(),
            name: format!("{} products", several.len()),
            details: Some(Details::Products(several.iter().map(names).collect())),
            ..blank(asked)
        }),
    }
}

fn product(asked: &str, product: &'static Product) -> Explanation {
    let filters = product.drivers.iter().flat_map(|driver| filters::of_driver(driver)).collect();
    Explanation {
        kind: Kind::Product,
        id: product.name.to_owned(),
        name: format!("{} by {}", product.kind, product.vendor),
        sources: vec![product.source],
        details: Some(Details::Product(ProductDetails { product, filters })),
        ..blank(asked)
    }
}

/// An event as `PROVIDER NUMBER`, all of a number, or all of a provider.
fn event(asked: &str, what: &str) -> Option<Explanation> {
    let (provider, number) = what.rsplit_once([' ', '/', ':']).unwrap_or(("", what));
    if let Ok(id) = number.parse::<u32>() {
        if !provider.is_empty() {
            return events::get(provider, id).map(|event| one_event(asked, event));
        }
        return match events::with_id(id) {
            [] => None,
            [event] => Some(one_event(asked, event)),
            several => Some(some_events(asked, format!("event {id}"), several.to_vec())),
        };
    }
    let all = events::of_provider(what);
    let title = all.first()?.provider.to_owned();
    Some(some_events(asked, title, all))
}

fn one_event(asked: &str, event: &'static Event) -> Explanation {
    Explanation {
        kind: Kind::Event,
        id: format!("{} {}", event.provider, event.id),
        name: event.meaning.to_owned(),
        sources: vec![event.source],
        details: Some(Details::Event(event)),
        ..blank(asked)
    }
}

fn some_events(asked: &str, id: String, events: Vec<&'static Event>) -> Explanation {
    Explanation {
        kind: Kind::Events,
        id,
        name: format!("{} events are known", events.len()),
        sources: once(events.iter().map(|event| event.source).collect()),
        details: Some(Details::Events(events)),
        ..blank(asked)
    }
}

fn setup_rules(asked: &str, name: &str) -> Vec<Explanation> {
    let told = |rule: &&'static SetupRule| Explanation {
        kind: Kind::SetupRule,
        id: rule.name.to_owned(),
        name: "rule of SetupDiag".to_owned(),
        meaning: rule.detects.to_owned(),
        category: Some(rule.category),
        sources: vec![rule.source],
        details: Some(Details::SetupRule(rule)),
        ..blank(asked)
    };
    setup_diag::get(name).iter().map(told).collect()
}

fn components_of(asked: &str, name: &str) -> Vec<Explanation> {
    let told = |component: &&'static Component| Explanation {
        kind: Kind::Component,
        id: component.names.first().copied().unwrap_or_default().to_owned(),
        name: String::new(),
        meaning: component.what_it_is.to_owned(),
        sources: vec![component.source],
        details: Some(Details::Component(component)),
        ..blank(asked)
    };
    components::get(name).iter().take(MOST_COMPONENTS).map(told).collect()
}

/// Each once, in the order in which they first come.
fn once(mut all: Vec<&'static str>) -> Vec<&'static str> {
    let mut seen = std::collections::HashSet::new();
    all.retain(|it| seen.insert(*it));
    all
}

/// The same with a capital letter in front.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;

    fn check(what: &str) -> Explanation {
        explain(what, &[]).unwrap_or_else(|| panic!("{what} is not explained"))
    }

    #[test]
    fn each_kind_of_thing_is_explained() {
        for (what, kind, id) in [
            ("mfehidk.sys", Kind::Driver, "mfehidk.sys"),
            ("WdFilter", Kind::Driver, "WdFilter.sys"),
            ("mfeavfk", Kind::Driver, "mfeavfk.sys"),
            ("321300", Kind::Altitude, "321300"),
            ("altitude 320110.99", Kind::Altitude, "320110.99"),
            ("wuauserv", Kind::Service, "wuauserv"),
            ("Windows Update", Kind::Service, "wuauserv"),
            ("service ekrn", Kind::Service, "ekrn"),
            ("Acronis", Kind::Product, "Acronis True Image / Cyber Protect Home Office"),
            ("MsMpEng.exe", Kind::Product, "Microsoft Defender Antivirus"),
            ("WindowsUpdateClient 20", Kind::Event, "Microsoft-Windows-WindowsUpdateClient 20"),
            ("Service Control Manager 7000", Kind::Event, "Service Control Manager 7000"),
            ("event ESENT 490", Kind::Event, "ESENT 490"),
            ("FindSPFatalError", Kind::SetupRule, "FindSPFatalError"),
            ("A4028172-1B09-48F8-AD3B-86CDD7D55852", Kind::SetupRule, "FindSPFatalError"),
            ("SoftwareDistribution", Kind::Component, r"%SystemRoot%\SoftwareDistribution"),
            ("pending.xml", Kind::Component, r"%SystemRoot%\WinSxS\pending.xml"),
            ("KB5034441", Kind::Kb, "KB5034441"),
        ] {
            let told = check(what);
            assert_eq!((told.kind, told.id.as_str()), (kind, id), "{what}");
            assert!(told.kind == Kind::Kb || !told.sources.is_empty(), "{what}");
            assert!(serde_json::to_value(&told).unwrap()["details"].is_object(), "{what}");
        }
    }

    #[test]
    fn a_driver_of_two_products_names_both_and_how_to_pause_them() {
        let Some(Details::Driver(driver)) = check("mfehidk.sys").details else { panic!() };
        assert_eq!(driver.products.len(), 2);
        assert!(driver.products.iter().all(|product| product.official_pause.is_some()));
        assert_eq!(driver.groups[0].name, "FSFilter Anti-Virus");
    }

    #[test]
    fn every_meaning_of_a_number_is_told_the_code_first() {
        let told = check("20");
        assert_eq!(told.kind, Kind::Code);
        assert_eq!(told.other_meanings[0].kind, Kind::Event);
        let told = check("event 1001");
        assert_eq!(told.kind, Kind::Events);
        // What is written as a code is one.
        assert!(check("0x80070021").other_meanings.is_empty());
        assert!(check("ERROR_LOCK_VIOLATION").other_meanings.is_empty());
    }

    #[test]
    fn several_products_are_a_choice() {
        let Some(Details::Products(products)) = check("Kaspersky").details else { panic!() };
        assert!(products.len() >= 2);
    }

    #[test]
    fn an_altitude_that_nobody_registered_still_has_a_group() {
        let told = check("321299");
        assert_eq!(told.kind, Kind::Altitude);
        let Some(Details::Altitude(place)) = told.details else { panic!() };
        assert!(place.drivers.is_empty());
        assert_eq!(place.group.unwrap().name, "FSFilter Anti-Virus");
        assert!(explain("335000", &[]).is_none());
    }

    #[test]
    fn what_nobody_knows_is_not_explained() {
        for what in ["", " ", "driver", "driver x", "event", "nothing.sys", "12345678901", "a b c"]
        {
            assert!(explain(what, &[]).is_none(), "{what}");
        }
    }

    #[test]
    fn everything_in_the_tables_is_explained_by_its_own_name() {
        for filter in filters::all() {
            assert_eq!(driver(filter.driver, filter.driver).unwrap().kind, Kind::Driver);
            assert!(altitude("", filter.altitude).is_some());
        }
        for it in services::all() {
            assert!(service(it.name, it.name).is_some(), "{}", it.name);
        }
        for it in products::all() {
            assert_eq!(check(it.name).id, it.name);
            for driver_name in it.drivers.iter().filter(|name| !name.contains('*')) {
                let told = driver(driver_name, driver_name).unwrap();
                let plain = |name: &str| name.to_lowercase().replace(".sys", "");
                assert_eq!(plain(&told.id), plain(driver_name));
            }
        }
        for it in setup_diag::all() {
            assert_eq!(check(it.name).id, it.name);
        }
    }
}
