//! `distinct`, which Prisma applies to rows that it fetched.

use pgsteward_model::code::{InMemory, Operation, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::scale::{self, Scale};
use super::shared;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "distinct-in-memory",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("distinct_in_memory.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(code), Some(prisma)) = (&facts.code, &facts.prisma) else { return Vec::new() };
    let native = prisma
        .generators
        .iter()
        .any(|generator| generator.preview_features.iter().any(|feature| feature == "nativeDistinct"));
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let reads = matches!(
            call.operation,
            Operation::FindMany | Operation::FindFirst | Operation::FindFirstOrThrow
        );
        let Some(distinct) = call.argument.get("distinct").filter(|_| reads) else { continue };
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let fields: Vec<&str> = match &distinct.value {
            Value::List(nodes) => nodes.iter().filter_map(|node| node.text()).collect(),
            Value::Text(field) => vec![field],
            _ => continue,
        };
        let mut steps = call.lowered.variants().iter().flat_map(|variant| &variant.in_memory);
        let understood = !call.lowered.variants().is_empty();
        let in_memory = steps.any(|step| matches!(step, InMemory::Distinct { path, .. } if path.is_empty()));
        // One row for each value of a unique field is no work, with or without memory.
        let pointless =
            fields.iter().any(|field| model.field(field).is_some_and(|field| field.is_id || field.is_unique));
        let ordered = call.argument.get("orderBy").is_some();
        if pointless || fields.is_empty() || if understood { !in_memory } else { native && !ordered } {
            continue;
        }
        let limited = call.argument.get("take").is_some() || call.operation != Operation::FindMany;
        let size = scale::of_model(facts, model);
        let severity = match (limited, size) {
            (_, Scale::Small) => Severity::Info,
            (true, _) => Severity::Warning,
            (false, size) => size.severity(),
        };
        let list = quoted_list(&fields);
        let cost = if limited {
            "No DISTINCT and no LIMIT is sent: every matching row is fetched, and all but the wanted ones are thrown away in \
             memory."
        } else {
            "No DISTINCT is sent: every matching row is fetched, and repeated ones are thrown away in memory."
        };
        let columns = fields.iter().map(|field| format!("'{field}'")).collect::<Vec<_>>().join(", ");
        let finding = shared::on_part(
            &RULE,
            facts,
            code,
            call,
            distinct.span,
            format!("distinct {list} of \"{}\" is worked out in memory", model.name),
        )
        .severity(severity)
        .detail(cost)
        .hint(format!(
            "use groupBy({{ by: [{columns}] }}), or SELECT DISTINCT ON in raw SQL where whole rows are wanted"
        ));
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}
