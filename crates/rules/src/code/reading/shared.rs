//! What all rules of code need: where a call stands, and how a finding names it.

use pgsteward_model::code::{Call, Code, Node, Property, Source, Value};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::place::Place;
use pgsteward_model::prisma::At;
use pgsteward_model::rule::Rule;
use pgsteward_model::source::Span;

use super::text::{is_of_word, words_at};
use crate::shared::{self, quoted_list};

pub(in crate::code) fn place(facts: &Facts, at: &At) -> Place {
    Place::file(shared::range(facts, at))
}

/// A call from its receiver to the end of its name: what a reader looks for, on one line.
pub(in crate::code) fn call_place(facts: &Facts, call: &Call) -> Place {
    let span = Span::new(call.site.at.span.start, call.name_at.span.end);
    place(facts, &At { file: call.site.at.file.clone(), span })
}

/// A finding about one call. Function, shape and ordinal are its identity.
pub(in crate::code) fn on_call(
    rule: &Rule,
    facts: &Facts,
    code: &Code,
    call: &Call,
    message: impl Into<String>,
) -> Finding {
    let function = &code.function(&call.site).name;
    Finding::in_code(rule, call_place(facts, call), function, &call.shape, call.ordinal, message)
}

/// A finding about a part of a call's argument. A part that was written elsewhere (a constant that was followed) is
/// pointed at by the call.
pub(in crate::code) fn on_part(
    rule: &Rule,
    facts: &Facts,
    code: &Code,
    call: &Call,
    part: Span,
    message: impl Into<String>,
) -> Finding {
    let finding = on_call(rule, facts, code, call, message);
    if part.start < part.end && call.site.at.span.contains(part) {
        Finding { at: place(facts, &At { file: call.site.at.file.clone(), span: part }), ..finding }
    } else {
        finding
    }
}

/// `prisma.order.findMany`, as a message names it.
pub(in crate::code) fn call_name(call: &Call) -> String {
    let model =
        call.model.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_lowercase() + rest);
    format!("{model}.{}", call.operation.name())
}

/// `, in "total" and "label" too`: the functions that rows were followed into; empty where there are none.
pub(in crate::code) fn through(call: &Call) -> String {
    let names: Vec<&str> = call.result.followed.iter().map(String::as_str).collect();
    if names.is_empty() { String::new() } else { format!(", in {} too", quoted_list(&names)) }
}

/// All that the values in a node come from, in the order of the text.
pub(in crate::code) fn sources(node: &Node) -> Vec<&Source> {
    let mut found = Vec::new();
    collect(node, &mut found);
    found
}

fn collect<'a>(node: &'a Node, found: &mut Vec<&'a Source>) {
    match &node.value {
        Value::List(nodes) | Value::Choice { nodes, .. } => {
            nodes.iter().for_each(|node| collect(node, found));
        }
        Value::Object(object) => {
            object.properties.iter().for_each(|property| collect(&property.value, found));
        }
        Value::Expression { sources, .. } => found.extend(sources),
        Value::Undefined | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
    }
}

/// Whether only the uses that were followed can tell what the rows of a call hold: no type that is named around them and no
/// function that is given them may declare more of them, and no extension looks at them.
pub(in crate::code) fn is_nobody_elses(facts: &Facts, call: &Call) -> bool {
    let Some(code) = &facts.code else { return false };
    let extended = code.clients.iter().any(|client| client.extended);
    let around = facts
        .sources
        .get(&call.site.at.file)
        .map_or("", |file| file.slice(code.function(&call.site).at.span));
    call.result.followed.is_empty() && !extended && !names_type(around)
}

/// A part of the result is asked for by a key that is no number and not written there: `order[key].length` may be any field.
pub(in crate::code) fn is_asked_by_key(facts: &Facts, code: &Code, call: &Call) -> bool {
    let Some(name) = &call.result.binding else { return false };
    let around = facts
        .sources
        .get(&call.site.at.file)
        .map_or("", |file| file.slice(code.function(&call.site).at.span));
    words_at(around, name).any(|at| {
        let behind = around[at + name.len()..].trim_start_matches(['!', '?', '.']);
        let Some(key) =
            behind.strip_prefix('[').and_then(|key| key.split_once(']')).map(|(key, _)| key.trim())
        else {
            return false;
        };
        let word = key.len() > 1 && key.chars().all(|one| one.is_alphanumeric() || "_$.".contains(one));
        let index =
            ["index", "idx", "position", "offset"].iter().any(|end| key.to_lowercase().ends_with(end));
        word && !index && !key.starts_with(|first: char| first.is_ascii_digit())
    })
}

/// A type is named: `: Order[]`, `as Order`, `Map<string, Order>`. A member of an enum, `status: Status.Paid`, is a value.
fn names_type(text: &str) -> bool {
    let names = |text: &str| {
        let text = text.trim_start();
        let behind = text.trim_start_matches(is_of_word);
        text.starts_with(|first: char| first.is_uppercase()) && !behind.starts_with(['.', '('])
    };
    let within = |rest: &str| {
        rest.split(['>', '\n', ';']).next().is_some_and(|types| types.split([',', ' ']).any(names))
    };
    let declared = |mark: &str| text.match_indices(mark).any(|(at, _)| names(&text[at + mark.len()..]));
    [":", " as ", " satisfies ", " | "].into_iter().any(declared)
        || text.match_indices('<').any(|(at, open)| within(&text[at + open.len()..]))
}

/// The present time, and no other: `new Date(body.until)` is whatever somebody sends.
pub(in crate::code) fn is_time(node: &Node) -> bool {
    match &node.value {
        Value::Expression { sources, text, .. } => {
            let from_time = sources.contains(&Source::Time)
                || text.starts_with("new Date()")
                || text.contains("Date.now");
            from_time && !sources.contains(&Source::Request)
        }
        _ => false,
    }
}

/// Only says when something was last seen or done, or by whom.
pub(in crate::code) fn marks_time(call: &Call) -> bool {
    let is_who = |property: &Property| {
        ["updatedby", "modifiedby", "editedby"]
            .iter()
            .any(|who| property.name.to_lowercase().replace('_', "").starts_with(who))
    };
    call.argument.get("data").and_then(Node::object).is_some_and(|data| {
        if !data.open && !data.properties.is_empty() && data.properties.iter().all(is_who) {
            return true;
        }
        let times = data.properties.iter().filter(|property| is_time(&property.value)).count();
        let counters =
            data.properties.iter().filter(|property| property.value.get("increment").is_some()).count();
        !data.open
            && !data.properties.is_empty()
            && times + counters == data.properties.len()
            && data.properties.iter().any(|property| counters > 0 || says_when(&property.name))
    })
}

/// `lastSeenAt`, `updatedAt`: nothing but when.
fn says_when(name: &str) -> bool {
    let name = name.to_lowercase();
    ["last", "updated", "modified", "touched"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::names_type;

    #[test]
    fn types_and_members_of_enums() {
        for text in [
            "const a: Order[] = b",
            "(a: Order) => a",
            "b as Order",
            "new Map<string, Order>()",
            "): Promise<Order> {",
            "(a:Order) => a",
            "const a:\n  Order[] = b",
            "b satisfies Order",
        ] {
            assert!(names_type(text), "{text}");
        }
        for text in [
            "{ status: Status.Paid }",
            "a ? b : c",
            "new Map<string, number>()",
            "{ at: new Date() }",
            "(id: string) => id",
        ] {
            assert!(!names_type(text), "{text}");
        }
    }
}
