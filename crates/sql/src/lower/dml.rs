//! Statements that read or write rows, and the maintenance of tables.

use pgsteward_model::statement::{Name, ReindexTarget, Statement};

use crate::cursor::Cursor;

/// Lowers a statement that begins with `WITH`: what is behind the queries of the clause decides.
pub(super) fn with(mut cursor: Cursor<'_>) -> Option<Statement> {
    let whole = cursor;
    cursor.skip_to(&["select", "insert", "update", "delete", "merge", "values", "table"]);
    if cursor.sees_any(&["insert", "update", "delete", "merge"]) {
        return changes_rows(cursor, whole);
    }
    Some(select(whole))
}

/// Lowers a statement that changes rows. `whole` begins where the statement does, with its `WITH` clause.
pub(super) fn changes_rows(mut cursor: Cursor<'_>, whole: Cursor<'_>) -> Option<Statement> {
    let cursor = &mut cursor;
    let mut statement = match cursor.text(0).to_ascii_lowercase().as_str() {
        "insert" => insert(cursor),
        "update" => update(cursor),
        "delete" => delete(cursor),
        _ => merge(cursor),
    }?;
    if let Statement::Insert { table, reads, changes, .. }
    | Statement::Update { table, reads, changes, .. }
    | Statement::Delete { table, reads, changes, .. }
    | Statement::Merge { table, reads, changes } = &mut statement
    {
        (*reads, *changes) = read_and_changed(whole);
        reads.retain(|read| read != table);
        changes.retain(|changed| changed != table);
    }
    Some(statement)
}

pub(super) fn select(cursor: Cursor<'_>) -> Statement {
    let (tables, changes) = read_and_changed(cursor);
    let mut scan = cursor;
    let mut locking = false;
    while !scan.at_end() {
        locking |= scan.sees(&["for"])
            && (scan.word_at(1, "update")
                || scan.word_at(1, "share")
                || scan.word_at(1, "no")
                || scan.word_at(1, "key"));
        scan.skip_one();
    }
    Statement::Select { tables, locking, changes }
}

/// Relations that a query names, those that its `WITH` queries change among them. Each once, in order.
pub(crate) fn relations_read(cursor: Cursor<'_>) -> Vec<Name> {
    relations(cursor).into_iter().map(|(name, _)| name).collect()
}

/// Relations that a statement only reads, and those whose rows it changes.
fn read_and_changed(cursor: Cursor<'_>) -> (Vec<Name>, Vec<Name>) {
    let (changed, read): (Vec<_>, Vec<_>) = relations(cursor).into_iter().partition(|(_, changed)| *changed);
    let names = |found: Vec<(Name, bool)>| found.into_iter().map(|(name, _)| name).collect();
    (names(read), names(changed))
}

/// Relations that a query names behind `FROM`, `JOIN`, `USING` and in the commas of `FROM`, without the names of its
/// own `WITH` queries, and whether it changes their rows. Each once, in order.
fn relations(mut cursor: Cursor<'_>) -> Vec<(Name, bool)> {
    let mut own: Vec<String> = Vec::new();
    let mut found: Vec<(Name, bool)> = Vec::new();
    let mut levels = vec![Level::default()];
    let mut previous: Option<Cursor<'_>> = None;
    while !cursor.at_end() {
        let here = cursor;
        cursor.advance();
        let after = |words: &[&str]| previous.is_some_and(|previous| previous.sees_any(words));
        let mut reads = false;
        let mut changes = false;
        if here.sees_symbol(b'(') {
            let argument = after(&["extract", "substring", "trim", "overlay", "position"]);
            reads = after(&["from", "join"]) && !cursor.sees_any(QUERY);
            levels.push(Level { in_from: reads, argument });
        } else if here.sees_symbol(b')') {
            if levels.len() > 1 {
                levels.pop();
            }
        } else if let Some(level) = levels.last_mut() {
            if here.sees_any(&["from", "join"]) {
                reads = !level.argument && !after(&["distinct"]);
                changes = after(&["delete"]);
                level.in_from |= reads;
            } else if here.sees(&["using"]) {
                // Of `DELETE` and `MERGE`. That of a join has its columns in parentheses, that of `ORDER BY` an operator.
                reads = cursor.is_name(0) || QUERY.iter().any(|word| cursor.word_at(1, word));
                level.in_from |= reads;
            } else if here.sees(&["into"]) || here.sees(&["update"]) {
                let opens = previous.is_some_and(|previous| previous.sees_symbol(b'('));
                reads = after(&["insert", "merge"]) || (opens && here.sees(&["update"]));
                changes = reads;
            } else if here.sees_any(&["where", "group", "order", "having", "limit", "union", "select", "set"])
            {
                level.in_from = false;
            } else if here.sees_symbol(b',') {
                reads = level.in_from;
            } else if here.is_name(0) {
                own.extend(with_query(here));
            }
        }
        previous = Some(here);
        if !reads || cursor.sees_symbol(b'(') {
            continue;
        }
        cursor.eat(&["only"]);
        cursor.eat(&["lateral"]);
        let mut ahead = cursor;
        if let Some(name) = ahead.name()
            && !ahead.sees_symbol(b'(')
            && !cursor.sees_any(QUERY)
        {
            let is_own = name.namespace.is_none() && own.contains(&name.name);
            match found.iter_mut().find(|(known, _)| *known == name) {
                Some((_, changed)) => *changed |= changes,
                None if !is_own => found.push((name, changes)),
                None => {}
            }
            cursor = ahead;
        }
    }
    found
}

