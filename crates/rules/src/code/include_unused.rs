//! A relation that is loaded and never read.

use pgsteward_model::change::{Fix, Safety};
use pgsteward_model::code::{Call, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::Arity;
use pgsteward_model::rule::{Group, Rule};

use super::arguments::{self, Loaded};
use super::{edit, scale, shared};

pub(super) static RULE: Rule = Rule {
    id: "include-unused",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("include_unused.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let result = &call.result;
        if !result.complete || !result.whole.is_empty() || shared::is_asked_by_key(facts, code, call) {
            continue;
        }
        let mut reported: Vec<String> = Vec::new();
        for loaded in arguments::loaded(facts, call) {
            let read = |path: &Vec<String>| {
                // A path that ends above the relation reads all below it.
                path.iter().map(String::as_str).zip(&loaded.path).all(|(read, loaded)| read == *loaded)
            };
            let path = loaded.path.join(".");
            let inside = reported.iter().any(|outer| path.starts_with(&format!("{outer}.")));
            if inside || result.paths.iter().any(read) || loaded.property.conditional || loaded.only_selection
            {
                continue;
            }
            reported.push(path.clone());
            let many = loaded.field.arity == Arity::List;
            let (rows, are) = if many { ("rows", "are") } else { ("row", "is") };
            let finding = shared::on_part(
                &RULE,
                facts,
                code,
                call,
                loaded.property.span,
                format!("\"{path}\" of \"{}\" is loaded and never read", call.model),
            )
            .detail(format!(
                "Every use of the result is known{}, and none reads \"{path}\". Its {rows} of \"{}\" {are} fetched by a query of \
                 their own and thrown away.",
                shared::through(call),
                loaded.target.name
            ))
            .severity(scale::of_model(facts, loaded.target).severity())
            .hint(format!("take \"{path}\" out of the call"));
            let finding = Finding { identity: format!("{}/{path}", finding.identity), ..finding };
            let finding = match without(facts, call, &loaded) {
                Some(fix) => finding.fix(fix),
                None => finding,
            };
            findings.push(scale::with_rows(finding, facts, loaded.target));
        }
    }
    findings
}

/// The call without the relation; where it was the only one, without its `include`.
fn without(facts: &Facts, call: &Call, loaded: &Loaded<'_>) -> Option<Fix> {
    let title = format!("load no \"{}\"", loaded.path.join("."));
    let mut property = loaded.property;
    if let (Value::Object(argument), [_]) = (&call.argument.value, loaded.path.as_slice())
        && let Some(include) = argument.get("include")
        && include.value.object().is_some_and(|object| object.properties.len() == 1 && !object.open)
    {
        property = include;
    }
    let safety = if shared::is_nobody_elses(facts, call) { Safety::Safe } else { Safety::Review };
    edit::fix(facts, call, safety, title, vec![edit::remove_property(facts, call, property)?])
}
