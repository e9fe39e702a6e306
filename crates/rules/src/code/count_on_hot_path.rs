//! `count` over most of a table, each time a user waits for a page.

use pgsteward_model::code::{Access, Operation, Purpose};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::scale::{self, Scale};
use super::shared;

pub(super) static RULE: Rule = Rule {
    id: "count-on-hot-path",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("count_on_hot_path.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let growing = scale::growing(facts, code);
    let waited_for = scale::awaited_by_users(code);
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        if call.operation != Operation::Count || !waited_for.contains(&call.site.function) {
            continue;
        }
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let size = scale::of_model(facts, model);
        let grows = size != Scale::Unknown || growing.contains(&call.model);
        let mut main = call.lowered.queries().filter(|query| query.purpose == Purpose::Main).peekable();
        let whole = main.peek().is_some()
            && main.all(|query| {
                !query.accesses.is_empty() && !query.accesses.iter().any(|access| narrows(facts, access))
            });
        if !whole || size == Scale::Small || !grows {
            continue;
        }
        let rows = match size {
            Scale::Middle(rows) | Scale::Large(rows) => {
                format!(" \"{}\" has about {rows:.0} rows.", model.name)
            }
            _ => String::new(),
        };
        let finding = shared::on_call(
            &RULE,
            facts,
            code,
            call,
            format!("\"{}\" counts most of \"{}\" while a user waits", shared::call_name(call), model.name),
        )
        .severity(size.severity())
        .detail(format!(
            "PostgreSQL keeps no count: each call reads every matching row or its index entry, and takes longer as the table \
             grows.{rows}"
        ))
        .hint(
            "show whether there is a next page (take one row more) instead of a total, keep the number for a while, or use \
             the estimate in pg_class.reltuples",
        );
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}

/// Conditions that leave a part of the table: a value that is no state, a list, a range, another table's row.
fn narrows(facts: &Facts, access: &Access) -> bool {
    let model =
        facts.prisma.as_ref().and_then(|prisma| prisma.model_of_table(&access.namespace, &access.table));
    let is_state =
        |column: &String| model.and_then(|model| model.field_of_column(column)).is_some_and(scale::is_state);
    let chosen = access.equal.iter().chain(&access.any_of).any(|column| !is_state(column));
    access.unique || chosen || !access.range.is_empty()
}
