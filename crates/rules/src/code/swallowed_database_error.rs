//! An error of a write that nobody will ever see.

use pgsteward_model::code::{Awaited, Call, Operation, Try};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::{scale, shared};

pub(super) static RULE: Rule = Rule {
    id: "swallowed-database-error",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["eslint:no-empty"],
    page: include_str!("swallowed_database_error.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    flow.code
        .calls
        .iter()
        .filter(|call| flow.code.serves(&call.site) && call.operation.writes())
        .filter_map(|call| judge(&flow, call))
        .collect()
}

fn judge(flow: &Flow, call: &Call) -> Option<Finding> {
    // The innermost one that catches: what stands around it sees nothing any more.
    let (around, catch) = call
        .site
        .tries
        .iter()
        .rev()
        .map(|index| &flow.code.tries[*index])
        .find_map(|around| Some((around, around.catch.as_ref()?)))?;
    if !catch.empty || is_answer(flow, call, around) {
        return None;
    }
    let on_purpose = explained(flow, around)
        || matches!(call.operation, Operation::Delete | Operation::DeleteMany)
        || call.site.awaited == Awaited::Not
        || may_miss(flow, call)
        || shared::marks_time(call)
        || flow::is_log(&call.model)
        // Something else has failed already, and that is what the function tells.
        || flow.in_handler(&call.site);
    let message = format!("an error of \"{}\" disappears in an empty catch", shared::call_name(call));
    Some(
        shared::on_call(&RULE, flow.facts, flow.code, call, message)
            .severity(if on_purpose { Severity::Info } else { Severity::Warning })
            .detail(
                "A full disk, a lost connection, a broken constraint: the row is missing, nothing says so, and whoever misses \
                 it has no trace to follow.",
            )
            .hint(match call.operation {
                Operation::Delete => {
                    "use deleteMany, which does not mind an absent row, and let other errors through"
                }
                _ => "log the error, or catch the one code that is expected and throw the others",
            })
            .also(shared::place(flow.facts, &around.at)),
    )
}

/// `update` of a row in a state, or under a condition that is not always there, which throws where the row is in another
/// one: that it may miss is meant.
fn may_miss(flow: &Flow, call: &Call) -> bool {
    let (Some(model), Some(filter)) = (flow.model(&call.model), call.argument.get("where")) else {
        return false;
    };
    call.operation == Operation::Update
        && filter.object().is_some_and(|filter| {
            filter.properties.iter().any(|property| {
                property.conditional || model.field(&property.name).is_some_and(scale::is_state)
            })
        })
}

/// `const row = await prisma.job.update(…).catch(() => null)`: the null is an answer, which the code looks at.
fn is_answer(flow: &Flow, call: &Call, around: &Try) -> bool {
    let Some(file) = flow.facts.sources.get(&call.site.at.file) else { return false };
    let chained = !file.slice(around.at.span).trim_start().starts_with("try");
    let before = file.text.get(..call.site.at.span.start).unwrap_or("").trim_end();
    let before = before.strip_suffix("await").unwrap_or(before).trim_end();
    chained && before.ends_with('=')
}

/// A comment stands in the `catch`: somebody thought about it.
fn explained(flow: &Flow, around: &Try) -> bool {
    let Some(file) = flow.facts.sources.get(&around.at.file) else { return false };
    let text = file.slice(around.at.span);
    text.rfind("catch").is_some_and(|at| text[at..].contains("//") || text[at..].contains("/*"))
}
