//! What steps would lose in a database that holds rows: counted there, worded as Prisma words it.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_prisma::data_loss::{Counts, Danger, comment, dangers};
use pgsteward_prisma::diff::{DiffOptions, SchemaStep};
use pgsteward_sql::{quote_ident, quote_name};

use super::error::MigrateError;
use super::rename::Renaming;

/// What is dangerous about some steps.
pub(super) struct Losses {
    dangers: Vec<(usize, Danger)>,
}

/// In words, with the rows counted.
#[derive(Debug, Default)]
pub(super) struct Weighed {
    /// What is lost, or may fail.
    pub(super) warnings: Vec<String>,
    /// What cannot work with the rows that are there.
    pub(super) unexecutable: Vec<String>,
}

impl Losses {
    pub(super) fn of(steps: &[SchemaStep], from: &Catalog, to: &Catalog, options: &DiffOptions) -> Losses {
        Losses { dangers: dangers(steps, from, to, options) }
    }

    /// Nothing is dropped, narrowed or made required.
    pub(super) fn is_empty(&self) -> bool {
        self.dangers.is_empty()
    }

    /// The comment above a migration, which knows of no rows; empty where nothing is dangerous.
    pub(super) fn comment(&self) -> String {
        comment(&self.dangers)
    }

    /// Counts in the database, whose default namespace is first in the session's search path. `renamings` run before the steps, which know the new names; the database has the
    /// old ones.
    pub(super) async fn weigh(
        &self,
        session: &WriteSession,
        renamings: &[Renaming],
    ) -> Result<Weighed, MigrateError> {
        let mut counts = Counts::default();
        let (mut rows, mut values) = (BTreeSet::new(), BTreeSet::new());
        for (_, danger) in &self.dangers {
            let needs = danger.needs();
            rows.extend(needs.rows);
            values.extend(needs.values);
        }
        for table in rows {
            let sql = format!("SELECT count(*) FROM {}", quote_name(&old_table(&table, renamings)));
            if let Some(count) = count(session, &sql).await? {
                counts.rows.insert(table, count);
            }
        }
        for (table, column) in values {
            let old = quote_ident(old_column(&table, &column, renamings));
            let sql = format!("SELECT count({old}) FROM {}", quote_name(&old_table(&table, renamings)));
            if let Some(count) = count(session, &sql).await? {
                counts.values.insert((table, column), count);
            }
        }
        let mut weighed = Weighed::default();
        for (_, danger) in &self.dangers {
            if let Some(message) = danger.message(&counts) {
                let list =
                    if danger.is_unexecutable() { &mut weighed.unexecutable } else { &mut weighed.warnings };
                list.push(message);
            }
        }
        Ok(weighed)
    }
}

/// None where the database has no such table or column (any more): then nothing is there to lose.
async fn count(session: &WriteSession, sql: &str) -> Result<Option<u64>, MigrateError> {
    match session.value(sql).await {
        Ok(value) => Ok(value.and_then(|value| value.parse().ok())),
        // undefined_table, undefined_column, invalid_schema_name
        Err(ServerError { sqlstate, .. }) if ["42P01", "42703", "3F000"].contains(&sqlstate.as_str()) => {
            Ok(Some(0))
        }
        Err(error) => Err(MigrateError::server("count what would be lost", &error)),
    }
}

fn old_table(table: &QName, renamings: &[Renaming]) -> QName {
    let found = renamings.iter().find_map(|renaming| match renaming {
        Renaming::Table { from, to } if from.namespace == table.namespace && *to == table.name => Some(from),
        _ => None,
    });
    found.unwrap_or(table).clone()
}

fn old_column<'a>(table: &QName, column: &'a str, renamings: &'a [Renaming]) -> &'a str {
    let found = renamings.iter().find_map(|renaming| match renaming {
        Renaming::Column { table: of, from, to } if of == table && to == column => Some(from.as_str()),
        _ => None,
    });
    found.unwrap_or(column)
}
