//! What one database holds, as its catalog says or as a history of statements leaves it.
//!
//! Objects are kept by name, because both the pure replay of migrations and the comparison of two
//! databases think in names. Tables are shared (`Arc`): a snapshot of a table before a statement costs a
//! pointer. Statistics are part of the objects but never of a comparison (see [`crate::catalog_compare`]).

mod objects;
mod statistics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::place::{ObjectKind, ObjectRef};
use crate::version::ServerVersion;

pub use objects::{
    CompositeType, Domain, Enum, Extension, Function, FunctionId, FunctionKind, RangeType, Sequence,
    StatisticsObject, View, Volatility,
};
pub use statistics::{ColumnStatistics, IndexStatistics, TableStatistics};

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QName {
    pub namespace: String,
    pub name: String,
}

impl QName {
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> QName {
        QName { namespace: namespace.into(), name: name.into() }
    }

    pub fn public(name: impl Into<String>) -> QName {
        QName::new("public", name)
    }

    /// The name, with the namespace unless it is `public`; unquoted, for messages.
    pub fn display(&self) -> String {
        if self.namespace == "public" { self.name.clone() } else { self.to_string() }
    }
}

impl fmt::Display for QName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.namespace, self.name)
    }
}

/// One database. Extension-owned objects are left out of every map but `extensions`.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    pub version: ServerVersion,
    pub namespaces: BTreeMap<String, Namespace>,
    pub tables: BTreeMap<QName, Arc<Table>>,
    pub views: BTreeMap<QName, View>,
    pub sequences: BTreeMap<QName, Sequence>,
    pub enums: BTreeMap<QName, Enum>,
    pub domains: BTreeMap<QName, Domain>,
    pub composites: BTreeMap<QName, CompositeType>,
    /// Range types. Known by introspection only: the pure replay does not follow them.
    pub ranges: BTreeMap<QName, RangeType>,
    pub functions: BTreeMap<FunctionId, Function>,
    /// Extended statistics. Known by introspection only, as ranges are.
    pub statistics_objects: BTreeMap<QName, StatisticsObject>,
    pub extensions: BTreeMap<String, Extension>,
    pub default_privileges: Vec<DefaultPrivilege>,
    /// Seconds since the statistics were last reset, or, where they never were, since the server started;
    /// known for a live server only.
    pub statistics_age_seconds: Option<f64>,
}

impl Catalog {
    /// A new database: the namespace `public` and nothing in it.
    pub fn empty(version: ServerVersion) -> Catalog {
        Catalog {
            version,
            namespaces: BTreeMap::from([("public".to_owned(), Namespace::default())]),
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            sequences: BTreeMap::new(),
            enums: BTreeMap::new(),
            domains: BTreeMap::new(),
            composites: BTreeMap::new(),
            ranges: BTreeMap::new(),
            functions: BTreeMap::new(),
            statistics_objects: BTreeMap::new(),
            extensions: BTreeMap::new(),
            default_privileges: Vec::new(),
            statistics_age_seconds: None,
        }
    }

    pub fn table(&self, name: &QName) -> Option<&Table> {
        self.tables.get(name).map(Arc::as_ref)
    }

    /// The table, copied first if a snapshot of it is still held.
    pub fn table_mut(&mut self, name: &QName) -> Option<&mut Table> {
        self.tables.get_mut(name).map(Arc::make_mut)
    }

    /// The table that an index belongs to, with the index.
    pub fn index(&self, name: &QName) -> Option<(&Table, &Index)> {
        self.tables
            .values()
            .filter(|table| table.name.namespace == name.namespace)
            .find_map(|table| table.index(&name.name).map(|index| (table.as_ref(), index)))
    }

    /// Tables that migrations and people made: without Prisma's own history table.
    pub fn user_tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().map(Arc::as_ref).filter(|table| table.name.name != "_prisma_migrations")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    pub owner: Option<String>,
    pub grants: Vec<Grant>,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    Ordinary,
    Partitioned,
    Foreign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    Permanent,
    Unlogged,
    Temporary,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub name: QName,
    pub kind: TableKind,
    pub persistence: Persistence,
    /// In the order of their positions; dropped columns are absent.
    pub columns: Vec<Column>,
    pub constraints: Vec<Constraint>,
    /// All indexes, also those that a constraint owns (see [`Index::constraint`]).
    pub indexes: Vec<Index>,
    pub triggers: Vec<Trigger>,
    pub policies: Vec<Policy>,
    pub row_security: bool,
    pub force_row_security: bool,
    pub partitioning: Option<Partitioning>,
    pub partition_of: Option<PartitionOf>,
    pub inherits: Vec<QName>,
    pub owner: Option<String>,
    pub grants: Vec<Grant>,
    /// Storage parameters as `name=value`.
    pub options: Vec<String>,
    pub comment: Option<String>,
    pub statistics: Option<TableStatistics>,
    /// True where a statement that could not be understood may have changed the table, so that the pure
    /// replay no longer knows it. Introspection clears it.
    pub unknown: bool,
}

