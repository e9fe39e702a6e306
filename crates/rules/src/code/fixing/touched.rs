//! What a block does to a name that it did not declare: whether it writes into it or hands it to something that may.
//!
//! Read from the text. It says yes where it is not sure.

use crate::code::text::{closing, is_of_word, words_at};

/// Methods that change what they are called on.
const CHANGE: [&str; 13] = [
    "push",
    "pop",
    "shift",
    "unshift",
    "splice",
    "sort",
    "reverse",
    "fill",
    "copyWithin",
    "add",
    "delete",
    "clear",
    "set",
];

/// The name or something below it is assigned to, counted up, deleted, reordered.
pub(super) fn changes(text: &str, name: &str) -> bool {
    words_at(text, name).filter(|at| !text[..*at].ends_with('.')).any(|at| {
        let (before, behind) = (text[..at].trim_end(), &text[at + name.len()..]);
        let members = members(behind);
        let rest = behind[members.len()..].trim_start();
        let word = before.rsplit(|one: char| !is_of_word(one)).next().unwrap_or("");
        // Where it is declared it gets its first value.
        if matches!(word, "const" | "let" | "var") {
            return false;
        }
        let assigned = rest.starts_with('=') && !rest.starts_with("==") && !rest.starts_with("=>");
        let operators = [
            "++", "--", "+=", "-=", "*=", "/=", "%=", "**=", "??=", "||=", "&&=", "|=", "&=", "^=", "<<=",
            ">>=",
        ];
        let method = members.rsplit(['.', '?', '!']).next().unwrap_or("");
        let called = rest.starts_with('(') && (CHANGE.contains(&method) || is_setter(method));
        let given = ["Object.assign(", "++", "--"].iter().any(|word| before.ends_with(word));
        assigned
            || operators.iter().any(|operator| rest.starts_with(operator))
            || called
            || given
            || word == "delete"
    })
}

/// `setHours`
fn is_setter(method: &str) -> bool {
    method.strip_prefix("set").is_some_and(|rest| rest.starts_with(|first: char| first.is_uppercase()))
}

/// The name stands somewhere as a whole: an argument, the right side of an assignment. Its members may be read.
pub(super) fn hands_on(text: &str, name: &str) -> bool {
    words_at(text, name).any(|at| !text[..at].ends_with('.') && members(&text[at + name.len()..]).is_empty())
}

/// `.items[0]?.name` behind a name.
fn members(text: &str) -> &str {
    let mut end = 0;
    while let Some(next) = text[end..].chars().next() {
        end += match next {
            '[' => match closing(&text[end..]) {
                Some(length) => length,
                None => break,
            },
            next if is_of_word(next) || matches!(next, '.' | '?' | '!') => next.len_utf8(),
            _ => break,
        };
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_block_changes() {
        for text in [
            "row.name = 'x'",
            "row!.name = 'x'",
            "row['name'] = 'x'",
            "row.count++",
            "++row.count",
            "row.count += 1",
            "delete row.name",
            "row.items.push(1)",
            "row?.items.sort((a, b) => a - b)",
            "row.at.setHours(0)",
            "Object.assign(row, x)",
            "row ??= x",
        ] {
            assert!(changes(text, "row"), "{text}");
        }
        for text in [
            "row.name === 'x'",
            "row.name == x",
            "row.map((one) => one)",
            "(row) => row.name",
            "other.row = 1",
            "const row = rows.get(1)",
            "row ? a : b",
            "arrow.name = 1",
            "log(row.settings)",
            "row.items.map((item) => item.id)",
        ] {
            assert!(!changes(text, "row"), "{text}");
        }
    }

    #[test]
    fn what_a_block_hands_on() {
        assert!(hands_on("add(ids)", "ids") && hands_on("x = ids;", "ids"));
        assert!(!hands_on("ids.length > 1 && ids[0]", "ids") && !hands_on("a.ids", "ids"));
        assert!(!hands_on("[...ids]", "ids"), "a copy is another list");
    }
}
