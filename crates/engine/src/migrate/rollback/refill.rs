//! Columns that stood beside each other until a folder of `plan --safe` took one of them away. What undoes it brings that one
//! back without values, and the trigger that comes back as well would carry these over to the other. So it is filled from the
//! other before the trigger stands. From which expression, the migration says itself, in a comment that the plan writes:
//! `-- pgsteward: back ON public."Order" ["total","total_new","total_new::integer","total::bigint"]`.

use pgsteward_model::catalog::{Column, ConstraintKind, Identity, QName, Table};
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::generate::Generated;
use super::state::State;

const MARKER: &str = "-- pgsteward: back ON ";

const COUNTS: &str = "SELECT pg_catalog.set_config('pgsteward.rows', (";
const COUNTED: &str = ") AS rest)::text, false)";

/// So many rows are filled while their table is locked: a new database, a small one.
pub(in crate::migrate) const FILLED_AT_ONCE: u32 = 10_000;

/// What fills a column that comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::migrate) struct Refill {
    pub(in crate::migrate) column: String,
    /// The column that is left.
    pub(in crate::migrate) source: String,
    /// The column's value from that.
    pub(in crate::migrate) value: String,
    /// The value that the trigger gives the one that is left, where it may be another than that has.
    pub(in crate::migrate) again: Option<String>,
}

/// The line that says it in a migration. `on` is the quoted table.
pub(in crate::migrate) fn marker(on: &str, refill: &Refill) -> String {
    let Refill { column, source, value, again } = refill;
    format!("{MARKER}{on} {}", serde_json::json!([column, source, value, again]))
}

fn markers(text: &str) -> Vec<(String, Refill)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(MARKER));
    let read = |line: &str| {
        line.match_indices(" [").find_map(|(at, _)| {
            let parts: (String, String, String, Option<String>) =
                serde_json::from_str(line.get(at + 1..)?).ok()?;
            let (column, source, value, again) = parts;
            Some((line.get(..at)?.to_owned(), Refill { column, source, value, again }))
        })
    };
    lines.filter_map(read).collect()
}

/// What undoes a migration, with the values of columns that come back.
#[derive(Debug, Default)]
pub(super) struct Refilled {
    pub(super) statements: Vec<String>,
    /// As [`Generated`] has them.
    pub(super) without_values: Vec<(QName, String)>,
    pub(super) unsaid: Vec<String>,
    /// Columns that come back with values.
    pub(super) columns: Vec<(QName, String)>,
}

/// `text` is that of the migration.
pub(super) fn refilled(generated: Generated, text: &str, before: &State) -> Refilled {
    let Generated { statements, without_values, unsaid } = generated;
    let mut all = Refilled { statements, without_values, unsaid, columns: Vec::new() };
    for (on, refill) in markers(text) {
        let table = before.catalog.tables.values().find(|table| is_named(table, &on));
        let on = table.map_or(on, |table| quote_qualified(&table.name));
        let place = table.and_then(|table| {
            let column = table.column(&refill.column)?;
            let at = all.statements.iter().position(|sql| adds(sql, &table.name, &refill.column))?;
            // A trigger that stands already would write the other column.
            let watched = all.statements[..at].iter().any(|sql| watches(sql, &table.name));
            (!watched).then_some((table, column, at))
        });
        let Some((table, column, at)) = place else {
            all.unsaid.push(format!("nothing fills \"{}\" of {on} before a trigger stands", refill.column));
            continue;
        };
        let mut sql = statements_of(&on, &table.name.display(), &refill, column);
        // A part of a primary key comes back as NOT NULL, which no row has a value for yet.
        if let Some(nullable) = without_not_null(&all.statements[at], table, column) {
            all.statements[at] = nullable;
            sql.push(ddl::set_not_null(table, column));
        }
        all.statements.splice(at + 1..at + 1, sql);
        let own = (table.name.clone(), refill.column);
        all.without_values.retain(|one| *one != own);
        all.columns.push(own);
    }
    all
}

/// A plan for another namespace than that which the lab works in leaves it out.
fn is_named(table: &Table, on: &str) -> bool {
    let own = table.name.namespace == "public" && quote_ident(&table.name.name) == on;
    own || quote_qualified(&table.name) == on
}

/// The statement that adds a column, which gets no value by itself, as one that may be NULL. None where it may be already.
fn without_not_null(sql: &str, table: &Table, column: &Column) -> Option<String> {
    if column.default.is_some() || column.identity.is_some() || column.generated.is_some() {
        return None;
    }
    let named = table.constraints.iter().find(
        |one| matches!(&one.kind, ConstraintKind::NotNull { column: constrained } if *constrained == column.name),
    );
    let named = named.map_or_else(String::new, |one| format!(" CONSTRAINT {}", quote_ident(&one.name)));
    let rest = sql.strip_suffix(" NOT NULL")?;
    Some(rest.strip_suffix(&named)?.to_owned())
}

