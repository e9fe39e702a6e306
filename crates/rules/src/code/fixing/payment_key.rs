//! An idempotency key for a call that moves money, made of the key of the row that records it.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Call, Effect, Operation, Source, Value};
use pgsteward_model::source::Span;

use super::edit;
use super::helper::parts;
use crate::code::flow::Flow;
use crate::code::text::{closing, is_path, mentions_word, root};
use crate::shared::kept_words;

/// What is recorded is that it happened: a state, a time, or what the other side answered. A row whose amounts change (a wallet, an
/// account) lives on, and its key would stop the next payment.
fn happens_once(flow: &Flow, record: &Call, before: &str) -> bool {
    let data = ["data", "update"].iter().find_map(|name| record.argument.get(name)?.object());
    let answer = bound(before);
    data.is_some_and(|data| {
        !data.open
            && data.properties.iter().all(|property| match &property.value.value {
                Value::Text(_) | Value::Bool(_) | Value::Null => true,
                Value::Expression { sources, .. } => {
                    let text = edit::text(flow.facts, record, property.value.span);
                    sources.iter().all(|source| matches!(source, Source::Constant | Source::Time))
                        || answer.is_some_and(|answer| mentions_word(text, answer))
                }
                _ => false,
            })
    })
}

/// The name that takes what the call behind a text answers: `const refund = await `.
fn bound(before: &str) -> Option<&str> {
    let pattern = before.trim_end().strip_suffix("await")?.trim_end().strip_suffix('=')?.trim_end();
    pattern
        .rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .filter(|name| !name.is_empty())
}

/// Stripe's `create` takes options behind its one object, and a key among them. None where the row's key is not a plain value
/// that is known before the call. That one row moves money once, a person decides.
pub(in crate::code) fn fix(flow: &Flow, effect: &Effect, record: &Call) -> Option<Fix> {
    let text: &str = &flow.facts.sources.get(&effect.site.at.file)?.text;
    let span = effect.site.at.span;
    let call = text.get(span.start..span.end)?;
    let arguments = call.strip_prefix(effect.name.as_str())?;
    let inner = arguments.strip_prefix('(')?.strip_suffix(')')?;
    let one = closing(arguments) == Some(arguments.len())
        && matches!(parts(inner).as_slice(), [one] if one.trim_start().starts_with('{'));
    let takes_key =
        kept_words(&effect.name).iter().any(|word| word == "stripe") && effect.name.ends_with(".create");
    let by_key = matches!(record.operation, Operation::Update | Operation::Upsert);
    let filter = record.argument.get("where")?.object().filter(|filter| by_key && !filter.open)?;
    let [key] = filter.properties.as_slice() else { return None };
    let value = edit::text(flow.facts, record, key.value.span);
    let at = flow.code.functions[effect.site.function].at.span.start;
    // What is declared behind the call is not there before it.
    let before = text.get(at..span.start)?;
    let parameters = &flow.code.functions[effect.site.function].parameters;
    let known = mentions_word(before, root(value))
        || parameters.iter().any(|parameter| parameter.name == root(value));
    if !happens_once(flow, record, before) {
        return None;
    }
    if !one || !takes_key || !is_path(value) || !known || effect.site.loops != record.site.loops {
        return None;
    }
    let name = effect.name.trim_end_matches(".create").rsplit('.').next()?;
    let model = record.model.to_lowercase();
    let end = span.end - 1;
    // A comma behind the last argument stays one.
    let comma = if inner.trim_end().ends_with(',') { " " } else { ", " };
    let added = format!("{comma}{{ idempotencyKey: `{name}-{model}-${{{value}}}` }}");
    let edits = vec![TextEdit { span: Span::new(end, end), text: added }];
    let (done, undone) = edit::there_and_back(flow.facts, &effect.site.at.file, edits)?;
    Some(Fix {
        title: format!("give \"{}\" an idempotency key of the row", effect.name),
        safety: Safety::Manual,
        change: Change { steps: vec![done], rollback: Rollback::Steps(vec![undone]) },
    })
}
