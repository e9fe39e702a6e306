//! A rule's page at a terminal. Pages are our own text, so the little Markdown they use is enough: headings,
//! paragraphs, lists, fenced code, code spans, bold words and links.

use pgsteward_model::rule::Rule;

use crate::terminal::style::{self, Paint};
use crate::{RenderOptions, text};

/// The page as Markdown, or, in colour, with headings in bold, code indented and paragraphs wrapped.
pub fn render_explain(rule: &Rule, options: &RenderOptions) -> String {
    let help = rule.help();
    let page = text::lines(help.trim_end());
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

    /// What a fence says of its code after the language: a path, mostly.
    fn caption(&mut self, info: &str) {
        if info.contains(' ') {
            let path = info.split_once(' ').map_or("", |(_, path)| path.trim());
            let painted = self.paint.paint(style::DIM, path);
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
        let mut text = Vec::new();
        inline(&joined, None, self.options.hyperlinks, &mut text);
        for (at, line) in wrap(&text, self.options.columns() - indent).into_iter().enumerate() {
            let pad = if at == 0 { indent.saturating_sub(2) } else { indent };
            let painted = self.painted(line);
            self.push(&format!("{:pad$}{painted}", ""));
        }
    }

    /// Runs of the same look, each with its marks.
    fn painted(&self, line: &[Letter<'_>]) -> String {
        let mut out = String::new();
        for run in line.chunk_by(|one, next| one.look == next.look) {
            let text: String = run.iter().map(|letter| letter.character).collect();
            match run[0].look {
                None => out.push_str(&text),
                Some(Look::Code) => out.push_str(&self.paint.paint(style::CODE, &text)),
                Some(Look::Bold) => out.push_str(&self.paint.paint(style::BOLD, &text)),
                Some(Look::Link(address)) => {
                    out.push_str(&format!("\u{1b}]8;;{address}\u{1b}\\{text}\u{1b}]8;;\u{1b}\\"));
                }
            }
        }
        out
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Look<'a> {
    Code,
    Bold,
    Link(&'a str),
}

#[derive(Clone, Copy)]
struct Letter<'a> {
    character: char,
    look: Option<Look<'a>>,
}

/// The visible letters of a paragraph: code spans, bold words and links lose their marks. A mark without its
/// partner stays as it is.
fn inline<'a>(text: &'a str, look: Option<Look<'a>>, hyperlinks: bool, out: &mut Vec<Letter<'a>>) {
    let mut rest = text;
    let plain = |text: &str, look, out: &mut Vec<Letter<'a>>| {
        out.extend(text.chars().map(|character| Letter { character, look }));
    };
    while let Some(at) = rest.find(['`', '*', '[']) {
        plain(&rest[..at], look, out);
        rest = &rest[at..];
        if let Some((code, after)) = rest.strip_prefix('`').and_then(|code| code.split_once('`')) {
            plain(code, Some(Look::Code), out);
            rest = after;
        } else if let Some((bold, after)) = rest.strip_prefix("**").and_then(|bold| bold.split_once("**")) {
            plain(bold, Some(Look::Bold), out);
            rest = after;
        } else if let Some((name, address, after)) = link(rest) {
            if hyperlinks {
                plain(name, Some(Look::Link(address)), out);
            } else {
                inline(name, look, hyperlinks, out);
                plain(" (", look, out);
                plain(address, look, out);
                plain(")", look, out);
            }
            rest = after;
        } else {
            plain(&rest[..1], look, out);
            rest = &rest[1..];
        }
    }
    plain(rest, look, out);
}

/// `[name](address)` and what follows it.
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (address, rest) = rest.split_once(')')?;
    (!name.contains('[')).then_some((name, address, rest))
}

/// Lines of at most `width` letters; a word that is longer gets a line of its own.
fn wrap<'t, 'a>(text: &'t [Letter<'a>], width: usize) -> Vec<&'t [Letter<'a>]> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut last_space = None;
    for (at, letter) in text.iter().enumerate() {
        if letter.character == ' ' {
            last_space = Some(at);
        }
        if at - start >= width
            && let Some(space) = last_space.take()
        {
            lines.push(&text[start..space]);
            start = space + 1;
        }
    }
    lines.push(&text[start..]);
    lines
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("- ") || line.starts_with("* ")
}
