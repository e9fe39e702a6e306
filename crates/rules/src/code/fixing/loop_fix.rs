//! Loops written without a query for each turn: one query before a `for … of` whose rows a `Map` gives back,
//! `findUnique` where Prisma then makes one query of many.
//!
//! Only shapes whose meaning is clear from the text are written. A fix is `Safe` where nothing can tell the two apart:
//! the same rows in the same places, nothing else that waits in between, no row that two turns could change together.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Awaited, Call, Loop, LoopKind, Node, Operation, Over, Site, Value};
use pgsteward_model::prisma::{Arity, Field, FieldType, Model, Scalar};
use pgsteward_model::source::Span;

use super::edit;
use super::statement::follows_statement;
use super::touched::{changes, hands_on};
use crate::code::flow::Flow;
use crate::code::text::{Body, indent_unit, is_path, mentions_word, names_of_pattern, root};
use crate::code::{find_first_by_unique_key, loops, scale};

/// A line that is longer is broken.
pub(super) const WIDTH: usize = 100;

/// `for (const ELEMENT of LIST) { … }` as it is written.
pub(super) struct ForOf<'a> {
    pub(super) element: &'a str,
    pub(super) list: &'a str,
    /// Where the statement begins.
    pub(super) start: usize,
    pub(super) body: Body<'a>,
}

/// One `findMany` before the loop, and the turn's row out of a `Map`.
pub(in crate::code) fn read_before(flow: &Flow, call: &Call, of: &Loop) -> Option<Fix> {
    let by_key = matches!(call.operation, Operation::FindUnique | Operation::FindFirst);
    if !by_key || call.site.awaited != Awaited::Await || of.kind != LoopKind::ForOf {
        return None;
    }
    let each = for_of(flow, &call.site, of)?;
    let asked = by_key_alone(flow, call)?;
    let Asked { field, value, .. } = asked;
    if !is_path(value) || !names_of_pattern(each.element)?.contains(&root(value)) {
        return None;
    }
    let file = flow.facts.sources.get(&call.site.at.file)?;
    let text = &file.text;
    let function = flow.text_of(call.site.function);
    let name = name_of_rows(call, field, function)?;
    let argument_text = asked.of_list(flow, call, &values(value, &each))?;
    let receiver = text.get(call.site.at.span.start..call.name_at.span.start)?;
    // A client that each turn makes for itself is not there before the loop, and neither is what it makes one of.
    let client = root(receiver);
    let own = names_of_pattern(each.element)?;
    if ["const", "let", "var"].iter().any(|word| each.body.text.contains(&format!("{word} {client} ")))
        || own.iter().any(|name| mentions_word(receiver, name) || changes(each.body.text, name))
    {
        return None;
    }
    let query = format!("(await {receiver}findMany({argument_text}))");
    let pair = if is_typescript(&file.path) { " as const" } else { "" };
    let rows = format!("map((row) => [row.{0}, row]{pair})", field.name);
    let (end, newline) = line_ends(text);
    let indent = indent_at(text, each.start);
    let unit = indent_unit(text);
    let short = format!("const {name} = new Map({query}.{rows}){end}");
    let statement = if indent.len() + short.len() <= WIDTH && !short.contains('\n') {
        short
    } else {
        let wide = indent.len() + unit.len() + query.len() + rows.len() > WIDTH && !query.contains('\n');
        let next = if wide { format!("{newline}{indent}{unit}{unit}") } else { String::new() };
        format!("const {name} = new Map({newline}{indent}{unit}{query}{next}.{rows},{newline}{indent}){end}")
    };
    let lookup = format!("{name}.get({value}) ?? null");
    let awaited = awaited_at(text, call.site.at.span)?;
    let lookup = if stands_alone(text, awaited)? { lookup } else { format!("({lookup})") };
    let edits = vec![
        TextEdit { span: Span::new(each.start, each.start), text: format!("{statement}{newline}{indent}") },
        TextEdit { span: awaited, text: lookup },
    ];
    let safe = nothing_waits(flow, &call.site, &each)
        && same_key_type(flow, of, &each, field, value)
        && is_only_read(flow, call, call.result.binding.as_deref(), &each)
        && !extended(flow);
    let safety = if safe { Safety::Safe } else { Safety::Review };
    change(flow, call, safety, "read the rows of all turns with one findMany before the loop", edits)
}

