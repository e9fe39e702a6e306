//! Columns of tables that stay.

use pgsteward_model::catalog::{Catalog, Column, Constraint, ConstraintKind, Identity, Table};

use super::affected::Affected;
use super::made::{self, Made};
use super::{Kept, cast};
use crate::ddl::column_type::collation;
use crate::ddl::{column_type, object, table};
use crate::quote::{quote_ident, quote_literal, quote_qualified};

/// Defaults and identities that are in the way of what follows: they speak of things that go.
pub(super) fn release(kept: &Kept<'_>, affected: &Affected) -> Vec<String> {
    let name = quote_qualified(&kept.to.name);
    let mut sql = Vec::new();
    for (old, new) in both(kept, affected) {
        let column = quote_ident(&old.name);
        let own = std::slice::from_ref(&kept.to.name);
        let stale = |default: &String| affected.changes(default, own);
        if old.default.as_ref().is_some_and(stale) {
            sql.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP DEFAULT"));
        }
        let takes = kept.parent_has_column(&old.name, kept.to);
        if old.identity.is_some() && new.identity.is_none() && !takes {
            sql.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP IDENTITY"));
        }
    }
    sql
}

/// Drops what is not wanted or comes anew. The children of a table lose their columns with it.
pub(super) fn drop(kept: &Kept<'_>, affected: &Affected) -> Vec<String> {
    let name = quote_qualified(&kept.from.name);
    let goes = |column: &&Column| {
        let key = (kept.from.name.clone(), column.name.clone());
        (affected.dropped.contains(&key) || affected.readded.contains(&key))
            && !kept.parent_has_column(&column.name, kept.from)
    };
    // Before 15 a column takes those along that are made of it.
    let (made, others): (Vec<&Column>, Vec<&Column>) =
        kept.from.columns.iter().filter(goes).partition(|column| column.generated.is_some());
    let columns = made.into_iter().chain(others);
    columns.map(|column| format!("ALTER TABLE {name} DROP COLUMN {}", quote_ident(&column.name))).collect()
}

/// One statement, so that the table is written anew once.
pub(super) fn retype(to: &Catalog, kept: &Kept<'_>, affected: &Affected) -> Option<String> {
    let mut actions = Vec::new();
    for (old, new) in both(kept, affected) {
        let key = (kept.to.name.clone(), new.name.clone());
        if !affected.retyped.contains(&key) || kept.parent_has_column(&new.name, kept.to) {
            continue;
        }
        let Some(using) = cast::using(&new.name, &old.ty, &new.ty, &affected.types) else { continue };
        let column = quote_ident(&new.name);
        if old.default.is_some() {
            actions.push(format!("ALTER COLUMN {column} DROP DEFAULT"));
        }
        let mut action = format!("ALTER COLUMN {column} TYPE {}", column_type(&new.ty));
        if let Some(name) = &new.collation {
            action += &format!(" COLLATE {}", collation(to, name));
        }
        // What is calculated is calculated again.
        let calculated = old.generated.is_some() && new.generated.is_some();
        actions.push(if calculated { action } else { format!("{action} USING {using}") });
    }
    (!actions.is_empty())
        .then(|| format!("ALTER TABLE {} {}", quote_qualified(&kept.to.name), actions.join(", ")))
}

/// A column that comes back without values although it must have some.
pub(super) fn lacks_values(table: &Table, column: &Column) -> bool {
    let in_key = table.primary_key().is_some_and(|(_, columns)| columns.contains(&column.name));
    column.not_null
        && !in_key
        && column.default.is_none()
        && column.generated.is_none()
        && column.identity.is_none()
}

