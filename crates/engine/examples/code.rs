//! What the code below a folder asks of the database, in figures: `cargo run --example code -- FOLDER`.
//!
//! `bench/` reads its output: one line for each project and one with the times. `--no-cache` reads every file anew,
//! `--calls` lists the calls.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use pgsteward_engine::collect::CodeReader;
use pgsteward_engine::discover::discover;
use pgsteward_model::facts::Facts;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let folder = arguments.iter().find(|argument| !argument.starts_with("--")).context("name a folder")?;
    let found = discover(&PathBuf::from(folder))?;
    let mut out = std::io::stdout().lock();
    let started = Instant::now();
    let reader = CodeReader::new(&found, !has("--no-cache"));
    let mut bytes = 0;
    for project in &found.projects {
        let mut facts = pgsteward_engine::collect::schema_alone(&found.root, project);
        reader.add_to(project, &mut facts);
        bytes += tell(&mut out, &project.folder, &facts, has("--calls"))?;
    }
    let elapsed = started.elapsed().as_secs_f64();
    let megabytes = bytes as f64 / 1e6;
    writeln!(out, "{megabytes:.1} MB in {elapsed:.3} s, {:.0} MB/s", megabytes / elapsed)?;
    Ok(())
}

fn tell(out: &mut impl Write, folder: &str, facts: &Facts, list: bool) -> Result<usize> {
    let Some(code) = &facts.code else { return Ok(0) };
    let counts = &code.counts;
    writeln!(
        out,
        "{}: {} files, {} calls, {} understood, {} raw, {} functions, {} invocations, {} transactions, {} clients",
        if folder.is_empty() { "." } else { folder },
        counts.files,
        counts.calls,
        counts.understood,
        code.raw.len(),
        code.functions.len(),
        code.invocations.len(),
        code.transactions.len(),
        code.clients.len()
    )?;
    for (reason, count) in &counts.not_understood {
        writeln!(out, "  {count} not understood: {reason}")?;
    }
    for gap in &facts.gaps {
        writeln!(out, "  gap: {}: {}", gap.what, gap.why)?;
    }
    for call in code.calls.iter().filter(|_| list) {
        let range = facts.sources.range(&call.site.at.file, call.site.at.span);
        writeln!(
            out,
            "  {}:{} {} {}.{} {:?} {} {:?}",
            range.file,
            range.start.line,
            call.receiver,
            call.model,
            call.operation.name(),
            call.confidence,
            code.function(&call.site).name,
            call.lowered.variants().len()
        )?;
    }
    Ok(counts.bytes)
}
