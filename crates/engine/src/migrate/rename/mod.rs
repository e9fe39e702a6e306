//! Renames: what Prisma sees as a table or column that goes and another one that comes.
//!
//! A rename is asked for (`--rename Old.field=new`) or guessed and confirmed; it is never assumed. Here a wish
//! becomes statements; the rest (names of constraints and indexes) the difference of the two catalogs writes
//! once the statements have run in the lab, because Prisma does know renamed indexes and keys. Talks to no
//! server.

mod guess;

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::prisma::{Model, PrismaSchema};

use super::error::MigrateError;
pub use guess::{Guess, code_uses, guesses};

/// `Old=New` or `Old.field=new`, as written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub model: String,
    pub field: Option<String>,
    pub to: String,
}

/// One rename of an object in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renaming {
    Table {
        from: QName,
        to: String,
    },
    /// The table by its new name.
    Column {
        table: QName,
        from: String,
        to: String,
    },
    Enum {
        from: QName,
        to: String,
    },
    Sequence {
        from: QName,
        to: String,
    },
    /// The two columns of a many-to-many table change places: `A` is the model that comes first in the alphabet.
    SwapJoinColumns {
        table: QName,
    },
}

impl Wish {
    pub fn parse(text: &str) -> Result<Wish, MigrateError> {
        let wrong = || {
            MigrateError::new(format!("--rename \"{text}\" names no rename")).with_hint(
                "write --rename Old=New for a model or an enum, --rename Model.old=new for a field",
            )
        };
        let (from, to) = text.split_once('=').ok_or_else(wrong)?;
        let (model, field) = match from.split_once('.') {
            Some((model, field)) => (model.trim(), Some(field.trim())),
            None => (from.trim(), None),
        };
        let to = to.trim();
        // `Old.a=Old.b` is what people write as well.
        let to = match (field, to.split_once('.')) {
            (Some(_), Some((_, name))) => name,
            _ => to,
        };
        if model.is_empty() || to.is_empty() || field == Some("") {
            return Err(wrong());
        }
        Ok(Wish { model: model.to_owned(), field: field.map(str::to_owned), to: to.to_owned() })
    }
}

/// The renames that the wishes mean, in the order in which they must run: enums and tables, then columns, then
/// what hangs on them. `from` is the catalog of the history, `to` the schema's.
pub fn resolve(
    wishes: &[Wish],
    from: &Catalog,
    to: &Catalog,
    schema: &PrismaSchema,
) -> Result<Vec<Renaming>, MigrateError> {
    let mut resolver = Resolver { from, to, schema, tables: BTreeMap::new(), models: BTreeMap::new() };
    let mut out = Vec::new();
    for wish in wishes.iter().filter(|wish| wish.field.is_none()) {
        out.extend(resolver.whole(wish)?);
    }
    let mut columns = Vec::new();
    for wish in wishes {
        if let Some(field) = &wish.field {
            columns.push(resolver.column(wish, field)?);
        }
    }
    let joins = resolver.join_tables();
    let sequences = resolver.sequences(&columns);
    out.extend(columns);
    out.extend(joins);
    out.extend(sequences);
    Ok(out)
}

struct Resolver<'a> {
    from: &'a Catalog,
    to: &'a Catalog,
    schema: &'a PrismaSchema,
    /// New name → old name of each renamed table.
    tables: BTreeMap<QName, QName>,
    /// New name → old name of each renamed model.
    models: BTreeMap<&'a str, String>,
}

