//! A status that is set whatever it was when the statement runs.

use pgsteward_model::catalog::QName;
use pgsteward_model::code::{Call, Guard, Node, Operation, Site, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::prisma::{Field, FieldType, Model, Scalar};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::transitions::{self, Ways};
use super::{locks, shared};
use crate::shared::words;

pub(super) static RULE: Rule = Rule {
    id: "status-updated-blindly",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Catalog],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("status_updated_blindly.md"),
    check,
};

/// One update of a status.
struct Change<'a> {
    call: &'a Call,
    to: String,
    /// The status that its where names, or that was looked at before.
    from: Vec<String>,
    in_where: bool,
    /// A read whose row's status decides that the update runs.
    looked: Option<&'a Call>,
}

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for (model, field) in flow.schema.iter().flat_map(|schema| &schema.models).flat_map(statuses) {
        let changes: Vec<Change> = flow
            .code
            .calls
            .iter()
            .filter(|call| call.model == model.name && flow.code.serves(&call.site))
            .filter_map(|call| change(&flow, call, &field.name))
            .collect();
        if changes.is_empty() || transitions::enforced(&flow, model, field) {
            continue;
        }
        let known = ways(&flow, model, field, &changes);
        let stated = changes.iter().filter(|change| change.in_where).count();
        for change in
            changes.iter().filter(|change| !change.in_where && !locks::guarded(&flow, &change.call.site))
        {
            let finding = if let Some(read) = change.looked.filter(|_| !change.from.contains(&change.to)) {
                if claimed(&flow, read, change.call, &field.name) {
                    continue;
                }
                looked(&flow, change, read, &field.name, &known)
            } else if stated >= 3 && stated * 5 >= changes.len() * 4 && change.looked.is_none() {
                unlike_siblings(&flow, change, &field.name, stated, changes.len(), &known)
            } else {
                continue;
            };
            findings.push(with_ways(&flow, finding, model, field, &known));
        }
    }
    findings
}

/// Between the look and the update the row was taken with an update that names the status it expects: the function itself
/// did, or one that it calls. What follows is done by the one that got it.
fn claimed(flow: &Flow, read: &Call, update: &Call, field: &str) -> bool {
    let between = |site: &Site| read.site.order < site.order && site.order < update.site.order;
    let claims = |call: &Call| {
        call.model == update.model
            && matches!(
                call.operation,
                Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn
            )
            && call.argument.get("where").is_some_and(|filter| flow::mentions(filter, field))
            && call.argument.get("data").is_some_and(|data| data.get(field).is_some())
    };
    let function = update.site.function;
    flow.calls_of(function).any(|(_, call)| between(&call.site) && claims(call))
        || flow.invocations_of(function).any(|(_, invocation)| {
            between(&invocation.site)
                && flow.reach(invocation.callee).calls.iter().any(|call| claims(&flow.code.calls[*call]))
        })
}

/// The columns of a model that hold a state: an enum or a text named so.
fn statuses(model: &Model) -> impl Iterator<Item = (&Model, &Field)> {
    model.fields.iter().filter_map(move |field| {
        let named = words(&field.name).iter().any(|word| matches!(word.as_str(), "status" | "state"));
        let fits = matches!(field.ty, FieldType::Enum(_) | FieldType::Scalar(Scalar::String));
        (named && fits).then_some((model, field))
    })
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
fn constant(node: &Node) -> Option<String> {
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

/// The ways that the code names. What an `if` compares besides the status is no state of it.
fn ways(flow: &Flow, model: &Model, field: &Field, changes: &[Change]) -> Ways {
    let states: Option<Vec<&str>> = match &field.ty {
        FieldType::Enum(name) => flow
            .schema
            .iter()
            .flat_map(|schema| &schema.enums)
            .find(|known| known.name == *name)
            .map(|known| known.values.iter().map(|value| value.name.as_str()).collect()),
        _ => None,
    };
    let named: Vec<(&Call, Vec<String>, String)> = changes
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
        .collect();
    Ways::of(flow, model, &field.name, &named)
}

/// The ways drawn, and the trigger that holds them.
fn with_ways(flow: &Flow, finding: Finding, model: &Model, field: &Field, ways: &Ways) -> Finding {
    let stored = |state: &String| match state.as_str() {
        transitions::ANY => state.clone(),
        state => transitions::stored(flow, field, state),
    };
    let finding = finding.evidence(Evidence::Transitions {
        relation: QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone()).display(),
        column: field.db_name.clone(),
        allowed: ways.allowed.iter().map(|(from, to)| (stored(from), stored(to))).collect(),
    });
    match transitions::trigger(flow, model, field, ways) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

fn with_transitions(detail: String, known: &Ways) -> String {
    let others = if known.complete { "" } else { " Other writes of it could not be followed." };
    format!("{detail} The transitions that the code names: {}.{others}", known.text())
}

fn looked(flow: &Flow, change: &Change, read: &Call, field: &str, known: &Ways) -> Finding {
    let message = format!(
        "\"{}\" sets \"{field}\" to {} after looking at it, and does not look again",
        shared::call_name(change.call),
        change.to
    );
    shared::on_call(&RULE, flow.facts, flow.code, change.call, message)
        .detail(with_transitions(
            "Two requests that read the same row both pass the check, and both do what follows.".into(),
            known,
        ))
        .hint(format!("name the expected {field} in the where of an updateMany and stop when its count is 0"))
        .also(shared::call_place(flow.facts, read))
}

fn unlike_siblings(
    flow: &Flow,
    change: &Change,
    field: &str,
    stated: usize,
    all: usize,
    known: &Ways,
) -> Finding {
    let message = format!(
        "\"{}\" sets \"{field}\" to {} from any other: {stated} of {all} updates name the one they expect",
        shared::call_name(change.call),
        change.to
    );
    shared::on_call(&RULE, flow.facts, flow.code, change.call, message)
        .severity(Severity::Info)
        .detail(with_transitions("A row that has moved on in the meantime is set back.".into(), known))
        .hint(format!("add the expected {field} to the where"))
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
