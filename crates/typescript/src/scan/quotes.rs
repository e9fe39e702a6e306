//! Where strings, templates and regular expressions seem to begin and to end. Knows nothing of what stands in them.

/// What looks like a string, a template or a regular expression: an apostrophe in the text of an element looks like one,
/// too. So what is opened there counts, and what is closed there closes nothing that was opened before.
#[derive(Default)]
pub(super) struct Quotes {
    /// The sign that ends them.
    pub within: Option<u8>,
    /// Up to where none ends them on their line: of `'`, `"` and `/`.
    alone: [usize; 3],
}

impl Quotes {
    /// Begins or ends at a sign. True where they begin.
    pub(super) fn meets(&mut self, bytes: &[u8], at: usize, before: u8) -> bool {
        let sign = bytes[at];
        if self.within == Some(sign) {
            self.within = None;
            return false;
        }
        let begins = self.within.is_none()
            && match sign {
                b'`' => true,
                b'\'' => self.ends(bytes, at, 0),
                b'"' => self.ends(bytes, at, 1),
                // Behind a value it divides, and behind `<` it ends an element.
                b'/' => {
                    let word = is_of_word(before) && !ends_in_operator(&bytes[..at]);
                    let value = word || matches!(before, b')' | b']' | b'}' | b'\'' | b'"' | b'`' | b'<');
                    !value && self.ends(bytes, at, 2)
                }
                _ => false,
            };
        if begins {
            self.within = Some(sign);
        }
        begins
    }

    /// Whether the sign comes again on the line, or the line goes on in the next one.
    fn ends(&mut self, bytes: &[u8], at: usize, of: usize) -> bool {
        if at < self.alone[of] {
            return false;
        }
        let mut next = at + 1;
        while let Some(byte) = bytes.get(next) {
            match byte {
                b'\\' if matches!(bytes.get(next + 1), Some(b'\n' | b'\r')) => return true,
                b'\\' => next += 1,
                b'\n' | b'\r' => break,
                byte if *byte == bytes[at] => return true,
                _ => {}
            }
            next += 1;
        }
        self.alone[of] = next;
        false
    }

    pub(super) fn end_of_line(&mut self) {
        self.within = self.within.filter(|sign| *sign == b'`');
    }
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

/// `return`, `typeof`: what follows these divides nothing.
fn ends_in_operator(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 14] = [
        b"return",
        b"typeof",
        b"case",
        b"in",
        b"of",
        b"delete",
        b"void",
        b"throw",
        b"new",
        b"else",
        b"do",
        b"await",
        b"yield",
        b"instanceof",
    ];
    let text = text.trim_ascii_end();
    WORDS.iter().any(|word| {
        let before = text.strip_suffix(*word).map(<[u8]>::last);
        before.is_some_and(|before| before.is_none_or(|before| !is_of_word(*before) && *before != b'.'))
    })
}

#[cfg(test)]
mod tests {
    use crate::scan::nesting::depth;

    #[test]
    fn what_strings_hold_closes_and_separates_nothing() {
        for (open, close) in [
            ("f(\")\",", ")"),
            ("f(')',\n", ")"),
            ("f(`)`,", ")"),
            ("f(`\n)\n`,\n", ")"),
            ("f(/\\)/,", ")"),
            ("a ? ';' : ", ""),
            ("a ? `;` : ", ""),
            ("a ? 'return' : ", ""),
            ("a.return ? 1 : ", ""),
            ("`${f(')',", ")}`"),
            ("f('\\')', ", ")"),
            ("f(typeof /\\)/, ", ")"),
        ] {
            let text = format!("x = {}1{}", open.repeat(600), close.repeat(600));
            assert!(depth(&text) >= 600, "{open}");
        }
        let lines = "  log('a) b', `c) ${d.e('f)')} (g)`, /[)]/, \"it's\"); // that's (it)\n".repeat(2_000);
        assert!(depth(&format!("{{\n{lines}}}\n")) < 60);
    }

    #[test]
    fn quotes_that_no_other_follows_are_looked_for_once() {
        let text = "\\'".repeat(200_000);
        assert!(depth(&text) > 0);
    }
}
