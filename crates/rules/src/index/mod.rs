//! Indexes: the missing, the useless and the broken.

mod duplicate_index;
mod duplicate_unique_index;
mod foreign_key_without_index;
mod redundant_index;
mod shared;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &foreign_key_without_index::RULE,
    &redundant_index::RULE,
    &duplicate_index::RULE,
    &duplicate_unique_index::RULE,
];
