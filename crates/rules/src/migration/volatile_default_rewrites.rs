//! `ADD COLUMN … DEFAULT` with a value that differs from row to row: the table is written anew.

use pgsteward_model::change::{Fix, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::{AddColumn, AlterAction, AlterTable};
use pgsteward_sql::quote_ident;

use super::rewrite::Rewrite;
use super::shared::{self, Cost, Hit};
use super::text::{self, Alter, Kind};
use super::undo;

pub(super) static RULE: Rule = Rule {
    id: "volatile-default-rewrites",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[
        "squawk:adding-field-with-default",
        "strong_migrations:add_column_default_callable",
        "atlas:PG302",
        "pgfence:add-column-non-constant-default",
    ],
    page: include_str!("volatile_default_rewrites.md"),
    check,
};

/// Functions that give one value for the whole statement, so that a default keeps it in the catalog.
/// Source: `pg_proc.provolatile` of PostgreSQL 15.
const NOT_VOLATILE: &[&str] = &[
    "now",
    "transaction_timestamp",
    "statement_timestamp",
    "current_setting",
    "current_database",
    "to_timestamp",
    "to_date",
    "to_char",
    "to_json",
    "to_jsonb",
    "json_build_object",
    "json_build_array",
    "jsonb_build_object",
    "jsonb_build_array",
    "date_trunc",
    "make_date",
    "make_interval",
    "timezone",
    "array_fill",
    "cast",
    "coalesce",
    "greatest",
    "least",
    "nullif",
    "lower",
    "upper",
    "md5",
    "repeat",
    "concat",
    "decode",
    "encode",
];

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (hit, alter, at, action) in shared::actions(facts) {
        let AlterAction::AddColumn { column: added, if_not_exists } = action else { continue };
        let Some(default) = added.column.default.as_deref() else { continue };
        if hit.touch.rewrite.is_none()
            || added.serial
            || added.column.identity.is_some()
            || !may_be_volatile(default)
        {
            continue;
        }
        let (column, table) = (&added.column.name, hit.table());
        let mut finding = hit
            .finding(
                &RULE,
                Cost::Work,
                hit.column(column),
                format!("adding \"{table}.{column}\" with the default {default} writes all of \"{table}\" anew"),
                &format!(
                    "The default gives each row a value of its own, so the table and its indexes are rewritten under {}. \
                     A constant default costs nothing.",
                    hit.touch.lock
                ),
            )
            .hint("add the column without a default, set the default, and fill the old rows in batches");
        if !if_not_exists && let Some(fix) = in_steps(hit, alter, at, added) {
            finding = finding.fix(fix);
        }
        findings.push(finding);
    }
    findings
}

/// Whether the expression calls a function that is not known to give the same value for all rows.
fn may_be_volatile(expression: &str) -> bool {
    let tokens = text::tokens(expression);
    tokens.iter().enumerate().any(|(at, token)| {
        let called = tokens.get(at + 1).is_some_and(|next| text::slice(expression, next.span) == "(");
        let cast = at.checked_sub(1).and_then(|at| tokens.get(at)).is_some_and(|previous| {
            text::slice(expression, previous.span) == ":" || text::is_word(expression, *previous, "AS")
        });
        let name = text::slice(expression, token.span);
        token.kind == Kind::Word
            && called
            && !cast
            && !NOT_VOLATILE.iter().any(|known| name.eq_ignore_ascii_case(known))
    })
}

/// Two actions instead of one: a default that comes after its column fills no row. The rows that are there keep NULL until a person fills them.
fn in_steps(hit: Hit<'_>, alter: &AlterTable, at: usize, added: &AddColumn) -> Option<Fix> {
    if added.column.not_null || !added.constraints.is_empty() {
        return None;
    }
    let column = &added.column.name;
    let rewrite = Rewrite::of(hit.facts, hit.file, hit.statement, &[])?;
    let parts = Alter::parse(rewrite.text(), alter.actions.len())?;
    let action = parts.action(at);
    // Without other clauses of the column, the default is what ends the action.
    let tokens = text::tokens(action);
    let default = tokens.iter().find(|token| text::is_word(action, **token, "DEFAULT"))?;
    let expression = action.get(default.span.end..)?.trim();
    if tokens.iter().any(|token| text::is_word(action, *token, "NULL")) {
        return None;
    }
    let bare = action.get(..default.span.start)?.trim_end();
    let here = parts
        .replace(at, &format!("{bare},\nALTER COLUMN {} SET DEFAULT {expression}", quote_ident(column)))?;
    let title = format!("add \"{column}\" without its default, then set the default for new rows");
    let mut fix = rewrite.fix(title, Some(here), Vec::new(), undo::of_alter(hit, alter));
    fix.change.steps.push(Step::Wait {
        until: format!("the rows of \"{}\" that were there before are filled in batches", hit.table()),
    });
    Some(fix)
}

#[cfg(test)]
mod tests {
    use super::may_be_volatile;

    #[test]
    fn calls_are_volatile_unless_known_better() {
        for expression in ["gen_random_uuid()", "uuid_generate_v4()", "'x' || random()", "clock_timestamp()"]
        {
            assert!(may_be_volatile(expression), "{expression}");
        }
        for expression in
            ["now()", "CURRENT_TIMESTAMP", "'a (b)'::varchar(10)", "CAST('1' AS numeric(10,2))", "'{}'"]
        {
            assert!(!may_be_volatile(expression), "{expression}");
        }
    }
}
