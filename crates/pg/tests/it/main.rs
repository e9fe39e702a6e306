//! Tests against a server that they start themselves.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends where its helpers fail, and says why it did not run"
)]

mod catalog;
mod connect;
mod corpus;
mod read;
mod support;
mod url;
mod workload;
