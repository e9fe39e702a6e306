//! `REVOKE` from a role that may be the one of the running application.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{GrantObjects, Name, Statement};

use super::{around, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "privilege-revoked",
    group: Group::Migration,
    severity: Severity::Info,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-revoke", "pg-schema-diff:AUTHZ_UPDATE"],
    page: include_str!("privilege_revoked.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, at, statement) in around::numbered(facts) {
        let Statement::Grant { privileges, objects, roles, revoke: true } = &statement.statement else {
            continue;
        };
        // Taking rights from PUBLIC is what everybody is told to do.
        let roles: Vec<&String> = roles.iter().filter(|role| !role.eq_ignore_ascii_case("public")).collect();
        if roles.is_empty()
            || is_new(statement, objects)
            || granted_again(around::from(file, at), objects, &roles)
        {
            continue;
        }
        let what = if privileges.is_empty() { "membership".to_owned() } else { privileges.join(", ") };
        findings.push(
            around::finding_here(facts, &RULE, file, statement, format!("{} no longer has {what}", quoted_list(&roles)))
                .detail("What the application that still runs does with it is refused from here on (error 42501, insufficient_privilege).")
                .hint("check in the code and in pg_stat_statements that the role does not use it"),
        );
    }
    findings
}

fn names(objects: &GrantObjects) -> &[Name] {
    match objects {
        GrantObjects::Tables(names) | GrantObjects::Sequences(names) | GrantObjects::Functions(names) => {
            names
        }
        _ => &[],
    }
}

/// Nobody uses yet what this deploy made.
fn is_new(statement: &MigrationStatement, objects: &GrantObjects) -> bool {
    let names = names(objects);
    !names.is_empty()
        && names
            .iter()
            .all(|name| shared::touch_of(statement, name).is_some_and(|touch| !around::in_use(touch)))
}

/// Revoked to be granted in another measure.
fn granted_again(later: &[MigrationStatement], objects: &GrantObjects, roles: &[&String]) -> bool {
    later.iter().any(|statement| match &statement.statement {
        Statement::Grant { objects: again, roles: to, revoke: false, .. } => {
            again == objects && roles.iter().all(|role| to.contains(role))
        }
        _ => false,
    })
}
