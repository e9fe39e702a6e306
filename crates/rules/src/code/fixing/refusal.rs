//! A check before a call that ends the function where a value is missing.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Call, Node, Value};
use pgsteward_model::source::Span;

use super::edit;
use super::loop_fix::{indent_at, line_ends};
use super::statement::begins;
use crate::code::flow::Flow;
use crate::code::text::{indent_unit, is_path, quote};

/// None where a value is more than a path, because asking for it twice may be two answers, and where no statement can stand
/// before the call.
pub(in crate::code) fn fix(flow: &Flow, call: &Call, values: &[&Node]) -> Option<Fix> {
    let text: &str = &flow.facts.sources.get(&call.site.at.file)?.text;
    let start = begins(text, call)?;
    let mut missing: Vec<&str> = Vec::new();
    for node in values {
        // A value that came from elsewhere has the span of that place.
        if !call.site.at.span.contains(node.span) {
            return None;
        }
        let value = edit::text(flow.facts, call, node.span);
        // `where: filter` of a function that was given the filter: the condition is a part of what stands here.
        let itself = matches!(&node.value, Value::Expression { text, .. } if text == value);
        if !itself || !is_path(&value.replace("?.", ".")) {
            return None;
        }
        if !missing.contains(&value) {
            missing.push(value);
        }
    }
    if missing.is_empty() {
        return None;
    }
    let (end, newline) = line_ends(text);
    let (indent, unit) = (indent_at(text, start), indent_unit(text));
    let condition: Vec<String> = missing.iter().map(|value| format!("{value} === undefined")).collect();
    let names: Vec<String> = missing.iter().map(|value| value.replace('?', "")).collect();
    let quote = quote(text);
    let check = format!(
        "if ({}) {{{newline}{indent}{unit}throw new Error({quote}{} is missing{quote}){end}{newline}{indent}}}{newline}{indent}",
        condition.join(" || "),
        names.join(" or ")
    );
    let edit = TextEdit { span: Span::new(start, start), text: check };
    let (done, undone) = edit::there_and_back(flow.facts, &call.site.at.file, vec![edit])?;
    Some(Fix {
        title: "refuse to go on where the value is missing".into(),
        safety: Safety::Review,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}
