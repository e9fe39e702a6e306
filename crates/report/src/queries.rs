//! The calls of the code with their statements and plans: lines for people, JSON, SQL, Markdown.

use std::fmt;
use std::str::FromStr;

use pgsteward_model::code::InMemory;
use pgsteward_model::queries::{CalledAt, PlannedAs, PlannedStatement, Queries, Seen, Traffic, UnusedIndex};
use serde::Serialize;

use crate::terminal::style::{self, Paint};
use crate::{RenderOptions, text, wire};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueriesFormat {
    /// Lines for people.
    Table,
    Json,
    /// The statements alone, each under a comment that says where it comes from.
    Sql,
    Markdown,
}

impl QueriesFormat {
    const ALL: [(&'static str, QueriesFormat); 4] = [
        ("table", QueriesFormat::Table),
        ("json", QueriesFormat::Json),
        ("sql", QueriesFormat::Sql),
        ("markdown", QueriesFormat::Markdown),
    ];
}

impl fmt::Display for QueriesFormat {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = QueriesFormat::ALL.iter().find(|(_, format)| format == self).map_or("", |(name, _)| name);
        out.write_str(name)
    }
}

impl FromStr for QueriesFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<QueriesFormat, String> {
        let found = QueriesFormat::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format).ok_or_else(|| {
            format!("unknown format \"{}\"; use one of table, json, sql, markdown", text::line(name))
        })
    }
}

/// The whole list in one format.
pub fn render_queries(queries: &Queries, format: QueriesFormat, options: &RenderOptions) -> String {
    match format {
        QueriesFormat::Table => table(queries, options),
        QueriesFormat::Json => json(queries),
        QueriesFormat::Sql => sql(queries),
        QueriesFormat::Markdown => markdown(queries),
    }
}

fn place(call: &CalledAt) -> String {
    format!("{}:{}", text::line(&call.at.file), call.at.start.line)
}

fn table(queries: &Queries, options: &RenderOptions) -> String {
    let paint = Paint::new(options);
    let width = options.columns();
    let mut out = String::new();
    for call in &queries.calls {
        let inside = match call.function.as_str() {
            "" | "(module)" => String::new(),
            function => format!(" in {}", text::line(function)),
        };
        let aside = if call.serves { "" } else { ", not code that serves users" };
        out.push_str(&format!(
            "{}  {}{}\n",
            paint.paint(style::BOLD, &place(call)),
            text::line(&call.call),
            paint.paint(style::DIM, &format!("{inside}{aside}"))
        ));
        for statement in &call.statements {
            for line in text::wrap_code(&text::prose(&statement.sql), width - 4) {
                out.push_str(&format!("    {}\n", paint.paint(style::CODE, &line)));
            }
            if let Some(plan) = planned(statement) {
                out.push_str(&format!("      {} {plan}\n", paint.paint(style::DIM, "plan:")));
            }
        }
        for step in &call.in_memory {
            out.push_str(&format!("    in memory: {}\n", in_memory(step)));
        }
        if let Some(reason) = &call.not_understood {
            out.push_str(&format!("    not understood: {}\n", text::prose(reason)));
        }
        if let Some(seen) = &call.seen {
            out.push_str(&format!("    {}\n", counted(seen)));
        }
        out.push('\n');
    }
    for index in queries.unused_indexes.iter().flatten() {
        for line in text::wrap(&unused(index), width) {
            out.push_str(&format!("{line}\n"));
        }
    }
    if queries.unused_indexes.as_ref().is_some_and(|indexes| !indexes.is_empty()) {
        out.push('\n');
    }
    if let Some(traffic) = queries.traffic.as_ref().filter(|traffic| !traffic.unmapped.is_empty()) {
        out.push_str("statements that no call was found for:\n");
        for (sql, seen) in &traffic.unmapped {
            out.push_str(&format!("  {}: {}\n", counted(seen), text::shorten(&text::prose(sql), width)));
        }
        out.push('\n');
    }
    out.push_str(&summary(queries));
    for (reason, count) in frequent(queries) {
        out.push_str(&format!("  {count} not understood: {}\n", text::prose(reason)));
    }
    for gap in &queries.gaps {
        let said = format!("not known: {}: {}", text::prose(&gap.what), text::prose(&gap.why));
        for line in text::wrap(&said, width) {
            out.push_str(&format!("{line}\n"));
        }
        out.push_str(&format!("  hint: {}\n", text::prose(&gap.hint)));
    }
    out
}

fn counted(seen: &Seen) -> String {
    let part = match seen.share {
        share if share >= 0.0005 => format!(", {:.1} % of the time of all statements", share * 100.0),
        _ => String::new(),
    };
    format!(
        "ran {} times, {} ms in all{part}",
        text::thousands(seen.calls),
        text::thousands(whole(seen.total_ms))
    )
}

