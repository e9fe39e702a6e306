//! The way out that unique constraints and primary keys share: build the index concurrently first, then make the
//! constraint of it.

use pgsteward_model::catalog::{Constraint, ConstraintKind};
use pgsteward_model::change::Fix;
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::{quote_ident, quote_name};

use super::rewrite::{Folder, Rewrite};
use super::shared::Hit;
use super::text::{self, Alter};
use super::undo;
use crate::shared::{MAX_IDENTIFIER, quoted_list};

/// `CREATE UNIQUE INDEX CONCURRENTLY` in a migration of its own, then the statement with `USING INDEX` in the place of
/// the columns. None where the columns are not there yet, or the constraint says more than its columns.
pub(super) fn fix(hit: Hit<'_>, alter: &AlterTable, at: usize, constraint: &Constraint) -> Option<Fix> {
    let (columns, keyword, distinct) = match &constraint.kind {
        ConstraintKind::Unique { columns, nulls_not_distinct } => (columns, "UNIQUE", *nulls_not_distinct),
        ConstraintKind::PrimaryKey { columns } => (columns, "PRIMARY KEY", false),
        _ => return None,
    };
    let name = &constraint.name;
    let before = hit.before()?;
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[name])?;
    let parts = Alter::parse(rewrite.text(), alter.actions.len())?;
    let says_more = ["INCLUDE", "WITH", "TABLESPACE"];
    let action = parts.action(at);
    let plain = !text::tokens(action)
        .iter()
        .any(|token| says_more.iter().any(|word| text::is_word(action, *token, word)));
    // The whole statement moves after the file, so it may hold nothing but the exchange of constraints.
    let exchanges = alter.actions.iter().all(|action| {
        matches!(action, AlterAction::AddConstraint { .. } | AlterAction::DropConstraint { .. })
    });
    let there = columns
        .iter()
        .all(|column| before.column(column).is_some_and(|column| column.not_null || keyword == "UNIQUE"));
    if !(plain && exchanges && there) {
        return None;
    }
    // The constraint that goes still owns the name; PostgreSQL gives the new index the constraint's name later.
    let taken = before.index(name).is_some();
    let index = if taken { temporary_name(name) } else { name.clone() };
    if taken && before.index(&index).is_some() {
        return None;
    }
    let list = columns.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    let nulls = if distinct { " NULLS NOT DISTINCT" } else { "" };
    let create = format!(
        "CREATE UNIQUE INDEX CONCURRENTLY {} ON {} ({list}){nulls}",
        quote_ident(&index),
        quote_name(&hit.touch.relation)
    );
    let deferrable = match (constraint.deferrable, constraint.initially_deferred) {
        (_, true) => " DEFERRABLE INITIALLY DEFERRED",
        (true, false) => " DEFERRABLE",
        (false, false) => "",
    };
    let add = format!(
        "ADD CONSTRAINT {} {keyword} USING INDEX {}{deferrable}",
        quote_ident(name),
        quote_ident(&index)
    );
    let folders = vec![
        Folder::new(&format!("build_{name}"), [create]),
        Folder::new(&format!("add_{name}"), [parts.replace(at, &add)?]),
    ];
    let title =
        format!("build the index on {} concurrently, then add \"{name}\" with it", quoted_list(columns));
    Some(rewrite.fix(title, None, folders, undo::of_alter(hit, alter)))
}

fn temporary_name(name: &str) -> String {
    let mut end = name.len().min(MAX_IDENTIFIER - "_new".len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}_new", name.get(..end).unwrap_or(name))
}
