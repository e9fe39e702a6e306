//! How deep a text may be nested at most, before a parser that calls itself for each level is let at it.
//!
//! Strings are told from code by their quotes alone, which an apostrophe in the text of an element may be, too, and comments
//! only where no quote and no slash stands before them on their line: what is opened in them may be code after all, and
//! counts. So the number is too high for prose, and too low only for code that was written to lead it astray.

use std::cell::Cell;

use pgsteward_model::code::LeftOut;

use super::quotes::Quotes;
use crate::unit::Unit;

/// Deeper texts are not read.
pub(super) const DEEPEST: usize = if cfg!(debug_assertions) { 4_000 } else { 16_000 };
/// Up to this depth the two megabytes of any thread will do; without optimisation a level takes many times as much.
pub(super) const SHALLOW: usize = if cfg!(debug_assertions) { 60 } else { 250 };
/// Bytes of stack for [`DEEPEST`] levels. Of memory it takes what is used.
pub(super) const STACK: usize = 512 * 1024 * 1024;
/// Bytes of stack for threads that read file after file: room for nearly all texts, and a part of [`STACK`] only, as some
/// servers promise no more memory than they have.
pub const ROOMY_STACK: usize = STACK / 4;

thread_local! {
    /// How deep what this thread parses may be nested.
    static ROOM: Cell<usize> = const { Cell::new(SHALLOW) };
}

/// For a thread to call at its start that has a stack of [`ROOMY_STACK`] bytes: it reads all but the deepest texts itself,
/// and shorter ones need not be looked at first.
pub fn on_roomy_stack() {
    ROOM.set(DEEPEST / 2);
}

pub(super) fn room() -> usize {
    ROOM.get()
}

/// Whether a text is no deeper than a number of levels for certain: each level takes a word or a sign.
pub(super) fn is_within(text: &str, levels: usize) -> bool {
    text.len() <= levels || tokens(text.as_bytes()) <= levels
}

/// Words and signs but separators: what [`depth`] counts, or more. Counted in pieces whose sums fit into a byte, which
/// compilers turn into a few instructions for many bytes at once.
fn tokens(bytes: &[u8]) -> usize {
    let word = |byte: u8| {
        (byte | 0x20).wrapping_sub(b'a') < 26
            || byte.wrapping_sub(b'0') < 10
            || byte >= 0x80
            || byte == b'_'
            || byte == b'$'
    };
    let nothing = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b';');
    let starts = |before: u8, byte: u8| u8::from(!(nothing(byte) | (word(byte) & word(before))));
    let first = bytes.first().map_or(0, |first| usize::from(starts(b' ', *first)));
    let rest = bytes.get(1..).unwrap_or_default();
    let pieces = bytes.chunks(255).zip(rest.chunks(255));
    let sum = |(before, piece): (&[u8], &[u8])| {
        let sum = before.iter().zip(piece).fold(0_u8, |sum, (before, byte)| sum + starts(*before, *byte));
        usize::from(sum)
    };
    first + pieces.map(sum).sum::<usize>()
}

/// A parser calls itself for each level: that takes a stack of its own. Without a thread that has one nothing is read.
pub(super) fn on_stack(
    bytes: usize,
    depth: usize,
    unit: Unit,
    parse: impl FnOnce(Unit) -> Unit + Send,
) -> Unit {
    let kept = unit.clone();
    apart(bytes, move || parse(unit)).unwrap_or_else(|error| {
        let why = format!("It is nested {depth} levels deep, and there was no thread to read it: {error}.");
        let left_out = vec![LeftOut { file: kept.file.clone(), why }];
        Unit { left_out, passing: true, ..kept }
    })
}

/// Runs something on a thread of its own.
///
/// # Errors
/// There is none with such a stack.
pub(super) fn apart<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn_scoped(scope, work)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[derive(Clone, Copy, Default)]
struct Level {
    /// Words and signs since the last `,` or `;`: each may be an operator around the rest.
    run: usize,
    /// What they were when the quotes began that the text is within now: no separator there ends them.
    quoted: usize,
    /// `else`, which goes on after a `;`, and `<`, which may be that of an element or of a type's arguments: no comma ends
    /// those. That they end is not seen, as `>` means too many things.
    lasting: usize,
    /// What opened it.
    by: Opening,
}

impl Level {
    /// What a separator leaves of a run.
    fn kept(self, quotes: &Quotes) -> usize {
        if quotes.within.is_some() { self.quoted } else { 0 }
    }
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Opening {
    /// A bracket of code, or of an element's text.
    #[default]
    Code,
    /// One within quotes: it may be code, if those are none.
    Quoted,
    /// `${`
    Template,
}

/// What a byte is to the count.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Blank,
    Word,
    Open,
    Close,
    Separator,
    Sign,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Sign; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b' ' | b'\t' | b'\r' | b'\n' => Kind::Blank,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'$' | 0x80.. => Kind::Word,
            b'(' | b'[' | b'{' => Kind::Open,
            b')' | b']' | b'}' => Kind::Close,
            b',' | b';' => Kind::Separator,
            _ => Kind::Sign,
        };
        byte += 1;
    }
    kinds
};

