//! Types, sequences, views, schemas, extensions, policies, triggers, roles, comments, grants, and the `DROP`
//! and `ALTER … RENAME` of all of them.

use pgsteward_model::catalog::{Enum, Policy, PolicyCommand, QName, Sequence, Trigger, TriggerEvent};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::statement::{AlterDomain, AlterEnum, GrantObjects, Name, Statement};

use super::constraint;
use crate::cursor::Cursor;
use crate::{naming, types};

/// Reads `CREATE TYPE` from the name on.
pub(super) fn create_type(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.name()?;
    if !cursor.eat(&["as"]) {
        return None;
    }
    if cursor.eat(&["enum"]) {
        let values = cursor.group().items().into_iter().filter_map(|mut item| item.string()).collect();
        let value = Enum { name: name.qualified(), values, comment: None };
        return Some(Statement::CreateEnum { value, name });
    }
    if !cursor.sees_symbol(b'(') {
        return None;
    }
    let attributes = cursor
        .group()
        .items()
        .into_iter()
        .filter_map(|mut item| Some((item.ident()?, types::read(&mut item)?.ty)))
        .collect();
    Some(Statement::CreateComposite { name, attributes })
}

/// Reads `ALTER TYPE` from the name on.
pub(super) fn alter_type(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.name()?;
    let action = if cursor.eat(&["add", "value"]) {
        let if_not_exists = cursor.if_not_exists();
        let value = cursor.string()?;
        let before = if cursor.eat(&["before"]) { cursor.string() } else { None };
        let after = if cursor.eat(&["after"]) { cursor.string() } else { None };
        AlterEnum::AddValue { value, if_not_exists, before, after }
    } else if cursor.eat(&["rename", "value"]) {
        let from = cursor.string()?;
        cursor.eat(&["to"]);
        AlterEnum::RenameValue { from, to: cursor.string()? }
    } else if cursor.eat(&["rename", "to"]) {
        AlterEnum::Rename { to: cursor.ident()? }
    } else if cursor.eat(&["set", "schema"]) {
        AlterEnum::SetSchema { to: cursor.ident()? }
    } else if cursor.eat(&["owner", "to"]) {
        AlterEnum::Owner
    } else {
        return None;
    };
    Some(Statement::AlterEnum { name, action })
}

pub(super) fn create_domain(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.name()?;
    cursor.eat(&["as"]);
    let base = types::read(cursor)?.ty;
    let (mut not_null, mut default, mut checks) = (false, None, Vec::new());
    let mut constraint = None;
    while !cursor.at_end() {
        if cursor.eat(&["constraint"]) {
            constraint = cursor.ident();
        } else if cursor.eat(&["not", "null"]) {
            not_null = true;
        } else if cursor.eat(&["default"]) {
            default = Some(cursor.expression(crate::cursor::COLUMN_CLAUSES).to_owned());
        } else if cursor.eat(&["check"]) {
            checks.push((constraint.take(), cursor.group().rest().to_owned()));
        } else {
            cursor.skip_one();
        }
    }
    Some(Statement::CreateDomain { name, base, not_null, default, checks })
}

pub(super) fn alter_domain(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.name()?;
    if cursor.eat(&["rename", "to"]) {
        return Some(Statement::Rename { kind: ObjectKind::Domain, name, on: None, to: cursor.ident()? });
    }
    if cursor.eat(&["set", "schema"]) {
        return Some(Statement::SetSchema { kind: ObjectKind::Domain, name, to: cursor.ident()? });
    }
    let action = if cursor.eat(&["add"]) {
        let constraint = if cursor.eat(&["constraint"]) { cursor.ident() } else { None };
        if cursor.eat(&["check"]) {
            let expression = cursor.group().rest().to_owned();
            AlterDomain::AddConstraint {
                name: constraint,
                expression,
                not_valid: cursor.eat(&["not", "valid"]),
            }
        } else {
            AlterDomain::Other
        }
    } else if cursor.eat(&["drop", "constraint"]) {
        cursor.if_exists();
        AlterDomain::DropConstraint { name: cursor.ident()? }
    } else if cursor.eat(&["validate", "constraint"]) {
        AlterDomain::ValidateConstraint { name: cursor.ident()? }
    } else if cursor.eat(&["set", "not", "null"]) {
        AlterDomain::SetNotNull
    } else if cursor.eat(&["drop", "not", "null"]) {
        AlterDomain::DropNotNull
    } else {
        AlterDomain::Other
    };
    Some(Statement::AlterDomain { name, action })
}

