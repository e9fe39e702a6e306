//! A query for each turn of a loop.

use pgsteward_model::code::{
    Call, FunctionRole, Invocation, Loop, Node, Operation, Over, RawQuery, Site, Source,
};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::text::{Body, closing, holds, is_path, mentions_word};
use super::varying::{self, Varying};
use super::{helper_fix, loop_fix, loops, shared};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "query-in-loop",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &["bullet:n+1", "prisma-optimize:repeated-query"],
    page: include_str!("query_in_loop.md"),
    check,
};

/// A limit up to here is no reason to hurry.
const FEW_ROWS: i64 = 20;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for call in flow.code.calls.iter().filter(|call| flow.code.serves(&call.site) && !call.operation.writes())
    {
        if let Some(of) = loops::growing(&flow, &call.site, &[&call.argument]) {
            if !loops::is_batched(call, of) && !searches(&flow, call, of) && !is_kept(&flow, call) {
                findings.push(in_loop(&flow, call, of));
            }
        } else if let Some(finding) = in_recursion(&flow, call).or_else(|| in_resolver(&flow, call)) {
            findings.push(finding);
        }
    }
    for raw in flow.code.raw.iter().filter(|raw| flow.code.serves(&raw.site) && reads(raw)) {
        let values: Vec<&Node> = raw.holes.iter().map(|hole| &hole.value).collect();
        if let Some(of) = loops::growing(&flow, &raw.site, &values) {
            findings.push(raw_in_loop(&flow, raw, of));
        }
    }
    for invocation in flow.code.invocations.iter().filter(|invocation| flow.code.serves(&invocation.site)) {
        findings.extend(hidden(&flow, invocation));
    }
    findings
}

/// The loop ends with the first row that it finds: it tries one candidate after the other.
fn searches(flow: &Flow, call: &Call, of: &Loop) -> bool {
    const NEAR: usize = 400;
    let (Some(name), Some(file)) = (&call.result.binding, flow.facts.sources.get(&call.site.at.file)) else {
        return false;
    };
    let body = Body::after(&file.text, of.at.span.end).filter(|body| body.span.contains(call.site.at.span));
    let end = body.map_or(file.text.len(), |body| body.span.end);
    let Some(rest) = file.text.get(call.site.at.span.end..end) else { return false };
    let near: String = rest.chars().take(NEAR).collect();
    near.split_once(&format!("if ({name})")).is_some_and(|(_, then)| {
        let then = then.trim_start();
        let then = match closing(then).filter(|_| then.starts_with('{')) {
            Some(end) => &then[..end],
            None => then.lines().next().unwrap_or(""),
        };
        ["break", "return"].iter().any(|word| mentions_word(then, word))
    })
}

/// A map is asked first (`let row = rows.get(key); if (!row) row = await …; rows.set(key, row)`): one query for each
/// key, however many turns name it.
fn is_kept(flow: &Flow, call: &Call) -> bool {
    let text = flow.text_of(call.site.function);
    call.site.guards.iter().filter(|guard| guard.negated && is_path(&guard.text)).any(|guard| {
        text.match_indices(&format!("{} = ", guard.text)).any(|(at, assigned)| {
            let value = text[at + assigned.len()..].lines().next().unwrap_or("");
            let map = value.split_once(".get(").map(|(map, _)| map.trim());
            map.is_some_and(|map| is_path(map) && text.contains(&format!("{map}.set(")))
        })
    })
}

fn in_loop(flow: &Flow, call: &Call, of: &Loop) -> Finding {
    let name = shared::call_name(call);
    let once = if of.concurrent { ", all at once" } else { "" };
    let message = format!("\"{name}\" runs once for {}{once}", loops::each(of));
    let finding = shared::on_call(&RULE, flow.facts, flow.code, call, message)
        .severity(severity(flow, &call.site, of, Some(call)))
        .detail(detail(flow, of))
        .hint(hint(call, of))
        .also(shared::place(flow.facts, &of.at));
    match loop_fix::batched(flow, call, of).or_else(|| loop_fix::read_before(flow, call, of)) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

fn severity(flow: &Flow, site: &Site, of: &Loop, call: Option<&Call>) -> Severity {
    let portion = call.is_some_and(|call| takes_some(call) || loops::reads_back(flow, call))
        || loops::turns_pages(flow, site)
        || loops::locks_each(flow, site);
    let small = portion
        || loops::limit(flow, of).is_some_and(|rows| rows <= FEW_ROWS)
        || loops::is_short_by_name(of)
        || loops::is_by_own_keys(flow, of);
    if small || loops::works_elsewhere(flow, site, of) || of.limited || loops::in_portions(flow, site) {
        Severity::Info
    } else {
        Severity::Warning
    }
}

/// The first few rows of each turn's: `take` counts for one query, so no one query gives those of all turns.
fn takes_some(call: &Call) -> bool {
    let takes = call.argument.get("take").is_some();
    takes && call.operation == Operation::FindMany
}

fn detail(flow: &Flow, of: &Loop) -> String {
    let wait = if of.concurrent && !of.limited {
        "They do not wait for each other, but they take every connection of the pool."
    } else {
        "Each turn waits for the answer of the one before it."
    };
    match (&of.over, loops::limit(flow, of)) {
        (Over::Ancestors, _) => "The number of queries is the depth of the tree, one after the other.".into(),
        (Over::Rows(call), Some(rows)) => format!(
            "Up to {rows} rows of \"{}\" are up to {rows} more queries. {wait}",
            shared::call_name(&flow.code.calls[*call])
        ),
        (Over::Rows(call), None) => format!(
            "A thousand rows of \"{}\" are a thousand more queries. {wait}",
            shared::call_name(&flow.code.calls[*call])
        ),
        _ => format!("A list of a thousand makes a thousand queries. {wait}"),
    }
}

fn hint(call: &Call, of: &Loop) -> &'static str {
    match call.operation {
        _ if of.over == Over::Ancestors => {
            "read the whole path with one recursive query (WITH RECURSIVE), or keep the path in a column"
        }
        Operation::FindUnique | Operation::FindUniqueOrThrow => {
            "collect the keys and read them with one findMany and `in`; Prisma makes one query only of findUnique calls that \
             start in the same tick"
        }
        Operation::Count | Operation::Aggregate | Operation::GroupBy => {
            "ask once for all of them with groupBy, by the field that the loop varies"
        }
        _ => {
            "read the rows of all turns with one findMany and `in` before the loop, or select the relation in the query that \
             gives the list"
        }
    }
}

