//! What only the running Windows knows: folders of the user, File History.

#[cfg(windows)]
pub(super) use on_windows::{file_history, folders, run_file_history, settings};

#[cfg(not(windows))]
pub(super) use elsewhere::{file_history, folders, run_file_history, settings};

#[cfg(windows)]
mod on_windows {
    use std::fs;
    use std::path::PathBuf;

    use anyhow::Context as _;
    use unwedge_backup::file_history::{self, CATALOGUES, CONFIGURATIONS, FileHistory};
    use unwedge_backup::settings::{self, Base, Placed};
    use unwedge_host::live::{file_history as of_windows, user};

    /// What people mean by their files.
    pub(crate) fn folders() -> anyhow::Result<Vec<PathBuf>> {
        let named = [
            user::Folder::Desktop,
            user::Folder::Documents,
            user::Folder::Pictures,
            user::Folder::Music,
            user::Folder::Videos,
            user::Folder::Downloads,
        ];
        named.into_iter().map(|it| Ok(user::folder(it)?)).collect()
    }

    pub(crate) fn settings(named: &[String]) -> anyhow::Result<Vec<Placed>> {
        settings::placed(named, |base| {
            user::folder(match base {
                Base::RoamingAppData => user::Folder::RoamingAppData,
                Base::LocalAppData => user::Folder::LocalAppData,
                Base::Profile => user::Folder::Profile,
                Base::Documents => user::Folder::Documents,
                Base::Favorites => user::Folder::Favorites,
            })
            .ok()
        })
    }

    pub(crate) fn file_history() -> anyhow::Result<FileHistory> {
        let local = user::folder(user::Folder::LocalAppData)?;
        let newest = |names: [&str; 2]| {
            let there = names.into_iter().filter_map(|name| {
                let path = local.join(name);
                Some((fs::metadata(&path).ok()?.modified().ok()?, path))
            });
            there.max()
        };
        let configuration = newest(CONFIGURATIONS).map(|(_, path)| {
            let at = || format!("the configuration {} cannot be read", path.display());
            file_history::configuration(&fs::read(&path).with_context(at)?).with_context(at)
        });
        Ok(FileHistory {
            configuration: configuration.transpose()?,
            service_runs: of_windows::runs().ok(),
            protected_until: of_windows::protects_up_to()?.and_then(file_history::moment),
            catalogue_written: newest(CATALOGUES)
                .and_then(|(time, _)| jiff::Timestamp::try_from(time).ok()),
        })
    }

    pub(crate) fn run_file_history() -> anyhow::Result<()> {
        Ok(of_windows::start()?)
    }
}

#[cfg(not(windows))]
mod elsewhere {
    use std::path::PathBuf;

    use anyhow::bail;
    use unwedge_backup::file_history::FileHistory;
    use unwedge_backup::settings::Placed;

    pub(crate) fn folders() -> anyhow::Result<Vec<PathBuf>> {
        bail!("what is to be backed up? Only Windows is asked for its folders; give --from PATH")
    }

    pub(crate) fn settings(_: &[String]) -> anyhow::Result<Vec<Placed>> {
        bail!("the table of settings is for Windows; give the folders by --from PATH")
    }

    pub(crate) fn file_history() -> anyhow::Result<FileHistory> {
        bail!("File History is a part of Windows; there is none here")
    }

    pub(crate) fn run_file_history() -> anyhow::Result<()> {
        bail!("File History is a part of Windows; there is none here")
    }
}
