//! The part of a catalog that a pulled schema says: what Prisma's own SQL would make of it.
//!
//! Written by taking away from the catalog rather than by calculating from the schema's text, so that every expression
//! stays as the server printed it and two catalogs can be compared.

use std::sync::Arc;

use pgsteward_model::catalog::{
    Catalog, Column, Constraint, ConstraintKind, IndexKey, Persistence, QName, Table, TableKind,
};

/// The tables and enums of the namespaces as Prisma carries them. What it cannot carry is absent (checks, triggers,
/// policies, functions, views, domains …) or as Prisma has it (an identity is a sequence, a domain its base type,
/// columns of INCLUDE are keys). `extensions` are those that the schema names.
pub fn carried(catalog: &Catalog, namespaces: &[String], extensions: &[String]) -> Catalog {
    let mut said = within(catalog, namespaces);
    said.extensions.retain(|name, _| extensions.contains(name));
    said.views.clear();
    said.domains.clear();
    said.composites.clear();
    said.ranges.clear();
    said.functions.clear();
    said.statistics_objects.clear();
    said.tables.retain(|_, table| table.partition_of.is_none());
    for table in said.tables.values_mut() {
        *table = Arc::new(plain(table, catalog));
    }
    for one in said.enums.values_mut() {
        one.comment = None;
    }
    let tables = &said.tables;
    said.sequences.retain(|_, sequence| {
        let owner = sequence.owned_by.as_ref().and_then(|(table, column)| tables.get(table)?.column(column));
        owner.is_some_and(|column| column.default.is_some())
    });
    for sequence in said.sequences.values_mut() {
        sequence.comment = None;
    }
    said
}

/// The catalog without other namespaces, foreign tables and tools' own histories.
pub fn within(catalog: &Catalog, namespaces: &[String]) -> Catalog {
    let asked = |name: &QName| namespaces.contains(&name.namespace);
    let mut kept = catalog.clone();
    kept.namespaces.retain(|name, _| namespaces.contains(name));
    kept.tables.retain(|name, table| {
        asked(name)
            && table.kind != TableKind::Foreign
            && table.persistence != Persistence::Temporary
            && !super::is_own_table(table)
    });
    kept.views.retain(|name, _| asked(name));
    kept.enums.retain(|name, _| asked(name));
    kept.domains.retain(|name, _| asked(name));
    kept.composites.retain(|name, _| asked(name));
    kept.ranges.retain(|name, _| asked(name));
    kept.functions.retain(|id, _| asked(&id.name));
    kept.sequences.retain(|name, _| asked(name));
    let (tables, views) = (&kept.tables, &kept.views);
    kept.statistics_objects
        .retain(|name, one| asked(name) && (tables.contains_key(&one.on) || views.contains_key(&one.on)));
    kept.extensions.remove("plpgsql");
    kept.default_privileges.clear();
    for table in kept.tables.values_mut() {
        let table = Arc::make_mut(table);
        // Whether old rows were checked is no part of what a new database has.
        table.constraints.iter_mut().for_each(|constraint| constraint.validated = true);
        table.indexes.iter_mut().for_each(|index| index.valid = true);
    }
    kept
}

fn plain(table: &Table, catalog: &Catalog) -> Table {
    let generated: Vec<&str> = table
        .columns
        .iter()
        .filter(|column| column.generated.is_some())
        .map(|one| one.name.as_str())
        .collect();
    let mut said = Table {
        kind: TableKind::Ordinary,
        persistence: Persistence::Permanent,
        triggers: Vec::new(),
        policies: Vec::new(),
        row_security: false,
        force_row_security: false,
        partitioning: None,
        inherits: Vec::new(),
        options: Vec::new(),
        comment: None,
        ..table.clone()
    };
    said.columns = table.columns.iter().map(|column| plain_column(column, table, catalog)).collect();
    // A key over a generated column goes with the column, which has to be made anew.
    let on_generated = |columns: &[String]| columns.iter().any(|name| generated.contains(&name.as_str()));
    let mut seen: Vec<(&[String], &QName, &[String])> = Vec::new();
    let mut constraints: Vec<Constraint> = Vec::new();
    for constraint in &table.constraints {
        let kept = match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => !on_generated(columns),
            ConstraintKind::Unique { columns, nulls_not_distinct } => {
                !(on_generated(columns) || *nulls_not_distinct || constraint.deferrable)
            }
            ConstraintKind::ForeignKey(key) => {
                let same = (key.columns.as_slice(), &key.references, key.referenced_columns.as_slice());
                let first = !seen.contains(&same);
                seen.push(same);
                first && !on_generated(&key.columns)
            }
            ConstraintKind::Check { .. } | ConstraintKind::Exclusion { .. } => false,
            ConstraintKind::NotNull { .. } => true,
        };
        if !kept {
            continue;
        }
        let mut constraint =
            Constraint { deferrable: false, initially_deferred: false, comment: None, ..constraint.clone() };
        if let ConstraintKind::ForeignKey(key) = &mut constraint.kind {
            key.match_full = false;
        }
        constraints.push(constraint);
    }
    let owner_kept = |name: &str| constraints.iter().any(|constraint| constraint.name == name);
    said.indexes.retain(|index| {
        let exclusion = index.constraint.as_deref().and_then(|name| table.constraint(name));
        let exclusion = exclusion.is_some_and(|owner| matches!(owner.kind, ConstraintKind::Exclusion { .. }));
        let columns: Vec<String> =
            index.keys.iter().filter_map(|key| key.column.clone()).chain(index.include.clone()).collect();
        index.is_plain() && !exclusion && !on_generated(&columns)
    });
    for index in &mut said.indexes {
        index.constraint = index.constraint.take().filter(|name| owner_kept(name));
        let included = std::mem::take(&mut index.include);
        index.keys.extend(included.iter().map(|name| IndexKey::column(name)));
        let sorted = index.method == "btree";
        for key in &mut index.keys {
            key.collation = None;
            key.nulls_first = key.descending;
            if sorted || index.method == "hash" {
                key.opclass = None;
            }
        }
        index.nulls_not_distinct = false;
        index.options.clear();
        index.comment = None;
    }
    said.constraints = constraints;
    said
}

fn plain_column(column: &Column, table: &Table, catalog: &Catalog) -> Column {
    let mut said =
        Column { identity: None, generated: None, collation: None, comment: None, ..column.clone() };
    if let Some(generated) = &column.generated {
        said.default = Some(generated.expression.clone());
    }
    if column.identity.is_some() {
        let owned = catalog.sequences.values().find(|sequence| {
            sequence
                .owned_by
                .as_ref()
                .is_some_and(|(owner, name)| *owner == table.name && *name == column.name)
        });
        said.default = owned.map(|sequence| {
            let name = pgsteward_sql::quote_qualified(&sequence.name);
            format!("nextval({}::regclass)", pgsteward_sql::quote_literal(&name))
        });
    }
    let domain = column.ty.namespace.as_ref().map(|namespace| QName::new(namespace, &column.ty.name));
    if let Some(domain) = domain.and_then(|name| catalog.domains.get(&name)).filter(|_| column.ty.array == 0)
    {
        said.ty = domain.base.clone();
        said.not_null |= domain.not_null;
    }
    said
}
