//! A look whether something is taken: whoever matches is only a reason to refuse.

use memchr::memmem;
use pgsteward_model::code::{Call, Code, Operation};
use pgsteward_model::facts::Facts;
use pgsteward_model::source::Span;

use crate::code::text::{closing, words_at};

/// `if (existing) throw …`, and the row is used for nothing else.
pub(super) fn is_all(facts: &Facts, code: &Code, call: &Call) -> bool {
    let Some(name) = call.result.binding.as_deref() else { return false };
    let end = code.function(&call.site).at.span.end;
    let after = Span::new(call.site.at.span.end, end.max(call.site.at.span.end));
    let text = facts.sources.get(&call.site.at.file).map_or("", |file| file.slice(after));
    let refused: Vec<(usize, usize)> = memmem::find_iter(text.as_bytes(), "if (")
        .filter_map(|start| {
            let rest = &text[start + 3..];
            let end = closing(rest)?;
            let present = is_presence(&rest[1..end - 1], name, call.operation == Operation::Count);
            let refusal = refusal(&rest[end..]).filter(|_| present)?;
            Some((start, start + 3 + end + refusal))
        })
        .collect();
    let mut places = words_at(text, name).peekable();
    places.peek().is_some()
        && places.all(|at| refused.iter().any(|(start, end)| (*start..*end).contains(&at)))
}

/// `existing`, `existing && existing.id !== user.id`, `count > 0`: never that there is none.
fn is_presence(condition: &str, name: &str, counts: bool) -> bool {
    let absent = ["null", "undefined", "=== 0", "== 0", "< 1", "||"];
    let condition = condition.replace("!= null", "").replace("!== null", "").replace("!== undefined", "");
    let mut places = words_at(&condition, name).peekable();
    places.peek().is_some()
        && places.all(|at| !condition[..at].ends_with('!'))
        && !absent.iter().any(|word| condition.contains(word))
        && (!counts || condition.contains("> 0") || condition.contains(">= 1") || condition.trim() == name)
}

/// Where the first that happens ends, if it is an error, thrown or answered.
fn refusal(then: &str) -> Option<usize> {
    let first = then.trim_start();
    let first = first.strip_prefix('{').unwrap_or(first).trim_start();
    let said = first.split([';', '}']).next().unwrap_or(first);
    let lower = said.to_lowercase();
    const WORDS: [&str; 8] = ["error", "40", "already", "exist", "taken", "in use", "conflict", "invalid"];
    let refuses = lower.starts_with("throw")
        || lower.starts_with("return") && WORDS.iter().any(|word| lower.contains(word));
    refuses.then(|| then.len() - first.len() + said.len())
}
