//! A statement that PostgreSQL refuses inside a transaction, in a place where it runs in one.

use pgsteward_model::catalog::QName;
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{MigrationStatement, Regime};
use pgsteward_model::place::{ObjectKind, ObjectRef};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AlterAction, Name, Statement};

use super::shared;
use crate::shared::index_object;

pub(super) static RULE: Rule = Rule {
    id: "concurrently-in-transaction",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[Need::Project],
    since: "0.1.0",
    ancestors: &[
        "squawk:ban-concurrent-index-creation-in-transaction",
        "atlas:PG103",
        "pgfence:concurrent-in-transaction",
    ],
    page: include_str!("concurrently_in_transaction.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = &facts.history else { return Vec::new() };
    let mut findings = Vec::new();
    for (file, statement) in shared::statements(facts) {
        if !statement.effect.needs_no_transaction
            || statement.own_transaction
            || shared::neighbours(file, statement).len() < 2
        {
            continue;
        }
        let (what, object) = subject(statement);
        let why = match history.regime {
            Regime::OneMessage => {
                "Prisma up to 7.3 sends a migration as one message, and several statements in one message are one \
                 transaction."
            }
            Regime::PerStatement => {
                "Prisma from 7.4 sends statement by statement only where its parser can read the whole file; this one \
                 it sends as one message, which is one transaction."
            }
            Regime::Psql => "The statement stands between BEGIN and COMMIT.",
        };
        let mut place = shared::place(facts, file, statement, object.clone());
        if object.name.is_none() && object.relation.is_none() {
            place.object = None;
        }
        let finding = Finding::on_statement(
            &RULE,
            &file.name,
            &statement.fingerprint,
            place,
            format!("{what} runs inside a transaction, which PostgreSQL refuses"),
        )
        .detail(format!(
            "{why} The server answers with error 25001 (active_sql_transaction), and the migration is recorded as failed."
        ))
        .hint("put the statement alone into a migration of its own");
        findings.push(shared::answered(facts, file, statement, "25001", finding));
    }
    findings
}

fn subject(statement: &MigrationStatement) -> (String, ObjectRef) {
    let relation = |kind, name: &Name| {
        let name = name.qualified();
        ObjectRef::relation(kind, &name.namespace, &name.name)
    };
    match &statement.statement {
        Statement::CreateIndex(create) => (
            format!("CREATE INDEX CONCURRENTLY of \"{}\"", create.index.name),
            index_object(&create.table.qualified(), &create.index.name),
        ),
        Statement::Drop { kind: ObjectKind::Index, names, .. } => {
            let name = names.first().map(|name| name.qualified()).unwrap_or_else(|| QName::public(""));
            (
                format!("DROP INDEX CONCURRENTLY of \"{}\"", name.name),
                ObjectRef::in_namespace(ObjectKind::Index, &name.namespace, &name.name),
            )
        }
        Statement::AlterTable(alter) => {
            let detaches =
                alter.actions.iter().any(|action| matches!(action, AlterAction::DetachPartition { .. }));
            let what = if detaches { "DETACH PARTITION CONCURRENTLY from" } else { "ALTER TABLE of" };
            (format!("{what} \"{}\"", alter.name.name), relation(ObjectKind::Table, &alter.name))
        }
        Statement::Reindex { name: Some(name), .. } => {
            (format!("REINDEX CONCURRENTLY of \"{}\"", name.name), relation(ObjectKind::Table, name))
        }
        Statement::Vacuum { tables, .. } => match tables.first() {
            Some(name) => (format!("VACUUM of \"{}\"", name.name), relation(ObjectKind::Table, name)),
            None => ("VACUUM".to_owned(), nothing()),
        },
        Statement::CreateDatabase { name } => {
            (format!("CREATE DATABASE \"{name}\""), ObjectRef::named(ObjectKind::Database, name.clone()))
        }
        Statement::DropDatabase { name } => {
            (format!("DROP DATABASE \"{name}\""), ObjectRef::named(ObjectKind::Database, name.clone()))
        }
        Statement::AlterSystem => ("ALTER SYSTEM".to_owned(), nothing()),
        _ => ("this statement".to_owned(), nothing()),
    }
}

fn nothing() -> ObjectRef {
    ObjectRef { name: None, ..ObjectRef::named(ObjectKind::Database, "") }
}
