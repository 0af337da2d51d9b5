//! Drivers, altitudes, services, products, events and the like in plain words.

use std::io::{self, Write};

use unwedge_engine::explain::{
    AltitudeDetails, Details, DriverDetails, KbDetails, ProductDetails, ServiceDetails,
};
use unwedge_engine::knowledge::Confidence;
use unwedge_engine::knowledge::components::Component;
use unwedge_engine::knowledge::events::Event;
use unwedge_engine::knowledge::filters::{Filter, Group, Holding};
use unwedge_engine::knowledge::products::Product;
use unwedge_engine::knowledge::services::{KnownService, Stopping};
use unwedge_engine::knowledge::setup_diag::{SetupRule, SetupTime};
use unwedge_engine::report::{Operation, OperationOutcome};

use super::super::page::Page;
use super::super::style::category_in_words;

/// Label and text of one line.
type Entry = (String, String);

/// More lines than this are in the JSON only.
const MOST: usize = 15;
/// Column at which the texts beside labels begin.
const COLUMN: usize = 16;

impl<W: Write> Page<W> {
    pub(super) fn details(&mut self, details: &Details) -> io::Result<()> {
        match details {
            Details::Driver(driver) => self.driver(driver),
            Details::Altitude(place) => self.altitude(place),
            Details::Service(service) => self.service(service),
            Details::Product(product) => self.product(product),
            Details::Products(products) => {
                let named = |kind: &str, vendor: &str| format!("{kind} by {vendor}");
                let all = products.iter().map(|it| (it.name.to_owned(), named(it.kind, it.vendor)));
                self.entries("Which one is meant?", &all.collect::<Vec<_>>())
            }
            Details::Event(event) => self.event(event),
            Details::Events(events) => self.events(events),
            Details::SetupRule(rule) => self.setup_rule(rule),
            Details::Component(component) => self.component(component),
            Details::Kb(update) => self.update(update),
        }
    }

    fn driver(&mut self, driver: &DriverDetails) -> io::Result<()> {
        let mut lines: Vec<Entry> = Vec::new();
        for group in &driver.groups {
            let altitudes = driver.registrations.iter().filter(|it| it.group == group.name);
            let altitudes: Vec<String> = altitudes.take(MOST).map(registered).collect();
            lines.push(entry("Altitude", altitudes.join(", ")));
            lines.extend(group_lines(group));
            if driver.groups.len() > 1 {
                lines.push(entry("For", group.purpose));
            }
        }
        if driver.groups.is_empty() {
            lines.push(entry("Altitude", "none is registered: no file system filter, or unknown"));
        }
        if let Some(service) = driver.service {
            lines.push(entry("Part of", format!("Windows: {}", service.display_name)));
            lines.extend(service_lines(service));
        }
        if !driver.used_by.is_empty() {
            lines.push(entry("Used by", driver.used_by.join(", ")));
        }
        let mut makers: Vec<&str> = driver.registrations.iter().map(|it| it.company).collect();
        makers.sort_unstable();
        makers.dedup();
        if makers.len() > 1 {
            lines.push(entry("Registered by", makers.join(", ")));
        }
        if driver.products.is_empty() && driver.service.is_none() && driver.used_by.is_empty() {
            lines.push(entry("Product", "not known"));
        }
        self.lines(&lines)?;
        self.belongs_to(driver.products)
    }

    fn altitude(&mut self, place: &AltitudeDetails) -> io::Result<()> {
        self.lines(&place.group.map(group_lines).unwrap_or_default())?;
        let drivers = place.drivers.iter().take(MOST);
        let told = |it: &&Filter| match it.note {
            Some(note) => (it.driver.to_owned(), format!("{} ({note})", it.company)),
            None => (it.driver.to_owned(), it.company.to_owned()),
        };
        self.entries("Drivers at this altitude", &drivers.map(told).collect::<Vec<_>>())
    }

    fn service(&mut self, service: &ServiceDetails) -> io::Result<()> {
        if let Some(windows) = service.windows {
            self.lines(&service_lines(windows))?;
        }
        self.belongs_to(service.products)
    }

    fn product(&mut self, product: &ProductDetails) -> io::Result<()> {
        self.lines(&product_lines(product.product))?;
        let filters = product.filters.iter().take(MOST);
        let told = |it: &&Filter| (it.driver.to_owned(), format!("{} {}", it.altitude, it.group));
        self.entries("Where its filters stand", &filters.map(told).collect::<Vec<_>>())
    }

