//! Which files must be read in full: those that speak of a database, whoever can reach them, and what they are made of.
//! Decided by imports alone, name by name: a file that imports one function of a package depends on the file that this
//! function is written in, and not on all that the package exports.

use std::cell::RefCell;
use std::rc::Rc;

use pgsteward_model::code::FileRole;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::modules::{Module, Modules};
use crate::unit::{Depth, Exported, Import, Imported, Origin, Unit};

/// How far re-exports are followed.
const MAX_DEPTH: usize = 24;

/// Units of which only the names were read and that matter all the same: they import, directly or through others, what
/// is written in files that speak of a database, or such files import them. Whoever links should read them fully first,
/// and ask again.
pub fn wanted(units: &[Unit], modules: &Modules<'_>) -> Vec<usize> {
    let graph = Graph::new(units, modules);
    let imported: Vec<Vec<usize>> = (0..units.len()).map(|unit| graph.imported(unit)).collect();
    let speaking: Vec<usize> = (0..units.len()).filter(|unit| speaks(&units[*unit])).collect();
    // Upwards: whoever imports them, and whoever imports these.
    let mut importers: HashMap<usize, Vec<usize>> = HashMap::default();
    for (unit, of) in imported.iter().enumerate() {
        of.iter().for_each(|of| importers.entry(*of).or_default().push(unit));
    }
    let mut seen: HashSet<usize> = speaking.iter().copied().collect();
    let mut left = speaking.clone();
    while let Some(unit) = left.pop() {
        left.extend(importers.get(&unit).into_iter().flatten().filter(|importer| seen.insert(**importer)));
    }
    // Of a test that asks nothing itself, and that no file imports of which anything is told, nothing is told either.
    let told = |unit: usize| units[unit].role != Some(FileRole::Test) || units[unit].depth == Depth::Full;
    seen.retain(|unit| {
        told(*unit) || importers.get(unit).is_some_and(|importers| importers.iter().any(|of| told(*of)))
    });
    // Downwards: the constants, fragments and wrappers that they use.
    let mut below: HashSet<usize> = HashSet::default();
    left.extend(speaking.iter().flat_map(|unit| &imported[*unit]));
    while let Some(unit) = left.pop() {
        if below.insert(unit) {
            // A constant may be made of another file's.
            let file = &units[unit];
            let roots = file.references.iter().filter_map(|reference| match reference.origin.root() {
                Origin::Import(index) => Some(&file.imports[*index]),
                _ => None,
            });
            roots.for_each(|import| left.extend(graph.targets(unit, import)));
        }
    }
    // A test that other code imports is code like it: a database filled for a demonstration, fixtures of a seed.
    let is_test = |unit: usize| units[unit].role == Some(FileRole::Test);
    let others = (0..units.len()).filter(|unit| !is_test(*unit)).flat_map(|unit| &imported[unit]);
    seen.extend(others.copied().filter(|of| is_test(*of)));
    seen.extend(below);
    let mut found: Vec<usize> = seen.into_iter().filter(|unit| units[*unit].depth == Depth::Names).collect();
    found.sort_unstable();
    found
}

fn speaks(unit: &Unit) -> bool {
    !unit.calls.is_empty()
        || !unit.raw.is_empty()
        || !unit.transactions.is_empty()
        || !unit.clients.is_empty()
}

/// Names and the units that declare them.
type Names<'a> = HashMap<&'a str, Vec<usize>>;

/// Files and what they import of each other.
struct Graph<'a> {
    units: &'a [Unit],
    modules: &'a Modules<'a>,
    /// Units by the interfaces that their classes implement: who names the interface may be given the class.
    implementations: Names<'a>,
    handed_on: RefCell<HashMap<usize, Rc<Names<'a>>>>,
    everything: RefCell<HashMap<usize, Rc<[usize]>>>,
}

impl<'a> Graph<'a> {
    fn new(units: &'a [Unit], modules: &'a Modules<'a>) -> Graph<'a> {
        let mut implementations = Names::default();
        for (index, unit) in units.iter().enumerate() {
            for interface in unit.classes.iter().flat_map(|class| &class.implements) {
                let name = interface.split('<').next().unwrap_or(interface).trim();
                implementations.entry(name).or_default().push(index);
            }
        }
        Graph {
            units,
            modules,
            implementations,
            handed_on: RefCell::default(),
            everything: RefCell::default(),
        }
    }

    /// The other units that a unit imports something of.
    fn imported(&self, unit: usize) -> Vec<usize> {
        let imports = self.units[unit].imports.iter().filter(|import| !import.type_only);
        let mut found: Vec<usize> = imports.flat_map(|import| self.targets(unit, import)).collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|of| *of != unit);
        found
    }

