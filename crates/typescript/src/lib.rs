//! TypeScript and JavaScript to what they ask of the database: calls of Prisma Client, raw SQL, transactions,
//! and the loops, functions and conditions around them.
//!
//! Hides the parser: what leaves this crate are [`pgsteward_model::code`] types. It reads no files (whoever calls it
//! gives it text), knows no SQL and judges nothing.

mod link;
mod packed;
mod scan;
mod unit;

pub use link::{ClientProject, Modules, Package, PathAliases, Targets, World, link, link_all, wanted};
pub use scan::{LARGEST, ROOMY_STACK, mistakes, on_roomy_stack, scan, scan_but_tests, scan_fully};
pub use unit::*;
