//! What a migration takes away must be named by no query any more. `plan --safe` marks such a migration with a comment,
//! `-- pgsteward: unused "Vendor" "name"`, and deploy looks before it runs it: at the last statement of each session, at what
//! pg_stat_statements counts meanwhile, and at the counters of a table that goes. Reads only. It knows nothing of a program
//! that is not connected.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pgsteward_model::catalog::QName;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_literal, quote_qualified};

use crate::Progress;

const MARKER: &str = "-- pgsteward: unused ";
/// What the server says in place of a statement that this role may not read.
const HIDDEN: &str = "<insufficient privilege>";
/// So much of a statement is shown.
const SHOWN: usize = 160;

/// What a marker names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// None where the search path says.
    namespace: Option<String>,
    /// A table, view or type and, where it is one of theirs, a column.
    names: Vec<String>,
}

impl Wanted {
    /// What goes as a whole.
    fn whole(&self) -> Option<&str> {
        match self.names.as_slice() {
            [name] => Some(name),
            _ => None,
        }
    }
}

/// The comment that asks for it: a table, view or type and, where it is one of theirs, a column. The namespace as the
/// statement has it.
pub(super) fn marker(namespace: Option<&str>, names: &[&str]) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let namespace = namespace.map(|name| format!("{}.", quoted(name))).unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("{MARKER}{namespace}{}", names.join(" "))
}

/// The markers of a text.
fn markers(text: &str) -> Vec<Wanted> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(MARKER))
        .map(wanted)
        .filter(|wanted| !wanted.names.is_empty())
        .collect()
}

fn wanted(list: &str) -> Wanted {
    let mut namespace = None;
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
        let after = inner.get(end..).unwrap_or("");
        match after.strip_prefix('.').filter(|_| namespace.is_none() && names.is_empty()) {
            Some(after) => {
                namespace = Some(name);
                rest = after;
            }
            None => {
                names.push(name);
                rest = after.trim_start();
            }
        }
    }
    Wanted { namespace, names }
}

/// The columns of a table that the markers of a text name.
pub(super) fn columns_of(text: &str, table: &QName) -> BTreeSet<String> {
    let of_table = |one: &Wanted| {
        let there = one.namespace.as_ref().is_none_or(|namespace| *namespace == table.namespace);
        there && one.names.first().is_some_and(|name| *name == table.name)
    };
    let columns = markers(text).into_iter().filter(of_table);
    columns.filter_map(|mut one| (one.names.len() == 2).then(|| one.names.remove(1))).collect()
}

/// Whether a marker of a text names the table as a whole.
pub(super) fn names_table(text: &str, table: &QName) -> bool {
    markers(text).iter().any(|one| {
        let there = one.namespace.as_ref().is_none_or(|namespace| *namespace == table.namespace);
        there && one.whole() == Some(table.name.as_str())
    })
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
    let shared = shared(session, &wanted).await?;
    let telling: Vec<Wanted> = wanted
        .iter()
        .filter(|one| one.whole().is_none_or(|name| !shared.iter().any(|other| other == name)))
        .cloned()
        .collect();
    let others = sessions(session, &telling, &mut seen).await?;
    if others == 0 || !seen.users.is_empty() {
        return Ok(seen);
    }
    seen.notes.extend(shared.iter().map(|name| {
        format!("\"{name}\" is also what a column or another table is called, so the texts of queries do not tell who names it")
    }));
    let counted = statements(session, &telling, &mut seen).await?;
    let tables = counters(session, &wanted).await?;
    if counted.is_empty() && tables.is_empty() {
        return Ok(seen);
    }
    tokio::time::sleep(quiet).await;
    let now = statements(session, &telling, &mut Seen::default()).await?;
    let seconds = quiet.as_secs_f64();
    for (statement, calls) in grown(&counted, &now) {
        seen.users.push(format!("{calls} calls within {seconds} s of: {}", shortened(&statement)));
    }
    for (table, times) in grown(&tables, &counters(session, &wanted).await?) {
        seen.users.push(format!("{times} scans and writes of {table} within {seconds} s"));
    }
    Ok(seen)
}

/// The names of what goes as a whole that something else has as well: a word in a query may be either.
async fn shared(session: &WriteSession, wanted: &[Wanted]) -> Result<Vec<String>, ServerError> {
    let names: Vec<String> = wanted.iter().filter_map(Wanted::whole).map(quote_literal).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "WITH relation AS (SELECT c.oid, c.relname AS name FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_') \
         SELECT DISTINCT w.name FROM pg_catalog.unnest(ARRAY[{}]::text[]) w(name) \
         WHERE (SELECT pg_catalog.count(*) FROM relation r WHERE w.name IN (r.name, pg_catalog.lower(r.name))) > 1 \
         OR EXISTS (SELECT FROM relation r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid \
         WHERE r.name <> w.name AND a.attnum > 0 AND NOT a.attisdropped \
         AND w.name IN (a.attname, pg_catalog.lower(a.attname))) ORDER BY 1",
        names.join(", ")
    );
    let rows = session.rows(&sql).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

