//! A write for each turn of a loop.

use pgsteward_model::code::{Awaited, Call, Invocation, Loop, LoopKind, Node, Operation, Over};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::Flow;
use super::{helper_fix, loops, shared, write_fix};

pub(super) static RULE: Rule = Rule {
    id: "write-in-loop",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[Need::Prisma],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("write_in_loop.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let calls = flow.code.calls.iter().filter(|call| flow.code.serves(&call.site) && call.operation.writes());
    let invocations = flow.code.invocations.iter().filter(|invocation| flow.code.serves(&invocation.site));
    calls
        .filter_map(|call| judge(&flow, call))
        .chain(invocations.filter_map(|invocation| hidden(&flow, invocation)))
        .collect()
}

/// A helper that does nothing but write one row, called by a loop that does nothing else. Of a helper that does more it is
/// not known what its loop is for.
fn hidden(flow: &Flow, invocation: &Invocation) -> Option<Finding> {
    if invocation.site.loops.is_empty() || invocation.callee == invocation.site.function {
        return None;
    }
    let values: Vec<&Node> = invocation.arguments.iter().collect();
    let of = loops::growing(flow, &invocation.site, &values)?;
    let reach = flow.reach(invocation.callee);
    let ([call], true) = (reach.calls.as_slice(), reach.raw.is_empty() && reach.effects.is_empty()) else {
        return None;
    };
    let call = &flow.code.calls[*call];
    let alone = call.site.function == invocation.callee
        && loops::is_alone(flow, &invocation.site)
        && !loops::in_portions(flow, &invocation.site);
    let fix = alone.then(|| helper_fix::write_at_once(flow, invocation, call, of)).flatten()?;
    let callee = &flow.code.functions[invocation.callee].name;
    let message =
        format!("\"{}\" runs once for {}, in \"{callee}\"", shared::call_name(call), loops::each(of));
    let function = &flow.function(&invocation.site).name;
    let place = shared::place(flow.facts, &invocation.site.at);
    Some(
        Finding::in_code(&RULE, place, function, &format!("{callee}/{}", call.shape), 0, message)
            .detail(detail(flow, call, of))
            .hint(hint(call.operation, true))
            .also(shared::call_place(flow.facts, call))
            .also(shared::place(flow.facts, &of.at))
            .fix(fix),
    )
}

fn judge(flow: &Flow, call: &Call) -> Option<Finding> {
    let of = loops::growing(flow, &call.site, &[&call.argument])?;
    let in_list = call.site.awaited == Awaited::Batch;
    // All turns at once is another harm, and has a rule of its own.
    let at_once = of.concurrent && !of.limited && !in_list && !flow.in_transaction(call);
    if at_once || of.over == Over::Ancestors {
        return None;
    }
    let same = same_data(call);
    let one_statement = match call.operation {
        Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn => !nested(call),
        Operation::Delete | Operation::DeleteMany => true,
        Operation::Update | Operation::UpdateMany | Operation::UpdateManyAndReturn => same,
        _ => false,
    };
    if answers_each(flow, call, of) || ends_the_loop(flow, call, of) {
        return None;
    }
    // A list of statements in one transaction is the way that Prisma shows for rows that get different values.
    if in_list && !one_statement {
        return None;
    }
    // A turn that looks at its answer needs it.
    let sure = one_statement
        && call.result.unused
        && loops::is_alone(flow, &call.site)
        && !loops::works_elsewhere(flow, &call.site, of)
        && !loops::in_portions(flow, &call.site);
    let fix = write_fix::write_at_once(flow, call, of, one_statement);
    let reason = fix.as_ref().err().map_or(String::new(), |why| format!(" There is no edit: {why}."));
    let message = format!("\"{}\" runs once for {}", shared::call_name(call), loops::each(of));
    let finding = shared::on_call(&RULE, flow.facts, flow.code, call, message)
        .severity(if sure { Severity::Warning } else { Severity::Info })
        .detail(detail(flow, call, of) + &reason)
        .hint(hint(call.operation, same))
        .also(shared::place(flow.facts, &of.at));
    Some(match fix {
        Ok(fix) => finding.fix(fix),
        Err(_) => finding,
    })
}

/// The next statement leaves the loop: the write runs once. A callback's `return` ends its own turn alone, and a `break`
/// the innermost loop or `switch`.
fn ends_the_loop(flow: &Flow, call: &Call, of: &Loop) -> bool {
    let at = &call.site.at;
    let Some(file) = flow.facts.sources.get(&at.file).filter(|_| of.at.file == at.file) else { return false };
    let (Some(before), Some(rest)) =
        (file.text.get(of.at.span.end..at.span.start), file.text.get(at.span.end..))
    else {
        return false;
    };
    let next = rest.trim_start().trim_start_matches(';').trim_start();
    let is_next = |word: &str| {
        next.strip_prefix(word).is_some_and(|rest| !rest.starts_with(|one: char| one.is_alphanumeric()))
    };
    let heads = open_blocks(before);
    let Some((&")", within)) = heads.split_last() else { return false };
    let innermost = call.site.loops.last().is_some_and(|index| flow.code.loops[*index].at == of.at);
    let branches = within.iter().map(|head| word_of_head(head));
    let leaves = if is_next("break") {
        innermost && branches.clone().all(|word| word != "switch")
    } else {
        is_next("return")
    };
    let is_branch = |word| {
        const BRANCHES: [&str; 9] = ["if", "else", "for", "await", "while", "switch", "case", "try", "catch"];
        BRANCHES.contains(&word)
    };
    of.kind != LoopKind::Callback && leaves && branches.clone().all(is_branch)
}

/// What stands before each brace that is still open at the end of a text, the innermost first.
fn open_blocks(text: &str) -> Vec<&str> {
    let mut closed = 0_usize;
    let mut heads = Vec::new();
    for (at, brace) in text.rmatch_indices(['{', '}']) {
        match (brace, closed) {
            ("}", _) => closed += 1,
            (_, 0) => heads.push(text[..at].trim()),
            _ => closed -= 1,
        }
    }
    heads
}

/// `if` of `if (a(b))`, `else`, `case` of anything behind a colon; another word or none where a function begins.
fn word_of_head(head: &str) -> &str {
    if head.ends_with(':') {
        return "case";
    }
    let mut depth = 0_usize;
    let open = head.rmatch_indices(['(', ')']).find_map(|(at, bracket)| {
        depth = if bracket == ")" { depth + 1 } else { depth.saturating_sub(1) };
        (depth == 0).then_some(at)
    });
    let before = open.filter(|_| head.ends_with(')')).map_or(head, |at| head[..at].trim_end());
    before.rsplit(|one: char| !one.is_alphanumeric()).next().unwrap_or("")
}

/// Each turn catches the error of its own row and says what became of it: one statement for all has one answer.
fn answers_each(flow: &Flow, call: &Call, of: &Loop) -> bool {
    call.site.tries.iter().map(|index| &flow.code.tries[*index]).any(|around| {
        let within = around.at.file == of.at.file && around.at.span.start > of.at.span.start;
        within && around.catch.as_ref().is_some_and(|catch| catch.handles && !catch.codes.is_empty())
    })
}

/// The data of an update does not change from turn to turn.
fn same_data(call: &Call) -> bool {
    call.argument.get("data").is_some_and(|data| {
        data.object().is_some_and(|object| !object.open)
            && shared::sources(data).iter().all(|source| {
                use pgsteward_model::code::Source;
                matches!(
                    source,
                    Source::Constant
                        | Source::Time
                        | Source::Parameter { .. }
                        | Source::Request
                        | Source::Session
                )
            })
    })
}

/// Rows of other tables are written with it: `createMany` cannot.
fn nested(call: &Call) -> bool {
    let writes = |node: &Node| {
        node.alternatives().into_iter().any(|node| {
            ["create", "connect", "createMany", "connectOrCreate"].iter().any(|name| node.get(name).is_some())
        })
    };
    call.argument
        .get("data")
        .and_then(Node::object)
        .is_none_or(|data| data.open || data.properties.iter().any(|property| writes(&property.value)))
}

fn detail(flow: &Flow, call: &Call, of: &Loop) -> String {
    let turns = match of.over {
        Over::Rows(list) => match loops::limit(flow, of) {
            Some(rows) => format!("Up to {rows} rows are up to {rows} statements"),
            None => format!(
                "A thousand rows of \"{}\" are a thousand statements",
                shared::call_name(&flow.code.calls[list])
            ),
        },
        _ => "A list of a thousand is a thousand statements".into(),
    };
    if flow.in_transaction(call) {
        format!("{turns}, and the transaction keeps its locks through all of their round trips.")
    } else {
        format!("{turns} and a thousand commits; when one fails, those before it stay.")
    }
}

fn hint(operation: Operation, same: bool) -> &'static str {
    match operation {
        Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn => {
            "build the rows in the loop and write them with one createMany (createManyAndReturn where the rows are needed)"
        }
        Operation::Delete | Operation::DeleteMany => "delete them with one deleteMany and `in`",
        Operation::Upsert => {
            "write portions of a thousand rows with one INSERT … SELECT FROM unnest(…) ON CONFLICT DO UPDATE through $executeRaw"
        }
        _ if same => "the data is the same in each turn: use one updateMany with `in`",
        _ => {
            "write portions of a thousand rows with one UPDATE … FROM unnest(…) through $executeRaw, with the values as \
             parameters"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{open_blocks, word_of_head};

    #[test]
    fn blocks_that_a_place_stands_in() {
        let words = |text| -> Vec<&str> { open_blocks(text).into_iter().map(word_of_head).collect() };
        assert_eq!(words(") { if (a({ b })) { c(); await "), ["if", ""]);
        assert_eq!(words(") { switch (a) { case 'b': await "), ["switch", ""]);
        assert_eq!(words(") { switch (a) { case 'b': { await "), ["case", "switch", ""]);
        assert_eq!(words(") { if (a) { b() } else { await "), ["else", ""]);
        assert_eq!(words(") { await run(async () => { await "), ["", ""]);
        assert_eq!(words(") { run(function named(a) { await "), ["named", ""]);
    }
}
