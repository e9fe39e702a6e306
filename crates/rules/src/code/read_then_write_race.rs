//! A decision on a row that may have changed when the write comes.

mod across;
mod counted;

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Call, Guard, Node, Operation, Property, Source, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Field, FieldType, Model, Scalar};
use pgsteward_model::rule::{Group, Rule};

use super::flow::{self, Flow};
use super::text::is_path;
use super::{edit, locks, shared, steps};
use crate::shared::{kept_words, quoted_list};

pub(super) static RULE: Rule = Rule {
    id: "read-then-write-race",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("read_then_write_race.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(flow) = Flow::of(facts) else { return Vec::new() };
    let mut findings = Vec::new();
    for call in flow.code.calls.iter().filter(|call| flow.code.serves(&call.site)) {
        let found = match call.operation {
            Operation::Create => looked_first(&flow, call),
            Operation::Update | Operation::UpdateMany => computed(&flow, call),
            _ => None,
        };
        // Asked last: the answer may stand in the text of the file, which few calls need.
        findings.extend(found.filter(|_| !locks::guarded(&flow, &call.site)));
    }
    for (function, _) in flow.serving() {
        let steps = steps::of(&flow, function);
        findings.extend(across::check(&flow, function, &steps));
        findings.extend(counted::check(&flow, function, &steps));
    }
    findings
}

/// The call whose rows decide whether the create runs, and the fields that both name.
pub(super) fn look<'a>(flow: &Flow<'a>, create: &Call) -> Option<(&'a Call, Vec<String>)> {
    let data = create.argument.get("data")?;
    // A count that is held against a limit does not look for the row.
    let absent = create.site.guards.iter().filter(|guard| says_absent(guard));
    absent.flat_map(|guard| guard.sources.iter()).find_map(|source| {
        let Source::Result { call, .. } = source else { return None };
        let read = &flow.code.calls[*call];
        let looks = matches!(
            read.operation,
            Operation::FindFirst | Operation::FindUnique | Operation::Count | Operation::FindMany
        ) && (read.operation != Operation::FindMany || read.argument.get("take").is_some())
            && read.model == create.model
            && read.site.function == create.site.function
            && read.site.order < create.site.order;
        if !looks {
            return None;
        }
        let mut same: Vec<String> = Vec::new();
        let filter = flow::equalities(read.argument.get("where")?);
        // Whose owner was created a moment ago is known to this run alone.
        if filter.iter().any(|(_, value)| is_of_new_row(flow, value)) {
            return None;
        }
        for (field, value) in filter {
            match written(data, field) {
                Some(other) if flow::same_value(value, other) => same.push(field.to_owned()),
                // What a spread brings in may be the same.
                None if data.object().is_some_and(|object| object.open) => same.push(field.to_owned()),
                // `deletedAt: null`, `type: 'x'` may be the column's default.
                None if !matches!(value.value, Value::Expression { .. }) => {}
                _ => return None,
            }
        }
        (!same.is_empty()).then_some((read, same))
    })
}

/// The value comes of a row that the same function has created.
fn is_of_new_row(flow: &Flow, value: &Node) -> bool {
    shared::sources(value).iter().any(|source| {
        matches!(source, Source::Result { call, .. } if flow.code.calls[*call].operation == Operation::Create)
    })
}

/// The value that `data` gives a field, or the key of a relation that `connect` gives.
fn written<'n>(data: &'n Node, field: &str) -> Option<&'n Node> {
    data.get(field).or_else(|| {
        let relation = field.strip_suffix("Id")?;
        data.at(&[relation, "connect", "id"])
    })
}

fn looked_first(flow: &Flow, create: &Call) -> Option<Finding> {
    let (read, fields) = look(flow, create)?;
    let absent = create.site.guards.iter().any(|guard| means_absent(flow, guard, &create.model));
    if !absent || locks::violation_handled(flow, create) {
        return None;
    }
    let (message, severity, detail, hint) = both_create(flow, read, create, &fields)?;
    Some(
        shared::on_call(&RULE, flow.facts, flow.code, create, message)
            .severity(severity)
            .detail(detail)
            .hint(hint)
            .also(shared::call_place(flow.facts, read)),
    )
}

