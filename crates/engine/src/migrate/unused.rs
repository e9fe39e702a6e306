//! What a migration takes away must be named by no query any more. `plan --safe` marks such a migration with a comment,
//! `-- pgsteward: unused "Vendor" "name"`, and deploy looks before it runs it: at the last statement of each session, at what
//! pg_stat_statements counts meanwhile, and at the counters of a table that goes. Reads only. It knows nothing of a program
//! that is not connected.

use std::collections::BTreeMap;
use std::time::Duration;

use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_literal, quote_qualified};

use crate::Progress;

const MARKER: &str = "-- pgsteward: unused ";
/// So much of a statement is shown.
const SHOWN: usize = 160;

/// The comment that asks for it: a table or view and, where it is one of theirs, a column.
pub(super) fn marker(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    format!("{MARKER}{}", quoted.join(" "))
}

/// The names of each marker of a text.
fn markers(text: &str) -> Vec<Vec<String>> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(MARKER))
        .map(names)
        .filter(|names| !names.is_empty())
        .collect()
}

fn names(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = list.trim();
    while let Some(inner) = rest.strip_prefix('"') {
        let mut name = String::new();
        let mut characters = inner.char_indices().peekable();
        let mut end = inner.len();
        while let Some((at, one)) = characters.next() {
            match one {
                '"' if characters.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
                '"' => {
                    end = at + 1;
                    break;
                }
                _ => name.push(one),
            }
        }
        names.push(name);
        rest = inner.get(end..).unwrap_or("").trim_start();
    }
    names
}

/// What was seen of the names of a migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Who names them, for people.
    pub(super) users: Vec<String>,
    /// Where nobody could look.
    pub(super) notes: Vec<String>,
}

/// Looks who names what the migration takes away, for as long as `quiet` says. Nothing where it has no marker, and
/// nobody else is connected.
pub(super) async fn look(
    session: &WriteSession,
    text: &str,
    quiet: Duration,
    progress: &dyn Progress,
) -> Result<Seen, ServerError> {
    let wanted = markers(text);
    let mut seen = Seen::default();
    if wanted.is_empty() {
        return Ok(seen);
    }
    progress.phase("look who still names what goes");
    let others = sessions(session, &wanted, &mut seen).await?;
    if others == 0 || !seen.users.is_empty() {
        return Ok(seen);
    }
    let counted = statements(session, &wanted, &mut seen).await?;
    let tables = counters(session, &wanted).await?;
    if counted.is_empty() && tables.is_empty() {
        return Ok(seen);
    }
    tokio::time::sleep(quiet).await;
    let now = statements(session, &wanted, &mut Seen::default()).await?;
    let seconds = quiet.as_secs_f64();
    for (statement, calls) in grown(&counted, &now) {
        seen.users.push(format!("{calls} calls within {seconds} s of: {}", shortened(&statement)));
    }
    for (table, times) in grown(&tables, &counters(session, &wanted).await?) {
        seen.users.push(format!("{times} scans and writes of {table} within {seconds} s"));
    }
    Ok(seen)
}

/// Counts the other sessions of the database, and tells of those whose last statement has the names.
async fn sessions(
    session: &WriteSession,
    wanted: &[Vec<String>],
    seen: &mut Seen,
) -> Result<usize, ServerError> {
    let sql = "SELECT a.pid::text, a.application_name, a.usename, a.query FROM pg_catalog.pg_stat_activity a \
               WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
               AND a.backend_type = 'client backend' AND a.application_name <> 'pgsteward migrate' ORDER BY a.pid";
    let rows = session.rows(sql).await?;
    let mut hidden = 0;
    for row in &rows {
        let cell = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or("");
        let query = cell(3);
        hidden += usize::from(query == "<insufficient privilege>");
        if is_query(query) && wanted.iter().any(|names| names_all(query, names)) {
            let program = if cell(1).is_empty() { "without a name" } else { cell(1) };
            seen.users.push(format!("the session {} of {} ({program})", cell(0), cell(2)));
        }
    }
    if hidden > 0 {
        seen.notes.push(format!(
            "what {hidden} sessions of other roles asked last is hidden from this role: GRANT pg_read_all_stats shows it"
        ));
    }
    Ok(rows.len())
}

/// Statements with the names, and how often each was called.
async fn statements(
    session: &WriteSession,
    wanted: &[Vec<String>],
    seen: &mut Seen,
) -> Result<BTreeMap<String, u64>, ServerError> {
    let place = "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
                 WHERE e.extname = 'pg_stat_statements'";
    let Some(schema) = session.value(place).await? else {
        seen.notes
            .push("pg_stat_statements is not installed: of sessions only the last statement is known".into());
        return Ok(BTreeMap::new());
    };
    let sql = format!(
        "SELECT s.query, pg_catalog.sum(s.calls)::text FROM {} s WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname = pg_catalog.current_database()) GROUP BY s.query",
        quote_qualified(&pgsteward_model::catalog::QName::new(schema, "pg_stat_statements"))
    );
    let rows = match session.rows(&sql).await {
        Ok(rows) => rows,
        Err(error) if error.sqlstate.starts_with("08") || error.sqlstate == "57P01" => return Err(error),
        Err(error) => {
            seen.notes.push(format!("pg_stat_statements was not read: {}", error.message));
            return Ok(BTreeMap::new());
        }
    };
    let named = rows.into_iter().filter_map(|row| match row.as_slice() {
        [Some(query), Some(calls)]
            if is_query(query) && wanted.iter().any(|names| names_all(query, names)) =>
        {
            Some((query.clone(), calls.parse().ok()?))
        }
        _ => None,
    });
    Ok(named.collect())
}

