//! `CREATE FUNCTION`, `CREATE PROCEDURE`.

use pgsteward_model::catalog::{Function, FunctionId, FunctionKind, Volatility};
use pgsteward_model::statement::Statement;

use crate::cursor::Cursor;
use crate::quote::quote_ident;
use crate::types;

/// Reads a routine from its name on.
pub(super) fn create(cursor: &mut Cursor<'_>, or_replace: bool, procedure: bool) -> Option<Statement> {
    let name = cursor.name()?;
    let parameters = cursor.group();
    let mut arguments = Vec::new();
    let mut outputs = Vec::new();
    for item in parameters.items() {
        let parameter = parameter(item)?;
        if parameter.output {
            outputs.push(parameter.ty);
        } else {
            arguments.push(parameter.text);
        }
    }
    let mut value = Function {
        id: FunctionId { name: name.qualified(), arguments: arguments.join(", ") },
        kind: if procedure { FunctionKind::Procedure } else { FunctionKind::Function },
        returns: match outputs.len() {
            0 if procedure => String::new(),
            0 => "void".into(),
            1 => outputs.remove(0),
            _ => "record".into(),
        },
        language: "sql".into(),
        body: String::new(),
        definition: None,
        security_definer: false,
        leakproof: false,
        volatility: Volatility::Volatile,
        settings: Vec::new(),
        owner: None,
        grants: Vec::new(),
        comment: None,
    };
    while !cursor.at_end() {
        option(cursor, &mut value);
    }
    Some(Statement::CreateFunction { name, or_replace, value })
}

fn option(cursor: &mut Cursor<'_>, value: &mut Function) {
    if cursor.eat(&["returns", "null", "on", "null", "input"]) {
        return;
    }
    if cursor.eat(&["returns"]) {
        let start = *cursor;
        if cursor.eat(&["table"]) {
            value.returns = format!("TABLE({})", cursor.group().rest());
        } else {
            let set = cursor.sees(&["setof"]);
            value.returns = match types::read(cursor) {
                Some(written) if set => format!("SETOF {}", written.ty),
                Some(written) => written.ty.to_string(),
                None => {
                    cursor.skip_one();
                    cursor.since(&start).to_owned()
                }
            };
        }
    } else if cursor.eat(&["language"]) {
        value.language = cursor.string().or_else(|| cursor.ident()).unwrap_or_default();
    } else if cursor.eat(&["as"]) {
        value.body = cursor.string().unwrap_or_default();
        if cursor.eat_symbol(b',') {
            cursor.string();
        }
    } else if cursor.eat(&["security", "definer"]) {
        value.security_definer = true;
    } else if cursor.eat(&["not", "leakproof"]) {
        value.leakproof = false;
    } else if cursor.eat(&["leakproof"]) {
        value.leakproof = true;
    } else if cursor.eat(&["immutable"]) {
        value.volatility = Volatility::Immutable;
    } else if cursor.eat(&["stable"]) {
        value.volatility = Volatility::Stable;
    } else if cursor.eat(&["volatile"]) {
        value.volatility = Volatility::Volatile;
    } else if cursor.eat(&["set"]) {
        setting(cursor, value);
    } else if cursor.sees(&["begin", "atomic"]) || cursor.sees(&["return"]) {
        value.body = cursor.rest().to_owned();
        while !cursor.at_end() {
            cursor.skip_one();
        }
    } else {
        cursor.skip_one();
    }
}

/// `SET name { TO | = } value, …` or `SET name FROM CURRENT`.
fn setting(cursor: &mut Cursor<'_>, value: &mut Function) {
    let Some(name) = cursor.name() else { return };
    let name = match name.namespace {
        Some(prefix) => format!("{prefix}.{}", name.name),
        None => name.name,
    };
    if !cursor.eat_symbol(b'=') {
        cursor.eat(&["to"]);
    }
    let mut parts = Vec::new();
    loop {
        let start = *cursor;
        let part = if start.text(0).starts_with('\'') { cursor.string() } else { None };
        parts.push(part.unwrap_or_else(|| {
            cursor.skip_one();
            cursor.since(&start).to_owned()
        }));
        if !cursor.eat_symbol(b',') {
            break;
        }
    }
    value.settings.push(format!("{name}={}", parts.join(", ")));
}

struct Parameter {
    /// As `pg_get_function_identity_arguments` prints it.
    text: String,
    ty: String,
    output: bool,
}

fn parameter(mut item: Cursor<'_>) -> Option<Parameter> {
    let cursor = &mut item;
    let mut mode = "";
    let mut name = None;
    let mut output = false;
    let read_mode = |cursor: &mut Cursor<'_>, mode: &mut &str, output: &mut bool| {
        if cursor.eat(&["in", "out"]) || cursor.eat(&["inout"]) {
            *mode = "INOUT ";
        } else if cursor.eat(&["variadic"]) {
            *mode = "VARIADIC ";
        } else if cursor.sees(&["out"]) {
            cursor.advance();
            *output = true;
        } else {
            cursor.eat(&["in"]);
        }
    };
    read_mode(cursor, &mut mode, &mut output);
    // A parameter is `name type` or `type`: with a name in front, what is left must still begin with a type.
    let mut ahead = *cursor;
    if let Some(first) = ahead.ident() {
        read_mode(&mut ahead, &mut mode, &mut output);
        let mut probe = ahead;
        let several_words = ["double", "character", "char", "bit", "national", "time", "timestamp"];
        let continues = cursor.sees_any(&several_words)
            && (ahead.sees_any(&["precision", "varying", "character", "char", "with", "without"]));
        let ends =
            ahead.at_end() || ahead.sees(&["default"]) || ahead.sees_symbol(b'=') || ahead.sees(&["array"]);
        if !continues && !ends && ahead.is_name(0) && types::read(&mut probe).is_some() {
            name = Some(first);
            *cursor = ahead;
        }
    }
    let ty = types::read(cursor)?.ty.to_string();
    let text = match name {
        Some(name) => format!("{mode}{} {ty}", quote_ident(&name)),
        None => format!("{mode}{ty}"),
    };
    Some(Parameter { text, ty, output })
}
