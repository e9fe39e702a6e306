//! Functions, procedures, aggregates and window functions (`pg_proc`).

use std::collections::BTreeMap;

use pgsteward_model::catalog::{Function, FunctionId, FunctionKind, Volatility};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};
use super::comment::PG_PROC;
use super::names::Names;

pub(super) const SQL: &str = include_str!("function.sql");

pub(super) fn read(
    rows: &[Row],
    names: &Names,
    version: ServerVersion,
) -> Result<BTreeMap<FunctionId, Function>, Error> {
    let mut functions = BTreeMap::new();
    for row in rows {
        let Some(name) = names.qualified(row.try_get(2)?, row.try_get(1)?) else { continue };
        let id = FunctionId { name, arguments: row.try_get(3)? };
        let kind: &str = row.try_get(4)?;
        let volatility: &str = row.try_get(11)?;
        let owner: String = row.try_get(13)?;
        let acl: Option<Vec<String>> = row.try_get(14)?;
        let function = Function {
            id: id.clone(),
            kind: match kind {
                "p" => FunctionKind::Procedure,
                "a" => FunctionKind::Aggregate,
                "w" => FunctionKind::Window,
                _ => FunctionKind::Function,
            },
            // A procedure returns nothing.
            returns: row.try_get::<_, Option<String>>(5)?.unwrap_or_default(),
            language: row.try_get(6)?,
            body: row.try_get::<_, Option<String>>(7)?.unwrap_or_default(),
            definition: row.try_get(8)?,
            security_definer: row.try_get(9)?,
            leakproof: row.try_get(10)?,
            volatility: match volatility {
                "i" => Volatility::Immutable,
                "s" => Volatility::Stable,
                _ => Volatility::Volatile,
            },
            settings: row.try_get::<_, Option<Vec<String>>>(12)?.unwrap_or_default(),
            grants: acl::grants(acl.as_deref(), AclKind::Function, &owner, version),
            owner: Some(owner),
            comment: names.comments.of(PG_PROC, row.try_get(0)?),
        };
        functions.insert(id, function);
    }
    Ok(functions)
}
