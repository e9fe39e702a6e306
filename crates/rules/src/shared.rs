//! What several groups of rules need: where an object stands in the Prisma schema, and the steps that make
//! or drop an index without stopping writes.

use std::cell::RefCell;
use std::rc::Rc;

use pgsteward_model::catalog::{Constraint, Index, QName, Table, TableKind};
use pgsteward_model::change::{PrismaEdit, Rollback, Step};
use pgsteward_model::facts::Facts;
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::prisma::{At, Model, ModelKey};
use pgsteward_model::source::FileRange;
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_name};
use rustc_hash::FxHashMap;

/// Identifiers longer than this are cut by the server (`NAMEDATALEN` - 1), in bytes.
pub(crate) const MAX_IDENTIFIER: usize = 63;

pub(crate) fn range(facts: &Facts, at: &At) -> FileRange {
    facts.sources.range(&at.file, at.span)
}

/// The model that maps a table.
pub(crate) fn model_of<'a>(facts: &'a Facts, table: &QName) -> Option<&'a Model> {
    facts.prisma.as_ref()?.model_of_table(&table.namespace, &table.name)
}

/// The table, and the name of its model where there is one.
pub(crate) fn table_place(facts: &Facts, table: &Table) -> Place {
    Place::object(table.object())
        .with_file(model_of(facts, &table.name).map(|model| range(facts, &model.name_at)))
}

/// The column, and its field where a model maps it.
pub(crate) fn column_place(facts: &Facts, table: &Table, column: &str) -> Place {
    let field = model_of(facts, &table.name).and_then(|model| model.field_of_column(column));
    let place = Place::object(table.column_object(column)).with_file(table_place(facts, table).file);
    place.with_file(field.map(|field| range(facts, &field.at)))
}

/// A foreign key, and the relation field that declares it.
pub(crate) fn foreign_key_place(
    facts: &Facts,
    table: &Table,
    constraint: &Constraint,
    columns: &[String],
) -> Place {
    let model = model_of(facts, &table.name);
    let field = model.and_then(|model| {
        let fields = fields_of(model, columns)?;
        model
            .fields
            .iter()
            .find(|field| field.relation.as_ref().is_some_and(|relation| relation.fields == fields))
    });
    let object = table.part(ObjectKind::ForeignKey, &constraint.name);
    let place = Place::object(object).with_file(table_place(facts, table).file);
    place.with_file(field.map(|field| range(facts, &field.at)))
}

/// An index, and the attribute that declares it.
pub(crate) fn index_place(facts: &Facts, table: &Table, index: &Index) -> Place {
    let attribute = model_of(facts, &table.name).and_then(|model| {
        let columns: Vec<String> = index.leading_columns().into_iter().map(str::to_owned).collect();
        let fields = fields_of(model, &columns)?;
        let keys = if index.unique { &model.uniques } else { &model.indexes };
        keys.iter().find(|key| {
            let same_fields =
                key.fields.iter().map(|field| field.field.as_str()).eq(fields.iter().map(String::as_str));
            same_fields && key.map.as_ref().is_none_or(|map| *map == index.name)
        })
    });
    let object = table.part(ObjectKind::Index, &index.name);
    let place = Place::object(object).with_file(table_place(facts, table).file);
    place.with_file(attribute.map(|key| range(facts, &key.at)))
}

/// Field names of columns, if the model has them all.
pub(crate) fn fields_of(model: &Model, columns: &[String]) -> Option<Vec<String>> {
    columns.iter().map(|column| Some(model.field_of_column(column)?.name.clone())).collect()
}

/// The name that Prisma gives an index: table and columns joined by `_`, cut so that the suffix fits.
pub(crate) fn default_index_name(table: &str, columns: &[String], suffix: &str) -> String {
    let mut stem = format!("{table}_{}", columns.join("_"));
    let room = MAX_IDENTIFIER - suffix.len();
    if stem.len() > room {
        let mut cut = room;
        while !stem.is_char_boundary(cut) {
            cut -= 1;
        }
        stem.truncate(cut);
    }
    stem + suffix
}

