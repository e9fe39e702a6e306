//! Shared tests: the harness that runs rule pages, and PostgreSQL for tests.
//!
//! Nothing here ships. The harness reads a rule's page as people do and holds the rule to it; see
//! [`page`].

pub mod corpus;
pub mod labs;
pub mod page;
