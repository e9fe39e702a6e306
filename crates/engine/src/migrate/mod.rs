//! The verbs of `migrate` and `db`: Prisma's files, table, codes and order of things, without node.
//!
//! Suggested reading order: [`project`] (what is worked on), [`connection`] (on which database), [`history`] (disk and
//! rows joined), [`regime`] and `apply` (how one file runs), [`deploy`], [`status`], [`resolve`].

mod analyze;
mod apply;
pub mod config_file;
pub mod connection;
mod data_checks;
pub mod deploy;
mod drift;
pub mod error;
pub mod history;
mod leftover;
mod messages;
pub mod project;
pub mod pull;
pub mod regime;
pub mod resolve;
pub mod rollback;
pub mod schema;
pub mod server;
pub mod status;
mod watch;

pub use apply::Limits;
pub use connection::{Connection, Use};
pub use error::MigrateError;
pub use project::{MigrateProject, MigrationFolder, ProjectOptions};
pub use watch::Budget;
