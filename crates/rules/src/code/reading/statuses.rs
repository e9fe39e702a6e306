//! Columns that hold a state, and what the updates of the code say of them: the state that each sets, and the ones that it
//! expects.

use pgsteward_model::code::{Call, Guard, Node, Operation, Source, Value};
use pgsteward_model::prisma::{Field, FieldType, Model, Scalar};

use super::flow::{self, Flow};
use super::text;
use super::transitions::Ways;
use crate::shared::kept_words;

/// One update of a status.
pub(in crate::code) struct Change<'a> {
    pub(in crate::code) call: &'a Call,
    pub(in crate::code) to: String,
    /// The status that its where names, or that was looked at before.
    pub(in crate::code) from: Vec<String>,
    pub(in crate::code) in_where: bool,
    /// A read whose row's status decides that the update runs.
    pub(in crate::code) looked: Option<&'a Call>,
    /// Conditions on the status that are more than it says: which states it comes from is not known.
    unclear: bool,
}

/// The columns of a model that hold a state: an enum or a text named so.
pub(in crate::code) fn of(model: &Model) -> impl Iterator<Item = (&Model, &Field)> {
    model.fields.iter().filter_map(move |field| {
        let named = kept_words(&field.name).iter().any(|word| matches!(word.as_str(), "status" | "state"));
        let fits = matches!(field.ty, FieldType::Enum(_) | FieldType::Scalar(Scalar::String));
        (named && fits).then_some((model, field))
    })
}

/// The updates of a field to a fixed state, in code that serves users.
pub(in crate::code) fn changes<'a>(flow: &Flow<'a>, model: &Model, field: &Field) -> Vec<Change<'a>> {
    let states = States::of(flow, field);
    flow.code
        .calls
        .iter()
        .filter(|call| call.model == model.name && flow.code.serves(&call.site))
        .filter_map(|call| change(flow, call, &field.name, &states))
        .collect()
}

fn change<'a>(flow: &Flow<'a>, call: &'a Call, field: &str, states: &States) -> Option<Change<'a>> {
    if !matches!(call.operation, Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn) {
        return None;
    }
    let to = states.constant(call.argument.get("data")?.get(field)?)?;
    let filter = call.argument.get("where")?;
    let in_where = flow::mentions(filter, field);
    let mut looked = None;
    let mut seen = Vec::new();
    for guard in &call.site.guards {
        for source in guard.sources.iter() {
            let Source::Result { call: read, path } = source else { continue };
            let read = &flow.code.calls[*read];
            let of_row = demands(guard) && path.len() == 1 && path[0] == field && read.model == call.model;
            if of_row && !read.operation.writes() && read.site.function == call.site.function {
                looked = Some(read);
                seen.extend(states.asked(&guard.text, guard.negated, field));
            }
        }
    }
    let (from, unclear) = match filter.get(field).filter(|_| in_where) {
        Some(value) => (states.named_in(value), false),
        None => {
            let unclear = looked.is_some_and(|read| seen.is_empty() || moved(flow, read, call, field));
            (if unclear { Vec::new() } else { seen }, unclear)
        }
    };
    Some(Change { call, to, from, in_where, looked, unclear })
}

/// Between the look and the update another one sets the status.
fn moved(flow: &Flow, read: &Call, update: &Call, field: &str) -> bool {
    flow.calls_of(update.site.function).any(|(_, call)| {
        read.site.order < call.site.order
            && call.site.order < update.site.order
            && call.model == update.model
            && call.operation.writes()
            && call.argument.get("data").is_some_and(|data| data.get(field).is_some())
    })
}

/// The condition asks for one status (`=== X`, or a way out at `!== X`), and does not merely rule some out.
fn demands(guard: &Guard) -> bool {
    if guard.negated {
        guard.text.contains("!=")
    } else {
        guard.text.contains("==") && !guard.text.contains("!=")
    }
}

/// The states that a column may hold, as code names them.
pub(in crate::code) struct States<'a> {
    /// Of an enum of the Prisma schema, whose members are named as they are; none of a text.
    values: Option<Vec<&'a str>>,
}

impl<'a> States<'a> {
    pub(in crate::code) fn of(flow: &Flow<'a>, field: &Field) -> States<'a> {
        let FieldType::Enum(name) = &field.ty else { return States { values: None } };
        let known = flow.schema.iter().flat_map(|schema| &schema.enums).find(|known| known.name == *name);
        States { values: known.map(|known| known.values.iter().map(|value| value.name.as_str()).collect()) }
    }

    /// `'PAID'`, `OrderStatus.PAID`: the value alone. A member of something else than the schema's enum may have any value;
    /// where it is known, the text stands in its place already.
    pub(in crate::code) fn constant(&self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Expression { text, sources, .. } => {
                let constant =
                    sources.iter().all(|source| *source == Source::Constant) && !sources.is_empty();
                let (_, name) = text.rsplit_once('.').filter(|_| constant)?;
                self.values.as_ref().is_some_and(|values| values.contains(&name)).then(|| name.to_owned())
            }
            _ => None,
        }
    }