/// Steps that add a b-tree index without blocking writes, with the Prisma edit where a model maps the
/// table, and the steps that take it away again. A partitioned table gets its index piece by piece, because
/// `CONCURRENTLY` is refused on the parent.
pub(crate) fn add_index(facts: &Facts, table: &Table, columns: &[String]) -> (Vec<Step>, Rollback) {
    let catalog = facts.catalog();
    let taken = |name: &str| {
        let name = QName::new(table.name.namespace.clone(), name);
        catalog.is_some_and(|catalog| {
            catalog.index(&name).is_some()
                || catalog.tables.contains_key(&name)
                || catalog.views.contains_key(&name)
        })
    };
    let default = default_index_name(&table.name.name, columns, "_idx");
    let name = std::iter::once(default.clone())
        .chain((1..).map(|n| default_index_name(&table.name.name, columns, &format!("_idx{n}"))))
        .find(|name| !taken(name))
        .unwrap_or(default.clone());
    let list = columns.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    let index = QName::new(table.name.namespace.clone(), name.clone());
    let mut steps = Vec::new();
    if table.kind == TableKind::Partitioned {
        steps.push(Step::sql(format!(
            "CREATE INDEX {} ON ONLY {} ({list})",
            quote_ident(&name),
            quote_name(&table.name)
        )));
        let partitions = catalog.into_iter().flat_map(|catalog| catalog.tables.values()).filter(|child| {
            child.partition_of.as_ref().is_some_and(|partition| partition.parent == table.name)
        });
        for child in partitions {
            let part = default_index_name(&child.name.name, columns, "_idx");
            let part_name = QName::new(child.name.namespace.clone(), part.clone());
            steps.push(Step::sql_alone(format!(
                "CREATE INDEX CONCURRENTLY {} ON {} ({list})",
                quote_ident(&part),
                quote_name(&child.name)
            )));
            steps.push(Step::sql(format!(
                "ALTER INDEX {} ATTACH PARTITION {}",
                quote_name(&index),
                quote_name(&part_name)
            )));
        }
    } else {
        steps.push(Step::sql_alone(format!(
            "CREATE INDEX CONCURRENTLY {} ON {} ({list})",
            quote_ident(&name),
            quote_name(&table.name)
        )));
    }
    if let Some(model) = model_of(facts, &table.name)
        && let Some(fields) = fields_of(model, columns)
    {
        let map = if name == default { String::new() } else { format!(", map: \"{name}\"") };
        steps.push(Step::Prisma(PrismaEdit::AddBlockAttribute {
            model: model.name.clone(),
            attribute: format!("@@index([{}]{map})", fields.join(", ")),
        }));
    }
    let drop = if table.kind == TableKind::Partitioned {
        Step::sql(format!("DROP INDEX {}", quote_name(&index)))
    } else {
        Step::sql_alone(format!("DROP INDEX CONCURRENTLY {}", quote_name(&index)))
    };
    (steps, Rollback::Steps(vec![drop]))
}

/// The attribute of the Prisma schema that makes exactly this index: the same fields, and its name, written
/// or Prisma's own.
pub(crate) fn declaration_of<'a>(facts: &'a Facts, table: &Table, index: &Index) -> Option<&'a ModelKey> {
    let model = model_of(facts, &table.name)?;
    let columns: Vec<String> = index.leading_columns().into_iter().map(str::to_owned).collect();
    if columns.len() != index.keys.len() {
        return None;
    }
    let fields = fields_of(model, &columns)?;
    let (keys, suffix) = if index.unique { (&model.uniques, "_key") } else { (&model.indexes, "_idx") };
    keys.iter().find(|key| {
        let same_fields =
            key.fields.iter().map(|field| field.field.as_str()).eq(fields.iter().map(String::as_str));
        let name = key.map.clone().unwrap_or_else(|| default_index_name(&model.db_name, &columns, suffix));
        same_fields && name == index.name
    })
}

/// Steps that take an index away without stopping anyone, with the Prisma edit where the schema declares
/// it, and the steps that make it again. None for an index that a constraint owns, and for one of a
/// partitioned table, where `CONCURRENTLY` is refused.
pub(crate) fn drop_index(facts: &Facts, table: &Table, index: &Index) -> Option<(Vec<Step>, Rollback)> {
    if index.constraint.is_some() || table.kind != TableKind::Ordinary || table.partition_of.is_some() {
        return None;
    }
    let name = QName::new(table.name.namespace.clone(), index.name.clone());
    let mut steps = vec![Step::sql_alone(format!("DROP INDEX CONCURRENTLY {}", quote_name(&name)))];
    if let Some(key) = declaration_of(facts, table, index) {
        steps.push(Step::Prisma(PrismaEdit::Remove { file: key.at.file.clone(), span: key.at.span }));
    }
    let mut back = vec![Step::sql_alone(ddl::index(&table.name, index, true))];
    if let Some(comment) = &index.comment {
        back.push(Step::sql(format!("COMMENT ON INDEX {} IS {}", quote_name(&name), quote_literal(comment))));
    }
    Some((steps, Rollback::Steps(back)))
}

