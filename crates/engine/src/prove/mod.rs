//! What a real PostgreSQL says of a fix. This module alone judges; rule pages and `check` call it.
//!
//! A fix of a database object is tried on the lab database in the state that the history leaves: the steps
//! run, the rule looks again, the rollback runs, the catalogs are compared. A fix of a migration file is
//! tried by running the history up to that file twice, once as it is and once as the fix writes it. A fix
//! that edits files only is tried on the files, and one that edits code on the code as it is linked with the edit.

pub(crate) mod code;
mod edits;
pub(crate) mod files;
mod migration;
mod object;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use pgsteward_lab::Lab;
use pgsteward_model::change::{EditAction, Fix, Step};
use pgsteward_model::facts::{Facts, Gap, Need};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Proof, Verdict};
use pgsteward_model::rule::Rule;

use crate::Progress;
use crate::collect::{Linked, Made, broke_down};

/// Proofs by the index of their finding.
type Proofs = Vec<(usize, Proof)>;

/// How many fixes are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProveMode {
    /// All that the time allows, the most severe first.
    #[default]
    All,
    /// The ten most severe that a server or the code linked anew has to show, and whatever files alone show.
    Top,
    /// All, without a limit of time, and each change once more after its rollback.
    Thorough,
    None,
}

/// Proofs of migration files replay the history, and those of calls make rows first, beside each other; past this much
/// time the rest is reported as not tried.
const LAB_BUDGET: Duration = Duration::from_secs(50);
/// Past this much time the rest of the edits of code is reported as not tried.
const CODE_BUDGET: Duration = Duration::from_secs(20);
const THOROUGH_BUDGET: Duration = Duration::from_secs(3_600);
const TOP: usize = 10;

/// Where fixes are tried.
#[derive(Clone, Copy)]
pub struct Benches<'a> {
    pub lab: &'a Lab,
    /// A database in the state that the history leaves.
    pub history: Option<&'a Made>,
    /// One with the schema of the live database, where that is another: what a fix will meet.
    pub live: Option<&'a Made>,
}

