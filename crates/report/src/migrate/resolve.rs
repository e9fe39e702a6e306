//! `migrate resolve` in one line, with Prisma's words.

use pgsteward_model::migrate::resolve::{ResolveReport, Resolved};

use crate::text;

pub fn resolve_text(report: &ResolveReport) -> String {
    let state = match report.resolved {
        Resolved::Applied => "applied",
        Resolved::RolledBack => "rolled back",
    };
    let made = if report.created_table {
        format!("Made {}.\n", text::line(&report.history_table))
    } else {
        String::new()
    };
    format!("{made}Migration {} marked as {state}.\n", text::line(&report.migration))
}