/// A sequence as `CREATE SEQUENCE` or a serial column makes it when nothing else is said.
pub(crate) fn plain_sequence(name: QName, ty: &str) -> Sequence {
    let max = match ty {
        "smallint" => i64::from(i16::MAX),
        "integer" => i64::from(i32::MAX),
        _ => i64::MAX,
    };
    Sequence {
        name,
        ty: ty.to_owned(),
        start: 1,
        increment: 1,
        min: 1,
        max,
        cycle: false,
        owned_by: None,
        last_value: None,
        grants: Vec::new(),
        comment: None,
    }
}

pub(super) fn create_sequence(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    let mut value = plain_sequence(name.qualified(), "bigint");
    let (mut start, mut min, mut max) = (None, None, None);
    while !cursor.at_end() {
        if cursor.eat(&["as"]) {
            let ty = types::read(cursor)?.ty.name;
            value = Sequence {
                increment: value.increment,
                cycle: value.cycle,
                ..plain_sequence(value.name, &ty)
            };
        } else if cursor.eat(&["increment"]) {
            cursor.eat(&["by"]);
            value.increment = cursor.integer().unwrap_or(1);
        } else if cursor.eat(&["minvalue"]) {
            min = cursor.integer();
        } else if cursor.eat(&["maxvalue"]) {
            max = cursor.integer();
        } else if cursor.eat(&["start"]) {
            cursor.eat(&["with"]);
            start = cursor.integer();
        } else if cursor.eat(&["no", "cycle"]) {
            value.cycle = false;
        } else if cursor.eat(&["cycle"]) {
            value.cycle = true;
        } else if cursor.eat(&["owned", "by"]) {
            value.owned_by = owner(cursor).map(|(table, column)| (table.qualified(), column));
        } else {
            cursor.skip_one();
        }
    }
    if value.increment < 0 {
        value.min = match value.ty.as_str() {
            "smallint" => i64::from(i16::MIN),
            "integer" => i64::from(i32::MIN),
            _ => i64::MIN,
        };
        value.max = -1;
    }
    value.min = min.unwrap_or(value.min);
    value.max = max.unwrap_or(value.max);
    value.start = start.unwrap_or(if value.increment < 0 { value.max } else { value.min });
    Some(Statement::CreateSequence { name, if_not_exists, value })
}

/// `table.column` of `OWNED BY`; none for `NONE`.
fn owner(cursor: &mut Cursor<'_>) -> Option<(Name, String)> {
    let mut parts = vec![cursor.ident()?];
    while cursor.eat_symbol(b'.') {
        parts.push(cursor.ident()?);
    }
    let column = parts.pop()?;
    let table = parts.pop()?;
    Some((Name { namespace: parts.pop(), name: table }, column))
}

pub(super) fn alter_sequence(cursor: &mut Cursor<'_>) -> Option<Statement> {
    cursor.if_exists();
    let name = cursor.name()?;
    if cursor.eat(&["rename", "to"]) {
        return Some(Statement::Rename { kind: ObjectKind::Sequence, name, on: None, to: cursor.ident()? });
    }
    if cursor.eat(&["set", "schema"]) {
        return Some(Statement::SetSchema { kind: ObjectKind::Sequence, name, to: cursor.ident()? });
    }
    let options = cursor.rest().to_owned();
    let (mut owned_by, mut restart) = (None, false);
    while !cursor.at_end() {
        if cursor.eat(&["owned", "by"]) {
            owned_by = owner(cursor);
        } else {
            restart |= cursor.sees(&["restart"]);
            cursor.skip_one();
        }
    }
    Some(Statement::AlterSequence { name, owned_by, restart, options })
}

