//! How deep a text may be nested at most, before a parser that calls itself for each level is let at it.
//!
//! Strings and comments are not told from code: what hides in them may be code after all. So the number is too high for
//! prose, and never too low for code.

/// Deeper texts are not read.
pub(super) const DEEPEST: usize = 4_000;
/// Up to this depth the two megabytes of any thread will do; without optimisation a level takes many times as much.
pub(super) const SHALLOW: usize = if cfg!(debug_assertions) { 60 } else { 250 };
/// For [`DEEPEST`] levels in a build without optimisation.
pub(super) const STACK: usize = 512 * 1024 * 1024;

#[derive(Clone, Copy, Default)]
struct Level {
    /// Words and signs since the last `,` or `;`: each may be an operator around the rest.
    run: usize,
    /// `else`, which goes on after a `;`.
    elses: usize,
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
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match KINDS[usize::from(*byte)] {
            Kind::Blank => continue,
            Kind::Word => {
                while bytes.get(at).is_some_and(|byte| KINDS[usize::from(*byte)] == Kind::Word) {
                    at += 1;
                }
                match &bytes[start..at] {
                    // These begin a statement, and stand in no expression.
                    b"const" | b"var" | b"export" | b"return" | b"throw" | b"case" => {
                        deepest = deepest.max(around + now.run + now.elses);
                        now.run = 0;
                    }
                    b"else" => now.elses += 1,
                    _ => now.run += 1,
                }
            }
            Kind::Open => {
                around += now.run + now.elses + 1;
                levels.push(now);
                now = Level::default();
            }
            Kind::Close => {
                deepest = deepest.max(around + now.run + now.elses);
                if let Some(outer) = levels.pop() {
                    now = outer;
                    around -= now.run + now.elses + 1;
                    now.run += 1;
                }
            }
            Kind::Separator => {
                deepest = deepest.max(around + now.run + now.elses);
                now.run = 0;
            }
            Kind::Sign => now.run += 1,
        }
    }
    deepest.max(around + now.run + now.elses)
}
