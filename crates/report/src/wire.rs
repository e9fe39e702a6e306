//! The JSON that pgsteward promises, version 1.
//!
//! ```text
//! {"version":1,"tool":{"name","version"},"project":{"root","schemas":[…],"migrations","judged"},
//!  "server_version":"15.18",
//!  "findings":[{"rule","group","severity":"error|warning|info","key","ancestors":[…],
//!    "object":{"kind","database","namespace","relation","column","name","arguments"},"query","setting",
//!    "location":{"file","line","column","end_line","end_column"},
//!    "also":[{"object","query","setting","location"}],
//!    "message","detail","hint","evidence":[{"kind":…}],
//!    "fix":{"title","safety":"safe|review|manual","steps":[…],"rollback":{"steps":[…]}|{"impossible":"…"}},
//!    "proof":{"verdict":"proven|refuted|unprovable","reason","server_version","observations":[{"kind":…}]}}],
//!  "gaps":[{"what","why","hint","skipped_rules":[…]}],
//!  "summary":{"error","warning","info","allowed","baselined"},"elapsed_ms":0}
//! ```
//!
//! - One finding per object. Lines and columns are 1-based and count code points; an end is exclusive.
//! - Absent members are null, not missing. Lists are never null.
//! - A refuted fix is withdrawn: `fix` is null, `proof` stays.
//! - A step is `{"kind":"sql","sql","transactional","lock_timeout_ms"}`,
//!   `{"kind":"edit","file","action":"replace|create|delete","description","edits":[{"start_line",
//!   "start_column","end_line","end_column","text"}],"before","after"}` or `{"kind":"wait","until"}`. For
//!   `replace`, `before` and `after` are the whole lines that the edits touch; for `create`, `after` is the
//!   file. Positions are null where the file's text is unknown, and `file` where an edit is described only.
//! - Evidence is of kind `lock`, `rows`, `size`, `count`, `share`, `setting`, `sql` or `server_error`.
//! - Observations are of kind `applied`, `lock`, `rewrite`, `finding_gone`, `finding_remains`, `new_finding`,
//!   `rolled_back`, `catalog_differs`, `same_catalog`, `applied_again`, `failed` or `file_parses`.
//! - `elapsed_us` is in microseconds, `bytes` in bytes, `share` from 0 to 1.
//!
//! Members may be added within a version; renaming, removing or changing one takes a new version. Passwords
//! in URLs are masked, and characters that could command a terminal are written as `\u` escapes.

use serde::Serialize;

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Step, TextEdit};
use pgsteward_model::facts::Gap;
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::migration::ServerError;
use pgsteward_model::place::{ObjectRef, Place};
use pgsteward_model::proof::{Observation, Proof};
use pgsteward_model::review::Review;
use pgsteward_model::source::{FileRange, Sources};

use crate::{hunk, text, words};

/// Version of the document. Baselines carry it too.
pub const VERSION: u32 = 1;

pub(crate) fn render(review: &Review) -> String {
    to_json(&document(review))
}

/// A JSON value as text, ending with a line break; characters that could command a terminal are escaped.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Writing to a string fails for maps with keys that are no strings only, and there is none here; were
    // there one, the error would be the document rather than a panic or an empty file.
    let plain = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| format!("{{\"error\": \"{}\"}}", text::line(&error.to_string())));
    let mut out = String::with_capacity(plain.len() + 1);
    for character in plain.chars() {
        if character != '\n' && text::is_dangerous(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(character);
        }
    }
    out.push('\n');
    out
}

#[derive(Serialize)]
struct Document {
    version: u32,
    tool: Tool,
    project: Project,
    server_version: Option<String>,
    findings: Vec<WireFinding>,
    gaps: Vec<WireGap>,
    summary: Summary,
    elapsed_ms: u64,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: String,
}

#[derive(Serialize)]
struct Project {
    root: String,
    schemas: Vec<String>,
    migrations: usize,
    judged: usize,
}

