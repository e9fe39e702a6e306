//! What the rules of this group share: which tables and columns they look at, and the statements that
//! retype a column or add a constraint without stopping writes.

use pgsteward_model::catalog::{
    Catalog, Column, Constraint, ConstraintKind, ForeignKey, QName, Table, TableKind,
};
use pgsteward_model::change::{Rollback, Step};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::rule::Rule;
use pgsteward_sql::{quote_ident, quote_literal, quote_name};

use crate::shared;

/// Tables whose design is the user's: no foreign tables, and no partitions, whose parent says it all.
pub(super) fn tables(facts: &Facts) -> impl Iterator<Item = &Table> {
    facts
        .catalog()
        .into_iter()
        .flat_map(Catalog::user_tables)
        .filter(|table| table.kind != TableKind::Foreign && table.partition_of.is_none())
}

/// Columns of [`tables`].
pub(super) fn columns(facts: &Facts) -> impl Iterator<Item = (&Table, &Column)> {
    tables(facts).flat_map(|table| table.columns.iter().map(move |column| (table, column)))
}

/// A table that Prisma keeps for an implicit many-to-many relation: a name that begins with `_` and the
/// columns A and B. No model can change its columns.
pub(super) fn is_implicit_join(table: &Table) -> bool {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    table.name.name.starts_with('_') && names == ["A", "B"]
}

/// `Order.total`, with the namespace unless it is `public`.
pub(super) fn column_name(table: &Table, column: &Column) -> String {
    format!("{}.{}", table.name.display(), column.name)
}

pub(super) fn on_column(
    rule: &Rule,
    facts: &Facts,
    table: &Table,
    column: &Column,
    message: impl Into<String>,
) -> Finding {
    Finding::on_object(rule, shared::column_place(facts, table, &column.name), message)
}

/// The type is text of some kind: `text`, `varchar`, `char`, `citext`.
pub(super) fn is_text(column: &Column) -> bool {
    let ty = &column.ty;
    ty.array == 0
        && matches!(ty.name.as_str(), "text" | "character varying" | "character" | "bpchar" | "citext")
}

/// The default takes the next value of a sequence, as `serial` leaves it.
pub(super) fn takes_from_sequence(column: &Column) -> bool {
    column.default.as_deref().is_some_and(|default| default.starts_with("nextval("))
}

