//! A privilege on tables, sequences or a schema that every role gets.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{GrantObjects, Name, Statement};

use super::around;
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "granted-to-public",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["pg-schema-diff:AUTHZ_UPDATE"],
    page: include_str!("granted_to_public.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _, statement) in around::numbered(facts) {
        let Statement::Grant { privileges, objects, roles, revoke: false } = &statement.statement else {
            continue;
        };
        if !roles.iter().any(|role| role.eq_ignore_ascii_case("public")) {
            continue;
        }
        let Some((what, object)) = subject(objects, privileges) else { continue };
        findings.push(
            around::finding(facts, &RULE, file, statement, object, format!("every role of the database gets {} on {what}", privileges.join(", ")))
                .detail(
                    "PUBLIC is not a group of its own but every role, those of the future and of other applications \
                     included. It cannot be taken away from one of them.",
                )
                .hint("grant it to the roles that need it"),
        );
    }
    findings
}

/// What is granted, in words, where it gives access to rows or lets others make objects.
fn subject(objects: &GrantObjects, privileges: &[String]) -> Option<(String, ObjectRef)> {
    let relation = |kind, name: &Name| {
        let name = name.qualified();
        ObjectRef::relation(kind, &name.namespace, &name.name)
    };
    let list = |names: &[Name]| {
        let names: Vec<String> = names.iter().map(|name| name.qualified().display()).collect();
        quoted_list(&names)
    };
    match objects {
        GrantObjects::Tables(names) => Some((list(names), relation(ObjectKind::Table, names.first()?))),
        GrantObjects::Sequences(names) => {
            let first = names.first()?.qualified();
            let object = ObjectRef::in_namespace(ObjectKind::Sequence, &first.namespace, &first.name);
            Some((list(names), object))
        }
        GrantObjects::AllTables { schemas } => {
            let object = ObjectRef::named(ObjectKind::Schema, schemas.first()?.as_str());
            Some((format!("all tables of {}", quoted_list(schemas)), object))
        }
        // USAGE alone opens nothing: the objects in the schema keep their own privileges.
        GrantObjects::Schemas(schemas) if privileges.iter().any(|privilege| privilege != "USAGE") => {
            let object = ObjectRef::named(ObjectKind::Schema, schemas.first()?.as_str());
            Some((format!("schema {}", quoted_list(schemas)), object))
        }
        _ => None,
    }
}
