//! How values of one type become values of another, and which rows hold one that reads otherwise then: what a cast cuts, rounds
//! or leaves out is for people to judge.
//!
//! Facts of the documentation of PostgreSQL: "Date/Time Types" (a `timestamp` takes no notice of a time zone that its text names,
//! a `timestamptz` takes that of the session where none is named, what is no ISO 8601 depends on DateStyle), "Numeric Types".

use pgsteward_model::catalog::{ColumnType, TypeClass};
use pgsteward_sql::{ddl, quote_ident, quote_literal};

/// The conversion of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conversion {
    /// None where an assignment does it, which cuts nothing short.
    pub(super) using: Option<String>,
    /// Rows whose value reads otherwise; none where no row can have one.
    pub(super) doubt: Option<String>,
}

impl Conversion {
    /// The same where rows without a value get the column's default. An expression casts, which cuts what an assignment refuses, and
    /// the default has to be of the column's type, or the value may go over the default's (`CURRENT_TIMESTAMP`, an hour that no clock
    /// shows).
    pub(super) fn or_default(
        self,
        column: &str,
        from: &ColumnType,
        to: &ColumnType,
        default: &str,
    ) -> Conversion {
        let ty = ddl::column_type(to);
        let (value, doubt) = match self.using {
            Some(using) => (using, self.doubt),
            None => {
                let cast = format!("{}::{ty}", quote_ident(column));
                let cut = ddl::changed(column, from, to, &cast);
                (cast, cut)
            }
        };
        Conversion { using: Some(format!("coalesce({value}, ({default})::{ty})")), doubt }
    }
}

/// None where PostgreSQL turns no value of the one type into one of the other.
pub(super) fn conversion(column: &str, from: &ColumnType, to: &ColumnType) -> Option<Conversion> {
    let using = ddl::converted(column, from, to)?;
    let listed = from.array > 0 || to.array > 0;
    if is_textual(to) && !listed {
        return Some(Conversion::default());
    }
    let name = quote_ident(column);
    let differs = |re: String| Some(format!("{name} !~ {}", quote_literal(&re)));
    let doubt = match to.name.as_str() {
        _ if !is_textual(from) || listed || to.namespace.is_some() => ddl::changed(column, from, to, &using),
        "numeric" if to.modifiers.is_empty() => None,
        "numeric" => Some(format!("{name}::numeric IS DISTINCT FROM {using}")),
        "real" | "double precision" => Some(format!("{name}::numeric IS DISTINCT FROM ({using})::numeric")),
        "date" => differs(format!("^{DAY}$")),
        "timestamp without time zone" => differs(format!("^{DAY}([T ]{}(Z|[+-]00(:?00)?)?)?$", time(to))),
        "timestamp with time zone" => differs(format!("^{DAY}[T ]{}(Z|[+-]\\d\\d(:?\\d\\d)?)$", time(to))),
        _ => ddl::changed(column, from, to, &using),
    };
    Some(Conversion { using: Some(using), doubt })
}

const DAY: &str = r"\d{4}-\d\d-\d\d";

/// A time of day with no more digits than the type keeps.
fn time(to: &ColumnType) -> String {
    let fraction = match to.modifiers.first() {
        Some(0) => String::new(),
        digits => format!(r"\d{{1,{}}}", digits.unwrap_or(&6)),
    };
    format!(r"\d\d:\d\d(:\d\d(\.{fraction}0*)?)?")
}