/// `customerById`, as nothing else in the function is named.
pub(super) fn name_of_rows(call: &Call, key: &Field, function: &str) -> Option<String> {
    let stem = format!("{}By{}", lower_first(&call.model), upper_first(&key.name));
    std::iter::once(stem.clone())
        .chain((2..9).map(|number| format!("{stem}{number}")))
        .find(|name| !mentions_word(function, name))
}

/// A call that asks for one row by a unique key and for nothing else.
pub(super) struct Asked<'a> {
    pub(super) field: &'a Field,
    /// The key's value as it is written.
    pub(super) value: &'a str,
    /// Where the filter stands.
    filter: Span,
}

/// None where the filter has more than the key, or where the rest of the argument is more than what is selected.
pub(super) fn by_key_alone<'a>(flow: &Flow<'a>, call: &Call) -> Option<Asked<'a>> {
    let argument = call.argument.object().filter(|object| !object.open)?;
    let filter = argument.get("where")?;
    let [key] = filter.value.object().filter(|filter| !filter.open)?.properties.as_slice() else {
        return None;
    };
    let field =
        scale::model(flow.facts, &call.model)?.field(&key.name).filter(|field| is_plain_key(field))?;
    let rest = argument.properties.iter().filter(|property| property.name != "where");
    let plain = |property: &pgsteward_model::code::Property| {
        matches!(property.name.as_str(), "select" | "include" | "omit") && is_written_out(&property.value)
    };
    let omitted = argument.get("omit").is_some_and(|omit| omit.value.get(&key.name).is_some());
    let fits = edit::is_written(flow.facts, call, filter)
        && edit::is_written(flow.facts, call, key)
        && rest.clone().all(plain)
        && !omitted
        && !mentions_word(edit::text(flow.facts, call, call.argument.span), "take");
    let value = edit::text(flow.facts, call, key.value.span);
    fits.then_some(Asked { field, value, filter: filter.value.span })
}

impl Asked<'_> {
    /// The argument of a `findMany` for a list of keys: the key is selected, too.
    pub(super) fn of_list(&self, flow: &Flow, call: &Call, list: &str) -> Option<String> {
        let key = &self.field.name;
        let mut edits = vec![TextEdit { span: self.filter, text: format!("{{ {key}: {{ in: {list} }} }}") }];
        let select = call.argument.get("select");
        if let Some(select) = select.filter(|select| select.get(key).is_none()) {
            edits.push(edit::add_property(flow.facts, call, select.object()?, &format!("{key}: true"))?);
        }
        let at = call.argument.span;
        edits.iter_mut().for_each(|edit| {
            edit.span = Span::new(edit.span.start - at.start, edit.span.end - at.start);
        });
        edits.sort_by_key(|edit| edit.span);
        TextEdit::apply_all(edit::text(flow.facts, call, at), &edits)
    }
}

/// `findFirst` by a unique key, all turns at once: Prisma makes one query of it as soon as it is `findUnique`.
pub(in crate::code) fn batched(flow: &Flow, call: &Call, of: &Loop) -> Option<Fix> {
    let together = of.concurrent && !of.limited && !call.site.after_await_in_loop;
    let model = scale::model(flow.facts, &call.model)?;
    let (better, _) = find_first_by_unique_key::better(model, call)?;
    together.then(|| find_first_by_unique_key::rename(flow.facts, call, better))?
}

pub(super) fn change(
    flow: &Flow,
    call: &Call,
    safety: Safety,
    title: &str,
    edits: Vec<TextEdit>,
) -> Option<Fix> {
    let (done, undone) = edit::there_and_back(flow.facts, &call.site.at.file, edits)?;
    let change = Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) };
    Some(Fix { title: title.to_owned(), safety, change })
}

