//! Differences between what should be the same: the Prisma schema, the migration history, the database.

use crate::place::ObjectRef;
use crate::prisma::At;

/// Which two things differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftBetween {
    /// What `prisma migrate dev` would write next.
    HistoryAndSchema,
    HistoryAndDatabase,
    SchemaAndDatabase,
}

/// One step. Between history and schema it leads from the history to the schema; where a database takes part
/// it leads from the database to the other, so what is added is what the database lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    pub between: DriftBetween,
    pub kind: DriftKind,
    pub object: ObjectRef,
    /// Where the Prisma schema speaks of it, if it does.
    pub at: Option<At>,
    /// The SQL of the step, as Prisma writes it.
    pub sql: String,
    /// True where Prisma cannot express the object, so that `migrate dev` would drop it unasked.
    pub inexpressible: bool,
    /// The SQL that makes the object again as it is now, where the step drops or changes it.
    pub restore: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftKind {
    Added,
    Dropped,
    Changed,
    Recreated,
}
