//! Every call of the application's code with its statements and their plans: what `pgsteward queries` prints.

use std::collections::BTreeMap;

use crate::catalog::QName;
use crate::code::InMemory;
use crate::facts::Gap;
use crate::source::FileRange;
use crate::version::ServerVersion;

#[derive(Clone, Debug, Default)]
pub struct Queries {
    pub tool_version: String,
    /// The server that planned the statements.
    pub server_version: Option<ServerVersion>,
    /// Rows that plans were made for; 0 where nothing was planned.
    pub generated_rows: u64,
    /// Files of code that were read.
    pub files: usize,
    /// In the order of files and places.
    pub calls: Vec<CalledAt>,
    /// How many calls are not understood, by reason. Calls that a filter left out count, too.
    pub not_understood: BTreeMap<String, usize>,
    /// All calls that were found, with those that a filter left out.
    pub total: usize,
    /// None: not asked for.
    pub unused_indexes: Option<Vec<UnusedIndex>>,
    /// Statements that the server counted, by the calls they come from. None: no server was asked.
    pub traffic: Option<Traffic>,
    pub gaps: Vec<Gap>,
}

/// One call or raw query.
#[derive(Clone, Debug, PartialEq)]
pub struct CalledAt {
    pub at: FileRange,
    /// `order.findMany`, `$queryRaw`.
    pub call: String,
    /// The function around it: `GET /orders`.
    pub function: String,
    /// False for tests, seeds, migrations and scripts.
    pub serves: bool,
    pub statements: Vec<PlannedStatement>,
    pub in_memory: Vec<InMemory>,
    /// Why the statements are not known.
    pub not_understood: Option<String>,
    /// What the server counted for its statements.
    pub seen: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStatement {
    /// As Prisma sends it, with `$1` … for its parameters.
    pub sql: String,
    /// `reads`, `loads items.product`, `writes items`.
    pub purpose: String,
    pub tables: Vec<QName>,
    pub plan: Option<PlannedAs>,
    /// Why there is no plan.
    pub unplanned: Option<String>,
}

/// What the planner would do.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedAs {
    /// The scan that costs the most: `Seq Scan on "Order"`.
    pub scan: String,
    /// Indexes that the plan reads.
    pub indexes: Vec<String>,
    /// In the planner's unit, about one page read in sequence.
    pub cost: f64,
    /// Rows that the planner expects the statement to give.
    pub rows: f64,
}

/// An index that no known call can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusedIndex {
    pub index: QName,
    pub table: QName,
    /// `btree ("status", "placedAt")`
    pub definition: String,
    /// Calls on the table that are not understood and may use it.
    pub unknown_calls: usize,
    /// Scans that a live server counted.
    pub scans: Option<u64>,
}

/// What `pg_stat_statements` counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Seen {
    pub calls: u64,
    pub rows: u64,
    /// Of all executions together.
    pub total_ms: f64,
    /// Part of the time of all statements of the database, 0 to 1.
    pub share: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traffic {
    /// Statements that were mapped to a call, and all of them.
    pub mapped: usize,
    pub statements: usize,
    /// Time of the mapped ones as a part of all, 0 to 1.
    pub share: f64,
    /// The slowest that no call was found for.
    pub unmapped: Vec<(String, Seen)>,
}
