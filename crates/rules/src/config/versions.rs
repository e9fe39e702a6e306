//! What is known of PostgreSQL's releases, as of a day: rules read no clock, so the table says how old it is.
//!
//! Sources: the PostgreSQL project's versioning policy and the release notes of August 2026 (18.6, 17.11, 16.15,
//! 14.24) and November 2026 (15.20). Minor numbers are known for each major by itself and never inferred from
//! another's.

/// The day of this table.
pub(super) const AS_OF: &str = "2026-11-21";

/// Year and month of [`AS_OF`].
const AS_OF_MONTH: (u32, u32) = (2026, 11);

pub(super) struct Major {
    pub(super) major: u32,
    /// Year and month of the last release.
    pub(super) ends: (u32, u32),
    /// Newest minor release known.
    pub(super) minor: u32,
}

/// Major versions, oldest first. What is not in the table and newer than its last is supported.
pub(super) static MAJORS: &[Major] = &[
    Major { major: 10, ends: (2022, 11), minor: 23 },
    Major { major: 11, ends: (2023, 11), minor: 22 },
    Major { major: 12, ends: (2024, 11), minor: 22 },
    Major { major: 13, ends: (2025, 11), minor: 23 },
    Major { major: 14, ends: (2026, 11), minor: 24 },
    Major { major: 15, ends: (2027, 11), minor: 20 },
    Major { major: 16, ends: (2028, 11), minor: 15 },
    Major { major: 17, ends: (2029, 11), minor: 11 },
    Major { major: 18, ends: (2030, 11), minor: 6 },
];

pub(super) fn of(major: u32) -> Option<&'static Major> {
    MAJORS.iter().find(|known| known.major == major)
}

impl Major {
    /// Months from the day of the table to the last release; zero or less when that is past.
    pub(super) fn months_left(&self) -> i64 {
        let months = |(year, month): (u32, u32)| i64::from(year) * 12 + i64::from(month);
        months(self.ends) - months(AS_OF_MONTH)
    }

    /// `2026-11`.
    pub(super) fn end(&self) -> String {
        format!("{}-{:02}", self.ends.0, self.ends.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_its_day_agrees_with_its_month() {
        assert!(MAJORS.windows(2).all(|pair| pair[0].major < pair[1].major && pair[0].ends < pair[1].ends));
        assert!(AS_OF.starts_with(&format!("{}-{:02}", AS_OF_MONTH.0, AS_OF_MONTH.1)));
    }

    #[test]
    fn months_left() {
        assert_eq!(of(14).map(Major::months_left), Some(0));
        assert_eq!(of(15).map(Major::months_left), Some(12));
        assert_eq!(of(13).map(Major::months_left), Some(-12));
        assert!(of(9).is_none() && of(19).is_none());
    }
}
