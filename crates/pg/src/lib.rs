//! The only crate that talks to a server: sessions, introspection, settings, statistics.
//!
//! There are three kinds of sessions. A [`ReadSession`] goes to a server of the user's and has no method that
//! writes; a [`WriteSession`] goes there too and is to be had for a [`Permit`] only, which a verb makes out of the
//! user's command; a [`LabSession`] goes to a throw-away cluster and runs whatever text it is given. All read the
//! catalog with the same queries, so that what the lab shows and what production holds compare equal.
//!
//! This crate knows the protocol, the system catalogs of PostgreSQL 12 to 18 and nothing about rules,
//! files or reports: it returns the types of `pgsteward_model`, and a [`Gap`](pgsteward_model::facts::Gap)
//! for whatever the role was not allowed to read.

mod activity;
mod connect;
mod error;
mod fingerprint;
mod grants;
pub mod history;
mod introspect;
mod migrations;
mod session;
mod settings;
mod statistics;
mod tls;
mod url;
mod workload;

// The tests of this crate and those beside it start their server with the same lines.
#[cfg(test)]
extern crate self as pgsteward_pg;
#[cfg(test)]
#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "the tests beside the crate use the rest")]
mod support;

pub use activity::DatabaseActivity;
pub use connect::ConnectError;
pub use error::ReadError;
pub use introspect::{CatalogOptions, Invalid};
pub use migrations::AppliedMigration;
pub use session::{
    APPLICATION_NAME, Answered, Canceller, LabSession, Mark, Marked, Permit, ReadSession, TextRows, Witness,
    WriteSession,
};
pub use url::{ServerUrl, UrlError};
pub use workload::CountedStatement;
