//! Classes: what they extend, and what their fields hold.

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, ClassElement, Expression, MethodDefinitionKind, Statement};
use oxc_syntax::node::NodeId;

use super::reader::Reader;
use super::roles::decorator_name;
use super::syntax::{as_member, bare, id, key_name, span};
use crate::unit::{Class, Field, Origin};

impl<'a> Reader<'_, 'a> {
    pub(super) fn read_class(&mut self, node: NodeId) {
        let AstKind::Class(class) = self.nodes.kind(node) else { return };
        let name = match (&class.id, self.nodes.parent_kind(node)) {
            (Some(name), _) => name.name.to_string(),
            (None, AstKind::VariableDeclarator(declarator)) => match &declarator.id {
                BindingPattern::BindingIdentifier(name) => name.name.to_string(),
                _ => String::new(),
            },
            _ => String::new(),
        };
        self.classes.insert(node, self.unit.classes.len());
        self.unit.classes.push(Class {
            name,
            at: self.at(span(class)),
            extends: None,
            implements: class.implements.iter().map(|one| self.cut(span(one), 80)).collect(),
            decorators: class.decorators.iter().filter_map(decorator_name).collect(),
            fields: Vec::new(),
        });
    }

    /// Fields and what they hold, once all names are known.
    pub(super) fn fill_class(&mut self, node: NodeId, index: usize) {
        let AstKind::Class(class) = self.nodes.kind(node) else { return };
        let extends = class.heritage.as_ref().map(|heritage| self.origin(&heritage.expression));
        let mut fields = Vec::new();
        for element in &class.body.body {
            match element {
                ClassElement::PropertyDefinition(property) => {
                    let Some(name) = key_name(&property.key) else { continue };
                    let value = property.value.as_ref();
                    fields.push(Field {
                        name,
                        ty: self.type_text(property.type_annotation.as_deref()),
                        origin: value.map_or(Origin::Unknown, |value| self.origin(value)),
                        is_static: property.r#static,
                        function: value.and_then(|value| self.held_function(value)),
                    });
                }
                ClassElement::MethodDefinition(method)
                    if method.kind == MethodDefinitionKind::Constructor =>
                {
                    self.constructor_fields(&method.value, &mut fields);
                }
                ClassElement::MethodDefinition(method) if method.kind == MethodDefinitionKind::Get => {
                    let Some(name) = key_name(&method.key) else { continue };
                    let Some(Statement::ReturnStatement(last)) =
                        method.value.body.as_ref().and_then(|body| body.statements.last())
                    else {
                        continue;
                    };
                    let origin = last.argument.as_ref().map_or(Origin::Unknown, |value| self.origin(value));
                    let ty = self.type_text(method.value.return_type.as_deref());
                    fields.push(Field { name, ty, origin, is_static: method.r#static, function: None });
                }
                _ => {}
            }
        }
        let into = &mut self.unit.classes[index];
        into.extends = extends;
        into.fields = fields;
    }

    fn constructor_fields(&self, constructor: &'a oxc_ast::ast::Function<'a>, fields: &mut Vec<Field>) {
        let function = self.functions.get(&constructor.node_id()).copied();
        for (index, item) in constructor.params.items.iter().enumerate() {
            if item.accessibility.is_none() && !item.readonly {
                continue;
            }
            let Some(name) = item.pattern.get_identifier_name() else { continue };
            fields.push(Field {
                name: name.to_string(),
                ty: self.type_text(item.type_annotation.as_deref()),
                origin: function.map_or(Origin::Unknown, |function| Origin::Parameter { function, index }),
                is_static: false,
                function: None,
            });
        }
        let statements = constructor.body.as_ref().map_or(&[][..], |body| &body.statements);
        for statement in statements {
            let Statement::ExpressionStatement(statement) = statement else { continue };
            let Expression::AssignmentExpression(assignment) = bare(&statement.expression) else { continue };
            let Some(target) = assignment.left.as_member_expression() else { continue };
            if !matches!(target.object(), Expression::ThisExpression(_)) {
                continue;
            }
            let Some(name) = target.static_property_name() else { continue };
            let origin = self.origin(&assignment.right);
            let function = self.functions.get(&id(bare(&assignment.right))).copied();
            match fields.iter_mut().find(|field| field.name == name && !field.is_static) {
                Some(field) => {
                    field.origin = super::origin::either(std::mem::take(&mut field.origin), origin);
                }
                None => {
                    let (name, ty) = (name.to_string(), None);
                    fields.push(Field { name, ty, origin, is_static: false, function });
                }
            }
        }
        let _ = as_member;
    }
}
