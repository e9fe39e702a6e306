//! Indexes: the missing, the useless and the broken.

mod btree_on_array_or_jsonb;
mod duplicate_index;
mod duplicate_unique_index;
mod foreign_key_without_index;
mod index_on_few_values;
mod index_on_mostly_null;
mod invalid_index;
mod redundant_index;
mod relation_without_index;
mod shared;
mod timestamp_inside_index;
mod too_many_indexes;
mod unused_index;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &foreign_key_without_index::RULE,
    &relation_without_index::RULE,
    &invalid_index::RULE,
    &duplicate_index::RULE,
    &duplicate_unique_index::RULE,
    &redundant_index::RULE,
    &unused_index::RULE,
    &index_on_few_values::RULE,
    &index_on_mostly_null::RULE,
    &too_many_indexes::RULE,
    &timestamp_inside_index::RULE,
    &btree_on_array_or_jsonb::RULE,
];
