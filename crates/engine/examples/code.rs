//! The part of a check that is about code, alone: `cargo run --release --example code -- FOLDER`.
//!
//! Finds, reads, resolves and lowers the code below a folder and lets the rules of the group `code` judge it, on the catalog
//! that the Prisma schema means. No history, no configuration, no report: `bench/` takes the CPU time of the whole process.
//! Prints one line for each project. `--tests` reads tests in full, as `queries` does; `--no-cache` reads every file anew, `--no-rules` judges nothing, `--calls` lists the
//! calls.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use pgsteward_engine::check::run_rules;
use pgsteward_engine::collect::{CodeReader, DEFAULT_MAJOR, schema_alone};
use pgsteward_engine::discover::discover;
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::version::ServerVersion;

/// As in the command line, so that the figures are those of the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let folder = arguments.iter().find(|argument| !argument.starts_with("--")).context("name a folder")?;
    let mut out = std::io::stdout().lock();
    let started = Instant::now();
    let found = discover(&PathBuf::from(folder))?;
    let reader = CodeReader::new(&found, !has("--no-cache"));
    let reader = if has("--tests") { reader.with_tests() } else { reader };
    let rules: Vec<&Rule> =
        pgsteward_engine::rules().into_iter().filter(|rule| rule.group == Group::Code).collect();
    let mut bytes = 0;
    for project in &found.projects {
        let mut facts = schema_alone(&found.root, project);
        reader.add_to(project, &mut facts);
        let mut findings = 0;
        if let Some(schema) = facts.prisma.as_ref().filter(|_| !has("--no-rules")) {
            let catalog = pgsteward_prisma::calculate(schema, ServerVersion::of_major(DEFAULT_MAJOR));
            facts.catalog = Some(CatalogFacts { catalog, origin: CatalogOrigin::Schema });
            findings = run_rules(&rules, &facts).0.len();
        }
        bytes += tell(&mut out, &project.folder, &facts, findings, has("--calls"))?;
        // As the command does: to give back millions of small pieces takes long, and nobody needs them any more.
        std::mem::forget(facts);
    }
    let elapsed = started.elapsed().as_secs_f64();
    let megabytes = bytes as f64 / 1e6;
    writeln!(out, "{megabytes:.1} MB in {elapsed:.3} s, {:.0} MB/s", megabytes / elapsed)?;
    std::mem::forget(reader);
    Ok(())
}

fn tell(out: &mut impl Write, folder: &str, facts: &Facts, findings: usize, list: bool) -> Result<usize> {
    let Some(code) = &facts.code else { return Ok(0) };
    let counts = &code.counts;
    writeln!(
        out,
        "{}: {} files, {} calls, {} understood, {} raw, {} functions, {} invocations, {} transactions, {} clients, \
         {findings} findings",
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