/// Adds what is missing. The names of those that [`lacks_values`] are returned as well.
pub(super) fn add(
    to: &Catalog,
    kept: &Kept<'_>,
    affected: &Affected,
    made: &mut Made,
) -> (Vec<String>, Vec<String>) {
    let name = quote_qualified(&kept.to.name);
    let (mut sql, mut without_values) = (Vec::new(), Vec::new());
    for column in kept.to.columns.iter().filter(|column| is_new(kept, affected, column)) {
        made.insert(made::column(&kept.to.name, &column.name));
        if kept.parent_has_column(&column.name, kept.to) {
            continue;
        }
        if !lacks_values(kept.to, column) {
            sql.push(format!("ALTER TABLE {name} ADD COLUMN {}", table::column(to, kept.to, column)));
            continue;
        }
        let nullable = Column { not_null: false, ..column.clone() };
        let mut bare = kept.to.clone();
        bare.constraints.retain(|one| !is_not_null(one, &column.name));
        sql.push(format!("ALTER TABLE {name} ADD COLUMN {}", table::column(to, &bare, &nullable)));
        sql.push(not_null_where_possible(kept.to, column));
        without_values.push(column.name.clone());
    }
    (sql, without_values)
}

pub(super) fn is_new(kept: &Kept<'_>, affected: &Affected, column: &Column) -> bool {
    kept.from.column(&column.name).is_none()
        || affected.readded.contains(&(kept.to.name.clone(), column.name.clone()))
}

/// The values are gone, so rows that are there have none; whoever fills them in can set the rest.
fn not_null_where_possible(table: &Table, column: &Column) -> String {
    let (name, quoted) = (quote_qualified(&table.name), quote_ident(&column.name));
    let set = set_not_null(table, column);
    let message = format!(
        "column \"{}\" of \"{}\" stays nullable: its values were dropped",
        column.name.replace('%', "%%"),
        table.name.display().replace('%', "%%")
    );
    let body = format!(
        "\nBEGIN\n  IF EXISTS (SELECT FROM {name} WHERE {quoted} IS NULL) THEN\n    RAISE WARNING {};\n  ELSE\n    \
         {set};\n  END IF;\nEND\n",
        quote_literal(&message)
    );
    let mut tag = "$$".to_owned();
    while body.contains(&tag) {
        tag.insert(1, 'b');
    }
    format!("DO {tag}{body}{tag}")
}

/// What forbids NULL in a column. From 18 on NOT NULL is a constraint with a name.
pub fn set_not_null(table: &Table, column: &Column) -> String {
    let (name, quoted) = (quote_qualified(&table.name), quote_ident(&column.name));
    match table.constraints.iter().find(|one| is_not_null(one, &column.name)) {
        Some(constraint) => {
            let valid = if constraint.validated { "" } else { " NOT VALID" };
            format!(
                "ALTER TABLE {name} ADD CONSTRAINT {} NOT NULL {quoted}{valid}",
                quote_ident(&constraint.name)
            )
        }
        None => format!("ALTER TABLE {name} ALTER COLUMN {quoted} SET NOT NULL"),
    }
}

fn is_not_null(constraint: &Constraint, column: &str) -> bool {
    matches!(&constraint.kind, ConstraintKind::NotNull { column: constrained } if constrained == column)
}

/// Defaults, identities and NOT NULL of columns that stay.
pub(super) fn properties(from: &Catalog, to: &Catalog, kept: &Kept<'_>, affected: &Affected) -> Vec<String> {
    let mut sql = Vec::new();
    let own = std::slice::from_ref(&kept.to.name);
    for (old, new) in both(kept, affected) {
        let head =
            format!("ALTER TABLE {} ALTER COLUMN {}", quote_qualified(&kept.to.name), quote_ident(&new.name));
        if old.generated.is_some() && new.generated.is_none() {
            sql.push(format!("{head} DROP EXPRESSION"));
        }
        let retyped = affected.retyped.contains(&(kept.to.name.clone(), new.name.clone()));
        // By now these have none.
        let released = old.default.as_ref().is_some_and(|default| affected.changes(default, own) || retyped);
        match &new.default {
            Some(default) if released || old.default.as_ref() != Some(default) => {
                sql.push(format!("{head} SET DEFAULT {default}"));
            }
            None if old.default.is_some() && !released => sql.push(format!("{head} DROP DEFAULT")),
            _ => {}
        }
        let takes = kept.parent_has_column(&new.name, kept.to);
        if new.not_null != old.not_null {
            sql.push(if new.not_null { set_not_null(kept.to, new) } else { format!("{head} DROP NOT NULL") });
        } else {
            sql.extend(not_null_name(kept, &new.name));
        }
        // An identity wants a column without NULLs.
        if !takes && new.identity != old.identity {
            sql.extend(identity(to, kept, old, new, &head));
        }
        if !takes {
            sql.extend(identity_sequence(from, to, kept, old, new));
        }
    }
    sql
}

