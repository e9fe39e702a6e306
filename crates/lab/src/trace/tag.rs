//! Command tags: which event of a trace comes from which statement of a file.

use pgsteward_model::migration::{MigrationStatement, Trace};

/// Words between `CREATE` and the kind of object that the tag leaves out.
const MODIFIERS: [&str; 12] = [
    "OR",
    "REPLACE",
    "UNIQUE",
    "TEMP",
    "TEMPORARY",
    "UNLOGGED",
    "GLOBAL",
    "LOCAL",
    "RECURSIVE",
    "CONSTRAINT",
    "TRUSTED",
    "PROCEDURAL",
];

/// Kinds of objects that have more than one word in their tag. Source: `src/include/tcop/cmdtaglist.h`.
const TWO_WORDS: [&str; 9] =
    ["MATERIALIZED", "FOREIGN", "EVENT", "TEXT", "ACCESS", "OPERATOR", "USER", "DEFAULT", "LARGE"];

/// The beginning of the tag that an event trigger sees for a statement; nothing for a statement that fires
/// none (a query, SET, COMMIT).
fn expected(statement: &str) -> Option<String> {
    let mut words = statement
        .split(|c: char| c.is_whitespace() || c == '(' || c == '"' || c == ';')
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_uppercase);
    let verb = words.next()?;
    match verb.as_str() {
        "COMMENT" | "GRANT" | "REVOKE" | "REINDEX" => return Some(verb),
        "CREATE" | "ALTER" | "DROP" | "REFRESH" | "IMPORT" | "SECURITY" => {}
        _ => return None,
    }
    let kind = words.find(|word| !MODIFIERS.contains(&word.as_str()))?;
    if TWO_WORDS.contains(&kind.as_str())
        && let Some(second) = words.next()
        // CREATE OPERATOR has a tag of its own beside OPERATOR CLASS and OPERATOR FAMILY.
        && second.chars().all(|c| c.is_ascii_alphabetic())
    {
        return Some(format!("{verb} {kind} {second}"));
    }
    Some(format!("{verb} {kind}"))
}

/// Sets `statement` of each trace. Traces and statements have the same order, but not every statement has an
/// event (IF NOT EXISTS) and one statement may have many (DO), so the tag must fit and one of the objects
/// must be named in the statement. What fits nowhere keeps no statement.
pub(crate) fn align(traces: &mut [Trace], text: &str, statements: &[MigrationStatement]) {
    let written: Vec<(&str, Option<String>)> = statements
        .iter()
        .map(|statement| {
            let text = text.get(statement.span.start..statement.span.end).unwrap_or_default();
            (text, expected(text))
        })
        .collect();
    let mut from = 0;
    for trace in traces {
        let found = written.iter().enumerate().skip(from).find(|(_, (text, expected))| {
            expected.as_ref().is_some_and(|tag| trace.tag.starts_with(tag.as_str())) && names(trace, text)
        });
        if let Some((index, _)) = found {
            trace.statement = Some(index);
            from = index + 1;
        }
    }
}

/// Whether the statement names one of the objects. Statements that make nothing (a skipped IF NOT EXISTS, a
/// GRANT) name no object in their event and fit by their tag alone.
fn names(trace: &Trace, statement: &str) -> bool {
    trace.objects.is_empty()
        || trace.objects.iter().any(|identity| {
            let identity = identity.split_once('(').map_or(identity.as_str(), |(before, _)| before);
            let last = identity.rsplit('.').next().unwrap_or(identity).trim_matches('"');
            let lower = || statement.to_ascii_lowercase().contains(&last.to_ascii_lowercase());
            statement.contains(last) || lower() || identity.contains(" on ")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_what_postgresql_calls_the_command() {
        for (statement, tag) in [
            ("CREATE UNIQUE INDEX CONCURRENTLY \"a_b\" ON a (b)", Some("CREATE INDEX")),
            ("create or replace function f() returns int", Some("CREATE FUNCTION")),
            ("CREATE TABLE\"A\"(id int)", Some("CREATE TABLE")),
            ("CREATE MATERIALIZED VIEW v AS SELECT 1", Some("CREATE MATERIALIZED VIEW")),
            ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x", Some("ALTER DEFAULT PRIVILEGES")),
            ("CREATE OPERATOR === (LEFTARG = int)", Some("CREATE OPERATOR")),
            ("COMMENT ON TABLE a IS 'x'", Some("COMMENT")),
            ("INSERT INTO a VALUES (1)", None),
            ("DO $$ BEGIN END $$", None),
        ] {
            assert_eq!(expected(statement).as_deref(), tag, "{statement}");
        }
    }
}