/// A function that calls itself with what its query returned: one query for each level.
fn in_recursion(flow: &Flow, call: &Call) -> Option<Finding> {
    let function = flow.function(&call.site);
    let pages = ["take", "cursor", "skip"].iter().any(|name| call.argument.get(name).is_some());
    let from_parameter =
        shared::sources(&call.argument).iter().any(|source| matches!(source, Source::Parameter { .. }));
    if !function.recursive || pages || !from_parameter {
        return None;
    }
    let (_, again) = flow.invocations_of(call.site.function).find(|(_, invocation)| {
        let given = invocation.arguments.iter().flat_map(shared::sources).collect::<Vec<_>>();
        invocation.callee == call.site.function
            && given.iter().any(|source| match source {
                Source::Result { .. } => true,
                Source::Loop { of } => matches!(flow.code.loops[*of].over, Over::Rows(_)),
                _ => false,
            })
    })?;
    let each = if again.site.loops.is_empty() { "each level" } else { "each node of the tree" };
    let message =
        format!("\"{}\" runs once for {each}: \"{}\" calls itself", shared::call_name(call), function.name);
    Some(
        shared::on_call(&RULE, flow.facts, flow.code, call, message)
            .detail("The function calls itself with what the query returned, so the queries run one after the other.")
            .hint("read the tree with one recursive query (WITH RECURSIVE), or all of its rows at once")
            .also(shared::place(flow.facts, &again.site.at)),
    )
}

/// A resolver of a GraphQL field runs for each object of the list above it.
fn in_resolver(flow: &Flow, call: &Call) -> Option<Finding> {
    let unique = matches!(call.operation, Operation::FindUnique | Operation::FindUniqueOrThrow);
    let of_parent = flow.roots(&call.argument).contains(&flow::Root::Parameter(0));
    if flow.function(&call.site).role != FunctionRole::FieldResolver || unique || !of_parent {
        return None;
    }
    let message =
        format!("\"{}\" runs once for each object whose field is resolved", shared::call_name(call));
    Some(
        shared::on_call(&RULE, flow.facts, flow.code, call, message)
            .detail("A query for a hundred objects runs the resolver a hundred times, and each time it asks the database.")
            .hint(
                "start from the parent with findUnique and its relation (`findUnique(…).items()`), which Prisma batches, or \
                 put a DataLoader between",
            ),
    )
}

fn reads(raw: &RawQuery) -> bool {
    let text = raw.text.as_deref().unwrap_or("").trim_start().to_ascii_lowercase();
    let writes =
        ["insert", "update", "delete", "for update", "pg_advisory"].iter().any(|word| text.contains(word));
    (text.starts_with("select") || text.starts_with("with")) && !writes
}

fn raw_in_loop(flow: &Flow, raw: &RawQuery, of: &Loop) -> Finding {
    let message = format!("a raw query runs once for {}", loops::each(of));
    let function = &flow.function(&raw.site).name;
    let shape = raw.text.as_deref().unwrap_or(&raw.method);
    Finding::in_code(&RULE, shared::place(flow.facts, &raw.site.at), function, shape, 0, message)
        .severity(severity(flow, &raw.site, of, None))
        .detail(detail(flow, of))
        .hint("give the query the whole list: `= ANY($1)`, or a join with unnest($1)")
        .also(shared::place(flow.facts, &of.at))
}

