//! Turns edits by meaning into edits of files, so that whatever leaves the engine can be stored and shown
//! by itself.

use pgsteward_model::change::{PrismaEdit, Step};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Proof, Verdict};

/// Lowers the Prisma edits of every fix. A fix whose edit cannot be made is withdrawn, and its proof says
/// why.
pub fn resolve(findings: &mut [Finding], facts: &Facts) {
    for finding in findings {
        let Some(fix) = &mut finding.fix else { continue };
        if let Err(reason) = lower(&mut fix.change.steps, facts) {
            finding.proof = Some(Proof {
                subject: fix.title.clone(),
                server: None,
                observations: Vec::new(),
                verdict: Verdict::Refuted { reason: format!("the Prisma schema cannot be edited: {reason}") },
            });
            finding.fix = None;
        }
    }
}

fn lower(steps: &mut Vec<Step>, facts: &Facts) -> Result<(), String> {
    let edits: Vec<PrismaEdit> = steps
        .iter()
        .filter_map(|step| match step {
            Step::Prisma(edit) => Some(edit.clone()),
            _ => None,
        })
        .collect();
    if edits.is_empty() {
        return Ok(());
    }
    let schema = facts.prisma.as_ref().ok_or("there is no Prisma schema")?;
    let files = pgsteward_prisma::edit::apply_all(schema, &facts.sources, &edits)
        .map_err(|error| error.to_string())?;
    steps.retain(|step| !matches!(step, Step::Prisma(_)));
    steps.extend(files.into_iter().map(Step::Edit));
    Ok(())
}
