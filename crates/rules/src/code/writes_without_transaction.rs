//! Several writes that belong together, each in a transaction of its own.

mod again;
mod deletions;

use std::collections::BTreeSet;

use pgsteward_model::change::Fix;
use pgsteward_model::code::{Awaited, Call, FunctionRole, Invocation, Node, Operation, Site, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow, Root};
use super::{shared, steps, text, together, wrapper};
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "writes-without-transaction",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("writes_without_transaction.md"),
    check,
};

/// One write of a function: its own, or one of a function that it calls.
struct Write<'a> {
    /// Where it stands in the function.
    site: &'a Site,
    call: &'a Call,
    roots: BTreeSet<Root>,
    /// The call of another function that makes the write, where it is not the function's own.
    through: Option<&'a Invocation>,
}

impl<'a> Write<'a> {
    /// What the function gives to the write: of a helper's the arguments that get there.
    fn given(&self, flow: &Flow<'a>) -> Vec<&'a Node> {
        let Some(invocation) = self.through else { return vec![&self.call.argument] };
        let reaching = flow.roots(&self.call.argument);
        let arguments = invocation.arguments.iter().enumerate();
        arguments
            .filter(|(index, _)| reaching.contains(&Root::Parameter(*index)))
            .map(|(_, node)| node)
            .collect()
    }
}

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    flow.serving()
        .filter(|(_, function)| function.role != FunctionRole::Module)
        .filter_map(|(index, _)| Some((index, judge(&flow, index)?)))
        // What is put into a list of promises runs where that is given to `$transaction`.
        .filter(|(index, _)| !flow.text_of(*index).contains("PrismaPromise<"))
        .map(|(_, finding)| finding)
        .collect()
}

fn judge(flow: &Flow, function: usize) -> Option<Finding> {
    let writes = writes(flow, function);
    let mut best: Option<(usize, &Write, &Write)> = None;
    for (at, first) in writes.iter().enumerate() {
        for second in &writes[at + 1..] {
            if belong_together(flow, function, first, second) {
                // Two writes of the function itself say more than one behind a call.
                let own = usize::from(first.through.is_none()) + usize::from(second.through.is_none());
                let rank = if own == 0 && hand_on(flow, first, second) { 1 } else { own };
                if rank > 0 && best.is_none_or(|(found, ..)| rank > found) {
                    best = Some((rank, first, second));
                }
            }
        }
    }
    let (rank, first, second) = best?;
    // Of what two helpers write it takes both of them to see whether it belongs together.
    let loud = rank == 2 && !wrapper::hands_in(flow, first.call);
    let name = |write: &Write| {
        let call = shared::call_name(write.call);
        write.through.map_or(format!("\"{call}\""), |through| {
            format!("\"{call}\" in \"{}\"", flow.code.functions[through.callee].name)
        })
    };
    let owner = &flow.code.functions[function].name;
    let message = format!("{} and {} are no transaction", name(first), name(second));
    let place = |write: &Write| match write.through {
        None => shared::call_place(flow.facts, write.call),
        Some(_) => shared::place(flow.facts, &write.site.at),
    };
    let shape = format!("{}+{}", first.call.shape, second.call.shape);
    let finding = Finding::in_code(&RULE, place(first), owner, &shape, 0, message)
        .severity(if loud && is_one_step(flow, first, second) { Severity::Warning } else { Severity::Info })
        .detail(detail(flow, first, second))
        .hint("put them into prisma.$transaction, or into one nested write")
        .also(place(second));
    Some(match one_transaction(flow, function, &writes, first, second) {
        Some(fix) => finding.fix(fix),
        None => finding,
    })
}

fn detail(flow: &Flow, first: &Write, second: &Write) -> String {
    let (one, other) = (&first.call.model, &second.call.model);
    let kept = deletions::children_go_first(flow, first, second)
        .then(|| deletions::refused_by(flow, second))
        .flatten();
    match kept {
        Some(kept) => format!(
            "A row of \"{other}\" that \"{kept}\" refers to is not deleted, and what it had in \"{one}\" is gone by then."
        ),
        None => format!(
            "\"{one}\" and \"{other}\" refer to each other. When the second write fails, or the process ends between the \
             two, the first one stays."
        ),
    }
}

