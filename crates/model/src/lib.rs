//! The nouns of pgsteward: facts, catalog, statements, findings, fixes, proofs.
//!
//! Everything here is plain data with public fields. This crate does no I/O, knows no parser's tree, no
//! server protocol and no output format; whoever collects facts lowers what was read into these types, and
//! whoever prints findings takes them from these types. They are no stable format: what is promised to
//! users lives in the `report` crate's wire module.
//!
//! Suggested reading order: [`source`] and [`place`] (where something is), [`catalog`] (what a database
//! holds), [`statement`] (what a migration does), [`prisma`] (what the schema file says), [`code`] (what the application asks),
//! [`facts`] (all of
//! it together), [`finding`], [`change`], [`proof`] (what comes out).

pub mod catalog;
pub mod catalog_compare;
pub mod catalog_words;
pub mod change;
pub mod cluster;
pub mod code;
pub mod drift;
pub mod effect;
pub mod exported;
pub mod facts;
pub mod finding;
pub mod identity;
pub mod lab_server;
pub mod lock;
pub mod migrate;
pub mod migration;
pub mod place;
pub mod printed;
pub mod prisma;
pub mod project;
pub mod proof;
pub mod queries;
pub mod repeated;
pub mod review;
pub mod rule;
pub mod source;
pub mod statement;
pub mod states;
pub mod version;