/// Words that begin a query.
const QUERY: &[&str] = &["select", "values", "with", "table", "insert", "update", "delete", "merge"];

/// What is known of one level of parentheses while relations are looked for.
#[derive(Default)]
struct Level {
    /// Behind `FROM`, where a comma goes on to the next relation.
    in_from: bool,
    /// The arguments of a function that has a `FROM` of its own: `extract(year FROM x)`.
    argument: bool,
}

/// The name that `name [(columns)] AS [[NOT] MATERIALIZED] (query)` gives to a query.
fn with_query(mut cursor: Cursor<'_>) -> Option<String> {
    let name = cursor.ident()?;
    cursor.optional_group();
    if !cursor.eat(&["as"]) {
        return None;
    }
    cursor.eat(&["not"]);
    cursor.eat(&["materialized"]);
    let query = cursor.sees_symbol(b'(') && QUERY.iter().any(|word| cursor.word_at(1, word));
    query.then_some(name)
}

fn insert(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if !cursor.eat(&["insert", "into"]) {
        return None;
    }
    let table = cursor.name()?;
    if cursor.eat(&["as"]) {
        cursor.ident();
    }
    let mut ahead = *cursor;
    let columns = match ahead.optional_group() {
        Some(group) if !group.sees_any(QUERY) => {
            *cursor = ahead;
            group.items().into_iter().filter_map(|mut item| item.ident()).collect()
        }
        _ => Vec::new(),
    };
    if cursor.eat(&["overriding"]) {
        cursor.advance();
        cursor.eat(&["value"]);
    }
    let from_select = cursor.sees_any(&["select", "with", "table"]) || cursor.sees_symbol(b'(');
    Some(Statement::Insert { table, columns, from_select, reads: Vec::new(), changes: Vec::new() })
}

