//! Text to tokens. Every byte of the text belongs to a token or to blanks between tokens; nothing is
//! refused here, what makes no sense becomes [`TokenKind::Other`].

use pgsteward_model::source::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Word,
    Number,
    /// A string with both of its quotes.
    String,
    /// A string that the end of the line cuts off.
    OpenString,
    At,
    AtAt,
    LeftParen,
    RightParen,
    LeftBracket,
    RightBracket,
    LeftBrace,
    RightBrace,
    Colon,
    Comma,
    Dot,
    Question,
    Bang,
    Equals,
    Newline,
    /// `///` to the end of the line, or `/* … */`, which Prisma counts as documentation too.
    Documentation,
    /// `//` to the end of the line.
    Comment,
    Other,
    End,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

/// The tokens of a text; the last one is always [`TokenKind::End`].
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(text.len() / 5 + 1);
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &text[at..];
        let (kind, length) = match first {
            '\n' => (TokenKind::Newline, 1),
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '/' if rest.starts_with("///") => (TokenKind::Documentation, line_length(rest)),
            '/' if rest.starts_with("//") => (TokenKind::Comment, line_length(rest)),
            '/' if rest.starts_with("/*") => {
                (TokenKind::Documentation, rest.find("*/").map_or(rest.len(), |end| end + 2))
            }
            '"' => string(rest),
            '@' if rest.starts_with("@@") => (TokenKind::AtAt, 2),
            '@' => (TokenKind::At, 1),
            '(' => (TokenKind::LeftParen, 1),
            ')' => (TokenKind::RightParen, 1),
            '[' => (TokenKind::LeftBracket, 1),
            ']' => (TokenKind::RightBracket, 1),
            '{' => (TokenKind::LeftBrace, 1),
            '}' => (TokenKind::RightBrace, 1),
            ':' => (TokenKind::Colon, 1),
            ',' => (TokenKind::Comma, 1),
            '.' => (TokenKind::Dot, 1),
            '?' => (TokenKind::Question, 1),
            '!' => (TokenKind::Bang, 1),
            '=' => (TokenKind::Equals, 1),
            _ if first.is_ascii_digit() || first == '-' => number_or_word(rest),
            _ if first.is_alphanumeric() || first == '_' => (TokenKind::Word, word_length(rest)),
            _ => (TokenKind::Other, first.len_utf8()),
        };
        tokens.push(Token { kind, span: Span::new(at, at + length) });
        at += length;
    }
    tokens.push(Token { kind: TokenKind::End, span: Span::new(text.len(), text.len()) });
    tokens
}

fn line_length(rest: &str) -> usize {
    let line = rest.find('\n').map_or(rest, |end| &rest[..end]);
    line.strip_suffix('\r').unwrap_or(line).len()
}

fn word_length(rest: &str) -> usize {
    rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len())
}

/// Strings end at their line: an unclosed quote must not swallow the blocks below it.
fn string(rest: &str) -> (TokenKind, usize) {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '\n' => return (TokenKind::OpenString, rest[..at].trim_end_matches('\r').len()),
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return (TokenKind::String, at + 1),
            _ => {}
        }
    }
    (TokenKind::OpenString, rest.len())
}

fn number_or_word(rest: &str) -> (TokenKind, usize) {
    let bytes = rest.as_bytes();
    let digits = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(bytes.first() == Some(&b'-'));
    let mut length = sign + digits(sign);
    if length == sign {
        return (TokenKind::Other, 1);
    }
    if bytes.get(length) == Some(&b'.') && digits(length + 1) > 0 {
        length += 1 + digits(length + 1);
    }
    match rest[length..].chars().next() {
        Some(next) if sign == 0 && (next.is_alphanumeric() || next == '_' || next == '-') => {
            (TokenKind::Word, word_length(rest))
        }
        _ => (TokenKind::Number, length),
    }
}
