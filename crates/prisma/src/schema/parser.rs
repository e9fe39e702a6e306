//! Tokens to the tree of one file. An error costs at most its own line: the next field and the next block
//! are always read. Knows the grammar only; whether a name exists is asked in `resolve`.

use pgsteward_model::source::Span;

use super::ast::{
    Attribute, Block, BlockKind, Document, Entry, ExprKind, Member, Name, SyntaxError, TypeExpr,
};
use super::lexer::{Token, TokenKind, tokens};

pub(crate) fn parse_text(text: &str) -> Document {
    let mut parser = Parser { text, tokens: tokens(text), at: 0, document: Document::default() };
    parser.file();
    parser.document
}

pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    at: usize,
    document: Document,
}

/// An argument list that cannot be read on; the caller skips what is left of it.
pub(super) struct Broken;

impl<'a> Parser<'a> {
    pub(super) fn token(&self, ahead: usize) -> Token {
        let last = self.tokens.len() - 1;
        self.tokens[(self.at + ahead).min(last)]
    }

    pub(super) fn kind(&self) -> TokenKind {
        self.token(0).kind
    }

    pub(super) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.token(0);
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    pub(super) fn accept(&mut self, kind: TokenKind) -> Option<Token> {
        (self.kind() == kind).then(|| self.advance())
    }

    /// End of the token before the current one.
    pub(super) fn previous_end(&self) -> usize {
        self.at.checked_sub(1).map_or(0, |at| self.tokens[at].span.end)
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.document.errors.push(SyntaxError { span, message: message.into() });
    }

    pub(super) fn name(&mut self) -> Name {
        let span = self.advance().span;
        Name { text: self.slice(span).to_owned(), span }
    }

    /// To the end of the line, but never past a closing brace.
    fn skip_line(&mut self) {
        while !matches!(self.kind(), TokenKind::Newline | TokenKind::RightBrace | TokenKind::End) {
            self.advance();
        }
    }

    fn file(&mut self) {
        let mut documentation = Vec::new();
        loop {
            let token = self.token(0);
            match token.kind {
                TokenKind::End => return,
                TokenKind::Documentation => documentation.push(self.documentation()),
                TokenKind::Comment => drop(self.advance()),
                TokenKind::Newline => {
                    self.advance();
                    // A blank line parts a comment from the block below it.
                    if self.kind() == TokenKind::Newline {
                        documentation.clear();
                    }
                }
                TokenKind::Word => self.block(join(std::mem::take(&mut documentation))),
                _ => {
                    self.error(token.span, "expected a block such as model, enum or datasource");
                    self.advance();
                    self.skip_line();
                    self.accept(TokenKind::RightBrace);
                }
            }
        }
    }

    fn documentation(&mut self) -> String {
        let span = self.advance().span;
        let text = self.slice(span);
        match text.strip_prefix("///") {
            Some(line) => line.trim_start().to_owned(),
            None => text.strip_prefix("/*").unwrap_or(text).trim_end_matches("*/").trim().to_owned(),
        }
    }

    /// True where a line begins a block: keyword, name, brace.
    fn at_block(&self) -> bool {
        self.kind() == TokenKind::Word
            && block_kind(self.slice(self.token(0).span)).is_some()
            && self.token(1).kind == TokenKind::Word
            && self.token(2).kind == TokenKind::LeftBrace
    }

    fn block(&mut self, documentation: Option<String>) {
        let keyword = self.advance();
        let word = self.slice(keyword.span);
        let kind = block_kind(word);
        let name = if self.kind() == TokenKind::Word { self.name() } else { Name::default() };
        if self.kind() != TokenKind::LeftBrace {
            let message = match kind {
                Some(_) => format!("expected \"{{\" after \"{word} {}\"", name.text),
                None => format!("expected a block such as model, enum or datasource, found \"{word}\""),
            };
            self.error(keyword.span, message);
            self.skip_line();
            self.accept(TokenKind::RightBrace);
            return;
        }
        self.advance();
        if kind.is_none() {
            self.error(keyword.span, format!("unknown block keyword \"{word}\""));
        } else if name.text.is_empty() {
            self.error(keyword.span, format!("{word} without a name"));
        }
        let mut block = Block {
            // An unknown block is read like a model so that its end is found, and then dropped.
            kind: kind.unwrap_or(BlockKind::Model),
            name,
            span: keyword.span,
            close: Span::default(),
            members: Vec::new(),
            attributes: Vec::new(),
            entries: Vec::new(),
            documentation,
        };
        let errors = self.document.errors.len();
        self.body(&mut block);
        block.span.end = block.close.end;
        if kind.is_none() {
            self.document.errors.truncate(errors);
        } else if !block.name.text.is_empty() {
            self.document.blocks.push(block);
        }
    }

