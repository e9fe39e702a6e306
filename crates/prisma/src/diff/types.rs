//! What a change of a column's type means for Prisma: nothing, a `SET DATA TYPE`, or, where it knows no cast,
//! dropping the column and making it anew. Source: the cast table of Prisma's schema engine for PostgreSQL,
//! as recorded by running it. Whether a cast is risky does not reach the SQL, only the warnings.

use pgsteward_model::catalog::{ColumnType, TypeClass};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeChange {
    Same,
    /// True where values may be lost.
    Cast {
        risky: bool,
    },
    Recreate,
}

const SAFE: TypeChange = TypeChange::Cast { risky: false };
const RISKY: TypeChange = TypeChange::Cast { risky: true };

/// Names of the types that Prisma has native types for; all others it calls unsupported.
const KNOWN: [&str; 26] = [
    "smallint",
    "integer",
    "oid",
    "bigint",
    "numeric",
    "money",
    "real",
    "double precision",
    "boolean",
    "text",
    "character varying",
    "character",
    "citext",
    "uuid",
    "xml",
    "inet",
    "bit",
    "bit varying",
    "bytea",
    "timestamp without time zone",
    "timestamp with time zone",
    "date",
    "time without time zone",
    "time with time zone",
    "json",
    "jsonb",
];

/// True for types that Prisma has a name for.
pub(super) fn is_known(ty: &ColumnType) -> bool {
    KNOWN.contains(&ty.name.as_str())
}

pub(super) fn change(before: &ColumnType, after: &ColumnType) -> TypeChange {
    match (before.class == TypeClass::Enum, after.class == TypeClass::Enum) {
        (true, true) if before.name == after.name && before.namespace == after.namespace => {
            return TypeChange::Same;
        }
        (false, false) => {}
        _ => return TypeChange::Recreate,
    }
    match (before.array > 0, after.array > 0) {
        (true, false) if matches!(after.name.as_str(), "text" | "character varying" | "character") => {
            return if after.modifiers.is_empty() { SAFE } else { RISKY };
        }
        (true, false) | (false, true) => return TypeChange::Recreate,
        _ => {}
    }
    match (is_known(before), is_known(after)) {
        (true, true) => native(before, after),
        // Prisma takes two types that it does not know for the same.
        (false, false) => TypeChange::Same,
        _ => RISKY,
    }
}

fn native(before: &ColumnType, after: &ColumnType) -> TypeChange {
    let (from, to) = (before.name.as_str(), after.name.as_str());
    if from == to && (arguments(before) == arguments(after) || same_precision(before, after)) {
        return TypeChange::Same;
    }
    match castable(before, after) {
        true => TypeChange::Cast { risky: risky(before, after) },
        false => TypeChange::Recreate,
    }
}

/// Times without a precision have six digits.
fn arguments(ty: &ColumnType) -> Vec<i32> {
    match ty.modifiers.as_slice() {
        [] if ty.name.starts_with("time") => vec![6],
        modifiers => modifiers.to_vec(),
    }
}

/// A schema that asks for no precision takes what there is.
fn same_precision(before: &ColumnType, after: &ColumnType) -> bool {
    before.name.starts_with("time") && after.modifiers.is_empty()
}

const NUMBERS: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
const TIMES: [&str; 5] = [
    "timestamp without time zone",
    "timestamp with time zone",
    "date",
    "time without time zone",
    "time with time zone",
];

fn castable(before: &ColumnType, after: &ColumnType) -> bool {
    let to = after.name.as_str();
    let length = after.modifiers.first().copied();
    let own = before.modifiers.first().copied();
    let varchar = to == "character varying";
    // `varchar` without a length takes everything; `char` without one is `char(1)`.
    let room = |least: i32| {
        (varchar && length.is_none_or(|length| length >= least))
            || (to == "character" && length.is_some_and(|length| length >= least))
    };
    let text = to == "text";
    let string = text || varchar || to == "character";
    match before.name.as_str() {
        "inet" => text || varchar || to == "citext",
        "money" | "citext" => true,
        "oid" => text || varchar || to == "bigint" || to == "integer",
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => {
            string || NUMBERS.contains(&to)
        }
        "character varying" | "character" => string,
        "text" => string || to == "citext",
        "bytea" => text || room(3),
        "timestamp without time zone" => text || room(23) || TIMES.contains(&to),
        "timestamp with time zone" => text || room(28) || TIMES.contains(&to),
        "date" => text || room(28) || TIMES[..2].contains(&to),
        "time without time zone" => text || room(14) || to == "time with time zone",
        "time with time zone" => text || room(19) || TIMES[3..].contains(&to),
        "boolean" => text || varchar || room(4),
        "bit" => {
            let least = own.unwrap_or(1);
            text || room(least) || (to == "bit varying" && length.is_none_or(|length| length >= least))
        }
        "bit varying" => match own {
            None => string || to == "bit",
            Some(own) => {
                string
                    || (to == "bit varying" && length.is_none_or(|length| length > own))
                    || (to == "bit" && length.is_none_or(|length| length <= own))
            }
        },
        "uuid" => text || room(32),
        "xml" => string,
        "json" => string || to == "jsonb",
        "jsonb" => string || to == "json",
        _ => false,
    }
}

