//! What an [`Origin`] of one file means in the whole repository: a client, a function, a class, a module.

use std::rc::Rc;

use pgsteward_model::code::Confidence;

use super::frontend::FRONTEND;
use super::linker::Linker;
use super::modules::Module;
use crate::unit::{CallbackParameter, Exported, Imported, Origin};

/// How deep chains of imports, variables, members and calls are followed.
pub(super) const MAX_DEPTH: usize = 24;

/// Names and types of members.
pub(super) type Members<'a> = Rc<[(&'a str, &'a str)]>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning<'a> {
    Unknown,
    Client(ClientRef),
    /// `prisma.user`, kept somewhere.
    Delegate(ClientRef, &'a str),
    /// The class `PrismaClient` itself.
    ClientClass(Option<usize>),
    /// The module of a generated client.
    ClientModule(Option<usize>),
    /// Unit and function.
    Function(usize, usize),
    /// Unit and class.
    Class(usize, usize),
    Instance(usize, usize),
    Module(usize),
    /// An object literal of a unit.
    Object(usize, &'a [(String, Origin)]),
    /// A value of an object type: its members with their types as they are written in a unit.
    Typed(usize, Members<'a>),
    /// Of a package that is not in the repository.
    /// The package: `@slack/web-api`.
    Foreign(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClientRef {
    /// The project that it is generated for, where that is sure.
    pub(super) project: Option<usize>,
    pub(super) confidence: Confidence,
    /// It is the client of a transaction.
    pub(super) transaction: bool,
}

/// What is remembered of one evaluation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Import(usize, usize),
    Variable(usize, usize),
    Parameter(usize, usize, usize),
    Returned(usize, usize),
}

impl Meaning<'_> {
    pub(super) fn client(&self) -> Option<ClientRef> {
        match self {
            Meaning::Client(client) => Some(*client),
            _ => None,
        }
    }

    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Meaning::Unknown | Meaning::Foreign(_))
    }
}

impl<'a> Linker<'a> {
    pub(super) fn mean(&self, unit: usize, origin: &'a Origin, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        let next = depth + 1;
        match origin {
            Origin::Unknown | Origin::Result(_) | Origin::Element(_) => Meaning::Unknown,
            Origin::Import(index) => self.mean_import(unit, *index, depth),
            Origin::Variable(index) => self.mean_variable(unit, *index, depth),
            Origin::Function(index) => Meaning::Function(unit, *index),
            Origin::Class(index) => Meaning::Class(unit, *index),
            Origin::Parameter { function, index } => self
                .remembered(Key::Parameter(unit, *function, *index), || {
                    self.parameter(unit, *function, *index, next)
                }),
            Origin::Callback(parameter) => {
                let CallbackParameter { callee, argument, index, ty, .. } = &**parameter;
                if let Some(ty) = ty {
                    let typed = self.typed(unit, ty, next);
                    if typed.is_known() {
                        return typed;
                    }
                }
                self.callback(unit, callee, *argument, *index, next)
            }
            Origin::Transaction(index) => self.transaction_client(unit, *index, next),
            Origin::This(Some(class)) => self.instance(unit, *class, next),
            Origin::Super(Some(class)) => {
                match self.units[unit].classes[*class]
                    .extends
                    .as_ref()
                    .map(|base| self.mean(unit, base, next))
                {
                    Some(Meaning::Class(of, base)) => self.instance(of, base, next),
                    _ => Meaning::Unknown,
                }
            }
            Origin::This(None) | Origin::Super(None) | Origin::Global(_) => Meaning::Unknown,
            Origin::Client(_) => Meaning::Client(ClientRef {
                project: self.imported_client(unit),
                confidence: Confidence::Resolved,
                transaction: false,
            }),
            Origin::Member(of, name) => {
                let of = self.mean(unit, of, next);
                self.member(&of, name, next)
            }
            Origin::Call(callee, invocation) => self.called(unit, callee, *invocation, next),
            Origin::New(class) => match self.mean(unit, class, next) {
                Meaning::Class(of, class) => self.instance(of, class, next),
                Meaning::ClientClass(project) => Meaning::Client(ClientRef {
                    project,
                    confidence: Confidence::Resolved,
                    transaction: false,
                }),
                Meaning::Foreign(package) => Meaning::Foreign(package),
                _ => Meaning::Unknown,
            },
            Origin::Extended(of) => self.mean(unit, of, next),
            Origin::Either(all) => {
                let mut best = Meaning::Unknown;
                for one in all {
                    let meaning = self.mean(unit, one, next);
                    if let Some(client) = meaning.client() {
                        let surer = best.client().is_none_or(|known| known.confidence < client.confidence);
                        if surer {
                            best = meaning;
                        }
                    } else if !best.is_known() {
                        best = meaning;
                    }
                }
                best
            }
            Origin::Typed(of, ty) => {
                let value = self.mean(unit, of, next);
                if value.is_known() { value } else { self.typed(unit, ty, next) }
            }
            Origin::Object(members) => Meaning::Object(unit, members),
        }
    }

    pub(super) fn mean_variable(&self, unit: usize, index: usize, depth: usize) -> Meaning<'a> {
        self.remembered(Key::Variable(unit, index), || self.variable(unit, index, depth + 1))
    }

    pub(super) fn mean_import(&self, unit: usize, index: usize, depth: usize) -> Meaning<'a> {
        self.remembered(Key::Import(unit, index), || self.import(unit, index, depth + 1))
    }

    /// What a function returns.
    pub(super) fn returns(&self, unit: usize, function: usize, depth: usize) -> Meaning<'a> {
        self.remembered(Key::Returned(unit, function), || self.returned(unit, function, depth + 1))
    }

    /// Evaluates once. What leads back to itself is unknown.
    fn remembered(&self, key: Key, make: impl FnOnce() -> Meaning<'a>) -> Meaning<'a> {
        if let Some(known) = self.memory.borrow().get(&key) {
            return known.clone();
        }
        self.memory.borrow_mut().insert(key, Meaning::Unknown);
        let made = make();
        self.memory.borrow_mut().insert(key, made.clone());
        made
    }

    fn import(&self, unit: usize, index: usize, depth: usize) -> Meaning<'a> {
        let import = &self.units[unit].imports[index];
        match self.modules.resolve(&self.units[unit].file, &import.module) {
            Module::Client(project) => match &import.name {
                Imported::Name(name) if FRONTEND.is_client_class(name) => Meaning::ClientClass(project),
                Imported::Name(name) if name != "default" => Meaning::Unknown,
                _ => Meaning::ClientModule(project),
            },
            Module::Unit(of) => match &import.name {
                Imported::Name(name) => self.exported(of, name, depth),
                Imported::Namespace => Meaning::Module(of),
                Imported::Nothing => Meaning::Unknown,
            },
            Module::Foreign => Meaning::Foreign(&import.module),
            Module::Unknown => Meaning::Unknown,
        }
    }

    /// What a module exports under a name, through re-exports.
    pub(super) fn exported(&self, unit: usize, name: &'a str, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        let file = &self.units[unit].file;
        let exports = &self.units[unit].exports;
        let first = self.names.exports.get(&(unit, name)).copied().unwrap_or(exports.len());
        for export in exports[first..].iter().filter(|export| export.name == name) {
            let meaning = match &export.what {
                Exported::Local(origin) => self.mean(unit, origin, depth + 1),
                Exported::From { module, name } => match (self.modules.resolve(file, module), name) {
                    (Module::Unit(of), Imported::Name(name)) => self.exported(of, name, depth + 1),
                    (Module::Unit(of), Imported::Namespace) => Meaning::Module(of),
                    (Module::Client(project), Imported::Name(name)) if FRONTEND.is_client_class(name) => {
                        Meaning::ClientClass(project)
                    }
                    (Module::Client(project), Imported::Namespace) => Meaning::ClientModule(project),
                    (Module::Foreign, _) => Meaning::Foreign(module),
                    _ => Meaning::Unknown,
                },
                Exported::Star { .. } => Meaning::Unknown,
            };
            if meaning != Meaning::Unknown {
                return meaning;
            }
        }
        if name == "default" {
            // `module.exports = { … }` read by `import x from`.
            return Meaning::Unknown;
        }
        for index in self.names.stars.get(&unit).into_iter().flatten() {
            let Exported::Star { module } = &self.units[unit].exports[*index].what else { continue };
            let meaning = match self.modules.resolve(file, module) {
                Module::Unit(of) => self.exported(of, name, depth + 1),
                Module::Client(project) if FRONTEND.is_client_class(name) => Meaning::ClientClass(project),
                _ => Meaning::Unknown,
            };
            if meaning != Meaning::Unknown {
                return meaning;
            }
        }
        Meaning::Unknown
    }

    fn variable(&self, unit: usize, index: usize, depth: usize) -> Meaning<'a> {
        let variable = &self.units[unit].variables[index];
        let value = self.mean(unit, &variable.origin, depth);
        if value.is_known() {
            return value;
        }
        if let Some(function) = variable.holds {
            return Meaning::Function(unit, function);
        }
        let held =
            |client: &&pgsteward_model::code::Client| client.name.as_deref() == Some(variable.name.as_str());
        if self.units[unit].clients.iter().any(|client| held(&client)) {
            return Meaning::Client(ClientRef {
                project: self.imported_client(unit),
                confidence: Confidence::Resolved,
                transaction: false,
            });
        }
        match variable.ty.as_ref().map(|ty| self.typed(unit, ty, depth)) {
            Some(typed) if typed.is_known() => typed,
            _ => value,
        }
    }

    fn parameter(&self, unit: usize, function: usize, index: usize, depth: usize) -> Meaning<'a> {
        let Some(parameter) = self.units[unit].functions[function].parameters.get(index) else {
            return Meaning::Unknown;
        };
        let typed = parameter.ty.as_ref().map_or(Meaning::Unknown, |ty| self.typed(unit, ty, depth));
        let passed = self.passed(unit, function, index, depth);
        match (typed, passed) {
            (Meaning::Client(typed), Some((client, all_on_transactions))) => Meaning::Client(ClientRef {
                project: typed.project.or(client.project),
                confidence: typed.confidence.max(client.confidence),
                transaction: typed.transaction || all_on_transactions,
            }),
            (Meaning::Unknown | Meaning::Foreign(_), Some((client, all_on_transactions))) => {
                Meaning::Client(ClientRef { transaction: all_on_transactions, ..client })
            }
            (typed, _) => typed,
        }
    }

    /// The client that callers give for a parameter, and whether each of them gives one of a transaction.
    fn passed(&self, unit: usize, function: usize, index: usize, depth: usize) -> Option<(ClientRef, bool)> {
        let mut found: Option<ClientRef> = None;
        let mut all = true;
        for (of, invocation) in self.callers.get(&(unit, function)).into_iter().flatten() {
            let invocation = &self.units[*of].invocations[*invocation];
            let client =
                invocation.origins.get(index).and_then(|origin| self.mean(*of, origin, depth).client());
            match client {
                Some(client) => {
                    all &= client.transaction;
                    found = Some(found.unwrap_or(client));
                }
                None => all = false,
            }
        }
        found.map(|client| (client, all))
    }

    /// The parameter of a callback that a function of this repository calls: what it calls it with.
    fn callback(
        &self,
        unit: usize,
        callee: &'a Origin,
        argument: usize,
        index: usize,
        depth: usize,
    ) -> Meaning<'a> {
        let Meaning::Function(of, function) = self.mean(unit, callee, depth) else { return Meaning::Unknown };
        let is_it = |origin: &Origin| matches!(origin, Origin::Parameter { function: f, index: i } if *f == function && *i == argument);
        for invocation in self.names.parameters_called.get(&(of, function, argument)).into_iter().flatten() {
            if let Some(origin) = self.units[of].invocations[*invocation].origins.get(index) {
                return self.mean(of, origin, depth);
            }
        }
        let handed_on = self.units[of]
            .transactions
            .iter()
            .position(|transaction| transaction.callback.as_ref().is_some_and(is_it));
        match handed_on {
            Some(transaction) if index == 0 => self.transaction_client(of, transaction, depth),
            _ => Meaning::Unknown,
        }
    }

    fn transaction_client(&self, unit: usize, index: usize, depth: usize) -> Meaning<'a> {
        let on = self.mean(unit, &self.units[unit].transactions[index].on, depth).client();
        Meaning::Client(ClientRef {
            project: on.and_then(|on| on.project),
            confidence: on.map_or(Confidence::Typed, |on| on.confidence),
            transaction: true,
        })
    }
}
