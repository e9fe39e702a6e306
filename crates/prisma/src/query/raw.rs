//! SQL that the code writes itself: which tables each statement reads and writes.
//!
//! The parser of the `sql` crate says what a statement touches. Conditions of raw SQL are not taken apart: every column of a
//! table that the statement names stands in `other` of its access, since any of them may be a condition.

use std::sync::Arc;

use pgsteward_model::code::{
    Access, HoleKind, Lowered, Purpose, Query, QueryParameter, RawQuery, StatementKind, Variant,
};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::statement::{Name, Statement};

/// The statements of raw SQL by the tables that they meet. Names without a namespace are looked up among the models.
pub fn lower_raw(raw: &RawQuery, schema: &PrismaSchema) -> Lowered {
    let refused = |reason: &str| Lowered::NotUnderstood { reason: reason.into() };
    let Some(text) = &raw.text else { return refused("the SQL is not written at the call") };
    if raw.holes.iter().any(|hole| hole.kind == HoleKind::Text) {
        return refused("part of the SQL is known only when the program runs");
    }
    let file = pgsteward_sql::parse(text);
    if !file.errors.is_empty() {
        let fragment = raw.holes.iter().any(|hole| hole.kind == HoleKind::Fragment);
        return refused(if fragment {
            "a fragment of the SQL is known only when the program runs"
        } else {
            "the SQL cannot be read"
        });
    }
    let mut queries = Vec::new();
    for parsed in &file.statements {
        let Some((kind, mut accesses)) = touched(&parsed.statement, schema) else {
            return refused("the SQL is no query");
        };
        let sql = text.get(parsed.span.start..parsed.span.end).unwrap_or(text).to_owned();
        for access in &mut accesses {
            if let Some(model) = schema.model_of_table(&access.namespace, &access.table) {
                let named = model.fields.iter().filter(|field| field.is_column());
                let named = named.map(|field| field.db_name.clone()).filter(|column| names(&sql, column));
                access.other = named.collect();
            }
        }
        queries.push(Query {
            parameters: parameters(&sql),
            sql: sql.into(),
            kind,
            purpose: Purpose::Main,
            accesses,
        });
    }
    if queries.is_empty() {
        return refused("the SQL is empty");
    }
    Lowered::Understood(vec![Variant { queries, ..Variant::default() }])
}

fn touched(statement: &Statement, schema: &PrismaSchema) -> Option<(StatementKind, Vec<Access>)> {
    let read = |name: &Name| access(name, schema);
    let written = |name: &Name, columns: &[String]| Access {
        writes: true,
        columns: Arc::new(columns.to_vec()),
        ..access(name, schema)
    };
    let (kind, first, reads) = match statement {
        Statement::Select { tables, .. } => (StatementKind::Select, None, tables),
        Statement::Insert { table, columns, reads, .. } => {
            (StatementKind::Insert, Some(written(table, columns)), reads)
        }
        Statement::Update { table, columns, reads, .. } => {
            (StatementKind::Update, Some(written(table, columns)), reads)
        }
        Statement::Delete { table, reads, .. } => (StatementKind::Delete, Some(written(table, &[])), reads),
        _ => return None,
    };
    let several = first.is_some() || reads.len() > 1;
    let reads = reads
        .iter()
        .enumerate()
        .map(|(at, name)| Access { joined: several && (at > 0 || first.is_some()), ..read(name) });
    Some((kind, first.clone().into_iter().chain(reads).collect()))
}

fn access(name: &Name, schema: &PrismaSchema) -> Access {
    let model = schema.models.iter().find(|model| {
        model.db_name == name.name
            && name
                .namespace
                .as_deref()
                .is_none_or(|space| model.namespace.as_deref().unwrap_or("public") == space)
    });
    let found = model.and_then(|model| model.namespace.clone());
    let namespace = name.namespace.clone().or(found).unwrap_or_else(|| "public".into());
    Access { namespace, table: name.name.clone(), ..Access::default() }
}

/// Whether a name stands in the text as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, _)| {
            !word(text[..at].chars().next_back()) && !word(text[at + name.len()..].chars().next())
        })
}

/// One for each `$n`, up to the highest.
fn parameters(sql: &str) -> Vec<QueryParameter> {
    let numbers = sql.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    let highest = numbers.max().unwrap_or(0).min(65_535);
    (1..=highest)
        .map(|number| QueryParameter { path: format!("${number}"), column: None, list: false })
        .collect()
}