/// The innermost loop of the call, where it goes through an array that stands still while it does.
pub(super) fn for_of<'a>(flow: &Flow<'a>, site: &Site, of: &Loop) -> Option<ForOf<'a>> {
    let innermost = site.loops.last().map(|index| &flow.code.loops[*index].at);
    if innermost != Some(&of.at) || of.at.file != site.at.file {
        return None;
    }
    let text: &str = &flow.facts.sources.get(&of.at.file)?.text;
    let head = text.get(of.at.span.start..of.at.span.end)?;
    let inner = head.strip_prefix("for")?.trim_start().strip_prefix('(')?.trim_start();
    let (element, list) = inner.strip_prefix("const ")?.rsplit_once(" of ")?;
    let (element, list) = (element.trim(), list.trim());
    names_of_pattern(element)?;
    let is_array = match of.over {
        Over::Rows(rows) => {
            let rows = &flow.code.calls[rows];
            rows.operation == Operation::FindMany && rows.result.binding.as_deref() == Some(list)
        }
        Over::Parameter(index) => {
            let parameter = flow.function(site).parameters.get(index)?;
            let ty = parameter.ty.as_deref().unwrap_or("").trim();
            parameter.name == list
                && !parameter.optional
                && (ty.ends_with("[]") || ty.starts_with("Array<"))
                && !ty.contains('|')
        }
        _ => false,
    };
    let body = Body::after(text, of.at.span.end)?;
    // Whoever is given the list may add to it.
    let changed = changes(body.text, list) || hands_on(body.text, list);
    let begins_line = indent_at(text, of.at.span.start).len()
        == of.at.span.start - text[..of.at.span.start].rfind('\n').map_or(0, |at| at + 1);
    let fits =
        is_path(list) && is_array && !changed && begins_line && follows_statement(text, of.at.span.start);
    fits.then_some(ForOf { element, list, start: of.at.span.start, body })
}

/// A key whose values a `Map` tells apart as the database does.
fn is_plain_key(field: &Field) -> bool {
    let unique = field.is_id || field.is_unique;
    let plain = matches!(field.ty, FieldType::Scalar(Scalar::Int | Scalar::BigInt | Scalar::String));
    let folded = field
        .native
        .as_ref()
        .is_some_and(|native| matches!(native.name.as_str(), "Citext" | "Char" | "Inet"));
    unique && plain && !folded && field.arity == Arity::Required
}

/// The loop's values have the key's type and are never missing, and are spelled as the database spells them.
pub(super) fn same_key_type(flow: &Flow, of: &Loop, each: &ForOf, key: &Field, value: &str) -> bool {
    let native = |field: &Field| field.native.as_ref().map(|native| native.name.clone());
    match of.over {
        Over::Rows(rows) => {
            let part =
                value.strip_prefix(each.element).and_then(|rest| rest.strip_prefix('.')).unwrap_or(value);
            let model = scale::model(flow.facts, &flow.code.calls[rows].model);
            let field = model.and_then(|model: &Model| model.field(part));
            field.is_some_and(|field| {
                field.arity == Arity::Required && field.ty == key.ty && native(field) == native(key)
            })
        }
        // An upper-case UUID is the same to the server, and another key to a Map.
        Over::Parameter(index) => {
            let ty = &flow.code.functions[flow_function(flow, of)].parameters;
            let ty = ty.get(index).and_then(|parameter| parameter.ty.clone()).unwrap_or_default();
            let list =
                ["string[]", "number[]", "bigint[]", "Array<string>", "Array<number>", "Array<bigint>"];
            native(key).as_deref() != Some("Uuid") && value == each.element && list.contains(&ty.trim())
        }
        _ => false,
    }
}

/// The function that a loop stands in: the innermost whose text holds its head.
fn flow_function(flow: &Flow, of: &Loop) -> usize {
    let around = flow
        .code
        .functions
        .iter()
        .enumerate()
        .filter(|(_, function)| function.at.file == of.at.file && function.at.span.contains(of.at.span));
    around
        .min_by_key(|(_, function)| function.at.span.end - function.at.span.start)
        .map_or(0, |(index, _)| index)
}

/// Between the query before the loop and the one in it nothing happens that could change its answer, and no error of
/// one turn is caught for that turn alone.
pub(super) fn nothing_waits(flow: &Flow, site: &Site, each: &ForOf) -> bool {
    let outside = |index: &usize| {
        let attempt = &flow.code.tries[*index].at;
        attempt.file == site.at.file && attempt.span.contains(Span::new(each.start, each.start))
    };
    each.body.count_word("await") == 1
        && !mentions_word(each.body.text, "yield")
        && loops::is_alone(flow, site)
        && site.tries.iter().all(outside)
}

/// Two turns with the same key now share one object: nobody may write into it or keep it. Lists below it might be changed
/// under other names.
pub(super) fn is_only_read(flow: &Flow, call: &Call, name: Option<&str>, each: &ForOf) -> bool {
    let Some(name) = name else { return false };
    call.result.complete
        && call.result.whole.is_empty()
        && !changes(each.body.text, name)
        && call.result.paths.iter().all(|path| ends_in_value(flow, &call.model, path))
}

