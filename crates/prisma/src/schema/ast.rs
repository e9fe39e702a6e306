//! The tree of one schema file, exactly as written. It knows no meaning: names are not looked up and
//! attributes are not checked. Spans are bytes of the file.

use pgsteward_model::source::Span;

#[derive(Debug, Default)]
pub(crate) struct Document {
    pub(crate) blocks: Vec<Block>,
    pub(crate) errors: Vec<SyntaxError>,
}

/// Something that the grammar does not allow. The message is lower case, without a full stop.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) span: Span,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Datasource,
    Generator,
    Model,
    View,
    Enum,
    Type,
}

#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: BlockKind,
    pub(crate) name: Name,
    /// From the keyword to the closing brace.
    pub(crate) span: Span,
    /// The closing brace, or the empty place where it should stand.
    pub(crate) close: Span,
    pub(crate) members: Vec<Member>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) documentation: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// A field of a model, view or type, or a value of an enum (which has no type).
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Name,
    pub(crate) ty: Option<TypeExpr>,
    pub(crate) attributes: Vec<Attribute>,
    /// From the name to the end of the last attribute.
    pub(crate) span: Span,
    pub(crate) documentation: Option<String>,
}

#[derive(Debug)]
pub(crate) struct TypeExpr {
    pub(crate) name: String,
    /// The text in `Unsupported("…")`.
    pub(crate) unsupported: Option<String>,
    pub(crate) list: bool,
    pub(crate) optional: bool,
    pub(crate) span: Span,
}

/// `key = value` in a datasource or generator.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Name,
    pub(crate) value: Expr,
}

#[derive(Debug)]
pub(crate) struct Attribute {
    /// Without its `@`; parts joined by `.`.
    pub(crate) name: Name,
    pub(crate) arguments: Vec<Argument>,
    /// From the `@` to the closing parenthesis.
    pub(crate) span: Span,
}

impl Attribute {
    /// The argument of this name, or the unnamed one where `name` is what it stands for.
    pub(crate) fn argument(&self, name: &str, unnamed: bool) -> Option<&Expr> {
        named_argument(&self.arguments, name, unnamed)
    }
}

pub(crate) fn named_argument<'a>(arguments: &'a [Argument], name: &str, unnamed: bool) -> Option<&'a Expr> {
    arguments
        .iter()
        .find(|argument| match &argument.name {
            Some(given) => given.text == name,
            None => unnamed,
        })
        .map(|argument| &argument.value)
}

#[derive(Debug)]
pub(crate) struct Argument {
    pub(crate) name: Option<Name>,
    pub(crate) value: Expr,
}

#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) span: Span,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    String(String),
    Number(String),
    /// A bare word or a path: `true`, `Cascade`, `address.street`.
    Word(String),
    Call {
        name: String,
        arguments: Vec<Argument>,
    },
    Array(Vec<Expr>),
    Object(Vec<(String, Expr)>),
    /// Nothing where a value should stand.
    Missing,
}

impl Expr {
    pub(crate) fn as_string(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_word(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Word(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array; a single value counts as an array of one, as Prisma reads it.
    pub(crate) fn elements(&self) -> &[Expr] {
        match &self.kind {
            ExprKind::Array(elements) => elements,
            ExprKind::Missing => &[],
            _ => std::slice::from_ref(self),
        }
    }
}
