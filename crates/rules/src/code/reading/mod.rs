//! What several rules ask of the code: who calls whom, what a value comes from, how long a loop is, how large a table.
//!
//! No rule stands here, and nothing here changes a file.

pub(in crate::code) mod arguments;
pub(in crate::code) mod bounds;
pub(in crate::code) mod flow;
pub(in crate::code) mod given;
pub(in crate::code) mod locks;
pub(in crate::code) mod loops;
pub(in crate::code) mod middleware;
pub(in crate::code) mod remote;
pub(in crate::code) mod scale;
pub(in crate::code) mod shared;
pub(in crate::code) mod statuses;
pub(in crate::code) mod steps;
pub(in crate::code) mod text;
pub(in crate::code) mod transitions;
pub(in crate::code) mod varying;
pub(in crate::code) mod wrapper;
