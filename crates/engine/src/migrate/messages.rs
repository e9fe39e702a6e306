//! The longer texts: what a failed migration says in the history and on the terminal.

use pgsteward_model::migration::ServerError;

use super::project::MigrationFolder;
use super::regime::FilePlan;

/// Stands before the line of a failed statement. Prisma's own words for it are others.
pub(super) const PLACE: &str = "\n\nPosition: line ";

/// Where a position in a statement's text lies in the file: line and column, both 1-based.
pub(super) fn place_of(
    plan: &FilePlan,
    statement: Option<usize>,
    error: &ServerError,
) -> Option<(u32, usize)> {
    let planned = plan.statements.get(statement?)?;
    let Some(position) = error.position else { return Some((planned.line, 1)) };
    let before: String = planned.sql.chars().take(position.saturating_sub(1) as usize).collect();
    let lines = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Some((planned.line + u32::try_from(lines).unwrap_or(0), column))
}

/// What P3018 says, and what the row keeps in `logs`: Prisma's heads with our own place and window.
pub(super) fn failed_migration(
    folder: &MigrationFolder,
    plan: &FilePlan,
    error: &ServerError,
    statement: Option<usize>,
) -> String {
    let mut text = format!(
        "A migration failed to apply. New migrations cannot be applied before the error is recovered from. Read more \
         about how to resolve migration issues in a production database: https://pris.ly/d/migrate-resolve\n\n\
         Migration name: {}\n\nDatabase error code: {}\n\nDatabase error:\nERROR: {}",
        folder.name, error.sqlstate, error.message
    );
    if let Some(detail) = &error.detail {
        text.push_str(&format!("\nDETAIL: {detail}"));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("\nHINT: {hint}"));
    }
    if let Some((line, column)) = place_of(plan, statement, error) {
        text.push_str(&format!("{PLACE}{line}, column {column}\n{}", window(folder, line)));
    }
    text
}

/// Two lines before and after, numbered.
fn window(folder: &MigrationFolder, line: u32) -> String {
    let line = line as usize;
    let first = line.saturating_sub(2).max(1);
    let lines = folder.script().lines().enumerate().skip(first - 1).take(line + 3 - first);
    lines
        .map(|(at, text)| {
            let mark = if at + 1 == line { ">" } else { " " };
            format!("{mark}{:4} {}", at + 1, text.chars().take(200).collect::<String>())
        })
        .collect::<Vec<_>>()
        .join("\n")
}
