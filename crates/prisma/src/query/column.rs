//! Columns as they are selected and values as they are sent: the casts of enums.

use pgsteward_model::code::QueryParameter;
use pgsteward_model::prisma::{Arity, Field, FieldType, Model};

use super::plan::{Alias, Plan};
use super::sql::{Sql, quoted};
use super::world::namespace;

/// A column in a list of results. Enums are read as text, money as a number.
pub(super) fn selected(alias: &Alias, model: &Model, field: &Field) -> Sql {
    let mut text = String::with_capacity(64);
    push_selected(&mut text, alias, model, field);
    Sql::text(text)
}

/// The same for several, with commas between them.
pub(super) fn all_selected(alias: &Alias, model: &Model, fields: &[&Field]) -> String {
    let mut text = String::with_capacity(fields.len() * 48);
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push_str(", ");
        }
        push_selected(&mut text, alias, model, field);
    }
    text
}

fn push_selected(text: &mut String, alias: &Alias, model: &Model, field: &Field) {
    alias.push_column(text, model, &field.db_name);
    text.push_str(match (&field.ty, field.arity) {
        (FieldType::Enum(_), Arity::List) => "::text[]",
        (FieldType::Enum(_), _) => "::text",
        _ if money(field) => "::numeric",
        _ => "",
    });
}

/// True of a column of the type `money`, which is read as a number.
pub(super) fn money(field: &Field) -> bool {
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
