//! The sessions: one file for each thing a session may do.

mod heard;
mod lab;
mod read;
mod witness;
mod write;

pub(crate) use heard::Heard;
pub use lab::LabSession;
pub use read::ReadSession;
pub use witness::Witness;
pub use write::{APPLICATION_NAME, Answered, Canceller, Mark, Marked, Permit, TextRows, WriteSession};
