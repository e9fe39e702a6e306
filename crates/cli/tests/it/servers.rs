//! Servers of the user's, as the verbs that write meet them: a lab's, which listens on a socket as many local
//! servers do.

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_pg::LabSession;

/// Superuser of every lab server: here it stands for the owner of a server of the user's.
const SUPERUSER: &str = "pgsteward";

pub(crate) struct Server {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
}

/// A server of this major with more settings, and the runtime that its sessions live in. None, with a word on stderr,
/// where this machine has no such major version.
pub(crate) fn start(major: u32, settings: &[(&str, &str)]) -> Option<(Lab, tokio::runtime::Runtime)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = LabOptions { major: Some(major), settings, ..LabOptions::default() };
    match runtime.block_on(Lab::start(&options)) {
        Ok(lab) if lab.version().major() == major => Some((lab, runtime)),
        Ok(lab) => {
            eprintln!("not tested on PostgreSQL {major}: there is only {}", lab.version());
            None
        }
        Err(error) => {
            eprintln!("not tested on PostgreSQL {major}: {error}; {}", error.hint());
            None
        }
    }
}

impl Server {
    pub(crate) fn start(major: u32) -> Option<Server> {
        let (lab, runtime) = start(major, &[])?;
        Some(Server { lab, runtime })
    }

    /// The URL of a database that is not there yet. Verbs make it.
    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgresql://pgsteward@localhost/{database}?host={}", self.lab.folder().display())
    }

    pub(crate) fn run(&self, database: &str, sql: &str) {
        self.rows(database, sql);
    }

    /// All cells of all rows, NULL as `NULL`.
    pub(crate) fn rows(&self, database: &str, sql: &str) -> Vec<String> {
        self.runtime.block_on(async {
            let session =
                LabSession::connect_socket(self.lab.folder(), 5432, SUPERUSER, database).await.unwrap();
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows.into_iter().flatten().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect()
        })
    }

    /// A session that stays open.
    pub(crate) fn session(&self, database: &str) -> LabSession {
        self.runtime
            .block_on(LabSession::connect_socket(self.lab.folder(), 5432, SUPERUSER, database))
            .unwrap()
    }

    pub(crate) fn in_session(&self, session: &LabSession, sql: &str) {
        self.runtime.block_on(session.simple(sql)).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}