/// Counts the other sessions of the database, and tells of those whose last statement has the names.
/// Source of what is hidden: PostgreSQL's documentation of `pg_stat_activity` (NULL, but for the text).
async fn sessions(session: &WriteSession, wanted: &[Wanted], seen: &mut Seen) -> Result<usize, ServerError> {
    let sql = "SELECT a.pid::text, a.application_name, a.usename, a.query FROM pg_catalog.pg_stat_activity a \
               WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid() \
               AND coalesce(a.backend_type, 'client backend') = 'client backend' AND a.usesysid IS NOT NULL \
               AND coalesce(a.application_name, '') <> 'pgsteward migrate' ORDER BY a.pid";
    let rows = session.rows(sql).await?;
    let mut hidden = 0;
    for row in &rows {
        let cell = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or("");
        let query = cell(3);
        hidden += usize::from(query == HIDDEN);
        if is_query(query) && wanted.iter().any(|one| names_all(query, &one.names)) {
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
    wanted: &[Wanted],
    seen: &mut Seen,
) -> Result<BTreeMap<String, u64>, ServerError> {
    if wanted.is_empty() {
        return Ok(BTreeMap::new());
    }
    let place = "SELECT n.nspname FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace \
                 WHERE e.extname = 'pg_stat_statements'";
    let Some(schema) = session.value(place).await? else {
        seen.notes
            .push("pg_stat_statements is not installed: of sessions only the last statement is known".into());
        return Ok(BTreeMap::new());
    };
    let sql = format!(
        "SELECT s.query, pg_catalog.sum(s.calls)::text, pg_catalog.count(*)::text FROM {} s WHERE s.dbid = (SELECT d.oid FROM pg_catalog.pg_database d \
         WHERE d.datname = pg_catalog.current_database()) GROUP BY s.query",
        quote_qualified(&QName::new(schema, "pg_stat_statements"))
    );
    let rows = match session.rows(&sql).await {
        Ok(rows) => rows,
        Err(error) if error.sqlstate.starts_with("08") || error.sqlstate == "57P01" => return Err(error),
        Err(error) => {
            seen.notes.push(format!("pg_stat_statements was not read: {}", error.message));
            return Ok(BTreeMap::new());
        }
    };
    let hidden = rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some(HIDDEN));
    if let Some(count) = hidden.and_then(|row| row.get(2)?.as_deref()) {
        seen.notes.push(format!(
            "the texts of {count} statements of other roles in pg_stat_statements are hidden from this role: GRANT \
             pg_read_all_stats shows them"
        ));
    }
    let named = rows.into_iter().filter_map(|row| match row.as_slice() {
        [Some(query), Some(calls), ..]
            if is_query(query) && wanted.iter().any(|one| names_all(query, &one.names)) =>
        {
            Some((query.clone(), calls.parse().ok()?))
        }
        _ => None,
    });
    Ok(named.collect())
}

/// How often tables that go as a whole were scanned and written.
async fn counters(session: &WriteSession, wanted: &[Wanted]) -> Result<BTreeMap<String, u64>, ServerError> {
    // A name without a namespace is what the search path makes of it.
    let of = |one: &Wanted| {
        let name = one.whole()?;
        let place = match &one.namespace {
            Some(namespace) => format!("t.schemaname = {}", quote_literal(namespace)),
            None => format!(
                "coalesce(pg_catalog.to_regclass({}) = t.relid, true)",
                quote_literal(&format!("\"{}\"", name.replace('"', "\"\"")))
            ),
        };
        Some(format!("(t.relname = {} AND {place})", quote_literal(name)))
    };
    let tables: Vec<String> = wanted.iter().filter_map(of).collect();
    if tables.is_empty() {
        return Ok(BTreeMap::new());
    }
    let sql = format!(
        "SELECT t.schemaname || '.' || t.relname, (t.seq_scan + coalesce(t.idx_scan, 0) + t.n_tup_ins + t.n_tup_upd + t.n_tup_del)::text \
         FROM pg_catalog.pg_stat_user_tables t WHERE {}",
        tables.join(" OR ")
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

/// Whether a statement has all of the names, as names: a constant of the same words is none.
fn names_all(query: &str, names: &[String]) -> bool {
    let found = pgsteward_sql::names_in(query);
    names.iter().all(|name| found.contains(name))
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
            marker(None, &["a \"b\"", "c"]),
            marker(Some("e.\"f"), &["d"])
        );
        let [of_column, whole] = &markers(&text)[..] else { panic!("{text}") };
        assert_eq!((of_column.names.join(" "), of_column.whole()), ("a \"b\" c".to_owned(), None));
        assert_eq!((whole.namespace.as_deref(), whole.whole()), (Some("e.\"f"), Some("d")));
        assert!(markers("-- pgsteward: unused\nDROP TABLE a;").is_empty());
    }

    #[test]
    fn names_are_words() {
        let has_name = |query: &str, name: &str| names_all(query, &[name.to_owned()]);
        assert!(has_name("SELECT \"public\".\"Vendor\".\"name\" FROM \"Vendor\"", "Vendor"));
        assert!(!has_name("SELECT \"VendorId\" FROM \"Order\"", "Vendor"));
        assert!(has_name("select Name from vendor", "name") && !has_name("select fullname", "name"));
        assert!(!has_name("SELECT Vendor FROM t", "Vendor"), "an unquoted name is folded");
        for query in [
            "SELECT 1 FROM t WHERE kind = 'orders'",
            "SELECT E'it\\'s orders', $q$orders$q$, 'of \"orders\"' FROM t",
            "SELECT 1 /* orders */ FROM t -- orders",
            "INSERT INTO t (note) VALUES ('all orders of",
        ] {
            assert!(!has_name(query, "orders"), "{query}");
        }
        assert!(has_name("SELECT 'it''s' FROM orders", "orders"));
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