    fn body(&mut self, block: &mut Block) {
        let mut documentation = Vec::new();
        let mut line_start = true;
        loop {
            let token = self.token(0);
            match token.kind {
                TokenKind::RightBrace => {
                    block.close = self.advance().span;
                    return;
                }
                TokenKind::End => {
                    self.error(
                        block.name.span,
                        format!("missing \"}}\" at the end of \"{}\"", block.name.text),
                    );
                    block.close = Span::new(self.previous_end(), self.previous_end());
                    return;
                }
                TokenKind::Newline => {
                    self.advance();
                    line_start = true;
                    // A blank line parts a comment from the member below it.
                    if self.kind() == TokenKind::Newline {
                        documentation.clear();
                    }
                    continue;
                }
                TokenKind::Documentation => documentation.push(self.documentation()),
                TokenKind::Comment => drop(self.advance()),
                TokenKind::AtAt => {
                    if let Some(attribute) = self.attribute() {
                        block.attributes.push(attribute);
                    }
                    documentation.clear();
                    self.end_of_member(None);
                }
                TokenKind::At if !block.members.is_empty() => {
                    let attributes = self.attributes();
                    let end = self.previous_end();
                    if let Some(member) = block.members.last_mut() {
                        member.attributes.extend(attributes);
                        member.span.end = end;
                    }
                    self.end_of_member(block.members.last_mut());
                }
                TokenKind::Word if line_start && self.at_block() => {
                    self.error(
                        block.name.span,
                        format!("missing \"}}\" at the end of \"{}\"", block.name.text),
                    );
                    block.close = Span::new(self.previous_end(), self.previous_end());
                    return;
                }
                TokenKind::Word => match block.kind {
                    BlockKind::Datasource | BlockKind::Generator => {
                        self.entry(block);
                        documentation.clear();
                    }
                    kind => {
                        let documentation = std::mem::take(&mut documentation);
                        let member = self.member(kind == BlockKind::Enum, join(documentation));
                        block.members.push(member);
                        self.end_of_member(block.members.last_mut());
                    }
                },
                _ => {
                    self.error(token.span, format!("unexpected {}", self.describe(token)));
                    self.advance();
                    self.skip_line();
                }
            }
            line_start = false;
        }
    }

    fn entry(&mut self, block: &mut Block) {
        let key = self.name();
        if self.accept(TokenKind::Equals).is_none() {
            self.error(key.span, format!("expected \"=\" after \"{}\"", key.text));
            self.skip_line();
            return;
        }
        let line = self.at;
        match self.expression(0) {
            Ok(value) => {
                if matches!(value.kind, ExprKind::Missing) {
                    self.error(key.span, format!("\"{}\" has no value", key.text));
                }
                block.entries.push(Entry { key, value });
                self.end_of_member(None);
            }
            Err(Broken) => self.recover(line),
        }
    }

    fn member(&mut self, is_enum: bool, documentation: Option<String>) -> Member {
        let name = self.name();
        let mut ty = None;
        if !is_enum {
            if let Some(colon) = self.accept(TokenKind::Colon) {
                self.error(colon.span, "a field's name and type are parted by a blank, not by a colon");
            }
            ty = self.type_expression();
            if ty.is_none() {
                self.error(name.span, format!("field \"{}\" has no type", name.text));
            }
        }
        let attributes = self.attributes();
        let span = Span::new(name.span.start, self.previous_end().max(name.span.end));
        Member { name, ty, attributes, span, documentation }
    }

    fn type_expression(&mut self) -> Option<TypeExpr> {
        let start = self.token(0).span.start;
        let legacy = self.accept(TokenKind::LeftBracket);
        if self.kind() != TokenKind::Word {
            return None;
        }
        let name = self.name();
        let mut ty = TypeExpr {
            name: name.text,
            unsupported: None,
            list: false,
            optional: false,
            span: Span::new(start, name.span.end),
        };
        if ty.name == "Unsupported" && self.accept(TokenKind::LeftParen).is_some() {
            match self.kind() {
                TokenKind::String => {
                    let span = self.advance().span;
                    ty.unsupported = Some(self.string(span));
                }
                _ => self.error(name.span, "Unsupported needs the type's name as a string"),
            }
            if self.accept(TokenKind::RightParen).is_none() {
                self.error(name.span, "missing \")\" after Unsupported(…");
            }
        }
        if let Some(open) = legacy {
            self.accept(TokenKind::RightBracket);
            ty.list = true;
            self.error(open.span, format!("a list is written \"{0}[]\", not \"[{0}]\"", ty.name));
        }
        loop {
            match self.kind() {
                TokenKind::LeftBracket if self.token(1).kind == TokenKind::RightBracket => {
                    self.advance();
                    self.advance();
                    ty.list = true;
                }
                TokenKind::LeftBracket => {
                    let span = self.advance().span;
                    ty.list = true;
                    self.error(span, "missing \"]\" after \"[\"");
                }
                TokenKind::Question => {
                    self.advance();
                    ty.optional = true;
                }
                TokenKind::Bang => {
                    let span = self.advance().span;
                    self.error(span, "fields are required by default, \"!\" is not needed");
                }
                _ => break,
            }
        }
        ty.span.end = self.previous_end();
        if ty.list && ty.optional {
            self.error(ty.span, "a list cannot be optional");
        }
        Some(ty)
    }

