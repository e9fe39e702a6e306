//! `take` in a relation below many parents: the children of all of them are fetched.

use pgsteward_model::code::{Call, InMemory, Node, Operation, Property, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Model, PrismaSchema};
use pgsteward_model::rule::{Group, Rule};

use super::arguments::{self, Loaded};
use super::scale::{self, Scale};
use super::shared;
use crate::shared::kept_words;

pub(super) static RULE: Rule = Rule {
    id: "nested-take-in-memory",
    group: Group::Code,
    severity: Severity::Warning,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("nested_take_in_memory.md"),
    check,
};

/// What cannot be sent for the children of many parents at once.
const PER_PARENT: [&str; 4] = ["take", "skip", "cursor", "distinct"];

/// A `take` of so many is there for the exception.
const GUARD: i64 = 100;

fn check(facts: &Facts) -> Vec<Finding> {
    let (Some(code), Some(prisma)) = (&facts.code, &facts.prisma) else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let mut found: Vec<Finding> = Vec::new();
        for loaded in arguments::loaded(facts, call) {
            let Some(page) = per_parent(&loaded).filter(|_| in_memory(prisma, call, &loaded)) else {
                continue;
            };
            let path = loaded.path.join(".");
            let size = scale::of_model(facts, loaded.target);
            // A limit that only guards against outliers throws little away.
            let guard = page.value.number().is_some_and(|number| number.abs() >= GUARD);
            if keeps_one_anyway(&loaded) {
                continue;
            }
            // Below one row there is less to throw away; how much, only statistics know.
            let alone = is_of_one_row(call) && leads_to_one_row(facts, call, &loaded.path);
            let few = is_any_one(&loaded) || is_of_what_holds_now(&loaded);
            let little = size == Scale::Small || guard || (alone || few) && !matches!(size, Scale::Large(_));
            let severity = if little { Severity::Info } else { Severity::Warning };
            let finding = shared::on_part(
                &RULE,
                facts,
                code,
                call,
                page.span,
                format!("\"{}\" of \"{path}\" below rows of \"{}\" is applied in memory", page.name, call.model),
            )
            .severity(severity)
            .detail(format!(
                "Prisma loads \"{path}\" for all parents with one query, and one LIMIT cannot serve them all. So none is sent: \
                 every row of \"{}\" that belongs to one of the parents is fetched, and the rest is thrown away in memory.",
                loaded.target.name
            ))
            .hint(if alone && has_unique_key(facts, call) {
                "ask with findUnique, below which Prisma sends the LIMIT; or load with relationLoadStrategy: 'join' (preview \
                 feature relationJoins)"
            } else {
                "load with relationLoadStrategy: 'join' (preview feature relationJoins), which limits the children in the \
                 database; or read them with row_number() OVER (PARTITION BY …) in raw SQL"
            });
            let finding = Finding { identity: format!("{}/{path}", finding.identity), ..finding };
            let finding = scale::with_rows(scale::with_sql(finding, call), facts, loaded.target);
            // Callers that hand in several forms of a relation make one query each, at one place: it is told once, as it is
            // at its worst.
            let same = |other: &&mut Finding| other.identity == finding.identity && other.at == finding.at;
            match found.iter_mut().find(same) {
                Some(known) if known.severity >= finding.severity => {}
                Some(known) => *known = finding,
                None => found.push(finding),
            }
        }
        findings.append(&mut found);
    }
    findings
}

/// At most one parent, though Prisma sends the LIMIT below `findUnique` only.
fn is_of_one_row(call: &Call) -> bool {
    call.operation.by_unique_key()
        || matches!(call.operation, Operation::FindFirst | Operation::FindFirstOrThrow)
}

/// By a unique key, for which there is `findUnique`.
fn has_unique_key(facts: &Facts, call: &Call) -> bool {
    let by_key = |model: &Model| arguments::leaves_one_row(model, call.argument.get("where"), &[]);
    !call.operation.by_unique_key() && scale::model(facts, &call.model).is_some_and(by_key)
}

/// Each relation above the last one leads to one row.
fn leads_to_one_row(facts: &Facts, call: &Call, path: &[&str]) -> bool {
    let above = path.split_last().map_or(&[][..], |(_, above)| above);
    let to_one = |model: &Model, name: &&str| {
        let field = model.field(name).filter(|field| field.arity != Arity::List)?;
        scale::target(facts, field)
    };
    scale::model(facts, &call.model).is_some_and(|start| above.iter().try_fold(start, to_one).is_some())
}

/// Each parent has one such child, which is all that `take` leaves: its key and the filter make up a unique key
/// (`where: { userId }` of members that are unique by team and user), or the filter says so (`where: { isDefault: true }`).
fn keeps_one_anyway(loaded: &Loaded<'_>) -> bool {
    const ONE: [&str; 6] = ["default", "primary", "current", "latest", "main", "head"];
    let filter = loaded.property.value.get("where");
    let keys = arguments::keys_to_parent(loaded.field, loaded.target);
    if arguments::leaves_one_row(loaded.target, filter, keys) {
        return true;
    }
    filter.and_then(|node| node.object()).into_iter().flat_map(|filter| &filter.properties).any(|property| {
        property.value.value == Value::Bool(true)
            && kept_words(&property.name).last().is_some_and(|word| ONE.contains(&word.as_str()))
    })
}

/// `take: 1` without an order: whoever takes any one of them expects no more than one.
fn is_any_one(loaded: &Loaded<'_>) -> bool {
    let value = &loaded.property.value;
    let one = value.get("take").and_then(Node::number).is_some_and(|number| number.abs() == 1);
    one && value.get("orderBy").is_none()
}

/// `where: { expiresAt: { gt: new Date() } }`: few children are valid at one time.
fn is_of_what_holds_now(loaded: &Loaded<'_>) -> bool {
    let filter = loaded.property.value.get("where").and_then(Node::object);
    let is_now = |node: &Node| {
        matches!(&node.value, Value::Expression { text, .. }
            if matches!(text.as_str(), "new Date()" | "now" | "Date.now()"))
    };
    filter
        .into_iter()
        .flat_map(|filter| &filter.properties)
        .any(|property| ["gt", "gte"].iter().any(|bound| property.value.get(bound).is_some_and(is_now)))
}

fn per_parent<'a>(loaded: &Loaded<'a>) -> Option<&'a Property> {
    let list = loaded.field.arity == Arity::List;
    let mut objects =
        loaded.property.value.alternatives().into_iter().filter_map(|node| node.object()).filter(|_| list);
    objects.find_map(|object| PER_PARENT.iter().find_map(|name| object.get(name)))
}

/// What lowering says; where it does not know the call, only rows of `findMany` count as many parents.
fn in_memory(prisma: &PrismaSchema, call: &Call, loaded: &Loaded<'_>) -> bool {
    let own = loaded.path.join(".");
    let variants = call.lowered.variants();
    if !variants.is_empty() {
        return variants.iter().flat_map(|variant| &variant.in_memory).any(|step| match step {
            InMemory::Page { path, .. } | InMemory::Cursor { path } | InMemory::Distinct { path, .. } => {
                *path == own
            }
            InMemory::Reverse { .. } => false,
        });
    }
    let strategy = call.argument.get("relationLoadStrategy").and_then(|node| node.text());
    let joins = prisma
        .generators
        .iter()
        .any(|generator| generator.preview_features.iter().any(|feature| feature == "relationJoins"));
    let joined = strategy.map_or(joins, |strategy| strategy == "join");
    let single = call.argument.get("take").and_then(|node| node.number()).is_some_and(|rows| rows.abs() == 1);
    call.operation == Operation::FindMany && !single && !joined
}
