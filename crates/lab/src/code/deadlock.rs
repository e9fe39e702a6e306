//! Two sessions that lock the same rows in different orders.

use std::time::{Duration, Instant};

use pgsteward_model::migration::ServerError;

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
pub async fn clash(
    lab: &Lab,
    database: &Database,
    first: &[String],
    second: &[String],
) -> Result<Clash, LabError> {
    let _outer_limit = lab.watchdog.limit(PATIENCE * 2);
    let one = database.session().await?;
    let other = database.session().await?;
    let outcome = async {
        for (session, statements) in [(&one, first), (&other, second)] {
            let Some(begin) = statements.first() else { return Ok(Clash::None) };
            let message = format!("BEGIN; SET LOCAL statement_timeout = {}; {begin}", PATIENCE.as_millis());
            if let Err(error) = session.simple(&message).await {
                return Ok(Clash::Failed(begin.clone(), error));
            }
        }
        let rest = |statements: &[String]| statements.get(1..).unwrap_or_default().join("; ");
        let (first_rest, second_rest) = (rest(first), rest(second));
        let waits = one.simple(&first_rest);
        let follows = async {
            // The second goes on when the first waits for it, or was through without waiting.
            wait_for(&other, one.backend_pid()).await?;
            other.simple(&second_rest).await
        };
        let (waited, followed) = tokio::join!(waits, follows);
        for (result, sql) in [(waited, &first_rest), (followed, &second_rest)] {
            match result {
                Ok(()) => {}
                // 40P01: deadlock_detected.
                Err(error) if error.sqlstate == "40P01" => return Ok(Clash::Deadlock(error)),
                Err(error) => return Ok(Clash::Failed(sql.clone(), error)),
            }
        }
        Ok(Clash::None)
    }
    .await;
    for session in [one, other] {
        // A failed transaction is rolled back by the end of its session, too.
        drop(session.simple("ROLLBACK").await);
        session.close().await;
    }
    outcome
}

/// Until a session waits for a lock, or for a moment where it need not.
async fn wait_for(session: &pgsteward_pg::LabSession, pid: i32) -> Result<(), ServerError> {
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
