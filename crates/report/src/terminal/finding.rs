//! One finding as a block: title, frame, and labelled lines under it.

use anstyle::Style;
use pgsteward_model::change::{EditAction, FileEdit, Rollback, Step};
use pgsteward_model::finding::{Evidence, Finding};
use pgsteward_model::proof::Verdict;
use pgsteward_model::review::Review;

use super::frame;
use super::style::{self, Paint};
use crate::fold::Group;
use crate::{RenderOptions, hunk, text, transitions, words};

/// Steps of a fix, lines of an edit and lines of one statement shown unless verbose.
const FIRST_STEPS: usize = 3;
const FIRST_LINES: usize = 8;

/// Places listed under a folded block, after the first, which is shown in full.
const FIRST_PLACES: usize = 2;

/// Width of the labels, from `= ` to the text.
const LABEL: usize = 10;

struct Block<'a> {
    review: &'a Review,
    options: &'a RenderOptions,
    paint: Paint,
    gutter: usize,
    out: String,
}

/// A group of findings: each by itself, or the first in full and the others listed.
pub(super) fn render_group(review: &Review, group: &Group<'_>, options: &RenderOptions) -> String {
    let fold = !options.verbose && group.findings.len() > crate::fold::FOLD_ABOVE;
    let mut out = String::new();
    if fold {
        out.push_str(&block(review, group.findings[0], None, Some(group), options));
        return out;
    }
    let mut previous: Option<&Finding> = None;
    for finding in &group.findings {
        if previous.is_some() {
            out.push('\n');
        }
        out.push_str(&block(review, finding, previous, None, options));
        previous = Some(finding);
    }
    out
}

/// `previous` is the finding of the same rule that was just shown: what it said need not be said again.
fn block(
    review: &Review,
    finding: &Finding,
    previous: Option<&Finding>,
    group: Option<&Group<'_>>,
    options: &RenderOptions,
) -> String {
    let mut block = Block { review, options, paint: Paint::new(options), gutter: 1, out: String::new() };
    block.title(finding, group);
    block.place(finding);
    if group.is_some() {
        if let Some(rule) = review.rule(finding.rule) {
            block.prose("rule", rule.summary());
        }
        block.prose("first", &finding.message);
    }
    let is_new = |of: fn(&Finding) -> &str| previous.is_none_or(|previous| of(previous) != of(finding));
    if is_new(|finding| &finding.detail) {
        block.prose("detail", &finding.detail);
    }
    block.evidence(finding);
    for place in &finding.also {
        if let Some(words) = words::place(review, place) {
            block.prose("also", &words);
        }
    }
    block.fix(finding);
    block.proof(finding);
    if is_new(|finding| &finding.hint) {
        block.prose("hint", &finding.hint);
    }
    if !finding.key.is_empty() {
        let key = block.paint.paint(style::DIM, &text::line(&finding.key));
        block.label("key", &[key]);
    }
    if let Some(group) = group {
        block.others(group);
    }
    block.out
}

