//! `skip` that grows with the page: the database reads and throws away all rows before it.

use pgsteward_model::code::{Operation, Purpose, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::scale::{self, Scale};
use super::{bounds, shared};

pub(super) static RULE: Rule = Rule {
    id: "deep-offset",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("deep_offset.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let growing = scale::growing(facts, code);
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let Some(skip) = call.argument.get("skip").filter(|_| call.operation == Operation::FindMany) else {
            continue;
        };
        let varies = skip.alternatives().into_iter().any(|node| match &node.value {
            Value::Expression { sources, .. } => !sources.iter().all(|source| *source == Source::Constant),
            _ => false,
        });
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let mut main = call.lowered.queries().filter(|query| query.purpose == Purpose::Main);
        let few = main.any(|query| query.accesses.iter().any(|access| bounds::is_bounded(facts, access)));
        if few && !bounds::is_history(model) {
            continue;
        }
        let size = scale::of_model(facts, model);
        let grows = size != Scale::Unknown || growing.contains(&call.model);
        // With a cursor, skip passes over the cursor's own row.
        if !varies || call.argument.get("cursor").is_some() || size == Scale::Small || !grows {
            continue;
        }
        let rows = match size {
            Scale::Middle(rows) | Scale::Large(rows) => {
                format!(" The table has about {rows:.0} rows, so the last page reads them all.")
            }
            _ => String::new(),
        };
        let finding = shared::on_part(
            &RULE,
            facts,
            code,
            call,
            skip.span,
            format!("skip of \"{}\" reads all rows before its page", shared::call_name(call)),
        )
        .severity(size.severity())
        .detail(format!(
            "OFFSET reads the rows that it leaves out, so each page costs more than the one before it, and rows that come or \
             go in between shift the pages.{rows}"
        ))
        .hint("continue from the last row of the page before: cursor with skip: 1, or where with the last key");
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}
