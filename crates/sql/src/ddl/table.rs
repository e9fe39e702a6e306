//! Tables and all that stands on them.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{
    Catalog, Column, Constraint, ConstraintKind, ForeignKey, Identity, Index, Persistence, Policy,
    PolicyCommand, QName, Table, TableKind, Trigger,
};

use super::column_type::{collation, column_type};
use super::{column_list, index, object, with_options};
use crate::quote::{quote_ident, quote_qualified};

/// The table with its columns and nothing else. A partition is made as a table of its own (see [`parents`]).
pub(super) fn create(catalog: &Catalog, table: &Table) -> String {
    let columns: Vec<String> = table.columns.iter().map(|one| column(catalog, table, one)).collect();
    let unlogged = if table.persistence == Persistence::Unlogged { "UNLOGGED " } else { "" };
    let mut sql = format!("CREATE {unlogged}TABLE {} ({})", quote_qualified(&table.name), columns.join(", "));
    if let Some(partitioning) = &table.partitioning {
        sql += &format!(" PARTITION BY {}", partitioning.key);
    }
    sql + &with_options(&table.options)
}

pub(super) fn column(catalog: &Catalog, table: &Table, column: &Column) -> String {
    let mut sql = format!("{} {}", quote_ident(&column.name), column_type(&column.ty));
    if let Some(name) = &column.collation {
        sql += &format!(" COLLATE {}", collation(catalog, name));
    }
    if let Some(default) = &column.default {
        sql += &format!(" DEFAULT {default}");
    }
    if let Some(generated) = &column.generated {
        let kind = if generated.stored { "STORED" } else { "VIRTUAL" };
        sql += &format!(" GENERATED ALWAYS AS ({}) {kind}", generated.expression);
    }
    if let Some(identity) = column.identity.filter(|_| !takes_identity_from_parent(catalog, table, column)) {
        let word = match identity {
            Identity::Always => "ALWAYS",
            Identity::ByDefault => "BY DEFAULT",
        };
        sql += &format!(" GENERATED {word} AS IDENTITY");
        if let Some(sequence) = object::identity_sequence(catalog, table, column) {
            let name = quote_qualified(&sequence.name);
            sql += &format!(" (SEQUENCE NAME {name}{})", object::sequence_options(sequence));
        }
    }
    // A NOT NULL that is not checked yet is added to the table later, under its name.
    let named = table.constraints.iter().find(
        |one| matches!(&one.kind, ConstraintKind::NotNull { column: constrained } if *constrained == column.name),
    );
    match named {
        Some(constraint) if constraint.validated => {
            sql += &format!(" CONSTRAINT {} NOT NULL", quote_ident(&constraint.name));
        }
        None if column.not_null => sql += " NOT NULL",
        _ => {}
    }
    sql
}

/// From 17 on a partition has the identity columns of its parent and may bring none of its own.
fn takes_identity_from_parent(catalog: &Catalog, table: &Table, column: &Column) -> bool {
    let parent = table.partition_of.as_ref().and_then(|partition| catalog.table(&partition.parent));
    let column = parent.and_then(|parent| parent.column(&column.name));
    catalog.version.major() >= 17 && column.is_some_and(|column| column.identity.is_some())
}

/// Primary and unique keys, with what their index has that the constraint does not tell.
pub(super) fn keys(table: &Table) -> Vec<String> {
    let key = |constraint: &Constraint| {
        let (word, columns) = match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => ("PRIMARY KEY", columns),
            ConstraintKind::Unique { columns, nulls_not_distinct: true } => {
                ("UNIQUE NULLS NOT DISTINCT", columns)
            }
            ConstraintKind::Unique { columns, .. } => ("UNIQUE", columns),
            _ => return None,
        };
        let owned = table.indexes.iter().find(|index| index.constraint.as_ref() == Some(&constraint.name));
        let mut sql = format!("{word} {}", key_columns(columns, owned));
        if let Some(index) = owned {
            if !index.include.is_empty() {
                sql += &format!(" INCLUDE {}", column_list(&index.include));
            }
            sql += &with_options(&index.options);
        }
        let sql = sql + deferral(constraint);
        let only = if owned.is_some_and(|index| is_apart(table, index)) { "ONLY " } else { "" };
        Some(add_to(&format!("{only}{}", quote_qualified(&table.name)), constraint, &sql))
    };
    table.constraints.iter().filter_map(key).collect()
}

/// A key over a b-tree is one of plain columns; the only other kind is that of 18 over ranges.
fn key_columns(columns: &[String], index: Option<&Index>) -> String {
    if index.is_none_or(|index| index.method == "btree") {
        return column_list(columns);
    }
    let list = column_list(columns);
    format!("{} WITHOUT OVERLAPS)", list.trim_end_matches(')'))
}

/// CHECK, EXCLUDE and NOT NULL constraints that are not part of the table's statement.
pub(super) fn checks(_: &Catalog, table: &Table) -> Vec<String> {
    let not_valid = |constraint: &Constraint| if constraint.validated { "" } else { " NOT VALID" };
    let check = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::Check { expression, no_inherit, .. } => {
            let no_inherit = if *no_inherit { " NO INHERIT" } else { "" };
            Some(add(
                table,
                constraint,
                &format!("CHECK ({expression}){no_inherit}{}", not_valid(constraint)),
            ))
        }
        // What the server prints ends in the words for deferral.
        ConstraintKind::Exclusion { definition } => Some(add(table, constraint, definition)),
        ConstraintKind::NotNull { column } if !constraint.validated => {
            Some(add(table, constraint, &format!("NOT NULL {} NOT VALID", quote_ident(column))))
        }
        _ => None,
    };
    table.constraints.iter().filter_map(check).collect()
}

