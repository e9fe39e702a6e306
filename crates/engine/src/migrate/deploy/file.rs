//! One file of a deploy: what is looked at before it runs, what watches while it runs, what its end means.

use std::time::Instant;

use pgsteward_model::migrate::deploy::FileRegime;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_pg::history::RowState;

use super::outcome::{file_run, outcome_error, still_used, violated};
use super::{Deploy, anew};
use crate::migrate::apply::{Apply, End, Ran, Unfinished, in_words};
use crate::migrate::backfill::fired;
use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;
use crate::migrate::regime::FilePlan;
use crate::migrate::watch::{self, Watch};
use crate::migrate::{checks, data_checks, holders, server, unused};

/// The statement that waited for a lock in vain.
fn lock_not_granted(end: &End) -> Option<usize> {
    match end {
        End::NotApplied { error, statement } | End::Interrupted { error, statement, .. }
            if error.sqlstate == "55P03" =>
        {
            *statement
        }
        _ => None,
    }
}

/// Says in the error who holds the lock. A note where nobody may be asked.
async fn name_holders(
    session: &WriteSession,
    plan: &FilePlan,
    at: usize,
    error: &mut MigrateError,
) -> Option<String> {
    let wanted = plan.statements.get(at).map(|one| one.predicted.as_slice()).unwrap_or_default();
    match holders::of_tables(session, wanted).await {
        Ok(holders) if holders.is_empty() => None,
        Ok(holders) => {
            let more = holders.len().saturating_sub(3);
            let shown = holders.into_iter().take(3).collect::<Vec<_>>().join("; ");
            let more = if more > 0 { format!("; and {more} more") } else { String::new() };
            error.message.push_str(&format!(". {shown}{more}"));
            error.hint = Some(
                "wait until it is done, or end it with SELECT pg_terminate_backend(PID), and deploy again; --lock-timeout \
                 and --lock-retries wait longer"
                    .to_owned(),
            );
            None
        }
        Err(error) => Some(format!("who holds the lock could not be asked: {}", in_words(&error))),
    }
}