/// The two, and the other writes of the function that belong to them, as one transaction.
fn one_transaction(
    flow: &Flow,
    function: usize,
    writes: &[Write],
    first: &Write,
    second: &Write,
) -> Option<Fix> {
    if first.through.is_some() || second.through.is_some() {
        return None;
    }
    let belongs = |write: &&Write| {
        let pairs = [(first, *write), (*write, first), (second, *write), (*write, second)];
        write.through.is_none()
            && (std::ptr::eq(write.call, first.call)
                || std::ptr::eq(write.call, second.call)
                || pairs.iter().any(|(one, other)| {
                    one.site.order < other.site.order && belong_together(flow, function, one, other)
                }))
    };
    let all: Vec<&Call> = writes.iter().filter(belongs).map(|write| write.call).collect();
    together::fix(flow, &all).or_else(|| together::fix(flow, &[first.call, second.call]))
}

fn is_one_step(flow: &Flow, first: &Write, second: &Write) -> bool {
    !far_apart(flow, first.site, second.site)
        && together(first.site, second.site)
        && !again::makes_up_for_it(flow, first, second)
}

/// Neither of the two stands under a condition that the other does not stand under; ways out before them are none.
fn together(first: &Site, second: &Site) -> bool {
    let conditions = |site: &Site| -> BTreeSet<String> {
        site.guards.iter().filter(|guard| !guard.negated).map(|guard| guard.text.to_string()).collect()
    };
    conditions(first) == conditions(second)
}

/// Much happens between the two: they may be steps of their own.
fn far_apart(flow: &Flow, first: &Site, second: &Site) -> bool {
    const LINES: u32 = 60;
    let line = |site: &Site| crate::shared::range(flow.facts, &site.at).start.line;
    line(second).abs_diff(line(first)) > LINES
}

fn writes<'a>(flow: &Flow<'a>, function: usize) -> Vec<Write<'a>> {
    let mut found: Vec<Write> = Vec::new();
    for (_, call) in flow.calls_of(function) {
        if counts(flow, call) && !flow.in_transaction(call) {
            found.push(Write { site: &call.site, call, roots: flow.roots(&call.argument), through: None });
        }
    }
    // Only one function deeper is looked: further down it would be guessing what belongs together.
    for (_, invocation) in flow.invocations_of(function) {
        if invocation.site.transaction.is_some() || invocation.callee == function {
            continue;
        }
        let callee = &flow.code.functions[invocation.callee];
        // Who asks first whether somebody may is another matter, and so is what may fail.
        if asks_first(&callee.name) || may_fail(flow, &invocation.site) {
            continue;
        }
        let inside: Vec<&Call> = flow
            .calls_of(invocation.callee)
            .map(|(_, call)| call)
            .filter(|call| counts(flow, call) && !flow.in_transaction(call))
            .collect();
        // What also calls out is a step of a longer story, which no transaction can hold.
        if inside.is_empty() || !flow.reach(invocation.callee).effects.is_empty() {
            continue;
        }
        let roots: BTreeSet<Root> = invocation.arguments.iter().flat_map(|node| flow.roots(node)).collect();
        let through = Some(invocation);
        let deeper = inside.into_iter().map(|call| Write {
            site: &invocation.site,
            call,
            roots: roots.clone(),
            through,
        });
        found.extend(deeper.collect::<Vec<_>>());
    }
    found.sort_by_key(|write| write.site.order);
    found
}

/// A write whose absence would be noticed: no log entry, no mark of time.
fn counts(flow: &Flow, call: &Call) -> bool {
    call.operation.writes()
        && flow.code.serves(&call.site)
        && !flow::is_log(&call.model)
        && !shared::marks_time(call)
        && !may_fail(flow, &call.site)
}

/// `upsert` with nothing to update but the time, `createMany` that skips what is there: where the second write fails, running both again
/// changes nothing here, and the row alone does no harm. As the second one it may be what is missing like any other.
fn makes_sure(flow: &Flow, first: &Write, second: &Write) -> bool {
    let empty = |node: &Node| {
        node.object().is_some_and(|object| {
            !object.open && object.properties.iter().all(|property| shared::is_time(&property.value))
        })
    };
    let skips = |node: &Node| node.value == Value::Bool(true);
    let has = |name: &str, told: &dyn Fn(&Node) -> bool| first.call.argument.get(name).is_some_and(told);
    match first.call.operation {
        Operation::Upsert => has("update", &empty),
        // How many it made is another number in the next run.
        Operation::CreateMany => has("skipDuplicates", &skips) && !uses(flow, second, first),
        _ => false,
    }
}

/// An error of it is nobody's concern.
fn may_fail(flow: &Flow, site: &Site) -> bool {
    let caught = site.tries.iter().any(|index| {
        flow.code.tries[*index].catch.as_ref().is_some_and(|catch| !catch.rethrows && !catch.handles)
    });
    caught || site.awaited == Awaited::Not
}

