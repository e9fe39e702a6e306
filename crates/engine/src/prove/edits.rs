//! Fixes that edit the application's code: with the edits in place the code is read and linked anew, and the rules
//! must be silent about what they found.
//!
//! Linking is the dear part, so edits that do not touch each other are tried together, and a batch that fails is
//! halved until the one to blame stands alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use pgsteward_model::change::{EditAction, Fix, Step, TextEdit};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Proof, Verdict};

use super::{Proofs, unprovable};
use crate::collect::Linked;

/// Edits by file, each file's sorted by place.
type Edits = BTreeMap<Arc<str>, Vec<TextEdit>>;

/// Whether all that a fix does is to edit files of the code.
pub(super) fn is_code(fix: &Fix, facts: &Facts) -> bool {
    let Some(code) = &facts.code else { return false };
    !fix.change.steps.is_empty()
        && fix.change.steps.iter().all(|step| match step {
            // A file that only calls what another one declares has functions, if no calls of the database.
            Step::Edit(edit) => code.functions.iter().any(|function| function.at.file == edit.file),
            _ => false,
        })
}

/// Tries the fixes of the chosen findings, in their order, and says how many were left for lack of time.
pub(super) fn prove(
    findings: &[Finding],
    chosen: &[usize],
    facts: &Facts,
    linked: Option<&Linked>,
    until: Instant,
) -> (Proofs, usize) {
    let mut bench =
        Bench { findings, facts, linked, until, before: BTreeMap::new(), proofs: Vec::new(), late: 0 };
    for batch in batches(findings, chosen) {
        bench.try_batch(&batch);
    }
    (bench.proofs, bench.late)
}

struct Bench<'a> {
    findings: &'a [Finding],
    facts: &'a Facts,
    linked: Option<&'a Linked>,
    until: Instant,
    /// How many findings each rule has without any edit.
    before: BTreeMap<&'static str, usize>,
    proofs: Proofs,
    late: usize,
}

impl Bench<'_> {
    fn try_batch(&mut self, batch: &[usize]) {
        if Instant::now() >= self.until {
            self.late += batch.len();
            for index in batch {
                self.proofs
                    .push((*index, unprovable(self.title(*index), "there was no time left to try it")));
            }
            return;
        }
        match self.outcome(batch) {
            Ok(()) => {
                let proofs = batch
                    .iter()
                    .map(|index| (*index, self.proof(*index, Verdict::Proven)))
                    .collect::<Vec<_>>();
                self.proofs.extend(proofs);
            }
            Err(verdict) if batch.len() == 1 => {
                let proof = self.proof(batch[0], verdict);
                self.proofs.push((batch[0], proof));
            }
            Err(_) => {
                let (first, second) = batch.split_at(batch.len() / 2);
                self.try_batch(first);
                self.try_batch(second);
            }
        }
    }

    /// With all edits of the batch in place every file must parse as it did, each finding must be gone, and no other of
    /// its rule may take its place. An edit changes the shape of its call, and with it the identity of what else is found
    /// there: findings are counted.
    fn outcome(&mut self, batch: &[usize]) -> Result<(), Verdict> {
        let refuted = |reason: &str| Verdict::Refuted { reason: reason.into() };
        let linked = self
            .linked
            .ok_or(Verdict::Unprovable { reason: "the code was not there to be read again".into() })?;
        let mut edits = Edits::new();
        for index in batch {
            add(&mut edits, &edits_of(&self.findings[*index]));
        }
        let texts: Option<Vec<(Arc<str>, String)>> = edits
            .iter()
            .map(|(file, edits)| {
                Some((file.clone(), TextEdit::apply_all(&self.facts.sources.get(file)?.text, edits)?))
            })
            .collect();
        let texts = texts.ok_or_else(|| refuted("an edit does not fit its file"))?;
        let after =
            linked.edited(self.facts, &texts).ok_or_else(|| refuted("the edited code no longer parses"))?;
        for index in batch {
            if !meet(&edits_of(&self.findings[*index]), self.facts, &after) {
                return Err(refuted("the edited files no longer find each other"));
            }
        }
        let mut mended: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
        for index in batch {
            let finding = &self.findings[*index];
            mended.entry(finding.rule).or_default().push(&finding.identity);
        }
        for (id, identities) in mended {
            let Some(rule) = pgsteward_rules::find(id) else { continue };
            let before = *self.before.entry(id).or_insert_with(|| (rule.check)(self.facts).len());
            let left = (rule.check)(&after);
            let remains = left.iter().any(|other| identities.contains(&other.identity.as_str()));
            if remains || left.len() + identities.len() > before {
                return Err(refuted("the finding remains after the edit, or another takes its place"));
            }
        }
        Ok(())
    }

    fn proof(&self, index: usize, verdict: Verdict) -> Proof {
        let parses = edits_of(&self.findings[index])
            .into_keys()
            .map(|file| Observation::FileParses { file: file.to_string() });
        let observations = match &verdict {
            Verdict::Proven => parses.chain([Observation::FindingGone]).collect(),
            Verdict::Refuted { reason } if reason.contains("remains") => {
                parses.chain([Observation::FindingRemains]).collect()
            }
            _ => Vec::new(),
        };
        Proof { subject: self.title(index), server: None, observations, verdict }
    }

    fn title(&self, index: usize) -> String {
        self.findings[index].fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default()
    }
}