    /// Products with what one needs to pause or remove them.
    fn belongs_to(&mut self, products: &[&Product]) -> io::Result<()> {
        if products.len() > 1 {
            self.heading("Belongs to one of these products")?;
        }
        for product in products {
            if products.len() == 1 {
                self.heading("Belongs to")?;
            }
            self.entry("Product", &format!("{} ({})", product.name, product.kind), COLUMN)?;
            for (label, text) in product_lines(product) {
                self.entry(&label, &text, COLUMN)?;
            }
            if products.last() != Some(product) {
                writeln!(self.out)?;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event) -> io::Result<()> {
        let mut lines = Vec::new();
        lines.extend(event.what_it_shows.map(|shows| entry("It shows", shows)));
        lines.extend(event.data_fields.map(|fields| entry("Data", data_fields(fields))));
        lines.extend(event.level.map(|level| entry("Level", level)));
        lines.push(entry("Log", event.channel));
        lines.push(entry("Provider", event.provider));
        lines.push(entry("How sure", sure(event.confidence)));
        self.lines(&lines)
    }

    fn events(&mut self, events: &[&Event]) -> io::Result<()> {
        let one_provider = events.iter().all(|event| event.provider == events[0].provider);
        let label = |event: &Event| match one_provider {
            true => event.id.to_string(),
            false => event.provider.replace("Microsoft-Windows-", ""),
        };
        let told = |event: &&Event| (label(event), event.meaning.to_owned());
        let heading = if one_provider { "Events" } else { "Events with this number" };
        self.entries(heading, &events.iter().map(told).collect::<Vec<_>>())
    }

    fn setup_rule(&mut self, rule: &SetupRule) -> io::Result<()> {
        let when = match rule.when {
            SetupTime::BeforeRestart => "before the first restart, while the old Windows runs",
            SetupTime::AfterRestart => "after the first restart",
            SetupTime::Rollback => "when the upgrade was taken back",
            SetupTime::Dump => "afterwards, in a memory dump",
            SetupTime::Any => "any time during the upgrade",
        };
        let kind = category_in_words(rule.category);
        self.lines(&[entry("Kind", kind), entry("When", when), entry("GUID", rule.guid)])
    }

    fn component(&mut self, component: &Component) -> io::Result<()> {
        let mut lines = vec![entry("What it is", kind_in_words(component.kind))];
        if component.names.len() > 1 {
            lines.push(entry("Names", component.names.join(", ")));
        }
        lines.extend(component.symptom.map(|it| entry("What it shows", it)));
        lines.extend(component.safe_to_reset.map(|it| entry("May be reset", it)));
        self.lines(&lines)
    }

    fn update(&mut self, update: &KbDetails) -> io::Result<()> {
        if !update.searched {
            writeln!(self.out)?;
            return self.paragraph(
                "Nothing is fetched, so what it changes and whether it is known to fail is not \
                 known here. To see what happened to it on a PC, give its logs: --in PATH.",
                "  ",
            );
        }
        if update.operations.is_empty() && update.lines_seen + update.harmless_lines == 0 {
            writeln!(self.out)?;
            let gaps = if update.gaps == 0 { "" } else { ", and not all of it could be read" };
            let text = format!(
                "The evidence ({}) does not name it in anything that was tried or that \
                 failed{gaps}. Logs roll over, so that proves nothing.",
                counted(update.files_read, "file")
            );
            return self.paragraph(&text, "  ");
        }
        let earlier = update.operations.len().saturating_sub(MOST);
        let tried: Vec<Entry> = update.operations[earlier..].iter().map(tried).collect();
        self.entries("What was tried with it", &tried)?;
        if earlier > 0 {
            writeln!(self.out, "  and {earlier} earlier: --json")?;
        }
        let place = |it: &unwedge_engine::report::Citation| {
            let line = it.line.map_or_else(String::new, |line| format!(":{line}"));
            (format!("{}{line}", it.source), it.excerpt.clone())
        };
        let lines: Vec<Entry> = update.lines.iter().map(place).collect();
        self.entries("Other lines about it", &lines)?;
        let more = update.lines_seen - update.lines.len();
        if more > 0 {
            writeln!(self.out, "  and {more} more")?;
        }
        if update.harmless_lines > 0 {
            writeln!(self.out)?;
            let lines = counted(update.harmless_lines, "line");
            let text = format!("{lines} that name it look like failures and are none.");
            self.paragraph(&text, "  ")?;
        }
        Ok(())
    }

    fn lines(&mut self, lines: &[Entry]) -> io::Result<()> {
        if !lines.is_empty() {
            writeln!(self.out)?;
        }
        for (label, text) in lines {
            self.entry(label, text, COLUMN)?;
        }
        Ok(())
    }
}

fn entry(label: &str, text: impl Into<String>) -> Entry {
    (label.to_owned(), text.into())
}

fn registered(filter: &Filter) -> String {
    match filter.note {
        Some(note) => format!("{} ({note})", filter.altitude),
        None => filter.altitude.to_string(),
    }
}

fn group_lines(group: &Group) -> Vec<Entry> {
    let range = format!("{} ({} to {})", group.name, group.lowest, group.highest);
    let holds = match group.holds_files {
        Holding::Likely => "likely to hold files",
        Holding::Possible => "may hold files",
        Holding::Unlikely => "unlikely to hold files",
    };
    vec![entry("Group", range), entry("In updates", format!("{holds}. {}", group.during_updates))]
}

fn service_lines(service: &KnownService) -> Vec<Entry> {
    let mut lines = Vec::new();
    let role = match service.role.split_once(": ") {
        Some(("core", role)) => format!("needed for updating: {role}"),
        Some(("dep", role)) => format!("supports updating: {role}"),
        Some(("repair", role)) => format!("used for repairs: {role}"),
        _ if service.role == "repair" => "used for repairs".to_owned(),
        _ => "none".to_owned(),
    };
    lines.push(entry("In updating", role));
    let (ten, eleven) = (service.start_windows_10, service.start_windows_11);
    let start = match ten == eleven {
        true => format!("{ten} in Windows 10 22H2 and Windows 11, as shipped"),
        false => format!("{ten} in Windows 10 22H2, {eleven} in Windows 11, as shipped"),
    };
    lines.push(entry("Start", start));
    let stop = match service.stopping {
        Stopping::Safe => "yes, for a while",
        Stopping::Conditional => "only in some conditions; unwedge does not",
        Stopping::Never => "no",
    };
    lines.push(entry("May be stopped", stop));
    lines.extend(service.protection.map(|it| entry("Protection", it)));
    lines.extend(service.sources_differ.map(|it| entry("Sources differ", it)));
    lines.extend(service.note.map(|it| entry("Note", it)));
    lines.push(entry("How sure", sure(service.confidence)));
    lines
}

fn product_lines(product: &Product) -> Vec<Entry> {
    let mut lines = Vec::new();
    let checked = |text: &str, column| match product.is_verified(column) {
        true => text.to_owned(),
        false => format!("{text} (not checked with the maker)"),
    };
    for (label, names) in [
        ("Services", &product.services),
        ("Processes", &product.processes),
        ("Drivers", &product.drivers),
        ("Works through", &product.windows_drivers),
        ("Installed as", &product.uninstall_names),
    ] {
        if !names.is_empty() {
            lines.push(entry(label, names.join(", ")));
        }
    }
    let pause = product.official_pause.unwrap_or("not known");
    lines.push(entry("To pause it", checked(pause, "official_pause")));
    let remove = match (product.removal_tool, product.vendor) {
        (Some(tool), _) => checked(tool, "removal_tool"),
        (None, "Microsoft") => "part of Windows, or its own uninstaller".to_owned(),
        (None, _) => "its own uninstaller".to_owned(),
    };
    lines.push(entry("To remove it", remove));
    lines.push(entry("How sure", sure(product.confidence)));
    lines
}

fn tried(operation: &Operation) -> Entry {
    let time = operation.citation.time.as_deref().map_or("no time".to_owned(), to_the_second);
    let outcome = match operation.outcome {
        OperationOutcome::Succeeded => "succeeded",
        OperationOutcome::Failed => "failed",
        OperationOutcome::Cancelled => "was cancelled",
        OperationOutcome::NeedsRestart => "needs a restart to go on",
        OperationOutcome::Unfinished => "did not end in the evidence",
    };
    let code = operation.code.as_ref().filter(|_| outcome != "succeeded");
    let code = code.map_or_else(String::new, |code| format!(" with {code}"));
    let client = operation.client.as_ref().map_or_else(String::new, |it| format!(", for {it}"));
    let line = operation.citation.line.map_or_else(String::new, |line| format!(":{line}"));
    let (what, source) = (&operation.what, &operation.citation.source);
    (time, format!("{what}: {outcome}{code}{client} ({source}{line})"))
}

/// Names of data without the numbers of their places: `0:errorCode; 1:updateTitle`.
fn data_fields(fields: &str) -> String {
    let name = |field: &str| match field.split_once(':') {
        Some((place, name)) if place.bytes().all(|b| b.is_ascii_digit()) => name.to_owned(),
        _ => field.to_owned(),
    };
    fields.split("; ").map(name).collect::<Vec<_>>().join(", ")
}

/// `2017-07-20T08:37:38+00:00` for `2017-07-20T08:37:38.8464838+00:00`.
fn to_the_second(time: &str) -> String {
    match time.split_once('.') {
        Some((second, rest)) => {
            format!("{second}{}", rest.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        None => time.to_owned(),
    }
}

fn kind_in_words(kind: &str) -> String {
    match kind {
        "dir" => "a folder",
        "file" => "a file",
        "log" => "a log",
        "hive" => "a part of the registry, as a file",
        "reg" => "a registry key or value",
        "policy" => "a policy in the registry",
        "task" => "a scheduled task",
        "network" => "addresses on the network",
        "service-guid" => "an update service",
        "sd" => "a security descriptor",
        "acl" => "an owner",
        "dll-list" => "a list of files",
        "com" => "COM objects",
        "command" => "a command",
        other => other,
    }
    .to_owned()
}

fn sure(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high: several sources agree, or it is Microsoft's own",
        Confidence::Medium => "medium: one good source",
        Confidence::Low => "low: general knowledge, or sources that differ",
    }
}

fn counted(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}
