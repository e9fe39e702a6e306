//! Fixes that edit files of the schema only: the edited file must parse, and the rule must be silent about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::change::{EditAction, FileEdit, Fix, Step, TextEdit};
use pgsteward_model::drift::DriftBetween;
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Proof, Verdict};
use pgsteward_model::source::SourceFile;

pub(super) fn prove(finding: &Finding, fix: &Fix, facts: &Facts) -> Proof {
    let mut observations = Vec::new();
    let verdict = try_files(finding, fix, facts, &mut observations);
    Proof {
        subject: fix.title.clone(),
        server: None,
        observations,
        verdict: verdict.err().unwrap_or(Verdict::Proven),
    }
}

fn try_files(
    finding: &Finding,
    fix: &Fix,
    facts: &Facts,
    observations: &mut Vec<Observation>,
) -> Result<(), Verdict> {
    let refuted = |reason: String| Verdict::Refuted { reason };
    let edited = edited_files(&fix.change.steps, facts).map_err(refuted)?;
    let schema = facts.prisma.as_ref().ok_or(Verdict::Unprovable {
        reason: "the edited files are of no kind that can be read back".into(),
    })?;
    if !edited.keys().any(|path| schema.files.contains(path)) {
        return Err(Verdict::Unprovable {
            reason: "the edited files are of no kind that can be read back".into(),
        });
    }
    let after = with_schema(facts, &edited);
    let errors = after.prisma.as_ref().map_or(0, |schema| schema.errors.len());
    if errors > schema.errors.len() {
        return Err(refuted("the edited schema no longer parses".into()));
    }
    observations.extend(edited.keys().map(|path| Observation::FileParses { file: path.to_string() }));
    let Some(rule) = pgsteward_rules::find(finding.rule) else { return Ok(()) };
    if (rule.check)(&after).iter().any(|other| other.identity == finding.identity) {
        observations.push(Observation::FindingRemains);
        return Err(refuted("the finding remains after the edit".into()));
    }
    observations.push(Observation::FindingGone);
    Ok(())
}

/// Whether all that a fix does is to take comments out.
pub(super) fn removes_comments_only(fix: &Fix, facts: &Facts) -> bool {
    let comment = |text: &str| {
        let text = text.trim();
        ["--", "//", "#"].iter().any(|mark| text.starts_with(mark)) && !text.contains('\n')
    };
    !fix.change.steps.is_empty()
        && fix.change.steps.iter().all(|step| {
            let Step::Edit(FileEdit { file, action: EditAction::Replace(edits) }) = step else {
                return false;
            };
            let Some(source) = facts.sources.get(file) else { return false };
            edits.iter().all(|edit| edit.text.is_empty() && comment(source.slice(edit.span)))
        })
}

/// The files must say the same without the comment: the same statements, the same schema.
pub(super) fn prove_comment(fix: &Fix, facts: &Facts) -> Proof {
    let mut observations = Vec::new();
    let verdict = match edited_files(&fix.change.steps, facts) {
        Err(reason) => Verdict::Refuted { reason },
        Ok(edited) => {
            let changed = edited.iter().find(|(path, text)| {
                let before = facts.sources.get(path).map_or("", |source| &source.text);
                let after = text.as_deref().unwrap_or("");
                meaning(path, before) != meaning(path, after)
            });
            observations.extend(edited.keys().map(|path| Observation::FileParses { file: path.to_string() }));
            match changed {
                Some((path, _)) => {
                    Verdict::Refuted { reason: format!("{path} says something else without the comment") }
                }
                None => {
                    observations.push(Observation::FindingGone);
                    Verdict::Proven
                }
            }
        }
    };
    Proof { subject: fix.title.clone(), server: None, observations, verdict }
}

/// What a file says, without its comments and its layout.
fn meaning(path: &str, text: &str) -> Vec<String> {
    if path.ends_with(".sql") {
        return pgsteward_sql::parse(text)
            .statements
            .into_iter()
            .map(|statement| statement.fingerprint)
            .collect();
    }
    text.lines()
        .map(|line| line.split("//").next().unwrap_or("").split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}

/// The text of every file that the steps write; none for a deleted one.
pub(crate) fn edited_files(
    steps: &[Step],
    facts: &Facts,
) -> Result<BTreeMap<Arc<str>, Option<String>>, String> {
    let mut files: BTreeMap<Arc<str>, Option<String>> = BTreeMap::new();
    for step in steps {
        let Step::Edit(edit) = step else { continue };
        let text = match &edit.action {
            EditAction::Create(text) => Some(text.clone()),
            EditAction::Delete => None,
            EditAction::Replace(edits) => {
                let source =
                    facts.sources.get(&edit.file).ok_or_else(|| format!("{} was not read", edit.file))?;
                let text = TextEdit::apply_all(&source.text, edits)
                    .ok_or_else(|| format!("an edit does not fit {}", edit.file))?;
                Some(text)
            }
        };
        files.insert(edit.file.clone(), text);
    }
    Ok(files)
}

/// The facts with some files of the Prisma schema replaced. Where the catalog is what the schema makes, it
/// follows, and so does drift.
fn with_schema(facts: &Facts, edited: &BTreeMap<Arc<str>, Option<String>>) -> Facts {
    let mut after = facts.clone();
    edit_schema(&mut after, edited);
    if let (Some(CatalogFacts { origin: CatalogOrigin::Schema, catalog }), Some(schema)) =
        (&mut after.catalog, &after.prisma)
    {
        *catalog = pgsteward_prisma::calculate(schema, catalog.version);
    }
    compare_again(&mut after);
    after
}

/// Reads the Prisma schema again with some files replaced; what follows from it stays as it was.
pub(super) fn edit_schema(facts: &mut Facts, edited: &BTreeMap<Arc<str>, Option<String>>) {
    let Some(schema) = &facts.prisma else { return };
    let files: Vec<Arc<SourceFile>> = schema
        .files
        .iter()
        .filter_map(|path| match edited.get(path) {
            Some(text) => {
                text.as_ref().map(|text| facts.sources.add(SourceFile::new(path.clone(), text.as_str())))
            }
            None => facts.sources.get(path).cloned(),
        })
        .collect();
    facts.prisma = Some(Arc::new(pgsteward_prisma::parse(&files)));
}

/// Compares schema and catalog again, after either changed.
pub(super) fn compare_again(facts: &mut Facts) {
    let (Some(known), Some(schema), Some(catalog)) = (&facts.drift, &facts.prisma, facts.catalog()) else {
        return;
    };
    let mut drift = pgsteward_prisma::drift(catalog, schema);
    // The lab's database is the history's; what only a live database has cannot change here.
    drift.extend(known.iter().filter(|item| item.between != DriftBetween::HistoryAndSchema).cloned());
    facts.drift = Some(drift);
}
