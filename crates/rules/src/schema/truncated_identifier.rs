//! A name that was written longer than PostgreSQL keeps.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::catalog::Table;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef, Place};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;
use pgsteward_sql::long_identifiers;

use super::shared;
use crate::shared::{MAX_IDENTIFIER, model_of, range};

pub(super) static RULE: Rule = Rule {
    id: "truncated-identifier",
    group: Group::Schema,
    severity: Severity::Warning,
    needs: &[Need::Catalog],
    sharper_with: &[Need::History, Need::Prisma],
    since: "0.1.0",
    ancestors: &["squawk:identifier-too-long", "pg-index-health:possible_object_name_overflow"],
    page: include_str!("truncated_identifier.md"),
    check,
};

/// A name as it was written, and where.
type Written = (String, Arc<str>, Span);

fn check(facts: &Facts) -> Vec<Finding> {
    let written = written_in_migrations(facts);
    let mut findings = Vec::new();
    for table in shared::tables(facts) {
        for object in objects(table) {
            let name = name_of(&object);
            let found = match (written.get(name), mapped(facts, table, name)) {
                (Some((long, file, span)), _) => {
                    let place =
                        Place::object(object.clone()).with_file(Some(facts.sources.range(file, *span)));
                    Some((place, long.clone()))
                }
                (None, Some((long, at))) => {
                    let place = Place::object(object.clone()).with_file(Some(range(facts, &at)));
                    Some((place, long))
                }
                (None, None) => None,
            };
            if let Some((place, long)) = found {
                findings.push(finding(place, name, &long));
            }
        }
    }
    findings
}

fn finding(place: Place, name: &str, long: &str) -> Finding {
    Finding::on_object(&RULE, place, format!("\"{long}\" was cut to \"{name}\""))
        .detail(format!(
            "PostgreSQL keeps {MAX_IDENTIFIER} bytes of a name and drops the rest with a NOTICE that no runner shows; this one \
             has {}. Two long names that begin alike collide, IF NOT EXISTS then skips the second one, and tools that \
             compare names (Prisma's migrate too) see a difference that no migration can remove.",
            long.len()
        ))
        .hint(format!("choose a name of at most {MAX_IDENTIFIER} bytes and rename the object to it"))
}

/// Everything of a table whose name has the length that a cut leaves. A constraint and its index are one.
fn objects(table: &Table) -> Vec<ObjectRef> {
    let mut objects = vec![table.object()];
    objects.extend(table.columns.iter().map(|column| table.column_object(&column.name)));
    objects.extend(
        table
            .constraints
            .iter()
            .map(|constraint| table.part(shared::constraint_kind(constraint), &constraint.name)),
    );
    let free = table.indexes.iter().filter(|index| index.constraint.is_none());
    objects.extend(free.map(|index| table.part(ObjectKind::Index, &index.name)));
    objects.extend(table.triggers.iter().map(|trigger| table.part(ObjectKind::Trigger, &trigger.name)));
    objects.extend(table.policies.iter().map(|policy| table.part(ObjectKind::Policy, &policy.name)));
    // A cut at a character of several bytes leaves up to three bytes less.
    objects.retain(|object| (MAX_IDENTIFIER - 3..=MAX_IDENTIFIER).contains(&name_of(object).len()));
    objects
}

fn name_of(object: &ObjectRef) -> &str {
    let name = object.name.as_ref().or(object.column.as_ref()).or(object.relation.as_ref());
    name.map_or("", String::as_str)
}

/// Long names of all migrations, by what is left of them. The first place of each.
fn written_in_migrations(facts: &Facts) -> BTreeMap<String, Written> {
    let mut written = BTreeMap::new();
    for file in facts.history.iter().flat_map(|history| &history.files) {
        let Some(source) = facts.sources.get(&file.path) else { continue };
        for (span, name) in long_identifiers(&source.text) {
            written.entry(cut(&name).to_owned()).or_insert((name, file.path.clone(), span));
        }
    }
    written
}

/// A `map:` or `@map` of the model that is longer than what the catalog holds.
fn mapped(facts: &Facts, table: &Table, name: &str) -> Option<(String, pgsteward_model::prisma::At)> {
    let model = model_of(facts, &table.name)?;
    let keys = model.primary_key.iter().chain(&model.uniques).chain(&model.indexes);
    let keys = keys.filter_map(|key| Some((key.map.clone()?, key.at.clone())));
    let fields = model.fields.iter().filter(|field| field.is_column());
    let fields = fields.map(|field| (field.db_name.clone(), field.at.clone()));
    let relations = model.fields.iter().filter_map(|field| field.relation.as_ref());
    let relations = relations.filter_map(|relation| Some((relation.map.clone()?, relation.at.clone())));
    keys.chain(fields).chain(relations).find(|(long, _)| long.len() > MAX_IDENTIFIER && cut(long) == name)
}

/// What the server keeps of a name: whole characters in the first 63 bytes.
fn cut(name: &str) -> &str {
    let mut end = name.len().min(MAX_IDENTIFIER);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}