/// What is said of a row that two requests both look for and both create: message, severity, detail and hint.
fn both_create(
    flow: &Flow,
    read: &Call,
    create: &Call,
    fields: &[String],
) -> Option<(String, Severity, &'static str, &'static str)> {
    let model = flow.model(&create.model)?;
    let key = |keys: Vec<&str>| keys.iter().all(|key| fields.iter().any(|field| field == key));
    let unique = model
        .uniques
        .iter()
        .chain(&model.primary_key)
        .any(|unique| key(unique.fields.iter().map(|field| field.field.as_str()).collect()))
        || has_own_key(model, create);
    let message = format!(
        "\"{}\" looks for {} before \"{}\": two requests both find nothing",
        shared::call_name(read),
        quoted_list(fields),
        shared::call_name(create)
    );
    let (severity, detail, hint) = if unique {
        (
            Severity::Info,
            "The unique key stops the second row, but its request ends with P2002, an error that nobody looks for.",
            "use upsert on the unique key, or create and handle P2002",
        )
    } else {
        (
            Severity::Warning,
            "No unique key stops the second row: both requests create theirs, and code that expects one finds either.",
            "add a unique key on these fields, and use upsert or handle P2002",
        )
    };
    Some((message, severity, detail, hint))
}

/// The row brings a key of its own, which both requests give: no number of the database's, nothing random.
fn has_own_key(model: &Model, create: &Call) -> bool {
    let given = |field: &Field| create.argument.get("data").and_then(|data| data.get(&field.name));
    let chosen = |node: &Node| match &node.value {
        Value::Expression { text, sources, .. } => sources.iter().all(|source| match source {
            Source::Random | Source::Time | Source::Unknown => false,
            // `subscription.id` of another service is the same again; what `newId()` returns is not.
            Source::Function { .. } => is_path(text) && text.contains('.'),
            _ => true,
        }),
        _ => false,
    };
    let keys = model.fields.iter().filter(|field| field.is_id || field.is_unique);
    keys.filter_map(given).any(chosen)
}

/// The condition says that a row of the model was not found: `if (!row)`, `if (row) return`, `count === 0`.
fn means_absent(flow: &Flow, guard: &Guard, model: &str) -> bool {
    let of_model = guard
        .sources
        .iter()
        .any(|source| matches!(source, Source::Result { call, .. } if flow.code.calls[*call].model == model));
    of_model && says_absent(guard)
}

/// The condition, of whatever was looked for, says that it was not found.
fn says_absent(guard: &Guard) -> bool {
    let text = guard.text.trim();
    // "Not (found and other)" does not say that nothing was found.
    let joined = if guard.negated { "&&" } else { "||" };
    let compares = text.contains(['<', '>', '=']);
    let compares_with_nothing = ["> 0", ">= 1", "!== null", "!= null", "!== undefined", "!= undefined"]
        .iter()
        .any(|ending| text.ends_with(ending));
    if text.contains(joined) || guard.negated && compares && !compares_with_nothing {
        return false;
    }
    let asks_for_none = text.starts_with('!')
        || ["== null", "=== null", "== undefined", "=== undefined", "=== 0", "== 0", "< 1"]
            .iter()
            .any(|ending| text.ends_with(ending));
    asks_for_none != guard.negated
}

/// An update with a value that was computed from the same field, read before.
fn computed(flow: &Flow, update: &Call) -> Option<Finding> {
    let data = update.argument.get("data")?.object()?;
    let filter = update.argument.get("where")?;
    let model = flow.model(&update.model)?;
    data.properties.iter().find_map(|property| {
        let field = model.field(&property.name)?;
        let (read, text) = computed_from(flow, update, &property.name, &property.value)?;
        let kind = kind(field)?;
        if flow::mentions(filter, &property.name) || flow::mentions(filter, "version") {
            return None;
        }
        let message = format!(
            "\"{}\" writes \"{}\" computed from what \"{}\" read: a change in between is lost",
            shared::call_name(update),
            property.name,
            shared::call_name(read)
        );
        let (severity, hint) = match kind {
            // A version is counted to find out about changes in between: what holds it is often elsewhere.
            Kind::Number if is_version(&property.name) => (
                Severity::Info,
                "name the version that was read in the where of updateMany, and stop when its count is 0",
            ),
            Kind::Number => (Severity::Warning, INCREMENT),
            Kind::Document => (
                Severity::Info,
                "use push for a list, jsonb operators in $executeRaw for a document, or SELECT … FOR UPDATE in a transaction",
            ),
        };
        let finding = shared::on_call(&RULE, flow.facts, flow.code, update, message)
            .severity(severity)
            .detail(lost(&property.name, text))
            .hint(hint)
            .also(shared::call_place(flow.facts, read));
        // With an increment in place of the look at the old version, whoever holds that would find out nothing.
        let fix = (!is_version(&property.name)).then(|| by_database(flow, read, update, field, property));
        Some(match fix.flatten() {
            Some(fix) => finding.fix(fix),
            None => finding,
        })
    })
}

