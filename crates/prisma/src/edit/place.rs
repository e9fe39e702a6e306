//! Where in a schema text an edit goes, and how it is laid out there: one replacement per edit.

use pgsteward_model::change::TextEdit;
use pgsteward_model::source::Span;

use super::EditError;
use crate::schema::ast::{Attribute, Block, BlockKind, Document, Member};
use crate::schema::parser::parse_text;

pub(super) struct Text<'a> {
    text: &'a str,
    document: Document,
    /// Name of the datasource: the prefix of native types.
    source: &'a str,
}

impl<'a> Text<'a> {
    pub(super) fn new(text: &'a str, source: &'a str) -> Text<'a> {
        Text { text, document: parse_text(text), source }
    }

    pub(super) fn add_block_attribute(&self, model: &str, attribute: &str) -> Result<TextEdit, EditError> {
        let block = self.model(model)?;
        well_formed(attribute, "@@", |text| format!("model M {{\n  f Int\n  {text}\n}}"))?;
        if let Some(last) = block.attributes.last() {
            return Ok(self.line_after(block, last.span, attribute, false));
        }
        // One blank line parts the fields from the first block attribute.
        match block.members.last() {
            Some(last) => Ok(self.line_after(block, last.span, attribute, true)),
            None => Ok(self.first_line(block, attribute)),
        }
    }

    pub(super) fn add_field(&self, model: &str, line: &str) -> Result<TextEdit, EditError> {
        let block = self.model(model)?;
        well_formed(line, "", |text| format!("model M {{\n  {text}\n}}"))?;
        match block.members.last() {
            Some(last) => Ok(self.line_after(block, last.span, line.trim(), false)),
            None => Ok(self.first_line(block, line.trim())),
        }
    }

    pub(super) fn add_field_attribute(
        &self,
        model: &str,
        field: &str,
        attribute: &str,
    ) -> Result<TextEdit, EditError> {
        let (block, member) = self.field(model, field)?;
        self.field_attribute(attribute)?;
        if self.same_attribute(member, attribute).is_some() {
            return Err(EditError::AlreadyThere {
                model: model.to_owned(),
                field: field.to_owned(),
                attribute: format!("@{}", attribute_name(attribute)),
            });
        }
        Ok(self.append(block, member, attribute))
    }

    pub(super) fn set_field_attribute(
        &self,
        model: &str,
        field: &str,
        attribute: &str,
    ) -> Result<TextEdit, EditError> {
        let (block, member) = self.field(model, field)?;
        self.field_attribute(attribute)?;
        Ok(match self.same_attribute(member, attribute) {
            Some(old) => TextEdit { span: old.span, text: attribute.to_owned() },
            None => self.append(block, member, attribute),
        })
    }

    pub(super) fn set_field_type(&self, model: &str, field: &str, ty: &str) -> Result<TextEdit, EditError> {
        let (block, member) = self.field(model, field)?;
        well_formed(ty, "", |text| format!("model M {{\n  f {text}\n}}"))?;
        let unknown = || EditError::UnknownField { model: model.to_owned(), field: field.to_owned() };
        let old = member.ty.as_ref().ok_or_else(unknown)?.span;
        let rest = self.text.get(old.end..).unwrap_or("");
        let gap = rest.len() - rest.trim_start_matches(' ').len();
        let attribute = member.attributes.first().filter(|first| first.span.start == old.end + gap);
        let aligned = attribute.is_some_and(|first| {
            let column = self.column(first.span.start);
            gap > 1 || self.attribute_columns(block, member).contains(&column)
        });
        if !aligned {
            return Ok(TextEdit { span: old, text: ty.to_owned() });
        }
        // The attributes stay in their column while the new type leaves room for it.
        let room = old.end - old.start + gap;
        let gap_now = room.saturating_sub(ty.len()).max(1);
        Ok(TextEdit { span: Span::new(old.start, old.end + gap), text: format!("{ty}{:gap_now$}", "") })
    }

    /// Removes the innermost attribute or field that covers a span.
    pub(super) fn remove(&self, span: Span) -> Option<TextEdit> {
        let block = self.document.blocks.iter().find(|block| block.span.contains(span))?;
        if let Some(at) = block.attributes.iter().position(|attribute| attribute.span.contains(span)) {
            let only = block.attributes.len() == 1;
            return Some(self.remove_lines(block.attributes[at].span, only));
        }
        let at = block.members.iter().position(|member| member.span.contains(span))?;
        let member = &block.members[at];
        let Some(attribute) = member.attributes.iter().find(|attribute| attribute.span.contains(span)) else {
            let mut lines = member.span;
            lines.start = self.documentation_start(lines.start);
            return Some(self.remove_lines(lines, false));
        };
        let start = self.text.get(..attribute.span.start)?.trim_end_matches([' ', '\t']).len();
        if self.text.get(..start)?.ends_with('\n') {
            return Some(self.remove_lines(attribute.span, false));
        }
        // Between two attributes the blanks before the first stay, so that the next one keeps its place.
        let next = self.text.get(attribute.span.end..)?;
        let blanks = next.len() - next.trim_start_matches(' ').len();
        if next.trim_start_matches(' ').starts_with('@') {
            return Some(TextEdit {
                span: Span::new(attribute.span.start, attribute.span.end + blanks),
                text: String::new(),
            });
        }
        Some(TextEdit { span: Span::new(start, attribute.span.end), text: String::new() })
    }

    fn model(&self, name: &str) -> Result<&Block, EditError> {
        self.document
            .blocks
            .iter()
            .find(|block| matches!(block.kind, BlockKind::Model | BlockKind::View) && block.name.text == name)
            .ok_or_else(|| EditError::UnknownModel { model: name.to_owned() })
    }

    fn field(&self, model: &str, field: &str) -> Result<(&Block, &Member), EditError> {
        let block = self.model(model)?;
        let member = block.members.iter().find(|member| member.name.text == field);
        let unknown = || EditError::UnknownField { model: model.to_owned(), field: field.to_owned() };
        Ok((block, member.ok_or_else(unknown)?))
    }

    fn field_attribute(&self, attribute: &str) -> Result<(), EditError> {
        if attribute.starts_with("@@") {
            let reason = "a field attribute begins with one \"@\"".to_owned();
            return Err(EditError::Malformed { text: attribute.to_owned(), reason });
        }
        well_formed(attribute, "@", |text| format!("model M {{\n  f Int {text}\n}}"))
    }

    /// The attribute that `attribute` would replace: of the same name, or any native type for another.
    fn same_attribute<'m>(&self, member: &'m Member, attribute: &str) -> Option<&'m Attribute> {
        let name = attribute_name(attribute);
        let native = |name: &str| name.split_once('.').is_some_and(|(source, _)| source == self.source);
        member.attributes.iter().find(|old| old.name.text == name || (native(&old.name.text) && native(name)))
    }

    fn append(&self, block: &Block, member: &Member, attribute: &str) -> TextEdit {
        let at = member.span.end;
        let mut gap = 1;
        if member.attributes.is_empty() {
            // The first attribute of a field stands below those of the fields around it.
            let column = self.column(at);
            gap = self
                .attribute_columns(block, member)
                .first()
                .and_then(|wanted| wanted.checked_sub(column))
                .map_or(1, |gap| gap.max(1));
        }
        TextEdit { span: Span::new(at, at), text: format!("{:gap$}{attribute}", "") }
    }

    /// Columns of the first attributes of the nearest fields before and after this one.
    fn attribute_columns(&self, block: &Block, member: &Member) -> Vec<usize> {
        let Some(at) = block.members.iter().position(|other| other.span == member.span) else {
            return Vec::new();
        };
        let column = |other: &Member| {
            let first = other.attributes.first()?;
            let own_line = self.line_start(first.span.start) == self.line_start(other.span.start);
            own_line.then(|| self.column(first.span.start))
        };
        let before = block.members[..at].iter().rev().find_map(column);
        let after = block.members[at + 1..].iter().find_map(column);
        before.into_iter().chain(after).collect()
    }

    /// A new line below the one that `anchor` ends on.
    fn line_after(&self, block: &Block, anchor: Span, line: &str, blank: bool) -> TextEdit {
        let newline = self.newline();
        let indent = self.indent(anchor.start);
        let end = self.line_end(self.comments_end(anchor.end));
        if end > block.close.start {
            // The whole block stands on one line: the closing brace moves down.
            let start = self.text[..block.close.start].trim_end_matches([' ', '\t']).len();
            let text = format!("{newline}  {line}{newline}");
            return TextEdit { span: Span::new(start, block.close.start), text };
        }
        let blank = if blank { newline } else { "" };
        TextEdit { span: Span::new(end, end), text: format!("{blank}{newline}{indent}{line}") }
    }

    /// The first line of a block without members.
    fn first_line(&self, block: &Block, line: &str) -> TextEdit {
        let newline = self.newline();
        let close = block.close.start;
        let start = self.text[..close].trim_end_matches([' ', '\t']).len();
        let lead = if self.text[..start].ends_with('\n') { "" } else { newline };
        TextEdit { span: Span::new(start, close), text: format!("{lead}  {line}{newline}") }
    }

    /// Removes the whole lines of a span; with `parting`, also the blank line above that parted it.
    fn remove_lines(&self, span: Span, parting: bool) -> TextEdit {
        let mut start = self.line_start(span.start);
        let line_end = self.line_end(span.end);
        let rest = &self.text[line_end..];
        let newline = if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
        let before = self.text.get(start..span.start).unwrap_or("");
        let after = self.text.get(span.end..line_end).unwrap_or("");
        let after = after.trim();
        // A comment left alone on the line would document the next field.
        let comment = after.starts_with("//")
            || (after.starts_with("/*") && after.find("*/").is_some_and(|end| end + 2 == after.len()));
        if !before.trim().is_empty() || !(after.is_empty() || comment) {
            // Something else shares the line: only the span itself goes.
            return TextEdit { span, text: String::new() };
        }
        if parting && start > 0 {
            let above = self.line_start(start - 1);
            if self.text[above..start].trim().is_empty() {
                start = above;
            }
        }
        TextEdit { span: Span::new(start, line_end + newline), text: String::new() }
    }

    /// Start of the `///` lines right above a field: left alone they would document the next one.
    fn documentation_start(&self, at: usize) -> usize {
        let mut start = self.line_start(at);
        let mut found = at;
        while start > 0 {
            let above = self.line_start(start - 1);
            if !self.text[above..start].trim_start().starts_with("///") {
                break;
            }
            start = above;
            found = above + (self.text[above..].len() - self.text[above..].trim_start().len());
        }
        found
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// End of the line, before its line end.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        if self.text[..end].ends_with('\r') && end > at { end - 1 } else { end }
    }

    /// The end of the `/* … */` that begin behind an offset on its line. They may end on a later line, and what
    /// was put between would be a part of them.
    fn comments_end(&self, at: usize) -> usize {
        let mut end = at;
        loop {
            let rest = self.text[end..].trim_start_matches([' ', '\t']);
            match rest.find("*/").filter(|_| rest.starts_with("/*")) {
                Some(length) => end = self.text.len() - rest.len() + length + 2,
                None => return end,
            }
        }
    }

    /// Code points between the start of the line and an offset.
    fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().count()
    }

    fn indent(&self, at: usize) -> &str {
        let line = &self.text[self.line_start(at)..];
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        &line[..blanks]
    }

    fn newline(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }
}

/// `@db.VarChar(3)` → `db.VarChar`.
fn attribute_name(attribute: &str) -> &str {
    let name = attribute.trim_start_matches('@');
    name.split(['(', ' ']).next().unwrap_or(name)
}

/// Refuses text that would not stand as one line in a model: a caller's mistake must not break the schema.
fn well_formed(text: &str, start: &str, model: impl Fn(&str) -> String) -> Result<(), EditError> {
    let malformed = |reason: &str| EditError::Malformed { text: text.to_owned(), reason: reason.to_owned() };
    if !text.starts_with(start) || text.trim().is_empty() {
        return Err(malformed(&format!("expected it to begin with \"{start}\"")));
    }
    if text.contains(['\n', '\r']) {
        return Err(malformed("it is more than one line"));
    }
    let document = parse_text(&model(text));
    match document.errors.first() {
        Some(error) => Err(malformed(&error.message)),
        None if document.blocks.len() == 1 => Ok(()),
        None => Err(malformed("it is more than one block")),
    }
}