    /// The values that a where allows the field to have; none where one of them is not known.
    fn named_in(&self, value: &Node) -> Vec<String> {
        let list = value.get("in").or_else(|| value.get("equals")).unwrap_or(value);
        let all: Option<Vec<String>> = match &list.value {
            Value::List(nodes) => nodes.iter().map(|node| self.constant(node)).collect(),
            _ => self.constant(list).map(|state| vec![state]),
        };
        all.unwrap_or_default()
    }

    /// The states that a condition lets through. Of a text only what stands in quotes is known.
    fn asked(&self, text: &str, negated: bool, field: &str) -> Vec<String> {
        asked(text, negated, field, self.values.is_some())
    }
}

/// The states that a condition lets through: `row.status === A || row.status === B`, or the opposite of a way out at
/// `row.status !== A && row.status !== B`. None for anything that says more or less than that.
fn asked(text: &str, negated: bool, field: &str, members: bool) -> Vec<String> {
    // A cut text may name more.
    if text.ends_with('…') {
        return Vec::new();
    }
    let (joined, compared) = if negated { ("&&", "!=") } else { ("||", "==") };
    let state = |term: &str| {
        let (path, state) = term.split_once(compared)?;
        let path = path.trim().replace("?.", ".").replace("!.", ".");
        let is_field = text::is_path(&path) && path.rsplit('.').next() == Some(field);
        let state = state.strip_prefix('=').unwrap_or(state).trim();
        is_field.then(|| literal(state, members)).flatten()
    };
    text.split(joined).map(state).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// A word in quotes, or a name behind a dot of one in capitals, where `members` are named as they are.
fn literal(text: &str, members: bool) -> Option<String> {
    for mark in ['\'', '"', '`'] {
        if let Some(inner) = text.strip_prefix(mark).and_then(|rest| rest.strip_suffix(mark)) {
            return (!inner.contains([mark, '$', '\\'])).then(|| inner.to_owned());
        }
    }
    let (_, name) = text.rsplit_once('.').filter(|_| members && text::is_path(text))?;
    name.chars().next().is_some_and(char::is_uppercase).then(|| name.to_owned())
}

/// The ways that the code names.
pub(in crate::code) fn ways(flow: &Flow, model: &Model, field: &Field, changes: &[Change]) -> Ways {
    let mut ways = Ways::of(flow, model, &field.name, &named(flow, field, changes));
    let unclear = changes.iter().filter(|change| change.unclear);
    ways.unknown.extend(unclear.map(|change| change.call.site.at.clone()));
    ways.complete = ways.unknown.is_empty();
    ways
}

/// The updates with the states that each expects (none: any) and the one that it sets.
pub(in crate::code) fn named<'a>(
    flow: &Flow,
    field: &Field,
    changes: &[Change<'a>],
) -> Vec<(&'a Call, Vec<String>, String)> {
    let states = States::of(flow, field).values;
    changes
        .iter()
        .map(|change| {
            let mut from = change.from.clone();
            match &states {
                // A name that stands for a state unknown here.
                Some(states) if !from.iter().all(|state| states.contains(&state.as_str())) => from.clear(),
                // Of texts it is not known which of several an `if` compares the status with.
                None if change.looked.is_some() && from.len() > 1 => from.clear(),
                _ => {}
            }
            (change.call, from, change.to.clone())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn the_states_that_a_condition_lets_through() {
        assert_eq!(asked("order.status !== 'PAID'", true, "status", true), ["PAID"]);
        assert_eq!(asked("order?.status != \"A\" && order.status !== 'B'", true, "status", true), ["A", "B"]);
        assert_eq!(
            asked("p.status === S.Paid || p.status === S.Sent", false, "status", true),
            ["Paid", "Sent"]
        );
    }

    #[test]
    fn members_say_nothing_of_a_text() {
        assert!(asked("p.status === S.Paid || p.status === 'sent'", false, "status", false).is_empty());
        assert_eq!(asked("p.status === 'sent'", false, "status", false), ["sent"]);
    }

    #[test]
    fn a_condition_that_says_more_names_no_states() {
        for text in [
            "p.status !== S.PENDING && !force",
            "p.status !== PENDING",
            "p.status !== 'A' || late",
            "p.status !== wanted.status",
            "p.status !== 'A' && p.status !== 'B' && p.sta…",
            "(p.status !== 'A' && rush)",
        ] {
            assert!(asked(text, true, "status", true).is_empty(), "{text}");
        }
        assert!(asked("p.status === 'A' || rush", false, "status", true).is_empty());
        assert!(asked("p.kind === 'A'", false, "status", true).is_empty());
    }
}
