//! Rows that a column has to be filled in: in batches while all go on, and what makes sure that none is left.

use pgsteward_model::catalog::{Index, IndexKey, Table};
use pgsteward_model::statement::{Name, Statement};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::exchange::short;
use super::pieces::{FOLDER, Piece};
use crate::migrate::backfill::Definition;
use crate::migrate::rollback::FILLED_AT_ONCE;
use crate::migrate::told;

/// What undoes a folder that only fills a column: the rows had no value there before.
const NOTHING_BACK: &str = "-- Nothing is to be undone: the values are those of a column that goes with the migration that adds it.\n";

/// What the hint of a fill begins with; its own folder comes behind.
const RUN: &str = "run: pgsteward migrate backfill ";

/// The folder that fills the column of the rows of which the condition holds. `which` says which rows these are.
pub(super) fn fill(table: &Table, column: &str, value: &str, condition: String, which: &str) -> Piece {
    let (on, name) = (quote_qualified(&table.name), quote_ident(column));
    let keyless = if has_key(table) { String::new() } else { without_key(table) };
    let (head, tail) = block(&on, &name, value, &condition);
    let text = format!(
        "-- {which} Run `pgsteward migrate backfill {FOLDER}` before this is deployed:\n\
         -- it fills them in batches. Where few rows are left, this migration fills them itself.\n{keyless}\
         DO $fill${head}{}{tail}$fill$;\n",
        quote_literal(&format!("{RUN}{FOLDER}")),
    );
    Piece {
        settled: true,
        names_itself: true,
        down: Some(NOTHING_BACK.to_owned()),
        backfill: Some(Definition {
            table: on,
            set: format!("{name} = {value}"),
            condition: Some(condition),
        }),
        ..Piece::new(&format!("fill_{column}"), text)
    }
}

/// What the block of a fill holds before the words that name its own folder, and behind them.
fn block(on: &str, name: &str, value: &str, condition: &str) -> (String, String) {
    let head = format!(
        "\n#variable_conflict use_column\nBEGIN\n  -- Where row security hides rows from this role, this fails.\n  \
         PERFORM pg_catalog.set_config('row_security', 'off', true);\n  IF (SELECT count(*) FROM (SELECT 1 FROM {on} WHERE {condition} LIMIT {}) AS rest) > {FILLED_AT_ONCE} THEN\n    \
         RAISE EXCEPTION 'more than {FILLED_AT_ONCE} rows of % are not filled yet', {}\n      USING HINT = ",
        FILLED_AT_ONCE + 1,
        quote_literal(on),
    );
    (head, format!(";\n  END IF;\n  UPDATE {on} SET {name} = {value} WHERE {condition};\nEND\n"))
}

/// What a block fills.
pub(super) struct Filling {
    pub(super) table: Name,
    pub(super) column: String,
    pub(super) value: String,
    pub(super) condition: String,
}

/// Reads the body of a block that is a fill's to the letter, but for the folder's name: such a block writes what its UPDATE says
/// and nothing else. None where anything is another's, also a comment.
pub(super) fn read(body: &str) -> Option<Filling> {
    let inner = body.strip_suffix(";\nEND\n")?;
    let update = inner.get(inner.rfind("\n  UPDATE ")?..)?.trim_start();
    let definition = Definition::parse(update).ok()?;
    let condition = definition.condition?;
    let mut parsed = pgsteward_sql::parse(update).statements;
    let Statement::Update { table, columns, .. } = parsed.pop()?.statement else { return None };
    let [column] = columns.as_slice() else { return None };
    let name = quote_ident(column);
    let value = definition.set.strip_prefix(&format!("{name} = "))?;
    let (head, tail) = block(&definition.table, &name, value, &condition);
    let run = body.strip_prefix(&head)?.strip_suffix(&tail)?;
    let folder = run.strip_prefix('\'')?.strip_suffix('\'')?.strip_prefix(RUN)?;
    let (column, value) = (column.clone(), value.to_owned());
    (!folder.contains('\'')).then_some(Filling { table, column, value, condition })
}