/// `stock: variant.stock - 1` as `stock: { decrement: 1 }`, where the row that was read is the one that is written. Nothing
/// is lost any more; what was looked at in between may have changed all the same, so it is reviewed.
fn by_database(flow: &Flow, read: &Call, update: &Call, field: &Field, property: &Property) -> Option<Fix> {
    let (asked, named) = (read.argument.get("where")?, update.argument.get("where")?);
    let (asked, named) = (flow::equalities(asked), flow::equalities(named));
    let same_row = !asked.is_empty()
        && asked.len() == named.len()
        && asked.iter().all(|(name, value)| {
            named.iter().any(|(other, given)| other == name && flow::same_value(value, given))
        });
    let text = edit::text(flow.facts, update, property.value.span);
    // `dto.stock` is what is added, and no row.
    let old = format!("{}.{}", read.result.binding.as_deref()?, field.name);
    let own = |part: &str| part == old;
    let plain = |part: &str| !own(part) && (is_path(part) || part.parse::<u32>().is_ok());
    let (operation, by) = match (text.split_once(" + "), text.split_once(" - ")) {
        (Some((left, right)), None) if own(left) && plain(right) => ("increment", right),
        (Some((left, right)), None) if own(right) && plain(left) => ("increment", left),
        (None, Some((left, right))) if own(left) && plain(right) => ("decrement", right),
        _ => return None,
    };
    let number = field.arity == Arity::Required && matches!(kind(field), Some(Kind::Number));
    if !same_row || !number || !edit::is_written(flow.facts, update, property) {
        return None;
    }
    let edit = TextEdit { span: property.value.span, text: format!("{{ {operation}: {by} }}") };
    let title = format!("let the database {operation} \"{}\"", field.name);
    edit::fix(flow.facts, update, Safety::Review, title, vec![edit])
}

const INCREMENT: &str =
    "let the database compute it with increment or decrement, with the condition in the where of updateMany";

fn lost(field: &str, text: &str) -> String {
    format!(
        "Two requests read the same \"{field}\", compute `{text}` and write: the second one overwrites the first. A \
         transaction alone does not help, as READ COMMITTED lets both read the old value."
    )
}

fn is_version(field: &str) -> bool {
    kept_words(field).last().is_some_and(|word| matches!(word.as_str(), "version" | "revision" | "rev"))
}

enum Kind {
    Number,
    Document,
}

fn kind(field: &Field) -> Option<Kind> {
    match &field.ty {
        FieldType::Scalar(Scalar::Json) => Some(Kind::Document),
        FieldType::Scalar(_) if field.arity == Arity::List => Some(Kind::Document),
        FieldType::Scalar(Scalar::Int | Scalar::BigInt | Scalar::Float | Scalar::Decimal) => {
            Some(Kind::Number)
        }
        _ => None,
    }
}

/// The read that the value was computed from, where it was computed: a mere copy of the field is none.
fn computed_from<'a, 'n>(
    flow: &Flow<'a>,
    update: &Call,
    field: &str,
    value: &'n Node,
) -> Option<(&'a Call, &'n str)> {
    let Value::Expression { text, sources, .. } = &value.value else { return None };
    let call = sources.iter().find_map(|source| match source {
        Source::Result { call, path } if path.last().is_some_and(|last| last == field) => Some(*call),
        _ => None,
    })?;
    let read = &flow.code.calls[call];
    let computes = match is_name(text) {
        // `const left = row.stock - amount` above; a name that only ever holds other values as they are is none.
        true => {
            let mut given = assignments(flow.text_of(update.site.function), text);
            given.any(|given| has_arithmetic(given) || sources.len() > 1 && !is_path(given.trim()))
        }
        false => has_arithmetic(text) || sources.len() > 1 && !text.contains('?'),
    };
    let same_row = read.model == update.model
        && read.site.function == update.site.function
        && read.site.order < update.site.order
        && !read.operation.writes();
    (same_row && computes).then_some((read, text))
}

fn has_arithmetic(text: &str) -> bool {
    [" + ", " - ", " * ", " / ", ".add(", ".sub(", ".plus(", ".minus(", ".mul(", "..."]
        .iter()
        .any(|operator| text.contains(operator))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
}

/// What a text assigns to a name: `a - b` of `const name = a - b;`, and all of `name += b`.
fn assignments<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(name).filter_map(move |(at, _)| {
        let whole = !text[..at].ends_with(|letter: char| letter.is_alphanumeric() || "_$.".contains(letter));
        let rest = text[at + name.len()..].trim_start();
        let operator =
            rest.split_once('=').map(|(operator, _)| operator).filter(|operator| operator.len() <= 1)?;
        let given = &rest[operator.len() + 1..];
        let compares = given.starts_with(['=', '>']);
        let end = given.find(';').unwrap_or_else(|| given.find('\n').unwrap_or(given.len()));
        let found = if operator.is_empty() { &given[..end] } else { " + " };
        (whole && !compares && "+-*/".contains(operator)).then_some(found)
    })
}
