//! Schema, history and database that no longer say the same.

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[];
