//! How large the next batch is and how long to rest before it: smaller and later where others waited, back to the
//! wanted size where nobody does.

use std::time::Duration;

/// A batch that takes longer holds its rows' locks for too long.
const SLOW: Duration = Duration::from_millis(1000);
/// A batch that is done sooner may be larger.
const QUICK: Duration = Duration::from_millis(250);
/// Longest rest between batches that waiting sessions can bring about.
const LONGEST_REST: Duration = Duration::from_secs(5);
/// The rest after the first batch that others waited for.
const FIRST_REST: Duration = Duration::from_millis(100);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    wanted: u32,
    pause: Duration,
    size: u32,
    /// Beside the pause.
    rest: Duration,
}

impl Pace {
    pub(super) fn new(wanted: u32, pause: Duration) -> Pace {
        let wanted = wanted.max(1);
        Pace { wanted, pause, size: wanted, rest: Duration::ZERO }
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// How long to wait before the next batch.
    pub(super) fn pause(&self) -> Duration {
        self.pause + self.rest
    }

    /// A batch is done.
    pub(super) fn done(&mut self, took: Duration, others_waited: bool) {
        if others_waited {
            self.slower();
        } else if took > SLOW {
            self.size = (self.size / 2).max(1);
        } else {
            self.rest /= 2;
            if took < QUICK {
                self.size = self.size.saturating_mul(2).min(self.wanted);
            }
        }
    }

    /// A batch did not get its locks, or others waited for it.
    pub(super) fn slower(&mut self) {
        self.size = (self.size / 2).max(1);
        self.rest = (self.rest * 2).clamp(FIRST_REST, LONGEST_REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_gives_way_and_comes_back() {
        let mut pace = Pace::new(1000, Duration::from_millis(10));
        pace.done(Duration::from_millis(50), true);
        assert_eq!((pace.size(), pace.pause()), (500, Duration::from_millis(110)));
        pace.slower();
        assert_eq!((pace.size(), pace.pause()), (250, Duration::from_millis(210)));
        pace.done(Duration::from_secs(2), false);
        assert_eq!(pace.size(), 125);
        for _ in 0..20 {
            pace.done(Duration::from_millis(5), false);
        }
        assert_eq!((pace.size(), pace.pause().as_millis()), (1000, 10));
        for _ in 0..40 {
            pace.slower();
        }
        assert_eq!((pace.size(), pace.pause()), (1, Duration::from_millis(5010)));
    }
}
