//! Object ids and the settings that the catalog type does not hold, for callers that compare two states of one
//! database.

use std::collections::BTreeMap;

use pgsteward_model::catalog::QName;
use pgsteward_model::identity::{Aside, Called, Identities, ObjectClass, ObjectId, TablePart};
use pgsteward_model::version::ServerVersion;

use super::for_version;

const IDENTITIES: &str = include_str!("identity.sql");
const ASIDES: &str = include_str!("aside.sql");
const ATTACHED: &str = include_str!("attached.sql");

/// Three statements, each with six, four and seven columns.
pub(crate) fn statements(version: ServerVersion) -> [String; 3] {
    [IDENTITIES, ASIDES, ATTACHED].map(|sql| for_version(sql, version.major()))
}

pub(crate) fn read(
    objects: &[Vec<Option<String>>],
    asides: &[Vec<Option<String>>],
    attached: &[Vec<Option<String>>],
) -> Identities {
    let objects = objects.iter().filter_map(|row| object(row));
    let asides = asides.iter().filter_map(|row| {
        let [Some(what), value, set, unset] = row.as_slice() else { return None };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Some((what.clone(), Aside { value: text(value), set: text(set), unset: text(unset) }))
    });
    Identities {
        objects: objects.collect(),
        asides: asides.collect::<BTreeMap<String, Aside>>(),
        attached: attached.iter().filter_map(|row| attachment(row)).collect(),
    }
}

/// A part of a partition and that of its parent.
fn attachment(row: &[Option<String>]) -> Option<(TablePart, TablePart)> {
    let [Some(namespace), Some(table), Some(name), Some(above), Some(parent), Some(whole), Some(foreign)] =
        row
    else {
        return None;
    };
    let part = |namespace: &str, table: &str, name: &str| TablePart {
        table: QName::new(namespace, table),
        name: name.to_owned(),
        foreign: foreign == "t",
    };
    Some((part(namespace, table, name), part(above, parent, whole)))
}

fn object(row: &[Option<String>]) -> Option<(ObjectId, Called)> {
    let [Some(class), Some(oid), Some(part), Some(namespace), Some(inside), Some(name)] = row else {
        return None;
    };
    let class = match class.as_str() {
        "namespace" => ObjectClass::Namespace,
        "table" => ObjectClass::Table,
        "view" => ObjectClass::View,
        "materialized view" => ObjectClass::MaterializedView,
        "sequence" => ObjectClass::Sequence,
        "index" => ObjectClass::Index,
        "column" => ObjectClass::Column,
        "attribute" => ObjectClass::Attribute,
        "constraint" => ObjectClass::Constraint,
        "domain constraint" => ObjectClass::DomainConstraint,
        "trigger" => ObjectClass::Trigger,
        "policy" => ObjectClass::Policy,
        "type" => ObjectClass::Type,
        "domain" => ObjectClass::Domain,
        "label" => ObjectClass::Label,
        "routine" => ObjectClass::Routine,
        _ => return None,
    };
    let id = ObjectId { class, oid: oid.parse().ok()?, part: part.parse().ok()? };
    let called = Called { namespace: namespace.clone(), inside: inside.clone(), name: name.clone() };
    Some((id, called))
}
