//! Values in the arguments of a call, as far as the text says what they are.

use serde::{Deserialize, Serialize};

use super::When;
use crate::source::Span;

/// A value and its place in the file of the call. A value that came from another place of the file (a `const` that
/// was followed) has the span of that place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub span: Span,
    pub value: Value,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Absent, or the word `undefined`.
    #[default]
    Undefined,
    Null,
    Bool(bool),
    /// As written, sign included: `20`, `-1`, `1_000`.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Object),
    /// `a ? b : c`, `a || b`, `a ?? b`: one of these.
    Choice {
        nodes: Vec<Node>,
        /// Under what conditions it is each of them; shorter than `nodes`, or empty, where nothing is known of that.
        when: Vec<When>,
    },
    /// Known only when the program runs.
    Expression {
        /// As written, cut at 120 characters.
        text: String,
        sources: Vec<Source>,
        /// Why it may be `undefined`, where it may.
        undefined: Option<Undefined>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// In the order of the text. Spreads of known objects are laid out.
    pub properties: Vec<Property>,
    /// True where a spread or a computed key adds properties that are not known.
    pub open: bool,
}

impl Value {
    /// One of these; under what conditions, is not known.
    pub fn choice(nodes: Vec<Node>) -> Value {
        Value::Choice { nodes, when: Vec::new() }
    }

    /// One of these, each under its conditions.
    pub fn decided(cases: Vec<(Node, When)>) -> Value {
        let (nodes, when): (Vec<Node>, Vec<When>) = cases.into_iter().unzip();
        let known = when.iter().any(|when| !when.is_always());
        Value::Choice { nodes, when: if known { when } else { Vec::new() } }
    }

    /// A list of as many elements as there are when the program runs, all of one shape: one of them, and one more that
    /// may be absent.
    pub fn repeated(one: Node) -> Value {
        let absent = Node { span: one.span, value: Value::Undefined };
        let more = Node { span: one.span, value: Value::choice(vec![one.clone(), absent]) };
        Value::List(vec![one, more])
    }

    /// The shape of all elements of such a list.
    pub fn as_repeated(&self) -> Option<&Node> {
        let Value::List(nodes) = self else { return None };
        let [one, more] = nodes.as_slice() else { return None };
        more.is_more_of(one).then_some(one)
    }

    /// The elements of a list, each with whether it is there whenever the program runs: a list that was made of another
    /// one may be empty.
    pub fn elements(nodes: &[Node]) -> impl Iterator<Item = (&Node, bool)> {
        nodes.iter().enumerate().map(|(at, one)| {
            (one, !one.may_be_absent() && !nodes.get(at + 1).is_some_and(|next| next.is_more_of(one)))
        })
    }
}