fn identity(to: &Catalog, kept: &Kept<'_>, old: &Column, new: &Column, head: &str) -> Option<String> {
    let word = |identity: Identity| match identity {
        Identity::Always => "ALWAYS",
        Identity::ByDefault => "BY DEFAULT",
    };
    let identity = word(new.identity?);
    if old.identity.is_some() {
        return Some(format!("{head} SET GENERATED {identity}"));
    }
    let options = object::identity_sequence(to, kept.to, new).map_or(String::new(), |sequence| {
        let name = quote_qualified(&sequence.name);
        format!(" (SEQUENCE NAME {name}{})", object::sequence_options(sequence))
    });
    Some(format!("{head} ADD GENERATED {identity} AS IDENTITY{options}"))
}

/// The numbers that an identity goes on with, where it is one on both sides.
fn identity_sequence(
    from: &Catalog,
    to: &Catalog,
    kept: &Kept<'_>,
    old: &Column,
    new: &Column,
) -> Option<String> {
    let before = object::identity_sequence(from, kept.from, old)?;
    let wanted = object::identity_sequence(to, kept.to, new)?;
    let options = object::sequence_options(wanted);
    (options != object::sequence_options(before) && before.name == wanted.name)
        .then(|| format!("ALTER SEQUENCE {}{options}", quote_qualified(&wanted.name)))
}

fn not_null_name(kept: &Kept<'_>, column: &str) -> Option<String> {
    let of = |table: &'_ Table| -> Option<Constraint> {
        table.constraints.iter().find(|one| is_not_null(one, column)).cloned()
    };
    let (old, new) = (of(kept.from)?, of(kept.to)?);
    let name = quote_qualified(&kept.to.name);
    (old.name != new.name).then(|| {
        format!(
            "ALTER TABLE {name} RENAME CONSTRAINT {} TO {}",
            quote_ident(&old.name),
            quote_ident(&new.name)
        )
    })
}

/// The columns that are in both tables and are the same ones.
fn both<'a>(kept: &'a Kept<'_>, affected: &'a Affected) -> impl Iterator<Item = (&'a Column, &'a Column)> {
    kept.to.columns.iter().filter(|column| !is_new(kept, affected, column)).filter_map(|new| {
        let old = kept.from.column(&new.name)?;
        Some((old, new))
    })
}

#[cfg(test)]
mod tests {
    use pgsteward_model::migration::Regime;
    use pgsteward_model::version::ServerVersion;

    use super::*;

    #[test]
    fn what_is_made_of_a_column_goes_before_it() {
        let of = |sql: &str| {
            let mut catalog = Catalog::empty(ServerVersion::of_major(14));
            let read = crate::analyze_file(sql, &mut catalog, &mut crate::Births::default(), Regime::Psql);
            assert!(read.errors.is_empty());
            catalog
        };
        let from = of("CREATE TABLE t (a integer, b integer, c integer GENERATED ALWAYS AS (b + 1) STORED);");
        let diff = crate::ddl::diff(&from, &of("CREATE TABLE t (a integer);"));
        let (c, b) = ("ALTER TABLE public.t DROP COLUMN c", "ALTER TABLE public.t DROP COLUMN b");
        assert_eq!(diff.statements, [c, b]);
    }
}
