//! Names in expressions: which of their words is a column, read without a parser's tree.

use std::borrow::Cow;

use crate::cursor::written_name;
use crate::keywords;
use crate::quote::quote_ident;
use crate::scan::{self, Token, TokenKind};

/// The expression with a name exchanged wherever it stands, as that of a column, a type or a table; names of functions stay.
pub fn rename_in_expression<'a>(expression: &'a str, from: &str, to: &str) -> Cow<'a, str> {
    let words = Words::of(expression);
    let places = (0..words.tokens.len()).filter(|at| !words.is_called(*at) && words.is_name(*at, from));
    exchanged(expression, &words, places, &quote_ident(to), false)
}

/// The expression with a column's name exchanged: names of types, functions, arguments and tables stay, and so do keywords.
pub fn rename_column_in_expression<'a>(expression: &'a str, from: &str, to: &str) -> Cow<'a, str> {
    let words = Words::of(expression);
    let places = (0..words.tokens.len()).filter(|at| words.is_name(*at, from) && words.is_column(*at));
    exchanged(expression, &words, places, &quote_ident(to), false)
}

/// The expression with a column read from a row (`NEW.`): what is part of another name stays besides.
pub fn read_from_row(expression: &str, column: &str, row: &str) -> String {
    let words = Words::of(expression);
    let places = (0..words.tokens.len()).filter(|at| {
        let part = at.checked_sub(1).is_some_and(|before| words.is_symbol(before, b'.'));
        !part && words.is_name(*at, column) && words.is_column(*at)
    });
    exchanged(expression, &words, places, row, true).into_owned()
}

/// The expression with other text in place of the tokens, or ahead of them.
fn exchanged<'a>(
    expression: &'a str,
    words: &Words<'_>,
    places: impl Iterator<Item = usize>,
    text: &str,
    ahead: bool,
) -> Cow<'a, str> {
    let (mut out, mut copied) = (String::new(), 0);
    for token in places.filter_map(|at| words.tokens.get(at)) {
        out.push_str(expression.get(copied..token.start).unwrap_or(""));
        out.push_str(text);
        copied = if ahead { token.start } else { token.end };
    }
    if out.is_empty() {
        return Cow::Borrowed(expression);
    }
    out.push_str(expression.get(copied..).unwrap_or(""));
    Cow::Owned(out)
}

struct Words<'a> {
    source: &'a str,
    tokens: Vec<Token>,
}