/// What people may write where none is known, as far as it can be guessed.
pub(super) fn example(column: &str, from: &ColumnType, to: &ColumnType) -> Option<String> {
    const NUMBERS: [&str; 6] = ["smallint", "integer", "bigint", "numeric", "real", "double precision"];
    let name = quote_ident(column);
    if from.array > 0 || to.array > 0 {
        return None;
    }
    let number = |ty: &ColumnType| NUMBERS.contains(&ty.name.as_str());
    match (from.name.as_str(), to.name.as_str()) {
        (_, "timestamp without time zone") if number(from) => {
            Some(format!("to_timestamp({name}) AT TIME ZONE 'UTC' where they are seconds since 1970"))
        }
        (_, "timestamp with time zone") if number(from) => {
            Some(format!("to_timestamp({name}) where they are seconds since 1970"))
        }
        ("timestamp without time zone" | "timestamp with time zone" | "date", _) if number(to) => {
            Some(format!("extract(epoch FROM {name}) for seconds since 1970"))
        }
        ("boolean", _) if number(to) => Some(format!("{name}::integer")),
        (_, "boolean") if number(from) => Some(format!("{name} <> 0")),
        (_, "json" | "jsonb") => Some(format!("to_jsonb({name})")),
        _ => None,
    }
}

fn is_textual(ty: &ColumnType) -> bool {
    const TEXT: [&str; 5] = ["text", "character varying", "character", "bpchar", "citext"];
    ty.class != TypeClass::Enum && TEXT.contains(&ty.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_read_otherwise_are_doubted() {
        let plain = |name: &str| ColumnType::builtin(name, &[]);
        let of = |from: &ColumnType, to: &ColumnType| conversion("x", from, to).unwrap();
        let whole = of(&plain("text"), &plain("integer"));
        assert_eq!(whole.using.as_deref(), Some("x::integer"));
        assert!(whole.doubt.unwrap().contains("(x)::text COLLATE \"C\" IS DISTINCT FROM"));
        let money = of(&plain("text"), &ColumnType::builtin("numeric", &[65, 30]));
        assert_eq!(money.doubt.as_deref(), Some("x::numeric IS DISTINCT FROM x::numeric(65,30)"));
        let time = of(&plain("text"), &ColumnType::builtin("timestamp without time zone", &[3]));
        let iso = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,3}0*)?)?(Z|[+-]00(:?00)?)?)?$";
        assert_eq!(time.doubt, Some(format!("x !~ {}", quote_literal(iso))));
        let level = ColumnType { namespace: Some("public".into()), class: TypeClass::Enum, ..plain("Level") };
        let named = Conversion { using: Some("x::text::public.\"Level\"".into()), doubt: None };
        assert_eq!(of(&plain("text"), &level), named);
        assert_eq!(of(&level, &plain("text")), Conversion::default());
        assert!(of(&plain("integer"), &plain("boolean")).doubt.is_some());
        assert_eq!(conversion("x", &plain("integer"), &plain("timestamp without time zone")), None);
    }

    #[test]
    fn a_default_beside_it_changes_no_value() {
        let plain = |name: &str| ColumnType::builtin(name, &[]);
        let (text, short) = (plain("text"), ColumnType::builtin("character varying", &[3]));
        let cut = conversion("x", &text, &short).unwrap().or_default("x", &text, &short, "'a'");
        assert_eq!(
            cut.using.as_deref(),
            Some("coalesce(x::character varying(3), ('a')::character varying(3))")
        );
        assert!(cut.doubt.unwrap().contains("IS DISTINCT FROM (x::character varying(3))::text"));
        let long = conversion("x", &short, &text).unwrap().or_default("x", &short, &text, "'a'");
        assert_eq!(long.doubt, None);
        let time = plain("timestamp without time zone");
        let of = conversion("x", &text, &time).unwrap();
        let now = of.clone().or_default("x", &text, &time, "CURRENT_TIMESTAMP");
        assert!(now.using.unwrap().ends_with("(CURRENT_TIMESTAMP)::timestamp without time zone)"));
        assert_eq!(now.doubt, of.doubt);
    }

    #[test]
    fn what_people_may_mean_is_said() {
        let plain = |name: &str| ColumnType::builtin(name, &[]);
        let of = |from: &str, to: &str| example("x", &plain(from), &plain(to)).unwrap_or_default();
        assert!(of("bigint", "timestamp without time zone").starts_with("to_timestamp(x)"));
        assert!(of("boolean", "numeric").starts_with("x::integer"));
        assert_eq!(of("uuid", "integer"), "");
    }
}
