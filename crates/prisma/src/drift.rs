//! What `prisma migrate dev` would write next for a schema, seen from the state that the migration history
//! leaves, and what would be lost by it.

use std::collections::HashMap;

use pgsteward_model::catalog::{Catalog, ConstraintKind, Index, QName, Table, TableKind};
use pgsteward_model::drift::{Drift, DriftBetween, DriftKind};
use pgsteward_model::prisma::{At, Model, PrismaSchema};

use crate::calculate::{calculate, enum_name, join_table_name, key_name, keys_in_order, table_name};
use crate::diff::{DiffOptions, SchemaStep, TableChange, diff};
use crate::render::{self, qualified, quote};
use crate::schema::many_to_many;

/// One [`Drift`] per step, in the order of the steps. `from` is the catalog that the history leaves. The
/// texts of [`Drift::sql`], with an empty line between them, are the migration that Prisma would write.
pub fn drift(from: &Catalog, schema: &PrismaSchema) -> Vec<Drift> {
    let to = calculate(schema, from.version);
    let options = DiffOptions::of(schema);
    let steps = diff(from, &to, &options);
    if steps.is_empty() {
        return Vec::new();
    }
    let places = Places::new(schema);
    let back = DiffOptions { hints: Default::default(), ..options.clone() };
    let back = diff(&to, from, &back);
    steps
        .iter()
        .map(|step| Drift {
            between: DriftBetween::HistoryAndSchema,
            kind: kind(step),
            object: step.object(),
            at: places.of(step),
            sql: render::step(step),
            inexpressible: inexpressible(step, from, &options),
            restore: restore(step, from, &back),
        })
        .collect()
}

/// What a step does to its object.
pub fn kind(step: &SchemaStep) -> DriftKind {
    match step {
        SchemaStep::CreateSchema { .. }
        | SchemaStep::CreateExtension { .. }
        | SchemaStep::CreateEnum { .. }
        | SchemaStep::CreateTable(_)
        | SchemaStep::CreateIndex { .. }
        | SchemaStep::AddForeignKey { .. } => DriftKind::Added,
        SchemaStep::DropForeignKey { .. }
        | SchemaStep::DropIndex { .. }
        | SchemaStep::DropTable { .. }
        | SchemaStep::DropEnum { .. } => DriftKind::Dropped,
        SchemaStep::AlterTable { changes, .. }
            if changes.iter().any(|change| matches!(change, TableChange::RecreateColumn(_))) =>
        {
            DriftKind::Recreated
        }
        SchemaStep::DropExtension { .. } => DriftKind::Dropped,
        SchemaStep::AlterEnum(_)
        | SchemaStep::AlterExtension { .. }
        | SchemaStep::AlterTable { .. }
        | SchemaStep::RenameForeignKey { .. }
        | SchemaStep::RenameIndex { .. } => DriftKind::Changed,
    }
}

/// Where the schema speaks of what.
struct Places<'a> {
    schema: &'a PrismaSchema,
    models: HashMap<QName, &'a Model>,
    join_tables: HashMap<QName, &'a At>,
}

