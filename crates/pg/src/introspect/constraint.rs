//! Constraints of tables (`pg_constraint`).

use std::collections::HashMap;

use pgsteward_model::catalog::{Constraint, ConstraintKind, ForeignKey, ReferentialAction};
use tokio_postgres::{Error, Row};

use super::comment::PG_CONSTRAINT;
use super::names::Names;

pub(super) const SQL: &str = include_str!("constraint.sql");

/// Constraints by table id, in the order of their names, and which constraint owns an index, by index id.
#[derive(Default)]
pub(super) struct Constraints {
    pub(super) of_table: HashMap<u32, Vec<Constraint>>,
    pub(super) of_index: HashMap<u32, String>,
}

/// `nulls_not_distinct` holds the ids of the indexes that say so: the constraint itself does not.
pub(super) fn read(
    rows: &[Row],
    names: &Names,
    nulls_not_distinct: &std::collections::HashSet<u32>,
) -> Result<Constraints, Error> {
    let mut constraints = Constraints::default();
    for row in rows {
        let table: u32 = row.try_get(2)?;
        let copy_for_partition: Option<bool> = row.try_get(17)?;
        if table == 0 || copy_for_partition == Some(true) {
            continue;
        }
        let name: String = row.try_get(1)?;
        let index: u32 = row.try_get(8)?;
        let keys = row.try_get::<_, Option<Vec<i16>>>(13)?.unwrap_or_default();
        let columns = names.columns(table, &keys);
        let letter: &str = row.try_get(4)?;
        let definition = || row.try_get::<_, Option<String>>(16).map(Option::unwrap_or_default);
        let kind = match letter {
            "p" => ConstraintKind::PrimaryKey { columns },
            "u" => {
                ConstraintKind::Unique { columns, nulls_not_distinct: nulls_not_distinct.contains(&index) }
            }
            "x" => ConstraintKind::Exclusion { definition: definition()? },
            "c" => ConstraintKind::Check { expression: definition()?, columns, no_inherit: row.try_get(15)? },
            "n" => match columns.into_iter().next() {
                Some(column) => ConstraintKind::NotNull { column },
                None => continue,
            },
            _ => {
                let other: u32 = row.try_get(9)?;
                // A foreign key to a table of the system cannot be made; one whose table is missing here
                // was dropped while this was read.
                let Some(references) = names.relation(other) else { continue };
                let keys = row.try_get::<_, Option<Vec<i16>>>(14)?.unwrap_or_default();
                let matching: &str = row.try_get(12)?;
                ConstraintKind::ForeignKey(ForeignKey {
                    columns,
                    references: references.name.clone(),
                    referenced_columns: names.columns(other, &keys),
                    on_delete: action(row.try_get(11)?),
                    on_update: action(row.try_get(10)?),
                    match_full: matching == "f",
                })
            }
        };
        if matches!(letter, "p" | "u" | "x") {
            constraints.of_index.insert(index, name.clone());
        }
        constraints.of_table.entry(table).or_default().push(Constraint {
            name,
            kind,
            validated: row.try_get(5)?,
            deferrable: row.try_get(6)?,
            initially_deferred: row.try_get(7)?,
            comment: names.comments.of(PG_CONSTRAINT, row.try_get(0)?),
        });
    }
    Ok(constraints)
}

/// The letters of `confupdtype` and `confdeltype`.
fn action(letter: &str) -> ReferentialAction {
    match letter {
        "r" => ReferentialAction::Restrict,
        "c" => ReferentialAction::Cascade,
        "n" => ReferentialAction::SetNull,
        "d" => ReferentialAction::SetDefault,
        _ => ReferentialAction::NoAction,
    }
}
