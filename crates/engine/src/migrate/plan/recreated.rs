//! A column that a statement drops and adds again with another type, as Prisma writes a change that it knows no cast for. The
//! migration by itself loses the values. Where PostgreSQL converts them, it is read as the change of type that it stands for,
//! which ends in the same catalog; where not, people are told what to write.

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, Column, ConstraintKind, QName, Table};
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::statement::{AddColumn, AlterAction, AlterTable, Name, Statement};
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{Births, ddl, quote_ident, quote_qualified};

use super::change::{self, Place};
use super::deck::{Deck, unsettled};
use super::expand::{is_old, touch_of};
use super::forgotten::Beside;
use super::kept::{Kept, Read};
use super::lossless::{Conversion, conversion, example};
use super::pieces::{Piece, state_before, twin};
use super::readers::speaks;
use super::reworded::Reworded;
use super::sync::is_one_value;
use super::{renamed, rewrite};

/// Reads a migration. `refused` are columns that cannot be kept, and why.
pub(super) fn read(deck: &Deck, script: &str, refused: &BTreeMap<Place, String>) -> Read {
    let turned = renamed::name_last(deck, script);
    let script = turned.as_ref().map_or(script, |(text, _)| text.as_str());
    let facts = deck.facts(&[Piece::new("", script)]);
    let (text, notes) = turned.clone().unzip();
    let mut read = Read { text, notes: notes.unwrap_or_default(), ..Read::default() };
    let Some(file) = facts.history.as_ref().and_then(|history| history.files.first()) else { return read };
    let last = after(deck.catalog.clone(), &file.statements);
    let mut text = Reworded::new(script);
    let mut gone: Vec<QName> = Vec::new();
    for (at, statement) in file.statements.iter().enumerate() {
        if let Some(turn) = Turn::of(deck, script, file, at, &last)
            && let Some(sql) = turn.read(refused, &mut gone, &mut read)
        {
            text.replace(statement, &sql);
        }
        if let Statement::CreateIndex(create) = &statement.statement
            && gone.contains(&QName::new(create.table.qualified().namespace, &create.index.name))
        {
            text.leave_out(statement);
        }
    }
    if !read.kept.is_empty() {
        read.text = Some(text.done());
    }
    read
}

/// The same, but for columns that no second one takes the place of: a change of type under a lock is no gain.
pub(super) fn settle(deck: &mut Deck, script: &str) {
    let mut refused = BTreeMap::new();
    loop {
        deck.read = read(deck, script, &refused);
        let Some(text) = deck.read.text.clone() else { return };
        let mut notes = Vec::new();
        let pieces = rewrite::rewrite(deck, &text, &mut notes);
        let facts = deck.facts(&pieces);
        let still = unsettled(&facts, &pieces).flat_map(|(.., file)| {
            let moving = |one| change::moving(file, one);
            file.statements.iter().flat_map(moving).collect::<Vec<_>>()
        });
        let left: Vec<Place> = still.filter(|place| deck.read.kept.contains_key(place)).collect();
        let parted = if left.is_empty() { deck.read.parted(&deck.catalog) } else { BTreeMap::new() };
        if left.is_empty() && parted.is_empty() {
            return;
        }
        refused.extend(parted);
        for (table, column) in left {
            let start = format!("{}.{column} is left as it is written: ", table.display());
            let reason = notes.iter().find_map(|note| note.strip_prefix(&start));
            let reason = reason.unwrap_or("the statements around it cannot be taken from it");
            refused.insert((table, column), reason.to_owned());
        }
    }
}

pub(super) fn after<'a>(
    mut catalog: Catalog,
    statements: impl IntoIterator<Item = &'a MigrationStatement>,
) -> Catalog {
    let mut births = Births::default();
    for one in statements {
        pgsteward_sql::apply(&mut catalog, &one.statement, &mut births);
    }
    catalog
}

/// A statement on a table that was there before, around its columns that go and come back.
struct Turn<'a> {
    file: &'a MigrationFile,
    at: usize,
    alter: &'a AlterTable,
    /// `ALTER TABLE "Order"`, and the actions, as they are written.
    head: String,
    actions: Vec<String>,
    before: Catalog,
    table: &'a Table,
    /// Just behind it, and at the end of the migration.
    after: Catalog,
    last: &'a Catalog,
    /// What takes back what was set beside definitions.
    settings: &'a BTreeMap<String, String>,
}

