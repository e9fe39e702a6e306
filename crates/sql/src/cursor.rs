//! A reader over the tokens of one statement. Knows names, types, constants and how far an expression goes;
//! knows no statement.

use pgsteward_model::statement::Name;

use crate::naming;
use crate::scan::{Token, TokenKind};

#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub(crate) source: &'a str,
    tokens: &'a [Token],
    at: usize,
}

/// Words at which the default of a column ends: the column clauses that may follow it.
pub(crate) const COLUMN_CLAUSES: &[&str] = &[
    "not",
    "null",
    "constraint",
    "check",
    "unique",
    "primary",
    "references",
    "generated",
    "collate",
    "default",
    "deferrable",
    "initially",
    "storage",
    "compression",
    "no",
    "enforced",
];

impl<'a> Cursor<'a> {
    pub(crate) fn new(source: &'a str, tokens: &'a [Token]) -> Cursor<'a> {
        Cursor { source, tokens, at: 0 }
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(crate) fn token(&self, ahead: usize) -> Option<Token> {
        self.tokens.get(self.at + ahead).copied()
    }

    pub(crate) fn text(&self, ahead: usize) -> &'a str {
        self.token(ahead).map_or("", |token| token.text(self.source))
    }

    pub(crate) fn advance(&mut self) {
        self.at = (self.at + 1).min(self.tokens.len());
    }

    /// Whether the next tokens are these keywords.
    pub(crate) fn sees(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(ahead, word)| self.word_at(ahead, word))
    }

    pub(crate) fn word_at(&self, ahead: usize, word: &str) -> bool {
        self.token(ahead).is_some_and(|token| token.is_word(self.source, word))
    }

    pub(crate) fn sees_any(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.word_at(0, word))
    }

    /// Passes these keywords if they come next, all or none.
    pub(crate) fn eat(&mut self, words: &[&str]) -> bool {
        let seen = self.sees(words);
        if seen {
            self.at += words.len();
        }
        seen
    }

    pub(crate) fn sees_symbol(&self, symbol: u8) -> bool {
        self.symbol_at(0, symbol)
    }

    pub(crate) fn symbol_at(&self, ahead: usize, symbol: u8) -> bool {
        self.token(ahead).is_some_and(|token| token.kind == TokenKind::Symbol(symbol))
    }

    pub(crate) fn eat_symbol(&mut self, symbol: u8) -> bool {
        let seen = self.sees_symbol(symbol);
        if seen {
            self.at += 1;
        }
        seen
    }

    /// Passes tokens until one of these keywords outside parentheses is next.
    pub(crate) fn skip_to(&mut self, words: &[&str]) -> bool {
        while !self.at_end() {
            if self.sees_any(words) {
                return true;
            }
            self.skip_one();
        }
        false
    }

    /// Passes one token, or one parenthesized group.
    pub(crate) fn skip_one(&mut self) {
        if self.sees_symbol(b'(') || self.sees_symbol(b'[') {
            self.group();
        } else {
            self.advance();
        }
    }

    /// Passes a group in parentheses or brackets and gives a reader over what stands in it.
    pub(crate) fn group(&mut self) -> Cursor<'a> {
        let start = (self.at + 1).min(self.tokens.len());
        let mut depth = 0usize;
        let mut end = self.at;
        while let Some(token) = self.tokens.get(end) {
            match token.kind {
                TokenKind::Symbol(b'(' | b'[') => depth += 1,
                TokenKind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                break;
            }
            end += 1;
        }
        self.at = (end + 1).min(self.tokens.len());
        Cursor { source: self.source, tokens: &self.tokens[start.min(end)..end], at: 0 }
    }

    /// A group, if one comes next.
    pub(crate) fn optional_group(&mut self) -> Option<Cursor<'a>> {
        self.sees_symbol(b'(').then(|| self.group())
    }

    /// What is left, split at the commas outside parentheses.
    pub(crate) fn items(&self) -> Vec<Cursor<'a>> {
        let mut found = Vec::new();
        let mut depth = 0usize;
        let rest = &self.tokens[self.at..];
        let mut start = 0;
        for (at, token) in rest.iter().enumerate() {
            match token.kind {
                TokenKind::Symbol(b'(' | b'[') => depth += 1,
                TokenKind::Symbol(b')' | b']') => depth = depth.saturating_sub(1),
                TokenKind::Symbol(b',') if depth == 0 => {
                    found.push(Cursor { source: self.source, tokens: &rest[start..at], at: 0 });
                    start = at + 1;
                }
                _ => {}
            }
        }
        if start < rest.len() {
            found.push(Cursor { source: self.source, tokens: &rest[start..], at: 0 });
        }
        found
    }

    /// The source text of all that is left.
    pub(crate) fn rest(&self) -> &'a str {
        match (self.token(0), self.tokens.last()) {
            (Some(first), Some(last)) => self.source.get(first.start..last.end).unwrap_or(""),
            _ => "",
        }
    }

    /// The text between an earlier state of this reader and this one.
    pub(crate) fn since(&self, earlier: &Cursor<'a>) -> &'a str {
        if self.at <= earlier.at {
            return "";
        }
        match (earlier.token(0), self.tokens.get(self.at - 1)) {
            (Some(first), Some(last)) => self.source.get(first.start..last.end).unwrap_or(""),
            _ => "",
        }
    }

    /// Passes an expression and gives its text. It ends at a comma, at a closing parenthesis, or at one of
    /// `stops` that is not its first token and stands outside parentheses and `CASE … END`.
    pub(crate) fn expression(&mut self, stops: &[&str]) -> &'a str {
        let start = *self;
        let mut cases = 0usize;
        while let Some(token) = self.token(0) {
            match token.kind {
                TokenKind::Symbol(b',' | b')' | b']') => break,
                TokenKind::Word if self.word_at(0, "case") => cases += 1,
                TokenKind::Word if cases > 0 && self.word_at(0, "end") => cases -= 1,
                TokenKind::Word if cases == 0 && self.at > start.at && self.sees_any(stops) => break,
                _ => {}
            }
            self.skip_one();
        }
        self.since(&start)
    }

    pub(crate) fn is_name(&self, ahead: usize) -> bool {
        self.token(ahead).is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
    }

    /// A name: folded to lower case unless quoted, cut to 63 bytes as the server cuts it.
    pub(crate) fn ident(&mut self) -> Option<String> {
        let token = self.token(0)?;
        let written = written_name(self.source, token)?;
        self.advance();
        if written.len() <= naming::LONGEST { Some(written) } else { Some(naming::clip(&written).to_owned()) }
    }

    /// A name of up to three parts; a database name in front is dropped.
    pub(crate) fn name(&mut self) -> Option<Name> {
        let mut name = Name { namespace: None, name: self.ident()? };
        while self.sees_symbol(b'.') && self.is_name(1) {
            self.advance();
            let next = self.ident()?;
            name = Name { namespace: Some(name.name), name: next };
        }
        Some(name)
    }

    /// Names between commas.
    pub(crate) fn names(&mut self) -> Vec<Name> {
        let mut found = Vec::new();
        loop {
            self.eat(&["only"]);
            let Some(name) = self.name() else { break };
            self.eat_symbol(b'*');
            found.push(name);
            if !self.eat_symbol(b',') {
                break;
            }
        }
        found
    }

    /// Simple names between commas.
    pub(crate) fn idents(&mut self) -> Vec<String> {
        let mut found = Vec::new();
        while let Some(name) = self.ident() {
            found.push(name);
            if !self.eat_symbol(b',') {
                break;
            }
        }
        found
    }

    /// The names in a group in parentheses; empty where none comes next.
    pub(crate) fn ident_group(&mut self) -> Vec<String> {
        self.optional_group().map(|mut group| group.idents()).unwrap_or_default()
    }

    /// The value of a string constant, with its escapes resolved.
    pub(crate) fn string(&mut self) -> Option<String> {
        let token = self.token(0).filter(|token| token.kind == TokenKind::String)?;
        self.advance();
        let mut value = string_value(token.text(self.source));
        // Constants with a line break between them are one constant.
        while let Some(next) = self.token(0).filter(|next| next.kind == TokenKind::String) {
            value.push_str(&string_value(next.text(self.source)));
            self.advance();
        }
        Some(value)
    }

    pub(crate) fn integer(&mut self) -> Option<i64> {
        let negative = self.sees_symbol(b'-');
        let sign = usize::from(negative || self.sees_symbol(b'+'));
        let token = self.token(sign).filter(|token| token.kind == TokenKind::Number)?;
        let digits = token.text(self.source).replace('_', "");
        let value: i128 = digits.parse().ok()?;
        self.at += sign + 1;
        i64::try_from(if negative { -value } else { value }).ok()
    }

    pub(crate) fn if_exists(&mut self) -> bool {
        self.eat(&["if", "exists"])
    }

    pub(crate) fn if_not_exists(&mut self) -> bool {
        self.eat(&["if", "not", "exists"])
    }
}

