//! Objects of a database that are no tables: views, sequences, types, functions, extensions.

use super::{ColumnType, Grant, Index, QName};

#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub name: QName,
    pub materialized: bool,
    pub definition: String,
    pub columns: Vec<(String, ColumnType)>,
    /// Relations that the definition reads.
    pub reads: Vec<QName>,
    pub options: Vec<String>,
    /// Indexes of a materialized view.
    pub indexes: Vec<Index>,
    /// False for a materialized view that was never refreshed.
    pub populated: bool,
    pub owner: Option<String>,
    pub grants: Vec<Grant>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sequence {
    pub name: QName,
    /// Type name: `bigint`, `integer`, `smallint`.
    pub ty: String,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cycle: bool,
    /// Table and column of `OWNED BY` or an identity column.
    pub owned_by: Option<(QName, String)>,
    /// Last value handed out, where it may be read and there is one.
    pub last_value: Option<i64>,
    pub grants: Vec<Grant>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enum {
    pub name: QName,
    pub values: Vec<String>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Domain {
    pub name: QName,
    pub base: ColumnType,
    pub not_null: bool,
    pub default: Option<String>,
    /// Name and definition of each CHECK, with its validity.
    pub checks: Vec<(String, String, bool)>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CompositeType {
    pub name: QName,
    pub attributes: Vec<(String, ColumnType)>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeType {
    pub name: QName,
    /// What stands in the parentheses of CREATE TYPE … AS RANGE: `subtype = integer, subtype_opclass = …`.
    pub definition: String,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId {
    pub name: QName,
    /// `pg_get_function_identity_arguments`.
    pub arguments: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub id: FunctionId,
    pub kind: FunctionKind,
    pub returns: String,
    pub language: String,
    pub body: String,
    /// `pg_get_functiondef`: the whole statement with defaults of arguments. None for an aggregate, and in the
    /// pure replay.
    pub definition: Option<String>,
    pub security_definer: bool,
    pub leakproof: bool,
    pub volatility: Volatility,
    /// `SET` clauses as `name=value`; a `search_path` is looked for here.
    pub settings: Vec<String>,
    pub owner: Option<String>,
    /// Introspection spells out the EXECUTE that PUBLIC has by default.
    pub grants: Vec<Grant>,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionKind {
    Function,
    Procedure,
    Aggregate,
    Window,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volatility {
    Immutable,
    Stable,
    Volatile,
}

/// What CREATE STATISTICS makes: it tells the planner of columns that go together, or of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatisticsObject {
    pub name: QName,
    /// The table or materialized view that it is about.
    pub on: QName,
    /// `pg_get_statisticsobjdef`: the whole statement.
    pub definition: String,
    /// How much ANALYZE collects; none is as for the columns.
    pub target: Option<i32>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    pub name: String,
    pub version: String,
    pub namespace: String,
}
