//! Workflow commands of GitHub Actions: each finding becomes an annotation.
//!
//! GitHub shows an annotation at `file`, whose path must be relative to the repository; a finding without
//! a file is shown on the run itself. The escapes are those that the Actions toolkit's own `command.ts` makes:
//! `%`, CR and LF in messages, also `:` and `,` in properties.

use pgsteward_model::change::Rollback;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::review::Review;

use crate::{text, words};

pub(crate) fn render(review: &Review) -> String {
    let mut out = String::new();
    for finding in &review.findings {
        out.push_str(&annotation(review, finding));
        out.push('\n');
    }
    for gap in &review.gaps {
        let title = property(&format!("not checked: {}", text::prose(&gap.what)));
        let mut message = text::prose(&gap.why);
        if !gap.hint.is_empty() {
            message.push_str(&format!("\nhint: {}", text::prose(&gap.hint)));
        }
        out.push_str(&format!("::notice title={title}::{}\n", data(&message)));
    }
    out
}

fn annotation(review: &Review, finding: &Finding) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let mut properties = Vec::new();
    if let Some(range) = &finding.at.file {
        properties.push(format!("file={}", property(&text::line(&words::path(review, &range.file)))));
        properties.push(format!("line={}", range.start.line));
        properties.push(format!("col={}", range.start.column));
        properties.push(format!("endLine={}", range.end.line));
        // GitHub takes columns for a range within one line only.
        if range.end.line == range.start.line {
            properties.push(format!("endColumn={}", range.end.column));
        }
    }
    properties.push(format!("title={}", property(&text::line(finding.rule))));
    format!("::{command} {}::{}", properties.join(","), data(&message(review, finding)))
}

fn message(review: &Review, finding: &Finding) -> String {
    let mut lines = vec![text::prose(&finding.message)];
    if finding.at.file.is_none() {
        lines.extend(words::subject(&finding.at));
    }
    if !finding.detail.is_empty() {
        lines.push(text::prose(&finding.detail));
    }
    if let Some(fix) = words::offered_fix(finding) {
        lines.push(format!("fix: {} ({})", text::prose(&fix.title), fix.safety.word()));
        lines.extend(fix.change.steps.iter().map(|step| format!("  {}", words::step(review, step))));
        if let Rollback::Impossible { reason } = &fix.change.rollback {
            lines.push(format!("rollback: impossible: {}", text::prose(reason)));
        }
    }
    if let Some(proof) = &finding.proof {
        lines.push(format!("proof: {}", words::proof(proof)));
    }
    if !finding.hint.is_empty() {
        lines.push(format!("hint: {}", text::prose(&finding.hint)));
    }
    lines.join("\n")
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
