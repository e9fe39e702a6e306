//! An index, or another object without words in Prisma, that the migrations make and the schema lacks.

use pgsteward_model::drift::{Drift, DriftKind};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};

use super::shared::{self, Class};

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
    shared::finding(facts, &RULE, drift, message)
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
        })
}
