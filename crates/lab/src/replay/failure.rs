//! Where in a file an error belongs.

use pgsteward_model::migration::{MigrationFile, ServerError};
use pgsteward_model::source::Span;

/// Byte offset of a 1-based character position.
pub(super) fn byte_offset(text: &str, position: u32) -> usize {
    let characters = (position as usize).saturating_sub(1);
    text.char_indices().nth(characters).map_or(text.len(), |(offset, _)| offset)
}

/// The word or symbol that begins at an offset: what the server points at.
pub(super) fn token_at(text: &str, offset: usize) -> Span {
    let rest = text.get(offset..).unwrap_or_default();
    let mut characters = rest.chars();
    let length = match characters.next() {
        Some(quote @ ('"' | '\'')) => {
            rest[1..].find(quote).map_or_else(|| rest.lines().next().unwrap_or(rest).len(), |end| end + 2)
        }
        Some(first) if first.is_alphanumeric() || first == '_' => {
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len())
        }
        Some(first) => first.len_utf8(),
        None => 0,
    };
    Span::new(offset, offset + length)
}

/// The statement that holds an offset of the file, by its index.
pub(super) fn statement_at(file: &MigrationFile, offset: usize) -> Option<usize> {
    file.statements
        .iter()
        .position(|statement| statement.span.start <= offset && offset <= statement.span.end)
}

/// Errors that only the lab's walls or its poverty bring, so that they say nothing about the migration:
/// missing rights, features that the installation lacks, server files.
pub(crate) fn is_ours(error: &ServerError) -> bool {
    match error.sqlstate.as_str() {
        // insufficient_privilege
        "42501" => true,
        // feature_not_supported is also raised for good reasons; an extension without a control file is not.
        "0A000" => error.message.contains("extension") && error.message.contains("not available"),
        // undefined_file: a library or control file that the installation lacks
        "58P01" => true,
        // object_not_in_prerequisite_state: pg_stat_statements and its like want to be preloaded
        "55000" => error.message.contains("shared_preload_libraries"),
        _ => false,
    }
}

/// Errors that a stand-in type brings: it has no operators, functions or index methods.
pub(super) fn is_for_want_of_an_extension(error: &ServerError) -> bool {
    // undefined_object, undefined_function, undefined_table, undefined_column, invalid_schema_name,
    // datatype_mismatch, cannot_coerce, wrong_object_type, invalid_parameter_value
    ["42704", "42883", "42P01", "42703", "3F000", "42804", "42846", "42809", "22023"]
        .contains(&error.sqlstate.as_str())
}

/// The role that an error misses: `role "x" does not exist`. The lab's servers speak English.
pub(super) fn missing_role(error: &ServerError) -> Option<&str> {
    let named = (error.sqlstate == "42704").then_some(error.message.as_str())?;
    named.strip_prefix("role \"")?.strip_suffix("\" does not exist")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_spans_bytes() {
        let text = "SELECT 'é', \"Täble\".x FROM b";
        let offset = byte_offset(text, 13);
        assert_eq!(&text[offset..offset + 1], "\"");
        let span = token_at(text, offset);
        assert_eq!(&text[span.start..span.end], "\"Täble\"");
        assert_eq!(byte_offset(text, 1000), text.len());
        assert_eq!(token_at(text, text.len()), Span::new(text.len(), text.len()));
        let offset = byte_offset(text, 23);
        let span = token_at(text, offset);
        assert_eq!(&text[span.start..span.end], "FROM");
    }

    #[test]
    fn a_missing_role_is_named() {
        let error = ServerError {
            sqlstate: "42704".into(),
            message: "role \"anon\" does not exist".into(),
            ..ServerError::default()
        };
        assert_eq!(missing_role(&error), Some("anon"));
        let other = ServerError { message: "type \"x\" does not exist".into(), ..error };
        assert_eq!(missing_role(&other), None);
    }
}
