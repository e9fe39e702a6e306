//! The next name of a history: its number written as the last one is, or the time in the form that the last one has.

use crate::allow::Date;

/// How a history numbers its migrations.
#[derive(Clone, Debug)]
pub struct Names {
    prefix: String,
    gap: String,
    last: u64,
    number: Number,
    now: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    /// One more than the last, with leading zeros up to this width.
    Following {
        width: usize,
    },
    Time(Clock),
}

/// Forms in which runners write a time: dbmate, sqlx, goose and golang-migrate 14 digits, node-pg-migrate milliseconds
/// since 1970 or 17 digits, golang-migrate on request seconds since 1970, diesel `2026-01-31-235959`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Date,
    Minutes,
    Seconds,
    Milliseconds,
    Unix { thousands: u32 },
    Dashed,
}

/// No history has a time before this one: 2000-01-01, in seconds since 1970.
const EARLIEST: u64 = 946_684_800;
/// The end of the year 9999, after which no form has enough digits.
const LATEST: u64 = 253_402_300_799;

impl Names {
    /// `names` in the order of the history, `now` in seconds since 1970. A history without migrations is numbered by
    /// time.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, now: u64) -> Names {
        let names: Vec<&str> = names.into_iter().filter(|name| !number(name).is_empty()).collect();
        let Some(name) = names.last() else {
            let number = Number::Time(Clock::Seconds);
            return Names { prefix: String::new(), gap: "_".into(), last: 0, number, now };
        };
        let written = number(name);
        let (prefix, gap) = around(name, written);
        let digits = digits(written);
        Names {
            prefix: prefix.to_owned(),
            gap: gap.to_owned(),
            last: names.iter().filter_map(|name| number_of(name)).max().unwrap_or(0),
            number: clock(written, now).map_or(Number::Following { width: digits.len() }, Number::Time),
            now,
        }
    }

    /// Numbers that follow that of one migration directly, whatever comes behind it. None where its name has none.
    pub fn after(name: &str, now: u64) -> Option<Names> {
        if number(name).is_empty() {
            return None;
        }
        // A time goes on from the migration's own.
        Some(Names { now: 0, ..Names::new([name], now) })
    }

    /// The name of the next migration, and of another one after it the next time. Without a slug it is the number.
    pub fn next(&mut self, slug: &str) -> String {
        let least = self.last.saturating_add(1);
        let (number, value) = match self.number {
            Number::Following { width } => (format!("{least:0width$}"), least),
            Number::Time(clock) => {
                // Two of one moment would be sorted by their words.
                let at = clock.first(least).max(self.now);
                match clock.value(at) >= least {
                    true => (clock.write(at), clock.value(at)),
                    false => (clock.dashed(&least.to_string()), least),
                }
            }
        };
        self.last = value;
        let gap = if slug.is_empty() { "" } else { &self.gap };
        format!("{}{number}{gap}{slug}", self.prefix)
    }
}

impl Clock {
    /// The first moment, in seconds since 1970, whose number is not below this one; the last that there is, where none is.
    fn first(self, least: u64) -> u64 {
        let (mut below, mut at) = (0, LATEST);
        while below < at {
            let middle = below.midpoint(at);
            match self.value(middle) >= least {
                true => at = middle,
                false => below = middle + 1,
            }
        }
        at
    }

    fn value(self, seconds: u64) -> u64 {
        digits(&self.write(seconds)).parse().unwrap_or(u64::MAX)
    }

    fn write(self, seconds: u64) -> String {
        let day = Date::of_days(i64::try_from(seconds / 86_400).unwrap_or(0)).compact();
        let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
        match self {
            Clock::Date => format!("{day:08}"),
            Clock::Minutes => format!("{day:08}{hour:02}{minute:02}"),
            Clock::Seconds => format!("{day:08}{hour:02}{minute:02}{second:02}"),
            Clock::Milliseconds => format!("{day:08}{hour:02}{minute:02}{second:02}000"),
            Clock::Unix { thousands } => seconds.saturating_mul(1000_u64.pow(thousands)).to_string(),
            Clock::Dashed => self.dashed(&format!("{day:08}{hour:02}{minute:02}{second:02}")),
        }
    }

    fn dashed(self, digits: &str) -> String {
        match (self, digits.get(..4), digits.get(4..6), digits.get(6..8), digits.get(8..)) {
            (Clock::Dashed, Some(year), Some(month), Some(day), Some(time)) => {
                format!("{year}-{month}-{day}-{time}")
            }
            _ => digits.to_owned(),
        }
    }
}

/// The form of a number that is a time: one between 2000 and tomorrow.
fn clock(written: &str, now: u64) -> Option<Clock> {
    let clock = match (written.contains('-'), digits(written).len()) {
        (true, 14) => Clock::Dashed,
        (true, _) => return None,
        (false, 8) => Clock::Date,
        (false, 12) => Clock::Minutes,
        (false, 14) => Clock::Seconds,
        (false, 17) => Clock::Milliseconds,
        (false, 10) => Clock::Unix { thousands: 0 },
        (false, 13) => Clock::Unix { thousands: 1 },
        (false, 16) => Clock::Unix { thousands: 2 },
        (false, 19) => Clock::Unix { thousands: 3 },
        _ => return None,
    };
    // Prisma's own command line goes on with the time whatever is there.
    if clock == Clock::Seconds {
        return Some(clock);
    }
    let value: u64 = digits(written).parse().ok()?;
    // Whoever writes names by hand may be ahead of the clock; what is no time at all is far off.
    (clock.value(EARLIEST)..=clock.value(now + 86_400 * 3650)).contains(&value).then_some(clock)
}

