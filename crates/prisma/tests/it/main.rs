//! Tests over real schemas of the corpus and over small ones of their own.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests fail loudly")]

mod corpus;
mod dmmf;
mod drift;
mod edit;
mod format;
mod introspect;
mod loss;
mod migrate;
mod query;
mod recovery;
mod validate;
