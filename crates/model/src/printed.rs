//! The words in which PostgreSQL prints the expressions and queries of its catalog.
//!
//! The server prints some of them in other words once it has read its own: after a dump and a restore, or where what it
//! printed is made again. Two such words are known, and both mean the same before and after:
//!
//! - a cast of a list goes to its elements, as `varchar` columns have it with `IN`:
//!   `(ARRAY['a'::character varying])::text[]` comes back as `ARRAY[('a'::character varying)::text]`;
//! - AND and OR take in what stands in parentheses before them, as `BETWEEN` has it: `((a AND b) AND c)` comes back as
//!   `(a AND b AND c)`. What stands in parentheses behind them stays as it is.
//!
//! What nobody printed (a body in quotes) is not for here.

use std::borrow::Cow;

/// Whether the server prints the one where it has read the other.
pub fn alike(one: &str, other: &str) -> bool {
    one == other || settled(one) == settled(other)
}

/// What the server prints once no further reading changes it. Text with parentheses or quotes that do not end stays as it is.
pub fn settled(text: &str) -> Cow<'_, str> {
    if !["(ARRAY[", ") AND ", ") OR "].iter().any(|sign| text.contains(sign)) {
        return Cow::Borrowed(text);
    }
    let mut reader = Reader { rest: text, depth: 0 };
    match reader.parts(None) {
        Some(parts) => {
            let mut out = String::with_capacity(text.len());
            write(&parts, &mut out);
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Part<'a> {
    /// A name, a number, a keyword, a literal, a quoted name, blanks, or one sign.
    Word(&'a str),
    /// What stands between `(` or `[` and its end.
    Group(char, Vec<Part<'a>>),
}

use Part::{Group, Word};

/// Deeper than this nobody writes; the reader recurses.
const DEEPEST: usize = 200;

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// Everything up to `end`, or to the end of the text, settled.
    fn parts(&mut self, end: Option<char>) -> Option<Vec<Part<'a>>> {
        let mut parts = Vec::new();
        while let Some(first) = self.rest.chars().next() {
            match first {
                '(' | '[' => {
                    self.depth += 1;
                    if self.depth > DEEPEST {
                        return None;
                    }
                    self.rest = &self.rest[1..];
                    let inside = self.parts(Some(if first == '(' { ')' } else { ']' }))?;
                    parts.push(Group(first, inside));
                    self.depth -= 1;
                }
                ')' | ']' => {
                    self.rest = &self.rest[1..];
                    return (end == Some(first)).then(|| settle(parts));
                }
                _ => parts.push(Word(self.word(first)?)),
            }
        }
        end.is_none().then(|| settle(parts))
    }

    fn word(&mut self, first: char) -> Option<&'a str> {
        let text = self.rest;
        let run = |is: fn(char) -> bool| text.find(|one: char| !is(one)).unwrap_or(text.len());
        let length = match first {
            '\'' | '"' => {
                // A quote that is doubled begins the next word, which nothing stands before.
                text[1..].find(first)? + 2
            }
            one if one.is_whitespace() => run(char::is_whitespace),
            one if is_of_word(one) => run(is_of_word),
            one => one.len_utf8(),
        };
        let (word, rest) = text.split_at(length);
        self.rest = rest;
        Some(word)
    }
}

fn is_of_word(one: char) -> bool {
    one.is_alphanumeric() || matches!(one, '_' | '$')
}

/// The parts of one group, whose own groups are settled.
fn settle(mut parts: Vec<Part<'_>>) -> Vec<Part<'_>> {
    let mut at = 0;
    while at < parts.len() {
        if let Some((elements, ty, length)) = cast_of_list(&parts[at..]) {
            let list = vec![Word("ARRAY"), Group('[', each_cast(&elements, &ty))];
            parts.splice(at..at + length, list);
        }
        at += 1;
    }
    for word in ["AND", "OR"] {
        if let Some(inside) = taken_in(&parts, word) {
            parts.splice(..1, inside);
        }
    }
    parts
}

/// `(ARRAY[…])::type[]` where the parts begin: the elements, the type of one, and how many parts it is.
fn cast_of_list<'a>(parts: &[Part<'a>]) -> Option<(Vec<Part<'a>>, Vec<Part<'a>>, usize)> {
    let [Group('(', list), Word(":"), Word(":"), ty @ ..] = parts else { return None };
    let [Word("ARRAY"), Group('[', elements)] = list.as_slice() else { return None };
    // `character varying(3)`, `timestamp(0) without time zone`, `app."Kind"`.
    let of_type = |part: &&Part<'_>| match part {
        Word(word) => {
            word.chars().all(|one| is_of_word(one) || one == '.' || one == ' ') || word.starts_with('"')
        }
        Group('(', _) => true,
        Group(..) => false,
    };
    let length = ty.iter().take_while(of_type).count();
    let is_list = ty.get(length).is_some_and(|part| matches!(part, Group('[', inside) if inside.is_empty()));
    (length > 0 && is_list).then(|| (elements.clone(), ty[..length].to_vec(), 4 + length))
}

