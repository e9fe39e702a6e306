//! Formats schema text as `prisma format` does: the same bytes.
//!
//! `grammar` cuts the text into blocks, lines and comments, `layout` aligns columns, `write` puts both together.
//! Source of the rules: the formatter of Prisma 7.10 (`psl/schema-ast`), against which `bench/conformance.py` and the
//! tests compare.

mod grammar;
mod layout;
mod write;

/// The text in Prisma's layout, line by line; nothing is added and nothing that means something is dropped.
pub fn reformat(text: &str) -> String {
    write::write(&grammar::read(text))
}