/// Another name with the number of this one: `003_words` for `003_init`. Without a number it begins with 0.
pub fn renamed(name: &str, slug: &str) -> String {
    let written = number(name);
    if written.is_empty() {
        return format!("0_{slug}");
    }
    let (prefix, gap) = around(name, written);
    format!("{prefix}{written}{gap}{slug}")
}

/// The number of a name; none where it has no digits at its beginning.
pub fn number_of(name: &str) -> Option<u64> {
    digits(number(name)).parse().ok()
}

/// What follows the number of a name: `init` of `001_init`.
pub fn words_of(name: &str) -> &str {
    let written = number(name);
    let (prefix, gap) = around(name, written);
    let rest = name.get(prefix.len() + written.len()..).unwrap_or("");
    rest.strip_prefix(gap).unwrap_or(rest)
}

/// What stands before the number of a name, and between the number and the words.
fn around<'a>(name: &'a str, written: &str) -> (&'a str, &'a str) {
    let (prefix, rest) = name.split_at(name.find(written).unwrap_or(0));
    let rest = &rest[written.len()..];
    let gap = rest.find(|next: char| next.is_alphanumeric()).map_or("", |end| &rest[..end]);
    (prefix, if gap.is_empty() { "_" } else { gap })
}

/// What a name is numbered with: `001` of `001_init`, `2` of `V2__orders`, `2026-01-31-235959` of `2026-01-31-235959_init`.
fn number(name: &str) -> &str {
    let rest = name.strip_prefix(['V', 'v']).unwrap_or(name);
    let shape: String =
        rest.chars().take(17).map(|next| if next.is_ascii_digit() { '0' } else { next }).collect();
    if shape == "0000-00-00-000000" {
        return &rest[..shape.len()];
    }
    &rest[..rest.find(|next: char| !next.is_ascii_digit()).unwrap_or(rest.len())]
}

fn digits(written: &str) -> String {
    written.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-04 05:06:07 UTC.
    const NOW: u64 = 1_772_600_767;

    fn next(names: &[&str]) -> String {
        Names::new(names.iter().copied(), NOW).next("words")
    }

    #[test]
    fn numbers_go_on_as_they_are_written() {
        assert_eq!(next(&[]), "20260304050607_words");
        assert_eq!(next(&["001_init", "002_more"]), "003_words");
        assert_eq!(next(&["000009_init"]), "000010_words");
        assert_eq!(next(&["9_init"]), "10_words");
        assert_eq!(next(&["1_a", "10_c"]), "11_words");
        assert_eq!(next(&["V1__init", "V2__more"]), "V3__words");
        assert_eq!(next(&["1-init"]), "2-words");
        assert_eq!(next(&["0001020304_odd"]), "0001020305_words", "no time");
    }

    #[test]
    fn times_go_on_in_their_form() {
        assert_eq!(next(&["20250101000000_init"]), "20260304050607_words");
        assert_eq!(next(&["20260304050607_init"]), "20260304050608_words", "of this second");
        assert_eq!(next(&["20270101000000_ahead"]), "20270101000001_words", "ahead of the clock");
        assert_eq!(next(&["20250101_init"]), "20260304_words");
        assert_eq!(next(&["1700000000_init"]), "1772600767_words");
        assert_eq!(next(&["1700000000123_init"]), "1772600767000_words");
        assert_eq!(next(&["1700000000123456789_init"]), "1772600767000000000_words");
        assert_eq!(next(&["20250101000000123_init"]), "20260304050607000_words");
        assert_eq!(next(&["2025-01-01-000000_init"]), "2026-03-04-050607_words");
        assert_eq!(number("2025-01-01-000000_init"), "2025-01-01-000000");
    }

    #[test]
    fn a_number_may_get_other_words() {
        assert_eq!(renamed("003_init", "all"), "003_all");
        assert_eq!(renamed("V3__init", "all"), "V3__all");
        assert_eq!(renamed("2025-01-01-000000_init", "all"), "2025-01-01-000000_all");
        assert_eq!(renamed("20250101000000", "all"), "20250101000000_all");
    }

    #[test]
    fn what_follows_one_migration_stands_close_to_it() {
        let next = |name: &str| {
            let mut names = Names::after(name, NOW).unwrap();
            [names.next("a"), names.next("")]
        };
        assert_eq!(next("003_next"), ["004_a", "005"]);
        assert_eq!(next("V9__next"), ["V10__a", "V11"]);
        assert_eq!(next("20250101235959_next"), ["20250102000000_a", "20250102000001"]);
        assert_eq!(next("20250131_next"), ["20250201_a", "20250202"]);
        assert_eq!(next("1700000000123_next"), ["1700000001000_a", "1700000002000"]);
        assert_eq!(next("2025-01-01-000059_next"), ["2025-01-01-000100_a", "2025-01-01-000101"]);
        assert!(Names::after("next", NOW).is_none());
        assert_eq!([words_of("V2__a_b"), words_of("2025-01-01-000000_a"), words_of("003")], ["a_b", "a", ""]);
        assert_eq!([number_of("V12__a"), number_of("a")], [Some(12), None]);
    }

    #[test]
    fn two_at_once_follow_each_other() {
        let mut names = Names::new(["20250101000000_init"], NOW);
        assert_eq!([names.next("a"), names.next("")], ["20260304050607_a", "20260304050608"]);
    }
}
