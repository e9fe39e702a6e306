//! The verbs of pgsteward: collect facts, check them, write fixes, prove them in the lab.
//!
//! The command line and the server hold no logic; both call this crate. Nothing here prints: what a person
//! should see while work goes on is sent to a [`Progress`], and what came out is returned.
//!
//! Suggested reading order: [`discover`] (what is in a repository), [`collect`] (facts), [`check`] (findings),
//! [`prove`] (what the lab says of a fix), [`fix`] (writing it down).

pub mod allow;
pub mod baseline;
pub mod check;
pub mod collect;
pub mod config;
pub mod discover;
pub mod doctor;
pub mod facts_export;
pub mod fix;
mod git;
mod hexadecimal;
pub mod init;
pub mod judge;
mod kept_file;
pub mod lab_server;
pub mod migrate;
mod personal;
pub mod plain;
mod progress;
pub mod prove;
pub mod queries;
pub mod resolve;
pub mod traffic;

pub use progress::{NoProgress, Progress};

/// Version of pgsteward, as reports show it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// All rules there are.
pub fn rules() -> Vec<&'static pgsteward_model::rule::Rule> {
    pgsteward_rules::all()
}

/// Stops every lab that this process still runs.
pub fn stop_labs() {
    pgsteward_lab::stop_all();
}

/// The next step that a typed error knows of.
pub fn hint_of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<pgsteward_pg::ConnectError>() {
        return Some(error.hint());
    }
    if let Some(error) = error.downcast_ref::<pgsteward_pg::ReadError>() {
        return Some(error.hint());
    }
    if let Some(error) = error.downcast_ref::<pgsteward_pg::UrlError>() {
        return Some(error.hint());
    }
    if let Some(error) = error.downcast_ref::<migrate::MigrateError>() {
        return error.hint.clone();
    }
    error.downcast_ref::<pgsteward_lab::LabError>().map(|error| error.hint())
}
