//! Columns of states: drawn for people and as Mermaid, as JSON, and as the SQL of their triggers.

use pgsteward_model::change::{Rollback, Step};
use pgsteward_model::source::FileRange;
use pgsteward_model::states::{ANY, StateColumn, States};
use serde::Serialize;

use crate::markdown::fenced;
use crate::terminal::style::{self, Paint};
use crate::wire::{self, WireProof};
use crate::{QueriesFormat, RenderOptions, text, transitions, words};

/// All columns in one format.
pub fn render_states(states: &States, format: QueriesFormat, options: &RenderOptions) -> String {
    match format {
        QueriesFormat::Table => table(states, options),
        QueriesFormat::Json => json(states),
        QueriesFormat::Sql => sql(states),
        QueriesFormat::Markdown => markdown(states),
    }
}

fn name(column: &StateColumn) -> String {
    text::line(&format!("{}.{}", column.model, column.field))
}

fn place(at: &FileRange) -> String {
    format!("{}:{}", text::line(&at.file), at.start.line)
}

fn places(all: &[FileRange]) -> String {
    all.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// `PENDING → PAID  src/orders.ts:12`
fn ways(column: &StateColumn) -> Vec<String> {
    let drawn: Vec<String> = column
        .ways
        .iter()
        .map(|way| {
            let from = if way.from == ANY { "any".to_owned() } else { text::line(&way.from) };
            format!("{from} → {}", text::line(&way.to))
        })
        .collect();
    let width = drawn.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    drawn.iter().zip(&column.ways).map(|(line, way)| format!("{line:width$}  {}", places(&way.at))).collect()
}

/// What there is to say of a column beside its ways.
fn notes(column: &StateColumn) -> Vec<String> {
    let mut said = Vec::new();
    if !column.begins.is_empty() {
        said.push(format!("rows begin as {}", text::line(&column.begins.join(", "))));
    }
    if !column.unset.is_empty() {
        said.push(format!("nothing in the code sets {}", text::line(&column.unset.join(", "))));
    }
    if !column.unknown.is_empty() {
        said.push(format!("also written in a way that was not followed: {}", places(&column.unknown)));
    }
    match (&column.trigger, &column.no_trigger) {
        (Some(_), _) => said.push(format!(
            "a trigger can hold these ways: pgsteward queries --states {} --format sql",
            name(column)
        )),
        (None, Some(why)) => said.push(format!("no trigger: {}", text::prose(why))),
        (None, None) => {}
    }
    if let Some(proof) = &column.proof {
        said.push(words::proof(proof));
    }
    said
}

fn table(states: &States, options: &RenderOptions) -> String {
    let paint = Paint::new(options);
    let width = options.columns();
    let mut out = String::new();
    for column in &states.columns {
        let of = format!("{} of {}", words::quoted(&column.column), words::quoted(&column.relation));
        out.push_str(&format!(
            "{}  {}\n",
            paint.paint(style::BOLD, &name(column)),
            paint.paint(style::DIM, &of)
        ));
        for line in ways(column) {
            out.push_str(&format!("    {line}\n"));
        }
        for note in notes(column) {
            for line in text::wrap(&note, width.saturating_sub(2)) {
                out.push_str(&format!("  {line}\n"));
            }
        }
        out.push('\n');
    }
    out.push_str(&summary(states));
    out
}

fn summary(states: &States) -> String {
    let triggers = states.columns.iter().filter(|column| column.trigger.is_some()).count();
    let mut out = format!(
        "{} of states, {} that the code's ways allow\n",
        text::count(states.columns.len(), "column"),
        text::count(triggers, "trigger")
    );
    for gap in &states.gaps {
        out.push_str(&format!("not known: {}: {}\n", text::prose(&gap.what), text::prose(&gap.why)));
        out.push_str(&format!("  hint: {}\n", text::prose(&gap.hint)));
    }
    out
}

fn statements(steps: &[Step]) -> Vec<&str> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Sql(step) => Some(step.sql.as_str()),
            _ => None,
        })
        .collect()
}

fn trigger(column: &StateColumn) -> Vec<&str> {
    column.trigger.iter().flat_map(|fix| statements(&fix.change.steps)).collect()
}

