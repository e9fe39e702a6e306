//! Imports and re-exports of a file that nobody needs to read in full, found by their words and not by a parser: of
//! most files of an application nothing else matters.
//!
//! What the words leave in doubt (code in templates, statements that are not written line by line) is not guessed:
//! then a parser reads the file.

/// How far a statement may reach.
const LONGEST: usize = 20_000;

/// The `import` and re-exporting `export` statements at the top level, with the directives before them, each on lines of
/// its own. None where that takes a parser to tell.
pub(super) fn skim(text: &str) -> Option<String> {
    let mut kept = String::new();
    let head = head(text, &mut kept)?;
    let mut at = head;
    // Between statements that are far apart anything may stand: the text of a template looks like code.
    let mut plain = head;
    while let Some(found) = next_word(text, at) {
        at = found.end;
        if let Some(end) = statement(text, &found)? {
            if text[plain..found.start].contains('`') || text[plain..found.start].contains("/*") {
                return None;
            }
            plain = end;
            keep(&mut kept, &text[found.start..end]);
            at = end;
        }
    }
    Some(kept)
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
fn next_word(text: &str, mut from: usize) -> Option<Word> {
    loop {
        // Both words end so, and no common one does.
        let at = from + text[from..].find("port")?;
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

    #[test]
    fn imports_and_re_exports_are_kept() {
        let text = "#!/usr/bin/env node\n/** What it is.\n import x from 'no' */\n'use client'\n// more\n\n\
                    import a, { type B,\n  c as d } from \"./a\"\nimport './side'\nimport type * as e from '../e';\n\n\
                    const report = await import('./late')\nconst x = { import: 1, export: 2, reexport }\n\
                    export const y = 1\nexport default function z() {} // export all\nexport type T = string\n\
                    export {\n  a,\n  d as f\n}\nexport * from './all'\nexport type { U } from './u'\n";
        assert_eq!(
            skim(text).unwrap(),
            "'use client'\nimport a, { type B,\n  c as d } from \"./a\"\nimport './side'\nimport type * as e from '../e';\n\
             export {\n  a,\n  d as f\n}\nexport * from './all'\nexport type { U } from './u'\n"
        );
        assert_eq!(skim("module.exports = { a: 1 }\nconst important = 'port'\n").unwrap(), "");
        assert_eq!(skim("").unwrap(), "");
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