fn adds(sql: &str, table: &QName, name: &str) -> bool {
    let is = |action: &AlterAction| matches!(action, AlterAction::AddColumn { column, .. } if column.column.name == name);
    let own = |one: &Statement| matches!(one, Statement::AlterTable(alter) if alter.name.qualified() == *table && alter.actions.iter().any(is));
    pgsteward_sql::parse(sql).statements.iter().any(|one| own(&one.statement))
}

fn watches(sql: &str, on: &QName) -> bool {
    let own =
        |one: &Statement| matches!(one, Statement::CreateTrigger { table, .. } if table.qualified() == *on);
    pgsteward_sql::parse(sql).statements.iter().any(|one| own(&one.statement))
}

/// No name of the database stands in a body or a plain string, so that a statement can leave out its namespace.
fn statements_of(on: &str, shown: &str, refill: &Refill, column: &Column) -> Vec<String> {
    let Refill { source, value, again, .. } = refill;
    let (name, other) = (quote_ident(&column.name), quote_ident(source));
    let alter = |what: &str| format!("ALTER TABLE {on} ALTER COLUMN {name} SET GENERATED {what}");
    let always = column.identity == Some(Identity::Always);
    let mut sql = vec![
        format!(
            "-- {} gets its values from {}, before the trigger carries them over to that. Where row security hides rows, this fails.\n\
             SELECT pg_catalog.set_config('row_security', 'off', false)",
            name.replace('\n', " "),
            other.replace('\n', " ")
        ),
        format!("{COUNTS}SELECT count(*) FROM (SELECT 1 FROM {on} LIMIT {}{COUNTED}", FILLED_AT_ONCE + 1),
        refused(
            FILLED_AT_ONCE,
            &format!(
                "\"{shown}\" has more than {FILLED_AT_ONCE} rows, and \"{}\" would be filled while the table is locked",
                column.name
            ),
            "go back with a new migration, which `pgsteward migrate plan --safe` writes in steps",
        ),
        // ALTER TABLE would not wait for the checks of what is written here.
        "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
    ];
    sql.extend(always.then(|| alter("BY DEFAULT")));
    sql.push(format!("UPDATE {on} SET {name} = {value}"));
    sql.extend(always.then(|| alter("ALWAYS")));
    if column.identity.is_some() {
        let (table, column) = (quote_literal(on), quote_literal(&column.name));
        sql.push(format!(
            "SELECT pg_catalog.setval(pg_catalog.pg_get_serial_sequence({table}::regclass::text, {column})::regclass, max({name})::bigint)\n\
             FROM {on} HAVING max({name}) IS NOT NULL"
        ));
    }
    if let Some(again) = again {
        sql.push(format!(
            "SELECT pg_catalog.set_config('pgsteward.rows', (SELECT count(*) FROM {on} WHERE {other} IS DISTINCT FROM {again})::text, false)"
        ));
        let message = format!(
            "values of \"{source}\" of \"{shown}\" have none in \"{}\" that they come from",
            column.name
        );
        sql.push(refused(0, &message, "go back with a new migration, which says what becomes of them"));
    }
    sql.push("SELECT pg_catalog.set_config('row_security', 'on', false)".to_owned());
    sql
}

/// What counts the rows that are filled, where the statement is the one that does.
pub(super) fn counted(sql: &str) -> Option<String> {
    let at = sql.find(COUNTS)? + COUNTS.len();
    let count = sql.get(at..)?.strip_suffix(COUNTED)?;
    Some(format!("{count}) AS rest"))
}

/// An error where more rows were counted.
fn refused(most: u32, message: &str, hint: &str) -> String {
    let body = format!(
        "\nBEGIN\n  IF pg_catalog.current_setting('pgsteward.rows')::bigint > {most} THEN\n    \
         RAISE EXCEPTION USING MESSAGE = {}, HINT = {};\n  END IF;\nEND\n",
        quote_literal(message),
        quote_literal(hint)
    );
    block(&body)
}

/// A block with a body that no text in it ends.
pub(super) fn block(body: &str) -> String {
    let mut tag = "$rows$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'b');
    }
    format!("DO {tag}{body}{tag}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_says_what_fills_the_column() {
        let refill = Refill {
            column: "a [\"b".into(),
            source: "c".into(),
            value: "c::text::\"My\nType\"".into(),
            again: None,
        };
        let on = "public.\"x [\"\"y\"";
        let text = format!("-- why\n{}\nBEGIN;\n", marker(on, &refill));
        assert_eq!(text.lines().count(), 3);
        assert_eq!(markers(&text), [(on.to_owned(), refill)]);
        assert!(markers("-- pgsteward: back ON a\nDROP TABLE a;").is_empty());
    }
}
