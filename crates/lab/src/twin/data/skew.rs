//! How often the most common values of a column come, as the statistics of a database have it.
//!
//! Shares suffice for that: any value may stand for the most common one. Where the values are known too, they are taken.

use pgsteward_model::catalog::{Column, ColumnStatistics, Table};
use pgsteward_sql::{ddl, quote_literal};

use super::template::Template;

/// Of a column with more common values the rest counts as rare: each is a part of the statement.
const MOST: usize = 40;
/// Chances are counted in this many parts.
const PARTS: f64 = 1_000_000.0;

/// The shares of the most common values among the rows that have one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Skew {
    /// The share of the first value, of the first two, and so on, in parts of a million.
    up_to: Vec<u64>,
}

impl Skew {
    /// `frequencies` are shares of all rows, those with NULL among them. None where there is nothing to tell of.
    pub(super) fn of(frequencies: &[f64], null_fraction: f64) -> Option<Skew> {
        let present = (1.0 - null_fraction).max(1e-6);
        let mut sum = 0.0;
        let shares = frequencies.iter().take(MOST).take_while(|share| **share > 0.0 && share.is_finite());
        let up_to: Vec<u64> = shares
            .map(|share| {
                sum += share / present;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "between 0 and a million"
                )]
                let parts = (sum.clamp(0.0, 1.0) * PARTS).round() as u64;
                parts
            })
            .collect();
        (!up_to.is_empty()).then_some(Skew { up_to })
    }

    /// The number of a value, from 1 on: the common ones as often as their shares say, those up to `count` equally often.
    pub(super) fn index(&self, salt: u64, count: u64) -> Template {
        let known = u64::try_from(self.up_to.len()).unwrap_or(u64::MAX).min(count.max(1));
        let up_to = &self.up_to[..usize::try_from(known).unwrap_or(self.up_to.len())];
        let all = up_to.last().copied().unwrap_or_default();
        // Where there is no other value, the common ones share all rows.
        let parts = if count > known { 1_000_000 } else { all.max(1) };
        let chance = Template::chance(salt, parts).sql("{i}");
        let list: Vec<String> = up_to.iter().map(u64::to_string).collect();
        let common =
            format!("(1 + pg_catalog.width_bucket({chance}, ARRAY[{}]::bigint[]))::bigint", list.join(","));
        if count <= known {
            return Template::new(&format!("least({common}, {known})"));
        }
        let rest = Template::chance(salt.rotate_left(17), count - known).sql("{i}");
        Template::new(&format!("CASE WHEN {chance} < {all} THEN {common} ELSE {} + {rest} END", known + 1))
    }
}

/// The value of a column whose common values are known to be common. `made` is the n-th value that the twin makes up, of
/// `usual` ones; `salts` decide which row gets which.
pub(super) fn value(
    column: &Column,
    known: &ColumnStatistics,
    made: &Template,
    usual: u64,
    salts: (u64, u64),
) -> Option<Template> {
    let skew = Skew::of(&known.frequencies, known.null_fraction)?;
    let index = skew.index(salts.0, usual);
    let made = made.at(&index);
    if known.common_values.len() != known.frequencies.len() || column.ty.array > 0 {
        return Some(made);
    }
    let ty = ddl::column_type(&column.ty);
    let list = |values: &[String]| {
        let values: Vec<String> = values.iter().map(|value| quote_literal(value)).collect();
        format!("(ARRAY[{}]::text[])", values.join(", "))
    };
    let common = format!("{}[{}]::{ty}", list(&known.common_values[..skew.up_to.len()]), index.sql("{i}"));
    let rest = match u64::try_from(known.bounds.len()) {
        Ok(bounds) if bounds > 0 => {
            let number = Template::chance(salts.1, bounds);
            format!("{}[1 + {}]::{ty}", list(&known.bounds), number.sql("{i}"))
        }
        _ => made.sql("{i}"),
    };
    Some(Template::new(&format!(
        "CASE WHEN {} <= {} THEN {common} ELSE {rest} END",
        index.sql("{i}"),
        skew.up_to.len()
    )))
}

/// The shares of the parents with most children, of a key of one column.
pub(super) fn of_key(table: &Table, columns: &[String]) -> Option<Skew> {
    let [column] = columns else { return None };
    let known = table.column(column)?.statistics.as_ref()?;
    Skew::of(&known.frequencies, known.null_fraction)
}

#[cfg(test)]
mod tests {
    use super::Skew;

    #[test]
    fn shares_are_of_rows_that_have_a_value() {
        assert_eq!(Skew::of(&[0.4, 0.1], 0.5), Some(Skew { up_to: vec![800_000, 1_000_000] }));
        assert_eq!(Skew::of(&[], 0.0), None);
        assert_eq!(Skew::of(&[0.9, 0.9], 0.0).unwrap().up_to, [900_000, 1_000_000]);
    }

    #[test]
    fn no_number_is_beyond_the_count() {
        let skew = Skew::of(&[0.3, 0.2, 0.1], 0.0).unwrap();
        let two = skew.index(1, 2);
        assert!(two.sql("g").contains("ARRAY[300000,500000]"), "{}", two.sql("g"));
        assert!(two.sql("g").starts_with("least("));
        assert!(skew.index(1, 9).sql("g").contains("ELSE 4 + "));
    }
}