fn update(cursor: &mut Cursor<'_>) -> Option<Statement> {
    cursor.eat(&["update"]);
    cursor.eat(&["only"]);
    let table = cursor.name()?;
    cursor.eat_symbol(b'*');
    if !cursor.skip_to(&["set"]) {
        return None;
    }
    cursor.advance();
    let mut columns = Vec::new();
    loop {
        if let Some(group) = cursor.optional_group() {
            columns.extend(group.items().into_iter().filter_map(|mut item| item.ident()));
        } else {
            columns.extend(cursor.ident());
        }
        while !cursor.at_end()
            && !cursor.sees_symbol(b',')
            && !cursor.sees_any(&["from", "where", "returning"])
        {
            cursor.skip_one();
        }
        // `IS DISTINCT FROM` in a value looks like the FROM clause; what is behind it is no column list.
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    let has_where = cursor.skip_to(&["where"]);
    Some(Statement::Update { table, columns, has_where, reads: Vec::new(), changes: Vec::new() })
}

fn delete(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if !cursor.eat(&["delete", "from"]) {
        return None;
    }
    cursor.eat(&["only"]);
    let table = cursor.name()?;
    let has_where = cursor.skip_to(&["where"]);
    Some(Statement::Delete { table, has_where, reads: Vec::new(), changes: Vec::new() })
}

fn merge(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if !cursor.eat(&["merge", "into"]) {
        return None;
    }
    cursor.eat(&["only"]);
    Some(Statement::Merge { table: cursor.name()?, reads: Vec::new(), changes: Vec::new() })
}

pub(super) fn truncate(cursor: &mut Cursor<'_>) -> Statement {
    cursor.eat(&["table"]);
    let tables = cursor.names();
    Statement::Truncate { tables, cascade: cursor.skip_to(&["cascade"]) }
}

pub(super) fn copy(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let table = if cursor.sees_symbol(b'(') {
        cursor.group();
        None
    } else {
        cursor.eat(&["binary"]);
        let name = cursor.name()?;
        cursor.optional_group();
        Some(name)
    };
    let from = cursor.sees(&["from"]);
    let program = cursor.word_at(1, "program");
    Some(Statement::Copy { table, program, from })
}

pub(super) fn lock(cursor: &mut Cursor<'_>) -> Statement {
    cursor.eat(&["table"]);
    let tables = cursor.names();
    let mut mode = Vec::new();
    if cursor.eat(&["in"]) {
        while !cursor.at_end() && !cursor.sees(&["mode"]) {
            mode.push(cursor.text(0).to_ascii_uppercase());
            cursor.advance();
        }
    }
    let mode = if mode.is_empty() { "ACCESS EXCLUSIVE".to_owned() } else { mode.join(" ") };
    Statement::LockTable { tables, mode }
}

pub(super) fn vacuum(cursor: &mut Cursor<'_>) -> Statement {
    let mut full = false;
    if let Some(group) = cursor.optional_group() {
        full = group
            .items()
            .iter()
            .any(|item| item.sees(&["full"]) && !item.word_at(1, "false") && !item.word_at(1, "off"));
    }
    while cursor.sees_any(&["full", "freeze", "verbose", "analyze", "analyse"]) {
        full |= cursor.sees(&["full"]);
        cursor.advance();
    }
    Statement::Vacuum { tables: tables_with_columns(cursor), full }
}

pub(super) fn analyze(cursor: &mut Cursor<'_>) -> Statement {
    cursor.optional_group();
    cursor.eat(&["verbose"]);
    Statement::Analyze { tables: tables_with_columns(cursor) }
}

fn tables_with_columns(cursor: &mut Cursor<'_>) -> Vec<Name> {
    let mut tables = Vec::new();
    while let Some(name) = cursor.name() {
        tables.push(name);
        cursor.optional_group();
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    tables
}

pub(super) fn cluster(cursor: &mut Cursor<'_>) -> Statement {
    cursor.optional_group();
    cursor.eat(&["verbose"]);
    Statement::Cluster { table: cursor.name() }
}

pub(super) fn reindex(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let mut concurrently = cursor.optional_group().is_some_and(|group| {
        group
            .items()
            .iter()
            .any(|item| item.sees(&["concurrently"]) && !item.word_at(1, "false") && !item.word_at(1, "off"))
    });
    cursor.eat(&["verbose"]);
    let target = match cursor.text(0).to_ascii_lowercase().as_str() {
        "index" => ReindexTarget::Index,
        "table" => ReindexTarget::Table,
        "schema" => ReindexTarget::Schema,
        "database" => ReindexTarget::Database,
        "system" => ReindexTarget::System,
        _ => return None,
    };
    cursor.advance();
    concurrently |= cursor.eat(&["concurrently"]);
    Some(Statement::Reindex { target, name: cursor.name(), concurrently })
}

pub(super) fn refresh(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if !cursor.eat(&["materialized", "view"]) {
        return None;
    }
    let concurrently = cursor.eat(&["concurrently"]);
    let name = cursor.name()?;
    let with_data = !cursor.eat(&["with", "no", "data"]);
    Some(Statement::RefreshMaterializedView { name, concurrently, with_data })
}
