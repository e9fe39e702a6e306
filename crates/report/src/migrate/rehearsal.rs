//! `migrate rehearse` for people: for each migration the verdict first, then its statements.

use pgsteward_model::migrate::rehearsal::{
    RehearsalReport, RehearsedMigration, RehearsedStatement, Verdict, Waits,
};

use super::duration;
use crate::text::line;

pub fn rehearsal_text(report: &RehearsalReport) -> String {
    let mut out = String::new();
    if report.migrations.is_empty() {
        out.push_str(&format!("No migration is pending on {}.\n", line(&report.source)));
    } else {
        out.push_str(&format!(
            "Rehearsed on PostgreSQL {} with the schema and statistics of {}\n",
            line(&report.lab_version),
            line(&report.source)
        ));
    }
    for table in &report.tables {
        let of = table.rows.map_or("an unknown number of".to_owned(), number);
        out.push_str(&format!("  \"{}\": {} of {of} rows\n", line(&table.name), number(table.twin_rows)));
    }
    for note in &report.notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
    for one in &report.migrations {
        migration(&mut out, one);
    }
    out
}

fn migration(out: &mut String, one: &RehearsedMigration) {
    out.push_str(&format!("\n{}: {}\n", line(&one.name), verdict(one.verdict)));
    for reason in &one.reasons {
        out.push_str(&format!("  {}\n", line(reason)));
    }
    for accepted in &one.accepted {
        out.push_str(&format!(
            "  accepted ({}; {}): {}\n",
            line(&accepted.rules.join(", ")),
            line(&accepted.by),
            line(&accepted.what)
        ));
    }
    if let Some(failure) = &one.failure {
        out.push_str(&format!("  error: {}\n", line(failure)));
    }
    for setting in &one.settings {
        out.push_str(&format!("  with: {}\n", line(setting)));
    }
    for remedy in &one.rewrites {
        out.push_str(&format!("  hint: line {}: {} ({})\n", remedy.line, line(&remedy.text), remedy.rule));
    }
    if let Some(because) = &one.because {
        out.push_str(&format!("  not atomic: {}\n", line(because)));
    }
    for statement in &one.statements {
        of_statement(out, statement);
    }
}

fn of_statement(out: &mut String, one: &RehearsedStatement) {
    out.push_str(&format!("  {:>4}  {}\n", one.line, line(&one.text)));
    let mut say = |text: String| out.push_str(&format!("        {}\n", line(&text)));
    match one.expected {
        Some(expected) => say(format!(
            "{} on the twin, {} expected ({} to {})",
            duration(one.elapsed_ms),
            long(expected.ms),
            long(expected.low_ms),
            long(expected.high_ms)
        )),
        None => say(format!("{} on the twin; how long at full size is not known", duration(one.elapsed_ms))),
    }
    let weak = ["ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"];
    for lock in one.locks.iter().filter(|lock| !weak.contains(&lock.mode.as_str())) {
        let expected =
            lock.expected_held.map_or(String::new(), |held| format!(", {} expected", long(held.ms)));
        say(format!("{} on \"{}\" for {}{expected}", lock.mode, lock.relation, duration(lock.held_ms)));
    }
    for scanned in &one.scanned {
        let expected =
            scanned.expected_rows.map_or(String::new(), |rows| format!(", {} expected", number(rows)));
        say(format!("reads {} rows of \"{}\"{expected}", number(scanned.rows), scanned.relation));
    }
    for name in &one.rewrites {
        say(format!("writes \"{name}\" anew"));
    }
    for name in &one.built {
        say(format!("builds the index \"{name}\""));
    }
    if one.wal_bytes > 8192 {
        let expected =
            one.expected_wal_bytes.map_or(String::new(), |bytes| format!(", {} expected", size(bytes)));
        say(format!("{} of WAL{expected}", size(one.wal_bytes)));
    }
    if let Some(waits) = &one.waits {
        say(waiting(waits));
    }
}

fn waiting(waits: &Waits) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let who: Vec<String> = [(waits.reads, "read"), (waits.writes, "write")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| plural(count, word))
        .collect();
    format!(
        "{} of the load waited: median {}, 99th percentile {}, longest {}",
        who.join(" and "),
        duration(waits.median_ms),
        duration(waits.p99_ms),
        duration(waits.longest_ms)
    )
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Safe => "safe to run now",
        Verdict::SafeWithSettings => "safe with these settings",
        Verdict::Accepted => "accepted",
        Verdict::Unsafe => "unsafe",
        Verdict::Fails => "fails",
        Verdict::NotTried => "not tried",
    }
}

/// As [`duration`], up to hours.
fn long(ms: f64) -> String {
    match ms {
        ms if ms < 120_000.0 => duration(ms),
        ms if ms < 7_200_000.0 => format!("{:.0} min", ms / 60_000.0),
        ms => format!("{:.1} h", ms / 3_600_000.0),
    }
}

/// `12,345`.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a size for people")]
    let bytes = bytes as f64;
    match bytes {
        bytes if bytes < 1e6 => format!("{:.0} kB", bytes / 1e3),
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}
