//! Places in the text of one SQL statement: its words, and the actions of an `ALTER TABLE`. It serves edits of
//! migration files, which must keep what people wrote; what a statement means is the `sql` crate's business.

use pgsteward_model::source::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// `"Order"`.
    Quoted,
    /// `'a'`, `E'a'`, `$$a$$`.
    Literal,
    /// One character of punctuation or of an operator.
    Symbol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Tokens without white space and comments. A token that never ends runs to the end of the text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = text.get(at..).unwrap_or("");
        let (kind, end) = if byte.is_ascii_whitespace() {
            at += 1;
            continue;
        } else if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if rest.starts_with("/*") {
            at += block_comment(rest);
            continue;
        } else if byte == b'"' {
            (Kind::Quoted, at + quoted(rest, '"', false))
        } else if byte == b'\'' {
            (Kind::Literal, at + quoted(rest, '\'', false))
        } else if matches!(byte, b'e' | b'E') && rest.get(1..2) == Some("'") {
            (Kind::Literal, at + 1 + quoted(rest.get(1..).unwrap_or(""), '\'', true))
        } else if let Some(length) = dollar_quoted(rest) {
            (Kind::Literal, at + length)
        } else if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 {
            let end = rest
                .find(|character: char| {
                    character.is_ascii()
                        && !character.is_ascii_alphanumeric()
                        && !matches!(character, '_' | '$')
                })
                .unwrap_or(rest.len());
            (Kind::Word, at + end)
        } else {
            (Kind::Symbol, at + 1)
        };
        tokens.push(Token { kind, span: Span::new(at, end) });
        at = end;
    }
    tokens
}

/// Length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'/'), Some(b'*')) => (depth, at) = (depth + 1, at + 2),
            (Some(b'*'), Some(b'/')) => {
                (depth, at) = (depth.saturating_sub(1), at + 2);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// Length of a quoted token; a doubled quote stands for itself, a backslash escapes where `escapes`.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if escapes && character == '\\' {
            characters.next();
        } else if character == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    text.len()
}

fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = text.strip_prefix('$')?;
    let end = tag.find('$')?;
    let inner = tag.get(..end)?;
    if inner.starts_with(|first: char| first.is_ascii_digit())
        || !inner.chars().all(|character| character.is_alphanumeric() || character == '_')
    {
        return None;
    }
    let delimiter = text.get(..end + 2)?;
    let body = text.get(delimiter.len()..)?;
    Some(body.find(delimiter).map_or(text.len(), |close| delimiter.len() * 2 + close))
}

/// Whether the token is this keyword, outside quotes and whatever its case.
pub(super) fn is_word(text: &str, token: Token, word: &str) -> bool {
    token.kind == Kind::Word && slice(text, token.span).eq_ignore_ascii_case(word)
}

fn is_symbol(text: &str, token: Token, symbol: &str) -> bool {
    token.kind == Kind::Symbol && slice(text, token.span) == symbol
}

pub(super) fn slice(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or("")
}

/// The text with a word put after the first occurrence of a keyword: `CONCURRENTLY` after `INDEX`.
pub(super) fn insert_after(text: &str, keyword: &str, insertion: &str) -> Option<String> {
    let token = tokens(text).into_iter().find(|token| is_word(text, *token, keyword))?;
    Some(format!("{} {insertion}{}", text.get(..token.span.end)?, text.get(token.span.end..)?))
}

/// The text without its first `IF NOT EXISTS`.
pub(super) fn without_if_not_exists(text: &str) -> String {
    let tokens = tokens(text);
    let found = tokens.windows(4).find(|next| {
        next.iter().zip(["IF", "NOT", "EXISTS"]).all(|(token, word)| is_word(text, *token, word))
    });
    match found {
        Some([first, .., after]) => {
            let head = slice(text, Span::new(0, first.span.start));
            format!("{head}{}", slice(text, Span::new(after.span.start, text.len())))
        }
        _ => text.to_owned(),
    }
}

/// An `ALTER TABLE` taken apart: the head up to and with the table's name, and one span for each action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alter<'a> {
    text: &'a str,
    head: Span,
    actions: Vec<Span>,
}

impl<'a> Alter<'a> {
    /// None where the text is no `ALTER TABLE` or has another number of actions than the parser saw.
    pub(super) fn parse(text: &'a str, expected: usize) -> Option<Alter<'a>> {
        let tokens = tokens(text);
        let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| is_word(text, *token, word));
        if !(word(0, "ALTER") && word(1, "TABLE")) {
            return None;
        }
        let mut at = 2;
        if word(at, "IF") && word(at + 1, "EXISTS") {
            at += 2;
        }
        if word(at, "ONLY") {
            at += 1;
        }
        while tokens.get(at + 1).is_some_and(|token| is_symbol(text, *token, ".")) {
            at += 2;
        }
        let mut head = tokens.get(at)?.span;
        at += 1;
        if let Some(star) = tokens.get(at).filter(|token| is_symbol(text, **token, "*")) {
            head = star.span;
            at += 1;
        }
        let mut actions: Vec<Span> = Vec::new();
        let (mut depth, mut open) = (0_i32, None::<Span>);
        for token in tokens.get(at..)? {
            match slice(text, token.span) {
                "(" | "[" if token.kind == Kind::Symbol => depth += 1,
                ")" | "]" if token.kind == Kind::Symbol => depth -= 1,
                "," if token.kind == Kind::Symbol && depth == 0 => {
                    actions.push(open.take()?);
                    continue;
                }
                _ => {}
            }
            let start = open.map_or(token.span.start, |span| span.start);
            open = Some(Span::new(start, token.span.end));
        }
        actions.push(open?);
        (actions.len() == expected).then_some(Alter { text, head: Span::new(0, head.end), actions })
    }

