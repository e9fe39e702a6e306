//! A constraint on a domain: every table that uses the domain is read under lock.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterDomain, Statement};

use super::shared::{self, Cost, Hit};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "domain-constraint-scans",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["squawk:ban-alter-domain-with-add-constraint", "squawk:ban-create-domain-with-constraint"],
    page: include_str!("domain_constraint_scans.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        let Statement::AlterDomain { name, action } = &statement.statement else { continue };
        let (what, constraint) = match action {
            AlterDomain::AddConstraint { not_valid: false, name, .. } => {
                ("adding a constraint to", name.as_deref())
            }
            AlterDomain::ValidateConstraint { name } => ("validating a constraint of", Some(name.as_str())),
            AlterDomain::SetNotNull => ("SET NOT NULL on", None),
            _ => continue,
        };
        let hits: Vec<Hit<'_>> = statement
            .effect
            .touches
            .iter()
            .filter_map(|touch| Hit::new(facts, file, statement, touch))
            .collect();
        // The largest table sets the severity.
        let Some(hit) = hits.iter().max_by_key(|hit| shared::severity(facts, hit.touch, Cost::Work)) else {
            continue;
        };
        let domain = name.qualified();
        let tables: Vec<String> = hits.iter().map(Hit::table).collect();
        let clause = constraint.map_or_else(String::new, |name| format!(" (\"{name}\")"));
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                ObjectRef::in_namespace(ObjectKind::Domain, &domain.namespace, &domain.name),
                format!(
                    "{what} domain \"{}\"{clause} reads every row of {} under a lock",
                    domain.display(),
                    quoted_list(&tables)
                ),
                "Each table with a column of the domain is locked against writers and read, and all locks are kept until \
                 the last one is done.",
            )
            .hint(
                "put a CHECK on each table instead: add it as NOT VALID and VALIDATE it in a later migration, which lets \
                 reads and writes go on",
            );
        let others = hits.iter().filter(|other| other.touch.relation != hit.touch.relation);
        finding.evidence.extend(others.map(|other| shared::lock_evidence(other.touch)));
        findings.push(finding);
    }
    findings
}
