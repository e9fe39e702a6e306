//! What a SQL statement does, in words that rules can ask. The parser's tree stays in the `sql` crate;
//! what is not modelled is [`Statement::Other`] and is never mistaken for "does nothing".

use crate::catalog::{
    ColumnType, Constraint, Enum, Function, Identity, Index, Policy, PolicyCommand, QName, Sequence, Table,
    Trigger,
};
use crate::place::ObjectKind;

/// Names in statements keep what was written: `namespace` is empty until a search path fills it in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    pub namespace: Option<String>,
    pub name: String,
}

impl Name {
    pub fn new(namespace: Option<&str>, name: &str) -> Name {
        Name { namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    /// The full name, with `public` where no namespace was written.
    pub fn qualified(&self) -> QName {
        QName::new(self.namespace.as_deref().unwrap_or("public"), self.name.clone())
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Statement {
    CreateTable(Box<CreateTable>),
    AlterTable(AlterTable),
    CreateIndex(CreateIndex),
    Reindex {
        target: ReindexTarget,
        name: Option<Name>,
        concurrently: bool,
    },
    CreateView {
        name: Name,
        materialized: bool,
        or_replace: bool,
        if_not_exists: bool,
        definition: String,
        options: Vec<String>,
    },
    RefreshMaterializedView {
        name: Name,
        concurrently: bool,
        with_data: bool,
    },
    CreateEnum {
        value: Enum,
        name: Name,
    },
    AlterEnum {
        name: Name,
        action: AlterEnum,
    },
    CreateDomain {
        name: Name,
        base: ColumnType,
        not_null: bool,
        default: Option<String>,
        checks: Vec<(Option<String>, String)>,
    },
    AlterDomain {
        name: Name,
        action: AlterDomain,
    },
    CreateComposite {
        name: Name,
        attributes: Vec<(String, ColumnType)>,
    },
    CreateSequence {
        name: Name,
        if_not_exists: bool,
        value: Sequence,
    },
    AlterSequence {
        name: Name,
        owned_by: Option<(Name, String)>,
        restart: bool,
        options: String,
    },
    CreateSchema {
        name: String,
        if_not_exists: bool,
    },
    CreateExtension {
        name: String,
        if_not_exists: bool,
        schema: Option<String>,
    },
    CreateFunction {
        name: Name,
        or_replace: bool,
        value: Function,
    },
    /// `CREATE STATISTICS … FROM table`.
    CreateStatistics {
        table: Name,
    },
    CreateTrigger {
        table: Name,
        or_replace: bool,
        value: Trigger,
    },
    CreatePolicy {
        table: Name,
        value: Policy,
    },
    AlterPolicy {
        table: Name,
        name: String,
        command: Option<PolicyCommand>,
    },
    /// `DROP` of any kind of object. For triggers, policies and rules `on` is the table.
    Drop {
        kind: ObjectKind,
        names: Vec<Name>,
        on: Option<Name>,
        if_exists: bool,
        cascade: bool,
        concurrently: bool,
    },
    /// `ALTER … RENAME TO` of an object that is no table, column or constraint.
    Rename {
        kind: ObjectKind,
        name: Name,
        on: Option<Name>,
        to: String,
    },
    /// `ALTER … SET SCHEMA` of an object that is no table.
    SetSchema {
        kind: ObjectKind,
        name: Name,
        to: String,
    },
    Insert {
        table: Name,
        columns: Vec<String>,
        from_select: bool,
        /// Other relations that its queries name, each once; so below.
        reads: Vec<Name>,
        /// Other relations whose rows its `WITH` queries change, each once; so below.
        changes: Vec<Name>,
    },
    Update {
        table: Name,
        columns: Vec<String>,
        has_where: bool,
        reads: Vec<Name>,
        changes: Vec<Name>,
    },
    Delete {
        table: Name,
        has_where: bool,
        reads: Vec<Name>,
        changes: Vec<Name>,
    },
    Merge {
        table: Name,
        reads: Vec<Name>,
        changes: Vec<Name>,
    },
    Select {
        tables: Vec<Name>,
        locking: bool,
        changes: Vec<Name>,
    },
    Truncate {
        tables: Vec<Name>,
        cascade: bool,
    },
    Copy {
        table: Option<Name>,
        program: bool,
        from: bool,
    },
    LockTable {
        tables: Vec<Name>,
        mode: String,
    },
    Vacuum {
        tables: Vec<Name>,
        full: bool,
    },
    Analyze {
        tables: Vec<Name>,
    },
    Cluster {
        table: Option<Name>,
    },
    Set {
        name: String,
        value: String,
        local: bool,
    },
    Reset {
        name: Option<String>,
    },
    Begin,
    Commit,
    Rollback,
    Savepoint,
    CreateRole {
        name: String,
        login: bool,
    },
    AlterRole {
        name: String,
    },
    Grant {
        privileges: Vec<String>,
        objects: GrantObjects,
        roles: Vec<String>,
        revoke: bool,
    },
    Comment {
        kind: Option<ObjectKind>,
        name: Name,
        column: Option<String>,
        text: Option<String>,
    },
    Do {
        body: String,
    },
    Call {
        name: Name,
    },
    AlterSystem,
    AlterDatabase,
    CreateDatabase {
        name: String,
    },
    DropDatabase {
        name: String,
    },
    AlterExtension {
        name: String,
    },
    AlterDefaultPrivileges,
    /// A statement that is parsed but not modelled; `keyword` is its first word or two, upper case.
    Other {
        keyword: String,
    },
    /// Text that the parser could not read as a statement.
    Unparsed,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateTable {
    /// The table with its columns, constraints and the indexes that constraints make. Constraints without
    /// a written name carry the name PostgreSQL would choose.
    pub table: Table,
    pub name: Name,
    pub if_not_exists: bool,
    pub temporary: bool,
    /// `CREATE TABLE … AS`.
    pub from_query: bool,
    /// Relations that this query names, each once.
    pub reads: Vec<Name>,
    /// `LIKE other INCLUDING …`.
    pub like: Vec<Name>,
    /// Columns written with a `serial` type: their sequences are made with the table.
    pub serial: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AlterTable {
    pub name: Name,
    pub if_exists: bool,
    pub only: bool,
    pub actions: Vec<AlterAction>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AlterAction {
    AddColumn {
        column: AddColumn,
        if_not_exists: bool,
    },
    DropColumn {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    SetType {
        column: String,
        ty: ColumnType,
        using: Option<String>,
    },
    SetNotNull {
        column: String,
    },
    DropNotNull {
        column: String,
    },
    SetDefault {
        column: String,
        expression: String,
    },
    DropDefault {
        column: String,
    },
    AddIdentity {
        column: String,
        identity: Identity,
    },
    AlterIdentity {
        column: String,
    },
    DropIdentity {
        column: String,
    },
    SetExpression {
        column: String,
        expression: String,
    },
    DropExpression {
        column: String,
    },
    SetStatistics {
        column: String,
    },
    SetStorage {
        column: String,
    },
    /// `using_index` is the index of `ADD CONSTRAINT … USING INDEX`; `not_valid` is also in the constraint.
    AddConstraint {
        constraint: Constraint,
        /// The index that a key or an exclusion makes, as it is written: what the constraint does not tell of it
        /// (`INCLUDE`, `WITH`) stands here.
        index: Option<Index>,
        using_index: Option<String>,
        named: bool,
    },
    DropConstraint {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    ValidateConstraint {
        name: String,
    },
    AlterConstraint {
        name: String,
    },
    RenameColumn {
        from: String,
        to: String,
    },
    RenameConstraint {
        from: String,
        to: String,
    },
    RenameTable {
        to: String,
    },
    SetSchema {
        to: String,
    },
    AttachPartition {
        child: Name,
        bound: String,
    },
    DetachPartition {
        child: Name,
        concurrently: bool,
    },
    EnableRowSecurity,
    DisableRowSecurity,
    ForceRowSecurity,
    NoForceRowSecurity,
    EnableTrigger {
        name: Option<String>,
    },
    DisableTrigger {
        name: Option<String>,
    },
    SetLogged,
    SetUnlogged,
    SetTablespace,
    SetAccessMethod,
    SetOptions {
        options: Vec<String>,
    },
    ResetOptions {
        options: Vec<String>,
    },
    ReplicaIdentity,
    Inherit {
        parent: Name,
    },
    NoInherit {
        parent: Name,
    },
    OwnerTo {
        role: String,
    },
    ClusterOn {
        index: String,
    },
    /// Anything else, with its text.
    Other {
        text: String,
    },
}

/// A column that is added, with the constraints written beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct AddColumn {
    pub column: crate::catalog::Column,
    /// `serial`, `bigserial`, `smallserial`.
    pub serial: bool,
    /// Primary key, unique, references and check clauses of the column, named as PostgreSQL would.
    pub constraints: Vec<Constraint>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateIndex {
    /// Named as PostgreSQL would where no name was written.
    pub index: Index,
    pub table: Name,
    pub only: bool,
    pub concurrently: bool,
    pub if_not_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReindexTarget {
    Index,
    Table,
    Schema,
    Database,
    System,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterEnum {
    AddValue { value: String, if_not_exists: bool, before: Option<String>, after: Option<String> },
    RenameValue { from: String, to: String },
    Rename { to: String },
    SetSchema { to: String },
    Owner,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterDomain {
    AddConstraint { name: Option<String>, expression: String, not_valid: bool },
    DropConstraint { name: String },
    ValidateConstraint { name: String },
    SetNotNull,
    DropNotNull,
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrantObjects {
    Tables(Vec<Name>),
    AllTables { schemas: Vec<String> },
    Sequences(Vec<Name>),
    Functions(Vec<Name>),
    Schemas(Vec<String>),
    Roles(Vec<String>),
    Other(String),
}
