//! What undoes a migration: made from the two catalogs around it, proven in the lab, kept beside it.
//!
//! [`Chain`] walks a history in one lab database and makes and proves the `down.sql` of each file on the way.
//! Nothing here touches a user's database.

mod chain;
mod generate;
mod rows;
mod state;
mod twin;

pub use chain::Chain;
