//! What somebody changed in a development database by hand, as the SQL that does it again: the difference between what
//! the history makes and the database. A rename looks like a drop and a new one: it is asked for, never guessed.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::migrate::dev::RenameGuess;
use pgsteward_sql::{ddl, quote_ident, quote_qualified};

use crate::migrate::drift::comparable;
use crate::migrate::error::{MigrateError, words};
use crate::migrate::rename::Wish;
use crate::migrate::rollback;
use crate::migrate::shadow::{Replayed, Shadow};
use crate::migrate::squash::in_lines;

/// A migration that makes what the database has.
#[derive(Debug)]
pub(super) struct ByHand {
    pub(super) sql: String,
    /// What other databases lose by it.
    pub(super) losses: Vec<String>,
    pub(super) guesses: Vec<RenameGuess>,
    /// In words.
    pub(super) renamed: Vec<String>,
    pub(super) notes: Vec<String>,
}

/// What the difference is found between.
pub(super) struct Sides<'a> {
    pub(super) shadow: &'a Shadow,
    /// What the whole history makes.
    pub(super) history: &'a Replayed,
    /// The database, as it was read.
    pub(super) live: &'a Catalog,
    /// Of the connection.
    pub(super) namespace: &'a str,
    /// All that are compared.
    pub(super) namespaces: &'a [String],
}

impl Sides<'_> {
    /// The statements, tried in the lab: they make of the history what the database is, or it is an error and why.
    pub(super) async fn difference(&self, wishes: &[Wish]) -> Result<ByHand, MigrateError> {
        let renames = wishes.iter().map(|wish| self.rename(wish)).collect::<Result<Vec<_>, _>>()?;
        let renaming: String = renames.iter().map(|(sql, _)| format!("{sql};\n")).collect();
        let base = match renames.is_empty() {
            true => self.history.clone(),
            false => self.shadow.attempt(self.history, "the rename", &renaming).await?.map_err(|error| {
                MigrateError::new(format!("the lab could not rename: {}", words(&error)))
                    .with_hint("correct --rename; nothing was written")
            })?,
        };
        let (from, to) = (self.writable(&base.catalog), self.writable(self.live));
        let found = ddl::diff(&from, &to);
        let statements = found.statements.into_iter().map(at_all_events).collect();
        let statements = rollback::in_order(&base.database, statements)
            .await
            .map_err(|error| MigrateError::new(format!("{error:#}")))?;
        let missing = self.missing_extensions();
        let mut why = found.left_out.iter().map(|(what, why)| format!("{what}: {why}")).collect::<Vec<_>>();
        let ways = [(false, true), (false, false), (true, true), (true, false)];
        for (extended, short) in ways.into_iter().filter(|(extended, _)| !extended || !missing.is_empty()) {
            let extensions = if extended { missing.as_slice() } else { &[] };
            let sql = self.text(&renaming, &statements, extensions, short);
            match self.tried(&sql).await? {
                Ok(mut notes) => {
                    notes.extend(found.without_values.iter().map(nullable));
                    return Ok(ByHand {
                        sql,
                        losses: losses(&from, &to),
                        guesses: guesses(&from, &to),
                        renamed: renames.into_iter().map(|(_, words)| words).collect(),
                        notes,
                    });
                }
                Err(differs) => why.push(differs),
            }
        }
        why.dedup();
        Err(MigrateError::new(format!(
            "what was changed in the database cannot be written as a migration: {}",
            why.join("; ")
        ))
        .with_hint(
            "nothing was written; write the migration by hand (--create-only), then say that the database has it: \
             `pgsteward migrate resolve --applied NAME`",
        ))
    }

    fn comparable(&self, catalog: &Catalog) -> Catalog {
        comparable(catalog, self.namespaces)
    }

    /// The same with what everybody may do with a function: without it, it would be revoked. What single roles may do is
    /// a matter of each server.
    fn writable(&self, catalog: &Catalog) -> Catalog {
        let mut writable = self.comparable(catalog);
        for (id, function) in &mut writable.functions {
            let all = catalog.functions.get(id).map(|known| known.grants.as_slice()).unwrap_or_default();
            function.grants = all.iter().filter(|grant| grant.grantee.is_empty()).cloned().collect();
        }
        writable
    }

    /// The text, with names that the connection completes where that is the same.
    fn text(&self, renaming: &str, statements: &[String], extensions: &[String], short: bool) -> String {
        let in_words =
            |sql: &String| in_lines(&if short { ddl::unqualified(sql, self.namespace) } else { sql.clone() });
        let all = extensions.iter().cloned().chain(statements.iter().map(in_words));
        let body: Vec<String> = all.map(|sql| format!("{sql};\n")).collect();
        format!("{renaming}{}", body.join("\n"))
    }

    /// Runs it on a copy of the history. Notes of the lab where it makes the database, else why not.
    async fn tried(&self, sql: &str) -> Result<Result<Vec<String>, String>, MigrateError> {
        let after = match self.shadow.attempt(self.history, "the new migration", sql).await? {
            Ok(after) => after,
            Err(error) => return Ok(Err(words(&error))),
        };
        let wanted = self.writable(self.live);
        let left = differences(&self.writable(&after.catalog), &wanted, ColumnOrder::Ignored);
        if left.is_empty() {
            return Ok(Ok(after.notes));
        }
        let shown: Vec<String> = left.iter().take(3).map(ToString::to_string).collect();
        Ok(Err(shown.join("; ")))
    }

    fn missing_extensions(&self) -> Vec<String> {
        let known = &self.history.catalog.extensions;
        let missing = self.live.extensions.keys().filter(|name| !known.contains_key(*name));
        missing.map(|name| format!("CREATE EXTENSION IF NOT EXISTS {}", quote_ident(name))).collect()
    }

    /// `--rename old=new` is a table, `--rename table.old=new` a column, by their names in the database.
    fn rename(&self, wish: &Wish) -> Result<(String, String), MigrateError> {
        let before = QName::new(self.namespace, &wish.model);
        let after = QName::new(self.namespace, &wish.to);
        let (history, live) = (&self.history.catalog, self.live);
        let wrong = |what: String| {
            Err(MigrateError::new(what)
                .with_hint("write --rename OLD=NEW for a table, --rename TABLE.OLD=NEW for a column; nothing was written"))
        };
        let table = ddl::unqualified(&quote_qualified(&before), self.namespace);
        let Some(known) = history.table(&before) else {
            return wrong(format!("the migrations make no table \"{}\"", wish.model));
        };
        match &wish.field {
            None if live.table(&after).is_none() => {
                wrong(format!("the database has no table \"{}\"", wish.to))
            }
            None => Ok((
                format!("ALTER TABLE {table} RENAME TO {}", quote_ident(&wish.to)),
                format!("table \"{}\" to \"{}\"", wish.model, wish.to),
            )),
            Some(field) if known.column(field).is_none() => {
                wrong(format!("the migrations make no column \"{field}\" of \"{}\"", wish.model))
            }
            Some(field) => Ok((
                format!(
                    "ALTER TABLE {table} RENAME COLUMN {} TO {}",
                    quote_ident(field),
                    quote_ident(&wish.to)
                ),
                format!("column \"{field}\" of \"{}\" to \"{}\"", wish.model, wish.to),
            )),
        }
    }
}