#[derive(Serialize)]
struct WireFinding {
    rule: &'static str,
    group: Option<&'static str>,
    severity: &'static str,
    key: String,
    ancestors: Vec<&'static str>,
    #[serde(flatten)]
    place: WirePlace,
    also: Vec<WirePlace>,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    evidence: Vec<WireEvidence>,
    fix: Option<WireFix>,
    proof: Option<WireProof>,
}

#[derive(Serialize)]
struct WirePlace {
    object: Option<Object>,
    query: Option<String>,
    setting: Option<String>,
    location: Option<Location>,
}

#[derive(Serialize)]
struct Object {
    kind: &'static str,
    database: Option<String>,
    namespace: Option<String>,
    relation: Option<String>,
    column: Option<String>,
    name: Option<String>,
    arguments: Option<String>,
}

#[derive(Serialize)]
struct Location {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireEvidence {
    Lock { relation: String, mode: String, blocks_reads: bool, blocks_writes: bool },
    Rows { relation: String, rows: f64 },
    Size { relation: String, bytes: u64 },
    Count { what: String, value: u64 },
    Share { what: String, value: f64 },
    Setting { name: String, value: String },
    Sql { sql: String },
    ServerError(WireServerError),
}

#[derive(Serialize)]
struct WireServerError {
    sqlstate: String,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<u32>,
}

#[derive(Serialize)]
struct WireFix {
    title: String,
    safety: &'static str,
    steps: Vec<WireStep>,
    rollback: WireRollback,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WireRollback {
    Steps(Vec<WireStep>),
    Impossible(String),
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireStep {
    Sql { sql: String, transactional: bool, lock_timeout_ms: Option<u32> },
    Edit(WireEdit),
    Wait { until: String },
}

#[derive(Serialize)]
struct WireEdit {
    file: Option<String>,
    action: &'static str,
    description: String,
    edits: Vec<WireTextEdit>,
    before: Option<String>,
    after: Option<String>,
}

#[derive(Serialize)]
struct WireTextEdit {
    start_line: Option<u32>,
    start_column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
    text: String,
}

#[derive(Serialize)]
struct WireProof {
    verdict: &'static str,
    reason: Option<String>,
    server_version: Option<String>,
    observations: Vec<WireObservation>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireObservation {
    Applied { sql: String, elapsed_us: u64 },
    Lock { sql: String, relation: String, mode: String },
    Rewrite { sql: String, relation: String },
    FindingGone,
    FindingRemains,
    NewFinding { rule: String, message: String },
    RolledBack { elapsed_us: u64 },
    CatalogDiffers { differences: Vec<String> },
    SameCatalog,
    AppliedAgain,
    Failed { sql: String, error: WireServerError },
    FileParses { file: String },
}

#[derive(Serialize)]
struct WireGap {
    what: String,
    why: String,
    hint: Option<String>,
    skipped_rules: Vec<String>,
}

#[derive(Serialize)]
struct Summary {
    error: usize,
    warning: usize,
    info: usize,
    allowed: usize,
    baselined: usize,
}

fn document(review: &Review) -> Document {
    Document {
        version: VERSION,
        tool: Tool { name: "pgsteward", version: review.tool_version.clone() },
        project: Project {
            root: masked(&review.root),
            schemas: review.schemas.clone(),
            migrations: review.migrations,
            judged: review.judged,
        },
        server_version: review.server_version.map(|version| version.to_string()),
        findings: review.findings.iter().map(|finding| wire_finding(review, finding)).collect(),
        gaps: review.gaps.iter().map(wire_gap).collect(),
        summary: Summary {
            error: review.count(Severity::Error),
            warning: review.count(Severity::Warning),
            info: review.count(Severity::Info),
            allowed: review.allowed,
            baselined: review.baselined,
        },
        elapsed_ms: review.elapsed_ms,
    }
}

fn wire_finding(review: &Review, finding: &Finding) -> WireFinding {
    let rule = review.rule(finding.rule);
    WireFinding {
        rule: finding.rule,
        group: rule.map(|rule| rule.group.word()),
        severity: finding.severity.word(),
        key: finding.key.clone(),
        ancestors: rule.map(|rule| rule.ancestors.to_vec()).unwrap_or_default(),
        place: wire_place(&finding.at),
        also: finding.also.iter().map(wire_place).collect(),
        message: masked(&finding.message),
        detail: present(&finding.detail),
        hint: present(&finding.hint),
        evidence: finding.evidence.iter().map(wire_evidence).collect(),
        fix: words::offered_fix(finding).map(|fix| wire_fix(fix, &review.sources)),
        proof: finding.proof.as_ref().map(wire_proof),
    }
}

fn wire_place(place: &Place) -> WirePlace {
    WirePlace {
        object: place.object.as_ref().map(wire_object),
        query: place.query.clone(),
        setting: place.setting.clone(),
        location: place.file.as_ref().map(wire_location),
    }
}

fn wire_object(object: &ObjectRef) -> Object {
    Object {
        kind: object.kind.word(),
        database: object.database.clone(),
        namespace: object.namespace.clone(),
        relation: object.relation.clone(),
        column: object.column.clone(),
        name: object.name.clone(),
        arguments: object.arguments.clone(),
    }
}

fn wire_location(range: &FileRange) -> Location {
    Location {
        file: range.file.to_string(),
        line: range.start.line,
        column: range.start.column,
        end_line: range.end.line,
        end_column: range.end.column,
    }
}

fn wire_evidence(evidence: &Evidence) -> WireEvidence {
    match evidence {
        Evidence::Lock { relation, mode, blocks_reads, blocks_writes } => WireEvidence::Lock {
            relation: relation.clone(),
            mode: mode.to_string(),
            blocks_reads: *blocks_reads,
            blocks_writes: *blocks_writes,
        },
        Evidence::Rows { relation, rows } => WireEvidence::Rows { relation: relation.clone(), rows: *rows },
        Evidence::Size { relation, bytes } => {
            WireEvidence::Size { relation: relation.clone(), bytes: *bytes }
        }
        Evidence::Count { what, value } => WireEvidence::Count { what: what.clone(), value: *value },
        Evidence::Share { what, value } => WireEvidence::Share { what: what.clone(), value: *value },
        Evidence::Setting { name, value } => {
            WireEvidence::Setting { name: name.clone(), value: masked(value) }
        }
        Evidence::Sql { sql } => WireEvidence::Sql { sql: masked(sql) },
        Evidence::ServerError(error) => WireEvidence::ServerError(wire_server_error(error)),
    }
}

fn wire_server_error(error: &ServerError) -> WireServerError {
    WireServerError {
        sqlstate: error.sqlstate.clone(),
        message: masked(&error.message),
        detail: error.detail.as_deref().map(masked),
        hint: error.hint.as_deref().map(masked),
        position: error.position,
    }
}

fn wire_fix(fix: &Fix, sources: &Sources) -> WireFix {
    let Change { steps, rollback } = &fix.change;
    let all = |steps: &[Step], sources: &Sources| -> Vec<WireStep> {
        steps.iter().map(|step| wire_step(step, sources)).collect()
    };
    WireFix {
        title: masked(&fix.title),
        safety: fix.safety.word(),
        steps: all(steps, sources),
        rollback: match rollback {
            Rollback::Steps(back) => WireRollback::Steps(all(back, &hunk::after(steps, back, sources))),
            Rollback::Impossible { reason } => WireRollback::Impossible(masked(reason)),
        },
    }
}

fn wire_step(step: &Step, sources: &Sources) -> WireStep {
    match step {
        Step::Sql(step) => WireStep::Sql {
            sql: step.sql.clone(),
            transactional: step.transactional,
            lock_timeout_ms: step.lock_timeout_ms,
        },
        Step::Edit(edit) => WireStep::Edit(wire_edit(edit, sources)),
        Step::Prisma(edit) => WireStep::Edit(WireEdit {
            file: None,
            action: "replace",
            description: words::prisma_edit(edit),
            edits: Vec::new(),
            before: None,
            after: None,
        }),
        Step::Wait { until } => WireStep::Wait { until: masked(until) },
    }
}

fn wire_edit(edit: &FileEdit, sources: &Sources) -> WireEdit {
    let (action, edits, before, after) = match &edit.action {
        EditAction::Replace(edits) => {
            let hunks = hunk::of_edit(edit, sources);
            let join = |side: fn(&hunk::Hunk) -> &str| {
                hunks.as_ref().map(|hunks| masked(&hunks.iter().map(side).collect::<Vec<_>>().join("\n")))
            };
            let (before, after) = (join(|hunk| &hunk.before), join(|hunk| &hunk.after));
            let edits = edits.iter().map(|one| wire_text_edit(&edit.file, one, sources)).collect();
            ("replace", edits, before, after)
        }
        EditAction::Create(text) => ("create", Vec::new(), None, Some(text.clone())),
        EditAction::Delete => ("delete", Vec::new(), None, None),
    };
    WireEdit {
        file: Some(edit.file.to_string()),
        action,
        description: words::file_edit(edit, &edit.file),
        edits,
        before,
        after,
    }
}

fn wire_text_edit(file: &str, edit: &TextEdit, sources: &Sources) -> WireTextEdit {
    let range = sources.get(file).map(|source| source.range(edit.span));
    WireTextEdit {
        start_line: range.as_ref().map(|range| range.start.line),
        start_column: range.as_ref().map(|range| range.start.column),
        end_line: range.as_ref().map(|range| range.end.line),
        end_column: range.as_ref().map(|range| range.end.column),
        text: edit.text.clone(),
    }
}

fn wire_proof(proof: &Proof) -> WireProof {
    WireProof {
        verdict: proof.verdict.word(),
        reason: proof.verdict.reason().map(masked),
        server_version: proof.server.map(|version| version.to_string()),
        observations: proof.observations.iter().map(wire_observation).collect(),
    }
}

fn wire_observation(observation: &Observation) -> WireObservation {
    match observation {
        Observation::Applied { sql, micros } => {
            WireObservation::Applied { sql: sql.clone(), elapsed_us: *micros }
        }
        Observation::Lock { sql, relation, mode } => {
            WireObservation::Lock { sql: sql.clone(), relation: relation.clone(), mode: mode.to_string() }
        }
        Observation::Rewrite { sql, relation } => {
            WireObservation::Rewrite { sql: sql.clone(), relation: relation.clone() }
        }
        Observation::FindingGone => WireObservation::FindingGone,
        Observation::FindingRemains => WireObservation::FindingRemains,
        Observation::NewFinding { rule, message } => {
            WireObservation::NewFinding { rule: rule.clone(), message: masked(message) }
        }
        Observation::RolledBack { micros } => WireObservation::RolledBack { elapsed_us: *micros },
        Observation::CatalogDiffers { differences } => {
            WireObservation::CatalogDiffers { differences: differences.clone() }
        }
        Observation::SameCatalog => WireObservation::SameCatalog,
        Observation::AppliedAgain => WireObservation::AppliedAgain,
        Observation::Failed { sql, error } => {
            WireObservation::Failed { sql: sql.clone(), error: wire_server_error(error) }
        }
        Observation::FileParses { file } => WireObservation::FileParses { file: file.clone() },
    }
}

fn wire_gap(gap: &Gap) -> WireGap {
    WireGap {
        what: gap.what.clone(),
        why: masked(&gap.why),
        hint: present(&gap.hint),
        skipped_rules: gap.skipped_rules.clone(),
    }
}

fn masked(text: &str) -> String {
    text::mask_passwords(text).into_owned()
}

/// Empty texts of the model are absent members here.
fn present(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| masked(text))
}
