//! What one file says by itself, before files are linked. Plain data that can be kept in a cache.
//!
//! Indices point into the vectors of the same [`Unit`] (calls of sources into [`Unit::calls`], loops into
//! [`Unit::loops`], `Site::function` into [`Unit::functions`], and so on); linking renumbers them. What a name of
//! another file stands for is not known here: an [`Origin`] says how the file came by it.

use std::sync::Arc;

use pgsteward_model::code::{
    Client, Effect, FileRole, FunctionRole, Hole, LeftOut, Loop, Node, Operation, Parameter, Site,
    TransactionKind, Try, Validation,
};
use pgsteward_model::prisma::At;
use pgsteward_model::source::Span;
use serde::{Deserialize, Serialize};

/// Changes whenever a unit kept by an older release must not be used again.
pub const UNIT_VERSION: u32 = 8;

/// Name of the property that stands for a spread that the file alone cannot lay out.
pub const SPREAD: &str = "...";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    pub file: Arc<str>,
    /// SHA-256 of the text, put in by whoever keeps units; reading leaves it zero.
    pub hash: [u8; 32],
    pub bytes: usize,
    pub depth: Depth,
    pub role: Option<FileRole>,
    /// A comment in it allows something.
    pub allows: bool,
    /// It speaks of a broken unique key and of one place for all errors.
    pub answers: bool,
    /// A client gets an extension or a middleware in it.
    pub extends: bool,
    /// `'use server'` or `'use client'` at the top.
    pub directive: Option<String>,
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    /// The first is the module itself. Callbacks are no functions of their own: what they do belongs to the function
    /// that they stand in.
    pub functions: Vec<UnitFunction>,
    pub classes: Vec<Class>,
    /// `const`, `let`, `var`, destructured names included, in all functions.
    pub variables: Vec<Variable>,
    pub types: Vec<TypeAlias>,
    pub calls: Vec<Candidate>,
    pub raw: Vec<UnitRaw>,
    pub transactions: Vec<UnitTransaction>,
    pub invocations: Vec<UnitInvocation>,
    pub effects: Vec<Effect>,
    pub loops: Vec<Loop>,
    pub tries: Vec<Try>,
    pub clients: Vec<Client>,
    pub validations: Vec<Validation>,
    /// What expressions stand for that only other files (or callers) can say, by the span of the node: sorted by it.
    /// A spread of such an expression stands in its object as a property named [`SPREAD`], and the object is `open`;
    /// linking lays it out or takes it away.
    pub references: Vec<Reference>,
    pub left_out: Vec<LeftOut>,
    /// What was left out was so for want of something that may be there the next time: not to be kept.
    #[serde(skip)]
    pub passing: bool,
}

