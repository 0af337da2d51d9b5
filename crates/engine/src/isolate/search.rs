//! Which of many stand in the way: what to switch off next, learnt from what was seen so far.
//!
//! A pure function of its trials, so that a search goes on wherever its journal ends. Two questions
//! need two ways:
//!
//! - A test that can be made as often as one likes is asked for a smallest set that blocks all alone
//!   (delta debugging; the prefixes are halved as in `QuickXplain`, Junker 2004, because every trial is a
//!   restart and that way needs about half as many as `ddmin`, Zeller 2002). Then without that set the
//!   test must pass; if it does not, there is another set, and so on.
//! - An update that goes through is installed and cannot be tried again. So ever more are
//!   switched off, the likely ones first, until it does: the last ones added hold the culprit.
//!
//! Before anybody is switched off, Windows restarts once with everything on: what a restart alone cures, or
//! what has not started by then, would be blamed on whoever was switched off first.
//!
//! That something was in the way is certain when the test fails; that nothing was may be luck. So a
//! failure outweighs a success that contradicts it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// More sets that stand in the way each by itself are not looked for.
const MOST_GROUPS: usize = 3;
/// The number of culprits for which the bound is stated.
const MOST_CULPRITS: u32 = 3;

/// How often the test can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// Once it passes there is nothing left to test.
    UntilItPasses,
    /// As often as one likes.
    Repeatable,
}

/// What was seen with some of them switched off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Who was switched off, by number.
    pub off: BTreeSet<usize>,
    /// Whether the test passed.
    pub passes: bool,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Switch exactly these off, and test.
    Try(BTreeSet<usize>),
    /// The search is over.
    Found(Found),
}

/// How a search ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "found")]
pub enum Found {
    /// After a restart the test passes with everything on: nobody is accused.
    RestartAlone,
    /// With all of them off the test fails as before: none of them is it.
    NoneOfThem,
    /// Each group stands in the way by itself; the members of one only together.
    Groups {
        /// By number.
        groups: Vec<Vec<usize>>,
    },
    /// It passed once these were switched off as well: one of them is in the way.
    Among {
        /// By number.
        these: Vec<usize>,
        /// They were off before, which was not enough; some of them may be needed too.
        before: Vec<usize>,
    },
    /// What was seen does not agree with itself; these are left.
    Unsteady {
        /// By number.
        left: Vec<usize>,
    },
}

/// How many restarts a search takes, the last one, with everything as it was, included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// If one of them is it.
    pub expected: u32,
    /// In no case more.
    pub most: u32,
}

/// How many restarts it takes among so many.
#[must_use]
pub fn bound(count: usize, manner: Manner) -> Bound {
    let halvings = count.max(1).next_power_of_two().trailing_zeros();
    // The first with everything on, the last to start what was off.
    let (first, last) = (1, 1);
    match manner {
        // Sizes 1, 3, 7 and so on; what is likely may come first.
        Manner::UntilItPasses => Bound {
            expected: first + halvings.div_ceil(2) + 1 + last,
            most: first + halvings + 2 + last,
        },
        // All off, the halvings, that one alone and all but that one. A first guess that turns out wrong
        // costs one more.
        Manner::Repeatable => {
            let one = halvings + 2;
            let groups = 2 * MOST_GROUPS as u32 + MOST_CULPRITS;
            Bound {
                expected: first + one + 1 + last,
                most: first + 1 + MOST_CULPRITS * one + groups + last,
            }
        }
    }
}

/// What to do next among `count`, of which the first `likely` are more so than the others.
#[must_use]
pub fn next(count: usize, likely: usize, manner: Manner, trials: &[Trial]) -> Next {
    let search = Search { count, likely: likely.min(count), trials };
    let found = search.passes(&BTreeSet::new()).and_then(|passes| match (passes, manner) {
        (true, _) => Ok(Found::RestartAlone),
        (false, Manner::UntilItPasses) => search.until_it_passes(),
        (false, Manner::Repeatable) => search.smallest(),
    });
    match found {
        Ok(found) => Next::Found(found),
        Err(Unseen(off)) => Next::Try(off),
    }
}

/// With these switched off nothing was seen yet.
struct Unseen(BTreeSet<usize>);

struct Search<'t> {
    count: usize,
    likely: usize,
    trials: &'t [Trial],
}

