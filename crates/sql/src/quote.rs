//! Names and values as SQL text.

use std::borrow::Cow;

use pgsteward_model::catalog::QName;

use crate::keywords;

/// A name as it must be written in SQL: bare where PostgreSQL reads it back unchanged, else in double quotes.
/// Same rule as the server's `quote_ident`.
pub fn quote_ident(name: &str) -> String {
    if is_bare(name) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether a name may stand without quotes.
pub(crate) fn is_bare(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && name.bytes().all(plain)
        && !keywords::needs_quotes(name)
}

/// A string constant. A value with a backslash is written as `E'…'`, so that it reads the same whatever
/// `standard_conforming_strings` says. A NUL character, which no PostgreSQL text can hold, is dropped.
pub fn quote_literal(value: &str) -> String {
    let value: Cow<'_, str> =
        if value.contains('\0') { value.replace('\0', "").into() } else { value.into() };
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// The name in SQL, with its namespace unless that is `public`.
pub fn quote_name(name: &QName) -> String {
    if name.namespace == "public" { quote_ident(&name.name) } else { quote_qualified(name) }
}

/// The name in SQL, always with its namespace.
pub fn quote_qualified(name: &QName) -> String {
    format!("{}.{}", quote_ident(&name.namespace), quote_ident(&name.name))
}