/// Whether batches have something to go by: as the backfill looks for it on the server.
pub(super) fn has_key(table: &Table) -> bool {
    let never_null = |key: &IndexKey| {
        let column = key.column.as_deref().and_then(|name| table.column(name));
        column.is_some_and(|column| column.not_null)
    };
    let of_rows = |index: &Index| {
        index.unique && index.valid && index.predicate.is_none() && index.keys.iter().all(never_null)
    };
    table.primary_key().is_some() || table.indexes.iter().any(of_rows)
}

fn without_key(table: &Table) -> String {
    let sentence = format!(
        "{} has no primary key and no unique index over columns that are never NULL, so that a backfill has no batches: where it has \
         more than {FILLED_AT_ONCE} rows, give it one in a migration before this one and plan again",
        table.name.display()
    );
    format!("{}\n", told::marker(&sentence))
}

/// A check of the column that is validated while all go on. `ahead` runs first, in the same transaction.
pub(super) fn checked(
    table: &Table,
    column: &str,
    condition: &str,
    why: &str,
    ahead: Option<String>,
) -> Vec<Piece> {
    let (on, check) = (quote_qualified(&table.name), quote_ident(&check(table, column)));
    let add = format!("ALTER TABLE {on} ADD CONSTRAINT {check} CHECK ({condition}) NOT VALID");
    let statements: Vec<String> = ahead.into_iter().chain([add]).collect();
    vec![
        Piece::settled(&format!("check_{column}"), why, &statements),
        Piece::settled(
            &format!("validate_{column}"),
            "Reads all rows while all go on.",
            &[format!("ALTER TABLE {on} VALIDATE CONSTRAINT {check}")],
        ),
    ]
}

/// Fails where a fill would have more rows than it writes at once and no key to go by. None where migrations gave the table one.
pub(super) fn without_batches(table: &Table) -> Option<String> {
    if has_key(table) {
        return None;
    }
    let on = quote_qualified(&table.name);
    let hint = "add a primary key in a migration before this one";
    Some(format!(
        "-- Batches of a fill go by a key.\n\
         DO $batches$\nBEGIN\n  \
         IF NOT EXISTS (SELECT FROM pg_catalog.pg_index AS own WHERE own.indrelid = {table}::regclass AND own.indisunique AND own.indisvalid\n      \
         AND own.indpred IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.unnest(own.indkey::int2[]) AS part (number)\n        \
         LEFT JOIN pg_catalog.pg_attribute AS one ON one.attrelid = own.indrelid AND one.attnum = part.number AND part.number > 0\n        \
         WHERE one.attnotnull IS NOT TRUE))\n    \
         AND (SELECT count(*) FROM (SELECT 1 FROM {on} LIMIT {}) AS rest) > {FILLED_AT_ONCE} THEN\n    \
         RAISE EXCEPTION '% has more than {FILLED_AT_ONCE} rows, and no primary key and no unique index over columns that are never NULL \
         tells them apart for a fill in batches', {table}\n      USING HINT = {};\n  END IF;\nEND\n$batches$",
        FILLED_AT_ONCE + 1,
        quote_literal(hint),
        table = quote_literal(&on),
    ))
}

/// NOT NULL behind such a check, which PostgreSQL takes for proof. The check stays where it says more.
pub(super) fn required(table: &Table, column: &str, keeps_check: bool) -> Piece {
    let on = quote_qualified(&table.name);
    let mut statements = vec![format!("ALTER TABLE {on} ALTER COLUMN {} SET NOT NULL", quote_ident(column))];
    if !keeps_check {
        let check = quote_ident(&check(table, column));
        statements.push(format!("ALTER TABLE {on} DROP CONSTRAINT {check}"));
    }
    Piece::settled(&format!("require_{column}"), "The check spares the scan.", &statements)
}

/// Name of the check.
pub(super) fn check(table: &Table, column: &str) -> String {
    short(&format!("{}_{column}_not_null_check", table.name.name))
}
