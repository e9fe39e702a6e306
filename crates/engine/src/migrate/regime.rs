//! How the statements of a file are committed: all together where PostgreSQL allows it, one by one where not, with
//! the reason in words. Pure; what the server thinks of it shows when the file runs.

use pgsteward_model::catalog::QName;
use pgsteward_model::effect::Age;
use pgsteward_model::migrate::deploy::{FileRegime, Lock, StatementRun};
use pgsteward_model::migration::MigrationStatement;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::source::SourceFile;
use pgsteward_model::statement::{AlterEnum, Name, Statement};
use pgsteward_sql::AnalyzedFile;

use super::error::MigrateError;
use super::project::MigrationFolder;

/// A file, ready to run.
#[derive(Clone, Debug)]
pub struct FilePlan {
    pub regime: FileRegime,
    /// Why it is not atomic.
    pub because: Option<String>,
    /// What is committed together, in order.
    pub units: Vec<Unit>,
    pub statements: Vec<Planned>,
    /// The file sets these itself, so they are left to it.
    pub sets_lock_timeout: bool,
    pub sets_statement_timeout: bool,
    /// Settings that would have outlived the file: `search_path`.
    pub settings: Vec<String>,
    /// The file may change who the session acts as.
    pub changes_role: bool,
    /// Tables that the file makes: nobody else can wait for them.
    pub created: Vec<String>,
}

impl FilePlan {
    /// Nothing in the file can change the session for the files after it: it only makes, alters and drops objects
    /// that stay.
    pub fn leaves_session_alone(&self) -> bool {
        self.statements.iter().all(|planned| match &planned.statement {
            Statement::CreateTable(create) => !create.temporary && !create.from_query,
            Statement::AlterTable(_)
            | Statement::CreateIndex(_)
            | Statement::CreateEnum { .. }
            | Statement::AlterEnum { .. }
            | Statement::Drop { .. }
            | Statement::Comment { .. } => true,
            _ => false,
        })
    }
}

/// What is committed together; statements by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// One statement that may run in a transaction of ours.
    One(usize),
    /// One statement that refuses transactions.
    Alone(usize),
    /// `BEGIN` at `from` to `COMMIT` or `ROLLBACK` at `to`, both of the file's own.
    Block { from: usize, to: usize },
}

impl Unit {
    /// Index behind the last statement.
    pub fn end(self) -> usize {
        match self {
            Unit::One(at) | Unit::Alone(at) => at + 1,
            Unit::Block { to, .. } => to + 1,
        }
    }
}

#[derive(Clone, Debug)]
pub struct Planned {
    /// The statement's text without its semicolon and leading comments.
    pub sql: String,
    pub line: u32,
    pub statement: Statement,
    /// How long it may take, where we set a limit of our own.
    pub kind: Kind,
    pub predicted: Vec<Lock>,
    pub work: Vec<String>,
}

impl Planned {
    /// Others may feel it, or it may take long: who looks at the server's activity or log should see it by itself.
    pub fn is_notable(&self) -> bool {
        let fills = matches!(&self.statement, Statement::CreateTable(create) if create.from_query);
        !self.predicted.is_empty() || fills || works_on_data(&self.statement)
    }

    /// What the report says of it before it ran.
    pub fn run(&self) -> StatementRun {
        let mut text: String = self.sql.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().count() > 100 {
            text = text.chars().take(99).chain(['…']).collect();
        }
        StatementRun {
            line: self.line,
            text,
            predicted: self.predicted.clone(),
            work: self.work.clone(),
            elapsed_ms: None,
        }
    }
}

/// What a statement is like, for its time limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It blocks others and should be over at once: it neither rewrites, scans nor builds.
    Instant,
    /// It blocks others for as long as it rewrites, scans or builds.
    Blocking,
    /// Data, concurrent work, or tables that nobody else sees yet: no limit of ours.
    Unlimited,
}

