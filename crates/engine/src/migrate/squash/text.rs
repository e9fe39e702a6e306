//! The text of a squashed migration, in one of two forms. Pure.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Identity, QName, Table};
use pgsteward_model::migrate::squash::{DataStatement, SquashedRows};
use pgsteward_model::source::Span;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::made::{MOST_ROWS, Made, Row, columns};
use super::members;
use crate::migrate::project::MigrationFolder;
use crate::plain::{Marks, without_marks};

/// How the statements of a schema find what they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// As the migrations say them: what is in the connection's namespace has no other name.
    Short,
    /// The same, and bodies of functions are not looked into.
    ShortUnchecked,
    /// Every name in full, and all namespaces on the path.
    Full,
}

pub(super) const WAYS: [Names; 3] = [Names::Short, Names::ShortUnchecked, Names::Full];

/// The statements that make what the history made. `made_up` columns get their default.
pub(super) fn of_schema(
    made: &Made,
    namespace: &str,
    names: Names,
    made_up: &BTreeSet<(QName, String)>,
) -> String {
    let catalog = &made.state.catalog;
    let parts = ddl::parts(catalog);
    let own = quote_ident(namespace);
    let is_there = [
        format!("CREATE SCHEMA IF NOT EXISTS {own}"),
        "CREATE SCHEMA IF NOT EXISTS public".to_owned(),
        "DROP SCHEMA IF EXISTS public".to_owned(),
    ];
    let inserts = made
        .rows
        .iter()
        .filter_map(|(name, rows)| catalog.table(name).map(|table| insert(table, rows, made_up)));
    let asides = made.state.identities.asides.values().map(|aside| aside.set.clone());
    let mut statements: Vec<String> = parts.before_rows;
    statements.extend(inserts);
    statements.extend(parts.after_rows);
    statements.extend(asides.filter(|sql| !sql.is_empty()));
    statements.extend(made.sequences.iter().filter(|(_, (_, called))| *called).map(|(name, (value, _))| {
        format!("SELECT pg_catalog.setval({}::regclass, {value})", quote_literal(&quote_qualified(name)))
    }));
    statements.retain(|sql| !is_there.contains(sql));
    if names != Names::Full {
        let in_own = format!(" SCHEMA {own}");
        for sql in &mut statements {
            *sql = ddl::unqualified(sql, namespace);
            if let Some(short) = sql.strip_suffix(&in_own).filter(|sql| sql.starts_with("CREATE EXTENSION")) {
                *sql = short.to_owned();
            }
        }
    }
    let body = statements.iter().map(|sql| format!("{};\n", in_lines(sql))).collect::<Vec<_>>().join("\n");
    let settings = match names {
        Names::Short => return body,
        Names::ShortUnchecked => "SET LOCAL check_function_bodies = off".to_owned(),
        Names::Full => ddl::settings(catalog).replace("SET ", "SET LOCAL ").replace("; ", ";\n"),
    };
    format!("BEGIN;\n{settings};\n\n{body}\nCOMMIT;\n")
}

/// A table with a line for each of its columns.
pub(in crate::migrate) fn in_lines(sql: &str) -> String {
    if !sql.starts_with("CREATE TABLE ") {
        return sql.to_owned();
    }
    let (mut out, mut depth, mut quote) = (String::with_capacity(sql.len() + 64), 0_u32, None);
    for character in sql.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            // Some other kind of string may be in it: nobody reads on here.
            (None, '$') => return sql.to_owned(),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        match (quote, character, depth) {
            (None, '(', 1) => out.push_str("(\n    "),
            (None, ',', 1) => out.push_str(",\n   "),
            (None, ')', 0) => out.push_str("\n)"),
            _ => out.push(character),
        }
    }
    out
}

