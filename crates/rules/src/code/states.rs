//! Every column of states and the ways that the code takes, whether or not a rule finds something wrong with it.

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_model::code::{Call, Node, Operation, Value};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::place::Place;
use pgsteward_model::prisma::{DefaultValue, Field, FieldType, Model};
use pgsteward_model::source::FileRange;
use pgsteward_model::states::{StateColumn, Way};

use super::flow::{self, Flow};
use super::{shared, status_updated_blindly, statuses, transitions};

/// The columns of states that an update of the code sets to a fixed state, in the order of the schema.
pub fn states(facts: &Facts) -> Vec<StateColumn> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let models = flow.schema.iter().flat_map(|schema| &schema.models);
    models.flat_map(statuses::of).filter_map(|(model, field)| column(&flow, model, field)).collect()
}

/// What the lab is asked about: the trigger as the fix of a finding at the first update.
pub fn states_to_prove(column: &StateColumn) -> Option<Finding> {
    let at = column.ways.iter().flat_map(|way| &way.at).next()?.clone();
    let evidence = Evidence::Transitions {
        relation: column.relation.clone(),
        column: column.column.clone(),
        allowed: column.allowed(),
    };
    let what = format!("{}.{}", column.model, column.field);
    let finding = Finding::in_file(&status_updated_blindly::RULE, Place::file(at), &what, what.clone());
    Some(finding.evidence(evidence).fix(column.trigger.clone()?))
}

fn column(flow: &Flow, model: &Model, field: &Field) -> Option<StateColumn> {
    let changes = statuses::changes(flow, model, field);
    if changes.is_empty() {
        return None;
    }
    let known = statuses::ways(flow, model, field, &changes);
    let updates = statuses::named(flow, field, &changes);
    let enforced = transitions::enforced(flow, model, field);
    let (trigger, no_trigger) = match transitions::trigger(flow, model, field, &known) {
        _ if enforced => (None, Some("a trigger of the table holds them already".to_owned())),
        Ok(fix) => (Some(fix), None),
        Err(why) => (None, Some(why.to_owned())),
    };
    let begins = begins(flow, model, field);
    let stored = |state: &str| transitions::stored(flow, field, state);
    let ways: Vec<Way> = known
        .allowed
        .iter()
        .map(|(from, to)| Way {
            from: if from == transitions::ANY { from.clone() } else { stored(from) },
            to: stored(to),
            at: at(flow, &updates, from, to),
        })
        .collect();
    let set = |state: &str| ways.iter().any(|way| way.to == state) || begins.iter().any(|one| one == state);
    let unset = match &known.unknown[..] {
        [] if !begins_unseen(flow, model, field) => {
            all_states(flow, field).into_iter().filter(|state| !set(state)).collect()
        }
        _ => Vec::new(),
    };
    let relation = QName::new(model.namespace.as_deref().unwrap_or("public"), model.db_name.clone());
    Some(StateColumn {
        model: model.name.clone(),
        field: field.name.clone(),
        relation: relation.display(),
        column: field.db_name.clone(),
        unset,
        begins,
        ways,
        unknown: known.unknown.iter().map(|at| flow.facts.sources.range(&at.file, at.span)).collect(),
        enforced,
        trigger,
        no_trigger,
        proof: None,
    })
}

/// The updates that go a way. One from a state that any other may go from, too, is part of that.
fn at(flow: &Flow, updates: &[(&Call, Vec<String>, String)], from: &str, to: &str) -> Vec<FileRange> {
    let goes = |known: &[String]| from == transitions::ANY || known.iter().any(|state| state == from);
    let mut places: Vec<FileRange> = updates
        .iter()
        .filter(|(_, known, target)| target == to && goes(known))
        .filter_map(|(call, ..)| shared::call_place(flow.facts, call).file)
        .collect();
    places.sort_by(|one, other| (&one.file, one.span).cmp(&(&other.file, other.span)));
    places
}

/// States of the enum, as the database spells them; none of a text.
fn all_states(flow: &Flow, field: &Field) -> Vec<String> {
    let FieldType::Enum(name) = &field.ty else { return Vec::new() };
    let known = flow.schema.iter().flat_map(|schema| &schema.enums).filter(|known| known.name == *name);
    known.flat_map(|known| &known.values).map(|value| value.db_name.clone()).collect()
}

/// The states that new rows have: those that creates name, and the default where one names none.
fn begins(flow: &Flow, model: &Model, field: &Field) -> Vec<String> {
    let mut found = BTreeSet::new();
    let states = statuses::States::of(flow, field);
    let creates = flow
        .code
        .calls
        .iter()
        .filter(|call| call.model == model.name && transitions::is_run(flow, &call.site));
    let mut omitted = false;
    for data in creates.flat_map(new_rows) {
        match data.get(&field.name) {
            Some(value) => {
                found.extend(value.alternatives().into_iter().filter_map(|value| states.constant(value)));
            }
            None => omitted |= data.object().is_some_and(|object| !object.open),
        }
    }
    if let Some(default) = field.default.as_ref().filter(|_| omitted || found.is_empty()) {
        match &default.value {
            DefaultValue::EnumValue(name) | DefaultValue::String(name) => {
                found.insert(name.clone());
            }
            _ => {}
        }
    }
    found.iter().map(|state| transitions::stored(flow, field, state)).collect()
}

/// New rows may begin in a state that [`begins`] does not see.
fn begins_unseen(flow: &Flow, model: &Model, field: &Field) -> bool {
    let states = statuses::States::of(flow, field);
    let is_seen = |data: &Node| {
        data.object().is_some_and(|object| !object.open)
            && data.get(&field.name).is_none_or(|value| {
                value.alternatives().into_iter().all(|value| states.constant(value).is_some())
            })
    };
    let relations: Vec<&str> = flow
        .schema
        .iter()
        .flat_map(|schema| &schema.models)
        .flat_map(|from| &from.fields)
        .filter(|relation| matches!(&relation.ty, FieldType::Model(target) if *target == model.name))
        .map(|relation| relation.name.as_str())
        .collect();
    let is_nested = |call: &Call| {
        ["data", "create", "update"].iter().filter_map(|name| call.argument.get(name)).any(|data| {
            relations.iter().any(|name| flow::mentions(data, name))
                && ["create", "createMany", "connectOrCreate", "upsert"]
                    .iter()
                    .any(|name| flow::mentions(data, name))
        })
    };
    let mut calls = flow.code.calls.iter().filter(|call| transitions::is_run(flow, &call.site));
    let table = model.db_name.to_lowercase();
    let is_unseen = |call: &Call| {
        let own = call.model == model.name && !new_rows(call).into_iter().all(is_seen);
        own || call.operation.writes() && is_nested(call)
    };
    let mut raw = flow.code.raw.iter().filter_map(|raw| raw.text.as_deref()).map(str::to_lowercase);
    calls.any(is_unseen) || raw.any(|text| text.contains("insert") && text.contains(&table))
}

/// The rows that a call makes.
fn new_rows(call: &Call) -> Vec<&Node> {
    let data = match call.operation {
        Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn => {
            call.argument.get("data")
        }
        Operation::Upsert => call.argument.get("create"),
        _ => None,
    };
    let data = data.map(|data| data.value.as_repeated().unwrap_or(data));
    match data.map(|data| (&data.value, data)) {
        Some((Value::List(rows), _)) => rows.iter().collect(),
        Some((_, row)) => vec![row],
        None => Vec::new(),
    }
}
