//! What a migration does to a running system: locks, rewrites, old code, data, and its own form.

mod around;
mod backfill_in_migration;
mod cascade_reaches_further;
mod check_validated_at_once;
mod column_assigned_twice;
mod column_dropped;
mod column_recreated;
mod column_renamed;
mod concurrent_index_left_invalid;
mod concurrently_in_transaction;
mod constraint_dropped;
mod constraint_rejects_old_writes;
mod database_dropped;
mod default_dropped;
mod delete_without_where;
mod domain_constraint_scans;
mod dynamic_sql_not_analysed;
mod enum_value_removed;
mod enum_value_renamed;
mod exclusion_constraint_builds_index;
mod foreign_key_validated_at_once;
mod generated_column_rewrites;
mod generated_values_changed;
mod granted_to_public;
mod index_drop_not_concurrent;
mod index_not_concurrent;
mod inheritance_removed;
mod lock_held_during_work;
mod lock_without_timeout;
mod lossy_type_change;
mod maintenance_locks_table;
mod migration_fails;
mod migration_not_atomic;
mod migration_not_rerunnable;
mod new_enum_value_used;
mod not_null_dropped;
mod not_null_over_nulls;
mod not_null_set_at_once;
mod object_dropped;
mod partition_attach_scans;
mod partition_detach_not_concurrent;
mod partitioned_parent_locked;
mod policy_dropped;
mod primary_key_builds_index;
mod privilege_revoked;
mod refresh_not_concurrent;
mod reindex_not_concurrent;
mod replica_identity_changed;
mod required_column_without_default;
mod rewrite;
mod row_security_disabled;
mod server_setting_changed;
mod setting_leaks;
mod shared;
mod sql_syntax_error;
mod storage_change_rewrites;
mod table_dropped;
mod table_renamed;
mod table_scanned_repeatedly;
mod text;
mod transaction_ended_midway;
mod transaction_left_open;
mod trigger_changed_live;
mod type_change_rewrites;
mod type_renamed;
mod undo;
mod unique_constraint_builds_index;
mod unique_index_dropped;
mod unique_over_existing_rows;
mod update_without_where;
mod using_index;
mod validated_in_same_transaction;
mod volatile_default_rewrites;
mod work_hidden_in_do_block;

use pgsteward_model::rule::Rule;

/// The head of an `ALTER TABLE` (`ALTER TABLE "Order"`) and its actions, as they are written. None where the text
/// has another number of actions than the parser saw.
pub fn alter_parts(text: &str, expected: usize) -> Option<(String, Vec<String>)> {
    let parts = text::Alter::parse(text, expected)?;
    Some((parts.head().to_owned(), (0..expected).map(|at| parts.action(at).to_owned()).collect()))
}

/// Rules whose fix writes the statement anew so that it locks nobody out for long.
pub static REWRITES: &[&Rule] = &[
    &index_not_concurrent::RULE,
    &index_drop_not_concurrent::RULE,
    &reindex_not_concurrent::RULE,
    &refresh_not_concurrent::RULE,
    &foreign_key_validated_at_once::RULE,
    &check_validated_at_once::RULE,
    &validated_in_same_transaction::RULE,
    &unique_constraint_builds_index::RULE,
    &primary_key_builds_index::RULE,
    &not_null_set_at_once::RULE,
    &volatile_default_rewrites::RULE,
];

pub static RULES: &[&Rule] = &[
    &index_not_concurrent::RULE,
    &index_drop_not_concurrent::RULE,
    &reindex_not_concurrent::RULE,
    &partition_detach_not_concurrent::RULE,
    &partition_attach_scans::RULE,
    &refresh_not_concurrent::RULE,
    &concurrently_in_transaction::RULE,
    &foreign_key_validated_at_once::RULE,
    &check_validated_at_once::RULE,
    &validated_in_same_transaction::RULE,
    &unique_constraint_builds_index::RULE,
    &primary_key_builds_index::RULE,
    &exclusion_constraint_builds_index::RULE,
    &not_null_set_at_once::RULE,
    &required_column_without_default::RULE,
    &volatile_default_rewrites::RULE,
    &work_hidden_in_do_block::RULE,
    &generated_column_rewrites::RULE,
    &type_change_rewrites::RULE,
    &lock_held_during_work::RULE,
    &lock_without_timeout::RULE,
    &maintenance_locks_table::RULE,
    &table_scanned_repeatedly::RULE,
    &trigger_changed_live::RULE,
    &domain_constraint_scans::RULE,
    &concurrent_index_left_invalid::RULE,
    &partitioned_parent_locked::RULE,
    &storage_change_rewrites::RULE,
    &setting_leaks::RULE,
    &migration_not_atomic::RULE,
    &transaction_ended_midway::RULE,
    &column_dropped::RULE,
    &column_recreated::RULE,
    &table_dropped::RULE,
    &object_dropped::RULE,
    &database_dropped::RULE,
    &column_renamed::RULE,
    &table_renamed::RULE,
    &type_renamed::RULE,
    &enum_value_renamed::RULE,
    &not_null_dropped::RULE,
    &default_dropped::RULE,
    &constraint_dropped::RULE,
    &unique_index_dropped::RULE,
    &constraint_rejects_old_writes::RULE,
    &generated_values_changed::RULE,
    &inheritance_removed::RULE,
    &replica_identity_changed::RULE,
    &row_security_disabled::RULE,
    &policy_dropped::RULE,
    &granted_to_public::RULE,
    &privilege_revoked::RULE,
    &server_setting_changed::RULE,
    &cascade_reaches_further::RULE,
    &enum_value_removed::RULE,
    &new_enum_value_used::RULE,
    &unique_over_existing_rows::RULE,
    &lossy_type_change::RULE,
    &update_without_where::RULE,
    &delete_without_where::RULE,
    &backfill_in_migration::RULE,
    &dynamic_sql_not_analysed::RULE,
    &column_assigned_twice::RULE,
    &transaction_left_open::RULE,
    &sql_syntax_error::RULE,
    &migration_fails::RULE,
    &not_null_over_nulls::RULE,
    &migration_not_rerunnable::RULE,
];
