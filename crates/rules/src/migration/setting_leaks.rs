//! `SET` without `RESET`: the runner applies all migrations in one session, so the setting goes on to the next ones.

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{Layout, MigrationFile, MigrationStatement};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;
use pgsteward_model::statement::Statement;
use pgsteward_sql::quote_ident;

use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "setting-leaks",
    group: Group::Migration,
    severity: Severity::Warning,
    needs: &[Need::History],
    sharper_with: &[],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("setting_leaks.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = facts.history.as_ref().filter(|history| history.layout == Layout::Prisma) else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for file in history.judged() {
        let leaks = leaks(file);
        let Some((statement, _)) = leaks.first() else { continue };
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in &leaks {
            if !names.contains(name) {
                names.push(name);
            }
        }
        let place = Place::file(facts.sources.range(&file.path, statement.span));
        let mut finding = Finding::on_statement(
            &RULE,
            &file.name,
            &statement.fingerprint,
            place,
            format!("{} stays set for the migrations that follow", quoted_list(&names)),
        )
        .detail(
            "Prisma applies all pending migrations in one session, and SET lasts as long as the session: whether a later \
             migration runs under it depends on which ones are deployed together.",
        )
        .hint("RESET it at the end of the file, or use SET LOCAL where the file is one transaction");
        if let Some(fix) = reset_at_end(facts, file, &names) {
            finding = finding.fix(fix);
        }
        findings.push(finding);
    }
    findings
}

/// Settings that still hold when the file ends, with the statement that set them.
fn leaks(file: &MigrationFile) -> Vec<(&MigrationStatement, &str)> {
    let mut open: Vec<(&MigrationStatement, &str)> = Vec::new();
    for statement in &file.statements {
        match &statement.statement {
            Statement::Set { name, value, local: false } => {
                open.retain(|(_, other)| !other.eq_ignore_ascii_case(name));
                // A transaction's own settings end with it.
                let own = name.to_ascii_lowercase().starts_with("transaction");
                if !own && !value.eq_ignore_ascii_case("default") {
                    open.push((statement, name));
                }
            }
            Statement::Reset { name: None } => open.clear(),
            Statement::Reset { name: Some(name) } => {
                open.retain(|(_, other)| !other.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
    }
    open
}

fn reset_at_end(facts: &Facts, file: &MigrationFile, names: &[&str]) -> Option<Fix> {
    let source = facts.sources.get(&file.path)?;
    // SET ROLE and the like have forms of their own.
    let plain = |name: &&str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'));
    if !names.iter().all(plain) {
        return None;
    }
    let end = source.text.len();
    let last = file.statements.last()?;
    let semicolon = if source.text.get(last.span.end..)?.contains(';') { "" } else { ";" };
    let gap = if source.text.ends_with('\n') { "\n" } else { "\n\n" };
    let resets: Vec<String> = names
        .iter()
        .map(|name| {
            let parts: Vec<String> = name.split('.').map(quote_ident).collect();
            format!("RESET {};\n", parts.join("."))
        })
        .collect();
    let text = format!("{semicolon}{gap}{}", resets.concat());
    let added = Span::new(end, end + text.len());
    let edit = |edit: TextEdit| {
        vec![Step::Edit(FileEdit { file: file.path.clone(), action: EditAction::Replace(vec![edit]) })]
    };
    Some(Fix {
        title: format!("reset {} at the end of the file", quoted_list(names)),
        safety: Safety::Manual,
        change: Change {
            steps: edit(TextEdit { span: Span::new(end, end), text }),
            rollback: Rollback::Steps(edit(TextEdit { span: added, text: String::new() })),
        },
    })
}