/// True where SQL text names a column. A name inside a string counts too: the question is always whether
/// something may depend on the column.
pub(crate) fn mentions(sql: &str, column: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_' || character == '$';
    sql.match_indices(column).any(|(at, found)| {
        let before = sql[..at].chars().next_back();
        let after = sql[at + found.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// True where `ALTER COLUMN … TYPE` can work by itself: nothing else that the catalog shows was built on
/// the column's type (a view, a policy, a partition key, an expression, a predicate, a check, a trigger, a
/// foreign key in either direction).
pub(super) fn type_may_change(facts: &Facts, table: &Table, column: &str) -> bool {
    let Some(catalog) = facts.catalog() else { return false };
    let views = catalog.views.values().any(|view| view.reads.contains(&table.name));
    let policies = table
        .policies
        .iter()
        .any(|policy| policy.using.iter().chain(&policy.with_check).any(|sql| mentions(sql, column)));
    let partitioned = table.partitioning.as_ref().is_some_and(|by| mentions(&by.key, column));
    let family = !table.inherits.is_empty() || table.partition_of.is_some();
    let generated = table
        .columns
        .iter()
        .any(|other| other.generated.as_ref().is_some_and(|by| mentions(&by.expression, column)));
    let indexed = table.indexes.iter().any(|index| {
        let keys = index.keys.iter().filter_map(|key| key.expression.as_ref());
        keys.chain(&index.predicate).any(|sql| mentions(sql, column))
    });
    let triggers = table.triggers.iter().any(|trigger| mentions(&trigger.definition, column));
    let constraints = table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::Check { expression, .. } => mentions(expression, column),
        ConstraintKind::Exclusion { definition } => mentions(definition, column),
        ConstraintKind::ForeignKey(key) => key.columns.iter().any(|name| name == column),
        _ => false,
    });
    let referenced = catalog.tables.values().flat_map(|other| other.foreign_keys()).any(|(_, key)| {
        key.references == table.name && key.referenced_columns.iter().any(|name| name == column)
    });
    !(views
        || policies
        || partitioned
        || family
        || generated
        || indexed
        || triggers
        || constraints
        || referenced)
}

/// True where a foreign key of another table rests on exactly these columns: their unique index cannot go.
pub(super) fn is_referenced(catalog: &Catalog, table: &Table, columns: &[String]) -> bool {
    catalog.tables.values().flat_map(|other| other.foreign_keys()).any(|(_, key)| {
        key.references == table.name
            && key.referenced_columns.len() == columns.len()
            && columns.iter().all(|column| key.referenced_columns.contains(column))
    })
}

/// `"a", b` for a column list in SQL.
pub(super) fn sql_list<S: AsRef<str>>(columns: &[S]) -> String {
    columns.iter().map(|column| quote_ident(column.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The default name of a constraint: table, columns and suffix, cut so that the suffix fits. None where it is
/// taken.
pub(crate) fn constraint_name(table: &Table, columns: &[&str], suffix: &str) -> Option<String> {
    let (suffix, stem) = match columns.first() {
        // Without columns the helper would leave a second underscore.
        None => (suffix.trim_start_matches('_'), Vec::new()),
        Some(_) => (suffix, columns.iter().map(|column| (*column).to_owned()).collect()),
    };
    let name = shared::default_index_name(&table.name.name, &stem, suffix);
    let taken = table.constraint(&name).is_some() || table.index(&name).is_some();
    (!taken).then_some(name)
}

/// `FOREIGN KEY (…) REFERENCES …` or `CHECK (…)` as `ADD CONSTRAINT` takes it; none for other kinds.
pub(super) fn definition(constraint: &Constraint) -> Option<String> {
    let mut sql = match &constraint.kind {
        ConstraintKind::ForeignKey(key) => foreign_key_definition(key),
        ConstraintKind::Check { expression, no_inherit, .. } => {
            let inherit = if *no_inherit { " NO INHERIT" } else { "" };
            format!("CHECK ({expression}){inherit}")
        }
        _ => return None,
    };
    if constraint.deferrable {
        sql.push_str(" DEFERRABLE");
    }
    if constraint.initially_deferred {
        sql.push_str(" INITIALLY DEFERRED");
    }
    Some(sql)
}

fn foreign_key_definition(key: &ForeignKey) -> String {
    let mut sql = format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        sql_list(&key.columns),
        quote_name(&key.references),
        sql_list(&key.referenced_columns)
    );
    if key.match_full {
        sql.push_str(" MATCH FULL");
    }
    sql + &format!(" ON DELETE {} ON UPDATE {}", key.on_delete.sql(), key.on_update.sql())
}

/// The comment of a constraint that was dropped and added again.
pub(super) fn comment_again(table: &Table, constraint: &Constraint) -> Option<Step> {
    let comment = constraint.comment.as_ref()?;
    Some(Step::sql(format!(
        "COMMENT ON CONSTRAINT {} ON {} IS {}",
        quote_ident(&constraint.name),
        quote_name(&table.name),
        quote_literal(comment)
    )))
}

/// Steps that add a CHECK without a long lock, and the step that takes it away: first `NOT VALID`, so that
/// only new rows are held to it, then the check of the old ones while writes go on.
pub(crate) fn add_check(table: &Table, name: &str, expression: &str) -> (Vec<Step>, Rollback) {
    let relation = quote_name(&table.name);
    let constraint = quote_ident(name);
    let steps = vec![
        Step::sql(format!(
            "ALTER TABLE {relation} ADD CONSTRAINT {constraint} CHECK ({expression}) NOT VALID"
        )),
        Step::sql(format!("ALTER TABLE {relation} VALIDATE CONSTRAINT {constraint}")),
    ];
    let drop = Step::sql(format!("ALTER TABLE {relation} DROP CONSTRAINT {constraint}"));
    (steps, Rollback::Steps(vec![drop]))
}

/// The kind of object that a constraint is.
pub(super) fn constraint_kind(constraint: &Constraint) -> ObjectKind {
    match constraint.kind {
        ConstraintKind::PrimaryKey { .. } => ObjectKind::PrimaryKey,
        ConstraintKind::Unique { .. } => ObjectKind::UniqueConstraint,
        ConstraintKind::ForeignKey(_) => ObjectKind::ForeignKey,
        ConstraintKind::Check { .. } => ObjectKind::CheckConstraint,
        ConstraintKind::Exclusion { .. } => ObjectKind::ExclusionConstraint,
        ConstraintKind::NotNull { .. } => ObjectKind::NotNullConstraint,
    }
}

/// A name in the table's namespace, for indexes.
pub(super) fn beside(table: &Table, name: &str) -> QName {
    QName::new(table.name.namespace.clone(), name)
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_column_is_mentioned_as_a_whole_word() {
        assert!(mentions("(lower(email) = 'a')", "email"));
        assert!(mentions("(\"endAt\" > now())", "endAt"));
        assert!(!mentions("(email_hash IS NULL)", "email"));
        assert!(!mentions("(\"endAtUtc\" > now())", "endAt"));
    }
}
