//! `relationMode = "prisma"`: the client keeps the relations, with statements of its own before a write.

use pgsteward_model::code::Operation;
use pgsteward_model::prisma::Model;

use super::argument::Argument;
use super::world::World;
use super::{Outcome, refuse};

/// Refuses writes that Prisma surrounds with reads of related rows.
pub(super) fn refuse_what_needs_it(
    _world: &World<'_>,
    _model: &Model,
    operation: Operation,
    _argument: &Argument,
) -> Outcome<()> {
    match operation {
        Operation::Create | Operation::CreateMany | Operation::CreateManyAndReturn => Ok(()),
        _ => Err(refuse("a write under relationMode prisma")),
    }
}
