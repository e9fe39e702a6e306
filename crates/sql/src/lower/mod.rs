//! Tokens of one valid statement to [`Statement`]. Knows the grammar of statements and nothing of the state
//! of a database: names stay as they were written, and what a name means is for the replay to find out.

use pgsteward_model::statement::Statement;

use crate::cursor::Cursor;

pub(crate) fn statement(cursor: Cursor<'_>) -> Statement {
    other(cursor)
}

/// The statement's first two words, upper case, for what is not modelled.
fn other(cursor: Cursor<'_>) -> Statement {
    let first = cursor.text(0).to_ascii_uppercase();
    let keyword = match first.as_str() {
        "CREATE" | "ALTER" | "DROP" | "SECURITY" | "IMPORT" => {
            format!("{first} {}", cursor.text(1).to_ascii_uppercase())
        }
        _ => first,
    };
    Statement::Other { keyword }
}
