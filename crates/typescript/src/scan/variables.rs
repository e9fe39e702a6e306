//! Variables: what they hold.

use oxc_ast::AstKind;
use oxc_ast::ast::VariableDeclarationKind;
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::code::{Node, Value};

use super::reader::{Definition, Reader};
use super::syntax::{names, span};
use crate::unit::{Origin, Variable};

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_variable(&mut self, node: NodeId) -> Vec<SymbolId> {
        let AstKind::VariableDeclarator(declarator) = self.nodes.kind(node) else { return Vec::new() };
        let function = self.function_around(node);
        let constant = matches!(self.nodes.parent_kind(node), AstKind::VariableDeclaration(declaration)
            if declaration.kind == VariableDeclarationKind::Const);
        let mut symbols = Vec::new();
        for name in names(&declarator.id) {
            let Some(symbol) = name.symbol_id.get() else { continue };
            self.variables.insert(symbol, self.unit.variables.len());
            self.unit.variables.push(Variable {
                name: name.name.to_string(),
                span: span(name),
                function,
                ty: self.type_text(declarator.type_annotation.as_deref()),
                origin: Origin::Unknown,
                holds: None,
                mutable: !constant && self.scoping.symbol_is_mutated(symbol),
                value: None,
            });
            symbols.push(symbol);
        }
        symbols
    }

    /// What a variable holds, once all names are known.
    pub(super) fn fill_variable(&mut self, symbol: SymbolId) {
        let Some(index) = self.variables.get(&symbol).copied() else { return };
        let origin = self.variable_origin(symbol);
        let Definition::Variable { declarator, steps, .. } = self.definition(symbol) else {
            self.unit.variables[index].origin = origin;
            return;
        };
        let init = declarator.init.as_ref().filter(|_| steps.is_empty());
        let holds = init.and_then(|init| self.held_function(init));
        let mut value = None;
        if let Some(init) = init
            && self.unit.variables[index].function == 0
            && holds.is_none()
        {
            value = Some(self.value(init)).filter(worth_keeping);
        }
        let into = &mut self.unit.variables[index];
        into.origin = origin;
        into.holds = holds;
        into.value = value;
    }
}

fn worth_keeping(node: &Node) -> bool {
    matches!(
        node.value,
        Value::Object(_)
            | Value::List(_)
            | Value::Text(_)
            | Value::Number(_)
            | Value::Bool(_)
            | Value::Choice(_)
    )
}