/// Of edits of several files, one brings a function that another one calls: an import that leads nowhere would look
/// like a finding that is gone.
fn meet(edits: &Edits, before: &Facts, after: &Facts) -> bool {
    let (Some(before), Some(after)) = (&before.code, &after.code) else { return false };
    let known: BTreeSet<(&str, &str)> =
        before.functions.iter().map(|function| (&*function.at.file, function.name.as_str())).collect();
    edits.len() < 2
        || after.invocations.iter().any(|invocation| {
            let callee = &after.functions[invocation.callee];
            let (from, to) = (&invocation.site.at.file, &callee.at.file);
            from != to
                && edits.contains_key(from)
                && edits.contains_key(to)
                && !known.contains(&(&**to, callee.name.as_str()))
        })
}

fn edits_of(finding: &Finding) -> Edits {
    let mut edits = Edits::new();
    for step in finding.fix.iter().flat_map(|fix| &fix.change.steps) {
        if let Step::Edit(edit) = step
            && let EditAction::Replace(replaced) = &edit.action
        {
            edits.entry(edit.file.clone()).or_default().extend(replaced.iter().cloned());
        }
    }
    edits
}

fn add(edits: &mut Edits, more: &Edits) {
    for (file, more) in more {
        let known = edits.entry(file.clone()).or_default();
        known.extend(more.iter().cloned());
        known.sort_by_key(|edit| edit.span);
    }
}

/// Groups of findings whose edits leave each other alone: no two of them touch.
fn batches(findings: &[Finding], chosen: &[usize]) -> Vec<Vec<usize>> {
    let mut batches: Vec<(Vec<usize>, Edits)> = Vec::new();
    for index in chosen {
        let edits = edits_of(&findings[*index]);
        match batches.iter_mut().find(|(_, known)| apart(known, &edits)) {
            Some((batch, known)) => {
                batch.push(*index);
                add(known, &edits);
            }
            None => batches.push((vec![*index], edits)),
        }
    }
    batches.into_iter().map(|(batch, _)| batch).collect()
}

fn apart(known: &Edits, edits: &Edits) -> bool {
    edits.iter().all(|(file, edits)| {
        let known = known.get(file).map_or(&[][..], Vec::as_slice);
        edits.iter().all(|edit| {
            known.iter().all(|other| edit.span.end < other.span.start || other.span.end < edit.span.start)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgsteward_model::change::{Change, FileEdit, Rollback, Safety};
    use pgsteward_model::place::Place;
    use pgsteward_model::source::Span;

    fn finding(file: &str, start: usize, end: usize) -> Finding {
        let rule = pgsteward_rules::find("include-unused").unwrap();
        let edit = TextEdit { span: Span::new(start, end), text: String::new() };
        let step = Step::Edit(FileEdit { file: file.into(), action: EditAction::Replace(vec![edit]) });
        Finding::on_object(rule, Place::default(), "x").fix(Fix {
            title: "x".into(),
            safety: Safety::Safe,
            change: Change { steps: vec![step], rollback: Rollback::Steps(Vec::new()) },
        })
    }

    #[test]
    fn edits_that_touch_are_tried_apart() {
        let findings =
            [finding("a.ts", 0, 5), finding("a.ts", 5, 9), finding("b.ts", 0, 5), finding("a.ts", 20, 30)];
        assert_eq!(batches(&findings, &[0, 1, 2, 3]), [vec![0, 2, 3], vec![1]]);
        assert_eq!(batches(&findings, &[1]), [vec![1]], "only what was chosen");
    }
}
