//! `Promise.all` over a whole list, written over portions of it.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Loop, LoopKind, Site};
use pgsteward_model::source::Span;

use super::edit;
use super::helper::parts;
use super::loop_fix::indent_at;
use crate::code::flow::Flow;
use crate::code::text::{closing, indent_unit, is_path, mentions_word};

/// As many at once as a pool has connections.
const AT_ONCE: usize = 10;

/// None where something takes what the promises give, or where the list is no plain name. An error of one portion keeps the
/// next ones from starting, so the edit is reviewed.
pub(in crate::code) fn fix(flow: &Flow, site: &Site, of: &Loop) -> Option<Fix> {
    let text: &str = &flow.facts.sources.get(&of.at.file)?.text;
    let list = of.text.as_str();
    let head = text.get(of.at.span.start..of.at.span.end)?;
    if of.kind != LoopKind::Callback || !is_path(list) || !head.starts_with(list) || site.loops.len() != 1 {
        return None;
    }
    let call = text.get(of.at.span.start + list.len()..)?;
    let map = call.strip_prefix(".map")?;
    let inside = closing(map)?;
    if !takes_one(&map[1..inside - 1]) {
        return None;
    }
    let end = text.len() - map.len() + inside;
    let before = text.get(..of.at.span.start)?.trim_end().strip_suffix("await Promise.all(")?;
    let rest = text[end..].trim_start();
    let rest = rest.strip_prefix(',').unwrap_or(rest).trim_start().strip_prefix(')')?;
    let ended = rest.strip_prefix(';');
    let rest = ended.unwrap_or(rest);
    let own_lines = before.trim_end_matches([' ', '\t']).ends_with('\n')
        && rest.trim_start_matches([' ', '\t']).starts_with(['\n', '\r'])
        && !(ended.is_none() && rest.trim_start().starts_with(['.', '(', '[', '`', '?']));
    let previous = before.trim_end().rsplit('\n').next().unwrap_or("").trim();
    let head_without_braces =
        ["if", "else", "for", "while", "} else"].iter().any(|word| previous.starts_with(word))
            && !previous.ends_with(['{', '}', ';']);
    let function = flow.text_of(site.function);
    let start = ["start", "from", "offset"].into_iter().find(|name| !mentions_word(function, name))?;
    if !own_lines || head_without_braces {
        return None;
    }
    let statement = Span::new(before.len(), text.len() - rest.len());
    let (indent, unit) = (indent_at(text, statement.start), indent_unit(text));
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let inner = &text[statement.start..statement.end];
    let at = of.at.span.start - statement.start;
    let portion = format!("{list}.slice({start}, {start} + {AT_ONCE})");
    let inner = format!("{}{portion}{}", &inner[..at], &inner[at + list.len()..]);
    // A template of several lines would change with its indent.
    if inner.contains('`') && inner.contains('\n') {
        return None;
    }
    let inner = inner.replace('\n', &format!("\n{unit}"));
    let written = format!(
        "for (let {start} = 0; {start} < {list}.length; {start} += {AT_ONCE}) {{{newline}{indent}{unit}{inner}{newline}{indent}}}"
    );
    let edit = TextEdit { span: statement, text: written };
    let (done, undone) = edit::there_and_back(flow.facts, &of.at.file, vec![edit])?;
    Some(Fix {
        title: format!("start {AT_ONCE} at a time"),
        safety: Safety::Review,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}

/// An arrow function with one parameter. A second one is the index, which would begin anew with each portion; what a
/// function that stands elsewhere takes is not known.
fn takes_one(callback: &str) -> bool {
    let callback = callback.trim_start();
    let callback = callback.strip_prefix("async").map_or(callback, str::trim_start);
    let Some(end) = closing(callback).filter(|_| callback.starts_with('(')) else {
        return callback
            .split_once("=>")
            .is_some_and(|(name, _)| is_path(name.trim()) && !name.contains('.'));
    };
    let rest = callback[end..].trim_start();
    // A default or a type of functions may hold commas of its own.
    matches!(parts(&callback[1..end - 1]).as_slice(), [one] if !one.contains('=') && !one.contains("..."))
        && (rest.starts_with("=>") || rest.starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::takes_one;

    #[test]
    fn a_callback_that_takes_the_element_alone() {
        for callback in [
            "(id) => a(id)",
            "async (id: number) => { await a(id) }",
            "async ({ id, name }: { id: number; name: string }): Promise<void> => a(id)",
            "id => a(id)",
            "async id => a(id)",
            "\n  (id) => a(id, [1, 2]),\n",
        ] {
            assert!(takes_one(callback), "{callback}");
        }
        for callback in [
            "(id, position) => a(id, position)",
            "async (id: number, position: number) => a(id)",
            "(...given) => a(given)",
            "(f: () => void, position) => f()",
            "(id, position = 1) => a(id)",
            "() => a()",
            "update",
            "makeUpdate(tx)",
            "this.update.bind(this)",
            "function (id) { return a(id, arguments[1]) }",
            "given((id, position) => a(id, position))",
        ] {
            assert!(!takes_one(callback), "{callback}");
        }
    }
}