impl Table {
    pub fn new(name: QName) -> Table {
        Table {
            name,
            kind: TableKind::Ordinary,
            persistence: Persistence::Permanent,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            triggers: Vec::new(),
            policies: Vec::new(),
            row_security: false,
            force_row_security: false,
            partitioning: None,
            partition_of: None,
            inherits: Vec::new(),
            owner: None,
            grants: Vec::new(),
            options: Vec::new(),
            comment: None,
            statistics: None,
            unknown: false,
        }
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub fn column_mut(&mut self, name: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.name == name)
    }

    pub fn constraint(&self, name: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|constraint| constraint.name == name)
    }

    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|index| index.name == name)
    }

    /// Columns of the primary key, in key order.
    pub fn primary_key(&self) -> Option<(&Constraint, &[String])> {
        self.constraints.iter().find_map(|constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey { columns } => Some((constraint, columns.as_slice())),
            _ => None,
        })
    }

    pub fn foreign_keys(&self) -> impl Iterator<Item = (&Constraint, &ForeignKey)> {
        self.constraints.iter().filter_map(|constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(key) => Some((constraint, key)),
            _ => None,
        })
    }

    pub fn object(&self) -> ObjectRef {
        ObjectRef::relation(ObjectKind::Table, &self.name.namespace, &self.name.name)
    }

    pub fn column_object(&self, column: &str) -> ObjectRef {
        ObjectRef::column(&self.name.namespace, &self.name.name, column)
    }

    /// An index, constraint, trigger or policy of this table.
    pub fn part(&self, kind: ObjectKind, name: &str) -> ObjectRef {
        ObjectRef::of_relation(kind, &self.name.namespace, &self.name.name, name)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub ty: ColumnType,
    pub not_null: bool,
    /// Default expression as PostgreSQL prints it (`pg_get_expr`), or as written in the pure replay.
    pub default: Option<String>,
    pub identity: Option<Identity>,
    pub generated: Option<Generated>,
    pub collation: Option<String>,
    pub comment: Option<String>,
    /// Column privileges, where any were granted apart from the table's.
    pub grants: Vec<Grant>,
    /// In a box: a table is copied for each change of it, and from files alone nobody knows statistics.
    pub statistics: Option<Box<ColumnStatistics>>,
}

/// A type as `format_type` prints it, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ColumnType {
    /// Namespace of a user's type; none for `pg_catalog`.
    pub namespace: Option<String>,
    /// Canonical name without arguments and brackets: `integer`, `character varying`,
    /// `timestamp without time zone`, `numeric`, `"Status"` without its quotes. Arguments that are no
    /// numbers stay in the name: `geometry(Point,4326)`.
    pub name: String,
    /// What stands in parentheses: `(65,30)` is `[65, 30]`, `timestamp(3)` is `[3]`.
    pub modifiers: Vec<i32>,
    /// Number of array dimensions written; PostgreSQL keeps only "is an array" (1).
    pub array: u32,
    pub class: TypeClass,
}

impl ColumnType {
    pub fn builtin(name: &str, modifiers: &[i32]) -> ColumnType {
        ColumnType {
            namespace: None,
            name: name.into(),
            modifiers: modifiers.to_vec(),
            array: 0,
            class: TypeClass::Base,
        }
    }

    pub fn is(&self, name: &str) -> bool {
        self.namespace.is_none() && self.array == 0 && self.name == name
    }
}

