//! The text of one file as the formatter of Prisma sees it: blocks, lines and comments, with expressions already
//! in their canonical spelling.
//!
//! This is no second parser of the language. The formatter keeps text that the language refuses (a line that makes
//! no sense stays as it is), so what it needs is where lines and blocks end by Prisma's own grammar, a parsing
//! expression grammar: alternatives are tried in order, and blanks (never line ends) may stand between parts.

mod expression;

/// What stands at the top of a file.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Block {
        keyword: &'a str,
        name: &'a str,
        lines: Vec<Line<'a>>,
    },
    Comments(Vec<Comment<'a>>),
    EmptyLines,
    /// Kept as written, its line end included.
    Raw(&'a str),
}

/// What stands in a block.
#[derive(Debug)]
pub(super) enum Line<'a> {
    Field { name: &'a str, ty: Option<String>, attributes: Vec<Attribute<'a>>, trailing: Option<&'a str> },
    Value { name: &'a str, attributes: Vec<Attribute<'a>>, trailing: Option<&'a str> },
    Entry { key: &'a str, value: Option<String>, trailing: Option<&'a str> },
    BlockAttribute { attribute: Attribute<'a>, trailing: Option<&'a str> },
    Comments(Vec<Comment<'a>>),
    EmptyLines,
    Raw(&'a str),
}

/// An attribute without its sign.
#[derive(Debug)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    /// `(…)` in canonical spelling, or nothing.
    pub(super) arguments: String,
}

#[derive(Debug)]
pub(super) enum Comment<'a> {
    /// `///` with what follows it, to the end of the line.
    Documentation(&'a str),
    /// `//`, likewise.
    Plain(&'a str),
    /// What stands between `/*` and `*/`, as Prisma cuts it.
    Block(&'a str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contents {
    Fields,
    Values,
    Entries,
}

pub(super) fn read(text: &str) -> Vec<Item<'_>> {
    let mut reader = Reader { text, at: 0 };
    let mut items = Vec::new();
    loop {
        reader.blanks();
        if reader.rest().is_empty() {
            return items;
        }
        match reader.item() {
            Some(item) => items.push(item),
            // A control character that no rule takes; the language refuses such a text.
            None => return items,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or("")
    }

    /// Runs a rule; where it does not match, the place is as before.
    fn attempt<T>(&mut self, rule: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let start = self.at;
        let found = rule(self);
        if found.is_none() {
            self.at = start;
        }
        found
    }

    fn literal(&mut self, word: &str) -> Option<&'a str> {
        let found = self.rest().get(..word.len()).filter(|found| *found == word)?;
        self.at += word.len();
        Some(found)
    }

    /// Blanks and tabs: what may stand between the parts of a line.
    fn blanks(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c: char| !is_blank(c)).unwrap_or(rest.len());
        self.at += length;
    }

    /// The same as `literal`, after blanks.
    fn next_literal(&mut self, word: &str) -> Option<&'a str> {
        self.attempt(|reader| {
            reader.blanks();
            reader.literal(word)
        })
    }

    fn newline(&mut self) -> Option<()> {
        self.literal("\r\n").or_else(|| self.literal("\n")).or_else(|| self.literal("\r")).map(drop)
    }

    fn next_newline(&mut self) -> Option<()> {
        self.attempt(|reader| {
            reader.blanks();
            reader.newline()
        })
    }

    fn line_end(&mut self) -> &'a str {
        let start = self.at;
        let rest = self.rest();
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
        self.since(start)
    }

    fn identifier(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let length =
            rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).unwrap_or(rest.len());
        let word = &rest[..length];
        if !word.starts_with(char::is_alphanumeric) {
            return None;
        }
        self.at += length;
        Some(word)
    }

    fn next_identifier(&mut self) -> Option<&'a str> {
        self.attempt(|reader| {
            reader.blanks();
            reader.identifier()
        })
    }

    /// Names joined by dots; a dot at the end belongs to it.
    fn path(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.identifier()?;
        while self.literal(".").is_some() {
            self.path();
        }
        Some(self.since(start))
    }

    fn item(&mut self) -> Option<Item<'a>> {
        self.attempt(|reader| reader.block(&["model", "type", "view"], Contents::Fields))
            .or_else(|| self.attempt(|reader| reader.block(&["enum"], Contents::Values)))
            .or_else(|| self.attempt(|reader| reader.block(&["datasource", "generator"], Contents::Entries)))
            .or_else(|| self.attempt(|reader| reader.type_alias()))
            .or_else(|| self.attempt(|reader| reader.arbitrary_block()))
            .or_else(|| self.comments().map(Item::Comments))
            .or_else(|| self.empty_lines().map(|()| Item::EmptyLines))
            .or_else(|| self.raw_line().map(Item::Raw))
    }

    fn block(&mut self, keywords: &[&str], contents: Contents) -> Option<Item<'a>> {
        let keyword = keywords.iter().find_map(|keyword| self.literal(keyword))?;
        let name = self.next_identifier()?;
        self.open()?;
        let mut lines = Vec::new();
        loop {
            let line = self.attempt(|reader| {
                reader.blanks();
                reader.line(contents)
            });
            match line {
                Some(line) => lines.push(line),
                None => break,
            }
        }
        self.next_literal("}")?;
        Some(Item::Block { keyword, name, lines })
    }

    /// The brace, with all that follows it on its line.
    fn open(&mut self) -> Option<()> {
        self.next_literal("{")?;
        self.line_end();
        self.newline()
    }

    fn type_alias(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        self.literal("type")?;
        self.next_identifier()?;
        self.next_literal("=")?;
        self.blanks();
        self.base_type()?;
        self.attributes();
        Some(Item::Raw(self.since(start)))
    }

    /// A block without a keyword that Prisma knows; it ends at the first closing brace.
    fn arbitrary_block(&mut self) -> Option<Item<'a>> {
        let start = self.at;
        self.identifier()?;
        self.open()?;
        let end = self.rest().find('}')?;
        self.at += end + 1;
        Some(Item::Raw(self.since(start)))
    }

    fn line(&mut self, contents: Contents) -> Option<Line<'a>> {
        let own = match contents {
            Contents::Fields => self.attempt(|reader| reader.field()),
            Contents::Values => self.attempt(|reader| reader.value()),
            Contents::Entries => self.attempt(|reader| reader.entry()),
        };
        own.or_else(|| {
            (contents != Contents::Entries).then(|| self.attempt(|reader| reader.block_attribute())).flatten()
        })
        .or_else(|| self.comments().map(Line::Comments))
        .or_else(|| self.empty_lines().map(|()| Line::EmptyLines))
        .or_else(|| (!self.rest().starts_with('}')).then(|| self.raw_line().map(Line::Raw)).flatten())
    }

    fn field(&mut self) -> Option<Line<'a>> {
        let name = self.identifier()?;
        self.next_literal(":");
        let ty = self.attempt(|reader| {
            reader.blanks();
            reader.field_type()
        });
        let attributes = self.attributes();
        let trailing = self.trailing_comment();
        self.next_newline()?;
        Some(Line::Field { name, ty, attributes, trailing })
    }

    fn value(&mut self) -> Option<Line<'a>> {
        let name = self.identifier()?;
        let attributes = self.attributes();
        let trailing = self.trailing_comment();
        self.next_newline()?;
        Some(Line::Value { name, attributes, trailing })
    }

    fn entry(&mut self) -> Option<Line<'a>> {
        let key = self.identifier()?;
        self.next_literal("=")?;
        let value = self.attempt(|reader| {
            reader.blanks();
            reader.expression()
        });
        let trailing = self.trailing_comment();
        self.next_newline()?;
        Some(Line::Entry { key, value, trailing })
    }

    fn block_attribute(&mut self) -> Option<Line<'a>> {
        self.literal("@@")?;
        let attribute = self.attribute()?;
        let trailing = self.trailing_comment();
        self.next_newline()?;
        Some(Line::BlockAttribute { attribute, trailing })
    }

    fn field_type(&mut self) -> Option<String> {
        let suffixed = |reader: &mut Self, suffixes: &[&str]| {
            reader.attempt(|reader| {
                let base = reader.base_type()?;
                for suffix in suffixes {
                    reader.next_literal(suffix)?;
                }
                Some(base)
            })
        };
        if let Some(base) = suffixed(self, &["[]", "?"]) {
            return Some(format!("{base}[]?"));
        }
        if let Some(base) = suffixed(self, &["[]"]) {
            return Some(format!("{base}[]"));
        }
        if let Some(base) = suffixed(self, &["?"]) {
            return Some(format!("{base}?"));
        }
        if let Some(base) = suffixed(self, &["!"]) {
            return Some(base.to_owned());
        }
        let bracketed = self.attempt(|reader| {
            reader.literal("[")?;
            reader.blanks();
            let base = reader.base_type()?;
            reader.next_literal("]")?;
            Some(base)
        });
        match bracketed {
            Some(base) => Some(format!("{base}[]")),
            None => self.base_type().map(str::to_owned),
        }
    }

    /// A name, or `Unsupported("…")` as written.
    fn base_type(&mut self) -> Option<&'a str> {
        let start = self.at;
        let unsupported = self.attempt(|reader| {
            reader.literal("Unsupported(")?;
            reader.blanks();
            reader.string()?;
            reader.next_literal(")")
        });
        match unsupported {
            Some(_) => Some(self.since(start)),
            None => self.identifier(),
        }
    }

    fn attributes(&mut self) -> Vec<Attribute<'a>> {
        let mut attributes = Vec::new();
        while let Some(attribute) = self.attempt(|reader| {
            reader.next_literal("@")?;
            reader.attribute()
        }) {
            attributes.push(attribute);
        }
        attributes
    }

    /// What follows the sign.
    fn attribute(&mut self) -> Option<Attribute<'a>> {
        self.blanks();
        let name = self.path()?;
        let arguments = self.attempt(|reader| {
            reader.blanks();
            reader.arguments()
        });
        Some(Attribute { name, arguments: arguments.unwrap_or_default() })
    }

    /// A comment after a member, with its slashes.
    fn trailing_comment(&mut self) -> Option<&'a str> {
        self.attempt(|reader| {
            reader.blanks();
            let start = reader.at;
            reader.comment()?;
            Some(reader.since(start))
        })
    }

    /// Comments on lines of their own, without an empty line between them.
    fn comments(&mut self) -> Option<Vec<Comment<'a>>> {
        let mut comments = Vec::new();
        while let Some(comment) = self.attempt(|reader| reader.comment()) {
            comments.push(comment);
            self.newline();
        }
        (!comments.is_empty()).then_some(comments)
    }

    fn comment(&mut self) -> Option<Comment<'a>> {
        let start = self.at;
        self.blanks();
        if self.literal("///").is_some() {
            return Some(Comment::Documentation(self.line_end()));
        }
        if self.literal("//").is_some() {
            return Some(Comment::Plain(self.line_end()));
        }
        self.literal("/*")?;
        let end = self.rest().find("*/")?;
        self.at += end;
        // Prisma cuts two bytes off the front without looking: after blanks that is not the comment's sign.
        let inner = self.since(start).get(2..).unwrap_or("");
        self.at += 2;
        Some(Comment::Block(inner))
    }

    fn empty_lines(&mut self) -> Option<()> {
        let mut found = None;
        while self.next_newline().is_some() {
            found = Some(());
        }
        found
    }

    /// Everything to the end of the line, and the line end.
    fn raw_line(&mut self) -> Option<&'a str> {
        let start = self.at;
        if self.line_end().is_empty() {
            return None;
        }
        self.newline();
        Some(self.since(start))
    }
}

/// `SPACE_SEPARATOR` of Unicode, and the tab.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}