pub(super) fn depth(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut levels: Vec<Level> = Vec::with_capacity(64);
    let mut now = Level::default();
    // What the levels around the present one add up to.
    let mut around = 0;
    let mut deepest = 0;
    let mut at = 0;
    // No quote and no slash stands before on the line, and no string goes on from the one before.
    let mut plain = true;
    let mut quotes = Quotes::default();
    // The last byte of code: words after a dot are names.
    let mut last = b';';
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        let kind = KINDS[usize::from(*byte)];
        if kind == Kind::Blank {
            if matches!(byte, b'\n' | b'\r') {
                plain = !continues(&bytes[..start]);
                if plain {
                    quotes.end_of_line();
                }
                // Lines begin with nothing else.
                at += bytes[at..].iter().take_while(|next| **next == b' ').count();
            }
            continue;
        }
        if plain && matches!(byte, b'/' | b'\'' | b'"' | b'`') {
            let prose = prose(&bytes[start..]);
            if prose > 0 {
                at = start + prose;
                continue;
            }
            plain = false;
        }
        let before = std::mem::replace(&mut last, *byte);
        match kind {
            Kind::Blank => {}
            Kind::Word => {
                let goes_on = |next: &&u8| KINDS[usize::from(**next)] == Kind::Word;
                at += bytes[at..].iter().take_while(goes_on).count();
                // Of nearly every word the first letter tells that it is none of these.
                if !matches!(byte, b'c' | b'v' | b'e' | b'r' | b't') {
                    now.run += 1;
                    continue;
                }
                match &bytes[start..at] {
                    // These begin a statement, and stand in no expression but as names of members.
                    b"const" | b"var" | b"export" | b"return" | b"throw" | b"case"
                        if !matches!(before, b'.' | b'#' | b'/') =>
                    {
                        deepest = deepest.max(around + now.run + now.lasting);
                        now.run = now.kept(&quotes);
                    }
                    b"else" => now.lasting += 1,
                    _ => now.run += 1,
                }
            }
            Kind::Open => {
                let by = match quotes.within {
                    Some(b'`') if *byte == b'{' && before == b'$' => {
                        quotes.within = None;
                        Opening::Template
                    }
                    Some(_) => Opening::Quoted,
                    None => Opening::Code,
                };
                around += now.run + now.lasting + 1;
                levels.push(now);
                now = Level { by, ..Level::default() };
            }
            Kind::Close => {
                deepest = deepest.max(around + now.run + now.lasting);
                // What is closed within quotes was opened there, or they are what they look like.
                if quotes.within.is_some() && now.by != Opening::Quoted {
                    now.run += 1;
                } else if let Some(outer) = levels.pop() {
                    if now.by == Opening::Template && *byte == b'}' {
                        quotes.within = Some(b'`');
                    }
                    now = outer;
                    around -= now.run + now.lasting + 1;
                    now.run += 1;
                }
            }
            Kind::Separator => {
                deepest = deepest.max(around + now.run + now.lasting);
                now.run = now.kept(&quotes);
            }
            // The end of an element opens nothing.
            Kind::Sign if *byte == b'<' && bytes.get(at) != Some(&b'/') => now.lasting += 1,
            Kind::Sign => {
                if quotes.meets(bytes, start, before) {
                    now.quoted = now.run;
                } else if *byte == b'\\' && quotes.within.is_some() {
                    // Neither ends them nor stands for itself.
                    let escaped = matches!(bytes.get(at), Some(b'\\' | b'\'' | b'"' | b'`' | b'/'));
                    at += usize::from(escaped);
                    now.run += usize::from(escaped);
                }
                now.run += 1;
            }
        }
    }
    deepest.max(around + now.run + now.lasting)
}

/// Whether a line, without its end, is continued by a string that goes on after a backslash.
fn continues(before: &[u8]) -> bool {
    before.strip_suffix(b"\r").unwrap_or(before).ends_with(b"\\")
}

/// How much of a comment is no code for certain. The line may stand in a template or in the text
/// of an element after all; these are left by one of the signs that end the prose.
fn prose(text: &[u8]) -> usize {
    let leaves = |byte: u8| matches!(byte, b'`' | b'{' | b'<');
    if text.starts_with(b"//") {
        let rest = &text[2..];
        // The end of a comment that the line may stand in, and separators of lines, which begin with this byte.
        let ends =
            |at: usize| leaves(rest[at]) || matches!(rest[at], b'\n' | b'\r' | 0xe2) || closes(rest, at);
        2 + (0..rest.len()).find(|at| ends(*at)).unwrap_or(rest.len())
    } else if text.starts_with(b"/*") {
        let rest = &text[2..];
        for (at, byte) in rest.iter().enumerate() {
            if leaves(*byte) {
                return 2 + at;
            }
            if closes(rest, at) {
                return 2 + at + 2;
            }
        }
        text.len()
    } else {
        0
    }
}

