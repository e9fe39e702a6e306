//! A webhook's write together with its event's id under a unique key: the second delivery finds the id and does nothing.

use pgsteward_model::change::{Change, Fix, Rollback, Safety, TextEdit};
use pgsteward_model::code::{Awaited, Call, Node, Source, Value};
use pgsteward_model::source::Span;

use super::edit;
use super::new_table::{Column, new_table};
use crate::code::flow::Flow;
use crate::code::text::{indent_unit, is_path, mentions_word, root};

/// The columns of the table that remembers events.
const COLUMNS: [Column; 2] = [
    Column { field: "id", prisma: "String @id", sql: "TEXT NOT NULL" },
    Column {
        field: "receivedAt",
        prisma: "DateTime @default(now()) @db.Timestamptz(3)",
        sql: "TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP",
    },
];

/// The table, and the write in one transaction with the event's id. None where the write does not stand alone in its
/// function, or where it is not known which value is the event.
pub(in crate::code) fn fix(flow: &Flow, webhook: usize, call: &Call) -> Option<Fix> {
    let stands_here = call.site.function == webhook
        && call.site.loops.is_empty()
        && call.site.awaited == Awaited::Await
        && call.result.unused
        && !flow.in_transaction(call);
    let event = event(flow, webhook, call)?;
    let near = flow.model(&call.model)?;
    let text: &str = &flow.facts.sources.get(&call.site.at.file)?.text;
    let statement = statement_of(text, call.site.at.span)?;
    let written = text.get(call.site.at.span.start..call.site.at.span.end)?;
    let rest = written.strip_prefix(&call.receiver)?;
    let plain = is_path(&call.receiver) && !mentions_word(written, "tx") && !written.contains('`');
    if !stands_here || !plain || mentions_word(flow.text_of(webhook), "tx") {
        return None;
    }
    let table = new_table(flow, near, "ProcessedEvent", &COLUMNS, &[])?;
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let end = if text.get(statement.end - 1..statement.end) == Some(";") { ";" } else { "" };
    let line = text[..statement.start].rfind('\n').map_or(0, |at| at + 1);
    let indent = &text[line..statement.start];
    let unit = indent_unit(text);
    let deeper = rest.replace('\n', &format!("\n{unit}"));
    let new = [
        format!("await {}.$transaction(async (tx) => {{", call.receiver),
        format!(
            "{indent}{unit}const {{ count }} = await tx.{}.createMany({{ data: [{{ id: {}.id }}], skipDuplicates: true }}){end}",
            table.accessor, event.name
        ),
        format!("{indent}{unit}if (count === 0) return{end}"),
        format!("{indent}{unit}await tx{deeper}{end}"),
        format!("{indent}}}){end}"),
    ]
    .join(newline);
    let edit = TextEdit { span: statement, text: new };
    let (done, undone) = edit::there_and_back(flow.facts, &call.site.at.file, vec![edit])?;
    let (mut steps, mut rollback) = (table.steps, table.rollback);
    steps.push(done);
    rollback.insert(0, undone);
    Some(Fix {
        title: format!("keep \"{}.id\" in a table of processed events", event.name),
        safety: if event.sure { Safety::Review } else { Safety::Manual },
        change: Change { steps, rollback: Rollback::Steps(rollback) },
    })
}

/// The variable that holds the event.
struct Event<'a> {
    name: &'a str,
    /// Its library says that it has an id; else a person looks.
    sure: bool,
}

fn event<'a>(flow: &Flow<'a>, webhook: usize, call: &'a Call) -> Option<Event<'a>> {
    let text = flow.text_of(webhook);
    let declared = |line: &'a str| {
        let rest = line.trim_start();
        let rest = ["const ", "let "].iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
        let (name, _) = rest.split_once('=')?;
        let name = name.split(':').next().unwrap_or(name).trim();
        (is_path(name) && !name.contains('.')).then_some(name)
    };
    if let Some(name) = text.lines().filter(|line| line.contains("constructEvent")).find_map(declared) {
        return Some(Event { name, sure: true });
    }
    let mut names = Vec::new();
    ["data", "where"]
        .iter()
        .filter_map(|part| call.argument.get(part))
        .for_each(|node| roots(node, &mut names));
    let given =
        |line: &&str| line.contains(".json()") || line.contains(".body") || line.contains("JSON.parse(");
    let name = text.lines().filter(given).filter_map(declared).find(|name| names.contains(name))?;
    Some(Event { name, sure: false })
}

fn roots<'a>(node: &'a Node, found: &mut Vec<&'a str>) {
    match &node.value {
        Value::Expression { text, sources, .. }
            if !sources.iter().all(|source| *source == Source::Constant) =>
        {
            found.push(root(text));
        }
        Value::Object(object) => object.properties.iter().for_each(|property| roots(&property.value, found)),
        Value::List(nodes) | Value::Choice { nodes, .. } => nodes.iter().for_each(|node| roots(node, found)),
        _ => {}
    }
}

/// `await call;` where it is a statement on lines of its own.
pub(in crate::code) fn statement_of(text: &str, call: Span) -> Option<Span> {
    let before = text.get(..call.start)?.trim_end().strip_suffix("await")?;
    let after = text.get(call.end..)?;
    let begins = before.trim_end_matches([' ', '\t']).ends_with('\n');
    let ended = after.strip_prefix(';').unwrap_or(after);
    let ends = ended.trim_start_matches([' ', '\t']).starts_with(['\n', '\r', '}'])
        || ended.trim_start().starts_with("//");
    // In a style without semicolons the next line might go on with the call.
    let goes_on = ended.trim_start().starts_with(['.', '?', '(', '[', '`']) && !after.starts_with(';');
    // The line before may be a head without braces.
    let head = before.trim_end().rsplit('\n').next().unwrap_or("").trim();
    let bare = (head.starts_with("if")
        || head.starts_with("else")
        || head.starts_with("for")
        || head.starts_with("while")
        || head.starts_with("} else"))
        && !head.ends_with(['{', '}', ';']);
    (begins && ends && !goes_on && !bare)
        .then(|| Span::new(before.len(), call.end + usize::from(after.starts_with(';'))))
}
