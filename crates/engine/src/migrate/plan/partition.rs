//! Indexes and keys of partitioned tables. No version of PostgreSQL builds them concurrently on the parent, and before
//! 18 none adds a foreign key there that is NOT VALID: each partition gets its own, and the parent takes them over.

use pgsteward_model::catalog::{Catalog, Constraint, ConstraintKind, Index, QName, Table, TableKind};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_sql::{Births, ddl, quote_ident, quote_qualified};

use super::deck::{Deck, unsettled};
use super::expand::{is_old, touch_of};
use super::guard;
use super::pieces::{Piece, Stands, note, single_actions, stands, state_before};

/// The first piece that builds or checks on all partitions at once, and what it becomes.
pub(super) fn next(
    deck: &Deck,
    facts: &Facts,
    pieces: &[Piece],
    notes: &mut Vec<String>,
) -> Option<(usize, Vec<Piece>)> {
    for (at, piece, file) in unsettled(facts, pieces) {
        let hits: Vec<_> = file.statements.iter().filter(|one| concerns(one)).collect();
        if hits.is_empty() {
            continue;
        }
        let catalog = deck.catalog_after(pieces, at);
        for statement in hits {
            if let Some(parts) = parts(&catalog, piece, file, statement, notes) {
                return Some((at, parts));
            }
        }
    }
    None
}

/// Whether the statement makes an index or a key of a partitioned table that was there before.
fn concerns(statement: &MigrationStatement) -> bool {
    let name = match &statement.statement {
        Statement::CreateIndex(create) if !create.only && !create.concurrently => &create.table,
        Statement::AlterTable(alter) if !alter.only && alter.actions.iter().any(is_key) => &alter.name,
        _ => return false,
    };
    let table =
        touch_of(statement, name).filter(|touch| is_old(touch)).and_then(|touch| touch.before.as_deref());
    table.is_some_and(|table| table.kind == TableKind::Partitioned)
}

fn is_key(action: &AlterAction) -> bool {
    matches!(action, AlterAction::AddConstraint { constraint, using_index: None, .. } if constraint.validated
        && !matches!(constraint.kind, ConstraintKind::Check { .. } | ConstraintKind::NotNull { .. }))
}

fn parts(
    catalog: &Catalog,
    piece: &Piece,
    file: &MigrationFile,
    statement: &MigrationStatement,
    notes: &mut Vec<String>,
) -> Option<Vec<Piece>> {
    // The name that a statement finds in the state before it, which earlier statements of the file may have made.
    let before = state_before(catalog, file, statement);
    let mut after = before.clone();
    pgsteward_sql::apply(&mut after, &statement.statement, &mut Births::default());
    let name = match &statement.statement {
        Statement::CreateIndex(create) => &create.table,
        Statement::AlterTable(alter) => &alter.name,
        _ => return None,
    };
    let tree = Tree::of(&before, &after, &touch_of(statement, name)?.relation)?;
    if let Some(reason) = tree.obstacle() {
        note(notes, format!("{} is changed as it is written: {reason}", tree.root.name.display()));
        return None;
    }
    if let Stands::Among(parts) = stands(piece, file, statement, notes)? {
        return Some(parts);
    }
    let mut guarded = |made: Option<Vec<Piece>>| {
        if made.is_some() {
            note(notes, guard::note(tree.root));
        }
        made
    };
    let Statement::AlterTable(alter) = &statement.statement else {
        return guarded(tree.index());
    };
    if let Some(singles) = single_actions(alter, piece.slice(statement)) {
        return Some(singles.into_iter().map(|text| piece.with(text)).collect());
    }
    let [AlterAction::AddConstraint { constraint, .. }] = alter.actions.as_slice() else { return None };
    match &constraint.kind {
        ConstraintKind::ForeignKey(_) if catalog.version.major() >= 18 => tree.foreign_key_of_parent(),
        ConstraintKind::ForeignKey(_) => guarded(tree.foreign_key(piece.slice(statement))),
        ConstraintKind::PrimaryKey { columns } => Some(match tree.nullable(columns) {
            Some(require) => vec![piece.with(require), piece.clone()],
            None => guarded(tree.key())?,
        }),
        ConstraintKind::Unique { .. } => guarded(tree.key()),
        _ => None,
    }
}

/// A partitioned table with all below it.
struct Tree<'a> {
    root: &'a Table,
    /// Before and after the statement; parents stand before their partitions.
    below: Vec<(&'a Table, &'a Table)>,
    after: &'a Table,
}

