//! An edit of a file as whole lines before and after, for people to read. Applies nothing.

use pgsteward_model::change::{EditAction, FileEdit, Step, TextEdit};
use pgsteward_model::source::{SourceFile, Sources};

/// Neighbouring edits of one file: the lines they touch, as they are and as they will be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hunk {
    /// 1-based number of the first line.
    pub(crate) line: u32,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// The hunks of a replacing edit. None where the file was never read or an edit does not fit it.
pub(crate) fn of_edit(edit: &FileEdit, sources: &Sources) -> Option<Vec<Hunk>> {
    let EditAction::Replace(edits) = &edit.action else { return None };
    let source = sources.get(&edit.file)?;
    let mut hunks: Vec<(usize, usize, Vec<TextEdit>)> = Vec::new();
    for edit in edits {
        let start = line_start(source, edit.span.start)?;
        let end = line_end(source, edit.span.end)?;
        match hunks.last_mut() {
            Some((_, last_end, members)) if start <= *last_end => {
                *last_end = end.max(*last_end);
                members.push(edit.clone());
            }
            _ => hunks.push((start, end, vec![edit.clone()])),
        }
    }
    hunks.into_iter().map(|(start, end, edits)| hunk(source, start, end, edits)).collect()
}

/// The files that a rollback edits as the steps before it leave them: what the spans of its edits count in.
pub(crate) fn after(steps: &[Step], rollback: &[Step], sources: &Sources) -> Sources {
    let mut out = Sources::default();
    for step in rollback {
        let Step::Edit(FileEdit { file, .. }) = step else { continue };
        if out.get(file).is_some() {
            continue;
        }
        let mut text = sources.get(file).map(|source| source.text.to_string());
        for step in steps {
            match step {
                Step::Edit(edit) if edit.file == *file => {
                    text = match &edit.action {
                        EditAction::Replace(edits) => text.and_then(|text| TextEdit::apply_all(&text, edits)),
                        EditAction::Create(text) => Some(text.clone()),
                        EditAction::Delete => None,
                    };
                }
                _ => {}
            }
        }
        if let Some(text) = text {
            out.add(SourceFile::new(file.clone(), text));
        }
    }
    out
}

fn hunk(source: &SourceFile, start: usize, end: usize, mut edits: Vec<TextEdit>) -> Option<Hunk> {
    let before = source.text.get(start..end)?;
    for edit in &mut edits {
        edit.span.start -= start;
        edit.span.end -= start;
    }
    let after = TextEdit::apply_all(before, &edits)?;
    Some(Hunk { line: source.position(start).line, before: before.to_owned(), after })
}

fn line_start(source: &SourceFile, offset: usize) -> Option<usize> {
    source.text.get(..offset).map(|before| before.rfind('\n').map_or(0, |at| at + 1))
}

fn line_end(source: &SourceFile, offset: usize) -> Option<usize> {
    source.text.get(offset..).map(|after| after.find('\n').map_or(source.text.len(), |at| offset + at))
}

/// The lines of a hunk without those that both sides share at its start and end: what a diff would show.
pub(crate) fn changed_lines(hunk: &Hunk) -> (Vec<&str>, Vec<&str>) {
    let mut before: Vec<&str> = hunk.before.lines().collect();
    let mut after: Vec<&str> = hunk.after.lines().collect();
    while let (Some(old), Some(new)) = (before.last(), after.last()) {
        if old != new {
            break;
        }
        before.pop();
        after.pop();
    }
    let same = before.iter().zip(&after).take_while(|(old, new)| old == new).count();
    (before.split_off(same), after.split_off(same))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgsteward_model::source::Span;

    #[test]
    fn edits_of_one_line_share_a_hunk_and_equal_lines_are_dropped() {
        let mut sources = Sources::default();
        sources.add(SourceFile::new("a", "one two\nthree\nfour"));
        let edit = FileEdit {
            file: "a".into(),
            action: EditAction::Replace(vec![
                TextEdit { span: Span::new(0, 3), text: "1".into() },
                TextEdit { span: Span::new(4, 7), text: "2".into() },
                TextEdit { span: Span::new(18, 18), text: "\nfive".into() },
            ]),
        };
        let hunks = of_edit(&edit, &sources).expect("it fits");
        assert_eq!(hunks.len(), 2);
        assert_eq!(hunks[0], Hunk { line: 1, before: "one two".into(), after: "1 2".into() });
        assert_eq!(changed_lines(&hunks[1]), (vec![], vec!["five"]));
        let elsewhere = FileEdit { file: "b".into(), action: EditAction::Replace(Vec::new()) };
        assert_eq!(of_edit(&elsewhere, &sources), None);
    }
}
