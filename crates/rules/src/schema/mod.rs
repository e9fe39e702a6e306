//! The design of tables: types, keys, constraints, names.

mod arbitrary_varchar_limit;
mod case_sensitive_email;
mod char_column;
mod circular_foreign_keys;
mod constraint_not_validated;
mod duplicate_foreign_key;
mod float_column;
mod foreign_key_type_mismatch;
mod integer_key_overflow;
mod json_instead_of_jsonb;
mod mixed_naming_styles;
mod money_in_float;
mod nullable_boolean;
mod nullable_unique_key;
mod plain_text_secret;
mod quantity_without_check;
mod range_without_check;
mod reference_without_foreign_key;
mod reserved_word_identifier;
mod schema_syntax_error;
mod serial_column;
pub(crate) mod shared;
mod table_without_creation_time;
mod table_without_primary_key;
mod table_without_update_time;
mod timestamp_without_time_zone;
mod truncated_identifier;
mod unique_key_with_soft_delete;
mod updated_at_kept_by_client;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &money_in_float::RULE,
    &float_column::RULE,
    &timestamp_without_time_zone::RULE,
    &json_instead_of_jsonb::RULE,
    &serial_column::RULE,
    &integer_key_overflow::RULE,
    &char_column::RULE,
    &arbitrary_varchar_limit::RULE,
    &nullable_boolean::RULE,
    &table_without_primary_key::RULE,
    &reference_without_foreign_key::RULE,
    &foreign_key_type_mismatch::RULE,
    &duplicate_foreign_key::RULE,
    &circular_foreign_keys::RULE,
    &constraint_not_validated::RULE,
    &nullable_unique_key::RULE,
    &unique_key_with_soft_delete::RULE,
    &case_sensitive_email::RULE,
    &range_without_check::RULE,
    &quantity_without_check::RULE,
    &table_without_creation_time::RULE,
    &table_without_update_time::RULE,
    &updated_at_kept_by_client::RULE,
    &plain_text_secret::RULE,
    &truncated_identifier::RULE,
    &reserved_word_identifier::RULE,
    &mixed_naming_styles::RULE,
    &schema_syntax_error::RULE,
];
