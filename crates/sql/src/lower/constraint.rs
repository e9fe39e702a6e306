//! Constraints of tables and columns, as `CREATE TABLE`, `ADD CONSTRAINT` and `ADD COLUMN` write them.

use pgsteward_model::catalog::{Constraint, ConstraintKind, ForeignKey, Index, IndexKey, ReferentialAction};

use crate::cursor::{COLUMN_CLAUSES, Cursor};
use crate::keywords;
use crate::naming;
use crate::scan::TokenKind;

/// A constraint with what the catalog's own record of it does not hold.
pub(crate) struct WrittenConstraint {
    pub(crate) constraint: Constraint,
    pub(crate) named: bool,
    pub(crate) using_index: Option<String>,
    /// The index that the constraint makes, without keys that a later `PRIMARY KEY USING INDEX` names.
    pub(crate) index: Option<Index>,
}

/// Reads a table constraint. `table` is for the name that PostgreSQL would choose.
pub(crate) fn table_constraint(cursor: &mut Cursor<'_>, table: &str) -> Option<WrittenConstraint> {
    let name = if cursor.eat(&["constraint"]) { Some(cursor.ident()?) } else { None };
    if cursor.eat(&["primary", "key"]) {
        return Some(keyed(cursor, name, table, true, None));
    }
    if cursor.eat(&["unique"]) {
        return Some(keyed(cursor, name, table, false, None));
    }
    if cursor.eat(&["check"]) {
        return Some(check(cursor, name, table));
    }
    if cursor.eat(&["foreign", "key"]) {
        let columns = cursor.ident_group();
        return references(cursor, name, table, columns);
    }
    // `exclude` alone may be the name of a column.
    if cursor.sees(&["exclude"]) && (cursor.word_at(1, "using") || cursor.symbol_at(1, b'(')) {
        cursor.advance();
        return Some(exclusion(cursor, name, table));
    }
    if cursor.eat(&["not", "null"]) {
        let column = cursor.ident()?;
        let chosen = naming::object_name(table, &column, "not_null");
        return Some(finish(cursor, name, chosen, ConstraintKind::NotNull { column }, None, None));
    }
    None
}

/// Reads a constraint written beside a column. Not null, default, generated and collation are no business of
/// this function.
pub(crate) fn column_constraint(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    table: &str,
    column: &str,
) -> Option<WrittenConstraint> {
    if cursor.eat(&["primary", "key"]) {
        return Some(keyed(cursor, name, table, true, Some(column)));
    }
    if cursor.eat(&["unique"]) {
        return Some(keyed(cursor, name, table, false, Some(column)));
    }
    if cursor.eat(&["check"]) {
        return Some(check(cursor, name, table));
    }
    if cursor.sees(&["references"]) {
        return references(cursor, name, table, vec![column.to_owned()]);
    }
    None
}

fn keyed(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    table: &str,
    primary: bool,
    column: Option<&str>,
) -> WrittenConstraint {
    let nulls_not_distinct = cursor.eat(&["nulls", "not", "distinct"]);
    cursor.eat(&["nulls", "distinct"]);
    let mut using_index = None;
    let mut columns: Vec<String> = column.map(str::to_owned).into_iter().collect();
    if cursor.eat(&["using", "index"]) {
        using_index = cursor.ident();
    } else if column.is_none() {
        columns = cursor.ident_group();
    }
    let include = if cursor.eat(&["include"]) { cursor.ident_group() } else { Vec::new() };
    let options = if cursor.eat(&["with"]) { options(cursor) } else { Vec::new() };
    if cursor.eat(&["using", "index", "tablespace"]) {
        cursor.advance();
    }
    let chosen = if primary {
        naming::object_name(table, "", "pkey")
    } else {
        let mut parts = columns.clone();
        parts.extend(include.iter().cloned());
        naming::object_name(table, &naming::joined(&parts), "key")
    };
    let index = Index {
        name: String::new(),
        method: "btree".into(),
        keys: columns.iter().map(|column| IndexKey::column(column)).collect(),
        include,
        unique: true,
        nulls_not_distinct,
        predicate: None,
        valid: true,
        constraint: None,
        options,
        comment: None,
        statistics: None,
    };
    let kind = if primary {
        ConstraintKind::PrimaryKey { columns }
    } else {
        ConstraintKind::Unique { columns, nulls_not_distinct }
    };
    finish(cursor, name, chosen, kind, Some(index), using_index)
}

fn check(cursor: &mut Cursor<'_>, name: Option<String>, table: &str) -> WrittenConstraint {
    let group = cursor.group();
    let columns = columns_in(group);
    let middle = if columns.len() == 1 { columns[0].clone() } else { String::new() };
    let chosen = naming::object_name(table, &middle, "check");
    let kind = ConstraintKind::Check { expression: group.rest().to_owned(), columns, no_inherit: false };
    finish(cursor, name, chosen, kind, None, None)
}

