//! The code frame of a finding: its source lines with the range marked, as compilers show them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use pgsteward_model::finding::Severity;
use pgsteward_model::source::{FileRange, SourceFile, Span};

use super::style;
use crate::{RenderOptions, text};

/// A range of more lines than this is marked on its first line only.
const MOST_LINES: u32 = 5;

/// Lines of source text, safe to print, and the marked range in them.
struct Excerpt {
    text: String,
    first_line: u32,
    mark: std::ops::Range<usize>,
}

/// The frame with its `-->` line, without a line break at its end.
pub(super) fn render(
    range: &FileRange,
    path: &str,
    source: &SourceFile,
    severity: Severity,
    options: &RenderOptions,
) -> Option<String> {
    let excerpt = excerpt(source, range)?;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let snippet = Snippet::source(excerpt.text)
        .line_start(excerpt.first_line as usize)
        .path(text::line(path))
        .fold(false)
        .annotation(AnnotationKind::Primary.span(excerpt.mark));
    let renderer = if options.color {
        Renderer::styled()
            .error(style::of_severity(Severity::Error))
            .warning(style::of_severity(Severity::Warning))
            .info(style::of_severity(Severity::Info))
            .line_num(style::GUTTER)
    } else {
        Renderer::plain()
    };
    let renderer = renderer.term_width(options.columns()).decor_style(DecorStyle::Ascii);
    let frame = renderer.render(&[Group::with_level(level).element(snippet)]);
    Some(frame.trim_end().to_owned())
}

/// Width of the line numbers in the frame, which what stands under the frame aligns with.
pub(super) fn gutter(range: &FileRange) -> usize {
    last_line(range).to_string().len()
}

fn last_line(range: &FileRange) -> u32 {
    let end = range.end.line.max(range.start.line);
    if end - range.start.line >= MOST_LINES { range.start.line } else { end }
}

fn excerpt(source: &SourceFile, range: &FileRange) -> Option<Excerpt> {
    let first_line = range.start.line;
    let start = source.line_start(first_line)?;
    let last_line = last_line(range);
    let end = source.line_start(last_line + 1).map_or(source.text.len(), |next| next - 1);
    let shown = source.text.get(start..end)?;
    let from = range.span.start.clamp(start, end);
    let to = range.span.end.clamp(from, end);
    source.text.get(from..to)?;
    let (text, mark) = safe(shown, Span::new(from - start, to - start));
    Some(Excerpt { text, first_line, mark })
}

/// Makes the three parts of an excerpt safe one by one, so that the mark stays where it is. Passwords are
/// masked in the whole before: one that spans the mark's border would survive otherwise, and then the whole
/// of the lines is marked.
fn safe(shown: &str, mark: Span) -> (String, std::ops::Range<usize>) {
    let parts = [&shown[..mark.start], &shown[mark.start..mark.end], &shown[mark.end..]];
    let parts = parts.map(text::lines);
    let whole = text::lines(shown);
    if parts.concat() != whole {
        let indent = whole.len() - whole.trim_start().len();
        let end = whole.trim_end().len().max(indent);
        return (whole, indent..end);
    }
    let [before, marked, _] = parts;
    let end = before.len() + marked.trim_end().len();
    (whole, before.len()..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_across_the_mark_is_masked() {
        let source = SourceFile::new("a", "url = \"postgres://u:secret@h/d\"");
        let range = source.range(Span::new(21, 24));
        let frame =
            render(&range, "a", &source, Severity::Error, &RenderOptions::default()).expect("a frame");
        assert!(!frame.contains("secret") && !frame.contains("sec"), "{frame}");
        assert!(frame.contains("postgres://u:***@h/d"), "{frame}");
    }

    /// Every range of a text with all kinds of line ends, tabs, wide and hostile characters.
    #[test]
    fn no_range_makes_a_frame_fail() {
        let text = "a\té\r\n\n漢字\u{1b}[31m\u{202e}\r\nx://u:p@h\n\tlast";
        let source = SourceFile::new("a", text);
        let mut frames = 0;
        for start in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            for end in (start..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                let range = source.range(Span::new(start, end));
                let frame = render(&range, "a", &source, Severity::Info, &RenderOptions::default());
                let frame = frame.expect("the range fits");
                assert!(!frame.contains(['\u{1b}', '\u{202e}', '\t', '\r']), "{frame:?}");
                frames += 1;
            }
        }
        assert!(frames > 500);
    }

    #[test]
    fn a_long_line_is_cut_around_its_mark() {
        let text = format!("{}needle{}", "a ".repeat(40_000), " b".repeat(40_000));
        let source = SourceFile::new("a", text);
        let range = source.range(Span::new(80_000, 80_006));
        let frame =
            render(&range, "a", &source, Severity::Error, &RenderOptions::default()).expect("a frame");
        assert!(frame.contains("needle"), "{frame}");
        assert!(frame.lines().all(|line| line.chars().count() <= 100), "{frame}");
    }

    #[test]
    fn an_empty_file_and_a_range_past_the_end_do_no_harm() {
        for (text, span) in [("", Span::new(0, 0)), ("a\n", Span::new(2, 9)), ("é", Span::new(1, 1))] {
            let source = SourceFile::new("a", text);
            let range = source.range(span);
            let _ = render(&range, "a", &source, Severity::Error, &RenderOptions::default());
        }
    }
}