pub(super) fn create_view(
    cursor: &mut Cursor<'_>,
    materialized: bool,
    or_replace: bool,
) -> Option<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.name()?;
    cursor.optional_group();
    let mut options = Vec::new();
    while !cursor.at_end() && !cursor.sees(&["as"]) {
        if cursor.eat(&["with"]) {
            options = constraint::options(cursor);
        } else {
            cursor.skip_one();
        }
    }
    cursor.eat(&["as"]);
    let definition = cursor.rest().to_owned();
    Some(Statement::CreateView { name, materialized, or_replace, if_not_exists, definition, options })
}

pub(super) fn create_schema(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let if_not_exists = cursor.if_not_exists();
    cursor.eat(&["authorization"]);
    let name = cursor.ident()?;
    if cursor.eat(&["authorization"]) {
        cursor.ident();
    }
    // `CREATE SCHEMA s CREATE TABLE …` makes more than a schema.
    cursor.at_end().then_some(Statement::CreateSchema { name, if_not_exists })
}

pub(super) fn create_extension(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let if_not_exists = cursor.if_not_exists();
    let name = cursor.ident()?;
    let schema = if cursor.skip_to(&["schema"]) {
        cursor.advance();
        cursor.ident()
    } else {
        None
    };
    Some(Statement::CreateExtension { name, if_not_exists, schema })
}

pub(super) fn create_trigger(cursor: &mut Cursor<'_>, or_replace: bool, whole: &str) -> Option<Statement> {
    let name = cursor.ident()?;
    let before = cursor.sees(&["before"]);
    let mut events = Vec::new();
    while !cursor.at_end() && !cursor.sees(&["on"]) {
        let event = [
            ("insert", TriggerEvent::Insert),
            ("update", TriggerEvent::Update),
            ("delete", TriggerEvent::Delete),
            ("truncate", TriggerEvent::Truncate),
        ];
        events.extend(event.into_iter().find(|(word, _)| cursor.sees(&[word])).map(|(_, event)| event));
        cursor.skip_one();
    }
    if !cursor.eat(&["on"]) {
        return None;
    }
    let table = cursor.name()?;
    let mut row = false;
    while !cursor.at_end() && !cursor.sees(&["execute"]) {
        row |= cursor.sees(&["row"]);
        cursor.skip_one();
    }
    cursor.advance();
    cursor.advance();
    let function = cursor.name().map(|name| name.qualified());
    let value = Trigger {
        name,
        definition: whole.to_owned(),
        function,
        before,
        row,
        events,
        enabled: true,
        comment: None,
    };
    Some(Statement::CreateTrigger { table, or_replace, value })
}

pub(super) fn create_policy(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.ident()?;
    if !cursor.eat(&["on"]) {
        return None;
    }
    let table = cursor.name()?;
    let mut value = Policy {
        name,
        permissive: true,
        command: PolicyCommand::All,
        roles: Vec::new(),
        using: None,
        with_check: None,
        comment: None,
    };
    while !cursor.at_end() {
        if cursor.eat(&["as"]) {
            value.permissive = !cursor.eat(&["restrictive"]);
        } else if cursor.eat(&["for"]) {
            value.command = policy_command(cursor);
        } else if cursor.eat(&["to"]) {
            value.roles = roles(cursor);
            value.roles.retain(|role| role != "public");
        } else if cursor.eat(&["using"]) {
            value.using = Some(cursor.group().rest().to_owned());
        } else if cursor.eat(&["with", "check"]) {
            value.with_check = Some(cursor.group().rest().to_owned());
        } else {
            cursor.skip_one();
        }
    }
    Some(Statement::CreatePolicy { table, value })
}

fn policy_command(cursor: &mut Cursor<'_>) -> PolicyCommand {
    let command = match cursor.text(0).to_ascii_lowercase().as_str() {
        "select" => PolicyCommand::Select,
        "insert" => PolicyCommand::Insert,
        "update" => PolicyCommand::Update,
        "delete" => PolicyCommand::Delete,
        _ => PolicyCommand::All,
    };
    cursor.advance();
    command
}

