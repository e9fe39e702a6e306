//! What is known of one file while it is read: the tree, its names, and the unit that grows out of it.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, Expression, FormalParameter, VariableDeclarator};
use oxc_semantic::{AstNodes, Scoping};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolId;
use pgsteward_model::prisma::At;
use pgsteward_model::source::Span;
use rustc_hash::FxHashMap as HashMap;

use super::syntax::{Code, Step, steps_to};
use crate::unit::Unit;

/// What following names in one file may cost: a hundred times what the largest hand-written files need.
pub(super) const FUEL: u64 = 20_000_000;
/// How deep expressions are followed: through constants, spreads, nested objects.
pub(super) const DEPTH: u32 = 40;

pub(super) struct Reader<'s, 'a> {
    pub text: &'a str,
    pub file: Arc<str>,
    pub nodes: &'s AstNodes<'a>,
    pub scoping: &'s Scoping,
    pub unit: Unit,
    /// Functions of their own, by node.
    pub functions: HashMap<NodeId, usize>,
    /// The nodes of functions, in the order of `Unit::functions` from the second on.
    pub function_nodes: Vec<NodeId>,
    pub classes: HashMap<NodeId, usize>,
    pub variables: HashMap<SymbolId, usize>,
    pub imports: HashMap<SymbolId, usize>,
    /// `import(…)` and `require(…)`, by node.
    pub module_calls: HashMap<NodeId, usize>,
    pub calls: HashMap<NodeId, usize>,
    pub raw: HashMap<NodeId, usize>,
    pub transactions: HashMap<NodeId, usize>,
    pub clients: HashMap<NodeId, usize>,
    pub invocations: HashMap<NodeId, usize>,
    /// Statements and calls of `map` and the like, by node.
    pub loops: HashMap<NodeId, usize>,
    /// `try` statements and calls of `catch`, by node.
    pub tries: HashMap<NodeId, usize>,
    /// What conditions are made of, and as written, by node.
    pub tested: HashMap<NodeId, (Arc<[pgsteward_model::code::Source]>, Arc<str>)>,
    /// All `await` expressions, in the order of the text.
    pub awaits: Vec<Span>,
    /// What may still be spent on following names, so that no text takes forever.
    pub fuel: Cell<u64>,
    /// What is being followed right now, so that circles end.
    pub following: Vec<SymbolId>,
    pub references: Vec<crate::unit::Reference>,
    /// Up to where in the text what is written into an object concerns the value that is read right now: objects within
    /// objects are shared, `const args = { where }; where.a = 1; find(args)`.
    pub reading: usize,
    /// When an expression that may be `undefined` on purpose is not, by its place.
    pub there: HashMap<Span, pgsteward_model::code::When>,
    /// What is written into what names hold, for those that were asked about.
    pub written: RefCell<HashMap<SymbolId, Option<std::rc::Rc<[super::written::Written]>>>>,
    /// How often names led back to themselves while that was found out.
    pub circles: std::cell::Cell<u32>,
    /// How many callbacks stand around the callee that is read right now.
    pub callbacks: Cell<u32>,
    /// Whether an import may be code of the project, for those that were asked about.
    pub ours: RefCell<Vec<Option<bool>>>,
}

/// How a name was declared.
pub(super) enum Definition<'a> {
    Import(usize),
    Variable {
        declarator: &'a VariableDeclarator<'a>,
        steps: Vec<Step<'a>>,
        default: Option<&'a Expression<'a>>,
    },
    /// The variable of `for (const x of xs)` (or `in`): the statement.
    LoopVariable {
        statement: NodeId,
        over: &'a Expression<'a>,
        steps: Vec<Step<'a>>,
        keys: bool,
    },
    Parameter {
        code: Code<'a>,
        index: usize,
        parameter: &'a FormalParameter<'a>,
        steps: Vec<Step<'a>>,
        default: Option<&'a Expression<'a>>,
    },
    /// `...rest`
    RestParameter {
        code: Code<'a>,
        index: usize,
    },
    Function(Code<'a>),
    Class(NodeId),
    Enum,
    Other,
}

