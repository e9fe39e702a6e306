//! An order by another table's column or by the number of related rows: no index serves it.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::scale::{self, Scale};
use super::{arguments, shared};

pub(super) static RULE: Rule = Rule {
    id: "relation-sort",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("relation_sort.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let growing = scale::growing(facts, code);
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let Some(order) = call.argument.get("orderBy") else { continue };
        let keys = order.alternatives().into_iter().filter_map(arguments::order_keys).flatten();
        for key in keys {
            let target = model.field(key.field).and_then(|field| scale::target(facts, field));
            let (Some(target), Some(object)) = (target, key.value.object()) else { continue };
            let counts = object.get("_count").is_some();
            // Without a limit, all rows are read anyway.
            let limited = call.argument.get("take").is_some();
            let costly = if counts { target } else { model };
            let size = scale::of_model(facts, costly);
            let grows = size != Scale::Unknown || growing.contains(&costly.name);
            if !(counts || limited) || size == Scale::Small || !grows {
                continue;
            }
            let (message, detail, hint) = if counts {
                (
                    format!("\"{}\" is ordered by the number of \"{}\"", shared::call_name(call), key.field),
                    format!(
                        "Prisma joins a count over all of \"{}\", grouped by \"{}\": each call reads the whole table, however \
                         few rows it returns.",
                        target.name, model.name
                    ),
                    format!(
                        "keep the number in a column of \"{}\" with an index, changed with increment in the transaction that \
                         adds or removes a row",
                        model.name
                    ),
                )
            } else {
                (
                    format!("\"{}\" is ordered by a column of \"{}\"", shared::call_name(call), key.field),
                    format!(
                        "No index spans two tables: all matching rows of \"{}\" are joined with \"{}\" and sorted before the \
                         first of them is returned.",
                        model.name, target.name
                    ),
                    format!(
                        "order by a column of \"{}\" itself, or keep a copy of the column there",
                        model.name
                    ),
                )
            };
            let finding = shared::on_part(&RULE, facts, code, call, order.span, message)
                .severity(size.severity())
                .detail(detail)
                .hint(hint);
            let finding = Finding { identity: format!("{}/{}", finding.identity, key.field), ..finding };
            findings.push(scale::with_rows(scale::with_sql(finding, call), facts, costly));
        }
    }
    findings
}
