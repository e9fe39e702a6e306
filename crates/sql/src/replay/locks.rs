//! The lock that each action of `ALTER TABLE` takes on its table.
//!
//! Source: `AlterTableGetLockLevel` and the lock modes of storage parameters in PostgreSQL
//! (src/backend/commands/tablecmds.c, src/backend/access/common/reloptions.c), versions 12 to 18.

use pgsteward_model::catalog::ConstraintKind;
use pgsteward_model::lock::LockMode;
use pgsteward_model::statement::AlterAction;
use pgsteward_model::version::ServerVersion;

pub(super) fn of_action(action: &AlterAction, version: ServerVersion) -> LockMode {
    match action {
        AlterAction::SetStatistics { .. }
        | AlterAction::ValidateConstraint { .. }
        | AlterAction::ClusterOn { .. } => LockMode::ShareUpdateExclusive,
        AlterAction::AttachPartition { .. } => {
            if version.major() >= 12 {
                LockMode::ShareUpdateExclusive
            } else {
                LockMode::AccessExclusive
            }
        }
        AlterAction::DetachPartition { concurrently, .. } => {
            if *concurrently {
                LockMode::ShareUpdateExclusive
            } else {
                LockMode::AccessExclusive
            }
        }
        AlterAction::EnableTrigger { .. } | AlterAction::DisableTrigger { .. } => LockMode::ShareRowExclusive,
        AlterAction::AddConstraint { constraint, .. } => match constraint.kind {
            ConstraintKind::ForeignKey(_) => LockMode::ShareRowExclusive,
            _ => LockMode::AccessExclusive,
        },
        AlterAction::SetOptions { options } | AlterAction::ResetOptions { options } => {
            options.iter().map(|option| of_option(option)).max().unwrap_or(LockMode::ShareUpdateExclusive)
        }
        AlterAction::Other { text } => of_text(text),
        _ => LockMode::AccessExclusive,
    }
}

fn of_option(option: &str) -> LockMode {
    let name = option.split('=').next().unwrap_or(option);
    let name = name.strip_prefix("toast.").unwrap_or(name);
    let light = name.starts_with("autovacuum_")
        || matches!(
            name,
            "fillfactor"
                | "toast_tuple_target"
                | "parallel_workers"
                | "log_autovacuum_min_duration"
                | "vacuum_truncate"
                | "vacuum_index_cleanup"
                | "vacuum_max_eager_freeze_failure_rate"
                | "deduplicate_items"
                | "n_distinct"
                | "n_distinct_inherited"
        );
    if light { LockMode::ShareUpdateExclusive } else { LockMode::AccessExclusive }
}

/// Actions that the model keeps as text.
fn of_text(text: &str) -> LockMode {
    let words: Vec<String> = text
        .split(|next: char| !next.is_alphanumeric() && next != '_')
        .map(str::to_ascii_lowercase)
        .collect();
    let begins =
        |pattern: &[&str]| pattern.iter().zip(&words).filter(|(a, b)| a == b).count() == pattern.len();
    // Options of a column (`ALTER c SET (n_distinct = 5)`), `SET WITHOUT CLUSTER`, `DETACH … FINALIZE`.
    let column_options =
        begins(&["alter"]) && text.contains('(') && !text.to_ascii_lowercase().contains("sequence");
    if column_options || begins(&["set", "without", "cluster"]) || words.iter().any(|word| word == "finalize")
    {
        return LockMode::ShareUpdateExclusive;
    }
    if begins(&["enable", "replica"]) || begins(&["enable", "always"]) {
        return LockMode::ShareRowExclusive;
    }
    LockMode::AccessExclusive
}
