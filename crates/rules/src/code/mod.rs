//! What the application's code asks of the database, and how: calls of Prisma Client, raw SQL, transactions.

mod call_without_index;
mod checked_only_in_code;
mod client_per_request;
mod count_on_hot_path;
mod cursor_without_unique_order;
mod deep_offset;
mod deleted_rows_read;
mod distinct_in_memory;
mod external_call_in_transaction;
mod find_first_by_unique_key;
mod find_many_without_take;
mod fixing;
mod include_unused;
mod insensitive_equals_is_pattern;
mod nested_take_in_memory;
mod outer_client_in_transaction;
mod over_fetch;
mod pattern_without_trigram_index;
mod query_in_loop;
mod raw_query_unsafe;
mod read_then_write_race;
mod reading;
mod relation_sort;
mod secret_column_returned;
mod states;
mod status_updated_blindly;
mod swallowed_database_error;
mod tenant_filter_missing;
mod transaction_without_retry;
mod transactions_lock_in_different_order;
mod unbounded_parallel_queries;
mod undefined_filter;
mod unhandled_unique_violation;
mod webhook_without_idempotency_key;
mod write_and_effect_can_disagree;
mod write_in_loop;
mod writes_without_transaction;

use pgsteward_model::rule::Rule;

pub use states::{states, states_to_prove};

use fixing::{
    counted, edit, helper_fix, inside, loop_fix, outbox, payment_key, portions, processed_event, refusal,
    retry, together, write_fix,
};
use reading::{
    arguments, bounds, flow, given, locks, loops, scale, shared, statuses, steps, text, transitions, varying,
    wrapper,
};

pub static RULES: &[&Rule] = &[
    &call_without_index::RULE,
    &checked_only_in_code::RULE,
    &client_per_request::RULE,
    &count_on_hot_path::RULE,
    &cursor_without_unique_order::RULE,
    &deep_offset::RULE,
    &deleted_rows_read::RULE,
    &distinct_in_memory::RULE,
    &external_call_in_transaction::RULE,
    &find_first_by_unique_key::RULE,
    &find_many_without_take::RULE,
    &include_unused::RULE,
    &insensitive_equals_is_pattern::RULE,
    &nested_take_in_memory::RULE,
    &outer_client_in_transaction::RULE,
    &over_fetch::RULE,
    &pattern_without_trigram_index::RULE,
    &query_in_loop::RULE,
    &raw_query_unsafe::RULE,
    &read_then_write_race::RULE,
    &relation_sort::RULE,
    &secret_column_returned::RULE,
    &status_updated_blindly::RULE,
    &swallowed_database_error::RULE,
    &tenant_filter_missing::RULE,
    &transaction_without_retry::RULE,
    &transactions_lock_in_different_order::RULE,
    &unbounded_parallel_queries::RULE,
    &undefined_filter::RULE,
    &unhandled_unique_violation::RULE,
    &webhook_without_idempotency_key::RULE,
    &write_and_effect_can_disagree::RULE,
    &write_in_loop::RULE,
    &writes_without_transaction::RULE,
];
