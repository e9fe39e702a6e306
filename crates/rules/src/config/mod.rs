//! Connection URLs, settings and versions; and the allows, whose findings the engine makes with the
//! functions of the four public modules.

pub mod allow_without_reason;
mod connection_limit_over_server;
mod crash_unsafe_setting;
mod data_checksums_off;
pub mod expired_allow;
mod idle_in_transaction_without_timeout;
mod literal_credentials;
mod minor_release_behind;
mod pooled_url_without_direct_url;
mod pooled_url_without_pgbouncer_flag;
mod remote_url_without_tls;
mod shared;
pub mod unknown_rule_in_allow;
mod unsupported_server_version;
pub mod unused_allow;
mod versions;

use pgsteward_model::rule::Rule;

pub static RULES: &[&Rule] = &[
    &literal_credentials::RULE,
    &remote_url_without_tls::RULE,
    &pooled_url_without_direct_url::RULE,
    &pooled_url_without_pgbouncer_flag::RULE,
    &connection_limit_over_server::RULE,
    &crash_unsafe_setting::RULE,
    &data_checksums_off::RULE,
    &idle_in_transaction_without_timeout::RULE,
    &unsupported_server_version::RULE,
    &minor_release_behind::RULE,
    &unused_allow::RULE,
    &unknown_rule_in_allow::RULE,
    &allow_without_reason::RULE,
    &expired_allow::RULE,
];