/// The name that a token writes, uncut; none for a token that is no name.
pub(crate) fn written_name(source: &str, token: Token) -> Option<String> {
    let text = token.text(source);
    match token.kind {
        TokenKind::Word => Some(text.to_ascii_lowercase()),
        TokenKind::Quoted => {
            let inner = |text: &str| {
                let text = text.strip_prefix('"').unwrap_or(text);
                text.strip_suffix('"').unwrap_or(text).replace("\"\"", "\"")
            };
            match text.get(..2) {
                Some("U&" | "u&") => Some(unicode_escapes(&inner(&text[2..]))),
                _ => Some(inner(text)),
            }
        }
        _ => None,
    }
}

fn string_value(text: &str) -> String {
    if let Some(tagged) = text.strip_prefix('$') {
        let tag = tagged.find('$').map_or(0, |end| end + 2);
        let body = text.get(tag..).unwrap_or("");
        let end = body.len().saturating_sub(tag);
        let closed = body.get(end..).is_some_and(|close| close == &text[..tag]);
        return if closed { body[..end].to_owned() } else { body.to_owned() };
    }
    let quote = text.find('\'').unwrap_or(0);
    let prefix = &text[..quote];
    let inner = text[quote..].strip_prefix('\'').unwrap_or(&text[quote..]);
    let inner = inner.strip_suffix('\'').unwrap_or(inner).replace("''", "'");
    match prefix {
        "e" | "E" => c_escapes(&inner),
        "u&" | "U&" => unicode_escapes(&inner),
        _ => inner,
    }
}

/// `E'…'`: the backslash escapes of C, without octal and hexadecimal bytes that make no character.
fn c_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(next) = chars.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('b') => out.push('\u{8}'),
            Some('f') => out.push('\u{c}'),
            Some(digits @ ('u' | 'U')) => {
                let length = if digits == 'u' { 4 } else { 8 };
                let code: String = chars.by_ref().take(length).collect();
                out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}

/// `U&'…'` and `U&"…"` with the default escape character.
fn unicode_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(next) = chars.next() {
        if next != '\\' {
            out.push(next);
            continue;
        }
        let length = match chars.peek() {
            Some('\\') => {
                chars.next();
                out.push('\\');
                continue;
            }
            Some('+') => {
                chars.next();
                6
            }
            _ => 4,
        };
        let code: String = chars.by_ref().take(length).collect();
        out.extend(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32));
    }
    out
}
