//! What a turn of a loop changes in the functions that it calls: which of their parameters, and so which of their queries.
//!
//! A value that could not be followed counts as changed.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::code::{Call, Invocation, Loop, Node, Source};

use super::flow::{Flow, Root};
use super::shared::sources;
use crate::shared::kept_words;

/// Functions deeper than this are taken to change with each turn.
const DEPTH: usize = 4;

/// By function: the parameters that another turn gives another value.
#[derive(Debug, Default)]
pub(in crate::code) struct Varying {
    parameters: BTreeMap<usize, BTreeSet<usize>>,
}

impl Varying {
    /// Below a call of a function that stands in a loop.
    pub(in crate::code) fn of(flow: &Flow, invocation: &Invocation, of: &Loop) -> Varying {
        let in_loop = |source: &Source| match source {
            Source::Loop { of: index } => std::ptr::eq(&raw const flow.code.loops[*index], of),
            Source::Result { call, .. } => {
                let loops = &flow.code.calls[*call].site.loops;
                loops.iter().any(|index| std::ptr::eq(&raw const flow.code.loops[*index], of))
            }
            Source::Constant
            | Source::Environment
            | Source::Parameter { .. }
            | Source::Request
            | Source::Session => false,
            Source::Time | Source::Random | Source::Function { .. } | Source::Unknown => true,
        };
        let given = match invocation.arguments.as_slice() {
            // `xs.map(convert)`: the loop itself gives them.
            [] => (0..flow.code.functions[invocation.callee].parameters.len()).collect(),
            arguments => indexes(arguments, |node| sources(node).into_iter().any(in_loop)),
        };
        let mut varying = Varying::default();
        varying.follow(flow, invocation.callee, given, DEPTH);
        varying
    }

    fn follow(&mut self, flow: &Flow, function: usize, given: BTreeSet<usize>, depth: usize) {
        let first = !self.parameters.contains_key(&function);
        let known = self.parameters.entry(function).or_default();
        let before = known.len();
        known.extend(given);
        if depth == 0 || known.len() == before && !first {
            return;
        }
        for (_, invocation) in flow.invocations_of(function).filter(|(_, next)| next.callee != function) {
            let given = indexes(&invocation.arguments, |node| self.changes(flow, function, node));
            self.follow(flow, invocation.callee, given, depth - 1);
        }
    }

    fn changes(&self, flow: &Flow, function: usize, node: &Node) -> bool {
        let varying = self.parameters.get(&function);
        flow.roots(node).iter().any(|root| match root {
            Root::Parameter(index) => varying.is_none_or(|varying| varying.contains(index)),
            Root::Other => true,
            Root::Request | Root::Session => false,
        })
    }

    /// Another turn gives the call other values.
    pub(in crate::code) fn reaches(&self, flow: &Flow, call: &Call) -> bool {
        self.changes(flow, call.site.function, &call.argument)
    }
}

fn indexes(arguments: &[Node], changes: impl Fn(&Node) -> bool) -> BTreeSet<usize> {
    arguments.iter().enumerate().filter(|(_, node)| changes(node)).map(|(index, _)| index).collect()
}

/// The function is written as the argument of one that remembers answers: `cache(async (id) => …)` of React,
/// `unstable_cache`, `memoize`.
pub(in crate::code) fn is_cached(flow: &Flow, function: usize) -> bool {
    let at = &flow.code.functions[function].at;
    let Some(file) = flow.facts.sources.get(&at.file) else { return false };
    let before = file.text.get(..at.span.start).unwrap_or("").trim_end();
    let Some(before) = before.strip_suffix('(') else { return false };
    let name = before.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or("");
    // `import { cache as once } from 'react'`
    let imported = file.text.find(&format!(" as {name}")).map_or("", |at| {
        file.text[..at].rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or("")
    });
    !name.is_empty() && (remembers(name) || remembers(imported))
}

/// A field of the object holds the answer, and is looked at before it is set: `if (!this.rows) this.rows = await …`,
/// `this.rows ??= await …`.
pub(in crate::code) fn reads_once(text: &str) -> bool {
    text.match_indices("this.").any(|(at, _)| {
        let rest = &text[at + "this.".len()..];
        let end =
            rest.find(|one: char| !one.is_alphanumeric() && one != '_' && one != '$').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let waits = |value: &str| value.trim_start().starts_with("await ") || value.contains("await ");
        if let Some(value) = after.strip_prefix("??=").or_else(|| after.strip_prefix("||=")) {
            return waits(value.lines().next().unwrap_or(""));
        }
        let set = after.strip_prefix('=').filter(|value| !value.starts_with(['=', '>']));
        set.is_some_and(|value| waits(value.lines().next().unwrap_or("")))
            && [format!("if (!this.{name})"), format!("if (this.{name})"), format!("if (this.{name} ")]
                .iter()
                .any(|test| text[..at].contains(test.as_str()))
    })
}

fn remembers(name: &str) -> bool {
    const WORDS: [&str; 5] = ["cache", "cached", "memo", "memoize", "memoized"];
    kept_words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}
