//! Which virus scanner is in the way of an update, and whether its settings are ours to change.

use unwedge_host::probe::{self, Defender, ProductKind, Switch};
use unwedge_host::system::defender::{self, Owner};
use unwedge_host::{HostErrorKind, WinPath};

use super::stop_holder::{strangers, usual_or_named};
use super::{Proposal, Request, refused};
use crate::knowledge::products::{self, Product};
use crate::report::{Category, CulpritKind};

/// The name of Microsoft's own in `knowledge/products.tsv`.
const DEFENDER: &str = "Microsoft Defender Antivirus";

/// A scanner to which something points.
pub(super) struct Scanner {
    /// What it is called.
    pub(super) name: String,
    /// What points to it.
    pub(super) because: String,
    /// Files that it is seen to hold.
    pub(super) holds: Vec<WinPath>,
    product: Option<&'static Product>,
}

/// The scanner that stands in the way of `request`; `None` if nothing points to one.
///
/// That one is installed is no reason: it is seen to hold the file, or the finding names it, or the
/// finding is about a scanner and this one is on.
pub(super) fn suspected(request: &Request<'_>) -> Option<Scanner> {
    seen(request).or_else(|| named(request)).or_else(|| on(request))
}

impl Scanner {
    /// Whether it is Microsoft Defender.
    pub(super) fn is_defender(&self) -> bool {
        self.name == DEFENDER
    }

    /// The refusal to change the settings of another maker, with the way its maker offers.
    pub(super) fn of_another_maker(&self, instead: &str) -> Proposal {
        let pause = self.product.and_then(|it| it.official_pause);
        let advice = match pause {
            Some(pause) => format!("{instead}. Its maker's way to pause it: {pause}"),
            None => format!("{instead}; how, its maker tells"),
        };
        let why = format!(
            "{}; the settings of {} are its maker's, and are not changed from outside",
            self.because, self.name
        );
        refused(&why, &advice)
    }

    fn of(product: &'static Product, because: String, holds: Vec<WinPath>) -> Scanner {
        Scanner { name: product.name.to_owned(), because, holds, product: Some(product) }
    }
}

fn seen(request: &Request<'_>) -> Option<Scanner> {
    let found = probe::holders(request.host, &usual_or_named(request.finding)).ok()?;
    let strangers = strangers(&found);
    let product_of = |it: &probe::Holder| {
        let by_service = it.service().and_then(|it| scanner(products::of_service(it.as_str())));
        by_service.or_else(|| scanner(products::of_process(it.image())))
    };
    let (product, because) =
        strangers.iter().find_map(|it| Some((product_of(it)?, it.to_string())))?;
    let own =
        strangers.iter().filter(|it| product_of(it).is_some_and(|it| it.name == product.name));
    Some(Scanner::of(product, because, own.map(|it| it.path.clone()).collect()))
}

fn named(request: &Request<'_>) -> Option<Scanner> {
    let culprit = request.finding.culprit.as_ref()?;
    let product = match culprit.kind {
        CulpritKind::Driver => scanner(products::of_driver(&culprit.name)),
        CulpritKind::Service => scanner(products::of_service(&culprit.name)),
        CulpritKind::Process => scanner(products::of_process(&culprit.name)),
        CulpritKind::Product => products::named(&culprit.name),
        _ => None,
    }?;
    Some(Scanner::of(product, culprit.because.clone(), Vec::new()))
}

/// Where a scanner is known to have refused a file, it is the one that is on.
fn on(request: &Request<'_>) -> Option<Scanner> {
    if request.finding.category != Category::ThirdParty {
        return None;
    }
    let products = probe::security(request.host).ok()?.products.ok()?;
    let is_on = |it: &&probe::SecurityProduct| {
        it.kind == ProductKind::Antivirus && it.state.switch() == Switch::On
    };
    let mut on: Vec<&probe::SecurityProduct> = products.iter().filter(is_on).collect();
    // Beside another one Defender does nothing, whatever it says.
    on.sort_by_key(|it| it.state.is_of_microsoft());
    let first = on.first()?;
    let because = format!("{} is the virus scanner that is on", first.name);
    if first.state.is_of_microsoft() {
        return Some(Scanner::of(products::named(DEFENDER)?, because, Vec::new()));
    }
    let product = scanner(&products::find(&first.name));
    Some(Scanner { name: first.name.clone(), because, holds: Vec::new(), product })
}

fn scanner(found: &[&'static Product]) -> Option<&'static Product> {
    let is_scanner = |it: &&&Product| it.kind.contains("AV") || it.kind.contains("EDR");
    found.iter().find(is_scanner).copied()
}

/// How Microsoft Defender stands, `None` where the evidence does not tell; or why its settings are
/// not ours to change.
pub(super) fn own_defender(request: &Request<'_>) -> Result<Option<Defender>, Proposal> {
    const ADVICE: &str = "ask whoever manages this PC for an exclusion, or for protection to be \
                          paused, while the update installs";
    let owners = defender::read(request.host);
    if let Some(owner) = owners.found.first() {
        return Err(refused(&managed(owner), ADVICE));
    }
    let unread = owners.unknown.iter().find(|it| it.why != HostErrorKind::NotCollected);
    if let Some(unread) = unread {
        let why = format!("who decides about Microsoft Defender is not known: {}", unread.why);
        return Err(refused(&why, "run as administrator and try again"));
    }
    let told = probe::security(request.host).map_err(|it| it.kind).and_then(|it| it.defender);
    match told {
        Ok(defender) => Ok(Some(defender)),
        Err(HostErrorKind::NotCollected) => Ok(None),
        Err(why) => {
            let why = format!("Microsoft Defender does not tell how it stands: {why}");
            Err(refused(&why, "run as administrator and try again"))
        }
    }
}

fn managed(owner: &Owner) -> String {
    format!("Microsoft Defender is not this PC's own: {owner}")
}
