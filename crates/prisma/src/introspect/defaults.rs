//! Default expressions, as PostgreSQL prints them, to what the schema language can say: literals, `now()`,
//! `autoincrement()`; everything else is `dbgenerated("…")`.
//!
//! What counts as a literal follows Prisma's reader, its limits included: a folded cast such as `(5)::bigint` is an
//! expression, `'5'::bigint` is a number.

mod array;
mod scan;

use scan::{Scan, Token};

use super::types::Family;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Default {
    Autoincrement,
    Now,
    Text(String),
    /// Digits as they are to be written.
    Number(String),
    Boolean(bool),
    /// The value's name in the database.
    EnumValue(String),
    Bytes(Vec<u8>),
    List(Vec<Default>),
    Expression(String),
}

/// The default that an expression means for a column of this family.
pub(super) fn read(text: &str, family: &Family, list: bool) -> Option<Default> {
    if text.trim().starts_with("NULL") {
        return None;
    }
    let mut scan = Scan::new(text);
    let found = if list {
        array::list(&mut scan, family)
    } else {
        value(&mut scan, family).filter(|_| scan.is_finished())
    };
    Some(found.unwrap_or_else(|| Default::Expression(text.to_owned())))
}

fn value(scan: &mut Scan<'_>, family: &Family) -> Option<Default> {
    match family {
        Family::String | Family::Json => scan.text().map(Default::Text),
        Family::Int | Family::BigInt => integer(scan),
        Family::Float | Family::Decimal => decimal(scan),
        Family::Boolean => boolean(scan.take(Token::Word)?).map(Default::Boolean),
        Family::Enum(_) => enum_value(scan),
        Family::DateTime => now(scan),
        Family::Bytes => bytes(&scan.text()?).map(Default::Bytes),
        Family::Uuid | Family::Unsupported(_) => None,
    }
}

fn integer(scan: &mut Scan<'_>) -> Option<Default> {
    let number = |digits: &str| digits.parse::<i64>().ok().map(|value| Default::Number(value.to_string()));
    match scan.peek()? {
        Token::Digits => number(scan.take(Token::Digits)?),
        Token::Minus => {
            scan.take(Token::Minus)?;
            number(&format!("-{}", scan.take(Token::Digits)?))
        }
        Token::Text => number(&scan.text()?),
        Token::Word => sequence(scan),
        _ => None,
    }
}

/// `nextval('…'::regclass)`, also with the casts of older servers.
fn sequence(scan: &mut Scan<'_>) -> Option<Default> {
    if !scan.take(Token::Word)?.eq_ignore_ascii_case("nextval") {
        return None;
    }
    scan.take(Token::OpenParen)?;
    if scan.peek() == Some(Token::OpenParen) {
        scan.take(Token::OpenParen)?;
    }
    scan.text()?;
    while scan.next()? != Token::CloseParen {}
    scan.cast()?;
    if scan.peek() == Some(Token::CloseParen) {
        scan.take(Token::CloseParen)?;
    }
    scan.cast()?;
    Some(Default::Autoincrement)
}

fn decimal(scan: &mut Scan<'_>) -> Option<Default> {
    let digits = plain_decimal(scan)?;
    scan.cast()?;
    Some(Default::Number(digits))
}

fn plain_decimal(scan: &mut Scan<'_>) -> Option<String> {
    let braced = match scan.peek()? {
        Token::OpenParen => scan.take(Token::OpenParen).is_some(),
        Token::Text | Token::EscapedText => {
            let text = scan.text()?;
            return plain_decimal(&mut Scan::new(&text));
        }
        _ => false,
    };
    let mut digits = String::new();
    if scan.peek()? == Token::Minus {
        digits.push_str(scan.take(Token::Minus)?);
    }
    digits.push_str(scan.take(Token::Digits)?);
    if scan.peek() == Some(Token::Dot) {
        digits.push_str(scan.take(Token::Dot)?);
        digits.push_str(scan.take(Token::Digits)?);
    }
    if braced {
        scan.take(Token::CloseParen)?;
    }
    Some(digits)
}

