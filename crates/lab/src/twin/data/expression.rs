//! Expressions of CHECK constraints as `pg_get_expr` prints them, read as far as limits of values need it.
//!
//! The server prints every parenthesis that precedence could ask for, so the grammar is small. What is not
//! known comes back as [`Expr::Other`], never as a guess.

/// A part of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    Column(String),
    Number(f64),
    Text(String),
    Bool(bool),
    Null,
    Call(String, Vec<Expr>),
    /// `=`, `<>`, `<`, `<=`, `>`, `>=`, `~`, `~*`, `+` and so on.
    Binary(String, Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    IsNull(Box<Expr>),
    /// `x = ANY (ARRAY[…])`.
    AnyOf(Box<Expr>, Vec<Expr>),
    Array(Vec<Expr>),
    Other,
}

/// Reads a whole expression.
pub(super) fn read(text: &str) -> Expr {
    let Some(tokens) = tokens(text) else { return Expr::Other };
    let mut reader = Reader { tokens: &tokens, at: 0, depth: 0 };
    let found = reader.or();
    if reader.at == tokens.len() { found.unwrap_or(Expr::Other) } else { Expr::Other }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Number(f64),
    Text(String),
    Sign(String),
}

const SIGNS: [&str; 12] = ["!~~*", "~~*", "!~~", "!~*", "::", "<=", ">=", "<>", "!~", "~~", "~*", "||"];

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first == '\'' || first == '"' {
            let (value, length) = quoted(rest, first)?;
            found.push(if first == '"' { Token::Quoted(value) } else { Token::Text(value) });
            length
        } else if first.is_ascii_digit() {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
            found.push(Token::Number(rest[..length].parse().ok()?));
            length
        } else if first.is_alphabetic() || first == '_' {
            let length =
                rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
            found.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).copied();
            let sign = sign.unwrap_or(&rest[..first.len_utf8()]);
            found.push(Token::Sign(sign.to_owned()));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Some(found)
}

/// The value between quotes, where a doubled quote is one, and the length of the whole.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut value = String::new();
    let mut inside = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = inside.next() {
        if c != quote {
            value.push(c);
        } else if inside.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            return Some((value, at + 1));
        }
    }
    None
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

/// Deeper than this nobody writes; the reader recurses.
const DEEPEST: usize = 60;

