//! What a transaction rests on without reading it itself: a second try would rest on it again, whatever has become of it.

use pgsteward_model::code::{Call, Node, Operation, Site};

use crate::code::flow::Flow;
use crate::code::steps;
use crate::code::text::words_at;

/// The read before a transaction whose field is looked at before it begins, and which it writes: `status` of an escrow
/// that is released. None where the transaction reads the row again or names the field in its own filter.
pub(super) fn outside<'a>(flow: &Flow<'a>, index: usize) -> Option<(&'a Call, String)> {
    let site = &flow.code.transactions[index].site;
    let inside = |site: &Site| site.transaction == Some(index);
    let within: Vec<_> =
        steps::of(flow, site.function).into_iter().filter(|step| inside(step.site())).collect();
    steps::before(flow, site.function, site).into_iter().find_map(|(read, guard)| {
        let of_it = || within.iter().filter(|step| step.call.model == read.call.model);
        if inside(read.site()) || of_it().any(|step| !step.call.operation.writes()) {
            return None;
        }
        let looked_at =
            |field: &str| words_at(&guard.text, field).any(|at| guard.text[..at].ends_with(['.', '"', '\'']));
        of_it().filter(|step| changes(step.call.operation)).find_map(|step| {
            let argument = step.argument(flow);
            let named = |part: &str, field: &str| {
                argument
                    .get(part)
                    .into_iter()
                    .flat_map(Node::alternatives)
                    .any(|node| node.get(field).is_some())
            };
            let data = argument.get("data").or_else(|| argument.get("update"))?;
            let fields = data.alternatives().into_iter().filter_map(Node::object);
            let mut fields = fields.flat_map(|object| object.properties.iter().map(|field| &field.name));
            let field = fields.find(|field| looked_at(field) && !named("where", field))?;
            Some((read.call, field.to_string()))
        })
    })
}

fn changes(operation: Operation) -> bool {
    matches!(operation, Operation::Update | Operation::UpdateMany | Operation::Upsert)
}