fn insert(table: &Table, rows: &[Row], made_up: &BTreeSet<(QName, String)>) -> String {
    let all = columns(table);
    let written: Vec<usize> =
        (0..all.len()).filter(|at| !made_up.contains(&(table.name.clone(), all[*at].clone()))).collect();
    let names: Vec<String> = written.iter().map(|at| quote_ident(&all[*at])).collect();
    let always = table.columns.iter().any(|column| column.identity == Some(Identity::Always));
    let overriding = if always { "OVERRIDING SYSTEM VALUE " } else { "" };
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "NULL".to_owned(), quote_literal);
    let tuple = |row: &Row| {
        let values: Vec<String> = written.iter().filter_map(|at| row.get(*at)).map(value).collect();
        format!("  ({})", values.join(", "))
    };
    let tuples: Vec<String> = rows.iter().map(tuple).collect();
    format!(
        "INSERT INTO {} ({}) {overriding}VALUES\n{}",
        quote_qualified(&table.name),
        names.join(", "),
        tuples.join(",\n")
    )
}

/// Why rows cannot be written down, and what of them the defaults make again.
pub(super) fn made_up(made: &Made, again: &Made) -> Result<BTreeSet<(QName, String)>, String> {
    if let Some((name, _)) = made.rows.iter().find(|(_, rows)| rows.len() > MOST_ROWS) {
        return Err(format!("the migrations write more than {MOST_ROWS} rows into \"{}\"", name.display()));
    }
    let volatile = made.volatile(again);
    for (name, column) in &volatile {
        let known = made.state.catalog.table(name).and_then(|table| table.column(column));
        let is_time = |ty: &str| ty == "date" || ty.starts_with("timestamp ") || ty.starts_with("time ");
        if !known.is_some_and(|column| column.default.is_some() && is_time(&column.ty.name)) {
            return Err(format!(
                "the migrations make up values of \"{}\".\"{column}\" while they run",
                name.display()
            ));
        }
    }
    Ok(volatile)
}

/// The rows for people.
pub(super) fn told_rows(made: &Made, made_up: &BTreeSet<(QName, String)>) -> Vec<SquashedRows> {
    let of = |(name, rows): (&QName, &Vec<Row>)| {
        made.state.catalog.table(name)?;
        let defaults = made_up.iter().filter(|(table, _)| table == name).map(|(_, column)| column.clone());
        Some(SquashedRows { table: name.display(), rows: rows.len(), defaults: defaults.collect() })
    };
    made.rows.iter().filter_map(of).collect()
}

/// The files one after the other. What would not run in a transaction, and need not where no row is yet, says so
/// no more.
pub(super) fn of_statements(folders: &[MigrationFolder]) -> String {
    let part = |folder: &MigrationFolder| {
        let own = match folder.marks {
            Marks::None => members::without(folder.script()),
            _ => without_marks(&members::without(folder.script())),
        };
        format!("-- From {}\n{}\n", folder.name, ended(at_once(&own).trim()))
    };
    folders.iter().map(part).collect::<Vec<_>>().join("\n")
}

/// The text with an end of its last statement, which a file may lack that nothing follows.
fn ended(text: &str) -> String {
    let rest = pgsteward_sql::parse(text).statements.last().and_then(|last| text.get(last.span.end..));
    match rest {
        Some(rest) if !rest.trim_start().starts_with(';') => format!("{text}\n;"),
        _ => text.to_owned(),
    }
}

/// The text without CONCURRENTLY.
fn at_once(text: &str) -> String {
    let mut out = text.to_owned();
    for parsed in pgsteward_sql::parse(text).statements.iter().rev() {
        let detaches =
            |action: &AlterAction| matches!(action, AlterAction::DetachPartition { concurrently: true, .. });
        let says_so = match &parsed.statement {
            Statement::CreateIndex(create) => create.concurrently,
            Statement::Drop { concurrently, .. }
            | Statement::Reindex { concurrently, .. }
            | Statement::RefreshMaterializedView { concurrently, .. } => *concurrently,
            Statement::AlterTable(alter) => alter.actions.iter().any(detaches),
            _ => false,
        };
        let Some(statement) = text.get(parsed.span.start..parsed.span.end).filter(|_| says_so) else {
            continue;
        };
        let Some(at) = statement.to_ascii_uppercase().find("CONCURRENTLY") else { continue };
        let start = parsed.span.start + at;
        let end = start + "CONCURRENTLY".len();
        let end = end + usize::from(text.get(end..).is_some_and(|rest| rest.starts_with(' ')));
        out.replace_range(start..end, "");
    }
    out
}