pub(super) fn indexes(_: &Catalog, table: &Table) -> Vec<String> {
    let name = quote_qualified(&table.name);
    let own = table.indexes.iter().filter(|index| index.constraint.is_none());
    own.map(|one| match is_apart(table, one) {
        true => index::index_of_parent(&table.name, one),
        false => index::create_on(&name, one, false),
    })
    .collect()
}

/// An index of a partitioned table is not valid as long as a partition is without one that belongs to it.
pub(super) fn is_apart(table: &Table, index: &Index) -> bool {
    table.kind == TableKind::Partitioned && !index.valid
}

pub(super) fn foreign_keys(_: &Catalog, table: &Table) -> Vec<String> {
    table.foreign_keys().map(|(constraint, key)| foreign_key(table, constraint, key)).collect()
}

/// `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY` with every property of the key; NOT VALID where it is not validated.
pub fn foreign_key(table: &Table, constraint: &Constraint, key: &ForeignKey) -> String {
    let mut sql = format!(
        "FOREIGN KEY {} REFERENCES {} {}",
        column_list(&key.columns),
        quote_qualified(&key.references),
        column_list(&key.referenced_columns)
    );
    if key.match_full {
        sql += " MATCH FULL";
    }
    sql += &format!(" ON DELETE {} ON UPDATE {}", key.on_delete.sql(), key.on_update.sql());
    sql += deferral(constraint);
    if !constraint.validated {
        sql += " NOT VALID";
    }
    add(table, constraint, &sql)
}

fn add(table: &Table, constraint: &Constraint, definition: &str) -> String {
    add_to(&quote_qualified(&table.name), constraint, definition)
}

/// `table` is SQL already.
fn add_to(table: &str, constraint: &Constraint, definition: &str) -> String {
    let name = quote_ident(&constraint.name);
    format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
}

/// `DEFERRABLE …` with a space before it, or nothing.
pub fn deferral(constraint: &Constraint) -> &'static str {
    match (constraint.deferrable, constraint.initially_deferred) {
        (false, _) => "",
        (true, false) => " DEFERRABLE",
        (true, true) => " DEFERRABLE INITIALLY DEFERRED",
    }
}

/// Makes the table a partition or a child of its parents.
pub(super) fn parents(_: &Catalog, table: &Table) -> Vec<String> {
    let name = quote_qualified(&table.name);
    let partition = table.partition_of.iter().map(|partition| {
        let parent = quote_qualified(&partition.parent);
        format!("ALTER TABLE {parent} ATTACH PARTITION {name} {}", partition.bound)
    });
    let inherits =
        table.inherits.iter().map(|parent| format!("ALTER TABLE {name} INHERIT {}", quote_qualified(parent)));
    partition.chain(inherits).collect()
}

/// Triggers, and which of them are off. Those that a partition has from its parent came with it.
pub(super) fn triggers(catalog: &Catalog, table: &Table) -> Vec<String> {
    let name = quote_qualified(&table.name);
    let own = table.triggers.iter().filter(|trigger| !is_of_parent(catalog, table, trigger));
    let made = own.map(|trigger| trigger.definition.trim_end_matches(';').to_owned());
    let off = table.triggers.iter().filter(|trigger| !trigger.enabled);
    made.chain(off.map(|one| format!("ALTER TABLE ONLY {name} DISABLE TRIGGER {}", quote_ident(&one.name))))
        .collect()
}

fn is_of_parent(catalog: &Catalog, table: &Table, trigger: &Trigger) -> bool {
    let mut seen = BTreeSet::new();
    let mut table = Some(table);
    while let Some(partition) = table.and_then(|table| table.partition_of.as_ref()) {
        if !trigger.row || !seen.insert(&partition.parent) {
            return false;
        }
        table = catalog.table(&partition.parent);
        let same = |other: &Trigger| other.name == trigger.name && other.row;
        if table.is_some_and(|parent| parent.triggers.iter().any(same)) {
            return true;
        }
    }
    false
}

pub(super) fn row_security(_: &Catalog, table: &Table) -> Vec<String> {
    let name = quote_qualified(&table.name);
    let on = table.row_security.then(|| format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
    let forced = table.force_row_security.then(|| format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"));
    on.into_iter().chain(forced).chain(table.policies.iter().map(|one| policy(&name, one))).collect()
}

/// What a policy says of rows, set anew: it holds all the while.
pub fn policy_altered(table: &QName, policy: &Policy) -> String {
    let (name, table) = (quote_ident(&policy.name), quote_qualified(table));
    format!("ALTER POLICY {name} ON {table}{}", conditions(policy))
}

fn policy(table: &str, policy: &Policy) -> String {
    let kind = if policy.permissive { "PERMISSIVE" } else { "RESTRICTIVE" };
    let command = match policy.command {
        PolicyCommand::All => "ALL",
        PolicyCommand::Select => "SELECT",
        PolicyCommand::Insert => "INSERT",
        PolicyCommand::Update => "UPDATE",
        PolicyCommand::Delete => "DELETE",
    };
    let roles: Vec<String> = policy.roles.iter().map(|role| quote_ident(role)).collect();
    let roles = if roles.is_empty() { "PUBLIC".to_owned() } else { roles.join(", ") };
    let name = quote_ident(&policy.name);
    format!("CREATE POLICY {name} ON {table} AS {kind} FOR {command} TO {roles}{}", conditions(policy))
}

fn conditions(policy: &Policy) -> String {
    let using = policy.using.as_ref().map(|using| format!(" USING ({using})"));
    let check = policy.with_check.as_ref().map(|check| format!(" WITH CHECK ({check})"));
    using.into_iter().chain(check).collect()
}
