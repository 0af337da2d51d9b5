//! Who may have held a file, when nobody was seen in the act: events near in time that name
//! somebody, and filters of other makers.
//!
//! What is merely installed is never blamed. A name is given when an event names somebody together
//! with the very file, or an installation found him in its way at that moment; or as a candidate
//! when he is the only one whom time or place suggest. Of several candidates none is named.

use unwedge_host::WinPath;

use super::super::Case;
use crate::fact::{Deed, Facts, FilterFact, Place, SuspectFact};
use crate::report::{Certainty, Culprit, CulpritKind, SubjectKind};

/// Events so many seconds around a failure may have to do with it.
const NEAR_SECONDS: i64 = 120;
/// What an installation found in its way so many seconds around the failure was in its way.
const AT_ONCE_SECONDS: i64 = 10;
/// At most so many candidates are listed.
const MOST_LISTED: usize = 5;

/// Somebody who could be meant, with the best reason.
struct Candidate {
    culprit: Culprit,
    /// What other names he has: the product of a filter.
    product: Option<String>,
}

/// Names whom the evidence points to, or lists in the remark of `case` who else it could be.
pub(super) fn culprit(facts: &Facts, case: &mut Case) -> Option<Culprit> {
    let failed = Failed::of(facts, case);
    let mut candidates: Vec<Candidate> = Vec::new();
    for suspect in facts.suspects.iter() {
        if let Some(culprit) = failed.judge(facts, suspect) {
            add(&mut candidates, Candidate { product: product_of(&culprit), culprit });
        }
    }
    let likely = candidates.iter().any(|it| it.culprit.certainty == Certainty::Likely);
    if likely {
        candidates.retain(|it| it.culprit.certainty == Certainty::Likely);
    } else {
        for filter in &facts.filters {
            add(&mut candidates, of_filter(filter));
        }
    }
    match candidates.len() {
        0 => None,
        1 => candidates.pop().map(|it| it.culprit),
        _ => {
            let names = candidates.iter().map(in_words).take(MOST_LISTED).collect::<Vec<_>>();
            let more = candidates.len() - names.len();
            let more = if more > 0 { format!(" or {more} others") } else { String::new() };
            let remark = format!(
                "Who held it is not shown; it could be {}{more}, or none of them.",
                names.join(" or ")
            );
            case.remark = Some(match case.remark.take() {
                Some(before) => format!("{before} {remark}"),
                None => remark,
            });
            None
        }
    }
}

/// What failed, and when.
struct Failed {
    paths: Vec<WinPath>,
    /// In seconds of UTC; only of records whose zone is known.
    moments: Vec<i64>,
}

impl Failed {
    fn of(facts: &Facts, case: &Case) -> Failed {
        let is_place = |kind| matches!(kind, SubjectKind::File | SubjectKind::Folder);
        let subjects = case.subjects.iter().filter(|subject| is_place(subject.kind));
        let operations = case.operations.iter().map(|&index| &facts.operations[index].place);
        // A clock on the wall says nothing beside the clock of events unless the zone is known.
        let moment = |place: &Place| place.utc_seconds().filter(|_| place.offset_minutes.is_some());
        Failed {
            paths: subjects.map(|subject| WinPath::new(&subject.name)).collect(),
            moments: case.places.iter().chain(operations).filter_map(moment).collect(),
        }
    }

