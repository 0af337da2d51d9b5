//! `repair-store`: Windows repairs its component store, then checks its own files against it.
//!
//! In that order, because the check takes what it needs from the store. Never on top of work that
//! waits for a restart (0x80070BC9), and never with anything that makes installed updates permanent
//! or takes pended work back.

use unwedge_formats::wim::Image;
use unwedge_host::probe::{self, SourceContent, StoreHealth};
use unwedge_host::{About, Change, HostErrorKind, RepairSource, Tool};

use super::{Proposal, Recipe, Request, refused};
use crate::plan::{Phase, Step};
use crate::report::Category;

pub(super) const RECIPE: Recipe = Recipe {
    id: "repair-store",
    title: "Lets Windows repair its component store (DISM RestoreHealth) and then check its own files \
            against it (sfc). It only puts Windows' own files in the place of damaged ones.",
    rung: 7,
    is_made_once: true,
    propose,
};

/// Builds that share the files of another one and are switched to by a small package: media of
/// such a version say the first of them. Source: Microsoft, "enablement package" articles.
const SAME_FILES: [(u32, u32); 7] = [
    (18363, 18362),
    (19042, 19041),
    (19043, 19041),
    (19044, 19041),
    (19045, 19041),
    (22631, 22621),
    (26200, 26100),
];

const OVER_THIS_ONE: &str = "install the same version of Windows over this one (setup.exe of its \
                             installation media, started in Windows), which keeps programs and files";

fn propose(request: &Request<'_>) -> Proposal {
    let mut notes = Vec::new();
    let source = match &request.policy.source {
        None if request.finding.category == Category::SourceMissing => {
            return refused(
                "Windows found no place from which to take the files for a repair",
                &format!(
                    "give it one: `unwedge fix --source D:\\sources\\install.wim`, where D: is the \
                     installation media of {}",
                    version(request.host.about())
                ),
            );
        }
        None => None,
        Some(given) => match checked(request, given, &mut notes) {
            Ok(source) => Some(source),
            Err(why) => {
                return refused(
                    &why,
                    &format!(
                        "give the installation media of {}, such as D:\\sources\\install.wim; a \
                         repair from other files makes things worse",
                        version(request.host.about())
                    ),
                );
            }
        },
    };
    let is_noted = match probe::store(request.host) {
        Ok(StoreHealth::NotRepairable) => {
            return refused(
                "Windows itself found that its component store cannot be repaired",
                OVER_THIS_ONE,
            );
        }
        Ok(StoreHealth::Repairable) => true,
        Ok(StoreHealth::Healthy) => false,
        Err(err) if err.kind == HostErrorKind::NotCollected => {
            notes.push(
                "what Windows noted of its component store is not part of the evidence".into(),
            );
            false
        }
        Err(err) => return refused(&err.to_string(), "run as administrator and try again"),
    };
    notes.push(
        "to search, to repair and to check may take an hour in all; should Windows want a restart \
         after that, the update is only tried after it"
            .to_owned(),
    );
    let scan = (!is_noted).then(|| scan(request));
    let steps = scan.into_iter().chain([repair(request, source), check(request)]).collect();
    Proposal::Steps { steps, notes }
}

fn scan(request: &Request<'_>) -> Step {
    Step {
        says: "Let Windows search its component store for damage (DISM ScanHealth).".to_owned(),
        why: "the failure looks like damage there, and Windows has not noted any yet".to_owned(),
        undo: "nothing to undo: it only takes note of what it finds".to_owned(),
        reversible: true,
        ..step(request, Tool::ScanStore)
    }
}

fn repair(request: &Request<'_>, source: Option<RepairSource>) -> Step {
    let limit_access = request.policy.limit_access;
    let place = match (&source, limit_access) {
        (Some(source), true) => format!(" with files from {source} alone"),
        (Some(source), false) => format!(" with files from {source}, or else from Windows Update"),
        (None, true) => " with files that are on the PC".to_owned(),
        (None, false) => String::new(),
    };
    Step {
        says: format!("Let Windows repair its component store (DISM RestoreHealth){place}."),
        why: "updates are built from the files in it, and stop where one is damaged".to_owned(),
        undo: "cannot be undone, and need not be: damaged files are replaced by those that \
               Windows itself ships"
            .to_owned(),
        ..step(request, Tool::RepairStore { source, limit_access })
    }
}

fn check(request: &Request<'_>) -> Step {
    Step {
        says: "Let Windows check its own files against the store (sfc /scannow).".to_owned(),
        why:
            "files outside of the store may be damaged too; this mends them from the store, so it \
              comes after its repair"
                .to_owned(),
        undo: "cannot be undone, and need not be: only files of Windows that differ from what it \
               ships are replaced"
            .to_owned(),
        ..step(request, Tool::CheckFiles)
    }
}

fn step(request: &Request<'_>, tool: Tool) -> Step {
    Step {
        change: Change::Run(tool),
        says: String::new(),
        why: String::new(),
        touches: vec!["the component store (WinSxS)".to_owned()],
        undo: String::new(),
        reversible: false,
        recipe: RECIPE.id.to_owned(),
        finding: request.finding.rule.clone(),
        phase: Phase::Boundary,
    }
}

