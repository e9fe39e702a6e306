//! SQL text to statements with spans, the lock each takes, quoting and fingerprints.
//!
//! [`parse`] reads a file; [`apply`] replays one statement on a catalog and says what it locks, rewrites and
//! scans; [`analyze_file`] does both for a migration file under a transaction regime; [`ddl::create`] writes the
//! statements that make a catalog again. Everything is pure: no
//! server is asked and no file is read, so what depends on data (does the table hold rows?) is left to the
//! caller. The parser's tree never leaves this crate.

mod analyze;
mod cursor;
pub mod ddl;
mod keywords;
mod lower;
mod naming;
mod parse;
mod quote;
mod replay;
mod retype;
mod scan;
pub mod types;

pub use analyze::{AnalyzedFile, analyze_file, analyze_parsed};
pub use keywords::is_reserved;
pub use naming::not_null_name;
pub use parse::{ParsedFile, ParsedStatement, long_identifiers, names_in, parse};
pub use quote::{quote_ident, quote_literal, quote_name, quote_qualified};
pub use replay::{Births, apply, read_from_row, rename_column_in_expression, rename_in_expression};
pub use retype::type_as_written;
