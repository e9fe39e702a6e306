//! Values that the types let be absent and that are there all the same, when a call is reached.
//!
//! Knows routes by the names of their files, and that Prisma refuses a unique key that is undefined.

use pgsteward_model::code::{Call, Node, Site, Source, Value};

use super::flow::Flow;
use super::middleware;
use super::text::mentions_word;

/// The value is a part of the route, a query before this one would have thrown without it, or a middleware of the
/// route has seen to it.
pub(in crate::code) fn is_there(flow: &Flow, call: &Call, value: &Node) -> bool {
    let Value::Expression { text, sources, .. } = &value.value else { return false };
    is_part_of_route(flow, call, text, sources)
        || was_a_key(flow, &call.site, text)
        || middleware::has_set(flow, &call.site, text, sources)
}

/// The handler is called from files of routes only, and each of them has the part: `pages/api/teams/[teamId]/…`.
fn is_part_of_route(flow: &Flow, call: &Call, text: &str, sources: &[Source]) -> bool {
    let function = flow.function(&call.site);
    let name = text.rsplit(['.', '?']).next().unwrap_or(text);
    let body = flow.text_of(call.site.function);
    let by_body = ["} = req.body", "} = request.body"].iter().any(|taken| {
        body.match_indices(taken)
            .any(|(at, _)| body[..at].rsplit('{').next().is_some_and(|names| mentions_word(names, name)))
    });
    if !sources.contains(&Source::Request) || function.callers.is_empty() || !is_name(name) || by_body {
        return false;
    }
    // `const { id: roomId } = req.query`
    let renamed = body.find(&format!(": {name}")).and_then(|at| {
        let key = body[..at].rsplit(|letter: char| !is_letter(letter)).next()?;
        let taken =
            body[at..].split_once('}').is_some_and(|(_, rest)| rest.trim_start().starts_with("= req"));
        Some(key).filter(|key| taken && !key.is_empty())
    });
    let part = renamed.unwrap_or(name);
    function.callers.iter().all(|caller| {
        let file = &flow.code.invocations[*caller].site.at.file;
        file.contains(&format!("[{part}]")) || file.contains(&format!("[...{part}]"))
    })
}

/// A call on the way, or one in a function that was waited for on the way, has asked by the value as a unique key: Prisma
/// throws where that is undefined.
fn was_a_key(flow: &Flow, site: &Site, text: &str) -> bool {
    let passed = |before: &Site| {
        before.order < site.order
            && before.tries.iter().all(|attempt| site.tries.contains(attempt))
            && before.guards.iter().all(|guard| site.guards.contains(guard))
    };
    let here = flow.calls_of(site.function).any(|(_, call)| {
        passed(&call.site)
            && is_key(
                flow,
                call,
                |value| matches!(&value.value, Value::Expression { text: other, .. } if other == text),
            )
    });
    here || flow.invocations_of(site.function).filter(|(_, invocation)| passed(&invocation.site)).any(
        |(_, invocation)| {
            let given =
                |node: &Node| matches!(&node.value, Value::Expression { text: other, .. } if other == text);
            let Some(index) = invocation.arguments.iter().position(given) else { return false };
            let parameter = flow.code.functions[invocation.callee].parameters.get(index);
            let Some(parameter) = parameter.filter(|parameter| !parameter.name.is_empty()) else {
                return false;
            };
            let is_parameter = |value: &Node| {
                matches!(&value.value, Value::Expression { text, sources, .. }
                if *text == parameter.name && sources.as_slice() == [Source::Parameter { index }])
            };
            flow.calls_of(invocation.callee).any(|(_, call)| {
                call.site.guards.is_empty() && call.site.tries.is_empty() && is_key(flow, call, is_parameter)
            })
        },
    )
}

/// The value alone makes up the call's unique key, or is a part of a compound one.
fn is_key(flow: &Flow, call: &Call, is_it: impl Fn(&Node) -> bool) -> bool {
    let Some(filter) = call.argument.get("where").and_then(Node::object) else { return false };
    let Some(model) = flow.model(&call.model).filter(|_| call.operation.by_unique_key()) else {
        return false;
    };
    let is_unique = |name: &str| model.field(name).is_some_and(|field| field.is_id || field.is_unique);
    let keys = filter.properties.iter().filter(|property| {
        is_unique(&property.name)
            || model.field(&property.name).is_none() && property.value.object().is_some()
    });
    let keys: Vec<_> = keys.collect();
    let [key] = keys.as_slice() else { return false };
    match &key.value.value {
        Value::Object(parts) => parts.properties.iter().any(|part| is_it(&part.value)),
        _ => is_it(&key.value),
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == '$'
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_letter) && mentions_word(text, text)
}
