//! A new unique index or key over rows that may hold duplicates.

use pgsteward_model::catalog::{ConstraintKind, QName, Table};
use pgsteward_model::effect::Touch;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AddColumn, AlterAction, Statement};
use pgsteward_sql::{quote_ident, quote_name};

use super::{around, shared};
use crate::shared::{index_object, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "unique-over-existing-rows",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["atlas:MF101", "atlas:MF102", "prisma:UniqueConstraintAdded"],
    page: include_str!("unique_over_existing_rows.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        for (touch, object, columns) in keys(statement) {
            let before = touch.before.as_deref();
            if !shared::populated(facts, touch)
                || columns.is_empty()
                || is_unique_already(file, &touch.relation, before, &columns)
                || is_cleaned(around::before(file, at), &touch.relation)
                || is_distinct(facts, &touch.relation, &columns)
            {
                continue;
            }
            let Some(severity) = new_columns(facts, file, &touch.relation, &columns) else { continue };
            let (table, list) = (touch.relation.display(), quoted_list(&columns));
            let (sure, why) = match severity {
                Severity::Error => (
                    "fails as soon as",
                    "The column is new and every row gets the same default: two rows are enough.",
                ),
                _ => (
                    "fails if",
                    "The server refuses it where duplicates exist (error 23505, unique_violation), and the deploy stops.",
                ),
            };
            let quoted: Vec<String> = columns.iter().map(|column| quote_ident(column)).collect();
            let quoted = quoted.join(", ");
            let finding = around::finding(
                facts,
                &RULE,
                file,
                statement,
                object,
                format!("making {list} of \"{table}\" unique {sure} two rows hold the same"),
            )
            .severity(severity)
            .detail(why)
            .hint(format!(
                "look for duplicates on the live server first: SELECT {quoted}, count(*) FROM {} GROUP BY {quoted} HAVING \
                 count(*) > 1",
                quote_name(&touch.relation)
            ));
            let finding = around::with_rows(facts, &touch.relation, finding);
            findings.push(shared::answered(facts, file, statement, "23505", finding));
        }
    }
    findings
}

/// The unique keys over plain columns that a statement adds to a table.
fn keys(statement: &MigrationStatement) -> Vec<(&Touch, ObjectRef, Vec<String>)> {
    match &statement.statement {
        Statement::CreateIndex(create) if create.index.unique && create.index.is_plain() => {
            let Some(touch) = shared::touch_of(statement, &create.table) else { return Vec::new() };
            let columns = create.index.leading_columns().into_iter().map(str::to_owned).collect();
            vec![(touch, index_object(&touch.relation, &create.index.name), columns)]
        }
        Statement::AlterTable(alter) => {
            let Some(touch) = shared::touch_of(statement, &alter.name) else { return Vec::new() };
            let added = alter.actions.iter().filter_map(|action| match action {
                AlterAction::AddConstraint { constraint, using_index: None, .. } => {
                    let (kind, columns) = match &constraint.kind {
                        ConstraintKind::Unique { columns, .. } => (ObjectKind::UniqueConstraint, columns),
                        ConstraintKind::PrimaryKey { columns } => (ObjectKind::PrimaryKey, columns),
                        _ => return None,
                    };
                    Some((touch, shared::part(&touch.relation, kind, &constraint.name), columns.clone()))
                }
                _ => None,
            });
            added.collect()
        }
        _ => Vec::new(),
    }
}

/// Some of the columns are unique by themselves, or were when the file began.
fn is_unique_already(
    file: &MigrationFile,
    relation: &QName,
    before: Option<&Table>,
    columns: &[String],
) -> bool {
    let start =
        file.statements.iter().find_map(|statement| statement.effect.touch(relation)?.before.as_deref());
    let name = |column: &str| around::final_name(file, relation, column);
    let wanted: Vec<String> = columns.iter().map(|column| name(column)).collect();
    let implied = |table: &Table| {
        table.indexes.iter().any(|index| {
            index.unique
                && index.valid
                && index.is_plain()
                && index.predicate.is_none()
                && index.leading_columns().into_iter().all(|key| wanted.contains(&name(key)))
        })
    };
    before.into_iter().chain(start).any(implied)
}

/// The file removes rows first: duplicates, one may think.
fn is_cleaned(earlier: &[MigrationStatement], relation: &QName) -> bool {
    earlier.iter().any(|statement| match &statement.statement {
        Statement::Delete { table, .. } | Statement::Merge { table, .. } => {
            shared::touch_of(statement, table).is_some_and(|touch| touch.relation == *relation)
        }
        Statement::Truncate { .. } => statement.effect.touch(relation).is_some(),
        _ => false,
    })
}

/// The statistics of a live server found no value twice.
fn is_distinct(facts: &Facts, relation: &QName, columns: &[String]) -> bool {
    facts.has(Need::Statistics)
        && facts.catalog().and_then(|catalog| catalog.table(relation)).is_some_and(|table| {
            columns.iter().any(|name| {
                let statistics = table.column(name).and_then(|column| column.statistics.as_ref());
                statistics.is_some_and(|statistics| statistics.distinct <= -1.0)
            })
        })
}

/// What new columns say about duplicates: none where there can be none.
fn new_columns(
    facts: &Facts,
    file: &MigrationFile,
    relation: &QName,
    columns: &[String],
) -> Option<Severity> {
    let files: Vec<&MigrationFile> = previous(facts, file).into_iter().chain([file]).collect();
    let mut constant = 0;
    for name in columns {
        let mut actions = files.iter().flat_map(|file| around::actions_on(&file.statements, relation));
        let added = actions.find_map(|action| match action {
            AlterAction::AddColumn { column, .. } if column.column.name == *name => Some(column),
            _ => None,
        });
        let Some(added) = added else { continue };
        let filled = files.iter().any(|file| around::updates(&file.statements, relation, name));
        // Filled by the file, made by a function, or all NULL (and if it must not be NULL, then adding the column
        // fails, or the table is empty): nothing speaks for duplicates.
        if filled || constant_default(added) != Some(true) {
            return None;
        }
        constant += 1;
    }
    Some(if constant == columns.len() { Severity::Error } else { Severity::Warning })
}

/// The migration just before, if it is judged too: what is moved into a file of its own still belongs to it.
fn previous<'a>(facts: &'a Facts, file: &MigrationFile) -> Option<&'a MigrationFile> {
    let files = &facts.history.as_ref()?.files;
    let at = files.iter().position(|other| other.name == file.name)?;
    files.get(at.checked_sub(1)?).filter(|previous| previous.judged)
}

/// Whether each row gets the same value; none without a default.
fn constant_default(added: &AddColumn) -> Option<bool> {
    if added.serial || added.column.identity.is_some() || added.column.generated.is_some() {
        return Some(false);
    }
    let default = added.column.default.as_deref()?;
    Some(!default.contains('(') || default.starts_with('\''))
}
