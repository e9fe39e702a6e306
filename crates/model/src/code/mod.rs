//! What the application's code asks of the database: calls of Prisma Client, raw SQL, and what surrounds them.
//!
//! The tree of the language stays in the `typescript` crate. Everything here is linked already: indices point into
//! the vectors of one [`Code`]. What could not be followed says so (`Source::Unknown`, `ResultUse::complete`,
//! [`Lowered::NotUnderstood`]); rules stay silent where they would have to guess.

mod flow;
mod lowered;
mod value;
mod when;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use flow::{
    Awaited, Catch, Client, Effect, EffectKind, FileRole, Function, FunctionRole, Guard, Invocation, Loop,
    LoopKind, Over, Parameter, Site, Transaction, TransactionKind, Try,
};
pub use lowered::{
    Access, InMemory, Limit, Lowered, Pattern, PatternKind, Purpose, Query, QueryParameter, SortColumn,
    StatementKind, Variant,
};
pub use value::{Node, Object, Property, Source, Undefined, Value};
pub use when::When;

use crate::prisma::At;

/// All calls of one project, in the order of files and places.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Code {
    pub counts: Counts,
    /// The code of each file outside of functions is a function too, of role [`FunctionRole::Module`].
    pub functions: Vec<Function>,
    pub calls: Vec<Call>,
    pub raw: Vec<RawQuery>,
    pub transactions: Vec<Transaction>,
    /// What leaves the process and is no database: requests, mails, payments, queues, waits.
    pub effects: Vec<Effect>,
    /// Calls of functions of this repository that reach the database or an effect, directly or through others.
    pub invocations: Vec<Invocation>,
    pub loops: Vec<Loop>,
    pub tries: Vec<Try>,
    /// Each `new PrismaClient(…)`.
    pub clients: Vec<Client>,
    /// Checks of input that the code makes (`z.object({ … })`), for comparison with the database's.
    pub validations: Vec<Validation>,
    pub left_out: Vec<LeftOut>,
    /// Files with a comment that allows something, whether or not anything else of them is told here.
    pub allowing: Vec<Arc<str>>,
    /// Files that speak both of a broken unique key and of one place for all errors: an error handler, an exception filter.
    pub answering: Vec<Arc<str>>,
}

impl Code {
    pub fn function(&self, site: &Site) -> &Function {
        &self.functions[site.function]
    }

    /// True for code that serves users: no test, seed, migration or script, nothing generated, and nothing that runs only
    /// outside of production.
    pub fn serves(&self, site: &Site) -> bool {
        self.function(site).file_role == FileRole::Application
            && !site.guards.iter().any(Guard::is_outside_production)
    }

    /// The calls of a function itself, in the order they stand.
    pub fn calls_of(&self, function: usize) -> impl Iterator<Item = (usize, &Call)> {
        self.calls.iter().enumerate().filter(move |(_, call)| call.site.function == function)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Files of TypeScript or JavaScript that were looked at.
    pub files: usize,
    pub bytes: usize,
    pub calls: usize,
    /// Calls whose every statement is known.
    pub understood: usize,
    /// Calls that are not understood, by reason.
    pub not_understood: BTreeMap<String, usize>,
    /// Properties of a client that no model of its schema stands for, with the number of calls.
    pub missing_models: BTreeMap<String, usize>,
}

/// A file that was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub file: Arc<str>,
    /// A full sentence.
    pub why: String,
}

/// One call of Prisma Client: `prisma.order.findMany({ … })`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// Its place is the whole call expression, without `await`.
    pub site: Site,
    /// `findMany`, the name alone.
    pub name_at: At,
    /// As the schema spells the model: `Order`.
    pub model: String,
    pub operation: Operation,
    /// The receiver as written: `ctx.prisma`.
    pub receiver: String,
    pub confidence: Confidence,
    /// True for the client that a transaction hands to its callback.
    pub on_transaction: bool,
    /// The first argument; [`Value::Undefined`] where there is none.
    pub argument: Node,
    pub result: ResultUse,
    /// The call without its values: `findMany({ where: { vendorId }, take })`. Part of the findings' keys.
    pub shape: String,
    /// Its number among calls of the same shape in the same function.
    pub ordinal: u32,
    pub lowered: Lowered,
}

/// How sure it is that the receiver is a Prisma client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Confidence {
    /// The shape `x.<model>.<operation>(…)` and arguments that fit the model.
    Shape,
    /// By a type annotation or by the name of a member that is a client elsewhere.
    Typed,
    /// Followed to `new PrismaClient`.
    Resolved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Operation {
    FindUnique,
    FindUniqueOrThrow,
    FindFirst,
    FindFirstOrThrow,
    FindMany,
    Create,
    CreateMany,
    CreateManyAndReturn,
    Update,
    UpdateMany,
    UpdateManyAndReturn,
    Upsert,
    Delete,
    DeleteMany,
    Count,
    Aggregate,
    GroupBy,
}

