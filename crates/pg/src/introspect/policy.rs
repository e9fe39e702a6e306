//! Row security policies (`pg_policy`).

use std::collections::HashMap;

use pgsteward_model::catalog::{Policy, PolicyCommand};
use tokio_postgres::{Error, Row};

use super::comment::PG_POLICY;
use super::names::Names;

pub(super) const SQL: &str = include_str!("policy.sql");

/// Policies by table id, in the order of their names.
pub(super) fn read(rows: &[Row], names: &Names) -> Result<HashMap<u32, Vec<Policy>>, Error> {
    let mut policies: HashMap<u32, Vec<Policy>> = HashMap::new();
    for row in rows {
        let command: &str = row.try_get(3)?;
        let policy = Policy {
            name: row.try_get(2)?,
            permissive: row.try_get(4)?,
            command: match command {
                "r" => PolicyCommand::Select,
                "a" => PolicyCommand::Insert,
                "w" => PolicyCommand::Update,
                "d" => PolicyCommand::Delete,
                _ => PolicyCommand::All,
            },
            roles: row.try_get(5)?,
            using: row.try_get(6)?,
            with_check: row.try_get(7)?,
            comment: names.comments.of(PG_POLICY, row.try_get(0)?),
        };
        policies.entry(row.try_get(1)?).or_default().push(policy);
    }
    Ok(policies)
}
