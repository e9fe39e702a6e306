//! Prisma schema text to [`PrismaSchema`].
//!
//! Five steps: `lexer` (text to tokens), `parser` (tokens to the tree of one file, with recovery), `resolve`
//! (the trees of all files to models, fields and attributes), `relations` (which field is the other end of
//! which) and `check` (what Prisma would refuse). Nothing here knows a database.

use std::sync::Arc;

use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;

pub(crate) mod ast;
mod attributes;
mod check;
mod expression;
mod lexer;
pub(crate) mod native_types;
pub(crate) mod operator_classes;
pub(crate) mod parser;
mod predicate;
pub(crate) mod relations;
mod resolve;
mod strict;

pub use relations::{ManyToMany, many_to_many, relation_name};
pub use strict::validate;

/// Reads one schema that may lie in several files. Never fails: what is wrong is in `errors`, sorted by
/// file and place, and everything else of the text is in the result.
pub fn parse(files: &[Arc<SourceFile>]) -> PrismaSchema {
    let mut schema = parse_unchecked(files);
    check::check(&mut schema);
    schema.errors.sort_by(|a, b| (&a.at.file, a.at.span).cmp(&(&b.at.file, b.at.span)));
    schema
}

/// The same without what `check` asks: half of a relation is no error.
pub(crate) fn parse_unchecked(files: &[Arc<SourceFile>]) -> PrismaSchema {
    let documents: Vec<(Arc<SourceFile>, ast::Document)> =
        files.iter().map(|file| (file.clone(), parser::parse_text(&file.text))).collect();
    let mut schema = resolve::resolve(&documents);
    relations::resolve(&mut schema);
    schema
}
