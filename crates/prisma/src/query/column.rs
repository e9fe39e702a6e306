//! Columns as they are selected and values as they are sent: the casts of enums.

use pgsteward_model::code::QueryParameter;
use pgsteward_model::prisma::{Arity, Field, FieldType, Model};

use super::plan::{Alias, Plan};
use super::sql::{Sql, quoted};
use super::world::namespace;

/// A column in a list of results. Enums are read as text, money as a number.
pub(super) fn selected(alias: &Alias, model: &Model, field: &Field) -> Sql {
    let column = alias.column(model, field);
    match (&field.ty, field.arity) {
        (FieldType::Enum(_), Arity::List) => column.t("::text[]"),
        (FieldType::Enum(_), _) => column.t("::text"),
        _ if money(field) => column.t("::numeric"),
        _ => column,
    }
}

fn money(field: &Field) -> bool {
    field.native.as_ref().is_some_and(|native| native.name == "Money") && field.arity != Arity::List
}

pub(super) fn parameter(model: &Model, field: &Field, path: &str, list: bool) -> QueryParameter {
    let column = (namespace(model).to_owned(), model.db_name.clone(), field.db_name.clone());
    QueryParameter { path: path.to_owned(), column: Some(column), list }
}

impl Plan<'_> {
    /// A value for a column. Enums are sent as text and cast.
    pub(super) fn value(&self, model: &Model, field: &Field, path: &str, list: bool) -> Sql {
        let parameter = Sql::parameter(parameter(model, field, path, list));
        match self.enum_type(field) {
            Some(name) if field.arity == Arity::List => {
                Sql::text("CAST(").s(parameter).t("::text[] AS ").t(&name).t("[])")
            }
            Some(name) => Sql::text("CAST(").s(parameter).t("::text AS ").t(&name).t(")"),
            None => parameter,
        }
    }

    fn enum_type(&self, field: &Field) -> Option<String> {
        let FieldType::Enum(name) = &field.ty else { return None };
        let one = self.world.enumeration(name)?;
        let namespace = one.namespace.as_deref().unwrap_or("public");
        Some(format!("{}.{}", quoted(namespace), quoted(&one.db_name)))
    }
}
