//! Sequences (`pg_sequence`).

use std::collections::BTreeMap;

use pgsteward_model::catalog::{QName, Sequence};
use pgsteward_model::facts::{Gap, Need};
use pgsteward_model::version::ServerVersion;
use tokio_postgres::{Error, Row};

use super::acl::{self, AclKind};
use super::comment::PG_CLASS;
use super::names::Names;
use crate::grants::grant_hint;

pub(super) const SQL: &str = include_str!("sequence.sql");

/// Sequences by name, and a gap for those whose last value was asked for and may not be read.
pub(super) fn read(
    rows: &[Row],
    names: &Names,
    version: ServerVersion,
    last_values: bool,
) -> Result<(BTreeMap<QName, Sequence>, Vec<Gap>), Error> {
    let mut sequences = BTreeMap::new();
    let mut hidden = Vec::new();
    let mut role = String::new();
    for row in rows {
        let oid: u32 = row.try_get(0)?;
        let Some(relation) = names.relation(oid).filter(|relation| !relation.of_extension) else { continue };
        let owner: Option<u32> = row.try_get(7)?;
        let number: Option<i32> = row.try_get(8)?;
        let owned_by = owner.zip(number).and_then(|(owner, number)| {
            let column = names.column(owner, i16::try_from(number).ok()?)?;
            Some((names.relation(owner)?.name.clone(), column))
        });
        let readable: bool = row.try_get(10)?;
        if last_values && !readable {
            hidden.push(relation.name.clone());
            role = row.try_get(11)?;
        }
        let sequence = Sequence {
            name: relation.name.clone(),
            ty: row.try_get(1)?,
            start: row.try_get(2)?,
            increment: row.try_get(3)?,
            min: row.try_get(4)?,
            max: row.try_get(5)?,
            cycle: row.try_get(6)?,
            owned_by,
            last_value: row.try_get(9)?,
            grants: acl::grants(relation.acl.as_deref(), AclKind::Sequence, &relation.owner, version),
            comment: names.comments.of(PG_CLASS, oid),
        };
        sequences.insert(relation.name.clone(), sequence);
    }
    hidden.sort();
    let gaps = if hidden.is_empty() {
        Vec::new()
    } else {
        let why = format!(
            "The role may not read the last value of {} sequence{}, so nothing is known about how full the keys \
             behind {} are.",
            hidden.len(),
            if hidden.len() == 1 { "" } else { "s" },
            if hidden.len() == 1 { "it" } else { "them" },
        );
        vec![
            Gap::new("sequence values", why, grant_hint("SEQUENCE", &hidden, &role))
                .for_needs(&[Need::Statistics]),
        ]
    };
    Ok((sequences, gaps))
}
