//! Functions of the project that open a transaction for their callers: `inTransaction(client, async (tx) => …)`.
//!
//! Only those count that hand a parameter to `$transaction`, themselves or through others that do.

use pgsteward_model::code::{Call, FunctionRole, Site, TransactionKind};
use pgsteward_model::prisma::At;

use super::flow::Flow;
use super::text::{closing, mentions_word, root};

/// Wrappers of wrappers that are looked through.
const DEPTH: usize = 3;

/// The call of such a function whose callback a site stands in.
pub(in crate::code) fn around<'a>(flow: &Flow<'a>, site: &Site) -> Option<&'a At> {
    flow.invocations_of(site.function)
        .map(|(_, invocation)| (&invocation.site.at, invocation.callee))
        .filter(|(at, _)| {
            at.span != site.at.span && at.span.contains(site.at.span) && at.file == site.at.file
        })
        .filter(|(at, _)| {
            let file = flow.facts.sources.get(&site.at.file);
            let before = file.and_then(|file| file.text.get(at.span.start..site.at.span.start)).unwrap_or("");
            before.contains("=>") || before.contains("function")
        })
        .find(|(_, callee)| opens_for_callers(flow, *callee, DEPTH))
        .map(|(at, _)| at)
}

fn opens_for_callers(flow: &Flow, function: usize, depth: usize) -> bool {
    let parameters = &flow.code.functions[function].parameters;
    let hands_on = |at: &At| {
        let text = flow.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span));
        parameters.iter().any(|parameter| !parameter.name.is_empty() && mentions_word(text, &parameter.name))
    };
    flow.transactions_of(function).iter().any(|index| {
        let transaction = &flow.code.transactions[*index];
        transaction.kind == TransactionKind::Interactive
            && calls_parameter(flow, function, &transaction.site.at)
    }) || depth > 0
        && flow.invocations_of(function).any(|(_, next)| {
            next.callee != function
                && hands_on(&next.site.at)
                && opens_for_callers(flow, next.callee, depth - 1)
        })
}

/// `client.$transaction((tx) => run(tx))`, `client.$transaction(run, options)`
fn calls_parameter(flow: &Flow, function: usize, at: &At) -> bool {
    let text = flow.facts.sources.get(&at.file).map_or("", |file| file.slice(at.span));
    let given = text.split_once("$transaction").map_or("", |(_, given)| given);
    flow.code.functions[function].parameters.iter().filter(|parameter| !parameter.name.is_empty()).any(
        |parameter| {
            let first = given.trim_start_matches(['(', '<']).trim_start();
            let whole = first
                .strip_prefix(parameter.name.as_str())
                .is_some_and(|rest| rest.starts_with([',', ')', ' ', '\n']));
            whole || mentions_word(given, &parameter.name) && given.contains(&format!("{}(", parameter.name))
        },
    )
}

/// The client comes to a function that only makes the one with the writes, `({ prisma }) => async (id) => …`: whoever calls
/// it may give it that of a transaction.
pub(in crate::code) fn hands_in(flow: &Flow, call: &Call) -> bool {
    let client = root(&call.receiver);
    let at = &call.site.at;
    let around = flow.code.functions.iter().filter(|function| {
        function.role != FunctionRole::Module
            && function.at.file == at.file
            && function.at.span.contains(at.span)
    });
    let Some(file) = flow.facts.sources.get(&at.file) else { return false };
    around.filter_map(|function| maker(file.slice(function.at.span))).any(|parameters| {
        mentions_word(parameters, client)
            && !["PrismaClient", "PrismaService"].iter().any(|whole| parameters.contains(whole))
    })
}

/// The parameters of an arrow function whose body is another arrow function.
fn maker(text: &str) -> Option<&str> {
    let parameters = text.get(..closing(text).filter(|_| text.starts_with('('))?)?;
    let (ty, made) = text[parameters.len()..].split_once("=>")?;
    let made = made.trim_start();
    let made = made.strip_prefix("async").unwrap_or(made).trim_start();
    let behind = made.get(closing(made).filter(|_| made.starts_with('('))?..)?.trim_start();
    (ty.trim().is_empty() && (behind.starts_with("=>") || behind.starts_with(':'))).then_some(parameters)
}
