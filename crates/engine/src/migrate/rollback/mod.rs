//! What undoes a migration: made from the two catalogs around it, proven in the lab, kept beside it, run when the
//! user asks.
//!
//! [`Chain`] walks a history in one lab database and makes and proves the `down.sql` of each file on the way;
//! [`adopt`] does so for the migrations of a project, [`write_down`] for a new one. [`reversibility`] says from the
//! files alone how well a migration can be undone. [`rollback`] is the only one here that touches the user's
//! database.

mod adopt;
mod apart;
mod asides;
mod carry_out;
mod chain;
mod exchanged;
mod explain;
mod file;
mod from_current;
mod functions;
mod gate;
mod generate;
mod goes;
mod lost;
mod major;
mod over_rows;
mod probe;
mod refill;
mod relocate;
mod replaced;
mod rows;
pub(super) mod state;
mod statements;
mod survive;
mod twin;
mod undo;
mod unproven;
mod views;
mod worth;

pub use adopt::{AdoptOptions, adopt, regime, write_down, write_downs};
pub use chain::Chain;
pub use file::{DownFile, Header, Reversibility, Verdict, is_stale, path_of, reversibility};
pub(super) use file::{NOT_MADE, render as down_text};
pub use gate::refuse_irreversible;
pub(super) use generate::in_order;
pub(super) use refill::{FILLED_AT_ONCE, Refill, marker as refill_marker};
pub(super) use rows::writes_rows;
pub(super) use undo::UNDER_WAY;
pub use undo::{RollbackOptions, RolledBack, rollback};