impl Reader<'_> {
    fn word(&mut self, wanted: &str) -> bool {
        let there =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(wanted));
        self.at += usize::from(there);
        there
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let there = matches!(self.tokens.get(self.at), Some(Token::Sign(sign)) if sign == wanted);
        self.at += usize::from(there);
        there
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Option<Expr>) -> Option<Expr> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn or(&mut self) -> Option<Expr> {
        self.deeper(Reader::alternatives)
    }

    fn alternatives(&mut self) -> Option<Expr> {
        let mut parts = vec![self.and()?];
        while self.word("or") {
            parts.push(self.and()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expr::Or(parts) })
    }

    fn and(&mut self) -> Option<Expr> {
        let mut parts = vec![self.not()?];
        while self.word("and") {
            parts.push(self.not()?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expr::And(parts) })
    }

    fn not(&mut self) -> Option<Expr> {
        if self.word("not") {
            return Some(Expr::Not(Box::new(self.deeper(Reader::not)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Option<Expr> {
        let left = self.sum()?;
        if self.word("is") {
            let not = self.word("not");
            let tested = if self.word("null") {
                Expr::IsNull(Box::new(left))
            } else if self.word("true") {
                left
            } else if self.word("false") {
                Expr::Not(Box::new(left))
            } else {
                return None;
            };
            return Some(if not { Expr::Not(Box::new(tested)) } else { tested });
        }
        let Some(Token::Sign(sign)) = self.tokens.get(self.at) else { return Some(left) };
        if !["=", "<>", "<", "<=", ">", ">=", "~", "~*", "~~", "~~*", "!~", "!~*", "!~~", "!~~*"]
            .contains(&sign.as_str())
        {
            return Some(left);
        }
        let sign = sign.clone();
        self.at += 1;
        if self.word("any") {
            self.sign("(").then_some(())?;
            let list = self.or()?;
            self.sign(")").then_some(())?;
            return Some(match list {
                Expr::Array(values) if sign == "=" => Expr::AnyOf(Box::new(left), values),
                _ => Expr::Other,
            });
        }
        let right = self.sum()?;
        Some(Expr::Binary(sign, Box::new(left), Box::new(right)))
    }

    fn sum(&mut self) -> Option<Expr> {
        let mut left = self.cast()?;
        while let Some(Token::Sign(sign)) = self.tokens.get(self.at) {
            if !["+", "-", "*", "/", "%", "||"].contains(&sign.as_str()) {
                break;
            }
            let sign = sign.clone();
            self.at += 1;
            left = Expr::Binary(sign, Box::new(left), Box::new(self.cast()?));
        }
        Some(left)
    }

    /// Casts say nothing about the value.
    fn cast(&mut self) -> Option<Expr> {
        let inner = self.primary()?;
        while self.sign("::") {
            self.type_name()?;
        }
        Some(inner)
    }

    fn type_name(&mut self) -> Option<()> {
        match self.tokens.get(self.at)? {
            Token::Word(_) | Token::Quoted(_) => self.at += 1,
            _ => return None,
        }
        while self.sign(".") {
            self.at += 1;
        }
        for word in ["varying", "precision"] {
            self.word(word);
        }
        if self.sign("(") {
            while !self.sign(")") {
                self.tokens.get(self.at)?;
                self.at += 1;
            }
        }
        if self.word("with") || self.word("without") {
            self.at += 2;
        }
        while self.sign("[") {
            self.sign("]").then_some(())?;
        }
        Some(())
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = self.tokens.get(self.at)?.clone();
        self.at += 1;
        match token {
            Token::Number(number) => Some(Expr::Number(number)),
            Token::Text(text) => Some(Expr::Text(text)),
            Token::Sign(sign) if sign == "-" => match self.deeper(Reader::cast)? {
                Expr::Number(number) => Some(Expr::Number(-number)),
                _ => Some(Expr::Other),
            },
            Token::Sign(sign) if sign == "(" => {
                let inner = self.or()?;
                self.sign(")").then_some(inner)
            }
            Token::Quoted(name) => self.named(name, true),
            Token::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => Some(Expr::Bool(true)),
                "false" => Some(Expr::Bool(false)),
                "null" => Some(Expr::Null),
                "array" => self.sign("[").then(|| self.list("]"))?.map(Expr::Array),
                "case" | "row" => None,
                _ => self.named(word, false),
            },
            Token::Sign(_) => None,
        }
    }

    /// A column, or a function with its arguments; a namespace in front is dropped.
    fn named(&mut self, name: String, quoted: bool) -> Option<Expr> {
        if self.sign(".") {
            return match self.tokens.get(self.at)?.clone() {
                Token::Word(name) => {
                    self.at += 1;
                    self.named(name, false)
                }
                Token::Quoted(name) => {
                    self.at += 1;
                    self.named(name, true)
                }
                _ => None,
            };
        }
        if self.sign("(") {
            let arguments = self.list(")")?;
            return Some(Expr::Call(name.to_ascii_lowercase(), arguments));
        }
        Some(Expr::Column(if quoted { name } else { name.to_ascii_lowercase() }))
    }

    fn list(&mut self, end: &str) -> Option<Vec<Expr>> {
        let mut items = Vec::new();
        if self.sign(end) {
            return Some(items);
        }
        loop {
            items.push(self.or()?);
            if self.sign(end) {
                return Some(items);
            }
            self.sign(",").then_some(())?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Expr, read};

    #[test]
    fn conditions_are_read_as_the_server_prints_them() {
        let column = |name: &str| Box::new(Expr::Column(name.into()));
        assert_eq!(
            read("((rating >= 1) AND (rating <= 5))"),
            Expr::And(vec![
                Expr::Binary(">=".into(), column("rating"), Box::new(Expr::Number(1.0))),
                Expr::Binary("<=".into(), column("rating"), Box::new(Expr::Number(5.0))),
            ])
        );
        assert_eq!(
            read("(price >= ('-1'::integer)::double precision)"),
            Expr::Binary(">=".into(), column("price"), Box::new(Expr::Text("-1".into())))
        );
        assert_eq!(
            read(
                "((status)::text = ANY ((ARRAY['a'::character varying, 'it''s'::character varying])::text[]))"
            ),
            Expr::AnyOf(column("status"), vec![Expr::Text("a".into()), Expr::Text("it's".into())])
        );
        assert_eq!(
            read("((\"endsAt\" IS NULL) OR (\"startsAt\" < \"endsAt\"))"),
            Expr::Or(vec![
                Expr::IsNull(column("endsAt")),
                Expr::Binary("<".into(), column("startsAt"), column("endsAt")),
            ])
        );
        assert_eq!(
            read("(char_length((name)::text) <= 10)"),
            Expr::Binary(
                "<=".into(),
                Box::new(Expr::Call("char_length".into(), vec![Expr::Column("name".into())])),
                Box::new(Expr::Number(10.0))
            )
        );
        assert_eq!(
            read("(created > '2020-01-01 00:00:00'::timestamp without time zone)"),
            Expr::Binary(">".into(), column("created"), Box::new(Expr::Text("2020-01-01 00:00:00".into())))
        );
        assert_eq!(read("CASE WHEN a THEN b ELSE c END"), Expr::Other);
        assert_eq!(read(&"(".repeat(100_000)), Expr::Other);
    }
}
