//! What the user allows a repair to do.

use clap::Args;
use unwedge_engine::gate::CheckId;
use unwedge_engine::plan::Policy;
use unwedge_engine::recipe::RECIPES;
use unwedge_engine::restore_point::RestorePoint;
use unwedge_host::{RepairSource, WinPath};

/// What may be done.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Allowed {
    /// Consider only this repair (may be given more than once)
    #[arg(long = "repair", value_name = "ID")]
    repairs: Vec<String>,
    /// Climb no higher than this: a number from 1 (wait) to 10, or the id of a repair
    #[arg(long, value_name = "RUNG")]
    until: Option<String>,
    /// Go on although this check speaks against it: restart, backup, room or power
    #[arg(long, value_name = "CHECK")]
    force: Vec<String>,
    /// Take the files for a repair of the component store from here: install.wim or install.esd of
    /// the same build and edition, with :NUMBER for one of its images, or a folder
    #[arg(long, value_name = "WIM|ESD|FOLDER[:INDEX]")]
    source: Option<String>,
    /// Do not let that repair ask Windows Update for files
    #[arg(long)]
    limit_access: bool,
    /// Make a restore point first, even where it is not known whether Windows makes any; without
    /// this one is made where it is known
    #[arg(long)]
    restore_point: bool,
    /// Make no restore point
    #[arg(long, conflicts_with = "restore_point")]
    no_restore_point: bool,
}

impl Allowed {
    /// The policy, or what is wrong with what was given.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        for id in &self.repairs {
            recipe(id)?;
        }
        let until = self.until.as_deref().map(rung).transpose()?;
        let forced = self.force.iter().map(|it| check(it)).collect::<anyhow::Result<Vec<_>>>()?;
        let restore_point = match (self.restore_point, self.no_restore_point) {
            (true, _) => RestorePoint::Wanted,
            (false, true) => RestorePoint::Never,
            (false, false) => RestorePoint::WhereOn,
        };
        let only = (!self.repairs.is_empty()).then(|| self.repairs.clone());
        let source = self.source.as_deref().map(source).transpose()?;
        let limit_access = self.limit_access;
        Ok(Policy { only, until, forced, source, limit_access, restore_point, ..Policy::default() })
    }
}

/// What lies there, and whether it fits, is looked at when the plan is made.
fn source(given: &str) -> anyhow::Result<RepairSource> {
    // As DISM takes it.
    let bare = ["wim:", "esd:"].iter().find_map(|it| {
        let (kind, rest) = given.split_at_checked(it.len())?;
        kind.eq_ignore_ascii_case(it).then_some(rest)
    });
    let bare = bare.unwrap_or(given);
    let (path, index) = match bare.rsplit_once(':') {
        // What follows the colon of a drive is not a number.
        Some((path, number)) if path.len() > 1 => match number.parse::<u32>() {
            Ok(index @ 1..) => (path, Some(index)),
            Ok(_) | Err(_) => anyhow::bail!("`{number}` is not the number of an image"),
        },
        Some(_) | None => (bare, None),
    };
    let is_absolute = path.as_bytes().get(1..3) == Some(b":\\");
    if !is_absolute {
        anyhow::bail!(r"`{given}` is no full path on a drive, such as D:\sources\install.wim:1");
    }
    Ok(RepairSource { path: WinPath::new(path), index })
}

fn recipe(id: &str) -> anyhow::Result<u8> {
    match RECIPES.iter().find(|it| it.id == id) {
        Some(recipe) => Ok(recipe.rung),
        None => {
            let known = RECIPES.map(|it| it.id).join(", ");
            anyhow::bail!("there is no repair `{id}`; there are {known}")
        }
    }
}

fn rung(given: &str) -> anyhow::Result<u8> {
    match given.parse::<u8>() {
        Ok(number @ 1..=10) => Ok(number),
        Ok(number) => anyhow::bail!("there is no rung {number}; they go from 1 to 10"),
        Err(_) => recipe(given),
    }
}

fn check(given: &str) -> anyhow::Result<CheckId> {
    match CheckId::ALL.into_iter().find(|it| it.name() == given) {
        Some(id) if id.can_be_forced() => Ok(id),
        Some(id) => anyhow::bail!("the check `{}` is never passed over", id.name()),
        None => {
            let known = CheckId::ALL.into_iter().filter(|it| it.can_be_forced());
            let known: Vec<&str> = known.map(CheckId::name).collect();
            anyhow::bail!(
                "there is no check `{given}` to pass over; there are {}",
                known.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_source(given: &str, path: &str, index: Option<u32>) {
        assert_eq!(source(given).unwrap(), RepairSource { path: WinPath::new(path), index });
    }

    #[test]
    fn a_source_is_a_path_with_or_without_a_number() {
        let path = r"D:\sources\install.wim";
        assert_source(path, path, None);
        assert_source(r"D:\sources\install.wim:6", path, Some(6));
        assert_source(r"wim:D:\sources\install.wim:6", path, Some(6));
        for wrong in ["install.wim:1", r"\\server\a.esd:1", r"D:\install.wim:x", ""] {
            assert!(source(wrong).is_err(), "{wrong}");
        }
    }
}
