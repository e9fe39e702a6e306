//! The Prisma schema language: text to facts and back, the difference of two catalogs, and its SQL.
//!
//! - [`parse`]: text to [`pgsteward_model::prisma::PrismaSchema`].
//! - [`validate`]: what Prisma would refuse of a text.
//! - [`edit`]: edits of the text that keep its layout.
//! - [`calculate`]: the catalog that Prisma's SQL would make from a schema.
//! - [`diff`]: the steps from one catalog to another.
//! - [`render`]: steps to SQL, as Prisma Migrate writes it.
//! - [`summary`]: the same steps in words.
//! - [`introspect`]: a catalog to schema text.
//! - [`format`]: schema text in Prisma's layout.
//! - [`data_loss`]: what they would lose.
//! - [`drift`]: what `prisma migrate dev` would write next.
//! - [`query`]: what statements a call of Prisma Client becomes.
//!
//! This crate starts no process, reads no file and speaks to no server: callers hand it text and catalogs.

mod calculate;
pub mod data_loss;
pub mod diff;
mod drift;
pub mod edit;
pub mod format;
pub mod introspect;
pub mod query;
pub mod render;
mod schema;
mod summary;

pub use calculate::calculate;
pub use drift::{drift, kind as drift_kind};
pub use schema::{ManyToMany, many_to_many, parse, relation_name, validate};
pub use summary::{NO_DIFFERENCE, summary};
