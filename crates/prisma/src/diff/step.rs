//! The steps from one catalog to another. Each carries everything that its SQL needs, so that it can be
//! stored and shown without the catalogs it came from.

use pgsteward_model::catalog::{ForeignKey, QName};
use pgsteward_model::place::{ObjectKind, ObjectRef};

/// One step. The variants stand in the order in which Prisma runs them.
#[derive(Clone, Debug, PartialEq)]
pub enum SchemaStep {
    CreateSchema { name: String },
    DropExtension { name: String },
    CreateExtension { name: String, namespace: Option<String>, version: Option<String> },
    AlterExtension { name: String, namespace: Option<String>, version: Option<String> },
    CreateEnum { name: QName, values: Vec<String> },
    AlterEnum(AlterEnum),
    DropForeignKey { table: QName, name: String },
    DropIndex { table: QName, name: String },
    AlterTable { table: QName, changes: Vec<TableChange> },
    DropTable { table: QName },
    DropEnum { name: QName },
    CreateTable(NewTable),
    CreateIndex { table: QName, index: NewIndex },
    RenameForeignKey { table: QName, from: String, to: String },
    AddForeignKey { table: QName, name: String, key: ForeignKey },
    RenameIndex { table: QName, from: String, to: String },
}

impl SchemaStep {
    /// Prisma's name of the step: the comment above its SQL.
    pub fn title(&self) -> &'static str {
        match self {
            SchemaStep::CreateSchema { .. } => "CreateSchema",
            SchemaStep::DropExtension { .. } => "DropExtension",
            SchemaStep::CreateExtension { .. } => "CreateExtension",
            SchemaStep::AlterExtension { .. } => "AlterExtension",
            SchemaStep::CreateEnum { .. } => "CreateEnum",
            SchemaStep::AlterEnum(_) => "AlterEnum",
            SchemaStep::DropForeignKey { .. } => "DropForeignKey",
            SchemaStep::DropIndex { .. } => "DropIndex",
            SchemaStep::AlterTable { .. } => "AlterTable",
            SchemaStep::DropTable { .. } => "DropTable",
            SchemaStep::DropEnum { .. } => "DropEnum",
            SchemaStep::CreateTable(_) => "CreateTable",
            SchemaStep::CreateIndex { .. } => "CreateIndex",
            SchemaStep::RenameForeignKey { .. } => "RenameForeignKey",
            SchemaStep::AddForeignKey { .. } => "AddForeignKey",
            SchemaStep::RenameIndex { .. } => "RenameIndex",
        }
    }

    /// The object that the step makes, changes or drops; for a renaming, by its old name.
    pub fn object(&self) -> ObjectRef {
        let part = |kind, table: &QName, name: &str| {
            ObjectRef::of_relation(kind, &table.namespace, &table.name, name)
        };
        let whole = |table: &QName| ObjectRef::relation(ObjectKind::Table, &table.namespace, &table.name);
        let in_enum = |name: &QName| ObjectRef::in_namespace(ObjectKind::Enum, &name.namespace, &name.name);
        match self {
            SchemaStep::CreateSchema { name } => ObjectRef::named(ObjectKind::Schema, name),
            SchemaStep::DropExtension { name }
            | SchemaStep::CreateExtension { name, .. }
            | SchemaStep::AlterExtension { name, .. } => ObjectRef::named(ObjectKind::Extension, name),
            SchemaStep::CreateEnum { name, .. } | SchemaStep::DropEnum { name } => in_enum(name),
            SchemaStep::AlterEnum(change) => in_enum(&change.name),
            SchemaStep::AlterTable { table, .. } | SchemaStep::DropTable { table } => whole(table),
            SchemaStep::CreateTable(table) => whole(&table.name),
            SchemaStep::DropForeignKey { table, name }
            | SchemaStep::AddForeignKey { table, name, .. }
            | SchemaStep::RenameForeignKey { table, from: name, .. } => {
                part(ObjectKind::ForeignKey, table, name)
            }
            SchemaStep::DropIndex { table, name } | SchemaStep::RenameIndex { table, from: name, .. } => {
                part(ObjectKind::Index, table, name)
            }
            SchemaStep::CreateIndex { table, index } => part(ObjectKind::Index, table, &index.name),
        }
    }
}

/// Values added to an enum, or an enum exchanged for one without the dropped values.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterEnum {
    pub name: QName,
    pub added: Vec<String>,
    pub dropped: Vec<String>,
    /// All values afterwards.
    pub values: Vec<String>,
    /// Columns of the type afterwards.
    pub columns: Vec<EnumColumn>,
    /// Columns whose default speaks of the enum before.
    pub defaults: Vec<EnumDefault>,
    /// True where the enum before is that of a server: then Prisma names the old type's namespace.
    pub from_database: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EnumColumn {
    pub table: QName,
    pub column: String,
    pub list: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EnumDefault {
    pub table: QName,
    pub column: String,
    /// The default to set again afterwards, as SQL.
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewTable {
    pub name: QName,
    pub columns: Vec<NewColumn>,
    /// Name of the constraint and columns.
    pub primary_key: Option<(String, Vec<String>)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewColumn {
    pub name: String,
    /// The type as SQL: `DECIMAL(65,30)`, `"Status"[]`, `SERIAL`.
    pub ty: String,
    pub not_null: bool,
    /// The default as SQL.
    pub default: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewIndex {
    pub name: String,
    pub unique: bool,
    /// Access method: `btree`, `gin` …
    pub method: String,
    pub keys: Vec<NewIndexKey>,
    pub predicate: Option<String>,
    /// True for an index that was there before and is made anew because a column of it is.
    pub rebuilt: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewIndexKey {
    pub column: String,
    pub operator_class: Option<String>,
    pub descending: bool,
    /// True where `ASC` is written out.
    pub ascending: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum TableChange {
    DropPrimaryKey {
        name: String,
    },
    RenamePrimaryKey {
        from: String,
        to: String,
    },
    DropColumn {
        name: String,
    },
    AddColumn(NewColumn),
    AlterColumn {
        name: String,
        changes: Vec<ColumnChange>,
    },
    /// Drops the column and adds it anew: no cast leads from the old type to the new one.
    RecreateColumn(NewColumn),
    AddPrimaryKey {
        name: String,
        columns: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum ColumnChange {
    SetNotNull,
    DropNotNull,
    /// The default as SQL.
    SetDefault(String),
    DropDefault,
    /// The column no longer counts by itself. With the sequence that nothing uses afterwards.
    DropSequence {
        sequence: Option<String>,
    },
    /// A sequence of this name, lower case and unquoted as Prisma writes it.
    AddSequence {
        name: String,
    },
    SetType(String),
}