impl<'a> Resolver<'a> {
    fn whole(&mut self, wish: &Wish) -> Result<Option<Renaming>, MigrateError> {
        if let Some(definition) =
            self.schema.enums.iter().find(|one| one.name == wish.to || one.db_name == wish.to)
        {
            let new = QName::new(definition.namespace.as_deref().unwrap_or("public"), &definition.db_name);
            let old = QName::new(&new.namespace, &wish.model);
            if self.from.enums.contains_key(&old) && !self.from.enums.contains_key(&new) {
                return Ok(Some(Renaming::Enum { from: old, to: new.name }));
            }
        }
        let Some(model) = self.model(&wish.to) else {
            return Err(self.unknown(wish, &format!("the schema has no model or enum \"{}\"", wish.to)));
        };
        let new = table_of(model);
        self.models.insert(&model.name, wish.model.clone());
        if self.from.tables.contains_key(&new) {
            // `@@map` keeps the table; only tables of many-to-many relations bear the model's name.
            return Ok(None);
        }
        let old = QName::new(&new.namespace, &wish.model);
        if !self.from.tables.contains_key(&old) {
            return Err(self.unknown(wish, &format!("the migrations make no table \"{}\"", old.display())));
        }
        if self.to.tables.contains_key(&old) {
            return Err(self.unknown(wish, &format!("the schema still has the table \"{}\"", old.display())));
        }
        self.tables.insert(new.clone(), old.clone());
        Ok(Some(Renaming::Table { from: old, to: new.name }))
    }

    fn column(&self, wish: &Wish, field: &str) -> Result<Renaming, MigrateError> {
        // The model is named as it is now, as it was, or by its table.
        let model = self
            .model(&wish.model)
            .or_else(|| {
                let new = self.models.iter().find(|(_, old)| **old == wish.model).map(|(new, _)| *new)?;
                self.schema.model(new)
            })
            .ok_or_else(|| self.unknown(wish, &format!("the schema has no model \"{}\"", wish.model)))?;
        let new_table = table_of(model);
        let old_table = self.tables.get(&new_table).unwrap_or(&new_table);
        let Some(table) = self.from.table(old_table) else {
            return Err(
                self.unknown(wish, &format!("the migrations make no table \"{}\"", old_table.display()))
            );
        };
        if table.column(field).is_none() {
            return Err(self
                .unknown(wish, &format!("the table \"{}\" has no column \"{field}\"", old_table.display())));
        }
        let to = match model.field(&wish.to).or_else(|| model.field_of_column(&wish.to)) {
            Some(field) if field.is_column() => field.db_name.clone(),
            _ => {
                return Err(
                    self.unknown(wish, &format!("model \"{}\" has no field \"{}\"", model.name, wish.to))
                );
            }
        };
        if table.column(&to).is_some() {
            return Err(
                self.unknown(wish, &format!("the table \"{}\" has a column \"{to}\"", old_table.display()))
            );
        }
        if model.field_of_column(field).is_some() {
            return Err(self.unknown(wish, &format!("model \"{}\" still has \"{field}\"", model.name)));
        }
        Ok(Renaming::Column { table: new_table, from: field.to_owned(), to })
    }

    fn model(&self, name: &str) -> Option<&'a Model> {
        self.schema
            .model(name)
            .or_else(|| self.schema.models.iter().find(|model| model.db_name == name))
            .filter(|model| !model.view)
    }

    fn unknown(&self, wish: &Wish, why: &str) -> MigrateError {
        let from = match &wish.field {
            Some(field) => format!("{}.{field}", wish.model),
            None => wish.model.clone(),
        };
        MigrateError::new(format!("--rename {from}={} is not possible: {why}", wish.to)).with_hint(
            "name the old table or column as the database has it and the new one as the schema has it",
        )
    }

    /// The tables of many-to-many relations bear the names of their models, and their columns the order of these.
    fn join_tables(&self) -> Vec<Renaming> {
        let mut out = Vec::new();
        for relation in pgsteward_prisma::many_to_many(self.schema) {
            let old = |name: &'a str| -> String {
                self.models.get(name).cloned().unwrap_or_else(|| name.to_owned())
            };
            let (a, b) = (relation.a.name.as_str(), relation.b.name.as_str());
            let (old_a, old_b) = (old(a), old(b));
            let swapped = a != b && old_a > old_b;
            let (first, second) = if swapped { (&old_b, &old_a) } else { (&old_a, &old_b) };
            let by_default = relation.name == format!("{a}To{b}");
            let old_relation =
                if by_default { format!("{first}To{second}") } else { relation.name.to_string() };
            let namespace = relation.a.namespace.as_deref().unwrap_or("public");
            let table = |relation: &str| QName::new(namespace, cut(&format!("_{relation}")));
            let (old_table, new_table) = (table(&old_relation), table(&relation.name));
            if !self.from.tables.contains_key(&old_table) {
                continue;
            }
            if old_table != new_table && !self.from.tables.contains_key(&new_table) {
                out.push(Renaming::Table { from: old_table, to: new_table.name.clone() });
            }
            if swapped {
                out.push(Renaming::SwapJoinColumns { table: new_table });
            }
        }
        out
    }

    /// Sequences of `serial` columns bear the names of table and column too.
    fn sequences(&self, columns: &[Renaming]) -> Vec<Renaming> {
        let mut out = Vec::new();
        for sequence in self.from.sequences.values() {
            let Some((table, column)) = &sequence.owned_by else { continue };
            let new_table = self.tables.iter().find(|(_, old)| *old == table).map_or(table, |(new, _)| new);
            let new_column = columns
                .iter()
                .find_map(|renaming| match renaming {
                    Renaming::Column { table, from, to } if table == new_table && from == column => Some(to),
                    _ => None,
                })
                .unwrap_or(column);
            if new_table == table && new_column == column {
                continue;
            }
            let wanted = self.to.sequences.values().find(|wanted| {
                wanted
                    .owned_by
                    .as_ref()
                    .is_some_and(|(table, column)| table == new_table && column == new_column)
            });
            if let Some(wanted) = wanted.filter(|wanted| wanted.name != sequence.name) {
                out.push(Renaming::Sequence { from: sequence.name.clone(), to: wanted.name.name.clone() });
            }
        }
        out
    }
}

