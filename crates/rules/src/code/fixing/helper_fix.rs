//! Loops over a helper that reads or writes one row, wherever the helper stands: a sibling of the helper reads the rows of
//! all turns, and a `Map` gives each turn its own; or it writes them all.
//!
//! The helper stays as it is for its other callers.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::code::{Awaited, Call, Invocation, Loop, LoopKind, Operation, Source};
use pgsteward_model::prisma::Arity;
use pgsteward_model::source::Span;

use super::edit;
use super::helper::Helper;
use super::imports::import;
use super::loop_fix::{
    awaited_at, by_key_alone, extended, for_of, indent_at, is_only_read, is_typescript, line_ends,
    name_of_rows, nothing_waits, same_key_type, stands_alone, values,
};
use super::touched::changes;
use super::write_fix::{in_place_of, sets_values};
use crate::code::flow::Flow;
use crate::code::text::{names_of_pattern, root};
use crate::code::{find_first_by_unique_key, shared};

/// The edits of both files.
pub(in crate::code) fn read_before(
    flow: &Flow,
    invocation: &Invocation,
    call: &Call,
    of: &Loop,
) -> Option<Fix> {
    let by_key = matches!(call.operation, Operation::FindUnique | Operation::FindFirst);
    if !by_key || invocation.site.awaited != Awaited::Await || of.kind != LoopKind::ForOf {
        return None;
    }
    let each = for_of(flow, &invocation.site, of)?;
    let asked = by_key_alone(flow, call)?;
    let helper = Helper::of(flow, invocation, call, call.argument.get("where")?.get(&asked.field.name)?)?;
    let value = helper.given(flow, invocation)?;
    let own = names_of_pattern(each.element)?;
    if !own.contains(&root(value)) || own.iter().any(|name| changes(each.body.text, name)) {
        return None;
    }
    let caller = flow.facts.sources.get(&invocation.site.at.file)?;
    let text: &str = &caller.text;
    let sibling = helper.sibling_name(&asked.field.name, false, text)?;
    let behind = helper.sibling(&sibling, |list| {
        let receiver = helper.text.get(call.site.at.span.start..call.name_at.span.start)?;
        let (end, _) = line_ends(helper.text);
        let pair = if is_typescript(helper.file) { " as const" } else { "" };
        let argument = asked.of_list(flow, call, list)?;
        Some(vec![
            format!("const rows = await {receiver}findMany({argument}){end}"),
            format!("return new Map(rows.map((row) => [row.{}, row]{pair})){end}", asked.field.name),
        ])
    })?;
    let rows = name_of_rows(call, asked.field, flow.text_of(invocation.site.function))?;
    let asking = helper.call(flow, invocation, &sibling, &values(value, &each), &own)?;
    let (end, newline) = line_ends(text);
    let indent = indent_at(text, each.start);
    let awaited = awaited_at(text, invocation.site.at.span)?;
    let lookup = format!("{rows}.get({value}) ?? null");
    let lookup = if stands_alone(text, awaited)? { lookup } else { format!("({lookup})") };
    let mut edits = vec![
        TextEdit {
            span: Span::new(each.start, each.start),
            text: format!("const {rows} = await {asking}{end}{newline}{indent}"),
        },
        TextEdit { span: awaited, text: lookup },
    ];
    edits.extend(import(&helper, flow, invocation, &sibling)?);
    let safe = nothing_waits(flow, &invocation.site, &each)
        && same_key_type(flow, of, &each, asked.field, value)
        && is_only_read(flow, call, bound(text, awaited), &each)
        && !extended(flow);
    let change = both_files(flow, &helper, behind, invocation, edits)?;
    Some(Fix {
        title: format!("read the rows of all turns with \"{sibling}\" before the loop"),
        safety: if safe { Safety::Safe } else { Safety::Review },
        change,
    })
}