/// How often tables that go as a whole were scanned and written.
async fn counters(
    session: &WriteSession,
    wanted: &[Vec<String>],
) -> Result<BTreeMap<String, u64>, ServerError> {
    let tables: Vec<String> = wanted
        .iter()
        .filter_map(|names| match names.as_slice() {
            [table] => Some(quote_literal(table)),
            _ => None,
        })
        .collect();
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT t.schemaname || '.' || t.relname, (t.seq_scan + coalesce(t.idx_scan, 0) + t.n_tup_ins + t.n_tup_upd + t.n_tup_del)::text \
         FROM pg_catalog.pg_stat_user_tables t WHERE t.relname IN ({})",
        tables.join(", ")
    );
    let rows = session.rows(&sql).await?;
    let count = |row: Vec<Option<String>>| match row.as_slice() {
        [Some(table), Some(count)] => Some((table.clone(), count.parse().ok()?)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(count).collect())
}

/// What was counted since, where that is anything.
fn grown(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let since = |(name, count): (&String, &u64)| {
        let more = count.saturating_sub(before.get(name).copied().unwrap_or(0));
        (more > 0).then(|| (name.clone(), more))
    };
    now.iter().filter_map(since).collect()
}

/// Reads or writes rows.
fn is_query(text: &str) -> bool {
    let mut text = text.trim_start();
    while let Some(end) = match text {
        comment if comment.starts_with("/*") => comment.find("*/").map(|at| at + "*/".len()),
        comment if comment.starts_with("--") => comment.find('\n'),
        _ => None,
    } {
        text = text.get(end..).unwrap_or("").trim_start();
    }
    let first =
        text.trim_start_matches(|one: char| one.is_whitespace() || one == '(').split_whitespace().next();
    first.is_some_and(|word| {
        ["select", "insert", "update", "delete", "with", "merge", "copy"]
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
    })
}

fn names_all(query: &str, names: &[String]) -> bool {
    names.iter().all(|name| has_name(query, name))
}

/// Whether a text has the name: in double quotes, or as a word where PostgreSQL folds it to this name.
fn has_name(query: &str, name: &str) -> bool {
    if query.contains(&format!("\"{}\"", name.replace('"', "\"\""))) {
        return true;
    }
    let word = |one: char| one.is_alphanumeric() || one == '_' || one == '$';
    name.chars().all(|one| word(one) && !one.is_uppercase())
        && query.split(|one: char| !word(one)).any(|other| other.to_lowercase() == name)
}

fn shortened(statement: &str) -> String {
    let plain: Vec<&str> = statement.split_whitespace().collect();
    let plain = plain.join(" ");
    match plain.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", plain.get(..end).unwrap_or("")),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_read_back() {
        let text = format!(
            "-- Deploy it later.\n{}\n{}\nDROP TABLE a;\n",
            marker(&["a \"b\"", "c"]),
            marker(&["d"])
        );
        assert_eq!(markers(&text), [vec!["a \"b\"".to_owned(), "c".to_owned()], vec!["d".to_owned()]]);
        assert!(markers("-- pgsteward: unused\nDROP TABLE a;").is_empty());
    }

    #[test]
    fn names_are_words() {
        assert!(has_name("SELECT \"public\".\"Vendor\".\"name\" FROM \"Vendor\"", "Vendor"));
        assert!(!has_name("SELECT \"VendorId\" FROM \"Order\"", "Vendor"));
        assert!(has_name("select Name from vendor", "name") && !has_name("select fullname", "name"));
        assert!(!has_name("SELECT Vendor FROM t", "Vendor"), "an unquoted name is folded");
        assert!(names_all("SELECT v.\"name\" FROM \"Vendor\" v", &["Vendor".into(), "name".into()]));
        assert!(
            is_query("/* app */ -- x\n SELECT 1")
                && is_query(" (SELECT 1)")
                && !is_query("ALTER TABLE \"Vendor\" DROP COLUMN \"name\"")
        );
    }

    #[test]
    fn only_what_was_called_since_counts() {
        let of =
            |list: &[(&str, u64)]| list.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (before, now) = (of(&[("a", 3), ("b", 1)]), of(&[("a", 3), ("b", 4), ("c", 1)]));
        assert_eq!(grown(&before, &now), [("b".to_owned(), 3), ("c".to_owned(), 1)]);
    }
}