fn exclusion(cursor: &mut Cursor<'_>, name: Option<String>, table: &str) -> WrittenConstraint {
    let start = *cursor;
    let method = if cursor.eat(&["using"]) { cursor.ident() } else { None }.unwrap_or_else(|| "btree".into());
    let group = cursor.group();
    let mut keys = Vec::new();
    let mut names = Vec::new();
    for mut item in group.items() {
        let key = super::index::key(&mut item);
        names.push(super::index::key_name(&key));
        keys.push(key);
    }
    let predicate = if cursor.eat(&["where"]) { Some(cursor.group().rest().to_owned()) } else { None };
    let definition = format!("EXCLUDE {}", cursor.since(&start));
    let chosen = naming::object_name(table, &naming::joined(&names), "excl");
    let index = Index {
        name: String::new(),
        method,
        keys,
        include: Vec::new(),
        unique: false,
        nulls_not_distinct: false,
        predicate,
        valid: true,
        constraint: None,
        options: Vec::new(),
        comment: None,
        statistics: None,
    };
    finish(cursor, name, chosen, ConstraintKind::Exclusion { definition }, Some(index), None)
}

fn references(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    table: &str,
    columns: Vec<String>,
) -> Option<WrittenConstraint> {
    if !cursor.eat(&["references"]) {
        return None;
    }
    let references = cursor.name()?.qualified();
    let referenced_columns = cursor.ident_group();
    let mut key = ForeignKey {
        columns,
        references,
        referenced_columns,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
        match_full: false,
    };
    loop {
        if cursor.eat(&["match"]) {
            key.match_full = cursor.sees(&["full"]);
            cursor.advance();
        } else if cursor.eat(&["on", "delete"]) {
            key.on_delete = referential_action(cursor);
        } else if cursor.eat(&["on", "update"]) {
            key.on_update = referential_action(cursor);
        } else {
            break;
        }
    }
    let chosen = naming::object_name(table, &naming::joined(&key.columns), "fkey");
    Some(finish(cursor, name, chosen, ConstraintKind::ForeignKey(key), None, None))
}

fn referential_action(cursor: &mut Cursor<'_>) -> ReferentialAction {
    let action = if cursor.eat(&["no", "action"]) {
        ReferentialAction::NoAction
    } else if cursor.eat(&["restrict"]) {
        ReferentialAction::Restrict
    } else if cursor.eat(&["cascade"]) {
        ReferentialAction::Cascade
    } else if cursor.eat(&["set", "null"]) {
        ReferentialAction::SetNull
    } else {
        cursor.eat(&["set", "default"]);
        ReferentialAction::SetDefault
    };
    cursor.optional_group();
    action
}

/// Reads what may follow any constraint and puts it all together.
fn finish(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    chosen: String,
    mut kind: ConstraintKind,
    index: Option<Index>,
    using_index: Option<String>,
) -> WrittenConstraint {
    let named = name.is_some();
    let mut constraint = Constraint {
        // A constraint that takes over an index takes its name too, unless it has its own.
        name: name.or_else(|| using_index.clone()).unwrap_or(chosen),
        kind: ConstraintKind::NotNull { column: String::new() },
        validated: true,
        deferrable: false,
        initially_deferred: false,
        comment: None,
    };
    loop {
        if cursor.eat(&["deferrable"]) {
            constraint.deferrable = true;
        } else if cursor.eat(&["not", "valid"]) {
            constraint.validated = false;
        } else if cursor.eat(&["initially", "deferred"]) {
            constraint.initially_deferred = true;
            constraint.deferrable = true;
        } else if cursor.eat(&["no", "inherit"]) {
            if let ConstraintKind::Check { no_inherit, .. } = &mut kind {
                *no_inherit = true;
            }
        } else if cursor.eat(&["not", "enforced"]) {
            // PostgreSQL 18 keeps constraints that are not enforced as not validated.
            constraint.validated = false;
        } else if !(cursor.eat(&["not", "deferrable"])
            || cursor.eat(&["initially", "immediate"])
            || cursor.eat(&["enforced"]))
        {
            break;
        }
    }
    constraint.kind = kind;
    WrittenConstraint { constraint, named, using_index, index }
}

/// `name=value` for each storage parameter in parentheses.
pub(crate) fn options(cursor: &mut Cursor<'_>) -> Vec<String> {
    let Some(group) = cursor.optional_group() else { return Vec::new() };
    group
        .items()
        .into_iter()
        .filter_map(|mut item| {
            let mut name = item.ident()?;
            if item.eat_symbol(b'.') {
                name = format!("{name}.{}", item.ident()?);
            }
            if !item.eat_symbol(b'=') {
                return Some(format!("{name}=true"));
            }
            let value = item.string().unwrap_or_else(|| item.rest().to_ascii_lowercase());
            Some(format!("{name}={value}"))
        })
        .collect()
}

/// The names in an expression that may be columns: no functions, no types behind `::`, no keywords. Each
/// once, in order.
pub(crate) fn columns_in(mut cursor: Cursor<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut colons = 0;
    while let Some(token) = cursor.token(0) {
        if token.kind == TokenKind::Symbol(b':') {
            colons += 1;
            cursor.advance();
            continue;
        }
        if colons >= 2 {
            colons = 0;
            if crate::types::read(&mut cursor).is_some() {
                continue;
            }
        }
        colons = 0;
        let keyword = token.kind == TokenKind::Word && {
            let word = token.text(cursor.source).to_ascii_lowercase();
            keywords::needs_quotes(&word) || COLUMN_CLAUSES.contains(&word.as_str())
        };
        match cursor.ident() {
            Some(name) if !keyword => {
                let called = cursor.sees_symbol(b'(');
                if !called && !cursor.sees_symbol(b'.') && !found.contains(&name) {
                    found.push(name);
                }
            }
            Some(_) => {}
            None => cursor.advance(),
        }
    }
    found
}
