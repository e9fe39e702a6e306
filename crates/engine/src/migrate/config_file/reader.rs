//! From tokens to the value that a configuration file exports.

use pgsteward_model::prisma::Secret;

use super::Origin;
use super::tokens::{Token, tokens};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    /// `env("X")`, `process.env.X`.
    Variable(String),
    /// `a ?? b`, `a || b`.
    Either(Vec<Value>),
    Object(Vec<(String, Value)>),
    List(Vec<Value>),
    /// A constant of the file.
    Name(String),
    Unknown,
}

impl Value {
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Value> {
        let Some((first, rest)) = keys.split_first() else { return Some(self) };
        let Value::Object(entries) = self else { return None };
        entries.iter().rev().find(|(key, _)| key == first)?.1.at(rest)
    }

    /// The sources of a URL in the order they are tried. Stops at what is not known.
    pub(super) fn origins(&self, found: &mut Vec<Origin>) {
        match self {
            Value::Text(text) if !text.is_empty() => found.push(Origin::Literal(Secret::new(text.clone()))),
            Value::Variable(name) => found.push(Origin::Variable(name.clone())),
            Value::Either(values) => values.iter().for_each(|value| value.origins(found)),
            _ => {}
        }
    }
}

/// Deeper nesting is no configuration.
const DEEPEST: usize = 32;

const MOST_CONSTANTS: usize = 200;

