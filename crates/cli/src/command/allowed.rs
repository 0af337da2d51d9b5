//! What the user allows a repair to do.

use clap::Args;
use unwedge_engine::gate::CheckId;
use unwedge_engine::plan::Policy;
use unwedge_engine::recipe::RECIPES;

/// What may be done.
#[derive(Debug, Clone, Args)]
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
}

impl Allowed {
    /// The policy, or what is wrong with what was given.
    pub(crate) fn policy(&self) -> anyhow::Result<Policy> {
        for id in &self.repairs {
            recipe(id)?;
        }
        let until = self.until.as_deref().map(rung).transpose()?;
        let forced = self.force.iter().map(|it| check(it)).collect::<anyhow::Result<Vec<_>>>()?;
        let only = (!self.repairs.is_empty()).then(|| self.repairs.clone());
        Ok(Policy { only, until, forced, ..Policy::default() })
    }
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
