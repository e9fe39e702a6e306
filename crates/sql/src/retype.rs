//! The type that `ALTER TABLE … ALTER COLUMN … TYPE` gives a column, as it is written.

use crate::scan::{self, Token, TokenKind};

/// What follows TYPE, up to USING, of a statement with that one action, or of the action alone. Comments are left out.
pub fn type_as_written(statement: &str) -> Option<String> {
    let tokens = scan::tokens(statement);
    let word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.is_word(statement, word));
    let symbol =
        |at: usize, byte: u8| tokens.get(at).is_some_and(|token| token.kind == TokenKind::Symbol(byte));
    let mut at = 0;
    if word(0, "alter") && word(1, "table") {
        at = 2;
        at += if word(at, "if") && word(at + 1, "exists") { 2 } else { 0 };
        at += usize::from(word(at, "only"));
        while symbol(at + 1, b'.') {
            at += 2;
        }
        at += 1;
        at += usize::from(symbol(at, b'*'));
    }
    if !word(at, "alter") {
        return None;
    }
    // The name of the column may be a word of these.
    at += if word(at + 1, "column") { 3 } else { 2 };
    at += if word(at, "set") && word(at + 1, "data") { 2 } else { 0 };
    if !word(at, "type") {
        return None;
    }
    let rest = tokens.get(at + 1..)?;
    let end = rest.iter().position(|token| token.is_word(statement, "using")).unwrap_or(rest.len());
    let text = joined(statement, rest.get(..end)?);
    (!text.is_empty()).then_some(text)
}

/// The tokens, with a blank where something stood between two of them.
fn joined(source: &str, tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut last = None;
    for token in tokens.iter().filter(|token| token.kind != TokenKind::Symbol(b';')) {
        if last.is_some_and(|end| end < token.start) {
            text.push(' ');
        }
        text.push_str(token.text(source));
        last = Some(token.end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::type_as_written;

    #[test]
    fn types_are_taken_as_written() {
        for (statement, ty) in [
            ("ALTER COLUMN \"a\" SET DATA TYPE NUMERIC(10, 2)", Some("NUMERIC(10, 2)")),
            ("ALTER COLUMN a TYPE \"Role_new\" USING (a::text::\"Role_new\")", Some("\"Role_new\"")),
            ("ALTER TABLE t ALTER COLUMN type TYPE BIGINT;", Some("BIGINT")),
            ("alter table if exists only app.\"type\" alter type type app.kind[]", Some("app.kind[]")),
            ("ALTER TABLE \"a TYPE b\" ALTER \"x USING y\" TYPE int USING 1", Some("int")),
            (
                "ALTER TABLE t\n  ALTER COLUMN a\n  TYPE TIMESTAMP(3) -- no zone\n  WITHOUT TIME ZONE\n  USING (a)",
                Some("TIMESTAMP(3) WITHOUT TIME ZONE"),
            ),
            ("ALTER TABLE t ALTER COLUMN type SET NOT NULL", None),
        ] {
            assert_eq!(type_as_written(statement).as_deref(), ty, "{statement}");
        }
    }
}
