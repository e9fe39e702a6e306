//! The lab against real servers: PostgreSQL 15 and 17 where they can be had.

mod support;

mod cleanup;
mod corpus;
mod lifecycle;
mod replay;
mod trace;
mod walls;
