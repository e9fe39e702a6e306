//! Rows that go to whoever asked, whole, with the passwords, keys and tokens in them.

use pgsteward_model::change::{Fix, Safety};
use pgsteward_model::code::{Call, Client, Code, Node, Operation, Property, Source, Value, Whole};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, FieldType, Model, Scalar};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

use super::text::mentions_word;
use super::{edit, scale, shared};
use crate::secrets::{self, Secret};
use crate::shared::{kept_words, quoted_list};

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
        found.retain(|(_, path)| !is_replaced(facts, code, call, path) && !is_asked_for(call, path));
        let Some(worst) = found.iter().map(|(secret, _)| *secret).max() else { continue };
        let names: Vec<&str> =
            found.iter().filter(|(secret, _)| *secret == worst).map(|(_, path)| path.as_str()).collect();
        let (severity, harm) = match worst {
            Secret::Password
                if !is_of_people(model)
                    && names.iter().all(|name| is_same_kind(name, &names))
                    && asks_who(facts, code, call) =>
            {
                (
                    Severity::Info,
                    "Whoever set it may want to see it again, but so will whoever looks over a shoulder.",
                )
            }
            Secret::Password => (
                Severity::Error,
                "A password, even a hash of one, can be tried out by whoever sees it, at leisure and on other sites.",
            ),
            Secret::Credential if names.iter().all(|name| is_new(call, model, name)) => (
                Severity::Info,
                "Its owner may be shown it this once; whoever else sees it can act in its owner's name.",
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

/// Rows of a model for people, whose passwords open their accounts. Links, rooms and presets have passwords that are
/// given to others, and shown again to whoever set them.
fn is_of_people(model: &Model) -> bool {
    const PEOPLE: [&str; 9] =
        ["user", "account", "customer", "member", "admin", "employee", "person", "profile", "credential"];
    const ADDRESSES: [&str; 4] = ["email", "username", "login", "phone"];
    let is_one_of =
        |name: &str, list: &[&str]| kept_words(name).iter().any(|word| list.contains(&word.as_str()));
    is_one_of(&model.name, &PEOPLE)
        || model.fields.iter().any(|field| {
            field.is_column()
                && (field.is_unique || field.arity == Arity::Required)
                && kept_words(&field.name).last().is_some_and(|word| ADDRESSES.contains(&word.as_str()))
        })
}

/// A column of the rows themselves, or one of the same name in what hangs on them (`sharePassword` of a note and of its
/// attachments).
fn is_same_kind(name: &str, names: &[&str]) -> bool {
    name.rsplit_once('.').is_none_or(|(_, column)| names.contains(&column))
}

/// The filter names the value: `where: { sharePassword: '' }`.
fn is_asked_for(call: &Call, name: &str) -> bool {
    let column = name.rsplit('.').next().unwrap_or(name);
    let asked = call.argument.at(&["where", column]);
    asked.is_some_and(|node| matches!(node.value, Value::Text(_) | Value::Null))
}

/// A procedure for people who are signed in, by its name: `authProcedure`, `protectedProcedure`.
fn is_protected(before: &str) -> bool {
    /// What stands between a procedure's name and its body.
    const NEAR: usize = 4_000;
    let near = before.char_indices().rev().nth(NEAR).map_or(0, |(at, _)| at);
    let near = &before[near..];
    near.rfind("Procedure").is_some_and(|at| {
        let name = near[..at].rsplit(|one: char| !one.is_alphanumeric() && one != '_').next().unwrap_or("");
        !name.is_empty() && !name.to_ascii_lowercase().contains("public")
    })
}

/// The code before the call has asked who is signed in.
fn asks_who(facts: &Facts, code: &Code, call: &Call) -> bool {
    const SIGNS: [&str; 6] = ["session", "currentuser", "requireuser", "authenticate", "getauth(", "auth("];
    let all = facts.sources.get(&call.site.at.file).map_or("", |file| &file.text);
    if all.get(..code.function(&call.site).at.span.start).is_some_and(is_protected) {
        return true;
    }
    let start = code.function(&call.site).at.span.start;
    let before = Span::new(start, call.site.at.span.start.max(start));
    let text = facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(before));
    let text = text.to_ascii_lowercase();
    SIGNS.iter().any(|sign| text.contains(sign))
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
    let known = |node: &Node| match &node.value {
        Value::Null => true,
        Value::Expression { text, sources, .. } => {
            !text.contains('(') && !sources.is_empty() && sources.iter().all(is_brought)
        }
        _ => false,
    };
    let written = created(call).filter(|property| known(&property.value));
    written.map(|property| property.name.as_str()).collect()
}

fn created(call: &Call) -> impl Iterator<Item = &Property> {
    let data =
        call.argument.get("data").and_then(Node::object).filter(|_| call.operation == Operation::Create);
    data.into_iter().flat_map(|data| &data.properties)
}

fn is_brought(source: &Source) -> bool {
    matches!(source, Source::Parameter { .. } | Source::Request)
}

/// The secret of a row that is being made, by the request, by a generator or by a default: its owner may be shown it this
/// once.
fn is_new(call: &Call, model: &Model, name: &str) -> bool {
    if call.operation == Operation::Update {
        return rotated(call, name);
    }
    if call.operation != Operation::Create {
        return false;
    }
    let Some(written) = created(call).find(|property| property.name == name) else {
        return model.field(name).is_some_and(|field| field.default.is_some());
    };
    written.value.alternatives().into_iter().all(|node| match &node.value {
        Value::Null | Value::Undefined => true,
        Value::Expression { sources, .. } => {
            let known =
                |source: &Source| is_brought(source) || is_made_up(source) || *source == Source::Constant;
            !sources.is_empty() && sources.iter().all(known)
        }
        _ => false,
    })
}

/// An update of nothing but secrets, with values that are made up for it (`apiKey: encrypt(makeKey(20))`): the request asked
/// for new ones.
fn rotated(call: &Call, name: &str) -> bool {
    let Some(data) = call.argument.get("data").and_then(Node::object).filter(|data| !data.open) else {
        return false;
    };
    let in_text = |text: &str| {
        text.split('(').filter(|_| text.contains('(')).any(|part| {
            let called = part.rsplit(|one: char| !one.is_alphanumeric() && one != '_').next();
            called.is_some_and(|name| is_made_up(&Source::Function { name: name.to_owned() }))
        })
    };
    let made = |node: &Node| match &node.value {
        Value::Expression { text, sources, .. } => {
            in_text(text)
                || sources.iter().any(is_made_up)
                    && sources.iter().all(|source| is_made_up(source) || *source == Source::Constant)
        }
        _ => false,
    };
    data.properties.iter().any(|property| property.name == name)
        && data.properties.iter().all(|property| made(&property.value))
}

/// `{ ...client, secret }`: what is sent is another value than the row's.
fn is_replaced(facts: &Facts, code: &Code, call: &Call, name: &str) -> bool {
    let Some(binding) = &call.result.binding else { return false };
    let end = code.function(&call.site).at.span.end;
    let after = Span::new(call.site.at.span.end, end.max(call.site.at.span.end));
    let text = facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(after));
    let spread = format!("...{binding},");
    text.match_indices(spread.as_str()).any(|(at, _)| {
        let rest = text[at + spread.len()..].split('}').next().unwrap_or("");
        mentions_word(rest, name)
    })
}

/// By a generator of random values, or a function that is named for one. A hash is no secret to be shown.
fn is_made_up(source: &Source) -> bool {
    const MAKES: [&str; 8] = ["generate", "create", "make", "new", "random", "nanoid", "uuid", "issue"];
    const HIDES: [&str; 4] = ["hash", "encrypt", "digest", "hmac"];
    let Source::Function { name } = source else { return *source == Source::Random };
    let words = kept_words(name.rsplit('.').next().unwrap_or(name));
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    has(&MAKES) && !has(&HIDES)
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
        if text && returned && !echoed.contains(&field.name.as_str()) {
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