fn closes(text: &[u8], at: usize) -> bool {
    text[at] == b'*' && text.get(at + 1) == Some(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_deeper_than_it_has_words_and_signs() {
        let texts = [
            include_str!("nesting.rs").to_owned(),
            "(".repeat(600),
            "!a ".repeat(300),
            "{ a: [b, c(d)] } ; é$_0 ,\n\t".repeat(40),
            "a".into(),
            String::new(),
        ];
        for text in texts {
            assert!(tokens(text.as_bytes()) >= depth(&text), "{text}");
        }
        assert_eq!(tokens(b"const a_1 = $b.c + 22; // d\n"), 11);
        assert_eq!(tokens("x(".repeat(1_000).as_bytes()), 2_000);
    }

    #[test]
    fn commas_end_no_element_and_no_arguments_of_types() {
        let deep = |open: &str, close: &str| format!("{}x{}", open.repeat(600), close.repeat(600));
        for text in [deep("A<b, ", ", b>"), deep("<p>a, ", ", a</p>"), deep("<p>a; ", "; a</p>")] {
            assert!(depth(&text) >= 600 && tokens(text.as_bytes()) >= depth(&text), "{}", &text[..20]);
        }
        assert!(depth(&"<p>a, </p>{ a <= b; c(d); }\n".repeat(3)) < 30);
    }

    #[test]
    fn comments_that_begin_a_line_are_not_nested() {
        let lines = "  // one more line of prose (with signs!) and no end\n".repeat(2_000);
        assert!(depth(&format!("{lines}export const a = 1\n")) < 10);
        let block = "some words about this\n".repeat(2_000);
        assert!(depth(&format!("/**\n{block}*/\nexport const a = 1\n")) < 10);
    }

    #[test]
    fn a_file_without_a_thread_is_left_out_for_now() {
        let unit = Unit { file: "a.ts".into(), ..Unit::default() };
        let read = on_stack(STACK, 300, unit.clone(), |unit| Unit { bytes: 7, ..unit });
        assert!(read.bytes == 7 && !read.passing && read.left_out.is_empty());
        // No machine has so much address space.
        let read = on_stack(1 << 60, 300, unit, |unit| Unit { bytes: 7, ..unit });
        assert!(read.bytes == 0 && read.passing);
        assert!(read.left_out.iter().any(|one| &*one.file == "a.ts" && one.why.contains("no thread")));
    }

    #[test]
    fn comments_behind_code_are_not_nested() {
        let lines = "  a(b), // one more line of prose (with signs! and (brackets)\n".repeat(2_000);
        assert!(depth(&format!("f({lines})\n")) < 20);
        let blocks = "  a(b) /* (((( */,\n".repeat(2_000);
        assert!(depth(&format!("f({blocks})\n")) < 20);
    }

    #[test]
    fn what_only_looks_like_a_comment_is_counted() {
        let deep = "(".repeat(500);
        let signs = "!".repeat(500);
        for text in [
            format!("x = '\\\n// ' + {deep}"),
            format!("x = '\\\r\n/* ' + {deep}"),
            format!("x = `\n// ` + {deep}"),
            format!("x = `\n// ${{{signs}y}}`"),
            format!("x = `\n/* ${{{signs}y}} */`"),
            format!("x = <p>\n// {{{signs}y}}</p>"),
            format!("x = <p>\n/* {}", "<p>".repeat(500)),
            format!("/*\n// */ {deep}"),
            format!("// a\u{2028}{deep}"),
            format!("/* a */ {deep}"),
            format!("a // b\n{deep}"),
            format!("x = 'http://a' + {deep}"),
            format!("x = 'a // ' + {deep}"),
            format!("x = \"a /* \" + {deep}"),
            format!("x = /[ //]/ + {deep}"),
            format!("x = a / b // c\n{deep}"),
            format!("x = `\na // ` + {deep}"),
            format!("x = `\na // ${{{signs}y}}`"),
            format!("x = `\n${{a}} // ` + {deep}"),
            format!("x = '\\\na // ' + {deep}"),
            format!("x = <p>\na // {{{signs}y}}</p>"),
            format!("a /* b\nc // d */ {deep}"),
            format!("a // b \u{2029}{deep}"),
        ] {
            assert!(depth(&text) >= 500, "{}", &text[..20]);
        }
    }
}
