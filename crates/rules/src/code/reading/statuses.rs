//! Columns that hold a state, and what the updates of the code say of them: the state that each sets, and the ones that it
//! expects.

use pgsteward_model::code::{Call, Guard, Node, Operation, Source, Value};
use pgsteward_model::prisma::{Field, FieldType, Model, Scalar};

use super::flow::{self, Flow};
use super::transitions::Ways;
use crate::shared::words;

/// One update of a status.
pub(in crate::code) struct Change<'a> {
    pub(in crate::code) call: &'a Call,
    pub(in crate::code) to: String,
    /// The status that its where names, or that was looked at before.
    pub(in crate::code) from: Vec<String>,
    pub(in crate::code) in_where: bool,
    /// A read whose row's status decides that the update runs.
    pub(in crate::code) looked: Option<&'a Call>,
}

/// The columns of a model that hold a state: an enum or a text named so.
pub(in crate::code) fn of(model: &Model) -> impl Iterator<Item = (&Model, &Field)> {
    model.fields.iter().filter_map(move |field| {
        let named = words(&field.name).iter().any(|word| matches!(word.as_str(), "status" | "state"));
        let fits = matches!(field.ty, FieldType::Enum(_) | FieldType::Scalar(Scalar::String));
        (named && fits).then_some((model, field))
    })
}

/// The updates of a field to a fixed state, in code that serves users.
pub(in crate::code) fn changes<'a>(flow: &Flow<'a>, model: &Model, field: &str) -> Vec<Change<'a>> {
    flow.code
        .calls
        .iter()
        .filter(|call| call.model == model.name && flow.code.serves(&call.site))
        .filter_map(|call| change(flow, call, field))
        .collect()
}

fn change<'a>(flow: &Flow<'a>, call: &'a Call, field: &str) -> Option<Change<'a>> {
    if !matches!(call.operation, Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn) {
        return None;
    }
    let to = constant(call.argument.get("data")?.get(field)?)?;
    let filter = call.argument.get("where")?;
    let in_where = flow::mentions(filter, field);
    let mut from = Vec::new();
    if in_where {
        from.extend(named_in(filter, field));
    }
    let mut looked = None;
    for guard in &call.site.guards {
        for source in &guard.sources {
            let Source::Result { call: read, path } = source else { continue };
            let read = &flow.code.calls[*read];
            let of_row = demands(guard) && path.len() == 1 && path[0] == field && read.model == call.model;
            if of_row && !read.operation.writes() && read.site.function == call.site.function {
                looked = Some(read);
                from.extend(literals(&guard.text));
            }
        }
    }
    Some(Change { call, to, from, in_where, looked })
}

/// The condition asks for one status (`=== X`, or a way out at `!== X`), and does not merely rule some out.
fn demands(guard: &Guard) -> bool {
    if guard.negated {
        guard.text.contains("!=")
    } else {
        guard.text.contains("==") && !guard.text.contains("!=")
    }
}

/// `'PAID'`, `OrderStatus.PAID`: the value alone.
pub(in crate::code) fn constant(node: &Node) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Expression { text, sources, .. } => {
            let constant = sources.iter().all(|source| *source == Source::Constant) && !sources.is_empty();
            let name = text.rsplit('.').next().unwrap_or(text);
            (constant && text.contains('.') && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
                .then(|| name.to_owned())
        }
        _ => None,
    }
}

/// The values that a where allows the field to have.
fn named_in(filter: &Node, field: &str) -> Vec<String> {
    let Some(value) = filter.get(field) else { return Vec::new() };
    let list = value.get("in").or_else(|| value.get("equals")).unwrap_or(value);
    match &list.value {
        Value::List(nodes) => nodes.iter().filter_map(constant).collect(),
        _ => constant(list).into_iter().collect(),
    }
}

/// Words in quotes, and names in capitals behind a dot.
fn literals(text: &str) -> Vec<String> {
    let quoted = text.split(['\'', '"', '`']).skip(1).step_by(2).map(str::to_owned);
    let members = text
        .split(|character: char| !(character.is_alphanumeric() || character == '_' || character == '.'))
        .filter_map(|word| word.rsplit_once('.'))
        .map(|(_, name)| name.to_owned())
        .filter(|name| name.chars().next().is_some_and(char::is_uppercase));
    quoted.chain(members).collect()
}

/// The ways that the code names.
pub(in crate::code) fn ways(flow: &Flow, model: &Model, field: &Field, changes: &[Change]) -> Ways {
    Ways::of(flow, model, &field.name, &named(flow, field, changes))
}

/// The updates with the states that each expects (none: any) and the one that it sets. What an `if` compares besides the
/// status is no state of it.
pub(in crate::code) fn named<'a>(
    flow: &Flow,
    field: &Field,
    changes: &[Change<'a>],
) -> Vec<(&'a Call, Vec<String>, String)> {
    let states: Option<Vec<&str>> = match &field.ty {
        FieldType::Enum(name) => flow
            .schema
            .iter()
            .flat_map(|schema| &schema.enums)
            .find(|known| known.name == *name)
            .map(|known| known.values.iter().map(|value| value.name.as_str()).collect()),
        _ => None,
    };
    changes
        .iter()
        .map(|change| {
            let mut from = change.from.clone();
            match &states {
                Some(states) => from.retain(|state| states.contains(&state.as_str())),
                // Of texts it is not known which of several an `if` compares the status with.
                None if change.looked.is_some() && from.len() > 1 => from.clear(),
                None => {}
            }
            from.retain(|state| *state != change.to);
            (change.call, from, change.to.clone())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::literals;

    #[test]
    fn the_values_that_a_condition_names() {
        assert_eq!(literals("order.status !== 'PAID'"), ["PAID"]);
        assert_eq!(literals("order.status === OrderStatus.Paid || late"), ["Paid"]);
        assert!(literals("order.status !== wanted").is_empty());
    }
}
