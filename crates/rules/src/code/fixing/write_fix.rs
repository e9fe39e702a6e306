//! Loops that write, written without a statement or without a commit for each turn: one `createMany`, `updateMany` or
//! `deleteMany` in place of the loop, else one transaction with the statements of all turns.
//!
//! Only a loop that does nothing but write is taken; of any other the reason is said.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Awaited, Call, Loop, LoopKind, Object, Operation, Property, Value};
use pgsteward_model::prisma::{Arity, DefaultValue, FieldType, Model, Scalar};
use pgsteward_model::source::Span;

use super::edit;
use super::loop_fix::{
    ForOf, WIDTH, awaited_at, change, extended, for_of, in_values, indent_at, line_ends, parameter,
};
use crate::code::flow::Flow;
use crate::code::text::{indent_unit, is_path, mentions_word, names_of_pattern, root};
use crate::code::{loops, scale};

/// So many keys go into one statement for certain; PostgreSQL takes 65,535 parameters, Prisma half of that.
const KEYS: i64 = 30_000;

/// What goes on with the line before where no semicolon ends it. A comment may stand before any of them.
const GOES_ON: [char; 7] = ['(', '[', '`', '/', '+', '-', '*'];

/// A loop whose only statement is the call.
struct Only<'a> {
    each: ForOf<'a>,
    /// The call, without its `await`.
    call: &'a str,
    /// From the receiver to the dot before the operation: `prisma.order.`.
    model: &'a str,
    /// `;` or nothing, and the end of a line.
    end: &'static str,
    newline: &'static str,
}

/// The loop without a statement for each turn where one statement does the same, else with one commit for all; or why
/// there is neither.
pub(in crate::code) fn write_at_once(
    flow: &Flow,
    call: &Call,
    of: &Loop,
    one: bool,
) -> Result<Fix, &'static str> {
    let only = only_statement(flow, call, of)?;
    let fix = match call.operation {
        _ if !one => None,
        Operation::Create => create_many(flow, call, &only),
        Operation::Update | Operation::UpdateMany => by_list(flow, call, of, &only, "updateMany"),
        Operation::Delete | Operation::DeleteMany => by_list(flow, call, of, &only, "deleteMany"),
        _ => None,
    };
    match fix {
        Some(fix) => Ok(fix),
        None => in_one_transaction(flow, call, &only),
    }
}

fn only_statement<'a>(flow: &Flow<'a>, call: &Call, of: &Loop) -> Result<Only<'a>, &'static str> {
    const OTHER: &str = "each turn does more than this write";
    if !call.result.unused {
        return Err("a turn uses what its write returned");
    }
    if call.site.awaited != Awaited::Await || of.kind != LoopKind::ForOf {
        return Err("the loop is no `for … of` that waits for each write");
    }
    let each = for_of(flow, &call.site, of)
        .ok_or("the list of the loop is not known to be an array that stands still")?;
    let text: &str = &flow.facts.sources.get(&call.site.at.file).ok_or(OTHER)?.text;
    let part = |start: usize, end: usize| text.get(start..end).ok_or(OTHER);
    let awaited = awaited_at(text, call.site.at.span).ok_or(OTHER)?;
    let statement = part(each.body.span.start + 1, each.body.span.end - 1)?.trim();
    if statement.trim_end_matches(';').trim_end() != part(awaited.start, awaited.end)? {
        return Err(OTHER);
    }
    let model = part(call.site.at.span.start, call.name_at.span.start)?;
    // A client that each turn takes from its element, or makes of it, is another one in each turn.
    if names_of_pattern(each.element).is_none_or(|names| names.iter().any(|name| mentions_word(model, name)))
    {
        return Err("each turn has a client of its own");
    }
    let (end, newline) = line_ends(text);
    // Behind a block a line may begin with a bracket; behind a call without a semicolon it would go on with it.
    let next = part(each.body.span.end, text.len())?.trim_start();
    let end = if statement.ends_with(';') || next.starts_with(GOES_ON) { ";" } else { end };
    Ok(Only { each, call: part(call.site.at.span.start, call.site.at.span.end)?, model, end, newline })
}

/// One `createMany` in place of a loop that only creates.
fn create_many(flow: &Flow, call: &Call, only: &Only) -> Option<Fix> {
    let argument = call.argument.object().filter(|object| !object.open)?;
    let [data] = argument.properties.as_slice() else { return None };
    // With its brackets and casts.
    let row =
        edit::text(flow.facts, call, data.span).strip_prefix("data")?.trim_start().strip_prefix(':')?.trim();
    if data.name != "data"
        || !edit::is_written(flow.facts, call, data)
        || !row.starts_with(['{', '('])
        || row.contains('`') && row.contains('\n')
        || mentions_word(row, "await")
    {
        return None;
    }
    let text = &flow.facts.sources.get(&call.site.at.file)?.text;
    let Only { each, model, end, newline, .. } = only;
    let (indent, unit) = (indent_at(text, each.start), indent_unit(text));
    let rows = format!("{}.map({} => ({row}))", each.list, parameter(each.element));
    let short = format!("await {model}createMany({{ data: {rows} }}){end}");
    let written = if indent.len() + short.len() <= WIDTH && !short.contains('\n') {
        short
    } else {
        // The row's lines stood deeper, inside of the loop.
        let inner = format!("{indent}{unit}");
        let rows = moved(&rows, indent_at(text, data.value.span.start), &inner);
        format!("await {model}createMany({{{newline}{inner}data: {rows},{newline}{indent}}}){end}")
    };
    // Outside of a transaction the rows before a failing one stay; afterwards it is all or none.
    let safe = flow.in_transaction(call)
        && call.site.tries.is_empty()
        && !stamps(flow, call, data.value.object())
        && !extended(flow);
    let (safety, title) = if safe {
        (Safety::Safe, "write all rows with one createMany")
    } else {
        (Safety::Review, "write all rows or none with one createMany")
    };
    change(flow, call, safety, title, vec![in_place_of_loop(only, written)])
}

