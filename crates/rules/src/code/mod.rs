//! What the application's code asks of the database, and how: calls of Prisma Client, raw SQL, transactions.

mod arguments;
mod call_without_index;
mod count_on_hot_path;
mod cursor_without_unique_order;
mod deep_offset;
mod distinct_in_memory;
mod edit;
mod find_first_by_unique_key;
mod find_many_without_take;
mod include_unused;
mod insensitive_equals_is_pattern;
mod nested_take_in_memory;
mod over_fetch;
mod pattern_without_trigram_index;
mod raw_query_unsafe;
mod relation_sort;
mod scale;
mod secret_column_returned;
mod shared;
mod undefined_filter;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &call_without_index::RULE,
    &count_on_hot_path::RULE,
    &cursor_without_unique_order::RULE,
    &deep_offset::RULE,
    &distinct_in_memory::RULE,
    &find_first_by_unique_key::RULE,
    &find_many_without_take::RULE,
    &include_unused::RULE,
    &insensitive_equals_is_pattern::RULE,
    &nested_take_in_memory::RULE,
    &over_fetch::RULE,
    &pattern_without_trigram_index::RULE,
    &raw_query_unsafe::RULE,
    &relation_sort::RULE,
    &secret_column_returned::RULE,
    &undefined_filter::RULE,
];
