//! Source text and places in it. Offsets are bytes of UTF-8; lines and columns are what people see:
//! 1-based, columns in code points.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

/// A half-open range of bytes in one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    pub fn contains(self, other: Span) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

/// 1-based line and column; the column counts code points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// One text file as it was read. `path` is relative to the project root, with `/` between its parts.
#[derive(Clone, Debug)]
pub struct SourceFile {
    pub path: Arc<str>,
    pub text: Arc<str>,
    /// Looked for when the first place is asked for: of most files that are read none is.
    line_starts: OnceLock<Vec<usize>>,
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &SourceFile) -> bool {
        self.path == other.path && self.text == other.text
    }
}

impl Eq for SourceFile {}

impl SourceFile {
    pub fn new(path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceFile {
        SourceFile { path: path.into(), text: text.into(), line_starts: OnceLock::new() }
    }

    fn line_starts(&self) -> &[usize] {
        self.line_starts.get_or_init(|| {
            std::iter::once(0)
                .chain(memchr::memchr_iter(b'\n', self.text.as_bytes()).map(|at| at + 1))
                .collect()
        })
    }

    /// The position of a byte offset; an offset inside a code point or past the end is moved back to a
    /// boundary.
    pub fn position(&self, offset: usize) -> Position {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line_starts().partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts()[line - 1];
        let column = self.text[start..offset].chars().count() + 1;
        Position { line: line as u32, column: column as u32 }
    }

    /// The range that a span covers, ready for a report.
    pub fn range(&self, span: Span) -> FileRange {
        FileRange {
            file: self.path.clone(),
            span,
            start: self.position(span.start),
            end: self.position(span.end.max(span.start)),
        }
    }

    /// The text of a span, or nothing where the span does not fit this file.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("")
    }

    /// The whole line (without its end) that holds a byte offset.
    pub fn line_at(&self, offset: usize) -> &str {
        let line = self.position(offset).line as usize;
        let start = self.line_starts()[line - 1];
        let end = self.line_starts().get(line).map_or(self.text.len(), |next| next - 1);
        self.text.get(start..end).unwrap_or("").trim_end_matches('\r')
    }

    /// Byte offset of the first character of a 1-based line, if the file has it.
    pub fn line_start(&self, line: u32) -> Option<usize> {
        self.line_starts().get((line as usize).checked_sub(1)?).copied()
    }
}

/// A range of one file in both countings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileRange {
    pub file: Arc<str>,
    pub span: Span,
    pub start: Position,
    pub end: Position,
}

/// Every file of one project that findings may point into, by its path.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: BTreeMap<Arc<str>, Held>,
}

#[derive(Clone, Debug)]
enum Held {
    Read(Arc<SourceFile>),
    Later(Arc<Later>),
}

#[derive(Debug)]
struct Later {
    path: Arc<str>,
    texts: Texts,
    /// None inside where it could not be read.
    file: OnceLock<Option<Arc<SourceFile>>>,
}

/// Gives the text of a file by its path, when somebody asks for it. None where it is not there any more.
#[derive(Clone)]
pub struct Texts(Arc<Read>);

type Read = dyn Fn(&str) -> Option<Arc<str>> + Send + Sync;

impl Texts {
    pub fn new(read: impl Fn(&str) -> Option<Arc<str>> + Send + Sync + 'static) -> Texts {
        Texts(Arc::new(read))
    }
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Texts")
    }
}

impl Sources {
    pub fn add(&mut self, file: SourceFile) -> Arc<SourceFile> {
        let file = Arc::new(file);
        self.add_shared(file.clone());
        file
    }

    pub fn add_shared(&mut self, file: Arc<SourceFile>) {
        self.files.insert(file.path.clone(), Held::Read(file));
    }

    /// A file of which the text is read only if somebody asks for it: of most files of code nobody does. What is known
    /// already stays.
    pub fn add_later(&mut self, path: Arc<str>, texts: &Texts) {
        self.files.entry(path).or_insert_with_key(|path| {
            let later = Later { path: path.clone(), texts: texts.clone(), file: OnceLock::new() };
            Held::Later(Arc::new(later))
        });
    }

    /// All files of others too, which come before the same ones here.
    pub fn extend(&mut self, others: &Sources) {
        self.files.extend(others.files.iter().map(|(path, held)| (path.clone(), held.clone())));
    }

    pub fn get(&self, path: &str) -> Option<&Arc<SourceFile>> {
        match self.files.get(path)? {
            Held::Read(file) => Some(file),
            Held::Later(later) => later.get(),
        }
    }

    /// Reads what was left for later, for those whose files go away before they are asked for.
    pub fn read_all(&self) {
        self.files.keys().for_each(|path| {
            self.get(path);
        });
    }

    /// The files that were read from the start: all but those of [`Sources::add_later`].
    pub fn read_at_once(&self) -> impl Iterator<Item = &Arc<SourceFile>> {
        self.files.values().filter_map(|held| match held {
            Held::Read(file) => Some(file),
            Held::Later(_) => None,
        })
    }

    /// The range of `span` in `path`. A path that was never read gives a range at its first line, so that
    /// a finding about a missing file can still be placed.
    pub fn range(&self, path: &str, span: Span) -> FileRange {
        match self.get(path) {
            Some(file) => file.range(span),
            None => {
                let first = Position { line: 1, column: 1 };
                FileRange { file: path.into(), span: Span::default(), start: first, end: first }
            }
        }
    }
}

impl Later {
    fn get(&self) -> Option<&Arc<SourceFile>> {
        let read = || Some(Arc::new(SourceFile::new(self.path.clone(), (self.texts.0)(&self.path)?)));
        self.file.get_or_init(read).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_code_points_from_one() {
        let file = SourceFile::new("a.sql", "é, b\r\nsecond");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(1), Position { line: 1, column: 1 }, "inside the é");
        assert_eq!(file.position(2), Position { line: 1, column: 2 });
        assert_eq!(file.position(7), Position { line: 2, column: 1 });
        assert_eq!(file.position(999), Position { line: 2, column: 7 });
        assert_eq!(file.line_at(0), "é, b");
        assert_eq!(file.line_at(8), "second");
        assert_eq!(file.line_start(2), Some(7));
        assert_eq!(file.line_start(3), None);
    }
}
