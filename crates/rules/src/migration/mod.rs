//! What a migration does to a running system: locks, rewrites, old code, data, and its own form.

mod check_validated_at_once;
mod concurrent_index_left_invalid;
mod concurrently_in_transaction;
mod domain_constraint_scans;
mod exclusion_constraint_builds_index;
mod foreign_key_validated_at_once;
mod generated_column_rewrites;
mod index_drop_not_concurrent;
mod index_not_concurrent;
mod lock_held_during_work;
mod lock_without_timeout;
mod maintenance_locks_table;
mod migration_not_atomic;
mod not_null_set_at_once;
mod partition_attach_scans;
mod partition_detach_not_concurrent;
mod partitioned_parent_locked;
mod primary_key_builds_index;
mod refresh_not_concurrent;
mod reindex_not_concurrent;
mod required_column_without_default;
mod rewrite;
mod setting_leaks;
mod shared;
mod storage_change_rewrites;
mod table_scanned_repeatedly;
mod text;
mod transaction_ended_midway;
mod trigger_changed_live;
mod type_change_rewrites;
mod undo;
mod unique_constraint_builds_index;
mod using_index;
mod validated_in_same_transaction;
mod volatile_default_rewrites;

use pgsteward_model::rule::Rule;

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
];
