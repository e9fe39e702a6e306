//! Statements without the name of one namespace: for a project whose namespace is the connection's business.

use crate::scan::{Token, TokenKind, tokens};

/// The statement with `namespace.` taken away before every name, and in string constants that are cast to a name
/// (`'app.seq'::regclass`), also within the body of a DO statement, which finds names as the statement itself does. Bodies of functions
/// and other strings are left: nobody can tell what is a name there.
pub fn unqualified(sql: &str, namespace: &str) -> String {
    let tokens = tokens(sql);
    let mut out = String::with_capacity(sql.len());
    let mut copied = 0;
    let (mut first, mut runs) = (true, false);
    for (at, token) in tokens.iter().enumerate() {
        let symbol = |at: usize, byte: u8| {
            tokens.get(at).is_some_and(|token: &Token| token.kind == TokenKind::Symbol(byte))
        };
        if first {
            runs = token.kind == TokenKind::Word && token.text(sql).eq_ignore_ascii_case("do");
        }
        first = token.kind == TokenKind::Symbol(b';');
        if runs && let Some((open, body, close)) = dollar_quoted(token.text(sql)) {
            out.push_str(sql.get(copied..token.start).unwrap_or_default());
            out.push_str(open);
            out.push_str(&unqualified(body, namespace));
            out.push_str(close);
            copied = token.start + token.text(sql).len();
            continue;
        }
        let cut = match token.kind {
            TokenKind::Word | TokenKind::Quoted => {
                let follows_dot = at.checked_sub(1).is_some_and(|before| symbol(before, b'.'));
                let name = tokens
                    .get(at + 2)
                    .is_some_and(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted));
                let is_it =
                    is_name(token.text(sql), namespace) && symbol(at + 1, b'.') && name && !follows_dot;
                is_it.then(|| (token.start, tokens[at + 2].start))
            }
            TokenKind::String => {
                let cast = symbol(at + 1, b':') && symbol(at + 2, b':');
                let cast = cast && tokens.get(at + 3).is_some_and(|ty| ty.text(sql).starts_with("reg"));
                let inside = token.text(sql).strip_prefix('\'').filter(|_| cast);
                inside
                    .and_then(|text| prefix(text, namespace))
                    .map(|length| (token.start + 1, token.start + 1 + length))
            }
            _ => None,
        };
        if let Some((from, to)) = cut {
            out.push_str(sql.get(copied..from).unwrap_or_default());
            copied = to;
        }
    }
    out.push_str(sql.get(copied..).unwrap_or_default());
    out
}

/// The tag, what stands between, and the tag again.
fn dollar_quoted(text: &str) -> Option<(&str, &str, &str)> {
    let end = text.strip_prefix('$')?.find('$')? + 2;
    let (tag, rest) = text.split_at_checked(end)?;
    let body = rest.strip_suffix(tag)?;
    Some((tag, body, tag))
}

fn is_name(text: &str, name: &str) -> bool {
    match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\"") == name,
        None => text.to_lowercase() == name,
    }
}

/// Length of `namespace.` at the beginning of a name in text.
fn prefix(text: &str, namespace: &str) -> Option<usize> {
    let written = crate::quote::quote_ident(namespace);
    let rest = text.strip_prefix(written.replace('\'', "''").as_str())?;
    rest.starts_with('.').then(|| text.len() - rest.len() + 1)
}

#[cfg(test)]
mod tests {
    use super::unqualified;

    #[test]
    fn names_lose_their_namespace_and_nothing_else_does() {
        for (sql, without) in [
            (r#"CREATE TABLE public."User" (id public.kind)"#, r#"CREATE TABLE "User" (id kind)"#),
            ("SELECT \"public\".a.b, other.public.c FROM PUBLIC . a", "SELECT a.b, other.public.c FROM a"),
            ("DEFAULT nextval('public.\"A_seq\"'::regclass)", "DEFAULT nextval('\"A_seq\"'::regclass)"),
            (
                "SELECT 'public.a', $$ public.a $$, 'public.a'::text",
                "SELECT 'public.a', $$ public.a $$, 'public.a'::text",
            ),
            (
                "SELECT 1; DO LANGUAGE plpgsql $x$ BEGIN ALTER TABLE public.a ADD b public.c; RAISE 'public.a'; END $x$; SELECT $x$ public.a $x$",
                "SELECT 1; DO LANGUAGE plpgsql $x$ BEGIN ALTER TABLE a ADD b c; RAISE 'public.a'; END $x$; SELECT $x$ public.a $x$",
            ),
            ("GRANT USAGE ON SCHEMA public TO public", "GRANT USAGE ON SCHEMA public TO public"),
            ("SELECT \"publics\".a -- public.a", "SELECT \"publics\".a -- public.a"),
        ] {
            assert_eq!(unqualified(sql, "public"), without);
        }
        assert_eq!(unqualified("SELECT * FROM \"My App\".a", "My App"), "SELECT * FROM a");
    }
}
