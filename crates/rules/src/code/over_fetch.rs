//! Whole rows of many are read, and few of their columns are used.

use pgsteward_model::change::{Fix, Safety, TextEdit};
use pgsteward_model::code::{Call, Operation, Value};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::prisma::{Arity, Field, FieldType, Model, Scalar};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::Span;

use super::scale::{self, Scale};
use super::{edit, shared};
use crate::shared::quoted_list;

pub(super) static RULE: Rule = Rule {
    id: "over-fetch",
    group: Group::Code,
    severity: Severity::Info,
    needs: &[Need::Code, Need::Prisma],
    sharper_with: &[Need::Statistics],
    since: "0.1.0",
    ancestors: &[],
    page: include_str!("over_fetch.md"),
    check,
};

/// So many columns that nobody reads are worth a word.
const UNREAD: usize = 5;

fn check(facts: &Facts) -> Vec<Finding> {
    let Some(code) = &facts.code else { return Vec::new() };
    let mut findings = Vec::new();
    for (_, call) in scale::served(code) {
        let (result, argument) = (&call.result, &call.argument);
        let chosen = ["select", "omit"].iter().any(|name| argument.get(name).is_some());
        let known = result.complete
            && result.whole.is_empty()
            && !result.unused
            && !shared::is_asked_by_key(facts, code, call);
        if call.operation != Operation::FindMany || chosen || !known {
            continue;
        }
        let open = argument.object().is_some_and(|object| object.open);
        let Some(model) = scale::model(facts, &call.model).filter(|_| !open) else { continue };
        let is_read = |field: &Field| result.paths.iter().any(|path| path.first() == Some(&field.name));
        // A use that names no field reads all of them, and of a field that an extension makes nobody knows what it needs.
        let named = |path: &Vec<String>| {
            path.first().is_some_and(|first| first == "_count" || model.field(first).is_some())
        };
        if !result.paths.iter().all(named) {
            continue;
        }
        let columns: Vec<&Field> =
            model.fields.iter().filter(|field| field.is_column() && !field.ignored).collect();
        let (read, unread): (Vec<&Field>, Vec<&Field>) = columns.iter().partition(|field| is_read(field));
        let wide: Vec<&str> = unread
            .iter()
            .filter(|field| is_wide(facts, model, field))
            .map(|field| field.name.as_str())
            .collect();
        let relations = model.fields.iter().any(|field| !field.is_column() && is_read(field));
        let counted = read.is_empty() && !relations;
        let few_rows =
            argument.get("take").and_then(|take| take.number()).is_some_and(|take| take.abs() <= 20);
        if wide.is_empty() && (unread.len() < UNREAD || unread.len() < 2 * read.len() || few_rows) {
            continue;
        }
        let size = scale::of_model(facts, model);
        if size == Scale::Small || size == Scale::Unknown && scale::holds_choices(&model.name) {
            continue;
        }
        let severity = if wide.is_empty() { Severity::Info } else { size.severity() };
        let much = match wide.as_slice() {
            [] => String::new(),
            [one] => format!(" Among them is \"{one}\", which can be long."),
            many => format!(" Among them are {}, which can be long.", quoted_list(many)),
        };
        let finding = shared::on_call(
            &RULE,
            facts,
            code,
            call,
            if counted {
                format!("\"{}\" reads whole rows of \"{}\" and none of their columns is used", shared::call_name(call), model.name)
            } else {
                format!(
                    "\"{}\" reads {} columns of \"{}\" and uses {}",
                    shared::call_name(call),
                    columns.len(),
                    model.name,
                    read.len()
                )
            },
        )
        .severity(severity)
        .detail(format!(
            "Every use of the rows is known{}; only {} is read of them. The other {} columns travel for nothing, for each \
             row.{much}",
            shared::through(call),
            if counted { "their number".to_owned() } else if read.is_empty() { "a relation".to_owned() } else { names(&read) },
            unread.len()
        ))
        .hint(if counted { "ask for the number with count, or select the key alone" } else { "select the fields that are read" });
        let finding = match select(facts, call, model, &read) {
            Some(fix) => finding.fix(fix),
            None => finding,
        };
        findings.push(scale::with_rows(scale::with_sql(finding, call), facts, model));
    }
    findings
}

fn names(fields: &[&Field]) -> String {
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    quoted_list(&names)
}

/// Documents, files and texts without a limit that statistics show to be long.
fn is_wide(facts: &Facts, model: &Model, field: &Field) -> bool {
    let width = scale::table(facts, model)
        .and_then(|table| table.column(&field.db_name)?.statistics.as_ref())
        .map(|statistics| statistics.width);
    match (width, &field.ty) {
        (Some(width), _) => width >= 500,
        (None, FieldType::Scalar(Scalar::Json | Scalar::Bytes)) => true,
        _ => false,
    }
}

/// The call with a `select` of what is read; an `include` whose relations are all read becomes part of it.
fn select(facts: &Facts, call: &Call, model: &Model, read: &[&Field]) -> Option<Fix> {
    let is_read =
        |name: &str| call.result.paths.iter().any(|path| path.first().is_some_and(|read| read == name));
    if read.is_empty()
        || model.fields.iter().any(|field| field.arity == Arity::List && field.name == "_count")
    {
        return None;
    }
    let fields = read.iter().map(|field| format!("{}: true", field.name)).collect::<Vec<_>>().join(", ");
    let title = format!("select {}", names(read));
    let edits = match &call.argument.value {
        Value::Undefined => {
            let end = call.site.at.span.end.checked_sub(1)?;
            let empty = edit::text(facts, call, Span::new(call.name_at.span.end, end + 1)) == "()";
            let text = format!("{{ select: {{ {fields} }} }}");
            empty.then(|| vec![TextEdit { span: Span::new(end, end), text }])?
        }
        Value::Object(object) => match object.get("include") {
            Some(include) => {
                let relations = include.value.object().filter(|relations| !relations.open)?;
                let name = Span::new(include.span.start, include.span.start + "include".len());
                let written =
                    edit::is_written(facts, call, include) && edit::text(facts, call, name) == "include";
                let all_read = relations.properties.iter().all(|relation| is_read(&relation.name));
                let added = edit::add_property(facts, call, relations, &fields)?;
                (written && all_read).then(|| vec![TextEdit { span: name, text: "select".into() }, added])?
            }
            None => vec![edit::add_property(facts, call, object, &format!("select: {{ {fields} }}"))?],
        },
        _ => return None,
    };
    let safety = if shared::is_nobody_elses(facts, call) { Safety::Safe } else { Safety::Review };
    edit::fix(facts, call, safety, title, edits)
}