impl<'a> Tree<'a> {
    fn of(before: &'a Catalog, after: &'a Catalog, name: &QName) -> Option<Tree<'a>> {
        let mut below: Vec<(&Table, &Table)> = Vec::new();
        let mut open = vec![name];
        while let Some(parent) = open.pop() {
            for table in before.tables.values().map(std::sync::Arc::as_ref) {
                if table.partition_of.as_ref().is_some_and(|of| of.parent == *parent) {
                    below.push((table, after.table(&table.name)?));
                    open.push(&table.name);
                }
            }
        }
        Some(Tree { root: before.table(name)?, below, after: after.table(name)? })
    }

    fn obstacle(&self) -> Option<String> {
        let foreign = self.below.iter().find(|(table, _)| table.kind == TableKind::Foreign)?;
        Some(format!("the rows of its partition {} are on another server", foreign.0.name.display()))
    }

    fn leaves(&self) -> impl Iterator<Item = &(&'a Table, &'a Table)> {
        self.below.iter().filter(|(table, _)| table.kind != TableKind::Partitioned)
    }

    fn parents(&self) -> impl Iterator<Item = &(&'a Table, &'a Table)> {
        self.below.iter().filter(|(table, _)| table.kind == TableKind::Partitioned)
    }

    /// The index without rows on each parent, one built concurrently on each partition that has rows, and all put
    /// together. With the last the parents' become valid.
    fn index(&self) -> Option<Vec<Piece>> {
        let made = new_index(self.root, self.after)?;
        let mut sql = vec![ddl::index_of_parent(&self.root.name, made)];
        for (before, after) in self.parents() {
            sql.push(ddl::index_of_parent(&before.name, new_index(before, after)?));
        }
        let mut pieces = vec![self.first(&made.name, &sql)];
        for (before, after) in self.leaves() {
            let index = new_index(before, after)?;
            pieces.push(built(before, index));
        }
        pieces.push(self.attached(&made.name, false)?);
        Some(pieces)
    }

    /// As an index; each partition has the key first.
    fn key(&self) -> Option<Vec<Piece>> {
        let (made, constraint) = new_key(self.root, self.after)?;
        let mut sql = vec![key_of(self.root, "ONLY ", constraint, made, None)?];
        for (before, after) in self.parents() {
            let (index, constraint) = new_key(before, after)?;
            sql.push(key_of(before, "ONLY ", constraint, index, None)?);
        }
        let mut pieces = vec![self.first(&made.name, &sql)];
        let mut keys = Vec::new();
        for (before, after) in self.leaves() {
            let (index, constraint) = new_key(before, after)?;
            pieces.push(built(before, &Index { constraint: None, ..index.clone() }));
            keys.push(key_of(before, "", constraint, index, Some(&index.name))?);
        }
        if !keys.is_empty() {
            let why = "The indexes become the keys of their partitions.";
            pieces.push(Piece::settled(&format!("keys_{}", made.name), why, &keys));
        }
        pieces.push(self.attached(&made.name, true)?);
        Some(pieces)
    }

    fn first(&self, name: &str, sql: &[String]) -> Piece {
        let why = "On the parent only: it is valid when each partition has its own. Partitions that are made from now on have it.";
        Piece::settled(&format!("parent_{name}"), why, sql)
    }

    fn attached(&self, name: &str, key: bool) -> Option<Piece> {
        let mut sql = Vec::new();
        // From below, so that a parent is whole before it is attached itself.
        for (before, after) in self.below.iter().rev() {
            let parent = before.partition_of.as_ref()?;
            let (above_before, above) = match parent.parent == self.root.name {
                true => (self.root, self.after),
                false => *self.below.iter().find(|(table, _)| table.name == parent.parent)?,
            };
            let own = QName::new(&before.name.namespace, &new_index(before, after)?.name);
            let whole = QName::new(&above.name.namespace, &new_index(above_before, above)?.name);
            sql.push(format!(
                "ALTER INDEX {} ATTACH PARTITION {}",
                quote_qualified(&whole),
                quote_qualified(&own)
            ));
        }
        let whole = QName::new(&self.root.name.namespace, name);
        sql.push(guard::is_valid(&self.root.name, &whole, key));
        Some(Piece::settled(
            &format!("attach_{name}"),
            "The parent takes over the indexes of its partitions, and must have all of them.",
            &sql,
        ))
    }

    /// Each partition gets the key NOT VALID and validates it; the parent takes them over without a look at a row.
    fn foreign_key(&self, add: &str) -> Option<Vec<Piece>> {
        let mut keys = Vec::new();
        let mut validations = Vec::new();
        for (before, after) in self.leaves() {
            let constraint = Constraint { validated: false, ..new_constraint(before, after)?.clone() };
            let ConstraintKind::ForeignKey(key) = &constraint.kind else { return None };
            keys.push(ddl::foreign_key(before, &constraint, key));
            validations.push(validated(before, &constraint));
        }
        let made = new_constraint(self.root, self.after)?;
        let ConstraintKind::ForeignKey(key) = &made.kind else { return None };
        let whole = Piece::settled(
            &format!("key_{}", made.name),
            "The parent takes over the keys of its partitions, which must be there and valid.",
            &[guard::have_keys(&self.root.name, &made.name, key), add.to_owned()],
        );
        if keys.is_empty() {
            return Some(vec![whole]);
        }
        let why = "New rows are checked from now on, old ones by the next migrations.";
        let mut pieces = vec![Piece::settled(&format!("keys_{}", made.name), why, &keys)];
        pieces.extend(validations);
        pieces.push(whole);
        Some(pieces)
    }

    /// From 18 on the parent's key may be NOT VALID.
    fn foreign_key_of_parent(&self) -> Option<Vec<Piece>> {
        let constraint = Constraint { validated: false, ..new_constraint(self.root, self.after)?.clone() };
        let ConstraintKind::ForeignKey(key) = &constraint.kind else { return None };
        let add = ddl::foreign_key(self.root, &constraint, key);
        let why = "New rows are checked from now on, old ones by the next migration.";
        Some(vec![
            Piece::settled(&format!("key_{}", constraint.name), why, &[add]),
            validated(self.root, &constraint),
        ])
    }

    /// What makes the columns of a primary key NOT NULL before it is there, where some are not.
    fn nullable(&self, columns: &[String]) -> Option<String> {
        let open = columns.iter().filter_map(|name| self.root.column(name)).filter(|column| !column.not_null);
        let on = quote_qualified(&self.root.name);
        let sql: Vec<String> = open
            .map(|column| {
                format!("ALTER TABLE {on} ALTER COLUMN {} SET NOT NULL;\n", quote_ident(&column.name))
            })
            .collect();
        (!sql.is_empty()).then(|| sql.concat())
    }
}

