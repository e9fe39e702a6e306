//! From the model to the document that is promised: what is renamed, masked or left out is here.

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Step, TextEdit};
use pgsteward_model::facts::Gap;
use pgsteward_model::finding::{Evidence, Finding, Severity};
use pgsteward_model::migration::ServerError;
use pgsteward_model::place::{ObjectRef, Place};
use pgsteward_model::proof::{Observation, Proof};
use pgsteward_model::review::Review;
use pgsteward_model::source::{FileRange, Sources};

use super::{
    Code, Document, Location, NotUnderstood, Object, Project, Summary, Tool, VERSION, WireEdit, WireEvidence,
    WireFinding, WireFix, WireGap, WireObservation, WirePlace, WireProof, WireRollback, WireServerError,
    WireStep, WireTextEdit, WireTransition,
};
use crate::{hunk, text, words};

pub(super) fn document(review: &Review) -> Document {
    Document {
        version: VERSION,
        tool: Tool { name: "pgsteward", version: review.tool_version.clone() },
        project: Project {
            root: masked(&review.root),
            schemas: review.schemas.clone(),
            migrations: review.migrations,
            judged: review.judged,
            code: review.code.as_ref().map(|code| Code {
                files: code.files,
                bytes: code.bytes,
                calls: code.calls,
                understood: code.understood,
                raw_queries: code.raw,
                not_understood: code
                    .not_understood
                    .iter()
                    .map(|(reason, calls)| NotUnderstood { reason: reason.clone(), calls: *calls })
                    .collect(),
            }),
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
        Evidence::Transitions { relation, column, allowed } => WireEvidence::Transitions {
            relation: relation.clone(),
            column: column.clone(),
            allowed: allowed
                .iter()
                .map(|(from, to)| WireTransition { from: masked(from), to: masked(to) })
                .collect(),
        },
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

pub(crate) fn wire_proof(proof: &Proof) -> WireProof {
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
        Observation::Ran(run) => WireObservation::Ran {
            what: run.what.clone(),
            sql: run.sql.clone(),
            statements: run.statements,
            rows_fetched: run.rows_fetched,
            rows_returned: run.rows_returned,
            rows_removed: run.rows_removed,
            buffers: run.buffers,
            elapsed_us: run.micros,
            plan: run.plan.clone(),
        },
        Observation::SameRows { rows } => WireObservation::SameRows { rows: *rows },
        Observation::Attacked { what, sql, refused, rows } => WireObservation::Attacked {
            what: masked(what),
            sql: masked(sql),
            refused: refused.as_ref().map(wire_server_error),
            rows: *rows,
        },
        Observation::Deadlocked { first, second, error } => WireObservation::Deadlocked {
            first: first.clone(),
            second: second.clone(),
            error: wire_server_error(error),
        },
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