impl Object {
    pub fn get(&self, name: &str) -> Option<&Property> {
        self.properties.iter().rev().find(|property| property.name == name)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Property {
    pub name: String,
    /// From its name to the end of its value.
    pub span: Span,
    /// `...(a && { b })`: there or not.
    pub conditional: bool,
    /// Under what conditions it is there, where it is conditional and they are known: always says that nothing is. Of a
    /// property that is always there it tells when its value is not `undefined`, where that is on purpose:
    /// `b: a ? c : undefined`.
    pub when: When,
    pub value: Node,
}

impl Property {
    /// A property that is always there.
    pub fn new(name: impl Into<String>, span: Span, value: Node) -> Property {
        Property { name: name.into(), span, conditional: false, when: When::default(), value }
    }

    /// The same property where it is there under more conditions; none where those exclude each other.
    pub fn under(mut self, when: &When) -> Option<Property> {
        if when.is_always() || self.conditional && self.when.is_always() {
            return Some(self);
        }
        let told = self.conditional && self.when.ways() * when.ways() <= WAYS;
        self.when = match (self.conditional, told) {
            (false, _) => when.clone(),
            (true, true) => self.when.and(when)?,
            (true, false) => When::default(),
        };
        self.conditional = true;
        Some(self)
    }
}

/// Ways for a property to be there, beyond which it may be there or not, whatever else is so.
const WAYS: usize = 16;

impl Node {
    pub fn object(&self) -> Option<&Object> {
        match &self.value {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// One element or none, such as what is pushed under a condition or in a loop.
    pub fn may_be_absent(&self) -> bool {
        match &self.value {
            Value::Choice { nodes, .. } => nodes.last().is_some_and(|last| last.value == Value::Undefined),
            value => *value == Value::Undefined,
        }
    }

    fn is_more_of(&self, one: &Node) -> bool {
        let Value::Choice { nodes, .. } = &self.value else { return false };
        self.may_be_absent() && nodes.first() == Some(one)
    }

    /// The value below a property of an object literal.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.object()?.get(name).map(|property| &property.value)
    }

    /// The value below a path of properties.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn number(&self) -> Option<i64> {
        match &self.value {
            Value::Number(text) => text.replace('_', "").parse().ok(),
            _ => None,
        }
    }

    /// The same value of another run: its conditions are others.
    pub fn elsewhere(self, run: u64) -> Node {
        let value = match self.value {
            Value::Object(mut object) => {
                for property in &mut object.properties {
                    property.when = property.when.elsewhere(run);
                    property.value = std::mem::take(&mut property.value).elsewhere(run);
                }
                Value::Object(object)
            }
            Value::List(nodes) => Value::List(nodes.into_iter().map(|node| node.elsewhere(run)).collect()),
            Value::Choice { nodes, when } => Value::Choice {
                nodes: nodes.into_iter().map(|node| node.elsewhere(run)).collect(),
                when: when.iter().map(|when| when.elsewhere(run)).collect(),
            },
            other => other,
        };
        Node { span: self.span, value }
    }

    /// The node itself, or the branches of a choice, laid out, each with its conditions.
    pub fn cases(&self) -> Vec<(&Node, When)> {
        let Value::Choice { nodes, when } = &self.value else { return vec![(self, When::default())] };
        let branches = nodes.iter().enumerate().flat_map(|(at, node)| {
            let outer = when.get(at).cloned().unwrap_or_default();
            node.cases().into_iter().filter_map(move |(node, inner)| Some((node, outer.and(&inner)?)))
        });
        branches.collect()
    }

    /// All alternatives: the node itself, or the branches of a choice, laid out.
    pub fn alternatives(&self) -> Vec<&Node> {
        match &self.value {
            Value::Choice { nodes, .. } => nodes.iter().flat_map(Node::alternatives).collect(),
            _ => vec![self],
        }
    }
}

/// Where the value of an expression comes from. An expression may have several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// Literals and constants of the program.
    Constant,
    /// A row or field that a call returned: index into `Code::calls`.
    Result {
        call: usize,
        path: Vec<String>,
    },
    /// The variable of a loop: index into `Code::loops`.
    Loop {
        of: usize,
    },
    /// A parameter of the enclosing function, by position.
    Parameter {
        index: usize,
    },
    /// What a user sends: body, query string, path and header of a request, form data, a tRPC or GraphQL input.
    Request,
    /// Session, viewer, context of authentication.
    Session,
    Environment,
    /// The present time.
    Time,
    Random,
    /// The result of a function that was not followed.
    Function {
        name: String,
    },
    Unknown,
}

/// Why a value may be `undefined` at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Undefined {
    /// `a?.b`
    OptionalChain,
    /// A parameter or property that is declared with `?` or `| undefined` and was not checked before.
    Optional,
    /// `x ?? undefined`, `x || undefined`, `c ? x : undefined`: on purpose, as a filter that may be absent.
    Deliberate,
    /// `map.get(…)`, `list.find(…)`, `list[0]`.
    Lookup,
    /// `process.env.X`
    Environment,
    /// `req.query.x`, `searchParams.x`: whoever leaves it out makes it undefined.
    Request,
}
