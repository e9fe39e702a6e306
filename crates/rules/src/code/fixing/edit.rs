//! Edits of the code around a call that keep its formatting, and the edits that take them back.

use std::sync::Arc;

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::code::{Call, Object, Property};
use pgsteward_model::facts::Facts;
use pgsteward_model::source::Span;

/// A fix that edits a call. None where an edit lies outside of it: what stands elsewhere is another call's argument,
/// too.
pub(in crate::code) fn fix(
    facts: &Facts,
    call: &Call,
    safety: Safety,
    title: impl Into<String>,
    mut edits: Vec<TextEdit>,
) -> Option<Fix> {
    edits.sort_by_key(|edit| edit.span);
    if edits.is_empty() || !edits.iter().all(|edit| call.site.at.span.contains(edit.span)) {
        return None;
    }
    let (done, undone) = there_and_back(facts, &call.site.at.file, edits)?;
    let change = Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) };
    Some(Fix { title: title.into(), safety, change })
}

/// Edits of one file, sorted by place, and those that take them back. None where they do not fit its text.
pub(in crate::code) fn there_and_back(
    facts: &Facts,
    file: &Arc<str>,
    edits: Vec<TextEdit>,
) -> Option<(Step, Step)> {
    let text = &facts.sources.get(file)?.text;
    TextEdit::fit(text, &edits).then_some(())?;
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
    Some((step(edits), step(inverse)))
}

/// The text of a part of the call's file.
pub(in crate::code) fn text<'a>(facts: &'a Facts, call: &Call, span: Span) -> &'a str {
    facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(span))
}

/// Whether a property is written where its span says: what was followed from elsewhere has the span of its name.
pub(in crate::code) fn is_written(facts: &Facts, call: &Call, property: &Property) -> bool {
    let text = text(facts, call, property.span).trim_start_matches(['\'', '"']);
    text.starts_with(&property.name) && call.site.at.span.contains(property.span)
}

/// Adds a property behind the last one of an object, on a line of its own where the others have theirs.
pub(in crate::code) fn add_property(
    facts: &Facts,
    call: &Call,
    object: &Object,
    property: &str,
) -> Option<TextEdit> {
    let last = object.properties.iter().max_by_key(|property| property.span.end)?;
    // One that came by a spread ends before its brace.
    if !object.properties.iter().all(|property| !property.conditional && is_written(facts, call, property)) {
        return None;
    }
    let file = facts.sources.get(&call.site.at.file)?;
    let line = file.line_at(last.span.start);
    let indent: String = line.chars().take_while(|character| character.is_whitespace()).collect();
    // A property that begins its line shows how the next one is to be written.
    let own_line = file.text.get(..last.span.start)?.ends_with(&format!("\n{indent}"));
    let text = if own_line { format!(",\n{indent}{property}") } else { format!(", {property}") };
    Some(TextEdit { span: Span::new(last.span.end, last.span.end), text })
}

