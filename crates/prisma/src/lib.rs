//! The Prisma schema language: text to facts and back, the difference of two catalogs, and its SQL.
//!
//! - `schema`: text to [`pgsteward_model::prisma::PrismaSchema`].
//! - [`edit`]: edits of the text that keep its layout.
//!
//! This crate starts no process, reads no file and speaks to no server: callers hand it text and catalogs.

pub mod edit;
mod schema;

pub use schema::{ManyToMany, many_to_many, parse, relation_name};
