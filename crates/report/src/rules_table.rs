//! The list of rules, as a table for people or as JSON.

use pgsteward_model::rule::Rule;
use serde::Serialize;

use crate::terminal::style::{self, Paint};
use crate::{RenderOptions, text, wire};

#[derive(Serialize)]
struct Table {
    version: u32,
    rules: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: &'static str,
    group: &'static str,
    severity: &'static str,
    since: &'static str,
    needs: Vec<&'static str>,
    sharper_with: Vec<&'static str>,
    ancestors: &'static [&'static str],
    summary: &'static str,
}

/// All given rules in their order: JSON of the version of [`wire`], or lines with id, group, severity and
/// summary, the summary wrapped under itself or, where the terminal is narrow, on a line of its own.
pub fn render_rules_table(rules: &[&'static Rule], json: bool, options: &RenderOptions) -> String {
    if json {
        return wire::to_json(&Table {
            version: wire::VERSION,
            rules: rules.iter().map(|rule| row(rule)).collect(),
        });
    }
    let paint = Paint::new(options);
    let width = options.columns();
    let column = |of: fn(&Rule) -> &str| rules.iter().map(|rule| of(rule).len()).max().unwrap_or(0);
    let (id, group) = (column(|rule| rule.id), column(|rule| rule.group.word()));
    let severity = "warning".len();
    let left = id + group + severity + 6;
    // Under 30 columns a sentence is a ladder: it goes below.
    let below = width < left + 30;
    let indent = if below { 4 } else { left };
    let mut out = String::new();
    for rule in rules {
        let word = rule.loudest().word();
        out.push_str(&format!(
            "{}{:2$}",
            paint.paint(style::BOLD, rule.id),
            "",
            id + 2 - rule.id.len().min(id)
        ));
        out.push_str(&format!("{:1$}  ", rule.group.word(), group));
        out.push_str(&paint.paint(style::of_severity(rule.loudest()), word));
        let lines = text::wrap(rule.summary(), width - indent);
        if !below {
            out.push_str(&" ".repeat(severity - word.len() + 2));
        }
        for (at, line) in lines.iter().enumerate() {
            if at > 0 || below {
                out.push_str(&format!("\n{:indent$}", ""));
            }
            out.push_str(line);
        }
        out.push('\n');
    }
    out.push_str(&format!("\n{}; pgsteward explain RULE shows one\n", text::count(rules.len(), "rule")));
    out
}

fn row(rule: &'static Rule) -> Row {
    let words = |needs: &[pgsteward_model::facts::Need]| needs.iter().map(|need| need.word()).collect();
    Row {
        id: rule.id,
        group: rule.group.word(),
        severity: rule.loudest().word(),
        since: rule.since,
        needs: words(rule.needs),
        sharper_with: words(rule.sharper_with),
        ancestors: rule.ancestors,
        summary: rule.summary(),
    }
}
