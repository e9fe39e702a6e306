//! `checks.sql` beside a migration: what must hold of the data before and after it.
//!
//! The file has two sections, `-- before` and `-- after`. Each statement is a query that must return no rows, or one
//! row with the single value true. It runs read-only: whatever it calls, nothing it writes lasts.

use std::path::{Path, PathBuf};

use pgsteward_model::migrate::deploy::{CheckOutcome, DataCheck};
use pgsteward_model::migration::ServerError;
use pgsteward_model::source::SourceFile;
use pgsteward_model::statement::Statement;
use pgsteward_pg::{LabSession, WriteSession};

use super::error::{MigrateError, words};
use super::project::{MigrationFolder, read_utf8};

/// The SQLSTATE of a check that does not hold, among the errors of a run: `assert_failure`.
pub(super) const VIOLATED: &str = "P0004";

/// So many rows of a violated check are shown, by their first value.
const SHOWN: usize = 5;

/// The checks of one migration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    pub path: PathBuf,
    pub before: Vec<Check>,
    pub after: Vec<Check>,
}

impl Checks {
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Without its semicolon.
    pub sql: String,
    /// 1-based line in `checks.sql`.
    pub line: u32,
}

/// Where checks lie: `checks.sql` in the folder of a Prisma migration, `NAME.checks.sql` beside a plain file.
pub fn path_of(folder: &MigrationFolder) -> PathBuf {
    let beside = folder.file.parent().unwrap_or(Path::new("."));
    match folder.file.file_name().is_some_and(|name| name == "migration.sql" || name == "up.sql") {
        true => beside.join("checks.sql"),
        false => beside.join(format!("{}.checks.sql", folder.name)),
    }
}

/// The checks of a migration; none where there is no such file. An error where it is not understood: a check that is
/// passed over in silence is none.
pub fn read(folder: &MigrationFolder) -> Result<Checks, MigrateError> {
    let path = path_of(folder);
    if !path.is_file() {
        return Ok(Checks { path, ..Checks::default() });
    }
    parse(&path, &read_utf8(&path)?)
}

fn parse(path: &Path, text: &str) -> Result<Checks, MigrateError> {
    let wrong = |line: u32, what: &str, hint: &str| {
        Err(MigrateError::new(format!("line {line} of \"{}\": {what}; nothing was run", path.display()))
            .with_hint(hint))
    };
    let mut checks = Checks { path: path.to_owned(), ..Checks::default() };
    let source = SourceFile::new("checks.sql", text);
    let parsed = pgsteward_sql::parse(text);
    if let Some(error) = parsed.errors.first() {
        return wrong(source.position(error.span.start).line, &error.message, "correct the query");
    }
    let sections = sections(text);
    for one in &parsed.statements {
        let line = source.position(one.span.start).line;
        let sql = source.slice(one.span).trim_end().trim_end_matches(';').to_owned();
        if !is_query(&one.statement, &sql) {
            return wrong(
                line,
                "a check is a query (SELECT, VALUES, WITH)",
                "write what must hold as a query",
            );
        }
        let check = Check { sql, line };
        match sections.iter().rfind(|(begins, _)| *begins < line).map(|(_, section)| *section) {
            Some(Section::Before) => checks.before.push(check),
            Some(Section::After) => checks.after.push(check),
            None => {
                return wrong(
                    line,
                    "the query stands in no section",
                    "begin the sections with lines that say -- before and -- after",
                );
            }
        }
    }
    Ok(checks)
}

#[derive(Clone, Copy)]
enum Section {
    Before,
    After,
}

/// Lines that begin a section.
fn sections(text: &str) -> Vec<(u32, Section)> {
    let section = |line: &str| {
        let word = line.trim().strip_prefix("--")?.trim().trim_end_matches(':').to_lowercase();
        match word.as_str() {
            "before" => Some(Section::Before),
            "after" => Some(Section::After),
            _ => None,
        }
    };
    (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, section(line)?))).collect()
}

fn is_query(statement: &Statement, sql: &str) -> bool {
    let first = sql.trim_start_matches('(').split_whitespace().next().unwrap_or_default().to_lowercase();
    matches!(statement, Statement::Select { .. })
        || matches!(first.as_str(), "select" | "values" | "with" | "table")
}

/// Runs text on a server and returns its rows.
pub(crate) trait Asked {
    async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ServerError>;
}

impl Asked for WriteSession {
    async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ServerError> {
        self.rows(sql).await
    }
}

impl Asked for LabSession {
    async fn ask(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ServerError> {
        self.rows(sql).await
    }
}

/// Whether the checks run in a transaction that is open already, and stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    Nothing,
    Transaction,
}

