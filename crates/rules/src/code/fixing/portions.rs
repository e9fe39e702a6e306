//! `Promise.all` over a whole list, written over portions of it.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Loop, LoopKind, Site};
use pgsteward_model::source::Span;

use super::edit;
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
    let end = text.len() - map.len() + closing(map)?;
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
