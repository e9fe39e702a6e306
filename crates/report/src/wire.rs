//! The JSON that pgsteward promises, version 1.
//!
//! ```text
//! {"version":1,"tool":{"name","version"},"project":{"root","schemas":[…],"migrations","judged",
//!    "code":{"files","bytes","calls","understood","raw_queries","not_understood":[{"reason","calls"}]}},
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

mod lower;

pub(crate) use lower::wire_proof;

use pgsteward_model::facts::Gap;
use pgsteward_model::review::Review;
use serde::Serialize;

use crate::text;

/// Version of the document. Baselines carry it too.
pub const VERSION: u32 = 1;

/// What a finding takes, rather more than less.
const BYTES_PER_FINDING: usize = 6 * 1024;

pub(crate) fn render(review: &Review) -> String {
    // Room that is not used costs nothing; to move a long text each time it has doubled costs as much as writing it.
    json_within(&lower::document(review), review.findings.len() * BYTES_PER_FINDING)
}

/// A JSON value as text, ending with a line break; characters that could command a terminal are escaped.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    json_within(value, 0)
}

/// As [`to_json`]; `room`: the bytes to begin with.
fn json_within(value: &impl Serialize, room: usize) -> String {
    // Writing to a string fails for maps with keys that are no strings only, and there is none here; were
    // there one, the error would be the document rather than a panic or an empty file.
    let mut bytes = Vec::with_capacity(room);
    let plain = serde_json::to_writer(&mut bytes, value)
        .map_err(|error| error.to_string())
        .and_then(|()| String::from_utf8(bytes).map_err(|error| error.to_string()));
    escaped(plain.unwrap_or_else(|error| format!("{{\"error\": \"{}\"}}", text::line(&error))))
}

/// Long documents hold little to escape, so what is plain is passed over in blocks and copied in runs.
fn escaped(plain: String) -> String {
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(rest) = plain.as_bytes().get(at..) {
        at += printable(rest);
        let Some(character) = plain.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let end = at + character.len_utf8();
        if character != '\n' && text::is_dangerous(character) {
            if out.capacity() == 0 {
                out.reserve(plain.len() + 64);
            }
            out.push_str(&plain[copied..at]);
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
            copied = end;
        }
        at = end;
    }
    if copied == 0 {
        out = plain;
    } else {
        out.push_str(&plain[copied..]);
    }
    out.push('\n');
    out
}

/// How many of the first bytes are printable ASCII, which nothing has to escape.
fn printable(bytes: &[u8]) -> usize {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    // Without an early end a block is compared as a whole.
    let block = |block: &&[u8]| block.iter().fold(true, |plain, byte| plain & is_plain(byte));
    let blocks = bytes.chunks_exact(64).take_while(block).count() * 64;
    blocks + bytes[blocks..].iter().take_while(|byte| is_plain(byte)).count()
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
    code: Option<Code>,
}

#[derive(Serialize)]
struct Code {
    files: usize,
    bytes: usize,
    calls: usize,
    understood: usize,
    raw_queries: usize,
    not_understood: Vec<NotUnderstood>,
}

#[derive(Serialize)]
struct NotUnderstood {
    reason: String,
    calls: usize,
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
    Transitions { relation: String, column: String, allowed: Vec<WireTransition> },
}

#[derive(Serialize)]
struct WireTransition {
    from: String,
    to: String,
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
pub(crate) struct WireProof {
    verdict: &'static str,
    reason: Option<String>,
    server_version: Option<String>,
    observations: Vec<WireObservation>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireObservation {
    Applied {
        sql: String,
        elapsed_us: u64,
    },
    Lock {
        sql: String,
        relation: String,
        mode: String,
    },
    Rewrite {
        sql: String,
        relation: String,
    },
    FindingGone,
    FindingRemains,
    NewFinding {
        rule: String,
        message: String,
    },
    RolledBack {
        elapsed_us: u64,
    },
    CatalogDiffers {
        differences: Vec<String>,
    },
    SameCatalog,
    AppliedAgain,
    Failed {
        sql: String,
        error: WireServerError,
    },
    FileParses {
        file: String,
    },
    Ran {
        what: String,
        sql: String,
        statements: u64,
        rows_fetched: u64,
        rows_returned: u64,
        rows_removed: u64,
        buffers: u64,
        elapsed_us: u64,
        plan: String,
    },
    SameRows {
        rows: u64,
    },
    Attacked {
        what: String,
        sql: String,
        refused: Option<WireServerError>,
        rows: u64,
    },
    Deadlocked {
        first: Vec<String>,
        second: Vec<String>,
        error: WireServerError,
    },
}

/// What was not looked at, in the answers of single commands.
#[derive(Serialize)]
pub(crate) struct ToldGap<'a> {
    what: &'a str,
    why: &'a str,
    hint: &'a str,
}

pub(crate) fn told_gaps(gaps: &[Gap]) -> Vec<ToldGap<'_>> {
    gaps.iter().map(|gap| ToldGap { what: &gap.what, why: &gap.why, hint: &gap.hint }).collect()
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

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_dangerous_character_is_escaped_wherever_it_stands() {
        let plain: String = "tête … \u{1f600} ".chars().cycle().take(200).collect();
        assert_eq!(escaped(plain.clone()), format!("{plain}\n"));
        assert_eq!(escaped(String::new()), "\n");
        for (at, _) in plain.char_indices() {
            for (bad, code) in
                [('\u{7f}', "\\u007f"), ('\u{202e}', "\\u202e"), ('\u{e0041}', "\\udb40\\udc41")]
            {
                let (before, after) = plain.split_at(at);
                let text = escaped(format!("{before}{bad}{after}{bad}"));
                assert_eq!(text, format!("{before}{code}{after}{code}\n"));
            }
        }
    }
}