    fn attributes(&mut self) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        while self.kind() == TokenKind::At {
            attributes.extend(self.attribute());
        }
        attributes
    }

    /// At `@` or `@@`.
    fn attribute(&mut self) -> Option<Attribute> {
        let sign = self.advance();
        if self.kind() != TokenKind::Word {
            self.error(sign.span, "attribute without a name");
            return None;
        }
        let mut name = self.name();
        while self.kind() == TokenKind::Dot && self.token(1).kind == TokenKind::Word {
            self.advance();
            let part = self.name();
            name.text.push('.');
            name.text.push_str(&part.text);
            name.span.end = part.span.end;
        }
        let open = self.at;
        let mut arguments = Vec::new();
        if self.accept(TokenKind::LeftParen).is_some() && self.arguments(&mut arguments, 0).is_err() {
            self.recover(open);
        }
        let span = Span::new(sign.span.start, self.previous_end());
        Some(Attribute { name, arguments, span })
    }

    /// After a broken list that began at token `open`: back to the start of the line the error is on, if
    /// that is a later one, so that a missing parenthesis does not swallow the next field; else to the end
    /// of the line.
    fn recover(&mut self, open: usize) {
        let broken = &self.tokens[open..self.at.min(self.tokens.len())];
        match broken.iter().rposition(|token| token.kind == TokenKind::Newline) {
            Some(newline) => self.at = open + newline,
            None => {
                let mut depth = 1usize;
                while depth > 0
                    && !matches!(self.kind(), TokenKind::Newline | TokenKind::RightBrace | TokenKind::End)
                {
                    match self.advance().kind {
                        TokenKind::LeftParen => depth += 1,
                        TokenKind::RightParen => depth -= 1,
                        _ => {}
                    }
                }
            }
        }
    }

    /// After a member: a comment or the end of the line. A trailing `///` belongs to the field.
    fn end_of_member(&mut self, member: Option<&mut Member>) {
        let mut token = self.token(0);
        if matches!(token.kind, TokenKind::OpenString | TokenKind::String)
            || !matches!(
                token.kind,
                TokenKind::Newline
                    | TokenKind::RightBrace
                    | TokenKind::End
                    | TokenKind::Comment
                    | TokenKind::Documentation
            )
        {
            self.error(token.span, format!("unexpected {}", self.describe(token)));
            while !matches!(
                self.kind(),
                TokenKind::Newline | TokenKind::RightBrace | TokenKind::End | TokenKind::Documentation
            ) {
                self.advance();
            }
            token = self.token(0);
        }
        if token.kind == TokenKind::Documentation {
            let text = self.documentation();
            if let Some(member) = member {
                let lines = member.documentation.take().into_iter().chain([text]).collect();
                member.documentation = join(lines);
            }
        }
    }

    pub(super) fn describe(&self, token: Token) -> String {
        match token.kind {
            TokenKind::Newline => "the end of the line".into(),
            TokenKind::End => "the end of the file".into(),
            TokenKind::Comment | TokenKind::Documentation => "a comment".into(),
            TokenKind::OpenString => "a string without its closing quote".into(),
            TokenKind::String => "a string".into(),
            _ => format!("\"{}\"", self.slice(token.span).chars().take(40).collect::<String>()),
        }
    }
}

fn join(lines: Vec<String>) -> Option<String> {
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn block_kind(word: &str) -> Option<BlockKind> {
    Some(match word {
        "datasource" => BlockKind::Datasource,
        "generator" => BlockKind::Generator,
        "model" => BlockKind::Model,
        "view" => BlockKind::View,
        "enum" => BlockKind::Enum,
        "type" => BlockKind::Type,
        _ => return None,
    })
}
