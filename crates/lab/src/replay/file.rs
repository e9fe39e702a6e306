//! One file of a history: as one message, as Prisma sends it, or statement by statement, as psql does.

use pgsteward_model::migration::{MigrationFile, MigrationStatement, ReplayFailure, ServerError};
use pgsteward_model::source::Span;
use pgsteward_model::statement::Statement;

use super::adapt::{Adapted, Edit};
use super::{Run, failure};
use crate::channel::Outcome;
use crate::error::LabError;

/// What is tried after an error.
enum Remedy {
    /// The surroundings changed (a role was made, an extension lost): the same again.
    Again,
    /// The statement with this index is left out.
    LeaveOut(usize, (String, String)),
    None,
}

impl Run<'_> {
    /// Sends the file as one message. Where the walls of the lab are to blame for an error the file is sent
    /// again without what they refused: the message was one transaction and left nothing behind.
    pub(super) async fn whole_file(
        &mut self,
        file: &MigrationFile,
        text: &str,
    ) -> Result<Option<ReplayFailure>, LabError> {
        self.in_one(file, text, true).await
    }

    /// `patient`: whether it is sent again for each statement that is left out.
    async fn in_one(
        &mut self,
        file: &MigrationFile,
        text: &str,
        patient: bool,
    ) -> Result<Option<ReplayFailure>, LabError> {
        let mut left_out: Vec<Edit> = Vec::new();
        let mut lost = Vec::new();
        // Every round leaves out a statement, makes a role or loses an extension.
        for _ in 0..=file.statements.len() * 2 + 8 {
            let mut edits = self.surroundings.edits(file, text);
            edits.retain(|edit| left_out.iter().all(|other| other.span != edit.span));
            edits.extend(left_out.iter().cloned());
            let adapted = (!edits.is_empty()).then(|| Adapted::new(text, &edits));
            let message = adapted.as_ref().map_or(text, |adapted| &adapted.text);
            let error = match self.send(message).await? {
                Outcome::Done => {
                    self.tell(file, &edits, lost);
                    return Ok(None);
                }
                Outcome::Stopped(error) => {
                    self.tell(file, &edits, lost);
                    return Ok(Some(Self::failure(error, Span::new(0, text.len()))));
                }
                Outcome::Refused(error) => error,
            };
            let offset = error.position.map(|position| {
                let offset = failure::byte_offset(message, position);
                adapted.as_ref().map_or(offset, |adapted| adapted.original(offset))
            });
            let index = match offset {
                Some(offset) => failure::statement_at(file, offset),
                None => self.guilty(file, text, &edits, &error).await?,
            };
            let atomic = index.is_some_and(|index| commits_before(file, index) == 0);
            let remedy =
                if atomic { self.remedy(file, index, &error, &mut lost).await? } else { Remedy::None };
            match remedy {
                Remedy::Again => {}
                Remedy::LeaveOut(index, told) if patient && left_out.len() < file.statements.len() => {
                    let span = file.statements[index].span;
                    left_out.push(Edit { span, replacement: String::new(), told: Some(told) });
                }
                Remedy::LeaveOut(..) | Remedy::None => {
                    self.tell(file, &edits, lost);
                    return Ok(Some(Self::failure(error, span_of(file, text, offset, index))));
                }
            }
        }
        let message = "the lab could not adapt the file to what it allows".to_owned();
        Ok(Some(Self::failure(ServerError { message, ..ServerError::default() }, Span::new(0, text.len()))))
    }

    /// As one message, and where that is refused, which leaves nothing behind, statement by statement.
    pub(super) async fn either_way(
        &mut self,
        file: &MigrationFile,
        text: &str,
    ) -> Result<Option<ReplayFailure>, LabError> {
        let alone = |one: &MigrationStatement| {
            let controls =
                matches!(one.statement, Statement::Begin | Statement::Commit | Statement::Rollback);
            controls || one.effect.needs_no_transaction
        };
        if file.statements.iter().any(alone) {
            return self.by_statement(file, text).await;
        }
        let told = self.replay.skipped.len();
        // Dozens of statements that the lab must leave out would send the file as often.
        let Some(first) = self.in_one(file, text, false).await? else { return Ok(None) };
        self.replay.skipped.truncate(told);
        let second = self.by_statement(file, text).await?;
        // What came further says more of the file: some statements run in a transaction only.
        Ok(second.map(|second| if second.span.start < first.span.start { first } else { second }))
    }

    /// Sends statement by statement; each commits by itself unless the file says BEGIN. The first error ends
    /// the file.
    pub(super) async fn by_statement(
        &mut self,
        file: &MigrationFile,
        text: &str,
    ) -> Result<Option<ReplayFailure>, LabError> {
        let mut lost = Vec::new();
        for (index, statement) in file.statements.iter().enumerate() {
            let span = statement.span;
            let written = text.get(span.start..span.end).unwrap_or_default();
            loop {
                let edit = self.surroundings.edits(file, text).into_iter().find(|edit| edit.span == span);
                let message = edit.as_ref().map_or(written, |edit| edit.replacement.as_str());
                let error = match self.send(message).await? {
                    Outcome::Done => {
                        self.tell(file, edit.as_slice(), std::mem::take(&mut lost));
                        break;
                    }
                    Outcome::Stopped(error) => return Ok(Some(Self::failure(error, span))),
                    Outcome::Refused(error) => error,
                };
                match self.remedy(file, Some(index), &error, &mut lost).await? {
                    Remedy::Again => {}
                    Remedy::LeaveOut(_, (what, why)) => {
                        self.skip(file, span, what, why);
                        break;
                    }
                    Remedy::None => {
                        let offset = (edit.is_none())
                            .then_some(error.position)
                            .flatten()
                            .map(|position| span.start + failure::byte_offset(written, position));
                        return Ok(Some(Self::failure(error, span_of(file, text, offset, Some(index)))));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Records what was changed in a file that has now run (or finally failed).
    fn tell(&mut self, file: &MigrationFile, edits: &[Edit], lost: Vec<(Span, String, String)>) {
        for edit in edits {
            if let Some((what, why)) = edit.told.clone() {
                self.skip(file, edit.span, what, why);
            }
        }
        for (span, what, why) in lost {
            self.skip(file, span, what, why);
        }
    }

    /// What can be done about an error that the lab itself is to blame for.
    async fn remedy(
        &mut self,
        file: &MigrationFile,
        index: Option<usize>,
        error: &ServerError,
        made: &mut Vec<(Span, String, String)>,
    ) -> Result<Remedy, LabError> {
        let Some(index) = index else { return Ok(Remedy::None) };
        let Some(statement) = file.statements.get(index) else { return Ok(Remedy::None) };
        if let Some(role) = failure::missing_role(error) {
            let sql = format!("SELECT pg_lab.create_role({})", pgsteward_sql::quote_literal(role));
            if self.superuser().await?.simple(&sql).await.is_ok() {
                let why = "no migration makes it; the lab made a role without rights in its place";
                made.push((statement.span, format!("role \"{role}\""), why.to_owned()));
                return Ok(Remedy::Again);
            }
        }
        if failure::is_ours(error) {
            if let Statement::CreateExtension { name, .. } = &statement.statement
                && self.surroundings.lose(name)
            {
                return Ok(Remedy::Again);
            }
            let why = format!("the lab runs migrations without the rights it needs: {}", error.message);
            return Ok(Remedy::LeaveOut(index, ("a statement".to_owned(), why)));
        }
        if !self.surroundings.missing.is_empty() && failure::is_for_want_of_an_extension(error) {
            let all: Vec<&str> = self.surroundings.missing.iter().map(String::as_str).collect();
            let why = format!("it fails without the extension ({}): {}", all.join(", "), error.message);
            return Ok(Remedy::LeaveOut(index, ("a statement".to_owned(), why)));
        }
        Ok(Remedy::None)
    }

    /// The statement behind an error that carries no position: the file's statements are run one by one in a
    /// transaction that is rolled back, until one gives the same error.
    async fn guilty(
        &mut self,
        file: &MigrationFile,
        text: &str,
        edits: &[Edit],
        error: &ServerError,
    ) -> Result<Option<usize>, LabError> {
        if let [_] = file.statements[..] {
            return Ok(Some(0));
        }
        let controls = |statement: &Statement| matches!(statement, Statement::Commit | Statement::Rollback);
        let Outcome::Done = self.send("BEGIN").await? else { return Ok(None) };
        let mut found = None;
        for (index, statement) in file.statements.iter().enumerate() {
            if controls(&statement.statement) {
                break;
            }
            let span = statement.span;
            let written = text.get(span.start..span.end).unwrap_or_default();
            let edit = edits.iter().find(|edit| edit.span == span);
            let message = edit.map_or(written, |edit| edit.replacement.as_str());
            match self.send(message).await? {
                Outcome::Done => {}
                Outcome::Refused(other) => {
                    found = (other.sqlstate == error.sqlstate).then_some(index);
                    break;
                }
                Outcome::Stopped(_) => return Ok(None),
            }
        }
        // `send` has rolled back after an error already; a second time does no harm.
        self.send("ROLLBACK").await?;
        Ok(found)
    }
}

/// How many statements before this one end a transaction by themselves.
fn commits_before(file: &MigrationFile, index: usize) -> usize {
    file.statements[..index].iter().filter(|one| matches!(one.statement, Statement::Commit)).count()
}

fn span_of(file: &MigrationFile, text: &str, offset: Option<usize>, index: Option<usize>) -> Span {
    match (offset, index.and_then(|index| file.statements.get(index))) {
        (Some(offset), _) => failure::token_at(text, offset),
        (None, Some(statement)) => statement.span,
        (None, None) => Span::new(0, text.len()),
    }
}
