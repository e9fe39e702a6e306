//! How the fixes of rules are written: edits that keep the formatting, loops as one statement, new tables with their
//! models.
//!
//! No rule stands here, and nothing here decides whether something is wrong.

pub(in crate::code) mod counted;
pub(in crate::code) mod edit;
mod helper;
pub(in crate::code) mod helper_fix;
mod imports;
pub(in crate::code) mod inside;
pub(in crate::code) mod loop_fix;
mod narrowed;
pub(in crate::code) mod new_table;
pub(in crate::code) mod outbox;
mod outside;
pub(in crate::code) mod payment_key;
pub(in crate::code) mod portions;
pub(in crate::code) mod processed_event;
pub(in crate::code) mod refusal;
pub(in crate::code) mod retry;
mod statement;
pub(in crate::code) mod together;
mod touched;
pub(in crate::code) mod write_fix;
