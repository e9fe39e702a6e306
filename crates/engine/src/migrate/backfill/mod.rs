//! `migrate backfill`: one UPDATE over a whole table, in batches that nobody has to wait for.

mod definition;

pub use definition::Definition;
