//! What undoes a migration, and what a proof of it saw.

use crate::version::ServerVersion;

/// A `down.sql` as it was made or tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    /// Name of the migration.
    pub migration: String,
    /// Lower-case hex SHA-256 of the migration's text.
    pub checksum: String,
    /// The statements, without the header of the file; empty where nothing is to be undone or nothing can be.
    pub sql: String,
    pub worth: Worth,
    /// What does not come back, or comes back otherwise.
    pub lost: Vec<Loss>,
    /// True where the migration changes the schema.
    pub changes_schema: bool,
    /// The server of the proof.
    pub server: Option<ServerVersion>,
}

/// What a `down.sql` is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Worth {
    /// Up, down and up again ran, the catalogs were equal at each end, and so were the rows that were there before.
    Proven,
    /// The same for the catalogs; rows or values that the migration removes or changes do not come back.
    StructureProven,
    /// There is nothing that undoes the migration.
    Irreversible { reason: String },
    /// It was tried and did not work, or could not be tried.
    Unproven { reason: String },
}

impl Worth {
    pub fn word(&self) -> &'static str {
        match self {
            Worth::Proven => "proven",
            Worth::StructureProven => "structure proven, data lost",
            Worth::Irreversible { .. } => "irreversible",
            Worth::Unproven { .. } => "unproven",
        }
    }

    pub fn reason(&self) -> Option<&str> {
        match self {
            Worth::Proven | Worth::StructureProven => None,
            Worth::Irreversible { reason } | Worth::Unproven { reason } => Some(reason),
        }
    }
}

/// Something that a rollback does not bring back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Loss {
    /// `column "Order"."note"`, `rows of "Order"`.
    pub what: String,
    /// Lower case, no full stop.
    pub why: String,
}
