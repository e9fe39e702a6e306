//! `ALTER SYSTEM` or `ALTER DATABASE` in a migration.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "server-setting-changed",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-alter-system-options", "squawk:ban-alter-database-options"],
    page: include_str!("server_setting_changed.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _, statement) in around::numbered(facts) {
        let (message, detail) = match &statement.statement {
            Statement::AlterSystem => (
                "the migration changes the settings of the whole server",
                "ALTER SYSTEM needs a superuser and is refused in a transaction; it holds for every database of the server, and \
                 no rollback takes it back.",
            ),
            Statement::AlterDatabase => (
                "the migration changes the settings of the database",
                "The statement names one database, and each environment has its own name for it: shadow, test and preview \
                 databases fail or stay without the change. Sessions that are open keep the old value.",
            ),
            _ => continue,
        };
        findings.push(
            around::finding_here(facts, &RULE, file, statement, message)
                .detail(detail)
                .hint("keep settings with the server's configuration, outside of the migrations"),
        );
    }
    findings
}
