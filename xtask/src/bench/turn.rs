//! Programs that run in turn, because a machine is faster in one minute than in the next.

use std::process::Command;

use super::process::silent;
use super::table::median;

/// One of those that are compared.
pub(super) struct Contender<'c> {
    command: &'c dyn Fn() -> Command,
    most_rounds: usize,
}

impl<'c> Contender<'c> {
    pub(super) fn new(command: &'c dyn Fn() -> Command) -> Self {
        Contender { command, most_rounds: usize::MAX }
    }

    /// A slow one need not run as often for a large ratio.
    pub(super) fn slow(command: &'c dyn Fn() -> Command, most_rounds: usize) -> Self {
        Contender { command, most_rounds }
    }
}

/// Seconds of each contender, round by round.
pub(super) struct Turns(Vec<Vec<f64>>);

impl Turns {
    /// Of programs that were timed elsewhere.
    #[cfg(target_os = "linux")]
    pub(super) fn of(times: Vec<Vec<f64>>) -> Turns {
        Turns(times)
    }

    /// The middle time of one contender.
    pub(super) fn seconds(&self, contender: usize) -> f64 {
        median(&self.0[contender])
    }

    /// How many times as long the first takes as another: the middle, the least and the most of
    /// all rounds.
    pub(super) fn ratio(&self, other: usize) -> (f64, f64, f64) {
        let ratios: Vec<f64> =
            self.0[0].iter().zip(&self.0[other]).map(|(ours, theirs)| ours / theirs).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        (median(&ratios), least, most)
    }
}

/// Runs all of them in turn, so many rounds, after one round that does not count.
pub(super) fn in_turn(rounds: usize, contenders: &[Contender<'_>]) -> anyhow::Result<Turns> {
    let mut times = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds.max(1) {
        for (contender, times) in contenders.iter().zip(&mut times) {
            if round > contender.most_rounds || (round == 0 && contender.most_rounds < rounds) {
                continue;
            }
            let seconds = silent(&mut (contender.command)())?;
            if round > 0 {
                times.push(seconds);
            }
        }
    }
    Ok(Turns(times))
}
