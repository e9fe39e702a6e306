//! Pieces of schema text, not yet aligned: the formatter does that.

use super::names::quoted;

/// A block with its documentation and members, one a line.
pub(super) struct Block {
    keyword: &'static str,
    name: String,
    documentation: Option<String>,
    commented: bool,
    lines: Vec<String>,
}

impl Block {
    pub(super) fn new(keyword: &'static str, name: String, documentation: Option<String>) -> Block {
        Block { keyword, name, documentation, commented: false, lines: Vec::new() }
    }

    pub(super) fn comment_out(&mut self) {
        self.commented = true;
    }

    /// Adds a paragraph, unless the documentation says it already.
    pub(super) fn document(&mut self, text: &str) {
        match &mut self.documentation {
            Some(old) if old.contains(text) => {}
            Some(old) => {
                old.push('\n');
                old.push_str(text);
            }
            None => self.documentation = Some(text.to_owned()),
        }
    }

    pub(super) fn line(&mut self, line: String) {
        self.lines.push(line);
    }

    pub(super) fn render(&self) -> String {
        let sign = if self.commented { "// " } else { "" };
        let mut out = documentation(self.documentation.as_deref());
        out.push_str(&format!("{sign}{} {} {{\n", self.keyword, self.name));
        for line in &self.lines {
            out.push_str(&format!("{sign}{line}\n"));
        }
        out.push_str(&format!("{sign}}}\n"));
        out
    }
}

/// `///` lines, each with its line end.
pub(super) fn documentation(text: Option<&str>) -> String {
    let lines = text.into_iter().flat_map(|text| text.split('\n'));
    lines.map(|line| if line.is_empty() { "///\n".to_owned() } else { format!("/// {line}\n") }).collect()
}

/// A field or an enum's value: documentation, then the line.
pub(super) fn member(docs: Option<&str>, commented: bool, words: &[String]) -> String {
    let sign = if commented { "// " } else { "" };
    format!("{}{sign}{}", documentation(docs), words.join(" "))
}

/// `name(a, b)`, or the name alone where there is no argument.
pub(super) fn call(name: &str, arguments: &[String]) -> String {
    if arguments.is_empty() { name.to_owned() } else { format!("{name}({})", arguments.join(", ")) }
}

/// `name: "text"`.
pub(super) fn named_text(name: &str, text: &str) -> String {
    format!("{name}: {}", quoted(text))
}
