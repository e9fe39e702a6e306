//! A column that is given two values by one statement, which PostgreSQL refuses.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::text::{self, Kind};
use super::{around, shared};

pub(super) static RULE: Rule = Rule {
    id: "column-assigned-twice",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &["squawk:ban-duplicate-column-assignments"],
    page: include_str!("column_assigned_twice.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, _, statement) in around::numbered(facts) {
        let (verb, table, columns, state, condition) = match &statement.statement {
            Statement::Update { table, columns, .. } => ("UPDATE", table, columns, "42601", "syntax_error"),
            Statement::Insert { table, columns, .. } => {
                ("INSERT", table, columns, "42701", "duplicate_column")
            }
            _ => continue,
        };
        let twice = columns
            .iter()
            .enumerate()
            .find(|(at, column)| columns.iter().take(*at).any(|other| other == *column));
        let Some((_, column)) = twice else { continue };
        if has_parts(around::text(facts, file, statement)) {
            continue;
        }
        let relation = shared::touch_of(statement, table)
            .map_or_else(|| table.qualified(), |touch| touch.relation.clone());
        let finding = around::finding(
            facts,
            &RULE,
            file,
            statement,
            around::column_object(&relation, column),
            format!("{verb} gives \"{}.{column}\" two values, which PostgreSQL refuses", relation.display()),
        )
        .detail(format!(
            "The server answers with error {state} ({condition}), and the migration is recorded as failed."
        ))
        .hint("keep the assignment that is meant");
        findings.push(shared::answered(facts, file, statement, state, finding));
    }
    findings
}

/// Elements of an array and fields of a composite may be assigned one by one: `tags[1] = …`, `address.city = …`.
fn has_parts(text: &str) -> bool {
    let tokens = text::tokens(text);
    tokens.windows(2).any(|pair| {
        let [name, symbol] = pair else { return false };
        matches!(name.kind, Kind::Word | Kind::Quoted)
            && symbol.kind == Kind::Symbol
            && text::slice(text, symbol.span) == "["
    }) || tokens.windows(4).any(|part| {
        let [name, dot, field, equals] = part else { return false };
        matches!(name.kind, Kind::Word | Kind::Quoted)
            && text::slice(text, dot.span) == "."
            && matches!(field.kind, Kind::Word | Kind::Quoted)
            && text::slice(text, equals.span) == "="
    })
}
