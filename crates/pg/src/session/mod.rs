//! The sessions: one file for each thing a session may do.

mod lab;
mod read;

pub use lab::LabSession;
pub use read::ReadSession;
