//! From two sizes of a twin to the size of production. Pure.
//!
//! A statement that reads n rows takes `a + b·n`, one that sorts them for an index `a + b·n·log n`. Two sizes give
//! both numbers; a constant part is never more than the measurement allows, because a twin is too small to tell a
//! slow start from slow work with certainty. The bounds hold what repeated runs differ by, and widen with the
//! distance from twin to production: caches, sorts on disk and checkpoints are not seen on a small twin.

use pgsteward_model::migrate::rehearsal::Estimate;

/// Times of a statement at one size of the twin, in milliseconds, and the rows it reads there.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    pub(super) rows: f64,
    pub(super) ms: Vec<f64>,
}

/// Least share of the time at the larger size that grows with the rows.
const LEAST_SLOPE: f64 = 0.25;
/// How much wider the bounds are than what was measured: a machine is never as quiet twice.
const WIDE: f64 = 1.3;
/// How much wider they become for each factor of ten.
const WIDER: f64 = 0.35;

/// The time for `rows` rows. Without rows at either size the time does not depend on them.
pub(super) fn expect(small: &Measured, large: &Measured, rows: f64, sorts: bool) -> Option<Estimate> {
    let (fast, middle, slow) = spread(&large.ms)?;
    if large.rows < 1.0 || rows < 1.0 {
        return Some(Estimate { ms: middle, low_ms: fast, high_ms: slow * 2.0 });
    }
    let work = |rows: f64| if sorts { rows * rows.max(2.0).log2() } else { rows };
    let (there, here) = (work(rows), work(large.rows));
    let through_origin = |ms: f64| ms / here;
    let slope = |low: f64, high: f64| {
        let before = work(small.rows);
        let measured =
            if here > before * 1.5 { (high - low) / (here - before) } else { through_origin(high) };
        measured.clamp(through_origin(high) * LEAST_SLOPE, through_origin(high))
    };
    let (fast_small, middle_small, slow_small) = spread(&small.ms).unwrap_or((0.0, 0.0, 0.0));
    let at = |slope: f64, ms: f64| (ms - slope * here).max(0.0) + slope * there;
    let estimate = at(slope(middle_small, middle), middle);
    let low = at(slope(slow_small, fast), fast);
    let high = at(slope(fast_small, slow), slow);
    let wider = WIDE + WIDER * (rows / large.rows).max(1.0).log10();
    Some(Estimate { ms: estimate, low_ms: low.min(estimate) / wider, high_ms: high.max(estimate) * wider })
}

/// Least, median and most.
fn spread(times: &[f64]) -> Option<(f64, f64, f64)> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = match sorted.as_slice() {
        [] => return None,
        all if all.len().is_multiple_of(2) => (all[middle - 1] + all[middle]) / 2.0,
        all => all[middle],
    };
    Some((sorted[0], median, sorted[sorted.len() - 1]))
}

/// The value that `share` of all values do not exceed; 0 where there are none. Sorts them.
pub(super) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a position in a list"
    )]
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1)) - 1;
    values.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Measured, expect, quantile};

    fn measured(rows: f64, ms: &[f64]) -> Measured {
        Measured { rows, ms: ms.to_vec() }
    }

    #[test]
    fn a_constant_part_does_not_grow() {
        // 2 ms to start, 1 ms for 1000 rows.
        let estimate =
            expect(&measured(25_000.0, &[27.0, 27.0]), &measured(100_000.0, &[102.0, 102.0]), 1e7, false)
                .unwrap();
        assert!((estimate.ms - 10_002.0).abs() < 1.0, "{estimate:?}");
        assert!(estimate.low_ms < estimate.ms && estimate.ms < estimate.high_ms);
    }

    #[test]
    fn sorting_grows_faster_than_reading() {
        let (small, large) = (measured(25_000.0, &[10.0]), measured(100_000.0, &[44.0]));
        let reading = expect(&small, &large, 1e7, false).unwrap();
        let sorting = expect(&small, &large, 1e7, true).unwrap();
        assert!(sorting.ms > reading.ms * 1.2, "{sorting:?} {reading:?}");
    }

    #[test]
    fn noise_widens_the_bounds_and_never_makes_work_free() {
        // The smaller twin took longer: noise.
        let estimate =
            expect(&measured(25_000.0, &[5.0, 9.0]), &measured(100_000.0, &[4.0, 8.0]), 1e7, false).unwrap();
        assert!(estimate.ms > 100.0, "{estimate:?}");
        assert!(estimate.high_ms / estimate.low_ms > 2.0, "{estimate:?}");
    }

    #[test]
    fn what_reads_no_rows_takes_the_same_everywhere() {
        let estimate = expect(&measured(0.0, &[0.3]), &measured(0.0, &[0.4, 0.5]), 0.0, false).unwrap();
        assert!(estimate.ms < 1.0, "{estimate:?}");
        assert!(expect(&Measured::default(), &Measured::default(), 1e7, false).is_none());
    }

    #[test]
    fn quantiles_of_few_values() {
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.99), 3.0);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
    }
}
