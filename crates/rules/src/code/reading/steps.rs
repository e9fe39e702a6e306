//! What a function does in order, the calls of its helpers included, with values as the function itself names them.
//!
//! One function deep: further down it would be guessing what belongs together. What a helper makes of its parameters is
//! not followed; such a value equals no other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use memchr::memmem;
use pgsteward_model::code::{Awaited, Call, Guard, Invocation, Node, Object, Property, Site, Source, Value};

use super::flow::Flow;
use super::text::{closing, is_path, mentions_word};

/// A call as a function sees it: its own, or one of a helper that it calls.
#[derive(Clone, Copy, Debug)]
pub(in crate::code) struct Step<'a> {
    pub(in crate::code) call: &'a Call,
    /// The call of the helper that it stands in.
    pub(in crate::code) through: Option<&'a Invocation>,
}

impl<'a> Step<'a> {
    /// Where it stands in the function that sees it.
    pub(in crate::code) fn site(&self) -> &'a Site {
        self.through.map_or(&self.call.site, |invocation| &invocation.site)
    }

    /// The call's argument in the function's words.
    pub(in crate::code) fn argument(&self, flow: &Flow) -> Node {
        match self.through {
            Some(invocation) => given(flow, invocation, &self.call.argument),
            None => self.call.argument.clone(),
        }
    }
}

/// The steps of a function that run whenever it gets that far: a helper's calls under a condition of the helper's own
/// are none.
pub(in crate::code) fn of<'a>(flow: &Flow<'a>, function: usize) -> Vec<Step<'a>> {
    let mut found: Vec<Step> =
        flow.calls_of(function).map(|(_, call)| Step { call, through: None }).collect();
    for (_, invocation) in flow.invocations_of(function).filter(|(_, one)| one.callee != function) {
        found.extend(below(flow, invocation));
    }
    found.sort_by_key(|step| (step.site().order, step.call.site.order));
    found
}

/// The calls of a helper that run in any case that goes on.
pub(in crate::code) fn below<'a>(
    flow: &Flow<'a>,
    invocation: &'a Invocation,
) -> impl Iterator<Item = Step<'a>> + use<'a> {
    let calls: Vec<&Call> = flow.calls_of(invocation.callee).map(|(_, call)| call).collect();
    let sure =
        |call: &&Call| call.site.guards.iter().all(|guard| guard.negated) && call.site.loops.is_empty();
    calls.into_iter().filter(sure).map(move |call| Step { call, through: Some(invocation) })
}

/// The read that a value came from.
pub(in crate::code) fn look<'a>(flow: &Flow<'a>, function: usize, source: &Source) -> Option<Step<'a>> {
    match source {
        Source::Result { call, .. } => {
            let call = &flow.code.calls[*call];
            (call.site.function == function && !call.operation.writes())
                .then_some(Step { call, through: None })
        }
        Source::Function { name } => {
            let mut named =
                flow.invocations_of(function).map(|(_, one)| one).filter(|one| is_call_of(flow, one, name));
            let (invocation, more) = (named.next()?, named.next());
            let reach = flow.reach(invocation.callee);
            let ([read], true) = (reach.calls.as_slice(), reach.effects.is_empty() && reach.raw.is_empty())
            else {
                return None;
            };
            let call = &flow.code.calls[*read];
            let plain = more.is_none() && call.site.function == invocation.callee && !call.operation.writes();
            plain.then_some(Step { call, through: Some(invocation) })
        }
        _ => None,
    }
}

/// The invocation is the call whose result a source names.
pub(in crate::code) fn is_call_of(flow: &Flow, invocation: &Invocation, name: &str) -> bool {
    let at = &invocation.site.at;
    let text = flow.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span));
    text.strip_prefix(name).is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// A value of a helper in the words of whoever calls it.
fn given(flow: &Flow, invocation: &Invocation, node: &Node) -> Node {
    let again = |node: &Node| given(flow, invocation, node);
    let value = match &node.value {
        Value::Object(object) => {
            let properties = object.properties.iter();
            let properties = properties
                .map(|property| Property { value: again(&property.value), ..property.clone() })
                .collect();
            Value::Object(Object { properties, open: object.open })
        }
        Value::List(nodes) => Value::List(nodes.iter().map(again).collect()),
        Value::Choice { nodes, when } => {
            Value::Choice { nodes: nodes.iter().map(again).collect(), when: when.clone() }
        }
        Value::Expression { text, sources, .. } => match sources.as_slice() {
            [Source::Constant] => node.value.clone(),
            [Source::Parameter { index }] => {
                return parameter(flow, invocation, text, *index).unwrap_or_else(unknown);
            }
            _ => return unknown(),
        },
        other => other.clone(),
    };
    Node { span: node.span, value }
}