/// Runs checks one after the other; all of them, also after one that does not hold. `word` is the section. The
/// error is the connection's; that of a query is an outcome.
pub(crate) async fn run(
    session: &impl Asked,
    checks: &[Check],
    word: &str,
    around: Around,
) -> Result<Vec<DataCheck>, ServerError> {
    let mut done = Vec::with_capacity(checks.len());
    let (begin, end) = match around {
        Around::Nothing => ("BEGIN READ ONLY", "ROLLBACK"),
        // A savepoint's settings go with it, so the transaction may write again afterwards.
        Around::Transaction => (
            "SAVEPOINT pgsteward_check; SET TRANSACTION READ ONLY",
            "ROLLBACK TO SAVEPOINT pgsteward_check; RELEASE SAVEPOINT pgsteward_check",
        ),
    };
    for check in checks {
        session.ask(begin).await?;
        let answer = session.ask(&check.sql).await;
        session.ask(end).await?;
        let text: String =
            check.sql.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(100).collect();
        let outcome = match answer {
            Ok(rows) => judge(&rows),
            Err(error) => CheckOutcome::Unknown { why: words(&error) },
        };
        done.push(DataCheck {
            what: format!("violations of checks.sql ({word}): {text}"),
            line: check.line,
            outcome,
        });
    }
    Ok(done)
}

/// No rows, or a single true.
fn judge(rows: &[Vec<Option<String>>]) -> CheckOutcome {
    match rows {
        [] => CheckOutcome::Passed,
        [row] if matches!(row.as_slice(), [Some(value)] if value == "t") => CheckOutcome::Passed,
        _ => CheckOutcome::Violated {
            rows: rows.len() as u64,
            keys: rows
                .iter()
                .take(SHOWN)
                .filter_map(|row| row.first())
                .map(|value| value.clone().unwrap_or_else(|| "NULL".into()))
                .collect(),
        },
    }
}

/// What does not hold, in one sentence; none where everything does. A query that fails counts: nobody knows then.
pub(crate) fn violation(checks: &[DataCheck]) -> Option<String> {
    let said: Vec<String> = checks
        .iter()
        .filter_map(|check| match &check.outcome {
            CheckOutcome::Passed => None,
            CheckOutcome::Violated { rows, keys } => {
                let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
                Some(format!("line {} returns {rows} ({})", check.line, keys.join(", ")))
            }
            CheckOutcome::Unknown { why } => Some(format!("line {} fails: {why}", check.line)),
        })
        .collect();
    (!said.is_empty()).then(|| format!("its checks.sql does not hold: {}", said.join("; ")))
}

/// The checks that come before a migration, on the user's server. An error says that nothing of it was run.
pub(super) async fn before(
    session: &WriteSession,
    folder: &MigrationFolder,
    checks: &Checks,
) -> Result<Vec<DataCheck>, MigrateError> {
    let done = run(session, &checks.before, "before", Around::Nothing)
        .await
        .map_err(|error| MigrateError::server("run the checks", &error))?;
    match violation(&done) {
        None => Ok(done),
        Some(what) => Err(MigrateError::new(format!(
            "the migration \"{}\" was not applied: {what} (before); nothing of it was run",
            folder.name
        ))
        .with_hint("correct the data that the check names, then deploy again")),
    }
}

/// A violation as an error of the run.
pub(super) fn as_error(what: String) -> ServerError {
    ServerError { sqlstate: VIOLATED.into(), message: format!("{what} (after)"), ..ServerError::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_lines_are_read_and_nothing_is_passed_over() {
        let text = "-- About money.\n-- Before:\nSELECT id FROM a WHERE b < 0;\n\n--after\nSELECT count(*) = 0\n  FROM a;\nVALUES (true);\n";
        let checks = parse(Path::new("checks.sql"), text).unwrap();
        assert_eq!(checks.before.iter().map(|check| check.line).collect::<Vec<_>>(), [3]);
        assert_eq!(checks.after.iter().map(|check| check.line).collect::<Vec<_>>(), [6, 8]);
        assert_eq!(checks.after[1].sql, "VALUES (true)");
        for (text, said) in [
            ("SELECT 1;", "stands in no section"),
            ("-- before\nDELETE FROM a;", "a check is a query"),
            ("-- before\nSELECT FROM WHERE;", "line 2"),
        ] {
            let error = parse(Path::new("checks.sql"), text).unwrap_err();
            assert!(error.message.contains(said) && error.message.contains("nothing was run"), "{error:?}");
        }
    }

    #[test]
    fn no_rows_and_a_single_true_hold() {
        let row =
            |values: &[Option<&str>]| values.iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(judge(&[]), CheckOutcome::Passed);
        assert_eq!(judge(&[row(&[Some("t")])]), CheckOutcome::Passed);
        for rows in [vec![row(&[Some("f")])], vec![row(&[None])], vec![row(&[Some("t"), Some("t")])]] {
            assert!(matches!(judge(&rows), CheckOutcome::Violated { rows: 1, .. }), "{rows:?}");
        }
        let many: Vec<_> = (0..9).map(|id| row(&[Some(&id.to_string())])).collect();
        assert!(matches!(judge(&many), CheckOutcome::Violated { rows: 9, keys } if keys.len() == SHOWN));
    }
}