/// The elements of a list, each cast; those of lists within it where there are such.
fn each_cast<'a>(elements: &[Part<'a>], ty: &[Part<'a>]) -> Vec<Part<'a>> {
    let mut out = Vec::new();
    for (number, element) in elements.split(|part| *part == Word(",")).enumerate() {
        let blanks = element.iter().take_while(|part| is_blank(part)).count();
        let (blank, element) = element.split_at(blanks);
        out.extend((number > 0).then_some(Word(",")));
        out.extend_from_slice(blank);
        match element {
            [] => {}
            [Word("ARRAY"), Group('[', within)] => {
                out.extend([Word("ARRAY"), Group('[', each_cast(within, ty))]);
            }
            other => {
                out.extend([Group('(', other.to_vec()), Word(":"), Word(":")]);
                out.extend_from_slice(ty);
            }
        }
    }
    out
}

/// What stands in the parentheses that the parts begin with, where both are operands of nothing but this word.
fn taken_in<'a>(parts: &[Part<'a>], word: &str) -> Option<Vec<Part<'a>>> {
    let [Group('(', inside), rest @ ..] = parts else { return None };
    let is_word = |part: &Part<'_>| matches!(part, Word(one) if *one == word);
    let next = rest.iter().find(|part| !is_blank(part))?;
    // A query, and the frame of a window function, have the word too.
    let begins = |parts: &[Part<'_>]| {
        matches!(parts.iter().find(|part| !is_blank(part)), Some(Word("SELECT" | "WITH" | "VALUES")))
    };
    let is_other =
        |part: &Part<'_>| matches!(part, Word("AND" | "OR" | "BETWEEN" | "," | ";")) && !is_word(part);
    let other = parts.iter().chain(inside).any(is_other);
    (is_word(next) && inside.iter().any(is_word) && !other && !begins(inside)).then(|| inside.clone())
}

fn is_blank(part: &Part<'_>) -> bool {
    matches!(part, Word(word) if word.trim().is_empty())
}

fn write(parts: &[Part<'_>], out: &mut String) {
    for part in parts {
        match part {
            Word(word) => out.push_str(word),
            Group(begin, inside) => {
                out.push(*begin);
                write(inside, out);
                out.push(if *begin == '(' { ')' } else { ']' });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cast_of_a_list_goes_to_its_elements() {
        for (printed, again) in [
            (
                "((v)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
                "((v)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))",
            ),
            (
                "(x = ANY ((ARRAY[ARRAY[t.v], ARRAY[t.v2]])::text[]))",
                "(x = ANY (ARRAY[ARRAY[(t.v)::text], ARRAY[(t.v2)::text]]))",
            ),
            (
                "((ci)::inet = ANY ((ARRAY['10.0.0.0/8'::cidr, NULL::cidr])::inet[]))",
                "((ci)::inet = ANY (ARRAY[('10.0.0.0/8'::cidr)::inet, (NULL::cidr)::inet]))",
            ),
            (
                "((v)::text = ANY ((ARRAY[('a, ]'::text)::character varying, 'it''s)'::character varying])::text[]))",
                "((v)::text = ANY (ARRAY[(('a, ]'::text)::character varying)::text, ('it''s)'::character varying)::text]))",
            ),
            (
                "(ARRAY[ts, now()])::timestamp(0) without time zone[]",
                "ARRAY[(ts)::timestamp(0) without time zone, (now())::timestamp(0) without time zone]",
            ),
            ("((ARRAY[a])::app.\"Kind of\"[])::text[]", "ARRAY[((a)::app.\"Kind of\")::text]"),
        ] {
            assert_eq!(settled(printed), again);
            assert_eq!(settled(again), again, "it is settled");
            assert!(alike(printed, again));
        }
    }

    #[test]
    fn and_takes_in_what_stands_before_it() {
        for (printed, again) in [
            ("(((i >= 1) AND (i <= 5)) AND (s = 1))", "((i >= 1) AND (i <= 5) AND (s = 1))"),
            ("((((a = 1) OR (b <> 2)) OR c) OR (d = 1))", "((a = 1) OR (b <> 2) OR c OR (d = 1))"),
            (
                " SELECT i\n   FROM (t\n     JOIN u ON ((((t.i >= 1) AND (t.i <= 2)) AND (t.id = u.id))))",
                " SELECT i\n   FROM (t\n     JOIN u ON (((t.i >= 1) AND (t.i <= 2) AND (t.id = u.id))))",
            ),
        ] {
            assert_eq!(settled(printed), again);
            assert!(alike(printed, again));
        }
    }

    #[test]
    fn what_means_something_else_stays() {
        for printed in [
            "((s = 1) AND ((i >= 1) AND (i <= 5)))",
            "(((a = 1) OR (b = 2)) AND (c = 3))",
            "(((a = 1) AND (b = 2)) OR (c = 3))",
            "(( SELECT (a AND b) FROM t) AND c)",
            "sum(i) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            "(NOT ((a = 1) AND (b = 2)))",
            "(v = ANY (ARRAY['a'::text, '(ARRAY[x])::text[]'::text]))",
            "((av)::text[] && (a)::text[])",
            "((ARRAY[a, b])[1] = x)",
            "(ARRAY[a, b])::text",
            "(ARRAY[unfinished) AND x",
            "'(ARRAY[unfinished) AND x",
        ] {
            assert_eq!(settled(printed), printed);
        }
        let words = "((v)::text = ANY ((ARRAY['a'::character varying])::text[]))";
        assert!(!alike(words, "((v)::text = ANY (ARRAY[('b'::character varying)::text]))"));
        assert!(!alike(words, "((v)::text = ANY (ARRAY[('a'::character varying)::bpchar]))"));
        assert!(!alike(words, "((v)::text <> ALL (ARRAY[('a'::character varying)::text]))"));
        assert!(!alike("((a AND b) AND c)", "((a AND b) OR c)"));
        let deep = format!("{}1{}", "(".repeat(5000), ") AND ".repeat(5000));
        assert_eq!(settled(&deep), deep);
    }
}