/// Statements that write rows, also where an empty database shows nothing of them.
pub(in crate::migrate) fn data_statements(folders: &[MigrationFolder]) -> Vec<DataStatement> {
    let of = |folder: &MigrationFolder| {
        let text = folder.script();
        let parsed = pgsteward_sql::parse(text);
        let found = parsed.statements.iter().filter_map(|one| {
            let what = writes(&one.statement)?;
            Some(DataStatement { migration: folder.name.clone(), line: line(text, one.span), what })
        });
        found.collect::<Vec<_>>()
    };
    folders.iter().flat_map(of).collect()
}

fn writes(statement: &Statement) -> Option<String> {
    let of = |verb: &str, name: &pgsteward_model::statement::Name| {
        Some(format!("{verb} \"{}\"", name.qualified().display()))
    };
    match statement {
        Statement::Insert { table, .. } => of("INSERT into", table),
        Statement::Update { table, .. } => of("UPDATE of", table),
        Statement::Delete { table, .. } => of("DELETE from", table),
        Statement::Merge { table, .. } => of("MERGE into", table),
        Statement::Copy { table: Some(table), from: true, .. } => of("COPY into", table),
        Statement::Truncate { tables, .. } => of("TRUNCATE of", tables.first()?),
        Statement::Select { changes, .. } => of("WITH query that changes", changes.first()?),
        Statement::Call { name } => of("CALL of", name),
        Statement::Do { body } if crate::migrate::rollback::writes_rows(body) => Some("DO block".to_owned()),
        _ => None,
    }
}

/// The first statement that reaches beyond its database, where no lab shows what it does: in words.
pub(super) fn reaches_out(folders: &[MigrationFolder]) -> Option<String> {
    for folder in folders {
        let text = folder.script();
        for one in &pgsteward_sql::parse(text).statements {
            let what = match &one.statement {
                Statement::CreateRole { .. } | Statement::AlterRole { .. } => "roles",
                Statement::AlterSystem => "settings of the server",
                Statement::AlterDatabase => "settings of the database",
                Statement::CreateDatabase { .. } | Statement::DropDatabase { .. } => "databases",
                Statement::Do { body } if makes_roles(body) => "roles, in a DO block",
                Statement::Grant { objects: pgsteward_model::statement::GrantObjects::Roles(_), .. } => {
                    "roles"
                }
                Statement::Unparsed => "what nobody can read",
                _ => continue,
            };
            return Some(format!("line {} of \"{}\" changes {what}", line(text, one.span), folder.name));
        }
    }
    None
}

fn makes_roles(body: &str) -> bool {
    let upper = body.to_ascii_uppercase();
    ["CREATE ROLE", "CREATE USER", "ALTER ROLE", "ALTER USER"].iter().any(|words| upper.contains(words))
}

fn line(text: &str, span: Span) -> usize {
    1 + text.get(..span.start).unwrap_or_default().matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_told_in_lines() {
        assert_eq!(
            in_lines(
                "CREATE TABLE a (b numeric(3,2) DEFAULT '(,' NOT NULL, \"c,(\" int) WITH (fillfactor=70)"
            ),
            "CREATE TABLE a (\n    b numeric(3,2) DEFAULT '(,' NOT NULL,\n    \"c,(\" int\n) WITH (\n    fillfactor=70\n)"
        );
        assert_eq!(in_lines("CREATE TYPE a AS (b int, c int)"), "CREATE TYPE a AS (b int, c int)");
    }

    #[test]
    fn a_statement_ends_before_the_next_file() {
        assert_eq!(ended("SELECT 1;\n-- more"), "SELECT 1;\n-- more");
        assert_eq!(ended("SELECT 1 -- more;"), "SELECT 1 -- more;\n;");
        assert_eq!(ended("-- nothing"), "-- nothing");
    }

    #[test]
    fn nothing_is_concurrent_any_more_and_names_are_left() {
        let text = "CREATE INDEX CONCURRENTLY \"concurrently\" ON a (b);\n-- CONCURRENTLY\nDROP INDEX concurrently IF EXISTS c;\nSELECT 'CONCURRENTLY';";
        assert_eq!(
            at_once(text),
            "CREATE INDEX \"concurrently\" ON a (b);\n-- CONCURRENTLY\nDROP INDEX IF EXISTS c;\nSELECT 'CONCURRENTLY';"
        );
    }
}
