//! Databases of the lab that are like one that somebody else has.

mod data;
mod schema;

pub use data::{DataOptions, Filled, MoreRows, fill};
pub use schema::{Built, build, build_statements};
