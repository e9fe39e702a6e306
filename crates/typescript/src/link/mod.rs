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
mod world;

use pgsteward_model::code::Code;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

pub use world::{ClientProject, Package, PathAliases, World};

use crate::unit::{Depth, Exported, Origin, Unit};
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

/// The code of each project of a world, in their order, whatever [`World::this`] is.
pub fn link_all(units: &[Unit], world: &World) -> Vec<Code> {
    if world.projects.is_empty() {
        return Vec::new();
    }
    let mut linker = Linker::new(units, world);
    let each = 0..world.projects.len();
    each.map(|project| {
        linker.this = project;
        assemble::assemble(&linker)
    })
    .collect()
}

/// Units of which only the names were read and that matter all the same: they import, directly or through others, files
/// that speak of a database, or such files import them. Whoever links should read them fully first, and ask again.
pub fn wanted(units: &[Unit], world: &World) -> Vec<usize> {
    let modules = Modules::new(units, world);
    let mut imported: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    let mut passed_on: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    for (unit, file) in units.iter().enumerate() {
        let imports = file.imports.iter().filter(|import| !import.type_only);
        imported[unit] = imports.filter_map(|import| to(&modules, units, unit, &import.module)).collect();
        let exports = file.exports.iter().filter(|export| !export.type_only);
        passed_on[unit] = exports
            .filter_map(|export| match &export.what {
                Exported::From { module, .. } | Exported::Star { module } => {
                    to(&modules, units, unit, module)
                }
                Exported::Local(_) => None,
            })
            .collect();
    }
    let speaks = |unit: &usize| {
        let unit = &units[*unit];
        !unit.calls.is_empty()
            || !unit.raw.is_empty()
            || !unit.transactions.is_empty()
            || !unit.clients.is_empty()
    };
    let speaking: Vec<usize> = (0..units.len()).filter(speaks).collect();
    let mut seen: HashSet<usize> = speaking.iter().copied().collect();
    // Upwards: whoever imports them, and whoever imports these.
    let mut importers: HashMap<usize, Vec<usize>> = HashMap::default();
    for unit in 0..units.len() {
        for of in imported[unit].iter().chain(&passed_on[unit]) {
            importers.entry(*of).or_default().push(unit);
        }
    }
    let mut left = speaking.clone();
    while let Some(unit) = left.pop() {
        left.extend(importers.get(&unit).into_iter().flatten().filter(|importer| seen.insert(**importer)));
    }
    // Downwards: the constants, fragments and wrappers that they use, through files that only hand names on.
    let mut below: HashSet<usize> = HashSet::default();
    left.extend(speaking.iter().flat_map(|unit| &imported[*unit]));
    while let Some(unit) = left.pop() {
        if below.insert(unit) {
            left.extend(&passed_on[unit]);
            // A constant may be made of another file's.
            let file = &units[unit];
            let roots = file.references.iter().filter_map(|reference| match reference.origin.root() {
                Origin::Import(index) => Some(&file.imports[*index].module),
                _ => None,
            });
            left.extend(roots.filter_map(|module| match modules.resolve(&file.file, module) {
                Module::Unit(of) => Some(of),
                _ => None,
            }));
        }
    }
    seen.extend(below);
    let mut found: Vec<usize> = seen.into_iter().filter(|unit| units[*unit].depth == Depth::Names).collect();
    found.sort_unstable();
    found
}

/// The other unit that a module specifier of a unit stands for.
fn to<'a>(modules: &Modules<'a>, units: &'a [Unit], unit: usize, module: &'a str) -> Option<usize> {
    match modules.resolve(&units[unit].file, module) {
        Module::Unit(of) if of != unit => Some(of),
        _ => None,
    }
}
