//! What a real PostgreSQL says of a fix. This module alone judges; rule pages and `check` call it.
//!
//! A fix of a database object is tried on the lab database in the state that the history leaves: the steps
//! run, the rule looks again, the rollback runs, the catalogs are compared. A fix of a migration file is
//! tried by running the history up to that file twice, once as it is and once as the fix writes it. A fix
//! that edits files only is tried on the files.

mod files;
mod migration;
mod object;

use std::time::{Duration, Instant};

use anyhow::Result;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::change::{EditAction, Fix, Step};
use pgsteward_model::facts::{Facts, Gap};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Proof, Verdict};
use pgsteward_model::rule::Rule;

use crate::Progress;

/// How many fixes are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProveMode {
    /// All that the time allows, the most severe first.
    #[default]
    All,
    /// The ten most severe.
    Top,
    /// All, without a limit of time, and each change once more after its rollback.
    Thorough,
    None,
}

/// Proofs of migration files replay the history; past this much time the rest is reported as not tried.
const MIGRATION_BUDGET: Duration = Duration::from_secs(30);
const THOROUGH_BUDGET: Duration = Duration::from_secs(3_600);
const TOP: usize = 10;

/// Tries the fixes of sorted findings and writes the proofs into them. A refuted fix is withdrawn.
pub async fn prove(
    findings: &mut [Finding],
    facts: &Facts,
    lab: Option<(&Lab, &Database)>,
    rules: &[&'static Rule],
    mode: ProveMode,
    progress: &dyn Progress,
) -> Result<Vec<Gap>> {
    let limit = match mode {
        ProveMode::None => 0,
        ProveMode::Top => TOP,
        ProveMode::All | ProveMode::Thorough => usize::MAX,
    };
    let with_fix: Vec<usize> = findings
        .iter()
        .enumerate()
        .filter(|(_, finding)| finding.fix.is_some())
        .map(|(index, _)| index)
        .collect();
    let mut untried = with_fix.len().saturating_sub(limit);
    let chosen: Vec<usize> = with_fix.into_iter().take(limit).collect();
    let (mut objects, mut migrations) = (Vec::new(), Vec::new());
    for index in chosen {
        let Some(fix) = &findings[index].fix else { continue };
        match kind_of(fix, facts) {
            Kind::Comment => {
                let proof = files::prove_comment(fix, facts);
                findings[index].proof = Some(proof);
            }
            Kind::Files => {
                let proof = files::prove(&findings[index], fix, facts);
                findings[index].proof = Some(proof);
            }
            Kind::Object => objects.push(index),
            Kind::Migration => migrations.push(index),
        }
    }
    match lab {
        Some((lab, database)) => {
            progress.phase(&format!("try {} fixes in the lab", objects.len() + migrations.len()));
            if !objects.is_empty() {
                object::prove(
                    findings,
                    &objects,
                    facts,
                    lab,
                    database,
                    rules,
                    mode == ProveMode::Thorough,
                    progress,
                )
                .await?;
            }
            if !migrations.is_empty() {
                let budget = if mode == ProveMode::Thorough { THOROUGH_BUDGET } else { MIGRATION_BUDGET };
                untried +=
                    migration::prove(findings, &migrations, facts, lab, rules, Instant::now() + budget)
                        .await?;
            }
        }
        None => {
            for index in objects.into_iter().chain(migrations) {
                let subject = findings[index].fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default();
                findings[index].proof = Some(unprovable(subject, "there was no lab server to try it on"));
            }
        }
    }
    for finding in findings.iter_mut() {
        if matches!(&finding.proof, Some(Proof { verdict: Verdict::Refuted { .. }, .. })) {
            finding.fix = None;
        }
    }
    let gap = (untried > 0 && mode != ProveMode::None).then(|| {
        Gap::new(
            "proofs",
            format!("{untried} fixes were not tried, for lack of time."),
            "narrow the review with --select, or run with --prove all",
        )
    });
    Ok(gap.into_iter().collect())
}

enum Kind {
    /// A comment goes; what the files mean stays.
    Comment,
    /// Edits of files that no server sees.
    Files,
    /// SQL against the database.
    Object,
    /// A migration written differently.
    Migration,
}

fn kind_of(fix: &Fix, facts: &Facts) -> Kind {
    let directory = facts.history.as_ref().map(|history| format!("{}/", history.directory));
    if files::removes_comments_only(fix, facts) {
        return Kind::Comment;
    }
    let mut has_sql = false;
    for step in &fix.change.steps {
        match step {
            Step::Edit(edit)
                if directory.as_deref().is_some_and(|directory| edit.file.starts_with(directory)) =>
            {
                // A new migration that only carries the SQL steps of the fix is no rewrite of one.
                let judged = facts
                    .history
                    .iter()
                    .flat_map(|history| &history.files)
                    .any(|file| file.path == edit.file);
                if judged || matches!(edit.action, EditAction::Create(_)) {
                    return Kind::Migration;
                }
            }
            Step::Sql(_) => has_sql = true,
            _ => {}
        }
    }
    if has_sql { Kind::Object } else { Kind::Files }
}

fn unprovable(subject: impl Into<String>, reason: impl Into<String>) -> Proof {
    Proof {
        subject: subject.into(),
        server: None,
        observations: Vec::new(),
        verdict: Verdict::Unprovable { reason: reason.into() },
    }
}