impl<'a> Reader<'_, 'a> {
    pub(super) fn at(&self, span: Span) -> At {
        At { file: self.file.clone(), span }
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// The beginning of a text: enough to look for words in, and cheap where texts are nested in each other.
    pub(super) fn head(&self, span: Span) -> &'a str {
        let mut end = span.end.min(span.start + 20_000);
        while end > span.start && !self.text.is_char_boundary(end) {
            end -= 1;
        }
        self.slice(Span::new(span.start, end))
    }

    /// Takes from what may be spent on following names; false when nothing is left.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.fuel.get().saturating_sub(steps as u64);
        self.fuel.set(left);
        left > 0
    }

    /// As written, on one line, cut at a number of characters.
    pub(super) fn cut(&self, span: Span, most: usize) -> String {
        let text = self.slice(span);
        // Nearly all of them are as they should be.
        if text.len() <= most && is_plain(text.as_bytes()) {
            return text.to_owned();
        }
        if let Some(cut) = cut_ascii(text.as_bytes(), most) {
            return cut;
        }
        let mut out = String::with_capacity(text.len().min(most));
        let mut left = most;
        for word in text.split_whitespace() {
            if !out.is_empty() {
                out.push(' ');
                left = left.saturating_sub(1);
            }
            // Each character is a byte at least.
            if word.len() <= left {
                out.push_str(word);
                left -= if word.is_ascii() { word.len() } else { word.chars().count() };
                continue;
            }
            for character in word.chars() {
                if left == 0 {
                    out.push('…');
                    return out;
                }
                out.push(character);
                left -= 1;
            }
        }
        out
    }

    pub(super) fn symbol_of(&self, identifier: &oxc_ast::ast::IdentifierReference) -> Option<SymbolId> {
        let reference = identifier.reference_id.get()?;
        self.scoping.get_reference(reference).symbol_id()
    }

    /// The node of a declaration.
    pub(super) fn definition(&self, symbol: SymbolId) -> Definition<'a> {
        if let Some(import) = self.imports.get(&symbol) {
            return Definition::Import(*import);
        }
        // Where names only are read, no nodes were kept.
        if self.nodes.is_empty() {
            return Definition::Other;
        }
        let node = self.scoping.symbol_declaration(symbol);
        match self.nodes.kind(node) {
            AstKind::VariableDeclarator(declarator) => self.variable(symbol, declarator),
            AstKind::FormalParameter(parameter) => self.parameter(symbol, node, parameter),
            AstKind::FormalParameterRest(_) => match self.code_around(node) {
                Some(code) => Definition::RestParameter { code, index: code.parameters().items.len() },
                None => Definition::Other,
            },
            AstKind::Function(function) => Definition::Function(Code::Function(function)),
            AstKind::Class(_) => Definition::Class(node),
            AstKind::TSEnumDeclaration(_) => Definition::Enum,
            _ => Definition::Other,
        }
    }

    fn variable(&self, symbol: SymbolId, declarator: &'a VariableDeclarator<'a>) -> Definition<'a> {
        let Some((steps, default)) = steps_to(&declarator.id, symbol) else { return Definition::Other };
        if declarator.init.is_none() {
            let declaration = self.nodes.parent_id(declarator.node_id());
            let statement = self.nodes.parent_id(declaration);
            let over = match self.nodes.kind(statement) {
                AstKind::ForOfStatement(each) => Some((&each.right, false)),
                AstKind::ForInStatement(each) => Some((&each.right, true)),
                _ => None,
            };
            if let Some((over, keys)) = over {
                return Definition::LoopVariable { statement, over, steps, keys };
            }
        }
        Definition::Variable { declarator, steps, default }
    }

    fn parameter(
        &self,
        symbol: SymbolId,
        node: NodeId,
        parameter: &'a FormalParameter<'a>,
    ) -> Definition<'a> {
        let Some((steps, default)) = steps_to(&parameter.pattern, symbol) else { return Definition::Other };
        let Some(code) = self.code_around(node) else { return Definition::Other };
        let index = code.parameters().items.iter().position(|item| std::ptr::eq(item, parameter));
        let Some(index) = index else { return Definition::Other };
        let default = default.or(parameter.initializer.as_deref());
        Definition::Parameter { code, index, parameter, steps, default }
    }

    /// The innermost function around a node, callbacks included.
    pub(super) fn code_around(&self, node: NodeId) -> Option<Code<'a>> {
        self.nodes.ancestor_kinds(node).find_map(Code::of_kind)
    }

    /// The function of its own around a node; 0 is the module.
    pub(super) fn function_around(&self, node: NodeId) -> usize {
        self.nodes.ancestor_ids(node).find_map(|id| self.functions.get(&id).copied()).unwrap_or(0)
    }

    pub(super) fn class_around(&self, node: NodeId) -> Option<usize> {
        for id in self.nodes.ancestor_ids(node) {
            match self.nodes.kind(id) {
                AstKind::Class(_) => return self.classes.get(&id).copied(),
                // `this` of a plain function is not the class's; of its methods it is.
                AstKind::Function(_)
                    if !matches!(self.nodes.parent_kind(id), AstKind::MethodDefinition(_)) =>
                {
                    return None;
                }
                _ => {}
            }
        }
        None
    }

    /// The type of a declared name, as written.
    pub(super) fn type_text(
        &self,
        annotation: Option<&oxc_ast::ast::TSTypeAnnotation<'a>>,
    ) -> Option<String> {
        annotation.map(|annotation| self.cut(super::syntax::span(&annotation.type_annotation), 200))
    }

    /// All places that read or write a name.
    pub(super) fn uses(&self, symbol: SymbolId) -> impl Iterator<Item = NodeId> + '_ {
        self.scoping.get_resolved_references(symbol).map(oxc_semantic::Reference::node_id)
    }

    /// The pattern that a parameter of a callback binds.
    pub(super) fn callback_pattern(&self, code: Code<'a>, index: usize) -> Option<&'a BindingPattern<'a>> {
        code.parameters().items.get(index).map(|item| &item.pattern)
    }
}

/// The same for ASCII: what is kept is looked at byte by byte. None where it holds another character.
fn cut_ascii(text: &[u8], most: usize) -> Option<String> {
    let mut out = String::with_capacity(text.len().min(most + '…'.len_utf8() + 1));
    let mut left = most;
    let mut blank = false;
    for byte in text {
        match byte {
            b'\t'..=b'\r' | b' ' => blank = true,
            0x80.. => return None,
            _ => {
                if std::mem::take(&mut blank) && !out.is_empty() {
                    out.push(' ');
                    left = left.saturating_sub(1);
                }
                if left == 0 {
                    out.push('…');
                    break;
                }
                out.push(char::from(*byte));
                left -= 1;
            }
        }
    }
    Some(out)
}

/// One line of ASCII without a blank too many. Looks at all of it, many bytes at once.
fn is_plain(text: &[u8]) -> bool {
    let printed = text.iter().fold(true, |all, byte| all & matches!(byte, b' '..=b'~'));
    let rest = text.get(1..).unwrap_or_default();
    let doubled =
        text.iter().zip(rest).fold(false, |any, (one, next)| any | (*one == b' ') & (*next == b' '));
    printed && !doubled && text.first() != Some(&b' ') && text.last() != Some(&b' ')
}