/// The migration's part of the renames, each under a comment as Prisma's steps have them. Without a line end
/// behind it.
pub fn sql(renamings: &[Renaming]) -> String {
    renamings.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

fn block(renaming: &Renaming) -> String {
    match renaming {
        Renaming::Table { from, to } => {
            format!("-- RenameTable\nALTER TABLE {} RENAME TO {};", qualified(from), quote(to))
        }
        Renaming::Column { table, from, to } => format!(
            "-- RenameColumn\nALTER TABLE {} RENAME COLUMN {} TO {};",
            qualified(table),
            quote(from),
            quote(to)
        ),
        Renaming::Enum { from, to } => {
            format!("-- RenameEnum\nALTER TYPE {} RENAME TO {};", qualified(from), quote(to))
        }
        Renaming::Sequence { from, to } => {
            format!("-- RenameSequence\nALTER SEQUENCE {} RENAME TO {};", qualified(from), quote(to))
        }
        Renaming::SwapJoinColumns { table } => {
            let table = qualified(table);
            format!(
                "-- RenameColumn\nALTER TABLE {table} RENAME COLUMN \"A\" TO \"A_old\";\n\
                 ALTER TABLE {table} RENAME COLUMN \"B\" TO \"A\";\n\
                 ALTER TABLE {table} RENAME COLUMN \"A_old\" TO \"B\";"
            )
        }
    }
}

impl Renaming {
    /// For people: `table "Old" to "New"`.
    pub fn words(&self) -> String {
        match self {
            Renaming::Table { from, to } => format!("table \"{}\" to \"{to}\"", from.display()),
            Renaming::Column { table, from, to } => {
                format!("column \"{from}\" of \"{}\" to \"{to}\"", table.display())
            }
            Renaming::Enum { from, to } => format!("enum \"{}\" to \"{to}\"", from.display()),
            Renaming::Sequence { from, to } => format!("sequence \"{}\" to \"{to}\"", from.display()),
            Renaming::SwapJoinColumns { table } => {
                format!("columns \"A\" and \"B\" of \"{}\" for each other", table.display())
            }
        }
    }
}

fn table_of(model: &Model) -> QName {
    QName::new(model.namespace.as_deref().unwrap_or("public"), &model.db_name)
}

/// Prisma quotes every name, and so does what stands beside its SQL.
fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn qualified(name: &QName) -> String {
    match name.namespace.as_str() {
        "public" => quote(&name.name),
        namespace => format!("{}.{}", quote(namespace), quote(&name.name)),
    }
}

/// PostgreSQL cuts names at 63 bytes.
fn cut(name: &str) -> &str {
    &name[..name.floor_char_boundary(63)]
}
