//! Two sessions that lock the same rows in different orders.

use std::time::{Duration, Instant};

use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use tokio::task::JoinSet;

use crate::clone::Database;
use crate::error::LabError;
use crate::lab::Lab;

/// How long one waits for the other before the lab gives up. The server looks for deadlocks after one second
/// (`deadlock_timeout`).
const PATIENCE: Duration = Duration::from_secs(8);

/// What became of two transactions.
#[derive(Clone, Debug, PartialEq)]
pub enum Clash {
    /// The server ended one of them (SQLSTATE 40P01).
    Deadlock(ServerError),
    /// Both came through.
    None,
    /// A statement failed for another reason.
    Failed(String, ServerError),
}

/// Runs the first statement of each transaction, then the rest of both at the same time. Both are rolled back.
///
/// Limits of time run meanwhile, so this is a task of its own: whatever its caller does beside it does not keep the second
/// transaction from going on.
pub async fn clash(
    lab: &Lab,
    database: &Database,
    first: &[String],
    second: &[String],
) -> Result<Clash, LabError> {
    let sessions = [database.session().await?, database.session().await?];
    let statements = [first.to_vec(), second.to_vec()];
    let outer_limit = lab.watchdog.limit(PATIENCE * 2);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let outcome = run(&sessions, &statements).await;
        for session in sessions {
            // A failed transaction is rolled back by the end of its session, too.
            drop(session.simple("ROLLBACK").await);
            session.close().await;
        }
        drop(outer_limit);
        outcome
    });
    match task.join_next().await {
        Some(Ok(outcome)) => Ok(outcome),
        Some(Err(error)) => Err(LabError::Task(error.to_string())),
        None => Err(LabError::Task("it was not begun".to_owned())),
    }
}

async fn run(sessions: &[LabSession; 2], statements: &[Vec<String>; 2]) -> Clash {
    for (session, statements) in sessions.iter().zip(statements) {
        let Some(begin) = statements.first() else { return Clash::None };
        let message = format!("BEGIN; SET LOCAL statement_timeout = {}; {begin}", PATIENCE.as_millis());
        if let Err(error) = session.simple(&message).await {
            return Clash::Failed(begin.clone(), error);
        }
    }
    let [one, other] = sessions;
    let [first, second] =
        statements.each_ref().map(|statements| statements.get(1..).unwrap_or_default().join("; "));
    let waits = one.simple(&first);
    let follows = async {
        // The second goes on when the first waits for it, or was through without waiting.
        wait_for(other, one.backend_pid()).await?;
        other.simple(&second).await
    };
    let (waited, followed) = tokio::join!(waits, follows);
    for (result, sql) in [(waited, &first), (followed, &second)] {
        match result {
            Ok(()) => {}
            // 40P01: deadlock_detected.
            Err(error) if error.sqlstate == "40P01" => return Clash::Deadlock(error),
            Err(error) => return Clash::Failed(sql.clone(), error),
        }
    }
    Clash::None
}

/// Until a session waits for a lock, or for a moment where it need not.
async fn wait_for(session: &LabSession, pid: i32) -> Result<(), ServerError> {
    let until = Instant::now() + Duration::from_millis(500);
    let sql = format!("SELECT pg_catalog.cardinality(pg_catalog.pg_blocking_pids({pid})) > 0");
    while Instant::now() < until {
        let rows = session.rows(&sql).await?;
        if rows.first().and_then(|row| row.first()).cloned().flatten().as_deref() == Some("t") {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
