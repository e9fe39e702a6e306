//! Snapshots of the development database: copies beside it, each with its name in its comment.
//!
//! A copy or a swap is finished under another name before anything of that name goes, and a restore keeps what it
//! replaced as [`PREVIOUS`].

use std::collections::BTreeSet;

use pgsteward_model::migration::ServerError;
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal};

use super::{DATABASE, ROLE, Server};
use crate::error::LabError;
use crate::template::short_hash;

/// The snapshot that a restore makes of what it replaces.
pub const PREVIOUS: &str = "previous";

const PREFIX: &str = "snapshot_";
/// A copy on its way: a command that was interrupted leaves it, the next one removes it.
const PARTIAL: &str = "snapshot_partial";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub name: String,
    /// `YYYY-MM-DD HH:MM:SS` in UTC.
    pub taken_at: String,
    pub bytes: u64,
}

impl Server {
    /// All snapshots, newest first.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, LabError> {
        let admin = self.admin("postgres").await?;
        let listed = list(&admin).await;
        admin.close().await;
        listed
    }

    /// Copies the database. Sessions with it are ended: PostgreSQL copies a database only while nobody uses it.
    /// Returns how many there were.
    pub async fn snapshot(&self, name: &str, replace: bool) -> Result<usize, LabError> {
        let admin = self.admin("postgres").await?;
        let outcome = async {
            self.mend(&admin).await?;
            if !replace && list(&admin).await?.iter().any(|one| one.name == name) {
                return Err(LabError::SnapshotExists { name: name.to_owned() });
            }
            let ended = close(&admin).await?;
            let copied = keep(&admin, name).await;
            open(&admin).await?;
            copied.map(|()| ended)
        };
        let outcome = outcome.await;
        admin.close().await;
        outcome
    }

    /// Makes the database what the snapshot is. What it was is kept as [`PREVIOUS`].
    pub async fn restore(&self, name: &str) -> Result<usize, LabError> {
        let admin = self.admin("postgres").await?;
        let outcome = async {
            self.mend(&admin).await?;
            let all = list(&admin).await?;
            if !all.iter().any(|one| one.name == name) {
                let known = all.into_iter().map(|one| one.name).collect();
                return Err(LabError::NoSnapshot { name: name.to_owned(), known });
            }
            run(&admin, &format!("CREATE DATABASE {PARTIAL} TEMPLATE {} OWNER {ROLE}", database(name)))
                .await?;
            let ended = close(&admin).await?;
            // From here to the second renaming there is no database of that name; `mend` knows the way back.
            run(&admin, &format!("DROP DATABASE IF EXISTS {}", database(PREVIOUS))).await?;
            run(&admin, &format!("ALTER DATABASE {DATABASE} RENAME TO {}", database(PREVIOUS))).await?;
            run(&admin, &format!("ALTER DATABASE {PARTIAL} RENAME TO {DATABASE}")).await?;
            describe(&admin, PREVIOUS).await?;
            open(&admin).await?;
            Ok(ended)
        };
        let outcome = outcome.await;
        admin.close().await;
        outcome
    }

    /// What an interrupted command left: a copy on its way, a database without its name, one that is closed.
    pub(super) async fn mend(&self, admin: &LabSession) -> Result<(), LabError> {
        let names: BTreeSet<String> = rows(admin, "SELECT datname FROM pg_catalog.pg_database")
            .await?
            .into_iter()
            .filter_map(|row| row.into_iter().next().flatten())
            .collect();
        let previous = database(PREVIOUS);
        if !names.contains(DATABASE) && names.contains(PARTIAL) && names.contains(&previous) {
            run(admin, &format!("ALTER DATABASE {PARTIAL} RENAME TO {DATABASE}")).await?;
            describe(admin, PREVIOUS).await?;
        } else {
            if !names.contains(DATABASE) {
                run(admin, &format!("CREATE DATABASE {DATABASE} OWNER {ROLE}")).await?;
            }
            if names.contains(PARTIAL) {
                run(admin, &format!("DROP DATABASE {PARTIAL}")).await?;
            }
        }
        open(admin).await
    }
}

/// The name of a snapshot may be any branch's; a database's has 63 bytes.
fn database(name: &str) -> String {
    format!("{PREFIX}{}", short_hash(&[name]))
}

async fn list(admin: &LabSession) -> Result<Vec<Snapshot>, LabError> {
    let sql = format!(
        "SELECT pg_catalog.shobj_description(d.oid, 'pg_database'), pg_catalog.pg_database_size(d.oid) \
         FROM pg_catalog.pg_database d WHERE pg_catalog.starts_with(d.datname::text, '{PREFIX}')"
    );
    let mut all: Vec<Snapshot> = rows(admin, &sql)
        .await?
        .into_iter()
        .filter_map(|row| match row.as_slice() {
            [Some(comment), Some(bytes)] => {
                let (taken_at, name) = comment.split_once(" UTC ")?;
                Some(Snapshot {
                    name: name.to_owned(),
                    taken_at: taken_at.to_owned(),
                    bytes: bytes.parse().unwrap_or(0),
                })
            }
            _ => None,
        })
        .collect();
    all.sort_by(|one, other| other.taken_at.cmp(&one.taken_at).then_with(|| one.name.cmp(&other.name)));
    Ok(all)
}

/// Nobody gets in, and who is in is put out. How many were.
async fn close(admin: &LabSession) -> Result<usize, LabError> {
    run(admin, &format!("ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")).await?;
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = '{DATABASE}'"
    );
    Ok(rows(admin, &sql).await?.len())
}

async fn open(admin: &LabSession) -> Result<(), LabError> {
    run(admin, &format!("ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")).await
}

async fn keep(admin: &LabSession, name: &str) -> Result<(), LabError> {
    run(admin, &format!("CREATE DATABASE {PARTIAL} TEMPLATE {DATABASE} OWNER {ROLE}")).await?;
    run(admin, &format!("DROP DATABASE IF EXISTS {}", database(name))).await?;
    run(admin, &format!("ALTER DATABASE {PARTIAL} RENAME TO {}", database(name))).await?;
    describe(admin, name).await
}

async fn describe(admin: &LabSession, name: &str) -> Result<(), LabError> {
    let clock = "SELECT pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')";
    let now = rows(admin, clock).await?.into_iter().flatten().flatten().next().unwrap_or_default();
    let comment = quote_literal(&format!("{now} UTC {name}"));
    run(admin, &format!("COMMENT ON DATABASE {} IS {comment}", quote_ident(&database(name)))).await
}

async fn run(admin: &LabSession, sql: &str) -> Result<(), LabError> {
    admin.simple(sql).await.map_err(failed)
}

async fn rows(admin: &LabSession, sql: &str) -> Result<Vec<Vec<Option<String>>>, LabError> {
    admin.rows(sql).await.map_err(failed)
}

fn failed(error: ServerError) -> LabError {
    LabError::server("change the databases of the development server", error)
}