/// Tries the fixes of sorted findings and writes the proofs into them. A refuted fix is withdrawn. `linked` is the code
/// that edits of it are tried on.
pub async fn prove(
    findings: &mut [Finding],
    facts: &Facts,
    linked: Option<&Linked>,
    benches: Option<Benches<'_>>,
    rules: &[&'static Rule],
    mode: ProveMode,
    progress: &dyn Progress,
) -> Result<Vec<Gap>> {
    let limit = match mode {
        ProveMode::None => 0,
        ProveMode::Top => TOP,
        ProveMode::All | ProveMode::Thorough => usize::MAX,
    };
    let mut untried = 0;
    let mut places = limit;
    let (mut objects, mut migrations, mut of_code) = (Vec::new(), Vec::new(), Vec::new());
    for (index, finding) in findings.iter_mut().enumerate() {
        let Some(fix) = &finding.fix else { continue };
        if mode == ProveMode::None {
            continue;
        }
        let kind = kind_of(fix, facts);
        let is_code = matches!(kind, Kind::Files) && edits::is_code(fix, facts);
        // What the files alone show costs nothing, and takes no place.
        let proof = match kind {
            Kind::Comment => Some(files::prove_comment(fix, facts)),
            Kind::Files if !is_code => Some(files::prove(finding, fix, facts)),
            _ => None,
        };
        if proof.is_some() {
            finding.proof = proof;
            continue;
        }
        if places == 0 {
            untried += 1;
            continue;
        }
        places -= 1;
        match kind {
            Kind::Object => objects.push(index),
            Kind::Migration => migrations.push(index),
            Kind::Comment | Kind::Files => of_code.push(index),
        }
    }
    let code_budget = if mode == ProveMode::Thorough { THOROUGH_BUDGET } else { CODE_BUDGET };
    if !of_code.is_empty() {
        progress.phase(&format!("try {} edits of the code", of_code.len()));
        let (proofs, late) = edits::prove(findings, &of_code, facts, linked, Instant::now() + code_budget);
        untried += late;
        for (index, proof) in proofs {
            findings[index].proof = Some(proof);
        }
    }
    let mut broken = None;
    let mut gaps = Vec::new();
    match benches {
        Some(benches) => {
            progress.phase(&format!("try {} fixes in the lab", objects.len() + migrations.len()));
            let tried = objects.clone();
            // What the history lacks is tried on the history, everything else on what the fix will meet.
            let of_drift = |finding: &Finding| {
                rules.iter().any(|rule| rule.id == finding.rule && rule.needs.contains(&Need::Drift))
            };
            let (of_history, of_live): (Vec<usize>, Vec<usize>) =
                objects.into_iter().partition(|index| of_drift(&findings[*index]));
            let thorough = mode == ProveMode::Thorough;
            let setting = |made| object::Setting { facts, lab: benches.lab, made, rules, linked, thorough };
            let budget = if thorough { THOROUGH_BUDGET } else { LAB_BUDGET };
            let known: &[Finding] = findings;
            let on_objects = async {
                let mut proofs = Vec::new();
                let groups = [
                    (&of_history, benches.history.or(benches.live)),
                    (&of_live, benches.live.or(benches.history)),
                ];
                for (chosen, made) in groups {
                    match made {
                        Some(made) => {
                            proofs.extend(object::prove(known, chosen, setting(made), progress).await?);
                        }
                        None => {
                            proofs.extend(not_tried(known, chosen, "the lab has no database to try it on"));
                        }
                    }
                }
                anyhow::Ok(proofs)
            };
            let until = Instant::now() + budget;
            // On the heap: all three at once are too large for the stack of any thread.
            let on_objects = Box::pin(on_objects);
            let on_migrations =
                Box::pin(migration::prove(known, &migrations, facts, benches.lab, rules, until));
            let on_files = Box::pin(async { tokio::try_join!(on_objects, on_migrations) });
            let (shown, proofs) = if mode == ProveMode::Top {
                // Calls whose fix is refuted take no place from the next.
                let proofs = on_files.await;
                let refuted = refuted(&proofs);
                let on_rows = code::prove(known, facts, benches, limit, &refuted, until, progress);
                (Box::pin(on_rows).await, proofs)
            } else {
                let none = BTreeSet::new();
                let on_rows = Box::pin(code::prove(known, facts, benches, limit, &none, until, progress));
                // Objects, migrations and calls are tried in databases that have nothing to do with each other. The rows
                // take longest, so their clone is asked for first.
                tokio::join!(on_rows, on_files)
            };
            let proofs = match proofs {
                Ok((of_objects, (of_migrations, late))) => {
                    untried += late;
                    of_objects.into_iter().chain(of_migrations).collect()
                }
                Err(error) => {
                    broken = Some(broke_down(&error));
                    let all: Vec<usize> = tried.into_iter().chain(migrations).collect();
                    not_tried(findings, &all, "the lab could not go on")
                }
            };
            for (index, proof) in proofs {
                findings[index].proof = Some(proof);
            }
            match shown {
                Ok(mut shown) => {
                    gaps.append(&mut shown.gaps);
                    untried += shown.add_to(findings);
                }
                Err(error) => broken = broken.or_else(|| Some(broke_down(&error))),
            }
        }
        None => {
            let all: Vec<usize> = objects.into_iter().chain(migrations).collect();
            for (index, proof) in not_tried(findings, &all, "there was no lab server to try it on") {
                findings[index].proof = Some(proof);
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
            format!("{untried} fixes or findings were not tried, for lack of time."),
            "narrow the review with --select, or run with --prove all",
        )
    });
    gaps.extend(gap);
    gaps.extend(broken);
    Ok(gaps)
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

/// Of what was tried in the lab.
fn refuted(tried: &Result<(Proofs, (Proofs, usize))>) -> BTreeSet<usize> {
    let is_refuted = |(_, proof): &&(usize, Proof)| matches!(proof.verdict, Verdict::Refuted { .. });
    let all = tried.iter().flat_map(|(objects, (migrations, _))| objects.iter().chain(migrations));
    all.filter(is_refuted).map(|(index, _)| *index).collect()
}

fn not_tried(findings: &[Finding], chosen: &[usize], reason: &str) -> Proofs {
    let title = |index: usize| findings[index].fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default();
    chosen.iter().map(|index| (*index, unprovable(title(*index), reason))).collect()
}

fn unprovable(subject: impl Into<String>, reason: impl Into<String>) -> Proof {
    Proof {
        subject: subject.into(),
        server: None,
        observations: Vec::new(),
        verdict: Verdict::Unprovable { reason: reason.into() },
    }
}
