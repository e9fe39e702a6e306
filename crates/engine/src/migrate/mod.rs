//! The verbs of `migrate` and `db`: Prisma's files, table, codes and order of things, without node.
//!
//! Suggested reading order: [`project`] (what is worked on), [`connection`] (on which database), [`history`] (disk and
//! rows joined), [`regime`] and `apply` (how one file runs), [`deploy`], [`status`], [`resolve`]; then [`shadow`] (what
//! migrations make, in the lab) and [`dev`].

mod analyze;
mod apply;
pub mod ask;
pub mod backfill;
mod belongings;
pub mod checks;
pub mod config_file;
pub mod conflicts;
pub mod connection;
mod data_checks;
pub mod deploy;
pub mod dev;
pub mod diagnosis;
pub mod diff;
pub mod doctor;
mod drift;
pub mod error;
pub mod execute;
pub mod generator;
pub mod history;
mod holders;
pub mod keep;
mod leftover;
mod losses;
mod messages;
pub mod name;
mod namespace;
pub mod outside;
mod patience;
pub mod place;
mod plain_files;
pub mod plan;
pub mod production;
pub mod project;
pub mod pull;
pub mod push;
pub mod regime;
pub mod rehearse;
mod release;
pub mod rename;
pub mod reset;
pub mod resolve;
pub mod rollback;
pub mod schema;
pub mod seed;
pub mod server;
pub mod shadow;
mod side_file;
pub mod squash;
pub mod status;
mod subscribers;
pub mod target;
mod told;
mod unused;
mod watch;

pub use apply::Limits;
pub use connection::{Connection, Use};
pub use error::MigrateError;
pub use project::{MigrateProject, MigrationFolder, ProjectOptions};
pub use watch::Budget;
