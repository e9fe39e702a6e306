//! `REFRESH MATERIALIZED VIEW` that locks readers out.

use pgsteward_model::effect::Age;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{Name, Statement};

use super::rewrite::Rewrite;
use super::shared;
use super::{text, undo};

pub(super) static RULE: Rule = Rule {
    id: "refresh-not-concurrent",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["postgres-language-server:requireConcurrentRefreshMatview"],
    page: include_str!("refresh_not_concurrent.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::RefreshMaterializedView { name, concurrently: false, with_data } =
            &statement.statement
        else {
            continue;
        };
        let touch = shared::touch_of(statement, name);
        let born_here = touch.is_some_and(|touch| matches!(touch.age, Age::SameFile | Age::SameDeploy))
            || file.statements.iter().any(|other| creates(other, name));
        if born_here {
            continue;
        }
        let view = name.qualified();
        let object = ObjectRef::relation(ObjectKind::MaterializedView, &view.namespace, &view.name);
        let mut finding = Finding::on_statement(
            &RULE,
            &file.name,
            &statement.fingerprint,
            shared::place(facts, file, statement, object),
            format!("refreshing \"{}\" locks its readers out", view.display()),
        )
        .detail("REFRESH holds ACCESS EXCLUSIVE on the view while its query runs: every SELECT from it waits.")
        .hint("use REFRESH MATERIALIZED VIEW CONCURRENTLY; it needs a unique index on plain columns of the view");
        finding.evidence.extend(touch.map(shared::lock_evidence));
        // It may run inside a transaction, so the statement stays where it is.
        if *with_data
            && unique_index_before(facts, statement, name)
            && let Some(rewrite) = Rewrite::of(facts, file, statement, &[])
            && let Some(concurrent) = text::insert_after(rewrite.text(), "VIEW", "CONCURRENTLY")
        {
            let title = format!("refresh \"{}\" concurrently", view.display());
            finding = finding.fix(rewrite.fix(title, Some(concurrent), Vec::new(), undo::nothing()));
        }
        findings.push(finding);
    }
    findings
}

fn creates(statement: &MigrationStatement, view: &Name) -> bool {
    matches!(&statement.statement, Statement::CreateView { name, materialized: true, .. } if name == view)
}

/// A unique index over all rows and plain columns of the view, made before this statement and still there at the end.
fn unique_index_before(facts: &Facts, statement: &MigrationStatement, view: &Name) -> bool {
    let Some(history) = &facts.history else { return false };
    let earlier = history
        .files
        .iter()
        .flat_map(|file| &file.statements)
        .take_while(|other| !std::ptr::eq::<MigrationStatement>(*other, statement));
    let mut found: Option<&str> = None;
    for other in earlier {
        match &other.statement {
            Statement::CreateIndex(create)
                if create.table == *view
                    && create.index.unique
                    && create.index.is_plain()
                    && create.index.predicate.is_none() =>
            {
                found = Some(&create.index.name);
            }
            Statement::Drop { names, .. }
                if names.iter().any(|name| name == view || Some(name.name.as_str()) == found) =>
            {
                found = None;
            }
            _ => {}
        }
    }
    found.is_some()
}