/// One `updateMany` or `deleteMany` in a sibling, in place of a loop that does nothing but call the helper.
pub(in crate::code) fn write_at_once(
    flow: &Flow,
    invocation: &Invocation,
    call: &Call,
    of: &Loop,
) -> Option<Fix> {
    let operation = match call.operation {
        Operation::Update | Operation::UpdateMany => "updateMany",
        Operation::Delete | Operation::DeleteMany => "deleteMany",
        _ => return None,
    };
    if invocation.site.awaited != Awaited::Await
        || of.kind != LoopKind::ForOf
        || !invocation.site.tries.is_empty()
    {
        return None;
    }
    let each = for_of(flow, &invocation.site, of)?;
    let text: &str = &flow.facts.sources.get(&invocation.site.at.file)?.text;
    let awaited = awaited_at(text, invocation.site.at.span)?;
    let statement = text.get(each.body.span.start + 1..each.body.span.end - 1)?.trim();
    let argument = call.argument.object().filter(|object| !object.open)?;
    let filter = argument.get("where").filter(|filter| edit::is_written(flow.facts, call, filter))?;
    let [key] = filter.value.object().filter(|filter| !filter.open)?.properties.as_slice() else {
        return None;
    };
    // `in` finds no row without a value.
    let column = flow
        .model(&call.model)?
        .field(&key.name)
        .is_some_and(|field| field.is_column() && field.arity == Arity::Required);
    let helper = Helper::of(flow, invocation, call, &key.value)?;
    // What is written may come from other parameters, which every turn gives the same.
    let same = argument.properties.iter().filter(|property| property.name != "where").all(|property| {
        let of_turn =
            |source: &&Source| matches!(source, Source::Parameter { index } if *index == helper.key);
        property.name == "data"
            && sets_values(flow, call, property)
            && !shared::sources(&property.value).iter().any(of_turn)
    });
    let only = statement.trim_end_matches(';').trim_end() == text.get(awaited.start..awaited.end)?;
    let value = helper.given(flow, invocation)?;
    let own = names_of_pattern(each.element)?;
    if !only || !same || !column || !own.contains(&root(value)) {
        return None;
    }
    let sibling = helper.sibling_name(&key.name, true, text)?;
    let behind = helper.sibling(&sibling, |list| {
        let receiver = helper.text.get(call.site.at.span.start..call.name_at.span.start)?;
        let (end, _) = line_ends(helper.text);
        let at = call.argument.span;
        let many = TextEdit {
            span: Span::new(filter.value.span.start - at.start, filter.value.span.end - at.start),
            text: format!("{{ {}: {{ in: {list} }} }}", key.name),
        };
        let argument = TextEdit::apply_all(edit::text(flow.facts, call, at), &[many])?;
        Some(vec![format!("await {receiver}{operation}({argument}){end}")])
    })?;
    let asking = helper.call(flow, invocation, &sibling, &values(value, &each), &own)?;
    let end = if statement.ends_with(';') { ";" } else { line_ends(text).0 };
    let mut edits = vec![in_place_of(&each, format!("await {asking}{end}"))];
    edits.extend(import(&helper, flow, invocation, &sibling)?);
    let verb = if operation == "updateMany" { "change" } else { "delete" };
    Some(Fix {
        title: format!("{verb} all rows or none with \"{sibling}\" in place of the loop"),
        safety: Safety::Review,
        change: both_files(flow, &helper, behind, invocation, edits)?,
    })
}

/// All turns call the helper at once, and it asks by a unique key with `findFirst`: as `findUnique` it is one query.
pub(in crate::code) fn batched(flow: &Flow, invocation: &Invocation, call: &Call, of: &Loop) -> Option<Fix> {
    let together = of.concurrent && !of.limited && !invocation.site.after_await_in_loop;
    let (better, key) = find_first_by_unique_key::better(flow.model(&call.model)?, call)?;
    // What the helper waits for before its query would set the turns apart.
    let first = Helper::of(flow, invocation, call, call.argument.get("where")?.get(key)?).is_some();
    (together && first).then(|| find_first_by_unique_key::rename(flow.facts, call, better))?
}

/// The variable that a statement binds what stands at a place to: `const price = await …`.
fn bound(text: &str, at: Span) -> Option<&str> {
    let line = text[..at.start].rsplit('\n').next()?.trim();
    let name = line.strip_prefix("const ")?.strip_suffix('=')?.trim();
    let name = name.split(':').next()?.trim();
    (names_of_pattern(name)?.as_slice() == [name]).then_some(name)
}

/// The edit of the helper's file and those of the caller's, which may be one file.
fn both_files(
    flow: &Flow,
    helper: &Helper,
    behind: TextEdit,
    invocation: &Invocation,
    mut edits: Vec<TextEdit>,
) -> Option<Change> {
    let caller = &invocation.site.at.file;
    let mut files = vec![(helper.file, vec![behind])];
    if caller == helper.file {
        files[0].1.append(&mut edits);
    } else {
        files.push((caller, edits));
    }
    let (mut steps, mut back) = (Vec::<Step>::new(), Vec::<Step>::new());
    for (file, mut edits) in files {
        edits.sort_by_key(|edit| edit.span);
        let (done, undone) = edit::there_and_back(flow.facts, file, edits)?;
        steps.push(done);
        back.insert(0, undone);
    }
    Some(Change { steps, rollback: Rollback::Steps(back) })
}
