//! Edits of several fixes in one text.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::change::{EditAction, FileEdit, TextEdit};
use pgsteward_model::facts::Facts;

use super::Write;

/// Whether edits of a fix touch text that others already replace. Two insertions at one place are fine.
pub(super) fn overlaps(taken: &[FileEdit], new: &[FileEdit]) -> bool {
    let crosses = |a: &TextEdit, b: &TextEdit| {
        a.span.start < b.span.end && b.span.start < a.span.end
            || a.span == b.span && a.span.start < a.span.end
    };
    new.iter().any(|new| {
        taken.iter().filter(|old| old.file == new.file).any(|old| match (&old.action, &new.action) {
            (EditAction::Replace(old), EditAction::Replace(new)) => {
                old.iter().any(|old| new.iter().any(|new| crosses(old, new)))
            }
            _ => true,
        })
    })
}

/// The files that the edits leave.
pub(super) fn merge(edits: &[FileEdit], facts: &Facts, notes: &mut Vec<String>) -> Vec<Write> {
    let mut replacements: BTreeMap<Arc<str>, Vec<TextEdit>> = BTreeMap::new();
    let mut writes = Vec::new();
    for edit in edits {
        match &edit.action {
            EditAction::Replace(edits) => {
                replacements.entry(edit.file.clone()).or_default().extend(edits.iter().cloned());
            }
            EditAction::Create(text) => {
                writes.push(Write { path: edit.file.to_string(), before: None, after: text.clone() });
            }
            EditAction::Delete => notes.push(format!("delete {} by hand", edit.file)),
        }
    }
    for (file, mut edits) in replacements {
        // A stable sort keeps insertions at one place in the order of their fixes.
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        edits.dedup();
        let text = facts.sources.get(&file).map(|source| source.text.clone());
        match text.as_deref().and_then(|text| Some((text, TextEdit::apply_all(text, &edits)?))) {
            Some((before, after)) => {
                writes.push(Write { path: file.to_string(), before: Some(before.to_owned()), after });
            }
            None => notes.push(format!("left out: the edits of {file} do not fit its text")),
        }
    }
    writes
}
