//! `findFirst` where the filter is a unique key: `findUnique` does the same and can be batched.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Call, Code, Node, Object, Operation, Parameter, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Model};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

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

/// `findUnique` throws where the value is undefined, and takes no filter in its place.
fn safety(code: &Code, call: &Call) -> Safety {
    let filter = call.argument.get("where");
    let sources = filter.map(shared::sources).unwrap_or_default();
    let unknown =
        |source: &&Source| matches!(source, Source::Function { .. } | Source::Unknown | Source::Request);
    if sources.iter().any(unknown) {
        return Safety::Manual;
    }
    let values = filter.and_then(Node::object).into_iter().flat_map(|filter| &filter.properties);
    let parameters = &code.function(&call.site).parameters;
    let sure = values.into_iter().all(|property| match &property.value.value {
        // Another variable may have a parameter's name.
        Value::Expression { text, sources, .. } => {
            let given = |source: &Source| matches!(source, Source::Parameter { .. });
            sources.iter().all(given) && parameters.iter().any(|parameter| is_declared(parameter, text))
        }
        _ => true,
    });
    if sure { Safety::Safe } else { Safety::Review }
}

/// A value is a parameter, or a part of one, that is declared to be there and one value.
fn is_declared(parameter: &Parameter, value: &str) -> bool {
    let plain = |ty: &str| matches!(ty.trim(), "string" | "number" | "bigint");
    let ty = parameter.ty.as_deref().unwrap_or("").trim();
    if parameter.optional {
        return false;
    }
    if parameter.name == value {
        return plain(ty);
    }
    // `{ email }: { email: string }`, `user: { email: string }`
    let part = match parameter.name.as_str() {
        "" => Some(value),
        name => value.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')),
    };
    let written_out =
        ty.strip_prefix('{').and_then(|ty| ty.strip_suffix('}')).filter(|ty| !ty.contains(['{', '(']));
    let mut parts = written_out.unwrap_or("").split([';', ',', '\n']).filter_map(|one| one.split_once(':'));
    part.is_some_and(|part| parts.any(|(name, ty)| name.trim() == part && plain(ty)))
}

pub(super) fn rename(facts: &Facts, call: &Call, better: Operation) -> Option<Fix> {
    let edit = TextEdit { span: call.name_at.span, text: better.name().to_owned() };
    // Types of the call stand between its name and its arguments. Of a file that has changed there is no text.
    let behind = Span::new(call.name_at.span.end, call.site.at.span.end);
    if !edit::text(facts, call, behind).starts_with('(') {
        return None;
    }
    let safety = match facts.code.as_deref() {
        Some(code) if code.clients.iter().all(|client| !client.extended) => safety(code, call),
        // An extension may hide deleted rows from one of the two and not from the other.
        _ => Safety::Manual,
    };
    edit::fix(facts, call, safety, format!("call {}", better.name()), vec![edit])
}

#[cfg(test)]
mod tests {
    use pgsteward_model::code::Confidence;
    use pgsteward_model::prisma::At;
    use pgsteward_model::source::SourceFile;

    use super::*;

    #[test]
    fn a_file_that_has_changed_since_gets_no_edit() {
        let text = "prisma.user.findFirst({ where: { id } })";
        let at = |start, end| At { file: "a.ts".into(), span: Span::new(start, end) };
        let mut call = Call {
            site: Default::default(),
            name_at: at(12, 21),
            model: "User".into(),
            operation: Operation::FindFirst,
            receiver: "prisma".into(),
            confidence: Confidence::Resolved,
            on_transaction: false,
            argument: Node::default(),
            result: Default::default(),
            shape: String::new(),
            ordinal: 0,
            lowered: Default::default(),
        };
        call.site.at = at(0, text.len());
        let mut facts = Facts::default();
        assert_eq!(rename(&facts, &call, Operation::FindUnique), None);
        facts.sources.add(SourceFile::new("a.ts", text));
        assert!(rename(&facts, &call, Operation::FindUnique).is_some());
        facts.sources.add(SourceFile::new("a.ts", text.replace("findFirst(", "findFirst<A>(")));
        assert_eq!(rename(&facts, &call, Operation::FindUnique), None);
    }
}
