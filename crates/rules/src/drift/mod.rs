//! Schema, history and database that no longer say the same.

mod database_differs_from_history;
mod database_differs_from_schema;
mod migrate_dev_would_drop;
mod schema_not_migrated;
mod shared;
mod table_without_model;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &migrate_dev_would_drop::RULE,
    &table_without_model::RULE,
    &schema_not_migrated::RULE,
    &database_differs_from_history::RULE,
    &database_differs_from_schema::RULE,
];