    /// `ALTER TABLE "Order"`, as written.
    pub(super) fn head(&self) -> &'a str {
        slice(self.text, self.head)
    }

    pub(super) fn action(&self, at: usize) -> &'a str {
        self.actions.get(at).map_or("", |span| slice(self.text, *span))
    }

    /// The statement with `text` after one action.
    pub(super) fn append(&self, at: usize, text: &str) -> Option<String> {
        let end = self.actions.get(at)?.end;
        Some(format!("{}{text}{}", self.text.get(..end)?, self.text.get(end..)?))
    }

    /// The statement without one action; none where it was the only one.
    pub(super) fn without(&self, at: usize) -> Option<String> {
        let action = *self.actions.get(at)?;
        let gap = match (self.actions.get(at + 1), at.checked_sub(1).and_then(|at| self.actions.get(at))) {
            (Some(next), _) => Span::new(action.start, next.start),
            (None, Some(previous)) => Span::new(previous.end, action.end),
            (None, None) => return None,
        };
        Some(format!("{}{}", self.text.get(..gap.start)?, self.text.get(gap.end..)?))
    }

    /// The statement with another action in the place of one.
    pub(super) fn replace(&self, at: usize, action: &str) -> Option<String> {
        let span = *self.actions.get(at)?;
        Some(format!("{}{action}{}", self.text.get(..span.start)?, self.text.get(span.end..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_pass_over_quotes_comments_and_dollars() {
        let text = "SELECT 'it''s', E'\\'', $a$ ; $a$, \"x\"\"y\" /* a /* b */ c */ -- end\nFROM é1";
        let found: Vec<&str> = tokens(text).into_iter().map(|token| slice(text, token.span)).collect();
        assert_eq!(
            found,
            ["SELECT", "'it''s'", ",", "E'\\''", ",", "$a$ ; $a$", ",", "\"x\"\"y\"", "FROM", "é1"]
        );
        assert_eq!(tokens("'open").len(), 1);
        assert_eq!(tokens("$1").len(), 2, "a parameter is no dollar quote");
    }

    #[test]
    fn actions_are_split_at_their_own_commas_only() {
        let text = "ALTER TABLE ONLY public.\"Or,der\" ADD COLUMN a NUMERIC(10, 2) DEFAULT ',',\n  \
                    ADD CONSTRAINT c CHECK (a IN (1, 2)) -- why, really\n";
        let alter = Alter::parse(text, 2).unwrap();
        assert_eq!(alter.head(), "ALTER TABLE ONLY public.\"Or,der\"");
        assert_eq!(alter.action(0), "ADD COLUMN a NUMERIC(10, 2) DEFAULT ','");
        assert_eq!(alter.action(1), "ADD CONSTRAINT c CHECK (a IN (1, 2))");
        assert!(alter.append(1, " NOT VALID").unwrap().contains("(1, 2)) NOT VALID -- why"));
        assert!(alter.without(1).unwrap().starts_with(
            "ALTER TABLE ONLY public.\"Or,der\" ADD COLUMN a NUMERIC(10, 2) DEFAULT ',' -- why"
        ));
        assert_eq!(
            alter.without(0).unwrap(),
            "ALTER TABLE ONLY public.\"Or,der\" ADD CONSTRAINT c CHECK (a IN (1, 2)) -- why, really\n"
        );
        assert_eq!(Alter::parse(text, 3), None);
        assert_eq!(Alter::parse("ALTER TABLE a DROP b", 1).unwrap().without(0), None);
    }

    #[test]
    fn if_not_exists_goes_without_a_trace() {
        assert_eq!(
            without_if_not_exists("CREATE INDEX if NOT\nEXISTS i ON t (a)"),
            "CREATE INDEX i ON t (a)"
        );
        assert_eq!(without_if_not_exists("CREATE INDEX i ON t (a)"), "CREATE INDEX i ON t (a)");
    }

    #[test]
    fn words_go_after_the_keyword_and_not_into_a_name() {
        assert_eq!(
            insert_after("create /* INDEX */ index \"INDEX\" on t (a)", "INDEX", "CONCURRENTLY").unwrap(),
            "create /* INDEX */ index CONCURRENTLY \"INDEX\" on t (a)"
        );
    }
}
