//! Databases of the lab that are like one that somebody else has.

mod schema;

pub use schema::{Built, build};