    /// The units that what is imported is written in.
    fn targets(&self, unit: usize, import: &'a Import) -> Vec<usize> {
        let Some(of) = self.unit_of(unit, &import.module) else { return Vec::new() };
        match &import.name {
            Imported::Name(name) => {
                let mut found = self.definers(of, name, 0).unwrap_or_else(|| self.everything(of).to_vec());
                found.extend(self.implementations.get(name.as_str()).into_iter().flatten());
                found
            }
            Imported::Namespace => self.everything(of).to_vec(),
            Imported::Nothing => vec![of],
        }
    }

    /// The units that declare what a unit exports under a name. None where that is not known.
    fn definers(&self, unit: usize, name: &str, depth: usize) -> Option<Vec<usize>> {
        // Files that hand on each other's names end here.
        if depth > MAX_DEPTH {
            return None;
        }
        let exports = &self.units[unit].exports;
        let mut found: Option<Vec<usize>> = None;
        for export in exports.iter().filter(|export| export.name == name) {
            let more = self.defined(unit, &export.what, depth)?;
            found.get_or_insert_default().extend(more);
        }
        if found.is_none() && exports.iter().any(|export| matches!(export.what, Exported::Star { .. })) {
            return self.handed_on(unit).get(name).cloned();
        }
        found
    }

    /// The units that one export is declared in. None where that is not known, and for `export *`.
    fn defined(&self, unit: usize, what: &'a Exported, depth: usize) -> Option<Vec<usize>> {
        match what {
            Exported::Local(_) => Some(vec![unit]),
            Exported::From { module, name } => match (self.unit_of(unit, module), name) {
                (Some(of), Imported::Name(name)) => self.definers(of, name, depth + 1),
                (Some(of), _) => Some(self.everything(of).to_vec()),
                // Of a package of others there is nothing to read.
                (None, _) => Some(Vec::new()),
            },
            Exported::Star { .. } => None,
        }
    }

    /// The names that a unit hands on by `export *`, with the units that declare them.
    fn handed_on(&self, unit: usize) -> Rc<Names<'a>> {
        if let Some(known) = self.handed_on.borrow().get(&unit) {
            return known.clone();
        }
        // Files that hand on each other's names find nothing the second time round.
        self.handed_on.borrow_mut().insert(unit, Rc::default());
        let mut names = Names::default();
        let mut seen = HashSet::default();
        let mut left = vec![unit];
        while let Some(of) = left.pop() {
            if !seen.insert(of) {
                continue;
            }
            for export in &self.units[of].exports {
                match &export.what {
                    Exported::Star { module } => left.extend(self.unit_of(of, module)),
                    // The default is not handed on.
                    what if export.name != "default" => {
                        if let Some(found) = self.defined(of, what, 0) {
                            names.entry(&export.name).or_default().extend(found);
                        }
                    }
                    _ => {}
                }
            }
        }
        let names = Rc::new(names);
        self.handed_on.borrow_mut().insert(unit, names.clone());
        names
    }

    /// A unit and all that it hands on.
    fn everything(&self, unit: usize) -> Rc<[usize]> {
        if let Some(known) = self.everything.borrow().get(&unit) {
            return known.clone();
        }
        let mut seen = HashSet::default();
        let mut left = vec![unit];
        while let Some(unit) = left.pop() {
            if !seen.insert(unit) {
                continue;
            }
            for export in self.units[unit].exports.iter().filter(|export| !export.type_only) {
                if let Exported::From { module, .. } | Exported::Star { module } = &export.what {
                    left.extend(self.unit_of(unit, module));
                }
            }
        }
        let mut found: Vec<usize> = seen.into_iter().collect();
        found.sort_unstable();
        let found: Rc<[usize]> = found.into();
        self.everything.borrow_mut().insert(unit, found.clone());
        found
    }

    /// The unit that a module specifier of a unit stands for.
    fn unit_of(&self, unit: usize, module: &'a str) -> Option<usize> {
        match self.modules.resolve(&self.units[unit].file, module) {
            Module::Unit(of) => Some(of),
            _ => None,
        }
    }
}
