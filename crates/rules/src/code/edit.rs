//! Edits of the code around a call that keep its formatting, and the edits that take them back.

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::code::{Call, Object, Property};
use pgsteward_model::facts::Facts;
use pgsteward_model::source::Span;

/// A fix that edits a call. None where an edit lies outside of it: what stands elsewhere is another call's argument,
/// too.
pub(super) fn fix(
    facts: &Facts,
    call: &Call,
    safety: Safety,
    title: impl Into<String>,
    mut edits: Vec<TextEdit>,
) -> Option<Fix> {
    let file = &call.site.at.file;
    let text = &facts.sources.get(file)?.text;
    edits.sort_by_key(|edit| edit.span);
    if edits.is_empty() || !edits.iter().all(|edit| call.site.at.span.contains(edit.span)) {
        return None;
    }
    TextEdit::apply_all(text, &edits)?;
    let mut inverse = Vec::new();
    let (mut removed, mut added) = (0, 0);
    for edit in &edits {
        let start = edit.span.start + added - removed;
        let before = text.get(edit.span.start..edit.span.end)?.to_owned();
        inverse.push(TextEdit { span: Span::new(start, start + edit.text.len()), text: before });
        removed += edit.span.end - edit.span.start;
        added += edit.text.len();
    }
    let step = |edits| Step::Edit(FileEdit { file: file.clone(), action: EditAction::Replace(edits) });
    let change = Change { steps: vec![step(edits)], rollback: Rollback::Steps(vec![step(inverse)]) };
    Some(Fix { title: title.into(), safety, change })
}

/// The text of a part of the call's file.
pub(super) fn text<'a>(facts: &'a Facts, call: &Call, span: Span) -> &'a str {
    facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(span))
}

/// Adds a property behind the last one of an object, on a line of its own where the others have theirs.
pub(super) fn add_property(facts: &Facts, call: &Call, object: &Object, property: &str) -> Option<TextEdit> {
    let last = object.properties.iter().max_by_key(|property| property.span.end)?;
    let file = facts.sources.get(&call.site.at.file)?;
    let line = file.line_at(last.span.start);
    let indent: String = line.chars().take_while(|character| character.is_whitespace()).collect();
    // A property that begins its line shows how the next one is to be written.
    let own_line = file.text.get(..last.span.start)?.ends_with(&format!("\n{indent}"));
    let text = if own_line { format!(",\n{indent}{property}") } else { format!(", {property}") };
    Some(TextEdit { span: Span::new(last.span.end, last.span.end), text })
}

/// Takes a property out of its object, with its comma and, where it stands alone on its lines, those lines.
pub(super) fn remove_property(facts: &Facts, call: &Call, property: &Property) -> Option<TextEdit> {
    let text = &facts.sources.get(&call.site.at.file)?.text;
    let (before, after) = (text.get(..property.span.start)?, text.get(property.span.end..)?);
    let mut start = property.span.start;
    let mut end = property.span.end;
    if let Some(comma) = after.trim_start().strip_prefix(',') {
        let alone = before.trim_end_matches([' ', '\t']).ends_with('\n');
        let rest = comma.trim_start_matches([' ', '\t']);
        if alone && let Some(next) = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n")) {
            start = before.trim_end_matches([' ', '\t']).len();
            end = text.len() - next.len();
        } else {
            end = text.len() - rest.len();
        }
    } else if let Some(rest) = before.trim_end().strip_suffix(',') {
        // The last one: the comma before it goes.
        start = rest.len();
    }
    Some(TextEdit { span: Span::new(start, end), text: String::new() })
}
