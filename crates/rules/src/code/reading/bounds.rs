//! Whether the conditions of a statement keep its rows few, whatever the size of the table.

use pgsteward_model::code::Access;
use pgsteward_model::facts::Facts;
use pgsteward_model::prisma::{Field, FieldType, Model};

use super::scale;
use crate::shared::kept_words;

/// The conditions name rows by a unique key, by a list that the program holds, by a name, or by a parent that owns them.
pub(in crate::code) fn is_bounded(facts: &Facts, access: &Access) -> bool {
    if access.unique && !access.joined {
        return true;
    }
    let Some(prisma) = &facts.prisma else { return false };
    let Some(model) = prisma.model_of_table(&access.namespace, &access.table) else { return true };
    let fields = |columns: &'_ [String]| -> Vec<&Field> {
        columns.iter().filter_map(|column| model.field_of_column(column)).collect()
    };
    let (equal, listed) = (fields(&access.equal), fields(&access.any_of));
    // A text or number that is no reference and no state is a name: few rows have it.
    let by_name = equal.iter().any(|field| {
        matches!(field.ty, FieldType::Scalar(_))
            && !scale::is_state(field)
            && (field.is_unique || owner(model, &field.name).is_none() && !is_reference(&field.name))
            && !field.is_id
    });
    if access.joined {
        // One of its columns joins it; another one says which rows are wanted.
        return by_name
            || listed.iter().any(|field| !scale::is_state(field))
            || equal.iter().filter(|field| !scale::is_state(field)).count() > 1;
    }
    let is_bound = |field: &&Field| owner(model, &field.name) == Some(true);
    let references =
        equal.iter().filter(|field| owner(model, &field.name).is_some() || is_reference(&field.name)).count();
    let few = references > 1 || references == 1 && !is_history(model) && access.range.is_empty();
    listed.iter().any(|field| !scale::is_state(field)) || equal.iter().any(is_bound) || by_name || few
}

/// `actorId`: refers to something, though no relation says so.
fn is_reference(field: &str) -> bool {
    kept_words(field).last().is_some_and(|word| word == "id")
}

/// Whether a field refers to another model; true where its rows go with their parent, and so belong to it.
fn owner(model: &Model, field: &str) -> Option<bool> {
    model
        .fields
        .iter()
        .filter_map(|field| field.relation.as_ref())
        .find(|relation| relation.fields.iter().any(|name| name == field))
        .map(|relation| relation.on_delete.as_deref() == Some("Cascade"))
}

/// Rows that are changed are somebody's things, of which people have so many; rows that are only added are history.
pub(in crate::code) fn is_history(model: &Model) -> bool {
    let is_changed = |field: &Field| {
        let words = kept_words(&field.name);
        field.updated_at || words.iter().any(|word| matches!(word.as_str(), "updated" | "modified"))
    };
    !model.fields.iter().any(is_changed)
}