/// The exported value, with constants filled in.
pub(super) fn read(text: &str) -> Value {
    let tokens = tokens(text);
    let exported = (0..tokens.len()).find_map(|at| {
        let here = |offset: usize| tokens.get(at + offset);
        if here(0)?.is_word("export") && here(1)?.is_word("default") {
            return Some(at + 2);
        }
        let common =
            here(0)?.is_word("module") && here(1)?.is(".") && here(2)?.is_word("exports") && here(3)?.is("=");
        common.then_some(at + 4)
    });
    let Some(at) = exported else { return Value::Unknown };
    let mut reader = Reader { tokens: &tokens, at, constants: MOST_CONSTANTS };
    let value = reader.expression(0);
    reader.resolved(value, 0)
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// So many more constants are looked up: they may name one another.
    constants: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, symbol: &str) -> bool {
        let there = self.peek().is_some_and(|token| token.is(symbol));
        self.at += usize::from(there);
        there
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let there = self.peek().is_some_and(|token| token.is_word(word));
        self.at += usize::from(there);
        there
    }

    fn expression(&mut self, depth: usize) -> Value {
        if depth > DEEPEST {
            self.at = self.tokens.len();
            return Value::Unknown;
        }
        let mut alternatives = vec![self.operand(depth)];
        while self.eat("??") || self.eat("||") {
            alternatives.push(self.operand(depth));
        }
        match alternatives.pop() {
            Some(only) if alternatives.is_empty() => only,
            Some(last) => {
                alternatives.push(last);
                Value::Either(alternatives)
            }
            None => Value::Unknown,
        }
    }

    /// A value with what may follow it: `!`, `as T`, `satisfies T`. Whatever else follows makes it unknown.
    fn operand(&mut self, depth: usize) -> Value {
        let value = self.primary(depth);
        self.eat("!");
        if self.eat_word("as") || self.eat_word("satisfies") {
            self.skip(true);
            return value;
        }
        if self.at_end_of_value() {
            return value;
        }
        self.skip(false);
        Value::Unknown
    }

    fn at_end_of_value(&self) -> bool {
        let ends = [",", ")", "]", "}", ";", "??", "||"];
        match self.peek() {
            None => true,
            Some(Token::Symbol(symbol)) => ends.contains(&symbol.as_str()),
            // Without semicolons the next statement begins with a word.
            Some(Token::Word(word)) => {
                ["export", "import", "const", "let", "module"].contains(&word.as_str())
            }
            Some(_) => false,
        }
    }

    /// Passes over tokens up to the end of the value, brackets and all.
    fn skip(&mut self, in_type: bool) {
        let mut open = 0usize;
        while let Some(token) = self.peek() {
            if open == 0 && self.at_end_of_value() && !(in_type && token.is("|")) {
                return;
            }
            if let Token::Symbol(symbol) = token {
                match symbol.as_str() {
                    "(" | "[" | "{" => open += 1,
                    ")" | "]" | "}" => open = open.saturating_sub(1),
                    _ => {}
                }
            }
            self.at += 1;
        }
    }

    fn primary(&mut self, depth: usize) -> Value {
        let Some(token) = self.peek().cloned() else { return Value::Unknown };
        self.at += 1;
        match token {
            Token::Text(text) => Value::Text(text),
            Token::Symbol(symbol) => match symbol.as_str() {
                "{" => self.object(depth),
                "[" => Value::List(self.values("]", depth)),
                "(" => {
                    let value = self.expression(depth + 1);
                    if self.eat(")") { value } else { Value::Unknown }
                }
                _ => {
                    self.at -= 1;
                    Value::Unknown
                }
            },
            Token::Word(word) => self.named(&word, depth),
            Token::Template => Value::Unknown,
        }
    }

    fn named(&mut self, word: &str, depth: usize) -> Value {
        let mut path = vec![word.to_owned()];
        while self.eat(".") {
            match self.peek().cloned() {
                Some(Token::Word(part)) => {
                    self.at += 1;
                    path.push(part);
                }
                _ => return Value::Unknown,
            }
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["process", "env", name] => return Value::Variable((*name).to_owned()),
            ["process", "env"] if self.eat("[") => {
                let values = self.values("]", depth);
                return match values.as_slice() {
                    [Value::Text(name)] => Value::Variable(name.clone()),
                    _ => Value::Unknown,
                };
            }
            _ => {}
        }
        self.type_arguments();
        if !self.eat("(") {
            return match path.as_slice() {
                [name] => Value::Name((*name).to_owned()),
                // Folders that relative paths start from anyway.
                ["import", "meta", "dirname"] => Value::Name("__dirname".to_owned()),
                _ => Value::Unknown,
            };
        }
        let values = self.values(")", depth);
        match (path.last().copied(), values.as_slice()) {
            (Some("defineConfig"), [value]) => value.clone(),
            (Some("env"), [Value::Text(name)]) => Value::Variable(name.clone()),
            (Some("join" | "resolve"), parts) => joined(parts),
            (Some("cwd"), []) => Value::Name("__dirname".to_owned()),
            _ => Value::Unknown,
        }
    }

    /// `<Env>` of `env<Env>("X")`.
    fn type_arguments(&mut self) {
        let generic = matches!(self.tokens.get(self.at..self.at + 4), Some([open, Token::Word(_), close, call])
            if open.is("<") && close.is(">") && call.is("("));
        if generic {
            self.at += 3;
        }
    }

    fn values(&mut self, end: &str, depth: usize) -> Vec<Value> {
        let mut values = Vec::new();
        while self.peek().is_some() && !self.eat(end) {
            values.push(self.expression(depth + 1));
            if !self.eat(",") && !self.peek().is_some_and(|token| token.is(end)) {
                self.skip(false);
                self.at += usize::from(!self.peek().is_some_and(|token| token.is(end)));
            }
        }
        values
    }

    fn object(&mut self, depth: usize) -> Value {
        let mut entries = Vec::new();
        while self.peek().is_some() && !self.eat("}") {
            let before = self.at;
            match self.peek().cloned() {
                Some(Token::Word(key) | Token::Text(key)) => {
                    self.at += 1;
                    if self.eat(":") {
                        let value = self.expression(depth + 1);
                        entries.push((key, value));
                    } else if self.at_end_of_value() {
                        entries.push((key.clone(), Value::Name(key)));
                    } else {
                        // A method: its name is known, its value is not.
                        self.skip(false);
                        entries.push((key, Value::Unknown));
                    }
                }
                _ => self.skip(false),
            }
            self.eat(",");
            self.at += usize::from(self.at == before);
        }
        Value::Object(entries)
    }

    /// Names replaced by the constants they stand for.
    fn resolved(&mut self, value: Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Unknown;
        }
        match value {
            Value::Name(name) => {
                let found = self.constant(&name);
                self.resolved(found, depth + 1)
            }
            Value::Either(values) => {
                Value::Either(values.into_iter().map(|value| self.resolved(value, depth + 1)).collect())
            }
            Value::List(values) => {
                Value::List(values.into_iter().map(|value| self.resolved(value, depth + 1)).collect())
            }
            Value::Object(entries) => Value::Object(
                entries.into_iter().map(|(key, value)| (key, self.resolved(value, depth + 1))).collect(),
            ),
            other => other,
        }
    }

    /// The value of `const name = …`.
    fn constant(&mut self, name: &str) -> Value {
        let declared = (0..self.tokens.len()).find(|at| {
            let word = |offset: usize, word: &str| {
                self.tokens.get(at + offset).is_some_and(|token| token.is_word(word))
            };
            ["const", "let", "var"].iter().any(|keyword| word(0, keyword)) && word(1, name)
        });
        let Some(at) = declared.filter(|_| self.constants > 0) else { return Value::Unknown };
        self.constants -= 1;
        self.at = at + 2;
        while let Some(token) = self.peek() {
            if token.is("=") {
                self.at += 1;
                return self.expression(0);
            }
            if token.is(";") || token.is("=>") {
                break;
            }
            self.at += 1;
        }
        Value::Unknown
    }
}

fn joined(parts: &[Value]) -> Value {
    let mut text = Vec::new();
    for part in parts {
        match part {
            Value::Text(part) => text.push(part.as_str()),
            Value::Name(name) if name == "__dirname" => {}
            _ => return Value::Unknown,
        }
    }
    if text.is_empty() { Value::Unknown } else { Value::Text(text.join("/")) }
}
