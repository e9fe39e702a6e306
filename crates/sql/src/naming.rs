//! Names that PostgreSQL chooses for objects whose name was not written.
//!
//! Source: `makeObjectName`, `ChooseRelationName`, `ChooseIndexName` and `ChooseConstraintName` of
//! PostgreSQL (src/backend/commands/indexcmds.c, catalog/pg_constraint.c).

/// Longest name in bytes (`NAMEDATALEN` less one); the scanner cuts longer ones.
pub(crate) const LONGEST: usize = 63;

/// The name cut to 63 bytes, never inside a character.
pub(crate) fn clip(name: &str) -> &str {
    &name[..boundary(name, LONGEST)]
}

fn boundary(name: &str, most: usize) -> usize {
    let mut end = most.min(name.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// `first_second_label`, where the longer of the two first parts is shortened until all fits.
pub(crate) fn object_name(first: &str, second: &str, label: &str) -> String {
    let overhead = label.len() + 1 + usize::from(!second.is_empty());
    let room = LONGEST.saturating_sub(overhead);
    let (mut one, mut two) = (first.len(), second.len());
    while one + two > room {
        if one > two {
            one -= 1;
        } else {
            two = two.saturating_sub(1);
        }
    }
    let one = &first[..boundary(first, one)];
    let two = &second[..boundary(second, two)];
    if second.is_empty() { format!("{one}_{label}") } else { format!("{one}_{two}_{label}") }
}

/// What PostgreSQL calls the constraint that stands for `NOT NULL`, from 18 on, where other constraints of the table have the names
/// that are taken.
pub fn not_null_name(table: &str, column: &str, taken: impl Fn(&str) -> bool) -> String {
    choose(table, column, "not_null", taken)
}

/// The first of `first_second_label`, `…label1`, `…label2` that is not taken.
pub(crate) fn choose(first: &str, second: &str, label: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = object_name(first, second, label);
    let mut pass = 0;
    while taken(&name) {
        pass += 1;
        name = object_name(first, second, &format!("{label}{pass}"));
    }
    name
}

/// The column names of an index or constraint joined with `_`, as the chosen name has them in its middle.
pub(crate) fn joined(columns: &[String]) -> String {
    let mut text = String::new();
    for column in columns {
        if !text.is_empty() {
            text.push('_');
        }
        text.push_str(column);
        if text.len() >= LONGEST {
            break;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_parts_are_shortened_evenly_and_collisions_numbered() {
        assert_eq!(object_name("Order", "vendorId", "fkey"), "Order_vendorId_fkey");
        assert_eq!(object_name("Order", "", "pkey"), "Order_pkey");
        let long = object_name(&"a".repeat(50), &"b".repeat(50), "key");
        assert_eq!(long, format!("{}_{}_key", "a".repeat(29), "b".repeat(29)));
        assert_eq!(choose("t", "c", "idx", |name| name == "t_c_idx"), "t_c_idx1");
        assert_eq!(clip(&"é".repeat(40)).len(), 62);
    }
}
