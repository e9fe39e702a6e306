//! `migrate conflicts` for people: one paragraph a conflict, the worst first.

use pgsteward_model::migrate::conflicts::{ConflictKind, ConflictsReport};

use crate::text::{count, line};

pub fn conflicts_text(report: &ConflictsReport) -> String {
    let mut out = format!(
        "{} with migrations that \"{}\" does not have\n",
        match report.branches.len() {
            1 => "1 branch".to_owned(),
            many => format!("{many} branches"),
        },
        line(&report.base)
    );
    for branch in &report.branches {
        let names: Vec<String> = branch.adds.iter().map(|name| line(name)).collect();
        out.push_str(&format!("  {}: {}\n", line(&branch.branch), names.join(", ")));
    }
    for note in &report.notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
    for conflict in &report.conflicts {
        let kind = match conflict.kind {
            ConflictKind::Name => "name",
            ConflictKind::Number => "number",
            ConflictKind::Edited => "edited",
            ConflictKind::Result => "result",
            ConflictKind::Object => "object",
            ConflictKind::Order => "order",
            ConflictKind::Lock => "lock",
        };
        let branches: Vec<String> = conflict.branches.iter().map(|name| line(name)).collect();
        out.push_str(&format!("\n{kind}: {}\n  {}\n", branches.join(" and "), line(&conflict.what)));
        out.push_str(&format!("  hint: {}\n", line(&conflict.hint)));
    }
    out.push_str(&match report.conflicts.len() {
        0 => "No conflicts.\n".to_owned(),
        many => format!("\n{}\n", count(many, "conflict")),
    });
    out
}
