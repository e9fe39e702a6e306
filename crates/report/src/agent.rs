//! One compact line per finding, for AI agents that pay for every token:
//! `severity rule key place object | message | fix: title (safety, verdict)`.
//!
//! Columns are stable: `-` stands for what is absent, so the first five words are always there. Then one line
//! for each gap, then a summary. Names are untrusted text: they can neither break a line nor hide.

use pgsteward_model::finding::Finding;
use pgsteward_model::review::Review;

use crate::{text, words};

pub(crate) fn render(review: &Review) -> String {
    let mut out = String::new();
    for finding in &review.findings {
        out.push_str(&line(review, finding));
        out.push('\n');
    }
    for gap in &review.gaps {
        out.push_str(&format!("gap {} | {}", column(&gap.what), text::prose(&gap.why)));
        if !gap.hint.is_empty() {
            out.push_str(&format!(" | hint: {}", text::prose(&gap.hint)));
        }
        if !gap.skipped_rules.is_empty() {
            let rules: Vec<String> = gap.skipped_rules.iter().map(|rule| text::line(rule)).collect();
            out.push_str(&format!(" | skipped: {}", rules.join(",")));
        }
        out.push('\n');
    }
    let counts: Vec<String> = words::severities(review).into_iter().map(|(_, words)| words).collect();
    let counts = if counts.is_empty() { "nothing found".to_owned() } else { counts.join(", ") };
    out.push_str(&format!(
        "summary {counts} | {} allowed, {} in the baseline, {} | reviewed {}: {}\n",
        review.allowed,
        review.baselined,
        text::count(review.gaps.len(), "gap"),
        text::prose(&review.root),
        words::reviewed(review).join(", ")
    ));
    out
}

fn line(review: &Review, finding: &Finding) -> String {
    let place = match &finding.at.file {
        Some(range) => format!("{}:{}", column(&words::path(review, &range.file)), range.start.line),
        None => "-".into(),
    };
    let object = match (&finding.at.object, &finding.at.setting, &finding.at.query) {
        (Some(object), _, _) => column(&format!("{}:{}", object.kind.word(), object.display())),
        (None, Some(setting), _) => column(&format!("setting:{setting}")),
        (None, None, Some(query)) => column(&format!("query:{query}")),
        (None, None, None) => "-".into(),
    };
    let key = if finding.key.is_empty() { "-" } else { &finding.key };
    let mut out = format!(
        "{} {} {} {place} {object} | {}",
        finding.severity.word(),
        column(finding.rule),
        column(key),
        bare(&finding.message)
    );
    let verdict = finding.proof.as_ref().map(|proof| proof.verdict.word());
    match (words::offered_fix(finding), verdict) {
        (Some(fix), verdict) => out.push_str(&format!(
            " | fix: {} ({}, {})",
            bare(&fix.title),
            fix.safety.word(),
            verdict.unwrap_or("unproven")
        )),
        (None, Some(verdict)) => out.push_str(&format!(" | no fix ({verdict})")),
        (None, None) if !finding.hint.is_empty() => {
            out.push_str(&format!(" | hint: {}", bare(&finding.hint)));
        }
        (None, None) => {}
    }
    out
}

/// A text within its column: the separator of columns is written as an escape.
fn bare(text: &str) -> String {
    text::prose(text).replace(" | ", " \\u{7c} ")
}

/// A word of the first columns: without white space.
fn column(text: &str) -> String {
    text::line(text).replace(char::is_whitespace, "_").replace('|', "\\u{7c}")
}
