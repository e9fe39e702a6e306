//! Foreign text in Markdown: nothing of it formats itself, mentions people, or leaves its block, span or cell.
//!
//! The rules are CommonMark's and, for tables and mentions, GitHub's.

use crate::text;

/// A fenced block whose fence is longer than any run of backticks in it.
pub(crate) fn fenced(language: &str, body: &str) -> String {
    let body = text::lines(body);
    let fence = "`".repeat(longest_run(&body).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}\n\n", body.trim_end_matches('\n'))
}

/// A code span, its marks longer than any run of backticks in it; nothing for an empty text.
pub(super) fn code(text: &str) -> String {
    let text = text::line(text);
    if text.is_empty() {
        return String::new();
    }
    let mark = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{mark}{pad}{text}{pad}{mark}")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// A cell of a table: GitHub takes a pipe for a border even inside of a code span, unless it is escaped.
pub(super) fn cell(text: &str) -> String {
    text.replace("\\|", "|").replace('|', "\\|")
}

/// Text that shows as it is: marks of Markdown and HTML are escaped, and words that begin with `@`, which
/// would call people (`@db.Timestamptz`), become code.
pub(super) fn escape(text: &str) -> String {
    let text = text::line(text);
    let mut out = String::with_capacity(text.len() + 16);
    let mut characters = text.chars().peekable();
    let mut previous = ' ';
    while let Some(character) = characters.next() {
        match character {
            '@' if !previous.is_alphanumeric() => {
                let mut word = String::from('@');
                while let Some(next) = characters.next_if(|c| *c == '@' || is_word(*c)) {
                    word.push(next);
                }
                if word.trim_start_matches('@').is_empty() {
                    out.push_str(&word);
                } else {
                    word.push_str(&arguments(&mut characters));
                    out.push_str(&code(&word));
                }
            }
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => out.extend(['\\', character]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(character),
        }
        previous = character;
    }
    out
}

/// Takes `(…)` if that comes next, closes and is short: the arguments of an attribute.
fn arguments(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut ahead = characters.clone();
    let mut taken = String::new();
    let mut depth = 0;
    while let Some(character) = ahead.next().filter(|_| taken.len() < 80) {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if taken.is_empty() && character != '(' {
            break;
        }
        taken.push(character);
        if depth == 0 {
            *characters = ahead;
            return taken;
        }
    }
    String::new()
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_format_itself() {
        assert_eq!(escape("a *b* <i> [x](y) a|b"), "a \\*b\\* &lt;i&gt; \\[x\\](y) a\\|b");
        assert_eq!(escape("use @db.Timestamptz(3), a@b"), "use `@db.Timestamptz(3)`, a@b");
        assert_eq!(
            escape("add @@index([a, b(ops: raw(\"x\"))])."),
            "add `@@index([a, b(ops: raw(\"x\"))])`."
        );
        assert_eq!(escape("(@a) @b(c"), "(`@a`) `@b`(c");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(cell(&code("a|b")), "`a\\|b`");
        assert_eq!(fenced("sql", "a ``` b"), "````sql\na ``` b\n````\n\n");
    }
}
