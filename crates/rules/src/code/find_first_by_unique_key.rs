//! `findFirst` where the filter is a unique key: `findUnique` does the same and can be batched.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Call, Node, Object, Operation, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Model};
use pgsteward_model::rule::{Group, Rule};

use super::{edit, scale, shared};

pub(super) static RULE: Rule = Rule {
    id: "find-first-by-unique-key",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("find_first_by_unique_key.md"),
    check,
};

/// More calls than this make a custom of the project.
const CONVENTION: usize = 10;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let Some(model) = scale::model(facts, &call.model) else { continue };
        let Some((better, key)) = better(model, call) else { continue };
        let finding = shared::on_part(
            &RULE,
            facts,
            code,
            call,
            call.name_at.span,
            format!("\"{}\" looks for one row by its unique key \"{key}\"", shared::call_name(call)),
        )
        .detail(format!(
            "{} does the same, says so, and is batched: calls made at the same time become one statement with IN.",
            better.name()
        ))
        .hint(format!("call {}", better.name()));
        findings.push(match rename(facts, call, better) {
            Some(fix) => finding.fix(fix),
            None => finding,
        });
    }
    // Where most such calls are findFirst, somebody decided so.
    let unique = |call: &Call| matches!(call.operation, Operation::FindUnique | Operation::FindUniqueOrThrow);
    let others = scale::served(code).filter(|(_, call)| unique(call)).count();
    if findings.len() > CONVENTION && findings.len() > others { Vec::new() } else { findings }
}

/// The operation that asks for the same row by its unique key, and the key.
pub(super) fn better<'a>(model: &Model, call: &'a Call) -> Option<(Operation, &'a str)> {
    let better = match call.operation {
        Operation::FindFirst => Operation::FindUnique,
        Operation::FindFirstOrThrow => Operation::FindUniqueOrThrow,
        _ => return None,
    };
    let argument = call.argument.object().filter(|object| !object.open)?;
    let pages = ["orderBy", "skip", "take", "cursor", "distinct"];
    let key = key(model, argument.get("where")?.value.object()?)?;
    pages.iter().all(|name| argument.get(name).is_none()).then_some((better, key))
}

/// The unique field that is all of the filter, compared with one value that is there.
fn key<'a>(model: &Model, filter: &'a Object) -> Option<&'a str> {
    let [only] = filter.properties.as_slice() else { return None };
    let field = model.field(&only.name)?;
    let unique = (field.is_id || field.is_unique) && field.arity == Arity::Required;
    (unique && !filter.open && !only.conditional && is_one_value(&only.value)).then_some(&only.name)
}

fn is_one_value(node: &Node) -> bool {
    match &node.value {
        Value::Text(_) | Value::Number(_) => true,
        // An object in a variable could be any filter; its name would not look like a path.
        Value::Expression { text, undefined: None, .. } => {
            text.chars().all(|character| character.is_alphanumeric() || "_.$!()[]'\"".contains(character))
        }
        _ => false,
    }
}

pub(super) fn rename(facts: &Facts, call: &Call, better: Operation) -> Option<Fix> {
    let edit = TextEdit { span: call.name_at.span, text: better.name().to_owned() };
    // findUnique throws where the value is undefined, and of what a function gave it is not known.
    let value = call.argument.get("where").map(shared::sources).unwrap_or_default();
    let known = value
        .iter()
        .all(|source| !matches!(source, Source::Function { .. } | Source::Unknown | Source::Request));
    let safety = if known { Safety::Safe } else { Safety::Manual };
    edit::fix(facts, call, safety, format!("call {}", better.name()), vec![edit])
}
