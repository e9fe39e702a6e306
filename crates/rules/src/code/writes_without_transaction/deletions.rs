//! Deletions one after the other: which of them leave something that hurts when the second one does not come.

use pgsteward_model::code::{Call, Node, Operation, Value};
use pgsteward_model::prisma::{Arity, Field, FieldType};

use super::{Flow, Write};
use crate::code::text;

/// The next try, or the next run, deletes the rest, or what is left is a row that nothing refers to.
pub(super) fn go_on(flow: &Flow, first: &Write, second: &Write) -> bool {
    clears_in_portions(first, second)
        || sweeps(first, second)
        || children_go_first(flow, first, second) && refused_by(flow, second).is_none()
        || leaves_what_nothing_needs(flow, first, second)
}

/// Both only delete, portion by portion: the next turn or the next run goes on where this one stopped, and one
/// transaction for all would hold its locks through all of them.
fn clears_in_portions(first: &Write, second: &Write) -> bool {
    let clears =
        |write: &Write| write.call.operation == Operation::DeleteMany && !write.site.loops.is_empty();
    clears(first) && clears(second)
}

/// Both delete what belongs to the same owner, by the same words, and the owner stays: the next try finds the rest.
fn sweeps(first: &Write, second: &Write) -> bool {
    let by = |write: &Write| {
        let filter =
            write.call.argument.get("where").filter(|_| write.call.operation == Operation::DeleteMany)?;
        let property = filter.object().filter(|object| !object.open && object.properties.len() == 1)?;
        let property = property.properties.first()?;
        match &property.value.value {
            Value::Expression { text, .. } if property.name != "id" => {
                Some((property.name.clone(), text.clone()))
            }
            _ => None,
        }
    };
    by(first).is_some_and(|owner| by(second) == Some(owner))
}

fn deletes(write: &Write) -> bool {
    matches!(write.call.operation, Operation::Delete | Operation::DeleteMany)
}

/// The relations by which rows of the first write's model belong to those of the second's.
fn belongs<'a>(flow: &Flow<'a>, first: &Write, second: &Write) -> Vec<&'a Field> {
    let fields = flow.model(&first.call.model).map_or(&[][..], |model| &model.fields);
    fields.iter().filter(|field| leads_to(field, &second.call.model)).collect()
}

/// It holds the key: `vendor Vendor @relation(fields: [vendorId], …)`.
fn leads_to(field: &Field, model: &str) -> bool {
    matches!(&field.ty, FieldType::Model(target) if target == model)
        && field.relation.as_ref().is_some_and(|relation| !relation.fields.is_empty())
}

/// The rows of a parent, by its key and nothing else, and then the parent.
pub(super) fn children_go_first(flow: &Flow, first: &Write, second: &Write) -> bool {
    deletes(first)
        && deletes(second)
        && belongs(flow, first, second).into_iter().any(|field| is_of_parent(first.call, field))
}

/// `deleteMany({ where: { vendorId } })`
fn is_of_parent(call: &Call, field: &Field) -> bool {
    let keys = field.relation.as_ref().map_or(&[][..], |relation| &relation.fields);
    let filter = call.argument.get("where").and_then(Node::object).filter(|filter| !filter.open);
    filter.is_some_and(|filter| {
        let is_key = |name: &String| keys.contains(name) || *name == field.name;
        !filter.properties.is_empty() && filter.properties.iter().all(|property| is_key(&property.name))
    })
}

/// A model whose rows keep a row of the second write's model from being deleted, and are not deleted before.
pub(super) fn refused_by<'a>(flow: &Flow<'a>, second: &Write) -> Option<&'a str> {
    let parent = &second.call.model;
    let before = calls_before(flow, second);
    let is_gone = |model: &str, field: &Field| {
        before.iter().any(|call| {
            matches!(call.operation, Operation::Delete | Operation::DeleteMany)
                && call.model == model
                && is_of_parent(call, field)
        })
    };
    let keeps = |field: &Field| {
        let action = field.relation.as_ref().and_then(|relation| relation.on_delete.as_deref());
        match action {
            Some(action) => matches!(action, "Restrict" | "NoAction"),
            None => field.arity == Arity::Required,
        }
    };
    let models = flow.facts.prisma.as_ref().map_or(&[][..], |schema| &schema.models);
    models.iter().find_map(|model| {
        let mut fields = model.fields.iter().filter(|field| leads_to(field, parent) && keeps(field));
        fields.any(|field| !is_gone(&model.name, field)).then_some(model.name.as_str())
    })
}

/// The calls of the function before a write, and those of the functions that it calls until then.
fn calls_before<'a>(flow: &Flow<'a>, write: &Write) -> Vec<&'a Call> {
    let function = write.site.function;
    let own = flow.calls_of(function).filter(|(_, call)| call.site.order < write.site.order);
    let through = flow
        .invocations_of(function)
        .filter(|(_, invocation)| invocation.site.order < write.site.order && invocation.callee != function);
    let deeper = through.flat_map(|(_, invocation)| flow.calls_of(invocation.callee));
    let beside = write.through.map(|through| flow.calls_of(through.callee)).into_iter().flatten();
    let beside = beside.filter(|(_, call)| call.site.order < write.call.site.order);
    own.chain(deeper).chain(beside).map(|(_, call)| call).collect()
}

/// A row goes, or lets go of another one, and then the other one, which the row had named, goes too: alone, it is in
/// nobody's way.
fn leaves_what_nothing_needs(flow: &Flow, first: &Write, second: &Write) -> bool {
    let belongs = belongs(flow, first, second);
    if belongs.is_empty() || !deletes(second) {
        return false;
    }
    let relations = belongs.iter().filter_map(|field| field.relation.as_ref());
    let keys: Vec<&String> = relations.flat_map(|relation| &relation.fields).collect();
    let named = |node: &Node| match &node.value {
        Value::Expression { text, .. } => {
            text::is_path(text)
                && text.rsplit_once('.').is_some_and(|(_, last)| keys.iter().any(|key| *key == last))
        }
        _ => false,
    };
    let by_the_row = second.call.argument.get("where").and_then(Node::object).is_some_and(|filter| {
        !filter.open
            && filter.properties.len() == 1
            && filter.properties.iter().all(|property| named(&property.value))
    });
    let at = &first.call.site.at;
    let written = flow.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span));
    let lets_go = first.call.operation == Operation::Update && text::mentions_word(written, "disconnect");
    deletes(first) && by_the_row || lets_go
}
