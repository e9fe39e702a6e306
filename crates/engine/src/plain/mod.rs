//! Migrations of plain SQL as their runners write them: what marks the two directions inside one file, and how the
//! next file is called. Pure; which files there are is `discover`'s business.
//!
//! Sources: the documentation of dbmate, goose, golang-migrate, sqlx and node-pg-migrate, and how node-pg-migrate's
//! `sqlMigration.js` looks for its comments.

mod goose;
mod marks;
mod names;

pub use goose::whole as whole_for_goose;
pub use marks::{Directions, Marks, without_marks};
pub use names::{Names, number_of, renamed, words_of};
