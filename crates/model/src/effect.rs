//! What one statement does to a database of known state: the locks it takes, what it rewrites or scans,
//! and what it creates, drops and renames. Made by `sql::apply`, pure; the lab checks it on a server.

use std::sync::Arc;

use crate::catalog::{QName, Table};
use crate::lock::LockMode;
use crate::place::ObjectRef;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    pub touches: Vec<Touch>,
    pub created: Vec<ObjectRef>,
    pub dropped: Vec<ObjectRef>,
    /// Old and new identity.
    pub renamed: Vec<(ObjectRef, ObjectRef)>,
    /// The statement cannot run inside a transaction block.
    pub needs_no_transaction: bool,
    /// The statement was not understood: what it changed is unknown.
    pub unknown: bool,
}

impl Effect {
    pub fn touch(&self, relation: &QName) -> Option<&Touch> {
        self.touches.iter().find(|touch| touch.relation == *relation)
    }
}

/// What a statement does to one existing relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch {
    pub relation: QName,
    /// The strongest lock taken on it.
    pub lock: LockMode,
    /// The table and its indexes are written anew.
    pub rewrite: Option<Work>,
    /// Every row is read while the lock is held.
    pub scan: Option<Work>,
    /// An index is built while the lock is held.
    pub builds_index: bool,
    /// When the relation came into being, seen from this statement.
    pub age: Age,
    /// The table as it was before the statement; none for a relation that is not known or no table.
    pub before: Option<Arc<Table>>,
}

/// Why a statement rewrites or scans, for people: "the type changes from integer to bigint".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// Created earlier in the same file: surely empty before this deploy and seen by nobody.
    SameFile,
    /// Created by another file of the same deploy.
    SameDeploy,
    /// There before this deploy: populated, size unknown unless statistics say otherwise.
    Earlier,
    /// Not in the known history.
    Unknown,
}