/// Takes a property out of its object, with its comma and, where it stands alone on its lines, those lines.
pub(in crate::code) fn remove_property(facts: &Facts, call: &Call, property: &Property) -> Option<TextEdit> {
    if !is_written(facts, call, property) {
        return None;
    }
    let text = &facts.sources.get(&call.site.at.file)?.text;
    let (before, after) = (text.get(..property.span.start)?, text.get(property.span.end..)?);
    let mut start = property.span.start;
    let mut end = property.span.end;
    if let Some(comma) = behind_comments(after).strip_prefix(',') {
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

/// A text without the white space and the comments that it begins with.
fn behind_comments(text: &str) -> &str {
    let text = text.trim_start();
    let rest = match text.strip_prefix("/*") {
        Some(comment) => comment.split_once("*/").map(|(_, rest)| rest),
        None => text.strip_prefix("//").and_then(|comment| comment.split_once('\n')).map(|(_, rest)| rest),
    };
    rest.map_or(text, behind_comments)
}

#[cfg(test)]
mod tests {
    use pgsteward_model::code::{Node, Operation, Value};
    use pgsteward_model::prisma::At;
    use pgsteward_model::source::SourceFile;

    use super::*;

    fn call(text: &str) -> (Facts, Call) {
        let mut facts = Facts::default();
        facts.sources.add(SourceFile::new("a.ts", text));
        let mut call = Call {
            site: Default::default(),
            name_at: At::default(),
            model: "Order".into(),
            operation: Operation::FindMany,
            receiver: "prisma".into(),
            confidence: pgsteward_model::code::Confidence::Resolved,
            on_transaction: false,
            argument: Node::default(),
            result: Default::default(),
            shape: String::new(),
            ordinal: 0,
            lowered: Default::default(),
        };
        call.site.at = At { file: Arc::from("a.ts"), span: Span::new(0, text.len()) };
        (facts, call)
    }

    fn property(text: &str, written: &str) -> Property {
        let start = text.find(written).unwrap();
        let name = written.split(':').next().unwrap().to_owned();
        let value = Node { span: Span::default(), value: Value::Bool(true) };
        Property::new(name, Span::new(start, start + written.len()), value)
    }

    fn applied(text: &str, edit: TextEdit) -> String {
        TextEdit::apply_all(text, &[edit]).unwrap()
    }

    #[test]
    fn properties_come_and_go_with_their_lines_and_commas() {
        let wide = "find({\n  where: 1,\n  include: 2,\n})";
        let (facts, at) = call(wide);
        let object = Object {
            properties: vec![property(wide, "where: 1"), property(wide, "include: 2")],
            open: false,
        };
        let added = add_property(&facts, &at, &object, "take: 3").unwrap();
        assert_eq!(applied(wide, added), "find({\n  where: 1,\n  include: 2,\n  take: 3,\n})");
        let without = remove_property(&facts, &at, &object.properties[0]).unwrap();
        assert_eq!(applied(wide, without), "find({\n  include: 2,\n})");

        let narrow = "find({ where: 1, include: 2 })";
        let (facts, at) = call(narrow);
        let object = Object {
            properties: vec![property(narrow, "where: 1"), property(narrow, "include: 2")],
            open: false,
        };
        let added = add_property(&facts, &at, &object, "take: 3").unwrap();
        assert_eq!(applied(narrow, added), "find({ where: 1, include: 2, take: 3 })");
        let first = remove_property(&facts, &at, &object.properties[0]).unwrap();
        assert_eq!(applied(narrow, first), "find({ include: 2 })");
        let last = remove_property(&facts, &at, &object.properties[1]).unwrap();
        assert_eq!(applied(narrow, last), "find({ where: 1 })");

        // A comment before the comma goes with what it speaks of.
        let told = "find({ include: 2 /* all */, where: 1 })";
        let (facts, at) = call(told);
        let without = remove_property(&facts, &at, &property(told, "include: 2")).unwrap();
        assert_eq!(applied(told, without), "find({ where: 1 })");
    }

    #[test]
    fn what_is_done_is_taken_back_exactly_and_only_inside_the_call() {
        let text = "find({ orderBy: { at: 'asc' }, take: 3 })";
        let (facts, mut at) = call(text);
        let edit = |start, end, text: &str| TextEdit { span: Span::new(start, end), text: text.into() };
        let edits = vec![edit(29, 29, ", { id: 'asc' }]"), edit(16, 16, "["), edit(0, 4, "look")];
        let done = fix(&facts, &at, Safety::Safe, "order by id last", edits.clone()).unwrap();
        let replaced = |steps: &[Step]| match steps {
            [Step::Edit(FileEdit { action: EditAction::Replace(edits), .. })] => edits.clone(),
            other => panic!("{other:?}"),
        };
        let after = TextEdit::apply_all(text, &replaced(&done.change.steps)).unwrap();
        assert_eq!(after, "look({ orderBy: [{ at: 'asc' }, { id: 'asc' }], take: 3 })");
        let Rollback::Steps(back) = &done.change.rollback else { panic!("edits can be taken back") };
        assert_eq!(TextEdit::apply_all(&after, &replaced(back)).as_deref(), Some(text));

        at.site.at.span = Span::new(5, text.len());
        assert_eq!(fix(&facts, &at, Safety::Safe, "order by id last", edits), None);
    }
}
