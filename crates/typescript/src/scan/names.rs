//! Imports and exports.

use oxc_ast::AstKind;
use oxc_ast::ast::{
    BindingPattern, Declaration, ExportDefaultDeclarationKind, Expression, ImportDeclaration,
    ImportDeclarationSpecifier, ModuleExportName, Statement, TSModuleReference,
};
use oxc_syntax::node::NodeId;

use super::reader::Reader;
use super::syntax::{argument, as_member, bare, id, key_name, settled, span};
use crate::unit::{Depth, Export, Exported, Import, ImportKind, Imported, Origin};

impl<'a> Reader<'_, 'a> {
    /// All `import` declarations, in the order of the text; they stand at the top level only.
    pub(super) fn read_imports(&mut self, statements: &'a [Statement<'a>]) {
        for statement in statements {
            match statement {
                Statement::ImportDeclaration(import) => self.import(import),
                Statement::TSImportEqualsDeclaration(import) => {
                    if let TSModuleReference::ExternalModuleReference(module) = &import.module_reference {
                        let index = self.unit.imports.len();
                        self.unit.imports.push(Import {
                            module: module.expression.value.to_string(),
                            name: Imported::Namespace,
                            local: import.id.name.to_string(),
                            type_only: import.import_kind.is_type(),
                            kind: ImportKind::Require,
                            span: span(&**import),
                        });
                        if let Some(symbol) = import.id.symbol_id.get() {
                            self.imports.insert(symbol, index);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn import(&mut self, import: &'a ImportDeclaration<'a>) {
        let module = import.source.value.to_string();
        let specifiers = import.specifiers.as_ref().map_or(&[][..], |all| all);
        if specifiers.is_empty() {
            self.unit.imports.push(Import {
                module,
                name: Imported::Nothing,
                local: String::new(),
                type_only: import.import_kind.is_type(),
                kind: ImportKind::Static,
                span: span(import),
            });
            return;
        }
        for specifier in specifiers {
            let (local, name, is_type) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) => {
                    (&one.local, Imported::Name(export_name(&one.imported)), one.import_kind.is_type())
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => {
                    (&one.local, Imported::Name("default".into()), false)
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => {
                    (&one.local, Imported::Namespace, false)
                }
            };
            if let Some(symbol) = local.symbol_id.get() {
                self.imports.insert(symbol, self.unit.imports.len());
            }
            self.unit.imports.push(Import {
                module: module.clone(),
                name,
                local: local.name.to_string(),
                type_only: is_type || import.import_kind.is_type(),
                kind: ImportKind::Static,
                span: span(specifier),
            });
        }
    }

    /// `require('x')` and `import('x')`. A name that holds the module stands for it.
    pub(super) fn module_call(&mut self, node: NodeId) {
        let (source, kind) = match self.nodes.kind(node) {
            AstKind::ImportExpression(import) => (&import.source, ImportKind::Dynamic),
            AstKind::CallExpression(call) => {
                let Expression::Identifier(callee) = &call.callee else { return };
                if callee.name != "require" || self.symbol_of(callee).is_some() {
                    return;
                }
                let Some(source) = argument(&call.arguments, 0) else { return };
                (source, ImportKind::Require)
            }
            _ => return,
        };
        let Expression::StringLiteral(module) = source else { return };
        let mut holder = self.nodes.parent_id(node);
        if matches!(self.nodes.kind(holder), AstKind::AwaitExpression(_)) {
            holder = self.nodes.parent_id(holder);
        }
        let mut local = String::new();
        if let AstKind::VariableDeclarator(declarator) = self.nodes.kind(holder)
            && let BindingPattern::BindingIdentifier(name) = &declarator.id
        {
            local = name.name.to_string();
        }
        self.module_calls.insert(node, self.unit.imports.len());
        self.unit.imports.push(Import {
            module: module.value.to_string(),
            name: Imported::Namespace,
            local,
            type_only: false,
            kind,
            span: span(&self.nodes.kind(node)),
        });
    }

    /// All exports. Functions, classes and variables are known already.
    pub(super) fn read_exports(&mut self, statements: &'a [Statement<'a>]) {
        for statement in statements {
            match statement {
                Statement::ExportDeclaration(export) => self.export_declaration(&export.declaration),
                Statement::ExportNamedDeclaration(export) => {
                    for specifier in &export.specifiers {
                        let origin = match &specifier.local {
                            ModuleExportName::IdentifierReference(local) => self.identifier_origin(local),
                            _ => Origin::Unknown,
                        };
                        let type_only = export.export_kind.is_type() || specifier.export_kind.is_type();
                        self.export(export_name(&specifier.exported), Exported::Local(origin), type_only);
                    }
                }
                Statement::ExportFromDeclaration(export) => {
                    for specifier in &export.specifiers {
                        let what = Exported::From {
                            module: export.source.value.to_string(),
                            name: Imported::Name(export_name(&specifier.local)),
                        };
                        let type_only = export.export_kind.is_type() || specifier.export_kind.is_type();
                        self.export(export_name(&specifier.exported), what, type_only);
                    }
                }
                Statement::ExportAllDeclaration(export) => {
                    let module = export.source.value.to_string();
                    let type_only = export.export_kind.is_type();
                    match &export.exported {
                        Some(name) => {
                            let what = Exported::From { module, name: Imported::Namespace };
                            self.export(export_name(name), what, type_only);
                        }
                        None => self.export(String::new(), Exported::Star { module }, type_only),
                    }
                }
                Statement::ExportDefaultDeclaration(export) => {
                    let origin = match &export.declaration {
                        ExportDefaultDeclarationKind::FunctionDeclaration(function) => {
                            self.functions.get(&function.node_id()).map(|at| Origin::Function(*at))
                        }
                        ExportDefaultDeclarationKind::ClassDeclaration(class) => {
                            self.classes.get(&class.node_id()).map(|at| Origin::Class(*at))
                        }
                        other => other.as_expression().map(|value| self.value_origin(value)),
                    };
                    self.export("default".into(), Exported::Local(origin.unwrap_or_default()), false);
                }
                Statement::TSExportAssignment(export) => {
                    let origin = self.value_origin(&export.expression);
                    self.export("default".into(), Exported::Local(origin), false);
                }
                Statement::ExpressionStatement(statement) => self.common_js(&statement.expression),
                _ => {}
            }
        }
    }

    /// An expression as something that has a name: a function written in place is one too.
    pub(super) fn value_origin(&mut self, value: &'a Expression<'a>) -> Origin {
        // Without scopes no name stands for anything.
        if self.unit.depth != Depth::Full {
            return Origin::Unknown;
        }
        let inner = settled(value);
        if let Some(function) = self.functions.get(&id(inner)) {
            return Origin::Function(*function);
        }
        if let Some(function) = self.held_function(inner) {
            return Origin::Function(function);
        }
        self.origin(value)
    }

    fn export(&mut self, name: String, what: Exported, type_only: bool) {
        if let Exported::Local(origin) = &what {
            self.mark_exported(origin.clone());
        }
        self.unit.exports.push(Export { name, what, type_only });
    }

    fn mark_exported(&mut self, origin: Origin) {
        match origin {
            Origin::Function(at) => self.unit.functions[at].exported = true,
            Origin::Variable(at) => {
                if let Some(function) = self.unit.variables[at].holds {
                    self.unit.functions[function].exported = true;
                }
                let name = format!("{}.", self.unit.variables[at].name);
                for function in &mut self.unit.functions {
                    if function.class.is_none() && function.name.starts_with(&name) {
                        function.exported = true;
                    }
                }
            }
            Origin::Class(at) => {
                for function in &mut self.unit.functions {
                    if function.class == Some(at) {
                        function.exported = true;
                    }
                }
            }
            Origin::Object(members) => members.into_iter().for_each(|(_, origin)| self.mark_exported(origin)),
            _ => {}
        }
    }

    fn export_declaration(&mut self, declaration: &'a Declaration<'a>) {
        match declaration {
            Declaration::VariableDeclaration(variables) => {
                for declarator in &variables.declarations {
                    for name in super::syntax::names(&declarator.id) {
                        let origin = name.symbol_id.get().and_then(|symbol| self.variables.get(&symbol));
                        let origin = origin.map(|at| Origin::Variable(*at)).unwrap_or_default();
                        self.export(name.name.to_string(), Exported::Local(origin), false);
                    }
                }
            }
            Declaration::FunctionDeclaration(function) => {
                let origin = self.functions.get(&function.node_id()).map(|at| Origin::Function(*at));
                if let Some(name) = &function.id {
                    self.export(name.name.to_string(), Exported::Local(origin.unwrap_or_default()), false);
                }
            }
            Declaration::ClassDeclaration(class) => {
                let origin = self.classes.get(&class.node_id()).map(|at| Origin::Class(*at));
                if let Some(name) = &class.id {
                    self.export(name.name.to_string(), Exported::Local(origin.unwrap_or_default()), false);
                }
            }
            Declaration::TSEnumDeclaration(declaration) => {
                let name = &declaration.id;
                let origin = name.symbol_id.get().and_then(|symbol| self.variables.get(&symbol));
                let origin = origin.map(|at| Origin::Variable(*at)).unwrap_or_default();
                self.export(name.name.to_string(), Exported::Local(origin), false);
            }
            other => {
                if let Some(name) = other.id() {
                    self.export(name.name.to_string(), Exported::Local(Origin::Unknown), true);
                }
            }
        }
    }

    /// `module.exports = …`, `exports.name = …`, `module.exports.name = …`
    fn common_js(&mut self, expression: &'a Expression<'a>) {
        let Expression::AssignmentExpression(assignment) = bare(expression) else { return };
        let Some(target) = assignment.left.as_member_expression() else { return };
        let Some(name) = target.static_property_name() else { return };
        let is_exports = |value: &Expression| match bare(value) {
            Expression::Identifier(identifier) => identifier.name == "exports",
            other => as_member(other).is_some_and(|member| {
                member.name == Some("exports")
                    && matches!(bare(member.object), Expression::Identifier(of) if of.name == "module")
            }),
        };
        if is_exports(target.object()) {
            let origin = self.value_origin(&assignment.right);
            self.export(name.to_string(), Exported::Local(origin), false);
        } else if name == "exports"
            && matches!(bare(target.object()), Expression::Identifier(of) if of.name == "module")
        {
            if let Expression::ObjectExpression(object) = bare(&assignment.right) {
                for property in &object.properties {
                    if let Some(property) = property.as_property()
                        && let Some(name) = key_name(&property.key)
                    {
                        let origin = self.value_origin(&property.value);
                        self.export(name, Exported::Local(origin), false);
                    }
                }
            }
            let origin = self.value_origin(&assignment.right);
            self.export("default".into(), Exported::Local(origin), false);
        }
    }
}

pub(super) fn export_name(name: &ModuleExportName) -> String {
    name.name().to_string()
}
