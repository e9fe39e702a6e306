//! Tokens of a default expression.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Comma,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    Minus,
    Dot,
    Cast,
    Quoted,
    Text,
    /// `E'…'`.
    EscapedText,
    Digits,
    Word,
    Blank,
    Other,
}

pub(super) struct Scan<'a> {
    text: &'a str,
    /// Kind, start and end.
    tokens: Vec<(Token, usize, usize)>,
    at: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(text: &'a str) -> Scan<'a> {
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
            let rest = &text[at..];
            let (kind, length) = token(c, rest);
            tokens.push((kind, at, at + length));
            at += length;
        }
        Scan { text, tokens, at: 0 }
    }

    fn ahead(&self) -> Option<usize> {
        let blank = |at: &usize| self.tokens.get(*at).is_some_and(|(kind, ..)| *kind == Token::Blank);
        let mut at = self.at;
        while blank(&at) {
            at += 1;
        }
        (at < self.tokens.len()).then_some(at)
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.ahead().map(|at| self.tokens[at].0)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        let at = self.ahead()?;
        self.at = at + 1;
        Some(self.tokens[at].0)
    }

    /// The text of the next token, where it is of this kind.
    pub(super) fn take(&mut self, wanted: Token) -> Option<&'a str> {
        let at = self.ahead()?;
        let (kind, start, end) = self.tokens[at];
        (kind == wanted).then(|| {
            self.at = at + 1;
            &self.text[start..end]
        })
    }

    /// Prisma's reader lets one token stand after the value.
    pub(super) fn is_finished(&self) -> bool {
        self.at + 1 >= self.tokens.len()
    }

    /// A string, unescaped, and the cast after it.
    pub(super) fn text(&mut self) -> Option<String> {
        let text = match self.peek()? {
            Token::Text => {
                let raw = self.take(Token::Text)?;
                raw.get(1..raw.len() - 1)?.replace("''", "'")
            }
            Token::EscapedText => {
                let raw = self.take(Token::EscapedText)?;
                unescaped(raw.get(2..raw.len() - 1)?)?
            }
            _ => return None,
        };
        self.cast()?;
        Some(text)
    }

    /// `::name(3)[]`, or nothing. None where a cast does not end.
    pub(super) fn cast(&mut self) -> Option<()> {
        if self.peek() != Some(Token::Cast) {
            return Some(());
        }
        self.next();
        while matches!(self.peek(), Some(Token::Quoted | Token::Word | Token::Dot)) {
            self.next();
        }
        if self.peek() == Some(Token::OpenParen) {
            while self.next()? != Token::CloseParen {}
        }
        if self.peek() == Some(Token::OpenBracket) {
            self.take(Token::OpenBracket)?;
            self.take(Token::CloseBracket)?;
        }
        Some(())
    }
}

fn token(c: char, rest: &str) -> (Token, usize) {
    let run = |more: fn(char) -> bool| rest.find(|c: char| !more(c)).unwrap_or(rest.len());
    match c {
        ',' => (Token::Comma, 1),
        '(' => (Token::OpenParen, 1),
        ')' => (Token::CloseParen, 1),
        '[' => (Token::OpenBracket, 1),
        ']' => (Token::CloseBracket, 1),
        '{' => (Token::OpenBrace, 1),
        '}' => (Token::CloseBrace, 1),
        '-' => (Token::Minus, 1),
        '.' => (Token::Dot, 1),
        ':' if rest.starts_with("::") => (Token::Cast, 2),
        '0'..='9' => (Token::Digits, run(|c| c.is_ascii_digit())),
        'e' | 'E' if rest[1..].starts_with('\'') => match end_of_escaped(&rest[2..]) {
            Some(length) => (Token::EscapedText, 2 + length),
            None => (Token::Other, rest.len()),
        },
        '\'' => match end_of_plain(&rest[1..]) {
            Some(length) => (Token::Text, 1 + length),
            None => (Token::Other, rest.len()),
        },
        '"' => match end_of_quoted(&rest[1..]) {
            Some(length) => (Token::Quoted, 1 + length),
            None => (Token::Other, rest.len()),
        },
        c if c.is_ascii_whitespace() => (Token::Blank, run(|c| c.is_ascii_whitespace())),
        c if c.is_ascii_alphabetic() => {
            (Token::Word, run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        }
        c => (Token::Other, c.len_utf8()),
    }
}

/// Lengths to the end of what a quote opened, the closing quote included.
fn end_of_plain(rest: &str) -> Option<usize> {
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\'' && chars.next_if(|(_, next)| *next == '\'').is_none() {
            return Some(at + 1);
        }
    }
    None
}

fn end_of_escaped(rest: &str) -> Option<usize> {
    end_with_backslashes(rest, '\'')
}

fn end_of_quoted(rest: &str) -> Option<usize> {
    end_with_backslashes(rest, '"')
}

fn end_with_backslashes(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let code = |chars: &mut std::str::Chars<'_>, digits: usize| {
            let hex: String = chars.take(digits).collect();
            u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32)
        };
        out.push(match chars.next()? {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => code(&mut chars, 4)?,
            'U' => code(&mut chars, 8)?,
            other => other,
        });
    }
    Some(out)
}

/// What stands in double quotes inside an array literal.
pub(super) fn unquoted(raw: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = raw.get(1..raw.len() - 1)?.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next()? } else { c });
    }
    Some(out)
}