/// Of casts that there are: whether a value may not fit. Lengths are those of the digits or characters that a
/// value of the old type can take.
fn risky(before: &ColumnType, after: &ColumnType) -> bool {
    let to = after.name.as_str();
    let length = after.modifiers.first().copied();
    let own = before.modifiers.first().copied();
    let sized_string = matches!(to, "character varying" | "character") && length.is_some();
    let shorter_than = |least: i32| sized_string && length.is_some_and(|length| length < least);
    let places = |ty: &ColumnType| match ty.modifiers.as_slice() {
        [precision, scale] => Some((*precision, *scale)),
        _ => None,
    };
    let narrower_than = |digits: i32| {
        to == "numeric" && places(after).is_some_and(|(precision, scale)| precision - scale < digits)
    };
    let whole = matches!(to, "smallint" | "integer" | "bigint");
    match before.name.as_str() {
        "money" => !matches!(to, "citext" | "text" | "character varying"),
        "citext" => !matches!(to, "text" | "character varying"),
        "smallint" => narrower_than(3) || shorter_than(4),
        "integer" => to == "smallint" || narrower_than(10) || shorter_than(11),
        "bigint" => matches!(to, "smallint" | "integer") || narrower_than(19) || shorter_than(20),
        "numeric" => match (to, places(before), places(after)) {
            ("real" | "double precision", _, _) => true,
            ("numeric", Some((precision, scale)), Some((next, next_scale))) => {
                precision - scale > next - next_scale || scale > next_scale
            }
            ("numeric", None, Some((precision, scale))) => precision < 131_072 || scale < 16_383,
            (_, None, _) if whole => true,
            (_, Some((precision, scale)), _) if whole => {
                let digits = match to {
                    "smallint" => 2,
                    "integer" => 9,
                    _ => 18,
                };
                scale > 0 || precision > digits
            }
            // A sign, and a point where there are places behind it.
            (_, Some((precision, scale)), _) => shorter_than(precision + 1 + i32::from(scale > 0)),
            (_, None, _) => shorter_than(131_073),
        },
        "real" => whole || to == "numeric" || shorter_than(47),
        "double precision" => whole || matches!(to, "numeric" | "real") || shorter_than(317),
        "character varying" | "character" => sized_string && own.is_none_or(shorter_than),
        "text" | "bytea" | "xml" | "json" | "jsonb" => sized_string,
        "boolean" => to == "character" && length == Some(4),
        "bit varying" => to == "bit" || (sized_string && own.is_none_or(shorter_than)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_those_that_prisma_knows() {
        let ty = |text: &str| pgsteward_sql::types::parse_type(text).unwrap();
        for (before, after, wanted) in [
            ("integer", "int4", TypeChange::Same),
            ("integer", "bigint", SAFE),
            ("bigint", "integer", RISKY),
            ("text", "varchar(3)", RISKY),
            ("text", "uuid", TypeChange::Recreate),
            ("text", "integer", TypeChange::Recreate),
            ("integer", "boolean", TypeChange::Recreate),
            ("timestamp(3)", "timestamptz(3)", SAFE),
            ("timestamp", "timestamp(6)", TypeChange::Same),
            ("timestamp(3)", "timestamp(6)", SAFE),
            ("timestamp(3)", "timestamp", TypeChange::Same),
            ("numeric(65,30)", "numeric(10,2)", RISKY),
            ("text[]", "text", SAFE),
            ("text", "text[]", TypeChange::Recreate),
            ("jsonb", "json", SAFE),
            ("tsvector", "interval", TypeChange::Same),
            ("tsvector", "text", RISKY),
            ("uuid", "varchar(31)", TypeChange::Recreate),
        ] {
            assert_eq!(change(&ty(before), &ty(after)), wanted, "{before} to {after}");
        }
    }
}
