//! What a Prisma schema says, file by file and resolved. The text's tree stays in the `prisma` crate;
//! here every name carries the span that a finding or an edit needs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// One schema, from one file or from a folder of files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrismaSchema {
    /// Paths of the files, as in [`crate::source::Sources`].
    pub files: Vec<Arc<str>>,
    pub datasource: Option<Datasource>,
    pub generators: Vec<Generator>,
    /// Models and views, in the order of the text.
    pub models: Vec<Model>,
    pub enums: Vec<PrismaEnum>,
    pub composites: Vec<CompositeBlock>,
    pub errors: Vec<SchemaError>,
}

impl PrismaSchema {
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// The model that maps a table. A model without `@@schema` lives in `public`.
    pub fn model_of_table(&self, namespace: &str, table: &str) -> Option<&Model> {
        self.models.iter().find(|model| {
            model.db_name == table && model.namespace.as_deref().unwrap_or("public") == namespace
        })
    }

    /// True where relations are kept by the client and the database has no foreign keys.
    pub fn relation_mode_prisma(&self) -> bool {
        self.datasource.as_ref().is_some_and(|source| source.relation_mode.as_deref() == Some("prisma"))
    }
}

/// A place in one of the schema's files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    #[serde(with = "crate::repeated::text")]
    pub file: Arc<str>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SchemaError {
    pub at: At,
    /// Lower case, no full stop.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Datasource {
    pub name: String,
    pub at: At,
    pub provider: Option<String>,
    pub url: Option<UrlValue>,
    pub direct_url: Option<UrlValue>,
    pub shadow_database_url: Option<UrlValue>,
    pub relation_mode: Option<String>,
    pub schemas: Vec<String>,
    /// Names in `extensions = [...]`.
    pub extensions: Vec<String>,
    /// What is said of extensions beyond their names.
    pub extension_options: Vec<ExtensionOptions>,
}

/// `uuid_ossp(map: "uuid-ossp", schema: "extensions", version: "1.1")`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionOptions {
    /// The database's name.
    pub name: String,
    pub namespace: Option<String>,
    pub version: Option<String>,
}

/// How a URL is given.
#[derive(Clone, Debug, PartialEq)]
pub enum UrlValue {
    Env {
        name: String,
        at: At,
    },
    /// Written out in the schema. The text may hold a password: never print it.
    Literal {
        text: Secret,
        at: At,
    },
}

/// A text that must not be printed. `Debug` hides it; `expose` is the only way to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Secret(…)")
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    pub name: String,
    pub at: At,
    pub provider: Option<String>,
    pub preview_features: Vec<String>,
    pub output: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub name: String,
    pub name_at: At,
    /// The whole block, from its keyword to its closing brace.
    pub at: At,
    pub view: bool,
    /// Name of the table or view: `@@map`, else the model's own name.
    pub db_name: String,
    /// `@@schema`.
    pub namespace: Option<String>,
    pub fields: Vec<Field>,
    pub primary_key: Option<ModelKey>,
    /// `@unique` and `@@unique`.
    pub uniques: Vec<ModelKey>,
    /// `@@index` and `@@fulltext`.
    pub indexes: Vec<ModelKey>,
    pub ignored: bool,
    /// Text of `///` comments above, lines joined by `\n`.
    pub documentation: Option<String>,
}

impl Model {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The scalar field that maps a column.
    pub fn field_of_column(&self, column: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.is_column() && field.db_name == column)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub name_at: At,
    /// From the name to the end of the last attribute.
    pub at: At,
    pub ty: FieldType,
    pub type_at: At,
    pub arity: Arity,
    /// Column name: `@map`, else the field's own name.
    pub db_name: String,
    pub default: Option<FieldDefault>,
    pub updated_at: bool,
    pub is_id: bool,
    pub is_unique: bool,
    pub ignored: bool,
    /// `@db.VarChar(255)`.
    pub native: Option<NativeType>,
    pub relation: Option<Relation>,
    pub documentation: Option<String>,
}

impl Field {
    /// True for fields that are columns: scalars, enums, `Unsupported`, composites; false for relations.
    pub fn is_column(&self) -> bool {
        !matches!(self.ty, FieldType::Model(_))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldType {
    Scalar(Scalar),
    Enum(String),
    Model(String),
    /// A `type` block.
    Composite(String),
    Unsupported(String),
    /// A name that no block defines.
    Unknown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scalar {
    String,
    Boolean,
    Int,
    BigInt,
    Float,
    Decimal,
    DateTime,
    Json,
    Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    Required,
    Optional,
    List,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FieldDefault {
    pub value: DefaultValue,
    /// `@default(…, map: "name")`.
    pub map: Option<String>,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DefaultValue {
    String(String),
    /// Digits as written, sign and point included.
    Number(String),
    Boolean(bool),
    /// Name of an enum value, as written in the schema.
    EnumValue(String),
    List(Vec<DefaultValue>),
    Now,
    Autoincrement,
    /// `dbgenerated("…")`; none where the argument is absent.
    DbGenerated(Option<String>),
    /// `cuid()`, `uuid(7)`, `nanoid(16)`, `ulid()`, `auto()`: made by the client.
    Client {
        function: String,
        arguments: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeType {
    /// Without the datasource's name: `VarChar`.
    pub name: String,
    pub arguments: Vec<String>,
    pub at: At,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relation {
    pub name: Option<String>,
    /// Names of fields of this model; empty on the side without the key.
    pub fields: Vec<String>,
    pub references: Vec<String>,
    pub on_delete: Option<String>,
    pub on_update: Option<String>,
    /// Name of the constraint.
    pub map: Option<String>,
    /// The attribute, or the field where there is none.
    pub at: At,
    /// The field on the other model, where exactly one matches.
    pub opposite: Option<(String, String)>,
}

/// A primary key, unique key or index of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelKey {
    pub fields: Vec<KeyField>,
    /// `map:`, the database name.
    pub map: Option<String>,
    /// `name:`, the client's name.
    pub name: Option<String>,
    /// `type: Gin`.
    pub method: Option<String>,
    /// `where:`, as SQL.
    pub predicate: Option<String>,
    /// True where the predicate was written as SQL, with columns; otherwise it names fields, in double quotes.
    pub raw_predicate: bool,
    /// True for `@id`/`@unique` on a field, false for a block attribute.
    pub on_field: bool,
    /// `@@fulltext`.
    pub fulltext: bool,
    pub at: At,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyField {
    /// Field name (a path with `.` into a composite).
    pub field: String,
    pub descending: bool,
    /// True where `sort: Asc` is written out.
    pub ascending: bool,
    /// `ops: JsonbPathOps` or `ops: raw("…")` as the SQL name where it is known.
    pub ops: Option<String>,
    pub length: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct PrismaEnum {
    pub name: String,
    pub at: At,
    pub db_name: String,
    pub namespace: Option<String>,
    /// Name and database name of each value, with its place.
    pub values: Vec<EnumValue>,
    pub documentation: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EnumValue {
    pub name: String,
    pub db_name: String,
    pub at: At,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CompositeBlock {
    pub name: String,
    pub at: At,
    pub fields: Vec<Field>,
}
