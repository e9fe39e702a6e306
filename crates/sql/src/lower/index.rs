//! `CREATE INDEX` and the keys of an index.

use pgsteward_model::catalog::{Index, IndexKey};
use pgsteward_model::statement::{CreateIndex, Statement};

use super::constraint;
use crate::cursor::Cursor;
use crate::naming;

/// Reads `CREATE [UNIQUE] INDEX` from the word behind `INDEX` on.
pub(super) fn create(cursor: &mut Cursor<'_>, unique: bool) -> Option<Statement> {
    let concurrently = cursor.eat(&["concurrently"]);
    let if_not_exists = cursor.if_not_exists();
    let name = if cursor.sees(&["on"]) { None } else { cursor.name().map(|name| name.name) };
    if !cursor.eat(&["on"]) {
        return None;
    }
    let only = cursor.eat(&["only"]);
    let table = if cursor.sees_symbol(b'(') { cursor.group().name()? } else { cursor.name()? };
    cursor.eat_symbol(b'*');
    let method = if cursor.eat(&["using"]) { cursor.ident() } else { None };
    let keys: Vec<IndexKey> = cursor.group().items().into_iter().map(|mut item| key(&mut item)).collect();
    let include: Vec<String> = if cursor.eat(&["include"]) { cursor.ident_group() } else { Vec::new() };
    let nulls_not_distinct = cursor.eat(&["nulls", "not", "distinct"]);
    cursor.eat(&["nulls", "distinct"]);
    let options = if cursor.eat(&["with"]) { constraint::options(cursor) } else { Vec::new() };
    if cursor.eat(&["tablespace"]) {
        cursor.advance();
    }
    let predicate = if cursor.eat(&["where"]) { Some(cursor.rest().to_owned()) } else { None };
    let chosen = || {
        let mut names: Vec<String> = Vec::new();
        for part in keys.iter().map(key_name).chain(include.iter().cloned()) {
            let mut unique_part = part.clone();
            let mut number = 0;
            while names.contains(&unique_part) {
                number += 1;
                unique_part = format!("{part}{number}");
            }
            names.push(unique_part);
        }
        naming::object_name(&table.name, &naming::joined(&names), "idx")
    };
    let index = Index {
        name: name.unwrap_or_else(chosen),
        method: method.unwrap_or_else(|| "btree".into()),
        keys,
        include,
        unique,
        nulls_not_distinct,
        predicate,
        valid: true,
        constraint: None,
        options,
        comment: None,
        statistics: None,
    };
    Some(Statement::CreateIndex(CreateIndex { index, table, only, concurrently, if_not_exists }))
}

/// Reads one key: a column or an expression, then collation, operator class and order.
pub(super) fn key(cursor: &mut Cursor<'_>) -> IndexKey {
    let mut key = IndexKey::default();
    let start = *cursor;
    if cursor.sees_symbol(b'(') {
        key.expression = Some(cursor.group().rest().to_owned());
    } else {
        let name = cursor.name();
        if cursor.sees_symbol(b'(') {
            cursor.group();
            key.expression = Some(cursor.since(&start).to_owned());
        } else {
            key.column = name.map(|name| name.name);
        }
    }
    if cursor.eat(&["collate"]) {
        key.collation = cursor.name().map(|name| name.name);
    }
    if cursor.is_name(0) && !cursor.sees_any(&["asc", "desc", "nulls", "with"]) {
        key.opclass = cursor.name().map(|name| name.name);
        cursor.optional_group();
    }
    cursor.eat(&["asc"]);
    key.descending = cursor.eat(&["desc"]);
    // NULLs sort as if larger than all: a descending key has them first unless told otherwise.
    key.nulls_first = if cursor.eat(&["nulls", "first"]) {
        true
    } else if cursor.eat(&["nulls", "last"]) {
        false
    } else {
        key.descending
    };
    key
}

/// What a key adds to a chosen index name: the column, the function of a plain call, else `expr`.
pub(crate) fn key_name(key: &IndexKey) -> String {
    if let Some(column) = &key.column {
        return column.clone();
    }
    let expression = key.expression.as_deref().unwrap_or("");
    let head = expression.split('(').next().unwrap_or("").trim();
    let call = !head.is_empty()
        && expression.trim_end().ends_with(')')
        && head.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.');
    if call { head.rsplit('.').next().unwrap_or(head).to_ascii_lowercase() } else { "expr".into() }
}
