//! What `migrate conflicts` finds between branches that are not merged yet.

use serde::Serialize;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ConflictsReport {
    /// The branch that the others are to be merged into.
    pub base: String,
    /// Branches that bring migrations.
    pub branches: Vec<BranchMigrations>,
    pub conflicts: Vec<Conflict>,
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BranchMigrations {
    pub branch: String,
    /// Names of the migrations that it adds, in order.
    pub adds: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two different migrations of one name.
    Name,
    /// Two migrations of plain SQL with one number, which most runners refuse.
    Number,
    /// A migration of the base was edited or removed.
    Edited,
    /// The lab cannot apply them after each other, or ends with another schema in another order.
    Result,
    /// Both make, drop or rename the same object.
    Object,
    /// A migration sorts before one that databases already have, or will have.
    Order,
    /// Both block writes to the same table.
    Lock,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Conflict {
    pub kind: ConflictKind,
    /// One branch (against the base) or two.
    pub branches: Vec<String>,
    pub what: String,
    pub hint: String,
}