/// By its name the helper only answers a question. What checks, prepares or processes is called for its work.
fn asks(name: &str) -> bool {
    const VERBS: [&str; 18] = [
        "get", "find", "fetch", "load", "list", "read", "resolve", "lookup", "look", "count", "query",
        "select", "is", "has", "latest", "retrieve", "search", "sum",
    ];
    let name = name.rsplit('.').next().unwrap_or(name);
    kept_words(name).first().is_some_and(|word| VERBS.contains(&word.as_str()))
}

/// One of the functions on the way remembers what it read, whatever it is asked.
fn keeps(flow: &Flow, reach: &flow::Reach) -> bool {
    reach.functions.iter().any(|function| {
        let text = flow.text_of(*function);
        ["cache", "Cache", "memo", "redis", "dataloader", "DataLoader"].iter().any(|word| holds(text, word))
            || varying::reads_once(text)
    })
}

/// None of the functions waits for anything before it calls the next one.
fn starts_at_once(flow: &Flow, reach: &flow::Reach) -> bool {
    reach.functions.iter().all(|function| !holds(flow.text_of(*function), "await "))
}

/// The helper is called for what a list at hand did not have (`let row = rows.find(…); if (!row) row = await getRow(…)`):
/// how many these are, only the data knows.
fn fills_gaps(flow: &Flow, site: &Site) -> bool {
    let text = flow.text_of(site.function);
    site.guards.iter().filter(|guard| guard.negated && is_path(&guard.text)).any(|guard| {
        text.match_indices(&*guard.text).any(|(at, name)| {
            let declared = ["const ", "let "].iter().any(|word| text[..at].ends_with(word));
            let rest = text[at + name.len()..].lines().next().unwrap_or("");
            declared && (rest.contains(".find(") || rest.contains(".get("))
        })
    })
}

/// How the helper reads for all turns: by the field that a parameter of it gives.
fn whole_list(name: &str, call: &Call) -> String {
    let by_parameter =
        |node: &Node| shared::sources(node).iter().any(|source| matches!(source, Source::Parameter { .. }));
    let filter = call.argument.get("where").map(flow::equalities).unwrap_or_default();
    let keys: Vec<&str> =
        filter.iter().filter(|(_, value)| by_parameter(value)).map(|(field, _)| *field).collect();
    match keys.as_slice() {
        [key] => format!(
            "give \"{name}\" the whole list, let it read all rows with one query (`{key}: {{ in: … }}`), and give each turn its \
             own out of a Map by \"{key}\""
        ),
        _ => format!("give \"{name}\" the whole list, and let it read all rows with one query"),
    }
}

/// A helper that reads, called in a loop, wherever the helper stands.
fn hidden(flow: &Flow, invocation: &Invocation) -> Option<Finding> {
    let values: Vec<&Node> = invocation.arguments.iter().collect();
    let of = loops::growing(flow, &invocation.site, &values)?;
    let callee = &flow.code.functions[invocation.callee];
    let reach = flow.reach(invocation.callee);
    let calls: Vec<&Call> = reach.calls.iter().map(|index| &flow.code.calls[*index]).collect();
    let acts = !reach.effects.is_empty() || calls.iter().any(|call| call.operation.writes());
    let varying = Varying::of(flow, invocation, of);
    let first = calls.iter().find(|call| {
        let batched = loops::is_batched(call, of)
            && !invocation.site.after_await_in_loop
            && (call.site.function == invocation.callee || starts_at_once(flow, &reach));
        let answered = !varying.reaches(flow, call) && varying::is_cached(flow, call.site.function);
        !call.operation.writes() && !batched && !answered
    })?;
    // A helper that also writes or calls out is a step of work; its loop is a matter of the work, not of reading.
    if acts || invocation.callee == invocation.site.function || keeps(flow, &reach) {
        return None;
    }
    let again = !varying.reaches(flow, first);
    let sure = asks(&callee.name)
        && !fills_gaps(flow, &invocation.site)
        && !loops::writes_each(flow, &invocation.site, of);
    let severity = if sure { severity(flow, &invocation.site, of, Some(first)) } else { Severity::Info };
    let message =
        format!("\"{}\" runs once for {}, in \"{}\"", shared::call_name(first), loops::each(of), callee.name);
    let function = &flow.function(&invocation.site).name;
    let finding = Finding::in_code(
        &RULE,
        shared::place(flow.facts, &invocation.site.at),
        function,
        &format!("{}/{}", callee.name, first.shape),
        0,
        message,
    )
    .severity(severity)
    .detail(detail(flow, of))
    .hint(if again {
        "nothing of the loop goes into the query: read the row once before the loop, and hand it on"
            .to_owned()
    } else {
        whole_list(&callee.name, first)
    })
    .also(shared::call_place(flow.facts, first))
    .also(shared::place(flow.facts, &of.at));
    let alone = reach.raw.is_empty() && calls.len() == 1 && first.site.function == invocation.callee;
    let fix = || {
        helper_fix::batched(flow, invocation, first, of)
            .or_else(|| helper_fix::read_before(flow, invocation, first, of))
    };
    Some(match alone.then(fix).flatten() {
        Some(fix) => finding.fix(fix),
        None => finding,
    })
}
