//! Which object is which, whatever it is called: the object ids of one database, and the settings of objects
//! that a [`crate::catalog::Catalog`] does not hold.
//!
//! Ids mean something within one database only, and only while nobody restores it. Two readings of one database
//! tell a renamed object from one that was dropped and made again.

use std::collections::BTreeMap;

use crate::catalog::QName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectClass {
    Namespace,
    Table,
    View,
    MaterializedView,
    Sequence,
    /// An index that no constraint owns.
    Index,
    Column,
    /// Of a composite type.
    Attribute,
    Constraint,
    DomainConstraint,
    Trigger,
    Policy,
    /// An enum, composite or range.
    Type,
    Domain,
    /// Of an enum.
    Label,
    /// A function, procedure or aggregate.
    Routine,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub class: ObjectClass,
    pub oid: u32,
    /// Number of the column or attribute, else 0.
    pub part: i32,
}

/// How an object is named at one time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Called {
    /// Empty for a namespace.
    pub namespace: String,
    /// The table, type or domain it is part of; the arguments of a routine; else empty.
    pub inside: String,
    pub name: String,
}

/// A setting that the catalog type does not hold: storage of a column, statistics target, replica identity, a
/// rule, triggers of a view and what was given to its columns …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    pub value: String,
    /// The statement that makes it so; empty where none is known.
    pub set: String,
    /// The statement that makes it as if nobody ever set it; empty where none is known.
    pub unset: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identities {
    pub objects: BTreeMap<ObjectId, Called>,
    /// By what it is a setting of, for people: `storage of "Order"."note"`. Only what is not the default.
    pub asides: BTreeMap<String, Aside>,
    /// Indexes and keys of partitions that belong to one of the parent: they go with that, and not without it.
    pub attached: BTreeMap<TablePart, TablePart>,
}

/// An index or a key of a table. A key that has an index is one with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TablePart {
    pub table: QName,
    pub name: String,
    /// A foreign key, which may have the name of an index.
    pub foreign: bool,
}
