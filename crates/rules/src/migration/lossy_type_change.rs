//! A change of type that not every value survives.

use pgsteward_model::catalog::{ColumnType, TypeClass};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::AlterAction;

use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "lossy-type-change",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &["prisma:RiskyCast", "strong_migrations:change_column"],
    page: include_str!("lossy_type_change.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for alteration in around::alterations(facts).filter(|found| shared::populated(facts, found.touch)) {
        for action in &alteration.alter.actions {
            let AlterAction::SetType { column, ty, using } = action else { continue };
            let Some(was) = alteration.before().and_then(|table| table.column(column)) else { continue };
            // Whoever writes an expression has thought about the values.
            let plain = using.as_deref().is_none_or(|using| is_plain(using, column));
            if !plain || !alteration.has_old_column(column) {
                continue;
            }
            let Some((what, why)) = loss(&was.ty, ty, using.is_some()) else { continue };
            let table = alteration.table();
            let finding = alteration
                .finding(
                    facts,
                    &RULE,
                    alteration.column(column),
                    format!("changing \"{table}.{column}\" from {} to {ty} {what}", was.ty),
                )
                .detail(why)
                .hint(
                    "count the values that do not fit on the live server first; or add a column of the new type, fill it with \
                     what is right for them, and drop the old one in a later deploy",
                );
            findings.push(around::with_rows(facts, &alteration.touch.relation, finding));
        }
    }
    findings
}

/// The column itself, with a cast or without.
fn is_plain(using: &str, column: &str) -> bool {
    let bare: String =
        using.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"')).collect();
    bare.strip_prefix(column).is_some_and(|rest| {
        rest.is_empty()
            || rest.strip_prefix("::").is_some_and(|cast| {
                cast.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ',' | '.' | ':' | '[' | ']'))
            })
    })
}

type Loss = (&'static str, &'static str);

const OUT_OF_RANGE: Loss = (
    "fails if a value is too large",
    "A value that does not fit makes the statement fail (error 22003, numeric_value_out_of_range), and the deploy stops.",
);
const ROUNDS: Loss = (
    "rounds values without an error",
    "Digits that the new type cannot hold are rounded away in every row, and no rollback of the application brings them back.",
);
const TOO_LONG: Loss = (
    "fails if a text is too long",
    "A longer text makes the statement fail (error 22001, string_data_right_truncation), and the deploy stops.",
);
const CUTS: Loss = (
    "cuts longer texts without an error",
    "An explicit cast to a shorter type cuts the text off; without the cast the server would refuse it.",
);
const NO_SUCH_VALUE: Loss = (
    "fails if a text is no such value",
    "Each text is read as a value of the new type; one that cannot be read makes the statement fail, and the deploy stops.",
);
const TIME_ZONE: Loss = (
    "converts every value in the time zone of the session",
    "PostgreSQL takes the time zone from the session that migrates: if it is not the one the application meant, every value \
     is shifted, without an error.",
);
const TIME_OF_DAY: Loss = (
    "loses the time of day",
    "Only the date is kept, in every row, and no rollback of the application brings the rest back.",
);

/// What a change of type does to values, or none where every value survives it.
fn loss(from: &ColumnType, to: &ColumnType, explicit: bool) -> Option<Loss> {
    // Two enums are an exchange of the type, and arrays are told by their elements.
    if from.array.min(1) != to.array.min(1)
        || from == to
        || (from.class == TypeClass::Enum && to.namespace.is_none())
    {
        return None;
    }
    let (old, new) = (from.modifiers.as_slice(), to.modifiers.as_slice());
    let (old_name, new_name) = (from.name.as_str(), to.name.as_str());
    if let (Some(old_digits), Some(new_digits)) = (integer_digits(old_name), integer_digits(new_name)) {
        return (new_digits < old_digits).then_some(OUT_OF_RANGE);
    }
    if is_time(old_name) || is_time(new_name) {
        return time_loss(old_name, old, new_name, new);
    }
    match (old_name, new_name) {
        ("numeric" | "real" | "double precision", _) if integer_digits(new_name).is_some() => Some(ROUNDS),
        ("numeric" | "double precision", "real") | ("numeric", "double precision") => Some(ROUNDS),
        ("bigint", "real" | "double precision") | ("integer", "real") => Some(ROUNDS),
        ("real" | "double precision", "numeric") => (!new.is_empty()).then_some(ROUNDS),
        ("numeric", "numeric") => numeric_loss(old, new),
        (_, "numeric") => {
            let digits = integer_digits(old_name)?;
            let [precision, scale] = new else { return None };
            (precision - scale < digits).then_some(OUT_OF_RANGE)
        }
        (old_name, new_name) if is_text(old_name) && is_text(new_name) => {
            let shorter = match (old.first(), new.first()) {
                (Some(old), Some(new)) => new < old,
                (None, Some(_)) => true,
                _ => false,
            };
            shorter.then_some(if explicit { CUTS } else { TOO_LONG })
        }
        (old_name, _) if is_text(old_name) && explicit && new_name != "bytea" => Some(NO_SUCH_VALUE),
        _ => None,
    }
}

/// Decimal digits that every value of an integer type needs at most.
fn integer_digits(name: &str) -> Option<i32> {
    match name {
        "smallint" => Some(5),
        "integer" => Some(10),
        "bigint" => Some(19),
        _ => None,
    }
}

fn is_text(name: &str) -> bool {
    matches!(name, "text" | "character varying" | "character" | "citext")
}

fn is_time(name: &str) -> bool {
    name.starts_with("timestamp")
}

fn numeric_loss(old: &[i32], new: &[i32]) -> Option<Loss> {
    match (old, new) {
        (_, []) => None,
        ([old, old_scale], [new, new_scale]) => {
            if new_scale < old_scale {
                Some(ROUNDS)
            } else {
                (new - new_scale < old - old_scale).then_some(OUT_OF_RANGE)
            }
        }
        _ => Some(ROUNDS),
    }
}

fn time_loss(from: &str, old: &[i32], to: &str, new: &[i32]) -> Option<Loss> {
    if is_text(from) {
        return Some(NO_SUCH_VALUE);
    }
    if to == "date" && is_time(from) {
        return Some(TIME_OF_DAY);
    }
    if !(is_time(from) && is_time(to)) {
        return None;
    }
    if from != to {
        return Some(TIME_ZONE);
    }
    let precision = |modifiers: &[i32]| modifiers.first().copied().unwrap_or(6);
    (precision(new) < precision(old)).then_some(ROUNDS)
}
