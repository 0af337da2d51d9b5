//! Where a file of evidence goes in a bundle.

use std::collections::HashSet;

use unwedge_host::container::harmless_name;

/// Folders that tell where a Windows installation begins; they are kept.
const ANCHORS: [&str; 3] = ["windows", "system32", "users"];

/// Gives each source a path in the bundle: what is common to all is left out, but not the folder
/// by which an installation is found.
pub(super) struct Places {
    common: usize,
    taken: HashSet<String>,
}

impl Places {
    /// For all of these sources.
    pub(super) fn of<'s>(sources: impl Iterator<Item = &'s str>) -> Places {
        let mut common: Option<Vec<String>> = None;
        for source in sources {
            let mut folders = components(source);
            folders.pop();
            let mut ends = (0..folders.len())
                .filter(|at| ANCHORS.contains(&&folders[*at].to_lowercase()[..]))
                .skip(usize::from(lies_with_a_person(source)));
            let end = ends.next();
            folders.truncate(end.unwrap_or(folders.len()));
            let shared = common.as_ref().map_or(folders.len(), |common| {
                common.iter().zip(&folders).take_while(|(a, b)| a == b).count()
            });
            folders.truncate(shared);
            common = Some(folders);
        }
        Places { common: common.map_or(0, |common| common.len()), taken: HashSet::new() }
    }

    /// The source without what is common to all.
    pub(super) fn relative(&self, source: &str) -> String {
        components(source)[self.common..].join("/")
    }

    /// A path nobody has, also when case does not count.
    pub(super) fn take(&mut self, relative: &str) -> String {
        let plain = format!("evidence/{relative}");
        let numbered = (2..).map(|number| format!("{plain}#{number}"));
        let free = [plain.clone()].into_iter().chain(numbered);
        let free = free.into_iter().find(|path| self.taken.insert(path.to_lowercase()));
        free.expect("numbers do not end")
    }
}

/// Whether the path begins with the profile of whoever collects on Windows, such as
/// `C:\Users\name\Desktop`: it says where the evidence lies now, not what it is from.
fn lies_with_a_person(source: &str) -> bool {
    let source = source.strip_prefix(r"\\?\").unwrap_or(source).replace('\\', "/");
    let below_drive = source.get(1..).and_then(|rest| rest.strip_prefix(":/"));
    below_drive.is_some_and(|rest| rest.to_lowercase().starts_with("users/"))
}

fn components(source: &str) -> Vec<String> {
    harmless_name(&source.replace('!', "/")).split('/').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_of_whoever_collects_is_no_part_of_the_evidence() {
        let sources = [
            r"C:\Users\anna\Desktop\case\Windows\Logs\CBS\CBS.log",
            r"C:\Users\anna\Desktop\case\Users\tom\NTUSER.DAT",
        ];
        let places = Places::of(sources.into_iter());
        assert_eq!(places.relative(sources[0]), "Windows/Logs/CBS/CBS.log");
        assert_eq!(places.relative(sources[1]), "Users/tom/NTUSER.DAT");
        let alone = [r"\\?\C:\users\anna\CbsPersist_1.log"];
        assert_eq!(Places::of(alone.into_iter()).relative(alone[0]), "CbsPersist_1.log");
        let here = [r"C:\Windows\Logs\CBS\CBS.log"];
        assert_eq!(Places::of(here.into_iter()).relative(here[0]), "Windows/Logs/CBS/CBS.log");
    }
}
