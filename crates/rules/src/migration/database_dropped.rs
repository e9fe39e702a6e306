//! `DROP DATABASE` in a migration.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "database-dropped",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-drop-database"],
    page: include_str!("database_dropped.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _, statement) in around::numbered(facts) {
        let Statement::DropDatabase { name } = &statement.statement else { continue };
        findings.push(
            around::finding(
                facts,
                &RULE,
                file,
                statement,
                ObjectRef::named(ObjectKind::Database, name.as_str()),
                format!("the migration drops the whole database \"{name}\""),
            )
            .detail("Everything in the database is lost, and no transaction can take it back.")
            .hint(
                "leave it out of the migrations; drop a database by hand, after a backup was restored once",
            ),
        );
    }
    findings
}
