//! Members of what is known, what calls return, and instances of classes.

use pgsteward_model::code::Confidence;

use super::frontend::FRONTEND;
use super::linker::Linker;
use super::meaning::{ClientRef, MAX_DEPTH, Meaning};
use crate::unit::{Imported, Origin};

impl<'a> Linker<'a> {
    /// A value of a class; one that extends the client is a client.
    pub(super) fn instance(&self, unit: usize, class: usize, depth: usize) -> Meaning<'a> {
        match self.base_client(unit, class, depth) {
            Some(project) => {
                Meaning::Client(ClientRef { project, confidence: Confidence::Resolved, transaction: false })
            }
            None => Meaning::Instance(unit, class),
        }
    }

    /// Some where a class extends `PrismaClient`, itself or through others.
    fn base_client(&self, unit: usize, class: usize, depth: usize) -> Option<Option<usize>> {
        let base = self.units[unit].classes[class].extends.as_ref()?;
        match self.mean(unit, base, depth + 1) {
            Meaning::ClientClass(project) => Some(project),
            // `class X extends (createExtended() as new () => …)`
            Meaning::Client(client) => Some(client.project),
            Meaning::Class(of, base) if depth < MAX_DEPTH && (of, base) != (unit, class) => {
                self.base_client(of, base, depth + 1)
            }
            _ => None,
        }
    }

    pub(super) fn member(&self, of: &Meaning<'a>, name: &'a str, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        match of {
            Meaning::Client(client) if !name.starts_with('$') => Meaning::Delegate(*client, name),
            Meaning::ClientModule(project) if FRONTEND.is_client_class(name) => {
                Meaning::ClientClass(*project)
            }
            Meaning::Module(unit) => self.exported(*unit, name, depth),
            Meaning::Object(unit, members) => members
                .iter()
                .rev()
                .find(|(known, _)| known == name)
                .map_or(Meaning::Unknown, |(_, origin)| self.mean(*unit, origin, depth + 1)),
            Meaning::Typed(unit, members) => members
                .iter()
                .find(|(known, _)| *known == name)
                .map_or(Meaning::Unknown, |(_, ty)| self.typed(*unit, ty, depth + 1)),
            Meaning::Instance(unit, class) => self.class_member(*unit, *class, name, depth),
            Meaning::Class(unit, class) => self.class_member(*unit, *class, name, depth),
            Meaning::Foreign(package) => Meaning::Foreign(package),
            _ => Meaning::Unknown,
        }
    }

    fn class_member(&self, unit: usize, class: usize, name: &'a str, depth: usize) -> Meaning<'a> {
        let file = &self.units[unit];
        for field in file.classes[class].fields.iter().filter(|field| field.name == name) {
            let value = self.mean(unit, &field.origin, depth + 1);
            if value.is_known() {
                return value;
            }
            if let Some(function) = field.function {
                return Meaning::Function(unit, function);
            }
            if let Some(ty) = &field.ty {
                let typed = self.typed(unit, ty, depth + 1);
                if typed.is_known() {
                    return typed;
                }
            }
        }
        if let Some(method) = self.names.methods.get(&(unit, class, name)) {
            return Meaning::Function(unit, *method);
        }
        let Some(base) = file.classes[class].extends.as_ref() else { return Meaning::Unknown };
        match self.mean(unit, base, depth + 1) {
            Meaning::Class(of, base) if (of, base) != (unit, class) && depth < MAX_DEPTH => {
                self.class_member(of, base, name, depth + 1)
            }
            _ => Meaning::Unknown,
        }
    }

    pub(super) fn called(
        &self,
        unit: usize,
        callee: &'a Origin,
        invocation: Option<usize>,
        depth: usize,
    ) -> Meaning<'a> {
        if let Origin::Member(of, name) = callee
            && FRONTEND.returns_client(name)
        {
            let of = self.mean(unit, of, depth);
            if of.client().is_some() {
                return of;
            }
        }
        let of = self.mean(unit, callee, depth);
        if let Meaning::Function(of, function) = of {
            let returned = self.returns(of, function, depth);
            // What takes time to make is a result of the client, not the client.
            if returned.is_known() || self.units[of].functions[function].is_async {
                return returned;
            }
        }
        match (self.given(unit, invocation, depth), of) {
            (Some(client), _) => Meaning::Client(client),
            (None, Meaning::Foreign(package)) => Meaning::Foreign(package),
            _ => Meaning::Unknown,
        }
    }

    /// A wrapper hands back what it was given, or what a function that it was given returns:
    /// `withAccelerate(prisma)`, `singleton('prisma', makeClient)`.
    fn given(&self, unit: usize, invocation: Option<usize>, depth: usize) -> Option<ClientRef> {
        let origins = &self.units[unit].invocations[invocation?].origins;
        origins.iter().find_map(|origin| match self.mean(unit, origin, depth) {
            Meaning::Client(client) if !client.transaction => {
                Some(ClientRef { confidence: client.confidence.min(Confidence::Typed), ..client })
            }
            Meaning::Function(of, function) => self.returns(of, function, depth).client(),
            _ => None,
        })
    }

    pub(super) fn returned(&self, unit: usize, function: usize, depth: usize) -> Meaning<'a> {
        let function = &self.units[unit].functions[function];
        for origin in &function.returns {
            let meaning = self.mean(unit, origin, depth);
            if meaning.is_known() {
                return meaning;
            }
        }
        function.return_type.as_ref().map_or(Meaning::Unknown, |ty| self.typed(unit, ty, depth))
    }

    /// The project whose `PrismaClient` a file imports.
    pub(super) fn imported_client(&self, unit: usize) -> Option<usize> {
        let imports = &self.units[unit].imports;
        (0..imports.len())
            .filter(|index| {
                let name = &imports[*index].name;
                !matches!(name, Imported::Name(name) if !FRONTEND.is_client_class(name) && name != "default")
            })
            .find_map(|index| match self.mean_import(unit, index, 0) {
                Meaning::ClientClass(project) | Meaning::ClientModule(project) => Some(project),
                _ => None,
            })
            .flatten()
    }
}