/// A path of names through single rows to a column that holds one value.
fn ends_in_value(flow: &Flow, model: &str, path: &[String]) -> bool {
    let [first, rest @ ..] = path else { return false };
    let Some(field) = flow.model(model).and_then(|model| model.field(first)) else { return false };
    match &field.ty {
        _ if field.arity == Arity::List => false,
        FieldType::Model(target) => ends_in_value(flow, target, rest),
        ty => *ty != FieldType::Scalar(Scalar::Json),
    }
}

/// An extension of the client may treat one operation in a way of its own.
pub(super) fn extended(flow: &Flow) -> bool {
    flow.code.clients.iter().any(|client| client.extended)
}

/// Literals all the way down.
fn is_written_out(node: &Node) -> bool {
    match &node.value {
        Value::Bool(_) | Value::Text(_) | Value::Number(_) => true,
        Value::Object(object) => {
            !object.open
                && object
                    .properties
                    .iter()
                    .all(|property| !property.conditional && is_written_out(&property.value))
        }
        Value::List(nodes) => nodes.iter().all(is_written_out),
        _ => false,
    }
}

/// `{ in: orders.map((order) => order.customerId) }`
pub(super) fn in_values(value: &str, each: &ForOf) -> String {
    format!("{{ in: {} }}", values(value, each))
}

/// `orders.map((order) => order.customerId)`
pub(super) fn values(value: &str, each: &ForOf) -> String {
    if value == each.element {
        each.list.to_owned()
    } else {
        format!("{}.map({} => {value})", each.list, parameter(each.element))
    }
}

pub(super) fn parameter(element: &str) -> String {
    format!("({element})")
}

/// A call with its `await`.
pub(super) fn awaited_at(text: &str, call: Span) -> Option<Span> {
    let before = text.get(..call.start)?.trim_end();
    let start = before.strip_suffix("await")?.len();
    Some(Span::new(start, call.end))
}

/// Whether what stands there needs no brackets when it becomes `a ?? b`. None where it goes on behind the call.
pub(super) fn stands_alone(text: &str, at: Span) -> Option<bool> {
    let before = text.get(..at.start)?.trim_end();
    let after = text.get(at.end..)?;
    let next = after.trim_start().chars().next().unwrap_or(';');
    if matches!(next, '.' | '[' | '(' | '`') || after.trim_start().starts_with("?.") {
        return None;
    }
    let begins = before.ends_with(['(', '=', '[']) && !before.ends_with("==") || before.ends_with("return");
    // In a style without semicolons a line that begins with a bracket would go on with the one before.
    let begins_line = text[..at.start].trim_end_matches([' ', '\t']).ends_with('\n');
    if begins_line && !begins && !before.ends_with([';', '{', '}']) {
        return None;
    }
    Some(
        begins
            && (matches!(next, ';' | ')' | ',' | ']' | '}')
                || after.starts_with(['\n', '\r']) && (next.is_alphanumeric() || next == '/')),
    )
}

/// How lines and statements of a file end: `;` or nothing, `\n` or `\r\n`.
pub(super) fn line_ends(text: &str) -> (&'static str, &'static str) {
    let (ended, bare) = text.lines().map(str::trim_end).filter(|line| line.ends_with([';', ')'])).fold(
        (0, 0),
        |(ended, bare), line| {
            if line.ends_with(';') { (ended + 1, bare) } else { (ended, bare + 1) }
        },
    );
    (if ended > bare { ";" } else { "" }, if text.contains("\r\n") { "\r\n" } else { "\n" })
}

/// The white space that begins the line of a place.
pub(super) fn indent_at(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let line = &text[start..at];
    &line[..line.len() - line.trim_start().len()]
}

pub(super) fn is_typescript(file: &str) -> bool {
    [".ts", ".tsx", ".mts", ".cts"].iter().any(|ending| file.ends_with(ending))
}

pub(super) fn lower_first(name: &str) -> String {
    name.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_lowercase() + rest)
}

pub(super) fn upper_first(name: &str) -> String {
    name.split_at_checked(1).map_or(String::new(), |(first, rest)| first.to_uppercase() + rest)
}