/// Plans a file of which every statement has been analysed. The error names what could never run well. What reading
/// does not know is older than the deploy, unless the database is `fresh`: then nothing is.
pub fn plan(
    folder: &MigrationFolder,
    analyzed: &AnalyzedFile,
    fresh: bool,
) -> Result<FilePlan, MigrateError> {
    let source = SourceFile::new(folder.name.as_str(), folder.script());
    let statements: Vec<Planned> =
        analyzed.statements.iter().map(|one| planned(one, &source, fresh)).collect();
    for one in &statements {
        refuse(folder, one)?;
    }
    let units = units(folder, &analyzed.statements, &statements)?;
    let because = because(&analyzed.statements, &statements);
    let sets = |setting: &str| {
        statements.iter().any(|one| match &one.statement {
            Statement::Set { name, .. } => name == setting,
            Statement::Select { .. } | Statement::Do { .. } => one.sql.contains(setting),
            _ => false,
        })
    };
    Ok(FilePlan {
        regime: if because.is_some() { FileRegime::ByStatement } else { FileRegime::Atomic },
        because,
        units,
        sets_lock_timeout: sets("lock_timeout"),
        sets_statement_timeout: sets("statement_timeout"),
        settings: settings(&statements),
        changes_role: statements.iter().any(|one| match &one.statement {
            Statement::Set { name, .. } => {
                matches!(name.as_str(), "role" | "session_authorization" | "session authorization")
            }
            Statement::Other { keyword } => keyword.starts_with("SET"),
            Statement::Do { .. } | Statement::Unparsed => true,
            _ => false,
        }),
        created: analyzed
            .statements
            .iter()
            .flat_map(|one| &one.effect.created)
            .filter(|object| matches!(object.kind, ObjectKind::Table | ObjectKind::MaterializedView))
            .filter_map(|object| {
                let namespace = object.namespace.as_deref().unwrap_or("public");
                Some(QName::new(namespace, object.relation.clone()?).display())
            })
            .collect(),
        statements,
    })
}

fn planned(one: &MigrationStatement, source: &SourceFile, fresh: bool) -> Planned {
    let mut predicted = Vec::new();
    let mut work = Vec::new();
    let mut blocks = false;
    let mut works = false;
    let older = |age: Age| match age {
        Age::Earlier => true,
        Age::Unknown => !fresh,
        Age::SameFile | Age::SameDeploy => false,
    };
    for touch in one.effect.touches.iter().filter(|touch| older(touch.age)) {
        let relation = touch.relation.display();
        for (what, of) in [("rewrites", &touch.rewrite), ("scans", &touch.scan)] {
            if let Some(of) = of {
                work.push(format!("{what} \"{relation}\": {}", of.why));
            }
        }
        if touch.builds_index {
            work.push(format!("builds an index on \"{relation}\""));
        }
        blocks |= touch.lock.blocks_writes();
        works |= touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index;
        predicted.push(Lock { relation, mode: touch.lock.to_string() });
    }
    let data = works_on_data(&one.statement);
    Planned {
        sql: source.slice(one.span).to_owned(),
        line: source.position(one.span.start).line,
        statement: one.statement.clone(),
        kind: match (blocks && !data, works) {
            (false, _) => Kind::Unlimited,
            (true, false) => Kind::Instant,
            (true, true) => Kind::Blocking,
        },
        predicted,
        work,
    }
}

/// It reads or changes rows, or does what only the server knows.
fn works_on_data(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Insert { .. }
            | Statement::Update { .. }
            | Statement::Delete { .. }
            | Statement::Merge { .. }
            | Statement::Select { .. }
            | Statement::Copy { .. }
            | Statement::Do { .. }
            | Statement::Call { .. }
            | Statement::Unparsed
            | Statement::Other { .. }
    )
}

/// What no way of sending could make right.
fn refuse(folder: &MigrationFolder, one: &Planned) -> Result<(), MigrateError> {
    let copies_input = matches!(one.statement, Statement::Copy { from: true, program: false, .. })
        && has_word(&one.sql, "stdin");
    if copies_input {
        let message = format!(
            "the migration \"{}\" reads data that follows it (COPY … FROM STDIN in line {}), which only psql can send",
            folder.name, one.line
        );
        return Err(MigrateError::new(message)
            .with_hint("write the rows as INSERT, or load them outside of migrations"));
    }
    if one.sql.trim_start().starts_with('\\') {
        let message = format!(
            "line {} of the migration \"{}\" is a command of psql, not SQL: {}",
            one.line,
            folder.name,
            one.sql.lines().next().unwrap_or_default()
        );
        return Err(MigrateError::new(message).with_hint("remove the line"));
    }
    Ok(())
}

fn units(
    folder: &MigrationFolder,
    analyzed: &[MigrationStatement],
    statements: &[Planned],
) -> Result<Vec<Unit>, MigrateError> {
    let mut units = Vec::new();
    let mut open = None;
    for (at, one) in statements.iter().enumerate() {
        match (&one.statement, open) {
            (Statement::Begin, None) => open = Some(at),
            (Statement::Commit | Statement::Rollback, Some(from)) => {
                units.push(Unit::Block { from, to: at });
                open = None;
            }
            (_, Some(_)) => {}
            // A COMMIT without BEGIN is only warned about.
            (_, None) if needs_no_transaction(&analyzed[at], one) => units.push(Unit::Alone(at)),
            (Statement::Commit | Statement::Rollback, None) => units.push(Unit::Alone(at)),
            (_, None) => units.push(Unit::One(at)),
        }
    }
    match open {
        None => Ok(units),
        Some(from) => Err(MigrateError::new(format!(
            "the transaction that the migration \"{}\" begins in line {} never ends, so nothing of it would last",
            folder.name, statements[from].line
        ))
        .with_hint("write COMMIT where it ends, or leave BEGIN out: a migration is atomic by itself")),
    }
}

