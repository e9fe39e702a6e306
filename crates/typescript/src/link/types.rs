//! Types as they are written, as far as they say that a value is a client or an instance of a class.

use pgsteward_model::code::Confidence;

use super::frontend::FRONTEND;
use super::linker::Linker;
use super::meaning::{ClientRef, MAX_DEPTH, Meaning, Members};
use super::modules::Module;
use crate::unit::{Exported, Imported};

impl<'a> Linker<'a> {
    /// What a value of a type is. The type stands in a unit, whose names it uses.
    pub(super) fn typed(&self, unit: usize, text: &'a str, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        let text = text.trim().trim_start_matches("readonly ").trim_start_matches(['|', '&']).trim();
        let parts = split(text, &['|', '&']);
        if parts.len() > 1 {
            let all: Vec<Meaning<'a>> = parts
                .iter()
                .map(|part| self.typed(unit, part, depth + 1))
                .filter(Meaning::is_known)
                .collect();
            // Of a client or a transaction's client nobody knows which; callers may.
            let clients: Vec<ClientRef> = all.iter().filter_map(Meaning::client).collect();
            if let Some(first) = clients.first() {
                let transaction = clients.iter().all(|client| client.transaction);
                return Meaning::Client(ClientRef { transaction, ..*first });
            }
            let members: Vec<(usize, Members<'a>)> = all
                .iter()
                .filter_map(|meaning| match meaning {
                    Meaning::Typed(unit, members) => Some((*unit, members.clone())),
                    _ => None,
                })
                .collect();
            if let Some((unit, _)) = members.first().cloned()
                && members.len() > 1
                && members.iter().all(|(of, _)| *of == unit)
            {
                return Meaning::Typed(
                    unit,
                    members.iter().flat_map(|(_, members)| members.iter().copied()).collect(),
                );
            }
            return all.into_iter().next().unwrap_or(Meaning::Unknown);
        }
        if let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            return self.typed(unit, inner, depth + 1);
        }
        if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            let members = split(inner, &[';', ',', '\n']);
            let members = members.iter().filter_map(|member| {
                let (name, ty) = member.split_once(':')?;
                let name = name.trim().trim_start_matches("readonly ").trim_end_matches('?').trim();
                Some((name, ty.trim()))
            });
            return Meaning::Typed(unit, members.collect());
        }
        if let Some(value) = text.strip_prefix("typeof ") {
            return self.value_named(unit, value.trim(), depth + 1);
        }
        let (name, arguments) = match text.find('<') {
            Some(at) if text.ends_with('>') => {
                (text[..at].trim(), split(&text[at + 1..text.len() - 1], &[',']))
            }
            _ => (text, Vec::new()),
        };
        self.named(unit, text, name, &arguments, depth)
    }

    fn named(
        &self,
        unit: usize,
        whole: &'a str,
        name: &'a str,
        arguments: &[&'a str],
        depth: usize,
    ) -> Meaning<'a> {
        let first = || arguments.first().map_or(Meaning::Unknown, |ty| self.typed(unit, ty, depth + 1));
        match name {
            "Promise" | "Partial" | "Required" | "Readonly" | "Awaited" | "NonNullable" | "Pick"
            | "InstanceType" | "Ref" | "ModuleRef" => first(),
            "Omit" => match first() {
                // `Omit<PrismaClient, '$connect' | '$transaction' | …>` is what `$transaction` hands out.
                Meaning::Client(client) => {
                    let narrowed = whole.contains("$transaction") || whole.contains("ITXClientDenyList");
                    Meaning::Client(ClientRef { transaction: client.transaction || narrowed, ..client })
                }
                other => other,
            },
            "ReturnType" => {
                let function = arguments.first().and_then(|ty| ty.trim().strip_prefix("typeof "));
                match function.map(|name| self.value_named(unit, name.trim(), depth + 1)) {
                    Some(Meaning::Function(of, function)) => self.returns(of, function, depth + 1),
                    _ => Meaning::Unknown,
                }
            }
            // `Parameters<Parameters<typeof prisma.$transaction>[0]>[0]`
            _ if whole.starts_with("Parameters<") && whole.contains("$transaction") => {
                Meaning::Client(ClientRef { project: None, confidence: Confidence::Typed, transaction: true })
            }
            "Prisma.TransactionClient" => Meaning::Client(ClientRef {
                project: self.namespace_project(unit),
                confidence: Confidence::Typed,
                transaction: true,
            }),
            _ => self.declared(unit, name, depth),
        }
    }

    /// A type by its name: declared in the file, imported, or the client's own.
    fn declared(&self, unit: usize, name: &'a str, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        let file = &self.units[unit];
        let last = name.rsplit('.').next().unwrap_or(name);
        if let Some(alias) = file.types.iter().find(|alias| alias.name == name) {
            return self.alias(unit, alias, depth);
        }
        if let Some(class) = file.classes.iter().position(|class| class.name == name) {
            return self.instance(unit, class, depth + 1);
        }
        let root = name.split('.').next().unwrap_or(name);
        if let Some(import) = file.imports.iter().find(|import| import.local == root) {
            let found = match (self.modules.resolve(&file.file, &import.module), &import.name) {
                (Module::Client(project), Imported::Name(imported)) if FRONTEND.is_client_class(imported) => {
                    Meaning::Client(ClientRef { project, confidence: Confidence::Typed, transaction: false })
                }
                (Module::Client(project), _) if last == "TransactionClient" => {
                    Meaning::Client(ClientRef { project, confidence: Confidence::Typed, transaction: true })
                }
                (Module::Client(project), _) if FRONTEND.is_client_class(last) => {
                    Meaning::Client(ClientRef { project, confidence: Confidence::Typed, transaction: false })
                }
                (Module::Unit(of), Imported::Name(imported)) if root == name => {
                    self.exported_type(of, imported, depth + 1)
                }
                (Module::Unit(of), Imported::Name(_)) if last == "TransactionClient" => {
                    // `import { Prisma } from '@acme/db'`, which hands the client's names on.
                    Meaning::Client(ClientRef {
                        project: self.imported_client(of),
                        confidence: Confidence::Typed,
                        transaction: true,
                    })
                }
                (Module::Unit(of), Imported::Namespace) => self.exported_type(of, last, depth + 1),
                _ => Meaning::Unknown,
            };
            if found.is_known() {
                return found;
            }
        }
        if FRONTEND.is_client_class(last) {
            return Meaning::Client(ClientRef {
                project: None,
                confidence: Confidence::Typed,
                transaction: false,
            });
        }
        self.implemented(name)
    }

    /// A type that another module exports.
    fn exported_type(&self, unit: usize, name: &'a str, depth: usize) -> Meaning<'a> {
        if depth > MAX_DEPTH {
            return Meaning::Unknown;
        }
        let file = &self.units[unit];
        if let Some(alias) = file.types.iter().find(|alias| alias.name == name) {
            return self.alias(unit, alias, depth);
        }
        if let Some(class) = file.classes.iter().position(|class| class.name == name) {
            return self.instance(unit, class, depth + 1);
        }
        // `export type { Db } from './db'`, `export * from './db'`, `export { PrismaClient } from …`
        for export in file.exports.iter().filter(|export| export.name == name || export.name.is_empty()) {
            let (module, name) = match &export.what {
                Exported::From { module, name: Imported::Name(name) } => (module, name.as_str()),
                Exported::Star { module } => (module, name),
                _ => continue,
            };
            let meaning = match self.modules.resolve(&file.file, module) {
                Module::Unit(of) if of != unit => self.exported_type(of, name, depth + 1),
                Module::Client(project) if FRONTEND.is_client_class(name) => {
                    Meaning::Client(ClientRef { project, confidence: Confidence::Typed, transaction: false })
                }
                _ => Meaning::Unknown,
            };
            if meaning.is_known() {
                return meaning;
            }
        }
        // A value of that name: `export default class`, `export const Service = class { … }`.
        match self.exported(unit, name, depth + 1) {
            Meaning::Class(of, class) => self.instance(of, class, depth + 1),
            Meaning::ClientClass(project) => {
                Meaning::Client(ClientRef { project, confidence: Confidence::Typed, transaction: false })
            }
            _ => Meaning::Unknown,
        }
    }

    fn alias(&self, unit: usize, alias: &'a crate::unit::TypeAlias, depth: usize) -> Meaning<'a> {
        if alias.members.is_empty() && alias.extends.is_empty() {
            let meaning = self.typed(unit, &alias.text, depth + 1);
            return if meaning.is_known() { meaning } else { self.implemented(&alias.name) };
        }
        if let one @ Meaning::Instance(..) = self.implemented(&alias.name) {
            return one;
        }
        let mut members: Vec<(&'a str, &'a str)> =
            alias.members.iter().map(|(name, ty)| (name.as_str(), ty.as_str())).collect();
        for base in &alias.extends {
            match self.typed(unit, base, depth + 1) {
                client @ Meaning::Client(_) => return client,
                Meaning::Typed(of, inherited) if of == unit => members.extend(inherited.iter().copied()),
                _ => {}
            }
        }
        Meaning::Typed(unit, members.into())
    }

    /// The only class that implements an interface.
    fn implemented(&self, interface: &str) -> Meaning<'a> {
        match self.implementations.get(interface).map(Vec::as_slice) {
            Some([(unit, class)]) => Meaning::Instance(*unit, *class),
            _ => Meaning::Unknown,
        }
    }

    /// `typeof prisma`, `typeof db.client`: a value that the file declares or imports.
    fn value_named(&self, unit: usize, text: &'a str, depth: usize) -> Meaning<'a> {
        let mut names = text.split('.');
        let root = names.next().unwrap_or(text);
        let file = &self.units[unit];
        let variable =
            file.variables.iter().position(|variable| variable.name == root && variable.function == 0);
        let mut meaning = if let Some(variable) = variable {
            self.mean_variable(unit, variable, depth)
        } else if let Some(import) = file.imports.iter().position(|import| import.local == root) {
            self.mean_import(unit, import, depth)
        } else if let Some(function) = file.functions.iter().position(|function| function.name == root) {
            Meaning::Function(unit, function)
        } else {
            Meaning::Unknown
        };
        for name in names {
            meaning = self.member(&meaning, name, depth);
        }
        meaning
    }

    /// The project of the client whose `Prisma` namespace a file imports.
    fn namespace_project(&self, unit: usize) -> Option<usize> {
        let file = &self.units[unit];
        let import = file.imports.iter().find(|import| import.local == "Prisma")?;
        match self.modules.resolve(&file.file, &import.module) {
            Module::Client(project) => project,
            Module::Unit(of) => self.imported_client(of),
            _ => None,
        }
    }
}

/// Splits a type at signs that stand outside of brackets and quotes.
pub(super) fn split<'s>(text: &'s str, signs: &[char]) -> Vec<&'s str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut quote, mut before) = (0_i32, 0, None, ' ');
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"' | '`') => quote = Some(character),
            (None, '<' | '(' | '[' | '{') => depth += 1,
            // The arrow of a function type closes nothing.
            (None, '>') if before == '=' => {}
            (None, '>' | ')' | ']' | '}') => depth -= 1,
            (None, _) if depth == 0 && signs.contains(&character) => {
                parts.push(text[start..at].trim());
                start = at + character.len_utf8();
            }
            _ => {}
        }
        before = character;
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn signs_in_brackets_and_quotes_do_not_split() {
        assert_eq!(split("A<B | C> | 'x|y' | (d: E) => F", &['|']), ["A<B | C>", "'x|y'", "(d: E) => F"]);
        assert_eq!(split("a: { b: C; d: E }; f?: G", &[';']), ["a: { b: C; d: E }", "f?: G"]);
        assert!(split(" ", &['|']).is_empty());
    }
}
