//! The little that edits must know of the text of TypeScript itself: words, paths, patterns, and where a block ends.
//!
//! It reads no language: what it does not know for sure it says no to, and the edited file is parsed again anyway.

use memchr::memmem;
use pgsteward_model::source::Span;

/// `order.customerId`: names and dots only.
pub(in crate::code) fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text.split('.').all(|part| {
            part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_' || first == '$')
                && part.chars().all(is_of_word)
        })
}

/// What a file goes in by: the white space of its first line that is further in than the one before.
pub(in crate::code) fn indent_unit(text: &str) -> &str {
    let indented = text.lines().find(|line| {
        let rest = line.trim_start();
        !rest.is_empty() && !rest.starts_with('*') && rest.len() < line.len()
    });
    let unit = indented.map_or("  ", |line| &line[..line.len() - line.trim_start().len()]);
    if unit.starts_with('\t') {
        "\t"
    } else if unit.len() > 4 {
        "  "
    } else {
        unit
    }
}

/// The mark that a file puts around its texts.
pub(in crate::code) fn quote(text: &str) -> char {
    if text.matches('"').count() > text.matches('\'').count() { '"' } else { '\'' }
}

/// The first name of a path.
pub(in crate::code) fn root(path: &str) -> &str {
    path.split(['.', '?', '!', '(', '[']).next().unwrap_or("").trim()
}

/// The names that `order` or `{ id, total: sum }` declares; none for anything that is more than names.
pub(in crate::code) fn names_of_pattern(pattern: &str) -> Option<Vec<&str>> {
    let Some(inner) = pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return (is_path(pattern) && !pattern.contains('.')).then(|| vec![pattern]);
    };
    let parts = inner.split(',').map(str::trim).filter(|part| !part.is_empty());
    let names: Vec<&str> = parts.map(|part| part.rsplit(':').next().unwrap_or(part).trim()).collect();
    names.iter().all(|name| is_path(name) && !name.contains('.')).then_some(names)
}

/// Whether a text has a name as a word of its own.
pub(in crate::code) fn mentions_word(text: &str, word: &str) -> bool {
    count_word(text, word) > 0
}

pub(in crate::code) fn count_word(text: &str, word: &str) -> usize {
    words_at(text, word).count()
}

/// Whether a text holds another. In texts of functions and files many times as fast as the standard library's.
pub(in crate::code) fn holds(text: &str, other: &str) -> bool {
    memmem::find(text.as_bytes(), other.as_bytes()).is_some()
}

/// Where a name stands as a word of its own.
pub(in crate::code) fn words_at<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    memmem::find_iter(text.as_bytes(), word).filter(|at| {
        !text[..*at].chars().next_back().is_some_and(is_of_word)
            && !text[at + word.len()..].chars().next().is_some_and(is_of_word)
    })
}

pub(in crate::code) fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// A block with its braces.
#[derive(Clone, Copy, Debug)]
pub(in crate::code) struct Body<'a> {
    pub(in crate::code) span: Span,
    pub(in crate::code) text: &'a str,
}

impl<'a> Body<'a> {
    /// The block that follows the head of a loop: `) { … }`.
    pub(in crate::code) fn after(text: &'a str, head: usize) -> Option<Body<'a>> {
        let rest = text.get(head..)?.trim_start().strip_prefix(')')?.trim_start();
        let start = text.len() - rest.len();
        let end = start + closing(rest)?;
        Some(Body { span: Span::new(start, end), text: text.get(start..end)? })
    }

    pub(in crate::code) fn count_word(&self, word: &str) -> usize {
        count_word(self.text, word)
    }
}

/// The place behind the bracket that closes the first character's. Strings, templates and comments are skipped.
pub(in crate::code) fn closing(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '{' | '(' | '[' => open.push(character),
            '}' | ')' | ']' => {
                let expected = match character {
                    '}' => '{',
                    ')' => '(',
                    _ => '[',
                };
                if open.pop() != Some(expected) {
                    return None;
                }
                if open.is_empty() {
                    return Some(at + 1);
                }
            }
            '\'' | '"' => loop {
                match characters.next()? {
                    (_, '\\') => {
                        characters.next();
                    }
                    (_, end) if end == character => break,
                    (_, '\n') => return None,
                    _ => {}
                }
            },
            // A template may hold code again; it is left to people.
            '`' => loop {
                match characters.next()? {
                    (_, '\\') => {
                        characters.next();
                    }
                    (_, '`') => break,
                    (_, '$') if characters.peek().is_some_and(|(_, next)| *next == '{') => {
                        let (inner, _) = *characters.peek()?;
                        let end = inner + closing(&text[inner..])?;
                        while characters.peek().is_some_and(|(at, _)| *at < end) {
                            characters.next();
                        }
                    }
                    _ => {}
                }
            },
            '/' => match characters.peek() {
                Some((_, '/')) => {
                    while characters.peek().is_some_and(|(_, next)| *next != '\n') {
                        characters.next();
                    }
                }
                Some((_, '*')) => {
                    characters.next();
                    loop {
                        if characters.next()?.1 == '*'
                            && characters.peek().is_some_and(|(_, next)| *next == '/')
                        {
                            characters.next();
                            break;
                        }
                    }
                }
                _ => {}
            },
            _ => {}
        }
        if open.is_empty() {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_its_bracket_closes() {
        let whole = |text: &str| closing(text).map(|end| text[..end].to_owned());
        assert_eq!(whole("{ a({}) } b").as_deref(), Some("{ a({}) }"));
        assert_eq!(whole("{ '}' } b").as_deref(), Some("{ '}' }"));
        assert_eq!(whole("{ `}${ x({}) }}` } b").as_deref(), Some("{ `}${ x({}) }}` }"));
        assert_eq!(whole("{ // }\n /* } */ } b").as_deref(), Some("{ // }\n /* } */ }"));
        assert_eq!(whole("{ ( } )"), None);
        assert_eq!(whole("{ 'open\n }"), None);
    }

    #[test]
    fn patterns_and_paths() {
        assert_eq!(names_of_pattern("{ id, total: sum }"), Some(vec!["id", "sum"]));
        assert_eq!(names_of_pattern("[id, total]"), None);
        assert_eq!(names_of_pattern("{ id = 1 }"), None);
        assert_eq!(names_of_pattern("{ ...rest }"), None);
        assert!(is_path("order.customerId") && !is_path("order?.id") && !is_path("f(x)") && !is_path("a..b"));
        assert!(mentions_word("await take(x)", "take") && !mentions_word("mistake", "take"));
    }

    #[test]
    fn how_a_file_goes_in() {
        assert_eq!(indent_unit("a {\n    b\n}"), "    ");
        assert_eq!(indent_unit("/**\n * x\n */\na {\n  b\n}"), "  ");
        assert_eq!(indent_unit("a {\n\t\tb\n}"), "\t");
        assert_eq!(indent_unit("a"), "  ");
    }

    #[test]
    fn the_body_of_a_loop() {
        let text = "for (const x of xs) {\n  await a()\n}\nawait b()";
        let body = Body::after(text, text.find(')').unwrap()).unwrap();
        assert_eq!(body.text, "{\n  await a()\n}");
        assert_eq!(body.count_word("await"), 1);
        assert!(Body::after("for (const x of xs) await a()", 18).is_none());
    }
}