fn summary(queries: &Queries) -> String {
    let not_understood: usize = queries.not_understood.values().sum();
    let shown = match queries.total.saturating_sub(queries.calls.len()) {
        0 => String::new(),
        _ => format!("{} of ", queries.calls.len()),
    };
    let server = match (queries.server_version, queries.generated_rows) {
        (Some(version), rows) if rows > 0 => {
            format!("; planned by PostgreSQL {version} for {} generated rows", text::thousands(rows))
        }
        _ => String::new(),
    };
    let unused = match &queries.unused_indexes {
        Some(indexes) => format!("; {} that no call can use", text::count(indexes.len(), "index")),
        None => String::new(),
    };
    let traffic = match &queries.traffic {
        Some(traffic) => format!(
            "; {} of {} counted statements mapped, {:.0} % of their time",
            traffic.mapped,
            traffic.statements,
            traffic.share * 100.0
        ),
        None => String::new(),
    };
    format!(
        "{shown}{} in {}, {} understood{server}{unused}{traffic}\n",
        text::count(queries.total, "call"),
        text::count(queries.files, "file"),
        queries.total - not_understood.min(queries.total),
    )
}

/// Reasons why calls are not understood, the most frequent first.
fn frequent(queries: &Queries) -> Vec<(&str, usize)> {
    let mut all: Vec<(&str, usize)> =
        queries.not_understood.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
    all.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(other.0)));
    all
}

fn planned(statement: &PlannedStatement) -> Option<String> {
    match (&statement.plan, &statement.unplanned) {
        (Some(plan), _) => Some(in_words(plan)),
        (None, Some(why)) if why.starts_with("there was no lab") => None,
        (None, Some(why)) => Some(format!("none, {}", text::prose(why))),
        (None, None) => None,
    }
}

fn in_words(plan: &PlannedAs) -> String {
    let rows = match whole(plan.rows) {
        1 => "about 1 row".to_owned(),
        rows => format!("about {} rows", text::thousands(rows)),
    };
    format!("{}, cost {}, {rows}", text::line(&plan.scan), text::thousands(whole(plan.cost)))
}

fn whole(number: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what a u64 holds exactly"
    )]
    let whole = number.round().clamp(0.0, 9e15) as u64;
    whole
}

fn in_memory(step: &InMemory) -> String {
    let of = |path: &str| match path {
        "" => String::new(),
        path => format!(" of {}", text::line(path)),
    };
    match step {
        InMemory::Distinct { path, fields } => {
            format!("distinct {}{}", text::line(&fields.join(", ")), of(path))
        }
        InMemory::Page { path, take, skip } => {
            let take = take.map(|take| format!(" take {take}")).unwrap_or_default();
            let skip = skip.map(|skip| format!(" skip {skip}")).unwrap_or_default();
            format!("page{take}{skip}{}", of(path))
        }
        InMemory::Cursor { path } => format!("cursor{}", of(path)),
        InMemory::Reverse { path } => format!("reverse{}", of(path)),
    }
}

fn unused(index: &UnusedIndex) -> String {
    let scans = match index.scans {
        Some(scans) => format!(", {} scans counted", text::thousands(scans)),
        None => String::new(),
    };
    let unknown = match index.unknown_calls {
        0 => String::new(),
        calls => format!("; {} on the table not understood and may", text::count(calls, "call")),
    };
    format!(
        "no call can use \"{}\" of \"{}\", {}{scans}{unknown}",
        text::line(&index.index.name),
        text::line(&index.table.display()),
        text::prose(&index.definition)
    )
}

fn sql(queries: &Queries) -> String {
    let mut out = String::new();
    for call in &queries.calls {
        for statement in &call.statements {
            // A comment ends with its line, so nothing of a name can become a statement.
            out.push_str(&format!("-- {} {}\n", place(call), text::line(&call.call)));
            out.push_str(&format!("{};\n\n", text::lines(&statement.sql)));
        }
        if let Some(reason) = &call.not_understood {
            out.push_str(&format!(
                "-- {} {}: not understood, {}\n\n",
                place(call),
                text::line(&call.call),
                text::prose(reason)
            ));
        }
    }
    out
}

fn markdown(queries: &Queries) -> String {
    let cell = |text: &str| text::prose(text).replace('|', "\\|").replace('`', "'");
    let mut out = String::from("| place | call | SQL | plan |\n|---|---|---|---|\n");
    for call in &queries.calls {
        let (at, name) = (cell(&place(call)), cell(&call.call));
        if let Some(reason) = &call.not_understood {
            out.push_str(&format!("| {at} | `{name}` | not understood: {} | |\n", cell(reason)));
        }
        for statement in &call.statements {
            let plan = planned(statement).unwrap_or_default();
            out.push_str(&format!("| {at} | `{name}` | `{}` | {} |\n", cell(&statement.sql), cell(&plan)));
        }
    }
    if let Some(indexes) = &queries.unused_indexes {
        out.push('\n');
        for index in indexes {
            out.push_str(&format!("- {}\n", cell(&unused(index))));
        }
    }
    out.push_str(&format!("\n{}", summary(queries)));
    for (reason, count) in frequent(queries) {
        out.push_str(&format!("- {count} not understood: {}\n", cell(reason)));
    }
    out
}