/// The statement refuses to run in a transaction block, or ends transactions itself.
fn needs_no_transaction(one: &MigrationStatement, planned: &Planned) -> bool {
    if one.effect.needs_no_transaction {
        return true;
    }
    match &one.statement {
        Statement::Call { .. } => true,
        Statement::Do { body } => has_word(body, "commit") || has_word(body, "rollback"),
        Statement::Unparsed => has_word(&planned.sql, "concurrently"),
        Statement::Other { keyword } => {
            let refusing =
                ["CREATE TABLESPACE", "DROP TABLESPACE", "CREATE SUBSCRIPTION", "DROP SUBSCRIPTION"];
            refusing.contains(&keyword.as_str()) || planned.sql.trim().eq_ignore_ascii_case("discard all")
        }
        _ => false,
    }
}

/// Why the file cannot be one transaction of ours.
fn because(analyzed: &[MigrationStatement], statements: &[Planned]) -> Option<String> {
    for (at, one) in statements.iter().enumerate() {
        match &one.statement {
            Statement::Begin | Statement::Commit | Statement::Rollback => {
                return Some(format!("it has transactions of its own (line {})", one.line));
            }
            Statement::AlterEnum { name, action: AlterEnum::AddValue { value, .. } } => {
                if let Some(user) = user_of_value(analyzed, statements, at, name, value) {
                    return Some(format!(
                        "it adds the value \"{value}\" to an enum (line {}) and uses it (line {user}), which PostgreSQL \
                         refuses in one transaction",
                        one.line
                    ));
                }
            }
            _ => {}
        }
        if needs_no_transaction(&analyzed[at], one) {
            let first: Vec<&str> = one.sql.split_whitespace().take(3).collect();
            let concurrently = if has_word(&one.sql, "concurrently") { " … CONCURRENTLY" } else { "" };
            let words = first.join(" ").to_uppercase();
            let words =
                words.split(" IF").next().unwrap_or(&words).trim_end_matches(" CONCURRENTLY").to_owned();
            return Some(format!(
                "{words}{concurrently} (line {}) cannot run inside a transaction",
                one.line
            ));
        }
    }
    None
}

/// The line of a later statement that writes the new value as a literal; none where the enum is as new as the
/// value, because then PostgreSQL allows it.
fn user_of_value(
    analyzed: &[MigrationStatement],
    statements: &[Planned],
    at: usize,
    name: &Name,
    value: &str,
) -> Option<u32> {
    let made_here = analyzed[..at]
        .iter()
        .any(|one| matches!(&one.statement, Statement::CreateEnum { name: made, .. } if made == name));
    if made_here {
        return None;
    }
    let literal = pgsteward_sql::quote_literal(value);
    statements[at + 1..]
        .iter()
        .filter(|one| !matches!(one.statement, Statement::AlterEnum { .. }))
        .find(|one| one.sql.contains(&literal))
        .map(|one| one.line)
}

/// Settings that the file leaves set for the rest of the session.
fn settings(statements: &[Planned]) -> Vec<String> {
    let mut left: Vec<String> = Vec::new();
    for one in statements {
        match &one.statement {
            Statement::Set { name, local: false, .. } if !left.contains(name) => left.push(name.clone()),
            Statement::Reset { name: Some(name) } => left.retain(|other| other != name),
            Statement::Reset { name: None } => left.clear(),
            Statement::Select { .. } if has_word(&one.sql, "set_config") => {
                let name = one.sql.split('\'').nth(1).unwrap_or("set_config").to_owned();
                // The third argument says whether it ends with the transaction.
                if !has_word(&one.sql, "true") && !left.contains(&name) {
                    left.push(name);
                }
            }
            _ => {}
        }
    }
    left
}

/// A word of the text, without regard to case.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let lower = text.to_lowercase();
    lower.match_indices(word).any(|(at, _)| {
        !lower[..at].chars().next_back().is_some_and(is_part)
            && !lower[at + word.len()..].chars().next().is_some_and(is_part)
    })
}