fn asks_first(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "verify",
        "auth",
        "authenticate",
        "check",
        "require",
        "assert",
        "session",
        "validate",
        "log",
        "ensure",
        "get",
    ];
    kept_words(name).iter().any(|word| WORDS.contains(&word.as_str()))
}

fn belong_together(flow: &Flow, function: usize, first: &Write, second: &Write) -> bool {
    let (a, b) = (first.call, second.call);
    flow.related(&a.model, &b.model)
        && first.site.order != second.site.order
        && !flow.exclusive(first.site, second.site)
        && !makes_sure(flow, first, second)
        && about_the_same(flow, first, second)
        && !called_out_between(flow, function, first.site, second.site)
        && !files_between(flow, first, second)
}

/// The two writes speak of the same things: one uses what the other returned, or both begin with the same value.
fn about_the_same(flow: &Flow, first: &Write, second: &Write) -> bool {
    let common = first
        .roots
        .intersection(&second.roots)
        .any(|root| matches!(root, Root::Parameter(_) | Root::Request));
    uses(flow, second, first) || common || first.through.is_some() && second.through.is_some()
}

fn uses(flow: &Flow, of: &Write, from: &Write) -> bool {
    shared::sources(&of.call.argument).iter().any(|source| {
        matches!(source, Source::Result { call, .. } if std::ptr::eq(&flow.code.calls[*call], from.call))
    })
}

/// Two helpers that write, whatever they find, for the same thing: the second one gets what the first returned, or both
/// get the same value. That both get something of a request says little.
fn hand_on<'a>(flow: &Flow<'a>, first: &Write<'a>, second: &Write<'a>) -> bool {
    let (Some(one), Some(other)) = (first.through, second.through) else { return false };
    let sure = |write: &Write| {
        write.call.site.guards.iter().all(|guard| guard.negated) && write.call.site.loops.is_empty()
    };
    let (before, after) = (first.given(flow), second.given(flow));
    let returned = after
        .iter()
        .flat_map(|node| shared::sources(node))
        .any(|source| matches!(source, Source::Function { name } if steps::is_call_of(flow, one, name)));
    let (names, others) = (names(&before), names(&after));
    // An upsert that is run again finds its row, and what another branch makes up for is made up for.
    let again = first.call.operation == Operation::Upsert
        || flow.invocations_of(other.site.function).any(|(_, elsewhere)| {
            elsewhere.callee == other.callee && flow.exclusive(&elsewhere.site, &one.site)
        });
    one.callee != other.callee
        && !again
        && sure(first)
        && sure(second)
        && one.site.loops == other.site.loops
        && (returned || names.iter().any(|name| others.contains(name)))
}

/// The paths among values, `team.id`, that are not merely who asks.
fn names<'a>(nodes: &[&'a Node]) -> BTreeSet<&'a str> {
    fn collect<'a>(node: &'a Node, found: &mut BTreeSet<&'a str>) {
        match &node.value {
            Value::Object(object) => object.properties.iter().for_each(|one| collect(&one.value, found)),
            Value::List(nodes) | Value::Choice { nodes, .. } => {
                nodes.iter().for_each(|node| collect(node, found));
            }
            Value::Expression { text, sources, .. } => {
                let told =
                    |source: &Source| !matches!(source, Source::Session | Source::Constant | Source::Time);
                if text::is_path(text) && sources.iter().any(told) {
                    found.insert(text);
                }
            }
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    nodes.iter().for_each(|node| collect(node, &mut found));
    found
}

/// Files are written between the two: a transaction would wait for whoever sends them.
fn files_between(flow: &Flow, first: &Write, second: &Write) -> bool {
    let (from, to) = (&first.site.at, &second.site.at);
    let between = flow
        .facts
        .sources
        .get(&from.file)
        .filter(|_| from.file == to.file)
        .and_then(|file| file.text.get(from.span.end..to.span.start));
    between.is_some_and(|text| ["createWriteStream(", "writeFile("].iter().any(|call| text.contains(call)))
}

/// Something outside happens between the two: a transaction would wait for it.
fn called_out_between(flow: &Flow, function: usize, first: &Site, second: &Site) -> bool {
    let between = |site: &Site| first.order < site.order && site.order < second.order;
    flow.effects_of(function).iter().any(|index| between(&flow.code.effects[*index].site))
        || flow.invocations_of(function).any(|(_, invocation)| {
            between(&invocation.site) && !flow.reach(invocation.callee).effects.is_empty()
        })
}
