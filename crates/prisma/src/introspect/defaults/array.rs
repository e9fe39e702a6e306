//! Defaults of list columns: `'{…}'` and `ARRAY[…]`.

use super::scan::{Scan, Token, unquoted};
use super::{Default, boolean, decimal, integer, value};
use crate::introspect::types::Family;

pub(super) fn list(scan: &mut Scan<'_>, family: &Family) -> Option<Default> {
    let values = match scan.peek()? {
        Token::Text | Token::EscapedText => literal(&scan.text()?, family)?,
        Token::Word | Token::OpenParen => constructor(scan, family)?,
        _ => return None,
    };
    Some(Default::List(values))
}

/// `ARRAY[…]`; what follows it (casts) is not looked at.
fn constructor(scan: &mut Scan<'_>, family: &Family) -> Option<Vec<Default>> {
    if scan.peek() == Some(Token::OpenParen) {
        scan.next();
    }
    if !scan.take(Token::Word)?.eq_ignore_ascii_case("array") {
        return None;
    }
    scan.take(Token::OpenBracket)?;
    let mut values = Vec::new();
    loop {
        if scan.peek()? == Token::CloseBracket {
            return Some(values);
        }
        let element = value(scan, family)?;
        if matches!(element, Default::Now | Default::Autoincrement) {
            return None;
        }
        values.push(element);
        match scan.next()? {
            Token::CloseBracket => return Some(values),
            Token::Comma => {}
            _ => return None,
        }
    }
}

fn literal(text: &str, family: &Family) -> Option<Vec<Default>> {
    let mut scan = Scan::new(text);
    scan.take(Token::OpenBrace)?;
    let mut values = Vec::new();
    loop {
        let element = match scan.peek()? {
            Token::CloseBrace => return Some(values),
            Token::Word => word(scan.take(Token::Word)?, family)?,
            Token::Quoted => word(&unquoted(scan.take(Token::Quoted)?)?, family)?,
            Token::Text => word(&scan.text()?, family)?,
            Token::Minus | Token::Digits => match family {
                Family::Int | Family::BigInt => integer(&mut scan)?,
                Family::Float | Family::Decimal => decimal(&mut scan)?,
                _ => return None,
            },
            _ => return None,
        };
        values.push(element);
        match scan.next()? {
            Token::CloseBrace => return Some(values),
            Token::Comma => {}
            _ => return None,
        }
    }
}

fn word(text: &str, family: &Family) -> Option<Default> {
    Some(match family {
        Family::Int | Family::BigInt => Default::Number(text.parse::<i64>().ok()?.to_string()),
        Family::Float | Family::Decimal => {
            Default::Number(text.parse::<f64>().ok().map(|_| text.to_owned())?)
        }
        Family::String | Family::Json => Default::Text(text.to_owned()),
        Family::Boolean => Default::Boolean(boolean(text)?),
        Family::Enum(_) => Default::EnumValue(text.to_owned()),
        Family::DateTime | Family::Bytes | Family::Uuid | Family::Unsupported(_) => return None,
    })
}
