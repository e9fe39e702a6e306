//! A file that cannot be one transaction: its row is there from the beginning and counts the statements that are done.

use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Statement;
use pgsteward_pg::history;

use super::{Apply, End, Ran, is_circumstance, may_be_granted_later};
use crate::migrate::checks::Around;
use crate::migrate::history::RUNNING;
use crate::migrate::leftover::{self, Found};
use crate::migrate::regime::{Unit, has_word};

impl Apply<'_> {
    /// Unit by unit from the statement `from` on.
    pub(super) async fn by_statement(&self, ran: &mut Ran, from: usize, reopened: bool) {
        let row = if reopened {
            history::reopen(self.table, &ran.id, &self.folder.checksum, RUNNING)
        } else {
            history::start(self.table, &ran.id, &self.folder.checksum, &self.folder.name, Some(RUNNING))
        };
        if let Err(error) = self.session.simple(&row).await {
            ran.end = match self.is_lost(&error) {
                true => End::Lost { error, statement: None },
                false => End::NotApplied { error, statement: None },
            };
            return;
        }
        let mut done = from;
        for unit in self.plan.units.iter().filter(|unit| unit.end() > from) {
            let last = unit.end() == self.plan.statements.len() && self.checks.after.is_empty();
            let count = match last {
                true => history::finish(self.table, &ran.id),
                false => history::set_progress(self.table, &ran.id, unit.end()),
            };
            if let Err((error, statement)) = self.unit(ran, *unit, &count, reopened && done == from).await {
                ran.end = self.stopped(&ran.id, error, statement, done).await;
                return;
            }
            done = unit.end();
            self.progress.step(done, self.plan.statements.len());
        }
        if !self.checks.after.is_empty() {
            ran.end = match self.after(ran, Around::Nothing).await {
                Ok(()) => match self.session.simple(&history::finish(self.table, &ran.id)).await {
                    Ok(()) => End::Applied,
                    Err(error) => End::Lost { error, statement: None },
                },
                Err(error) => self.stopped(&ran.id, error, None, done).await,
            };
            return;
        }
        // A file without statements has nothing to count.
        if (from == self.plan.statements.len() || self.plan.units.is_empty())
            && let Err(error) = self.session.simple(&history::finish(self.table, &ran.id)).await
        {
            ran.end = End::Lost { error, statement: None };
            return;
        }
        ran.end = End::Applied;
    }

    /// Runs a unit with its count, again and again while only a lock is missing.
    async fn unit(
        &self,
        ran: &mut Ran,
        unit: Unit,
        count: &str,
        resumed: bool,
    ) -> Result<(), (ServerError, Option<usize>)> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            ran.attempts = ran.attempts.max(attempts);
            let outcome = match unit {
                Unit::Alone(at) => {
                    let again = resumed || attempts > 1;
                    self.alone(ran, at, count, again).await.map_err(|error| (error, Some(at)))
                }
                Unit::One(at) => self.transaction(ran, at..at + 1, "BEGIN", "COMMIT", count).await,
                Unit::Block { from, to } => {
                    let begin = self.plan.statements[from].sql.clone();
                    let end = self.plan.statements[to].sql.clone();
                    let kept = matches!(self.plan.statements[to].statement, Statement::Commit);
                    if kept {
                        self.transaction(ran, from + 1..to, &begin, &end, count).await
                    } else {
                        // What the file rolls back itself must not take the count with it.
                        let ran_back = self.transaction(ran, from + 1..to, &begin, &end, "SELECT 1").await;
                        match ran_back {
                            Ok(()) => self.session.simple(count).await.map_err(|error| (error, None)),
                            Err(error) => Err(error),
                        }
                    }
                }
            };
            let Err((error, statement)) = outcome else { return Ok(()) };
            if !self.is_lost(&error) && may_be_granted_later(&error) && attempts <= self.limits.lock_retries {
                self.pause(attempts, &error).await;
                continue;
            }
            return Err((error, statement));
        }
    }

    async fn transaction(
        &self,
        ran: &mut Ran,
        range: std::ops::Range<usize>,
        begin: &str,
        end: &str,
        count: &str,
    ) -> Result<(), (ServerError, Option<usize>)> {
        let mut script = self.script(begin);
        self.push_statements(&mut script, range);
        script.own(count);
        script.own(end);
        let sent = script.send(self.session).await;
        ran.note_times(&sent.times);
        let Some((error, statement)) = sent.failed else { return Ok(()) };
        if !self.is_lost(&error)
            && let Err(lost) = self.session.simple("ROLLBACK").await
        {
            return Err((lost, statement));
        }
        Err((error, statement))
    }

    /// A statement that refuses transactions, then its count. Between the two lies the only moment in which a
    /// crash leaves something that the count does not know: the next run looks for it.
    async fn alone(&self, ran: &mut Ran, at: usize, count: &str, again: bool) -> Result<(), ServerError> {
        let planned = &self.plan.statements[at];
        let builds = matches!(&planned.statement, Statement::CreateIndex(_));
        if again || (builds && !self.fresh) {
            match leftover::look(self.session, &planned.statement).await? {
                // An index of that name that was there before is the server's to complain about.
                Found::Done if !again => {}
                Found::Done => {
                    ran.notes.push(format!(
                        "the statement in line {} had been done before the interruption",
                        planned.line
                    ));
                    return self.session.simple(count).await;
                }
                Found::InvalidIndex(name) => {
                    self.session.simple(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
                    ran.notes.push(format!(
                        "the invalid index {name}, which a failed build left, was dropped and is built anew"
                    ));
                }
                Found::Nothing => {}
            }
        }
        let patient =
            has_word(&planned.sql, "concurrently") || matches!(planned.statement, Statement::Vacuum { .. });
        let lock = match self.limits.lock_timeout {
            // A concurrent command waits for old transactions without being in anybody's way.
            Some(limit) if !patient && !self.plan.sets_lock_timeout => {
                format!("SET lock_timeout = {}", limit.as_millis())
            }
            _ if self.plan.sets_lock_timeout => "SELECT 1".into(),
            _ => "SET lock_timeout = 0".into(),
        };
        let answers = self.session.each(&[&lock, &planned.sql]).await;
        if let [set, statement] = answers.as_slice() {
            ran.times[at] = Some(milliseconds(statement.at - set.at));
        }
        let outcome = answers.into_iter().try_for_each(|answer| answer.outcome.map(drop));
        if let Err(error) = outcome {
            if !self.is_lost(&error)
                && let Found::InvalidIndex(name) = leftover::look(self.session, &planned.statement).await?
            {
                // Our own build left it a moment ago.
                self.session.simple(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}")).await?;
                ran.notes.push(format!("the invalid index {name}, which the failed build left, was dropped"));
            }
            return Err(error);
        }
        match self.plan.sets_lock_timeout {
            true => self.session.simple(count).await,
            false => self.session.simple(&format!("{count};\nRESET lock_timeout")).await,
        }
    }

    /// What a stop means after `done` statements, written into the row.
    async fn stopped(&self, id: &str, error: ServerError, statement: Option<usize>, done: usize) -> End {
        if self.is_lost(&error) {
            return End::Lost { error, statement };
        }
        let circumstance = may_be_granted_later(&error) || is_circumstance(&error);
        let (text, end) = match (circumstance, done) {
            (true, 0) => (history::roll_back(self.table, id), End::NotApplied { error, statement }),
            (true, _) => (String::new(), End::Interrupted { error, statement, done }),
            (false, _) => {
                let logs = self.logs(&error, statement, done);
                (history::fail(self.table, id, &logs), End::Failed { error, statement, done })
            }
        };
        if text.is_empty() {
            return end;
        }
        match self.session.simple(&text).await {
            Ok(()) => end,
            // The row still says that it runs, which the next run understands.
            Err(error) => End::Lost { error, statement },
        }
    }
}

fn milliseconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
