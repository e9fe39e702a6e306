//! The lab against real servers: PostgreSQL 15 and 17 where they can be had.

mod support;

mod corpus;
mod lifecycle;
