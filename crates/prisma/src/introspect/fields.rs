//! Columns as fields: type, arity, attributes.

use pgsteward_model::prisma::{Arity, DefaultValue};

use super::database::{DbArity, DbColumn, DbIndex, DbIndexKind, DbTable};
use super::defaults::{self, Default};
use super::matching::Matching;
use super::names::{self, Named, quoted};
use super::previous::OldField;
use super::text::{call, member, named_text};
use super::types::Family;
use crate::calculate::names as constraint_names;
use crate::schema::operator_classes;

const UNNAMED: &str = "This field was commented out because of an invalid name. Please provide a valid one that matches [a-zA-Z][a-zA-Z0-9_]*";

/// A column with what the schema before said of it.
pub(super) struct Column<'a> {
    pub(super) matching: &'a Matching<'a>,
    /// The datasource's name, which native types begin with.
    pub(super) source: &'a str,
    pub(super) column: &'a DbColumn<'a>,
    pub(super) old: Option<OldField<'a>>,
    pub(super) named: Named,
    pub(super) in_view: bool,
}

impl Column<'_> {
    /// The field's name; a name that cannot be cleaned is shown as it is, in a comment.
    pub(super) fn name(&self) -> String {
        if self.named.name.is_empty() { self.column.name.to_owned() } else { self.named.name.clone() }
    }

    pub(super) fn unnamed(&self) -> bool {
        names::cleaned(self.column.name).is_empty()
    }

    fn arity(&self) -> DbArity {
        // A view's columns may all be null to the server; the schema may know better.
        let kept = self.old.filter(|_| self.in_view && self.column.arity == DbArity::Nullable);
        match kept.map(|old| old.field.arity) {
            Some(Arity::Required) => DbArity::Required,
            Some(Arity::List) => DbArity::List,
            _ => self.column.arity,
        }
    }

    /// The type's name without its arity.
    pub(super) fn type_name(&self) -> String {
        match &self.column.family {
            Family::Enum(name) => {
                let at = self.matching.enum_position(name);
                at.map_or_else(|| name.name.clone(), |at| self.matching.enum_name(at).name)
            }
            Family::Unsupported(name) => name.clone(),
            family => family.scalar().unwrap_or_default().to_owned(),
        }
    }

    /// The whole line. `keys` are the attributes of keys over this column alone.
    pub(super) fn render(&self, keys: Vec<String>) -> String {
        let suffix = match self.arity() {
            DbArity::Required => "",
            DbArity::Nullable => "?",
            DbArity::List => "[]",
        };
        let ty = self.type_name();
        let ty = match &self.column.family {
            Family::Unsupported(_) => format!("Unsupported({}){suffix}", quoted(&ty)),
            _ => format!("{ty}{suffix}"),
        };
        let mut words = vec![self.name(), ty];
        if self.old.is_some_and(|old| old.field.updated_at) {
            words.push("@updatedAt".into());
        }
        words.extend(keys);
        words.extend(self.default().map(|value| format!("@default({value})")));
        words.extend(self.named.map.as_deref().map(|map| format!("@map({})", quoted(map))));
        if let Some(native) = &self.column.native {
            let arguments: Vec<String> = native.arguments.iter().map(u32::to_string).collect();
            words.push(call(&format!("@{}.{}", self.source, native.name), &arguments));
        }
        if self.old.is_some_and(|old| old.field.ignored) {
            words.push("@ignore".into());
        }
        let mut docs = self.old.and_then(|old| old.documentation());
        if self.unnamed() {
            docs = Some(docs.map_or_else(|| UNNAMED.to_owned(), |docs| format!("{docs}\n{UNNAMED}")));
        }
        member(docs.as_deref(), self.unnamed(), &words)
    }

    fn default(&self) -> Option<String> {
        match &self.column.default {
            Some(Default::EnumValue(value)) => {
                let Family::Enum(name) = &self.column.family else { return None };
                let named = self.matching.enum_value(self.matching.enum_position(name)?, value);
                Some(if named.name.is_empty() { generated(value) } else { named.name })
            }
            Some(default) => Some(written(default)),
            None if matches!(self.column.family, Family::String | Family::Uuid) => {
                match &self.old?.field.default.as_ref()?.value {
                    DefaultValue::Client { function, arguments } if function != "auto" => {
                        Some(format!("{function}({})", arguments.join(", ")))
                    }
                    _ => None,
                }
            }
            None => None,
        }
    }
}

fn written(default: &Default) -> String {
    match default {
        Default::Autoincrement => "autoincrement()".into(),
        Default::Now => "now()".into(),
        Default::Text(text) => quoted(text),
        Default::Number(digits) => digits.clone(),
        Default::Boolean(value) => value.to_string(),
        Default::EnumValue(value) => value.clone(),
        Default::Bytes(bytes) => quoted(&defaults::base64(bytes)),
        Default::List(values) => format!("[{}]", values.iter().map(written).collect::<Vec<_>>().join(", ")),
        Default::Expression(text) => generated(text),
    }
}

fn generated(text: &str) -> String {
    if text.is_empty() { "dbgenerated()".into() } else { format!("dbgenerated({})", quoted(text)) }
}

/// `@id` and `@unique` of a column that is a key by itself.
pub(super) fn own_keys(table: &DbTable<'_>, column: usize) -> Vec<String> {
    let alone = |kind: DbIndexKind| {
        table.indexes.iter().find(|index| {
            index.kind == kind && matches!(index.columns.as_slice(), [only] if only.column == column)
        })
    };
    let sort = |index: &DbIndex<'_>| {
        index.columns.iter().any(|column| column.descending).then(|| "sort: Desc".to_owned())
    };
    let mut attributes = Vec::new();
    if let Some(index) = alone(DbIndexKind::Unique) {
        let mut arguments: Vec<String> = map_of(table, index).into_iter().collect();
        arguments.extend(sort(index));
        arguments.extend(index.predicate.as_deref().map(filter));
        attributes.push(call("@unique", &arguments));
    }
    if let Some(index) = alone(DbIndexKind::Primary) {
        let mut arguments: Vec<String> = sort(index).into_iter().collect();
        arguments.extend(map_of(table, index));
        attributes.push(call("@id", &arguments));
    }
    attributes
}

pub(super) fn filter(predicate: &str) -> String {
    format!("where: raw({})", quoted(predicate))
}

/// `map: "…"`, unless the index is called as Prisma would call it.
pub(super) fn map_of(table: &DbTable<'_>, index: &DbIndex<'_>) -> Option<String> {
    let columns: Vec<String> =
        index.columns.iter().map(|column| table.columns[column.column].name.to_owned()).collect();
    let usual = match index.kind {
        DbIndexKind::Primary => constraint_names::primary_key(&table.name.name),
        DbIndexKind::Unique => constraint_names::unique(&table.name.name, &columns),
        DbIndexKind::Plain => constraint_names::index(&table.name.name, &columns),
    };
    (index.name != usual).then(|| named_text("map", index.name))
}

/// `[a, b(sort: Desc)]` of a block attribute, by the fields' names.
pub(super) fn key_fields(index: &DbIndex<'_>, name: impl Fn(usize) -> String) -> String {
    let fields: Vec<String> = index
        .columns
        .iter()
        .map(|column| {
            let mut options = Vec::new();
            if column.descending {
                options.push("sort: Desc".to_owned());
            }
            options.extend(column.operator_class.map(|class| match operator_classes::schema_name(class) {
                Some(known) => format!("ops: {known}"),
                None => format!("ops: raw({})", quoted(class)),
            }));
            call(&name(column.column), &options)
        })
        .collect();
    format!("[{}]", fields.join(", "))
}
