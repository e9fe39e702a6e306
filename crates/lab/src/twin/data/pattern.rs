//! Text that matches a simple regular expression: literals, classes and counts between anchors. Everything
//! else is left alone.

use super::series::Series;
use super::template::Template;

/// Values of a pattern, or none where it is more than a sequence of characters and classes.
pub(super) fn series(pattern: &str) -> Option<Series> {
    let inner = pattern.strip_prefix('^').unwrap_or(pattern);
    let inner = inner.strip_suffix('$').unwrap_or(inner);
    let mut rest = inner;
    let mut parts: Vec<(Vec<char>, usize)> = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (class, length) = match first {
            '[' => class(rest)?,
            '\\' => (escaped(rest.chars().nth(1)?)?, 2),
            '(' | ')' | '|' | '.' | '^' | '$' | '{' | '*' | '+' | '?' => return None,
            c => (vec![c], c.len_utf8()),
        };
        rest = &rest[length..];
        let (times, length) = repeated(rest)?;
        rest = &rest[length..];
        if times > 64 || class.is_empty() {
            return None;
        }
        parts.push((class, times));
    }
    let mut count: u64 = 1;
    let mut pieces = Vec::new();
    for (class, times) in &parts {
        let size = u64::try_from(class.len()).ok()?;
        let letters: String = class.iter().collect();
        let letters = pgsteward_sql::quote_literal(&letters);
        for _ in 0..*times {
            // Each place takes the next digit of the row number; beyond a bigint's digits all are alike.
            pieces
                .push(format!("pg_catalog.substr({letters}, (1 + ({{i}} / {count}) % {size})::integer, 1)"));
            count = count.saturating_mul(size).min(1 << 40);
        }
    }
    if pieces.is_empty() {
        return None;
    }
    Some(Series { value: Template::new(&format!("({})", pieces.join(" || "))), count, usual: count })
}

fn escaped(c: char) -> Option<Vec<char>> {
    match c {
        'd' => Some(('0'..='9').collect()),
        'w' => Some(('a'..='z').collect()),
        c if !c.is_alphanumeric() => Some(vec![c]),
        _ => None,
    }
}

fn class(text: &str) -> Option<(Vec<char>, usize)> {
    let end = text.find(']')?;
    let inner: Vec<char> = text[1..end].chars().collect();
    if inner.first() == Some(&'^') || inner.first() == Some(&'[') {
        return None;
    }
    let mut found = Vec::new();
    let mut at = 0;
    while at < inner.len() {
        match (inner[at], inner.get(at + 1), inner.get(at + 2)) {
            ('\\', Some(c), _) => {
                found.extend(escaped(*c)?);
                at += 2;
            }
            (from, Some('-'), Some(to)) if from.is_ascii_alphanumeric() && to.is_ascii_alphanumeric() => {
                found.extend(from..=*to);
                at += 3;
            }
            (c, _, _) => {
                found.push(c);
                at += 1;
            }
        }
    }
    Some((found, end + 1))
}

/// How often the part before is repeated, and the length of the words that say so.
fn repeated(text: &str) -> Option<(usize, usize)> {
    match text.chars().next() {
        Some('+') => Some((8, 1)),
        Some('*') => Some((4, 1)),
        Some('?') => Some((1, 1)),
        Some('{') => {
            let end = text.find('}')?;
            let (least, most) = text[1..end].split_once(',').unwrap_or((&text[1..end], &text[1..end]));
            let least: usize = least.trim().parse().ok()?;
            let most: usize = if most.trim().is_empty() { least + 8 } else { most.trim().parse().ok()? };
            Some((least.max(most.min(8)), end + 1))
        }
        _ => Some((1, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::series;

    #[test]
    fn classes_and_counts_become_text() {
        let found = series("^[A-Z]{3}-\\d+$").unwrap();
        assert_eq!(found.count, 1 << 40);
        assert!(found.value.sql("1").contains("'0123456789'"));
        assert!(series("^(a|b)$").is_none());
        assert!(series("^.*$").is_none());
    }
}
