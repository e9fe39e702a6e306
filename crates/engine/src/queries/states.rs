//! `queries --states`: the columns of states, the ways that the code takes between them, and a trigger that holds these
//! ways, tried in the lab.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use pgsteward_model::change::Fix;
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Proof};
use pgsteward_model::states::{StateColumn, States};

use super::ground::{Ground, near};
use crate::collect::{CodeReader, Collected, LabWish, Laboratory};
use crate::prove::{Benches, ProveMode, prove};
use crate::{Progress, VERSION};

/// What the user asked for.
#[derive(Clone, Debug, Default)]
pub struct StatesOptions {
    pub path: PathBuf,
    /// Only this column: `Order.status`, or a model with all of its columns.
    pub of: Option<String>,
    pub lab: LabWish,
}

/// The columns of states of all projects of a folder. An error means that there is no code to read, or that what was named
/// is no such column.
pub async fn states(options: &StatesOptions, progress: &dyn Progress) -> Result<States> {
    let ground = Ground::open(&options.path, &options.lab)?;
    let reader = CodeReader::new(&ground.found, true);
    let collector = ground.collector(&reader, progress);
    let mut answer =
        States { tool_version: VERSION.to_owned(), gaps: ground.found.gaps.clone(), ..States::default() };
    let mut known = BTreeSet::new();
    for project in &ground.found.projects {
        let folder = if project.folder.is_empty() { "." } else { &project.folder };
        let collected =
            collector.project(project).await.with_context(|| format!("read the project {folder}"))?;
        let mut columns = pgsteward_rules::code::states(&collected.facts);
        known.extend(columns.iter().flat_map(|column| [name(column), column.model.clone()]));
        if let Some(wanted) = &options.of {
            columns.retain(|column| is_named(column, wanted));
        }
        try_triggers(&mut columns, &collected, &ground.laboratory, &mut answer, progress).await?;
        answer.columns.extend(columns);
        for gap in collected.facts.gaps.iter().cloned().map(|gap| gap.for_needs(&[])) {
            // Projects of one repository miss the same lab.
            if !answer.gaps.contains(&gap) {
                answer.gaps.push(gap);
            }
        }
    }
    if let Some(wanted) = options.of.as_ref().filter(|_| answer.columns.is_empty()) {
        let hint = match near(wanted, &known).as_slice() {
            [] if known.is_empty() => {
                "no update of the code sets a status or state to a fixed value".to_owned()
            }
            [] => format!("columns of states: {}", listed(&known)),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        bail!("no update of the code sets a state of \"{wanted}\"\nhint: {hint}");
    }
    answer.server_version = ground.laboratory.running().map(|lab| lab.version());
    Ok(answer)
}

fn name(column: &StateColumn) -> String {
    format!("{}.{}", column.model, column.field)
}

fn is_named(column: &StateColumn, wanted: &str) -> bool {
    name(column).eq_ignore_ascii_case(wanted)
        || column.model.eq_ignore_ascii_case(wanted)
        || format!("{}.{}", column.relation, column.column) == wanted
}

/// `Order.status, Job.state`: a few of them.
fn listed(known: &BTreeSet<String>) -> String {
    let columns = known.iter().filter(|name| name.contains('.')).map(String::as_str);
    columns.take(5).collect::<Vec<_>>().join(", ")
}

/// Runs each trigger and its way back in the lab, and sends rows along ways that it allows and ways that it does not. One
/// that is refuted is withdrawn.
async fn try_triggers(
    columns: &mut [StateColumn],
    collected: &Collected,
    laboratory: &Laboratory,
    answer: &mut States,
    progress: &dyn Progress,
) -> Result<()> {
    let mut chosen: Vec<(&mut StateColumn, Finding)> = columns
        .iter_mut()
        .filter_map(|column| {
            let finding = pgsteward_rules::code::states_to_prove(column)?;
            Some((column, finding))
        })
        .collect();
    let mut findings: Vec<Finding> = chosen.iter().map(|(_, finding)| finding.clone()).collect();
    let lab = laboratory.running();
    let benches = lab.as_deref().map(|lab| Benches {
        lab,
        history: collected.database.as_ref(),
        live: collected.twin.as_ref(),
    });
    let rules = pgsteward_rules::all();
    let facts: &Facts = &collected.facts;
    let gaps = prove(
        &mut findings,
        facts,
        collected.linked.as_ref(),
        benches,
        &rules,
        ProveMode::Thorough,
        progress,
    )
    .await?;
    answer.gaps.extend(gaps);
    for ((column, _), finding) in chosen.iter_mut().zip(findings) {
        settle(column, finding.fix, finding.proof);
    }
    Ok(())
}

fn settle(column: &mut StateColumn, fix: Option<Fix>, proof: Option<Proof>) {
    if fix.is_none() {
        let reason = proof.as_ref().and_then(|proof| proof.verdict.reason()).unwrap_or("the lab refused it");
        column.no_trigger = Some(reason.to_owned());
    }
    column.trigger = fix;
    column.proof = proof;
    // Nothing was found to be wrong, so nothing is gone.
    if let Some(proof) = &mut column.proof {
        proof.observations.retain(|seen| *seen != Observation::FindingGone);
    }
}
