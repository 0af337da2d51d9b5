//! The table that a bench prints.

use std::process::Command;

use super::process::peak_of;
use super::turn::{Contender, Turns, in_turn};

/// One comparison.
pub(super) struct Row {
    cells: [String; 6],
    met: Option<bool>,
}

impl Row {
    pub(super) fn new(
        work: &str,
        ours: (f64, Option<u64>),
        beside: &str,
        ratio: &str,
        goal: &str,
        met: Option<bool>,
    ) -> Row {
        let (seconds, peak) = (told(ours.0), memory(ours.1));
        Row { cells: [work, &seconds, &peak, beside, ratio, goal].map(str::to_owned), met }
    }

    /// A comparison whose cells are neither times nor memory.
    pub(super) fn of(cells: [&str; 6], met: Option<bool>) -> Row {
        Row { cells: cells.map(str::to_owned), met }
    }

    /// Work for which the other program is missing: ours is measured all the same.
    pub(super) fn alone(
        work: &str,
        ours: &dyn Fn() -> Command,
        rounds: usize,
        peer: &str,
        why: &str,
    ) -> anyhow::Result<Row> {
        let turns = in_turn(rounds, &[Contender::new(ours)])?;
        let own = (turns.seconds(0), peak_of(ours)?);
        Ok(Row::new(work, own, peer, "-", &format!("skipped: {why}"), None))
    }

    /// Ours takes no more than `goal` times the time of the peer, the second of `turns`.
    pub(super) fn within(
        work: &str,
        turns: &Turns,
        peer: &str,
        goal: f64,
        peak: Option<u64>,
    ) -> anyhow::Result<Row> {
        let (ratio, least, most) = turns.ratio(1);
        Ok(Row::new(
            work,
            (turns.seconds(0), peak),
            &format!("{peer} {}", told(turns.seconds(1))),
            &format!("{ratio:.2} x its time ({least:.2} to {most:.2})"),
            &format!("at most {goal} x"),
            Some(ratio <= goal),
        ))
    }

    /// Ours is at least `goal` times as fast as the peer, number `other` of `turns`.
    pub(super) fn faster(
        work: &str,
        turns: &Turns,
        other: usize,
        peer: &str,
        goal: f64,
        peak: Option<u64>,
    ) -> Row {
        let (ratio, least, most) = turns.ratio(other);
        Row::new(
            work,
            (turns.seconds(0), peak),
            &format!("{peer} {}", told(turns.seconds(other))),
            &format!("{:.0} x faster ({:.0} to {:.0})", 1.0 / ratio, 1.0 / most, 1.0 / least),
            &format!("at least {goal} x"),
            Some(ratio * goal <= 1.0),
        )
    }

    /// Whether a goal was set and missed.
    pub(super) fn is_missed(&self) -> bool {
        self.met == Some(false)
    }
}

/// Seconds as a person reads them.
pub(super) fn told(seconds: f64) -> String {
    match seconds < 1.0 {
        true => format!("{:.1} ms", seconds * 1e3),
        false => format!("{seconds:.2} s"),
    }
}

/// Memory as a person reads it.
pub(super) fn memory(bytes: Option<u64>) -> String {
    bytes.map_or("-".into(), |bytes| format!("{:.1} MB", bytes as f64 / 1e6))
}

/// The middle one of `times`.
pub(super) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the rows below their heads.
#[expect(clippy::print_stdout, reason = "the table is what the chore is for")]
pub(super) fn print(rows: &[Row]) {
    let heads = ["work", "ours", "memory", "beside", "ratio", "goal"];
    let widths: Vec<usize> = (0..heads.len())
        .map(|i| rows.iter().map(|row| row.cells[i].len()).max().unwrap_or(0).max(heads[i].len()))
        .collect();
    let line = |cells: [&str; 6], met: &str| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        println!("{}{met}", padded.collect::<String>());
    };
    println!("whole processes in turn, warm cache, medians (least to most)\n");
    line(heads, "");
    for row in rows {
        let met = match row.met {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "",
        };
        line(row.cells.each_ref().map(String::as_str), met);
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn one_slow_run_does_not_move_the_median() {
        assert_eq!(median(&[3.0, 1.0, 900.0]).to_bits(), 3.0_f64.to_bits());
    }
}
