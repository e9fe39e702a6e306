//! Schemas (`pg_namespace`) without the system's own.

use std::collections::BTreeMap;

use pgsteward_model::catalog::Namespace;
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};
use super::comment::PG_NAMESPACE;
use super::names::Names;

pub(super) const SQL: &str = include_str!("namespace.sql");

pub(super) fn read(
    rows: &[Row],
    names: &Names,
    version: ServerVersion,
) -> Result<BTreeMap<String, Namespace>, Error> {
    let mut namespaces = BTreeMap::new();
    for row in rows {
        let of_extension: bool = row.try_get(4)?;
        if of_extension {
            continue;
        }
        let oid = row.try_get(0)?;
        let owner: String = row.try_get(2)?;
        let acl: Option<Vec<String>> = row.try_get(3)?;
        let namespace = Namespace {
            grants: acl::grants(acl.as_deref(), AclKind::Namespace, &owner, version),
            owner: Some(owner),
            comment: names.comments.of(PG_NAMESPACE, oid),
        };
        namespaces.insert(row.try_get(1)?, namespace);
    }
    Ok(namespaces)
}
