//! The statement that a call stands in, where that is plain: `const x = await call;` on lines of its own.

use pgsteward_model::code::{Awaited, Call};
use pgsteward_model::source::Span;

use super::loop_fix::awaited_at;
use crate::code::text::names_of_pattern;

pub(super) struct Statement<'a> {
    /// From its first character to its semicolon.
    pub(super) span: Span,
    /// What the result is bound to: a name or a pattern.
    pub(super) bound: Option<&'a str>,
    pub(super) call: &'a Call,
}

/// `await call;` or `const x = await call;`.
pub(super) fn statement<'a>(text: &'a str, call: &'a Call) -> Option<Statement<'a>> {
    let awaited = awaited_at(text, call.site.at.span)?;
    let (line, head) = head(text, awaited.start);
    let bound = match head {
        "" => None,
        head => Some(head.strip_prefix("const ")?.strip_suffix('=')?.trim()),
    };
    if bound.is_some_and(|bound| names_of_pattern(bound).is_none()) {
        return None;
    }
    let after = text.get(awaited.end..)?;
    let rest = after.strip_prefix(';').unwrap_or(after);
    let own_line = rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r']);
    // In a style without semicolons the next line might go on with the call.
    let goes_on = !after.starts_with(';') && rest.trim_start().starts_with(['.', '?', '(', '[', '`']);
    let end = awaited.end + usize::from(after.starts_with(';'));
    (own_line && !goes_on && !is_bare(text, line)).then(|| Statement {
        span: Span::new(line, end),
        bound,
        call,
    })
}

/// Where the statement of a call begins, so that another one can stand before it: the call is awaited or returned, and at
/// most bound to names.
pub(super) fn begins(text: &str, call: &Call) -> Option<usize> {
    let (at, returned) = match call.site.awaited {
        Awaited::Await => (awaited_at(text, call.site.at.span)?.start, false),
        Awaited::Returned => (call.site.at.span.start, true),
        _ => return None,
    };
    let (start, head) = head(text, at);
    let bound = ["const ", "let "].iter().any(|word| {
        let rest = head.strip_prefix(word).and_then(|rest| rest.strip_suffix('='));
        rest.is_some_and(|rest| !rest.contains(['=', '(', ';']))
    });
    let plain = match head {
        "return" => true,
        "" => !returned,
        _ => bound,
    };
    (plain && !is_bare(text, start)).then_some(start)
}

/// The first character of the line, and what stands on it before a place.
fn head(text: &str, at: usize) -> (usize, &str) {
    let line = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..at];
    (line + before.len() - before.trim_start().len(), before.trim())
}

/// The line before may be a head without braces, or the middle of something. Comments between the two are passed over.
fn is_bare(text: &str, start: usize) -> bool {
    let comment = |line: &&str| {
        line.starts_with("//")
            || line.starts_with(['/', '*']) && (line.ends_with("*/") || !line.contains("*/"))
    };
    let mut before = text[..start].trim_end();
    let line = loop {
        let line = before.rsplit('\n').next().unwrap_or("");
        if line.is_empty() || !comment(&line.trim()) {
            break line.trim();
        }
        before = before[..before.len() - line.len()].trim_end();
    };
    // A comment behind it is not its end.
    let previous = line.split(" //").next().unwrap_or("").trim_end();
    let opens = ["if", "else", "for", "while", "do", "} else"].iter().any(|word| previous.starts_with(word));
    let middle = ['(', '[', ',', '=', '>', '?', ':', '&', '|', '+'];
    // The last line of a condition of several, or of one of one line behind something else.
    let closes = previous.starts_with(')') && !previous.ends_with(['{', ';']);
    let end = before.len() - line.len() + previous.len();
    closes
        || ends_head(&before[..end])
        || opens && !previous.ends_with(['{', '}', ';'])
        || previous.ends_with(middle)
        || line.ends_with(middle)
        || line.ends_with("*/")
}

/// The line before is no head that what stands here would be the only statement of, and no label of it.
pub(super) fn follows_statement(text: &str, start: usize) -> bool {
    let before = without_comments(&text[..start]);
    let line = before.rsplit('\n').next().unwrap_or("").trim_start();
    let heads = ["if ", "if(", "else", "for ", "for(", "while ", "while(", "} else"];
    let ended = before.ends_with(['{', '}', ';']);
    ended || !(heads.iter().any(|head| line.starts_with(head)) || before.ends_with([':', '>', ',']))
}

/// A text without the comments of lines at its end.
fn without_comments(text: &str) -> &str {
    let mut text = text.trim_end();
    loop {
        let line = text.rfind('\n').map_or(0, |at| at + 1);
        let comment = match text[line..].find("//") {
            Some(at) if text[line..].trim_start().starts_with("//") || text[..line + at].ends_with(' ') => at,
            _ => return text,
        };
        text = text[..line + comment].trim_end();
    }
}

/// It ends with the condition of an `if` or of a loop.
fn ends_head(text: &str) -> bool {
    if !text.ends_with(')') {
        return false;
    }
    let mut depth = 0;
    for (at, character) in text.char_indices().rev() {
        match character {
            ')' => depth += 1,
            '(' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            let before = text[..at].trim_end();
            let word = before.rsplit(|one: char| !one.is_alphanumeric()).next().unwrap_or("");
            return matches!(word, "if" | "for" | "while" | "await");
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{follows_statement, is_bare};

    #[test]
    fn a_label_or_a_head_with_a_comment_holds_what_follows() {
        for before in ["loop: // all\n", "loop:\n", "if (all) // of them\n", "if (all)\n  // of them\n"] {
            assert!(!follows_statement(before, before.len()), "{before}");
        }
        for before in ["a()\n", "a('https://b')\n", "a() // of them\n", "{\n  // of them\n", ""] {
            assert!(follows_statement(before, before.len()), "{before}");
        }
    }

    #[test]
    fn a_statement_under_a_head_without_braces_is_bare() {
        for before in [
            "if (all)\n",
            "if (\n  all &&\n  really\n)\n",
            "if (all &&\n  really)\n",
            "if (all)\n  // as they asked\n",
            "if (all)\n  /* as they\n   * asked */\n",
            "if (all) // as they asked\n",
            "a(); if (all)\n",
            "for (const a of as)\n",
            "do\n",
            "else\n",
            "const a =\n",
        ] {
            assert!(is_bare(&format!("{before}  await a()"), before.len() + 2), "{before}");
        }
        for before in [
            "",
            "if (all) {\n",
            "if (all) { // as they asked\n",
            "if (\n  all\n) {\n",
            "const a = await b.c({ d: 'https://e' })\n",
            "const a = await b.c({\n  d,\n})\n",
            "if (all) return;\n",
            "// as they asked\n",
        ] {
            assert!(!is_bare(&format!("{before}  await a()"), before.len() + 2), "{before}");
        }
    }
}
