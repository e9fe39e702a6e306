//! Facts that belong to a whole server: version, settings, roles, databases.

use std::collections::BTreeMap;

use crate::version::ServerVersion;

#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    pub version: ServerVersion,
    /// From `pg_control_system()`, where it may be read.
    pub system_identifier: Option<u64>,
    pub settings: BTreeMap<String, ServerSetting>,
    pub roles: Vec<Role>,
    pub memberships: Vec<Membership>,
    pub databases: Vec<String>,
    /// The role that the facts were read with.
    pub current_role: Option<String>,
    /// Whether the session that read the facts was encrypted.
    pub encrypted: Option<bool>,
    pub in_recovery: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSetting {
    /// Value in the setting's own unit, as `pg_settings.setting`.
    pub value: String,
    pub unit: Option<String>,
    /// `pg_settings.source`: `default`, `configuration file`, `database` …
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    pub name: String,
    pub superuser: bool,
    pub login: bool,
    pub create_role: bool,
    pub create_database: bool,
    pub replication: bool,
    pub bypass_row_security: bool,
    pub inherit: bool,
    /// -1 is no limit.
    pub connection_limit: i32,
    /// `ALTER ROLE … SET` as `name=value`.
    pub settings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub role: String,
    pub member: String,
    pub admin: bool,
}
