//! Linking of projects in memory.

mod clients;
mod flow;
mod modules;
mod support;
mod values;