/// `"a"`, `"a" and "b"`, `"a", "b" and "c"`.
pub(crate) fn quoted_list<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.as_ref())).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The words of a name: `unitPrice`, `unit_price` and `UnitPrice` are `unit`, `price`. Lower case.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    any_word(name, |word| {
        words.push(word.to_owned());
        false
    });
    words
}

/// The same words, kept: a schema has hundreds of names, and of thousands of calls each is asked for again and again.
pub(crate) fn kept_words(name: &str) -> Rc<[String]> {
    /// More names than schemas have: what asks for the words of texts must not fill the memory.
    const MOST: usize = 20_000;
    thread_local! {
        static KNOWN: RefCell<FxHashMap<String, Rc<[String]>>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(words) = known.get(name) {
            return words.clone();
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.entry(name.to_owned()).or_insert_with(|| words(name).into()).clone()
    })
}

/// Whether one of the [`words`] of a name is one: without keeping them, for names of which there are thousands.
pub(crate) fn any_word(name: &str, mut is: impl FnMut(&str) -> bool) -> bool {
    if name.is_ascii() {
        return any_ascii_word(name, is);
    }
    let mut word = String::with_capacity(16);
    let mut previous = '_';
    let mut characters = name.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_alphanumeric() {
            previous = '_';
            continue;
        }
        let next_is_lower = characters.peek().is_some_and(|next| next.is_lowercase());
        let starts = !previous.is_alphanumeric()
            || (character.is_uppercase() && (!previous.is_uppercase() || next_is_lower))
            || (character.is_numeric() != previous.is_numeric());
        if starts && !word.is_empty() {
            if is(&word) {
                return true;
            }
            word.clear();
        }
        if character.is_ascii() {
            word.push(character.to_ascii_lowercase());
        } else {
            word.extend(character.to_lowercase());
        }
        previous = character;
    }
    !word.is_empty() && is(&word)
}

/// The same for nearly all names there are, a byte at a time.
fn any_ascii_word(name: &str, mut is: impl FnMut(&str) -> bool) -> bool {
    let lower = name.to_ascii_lowercase();
    let bytes = name.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let previous = if at > 0 { bytes[at - 1] } else { b'_' };
        let starts = !byte.is_ascii_alphanumeric()
            || !previous.is_ascii_alphanumeric()
            || byte.is_ascii_uppercase()
                && (!previous.is_ascii_uppercase() || bytes.get(at + 1).is_some_and(u8::is_ascii_lowercase))
            || byte.is_ascii_digit() != previous.is_ascii_digit();
        if starts {
            if start < at && is(&lower[start..at]) {
                return true;
            }
            start = if byte.is_ascii_alphanumeric() { at } else { at + 1 };
        }
    }
    start < lower.len() && is(&lower[start..])
}

/// An object that stands for the index a statement makes or drops.
pub(crate) fn index_object(table: &QName, index: &str) -> ObjectRef {
    ObjectRef::of_relation(ObjectKind::Index, &table.namespace, &table.name, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_style() {
        assert_eq!(words("unitPrice"), ["unit", "price"]);
        assert_eq!(words("unit_price"), ["unit", "price"]);
        assert_eq!(words("HTTPServerURL"), ["http", "server", "url"]);
        assert_eq!(words("phone1"), ["phone", "1"]);
    }

    #[test]
    fn index_names_are_cut_before_the_suffix() {
        let name = default_index_name(&"t".repeat(80), &["a".into()], "_idx");
        assert_eq!(name.len(), MAX_IDENTIFIER);
        assert!(name.ends_with("_idx"));
        assert_eq!(default_index_name("Order", &["vendorId".into()], "_idx"), "Order_vendorId_idx");
    }

    #[test]
    fn lists_read_like_prose() {
        assert_eq!(quoted_list(&["a"]), "\"a\"");
        assert_eq!(quoted_list(&["a", "b", "c"]), "\"a\", \"b\" and \"c\"");
    }
}
