//! Rows that are read to be counted, counted by the database.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Call, Operation, Value};
use pgsteward_model::source::Span;

use super::edit;
use super::statement::statement;
use crate::code::flow::Flow;
use crate::code::text::{closing, count_word, is_path, mentions_word};

/// `const rows = await x.findMany(…)` of which only `rows.length` is ever asked, as `count`. None where anything else is
/// done with the rows.
pub(in crate::code) fn fix(flow: &Flow, call: &Call) -> Option<Fix> {
    let argument = match &call.argument.value {
        Value::Undefined => None,
        _ => Some(call.argument.object().filter(|object| !object.open)?),
    };
    // What only says which fields come, or in which order, changes no number.
    let plain = |name: &str| matches!(name, "where" | "select" | "include" | "omit" | "orderBy");
    let properties = argument.into_iter().flat_map(|object| &object.properties);
    let fits = properties.into_iter().all(|property| plain(&property.name) && !property.conditional);
    let file = flow.facts.sources.get(&call.site.at.file)?;
    let text: &str = &file.text;
    let own = statement(text, call)?;
    let name = own.bound.filter(|name| is_path(name))?;
    let function = &flow.code.functions[call.site.function].at;
    let whole = text.get(function.span.start..function.span.end)?;
    let length = format!("{name}.length");
    let uses: Vec<usize> = whole
        .match_indices(length.as_str())
        .map(|(at, _)| at)
        .filter(|at| {
            let before = whole[..*at].chars().next_back();
            let after = whole[at + length.len()..].trim_start();
            let part =
                whole[at + length.len()..].starts_with(|one: char| one.is_alphanumeric() || one == '_');
            let assigned = after.starts_with('=') && !after.starts_with("==");
            !before.is_some_and(|one| one.is_alphanumeric() || "_$.".contains(one)) && !part && !assigned
        })
        .collect();
    let counted = format!("{name}Count");
    let all_known = count_word(whole, name) == uses.len() + 1;
    let is_own = function.span.contains(own.span) && call.operation == Operation::FindMany;
    if !fits || uses.is_empty() || !all_known || !is_own || mentions_word(text, &counted) {
        return None;
    }
    let call_text = text.get(call.name_at.span.end..call.site.at.span.end)?;
    let open = call_text.find('(').filter(|open| call_text[..*open].trim().is_empty())?;
    if closing(&call_text[open..])? != call_text.len() - open {
        return None;
    }
    let filter = argument.and_then(|object| object.get("where"));
    let filter = match filter {
        Some(filter) if edit::is_written(flow.facts, call, filter) => {
            format!("({{ {} }})", edit::text(flow.facts, call, filter.span))
        }
        Some(_) => return None,
        None => "()".to_owned(),
    };
    // Behind the word that declares: `s` is a letter of it, too.
    let declared = own.span.start + "const ".len();
    let bound = declared + text.get(declared..own.span.end)?.find(name)?;
    let mut edits = vec![
        TextEdit { span: Span::new(bound, bound + name.len()), text: counted.clone() },
        TextEdit {
            span: Span::new(call.name_at.span.start, call.site.at.span.end),
            text: format!("count{filter}"),
        },
    ];
    edits.extend(uses.iter().map(|at| {
        let start = function.span.start + at;
        TextEdit { span: Span::new(start, start + length.len()), text: counted.clone() }
    }));
    edits.sort_by_key(|edit| edit.span);
    let (done, undone) = edit::there_and_back(flow.facts, &call.site.at.file, edits)?;
    Some(Fix {
        title: "let the database count the rows".into(),
        // An extension or a middleware may answer `findMany` and not `count`, and either may stand in any file.
        safety: Safety::Review,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}