impl Block<'_> {
    fn push(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// `warning[rule]: message`, the message wrapped under itself.
    fn title(&mut self, finding: &Finding, group: Option<&Group<'_>>) {
        let message = match group {
            Some(group) => group.extent(),
            None => text::prose(&finding.message),
        };
        let head = format!("{}[{}]", finding.severity.word(), text::line(finding.rule));
        let head_width = head.chars().count() + 2;
        let head = self.paint.paint(style::of_severity(finding.severity), &head);
        let width = self.options.columns();
        let mut lines = wrap_after(&message, head_width, width).into_iter();
        let first = lines.next().unwrap_or_default();
        self.push(&format!("{head}: {}", self.paint.paint(style::BOLD, &first)));
        for line in lines {
            self.push(&format!("  {}", self.paint.paint(style::BOLD, &line)));
        }
    }

    fn place(&mut self, finding: &Finding) {
        let arrow = self.paint.paint(style::GUTTER, "-->");
        if let Some(range) = &finding.at.file {
            let frame = self.review.sources.get(&range.file).and_then(|source| {
                let path = words::path(self.review, &range.file);
                frame::render(range, &path, source, finding.severity, self.options)
            });
            match frame {
                Some(frame) => {
                    self.gutter = frame::gutter(range);
                    self.push(&frame);
                }
                None => self.push(&format!(" {arrow} {}", words::file_place(self.review, range))),
            }
        } else if let Some(subject) = words::subject(&finding.at) {
            self.push(&format!(" {arrow} {subject}"));
        }
        let bar = self.paint.paint(style::GUTTER, "|");
        self.push(&format!("{:1$} {bar}", "", self.gutter));
    }

    /// A labelled line and the lines that continue it, which are ready to print.
    fn label(&mut self, label: &str, lines: &[String]) {
        for (at, line) in lines.iter().enumerate() {
            let line = if at == 0 {
                let mark = self.paint.paint(style::GUTTER, "=");
                format!("{:1$} {mark} {label:LABEL$}{line}", "", self.gutter)
            } else {
                format!("{:1$}{line}", "", self.gutter + 3 + LABEL)
            };
            self.push(line.trim_end());
        }
    }

    fn room(&self) -> usize {
        self.options.columns().saturating_sub(self.gutter + 3 + LABEL)
    }

    fn prose(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            let lines = text::wrap(&text::prose(text), self.room());
            self.label(label, &lines);
        }
    }

    /// Numbers in one line; SQL as code.
    fn evidence(&mut self, finding: &Finding) {
        let short: Vec<String> = finding
            .evidence
            .iter()
            .filter(|one| !matches!(one, Evidence::Sql { .. } | Evidence::Transitions { .. }))
            .map(words::evidence)
            .collect();
        self.prose("evidence", &short.join("; "));
        for evidence in &finding.evidence {
            match evidence {
                Evidence::Sql { sql } => {
                    let lines = self.code(sql);
                    self.label("evidence", &lines);
                }
                Evidence::Transitions { allowed, .. } => {
                    let lines: Vec<String> = transitions::lines(allowed)
                        .iter()
                        .flat_map(|line| text::wrap(line, self.room()))
                        .collect();
                    self.label("states", &lines);
                }
                _ => {}
            }
        }
    }

    fn code(&self, code: &str) -> Vec<String> {
        let mut lines = text::wrap_code(&text::lines(code), self.room());
        if !self.options.verbose && lines.len() > FIRST_LINES {
            let more = lines.len() - FIRST_LINES;
            lines.truncate(FIRST_LINES);
            return self.painted(style::CODE, lines, Some(format!("… {}", text::count(more, "more line"))));
        }
        self.painted(style::CODE, lines, None)
    }

    fn painted(&self, style: Style, lines: Vec<String>, tail: Option<String>) -> Vec<String> {
        let mut lines: Vec<String> = lines.iter().map(|line| self.paint.paint(style, line)).collect();
        lines.extend(tail);
        lines
    }

    fn fix(&mut self, finding: &Finding) {
        let Some(fix) = words::offered_fix(finding) else { return };
        let title = format!("{} ({})", text::prose(&fix.title), fix.safety.word());
        let mut lines = text::wrap(&title, self.room());
        lines.extend(self.steps(&fix.change.steps));
        self.label("fix", &lines);
        match &fix.change.rollback {
            Rollback::Impossible { reason } => self.prose("rollback", &format!("impossible: {reason}")),
            Rollback::Steps(steps) => {
                let lines = self.steps_back(steps);
                self.label("rollback", &lines);
            }
        }
    }

    fn steps(&self, steps: &[Step]) -> Vec<String> {
        let shown = if self.options.verbose { steps.len() } else { FIRST_STEPS.min(steps.len()) };
        let mut lines = Vec::new();
        for step in &steps[..shown] {
            match step {
                Step::Sql(step) => lines.extend(self.code(&format!("{};", step.sql))),
                Step::Edit(edit) => lines.extend(self.edit(edit)),
                Step::Prisma(_) | Step::Wait { .. } => {
                    lines.extend(text::wrap(&words::step(self.review, step), self.room()));
                }
            }
        }
        if steps.len() > shown {
            lines.push(format!("… {}", text::count(steps.len() - shown, "more step")));
        }
        lines
    }

    fn steps_back(&self, steps: &[Step]) -> Vec<String> {
        let is_edit =
            |step: &Step| matches!(step, Step::Edit(FileEdit { action: EditAction::Replace(_), .. }));
        steps
            .chunk_by(|one, next| is_edit(one) == is_edit(next))
            .flat_map(|run| match run.first() {
                Some(first) if is_edit(first) => run
                    .iter()
                    .flat_map(|step| text::wrap(&words::step_back(self.review, step), self.room()))
                    .collect(),
                _ => self.steps(run),
            })
            .collect()
    }

    /// The file's name, and the lines that change as a diff shows them.
    fn edit(&self, edit: &FileEdit) -> Vec<String> {
        let path = words::path(self.review, &edit.file);
        let mut title = words::file_edit(edit, &path);
        let mut diff: Vec<(Style, String)> = Vec::new();
        let side = |sign: char, style: Style, text: &str, diff: &mut Vec<(Style, String)>| {
            for line in text::wrap_code(&text::lines(text), self.room() - 2) {
                diff.push((style, format!("{sign} {line}")));
            }
        };
        match &edit.action {
            EditAction::Replace(_) => {
                let hunks = hunk::of_edit(edit, &self.review.sources).unwrap_or_default();
                if let Some(first) = hunks.first() {
                    title.push_str(&format!(":{}", first.line));
                }
                for hunk in &hunks {
                    let (mut before, mut after) = hunk::changed_lines(hunk);
                    // An empty line more or less is nothing to decide on.
                    before.retain(|line| !line.trim().is_empty());
                    after.retain(|line| !line.trim().is_empty());
                    side('-', style::REMOVED, &before.join("\n"), &mut diff);
                    side('+', style::ADDED, &after.join("\n"), &mut diff);
                }
            }
            EditAction::Create(text) => side('+', style::ADDED, text, &mut diff),
            EditAction::Delete => {}
        }
        let mut lines = text::wrap(&title, self.room());
        let shown = if self.options.verbose { diff.len() } else { FIRST_LINES.min(diff.len()) };
        lines.extend(diff[..shown].iter().map(|(style, line)| self.paint.paint(*style, line)));
        if diff.len() > shown {
            lines.push(format!("… {}", text::count(diff.len() - shown, "more line")));
        }
        lines
    }

    fn proof(&mut self, finding: &Finding) {
        let Some(proof) = &finding.proof else { return };
        let words = words::proof(proof);
        let mut lines = text::wrap(&words, self.room());
        let verdict = proof.verdict.word();
        let style = match proof.verdict {
            Verdict::Proven => style::GOOD,
            Verdict::Refuted { .. } => style::BAD,
            Verdict::Unprovable { .. } => style::BOLD,
        };
        if let Some(rest) = lines.first().and_then(|line| line.strip_prefix(verdict)).map(str::to_owned) {
            lines[0] = format!("{}{rest}", self.paint.paint(style, verdict));
        }
        self.label("proof", &lines);
    }

    /// The next few findings of a folded group, one line each.
    fn others(&mut self, group: &Group<'_>) {
        let first_file = group.findings[0].at.file.as_ref().map(|range| &range.file);
        let rest = &group.findings[1..];
        let shown = &rest[..FIRST_PLACES.min(rest.len())];
        let rows: Vec<(String, String)> = shown
            .iter()
            .map(|finding| {
                let subject = words::subject(&finding.at).unwrap_or_else(|| text::prose(&finding.message));
                let place = match &finding.at.file {
                    Some(range) if Some(&range.file) == first_file => format!("line {}", range.start.line),
                    Some(range) => words::file_place(self.review, range),
                    None => String::new(),
                };
                (subject, place)
            })
            .collect();
        let wide = rows.iter().map(|(subject, _)| subject.chars().count()).max().unwrap_or(0);
        let mut lines = Vec::new();
        for (subject, place) in &rows {
            let place_shown = self.paint.paint(style::DIM, place);
            if wide + 2 + place.chars().count() <= self.room() {
                lines.push(format!("{subject:wide$}  {place_shown}"));
            } else {
                lines.push(text::shorten(subject, self.room()));
                if !place.is_empty() {
                    lines.push(self.paint.paint(style::DIM, &text::shorten(place, self.room())));
                }
            }
        }
        let more = rest.len() - shown.len();
        if more > 0 {
            lines.push(format!("… and {} more (--verbose shows all)", text::thousands(more as u64)));
        }
        self.label("others", &lines);
    }
}

/// Wraps a text whose first line begins at a column; the others are indented by two.
fn wrap_after(text: &str, column: usize, width: usize) -> Vec<String> {
    let room = width.saturating_sub(column).max(10);
    let mut lines = text::wrap(text, room);
    if lines.len() < 2 {
        return lines;
    }
    let first = lines.remove(0);
    let rest = text.trim_start().strip_prefix(first.as_str()).unwrap_or_default();
    let mut out = vec![first];
    out.extend(text::wrap(rest, width - 2));
    out
}
