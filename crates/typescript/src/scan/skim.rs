//! Imports and exports of a file that nobody needs to read in full, found by their words and not by a parser: of most
//! files of an application nothing else matters.
//!
//! What the words leave in doubt (code in templates, statements that are not written line by line) is not guessed:
//! then a parser reads the file.

use memchr::memmem::Finder;

/// How far a statement may reach.
const LONGEST: usize = 20_000;

/// What the words of a file tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Skimmed<'t> {
    /// The `import` and re-exporting `export` statements at the top level, with the directives before them, each on lines
    /// of its own.
    pub(super) statements: String,
    /// Names that the file declares and exports, and whether they are types. Whose are not found here may be there too: of
    /// a list of declarations the first is.
    pub(super) declared: Vec<(&'t str, bool)>,
}

/// None where it takes a parser to tell.
pub(super) fn skim(text: &str) -> Option<Skimmed<'_>> {
    let mut skimmed = Skimmed::default();
    let kept = &mut skimmed.statements;
    let head = head(text, kept)?;
    // Both words end so, and no common one does.
    let port = Finder::new("port");
    let mut at = head;
    // Between statements that are far apart anything may stand: the text of a template looks like code.
    let mut plain = head;
    while let Some(found) = next_word(text, at, &port) {
        at = found.end;
        if let Some(end) = statement(text, &found)? {
            if text[plain..found.start].contains('`') || text[plain..found.start].contains("/*") {
                return None;
            }
            plain = end;
            keep(kept, &text[found.start..end]);
            at = end;
        } else if !found.import && begins_line(text, &found) {
            skimmed.declared.extend(declared(&text[found.end..]));
        }
    }
    Some(skimmed)
}

/// The name that stands behind `export`, if it is declared there, and whether it is a type.
fn declared(behind: &str) -> Option<(&str, bool)> {
    let mut is_type = false;
    // `export default async function`, `export declare abstract class`, `export const enum`
    for word in behind.split(|sign: char| !is_part(sign)).filter(|word| !word.is_empty()).take(6) {
        match word {
            "default" => return Some(("default", false)),
            "type" | "interface" => is_type = true,
            "declare" | "abstract" | "async" | "const" | "let" | "var" | "enum" | "function" | "class" => {}
            name => {
                // What a pattern takes apart is no name yet.
                let at = name.as_ptr() as usize - behind.as_ptr() as usize;
                return (!behind[..at].contains(['{', '['])).then_some((name, is_type));
            }
        }
    }
    None
}

fn is_part(sign: char) -> bool {
    sign.is_alphanumeric() || matches!(sign, '_' | '$')
}

fn begins_line(text: &str, word: &Word) -> bool {
    word.start == 0 || text.as_bytes()[word.start - 1] == b'\n'
}

fn keep(kept: &mut String, statement: &str) {
    kept.push_str(statement);
    kept.push('\n');
}

/// Reads blank lines, comments, directives and imports at the beginning; tells where they end.
fn head(text: &str, kept: &mut String) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        let end = line_end(text, at);
        let line = &text[at..end];
        if line.starts_with("/*") {
            let close = at + 2 + text[at + 2..].find("*/")? + 2;
            let end = line_end(text, close);
            if !text[close..end].trim().is_empty() {
                return None;
            }
            at = after(text, end);
            continue;
        }
        if line.trim().is_empty() || line.starts_with("//") || line.starts_with("#!") {
            at = after(text, end);
            continue;
        }
        if line.starts_with(['\'', '"']) {
            keep(kept, line);
            at = after(text, end);
            continue;
        }
        if !line.starts_with("import") {
            break;
        }
        let word = Word { start: at, end: at + "import".len(), import: true };
        if !is_word(text, &word) {
            break;
        }
        let Some(end) = statement(text, &word)? else { break };
        keep(kept, &text[at..end]);
        at = after(text, end);
    }
    Some(at)
}

struct Word {
    start: usize,
    end: usize,
    import: bool,
}

/// The next `import` or `export` that is a word of its own.
fn next_word(text: &str, mut from: usize, port: &Finder<'_>) -> Option<Word> {
    loop {
        let at = from + port.find(&text.as_bytes()[from..])?;
        from = at + "port".len();
        let import = text[..at].ends_with("im");
        if !import && !text[..at].ends_with("ex") {
            continue;
        }
        let word = Word { start: at - 2, end: from, import };
        if is_word(text, &word) {
            return Some(word);
        }
    }
}

fn is_word(text: &str, word: &Word) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.' | 0x80..);
    let before = text.as_bytes()[..word.start].last();
    let behind = text.as_bytes().get(word.end);
    !before.is_some_and(part) && !behind.is_some_and(|byte| part(byte) && *byte != b'.')
}