/// `input.email` of a helper that is called with `{ email: form.email }` is `form.email`.
fn parameter(flow: &Flow, invocation: &Invocation, text: &str, index: usize) -> Option<Node> {
    let declared = flow.code.functions[invocation.callee].parameters.get(index)?;
    let argument = invocation.arguments.get(index)?;
    let path = match declared.name.as_str() {
        "" => Some(text),
        name if text == name => None,
        name => Some(text.strip_prefix(name)?.strip_prefix('.')?),
    };
    match path {
        None => Some(argument.clone()),
        Some(path) if is_path(path) => {
            path.split('.').try_fold(argument.clone(), |node, name| property(&node, name))
        }
        Some(_) => None,
    }
}

/// A property of a value, as text where the value is not written out.
pub(in crate::code) fn property(node: &Node, name: &str) -> Option<Node> {
    match &node.value {
        Value::Object(object) => object.get(name).map(|property| property.value.clone()),
        Value::Expression { text, sources, undefined } if is_path(text) => Some(Node {
            span: node.span,
            value: Value::Expression {
                text: format!("{text}.{name}"),
                sources: sources.clone(),
                undefined: *undefined,
            },
        }),
        _ => None,
    }
}

fn unknown() -> Node {
    let value = Value::Expression { text: String::new(), sources: vec![Source::Unknown], undefined: None };
    Node { span: Default::default(), value }
}

/// The same value, as far as the text says so.
pub(in crate::code) fn same(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::Expression { text, .. }, Value::Expression { text: other, .. }) => {
            !text.is_empty() && text == other
        }
        (first, second) => {
            first == second && !matches!(first, Value::Object(_) | Value::List(_) | Value::Undefined)
        }
    }
}

/// A read that a site rests on, and the condition under which the site runs: its own, or one that a helper throws on.
pub(in crate::code) fn before<'a>(flow: &Flow<'a>, function: usize, site: &Site) -> Vec<(Step<'a>, Guard)> {
    let mut found = Vec::new();
    for guard in &site.guards {
        let looks = guard.sources.iter().filter_map(|source| look(flow, function, source));
        found.extend(looks.filter(|step| step.site().order < site.order).map(|step| (step, guard.clone())));
    }
    for (_, invocation) in flow.invocations_of(function) {
        let at = &invocation.site;
        let passed = at.order < site.order
            && at.awaited == Awaited::Await
            && at.loops == site.loops
            && at.tries.iter().all(|attempt| site.tries.contains(attempt))
            && at.guards.iter().all(|guard| site.guards.contains(guard));
        if !passed || invocation.callee == function {
            continue;
        }
        for (index, read) in flow.calls_of(invocation.callee).filter(|(_, call)| !call.operation.writes()) {
            let step = Step { call: read, through: Some(invocation) };
            let thrown = flow.throws.behind(flow, index, read);
            found.extend(thrown.iter().map(|guard| (step, guard.clone())));
        }
    }
    found
}

/// What functions throw on behind a read, by the read. Looked up once: the whole function is gone through for it, and
/// every write of every function that calls it asks.
#[derive(Default)]
pub(in crate::code) struct Throws(RefCell<BTreeMap<usize, Rc<[Guard]>>>);

impl Throws {
    fn behind(&self, flow: &Flow, index: usize, read: &Call) -> Rc<[Guard]> {
        if let Some(known) = self.0.borrow().get(&index) {
            return Rc::clone(known);
        }
        let found: Rc<[Guard]> = thrown_on(flow, read).into();
        self.0.borrow_mut().insert(index, Rc::clone(&found));
        found
    }
}

/// The conditions of `if (…) throw` behind a read that speak of what it returned.
fn thrown_on(flow: &Flow, read: &Call) -> Vec<Guard> {
    let function = flow.function(&read.site);
    let Some(file) = flow.facts.sources.get(&read.site.at.file) else { return Vec::new() };
    let text = file.slice(function.at.span);
    let Some(at) = read.site.at.span.start.checked_sub(function.at.span.start) else { return Vec::new() };
    memmem::find_iter(text.as_bytes(), "if (")
        .filter_map(|start| {
            let rest = &text[start + 3..];
            let end = closing(rest)?;
            let condition = rest[1..end - 1].trim();
            let then = rest[end..].trim_start();
            let then = then.strip_prefix('{').unwrap_or(then).trim_start();
            let around = (start..start + 3 + end).contains(&at);
            let named = read.result.binding.as_deref().is_some_and(|name| mentions_word(condition, name));
            (then.starts_with("throw") && (around || start > at && named))
                .then(|| Guard::new([].into(), true, condition.into()))
        })
        .collect()
}
