//! A statement that is no SQL. The server has the last word where there is one.

use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::Evidence;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{History, MigrationFile, ReplayFailure};
use pgsteward_model::place::Place;
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::statement::Statement;

use super::around;

pub(super) static RULE: Rule = Rule {
    id: "sql-syntax-error",
    group: Group::Migration,
    severity: Severity::Error,
    needs: &[Need::History],
    sharper_with: &[Need::Replay],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("sql_syntax_error.md"),
    check,
};

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(history) = &facts.history else { return Vec::new() };
    let mut findings = Vec::new();
    for file in history.judged() {
        if let Some(failure) = refused(history, file) {
            let place = Place::file(facts.sources.range(&file.path, failure.span));
            let message = format!("the server cannot read this statement: {}", failure.error.message);
            findings.push(
                Finding::on_statement(&RULE, &file.name, &fingerprint(file, failure), place, message)
                    .detail("The migration fails before it does anything (error 42601, syntax_error), and the deploy stops.")
                    .hint("correct the statement; where Prisma wrote it, run prisma migrate diff again")
                    .evidence(Evidence::ServerError(failure.error.clone())),
            );
        } else if !ran(history, file) {
            for statement in file.statements.iter().filter(|other| other.statement == Statement::Unparsed) {
                let inside = |at: usize| statement.span.start <= at && at <= statement.span.end;
                let error = file.errors.iter().find(|error| inside(error.span.start));
                let why = error.map_or("it is no SQL", |error| error.message.as_str());
                findings.push(
                    around::finding_here(facts, &RULE, file, statement, format!("this statement cannot be read: {why}"))
                        .detail("A server would refuse it (error 42601, syntax_error), and the deploy would stop.")
                        .hint("correct the statement; with a lab (leave out --no-lab) a server says whether it can read it"),
                );
            }
        }
    }
    findings
}

/// The server's error, where it says what the parser said. The rule on failing migrations leaves these out.
pub(super) fn refused<'a>(history: &'a History, file: &MigrationFile) -> Option<&'a ReplayFailure> {
    let failure = history.replay.as_ref()?.failures.get(&file.name)?;
    (file.judged && !file.errors.is_empty() && failure.error.sqlstate == "42601").then_some(failure)
}

/// A server ran the file: then it is the parser that does not know a form of SQL.
fn ran(history: &History, file: &MigrationFile) -> bool {
    history.replay.as_ref().is_some_and(|replay| {
        let whole = |skipped: &pgsteward_model::migration::Skipped| {
            skipped.file == file.name
                && file.statements.first().is_some_and(|first| skipped.span.contains(first.span))
        };
        !replay.skipped.iter().any(whole)
    })
}

fn fingerprint(file: &MigrationFile, failure: &ReplayFailure) -> String {
    let holds = |span: pgsteward_model::source::Span| {
        span.start <= failure.span.start && failure.span.start <= span.end
    };
    let statement = file.statements.iter().find(|statement| holds(statement.span));
    statement.map(|statement| statement.fingerprint.clone()).unwrap_or_default()
}
