//! The tokens of a TypeScript file, as far as an object of literals needs them.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// The value of a string, or of a template without holes.
    Text(String),
    /// A template with holes, whose value is not known.
    Template,
    /// `??`, `||`, `...`, `=>` or one character.
    Symbol(String),
}

impl Token {
    pub(super) fn is(&self, symbol: &str) -> bool {
        matches!(self, Token::Symbol(text) if text == symbol)
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Word(text) if text == word)
    }
}

pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() || first == '\u{feff}' {
            rest = &rest[first.len_utf8()..];
        } else if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
        } else if matches!(first, '"' | '\'' | '`') {
            let (token, end) = quoted(&rest[1..], first);
            found.push(token);
            rest = &rest[1 + end..];
        } else if is_word(first) {
            let end = rest.find(|next| !is_word(next)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let symbol = ["...", "??", "||", "=>"].into_iter().find(|symbol| rest.starts_with(symbol));
            let length = symbol.map_or(first.len_utf8(), str::len);
            found.push(Token::Symbol(rest[..length].to_owned()));
            rest = &rest[length..];
        }
    }
    found
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// The token of a text whose opening quote has been read, and where the text goes on after its closing one.
fn quoted(text: &str, quote: char) -> (Token, usize) {
    let mut value = String::new();
    let mut holes = false;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, '\n')) | None => {}
                Some((_, other)) => value.push(other),
            },
            '$' if quote == '`' && text[at + 1..].starts_with('{') => {
                holes = true;
                // A hole may hold quotes; what matters is where it ends.
                for (_, inside) in characters.by_ref() {
                    if inside == '}' {
                        break;
                    }
                }
            }
            _ if character == quote => {
                let token = if holes { Token::Template } else { Token::Text(value) };
                return (token, at + 1);
            }
            '\n' if quote != '`' => return (Token::Text(value), at),
            _ => value.push(character),
        }
    }
    (if holes { Token::Template } else { Token::Text(value) }, text.len())
}
