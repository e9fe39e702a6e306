//! Objects that the Prisma schema has no word for: Prisma drops some of them (a hand-written GIN index, a
//! partitioned table), and `migrate dev` keeps them. Pure: catalogs and steps in, steps out.

use pgsteward_model::catalog::{Catalog, Index, QName, Table, TableKind};
use pgsteward_model::migrate::dev::KeptObject;
use pgsteward_prisma::diff::{DiffOptions, NewIndex, SchemaStep, TableChange, diff};

use super::shadow::Script;

/// The steps without those that would destroy what the schema cannot express, and what was kept by that.
/// `history` is asked who wrote an index: what Prisma wrote itself came from the schema, and goes with it. Without
/// a history only what the schema has no word for is kept.
pub fn keep(
    steps: Vec<SchemaStep>,
    from: &Catalog,
    options: &DiffOptions,
    history: Option<&[Script<'_>]>,
) -> (Vec<SchemaStep>, Vec<KeptObject>) {
    let mut kept = Vec::new();
    let mut rest = Vec::with_capacity(steps.len());
    // The schema did change where the column itself goes.
    let made: Vec<(QName, NewIndex)> = steps.iter().filter_map(made_index).collect();
    let mut left: Vec<(QName, String)> = Vec::new();
    let dropped: Vec<(QName, String)> = steps.iter().flat_map(dropped_columns).collect();
    let goes = |table: &QName, index: &Index| {
        let part_of = |column: &&(QName, String)| {
            column.0 == *table
                && (index.include.contains(&column.1)
                    || index.keys.iter().any(|key| key.column.as_deref() == Some(column.1.as_str())))
        };
        dropped.iter().any(|column| part_of(&column))
    };
    for step in steps {
        match step {
            SchemaStep::DropIndex { table, name } => {
                let index = from.table(&table).and_then(|table| table.index(&name));
                let index = index.filter(|index| !goes(&table, index));
                // Another index of this name is a change of the schema, unless it is what Prisma makes of INCLUDE.
                let next = made.iter().find(|(of, next)| *of == table && next.name == name);
                let index = index.filter(|index| next.is_none_or(|(_, next)| is_misread(index, next)));
                if index.is_some() && next.is_some() {
                    left.push((table.clone(), name.clone()));
                }
                match index.and_then(|index| why_kept(&table, index, from, options, history)) {
                    Some(why) => kept.push(KeptObject {
                        what: format!("index \"{name}\" on \"{}\"", table.display()),
                        why,
                        drop: statement(&SchemaStep::DropIndex { table, name }),
                    }),
                    None => rest.push(SchemaStep::DropIndex { table, name }),
                }
            }
            SchemaStep::DropTable { table } => match from.table(&table).and_then(why_table_kept) {
                Some(why) => kept.push(KeptObject {
                    what: format!("table \"{}\"", table.display()),
                    why,
                    drop: statement(&SchemaStep::DropTable { table }),
                }),
                None => rest.push(SchemaStep::DropTable { table }),
            },
            SchemaStep::AlterTable { table, changes } => {
                let (changes, columns) = without_generated(&table, changes, from);
                kept.extend(columns);
                if !changes.is_empty() {
                    rest.push(SchemaStep::AlterTable { table, changes });
                }
            }
            other => rest.push(other),
        }
    }
    rest.retain(|step| match made_index(step) {
        Some((table, index)) => !left.contains(&(table, index.name)),
        None => true,
    });
    // What belongs to a table that stays stays with it.
    let stays = |table: &QName| kept.iter().any(|kept| kept.what == format!("table \"{}\"", table.display()));
    rest.retain(|step| !matches!(step, SchemaStep::DropForeignKey { table, .. } if stays(table)));
    (rest, kept)
}

fn made_index(step: &SchemaStep) -> Option<(QName, NewIndex)> {
    match step {
        SchemaStep::CreateIndex { table, index } => Some((table.clone(), index.clone())),
        _ => None,
    }
}

/// Prisma reads INCLUDE columns as keys, and writes so into the schema when it pulls.
fn is_misread(index: &Index, next: &NewIndex) -> bool {
    let columns = index.keys.iter().filter_map(|key| key.column.as_ref()).chain(&index.include);
    !index.include.is_empty() && columns.eq(next.keys.iter().map(|key| &key.column))
}

fn dropped_columns(step: &SchemaStep) -> Vec<(QName, String)> {
    let SchemaStep::AlterTable { table, changes } = step else { return Vec::new() };
    let dropped = changes.iter().filter_map(|change| match change {
        TableChange::DropColumn { name } => Some((table.clone(), name.clone())),
        _ => None,
    });
    dropped.collect()
}

fn statement(step: &SchemaStep) -> String {
    let mut out = pgsteward_prisma::render::statements(step).join(";\n");
    out.push(';');
    out
}

fn why_table_kept(table: &Table) -> Option<String> {
    (table.kind == TableKind::Partitioned)
        .then(|| "it is partitioned, and the schema has no word for partitions".to_owned())
}

fn why_kept(
    table: &QName,
    index: &Index,
    from: &Catalog,
    options: &DiffOptions,
    history: Option<&[Script<'_>]>,
) -> Option<String> {
    let word = if !index.is_plain() {
        "an expression"
    } else if index.predicate.is_some() && !options.partial_indexes {
        "a predicate (without the preview feature partialIndexes)"
    } else if !index.include.is_empty() {
        "INCLUDE columns"
    } else if index.nulls_not_distinct {
        "NULLS NOT DISTINCT"
    } else if index.keys.iter().any(|key| key.collation.is_some()) {
        "a collation"
    } else if index.keys.iter().any(|key| key.nulls_first != key.descending) {
        "the order of NULLs"
    } else if !matches!(index.method.as_str(), "btree" | "hash" | "gist" | "gin" | "spgist" | "brin") {
        return Some(format!("the schema has no word for its access method {}", index.method));
    } else if index.method != "btree" || index.keys.iter().any(|key| key.opclass.is_some()) {
        // The schema could say it, and never did where a person wrote the statement.
        let written = as_prisma_writes(table, &index.name, from, options);
        let is_there = |script: &Script<'_>| written.as_ref().is_some_and(|text| script.text.contains(text));
        if history.is_none_or(|history| history.iter().any(is_there)) {
            return None;
        }
        return Some("it was written by hand, and the schema never had it".to_owned());
    } else {
        return None;
    };
    Some(format!("the schema has no word for {word}"))
}

/// The statement that Prisma would have made an index with.
fn as_prisma_writes(table: &QName, name: &str, from: &Catalog, options: &DiffOptions) -> Option<String> {
    let mut alone = Catalog::empty(from.version);
    alone.tables.insert(table.clone(), from.tables.get(table)?.clone());
    let options = DiffOptions { hints: Default::default(), ..options.clone() };
    let steps = diff(&Catalog::empty(from.version), &alone, &options);
    steps.iter().find_map(|step| match step {
        SchemaStep::CreateIndex { index, .. } if index.name == name => {
            pgsteward_prisma::render::statements(step).pop()
        }
        _ => None,
    })
}

/// Prisma takes the expression of a generated column for a default and would set or drop it, which PostgreSQL
/// refuses.
fn without_generated(
    name: &QName,
    changes: Vec<TableChange>,
    from: &Catalog,
) -> (Vec<TableChange>, Vec<KeptObject>) {
    let Some(table) = from.table(name) else { return (changes, Vec::new()) };
    let generated = |column: &str| table.column(column).is_some_and(|column| column.generated.is_some());
    let mut kept = Vec::new();
    let rest = changes
        .into_iter()
        .filter(|change| {
            let TableChange::AlterColumn { name: column, .. } = change else { return true };
            if generated(column) {
                kept.push(KeptObject {
                    what: format!("column \"{column}\" of \"{}\"", name.display()),
                    why: "it is generated, and the schema has no word for its expression".to_owned(),
                    drop: format!(
                        "ALTER TABLE {} ALTER COLUMN \"{}\" DROP EXPRESSION;",
                        pgsteward_sql::quote_name(name),
                        column.replace('"', "\"\"")
                    ),
                });
                return false;
            }
            true
        })
        .collect();
    (rest, kept)
}

/// Objects that the schema cannot express and that a migration takes away by the way: an expression index on a
/// column that is dropped and made anew, a check constraint on it. `before` and `after` are the catalogs around
/// the migration; what goes with a table that is dropped on purpose is not among them.
pub fn lost_by_the_way(before: &Catalog, after: &Catalog) -> Vec<String> {
    use pgsteward_model::catalog::ConstraintKind;
    let mut lost = Vec::new();
    for table in before.user_tables() {
        let Some(now) = after.table(&table.name) else { continue };
        let place = table.name.display();
        let column_stays = |name: &String| now.column(name).is_some();
        for index in table.indexes.iter().filter(|index| now.index(&index.name).is_none()) {
            let special = !index.is_plain() || index.predicate.is_some() || !index.include.is_empty();
            let columns: Vec<String> =
                index.keys.iter().filter_map(|key| key.column.clone()).chain(index.include.clone()).collect();
            if special && columns.iter().all(column_stays) {
                lost.push(format!("index \"{}\" on \"{place}\"", index.name));
            }
        }
        for constraint in table.constraints.iter().filter(|one| now.constraint(&one.name).is_none()) {
            let special = match &constraint.kind {
                ConstraintKind::Check { columns, .. } => columns.iter().all(column_stays),
                ConstraintKind::Exclusion { .. } => true,
                _ => false,
            };
            if special {
                lost.push(format!("constraint \"{}\" on \"{place}\"", constraint.name));
            }
        }
        let triggers =
            table.triggers.iter().filter(|one| !now.triggers.iter().any(|two| two.name == one.name));
        lost.extend(triggers.map(|trigger| format!("trigger \"{}\" on \"{place}\"", trigger.name)));
        let policies =
            table.policies.iter().filter(|one| !now.policies.iter().any(|two| two.name == one.name));
        lost.extend(policies.map(|policy| format!("policy \"{}\" on \"{place}\"", policy.name)));
        for column in table.columns.iter().filter(|column| column.generated.is_some()) {
            if now.column(&column.name).is_some_and(|now| now.generated.is_none()) {
                lost.push(format!("the expression of column \"{}\" of \"{place}\"", column.name));
            }
        }
    }
    let views = before.views.keys().filter(|name| !after.views.contains_key(*name));
    lost.extend(views.map(|name| format!("view \"{}\"", name.display())));
    let functions = before.functions.keys().filter(|id| !after.functions.contains_key(*id));
    lost.extend(functions.map(|id| format!("function \"{}\"", id.name.display())));
    lost
}
