//! goose ends a statement at the first line that ends with a semicolon, unless comments around it say where it begins and
//! ends. Source: goose's documentation of its annotations.

const BEGIN: &str = "-- +goose StatementBegin\n";
const END: &str = "-- +goose StatementEnd\n";

/// Whether a line is a comment for goose.
pub(super) fn is_told(line: &str) -> bool {
    let comment = line.trim_start_matches('\u{feff}').trim().strip_prefix("--");
    comment.is_some_and(|comment| comment.trim_start().starts_with("+goose"))
}

/// The text with those comments around each statement that has a semicolon inside. One that says it already is left.
pub fn whole(text: &str) -> String {
    if text.lines().any(is_told) {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    for one in pgsteward_sql::parse(text).statements.iter().rev() {
        if !text.get(one.span.start..one.span.end).is_some_and(|sql| sql.contains(';')) {
            continue;
        }
        let rest = text.get(one.span.end..).unwrap_or("");
        // The line break behind the semicolon belongs to the statement, if there is one.
        let end = match rest.trim_start().strip_prefix(';') {
            Some(after) => text.len() - after.strip_prefix('\n').unwrap_or(after).len(),
            None => one.span.end,
        };
        let broken = text.get(..end).is_some_and(|head| head.ends_with('\n'));
        out.insert_str(end, &format!("{}{END}", if broken { "" } else { "\n" }));
        out.insert_str(one.span.start, BEGIN);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_with_semicolons_stay_whole() {
        let text = "-- why\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN NEW;\nEND\n$$;\n\nSELECT 1;\n";
        let wanted = "-- why\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$\nBEGIN\n  RETURN NEW;\nEND\n$$;\n\
                      -- +goose StatementEnd\n\nSELECT 1;\n";
        assert_eq!(whole(text), wanted);
        assert_eq!(whole(wanted), wanted);
        assert_eq!(super::super::without_marks(wanted), text);
        assert_eq!(whole("SELECT ';'"), "-- +goose StatementBegin\nSELECT ';'\n-- +goose StatementEnd\n");
        assert_eq!(whole("SELECT 1; SELECT 2;"), "SELECT 1; SELECT 2;");
    }
}