/// The source as DISM can use it, or why it cannot be used.
fn checked(
    request: &Request<'_>,
    given: &RepairSource,
    notes: &mut Vec<String>,
) -> Result<RepairSource, String> {
    let path = &given.path;
    let content = match probe::repair_source(request.host, path) {
        Ok(Some(content)) => content,
        Ok(None) => return Err(format!("there is no {path}")),
        Err(err) if err.kind == HostErrorKind::NotCollected => {
            return Err(format!(
                "what lies at {path} can only be looked at on the PC, on a drive of it"
            ));
        }
        Err(err) => return Err(err.to_string()),
    };
    match content {
        SourceContent::Folder if given.index.is_some() => {
            Err(format!("{path} is a folder; only a file of images has numbers"))
        }
        SourceContent::Folder => {
            notes.push(format!(
                "whether the files in {path} are of this build shows only when Windows uses them"
            ));
            Ok(given.clone())
        }
        SourceContent::Other => Err(format!("{path} is not a file of Windows images")),
        SourceContent::Images(images) => chosen(request.host.about(), given, &images, notes),
    }
}

fn chosen(
    about: &About,
    given: &RepairSource,
    images: &[Image],
    notes: &mut Vec<String>,
) -> Result<RepairSource, String> {
    let path = &given.path;
    let image = match given.index {
        Some(index) => {
            let image = images.iter().find(|it| it.index == index);
            let image = image.ok_or_else(|| format!("{path} has no image {index}"))?;
            fits(about, image).map_err(|why| format!("image {index} of {path} {why}"))?;
            image
        }
        None => images.iter().find(|it| fits(about, it).is_ok()).ok_or_else(|| {
            let all = images.iter().map(|it| {
                let name = it.name.as_deref().unwrap_or("without a name");
                let build = it.build.map_or("unknown".to_owned(), |it| it.to_string());
                format!("{} is {name}, build {build}", it.index)
            });
            let all: Vec<String> = all.collect();
            format!("{path} has no image of {}: {}", version(about), all.join("; "))
        })?,
    };
    let (build, revision) = numbers(about);
    if build.is_none() || about.edition.is_none() {
        notes.push(format!(
            "the build or edition of this PC is not known, so that of {path} was not compared"
        ));
    }
    if let (Some(own), Some(its)) = (revision, image.revision)
        && its < own
    {
        notes.push(format!(
            "the image is older than what is installed (revision {its} and {own}): what updates \
             brought since is not in it"
        ));
    }
    Ok(RepairSource { path: path.clone(), index: Some(image.index) })
}

/// Fails, with the end of a sentence about it, if an image is not of this Windows.
fn fits(about: &About, image: &Image) -> Result<(), String> {
    let base = |build: u32| {
        SAME_FILES.iter().find(|(it, _)| *it == build).map_or(build, |(_, base)| *base)
    };
    let Some(its) = image.build else {
        return Err("does not say which Windows it is".to_owned());
    };
    if let Some(own) = numbers(about).0
        && base(own) != base(its)
    {
        return Err(format!("is of build {its}, and this PC of {own}"));
    }
    match (&about.edition, &image.edition) {
        (Some(own), Some(its)) if !own.eq_ignore_ascii_case(its) => {
            Err(format!("is the edition {its}, and this PC is {own}"))
        }
        (Some(_), None) => Err("does not say of which edition it is".to_owned()),
        (Some(_) | None, _) => Ok(()),
    }
}

/// Build and revision.
fn numbers(about: &About) -> (Option<u32>, Option<u32>) {
    let text = about.build.as_deref().unwrap_or_default();
    let mut numbers = text.split('.').map(|it| it.parse().ok());
    (numbers.next().flatten(), numbers.next().flatten())
}

fn version(about: &About) -> String {
    match (&about.build, &about.edition) {
        (Some(build), Some(edition)) => format!("this Windows (build {build}, {edition})"),
        (Some(build), None) => format!("this Windows (build {build})"),
        (None, _) => "this very version of Windows".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(index: u32, build: u32, edition: &str) -> Image {
        Image {
            index,
            build: Some(build),
            revision: Some(1742),
            edition: Some(edition.to_owned()),
            ..Image::default()
        }
    }

    fn about(build: &str) -> About {
        About {
            build: Some(build.to_owned()),
            edition: Some("Professional".to_owned()),
            ..About::default()
        }
    }

    fn choose(build: &str, index: Option<u32>) -> Result<Option<u32>, String> {
        let images = [image(1, 26100, "Core"), image(6, 26100, "Professional")];
        let given = RepairSource { path: unwedge_host::WinPath::new(r"D:\install.wim"), index };
        chosen(&about(build), &given, &images, &mut Vec::new()).map(|it| it.index)
    }

    #[test]
    fn the_image_of_the_same_build_and_edition_is_found_and_others_are_refused() {
        assert_eq!(choose("26100.2314", None), Ok(Some(6)));
        assert_eq!(choose("26100.2314", Some(6)), Ok(Some(6)));
        assert!(choose("26100.2314", Some(1)).unwrap_err().contains("edition Core"));
        assert!(choose("26100.2314", Some(2)).unwrap_err().contains("no image 2"));
        assert!(choose("22631.4", Some(6)).unwrap_err().contains("build 26100"));
        assert!(choose("22631.4", None).unwrap_err().contains("no image of this Windows"));
    }

    #[test]
    fn a_version_that_another_one_is_switched_to_shares_its_files() {
        assert_eq!(choose("26200.1", None), Ok(Some(6)));
        assert!(fits(&about("19045.6000"), &image(1, 19041, "Professional")).is_ok());
        assert!(fits(&about("19045.6000"), &image(1, 22621, "Professional")).is_err());
    }
}