/// One `updateMany` or `deleteMany` with `in`, where all turns write the same.
fn by_list(flow: &Flow, call: &Call, of: &Loop, only: &Only, operation: &str) -> Option<Fix> {
    let argument = call.argument.object().filter(|object| !object.open)?;
    let filter = argument.get("where").filter(|filter| edit::is_written(flow.facts, call, filter))?;
    let others = argument.properties.iter().filter(|property| property.name != "where");
    let own = names_of_pattern(only.each.element)?;
    let of_turn = |property: &Property| {
        let text = edit::text(flow.facts, call, property.span);
        own.iter().any(|name| mentions_word(text, name))
    };
    let plain = |property: &Property| property.name == "data" && sets_values(flow, call, property);
    if !others.clone().all(|property| plain(property) && !of_turn(property)) {
        return None;
    }
    let conditions = filter.value.object().filter(|object| !object.open)?;
    let key = key_of(flow, call, conditions, &of_turn)?;
    let value = edit::text(flow.facts, call, key.value.span);
    let model = scale::model(flow.facts, &call.model)?;
    // What a condition on other rows says may hang on what the turns before have written, and what a row says of another
    // one of its table on what they have deleted.
    let stays = |name: &str| operation == "updateMany" || !is_cleared(model, name);
    let by_columns = conditions.properties.iter().all(|condition| is_of_columns(model, condition, &stays));
    if !is_path(value) || !own.contains(&root(value)) || !by_columns {
        return None;
    }
    let name = Span::new(call.name_at.span.start, call.name_at.span.end);
    let text = &flow.facts.sources.get(&call.site.at.file)?.text;
    let mut edits = vec![
        TextEdit { span: name, text: operation.to_owned() },
        TextEdit { span: key.span, text: format!("{}: {}", key.name, in_values(value, &only.each)) },
    ];
    let start = call.site.at.span.start;
    edits.iter_mut().for_each(|edit| edit.span = Span::new(edit.span.start - start, edit.span.end - start));
    let statement = TextEdit::apply_all(only.call, &edits)?;
    let (outer, inner) = (indent_at(text, only.each.start), indent_at(text, start));
    let written = format!("await {}{}", moved(&statement, inner, outer), only.end);
    // A row that is missing is an error of update and delete, and none of the others.
    let same = matches!(call.operation, Operation::UpdateMany | Operation::DeleteMany)
        && flow.in_transaction(call)
        && call.site.tries.is_empty()
        && loops::limit(flow, of).is_some_and(|rows| rows <= KEYS)
        && !stamps(flow, call, None)
        && is_fixed(flow, call, key.span)
        && !extended(flow);
    let (safety, title) = match (same, operation) {
        (true, "updateMany") => (Safety::Safe, "change all rows with one updateMany"),
        (true, _) => (Safety::Safe, "delete all rows with one deleteMany"),
        (false, "updateMany") => (Safety::Review, "change all rows or none with one updateMany"),
        (false, _) => (Safety::Review, "delete all rows or none with one deleteMany"),
    };
    change(flow, call, safety, title, vec![in_place_of_loop(only, written)])
}

/// The one condition that differs from turn to turn: a column that the call names by itself.
fn key_of<'o>(
    flow: &Flow,
    call: &Call,
    conditions: &'o Object,
    of_turn: &dyn Fn(&Property) -> bool,
) -> Option<&'o Property> {
    let model = scale::model(flow.facts, &call.model)?;
    let written =
        |property: &&Property| !property.conditional && edit::is_written(flow.facts, call, property);
    let mut varying = conditions.properties.iter().filter(|property| of_turn(property));
    let key = varying.next().filter(written)?;
    // `in` finds no row without a value, and asks lists and documents something else.
    let fits = model.field(&key.name).is_some_and(|field| {
        let plain = matches!(&field.ty, FieldType::Scalar(ty) if !matches!(ty, Scalar::Json | Scalar::Bytes));
        field.arity == Arity::Required && (plain || matches!(field.ty, FieldType::Enum(_)))
    });
    // `OR` and `NOT` beside it would hold for all keys at once, which is the same.
    (fits && varying.next().is_none()).then_some(key)
}

