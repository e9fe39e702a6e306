//! Which files must be read in full: those that speak of a database, whoever can reach them, and what they are made of.
//! Decided by imports alone, name by name: a file that imports one function of a package depends on the file that this
//! function is written in, and not on all that the package exports.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use pgsteward_model::code::FileRole;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet, FxHasher};

use super::modules::{Module, Modules};
use crate::unit::{Depth, Export, Exported, Import, Imported, Origin, Unit};

/// How far re-exports are followed.
const MAX_DEPTH: usize = 24;

/// Units of which only the names were read and that matter all the same: they import, directly or through others, what
/// is written in files that speak of a database, or such files import them. Whoever links should read them fully first,
/// and ask again.
///
/// `known` is what was found before, for the same units but for those that were read fully since.
pub fn wanted(units: &[Unit], modules: &Modules<'_>, known: &mut Targets) -> Vec<usize> {
    let graph = Graph::new(units, modules);
    known.renew(&graph);
    let imported: Vec<Vec<usize>> = (0..units.len()).map(|unit| graph.imported(unit, known)).collect();
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

/// The units that each unit imports something of, as far as exports tell. To look them up takes as long as reading many
/// a file.
#[derive(Default)]
pub struct Targets {
    of: Vec<Known>,
}

struct Known {
    depth: Depth,
    /// Of what the unit exports.
    exports: u64,
    imported: Vec<usize>,
}

impl Targets {
    fn renew(&mut self, graph: &Graph<'_>) {
        let units = graph.units;
        if self.of.len() != units.len() {
            self.of = (0..units.len()).map(|unit| graph.known(unit)).collect();
            return;
        }
        // Files that are read in full may export more than their words told: whoever was led to them looks again.
        let changed = |unit: &usize| self.of[*unit].depth != units[*unit].depth;
        let other: HashSet<usize> = (0..units.len())
            .filter(changed)
            .filter(|unit| self.of[*unit].exports != exports(&units[*unit]))
            .collect();
        let led_there = |unit: &usize| self.of[*unit].imported.iter().any(|of| other.contains(of));
        let anew: Vec<usize> =
            (0..units.len()).filter(|unit| changed(unit) || !other.is_empty() && led_there(unit)).collect();
        for unit in anew {
            self.of[unit] = graph.known(unit);
        }
    }
}

/// A number for what a unit exports, in whatever order, and whatever of the file itself it is.
fn exports(unit: &Unit) -> u64 {
    let of = |export: &Export| {
        let mut hasher = FxHasher::default();
        (&export.name, export.type_only).hash(&mut hasher);
        match &export.what {
            Exported::Local(_) => {}
            Exported::From { module, name: Imported::Name(name) } => (1, module, name).hash(&mut hasher),
            Exported::From { module, name: Imported::Namespace } => (2, module).hash(&mut hasher),
            Exported::From { module, name: Imported::Nothing } => (3, module).hash(&mut hasher),
            Exported::Star { module } => (4, module).hash(&mut hasher),
        }
        hasher.finish()
    };
    unit.exports.iter().map(of).fold(0, u64::wrapping_add)
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
    fn imported(&self, unit: usize, known: &Targets) -> Vec<usize> {
        let mut found = known.of[unit].imported.clone();
        if !self.implementations.is_empty() {
            let imports = self.units[unit].imports.iter().filter(|import| !import.type_only);
            found.extend(imports.flat_map(|import| self.implementing(unit, import)));
            found.sort_unstable();
            found.dedup();
        }
        found.retain(|of| *of != unit);
        found
    }

    fn known(&self, unit: usize) -> Known {
        let file = &self.units[unit];
        let imports = file.imports.iter().filter(|import| !import.type_only);
        let mut imported: Vec<usize> = imports.flat_map(|import| self.declaring(unit, import)).collect();
        imported.sort_unstable();
        imported.dedup();
        Known { depth: file.depth, exports: exports(file), imported }
    }

    /// The units that what is imported is written in.
    fn targets(&self, unit: usize, import: &'a Import) -> Vec<usize> {
        let mut found = self.declaring(unit, import);
        found.extend(self.implementing(unit, import));
        found
    }

    /// The classes that may be meant by an interface that is imported.
    fn implementing(&self, unit: usize, import: &'a Import) -> &[usize] {
        let found = match &import.name {
            Imported::Name(name) => self.implementations.get(name.as_str()),
            Imported::Namespace | Imported::Nothing => None,
        };
        found.filter(|_| self.unit_of(unit, &import.module).is_some()).map_or(&[], Vec::as_slice)
    }

    /// The units that what is imported is declared in.
    fn declaring(&self, unit: usize, import: &'a Import) -> Vec<usize> {
        let Some(of) = self.unit_of(unit, &import.module) else { return Vec::new() };
        match &import.name {
            Imported::Name(name) => {
                self.definers(of, name, 0).unwrap_or_else(|| self.everything(of).to_vec())
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