fn nullable((table, column): &(QName, String)) -> String {
    let table = table.display();
    format!(
        "\"{table}\".\"{column}\" is NOT NULL and has no default: where the table has rows the migration will be refused, \
         unless you write values for them into it"
    )
}

/// What undoes a migration lets a column be nullable where its values are gone; what makes one does not.
fn at_all_events(sql: String) -> String {
    let strict = || {
        let (_, rest) = sql.strip_prefix("DO ")?.split_once("stays nullable: its values were dropped")?;
        let (set, _) = rest.split_once("ELSE\n    ")?.1.split_once(";\n  END IF;")?;
        Some(set.to_owned())
    };
    strict().unwrap_or(sql)
}

fn losses(from: &Catalog, to: &Catalog) -> Vec<String> {
    let mut found = Vec::new();
    for table in from.user_tables() {
        match to.table(&table.name) {
            None => {
                found.push(format!("the table \"{}\" is dropped, with all its rows", table.name.display()));
            }
            Some(after) => found.extend(gone(table, after).into_iter().map(|column| {
                format!(
                    "the column \"{column}\" of \"{}\" is dropped, with all its values",
                    table.name.display()
                )
            })),
        }
    }
    found
}

/// Names of the columns that only the first one has.
fn gone<'a>(one: &'a Table, other: &Table) -> Vec<&'a str> {
    one.columns
        .iter()
        .map(|column| column.name.as_str())
        .filter(|name| other.column(name).is_none())
        .collect()
}

/// Pairs that may be a rename: of one type in one table, or two tables of the same columns.
fn guesses(from: &Catalog, to: &Catalog) -> Vec<RenameGuess> {
    let mut found = Vec::new();
    for before in from.user_tables() {
        let Some(after) = to.table(&before.name) else { continue };
        for old in gone(before, after) {
            for new in gone(after, before) {
                if before.column(old).map(|column| &column.ty) == after.column(new).map(|column| &column.ty) {
                    found.push(RenameGuess {
                        flag: format!("--rename {}.{old}={new}", before.name.name),
                        reasons: vec!["one column goes and one of the same type comes".into()],
                    });
                }
            }
        }
    }
    let columns = |table: &Table| -> BTreeSet<String> {
        table.columns.iter().map(|column| format!("{} {}", column.name, column.ty.name)).collect()
    };
    for old in from.user_tables().filter(|table| to.table(&table.name).is_none()) {
        for new in to.user_tables().filter(|table| from.table(&table.name).is_none()) {
            if columns(old) == columns(new) {
                found.push(RenameGuess {
                    flag: format!("--rename {}={}", old.name.name, new.name.name),
                    reasons: vec!["one table goes and one of the same columns comes".into()],
                });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use pgsteward_model::version::ServerVersion;

    use super::*;

    /// The text that the differ writes, so that a change of it is noticed here.
    #[test]
    fn a_column_that_must_have_values_says_so() {
        let mut parsed = Catalog::empty(ServerVersion::of_major(17));
        let mut births = pgsteward_sql::Births::default();
        let regime = pgsteward_model::migration::Regime::OneMessage;
        pgsteward_sql::analyze_file("CREATE TABLE a (id int);", &mut parsed, &mut births, regime);
        let before = parsed.clone();
        let add = "ALTER TABLE a ADD COLUMN b int NOT NULL;";
        pgsteward_sql::analyze_file(add, &mut parsed, &mut births, regime);
        let found = ddl::diff(&before, &parsed);
        assert_eq!(found.without_values.len(), 1);
        let strict: Vec<String> = found.statements.into_iter().map(at_all_events).collect();
        assert!(
            strict.contains(&"ALTER TABLE public.a ALTER COLUMN b SET NOT NULL".to_owned()),
            "{strict:?}"
        );
        assert_eq!(at_all_events("DO $$ BEGIN END $$".into()), "DO $$ BEGIN END $$");
    }
}
