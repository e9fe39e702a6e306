//! The state of linking: units, modules, what names mean, who calls whom.

use std::cell::RefCell;

use pgsteward_model::code::{FunctionRole, Value};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::meaning::{Key, Meaning};
use super::modules::Modules;
use super::names::Names;
use super::world::World;
use crate::unit::{Origin, Unit};

/// A function and an invocation: unit and index.
pub(super) type Place = (usize, usize);

pub(super) struct Linker<'a> {
    pub(super) units: &'a [Unit],
    pub(super) world: &'a World,
    /// The project whose code is put together.
    pub(super) this: usize,
    /// By the folder of a file.
    pub(super) nearest_with_schema: RefCell<HashMap<&'a str, usize>>,
    pub(super) modules: &'a Modules<'a>,
    pub(super) names: Names<'a>,
    pub(super) memory: RefCell<HashMap<Key, Meaning<'a>>>,
    /// The function that an invocation calls.
    pub(super) callees: HashMap<Place, Place>,
    /// Invocations of each function.
    pub(super) callers: HashMap<Place, Vec<Place>>,
    /// Names of methods that are called on something unknown: any method of that name may be meant.
    pub(super) loose: HashSet<&'a str>,
    /// Roles that functions have by where other files register them.
    pub(super) registered: HashMap<Place, FunctionRole>,
    /// Classes by the interfaces that they implement.
    pub(super) implementations: HashMap<&'a str, Vec<Place>>,
    /// Names of variables, fields and parameters that hold clients somewhere.
    pub(super) client_names: HashSet<&'a str>,
}

impl<'a> Linker<'a> {
    pub(super) fn new(units: &'a [Unit], world: &'a World, modules: &'a Modules<'a>) -> Linker<'a> {
        let mut linker = Linker {
            units,
            world,
            this: world.this,
            nearest_with_schema: RefCell::default(),
            modules,
            names: Names::of(units),
            memory: RefCell::default(),
            callees: HashMap::default(),
            callers: HashMap::default(),
            loose: HashSet::default(),
            registered: HashMap::default(),
            implementations: HashMap::default(),
            client_names: HashSet::default(),
        };
        for (unit, file) in units.iter().enumerate() {
            for (index, class) in file.classes.iter().enumerate() {
                for interface in &class.implements {
                    let name = interface.split('<').next().unwrap_or(interface).trim();
                    linker.implementations.entry(name).or_default().push((unit, index));
                }
            }
        }
        // Twice: a parameter may be a class or a function only by what callers give for it.
        for _ in 0..2 {
            linker.memory.borrow_mut().clear();
            linker.follow_invocations();
        }
        linker.memory.borrow_mut().clear();
        linker.name_clients();
        linker.register();
        linker
    }

    pub(super) fn role_of(&self, unit: usize, function: usize) -> FunctionRole {
        let own = self.units[unit].functions[function].role;
        match self.registered.get(&(unit, function)) {
            Some(role) if own == FunctionRole::Plain => *role,
            _ => own,
        }
    }

    /// Functions that are given to a router by name: `router.get('/orders', orders.list)`.
    fn register(&mut self) {
        let mut registered = HashMap::default();
        for (unit, file) in self.units.iter().enumerate() {
            for invocation in &file.invocations {
                let method = invocation.name.rsplit('.').next().unwrap_or("");
                if !matches!(method, "get" | "post" | "put" | "patch" | "delete" | "all") {
                    continue;
                }
                let path = invocation
                    .arguments
                    .first()
                    .is_some_and(|first| matches!(&first.value, Value::Text(text) if text.starts_with('/')));
                if !path {
                    continue;
                }
                for origin in invocation.origins.iter().skip(1) {
                    if let Meaning::Function(of, function) = self.mean(unit, origin, 0) {
                        registered.insert((of, function), FunctionRole::RequestHandler);
                    }
                }
            }
        }
        self.registered = registered;
    }

    fn follow_invocations(&mut self) {
        let mut callees = std::mem::take(&mut self.callees);
        let mut loose = HashSet::default();
        for (unit, file) in self.units.iter().enumerate() {
            for (index, invocation) in file.invocations.iter().enumerate() {
                if callees.contains_key(&(unit, index)) {
                    continue;
                }
                match self.mean(unit, &invocation.callee, 0) {
                    Meaning::Function(of, function) => {
                        callees.insert((unit, index), (of, function));
                    }
                    Meaning::Class(of, class) if invocation.constructs => {
                        if let Some(constructor) = self.names.methods.get(&(of, class, "constructor")) {
                            callees.insert((unit, index), (of, *constructor));
                        }
                    }
                    Meaning::Unknown => {
                        if let Origin::Member(_, name) = &invocation.callee {
                            loose.insert(name.as_str());
                        }
                    }
                    _ => {}
                }
            }
        }
        let mut callers: HashMap<Place, Vec<Place>> = HashMap::default();
        let mut invocations: Vec<(&Place, &Place)> = callees.iter().collect();
        invocations.sort_unstable();
        for (invocation, callee) in invocations {
            callers.entry(*callee).or_default().push(*invocation);
        }
        self.callees = callees;
        self.callers = callers;
        self.loose = loose;
    }

    fn name_clients(&mut self) {
        let mut names: HashSet<&'a str> = HashSet::from_iter(["prisma", "db", "tx", "trx", "prismaClient"]);
        for (unit, file) in self.units.iter().enumerate() {
            if file.clients.is_empty() && !file.imports.iter().any(|import| import.module.contains("prisma"))
            {
                continue;
            }
            for (index, variable) in file.variables.iter().enumerate() {
                if self.mean_variable(unit, index, 0).client().is_some() {
                    names.insert(&variable.name);
                }
            }
            for field in file.classes.iter().flat_map(|class| &class.fields) {
                if field.ty.as_ref().is_some_and(|ty| self.typed(unit, ty, 0).client().is_some()) {
                    names.insert(&field.name);
                }
            }
            for (name, ty) in file.types.iter().flat_map(|alias| &alias.members) {
                if self.typed(unit, ty, 0).client().is_some() {
                    names.insert(name);
                }
            }
        }
        self.client_names = names;
    }
}
