//! Object ids and the settings that the catalog type does not hold, for callers that compare two states of one
//! database.

use std::collections::BTreeMap;

use pgsteward_model::identity::{Aside, Called, Identities, ObjectClass, ObjectId};
use pgsteward_model::version::ServerVersion;

use super::for_version;

const IDENTITIES: &str = include_str!("identity.sql");
const ASIDES: &str = include_str!("aside.sql");

/// Two statements, each with six and four columns.
pub(crate) fn statements(version: ServerVersion) -> [String; 2] {
    [IDENTITIES, ASIDES].map(|sql| for_version(sql, version.major()))
}

pub(crate) fn read(objects: &[Vec<Option<String>>], asides: &[Vec<Option<String>>]) -> Identities {
    let objects = objects.iter().filter_map(|row| object(row));
    let asides = asides.iter().filter_map(|row| {
        let [Some(what), value, set, unset] = row.as_slice() else { return None };
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        Some((what.clone(), Aside { value: text(value), set: text(set), unset: text(unset) }))
    });
    Identities { objects: objects.collect(), asides: asides.collect::<BTreeMap<String, Aside>>() }
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
