//! Statements that a server counted, back to the calls that sent them: by the tags that Prisma's sqlcommenter
//! plugins leave, and by the shape of the text, which is the same for every value.

use std::collections::BTreeMap;

use pgsteward_model::queries::{Queries, Seen, Traffic};
use pgsteward_pg::CountedStatement;

/// How many statements without a call are listed.
const LISTED: usize = 10;

/// What a comment at the end of a statement says (the sqlcommenter convention: `/*key='value',…*/`, values
/// percent-encoded).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Model and operation of `prismaQuery`: `User` and `findMany`. Raw queries have no model.
    pub call: Option<(Option<String>, String)>,
    pub route: Option<String>,
}

/// Counts statements at the calls they come from. One that several calls send is counted at each of them; one that
/// carries a tag only where the tag fits.
pub fn map(queries: &mut Queries, statements: &[CountedStatement]) {
    let mut by_shape: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, call) in queries.calls.iter().enumerate() {
        for statement in &call.statements {
            let calls = by_shape.entry(shape(&statement.sql)).or_default();
            if !calls.contains(&index) {
                calls.push(index);
            }
        }
    }
    let all_ms: f64 = statements.iter().map(|statement| statement.total_ms).sum();
    let share = |ms: f64| if all_ms > 0.0 { ms / all_ms } else { 0.0 };
    let mut traffic = Traffic { statements: statements.len(), ..Traffic::default() };
    for statement in statements {
        let tags = tags(&statement.text);
        let mut calls = by_shape.get(&shape(&statement.text)).cloned().unwrap_or_default();
        let fits =
            |index: &usize| tags.call.as_ref().is_none_or(|tag| fits(&queries.calls[*index].call, tag));
        if calls.iter().any(fits) {
            calls.retain(fits);
        }
        let seen = Seen {
            calls: statement.calls,
            rows: statement.rows,
            total_ms: statement.total_ms,
            share: share(statement.total_ms),
        };
        if calls.is_empty() {
            if traffic.unmapped.len() < LISTED {
                traffic.unmapped.push((statement.text.clone(), seen));
            }
            continue;
        }
        traffic.mapped += 1;
        traffic.share += seen.share;
        for index in calls {
            let sum = queries.calls[index].seen.get_or_insert_with(Seen::default);
            sum.calls += seen.calls;
            sum.rows += seen.rows;
            sum.total_ms += seen.total_ms;
            sum.share += seen.share;
        }
    }
    queries.traffic = Some(traffic);
}

/// `order.findMany` and (`Order`, `findMany`).
fn fits(call: &str, (model, operation): &(Option<String>, String)) -> bool {
    match (call.split_once('.'), model) {
        (Some((own, named)), Some(model)) => own.eq_ignore_ascii_case(model) && named == operation,
        (None, None) => call.trim_start_matches('$') == operation.trim_start_matches('$'),
        _ => false,
    }
}

/// The tags of a statement's last comment.
pub fn tags(text: &str) -> Tags {
    let mut tags = Tags::default();
    let Some((_, comment)) = text.trim_end().strip_suffix("*/").and_then(|text| text.rsplit_once("/*"))
    else {
        return tags;
    };
    for pair in comment.split(',') {
        let Some((key, value)) = pair.trim().split_once('=') else { continue };
        let value = decoded(value.trim().trim_matches('\''));
        match key.trim() {
            "prismaQuery" => {
                // `User.findMany:eyJ…`; what follows the colon is the shape of the argument.
                let call = value.split(':').next().unwrap_or_default();
                tags.call = Some(match call.split_once('.') {
                    Some((model, operation)) => (Some(model.to_owned()), operation.to_owned()),
                    None => (None, call.to_owned()),
                });
            }
            "route" => tags.route = Some(value),
            _ => {}
        }
    }
    tags
}

