//! The statements that a call becomes, and the work that Prisma does with their rows in memory.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What is known of a call's statements.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Lowered {
    /// One variant for each shape that the arguments may take; most calls have one.
    Understood(Vec<Variant>),
    /// Short, the same words for the same cause: `where is not written at the call`.
    NotUnderstood { reason: String },
}

impl Default for Lowered {
    fn default() -> Lowered {
        Lowered::NotUnderstood { reason: "not lowered".into() }
    }
}

impl Lowered {
    pub fn variants(&self) -> &[Variant] {
        match self {
            Lowered::Understood(variants) => variants,
            Lowered::NotUnderstood { .. } => &[],
        }
    }

    /// All statements of all variants.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        self.variants().iter().flat_map(|variant| &variant.queries)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// In the order they are sent.
    pub queries: Vec<Query>,
    pub in_memory: Vec<InMemory>,
    /// Prisma wraps them into a transaction of its own.
    pub transaction: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Query {
    /// As Prisma sends it, with `$1` … for its parameters.
    #[serde(with = "crate::repeated::text")]
    pub sql: Arc<str>,
    pub kind: StatementKind,
    pub parameters: Vec<QueryParameter>,
    pub purpose: Purpose,
    /// One for each table that it reads or writes, the main one first.
    pub accesses: Vec<Access>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StatementKind {
    Select,
    Insert,
    Update,
    Delete,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueryParameter {
    /// Where its value stands in the argument: `where.email.equals`; `limit`, `offset`; for a relation's query the key
    /// of the parents.
    pub path: String,
    /// Namespace, table and column that it is compared with or written to, where there is one.
    pub column: Option<(String, String, String)>,
    /// A list that is sent as several parameters; here it is sent as one.
    pub list: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Purpose {
    Main,
    /// Loads a relation for all rows of its parent at once: the path of fields, `items.product`.
    Relation(String),
    /// Reads before or after a write.
    ReadBack,
    /// A nested write: the path of fields.
    Nested(String),
}

/// How a statement meets one table: all that advice on indexes needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    pub namespace: String,
    pub table: String,
    /// Columns that must equal a value; all conditions of this and the next three hold together.
    pub equal: Vec<String>,
    /// `IN` lists, relation keys included.
    pub any_of: Vec<String>,
    /// `<`, `>`, between.
    pub range: Vec<String>,
    pub patterns: Vec<Pattern>,
    /// Patterns that stand inside `OR`: with an index for each of its branches, a bitmap serves it.
    pub patterns_apart: Vec<Pattern>,
    /// Columns in conditions that no index serves by itself: `<>`, `NOT`, inside `OR`, `IS NULL` among others.
    pub other: Vec<String>,
    pub sort: Vec<SortColumn>,
    pub limit: Limit,
    /// An offset that is not constantly zero.
    pub offset: bool,
    /// Columns that are read. Those of a whole table stand at most of its calls.
    #[serde(with = "crate::repeated::list")]
    pub columns: Arc<Vec<String>>,
    pub writes: bool,
    /// Groups or counts rows: all that match are read.
    pub aggregates: bool,
    /// The conditions name a whole unique key: at most one row.
    pub unique: bool,
    /// Joined to the statement's first table by these columns, or the inner side of an EXISTS.
    pub joined: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pattern {
    pub column: String,
    pub kind: PatternKind,
    pub insensitive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PatternKind {
    Equals,
    Prefix,
    Contains,
    Suffix,
    FullText,
    /// Containment of arrays and jsonb, paths into jsonb.
    Containment,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortColumn {
    pub column: String,
    pub descending: bool,
    /// `nulls: "first"`; none where it is left to the server.
    pub nulls_first: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    #[default]
    None,
    Rows(u64),
    /// Known only when the program runs.
    Parameter,
}

/// Work that Prisma does in memory, after it fetched more rows than it returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InMemory {
    /// `distinct`: the columns, in the join strategy the fields. The path is empty for the call itself, else the relation's.
    Distinct { path: String, fields: Vec<String> },
    /// `take`/`skip` after all rows were fetched.
    Page { path: String, take: Option<i64>, skip: Option<i64> },
    /// A cursor that could not be put into the statement with a limit.
    Cursor { path: String },
    /// Rows in reverse: `take: -10`.
    Reverse { path: String },
}

impl InMemory {
    /// The relation whose rows are worked on, `posts.comments`; empty for the call itself.
    pub fn path(&self) -> &str {
        match self {
            InMemory::Distinct { path, .. }
            | InMemory::Page { path, .. }
            | InMemory::Cursor { path }
            | InMemory::Reverse { path } => path,
        }
    }
}
