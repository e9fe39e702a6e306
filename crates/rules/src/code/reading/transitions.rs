//! The ways from one status to another that the code takes, and a trigger that refuses all others.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName, Table, TriggerEvent};
use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step};
use pgsteward_model::code::{Call, FileRole, Node, Operation, RawQuery, Site, Value};
use pgsteward_model::prisma::{At, Field, FieldType, Model};
use pgsteward_sql::{quote_ident, quote_literal, quote_name};

use super::flow::{self, Flow};
use super::scale;
use crate::shared::{default_index_name, quoted_list};

pub(in crate::code) use pgsteward_model::states::ANY;

/// What the code says of a column of states.
#[derive(Clone, Debug, Default)]
pub(in crate::code) struct Ways {
    /// From and to, as the schema names the states, sorted. [`ANY`] where no state is asked for.
    pub(in crate::code) allowed: Vec<(String, String)>,
    /// Every write of the column is among them.
    pub(in crate::code) complete: bool,
    /// Calls and raw queries that may write the column in a way that is not known.
    pub(in crate::code) unknown: Vec<At>,
}

impl Ways {
    /// `changes` are the updates to a fixed state: the states that each expects (none: any), and the one it sets.
    pub(in crate::code) fn of(
        flow: &Flow,
        model: &Model,
        field: &str,
        changes: &[(&Call, Vec<String>, String)],
    ) -> Ways {
        let mut found = BTreeSet::new();
        for (_, from, to) in changes {
            if from.is_empty() {
                found.insert((ANY.to_owned(), to.clone()));
            }
            found.extend(from.iter().map(|from| (from.clone(), to.clone())));
        }
        let from_any: BTreeSet<String> =
            found.iter().filter(|(from, _)| from == ANY).map(|(_, to)| to.clone()).collect();
        found.retain(|(from, to)| from == ANY || !from_any.contains(to));
        let known: Vec<_> = changes.iter().map(|(call, ..)| &call.site.at).collect();
        let mut unknown: Vec<At> = flow
            .code
            .calls
            .iter()
            .filter(|call| is_run(flow, &call.site))
            .filter(|call| !known.contains(&&call.site.at) && may_write(flow, call, model, field))
            .map(|call| call.site.at.clone())
            .collect();
        unknown.extend(raw_writes(flow, model));
        Ways { allowed: found.into_iter().collect(), complete: unknown.is_empty(), unknown }
    }

    /// `PENDING → PAID | CANCELLED, any → LOST`
    pub(in crate::code) fn text(&self) -> String {
        let mut lines: Vec<(&str, Vec<&str>)> = Vec::new();
        for (from, to) in &self.allowed {
            let from = if from == ANY { "any" } else { from };
            match lines.iter_mut().find(|(known, _)| *known == from) {
                Some((_, all)) => all.push(to),
                None => lines.push((from, vec![to])),
            }
        }
        let lines = lines.iter().map(|(from, to)| format!("{from} → {}", to.join(" | ")));
        lines.collect::<Vec<_>>().join(", ")
    }
}

/// Tests write what they like, and what is generated is written elsewhere.
pub(in crate::code) fn is_run(flow: &Flow, site: &Site) -> bool {
    !matches!(
        flow.function(site).file_role,
        FileRole::Test | FileRole::Seed | FileRole::Generated | FileRole::Migration
    )
}

/// The call may set the column of rows that exist, in a way that is not known.
fn may_write(flow: &Flow, call: &Call, model: &Model, field: &str) -> bool {
    let data: Vec<&Node> = ["data", "update"].iter().filter_map(|name| call.argument.get(name)).collect();
    let open = |node: &Node| node.object().is_none_or(|object| object.open);
    match call.operation {
        _ if !call.operation.writes() => false,
        Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn | Operation::Upsert
            if call.model == model.name =>
        {
            data.is_empty() || data.iter().any(|node| open(node) || node.get(field).is_some())
        }
        Operation::Delete | Operation::DeleteMany => false,
        // A nested write: `order: { update: { status } }`.
        _ => flow.model(&call.model).is_some_and(|from| {
            let relations = from
                .fields
                .iter()
                .filter(|relation| matches!(&relation.ty, FieldType::Model(target) if *target == model.name));
            relations.into_iter().any(|relation| {
                data.iter().any(|node| {
                    open(node)
                        || node.get(&relation.name).is_some_and(|node| {
                            matches!(node.value, Value::Expression { .. })
                                || ["update", "updateMany", "upsert"]
                                    .iter()
                                    .any(|name| flow::mentions(node, name))
                        })
                })
            })
        }),
    }
}

fn raw_writes(flow: &Flow, model: &Model) -> impl Iterator<Item = At> {
    let writes = |raw: &&RawQuery| match &raw.text {
        Some(text) => text.to_ascii_lowercase().contains("update") && text.contains(&model.db_name),
        None => raw.method.to_ascii_lowercase().contains("execute"),
    };
    let run = flow.code.raw.iter().filter(|raw| is_run(flow, &raw.site));
    run.filter(writes).map(|raw| raw.site.at.clone())
}

