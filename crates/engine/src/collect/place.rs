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
            let end = folders.iter().position(|it| ANCHORS.contains(&&it.to_lowercase()[..]));
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

fn components(source: &str) -> Vec<String> {
    harmless_name(&source.replace('!', "/")).split('/').map(str::to_owned).collect()
}
