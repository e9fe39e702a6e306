//! Arguments as one writes them in TypeScript, to values: `{ where: { id: 1 }, take }`. A bare word is an expression;
//! `name?: value` is a property that may be absent, `a | b` a choice, `...rest` something unknown. `@c` and `@!c` say under what
//! condition a property (`name?@c: value`) or a branch (`a @c | b @!c`) is there.

use pgsteward_model::code::{Node, Object, Property, Undefined, Value, When};

pub(super) fn node(text: &str) -> Node {
    let mut reader = Reader { text, at: 0 };
    let node = reader.choice();
    assert_eq!(reader.peek(), None, "{text} ends early at {}", reader.at);
    node
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    fn eat(&mut self, symbol: char) -> bool {
        let seen = self.peek() == Some(symbol);
        if seen {
            self.at += symbol.len_utf8();
        }
        seen
    }

    fn word(&mut self) -> &'a str {
        self.peek();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_alphanumeric() || "_.$-:".contains(c))).unwrap_or(rest.len());
        // A colon ends a name; within a number or a date it is none.
        let end = rest[..end].find(':').unwrap_or(end);
        assert!(end > 0, "no word at {} of {}", self.at, self.text);
        self.at += end;
        &rest[..end]
    }

    fn choice(&mut self) -> Node {
        let mut all = vec![(self.value(), self.when())];
        while self.eat('|') {
            all.push((self.value(), self.when()));
        }
        if all.len() == 1 { all.remove(0).0 } else { wrap(Value::decided(all)) }
    }

    fn when(&mut self) -> When {
        if !self.eat('@') {
            return When::default();
        }
        let holds = !self.eat('!');
        let number = self.word().bytes().fold(0, |number, byte| number * 256 + u64::from(byte));
        When::case(number, holds)
    }

    fn value(&mut self) -> Node {
        let value = match self.peek() {
            Some('{') => self.object(),
            Some('[') => {
                self.eat('[');
                let mut items = Vec::new();
                while !self.eat(']') {
                    items.push(self.choice());
                    self.eat(',');
                }
                Value::List(items)
            }
            Some('"') => {
                self.eat('"');
                let end = self.text[self.at..].find('"').unwrap();
                let text = self.text[self.at..self.at + end].to_owned();
                self.at += end + 1;
                Value::Text(text)
            }
            _ => match self.word() {
                "null" => Value::Null,
                "undefined" => Value::Undefined,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                number if number.parse::<f64>().is_ok() => Value::Number(number.to_owned()),
                text => Value::Expression {
                    text: text.to_owned(),
                    sources: Vec::new(),
                    undefined: text.ends_with("OrUndefined").then_some(Undefined::Deliberate),
                },
            },
        };
        wrap(value)
    }

    fn object(&mut self) -> Value {
        self.eat('{');
        let mut object = Object::default();
        while !self.eat('}') {
            if self.text[self.at..].starts_with("...") {
                self.at += 3;
                self.word();
                object.open = true;
            } else {
                let name = self.word().to_owned();
                let conditional = self.eat('?');
                let when = self.when();
                let value = if self.eat(':') {
                    self.choice()
                } else {
                    wrap(Value::Expression { text: name.clone(), sources: Vec::new(), undefined: None })
                };
                object.properties.push(Property {
                    conditional,
                    when,
                    ..Property::new(name, Default::default(), value)
                });
            }
            self.eat(',');
        }
        Value::Object(object)
    }
}

fn wrap(value: Value) -> Node {
    Node { span: Default::default(), value }
}
