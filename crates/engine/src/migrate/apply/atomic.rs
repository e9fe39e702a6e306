//! An atomic file: its statements and its row of the history are one transaction.

use pgsteward_model::migrate::deploy::FileRegime;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::history;

use super::script::Sent;
use super::{Apply, End, Ran, is_circumstance, may_be_granted_later, refuses_transactions};
use crate::migrate::checks::Around;

impl Apply<'_> {
    pub(super) async fn atomic(&self, ran: &mut Ran) {
        loop {
            ran.attempts += 1;
            let sent = self.whole(ran).await;
            ran.note_times(&sent.times);
            let Some((error, statement)) = sent.failed else {
                ran.locks = sent.locks;
                ran.locks.retain(|lock| !self.plan.created.contains(&lock.relation));
                ran.locks.sort();
                ran.end = match self.checked(ran).await {
                    Ok(()) => End::Applied,
                    Err(end) => end,
                };
                return;
            };
            if self.is_lost(&error) {
                ran.end = End::Lost { error, statement };
                return;
            }
            if let Err(error) = self.session.simple("ROLLBACK").await {
                ran.end = End::Lost { error, statement };
                return;
            }
            if refuses_transactions(&error) {
                ran.notes.push(format!("it cannot run in one transaction: {}", error.message));
                ran.regime = FileRegime::ByStatement;
                ran.because = Some(format!("PostgreSQL refused it in one transaction ({})", error.message));
                self.by_statement(ran, 0, false).await;
                return;
            }
            if may_be_granted_later(&error) && ran.attempts <= self.limits.lock_retries {
                self.pause(ran.attempts, &error).await;
                continue;
            }
            ran.end = self.given_up(ran, error, statement).await;
            return;
        }
    }

    /// The whole transaction; without its end where checks come before that.
    async fn whole(&self, ran: &Ran) -> Sent {
        let mut script = self.script("BEGIN");
        self.push_statements(&mut script, 0..self.plan.statements.len());
        script.own(&history::record(self.table, &ran.id, &self.folder.checksum, &self.folder.name));
        // Nobody can wait for what nobody else sees.
        if self.plan.statements.iter().any(|planned| !planned.predicted.is_empty()) {
            script.locks();
        }
        if self.checks.after.is_empty() {
            script.own("COMMIT");
        }
        script.send(self.session).await
    }

    /// Commits what the checks let pass.
    async fn checked(&self, ran: &mut Ran) -> Result<(), End> {
        if self.checks.after.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.after(ran, Around::Transaction).await {
            let lost = self.is_lost(&error) || self.session.simple("ROLLBACK").await.is_err();
            return Err(match lost {
                true => End::Lost { error, statement: None },
                false => End::NotApplied { error, statement: None },
            });
        }
        match self.session.simple("COMMIT").await {
            Ok(()) => Ok(()),
            Err(error) if self.is_lost(&error) => Err(End::Lost { error, statement: None }),
            // A deferred constraint, say: the server has rolled back.
            Err(error) => Err(self.given_up(ran, error, None).await),
        }
    }

    /// What a file that was rolled back leaves: a failed row where its text is to blame, else nothing.
    async fn given_up(&self, ran: &Ran, error: ServerError, statement: Option<usize>) -> End {
        if may_be_granted_later(&error) || is_circumstance(&error) {
            return End::NotApplied { error, statement };
        }
        let logs = self.logs(&error, statement, 0);
        let row = history::start(self.table, &ran.id, &self.folder.checksum, &self.folder.name, Some(&logs));
        match self.session.simple(&row).await {
            Ok(()) => End::Failed { error, statement, done: 0 },
            Err(_) => End::NotApplied { error, statement },
        }
    }
}