impl Search<'_> {
    /// Whether the test passes with exactly these off, as far as it was seen or follows: with more off it
    /// passes all the more.
    fn passes(&self, off: &BTreeSet<usize>) -> Result<bool, Unseen> {
        if self.trials.iter().any(|it| !it.passes && it.off.is_superset(off)) {
            return Ok(false);
        }
        let passed = self.trials.iter().any(|it| it.passes && it.off.is_subset(off));
        if passed { Ok(true) } else { Err(Unseen(off.clone())) }
    }

    fn all(&self) -> BTreeSet<usize> {
        (0..self.count).collect()
    }

    fn until_it_passes(&self) -> Result<Found, Unseen> {
        let mut before = 0;
        let mut size = self.likely.max(1);
        loop {
            let size_now = size.min(self.count);
            if size_now == before {
                return Ok(Found::NoneOfThem);
            }
            if self.passes(&(0..size_now).collect())? {
                let these = (before..size_now).collect();
                return Ok(Found::Among { these, before: (0..before).collect() });
            }
            before = size_now;
            size = size_now * 2 + 1;
        }
    }

    fn smallest(&self) -> Result<Found, Unseen> {
        if self.count == 0 || !self.passes(&self.all())? {
            return Ok(Found::NoneOfThem);
        }
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut off = BTreeSet::new();
        while !self.passes(&off)? {
            let rest: Vec<usize> = (0..self.count).filter(|it| !off.contains(it)).collect();
            if groups.len() == MOST_GROUPS || rest.is_empty() {
                return Ok(Found::Unsteady { left: off.into_iter().collect() });
            }
            let group = self.blocking(&rest)?;
            off.extend(&group);
            groups.push(group);
        }
        // One that was found by bad luck is not needed.
        if groups.len() > 1 {
            let mut kept = groups.clone();
            for group in &groups {
                let others: BTreeSet<usize> =
                    kept.iter().filter(|it| *it != group).flatten().copied().collect();
                if self.passes(&others)? {
                    kept.retain(|it| it != group);
                }
            }
            groups = kept;
        }
        Ok(Found::Groups { groups })
    }

    /// The smallest set of `rest` that blocks while all others are off; all of `rest` together does.
    fn blocking(&self, rest: &[usize]) -> Result<Vec<usize>, Unseen> {
        let mut needed: Vec<usize> = Vec::new();
        let mut end = rest.len();
        loop {
            let blocks = |length: usize| {
                let on: BTreeSet<usize> = rest[..length].iter().chain(&needed).copied().collect();
                let off = self.all().difference(&on).copied().collect();
                self.passes(&off).map(|passes| !passes)
            };
            if !needed.is_empty() && blocks(0)? {
                return Ok(needed);
            }
            // With `least` of them on it passes, with `most` it fails.
            let (mut least, mut most) = (0, end);
            let mut guess = rest.iter().take_while(|it| **it < self.likely).count();
            while most - least > 1 {
                let middle = match guess > least && guess < most {
                    true => guess,
                    false => least + (most - least) / 2,
                };
                guess = 0;
                match blocks(middle)? {
                    true => most = middle,
                    false => least = middle,
                }
            }
            if most == 0 {
                // Nothing is left that could be needed: what was seen does not agree with itself.
                return Ok(needed);
            }
            needed.push(rest[most - 1]);
            end = most - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random and are the same every time (xorshift).
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, below: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % below.max(1) as u64) as usize
        }

        fn several(&mut self, count: usize, below: usize) -> Vec<usize> {
            let mut chosen = BTreeSet::new();
            while chosen.len() < count {
                chosen.insert(self.roll(below));
            }
            chosen.into_iter().collect()
        }
    }

    /// Who blocks: each group by itself, as long as all its members are on.
    fn fails(groups: &[Vec<usize>], off: &BTreeSet<usize>) -> bool {
        groups.iter().any(|group| group.iter().all(|it| !off.contains(it)))
    }

    fn run(
        count: usize,
        likely: usize,
        manner: Manner,
        mut test: impl FnMut(&BTreeSet<usize>) -> bool,
    ) -> (Found, u32) {
        let mut trials = Vec::new();
        for starts in 0..1000 {
            match next(count, likely, manner, &trials) {
                Next::Found(found) => return (found, starts),
                Next::Try(off) => {
                    assert!(!trials.iter().any(|it: &Trial| it.off == off), "asked twice");
                    trials.push(Trial { passes: test(&off), off });
                }
            }
        }
        panic!("it goes on for ever");
    }

    #[test]
    fn one_a_pair_and_a_triple_are_found_among_3_to_200_and_within_the_bound() {
        let mut dice = Dice(0x5eed);
        let mut ran = 0;
        for seed in 0..4000 {
            let count = 3 + dice.roll(198);
            let likely = dice.roll(6);
            let wanted: Vec<Vec<usize>> = match seed % 5 {
                0 => vec![dice.several(1, count)],
                1 => vec![dice.several(2, count)],
                2 => vec![dice.several(3, count)],
                3 => dice.several(2, count).into_iter().map(|it| vec![it]).collect(),
                _ => {
                    let three = dice.several(3, count);
                    vec![vec![three[0]], vec![three[1], three[2]]]
                }
            };
            let test = |off: &BTreeSet<usize>| !fails(&wanted, off);
            let (found, trials) = run(count, likely, Manner::Repeatable, test);
            let Found::Groups { groups } = found else { panic!("{found:?} of {wanted:?}") };
            let mut groups: Vec<Vec<usize>> = groups
                .into_iter()
                .map(|mut it| {
                    it.sort_unstable();
                    it
                })
                .collect();
            groups.sort();
            let mut wanted = wanted;
            wanted.sort();
            assert_eq!(groups, wanted, "seed {seed}");
            let bound = bound(count, Manner::Repeatable);
            assert!(trials < bound.most, "{trials} of {bound:?} among {count}");
            if seed % 5 == 0 {
                let unlucky = u32::from(likely > 0);
                assert!(trials < bound.expected + unlucky, "{trials} of {bound:?} among {count}");
            }
            ran += 1;
        }
        assert_eq!(ran, 4000);
    }

    #[test]
    fn the_bound_is_what_halving_takes() {
        assert_eq!(bound(3, Manner::Repeatable), Bound { expected: 7, most: 24 });
        assert_eq!(bound(30, Manner::Repeatable).expected, 10);
        assert_eq!(bound(200, Manner::Repeatable), Bound { expected: 13, most: 42 });
        assert_eq!(bound(200, Manner::UntilItPasses), Bound { expected: 7, most: 12 });
    }

    #[test]
    fn if_none_of_them_is_it_two_trials_tell() {
        for count in [3, 50, 200] {
            let found = run(count, 0, Manner::Repeatable, |_| false);
            assert_eq!(found, (Found::NoneOfThem, 2));
        }
        assert_eq!(run(0, 0, Manner::Repeatable, |_| false).0, Found::NoneOfThem);
    }

    #[test]
    fn nobody_is_accused_of_what_a_restart_alone_cures() {
        for count in [1, 30, 200] {
            for manner in [Manner::Repeatable, Manner::UntilItPasses] {
                assert_eq!(run(count, 1, manner, |_| true), (Found::RestartAlone, 1));
            }
        }
    }

    #[test]
    fn an_update_that_went_through_is_not_tried_again() {
        let mut dice = Dice(0xcafe);
        for seed in 0..4000 {
            let count = 3 + dice.roll(198);
            let likely = dice.roll(6);
            let groups = match seed % 3 {
                0 => vec![dice.several(1, count)],
                1 => dice.several(2, count).into_iter().map(|it| vec![it]).collect(),
                _ => Vec::new(),
            };
            let mut is_installed = false;
            let (found, trials) = run(count, likely, Manner::UntilItPasses, |off| {
                assert!(!is_installed, "tested again after it passed");
                is_installed = !groups.is_empty() && !fails(&groups, off);
                is_installed
            });
            assert!(trials < bound(count, Manner::UntilItPasses).most, "{trials} among {count}");
            // The last of them that had to go is in what is told.
            match groups.iter().flatten().max() {
                None => assert_eq!(found, Found::NoneOfThem),
                Some(last) => match found {
                    Found::Among { these, .. } => assert!(these.contains(last), "seed {seed}"),
                    other => panic!("{other:?}"),
                },
            }
        }
    }

    #[test]
    fn whoever_the_evidence_points_at_is_tried_first() {
        let groups = [vec![0]];
        let once = run(200, 1, Manner::UntilItPasses, |off| !fails(&groups, off));
        assert_eq!(once.0, Found::Among { these: vec![0], before: vec![] });
        assert_eq!(once.1, 2);
        let again = run(200, 1, Manner::Repeatable, |off| !fails(&groups, off));
        assert_eq!(again, (Found::Groups { groups: vec![vec![0]] }, 4));
    }

    #[test]
    fn one_that_blocks_only_now_and_then_is_hardly_ever_mistaken_for_another() {
        let mut dice = Dice(0xf1a2);
        let (mut right, mut wrong, mut open) = (0, 0, 0);
        for _ in 0..2000 {
            let count = 3 + dice.roll(198);
            let culprit = dice.roll(count);
            let (found, trials) = run(count, 0, Manner::Repeatable, |off| {
                // It blocks two times in three; a trial asks up to eight times and passes if all do.
                off.contains(&culprit) || (0..8).all(|_| dice.roll(3) == 0)
            });
            assert!(trials < bound(count, Manner::Repeatable).most);
            match found {
                Found::Groups { groups } if groups == [vec![culprit]] => right += 1,
                Found::Groups { .. } => wrong += 1,
                _ => open += 1,
            }
        }
        assert!(right >= 1990 && wrong <= 2, "{right} right, {wrong} wrong, {open} open");
    }
}
