//! Units of files to the [`pgsteward_model::code::Code`] of one project.

mod world;

pub use world::{ClientProject, Package, PathAliases, World};
