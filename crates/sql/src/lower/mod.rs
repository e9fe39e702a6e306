//! Tokens of one valid statement to [`Statement`]. Knows the grammar of statements and nothing of the state
//! of a database: names stay as they were written, and what a name means is for the replay to find out.
//!
//! The parser has already said that the statement is valid, so the readers here look only for what the model
//! holds and pass over the rest.

mod alter;
mod constraint;
mod dml;
mod index;
mod object;
mod routine;
mod session;
mod table;

use pgsteward_model::catalog::Persistence;
use pgsteward_model::statement::Statement;

use crate::cursor::Cursor;
pub(crate) use constraint::columns_in;
pub(crate) use dml::relations_read;
pub(crate) use index::key_name;
pub(crate) use object::{domain_check_name, plain_sequence};
pub(crate) use table::sequence_default;

/// Lowers one statement. What is not modelled is [`Statement::Other`].
pub(crate) fn statement(cursor: Cursor<'_>) -> Statement {
    modelled(cursor).unwrap_or_else(|| other(cursor))
}

/// The statement's first words, upper case, for what is not modelled.
fn other(cursor: Cursor<'_>) -> Statement {
    let first = cursor.text(0).to_ascii_uppercase();
    let keyword = match first.as_str() {
        "CREATE" | "ALTER" | "DROP" | "SECURITY" | "IMPORT" | "SET" => {
            format!("{first} {}", cursor.text(1).to_ascii_uppercase())
        }
        _ => first,
    };
    Statement::Other { keyword }
}

fn modelled(whole: Cursor<'_>) -> Option<Statement> {
    let mut cursor = whole;
    let first = cursor.text(0).to_ascii_lowercase();
    match first.as_str() {
        "with" => return dml::with(cursor),
        "select" | "values" | "(" => return Some(dml::select(cursor)),
        "insert" | "update" | "delete" | "merge" => return dml::changes_rows(cursor, whole),
        _ => cursor.advance(),
    }
    let cursor = &mut cursor;
    match first.as_str() {
        "create" => create(cursor, whole),
        "alter" => alter(cursor),
        "drop" => object::drop(cursor),
        "truncate" => Some(dml::truncate(cursor)),
        "copy" => dml::copy(cursor),
        "lock" => Some(dml::lock(cursor)),
        "vacuum" => Some(dml::vacuum(cursor)),
        "analyze" | "analyse" => Some(dml::analyze(cursor)),
        "cluster" => Some(dml::cluster(cursor)),
        "reindex" => dml::reindex(cursor),
        "refresh" => dml::refresh(cursor),
        "set" => session::set(cursor),
        "reset" => Some(session::reset(cursor)),
        "begin" | "start" => Some(Statement::Begin),
        "commit" | "end" if !cursor.sees(&["prepared"]) => Some(Statement::Commit),
        "rollback" if cursor.sees(&["to"]) || cursor.word_at(1, "to") => Some(Statement::Savepoint),
        "rollback" | "abort" if !cursor.sees(&["prepared"]) => Some(Statement::Rollback),
        "savepoint" | "release" => Some(Statement::Savepoint),
        "grant" => object::grant(cursor, false),
        "revoke" => object::grant(cursor, true),
        "comment" => object::comment(cursor),
        "do" => {
            while !cursor.at_end() {
                if let Some(body) = cursor.string() {
                    return Some(Statement::Do { body });
                }
                cursor.advance();
            }
            None
        }
        "call" => Some(Statement::Call { name: cursor.name()? }),
        _ => None,
    }
}

fn create(cursor: &mut Cursor<'_>, whole: Cursor<'_>) -> Option<Statement> {
    let or_replace = cursor.eat(&["or", "replace"]);
    let mut persistence = Persistence::Permanent;
    loop {
        if cursor.sees_any(&["temporary", "temp"]) {
            persistence = Persistence::Temporary;
        } else if cursor.sees(&["unlogged"]) {
            persistence = Persistence::Unlogged;
        } else if !cursor.sees_any(&["local", "global", "recursive", "trusted", "procedural"]) {
            break;
        }
        cursor.advance();
    }
    let kind = cursor.text(0).to_ascii_lowercase();
    cursor.advance();
    match kind.as_str() {
        "table" => table::create(cursor, persistence, false),
        "foreign" if cursor.eat(&["table"]) => table::create(cursor, persistence, true),
        "unique" if cursor.eat(&["index"]) => index::create(cursor, true),
        "index" => index::create(cursor, false),
        "view" => object::create_view(cursor, false, or_replace),
        "materialized" if cursor.eat(&["view"]) => object::create_view(cursor, true, or_replace),
        "type" => object::create_type(cursor),
        "domain" => object::create_domain(cursor),
        "sequence" => object::create_sequence(cursor),
        "schema" => object::create_schema(cursor),
        "extension" => object::create_extension(cursor),
        "function" => routine::create(cursor, or_replace, false),
        "procedure" => routine::create(cursor, or_replace, true),
        "constraint" if cursor.eat(&["trigger"]) => object::create_trigger(cursor, or_replace, whole.rest()),
        "trigger" => object::create_trigger(cursor, or_replace, whole.rest()),
        "policy" => object::create_policy(cursor),
        "statistics" if cursor.skip_to(&["from"]) => {
            cursor.advance();
            Some(Statement::CreateStatistics { table: cursor.name()? })
        }
        "user" if cursor.sees(&["mapping"]) => None,
        "role" | "user" | "group" => object::create_role(cursor, kind == "user"),
        "database" => Some(Statement::CreateDatabase { name: cursor.ident()? }),
        _ => None,
    }
}

fn alter(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let kinds = *cursor;
    let kind = cursor.text(0).to_ascii_lowercase();
    cursor.advance();
    match kind.as_str() {
        "table" => alter::alter(cursor),
        "foreign" if cursor.eat(&["table"]) => alter::alter(cursor),
        "type" => object::alter_type(cursor),
        "domain" => object::alter_domain(cursor),
        "sequence" => object::alter_sequence(cursor),
        "policy" => object::alter_policy(cursor),
        "system" => Some(Statement::AlterSystem),
        "default" => Some(Statement::AlterDefaultPrivileges),
        _ => {
            *cursor = kinds;
            object::rename(cursor)
        }
    }
}