impl Unit {
    /// What an expression node of this file stands for.
    pub fn reference(&self, span: Span) -> Option<&Origin> {
        let at = self.references.binary_search_by_key(&span, |reference| reference.span).ok()?;
        Some(&self.references[at].origin)
    }
}

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// Not at all: it is in `left_out`, or it is a declaration file.
    #[default]
    None,
    /// Imports and exports only, as nothing in its text speaks of a database. Linking may ask for
    /// [`crate::scan_fully`] where such a file calls functions that do.
    Names,
    Full,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// The specifier as written: `./db.js`, `@/lib/db`, `@prisma/client`.
    pub module: String,
    pub name: Imported,
    /// The name in this file; empty for `import './x'` and for an `import(…)` that no variable holds.
    pub local: String,
    pub type_only: bool,
    pub kind: ImportKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Imported {
    /// `import { a as b }`: `a`. A default import is `default`.
    Name(String),
    /// `import * as x`, `const x = require(…)`, `await import(…)`.
    Namespace,
    /// `import './x'`
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportKind {
    Static,
    Require,
    Dynamic,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// `default` for the default export; empty for `export *`.
    pub name: String,
    pub what: Exported,
    pub type_only: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Exported {
    /// Something of this file (or what it imported). `Origin::Unknown` where the unit's depth is [`Depth::Names`] and
    /// in types.
    Local(Origin),
    /// `export { name } from 'module'`
    From { module: String, name: Imported },
    /// `export * from 'module'`
    Star { module: String },
}

/// Where a value comes from, step by step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Origin {
    #[default]
    Unknown,
    /// Index into `Unit::imports`.
    Import(usize),
    /// Index into `Unit::variables`.
    Variable(usize),
    /// Index into `Unit::functions`: the function itself.
    Function(usize),
    /// Index into `Unit::classes`: the class itself.
    Class(usize),
    /// A parameter of a function. Parts of a pattern are `Member`s of it.
    Parameter { function: usize, index: usize },
    /// A parameter of a callback that is no function of its own: `withDb((db) => …)`. Apart, as it is larger than all
    /// others, of which there are many.
    Callback(Box<CallbackParameter>),
    /// The client that `$transaction` gives to its callback: index into `Unit::transactions`.
    Transaction(usize),
    /// `this`, in a class: index into `Unit::classes`.
    This(Option<usize>),
    /// `super`
    Super(Option<usize>),
    /// A name that the file does not declare: `globalThis`, `prisma` of a global declaration.
    Global(String),
    /// `new PrismaClient(…)`: index into `Unit::clients`.
    Client(usize),
    /// `a.b`; a computed member is named `[]`.
    Member(Box<Origin>, String),
    /// An element of a list: destructured, `[0]`, of a loop over it.
    Element(Box<Origin>),
    /// What a call returns (awaited or not), with the index into `Unit::invocations` where there is one.
    Call(Box<Origin>, Option<usize>),
    /// What one of `Unit::calls` returns.
    Result(usize),
    /// `new X(…)`
    New(Box<Origin>),
    /// `client.$extends(…)`
    Extended(Box<Origin>),
    /// `a ?? b`, `c ? a : b`
    Either(Vec<Origin>),
    /// `x as T`, `x: T`, `<T>x`: with the type as written.
    Typed(Box<Origin>, String),
    /// `{ prisma, log }`: the members of an object literal that have an origin.
    Object(Vec<(String, Origin)>),
}

impl Origin {
    /// The end of a chain of members: `ctx` of `ctx.db.prisma`.
    pub fn root(&self) -> &Origin {
        match self {
            Origin::Member(of, _) | Origin::Element(of) | Origin::Typed(of, _) | Origin::Extended(of) => {
                of.root()
            }
            Origin::Call(of, _) | Origin::New(of) => of.root(),
            other => other,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallbackParameter {
    /// The function that the callback was given to.
    pub callee: Origin,
    /// It, as written.
    pub name: String,
    /// Position of the callback among the arguments.
    pub argument: usize,
    /// Position of the parameter in the callback.
    pub index: usize,
    /// The parameter's type as written.
    pub ty: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub span: Span,
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitFunction {
    /// As in `model::code::Function`.
    pub name: String,
    pub at: At,
    pub role: FunctionRole,
    pub exported: bool,
    pub is_async: bool,
    pub parameters: Vec<Parameter>,
    /// The class whose method it is.
    pub class: Option<usize>,
    /// The name alone: `cancel` of `OrderService.cancel`.
    pub method: Option<String>,
    /// The function that it stands in.
    pub parent: Option<usize>,
    /// What it returns, one for each `return` that has an origin.
    pub returns: Vec<Origin>,
    /// What it returns, as values: for fragments such as `visibleTo(user)`. An expression stands for what is none. At most
    /// five.
    pub returned: Vec<Node>,
    /// What becomes of what callers give, by position; shorter than `parameters` where nobody can tell.
    pub taken: Vec<Usage>,
    /// It is given away as a value: stored in an object, an argument of a function of another package.
    pub given_away: bool,
    /// The declared type of what it returns, as written.
    pub return_type: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Class {
    pub name: String,
    pub at: At,
    pub extends: Option<Origin>,
    /// Interfaces as written.
    pub implements: Vec<String>,
    /// Names of its decorators: `Injectable`, `Controller`, `Resolver`.
    pub decorators: Vec<String>,
    pub fields: Vec<Field>,
}

/// A field, a constructor's parameter property, or `this.x = …` in the constructor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub ty: Option<String>,
    pub origin: Origin,
    pub is_static: bool,
    /// The function that it holds: an arrow function.
    pub function: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variable {
    pub name: String,
    pub span: Span,
    /// The function that declares it; 0 is the module.
    pub function: usize,
    pub ty: Option<String>,
    pub origin: Origin,
    /// The function that it holds: `const f = () => …`, `const f = cache(async () => …)`.
    pub holds: Option<usize>,
    /// It is assigned again.
    pub mutable: bool,
    /// Its value, where it is an object, a list or a literal of the module that other files may use in arguments.
    pub value: Option<Node>,
}

/// `type Db = PrismaClient | Prisma.TransactionClient`, and what is declared as an interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeAlias {
    pub name: String,
    /// As written, cut at 400 characters.
    pub text: String,
    /// Members of an object type or an interface, with their types as written.
    pub members: Vec<(String, String)>,
    /// Interfaces that it extends.
    pub extends: Vec<String>,
}

/// Something that has the form of a call of Prisma Client: `x.<model>.<operation>(…)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    pub site: Site,
    pub name_at: At,
    /// What comes before the model: `ctx.prisma`. Local variables that hold `prisma.user` are looked through.
    pub client: Origin,
    /// The client as written.
    pub receiver: String,
    /// The property of the client: `user`. None for `prisma[model]`.
    pub model: Option<String>,
    pub operation: Operation,
    pub argument: Node,
    pub usage: Usage,
    /// Relations called on the result: `.posts()` of `prisma.user.findUnique(…).posts()`, with their arguments.
    pub fluent: Vec<(String, Node)>,
    pub shape: String,
    pub ordinal: u32,
    /// The same call as one of a function of this repository, if it is no call of Prisma Client: index into
    /// `Unit::invocations`.
    pub invocation: Option<usize>,
}

/// What happens to what a call returns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub binding: Option<String>,
    pub uses: Vec<Use>,
    /// Each use was followed to one of `uses`.
    pub complete: bool,
}

/// A use. `path` is what is used of the result: empty for all of it; lists are looked through. A path that ends in names
/// that begin with `-` is all of it but those: `["-password"]` of `const { password, ...safe } = user; return safe`.
/// `wrap` is the way down to it in what was built around it; an element of a list that is written out is `#0`, `#1` ….
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Use {
    /// Read: a comparison, part of a text, a number to add.
    Read { path: Vec<String> },
    /// Only whether it is there, or how many: `if (!row)`, `rows.length`.
    Tested { path: Vec<String> },
    /// Returned by the function, below `wrap` of the object that it returns.
    Returned { path: Vec<String>, wrap: Vec<String> },
    /// Sent to a client of the application.
    Response { path: Vec<String>, at: At },
    /// An argument of one of `Unit::invocations`, at a position, below `wrap` of that argument.
    Argument { path: Vec<String>, invocation: usize, position: usize, wrap: Vec<String> },
    /// An argument of a function that is no invocation: its name as written.
    Passed { path: Vec<String>, to: String },
    /// As a value in the argument of one of `Unit::calls`.
    Query { path: Vec<String>, call: usize },
    /// Spread, stored, anything else that may read all of it.
    Other { path: Vec<String> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitInvocation {
    pub site: Site,
    pub callee: Origin,
    /// As written: `orders.cancel`.
    pub name: String,
    pub arguments: Vec<Node>,
    /// What the arguments are made of, in their order: to follow clients and functions that are passed on.
    pub origins: Vec<Origin>,
    pub usage: Usage,
    /// `new X(…)`
    pub constructs: bool,
    /// A function given to `map` and the like, which calls it: the arguments are unknown.
    pub by_value: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitRaw {
    pub site: Site,
    /// What the method is called on, or the tag of a template.
    pub client: Origin,
    pub receiver: String,
    /// `$queryRaw`, `query`, `sql`.
    pub method: String,
    pub text: Option<String>,
    pub holes: Vec<Hole>,
    /// The function of TypedSQL: `getTopUsers`.
    pub typed: Option<Origin>,
    /// No Prisma Client: `pg`, `postgres` and the like. A candidate where its client is not known to be one.
    pub driver: bool,
    pub usage: Usage,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitTransaction {
    pub site: Site,
    pub on: Origin,
    pub kind: TransactionKind,
    /// The callback's parameter: `tx`.
    pub client: Option<String>,
    /// The callback, where it is a named function: `$transaction(move)`.
    pub callback: Option<Origin>,
    pub isolation: Option<String>,
    pub timeout_ms: Option<u64>,
    pub retried: bool,
}
