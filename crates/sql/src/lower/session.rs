//! Settings and the borders of transactions.

use pgsteward_model::statement::Statement;

use crate::cursor::Cursor;

pub(super) fn set(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let local = cursor.eat(&["local"]);
    if !local && cursor.sees(&["session"]) && !cursor.word_at(1, "characteristics") {
        cursor.eat(&["session"]);
    }
    if cursor.sees_any(&["constraints", "transaction", "session"]) {
        return None;
    }
    let mut name = if cursor.eat(&["time", "zone"]) { "timezone".to_owned() } else { cursor.ident()? };
    while cursor.eat_symbol(b'.') {
        name = format!("{name}.{}", cursor.ident()?);
    }
    if !cursor.eat_symbol(b'=') {
        cursor.eat(&["to"]);
    }
    if name == "schema" {
        name = "search_path".into();
    }
    let mut parts = Vec::new();
    for item in cursor.items() {
        let mut value = item;
        parts.push(match value.string() {
            Some(text) if value.at_end() => text,
            _ => {
                let mut value = item;
                match (item.is_name(0), value.ident()) {
                    (true, Some(name)) if value.at_end() => name,
                    _ => item.rest().to_owned(),
                }
            }
        });
    }
    Some(Statement::Set { name, value: parts.join(", "), local })
}

pub(super) fn reset(cursor: &mut Cursor<'_>) -> Statement {
    if cursor.eat(&["all"]) {
        return Statement::Reset { name: None };
    }
    let mut name = cursor.ident();
    while cursor.eat_symbol(b'.') {
        name = name.and_then(|head| Some(format!("{head}.{}", cursor.ident()?)));
    }
    Statement::Reset { name }
}
