//! Formats schema text as `prisma format` does: the same bytes.
//!
//! `complete` adds the halves of relations that were left out, `grammar` cuts the text into blocks, lines and comments, `layout` aligns columns, `write` puts both together.
//! Source of the rules: the formatter of Prisma 7.10 (`psl/schema-ast`), against which `bench/conformance.py` and the
//! tests compare.

mod complete;
mod grammar;
mod layout;
mod write;

use std::sync::Arc;

use pgsteward_model::source::SourceFile;

/// All files of a schema: relations completed, then laid out. Files keep their order.
pub fn format(files: &[Arc<SourceFile>]) -> Vec<(Arc<str>, String)> {
    complete::complete(files).into_iter().map(|(path, text)| (path, reformat(&text))).collect()
}

/// The text in Prisma's layout, line by line; nothing is added and nothing that means something is dropped.
pub fn reformat(text: &str) -> String {
    write::write(&grammar::read(text))
}
