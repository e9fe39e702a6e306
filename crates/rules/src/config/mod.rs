//! Connection URLs, settings and versions.

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[];
