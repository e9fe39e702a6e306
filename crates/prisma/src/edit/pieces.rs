//! A text under edit as pieces of the original and new texts between them, so that several edits made one
//! after the other come out as replacements of the original.

use std::sync::Arc;

use pgsteward_model::change::TextEdit;
use pgsteward_model::source::Span;

enum Piece {
    /// A range of the original.
    Kept(Span),
    New(String),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Kept(span) => span.end - span.start,
            Piece::New(text) => text.len(),
        }
    }
}

pub(super) struct Pieces {
    original: Arc<str>,
    pieces: Vec<Piece>,
}

impl Pieces {
    pub(super) fn new(original: Arc<str>) -> Pieces {
        let whole = Span::new(0, original.len());
        Pieces { original, pieces: vec![Piece::Kept(whole)] }
    }

    /// The text as it is now.
    pub(super) fn text(&self) -> String {
        self.pieces
            .iter()
            .map(|piece| match piece {
                Piece::Kept(span) => self.original.get(span.start..span.end).unwrap_or(""),
                Piece::New(text) => text,
            })
            .collect()
    }

    /// Where a span of the original is now; none where an edit has removed a part of it.
    pub(super) fn current(&self, span: Span) -> Option<Span> {
        let mut at = 0;
        for piece in &self.pieces {
            if let Piece::Kept(kept) = piece
                && kept.contains(span)
            {
                return Some(Span::new(at + span.start - kept.start, at + span.end - kept.start));
            }
            at += piece.len();
        }
        None
    }

    /// Replaces a span of the text as it is now.
    pub(super) fn apply(&mut self, edit: &TextEdit) {
        let mut at = 0;
        let mut out = Vec::with_capacity(self.pieces.len() + 2);
        let mut new = Some(edit.text.clone());
        for piece in self.pieces.drain(..) {
            let (start, end) = (at, at + piece.len());
            at = end;
            let before = edit.span.start.clamp(start, end) - start;
            let after = edit.span.end.clamp(start, end) - start;
            let (left, right) = split(piece, before, after);
            out.extend(left);
            if edit.span.start <= end {
                out.extend(new.take().map(Piece::New));
            }
            out.extend(right);
        }
        out.extend(new.map(Piece::New));
        self.pieces = out.into_iter().filter(|piece| piece.len() > 0).collect();
    }

    /// All replacements, as ranges of the original.
    pub(super) fn edits(&self) -> Vec<TextEdit> {
        let mut edits = Vec::new();
        let mut at = 0;
        let mut text = String::new();
        let end = Piece::Kept(Span::new(self.original.len(), self.original.len()));
        for piece in self.pieces.iter().chain([&end]) {
            match piece {
                Piece::New(new) => text.push_str(new),
                Piece::Kept(kept) => {
                    if kept.start > at || !text.is_empty() {
                        let span = Span::new(at, kept.start);
                        edits.push(TextEdit { span, text: std::mem::take(&mut text) });
                    }
                    at = kept.end;
                }
            }
        }
        edits
    }
}

/// What is left of a piece before offset `before` and from offset `after` on.
fn split(piece: Piece, before: usize, after: usize) -> (Option<Piece>, Option<Piece>) {
    if before == after && before == piece.len() {
        return (Some(piece), None);
    }
    if before == after && before == 0 {
        return (None, Some(piece));
    }
    match piece {
        Piece::Kept(span) => (
            Some(Piece::Kept(Span::new(span.start, span.start + before))),
            Some(Piece::Kept(Span::new(span.start + after, span.end))),
        ),
        Piece::New(text) => {
            (Some(Piece::New(text[..before].to_owned())), Some(Piece::New(text[after..].to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_made_in_turn_come_out_as_replacements_of_the_original() {
        let original: Arc<str> = "abcdef".into();
        let mut pieces = Pieces::new(original.clone());
        pieces.apply(&TextEdit { span: Span::new(2, 4), text: "--".into() });
        pieces.apply(&TextEdit { span: Span::new(0, 0), text: "<".into() });
        pieces.apply(&TextEdit { span: Span::new(7, 7), text: ">".into() });
        pieces.apply(&TextEdit { span: Span::new(4, 5), text: "+".into() });
        assert_eq!(pieces.text(), "<ab-+ef>");
        assert_eq!(TextEdit::apply_all(&original, &pieces.edits()).as_deref(), Some("<ab-+ef>"));
        assert_eq!(pieces.current(Span::new(4, 5)), Some(Span::new(5, 6)));
        assert_eq!(pieces.current(Span::new(1, 3)), None, "the c is gone");
    }
}