fn boolean(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "t" | "true" => Some(true),
        "f" | "false" => Some(false),
        _ => None,
    }
}

fn enum_value(scan: &mut Scan<'_>) -> Option<Default> {
    let value = match scan.peek()? {
        Token::Word => scan.take(Token::Word)?.to_owned(),
        Token::Text | Token::EscapedText => scan.text()?,
        _ => return None,
    };
    scan.cast()?;
    Some(Default::EnumValue(value))
}

fn now(scan: &mut Scan<'_>) -> Option<Default> {
    let function = scan.take(Token::Word)?;
    if scan.peek() == Some(Token::OpenParen) {
        scan.take(Token::OpenParen)?;
        scan.take(Token::CloseParen)?;
    }
    scan.cast()?;
    let known = ["now", "current_timestamp"].iter().any(|name| function.eq_ignore_ascii_case(name));
    known.then_some(Default::Now)
}

/// `\x0aff` to bytes.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x").filter(|digits| digits.is_ascii())?;
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|p| p.len() == 2)?, 16).ok())
        .collect()
}

/// Standard base64 with padding, as the schema writes bytes.
pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            out.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_literal_and_what_an_expression() {
        let read = |text: &str, family: Family| read(text, &family, false).unwrap();
        let number = |digits: &str| Default::Number(digits.into());
        assert_eq!(read("'-5'::integer", Family::Int), number("-5"));
        assert_eq!(read("(5)::bigint", Family::BigInt), Default::Expression("(5)::bigint".into()));
        assert_eq!(read("nextval('\"a b_seq\"'::regclass)", Family::Int), Default::Autoincrement);
        assert_eq!(read("nextval(('s'::text)::regclass)", Family::Int), Default::Autoincrement);
        assert_eq!(read("'1.50'::numeric", Family::Decimal), number("1.50"));
        assert_eq!(
            read("('-1.5'::numeric)::double precision", Family::Float),
            Default::Expression("('-1.5'::numeric)::double precision".into())
        );
        assert_eq!(read("CURRENT_TIMESTAMP", Family::DateTime), Default::Now);
        assert_eq!(
            read("CURRENT_TIMESTAMP(3)", Family::DateTime),
            Default::Expression("CURRENT_TIMESTAMP(3)".into())
        );
        assert_eq!(read("'it''s'::character varying(10)", Family::String), Default::Text("it's".into()));
        assert_eq!(read("E'a\\\\b\\n'::text", Family::String), Default::Text("a\\b\n".into()));
        assert_eq!(read("'\\x0aff'::bytea", Family::Bytes), Default::Bytes(vec![10, 255]));
        assert_eq!(base64(&[10, 255]), "Cv8=");
        assert_eq!(base64(b"abc"), "YWJj");
    }

    #[test]
    fn arrays_are_read_in_both_spellings() {
        let texts = |values: &[&str]| {
            Some(Default::List(values.iter().map(|value| Default::Text((*value).into())).collect()))
        };
        assert_eq!(
            read("'{a,\"b c\",\"d\\\"e\"}'::text[]", &Family::String, true),
            texts(&["a", "b c", "d\"e"])
        );
        assert_eq!(read("ARRAY['a'::text, 'b'::text]", &Family::String, true), texts(&["a", "b"]));
        assert_eq!(
            read("(ARRAY[]::character varying[])::character varying(10)[]", &Family::String, true),
            texts(&[])
        );
        assert_eq!(
            read("'{t,f}'::boolean[]", &Family::Boolean, true),
            Some(Default::List(vec![Default::Boolean(true), Default::Boolean(false)]))
        );
        assert_eq!(
            read("ARRAY[(1)::bigint]", &Family::BigInt, true),
            Some(Default::Expression("ARRAY[(1)::bigint]".into()))
        );
    }
}
