//! How the statement of a hazard is written so that it is none, with the rule whose page explains it. Pure.

use pgsteward_model::migrate::rehearsal::{RehearsedMigration, RehearsedStatement, Remedy};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Statement};

use super::assemble::end_of_unit;
use crate::migrate::regime::FilePlan;

/// How what breaks the running application is done instead: the rule and the words.
pub(super) fn breaks(statement: Option<&Statement>) -> (&'static str, String) {
    const RENAME: &str = "add the new name beside the old one, keep both in step, move the application over, then drop the old \
                          one (`pgsteward migrate plan --safe`)";
    const DROP: &str = "deploy it once no running version of the application asks for it any more, in a migration of its own \
                        (`pgsteward migrate plan --safe`)";
    let dropped = |rule: &'static str| {
        (
            rule,
            format!(
                "{DROP}; where none does, accept it: `-- pgsteward: allow({rule}) why` above the statement"
            ),
        )
    };
    let actions = match statement {
        Some(Statement::AlterTable(alter)) => alter.actions.as_slice(),
        Some(Statement::Drop { kind: ObjectKind::Table, .. }) => return dropped("table-dropped"),
        _ => &[],
    };
    let of = |action: &AlterAction| {
        let (rule, text) = match action {
            AlterAction::DropColumn { .. } => return Some(dropped("column-dropped")),
            AlterAction::RenameColumn { .. } => ("column-renamed", RENAME),
            AlterAction::RenameTable { .. } => ("table-renamed", RENAME),
            AlterAction::AddConstraint { .. } | AlterAction::SetNotNull { .. } => (
                "constraint-rejects-old-writes",
                "move the application over to writes that the constraint takes first, and add it in a later deploy",
            ),
            AlterAction::AddColumn { .. } => (
                "required-column-without-default",
                "add the column with a default, or without NOT NULL until every running version of the application writes it",
            ),
            _ => return None,
        };
        Some((rule, text.to_owned()))
    };
    actions.iter().find_map(of).unwrap_or_else(|| {
        (
            "column-dropped",
            "drop or change only what no running version of the application uses: add the new form first, move the application \
             over, then drop the old one (`pgsteward migrate plan --safe`)"
                .to_owned(),
        )
    })
}

/// For a lock that the statement at `position` takes: how the statements that make it last are written instead.
pub(super) fn remedies_of(
    migration: &RehearsedMigration,
    plan: &FilePlan,
    at: &[usize],
    position: usize,
) -> Vec<Remedy> {
    let cost = |one: &RehearsedStatement| one.expected.map_or(one.elapsed_ms, |expected| expected.ms);
    let end = end_of_unit(plan, at[position]);
    let under: Vec<usize> = (position..migration.statements.len()).filter(|other| at[*other] < end).collect();
    let all: f64 = under.iter().map(|other| cost(&migration.statements[*other])).sum();
    let mut found = Vec::new();
    for other in under {
        let one = &migration.statements[other];
        if cost(one) < all / 10.0 {
            continue;
        }
        if other != position {
            found.push(Remedy {
                line: migration.statements[position].line,
                rule: "lock-held-during-work".to_owned(),
                text: format!(
                    "write this statement and the one in line {} as two migrations: its lock lasts until the whole file is \
                     committed",
                    one.line
                ),
            });
        }
        if let Some((rule, text)) = remedy(&plan.statements[at[other]].statement, one) {
            found.push(Remedy { line: one.line, rule: rule.to_owned(), text: text.to_owned() });
        }
    }
    found
}

fn remedy(statement: &Statement, seen: &RehearsedStatement) -> Option<(&'static str, &'static str)> {
    const BACKFILL: (&str, &str) = (
        "backfill-in-migration",
        "change the rows in batches outside of the migration (`pgsteward migrate backfill`), each committed by itself",
    );
    Some(match statement {
        Statement::CreateIndex(_) => (
            "index-not-concurrent",
            "build it with CREATE INDEX CONCURRENTLY in a migration of its own (`pgsteward migrate plan --safe`)",
        ),
        Statement::Reindex { .. } => {
            ("reindex-not-concurrent", "use REINDEX … CONCURRENTLY in a migration of its own")
        }
        Statement::RefreshMaterializedView { .. } => (
            "refresh-not-concurrent",
            "use REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index on the view",
        ),
        Statement::Update { .. } | Statement::Delete { .. } | Statement::Merge { .. } => BACKFILL,
        Statement::AlterTable(alter) => alter.actions.iter().find_map(|action| of_action(action, seen))?,
        _ => return None,
    })
}

fn of_action(action: &AlterAction, seen: &RehearsedStatement) -> Option<(&'static str, &'static str)> {
    use pgsteward_model::catalog::ConstraintKind as Kind;
    Some(match action {
        AlterAction::AddConstraint { constraint, using_index: None, .. } => match &constraint.kind {
            Kind::ForeignKey(_) => (
                "foreign-key-validated-at-once",
                "add the foreign key NOT VALID, and VALIDATE CONSTRAINT in a later migration, which blocks nobody \
                 (`pgsteward migrate plan --safe`)",
            ),
            Kind::Check { .. } => (
                "check-validated-at-once",
                "add the constraint NOT VALID, and VALIDATE CONSTRAINT in a later migration, which blocks nobody \
                 (`pgsteward migrate plan --safe`)",
            ),
            Kind::Unique { .. } => (
                "unique-constraint-builds-index",
                "build a unique index CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … UNIQUE USING INDEX \
                 (`pgsteward migrate plan --safe`)",
            ),
            Kind::PrimaryKey { .. } => (
                "primary-key-builds-index",
                "build a unique index CONCURRENTLY in a migration of its own, then ADD CONSTRAINT … PRIMARY KEY USING INDEX \
                 (`pgsteward migrate plan --safe`)",
            ),
            Kind::Exclusion { .. } => (
                "exclusion-constraint-builds-index",
                "there is no way to build it without blocking writes: add it in a time of little traffic",
            ),
            _ => return None,
        },
        AlterAction::SetNotNull { .. } => (
            "not-null-set-at-once",
            "add CHECK (column IS NOT NULL) NOT VALID, validate it in a later migration, then SET NOT NULL, which reads no \
             row any more (`pgsteward migrate plan --safe`)",
        ),
        AlterAction::SetType { .. } => (
            "type-change-rewrites",
            "add a column of the new type, keep both in step with a trigger, fill it in batches, then swap them \
             (`pgsteward migrate plan --safe`)",
        ),
        AlterAction::AddColumn { .. } if !seen.rewrites.is_empty() => (
            "volatile-default-rewrites",
            "add the column without the default, set the default, and fill the old rows in batches \
             (`pgsteward migrate plan --safe`)",
        ),
        AlterAction::SetExpression { .. } => (
            "generated-column-rewrites",
            "add an ordinary column, keep it up to date with a trigger, and fill it in batches",
        ),
        AlterAction::SetLogged
        | AlterAction::SetUnlogged
        | AlterAction::SetTablespace
        | AlterAction::SetAccessMethod => {
            ("storage-change-rewrites", "do it in a time of little traffic, by itself")
        }
        AlterAction::AttachPartition { .. } => (
            "partition-attach-scans",
            "give the table a CHECK like the partition's bound first, NOT VALID and then validated",
        ),
        _ => return None,
    })
}