/// Percent-encoded text as it was. What is no valid escape stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The statement without its values, comments and layout. Constants and parameters are alike (the server writes
/// `1=1` as `$1=$2`), and lists of any length are (`IN ($1, $2)`; PostgreSQL 18 writes `IN ($1 /*, ... */)`).
pub fn shape(sql: &str) -> String {
    let tokens = collapsed(tokens(sql));
    tokens.join(" ")
}

fn tokens(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let end_of = |is_part: fn(char) -> bool| rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let length = if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first == '\'' || first == '"' {
            let mut end = 1;
            loop {
                match rest[end..].find(first) {
                    None => break rest.len(),
                    // A doubled quote is part of the text.
                    Some(at) if rest[end + at + 1..].starts_with(first) => end += at + 2,
                    Some(at) => break end + at + 1,
                }
            }
        } else if first == '$' || first.is_ascii_digit() {
            1 + rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len() - 1)
        } else if first.is_alphabetic() || first == '_' {
            end_of(|c| c.is_alphanumeric() || c == '_' || c == '$')
        } else {
            first.len_utf8()
        };
        let token = &rest[..length];
        match first {
            '/' | '-' if length > 1 => {}
            ';' => {}
            '\'' | '$' | '0'..='9' => found.push("?".to_owned()),
            '"' => found.push(token.to_owned()),
            _ => match token.to_lowercase().as_str() {
                "true" | "false" => found.push("?".to_owned()),
                word => found.push(word.to_owned()),
            },
        }
        rest = rest[length..].trim_start();
    }
    found
}

/// Equal neighbours of a list become one, in parentheses and behind VALUES.
fn collapsed(tokens: Vec<String>) -> Vec<String> {
    let mut stack: Vec<Vec<Vec<String>>> = vec![vec![Vec::new()]];
    let push = |stack: &mut Vec<Vec<Vec<String>>>, tokens: Vec<String>| {
        if let Some(item) = stack.last_mut().and_then(|items| items.last_mut()) {
            item.extend(tokens);
        }
    };
    let close = |items: Vec<Vec<String>>| {
        let mut kept: Vec<Vec<String>> = Vec::new();
        for item in items {
            if kept.last() != Some(&item) {
                kept.push(item);
            }
        }
        kept.join(&",".to_owned())
    };
    for token in tokens {
        match token.as_str() {
            "(" => stack.push(vec![Vec::new()]),
            ")" if stack.len() > 1 => {
                let items = stack.pop().unwrap_or_default();
                let mut inner = vec!["(".to_owned()];
                inner.extend(close(items));
                inner.push(")".to_owned());
                push(&mut stack, inner);
            }
            "," => {
                if let Some(items) = stack.last_mut() {
                    items.push(Vec::new());
                }
            }
            _ => push(&mut stack, vec![token]),
        }
    }
    // What was never closed is kept as it stands. The first row of VALUES has words before it, so rows are
    // compared by their last parentheses.
    let mut items: Vec<Vec<String>> = stack.into_iter().flatten().collect();
    let row =
        |item: &[String]| item.iter().rposition(|token| token == "values").map(|at| item[at + 1..].to_vec());
    let mut at = 0;
    while at + 1 < items.len() {
        let same = row(&items[at]).is_some_and(|row| row == items[at + 1])
            || (items[at + 1].len() > row(&items[at]).map_or(usize::MAX, |row| row.len())
                && row(&items[at]).is_some_and(|row| items[at + 1].starts_with(&row) && !row.is_empty()));
        if same {
            let rest = items.remove(at + 1);
            let known = row(&items[at]).map_or(0, |row| row.len());
            items[at].extend(rest.into_iter().skip(known));
        } else {
            at += 1;
        }
    }
    items.join(&",".to_owned())
}

#[cfg(test)]
mod tests {
    use pgsteward_model::queries::{CalledAt, PlannedStatement, Queries};
    use pgsteward_model::source::{FileRange, Position, Span};
    use pgsteward_pg::CountedStatement;

    use super::{map, shape, tags};