/// As people write it: `numeric(65,30)`, `timestamp(3) without time zone`, `audit.Level[]`.
impl fmt::Display for ColumnType {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = self.namespace.as_deref().filter(|name| *name != "public") {
            write!(out, "{namespace}.")?;
        }
        let modifiers = if self.modifiers.is_empty() {
            String::new()
        } else {
            let list: Vec<String> = self.modifiers.iter().map(i32::to_string).collect();
            format!("({})", list.join(","))
        };
        match self.name.split_once(' ') {
            Some((head @ ("timestamp" | "time"), rest)) => write!(out, "{head}{modifiers} {rest}")?,
            _ => write!(out, "{}{modifiers}", self.name)?,
        }
        for _ in 0..self.array {
            out.write_str("[]")?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeClass {
    Base,
    Enum,
    Domain,
    Composite,
    /// A type that no catalog at hand defines: an extension's, or one that a lost statement made.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    Always,
    ByDefault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    pub expression: String,
    /// False for the virtual columns of PostgreSQL 18.
    pub stored: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    pub name: String,
    pub kind: ConstraintKind,
    pub validated: bool,
    pub deferrable: bool,
    pub initially_deferred: bool,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConstraintKind {
    PrimaryKey {
        columns: Vec<String>,
    },
    Unique {
        columns: Vec<String>,
        nulls_not_distinct: bool,
    },
    ForeignKey(ForeignKey),
    Check {
        expression: String,
        columns: Vec<String>,
        no_inherit: bool,
    },
    /// `pg_get_constraintdef` of an exclusion constraint.
    Exclusion {
        definition: String,
    },
    /// A named NOT NULL constraint: in the catalog since PostgreSQL 18 only.
    NotNull {
        column: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub columns: Vec<String>,
    pub references: QName,
    pub referenced_columns: Vec<String>,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
    pub match_full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferentialAction {
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl ReferentialAction {
    pub fn sql(self) -> &'static str {
        match self {
            ReferentialAction::NoAction => "NO ACTION",
            ReferentialAction::Restrict => "RESTRICT",
            ReferentialAction::Cascade => "CASCADE",
            ReferentialAction::SetNull => "SET NULL",
            ReferentialAction::SetDefault => "SET DEFAULT",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Index {
    pub name: String,
    /// Access method: `btree`, `gin` …
    pub method: String,
    pub keys: Vec<IndexKey>,
    pub include: Vec<String>,
    pub unique: bool,
    pub nulls_not_distinct: bool,
    /// Predicate of a partial index, as `pg_get_expr` prints it or as written.
    pub predicate: Option<String>,
    /// `indisvalid`: false after a failed concurrent build.
    pub valid: bool,
    /// Name of the constraint that owns the index.
    pub constraint: Option<String>,
    /// Storage parameters as `name=value`.
    pub options: Vec<String>,
    pub comment: Option<String>,
    pub statistics: Option<IndexStatistics>,
}

impl Index {
    /// A valid b-tree over plain columns; everything else as the server has it when nothing is said.
    pub fn btree(name: &str, columns: &[&str]) -> Index {
        Index {
            name: name.to_owned(),
            method: "btree".to_owned(),
            keys: columns.iter().map(|column| IndexKey::column(column)).collect(),
            include: Vec::new(),
            unique: false,
            nulls_not_distinct: false,
            predicate: None,
            valid: true,
            constraint: None,
            options: Vec::new(),
            comment: None,
            statistics: None,
        }
    }

    /// Names of the leading key columns up to the first expression.
    pub fn leading_columns(&self) -> Vec<&str> {
        self.keys.iter().map_while(|key| key.column.as_deref()).collect()
    }

    /// True for an index over plain columns only.
    pub fn is_plain(&self) -> bool {
        self.keys.iter().all(|key| key.column.is_some())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexKey {
    /// The column, unless the key is an expression.
    pub column: Option<String>,
    pub expression: Option<String>,
    /// Operator class, only where it is not the default of its type.
    pub opclass: Option<String>,
    /// Only where it is not the column's own; `default` is the database's.
    pub collation: Option<String>,
    pub descending: bool,
    /// The flag as the server keeps it: true for a descending key unless NULLS LAST was written.
    pub nulls_first: bool,
}

impl IndexKey {
    pub fn column(name: &str) -> IndexKey {
        IndexKey { column: Some(name.into()), ..IndexKey::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub name: String,
    /// `pg_get_triggerdef`, or the statement as written.
    pub definition: String,
    pub function: Option<QName>,
    pub before: bool,
    pub row: bool,
    pub events: Vec<TriggerEvent>,
    pub enabled: bool,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerEvent {
    Insert,
    Update,
    Delete,
    Truncate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    pub permissive: bool,
    pub command: PolicyCommand,
    /// Empty means PUBLIC.
    pub roles: Vec<String>,
    pub using: Option<String>,
    pub with_check: Option<String>,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyCommand {
    All,
    Select,
    Insert,
    Update,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitioning {
    /// `pg_get_partkeydef`: `RANGE (created_at)`.
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionOf {
    pub parent: QName,
    /// `FOR VALUES …` or `DEFAULT`.
    pub bound: String,
}

/// One entry of an access control list. The owner's own privileges are listed only where some are missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Empty for PUBLIC.
    pub grantee: String,
    /// `SELECT`, `INSERT`, `USAGE` …
    pub privilege: String,
    pub grantable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultPrivilege {
    pub owner: String,
    pub namespace: Option<String>,
    /// `tables`, `sequences`, `functions`, `types`, `schemas`.
    pub objects: String,
    pub grants: Vec<Grant>,
}
