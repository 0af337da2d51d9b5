//! The table that a bench prints.

use std::path::Path;

/// One comparison.
pub(super) struct Row {
    cells: [String; 5],
    met: Option<bool>,
}

impl Row {
    pub(super) fn new(
        work: &str,
        ours: &str,
        peer: &str,
        ratio: &str,
        goal: &str,
        met: Option<bool>,
    ) -> Row {
        Row { cells: [work, ours, peer, ratio, goal].map(str::to_owned), met }
    }

    /// A comparison that could not be made.
    pub(super) fn skipped(work: &str, peer: &str, why: &str) -> Row {
        Row::new(work, "-", peer, "-", &format!("skipped: {why}"), None)
    }
}

/// The middle one of `times`.
pub(super) fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Prints the rows below their heads.
#[expect(clippy::print_stdout, reason = "the table is what the chore is for")]
pub(super) fn print(log: &Path, size_bytes: u64, rows: &[Row]) -> anyhow::Result<()> {
    let heads = ["work", "ours", "peer", "ratio", "goal"];
    let widths: Vec<usize> = (0..heads.len())
        .map(|i| rows.iter().map(|row| row.cells[i].len()).max().unwrap_or(0).max(heads[i].len()))
        .collect();
    let line = |cells: [&str; 5], met: &str| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        println!("{}{met}", padded.collect::<String>());
    };
    println!("{} ({size_bytes} bytes), warm cache, medians\n", log.display());
    line(heads, "");
    for row in rows {
        let met = match row.met {
            Some(true) => "met",
            Some(false) => "NOT met",
            None => "",
        };
        line(row.cells.each_ref().map(String::as_str), met);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn one_slow_run_does_not_move_the_median() {
        assert_eq!(median(&[3.0, 1.0, 900.0]).to_bits(), 3.0_f64.to_bits());
    }
}
