//! Names of the database as names of the schema language: letters, digits and underscores, beginning with a letter.

use std::borrow::Cow;

/// A name in the schema, with the database's where it has to be said (`@map`, `@@map`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) map: Option<String>,
}

impl Named {
    fn mapped(name: impl Into<String>, database: &str) -> Named {
        Named { name: name.into(), map: Some(database.to_owned()) }
    }

    fn plain(name: &str) -> Named {
        Named { name: name.to_owned(), map: None }
    }
}

pub(super) fn needs_cleaning(name: &str) -> bool {
    name.starts_with(|c: char| !c.is_ascii_alphabetic())
        || name.contains(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
}

/// Leading characters that are no letters go, others that may not stand become underscores. Empty where nothing
/// is left.
pub(super) fn cleaned(name: &str) -> Cow<'_, str> {
    if !needs_cleaning(name) {
        return Cow::Borrowed(name);
    }
    let rest = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    Cow::Owned(rest.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '_'), "_"))
}

/// A model, view or enum. `unique` says whether no other of them has this name, once cleaned.
pub(super) fn top_level(name: &str, namespace: &str, unique: bool) -> Named {
    if !unique {
        Named::mapped(cleaned(&format!("{namespace}_{name}")), name)
    } else if is_reserved(name) {
        Named::mapped(format!("Renamed{name}"), name)
    } else if needs_cleaning(name) {
        Named::mapped(cleaned(name), name)
    } else {
        Named::plain(name)
    }
}

pub(super) fn column(name: &str) -> Named {
    if needs_cleaning(name) { Named::mapped(cleaned(name), name) } else { Named::plain(name) }
}

pub(super) fn enum_value(value: &str) -> Named {
    match value {
        "" => Named::mapped("EMPTY_ENUM_VALUE", ""),
        value => column(value),
    }
}

/// Names that a generated client cannot give to a type. Source: Prisma's documentation, "Naming models".
pub(crate) fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 45] = [
        "PrismaClient",
        "break",
        "case",
        "catch",
        "class",
        "const",
        "continue",
        "debugger",
        "default",
        "delete",
        "do",
        "else",
        "enum",
        "export",
        "extends",
        "false",
        "finally",
        "for",
        "function",
        "if",
        "implements",
        "import",
        "in",
        "instanceof",
        "interface",
        "let",
        "new",
        "null",
        "package",
        "private",
        "protected",
        "public",
        "return",
        "super",
        "switch",
        "this",
        "throw",
        "true",
        "try",
        "typeof",
        "var",
        "void",
        "while",
        "with",
        "yield",
    ];
    RESERVED.contains(&name)
}

/// A string of the schema language, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
