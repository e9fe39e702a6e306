//! Foreign keys as relations: which tables only join two models, what relations and their fields are called, and
//! in which order a model lists them.
//!
//! Names are made from the database alone; what the schema before called a relation is the business of `model`.

use std::collections::{HashMap, HashSet};

use super::database::{Database, DbForeignKey, DbIndexKind, DbTable};
use super::names;

/// Table and number of a foreign key.
pub(super) type KeyId = (usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The model that holds the key; of a many-to-many relation, the one that column `A` points at.
    Forward,
    Back,
}

/// The relation's name (empty where it needs none), the forward field's and the back field's.
#[derive(Clone, Debug)]
pub(super) struct RelationNames {
    pub(super) relation: String,
    pub(super) forward: String,
    pub(super) back: String,
}

pub(super) struct Relations {
    /// Tables of implicit many-to-many relations.
    pub(super) joins: Vec<usize>,
    /// Foreign keys that are no duplicates, with their names.
    pub(super) inline: HashMap<KeyId, RelationNames>,
    pub(super) many: HashMap<usize, RelationNames>,
    /// For each field, in the order of models' fields: the model's table, the key, the side.
    pub(super) fields: Vec<(usize, KeyId, Side)>,
    /// Likewise for many-to-many relations; the key is the one that points at the other model.
    pub(super) many_fields: Vec<(usize, KeyId, Side)>,
}

pub(super) fn read(database: &Database<'_>) -> Relations {
    let joins: Vec<usize> = (0..database.tables.len()).filter(|at| is_join(database, *at)).collect();
    let reader = Reader { database, joins: &joins };
    let ambiguous = reader.ambiguous();
    let mut relations = Relations {
        joins: Vec::new(),
        inline: HashMap::new(),
        many: HashMap::new(),
        fields: Vec::new(),
        many_fields: Vec::new(),
    };
    for (at, table) in database.tables.iter().enumerate() {
        if joins.contains(&at) {
            relations.many.insert(at, reader.many_names(at, &ambiguous));
            relations.many_fields.extend(many_fields(at, table));
            continue;
        }
        for (key, foreign_key) in table.foreign_keys.iter().enumerate() {
            relations.fields.push((at, (at, key), Side::Forward));
            relations.fields.push((foreign_key.references, (at, key), Side::Back));
            if !is_duplicate(table, key) {
                relations.inline.insert((at, key), reader.inline_names(at, foreign_key, &ambiguous));
            }
        }
    }
    relations.joins = joins;
    relations
}

/// The second of two keys over the same columns to the same columns.
fn is_duplicate(table: &DbTable<'_>, key: usize) -> bool {
    let this = &table.foreign_keys[key];
    table.foreign_keys[..key].iter().any(|other| {
        other.columns == this.columns
            && other.references == this.references
            && other.referenced_columns == this.referenced_columns
    })
}

/// A table that Prisma makes for an implicit many-to-many relation: its name begins with an underscore, it has two
/// foreign keys from the columns `A` and `B`, a unique or primary key over both and an index on `B`; `A` points at
/// the table that comes first.
fn is_join(database: &Database<'_>, at: usize) -> bool {
    let table = &database.tables[at];
    let [first, second] = table.foreign_keys.as_slice() else { return false };
    if !table.name.name.starts_with('_') {
        return false;
    }
    let named = |column: usize, name: &str| table.columns[column].name.eq_ignore_ascii_case(name);
    let starts =
        |key: &DbForeignKey<'_>, name: &str| key.columns.first().is_some_and(|one| named(*one, name));
    let target = |key: &DbForeignKey<'_>| &database.tables[key.references].name.name;
    let both = table.indexes.iter().any(|index| match index.columns.as_slice() {
        [a, b] => index.identifies() && named(a.column, "a") && named(b.column, "b"),
        _ => false,
    });
    let second_column = table.indexes.iter().any(|index| match index.columns.as_slice() {
        [b] => index.kind == DbIndexKind::Plain && named(b.column, "b"),
        _ => false,
    });
    let ordered = (target(first) <= target(second) && starts(first, "a") && starts(second, "b"))
        || (target(second) <= target(first) && starts(first, "b") && starts(second, "a"));
    both && second_column && ordered
}