/// A condition that looks at the row itself, and at columns that stay as they are.
fn is_of_columns(model: &Model, condition: &Property, stays: &dyn Fn(&str) -> bool) -> bool {
    if !matches!(condition.name.as_str(), "AND" | "OR" | "NOT") {
        return model.field(&condition.name).is_some_and(|field| field.is_column()) && stays(&condition.name);
    }
    let parts = match &condition.value.value {
        Value::List(nodes) => nodes.iter().collect(),
        _ => vec![&condition.value],
    };
    parts.into_iter().all(|part| {
        part.object().is_some_and(|object| {
            !object.open && object.properties.iter().all(|inner| is_of_columns(model, inner, stays))
        })
    })
}

/// A column that the database empties where the row of the same table is deleted that it names.
fn is_cleared(model: &Model, column: &str) -> bool {
    model.fields.iter().any(|field| {
        let own = matches!(&field.ty, FieldType::Model(target) if *target == model.name);
        own && field.relation.as_ref().is_some_and(|relation| {
            let clears = match relation.on_delete.as_deref() {
                Some(action) => matches!(action, "SetNull" | "SetDefault"),
                None => field.arity != Arity::Required,
            };
            clears && relation.fields.iter().any(|name| name == column)
        })
    })
}

/// Nothing in the argument but the key may be another value in each turn, as what a call gives, or a counter.
fn is_fixed(flow: &Flow, call: &Call, key: Span) -> bool {
    let at = call.argument.span;
    [Span::new(at.start, key.start), Span::new(key.end, at.end)].into_iter().all(|part| {
        let text = edit::text(flow.facts, call, part);
        !["(", "++", "--", "`"].iter().any(|sign| text.contains(sign))
    })
}

/// Values for columns of the row itself. What is added to a row twice, or written into other tables, is no such thing.
pub(super) fn sets_values(flow: &Flow, call: &Call, data: &Property) -> bool {
    let Some(model) = scale::model(flow.facts, &call.model) else { return false };
    let text = edit::text(flow.facts, call, data.span);
    data.value.object().is_some_and(|object| {
        !object.open
            && !mentions_word(text, "await")
            && object.properties.iter().all(|property| {
                let column = model.field(&property.name).is_some_and(|field| field.is_column());
                column && !matches!(property.value.value, Value::Object(_) | Value::Choice { .. })
            })
    })
}

/// Prisma writes the time of each call into a column of the model: of every write, or of a new row that gives none.
fn stamps(flow: &Flow, call: &Call, row: Option<&Object>) -> bool {
    scale::model(flow.facts, &call.model).is_none_or(|model| {
        model.fields.iter().any(|field| {
            let made = field.default.as_ref().is_some_and(|default| default.value == DefaultValue::Now);
            let given = row.is_some_and(|row| row.get(&field.name).is_some());
            !given && (field.updated_at || row.is_some() && made)
        })
    })
}

/// `$transaction` with the list of all turns' statements: as many statements, and one commit.
fn in_one_transaction(flow: &Flow, call: &Call, only: &Only) -> Result<Fix, &'static str> {
    if flow.in_transaction(call) || call.site.transaction.is_some() {
        return Err(
            "its transaction makes one commit of them already, and one statement for rows with values of their own needs raw SQL",
        );
    }
    if flow.client_of_caller(call).is_some() {
        return Err("the client is handed in, and may be a transaction's");
    }
    let receiver = call.receiver.as_str();
    let text = flow.facts.sources.get(&call.site.at.file).map_or("", |file| &file.text);
    let waits = mentions_word(only.call, "await") || only.call.contains('`') && only.call.contains('\n');
    if !is_path(receiver) || !only.call.starts_with(receiver) || waits {
        return Err("the statement cannot be told from what each turn computes for it");
    }
    let Only { each, call: statement, end, newline, .. } = only;
    let (indent, unit) = (indent_at(text, each.start), indent_unit(text));
    let parameter = parameter(each.element);
    let short = format!("await {receiver}.$transaction({}.map({parameter} => {statement})){end}", each.list);
    let written = if indent.len() + short.len() <= WIDTH && !short.contains('\n') {
        short
    } else {
        let (first, second) = (format!("{indent}{unit}"), format!("{indent}{unit}{unit}"));
        let statement = moved(statement, indent_at(text, call.site.at.span.start), &second);
        format!(
            "await {receiver}.$transaction({newline}{first}{}.map({parameter} =>{newline}{second}{statement},\
             {newline}{first}),{newline}{indent}){end}",
            each.list
        )
    };
    let title = "write all rows or none in one transaction";
    change(flow, call, Safety::Review, title, vec![in_place_of_loop(only, written)])
        .ok_or("the edit would not fit the text")
}

fn in_place_of_loop(only: &Only, text: String) -> TextEdit {
    in_place_of(&only.each, text)
}

pub(super) fn in_place_of(each: &ForOf, text: String) -> TextEdit {
    TextEdit { span: Span::new(each.start, each.body.span.end), text }
}

/// A text of several lines at another depth.
fn moved(text: &str, from: &str, to: &str) -> String {
    text.replace(&format!("\n{from}"), &format!("\n{to}"))
}