    #[test]
    fn values_lists_comments_and_layout_do_not_count() {
        let ours = r#"SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."id" IN ($1) AND 1=1) LIMIT $2 OFFSET $3"#;
        for theirs in [
            r#"SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."id" IN ($1,$2,$3) AND $4=$5) LIMIT $6 OFFSET $7"#,
            r#"select "public"."User"."id" FROM "public"."User"
               WHERE ("public"."User"."id" IN ($1 /*, ... */) AND $2=$3) LIMIT $4 OFFSET $5 /* route='/x' */"#,
        ] {
            assert_eq!(shape(ours), shape(theirs));
        }
        assert_eq!(
            shape(
                "UPDATE t SET s = CAST($1::text AS x) WHERE k IN (CAST($2::text AS x),CAST($3::text AS x))"
            ),
            shape("UPDATE t SET s = CAST($1::text AS x) WHERE k IN (CAST($2::text AS x))")
        );
        assert_eq!(
            shape("INSERT INTO t (a,b) VALUES ($1,$2), ($3,$4), ($5,$6) RETURNING a"),
            shape("INSERT INTO t (a,b) VALUES ($1,$2) RETURNING a")
        );
        assert_ne!(shape("SELECT a FROM t"), shape("SELECT b FROM t"));
        assert_ne!(shape("SELECT a, b FROM t"), shape("SELECT a FROM t"));
        assert_ne!(shape("SELECT \"A\" FROM t"), shape("SELECT \"a\" FROM t"));
        // Text that is no SQL ends, too.
        for broken in ["'", "\"", "/*", "((", "))", "$", "-", "VALUES ("] {
            shape(broken);
        }
    }

    #[test]
    fn tags_name_the_call_and_the_route() {
        let found =
            tags("SELECT 1 /*prismaQuery='User.findMany%3AeyJh',route='%2Fapi%2Fusers',traceparent='x'*/");
        assert_eq!(found.call, Some((Some("User".into()), "findMany".into())));
        assert_eq!(found.route.as_deref(), Some("/api/users"));
        assert_eq!(tags("SELECT 1 /*prismaQuery='queryRaw'*/").call, Some((None, "queryRaw".into())));
        assert_eq!(tags("SELECT '*/'"), super::Tags::default());
    }

    fn called(call: &str, line: u32, sql: &str) -> CalledAt {
        let start = Position { line, column: 1 };
        CalledAt {
            at: FileRange { file: "a.ts".into(), span: Span::default(), start, end: start },
            call: call.into(),
            function: String::new(),
            serves: true,
            statements: vec![PlannedStatement {
                sql: sql.into(),
                purpose: "reads".into(),
                tables: Vec::new(),
                plan: None,
                unplanned: None,
            }],
            in_memory: Vec::new(),
            not_understood: None,
            seen: None,
        }
    }

    #[test]
    fn time_goes_to_the_line_that_asked() {
        let sql = "SELECT id FROM \"Order\" WHERE \"userId\" = $1 LIMIT $2";
        let mut queries = Queries {
            calls: vec![called("order.findMany", 3, sql), called("order.findFirst", 9, sql)],
            ..Queries::default()
        };
        let counted =
            |text: &str, total_ms: f64| CountedStatement { text: text.into(), calls: 2, rows: 4, total_ms };
        let tagged = format!("{sql} /*prismaQuery='Order.findFirst%3Aabc'*/");
        map(&mut queries, &[counted(sql, 60.0), counted(&tagged, 20.0), counted("SELECT other", 20.0)]);
        let seen: Vec<_> = queries.calls.iter().map(|call| call.seen.unwrap()).collect();
        assert_eq!((seen[0].calls, seen[0].total_ms), (2, 60.0));
        assert_eq!((seen[1].calls, seen[1].total_ms), (4, 80.0));
        let traffic = queries.traffic.unwrap();
        assert_eq!((traffic.mapped, traffic.statements), (2, 3));
        assert!((traffic.share - 0.8).abs() < 1e-9);
        assert_eq!(traffic.unmapped[0].0, "SELECT other");
    }
}