fn new_index<'a>(before: &Table, after: &'a Table) -> Option<&'a Index> {
    after.indexes.iter().find(|index| before.index(&index.name).is_none())
}

fn new_constraint<'a>(before: &Table, after: &'a Table) -> Option<&'a Constraint> {
    after.constraints.iter().find(|one| before.constraint(&one.name).is_none())
}

fn new_key<'a>(before: &Table, after: &'a Table) -> Option<(&'a Index, &'a Constraint)> {
    Some((new_index(before, after)?, new_constraint(before, after)?))
}

fn built(table: &Table, index: &Index) -> Piece {
    Piece::settled(
        &format!("index_{}", index.name),
        "The index of one partition, built while all go on.",
        &[ddl::index(&table.name, index, true)],
    )
}

pub(super) fn validated(table: &Table, constraint: &Constraint) -> Piece {
    let (on, name) = (quote_qualified(&table.name), quote_ident(&constraint.name));
    Piece::settled(
        &format!("validate_{}", table.name.name),
        "Reads all rows while all go on.",
        &[format!("ALTER TABLE {on} VALIDATE CONSTRAINT {name}")],
    )
}

/// The key over its columns, or over an index that is there.
pub(super) fn key_of(
    table: &Table,
    only: &str,
    constraint: &Constraint,
    index: &Index,
    using: Option<&str>,
) -> Option<String> {
    let (kind, nulls) = match &constraint.kind {
        ConstraintKind::PrimaryKey { .. } => ("PRIMARY KEY", ""),
        ConstraintKind::Unique { nulls_not_distinct: true, .. } => ("UNIQUE", " NULLS NOT DISTINCT"),
        ConstraintKind::Unique { .. } => ("UNIQUE", ""),
        _ => return None,
    };
    let deferral = ddl::deferral(constraint);
    let over = match using {
        Some(index) => format!("{kind} USING INDEX {}", quote_ident(index)),
        None => {
            let columns: Vec<String> =
                index.keys.iter().filter_map(|key| key.column.as_deref().map(quote_ident)).collect();
            let include: Vec<String> = index.include.iter().map(|name| quote_ident(name)).collect();
            let include = match include.is_empty() {
                true => String::new(),
                false => format!(" INCLUDE ({})", include.join(", ")),
            };
            format!("{kind}{nulls} ({}){include}{}", columns.join(", "), ddl::with_options(&index.options))
        }
    };
    let (on, name) = (quote_qualified(&table.name), quote_ident(&constraint.name));
    Some(format!("ALTER TABLE {only}{on} ADD CONSTRAINT {name} {over}{deferral}"))
}