impl<'a> Places<'a> {
    fn new(schema: &'a PrismaSchema) -> Places<'a> {
        let models = schema.models.iter().filter(|model| !model.view);
        Places {
            schema,
            models: models.rev().map(|model| (table_name(model), model)).collect(),
            join_tables: many_to_many(schema)
                .into_iter()
                .map(|relation| (join_table_name(&relation), &relation.a_field.name_at))
                .collect(),
        }
    }

    fn table(&self, table: &QName) -> Option<At> {
        let model = self.models.get(table).map(|model| &model.name_at);
        model.or_else(|| self.join_tables.get(table).copied()).cloned()
    }

    fn of(&self, step: &SchemaStep) -> Option<At> {
        match step {
            SchemaStep::CreateSchema { .. }
            | SchemaStep::DropExtension { .. }
            | SchemaStep::CreateExtension { .. }
            | SchemaStep::AlterExtension { .. } => {
                self.schema.datasource.as_ref().map(|source| source.at.clone())
            }
            SchemaStep::CreateEnum { name, .. } | SchemaStep::DropEnum { name } => self.enumeration(name),
            SchemaStep::AlterEnum(change) => self.enumeration(&change.name),
            SchemaStep::CreateTable(new) => self.table(&new.name),
            SchemaStep::DropTable { table } => self.table(table),
            SchemaStep::AlterTable { table, changes } => {
                self.column(table, changes).or_else(|| self.table(table))
            }
            SchemaStep::CreateIndex { table, index } => self.key(table, &index.name),
            SchemaStep::RenameIndex { table, to, .. } => self.key(table, to),
            SchemaStep::AddForeignKey { table, key, .. } => self.relation(table, &key.columns),
            SchemaStep::DropIndex { table, .. }
            | SchemaStep::DropForeignKey { table, .. }
            | SchemaStep::RenameForeignKey { table, .. } => self.table(table),
        }
    }

    fn enumeration(&self, name: &QName) -> Option<At> {
        self.schema.enums.iter().find(|one| enum_name(one) == *name).map(|one| one.at.clone())
    }

    /// The field of a change of one column.
    fn column(&self, table: &QName, changes: &[TableChange]) -> Option<At> {
        let [change] = changes else { return None };
        let name = match change {
            TableChange::AddColumn(column) | TableChange::RecreateColumn(column) => &column.name,
            TableChange::AlterColumn { name, .. } => name,
            _ => return None,
        };
        self.models.get(table)?.field_of_column(name).map(|field| field.name_at.clone())
    }

    fn key(&self, table: &QName, index: &str) -> Option<At> {
        let found = self.models.get(table).and_then(|model| {
            keys_in_order(model).find(|(key, unique)| key_name(model, key, *unique) == index)
        });
        found.map(|(key, _)| key.at.clone()).or_else(|| self.table(table))
    }

    fn relation(&self, table: &QName, columns: &[String]) -> Option<At> {
        let found = self.models.get(table).and_then(|model| {
            model.fields.iter().filter_map(|field| field.relation.as_ref()).find(|relation| {
                let names = relation.fields.iter().map(|name| model.field(name).map(|field| &field.db_name));
                names.eq(columns.iter().map(Some))
            })
        });
        found.map(|relation| relation.at.clone()).or_else(|| self.table(table))
    }
}

/// True where the schema language has no word for what a step drops or changes.
fn inexpressible(step: &SchemaStep, from: &Catalog, options: &DiffOptions) -> bool {
    match step {
        SchemaStep::DropIndex { table, name } => from
            .table(table)
            .and_then(|table| table.index(name))
            .is_some_and(|index| index_is_inexpressible(index, options)),
        SchemaStep::DropTable { table } => {
            from.table(table).is_some_and(|table| table.kind == TableKind::Partitioned)
        }
        SchemaStep::AlterTable { table, changes } => changes.iter().any(|change| {
            let name = match change {
                TableChange::DropColumn { name } | TableChange::AlterColumn { name, .. } => name,
                TableChange::RecreateColumn(column) => &column.name,
                _ => return false,
            };
            let column = from.table(table).and_then(|table| table.column(name));
            column.is_some_and(|column| column.generated.is_some())
        }),
        _ => false,
    }
}

/// Operator classes are no hindrance: `ops: raw("gin_trgm_ops")` names any.
fn index_is_inexpressible(index: &Index, options: &DiffOptions) -> bool {
    !index.is_plain()
        || !index.include.is_empty()
        || index.nulls_not_distinct
        || (index.predicate.is_some() && !options.partial_indexes)
        || index.keys.iter().any(|key| key.collation.is_some() || key.nulls_first != key.descending)
        || !matches!(index.method.as_str(), "btree" | "hash" | "gist" | "gin" | "spgist" | "brin")
}

/// The SQL that undoes a step, where the step drops or changes something. What the rows held is not in it.
fn restore(step: &SchemaStep, from: &Catalog, back: &[SchemaStep]) -> Option<String> {
    let of_table = |table: &QName| {
        let reference = step.object();
        let steps = back.iter().filter(|back| {
            let object = back.object();
            object.namespace == reference.namespace && object.relation.as_deref() == Some(&table.name)
        });
        steps.collect::<Vec<_>>()
    };
    let text = |steps: Vec<&SchemaStep>| {
        let statements: Vec<String> = steps.into_iter().flat_map(render::statements).collect();
        (!statements.is_empty()).then(|| format!("{};", statements.join(";\n")))
    };
    match step {
        SchemaStep::DropIndex { table, name } => {
            let table = from.table(table)?;
            Some(format!("{};", create_index(table, table.index(name)?)))
        }
        SchemaStep::DropForeignKey { table, name } => {
            Some(format!("{};", add_foreign_key(from.table(table)?, name)?))
        }
        SchemaStep::AlterTable { table, .. } => {
            let steps = of_table(table).into_iter();
            text(steps.filter(|back| matches!(back, SchemaStep::AlterTable { .. })).collect())
        }
        SchemaStep::DropTable { table } => text(of_table(table)),
        SchemaStep::DropEnum { name } => {
            let made = |back: &&SchemaStep| matches!(back, SchemaStep::CreateEnum { name: made, .. } if made == name);
            text(back.iter().filter(made).collect())
        }
        SchemaStep::AlterEnum(change) => {
            let undone =
                |back: &&SchemaStep| matches!(back, SchemaStep::AlterEnum(back) if back.name == change.name);
            text(back.iter().filter(undone).collect())
        }
        SchemaStep::RenameForeignKey { table, from, to } => {
            let (table, from, to) = (table.clone(), to.clone(), from.clone());
            text(vec![&SchemaStep::RenameForeignKey { table, from, to }])
        }
        SchemaStep::RenameIndex { table, from, to } => {
            let (table, from, to) = (table.clone(), to.clone(), from.clone());
            text(vec![&SchemaStep::RenameIndex { table, from, to }])
        }
        SchemaStep::DropExtension { name } | SchemaStep::AlterExtension { name, .. } => {
            let same = |back: &&SchemaStep| match back {
                SchemaStep::CreateExtension { name: made, .. } => made == name,
                SchemaStep::AlterExtension { name: made, .. } => made == name,
                _ => false,
            };
            text(back.iter().filter(same).collect())
        }
        SchemaStep::CreateSchema { .. }
        | SchemaStep::CreateExtension { .. }
        | SchemaStep::CreateEnum { .. }
        | SchemaStep::CreateTable(_)
        | SchemaStep::CreateIndex { .. }
        | SchemaStep::AddForeignKey { .. } => None,
    }
}

/// An index with everything that PostgreSQL knows of it, also what Prisma has no word for.
fn create_index(table: &Table, index: &Index) -> String {
    let constraint = index.constraint.as_deref().and_then(|name| table.constraint(name));
    let columns = |names: &[String]| names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ");
    if let Some(constraint) = constraint
        && let ConstraintKind::Unique { columns: names, nulls_not_distinct } = &constraint.kind
    {
        let nulls = if *nulls_not_distinct { " NULLS NOT DISTINCT" } else { "" };
        return format!(
            "ALTER TABLE {} ADD CONSTRAINT {} UNIQUE{nulls} ({})",
            qualified(&table.name),
            quote(&constraint.name),
            columns(names)
        );
    }
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| {
            let mut out = match (&key.column, &key.expression) {
                (Some(column), _) => quote(column),
                (None, expression) => format!("({})", expression.as_deref().unwrap_or_default()),
            };
            if let Some(collation) = &key.collation {
                out.push_str(&format!(" COLLATE {}", quote(collation)));
            }
            if let Some(class) = &key.opclass {
                out.push_str(&format!(" {class}"));
            }
            if key.descending {
                out.push_str(" DESC");
            }
            if key.nulls_first != key.descending {
                out.push_str(if key.nulls_first { " NULLS FIRST" } else { " NULLS LAST" });
            }
            out
        })
        .collect();
    let mut out = format!(
        "CREATE {}INDEX {} ON {} USING {} ({})",
        if index.unique { "UNIQUE " } else { "" },
        quote(&index.name),
        qualified(&table.name),
        index.method,
        keys.join(", ")
    );
    if !index.include.is_empty() {
        out.push_str(&format!(" INCLUDE ({})", columns(&index.include)));
    }
    if index.nulls_not_distinct {
        out.push_str(" NULLS NOT DISTINCT");
    }
    if !index.options.is_empty() {
        out.push_str(&format!(" WITH ({})", index.options.join(", ")));
    }
    if let Some(predicate) = &index.predicate {
        out.push_str(&format!(" WHERE ({predicate})"));
    }
    out
}

fn add_foreign_key(table: &Table, name: &str) -> Option<String> {
    let constraint = table.constraint(name)?;
    let ConstraintKind::ForeignKey(key) = &constraint.kind else { return None };
    let step =
        SchemaStep::AddForeignKey { table: table.name.clone(), name: name.to_owned(), key: key.clone() };
    let mut out = render::statements(&step).pop()?;
    if constraint.deferrable {
        out.push_str(" DEFERRABLE");
    }
    if constraint.initially_deferred {
        out.push_str(" INITIALLY DEFERRED");
    }
    if !constraint.validated {
        out.push_str(" NOT VALID");
    }
    Some(out)
}
