//! The lab against real servers: PostgreSQL 15 and 17 where they can be had.

#[cfg(test)]
mod support;

#[cfg(test)]
mod cleanup;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod data;
#[cfg(test)]
mod deadlock;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod prediction;
#[cfg(test)]
mod replay;
#[cfg(test)]
mod trace;
#[cfg(test)]
mod twin;
#[cfg(test)]
mod walls;
