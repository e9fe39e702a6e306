//! An index, or another object without words in Prisma, that the migrations make and the schema lacks.

use pgsteward_model::catalog::{Index, QName, Table};
use pgsteward_model::change::{Change, Fix, PrismaEdit, Rollback, Safety, Step};
use pgsteward_model::drift::{Drift, DriftKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};
use crate::shared::model_of;

pub(super) static RULE: Rule = Rule {
    id: "migrate-dev-would-drop",
    group: Group::Drift,
    severity: Severity::Warning,
    needs: &[Need::Drift],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("migrate_dev_would_drop.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    shared::of(facts, Class::WouldDrop).map(|drift| finding(facts, drift)).collect()
}

fn finding(facts: &Facts, drift: &Drift) -> Finding {
    let name = shared::name(drift);
    let made = drift
        .restore
        .as_deref()
        .map_or_else(String::new, |sql| format!(" It is made by: {}.", sql.trim().trim_end_matches(';')));
    let message = match drift.kind {
        DriftKind::Dropped => format!("the next \"prisma migrate dev\" would drop {name}"),
        _ => format!("the next \"prisma migrate dev\" would take from {name} what Prisma cannot express"),
    };
    let finding = shared::finding(facts, &RULE, drift, message)
        .detail(format!(
            "The migrations make it and the Prisma schema does not speak of it, so Prisma takes it for something to \
             remove, in whatever migration comes next.{made}"
        ))
        .hint(if drift.inexpressible {
            "Prisma has no words for it: write migrations with \"migrate dev --create-only\" and take this statement out \
             of each"
        } else {
            "declare it in the Prisma schema (type: Gin, ops: raw(…), sort: Desc, map: …); if it is not wanted any \
             more, commit the migration that drops it"
        });
    match declaration(facts, drift) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// The schema learns of an index that is there: a text edit that changes no database.
fn declaration(facts: &Facts, drift: &Drift) -> Option<Fix> {
    if drift.inexpressible || drift.kind != DriftKind::Dropped {
        return None;
    }
    let object = &drift.object;
    let name = QName::new(object.namespace.clone()?, object.name.clone()?);
    let (table, index) = facts.catalog()?.index(&name)?;
    let model = model_of(facts, &table.name)?;
    let attribute = attribute(facts, table, index)?;
    Some(Fix {
        title: format!("declare \"{}\" in the model \"{}\"", index.name, model.name),
        safety: Safety::Safe,
        change: Change {
            steps: vec![Step::Prisma(PrismaEdit::AddBlockAttribute { model: model.name.clone(), attribute })],
            // Taking the line out again is the rollback, and there is nothing to run for it.
            rollback: Rollback::Steps(Vec::new()),
        },
    })
}

/// The block attribute that stands for the index, if the schema language can say all of it.
fn attribute(facts: &Facts, table: &Table, index: &Index) -> Option<String> {
    let model = model_of(facts, &table.name)?;
    if index.predicate.is_some()
        || !index.include.is_empty()
        || index.nulls_not_distinct
        || index.constraint.is_some()
    {
        return None;
    }
    let kind = match index.method.as_str() {
        "btree" => None,
        "hash" => Some("Hash"),
        "gin" => Some("Gin"),
        "gist" => Some("Gist"),
        "spgist" => Some("SpGist"),
        "brin" => Some("Brin"),
        _ => return None,
    };
    let mut fields = Vec::new();
    for key in &index.keys {
        // NULLS FIRST goes with DESC by default; anything else has no word.
        if key.collation.is_some() || key.nulls_first != key.descending {
            return None;
        }
        let field = model.field_of_column(key.column.as_deref()?)?;
        let mut arguments = Vec::new();
        arguments.extend(key.opclass.as_ref().map(|class| format!("ops: raw(\"{class}\")")));
        arguments.extend(key.descending.then(|| "sort: Desc".to_owned()));
        fields.push(match arguments.is_empty() {
            true => field.name.clone(),
            false => format!("{}({})", field.name, arguments.join(", ")),
        });
    }
    let word = if index.unique { "@@unique" } else { "@@index" };
    let kind = kind.map(|kind| format!(", type: {kind}")).unwrap_or_default();
    Some(format!("{word}([{}]{kind}, map: \"{}\")", fields.join(", "), index.name))
}
