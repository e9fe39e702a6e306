//! Samples to rows of the scoreboard's tables.

use std::time::Duration;

/// Milliseconds, with fractions.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The middle sample; the mean of the two middle ones where their number is even. No samples: not a number,
/// which a table shows.
pub(crate) fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    match samples.as_slice() {
        [] => f64::NAN,
        samples if samples.len() % 2 == 0 => f64::midpoint(samples[middle - 1], samples[middle]),
        samples => samples[middle],
    }
}

pub(crate) fn row(what: &str, figure: &str, target: &str) -> String {
    format!("| {what} | {figure} | {target} |")
}

/// A row with a number that has an upper limit, and whether it is kept.
pub(crate) fn row_with_limit(what: &str, value: f64, unit: &str, digits: usize, limit: f64) -> String {
    let kept = if value <= limit { "met" } else { "**missed**" };
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    row(what, &format!("{value:.digits$}{unit}"), &format!("at most {limit}{unit}: {kept}"))
}