impl Operation {
    pub const ALL: [Operation; 17] = [
        Operation::FindUnique,
        Operation::FindUniqueOrThrow,
        Operation::FindFirst,
        Operation::FindFirstOrThrow,
        Operation::FindMany,
        Operation::Create,
        Operation::CreateMany,
        Operation::CreateManyAndReturn,
        Operation::Update,
        Operation::UpdateMany,
        Operation::UpdateManyAndReturn,
        Operation::Upsert,
        Operation::Delete,
        Operation::DeleteMany,
        Operation::Count,
        Operation::Aggregate,
        Operation::GroupBy,
    ];

    /// The name in Prisma Client.
    pub fn name(self) -> &'static str {
        match self {
            Operation::FindUnique => "findUnique",
            Operation::FindUniqueOrThrow => "findUniqueOrThrow",
            Operation::FindFirst => "findFirst",
            Operation::FindFirstOrThrow => "findFirstOrThrow",
            Operation::FindMany => "findMany",
            Operation::Create => "create",
            Operation::CreateMany => "createMany",
            Operation::CreateManyAndReturn => "createManyAndReturn",
            Operation::Update => "update",
            Operation::UpdateMany => "updateMany",
            Operation::UpdateManyAndReturn => "updateManyAndReturn",
            Operation::Upsert => "upsert",
            Operation::Delete => "delete",
            Operation::DeleteMany => "deleteMany",
            Operation::Count => "count",
            Operation::Aggregate => "aggregate",
            Operation::GroupBy => "groupBy",
        }
    }

    pub fn of_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name() == name)
    }

    pub fn writes(self) -> bool {
        !matches!(
            self,
            Operation::FindUnique
                | Operation::FindUniqueOrThrow
                | Operation::FindFirst
                | Operation::FindFirstOrThrow
                | Operation::FindMany
                | Operation::Count
                | Operation::Aggregate
                | Operation::GroupBy
        )
    }

    /// At most one row by a unique key.
    pub fn by_unique_key(self) -> bool {
        matches!(
            self,
            Operation::FindUnique
                | Operation::FindUniqueOrThrow
                | Operation::Update
                | Operation::Upsert
                | Operation::Delete
        )
    }
}

/// What the code does with the rows that a call returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultUse {
    /// Variable that holds the result.
    pub binding: Option<String>,
    /// Uses of whole rows, which may read any field.
    pub whole: Vec<Whole>,
    /// Fields read of a row, as paths: `["items", "quantity"]`. Lists are looked through. Uses by callers of the
    /// function that returns the rows are included.
    pub paths: Vec<Vec<String>>,
    /// True where every use was followed.
    pub complete: bool,
    /// Nothing reads the result.
    pub unused: bool,
    /// Functions of this repository that were given whole rows and were followed into: their declared types may want
    /// fields that they do not read.
    #[serde(default)]
    pub followed: Vec<String>,
}

/// A use of a row as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Whole {
    /// Sent to a client: `res.json(row)`, `return NextResponse.json(row)`, returned by a request handler.
    Response { at: At },
    /// Returned by an exported function whose callers are not all known.
    Returned,
    /// An argument of a function that was not followed.
    Passed { to: String },
    /// `{ ...row }`, stored in a variable outside, used as a key of something, compared.
    Other,
}

/// A query in SQL: `$queryRaw`, `$executeRaw`, a TypedSQL file, `pool.query("…")`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawQuery {
    pub site: Site,
    /// `$queryRaw`, `$executeRawUnsafe`, `query`.
    pub method: String,
    /// The text with `$1`, `$2` … in place of its holes. None where it is not written at the call.
    pub text: Option<String>,
    pub holes: Vec<Hole>,
    /// A file of TypedSQL or SQL that holds the text.
    pub file: Option<Arc<str>>,
    /// Filled in by lowering: the statement by table, as far as its parser understood it.
    pub lowered: Lowered,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hole {
    pub value: Node,
    pub kind: HoleKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoleKind {
    /// Sent beside the text: cannot change its meaning.
    Parameter,
    /// Another `Prisma.sql`, `Prisma.join` or `Prisma.empty`, safe as such.
    Fragment,
    /// Part of the text: whoever controls it writes SQL.
    Text,
}

/// A check that the code makes of a field of input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    pub at: At,
    /// Name of the schema's variable: `createCoupon`.
    pub schema: String,
    pub field: String,
    pub checks: Vec<FieldCheck>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FieldCheck {
    /// Smallest number, and whether it is allowed itself.
    Min {
        value: f64,
        inclusive: bool,
    },
    Max {
        value: f64,
        inclusive: bool,
    },
    MinLength(u64),
    MaxLength(u64),
    Integer,
    Email,
    Url,
    Uuid,
    /// A regular expression, without its slashes.
    Pattern(String),
    OneOf(Vec<String>),
}