pub(super) fn alter_policy(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let name = cursor.ident()?;
    if !cursor.eat(&["on"]) {
        return None;
    }
    let table = cursor.name()?;
    if cursor.eat(&["rename", "to"]) {
        let to = cursor.ident()?;
        return Some(Statement::Rename {
            kind: ObjectKind::Policy,
            name: Name::new(None, &name),
            on: Some(table),
            to,
        });
    }
    Some(Statement::AlterPolicy { table, name, command: None })
}

fn kind_of(cursor: &mut Cursor<'_>) -> Option<ObjectKind> {
    if cursor.eat(&["materialized", "view"]) {
        return Some(ObjectKind::MaterializedView);
    }
    if cursor.eat(&["foreign", "table"]) {
        return Some(ObjectKind::Table);
    }
    let kind = match cursor.text(0).to_ascii_lowercase().as_str() {
        "table" => ObjectKind::Table,
        "view" => ObjectKind::View,
        "index" => ObjectKind::Index,
        "sequence" => ObjectKind::Sequence,
        "type" => ObjectKind::Enum,
        "domain" => ObjectKind::Domain,
        "schema" => ObjectKind::Schema,
        "function" | "procedure" | "routine" | "aggregate" => ObjectKind::Function,
        "trigger" => ObjectKind::Trigger,
        "policy" => ObjectKind::Policy,
        "extension" => ObjectKind::Extension,
        "role" | "user" | "group" => ObjectKind::Role,
        "database" => ObjectKind::Database,
        "column" => ObjectKind::Column,
        "constraint" => ObjectKind::CheckConstraint,
        _ => return None,
    };
    if cursor.sees(&["user", "mapping"]) {
        return None;
    }
    cursor.advance();
    Some(kind)
}