impl Words<'_> {
    fn of(source: &str) -> Words<'_> {
        Words { source, tokens: scan::tokens(source) }
    }

    fn is_symbol(&self, at: usize, byte: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Symbol(byte))
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is_word(self.source, word))
    }

    fn is_name(&self, at: usize, name: &str) -> bool {
        let token = self.tokens.get(at);
        token.is_some_and(|token| written_name(self.source, *token).as_deref() == Some(name))
    }

    fn is_called(&self, at: usize) -> bool {
        self.is_symbol(at + 1, b'(')
    }

    /// Whether the name is that of a column, as far as its neighbours tell.
    fn is_column(&self, at: usize) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        let bare = token.kind == TokenKind::Word;
        if bare && keywords::is_reserved(&token.text(self.source).to_ascii_lowercase()) {
            return false;
        }
        let of_table = self.is_symbol(at + 1, b'.');
        let constant = self.tokens.get(at + 1).is_some_and(|next| next.kind == TokenKind::String);
        let other = of_table || constant || self.is_called(at) || self.is_argument(at) || self.is_type(at);
        !(other || bare && self.is_keyword(at))
    }

    /// `days => 1`, `days := 1`.
    fn is_argument(&self, at: usize) -> bool {
        let next = self.tokens.get(at + 1).and_then(|next| self.source.get(next.start..));
        next.is_some_and(|rest| rest.starts_with("=>") || rest.starts_with(":="))
    }

    /// `x::kind`, `x::app.kind`, `CAST(x AS kind)`, `ALTER COLUMN x TYPE kind`.
    fn is_type(&self, at: usize) -> bool {
        let mut first = at;
        while first >= 2 && self.is_symbol(first - 1, b'.') {
            first -= 2;
        }
        let Some(before) = first.checked_sub(1) else { return false };
        let cast = before >= 1 && self.is_symbol(before, b':') && self.is_symbol(before - 1, b':');
        cast || self.is_word(before, "as") || self.is_word(before, "type")
    }

    /// Words of types and operators that may be names elsewhere: `AT TIME ZONE`, `double precision`, `extract(year FROM x)`.
    fn is_keyword(&self, at: usize) -> bool {
        let before = |word: &str| at.checked_sub(1).is_some_and(|before| self.is_word(before, word));
        let next = |word: &str| self.is_word(at + 1, word);
        let is = |word: &str| self.is_word(at, word);
        let zone = is("at") && (next("time") || next("local")) || is("time") && next("zone");
        let varying = ["bit", "char", "character", "nchar"].iter().any(|ty| before(ty));
        let of_type = is("precision") && before("double")
            || is("double") && next("precision")
            || is("varying") && varying
            || is("zone") && before("time");
        let of_local = is("local") && before("at");
        let field = at.checked_sub(2).is_some_and(|start| self.is_word(start, "extract")) && next("from");
        zone || of_type || of_local || field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_from_the_row() {
        for (expression, column, read) in [
            ("\"total\"::bigint", "total", "NEW.\"total\"::bigint"),
            ("coalesce(total, 0)::text || 'total'", "total", "coalesce(NEW.total, 0)::text || 'total'"),
            ("Total::total", "total", "NEW.Total::total"),
            ("\"a \"\"b\"\"\"::text", "a \"b\"", "NEW.\"a \"\"b\"\"\"::text"),
            (
                "\"rowState\"::text::public.\"rowState\"",
                "rowState",
                "NEW.\"rowState\"::text::public.\"rowState\"",
            ),
            ("CAST(\"rowState\" AS \"rowState\")", "rowState", "CAST(NEW.\"rowState\" AS \"rowState\")"),
            ("to_timestamp(at) AT TIME ZONE 'UTC'", "at", "to_timestamp(NEW.at) AT TIME ZONE 'UTC'"),
            ("total(total) + other.total", "total", "total(NEW.total) + other.total"),
            (
                "to_timestamp(\"time\") AT TIME ZONE 'UTC'",
                "time",
                "to_timestamp(NEW.\"time\") AT TIME ZONE 'UTC'",
            ),
            (
                "\"time\"::timestamp(3) without time zone",
                "time",
                "NEW.\"time\"::timestamp(3) without time zone",
            ),
            ("zone::timestamp with time zone", "zone", "NEW.zone::timestamp with time zone"),
            ("\"precision\"::double precision", "precision", "NEW.\"precision\"::double precision"),
            ("\"case\" + CASE WHEN true THEN 1 END", "case", "NEW.\"case\" + CASE WHEN true THEN 1 END"),
            ("make_interval(days => days)", "days", "make_interval(days => NEW.days)"),
            ("extract(year FROM year)", "year", "extract(year FROM NEW.year)"),
            ("date > date '2026-01-01'", "date", "NEW.date > date '2026-01-01'"),
        ] {
            assert_eq!(read_from_row(expression, column, "NEW."), read);
        }
    }

    #[test]
    fn a_column_gets_another_name_and_its_type_does_not() {
        for (expression, renamed) in [
            ("(status = 'a'::status)", "(state = 'a'::status)"),
            ("item.status <> 'b'::app.status", "item.state <> 'b'::app.status"),
            ("status = ANY (CAST('{a}' AS status[]))", "state = ANY (CAST('{a}' AS status[]))"),
            ("status(status) = status.status", "status(state) = status.state"),
        ] {
            assert_eq!(rename_column_in_expression(expression, "status", "state"), renamed);
        }
        assert_eq!(rename_in_expression("status = 'a'::status", "status", "s"), "s = 'a'::s");
    }
}
