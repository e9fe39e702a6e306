//! How values of one type become values of another.
//!
//! Facts of `pg_cast` and of the conversions through text that PostgreSQL allows for any type when they are
//! written out (documentation, CREATE CAST, "assignment and explicit casts to string types").

use std::collections::BTreeSet;

use pgsteward_model::catalog::{ColumnType, QName, TypeClass};

use crate::ddl::column_type;
use crate::quote::quote_ident;

/// The expression of `ALTER COLUMN … TYPE … USING`, or none where no value of the one type is one of the other.
/// `exchanged` are the types that are new although their names are old.
pub(super) fn using(
    column: &str,
    from: &ColumnType,
    to: &ColumnType,
    exchanged: &BTreeSet<QName>,
) -> Option<String> {
    let name = quote_ident(column);
    let wanted = column_type(to);
    let element = |ty: &ColumnType| ColumnType { array: 0, ..ty.clone() };
    let way = way(&element(from), &element(to), exchanged)?;
    let brackets = if to.array > 0 { "[]" } else { "" };
    Some(match (from.array > 0, to.array > 0, way) {
        (false, false, Way::Direct) | (true, true, Way::Direct) => format!("{name}::{wanted}"),
        (false, false, Way::Text) | (true, true, Way::Text) => format!("{name}::text{brackets}::{wanted}"),
        (false, true, _) => {
            format!("CASE WHEN {name} IS NULL THEN NULL ELSE ARRAY[{name}::text]::{wanted} END")
        }
        (true, false, _) => format!("({name})[1]::text::{wanted}"),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Text,
}

fn way(from: &ColumnType, to: &ColumnType, exchanged: &BTreeSet<QName>) -> Option<Way> {
    let is_new = |ty: &ColumnType| {
        ty.namespace.as_ref().is_some_and(|namespace| exchanged.contains(&QName::new(namespace, &ty.name)))
    };
    let same = from.namespace == to.namespace && from.name == to.name;
    if same && !is_new(to) {
        return Some(Way::Direct);
    }
    if is_textual(from) || is_textual(to) || same {
        let by_label = |ty: &ColumnType| ty.class == TypeClass::Enum || is_new(ty);
        return Some(if by_label(from) || by_label(to) { Way::Text } else { Way::Direct });
    }
    if from.class == TypeClass::Enum && to.class == TypeClass::Enum {
        return Some(Way::Text);
    }
    if from.class == TypeClass::Domain || to.class == TypeClass::Domain {
        return Some(Way::Text);
    }
    const FAMILIES: &[&[&str]] = &[
        &["smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"],
        &["numeric", "money"],
        &["date", "timestamp without time zone", "timestamp with time zone"],
        &["time without time zone", "time with time zone"],
        &["time without time zone", "interval"],
        &["json", "jsonb"],
        &["boolean", "integer"],
        &["bit", "bit varying", "integer", "bigint"],
        &["inet", "cidr"],
        &["macaddr", "macaddr8"],
        &["xml", "character varying"],
    ];
    let named =
        |ty: &ColumnType, family: &[&str]| ty.namespace.is_none() && family.contains(&ty.name.as_str());
    if FAMILIES.iter().any(|family| named(from, family) && named(to, family)) {
        return Some(Way::Direct);
    }
    // A number or a truth value is a JSON text.
    let scalar = ["smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean"];
    let json = ["json", "jsonb"];
    ((named(from, &scalar) && named(to, &json)) || (named(from, &json) && named(to, &scalar)))
        .then_some(Way::Text)
}

fn is_textual(ty: &ColumnType) -> bool {
    const TEXT: &[&str] = &["text", "character varying", "character", "name", "citext", "bpchar"];
    ty.class != TypeClass::Enum && TEXT.contains(&ty.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_they_say() {
        let plain = |name: &str| ColumnType::builtin(name, &[]);
        let list = |name: &str| ColumnType { array: 1, ..plain(name) };
        let level = ColumnType {
            namespace: Some("public".into()),
            class: TypeClass::Enum,
            ..ColumnType::builtin("Level", &[])
        };
        let none = BTreeSet::new();
        let exchanged = BTreeSet::from([QName::public("Level")]);
        let of = |from: &ColumnType, to: &ColumnType, exchanged| using("a", from, to, exchanged);
        assert_eq!(of(&plain("text"), &plain("integer"), &none).as_deref(), Some("a::integer"));
        assert_eq!(of(&plain("text"), &level, &none).as_deref(), Some("a::text::public.\"Level\""));
        assert_eq!(of(&level, &level, &exchanged).as_deref(), Some("a::text::public.\"Level\""));
        let levels = ColumnType { array: 1, ..level.clone() };
        assert_eq!(of(&levels, &levels, &exchanged).as_deref(), Some("a::text[]::public.\"Level\"[]"));
        assert_eq!(of(&list("text"), &plain("text"), &none).as_deref(), Some("(a)[1]::text::text"));
        assert_eq!(of(&plain("integer"), &plain("timestamp without time zone"), &none), None);
        assert_eq!(of(&plain("integer"), &level, &none), None);
        assert_eq!(of(&plain("integer"), &plain("jsonb"), &none).as_deref(), Some("a::text::jsonb"));
        assert_eq!(of(&plain("bigint"), &plain("integer"), &none).as_deref(), Some("a::integer"));
    }
}
