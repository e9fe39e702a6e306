//! Rows that go to whoever asked, whole, with the passwords, keys and tokens in them.

use pgsteward_model::change::{Fix, Safety};
use pgsteward_model::code::{Call, Client, Node, Operation, Source, Value, Whole};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{FieldType, Model, Scalar};
use pgsteward_model::rule::{Group, Rule};

use super::{edit, scale, shared};
use crate::secrets::{self, Secret};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "secret-column-returned",
    group: Group::Code,
    severity: Severity::Error,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Project],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("secret_column_returned.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let answer = call.result.whole.iter().find_map(|whole| match whole {
            Whole::Response { at } => Some(at),
            _ => None,
        });
        let (Some(answer), Some(model)) = (answer, scale::model(facts, &call.model)) else { continue };
        let counts = matches!(
            call.operation,
            Operation::Count
                | Operation::Aggregate
                | Operation::GroupBy
                | Operation::CreateMany
                | Operation::UpdateMany
                | Operation::DeleteMany
        );
        // What is spread in or given as a whole may select.
        let known = call.argument.object().is_some_and(|object| !object.open);
        if counts || !known {
            continue;
        }
        let mut found = Vec::new();
        collect(facts, &code.clients, model, &call.argument, "", &echoed(call), &mut found);
        let Some(worst) = found.iter().map(|(secret, _)| *secret).max() else { continue };
        let names: Vec<&str> =
            found.iter().filter(|(secret, _)| *secret == worst).map(|(_, path)| path.as_str()).collect();
        let (severity, harm) = match worst {
            Secret::Password => (
                Severity::Error,
                "A password, even a hash of one, can be tried out by whoever sees it, at leisure and on other sites.",
            ),
            // One row that was asked for may be for the form that shows it to its owner.
            Secret::Credential if reads_one(call.operation) => {
                (Severity::Info, "Whoever sees it can act in its owner's name for as long as it lives.")
            }
            Secret::Credential => {
                (Severity::Warning, "Whoever sees it can act in its owner's name for as long as it lives.")
            }
            Secret::Token => (Severity::Info, "Whoever sees it can use it as long as it has not expired."),
        };
        let finding = shared::on_call(
            &RULE,
            facts,
            code,
            call,
            format!("rows of \"{}\" are sent to the user with {}", model.name, quoted_list(&names)),
        )
        .severity(severity)
        .detail(format!(
            "The rows go into a response as they are. {harm} It also ends up in the logs and caches of everything in between."
        ))
        .hint(format!("select the fields that the response needs, or leave {} out with omit", quoted_list(&names)))
        .also(shared::place(facts, answer));
        let finding = scale::with_sql(finding, call);
        findings.push(match omit(facts, call, &found) {
            Some(fix) => finding.fix(fix),
            None => finding,
        });
    }
    findings
}

fn reads_one(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::FindUnique
            | Operation::FindUniqueOrThrow
            | Operation::FindFirst
            | Operation::FindFirstOrThrow
    )
}

/// Columns that a `create` writes as null, or as the request brought them: the answer tells nothing new.
fn echoed(call: &Call) -> Vec<&str> {
    let data =
        call.argument.get("data").and_then(Node::object).filter(|_| call.operation == Operation::Create);
    let known = |node: &Node| match &node.value {
        Value::Null => true,
        Value::Expression { text, sources, .. } => {
            !text.contains('(')
                && !sources.is_empty()
                && sources.iter().all(|source| matches!(source, Source::Parameter { .. } | Source::Request))
        }
        _ => false,
    };
    let properties = data.into_iter().flat_map(|data| &data.properties);
    properties.filter(|property| known(&property.value)).map(|property| property.name.as_str()).collect()
}

/// The columns with secrets that a call returns, as paths. A token that a `select` names is wanted.
fn collect(
    facts: &Facts,
    clients: &[Client],
    model: &Model,
    argument: &Node,
    prefix: &str,
    echoed: &[&str],
    found: &mut Vec<(Secret, String)>,
) {
    let path = |name: &str| format!("{prefix}{name}");
    let select = argument.get("select");
    for field in model.fields.iter().filter(|field| field.is_column() && !field.ignored) {
        let Some(secret) = secrets::in_any_form(&field.db_name).or_else(|| secrets::in_any_form(&field.name))
        else {
            continue;
        };
        let text = matches!(field.ty, FieldType::Scalar(Scalar::String | Scalar::Bytes));
        let returned = match select {
            Some(select) => {
                secret == Secret::Password
                    && select.get(&field.name).is_some_and(|value| value.value == Value::Bool(true))
            }
            None => !is_omitted(argument, &field.name) && !omitted_by_client(clients, model, &field.name),
        };
        if text && returned && !echoed.iter().any(|name| *name == field.name) {
            found.push((secret, path(&field.name)));
        }
    }
    let relations =
        ["include", "select"].into_iter().filter_map(|name| argument.get(name)).filter_map(Node::object);
    for property in relations.flat_map(|object| &object.properties) {
        let Some(field) = model.field(&property.name) else { continue };
        let loads = !matches!(property.value.value, Value::Bool(false) | Value::Undefined);
        if let Some(target) = scale::target(facts, field).filter(|_| loads) {
            collect(facts, clients, target, &property.value, &format!("{}.", path(&field.name)), &[], found);
        }
    }
}

fn is_omitted(argument: &Node, field: &str) -> bool {
    argument.at(&["omit", field]).is_some_and(|value| value.value != Value::Bool(false))
}

/// `new PrismaClient({ omit: { user: { password: true } } })`
fn omitted_by_client(clients: &[Client], model: &Model, field: &str) -> bool {
    let first =
        model.name.chars().next().map(|first| first.to_lowercase().collect::<String>()).unwrap_or_default();
    let name = first + model.name.get(1..).unwrap_or("");
    clients.iter().any(|client| {
        client.argument.at(&["omit", &name, field]).is_some_and(|value| value.value == Value::Bool(true))
    })
}

/// `omit` in the call, where the project's Prisma has it (6.2, or the preview feature before it).
fn omit(facts: &Facts, call: &Call, found: &[(Secret, String)]) -> Option<Fix> {
    let preview = facts.prisma.iter().flat_map(|prisma| &prisma.generators);
    let has_omit = facts.project.prisma_version.is_some_and(|version| version >= (6, 2))
        || preview
            .into_iter()
            .any(|generator| generator.preview_features.iter().any(|name| name == "omitApi"));
    let object = call.argument.object().filter(|object| !object.open)?;
    let taken = ["select", "omit"].iter().any(|name| object.get(name).is_some());
    let here = found.iter().all(|(_, path)| !path.contains('.'));
    if !has_omit || taken || !here {
        return None;
    }
    let fields = found.iter().map(|(_, path)| format!("{path}: true")).collect::<Vec<_>>().join(", ");
    let edit = edit::add_property(facts, call, object, &format!("omit: {{ {fields} }}"))?;
    let names: Vec<&str> = found.iter().map(|(_, path)| path.as_str()).collect();
    edit::fix(
        facts,
        call,
        Safety::Manual,
        format!("leave {} out of the rows", quoted_list(&names)),
        vec![edit],
    )
}
