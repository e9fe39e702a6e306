//! Every rule of pgsteward: a plain function from facts to findings, and a page that runs.
//!
//! Nothing here does I/O, reads a clock or starts a thread: the same facts give the same findings in the
//! same order. Rules see [`pgsteward_model`] types only, never a parser's tree and never a server.
//!
//! One rule is two sibling files: `<group>/<rule>.rs` and `<group>/<rule>.md`. The group's `mod.rs` names
//! it twice: a `mod` line and a line in `RULES`.

pub mod code;
pub mod config;
pub mod drift;
pub mod index;
pub mod migration;
pub mod schema;

mod readers;
mod secrets;
mod shared;

use pgsteward_model::rule::Rule;

/// All rules, group by group, in the order of their groups' lists.
pub fn all() -> Vec<&'static Rule> {
    [migration::RULES, schema::RULES, index::RULES, drift::RULES, config::RULES, code::RULES].concat()
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().into_iter().find(|rule| rule.id == id)
}