fn many_fields(at: usize, table: &DbTable<'_>) -> Vec<(usize, KeyId, Side)> {
    let [first, second] = table.foreign_keys.as_slice() else { return Vec::new() };
    let first_is_a =
        first.columns.first().is_some_and(|column| table.columns[*column].name.eq_ignore_ascii_case("a"));
    let ((a, a_key), (b, b_key)) =
        if first_is_a { ((first, 0), (second, 1)) } else { ((second, 1), (first, 0)) };
    vec![(a.references, (at, b_key), Side::Forward), (b.references, (at, a_key), Side::Back)]
}

struct Reader<'a, 'b> {
    database: &'a Database<'a>,
    joins: &'b [usize],
}

impl Reader<'_, '_> {
    fn table_name(&self, at: usize) -> String {
        let name = self.database.tables[at].name;
        names::top_level(&name.name, &name.namespace, true).name
    }

    fn column_name(&self, table: usize, column: usize) -> String {
        names::column(self.database.tables[table].columns[column].name).name
    }

    fn many_names(&self, at: usize, ambiguous: &HashSet<[usize; 2]>) -> RelationNames {
        let table = &self.database.tables[at];
        let pair = joined(table);
        let itself = pair[0] == pair[1];
        let own = table.name.name.get(1..).unwrap_or("");
        let (relation, suffix) = if ambiguous.contains(&pair) {
            (own, table.name.name.as_str())
        } else {
            let usual = format!("{}To{}", self.table_name(pair[0]), self.table_name(pair[1]));
            (if own == usual && !itself { "" } else { own }, "")
        };
        let field = |target: usize, end: &str| {
            format!("{}{suffix}{}", self.table_name(target), if itself { end } else { "" })
        };
        RelationNames {
            relation: relation.to_owned(),
            forward: field(pair[1], "_A"),
            back: field(pair[0], "_B"),
        }
    }

    fn inline_names(
        &self,
        at: usize,
        key: &DbForeignKey<'_>,
        ambiguous: &HashSet<[usize; 2]>,
    ) -> RelationNames {
        let (from, to) = (self.table_name(at), self.table_name(key.references));
        let itself = at == key.references;
        let other = if itself { "other_" } else { "" };
        if !ambiguous.contains(&sorted(at, key.references)) {
            let relation = if itself { format!("{from}To{to}") } else { String::new() };
            return RelationNames { relation, forward: to, back: format!("{other}{from}") };
        }
        let columns: Vec<String> = key.columns.iter().map(|column| self.column_name(at, *column)).collect();
        let relation = format!("{from}_{}To{to}", columns.join("_"));
        RelationNames {
            forward: format!("{to}_{relation}"),
            back: format!("{other}{from}_{relation}"),
            relation,
        }
    }

    /// Pairs of tables between which there is more than one relation, or whose relation's field would have the name
    /// of a column.
    fn ambiguous(&self) -> HashSet<[usize; 2]> {
        let mut found = HashSet::new();
        let tables = &self.database.tables;
        for (at, table) in tables.iter().enumerate() {
            if self.joins.contains(&at) {
                let pair = joined(table);
                let inline = pair.iter().any(|model| {
                    let keys = &tables[*model].foreign_keys;
                    keys.iter().any(|key| sorted(*model, key.references) == pair)
                });
                let twice = self.joins.iter().any(|other| *other != at && joined(&tables[*other]) == pair);
                if inline || twice {
                    found.insert(pair);
                }
                continue;
            }
            for (number, key) in table.foreign_keys.iter().enumerate() {
                let pair = sorted(at, key.references);
                let others = [at, key.references].into_iter().flat_map(|table| {
                    let keys = tables[table].foreign_keys.iter().enumerate();
                    keys.map(move |(number, key)| (table, number, key))
                });
                let distinct = |table: usize, other: usize, other_key: &DbForeignKey<'_>| {
                    (table, other) != (at, number) && (table != at || other_key.columns != key.columns)
                };
                let mut others = others.filter(|(table, other, key)| distinct(*table, *other, key));
                let usual = self.table_name(key.references);
                if others.any(|(table, _, key)| sorted(table, key.references) == pair)
                    || key.columns.iter().any(|column| self.column_name(at, *column) == usual)
                {
                    found.insert(pair);
                }
            }
        }
        found
    }
}

fn sorted(a: usize, b: usize) -> [usize; 2] {
    [a.min(b), a.max(b)]
}

/// The tables that a join table joins.
fn joined(table: &DbTable<'_>) -> [usize; 2] {
    match table.foreign_keys.as_slice() {
        [first, second] => sorted(first.references, second.references),
        _ => [usize::MAX; 2],
    }
}
