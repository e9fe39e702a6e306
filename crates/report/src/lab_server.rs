//! What the verbs of `lab` say to people. The URL is data; everything else about a start is talk.

use pgsteward_model::lab_server::{DownReport, SnapshotLine, SwapReport, UpReport};

use crate::text::{bytes, count, line};

/// One line about the start, and the notes.
pub fn up_talk(report: &UpReport) -> String {
    let state = match (report.created, report.was_running) {
        (true, _) => "made and started",
        (false, true) => "runs",
        (false, false) => "started",
    };
    let mut out = format!(
        "PostgreSQL {} {state} on port {}, data in {}\n",
        line(&report.server_version),
        report.port,
        line(&report.folder)
    );
    notes(&mut out, &report.notes);
    out
}

pub fn down_text(report: &DownReport) -> String {
    let text = match (report.was_there, report.removed, report.was_running) {
        (false, _, _) => "There is no development server of this project.",
        (true, true, _) => "Stopped, and its data and snapshots removed.",
        (true, false, true) => "Stopped. `pgsteward lab up` starts it again, with all its data.",
        (true, false, false) => "It was not running.",
    };
    format!("{text}\n")
}

pub fn swap_text(report: &SwapReport) -> String {
    let mut out = String::new();
    if let Some(name) = &report.saved {
        out.push_str(&format!("Snapshot \"{}\" taken.\n", line(name)));
    }
    if let Some(name) = &report.restored {
        out.push_str(&format!(
            "Snapshot \"{}\" restored; what was there before is the snapshot \"previous\".\n",
            line(name)
        ));
    }
    if report.sessions_ended > 0 {
        out.push_str(&format!("{} ended for it.\n", count(report.sessions_ended, "session")));
    }
    notes(&mut out, &report.notes);
    out
}

pub fn snapshots_text(snapshots: &[SnapshotLine]) -> String {
    if snapshots.is_empty() {
        return "No snapshots.\n".to_owned();
    }
    let row =
        |one: &SnapshotLine| format!("{} UTC  {:>9}  {}\n", one.taken_at, bytes(one.bytes), line(&one.name));
    snapshots.iter().map(row).collect()
}

fn notes(out: &mut String, notes: &[String]) {
    for note in notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
}
