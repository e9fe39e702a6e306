//! `new PrismaClient(…)`

use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_syntax::node::NodeId;
use pgsteward_model::code::{Client, Node, Site};
use pgsteward_model::source::Span;

use super::reader::Reader;
use super::syntax::{as_member, bare, span};
use crate::unit::{Imported, Origin};

impl<'a> Reader<'_, 'a> {
    pub(super) fn register_client(&mut self, node: NodeId) -> bool {
        let AstKind::NewExpression(new) = self.nodes.kind(node) else { return false };
        let named = match bare(&new.callee) {
            Expression::Identifier(identifier) => {
                match self.symbol_of(identifier).and_then(|symbol| self.imports.get(&symbol)) {
                    Some(import) => self.unit.imports[*import].name == Imported::Name("PrismaClient".into()),
                    None => identifier.name == "PrismaClient",
                }
            }
            other => as_member(other).is_some_and(|member| member.name == Some("PrismaClient")),
        };
        if !named {
            return false;
        }
        self.clients.insert(node, self.unit.clients.len());
        self.unit.clients.push(Client {
            site: Site::default(),
            once: false,
            extended: false,
            argument: Node::default(),
            name: None,
        });
        true
    }

    pub(super) fn fill_client(&mut self, node: NodeId, index: usize) {
        let AstKind::NewExpression(new) = self.nodes.kind(node) else { return };
        let argument = match new.arguments.first() {
            Some(first) => match first.as_expression() {
                Some(first) => self.value(first),
                None => Node { span: span(first), ..Node::default() },
            },
            None => Node { span: Span::new(span(new).end, span(new).end), ..Node::default() },
        };
        let site = self.site(node);
        let mut once = site.function == 0 && site.loops.is_empty();
        let mut extended = false;
        let mut name = None;
        for outer in self.nodes.ancestor_ids(node) {
            match self.nodes.kind(outer) {
                AstKind::StaticMemberExpression(member) => extended |= member.property.name == "$extends",
                AstKind::VariableDeclarator(declarator) => {
                    name = declarator.id.get_identifier_name().map(|name| name.to_string());
                    break;
                }
                AstKind::AssignmentExpression(assignment) => {
                    let target = span(&assignment.left);
                    name = Some(self.cut(target, 80));
                    once |= self.outlives(&assignment.left);
                    break;
                }
                AstKind::PropertyDefinition(field) => {
                    name = Some(self.cut(span(&field.key), 80));
                    once |= field.r#static || self.made_once(outer);
                    break;
                }
                AstKind::ReturnStatement(_) | AstKind::ExpressionStatement(_) | AstKind::FunctionBody(_) => {
                    break;
                }
                _ => {}
            }
        }
        let into = &mut self.unit.clients[index];
        into.argument = argument;
        into.site = site;
        into.once = once;
        into.extended = extended;
        into.name = name.map(Into::into);
    }

    /// Kept in a variable of the module, in `globalThis`, in a static field.
    fn outlives(&self, target: &oxc_ast::ast::AssignmentTarget<'a>) -> bool {
        if let oxc_ast::ast::AssignmentTarget::AssignmentTargetIdentifier(name) = target {
            return match self.symbol_of(name) {
                Some(symbol) => {
                    self.variables.get(&symbol).is_some_and(|at| self.unit.variables[*at].function == 0)
                }
                None => true,
            };
        }
        let Some(member) = target.as_member_expression() else { return false };
        match self.origin(member.object()).root() {
            Origin::Global(_) | Origin::Class(_) => true,
            Origin::Variable(at) => self.unit.variables[*at].function == 0,
            Origin::This(class) => class.is_some_and(|class| !self.unit.classes[class].decorators.is_empty()),
            _ => false,
        }
    }

    /// The class is made by a container that makes one of it.
    fn made_once(&self, field: NodeId) -> bool {
        self.class_around(field).is_some_and(|class| !self.unit.classes[class].decorators.is_empty())
    }
}
