//! Types of columns, and the types that people make: enums, domains, composite types.

use std::collections::{BTreeMap, HashMap};

use pgsteward_model::catalog::{ColumnType, CompositeType, Domain, Enum, QName, RangeType, TypeClass};
use tokio_postgres::{Error, Row};

use super::column::ColumnsOf;
use super::comment::{PG_CLASS, PG_TYPE};
use super::names::Names;
use super::relation::RelationKind;

pub(super) const SQL: &str = include_str!("type.sql");

/// A type with an id of its own, as columns refer to it.
pub(super) struct UserType {
    /// None where the namespace is hidden or the system's.
    namespace: Option<String>,
    name: String,
    class: TypeClass,
    /// The element type of an array, else 0.
    element: u32,
    of_extension: bool,
}

pub(super) fn user_types(
    rows: &[Row],
    namespaces: &HashMap<u32, String>,
) -> Result<HashMap<u32, UserType>, Error> {
    let mut types = HashMap::with_capacity(rows.len());
    for row in rows {
        let namespace: u32 = row.try_get(2)?;
        let kind: &str = row.try_get(3)?;
        let of_extension: bool = row.try_get(11)?;
        let class = match kind {
            _ if of_extension => TypeClass::Unknown,
            "e" => TypeClass::Enum,
            "d" => TypeClass::Domain,
            "c" => TypeClass::Composite,
            // Range types and base types of people: no table is needed to know what such a column holds.
            _ => TypeClass::Unknown,
        };
        let user_type = UserType {
            namespace: namespaces.get(&namespace).cloned(),
            name: row.try_get(1)?,
            class,
            element: row.try_get(4)?,
            of_extension,
        };
        types.insert(row.try_get(0)?, user_type);
    }
    Ok(types)
}

impl Names {
    /// A type by its id and modifier. `printed` is `format_type(id, modifier)`, needed for the system's
    /// types and wherever there is a modifier.
    pub(super) fn column_type(&self, oid: u32, modifier: i32, printed: Option<&str>) -> ColumnType {
        let printed = printed.unwrap_or("");
        let Some(user_type) = self.types.get(&oid) else { return builtin(printed) };
        let (user_type, array) = match self.types.get(&user_type.element) {
            Some(element) => (element, 1),
            None => (user_type, 0),
        };
        let modifiers = if modifier == -1 { None } else { printed.rsplit_once('(') };
        let mut name = user_type.name.clone();
        let mut numbers = Vec::new();
        if let Some((_, list)) = modifiers {
            let list = list.trim_end_matches("[]").trim_end_matches(')');
            match integers(list) {
                Some(list) => numbers = list,
                // PostGIS: geometry(Point,4326). The words are part of the type.
                None => name = format!("{name}({list})"),
            }
        }
        ColumnType {
            namespace: user_type.namespace.clone(),
            name,
            modifiers: numbers,
            array,
            class: user_type.class,
        }
    }
}

/// A type of the system from the text of `format_type`.
fn builtin(printed: &str) -> ColumnType {
    let (text, array) = match printed.strip_suffix("[]") {
        Some(element) => (element, 1),
        None => (printed, 0),
    };
    let mut name = text.to_owned();
    let mut modifiers = Vec::new();
    if let Some((head, rest)) = text.split_once('(')
        && let Some((list, tail)) = rest.split_once(')')
        && let Some(numbers) = integers(list)
    {
        name = format!("{head}{tail}");
        modifiers = numbers;
    }
    // The keyword bit is quoted where it stands without a length, because BIT alone would be BIT(1).
    if name == "\"bit\"" {
        name = "bit".into();
    }
    let mut ty = ColumnType::builtin(&name, &modifiers);
    ty.array = array;
    ty
}

fn integers(list: &str) -> Option<Vec<i32>> {
    list.split(',').map(|number| number.trim().parse().ok()).collect()
}

#[derive(Default)]
pub(super) struct UserTypes {
    pub(super) domains: BTreeMap<QName, Domain>,
    pub(super) composites: BTreeMap<QName, CompositeType>,
    pub(super) enums: BTreeMap<QName, Enum>,
    pub(super) ranges: BTreeMap<QName, RangeType>,
}

/// The objects that types are; `constraints` holds the checks of domains.
pub(super) fn read(
    rows: &[Row],
    constraints: &[Row],
    names: &Names,
    columns: &ColumnsOf,
) -> Result<UserTypes, Error> {
    let mut checks: HashMap<u32, Vec<(String, String, bool)>> = HashMap::new();
    for row in constraints {
        let domain: u32 = row.try_get(3)?;
        let definition: Option<String> = row.try_get(16)?;
        if let (true, Some(definition)) = (domain != 0, definition) {
            checks.entry(domain).or_default().push((row.try_get(1)?, definition, row.try_get(5)?));
        }
    }
    let mut found = UserTypes::default();
    for row in rows {
        let oid: u32 = row.try_get(0)?;
        let Some(user_type) = names.types.get(&oid) else { continue };
        let Some(namespace) = user_type.namespace.clone() else { continue };
        if user_type.of_extension {
            continue;
        }
        let name = QName::new(namespace, user_type.name.clone());
        let comment = names.comments.of(PG_TYPE, oid);
        match user_type.class {
            TypeClass::Enum => {
                let values = row.try_get::<_, Option<Vec<String>>>(12)?.unwrap_or_default();
                found.enums.insert(name.clone(), Enum { name, values, comment });
            }
            TypeClass::Domain => {
                let base = names.column_type(row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
                let domain = Domain {
                    name: name.clone(),
                    base,
                    not_null: row.try_get(9)?,
                    default: row.try_get(10)?,
                    checks: checks.remove(&oid).unwrap_or_default(),
                    comment,
                };
                found.domains.insert(name, domain);
            }
            TypeClass::Composite => {
                let relation: u32 = row.try_get(5)?;
                // Every table has a row type, too; only the stand-alone ones are objects.
                let Some(row_type) = names.relation(relation) else { continue };
                if row_type.kind != RelationKind::Composite || row_type.of_extension {
                    continue;
                }
                let attributes = columns
                    .get(&relation)
                    .map(|columns| {
                        columns.iter().map(|column| (column.name.clone(), column.ty.clone())).collect()
                    })
                    .unwrap_or_default();
                let comment = comment.or_else(|| names.comments.of(PG_CLASS, relation));
                found.composites.insert(name.clone(), CompositeType { name, attributes, comment });
            }
            TypeClass::Base | TypeClass::Unknown => {
                if let Some(definition) = row.try_get::<_, Option<String>>(13)? {
                    found.ranges.insert(name.clone(), RangeType { name, definition, comment });
                }
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::builtin;

    #[test]
    fn takes_printed_types_apart() {
        for (printed, name, modifiers, array) in [
            ("numeric(65,30)", "numeric", vec![65, 30], 0),
            ("numeric(3,-2)", "numeric", vec![3, -2], 0),
            ("timestamp(3) without time zone", "timestamp without time zone", vec![3], 0),
            ("time(0) with time zone[]", "time with time zone", vec![0], 1),
            ("character varying(20)[]", "character varying", vec![20], 1),
            ("interval day to second(3)", "interval day to second", vec![3], 0),
            ("\"char\"", "\"char\"", vec![], 0),
            ("bit(4)", "bit", vec![4], 0),
            ("bpchar", "bpchar", vec![], 0),
        ] {
            let ty = builtin(printed);
            assert_eq!((ty.name.as_str(), &ty.modifiers, ty.array), (name, &modifiers, array), "{printed}");
            assert_eq!(ty.to_string(), printed);
        }
    }
}