/// A trigger of the table looks at both states before a row is updated, and refuses some.
pub(in crate::code) fn enforced(flow: &Flow, model: &Model, field: &Field) -> bool {
    let Some((catalog, table)) = table(flow, model) else { return false };
    table.triggers.iter().any(|trigger| {
        let guards = trigger.before
            && trigger.row
            && trigger.enabled
            && trigger.events.contains(&TriggerEvent::Update);
        let body = catalog
            .functions
            .values()
            .find(|function| Some(&function.id.name) == trigger.function.as_ref())
            .map(|function| function.body.replace('"', ""));
        guards
            && body.is_some_and(|body| {
                let column = &field.db_name;
                let lower = body.to_ascii_lowercase();
                [format!("OLD.{column}"), format!("NEW.{column}")]
                    .iter()
                    .all(|part| lower.contains(&part.to_ascii_lowercase()))
                    && lower.contains("raise")
            })
    })
}

fn table<'a>(flow: &Flow<'a>, model: &Model) -> Option<(&'a Catalog, &'a Table)> {
    Some((flow.facts.catalog()?, scale::table(flow.facts, model)?))
}

/// A trigger that lets rows take the known ways only. A person decides whether the code knows them all, so it is never
/// made unasked. The error says why there is none.
pub(in crate::code) fn trigger(
    flow: &Flow,
    model: &Model,
    field: &Field,
    ways: &Ways,
) -> Result<Fix, &'static str> {
    let single: Vec<&(String, String)> = ways.allowed.iter().filter(|(from, _)| from != ANY).collect();
    let tag = "$transition$";
    let known = table(flow, model).filter(|(_, table)| table.column(&field.db_name).is_some());
    let Some((_, table)) = known else { return Err("its table is not known without a lab or --url") };
    if !ways.complete {
        return Err("other writes of it could not be followed");
    }
    if single.is_empty() {
        return Err("no update names the state that it expects");
    }
    if ways.allowed.iter().any(|(from, to)| from.contains('$') || to.contains('$')) {
        return Err("a state has a $ in its name");
    }
    if field.arity != pgsteward_model::prisma::Arity::Required {
        return Err("the column may be NULL");
    }
    let stored = |state: &str| quote_literal(&stored(flow, field, state));
    let any: Vec<String> =
        ways.allowed.iter().filter(|(from, _)| from == ANY).map(|(_, to)| stored(to)).collect();
    let pairs: Vec<String> =
        single.iter().map(|(from, to)| format!("({}, {})", stored(from), stored(to))).collect();
    let column = quote_ident(&field.db_name);
    let to_any = if any.is_empty() {
        String::new()
    } else {
        format!("NEW.{column}::text IN ({})\n     OR ", any.join(", "))
    };
    let name = QName::new(
        table.name.namespace.clone(),
        default_index_name(&table.name.name, std::slice::from_ref(&field.db_name), "_transition"),
    );
    let message = quote_literal(&format!(
        "\"{}\" of \"{}\" does not go from % to %",
        field.db_name.replace('%', "%%"),
        table.name.name.replace('%', "%%")
    ));
    let function = format!(
        "CREATE FUNCTION {}() RETURNS trigger\nLANGUAGE plpgsql SET search_path = ''\nAS {tag}\nBEGIN\n  IF {to_any}(OLD.{column}::text, NEW.{column}::text) IN ({}) THEN\n    \
         RETURN NEW;\n  END IF;\n  RAISE EXCEPTION {message}, OLD.{column}, NEW.{column}\n    USING ERRCODE = 'check_violation';\nEND\n{tag}",
        quote_name(&name),
        pairs.join(", ")
    );
    let trigger = format!(
        "CREATE TRIGGER {} BEFORE UPDATE OF {column} ON {}\nFOR EACH ROW EXECUTE FUNCTION {}()",
        quote_ident(&name.name),
        quote_name(&table.name),
        quote_name(&name)
    );
    let drop_trigger = format!("DROP TRIGGER {} ON {}", quote_ident(&name.name), quote_name(&table.name));
    let drop_function = format!("DROP FUNCTION {}()", quote_name(&name));
    Ok(Fix {
        title: format!("let a trigger refuse other ways of {}", quoted_list(&[field.name.as_str()])),
        safety: Safety::Manual,
        change: Change {
            steps: vec![Step::sql(function), Step::sql(trigger)],
            rollback: Rollback::Steps(vec![Step::sql(drop_trigger), Step::sql(drop_function)]),
        },
    })
}

/// A state as the database spells it.
pub(in crate::code) fn stored(flow: &Flow, field: &Field, state: &str) -> String {
    let FieldType::Enum(name) = &field.ty else { return state.to_owned() };
    let values = flow.schema.iter().flat_map(|schema| &schema.enums).filter(|known| known.name == *name);
    let value = values.flat_map(|known| &known.values).find(|value| value.name == state);
    value.map_or(state, |value| &value.db_name).to_owned()
}
