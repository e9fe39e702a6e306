//! SARIF 2.1.0 for code scanning (OASIS, "Static Analysis Results Interchange Format").
//!
//! GitHub shows a result only where it has a physical location, so a finding about a database object that no
//! file maps is placed on line 1 of the first schema file and says in its logical location what it is about.
//! Gaps are notifications of the invocation. Fixes are given where they edit files only.

use pgsteward_model::change::{EditAction, FileEdit, Fix, Step};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::place::Place;
use pgsteward_model::review::Review;
use pgsteward_model::rule::Rule;
use serde_json::{Map, Value, json};

use crate::{text, wire, words};

pub(crate) fn render(review: &Review) -> String {
    let rules = used_rules(review);
    let results: Vec<Value> = review.findings.iter().map(|finding| result(review, finding, &rules)).collect();
    wire::to_json(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pgsteward",
                "version": review.tool_version,
                "rules": rules.iter().map(|rule| descriptor(rule)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications(review),
            }],
            "results": results,
        }],
    }))
}

/// The rules with findings, in the order of their first.
fn used_rules(review: &Review) -> Vec<&'static Rule> {
    let mut rules: Vec<&'static Rule> = Vec::new();
    for finding in &review.findings {
        if !rules.iter().any(|rule| rule.id == finding.rule) {
            rules.extend(review.rule(finding.rule));
        }
    }
    rules
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn descriptor(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.summary()},
        "help": {"text": rule.help(), "markdown": rule.help()},
        "defaultConfiguration": {"level": level(rule.loudest())},
        "properties": {"tags": [rule.group.word()], "since": rule.since, "ancestors": rule.ancestors},
    })
}

fn notifications(review: &Review) -> Vec<Value> {
    review
        .gaps
        .iter()
        .map(|gap| {
            let mut said = format!("not checked: {}. {}", text::prose(&gap.what), text::prose(&gap.why));
            if !gap.hint.is_empty() {
                said.push_str(&format!(" Hint: {}", text::prose(&gap.hint)));
            }
            json!({
                "level": "note",
                "message": {"text": message(&said)},
                "properties": {"skippedRules": gap.skipped_rules},
            })
        })
        .collect()
}

fn result(review: &Review, finding: &Finding, rules: &[&'static Rule]) -> Value {
    let mut out = json!({
        "ruleId": finding.rule,
        "level": level(finding.severity),
        "message": {"text": message(&said(finding))},
        "locations": [location(review, &finding.at)],
    });
    if let Some(index) = rules.iter().position(|rule| rule.id == finding.rule) {
        out["ruleIndex"] = json!(index);
    }
    if !finding.key.is_empty() {
        out["partialFingerprints"] = json!({"pgstewardKey/v1": finding.key});
    }
    if !finding.also.is_empty() {
        // The schema wants each once.
        let mut related: Vec<Value> = Vec::new();
        for place in &finding.also {
            let place = location(review, place);
            if !related.contains(&place) {
                related.push(place);
            }
        }
        out["relatedLocations"] = json!(related);
    }
    if let Some(fix) = words::offered_fix(finding).and_then(|fix| file_fix(review, fix)) {
        out["fixes"] = json!([fix]);
    }
    out
}

/// Message, detail, fix, proof and hint: code scanning shows nothing else of a result.
fn said(finding: &Finding) -> String {
    let mut parts = vec![text::prose(&finding.message)];
    if !finding.detail.is_empty() {
        parts.push(text::prose(&finding.detail));
    }
    if let Some(fix) = words::offered_fix(finding) {
        parts.push(format!("Fix: {} ({}).", text::prose(&fix.title), fix.safety.word()));
    }
    if let Some(proof) = &finding.proof {
        parts.push(format!("Proof: {}.", words::proof(proof)));
    }
    if !finding.hint.is_empty() {
        parts.push(format!("Hint: {}", text::prose(&finding.hint)));
    }
    parts.join("\n")
}

/// Brackets that would read as a link of SARIF's own plain text are escaped as it asks.
fn message(text: &str) -> String {
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text.to_owned() }
}

fn location(review: &Review, place: &Place) -> Value {
    let mut out = Map::new();
    let physical = match &place.file {
        Some(range) => Some(json!({
            "artifactLocation": artifact(review, &range.file),
            "region": {
                "startLine": range.start.line,
                "startColumn": range.start.column,
                "endLine": range.end.line,
                "endColumn": range.end.column,
            },
        })),
        None => review
            .schemas
            .first()
            .map(|file| json!({"artifactLocation": artifact(review, file), "region": {"startLine": 1}})),
    };
    if let Some(physical) = physical {
        out.insert("physicalLocation".into(), physical);
    }
    if let Some(logical) = logical_location(place) {
        out.insert("logicalLocations".into(), json!([logical]));
    }
    Value::Object(out)
}

fn logical_location(place: &Place) -> Option<Value> {
    if let Some(object) = &place.object {
        let qualified: Vec<&str> =
            [&object.database, &object.namespace, &object.relation, &object.column, &object.name]
                .into_iter()
                .filter_map(|part| part.as_deref())
                .collect();
        let qualified = format!(
            "{}{}",
            qualified.join("."),
            object.arguments.as_deref().map_or(String::new(), |list| format!("({list})"))
        );
        return Some(json!({
            "name": text::line(&object.display()),
            "fullyQualifiedName": text::line(&qualified),
            "kind": object.kind.word(),
        }));
    }
    let (kind, name) = match (&place.setting, &place.query) {
        (Some(setting), _) => ("setting", setting),
        (None, Some(query)) => ("query", query),
        (None, None) => return None,
    };
    Some(json!({"name": text::line(name), "kind": kind}))
}

fn artifact(review: &Review, file: &str) -> Value {
    json!({"uri": uri(&words::path(review, file))})
}

/// A relative URI reference: everything but RFC 3986's unreserved characters and slashes is encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A fix whose every step replaces text of files that were read. Anything else SARIF cannot say.
fn file_fix(review: &Review, fix: &Fix) -> Option<Value> {
    let changes: Option<Vec<Value>> = fix
        .change
        .steps
        .iter()
        .map(|step| match step {
            Step::Edit(edit) => artifact_change(review, edit),
            Step::Sql(_) | Step::Prisma(_) | Step::Wait { .. } => None,
        })
        .collect();
    let changes = changes.filter(|changes| !changes.is_empty())?;
    Some(json!({"description": {"text": message(&text::prose(&fix.title))}, "artifactChanges": changes}))
}

fn artifact_change(review: &Review, edit: &FileEdit) -> Option<Value> {
    let EditAction::Replace(edits) = &edit.action else { return None };
    let source = review.sources.get(&edit.file)?;
    let replacements: Vec<Value> = edits
        .iter()
        .map(|edit| {
            let range = source.range(edit.span);
            json!({
                "deletedRegion": {
                    "startLine": range.start.line,
                    "startColumn": range.start.column,
                    "endLine": range.end.line,
                    "endColumn": range.end.column,
                },
                "insertedContent": {"text": edit.text},
            })
        })
        .collect();
    (!replacements.is_empty())
        .then(|| json!({"artifactLocation": artifact(review, &edit.file), "replacements": replacements}))
}
