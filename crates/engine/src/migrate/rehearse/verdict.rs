//! What a rehearsal means: who waits, for how long, and how to write it so that nobody does. Pure.

use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck};
use pgsteward_model::migrate::rehearsal::{
    Estimate, RehearsedMigration, RehearsedStatement, Remedy, Verdict,
};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterAction, Statement};

use super::assemble::span;
use crate::migrate::regime::FilePlan;

/// Judges a migration that ran. `max_block_ms`: how long others may be kept waiting. `is_empty`: the table has no
/// rows in production.
pub(super) fn judge(
    migration: &mut RehearsedMigration,
    plan: &FilePlan,
    at: &[usize],
    max_block_ms: f64,
    lock_timeout_ms: u128,
    is_empty: &dyn Fn(&str) -> bool,
) {
    let mut verdict = Verdict::Safe;
    let mut reasons = Vec::new();
    let mut settings = Vec::new();
    let mut remedies = Vec::new();
    let mut window: f64 = 0.0;
    for (position, one) in migration.statements.iter().enumerate() {
        let statement = &plan.statements[at[position]].statement;
        for lock in &one.locks {
            let of_rows = changes_rows(statement) && lock.mode == "ROW EXCLUSIVE";
            if !(lock.blocks_reads || lock.blocks_writes || of_rows) || is_empty(&lock.relation) {
                continue;
            }
            let who = match (lock.blocks_reads, of_rows) {
                (true, _) => "readers and writers",
                (false, false) => "writers",
                (false, true) => "writers of the changed rows",
            };
            let Some(held) = lock.expected_held else {
                verdict = verdict.max(Verdict::Unsafe);
                reasons.push(format!(
                    "line {}: {} on \"{}\" keeps {who} waiting for as long as the work takes, and how long that is in production \
                     could not be told",
                    one.line, lock.mode, lock.relation
                ));
                remedies.extend(remedies_of(migration, plan, at, position));
                continue;
            };
            if held.ms > max_block_ms {
                verdict = verdict.max(Verdict::Unsafe);
                reasons.push(format!(
                    "line {}: {} on \"{}\" keeps {who} waiting for about {} ({})",
                    one.line,
                    lock.mode,
                    lock.relation,
                    span(held.ms),
                    bounds(held)
                ));
                remedies.extend(remedies_of(migration, plan, at, position));
            } else if !of_rows {
                verdict = verdict.max(Verdict::SafeWithSettings);
                let timeout = format!("lock_timeout = '{lock_timeout_ms}ms'");
                if !plan.sets_lock_timeout && !settings.contains(&timeout) {
                    settings.push(timeout);
                }
                if held.high_ms > max_block_ms {
                    window = window.max(held.high_ms);
                }
                reasons.push(format!(
                    "line {}: {} on \"{}\" stops {who} for about {} once it has the lock, and queues them behind it until \
                     then",
                    one.line,
                    lock.mode,
                    lock.relation,
                    span(held.ms)
                ));
            }
        }
    }
    if window > 0.0 {
        settings.push(format!("a time of little traffic: up to {} is possible", span(window)));
    }
    for check in &migration.checks {
        if let Some(reason) = unmet(check) {
            verdict = verdict.max(Verdict::Unsafe);
            reasons.push(reason);
        }
    }
    for one in &migration.broken {
        verdict = verdict.max(Verdict::Unsafe);
        let by = one.line.map_or(String::new(), |line| format!("line {line}: "));
        reasons.push(format!(
            "{by}the running application breaks at this statement: its {} of \"{}\" fails from then on: {}",
            one.request, one.relation, one.error
        ));
        let statement = (0..at.len()).find(|position| one.line == Some(migration.statements[*position].line));
        let statement = statement.map(|position| &plan.statements[at[position]].statement);
        let (rule, text) = breaks(statement);
        let line = one.line.or(migration.statements.first().map(|one| one.line)).unwrap_or(1);
        remedies.push(Remedy { line, rule: rule.to_owned(), text: text.to_owned() });
    }
    for one in &migration.deadlocks {
        verdict = verdict.max(Verdict::Unsafe);
        let times = if one.times == 1 { "once".to_owned() } else { format!("{} times", one.times) };
        reasons.push(match (&one.request, one.line) {
            (Some(request), _) => {
                format!("it and the application's {request} waited for each other, and the server ended the latter {times}")
            }
            (None, line) => format!(
                "line {}: it and the application waited for each other, and the server ended the migration {times}",
                line.unwrap_or(1)
            ),
        });
        remedies.push(Remedy {
            line: one.line.or(migration.statements.first().map(|one| one.line)).unwrap_or(1),
            rule: "lock-held-during-work".to_owned(),
            text: "lock one table in a migration and the next in another: an application that asks both in the other order \
                   waits for the first while it holds the second"
                .to_owned(),
        });
    }
    if verdict == Verdict::Safe && reasons.is_empty() {
        reasons.push("no lock of it stands in the way of reads or writes of rows that are there".to_owned());
    }
    remedies.dedup();
    let mut seen = Vec::new();
    remedies.retain(|one| {
        let new = !seen.contains(one);
        seen.push(one.clone());
        new
    });
    migration.verdict = verdict;
    migration.reasons = reasons;
    migration.settings = settings;
    migration.rewrites = remedies;
}

/// What a query of `checks.sql` says against the migration.
fn unmet(check: &DataCheck) -> Option<String> {
    let said = match &check.outcome {
        CheckOutcome::Passed => return None,
        CheckOutcome::Violated { rows, keys } => {
            format!("{rows} row{} ({})", if *rows == 1 { "" } else { "s" }, keys.join(", "))
        }
        CheckOutcome::Unknown { why } => format!("it fails: {why}"),
    };
    Some(format!("line {} of checks.sql does not hold on the twin: {}: {said}", check.line, check.what))
}

/// How what breaks the running application is done instead.
fn breaks(statement: Option<&Statement>) -> (&'static str, &'static str) {
    const RENAME: &str = "add the new name beside the old one, keep both in step, move the application over, then drop the old \
                          one (`pgsteward migrate plan --safe`)";
    const DROP: &str = "deploy it once no running version of the application asks for it any more, in a migration of its own \
                        (`pgsteward migrate plan --safe`)";
    let actions = match statement {
        Some(Statement::AlterTable(alter)) => alter.actions.as_slice(),
        Some(Statement::Drop { kind: ObjectKind::Table, .. }) => return ("table-dropped", DROP),
        _ => &[],
    };
    let of = |action: &AlterAction| {
        Some(match action {
            AlterAction::DropColumn { .. } => ("column-dropped", DROP),
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
        })
    };
    actions.iter().find_map(of).unwrap_or((
        "column-dropped",
        "drop or change only what no running version of the application uses: add the new form first, move the \
         application over, then drop the old one (`pgsteward migrate plan --safe`)",
    ))
}

fn bounds(estimate: Estimate) -> String {
    format!("{} to {}", span(estimate.low_ms), span(estimate.high_ms))
}

fn changes_rows(statement: &Statement) -> bool {
    matches!(statement, Statement::Update { .. } | Statement::Delete { .. } | Statement::Merge { .. })
}

/// For a lock that the statement at `position` takes: how the statements that make it last are written instead.
fn remedies_of(
    migration: &RehearsedMigration,
    plan: &FilePlan,
    at: &[usize],
    position: usize,
) -> Vec<Remedy> {
    let cost = |one: &RehearsedStatement| one.expected.map_or(one.elapsed_ms, |expected| expected.ms);
    let end = super::assemble::end_of_unit(plan, at[position]);
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
