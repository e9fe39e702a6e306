//! Units of files to the [`Code`] of one project: imports, clients, functions, who calls whom.
//!
//! Suggested reading order: [`world`] (what is given), [`modules`] (what an import stands for), [`meaning`] (what an
//! expression stands for), [`calls`] (what is a call of Prisma Client), [`assemble`].

mod assemble;
mod calls;
mod frontend;
mod linker;
mod meaning;
mod members;
mod modules;
mod names;
mod reach;
mod results;
mod types;
mod values;
mod wanted;
mod world;

use pgsteward_model::code::Code;

pub use modules::Modules;
pub use wanted::{Targets, wanted};
pub use world::{ClientProject, Package, PathAliases, World};

use crate::unit::Unit;
use linker::Linker;

/// The code of the project [`World::this`]. Units are in the order of their files. Each call belongs to one project: no
/// two projects of a world get the same.
pub fn link(units: &[Unit], world: &World) -> Code {
    if world.projects.is_empty() {
        return Code::default();
    }
    let files: Vec<_> = units.iter().map(|unit| unit.file.clone()).collect();
    assemble::assemble(&Linker::new(units, world, &Modules::new(&files, world)))
}

/// The code of each project of a world, in their order, whatever [`World::this`] is. `modules`: of the units' files.
pub fn link_all<'a>(units: &'a [Unit], world: &'a World, modules: &'a Modules<'a>) -> Vec<Code> {
    if world.projects.is_empty() {
        return Vec::new();
    }
    let mut linker = Linker::new(units, world, modules);
    let each = 0..world.projects.len();
    each.map(|project| {
        linker.this = project;
        assemble::assemble(&linker)
    })
    .collect()
}