/// Reads `DROP` from the word behind it on.
pub(super) fn drop(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let kind = kind_of(cursor)?;
    let concurrently = kind == ObjectKind::Index && cursor.eat(&["concurrently"]);
    let if_exists = cursor.if_exists();
    if kind == ObjectKind::Database {
        return Some(Statement::DropDatabase { name: cursor.ident()? });
    }
    let mut names = Vec::new();
    while let Some(name) = cursor.name() {
        names.push(name);
        if kind == ObjectKind::Function {
            cursor.optional_group();
        }
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    let on = if cursor.eat(&["on"]) { cursor.name() } else { None };
    let cascade = cursor.eat(&["cascade"]);
    Some(Statement::Drop { kind, names, on, if_exists, cascade, concurrently })
}

/// Reads `ALTER kind name RENAME TO` and `SET SCHEMA`, for kinds that have no other modelled action.
pub(super) fn rename(cursor: &mut Cursor<'_>) -> Option<Statement> {
    let kind = kind_of(cursor)?;
    cursor.if_exists();
    let name = cursor.name()?;
    if kind == ObjectKind::Function {
        cursor.optional_group();
    }
    let on = if cursor.eat(&["on"]) { cursor.name() } else { None };
    if cursor.eat(&["rename", "to"]) {
        return Some(Statement::Rename { kind, name, on, to: cursor.ident()? });
    }
    if cursor.eat(&["set", "schema"]) {
        return Some(Statement::SetSchema { kind, name, to: cursor.ident()? });
    }
    match kind {
        ObjectKind::Role => Some(Statement::AlterRole { name: name.name }),
        ObjectKind::Database => Some(Statement::AlterDatabase),
        ObjectKind::Extension => Some(Statement::AlterExtension { name: name.name }),
        _ => None,
    }
}

pub(super) fn create_role(cursor: &mut Cursor<'_>, user: bool) -> Option<Statement> {
    let name = cursor.ident()?;
    let mut login = user;
    while !cursor.at_end() {
        login = (login || cursor.sees(&["login"])) && !cursor.sees(&["nologin"]);
        cursor.skip_one();
    }
    Some(Statement::CreateRole { name, login })
}

pub(super) fn comment(cursor: &mut Cursor<'_>) -> Option<Statement> {
    if !cursor.eat(&["on"]) {
        return None;
    }
    let kind = kind_of(cursor);
    if kind.is_none() {
        cursor.advance();
    }
    if kind == Some(ObjectKind::Column) {
        let (name, column) = owner(cursor)?;
        cursor.eat(&["is"]);
        return Some(Statement::Comment { kind, name, column: Some(column), text: cursor.string() });
    }
    let mut name = cursor.name()?;
    let mut column = None;
    match kind {
        Some(ObjectKind::Function) => {
            cursor.optional_group();
        }
        Some(ObjectKind::CheckConstraint | ObjectKind::Trigger | ObjectKind::Policy)
            if cursor.eat(&["on"]) =>
        {
            // For parts of a table: the part in `column`, the table in `name`.
            cursor.eat(&["domain"]);
            column = Some(name.name);
            name = cursor.name()?;
        }
        _ => {}
    }
    if !cursor.skip_to(&["is"]) {
        return None;
    }
    cursor.advance();
    Some(Statement::Comment { kind, name, column, text: cursor.string() })
}

fn roles(cursor: &mut Cursor<'_>) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        cursor.eat(&["group"]);
        let Some(role) = cursor.ident() else { break };
        found.push(role);
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    found
}

/// Reads `GRANT` and `REVOKE` from the word behind them on.
pub(super) fn grant(cursor: &mut Cursor<'_>, revoke: bool) -> Option<Statement> {
    for option in ["grant", "admin", "inherit", "set"] {
        cursor.eat(&[option, "option", "for"]);
    }
    let stop = if revoke { "from" } else { "to" };
    let mut privileges = Vec::new();
    while !cursor.at_end() && !cursor.sees_any(&["on", stop]) {
        let start = *cursor;
        while !cursor.at_end() && !cursor.sees_symbol(b',') && !cursor.sees_any(&["on", stop]) {
            cursor.skip_one();
        }
        privileges.push(cursor.since(&start).to_owned());
        cursor.eat_symbol(b',');
    }
    let objects = if cursor.eat(&["on"]) {
        let objects = grant_objects(cursor, stop)?;
        for privilege in &mut privileges {
            *privilege = privilege.to_ascii_uppercase();
        }
        objects
    } else {
        GrantObjects::Roles(std::mem::take(&mut privileges))
    };
    if !cursor.eat(&[stop]) {
        return None;
    }
    Some(Statement::Grant { privileges, objects, roles: roles(cursor), revoke })
}

fn grant_objects(cursor: &mut Cursor<'_>, stop: &str) -> Option<GrantObjects> {
    if cursor.eat(&["all", "tables", "in", "schema"]) {
        return Some(GrantObjects::AllTables { schemas: cursor.idents() });
    }
    if cursor.eat(&["schema"]) {
        return Some(GrantObjects::Schemas(cursor.idents()));
    }
    if cursor.eat(&["sequence"]) {
        return Some(GrantObjects::Sequences(cursor.names()));
    }
    if cursor.sees_any(&["function", "procedure", "routine"]) {
        cursor.advance();
        let mut names = Vec::new();
        while let Some(name) = cursor.name() {
            names.push(name);
            cursor.optional_group();
            if !cursor.eat_symbol(b',') {
                break;
            }
        }
        return Some(GrantObjects::Functions(names));
    }
    let other =
        ["all", "database", "domain", "foreign", "language", "large", "parameter", "tablespace", "type"];
    if cursor.sees_any(&other) && cursor.is_name(1) {
        let start = *cursor;
        while !cursor.at_end() && !cursor.sees(&[stop]) {
            cursor.skip_one();
        }
        return Some(GrantObjects::Other(cursor.since(&start).to_owned()));
    }
    cursor.eat(&["table"]);
    Some(GrantObjects::Tables(cursor.names()))
}

/// The name that PostgreSQL chooses for the n-th unnamed check of a domain.
pub(crate) fn domain_check_name(domain: &str, taken: impl Fn(&str) -> bool) -> String {
    naming::choose(domain, "", "check", taken)
}
