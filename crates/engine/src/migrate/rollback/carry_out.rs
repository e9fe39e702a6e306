//! Carries out the statements of one way back, and the row of the history with them. What they are is settled by then.

use std::time::Duration;

use pgsteward_model::migrate::rollback::{RollbackOutcome, RollbackStep};
use pgsteward_model::migration::ServerError;
use pgsteward_pg::{WriteSession, history};

use super::survive::ACCEPTED;
use super::undo::{Run, UNDER_WAY, Undo};
use crate::migrate::patience::Patience;

impl Run<'_> {
    /// The statements and the row, all or nothing; again where a lock was not granted.
    pub(super) async fn at_once(&self, session: &WriteSession, undo: &Undo) -> Result<(), ServerError> {
        let timeout = self.options.lock_timeout.unwrap_or_default().as_millis();
        let sets = undo.statements.iter().any(|sql| sql.contains("lock_timeout"));
        let patience = self
            .options
            .lock_timeout
            .filter(|_| !sets)
            .map(|limit| Patience::BEHIND_THE_FIRST.setting(limit));
        let mut statements = String::new();
        for (at, sql) in undo.statements.iter().enumerate() {
            let patience = patience.as_ref().filter(|_| at == 1).map(|sql| format!("{sql};\n"));
            statements.push_str(&format!("{}{sql};\n", patience.unwrap_or_default()));
        }
        let text = format!(
            "BEGIN;\nSET LOCAL lock_timeout = {timeout};\n{}{statements}{};\nCOMMIT",
            self.accepted("SET LOCAL"),
            history::roll_back(self.table, &undo.id)
        );
        self.patiently(session, &text).await
    }

    /// What lets statements go on that would refuse to change values.
    fn accepted(&self, set: &str) -> String {
        match self.options.accept_data_loss {
            true => format!("{set} {ACCEPTED} = 'on';\n"),
            false => String::new(),
        }
    }

    /// Runs a text until its locks are granted or patience is at its end.
    async fn patiently(&self, session: &WriteSession, text: &str) -> Result<(), ServerError> {
        let mut pause = Duration::from_millis(200);
        let mut tries = 0;
        loop {
            let error = match session.simple(text).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if !session.is_closed() {
                session.simple("ROLLBACK").await?;
            }
            // 55P03: lock_not_available, 40P01: deadlock_detected.
            let again = matches!(error.sqlstate.as_str(), "55P03" | "40P01");
            if !again || tries >= self.options.lock_retries {
                return Err(error);
            }
            tries += 1;
            self.progress.phase(&format!(
                "wait for a lock, attempt {} of {}",
                tries + 1,
                self.options.lock_retries + 1
            ));
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    /// The row says first that it is under way; only then is anything undone.
    pub(super) async fn one_by_one(
        &self,
        session: &WriteSession,
        undo: &Undo,
        step: &mut RollbackStep,
    ) -> Result<(), ServerError> {
        if !undo.begun {
            session.simple(&history::unfinish(self.table, &undo.id, UNDER_WAY)).await?;
        }
        step.outcome = RollbackOutcome::Interrupted;
        let timeout = self.options.lock_timeout.unwrap_or_default().as_millis();
        session.simple(&format!("SET lock_timeout = {timeout};\n{}", self.accepted("SET"))).await?;
        for sql in &undo.statements {
            self.patiently(session, sql).await?;
        }
        session.simple(&history::roll_back(self.table, &undo.id)).await
    }
}
