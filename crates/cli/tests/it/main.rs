//! The binary as users run it: on projects of every shape, on live servers, and when things go wrong.

mod allow;
mod discovery;
mod faults;
mod fixes;
mod formats;
mod judging;
mod live;
mod processes;
mod support;
mod verbs;