fn way_back(column: &StateColumn) -> Vec<&str> {
    match column.trigger.as_ref().map(|fix| &fix.change.rollback) {
        Some(Rollback::Steps(steps)) => statements(steps),
        _ => Vec::new(),
    }
}

/// A comment ends with its line, so nothing of a name can become a statement.
fn sql(states: &States) -> String {
    let mut out = String::new();
    for column in &states.columns {
        out.push_str(&format!("-- {}: {}\n", name(column), transitions::lines(&column.allowed()).join(", ")));
        match &column.proof {
            Some(proof) => {
                out.push_str(&format!("-- {}\n", text::line(&words::proof(proof))));
            }
            None if column.trigger.is_some() => out.push_str("-- not tried\n"),
            None => {}
        }
        if let Some(why) = &column.no_trigger {
            out.push_str(&format!("-- no trigger: {}\n", text::line(why)));
        }
        for statement in trigger(column) {
            out.push_str(&format!("{};\n", text::lines(statement)));
        }
        for statement in way_back(column) {
            out.push_str(&format!("-- the way back: {};\n", text::line(statement)));
        }
        out.push('\n');
    }
    out
}

fn markdown(states: &States) -> String {
    let mut out = String::new();
    for column in &states.columns {
        out.push_str(&format!("### {}\n\n", text::line(&name(column)).replace('`', "'")));
        out.push_str(&fenced("mermaid", &transitions::mermaid(&column.begins, &column.allowed())));
        out.push_str(&fenced("text", &[ways(column), notes(column)].concat().join("\n")));
        let statements: String = trigger(column).iter().map(|sql| format!("{sql};\n")).collect();
        if !statements.is_empty() {
            out.push_str(&fenced("sql", &statements));
        }
    }
    out.push_str(&summary(states));
    out
}

#[derive(Serialize)]
struct Wire<'a> {
    version: u32,
    tool: &'a str,
    server_version: Option<String>,
    columns: Vec<WireColumn<'a>>,
    gaps: Vec<wire::ToldGap<'a>>,
}

#[derive(Serialize)]
struct WireColumn<'a> {
    model: &'a str,
    field: &'a str,
    relation: &'a str,
    column: &'a str,
    begins: &'a [String],
    transitions: Vec<WireWay<'a>>,
    unset: &'a [String],
    unknown: Vec<WirePlace<'a>>,
    enforced: bool,
    trigger: Vec<&'a str>,
    rollback: Vec<&'a str>,
    no_trigger: Option<&'a str>,
    proof: Option<WireProof>,
    mermaid: String,
}

#[derive(Serialize)]
struct WireWay<'a> {
    from: &'a str,
    to: &'a str,
    at: Vec<WirePlace<'a>>,
}

#[derive(Serialize)]
struct WirePlace<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

fn json(states: &States) -> String {
    wire::to_json(&Wire {
        version: wire::VERSION,
        tool: &states.tool_version,
        server_version: states.server_version.map(|version| version.to_string()),
        columns: states.columns.iter().map(wire_column).collect(),
        gaps: wire::told_gaps(&states.gaps),
    })
}

fn wire_column(column: &StateColumn) -> WireColumn<'_> {
    WireColumn {
        model: &column.model,
        field: &column.field,
        relation: &column.relation,
        column: &column.column,
        begins: &column.begins,
        transitions: column
            .ways
            .iter()
            .map(|way| WireWay { from: &way.from, to: &way.to, at: way.at.iter().map(wire_place).collect() })
            .collect(),
        unset: &column.unset,
        unknown: column.unknown.iter().map(wire_place).collect(),
        enforced: column.enforced,
        trigger: trigger(column),
        rollback: way_back(column),
        no_trigger: column.no_trigger.as_deref(),
        proof: column.proof.as_ref().map(wire::wire_proof),
        mermaid: transitions::mermaid(&column.begins, &column.allowed()),
    }
}

fn wire_place(at: &FileRange) -> WirePlace<'_> {
    WirePlace { file: &at.file, line: at.start.line, column: at.start.column }
}
