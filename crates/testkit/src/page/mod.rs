//! A rule's page as a test.
//!
//! [`parse`] reads the Markdown into cases, [`facts`] makes facts of a case as a check would, on a real
//! server, and [`run`] holds the rule's findings against the marks and has each fix proven.

pub mod facts;
pub mod parse;
pub mod run;
pub mod snapshot;
