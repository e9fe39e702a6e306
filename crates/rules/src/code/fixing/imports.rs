//! Imports of a function that is new in another file.

use pgsteward_model::change::TextEdit;
use pgsteward_model::code::Invocation;
use pgsteward_model::source::Span;

use super::helper::{Form, Helper};
use super::loop_fix::{indent_at, line_ends};
use crate::code::flow::Flow;
use crate::code::text::count_word;

/// What the caller's file must import; no edit where the sibling is at hand anyway. None where the way to it is not
/// known.
pub(super) fn import(
    helper: &Helper,
    flow: &Flow,
    invocation: &Invocation,
    sibling: &str,
) -> Option<Option<TextEdit>> {
    let caller = &invocation.site.at.file;
    if helper.form == Form::Method {
        return Some(None);
    }
    let text: &str = &flow.facts.sources.get(caller)?.text;
    if caller == helper.file {
        return (helper.callee == helper.name).then_some(None);
    }
    let imports = || text.match_indices("import ").filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n'));
    if let Some((space, name)) = helper.callee.split_once('.') {
        let all = format!("* as {space} from ");
        let leads = |at: usize| {
            let (names, path) = text[at + 7..].split_once("from ")?;
            (format!("{names}from ") == all && leads_to(caller, quoted(path)?, helper.file)).then_some(())
        };
        return (name == helper.name && imports().any(|(at, _)| leads(at).is_some())).then_some(None);
    }
    imports().find_map(|(at, _)| {
        let start = at + "import ".len();
        let names = text[start..].strip_prefix('{')?;
        let names = &names[..names.find('}')?];
        let path = quoted(text[start + names.len() + 2..].trim_start().strip_prefix("from")?)?;
        let mut from = start + 1;
        let found = names.split(',').find_map(|part| {
            let here = from + (part.len() - part.trim_start().len());
            from += part.len() + 1;
            (part.trim() == helper.callee).then_some(here)
        })?;
        if !leads_to(caller, path, helper.file) {
            return None;
        }
        let end = found + helper.callee.len();
        // Nothing else in the file needs the helper once the loop is gone.
        if count_word(text, helper.callee) == 2 {
            return Some(Some(TextEdit { span: Span::new(found, end), text: sibling.to_owned() }));
        }
        let own_line = text[..found].trim_end_matches([' ', '\t']).ends_with('\n');
        let (_, newline) = line_ends(text);
        let next = if own_line { format!("{newline}{}", indent_at(text, found)) } else { " ".into() };
        Some(Some(TextEdit { span: Span::new(end, end), text: format!(",{next}{sibling}") }))
    })
}

fn quoted(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let mark = text.chars().next().filter(|mark| matches!(mark, '\'' | '"'))?;
    text[1..].split(mark).next()
}

/// An import of `path` in `file` means the other file itself: no folder of exports stands between.
fn leads_to(file: &str, path: &str, other: &str) -> bool {
    const ENDINGS: [&str; 8] = [".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs"];
    let bare =
        |name: &str| ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name).to_owned();
    let other = bare(other);
    if path.starts_with('.') {
        let mut folders: Vec<&str> = file.split('/').collect();
        folders.pop();
        for part in path.split('/') {
            match part {
                "." => {}
                ".." => {
                    folders.pop();
                }
                part => folders.push(part),
            }
        }
        return bare(&folders.join("/")) == other;
    }
    // `@/lib/prices`: an alias of a folder.
    path.strip_prefix("@/").or_else(|| path.strip_prefix("~/")).is_some_and(|rest| {
        let rest = bare(rest);
        other == rest || other.ends_with(&format!("/{rest}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_that_lead_straight_to_a_file() {
        assert!(leads_to("src/cart.ts", "./prices", "src/prices.ts"));
        assert!(leads_to("src/a/cart.ts", "../prices.js", "src/prices.ts"));
        assert!(leads_to("app/page.tsx", "@/lib/prices", "src/lib/prices.ts"));
        assert!(!leads_to("src/cart.ts", "./prices", "src/prices/index.ts"));
        assert!(!leads_to("src/cart.ts", "@shop/prices", "packages/prices/prices.ts"));
    }
}
