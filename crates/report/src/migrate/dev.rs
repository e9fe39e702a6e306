//! `migrate dev`, `migrate reset` and `db push` for people.

use pgsteward_model::migrate::DatabaseName;
use pgsteward_model::migrate::dev::{
    DevOutcome, DevReport, KeptObject, PushReport, ResetReport, WrittenFrom,
};

use crate::text::{line, lines};

pub fn dev_text(report: &DevReport) -> String {
    let mut out = database(&report.database);
    notes(&mut out, &report.notes);
    if let Some(reason) = &report.reset_reason {
        let database = &report.database;
        out.push_str(&format!(
            "\n{}\nWe need to reset the \"{}\" schema at \"{}\"\n\n\
             You may use `pgsteward migrate reset` to drop the development database.\nAll data will be lost.\n",
            lines(reason),
            line(&database.namespace),
            line(&database.place)
        ));
        section(&mut out, "Ways that lose nothing", &report.ways);
        outside(&mut out, report);
        return out;
    }
    if !report.applied.is_empty() {
        out.push_str(match report.outcome {
            DevOutcome::Recorded => {
                "\nRecorded without running them, because the database has all that they make:\n\n"
            }
            _ => "\nThe following migration(s) have been applied:\n\n",
        });
        list(&mut out, &report.applied);
    }
    section(&mut out, "renamed, with its data", &report.renamed);
    if !report.guesses.is_empty() {
        out.push_str("\nmay be a rename, and was not taken for one:\n");
        for guess in &report.guesses {
            let reasons: Vec<String> = guess.reasons.iter().map(|reason| line(reason)).collect();
            out.push_str(&format!("  {} ({})\n", line(&guess.flag), reasons.join("; ")));
        }
    }
    kept(&mut out, &report.kept);
    section(&mut out, "lost by the way (write it into the migration again, or leave it)", &report.lost);
    outside(&mut out, report);
    let target = match report.written_from {
        WrittenFrom::PrismaSchema => "schema",
        WrittenFrom::Nothing => "migrations",
    };
    match (report.outcome, &report.created) {
        (DevOutcome::Recorded, Some(created)) => {
            section(&mut out, "in every other database that applies it", &report.warnings);
            out.push_str(&format!(
                "\nWhat was changed in the database is now a migration, and recorded as applied:\n\n  {}\n",
                line(&created.file)
            ));
        }
        (DevOutcome::Recorded, None) => {}
        (DevOutcome::Created, Some(created)) => {
            section(&mut out, "cannot be executed with the rows that are there", &report.unexecutable);
            section(&mut out, "warnings", &report.warnings);
            out.push_str(&format!(
                "\nCreated the following migration without applying it: {}\n\n\
                 You can now edit {} and apply it by running `pgsteward migrate dev`.\n",
                line(&created.name),
                line(&created.file)
            ));
        }
        (_, Some(created)) => {
            out.push_str(&format!(
                "\nThe following migration(s) have been created and applied from new schema changes:\n\n  {}\n\n\
                 Your database is now in sync with your schema.\n",
                line(&created.file)
            ));
        }
        (DevOutcome::Cancelled, None) => out.push_str("\nMigration cancelled.\n"),
        (_, None) if report.applied.is_empty() => out.push_str(match report.written_from {
            WrittenFrom::PrismaSchema => {
                "\nAlready in sync, no schema change or pending migration was found.\n"
            }
            WrittenFrom::Nothing => "\nAlready in sync, no pending migration was found.\n",
        }),
        (_, None) => out.push_str(&format!("\nYour database is now in sync with your {target}.\n")),
    }
    if let Some(rollback) = &report.rollback {
        out.push_str(&format!("{}\n", line(rollback)));
    }
    if let Some(generator) = &report.generator {
        out.push_str(&format!("{}\n", line(generator)));
    }
    out
}

pub fn reset_text(report: &ResetReport) -> String {
    let mut out = database(&report.database);
    notes(&mut out, &report.notes);
    out.push_str(&format!("\nDatabase reset successful (schema {})\n", quoted(&report.namespaces)));
    if !report.applied.is_empty() {
        out.push_str("\nThe following migration(s) have been applied:\n\n");
        list(&mut out, &report.applied);
    }
    for told in report.generator.iter().chain(&report.seed) {
        out.push_str(&format!("{}\n", line(told)));
    }
    out
}

pub fn push_text(report: &PushReport) -> String {
    let mut out = database(&report.database);
    notes(&mut out, &report.notes);
    if report.was_reset {
        out.push_str("\nThe database was successfully reset.\n");
    }
    section(&mut out, "warnings, as accepted", &report.warnings);
    kept(&mut out, &report.kept);
    if report.statements == 0 && !report.was_reset {
        out.push_str("\nThe database is already in sync with the Prisma schema.\n");
    } else {
        out.push_str(&format!(
            "\nYour database is now in sync with your Prisma schema ({} statements).\n",
            report.statements
        ));
    }
    if let Some(told) = &report.generator {
        out.push_str(&format!("{}\n", line(told)));
    }
    out
}

fn database(database: &DatabaseName) -> String {
    format!(
        "PostgreSQL {} database \"{}\", schema \"{}\" at {} ({})\n",
        database.server_version,
        line(&database.name),
        line(&database.namespace),
        line(&database.place),
        line(&database.origin)
    )
}

fn notes(out: &mut String, notes: &[String]) {
    for note in notes {
        out.push_str(&format!("note: {}\n", line(note)));
    }
}

fn kept(out: &mut String, kept: &[KeptObject]) {
    if kept.is_empty() {
        return;
    }
    out.push_str("\nkept, though the schema does not have it:\n");
    for one in kept {
        out.push_str(&format!(
            "  {}: {} (to drop it: {})\n",
            line(&one.what),
            line(&one.why),
            line(&one.drop)
        ));
    }
}

fn outside(out: &mut String, report: &DevReport) {
    section(out, "not the same in migrations and database, and left as it is", &report.outside);
}

fn section(out: &mut String, title: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    out.push_str(&format!("\n{title}:\n"));
    list(out, items);
}

fn list(out: &mut String, items: &[String]) {
    for item in items {
        out.push_str(&format!("  {}\n", line(item)));
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{}\"", line(name))).collect::<Vec<_>>().join(", ")
}
