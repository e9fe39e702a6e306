//! SQL expressions with a hole for the number of a row, so that the value of any row can be written down
//! without looking it up: a foreign key repeats its parent's expression with another number in the hole.

/// Stands for the row number. No SQL text holds this character.
const HOLE: char = '\u{1}';

/// An expression of one type. The number that goes into the hole is a `bigint` from 1 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(String);

impl Template {
    /// The row number itself.
    pub(super) fn row() -> Template {
        Template(HOLE.to_string())
    }

    /// A constant, or an expression that writes `{i}` where the row number goes.
    pub(super) fn new(text: &str) -> Template {
        Template(text.replace("{i}", &HOLE.to_string()))
    }

    /// The expression with another in its hole.
    pub(super) fn at(&self, index: &Template) -> Template {
        Template(self.0.replace(HOLE, &index.0))
    }

    /// SQL, with a column or constant in the hole.
    pub(super) fn sql(&self, row: &str) -> String {
        self.0.replace(HOLE, row)
    }

    /// The expression as part of a larger one: `{e}` is this one, `{i}` the row number.
    pub(super) fn within(&self, text: &str) -> Template {
        Template(text.replace("{i}", &HOLE.to_string()).replace("{e}", &self.0))
    }

    /// A number from 0 to `count - 1` that looks random and is the same for the same row and salt.
    /// `hashint8extended` is an immutable function of PostgreSQL since version 11.
    pub(super) fn chance(salt: u64, count: u64) -> Template {
        let salt = i64::try_from(salt >> 1).unwrap_or(i64::MAX);
        let count = count.max(1);
        Template::new(&format!(
            "((pg_catalog.hashint8extended({{i}}, {salt}) & 9223372036854775807) % {count})"
        ))
    }

    /// NULL in `percent` of 100 rows.
    pub(super) fn or_null(&self, salt: u64, share: f64) -> Template {
        let thousandth = (share.clamp(0.0, 1.0) * 1000.0).round();
        if thousandth < 1.0 {
            return self.clone();
        }
        let chance = Template::chance(salt, 1000);
        self.within(&format!("CASE WHEN {} >= {thousandth} THEN {{e}} END", chance.0))
    }
}

/// A number that goes with a name: equal on every machine, different for different names.
pub(super) fn salt(seed: u64, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::{Template, salt};

    #[test]
    fn an_expression_takes_another_as_its_row() {
        let parent = Template::new("'u' || {i}");
        let pick = Template::new("(1 + {i} % 10)");
        assert_eq!(parent.at(&pick).sql("g"), "'u' || (1 + g % 10)");
        assert_eq!(Template::row().within("({e} + {i})").sql("g"), "(g + g)");
        assert_ne!(salt(0, &["a", "b"]), salt(0, &["ab"]));
        assert_ne!(salt(0, &["a"]), salt(1, &["a"]));
    }
}
