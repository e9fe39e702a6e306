//! Values and argument lists: the part of the grammar that may nest and may span lines.

use pgsteward_model::source::Span;

use super::ast::{Argument, Expr, ExprKind};
use super::lexer::TokenKind;
use super::parser::{Broken, Parser};

/// Deeper nesting than any schema has; a hostile text must not exhaust the stack.
const DEPTH: usize = 32;

impl Parser<'_> {
    fn skip_blank(&mut self) {
        while matches!(self.kind(), TokenKind::Newline | TokenKind::Comment | TokenKind::Documentation) {
            self.advance();
        }
    }

    /// After the opening parenthesis, through the closing one. What was read before an error is kept.
    pub(super) fn arguments(&mut self, arguments: &mut Vec<Argument>, depth: usize) -> Result<(), Broken> {
        loop {
            self.skip_blank();
            if self.accept(TokenKind::RightParen).is_some() {
                return Ok(());
            }
            let mut name = None;
            if self.kind() == TokenKind::Word && self.token(1).kind == TokenKind::Colon {
                name = Some(self.name());
                self.advance();
                self.skip_blank();
            }
            let value = self.expression(depth + 1)?;
            if matches!(value.kind, ExprKind::Missing) {
                return self.broken("expected a value or \")\"");
            }
            arguments.push(Argument { name, value });
            self.skip_blank();
            match self.kind() {
                TokenKind::Comma => drop(self.advance()),
                TokenKind::RightParen => {}
                _ => return self.broken("expected \",\" or \")\""),
            }
        }
    }

    fn broken<T>(&mut self, message: &str) -> Result<T, Broken> {
        let token = self.token(0);
        let message = format!("{message}, found {}", self.describe(token));
        self.error(token.span, message);
        Err(Broken)
    }

    pub(super) fn expression(&mut self, depth: usize) -> Result<Expr, Broken> {
        if depth > DEPTH {
            return self.broken("nested too deeply");
        }
        let token = self.token(0);
        let kind = match token.kind {
            TokenKind::String => {
                self.advance();
                ExprKind::String(self.string(token.span))
            }
            TokenKind::OpenString => {
                self.advance();
                self.error(token.span, "missing quote at the end of a string");
                return Err(Broken);
            }
            TokenKind::Number => {
                self.advance();
                ExprKind::Number(self.slice(token.span).to_owned())
            }
            TokenKind::Word => self.word(depth)?,
            TokenKind::LeftBracket => {
                self.advance();
                self.array(depth)?
            }
            TokenKind::LeftBrace => {
                self.advance();
                self.object(depth)?
            }
            _ => ExprKind::Missing,
        };
        let end = if matches!(kind, ExprKind::Missing) { token.span.start } else { self.previous_end() };
        Ok(Expr { kind, span: Span::new(token.span.start, end) })
    }

    fn word(&mut self, depth: usize) -> Result<ExprKind, Broken> {
        let mut name = self.name().text;
        while self.kind() == TokenKind::Dot && self.token(1).kind == TokenKind::Word {
            self.advance();
            name.push('.');
            name.push_str(&self.name().text);
        }
        if self.accept(TokenKind::LeftParen).is_none() {
            return Ok(ExprKind::Word(name));
        }
        let mut arguments = Vec::new();
        self.arguments(&mut arguments, depth)?;
        Ok(ExprKind::Call { name, arguments })
    }

    fn array(&mut self, depth: usize) -> Result<ExprKind, Broken> {
        let mut elements = Vec::new();
        loop {
            self.skip_blank();
            if self.accept(TokenKind::RightBracket).is_some() {
                return Ok(ExprKind::Array(elements));
            }
            let element = self.expression(depth + 1)?;
            if matches!(element.kind, ExprKind::Missing) {
                return self.broken("expected a value or \"]\"");
            }
            elements.push(element);
            self.skip_blank();
            match self.kind() {
                TokenKind::Comma => drop(self.advance()),
                TokenKind::RightBracket => {}
                _ => return self.broken("expected \",\" or \"]\""),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<ExprKind, Broken> {
        let mut members = Vec::new();
        loop {
            self.skip_blank();
            if self.accept(TokenKind::RightBrace).is_some() {
                return Ok(ExprKind::Object(members));
            }
            if self.kind() != TokenKind::Word || self.token(1).kind != TokenKind::Colon {
                return self.broken("expected \"name: value\" or \"}\"");
            }
            let name = self.name().text;
            self.advance();
            self.skip_blank();
            let value = self.expression(depth + 1)?;
            if matches!(value.kind, ExprKind::Missing) {
                return self.broken("expected a value");
            }
            members.push((name, value));
            self.skip_blank();
            match self.kind() {
                TokenKind::Comma => drop(self.advance()),
                TokenKind::RightBrace => {}
                _ => return self.broken("expected \",\" or \"}\""),
            }
        }
    }

    /// The value of a string token. Escapes are those of JSON; an unknown one is kept and reported.
    pub(super) fn string(&mut self, span: Span) -> String {
        let raw = self.slice(span);
        let inner = raw.get(1..raw.len().saturating_sub(1)).unwrap_or("");
        if !inner.contains('\\') {
            return inner.to_owned();
        }
        match unescape(inner) {
            Ok(text) => text,
            Err(escape) => {
                self.error(span, format!("unknown escape \"{escape}\" in a string"));
                inner.to_owned()
            }
        }
    }
}

fn unescape(inner: &str) -> Result<String, String> {
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = chars.next().unwrap_or('\\');
        out.push(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '0' => '\0',
            '"' | '\\' | '/' | '\'' => escape,
            'u' => {
                let mut rest = chars.clone();
                let first = code_unit(&mut rest).ok_or("\\u")?;
                chars = rest;
                if (0xd800..0xdc00).contains(&first) {
                    // A pair of surrogates is one code point.
                    let mut rest = chars.clone();
                    let paired = rest.next() == Some('\\') && rest.next() == Some('u');
                    let second = paired.then(|| code_unit(&mut rest)).flatten().ok_or("\\u")?;
                    chars = rest;
                    let point = 0x10000 + ((first - 0xd800) << 10) + second.wrapping_sub(0xdc00).min(0x3ff);
                    char::from_u32(point).ok_or("\\u")?
                } else {
                    char::from_u32(first).ok_or("\\u")?
                }
            }
            other => return Err(format!("\\{other}")),
        });
    }
    Ok(out)
}

fn code_unit(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let mut value = 0;
    for _ in 0..4 {
        value = value * 16 + chars.next()?.to_digit(16)?;
    }
    Some(value)
}