    fn judge(&self, facts: &Facts, suspect: &SuspectFact) -> Option<Culprit> {
        let at = suspect.place.utc_seconds()?;
        let apart = self.moments.iter().map(|moment| (moment - at).abs()).min()?;
        if apart > NEAR_SECONDS {
            return None;
        }
        let file = suspect.files.iter().find(|file| self.is_about(file));
        // Compiling .NET holds assemblies and nothing else; a download its own file.
        let is_elsewhere = match suspect.deed {
            Deed::Compiles => !self.paths.iter().any(is_assembly),
            Deed::Downloads | Deed::WantedFile => file.is_none(),
            Deed::InUse => file.is_none() && !suspect.files.is_empty() && !self.paths.is_empty(),
            Deed::Failed => !is_foreign(facts, suspect),
            Deed::KeptWaiting => false,
        };
        if is_elsewhere {
            return None;
        }
        let certainty = match (suspect.deed, file) {
            (Deed::InUse | Deed::Downloads, Some(_)) => Certainty::Likely,
            (Deed::InUse | Deed::KeptWaiting, _) if apart <= AT_ONCE_SECONDS => Certainty::Likely,
            _ => Certainty::Candidate,
        };
        let place = super::super::citation(facts, &suspect.place);
        let line = place.line.map_or(String::new(), |line| format!(":{line}"));
        let process = suspect.pid.map_or(String::new(), |pid| format!(" (process {pid})"));
        let file = file.map_or(String::new(), |file| format!(" ({file})"));
        Some(Culprit {
            kind: suspect.kind,
            name: suspect.name.clone(),
            certainty,
            because: format!(
                "{}{process} {}{file}, {apart} seconds from the failure ({}{line})",
                suspect.name,
                deed(suspect.deed),
                place.source
            ),
        })
    }

    /// Whether `file` is what failed, or lies in a folder that failed.
    fn is_about(&self, file: &str) -> bool {
        let file = WinPath::new(file);
        self.paths.iter().any(|path| file == *path || file.is_within(path))
    }
}

fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::InUse => "was found using files that an installation needed",
        Deed::KeptWaiting => "kept a program of Windows Update waiting for a file",
        Deed::WantedFile => "wanted to open the same file and was refused itself",
        Deed::Downloads => "downloads to the same file",
        Deed::Failed => "ended unexpectedly or stopped answering",
        Deed::Compiles => "was compiling .NET programs",
    }
}

/// Whether what ended unexpectedly is known to be of another maker: the name of a service says
/// nothing by itself, and Windows names its own in the language of the PC.
fn is_foreign(facts: &Facts, suspect: &SuspectFact) -> bool {
    suspect.kind != CulpritKind::Service
        || !crate::knowledge::products::of_service(&suspect.name).is_empty()
        || facts.foreign_services.iter().any(|name| name.eq_ignore_ascii_case(&suspect.name))
}

fn is_assembly(path: &WinPath) -> bool {
    let path = path.folded();
    path.contains(r"\assembly\") || path.contains(r"\microsoft.net\")
}

fn of_filter(filter: &FilterFact) -> Candidate {
    let of = filter.of.as_ref().map_or(String::new(), |of| format!(", of {of},"));
    Candidate {
        product: filter.of.clone(),
        culprit: Culprit {
            kind: CulpritKind::Driver,
            name: filter.driver.clone(),
            certainty: Certainty::Candidate,
            because: format!(
                "{}{of} is the only filter of another maker between programs and files that can \
                 hold files ({}); nothing shows that it did",
                filter.driver, filter.group
            ),
        },
    }
}

/// Takes a candidate in, unless he is known already: then the better reason stays.
fn add(candidates: &mut Vec<Candidate>, new: Candidate) {
    let is_same = |known: &&mut Candidate| {
        known.culprit.name.eq_ignore_ascii_case(&new.culprit.name)
            || (known.product.is_some() && known.product == new.product)
    };
    match candidates.iter_mut().find(is_same) {
        Some(known) if new.culprit.certainty < known.culprit.certainty => *known = new,
        Some(_) => {}
        None => candidates.push(new),
    }
}

fn in_words(candidate: &Candidate) -> String {
    match &candidate.product {
        Some(product) => format!("{} ({product})", candidate.culprit.name),
        None => candidate.culprit.name.clone(),
    }
}

/// The product that somebody belongs to, if it is just one.
fn product_of(culprit: &Culprit) -> Option<String> {
    use crate::knowledge::products::{of_process, of_service};
    let found = match culprit.kind {
        CulpritKind::Service => of_service(&culprit.name),
        _ => of_process(&culprit.name),
    };
    match found {
        [only] => Some(only.name.to_owned()),
        _ => None,
    }
}
