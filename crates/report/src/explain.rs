//! A rule's page at a terminal. Pages are our own text, so the little Markdown they use is enough: headings,
//! paragraphs, lists, fenced code, code spans, bold words and links.

use pgsteward_model::rule::Rule;

use crate::terminal::style::{self, Paint};
use crate::{RenderOptions, text};

/// The page as Markdown, or, in colour, with headings in bold, code indented and paragraphs wrapped.
pub fn render_explain(rule: &Rule, options: &RenderOptions) -> String {
    let page = text::lines(rule.page.trim_end());
    if !options.color {
        return format!("{page}\n");
    }
    let mut view = View { paint: Paint::new(options), options, out: String::new(), paragraph: Vec::new() };
    let mut fence: Option<&str> = None;
    for line in page.lines() {
        if let Some(mark) = fence {
            if line.trim() == mark {
                fence = None;
            } else {
                view.code(line);
            }
        } else if let Some(mark) = ["````", "```"].into_iter().find(|mark| line.starts_with(mark)) {
            view.flush();
            fence = Some(mark);
            view.caption(line.trim_start_matches('`'));
        } else {
            view.text(line);
        }
    }
    view.flush();
    view.out
}

struct View<'a> {
    paint: Paint,
    options: &'a RenderOptions,
    out: String,
    /// Lines of the paragraph or list item being read.
    paragraph: Vec<String>,
}

impl View<'_> {
    fn push(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn code(&mut self, line: &str) {
        let painted = self.paint.paint(style::CODE, line);
        self.push(format!("    {painted}").trim_end());
    }

    /// What a fence says of its code: the language and a path.
    fn caption(&mut self, info: &str) {
        if info.contains(' ') {
            let painted = self.paint.paint(style::DIM, info.trim());
            self.push(&format!("    {painted}"));
        }
    }

    fn text(&mut self, line: &str) {
        if let Some(heading) = line.strip_prefix('#') {
            self.flush();
            let heading = heading.trim_start_matches('#').trim();
            let painted = self.paint.paint(style::BOLD, heading);
            self.push(&painted);
        } else if line.trim().is_empty() {
            self.flush();
            if !self.out.is_empty() && !self.out.ends_with("\n\n") {
                self.out.push('\n');
            }
        } else {
            if is_item(line) || line.starts_with('|') {
                self.flush();
            }
            self.paragraph.push(line.to_owned());
        }
    }

    fn flush(&mut self) {
        let lines = std::mem::take(&mut self.paragraph);
        let Some(first) = lines.first() else { return };
        if first.starts_with('|') {
            for line in &lines {
                self.push(line);
            }
            return;
        }
        let indent = if is_item(first) { first.len() - first.trim_start().len() + 2 } else { 0 };
        let joined = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        for (at, line) in text::wrap(&joined, self.options.columns() - indent).into_iter().enumerate() {
            let pad = if at == 0 { indent.saturating_sub(2) } else { indent };
            let inline = self.inline(&line);
            self.push(&format!("{:pad$}{inline}", ""));
        }
    }

    /// Code spans, bold words and links of one line. A mark without its partner on the line stays as it is.
    fn inline(&self, line: &str) -> String {
        let mut out = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(['`', '*', '[']) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let taken = self.span(rest, &mut out).unwrap_or_else(|| {
                out.push_str(&rest[..1]);
                1
            });
            rest = &rest[taken..];
        }
        out.push_str(rest);
        out
    }

    /// Writes the marked text that `rest` begins with and says how many bytes it took.
    fn span(&self, rest: &str, out: &mut String) -> Option<usize> {
        if let Some(code) = rest.strip_prefix('`') {
            let end = code.find('`')?;
            out.push_str(&self.paint.paint(style::CODE, &code[..end]));
            return Some(end + 2);
        }
        if let Some(bold) = rest.strip_prefix("**") {
            let end = bold.find("**")?;
            out.push_str(&self.paint.paint(style::BOLD, &bold[..end]));
            return Some(end + 4);
        }
        let link = rest.strip_prefix('[')?;
        let middle = link.find("](")?;
        let end = link[middle..].find(')')? + middle;
        let (name, address) = (&link[..middle], &link[middle + 2..end]);
        if self.options.hyperlinks {
            out.push_str(&format!("\u{1b}]8;;{address}\u{1b}\\{name}\u{1b}]8;;\u{1b}\\"));
        } else {
            out.push_str(&format!("{name} ({address})"));
        }
        Some(end + 2)
    }
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("- ") || line.starts_with("* ")
}
