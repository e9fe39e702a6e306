//! Time per proof of a fix of a database object, on the project with the most of them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use pgsteward_engine::prove::{Benches, ProveMode, prove};
use pgsteward_engine::resolve::resolve;
use pgsteward_engine::{Progress, check};
use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::proof::Verdict;

use crate::project;
use crate::table::{median, millis, row, row_with_limit};

const PROJECT: &str = "trigger.dev";

/// Notes when each proof begins: the engine tells a step before every one.
#[derive(Default)]
struct Clock(Mutex<Vec<Instant>>);

impl Progress for Clock {
    fn phase(&self, _text: &str) {}

    fn step(&self, _done: usize, _total: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }
}

pub(crate) async fn rows(corpus: &Path) -> Result<Vec<String>> {
    let lab = Arc::new(Lab::start(&LabOptions::default()).await?);
    let collected = project::collect(corpus, PROJECT, Some(&lab)).await?;
    let database = collected.database.as_ref().context("the project has no lab database")?;
    let facts = &collected.facts;
    let rules = pgsteward_engine::rules();
    let (mut findings, _, _) = check::run_rules(&rules, facts);
    check::assign_keys(&mut findings, facts);
    check::sort(&mut findings);
    resolve(&mut findings, facts);
    let clock = Clock::default();
    let started = Instant::now();
    let benches = Benches { lab: &lab, history: Some(database), live: None };
    prove(&mut findings, facts, None, Some(benches), &rules, ProveMode::All, &clock).await?;
    let whole = started.elapsed();
    let begun = clock.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    // The last proof has no next beginning; what follows it is the comparison of everything.
    let samples: Vec<f64> = begun.windows(2).map(|pair| millis(pair[1].duration_since(pair[0]))).collect();
    ensure!(!samples.is_empty(), "{PROJECT} has no fixes that the lab tries");
    let proven = findings
        .iter()
        .filter(|finding| matches!(&finding.proof, Some(proof) if proof.verdict == Verdict::Proven))
        .count();
    Ok(vec![
        row_with_limit(
            &format!("proof of a fix, {PROJECT}, median of {}", samples.len()),
            median(samples),
            "ms",
            1,
            20.0,
        ),
        row(
            &format!("all proofs of {PROJECT}, {proven} proven"),
            &format!("{:.2} s", whole.as_secs_f64()),
            "",
        ),
    ])
}
