//! Pieces of SQL whose parameters are numbered last, and trees of conditions.
//!
//! Conditions are written as Prisma 7's SQL builder writes them: parentheses around `AND`, `OR` and `NOT`, `1=1` for
//! none, `1=0` for one that never holds. Knows neither models nor arguments.

use pgsteward_model::code::QueryParameter;

/// Text and parameters in the order they stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sql {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Parameter(QueryParameter),
}

impl Sql {
    pub(super) fn text(text: impl Into<String>) -> Sql {
        Sql { parts: vec![Part::Text(text.into())] }
    }

    pub(super) fn parameter(parameter: QueryParameter) -> Sql {
        Sql { parts: vec![Part::Parameter(parameter)] }
    }

    pub(super) fn push(&mut self, text: &str) {
        match self.parts.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.parts.push(Part::Text(text.to_owned())),
        }
    }

    pub(super) fn append(&mut self, other: Sql) {
        if self.parts.is_empty() {
            self.parts = other.parts;
            return;
        }
        for part in other.parts {
            match part {
                Part::Text(text) => self.push(&text),
                parameter => self.parts.push(parameter),
            }
        }
    }

    /// `self`, then text, for building in one expression.
    pub(super) fn t(mut self, text: &str) -> Sql {
        self.push(text);
        self
    }

    /// `self`, then another piece.
    pub(super) fn s(mut self, other: Sql) -> Sql {
        self.append(other);
        self
    }

    pub(super) fn join(pieces: impl IntoIterator<Item = Sql>, between: &str) -> Sql {
        let mut all = Sql::default();
        for (at, piece) in pieces.into_iter().enumerate() {
            if at > 0 {
                all.push(between);
            }
            all.append(piece);
        }
        all
    }

    pub(super) fn wrapped(self) -> Sql {
        Sql::text("(").s(self).t(")")
    }

    /// The text with `$1` … and the parameters in this order.
    pub(super) fn numbered(self) -> (String, Vec<QueryParameter>) {
        let mut text = String::new();
        let mut parameters = Vec::new();
        for part in self.parts {
            match part {
                Part::Text(piece) => text.push_str(&piece),
                Part::Parameter(parameter) => {
                    parameters.push(parameter);
                    text.push('$');
                    text.push_str(&parameters.len().to_string());
                }
            }
        }
        (text, parameters)
    }
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// Holds always.
    Always,
    /// Holds never.
    Never,
    One(Sql),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

impl Tree {
    /// Conditions of an `AND` are laid out, others get their own parentheses.
    pub(super) fn and(self, other: Tree) -> Tree {
        match self {
            Tree::And(mut all) => {
                all.push(other);
                Tree::And(all)
            }
            one => Tree::And(vec![one, other]),
        }
    }

    pub(super) fn or(self, other: Tree) -> Tree {
        match self {
            Tree::Or(mut all) => {
                all.push(other);
                Tree::Or(all)
            }
            one => Tree::Or(vec![one, other]),
        }
    }

    pub(super) fn negated(self) -> Tree {
        Tree::Not(Box::new(self))
    }

    pub(super) fn sql(self) -> Sql {
        match self {
            Tree::Always => Sql::text("1=1"),
            Tree::Never => Sql::text("1=0"),
            Tree::One(sql) => sql,
            Tree::And(all) if all.is_empty() => Sql::text("1=1"),
            Tree::Or(all) if all.is_empty() => Sql::text("1=0"),
            Tree::And(all) => Sql::join(all.into_iter().map(Tree::sql), " AND ").wrapped(),
            Tree::Or(all) => Sql::join(all.into_iter().map(Tree::sql), " OR ").wrapped(),
            Tree::Not(one) => Sql::text("NOT ").s(one.sql()).wrapped(),
        }
    }
}

/// An identifier in double quotes, which Prisma always writes.
pub(super) fn quoted(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    push_quoted(&mut text, name);
    text
}

/// The same behind other text: most statements are made of little else.
pub(super) fn push_quoted(text: &mut String, name: &str) {
    text.reserve(name.len() + 3);
    text.push('"');
    match name.bytes().any(|byte| byte == b'"') {
        true => text.push_str(&name.replace('"', "\"\"")),
        false => text.push_str(name),
    }
    text.push('"');
}
