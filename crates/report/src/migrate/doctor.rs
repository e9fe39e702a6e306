//! `migrate doctor` for people: the statements with what is there of each, then the ways out.

use pgsteward_model::migrate::doctor::{DoctorReport, Presence, Verdict};

use crate::text::line;

pub fn doctor_text(report: &DoctorReport) -> String {
    let mut out = String::new();
    for note in &report.notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
    let Some(name) = &report.migration else {
        out.push_str("No migration failed.\n");
        return out;
    };
    let started =
        report.started_at.as_deref().map_or(String::new(), |at| format!(" (started at {} UTC)", line(at)));
    out.push_str(&format!("{} failed{started}\n", line(name)));
    if let Some(error) = &report.error {
        out.push_str(&format!("  {}\n", line(error)));
    }
    if let Some(hint) = &report.hint {
        out.push_str(&format!("  hint: {}\n", line(hint)));
    }
    out.push('\n');
    for one in &report.statements {
        let mark = match one.presence {
            Presence::Present => "there  ",
            Presence::Absent => "missing",
            Presence::Unclear => "unclear",
        };
        out.push_str(&format!("{mark}  line {}: {}\n", one.line, line(&one.text)));
        if let Some(because) = &one.because {
            out.push_str(&format!("         {}\n", line(because)));
        }
    }
    let said = match report.verdict {
        Verdict::Healthy => "",
        Verdict::Nothing => "Nothing of it is in the database.",
        Verdict::Partial => "It is half applied.",
        Verdict::Complete => "All of it is in the database.",
        Verdict::Unclear => {
            "What is in the database is no part of this migration that could be told: look at what is unclear, complete \
             or undo it by hand, then say which with `pgsteward migrate resolve`."
        }
    };
    out.push_str(&format!("\n{said}\n"));
    for way in &report.ways {
        out.push_str(&format!("\n{}\n", line(&way.title)));
        for text in way.sql.lines() {
            out.push_str(&format!("    {}\n", line(text)));
        }
        out.push_str(&format!("  {}\n", line(&way.command)));
        match &way.proof {
            Ok(()) if way.sql.is_empty() => {}
            Ok(()) => out.push_str("  (the SQL was tried in the lab on a database in the same state)\n"),
            Err(why) => out.push_str(&format!("  (not proven: {})\n", line(why))),
        }
    }
    out
}