impl<'a> Turn<'a> {
    fn of(
        deck: &'a Deck,
        script: &str,
        file: &'a MigrationFile,
        at: usize,
        last: &'a Catalog,
    ) -> Option<Turn<'a>> {
        let statement = file.statements.get(at)?;
        let Statement::AlterTable(alter) = &statement.statement else { return None };
        (0..alter.actions.len()).find_map(|at| twin(alter, at))?;
        let touch = touch_of(statement, &alter.name).filter(|touch| is_old(touch))?;
        let text = script.get(statement.span.start..statement.span.end)?;
        let (head, actions) = pgsteward_rules::migration::alter_parts(text, alter.actions.len())?;
        let before = state_before(&deck.catalog, file, statement);
        let after = after(before.clone(), [statement]);
        let table = touch.before.as_deref()?;
        Some(Turn { file, at, alter, head, actions, before, table, after, last, settings: &deck.settings })
    }

    /// The statements that take its place, where a column keeps its values. `gone` gets the indexes that need not be made again.
    fn read(
        &self,
        refused: &BTreeMap<Place, String>,
        gone: &mut Vec<QName>,
        read: &mut Read,
    ) -> Option<Vec<String>> {
        let turned: Vec<(usize, usize, &AddColumn)> = (0..self.actions.len())
            .filter_map(|at| {
                let twin = twin(self.alter, at)?;
                match self.alter.actions.get(twin) {
                    Some(AlterAction::AddColumn { column, .. }) => Some((at, twin, column)),
                    _ => None,
                }
            })
            .collect();
        let place = |added: &AddColumn| (self.table.name.clone(), added.column.name.clone());
        let conversion = |at: usize, added: &AddColumn| match refused.get(&place(added)) {
            Some(reason) => Err(reason.clone()),
            None => self.conversion(&self.alter.actions[at], added),
        };
        let made: Vec<Result<Conversion, String>> =
            turned.iter().map(|(at, _, added)| conversion(*at, added)).collect();
        let all = turned.iter().zip(&made);
        let lost: Vec<String> =
            all.filter(|(_, made)| made.is_err()).map(|((.., added), _)| added.column.name.clone()).collect();
        let mut sql: Vec<String> = Vec::new();
        for (at, action) in self.actions.iter().enumerate() {
            let own = turned.iter().zip(&made).find(|((drop, add, _), _)| *drop == at || *add == at);
            let Some(((drop, add, added), made)) = own else {
                sql.push(format!("{} {action}", self.head));
                continue;
            };
            if *add == at {
                continue;
            }
            match made {
                Ok(conversion) => {
                    let mut own = self.changed(added, conversion, &lost, gone);
                    self.forget(&place(added), &mut own, read);
                    // What stands on two columns goes once.
                    sql.extend(own.into_iter().filter(|one| !sql.contains(one)).collect::<Vec<_>>());
                    read.notes.push(self.told(added));
                    let (known, made) = self.known(added).zip(self.made(added))?;
                    let (doubt, ty) = (conversion.doubt.clone(), made.ty.clone());
                    let demands = made.not_null && !known.not_null;
                    read.kept.insert(place(added), Kept { doubt, ty, demands });
                }
                Err(reason) => {
                    read.notes.push(self.lost(added, reason));
                    read.lost.insert(place(added));
                    sql.push(format!("{} {},\n{}", self.head, self.actions[*drop], self.actions[*add]));
                }
            }
        }
        (lost.len() < turned.len()).then_some(sql)
    }

    fn known(&self, added: &AddColumn) -> Option<&'a Column> {
        self.table.column(&added.column.name)
    }

    /// The new column, its type as the database knows it.
    fn made(&self, added: &AddColumn) -> Option<&Column> {
        self.after.table(&self.table.name)?.column(&added.column.name)
    }

    /// What makes the values; an error says why nothing does.
    fn conversion(&self, drop: &AlterAction, added: &AddColumn) -> Result<Conversion, String> {
        let no = |why: &str| Err(why.to_owned());
        let (Some(known), Some(made)) = (self.known(added), self.made(added)) else {
            return no("the column is not known");
        };
        let name = &known.name;
        let last = self.last.table(&self.table.name).and_then(|table| table.column(name));
        if matches!(drop, AlterAction::DropColumn { cascade: true, .. }) {
            return no("CASCADE takes along what stands on it");
        }
        if self.is_written(name) {
            return no("the migration fills it itself");
        }
        if last.is_none_or(|last| last.ty != made.ty) {
            return no("a later statement changes the column, or the table's name");
        }
        if added.serial || [known, made].iter().any(|one| one.identity.is_some() || one.generated.is_some()) {
            return no("its values come from a sequence or an expression, before or after");
        }
        let owner = Some((self.table.name.clone(), name.clone()));
        if self.before.sequences.values().any(|sequence| sequence.owned_by == owner) {
            return no("a sequence belongs to it, which goes with it");
        }
        if !known.grants.is_empty() {
            return no("privileges were given on it alone, which go with it");
        }
        if !added.constraints.is_empty() || made.collation.is_some() {
            return no("a constraint or a collation stands in its own words");
        }
        let same = || format!("it has the type {} again", column_type(&made.ty));
        if known.ty == made.ty {
            return Err(same());
        }
        let none =
            || format!("PostgreSQL turns no {} into {}", column_type(&known.ty), column_type(&made.ty));
        let made_of = conversion(name, &known.ty, &made.ty).ok_or_else(none)?;
        let default = made.default.as_deref().filter(|text| is_one_value(text));
        Ok(match default.filter(|_| made.not_null && !known.not_null) {
            Some(default) => made_of.or_default(name, &known.ty, &made.ty, default),
            None => made_of,
        })
    }

    /// Whether a later statement gives it values.
    fn is_written(&self, column: &str) -> bool {
        let own = |name: &Name| name.name == self.table.name.name;
        let later = self.file.statements.get(self.at + 1..).unwrap_or_default();
        later.iter().any(|one| match &one.statement {
            Statement::Update { table, columns, .. } => own(table) && columns.iter().any(|own| own == column),
            Statement::Merge { table, .. } => own(table),
            Statement::Do { body } => speaks(body, &self.table.name.name),
            _ => false,
        })
    }

    /// The statements that take the place of the two actions.
    fn changed(
        &self,
        added: &AddColumn,
        conversion: &Conversion,
        lost: &[String],
        gone: &mut Vec<QName>,
    ) -> Vec<String> {
        let (Some(known), Some(made)) = (self.known(added), self.made(added)) else { return Vec::new() };
        let name = quote_ident(&known.name);
        let alter = |what: &str| format!("{} ALTER COLUMN {name} {what}", self.head);
        let mut sql = self.freed(&known.name, lost, gone);
        // It holds for the old type.
        sql.extend(known.default.as_ref().map(|_| alter("DROP DEFAULT")));
        let default = made.default.as_deref();
        let mut change = format!("TYPE {}", column_type(&made.ty));
        if let Some(using) = &conversion.using {
            change += &format!(" USING ({using})");
        }
        sql.push(alter(&self.as_written(added, &change)));
        sql.extend(match (known.not_null, made.not_null) {
            (false, true) => Some(alter("SET NOT NULL")),
            (true, false) => Some(alter("DROP NOT NULL")),
            _ => None,
        });
        sql.extend(default.map(|default| alter(&format!("SET DEFAULT {default}"))));
        let comment = || format!("COMMENT ON COLUMN {}.{name} IS NULL", self.named(&self.table.name.name));
        sql.extend(known.comment.as_ref().map(|_| comment()));
        sql
    }

    /// What goes with the column, and with a change of its type does not.
    fn forget(&self, place: &Place, sql: &mut Vec<String>, read: &mut Read) {
        let beside = Beside::of(&self.before, self.settings, self.table, &place.1);
        // The author, or a column that loses its values, may have taken them away by then.
        let drop = |name: &QName| format!("DROP STATISTICS IF EXISTS {}", self.beside(name));
        let gone: Vec<String> = beside.statistics.iter().map(|one| drop(&one.name)).collect();
        let action = |action: &&str| format!("{} ALTER COLUMN {} {action}", self.head, quote_ident(&place.1));
        let unset: Vec<String> = beside.unset.iter().map(action).collect();
        read.notes.extend(beside.told());
        read.forgotten.add(place, &gone, &unset);
        sql.splice(0..0, gone);
        sql.extend(unset);
    }

    /// A name that need not be in the table's namespace.
    fn beside(&self, name: &QName) -> String {
        if name.namespace == self.table.name.namespace {
            self.named(&name.name)
        } else {
            quote_qualified(name)
        }
    }

    /// A type of the user's has the namespace that the migration names, or none.
    fn as_written(&self, added: &AddColumn, sql: &str) -> String {
        let resolved = self.made(added).and_then(|made| made.ty.namespace.as_deref());
        match resolved.filter(|_| added.column.ty.namespace.is_none()) {
            Some(namespace) => ddl::unqualified(sql, namespace),
            None => sql.to_owned(),
        }
    }

    /// A name in the namespace that the statement says, or in none.
    fn named(&self, name: &str) -> String {
        match &self.alter.name.namespace {
            Some(namespace) => quote_qualified(&QName::new(namespace, name)),
            None => quote_ident(name),
        }
    }

    /// What stands on the column goes with it; an index that comes back as it was may as well stay, but for one over a column
    /// that is not kept.
    fn freed(&self, column: &str, lost: &[String], gone: &mut Vec<QName>) -> Vec<String> {
        let mut sql = Vec::new();
        let namespace = &self.table.name.namespace;
        let last = self.last.table(&self.table.name);
        let left = self.after.table(&self.table.name);
        for index in self.table.indexes.iter().filter(|index| index.constraint.is_none()) {
            if left.is_some_and(|left| left.index(&index.name) == Some(index)) {
                continue;
            }
            let text = ddl::index(&self.table.name, index, false);
            let of_lost = lost.iter().any(|column| speaks(&text, column));
            if !of_lost && last.is_some_and(|last| last.index(&index.name) == Some(index)) {
                gone.push(QName::new(namespace.clone(), &index.name));
            } else {
                sql.push(format!("DROP INDEX {}", self.named(&index.name)));
            }
        }
        let explicit = |name: &str| {
            self.alter
                .actions
                .iter()
                .any(|action| matches!(action, AlterAction::DropConstraint { name: own, .. } if own == name))
        };
        for constraint in &self.table.constraints {
            let of = match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => {
                    columns.iter().any(|own| own == column)
                }
                ConstraintKind::ForeignKey(key) => key.columns.iter().any(|own| own == column),
                ConstraintKind::Check { expression, columns, .. } if columns.is_empty() => {
                    speaks(expression, column)
                }
                ConstraintKind::Check { columns, .. } => columns.iter().any(|own| own == column),
                ConstraintKind::Exclusion { definition } => speaks(definition, column),
                ConstraintKind::NotNull { .. } => false,
            };
            if of && !explicit(&constraint.name) {
                sql.push(format!("{} DROP CONSTRAINT {}", self.head, quote_ident(&constraint.name)));
            }
        }
        sql
    }

    fn told(&self, added: &AddColumn) -> String {
        let (from, to) = self.types(added);
        let (table, column) = (self.table.name.display(), &added.column.name);
        format!(
            "{table}.{column} keeps its values as {to}, which the migration by itself loses: a version of the application that knows {from} \
             runs until its swap is deployed, one that knows {to} from there on. Until then each value has to be one of {to}; those \
             that are not, or read otherwise, are named before anything changes"
        )
    }

    /// What people are to write.
    fn lost(&self, added: &AddColumn, reason: &str) -> String {
        let (.., to) = self.types(added);
        let (table, name) = (self.table.name.display(), quote_ident(&added.column.name));
        let known = self.known(added).zip(self.made(added));
        let example = known.and_then(|(known, made)| example(&known.name, &known.ty, &made.ty));
        let example = example.map_or_else(String::new, |text| format!(": {text}"));
        format!(
            "{table}.{} is dropped and added again as it is written, and its values are lost: {reason}. To keep them, write in place of DROP \
             COLUMN and ADD COLUMN: ALTER COLUMN {name} TYPE {to} USING (what makes the new value of the old one{example}), and plan again; \
             or ADD COLUMN with another name, fill it, and drop {name} when no version of the application names it",
            added.column.name
        )
    }

    fn types(&self, added: &AddColumn) -> (String, String) {
        let text = |column: Option<&Column>| column.map(|column| column_type(&column.ty)).unwrap_or_default();
        (text(self.known(added)), text(Some(&added.column)))
    }
}
