//! Units of files to the [`Code`] of one project: imports, clients, functions, who calls whom.
//!
//! Suggested reading order: [`world`] (what is given), [`modules`] (what an import stands for), [`meaning`] (what an
//! expression stands for), [`calls`] (what is a call of Prisma Client), [`assemble`].

mod assemble;
mod calls;
mod frontend;
mod linker;
mod meaning;
mod modules;
mod reach;
mod results;
mod types;
mod values;
mod world;

use std::collections::{HashMap, HashSet};

use pgsteward_model::code::Code;

pub use world::{ClientProject, Package, PathAliases, World};

use crate::unit::{Depth, Exported, Unit};
use linker::Linker;
use modules::{Module, Modules};

/// The code of the project [`World::this`]. Units are in the order of their files. Each call belongs to one project: no
/// two projects of a world get the same.
pub fn link(units: &[Unit], world: &World) -> Code {
    if world.projects.is_empty() {
        return Code::default();
    }
    assemble::assemble(&Linker::new(units, world))
}

/// Units of which only the names were read and that import, directly or through others, files that speak of a database:
/// whoever links should read them fully first, and ask again.
pub fn wanted(units: &[Unit], world: &World) -> Vec<usize> {
    let modules = Modules::new(units, world);
    let mut importers: HashMap<usize, Vec<usize>> = HashMap::new();
    for (unit, file) in units.iter().enumerate() {
        let imported = file.imports.iter().filter(|import| !import.type_only).map(|import| &import.module);
        let passed_on =
            file.exports.iter().filter(|export| !export.type_only).filter_map(|export| match &export.what {
                Exported::From { module, .. } | Exported::Star { module } => Some(module),
                Exported::Local(_) => None,
            });
        for module in imported.chain(passed_on) {
            if let Module::Unit(of) = modules.resolve(&file.file, module)
                && of != unit
            {
                importers.entry(of).or_default().push(unit);
            }
        }
    }
    let speaks = |unit: &Unit| {
        !unit.calls.is_empty()
            || !unit.raw.is_empty()
            || !unit.transactions.is_empty()
            || !unit.clients.is_empty()
    };
    let mut left: Vec<usize> = (0..units.len()).filter(|unit| speaks(&units[*unit])).collect();
    let mut seen: HashSet<usize> = left.iter().copied().collect();
    let mut found = Vec::new();
    while let Some(unit) = left.pop() {
        for importer in importers.get(&unit).into_iter().flatten() {
            if seen.insert(*importer) {
                left.push(*importer);
                if units[*importer].depth == Depth::Names {
                    found.push(*importer);
                }
            }
        }
    }
    found.sort_unstable();
    found
}
