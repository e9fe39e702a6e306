//! What a change of a column's type means for Prisma: nothing, a `SET DATA TYPE`, or, where it knows no cast,
//! dropping the column and making it anew. Source: the cast table of Prisma's schema engine for PostgreSQL,
//! as recorded by running it; its distinction of safe and risky casts does not reach the SQL.

use pgsteward_model::catalog::{ColumnType, TypeClass};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TypeChange {
    Same,
    Cast,
    Recreate,
}

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

fn known(ty: &ColumnType) -> bool {
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
            return TypeChange::Cast;
        }
        (true, false) | (false, true) => return TypeChange::Recreate,
        _ => {}
    }
    match (known(before), known(after)) {
        (true, true) => native(before, after),
        // Prisma takes two types that it does not know for the same.
        (false, false) => TypeChange::Same,
        _ => TypeChange::Cast,
    }
}

fn native(before: &ColumnType, after: &ColumnType) -> TypeChange {
    let (from, to) = (before.name.as_str(), after.name.as_str());
    if from == to && (arguments(before) == arguments(after) || same_precision(before, after)) {
        return TypeChange::Same;
    }
    if castable(before, after) { TypeChange::Cast } else { TypeChange::Recreate }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_are_those_that_prisma_knows() {
        let ty = |text: &str| pgsteward_sql::types::parse_type(text).unwrap();
        for (before, after, wanted) in [
            ("integer", "int4", TypeChange::Same),
            ("integer", "bigint", TypeChange::Cast),
            ("bigint", "integer", TypeChange::Cast),
            ("text", "varchar(3)", TypeChange::Cast),
            ("text", "uuid", TypeChange::Recreate),
            ("text", "integer", TypeChange::Recreate),
            ("integer", "boolean", TypeChange::Recreate),
            ("timestamp(3)", "timestamptz(3)", TypeChange::Cast),
            ("timestamp", "timestamp(6)", TypeChange::Same),
            ("timestamp(3)", "timestamp(6)", TypeChange::Cast),
            ("timestamp(3)", "timestamp", TypeChange::Same),
            ("numeric(65,30)", "numeric(10,2)", TypeChange::Cast),
            ("text[]", "text", TypeChange::Cast),
            ("text", "text[]", TypeChange::Recreate),
            ("jsonb", "json", TypeChange::Cast),
            ("tsvector", "interval", TypeChange::Same),
            ("tsvector", "text", TypeChange::Cast),
            ("uuid", "varchar(31)", TypeChange::Recreate),
        ] {
            assert_eq!(change(&ty(before), &ty(after)), wanted, "{before} to {after}");
        }
    }
}
