//! What a finding points at: a range in a file, a database object, a query, a setting, or several of them
//! at once (a table that a Prisma model maps has both an object and a range).

use crate::source::FileRange;

/// The kinds of objects that a finding can name. The words are PostgreSQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    Database,
    Schema,
    Table,
    View,
    MaterializedView,
    Column,
    PrimaryKey,
    ForeignKey,
    UniqueConstraint,
    CheckConstraint,
    ExclusionConstraint,
    NotNullConstraint,
    Index,
    Sequence,
    Enum,
    Domain,
    CompositeType,
    Function,
    Trigger,
    Policy,
    Role,
    Extension,
}

impl ObjectKind {
    /// The word used in JSON and in keys: snake case.
    pub fn word(self) -> &'static str {
        match self {
            ObjectKind::Database => "database",
            ObjectKind::Schema => "schema",
            ObjectKind::Table => "table",
            ObjectKind::View => "view",
            ObjectKind::MaterializedView => "materialized_view",
            ObjectKind::Column => "column",
            ObjectKind::PrimaryKey => "primary_key",
            ObjectKind::ForeignKey => "foreign_key",
            ObjectKind::UniqueConstraint => "unique_constraint",
            ObjectKind::CheckConstraint => "check_constraint",
            ObjectKind::ExclusionConstraint => "exclusion_constraint",
            ObjectKind::NotNullConstraint => "not_null_constraint",
            ObjectKind::Index => "index",
            ObjectKind::Sequence => "sequence",
            ObjectKind::Enum => "enum",
            ObjectKind::Domain => "domain",
            ObjectKind::CompositeType => "composite_type",
            ObjectKind::Function => "function",
            ObjectKind::Trigger => "trigger",
            ObjectKind::Policy => "policy",
            ObjectKind::Role => "role",
            ObjectKind::Extension => "extension",
        }
    }
}

/// The identity of a database object. `relation` is the table a column, constraint, index, trigger or
/// policy belongs to; `name` is the object's own name where it is not the relation or the column itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    pub kind: ObjectKind,
    pub database: Option<String>,
    pub namespace: Option<String>,
    pub relation: Option<String>,
    pub column: Option<String>,
    pub name: Option<String>,
    /// Argument types of a function, as `pg_get_function_identity_arguments` prints them.
    pub arguments: Option<String>,
}

impl ObjectRef {
    /// An object that is known by its name alone: a role, an extension, a schema, a database.
    pub fn named(kind: ObjectKind, name: impl Into<String>) -> ObjectRef {
        ObjectRef {
            kind,
            database: None,
            namespace: None,
            relation: None,
            column: None,
            name: Some(name.into()),
            arguments: None,
        }
    }

    /// A table or view itself.
    pub fn relation(kind: ObjectKind, namespace: &str, relation: &str) -> ObjectRef {
        ObjectRef {
            kind,
            database: None,
            namespace: Some(namespace.into()),
            relation: Some(relation.into()),
            column: None,
            name: None,
            arguments: None,
        }
    }

    pub fn column(namespace: &str, relation: &str, column: &str) -> ObjectRef {
        ObjectRef {
            column: Some(column.into()),
            ..ObjectRef::relation(ObjectKind::Column, namespace, relation)
        }
    }

    /// A constraint, index, trigger or policy of a table.
    pub fn of_relation(kind: ObjectKind, namespace: &str, relation: &str, name: &str) -> ObjectRef {
        ObjectRef { name: Some(name.into()), ..ObjectRef::relation(kind, namespace, relation) }
    }

    /// An object of a namespace that is no relation: a type, a sequence, a function.
    pub fn in_namespace(kind: ObjectKind, namespace: &str, name: &str) -> ObjectRef {
        ObjectRef { namespace: Some(namespace.into()), ..ObjectRef::named(kind, name) }
    }

    /// A stable text of the whole identity, used in keys and to sort.
    pub fn identity(&self) -> String {
        let mut text = self.kind.word().to_owned();
        for part in
            [&self.database, &self.namespace, &self.relation, &self.column, &self.name, &self.arguments]
        {
            text.push('/');
            text.push_str(part.as_deref().unwrap_or(""));
        }
        text
    }

    /// How people write the object: `Order.total`, `audit.Event`, `Order_vendorId_fkey`. The namespace
    /// `public` is left out.
    pub fn display(&self) -> String {
        let mut parts: Vec<&str> = Vec::new();
        if let Some(namespace) = self.namespace.as_deref().filter(|name| *name != "public") {
            parts.push(namespace);
        }
        match (self.kind, &self.name) {
            (ObjectKind::Column, _) | (_, None) => {
                parts.extend(self.relation.as_deref());
                parts.extend(self.column.as_deref());
            }
            (_, Some(name)) => parts.push(name),
        }
        parts.join(".")
    }
}

/// Everything that is known about where a finding is. All members may be present at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub file: Option<FileRange>,
    pub object: Option<ObjectRef>,
    /// Fingerprint of a statement of the workload.
    pub query: Option<String>,
    /// Name of a server or project setting.
    pub setting: Option<String>,
}

impl Place {
    pub fn file(range: FileRange) -> Place {
        Place { file: Some(range), ..Place::default() }
    }

    pub fn object(object: ObjectRef) -> Place {
        Place { object: Some(object), ..Place::default() }
    }

    pub fn setting(name: impl Into<String>) -> Place {
        Place { setting: Some(name.into()), ..Place::default() }
    }

    #[must_use]
    pub fn with_file(self, file: Option<FileRange>) -> Place {
        Place { file: file.or(self.file), ..self }
    }

    #[must_use]
    pub fn with_object(self, object: ObjectRef) -> Place {
        Place { object: Some(object), ..self }
    }
}