impl Deploy<'_> {
    /// `plans` are those of all files of the deploy, the file's own among them at `at`.
    pub(super) async fn file(
        &mut self,
        session: &WriteSession,
        folder: &MigrationFolder,
        plans: &[FilePlan],
        at: usize,
        unfinished: Option<Unfinished>,
    ) -> Result<(), MigrateError> {
        let (earlier, [plan, later @ ..]) = plans.split_at(at) else { return Ok(()) };
        let began = Instant::now();
        let resumed_after = unfinished.as_ref().map_or(0, |row| row.done);
        let written = checks::read(folder)?;
        let mut checks = match self.options.check_data && unfinished.is_none() {
            true => data_checks::look(session, earlier, plan, later)
                .await
                .map_err(|error| MigrateError::server("look at the data before the migration", &error))?,
            false => Vec::new(),
        };
        if let Some(error) = violated(folder, &checks) {
            let mut file = file_run(folder, plan, &Ran::not_tried(plan));
            file.checks = checks;
            self.report.files.push(file);
            return Err(error);
        }
        let mut notes = Vec::new();
        if self.options.check_data && !self.options.unused_for.is_zero() && unfinished.is_none() {
            let look = unused::look(session, folder.script(), self.options.unused_for, self.progress);
            let seen =
                look.await.map_err(|error| MigrateError::server("look who still names what goes", &error))?;
            if let Some(error) = still_used(folder, &seen.users) {
                let mut file = file_run(folder, plan, &Ran::not_tried(plan));
                file.notes.extend(seen.notes);
                self.report.files.push(file);
                return Err(error);
            }
            notes = seen.notes;
        }
        notes.extend(fired::by_migration(session, self.project, folder).await);
        if unfinished.is_none() {
            checks.extend(checks::before(session, folder, &written).await?);
        }
        if unfinished.is_none()
            && let Some(error) = self.replicas_behind(session, folder).await?
        {
            let mut file = file_run(folder, plan, &Ran::not_tried(plan));
            file.checks = checks;
            self.report.files.push(file);
            return Err(error);
        }
        let apply = Apply {
            session,
            table: &self.table,
            limits: &self.options.limits,
            progress: self.progress,
            folder,
            plan,
            checks: &written,
            fresh: self.fresh,
        };
        let unknown = |error: &ServerError| {
            format!("what belongs to views that it makes anew could not be asked: {}", in_words(error))
        };
        let had = match anew::look(session, plan, self.connection.namespace()).await {
            Ok(had) => had,
            Err(error) => {
                notes.push(unknown(&error));
                None
            }
        };
        // What was said before is nothing of this file's.
        session.heard();
        let watch = Watch::start(session, &self.options.budget);
        let mut ran = apply.run(unfinished).await;
        let said = session.heard();
        let seen = watch.finish().await;
        if let End::Lost { error, statement } = &ran.end {
            ran.end = self.truth(&ran.id, error, *statement).await;
        }
        let mut error = outcome_error(folder, plan, &ran);
        let mut file = file_run(folder, plan, &ran);
        file.server_messages = said;
        if let (Some(error), Some(at)) = (&mut error, lock_not_granted(&ran.end)) {
            file.notes.extend(name_holders(session, plan, at, error).await);
        }
        file.resumed_after = resumed_after;
        file.notes.extend(notes);
        checks.append(&mut file.checks);
        file.checks = checks;
        file.elapsed_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        if !plan.settings.is_empty() {
            file.notes.push(format!(
                "it sets {} for the session and does not set it back: taken back before the next migration",
                plan.settings.join(", ")
            ));
        }
        if let Some(seen) = seen {
            file.notes.extend(seen.problem);
            file.watched = (seen.watched.samples > 0).then_some(seen.watched);
            if let (Some(why), Some(error)) = (seen.stopped, &mut error) {
                error.message = format!("stopped at the budget: {why}. {}", error.message);
                error.hint = Some(
                    "deploy when there is less traffic, split the migration, or raise the budget".to_owned(),
                );
            }
        }
        self.report.files.push(file);
        match error {
            Some(error) => return Err(error),
            None if plan.leaves_session_alone() => {}
            None => self.clean_up(session, ran.regime).await?,
        }
        if let Some(had) = had {
            let note = had.lost(session).await.unwrap_or_else(|error| Some(unknown(&error)));
            self.report.files.last_mut().into_iter().for_each(|file| file.notes.extend(note.clone()));
        }
        Ok(())
    }

    /// Waits for replicas that are further behind than the budget; what stands in the way where they do not catch up.
    async fn replicas_behind(
        &self,
        session: &WriteSession,
        folder: &MigrationFolder,
    ) -> Result<Option<MigrateError>, MigrateError> {
        let Some(most) = self.options.budget.largest_lag else { return Ok(None) };
        let wait = self.options.lock_wait;
        let behind = watch::wait_for_replicas(session, most, wait, self.progress)
            .await
            .map_err(|error| MigrateError::server("ask how far the replicas are behind", &error))?;
        Ok(behind.map(|lag| {
            MigrateError::new(format!(
                "the migration \"{}\" was not begun: a replica is {lag} bytes of WAL behind after {:.1} s, and the budget \
                 is {most} (--max-lag); nothing of it was run",
                folder.name,
                wait.as_secs_f64()
            ))
            .with_hint("see whether the replica's replay is paused or too slow, then deploy again; --wait waits longer")
        }))
    }

    /// No setting, role, temporary table or transaction of a file reaches the next one.
    async fn clean_up(&mut self, session: &WriteSession, regime: FileRegime) -> Result<(), MigrateError> {
        let mut texts = Vec::new();
        if regime == FileRegime::ByStatement {
            // COMMIT AND CHAIN, say. What cannot be left of an aborted transaction must not share the message that
            // ends it.
            texts.push("ROLLBACK".to_owned());
        }
        texts.push(format!("{}; {}", session.reset_text(), server::retake()));
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let answers = session.each(&texts).await;
        if let Some(error) = answers.iter().find_map(|answer| answer.outcome.as_ref().err()) {
            return Err(MigrateError::server("make the session ready for the next migration", error));
        }
        let last =
            answers.last().and_then(|answer| answer.outcome.as_ref().ok()?.last()?.first()?.as_deref());
        if last != Some("t") {
            server::lock(session, self.options.lock_wait, self.progress).await?;
        }
        Ok(())
    }

    /// After the connection broke: what the row says now. The server rolls back what was not committed as soon as
    /// it notices; until then the old session may still hold the lock.
    async fn truth(&self, id: &str, error: &ServerError, statement: Option<usize>) -> End {
        let lost = || End::Lost { error: error.clone(), statement };
        let Ok(session) = server::connect(self.connection, "migrate deploy").await else { return lost() };
        let seen = async {
            server::lock(&session, self.options.lock_wait, self.progress).await?;
            Ok::<_, MigrateError>(session.history(&self.table).await?)
        };
        let rows = seen.await;
        session.close().await;
        let Ok(Some(rows)) = rows else { return lost() };
        let error = error.clone();
        match rows.iter().find(|row| row.id == id) {
            None => End::NotApplied { error, statement },
            Some(row) => match row.state() {
                RowState::Applied => End::Applied,
                RowState::RolledBack => End::NotApplied { error, statement },
                RowState::Failed => {
                    let done = usize::try_from(row.applied_steps_count).unwrap_or(0);
                    End::Interrupted { error, statement, done }
                }
            },
        }
    }
}