#[derive(Serialize)]
struct Wire<'a> {
    version: u32,
    tool: &'a str,
    server_version: Option<String>,
    generated_rows: u64,
    files: usize,
    total: usize,
    calls: Vec<WireCall<'a>>,
    not_understood: Vec<WireReason<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unused_indexes: Option<Vec<WireIndex<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traffic: Option<WireTraffic<'a>>,
    gaps: Vec<wire::ToldGap<'a>>,
}

#[derive(Serialize)]
struct WireCall<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    call: &'a str,
    function: &'a str,
    serves: bool,
    statements: Vec<WireStatement<'a>>,
    in_memory: Vec<String>,
    not_understood: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<WireSeen>,
}

#[derive(Serialize)]
struct WireSeen {
    calls: u64,
    rows: u64,
    total_ms: f64,
    share: f64,
}

#[derive(Serialize)]
struct WireTraffic<'a> {
    mapped: usize,
    statements: usize,
    share: f64,
    unmapped: Vec<WireUnmapped<'a>>,
}

#[derive(Serialize)]
struct WireUnmapped<'a> {
    sql: &'a str,
    counted: WireSeen,
}

#[derive(Serialize)]
struct WireStatement<'a> {
    sql: &'a str,
    purpose: &'a str,
    tables: Vec<String>,
    plan: Option<WirePlan<'a>>,
    unplanned: Option<&'a str>,
}

#[derive(Serialize)]
struct WirePlan<'a> {
    scan: &'a str,
    indexes: &'a [String],
    cost: f64,
    rows: f64,
}

#[derive(Serialize)]
struct WireReason<'a> {
    reason: &'a str,
    calls: usize,
}

#[derive(Serialize)]
struct WireIndex<'a> {
    index: &'a str,
    table: String,
    definition: &'a str,
    unknown_calls: usize,
    scans: Option<u64>,
}

fn json(queries: &Queries) -> String {
    wire::to_json(&Wire {
        version: wire::VERSION,
        tool: &queries.tool_version,
        server_version: queries.server_version.map(|version| version.to_string()),
        generated_rows: queries.generated_rows,
        files: queries.files,
        total: queries.total,
        calls: queries.calls.iter().map(wire_call).collect(),
        not_understood: frequent(queries)
            .into_iter()
            .map(|(reason, calls)| WireReason { reason, calls })
            .collect(),
        unused_indexes: queries
            .unused_indexes
            .as_ref()
            .map(|indexes| indexes.iter().map(wire_index).collect()),
        traffic: queries.traffic.as_ref().map(wire_traffic),
        gaps: wire::told_gaps(&queries.gaps),
    })
}

fn wire_call(call: &CalledAt) -> WireCall<'_> {
    WireCall {
        file: &call.at.file,
        line: call.at.start.line,
        column: call.at.start.column,
        call: &call.call,
        function: &call.function,
        serves: call.serves,
        statements: call.statements.iter().map(wire_statement).collect(),
        in_memory: call.in_memory.iter().map(in_memory).collect(),
        not_understood: call.not_understood.as_deref(),
        counted: call.seen.as_ref().map(wire_seen),
    }
}

fn wire_seen(seen: &Seen) -> WireSeen {
    WireSeen { calls: seen.calls, rows: seen.rows, total_ms: seen.total_ms, share: seen.share }
}

fn wire_traffic(traffic: &Traffic) -> WireTraffic<'_> {
    WireTraffic {
        mapped: traffic.mapped,
        statements: traffic.statements,
        share: traffic.share,
        unmapped: traffic
            .unmapped
            .iter()
            .map(|(sql, seen)| WireUnmapped { sql, counted: wire_seen(seen) })
            .collect(),
    }
}

fn wire_statement(statement: &PlannedStatement) -> WireStatement<'_> {
    WireStatement {
        sql: &statement.sql,
        purpose: &statement.purpose,
        tables: statement.tables.iter().map(|name| name.display()).collect(),
        plan: statement.plan.as_ref().map(|plan| WirePlan {
            scan: &plan.scan,
            indexes: &plan.indexes,
            cost: plan.cost,
            rows: plan.rows,
        }),
        unplanned: statement.unplanned.as_deref(),
    }
}

fn wire_index(index: &UnusedIndex) -> WireIndex<'_> {
    WireIndex {
        index: &index.index.name,
        table: index.table.display(),
        definition: &index.definition,
        unknown_calls: index.unknown_calls,
        scans: index.scans,
    }
}
