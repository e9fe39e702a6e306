//! Default privileges (`pg_default_acl`).

use pgsteward_model::catalog::DefaultPrivilege;
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};

pub(super) const SQL: &str = include_str!("default_privilege.sql");

/// Sorted by owner, namespace and kind of object.
pub(super) fn read(rows: &[Row], version: ServerVersion) -> Result<Vec<DefaultPrivilege>, Error> {
    rows.iter()
        .map(|row| {
            let owner: String = row.try_get(0)?;
            let letter: &str = row.try_get(2)?;
            let acl: Option<Vec<String>> = row.try_get(3)?;
            Ok(DefaultPrivilege {
                namespace: row.try_get(1)?,
                objects: match letter {
                    "r" => "tables".into(),
                    "S" => "sequences".into(),
                    "f" => "functions".into(),
                    "T" => "types".into(),
                    "n" => "schemas".into(),
                    // Large objects came with 18.
                    "L" => "large objects".into(),
                    other => other.into(),
                },
                grants: acl::grants(acl.as_deref(), AclKind::Default, &owner, version),
                owner,
            })
        })
        .collect()
}
