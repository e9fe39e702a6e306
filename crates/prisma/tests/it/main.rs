//! Tests over real schemas of the corpus and over small ones of their own.

mod corpus;
mod dmmf;