/// The end of the statement that a word begins, if it is one that counts; None outside where it is in doubt.
#[expect(clippy::option_option, reason = "not there and not known are two things here")]
fn statement(text: &str, word: &Word) -> Option<Option<usize>> {
    let behind = text[word.end..].trim_start_matches([' ', '\t']);
    let line = text[..word.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line..word.start];
    if word.import && behind.starts_with(['(', '.']) || behind.starts_with(':') {
        return Some(None);
    }
    if !before.is_empty() {
        let trimmed = before.trim();
        // At the beginning of a line it may be a statement after all, and after another one.
        let doubt = trimmed.is_empty() || trimmed.ends_with([';', '}']);
        return if doubt { None } else { Some(None) };
    }
    let mut named = behind;
    if !word.import {
        named = named.strip_prefix("type").map_or(named, |rest| rest.trim_start_matches([' ', '\t']));
        if !named.starts_with(['{', '*']) {
            return if behind.starts_with("import") { None } else { Some(None) };
        }
    }
    let reach = &text[word.start..text.len().min(ceiling(text, word.start + LONGEST))];
    let (inside, end) = if !word.import && named.starts_with('{') {
        let close = reach.find('}')?;
        let end = line_end(text, word.start + close);
        let same_line = text[word.start + close + 1..end].trim();
        if same_line.is_empty() && text[end..].trim_start().starts_with("from") {
            return None;
        }
        (&reach[..close], end)
    } else {
        let open = reach.find(['\'', '"'])?;
        let quote = &reach[open..=open];
        let close = open + 1 + reach[open + 1..].find(quote)?;
        if reach[open..close].contains('\n') {
            return None;
        }
        (&reach[..open], line_end(text, word.start + close))
    };
    let doubt = inside.contains([';', '`', '(']) && !inside.contains("require(")
        || inside.contains("//")
        || inside.contains("/*");
    if doubt { None } else { Some(Some(end)) }
}

/// The border of a character at or after an offset.
fn ceiling(text: &str, mut at: usize) -> usize {
    while at < text.len() && !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}

fn after(text: &str, line_end: usize) -> usize {
    text.len().min(line_end + 1)
}

#[cfg(test)]
mod tests {
    use super::skim;

    fn statements(text: &str) -> Option<String> {
        skim(text).map(|skimmed| skimmed.statements)
    }

    #[test]
    fn imports_and_re_exports_are_kept() {
        let text = "#!/usr/bin/env node\n/** What it is.\n import x from 'no' */\n'use client'\n// more\n\n\
                    import a, { type B,\n  c as d } from \"./a\"\nimport './side'\nimport type * as e from '../e';\n\n\
                    const report = await import('./late')\nconst x = { import: 1, export: 2, reexport }\n\
                    export const y = 1\nexport default function z() {} // export all\nexport type T = string\n\
                    export {\n  a,\n  d as f\n}\nexport * from './all'\nexport type { U } from './u'\n";
        assert_eq!(
            statements(text).unwrap(),
            "'use client'\nimport a, { type B,\n  c as d } from \"./a\"\nimport './side'\nimport type * as e from '../e';\n\
             export {\n  a,\n  d as f\n}\nexport * from './all'\nexport type { U } from './u'\n"
        );
        assert_eq!(skim(text).unwrap().declared, [("y", false), ("default", false), ("T", true)]);
        assert_eq!(statements("module.exports = { a: 1 }\nconst important = 'port'\n").unwrap(), "");
        assert_eq!(statements("").unwrap(), "");
    }

    #[test]
    fn declared_names_are_told() {
        let names = |text: &'static str| skim(text).unwrap().declared;
        assert_eq!(
            names("export async function a() {}\nexport abstract class B {}\n"),
            [("a", false), ("B", false)]
        );
        assert_eq!(names("export const enum C { A }\nexport interface D {}\n"), [("C", false), ("D", true)]);
        assert_eq!(
            names("export function* e() {}\nexport default class {}\n"),
            [("e", false), ("default", false)]
        );
        assert_eq!(names("export const { f, g } = h\n// export const j = 1\n"), []);
    }

    #[test]
    fn what_is_in_doubt_is_left_to_a_parser() {
        for text in [
            "const code = `\nimport x from 'x'\n`\n",
            "f()\n/*\nimport x from 'x'\n*/\n",
            "  import x from 'x'\n",
            "namespace N {\n  export const a = 1\n}\n",
            "f(); import x from 'x'\n",
            "import { a, // don't\n  b } from 'x'\n",
            "import x = A.B;\nconst y = 'z'\n",
            "export { a }\nfrom './a'\n",
            "/* a */ import x from 'x'\n",
            "<p>\n  import it\n</p>\n",
        ] {
            assert_eq!(skim(text), None, "{text}");
        }
    }
}
