//! Fixes that write a migration differently.
//!
//! The history runs up to the file; there the database is cloned, the clone gets the files as the fix
//! writes them, the original gets the file as it is, and both catalogs must be the same.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use pgsteward_lab::{Database, Lab, ReplayOptions};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::change::{Rollback, Step};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::migration::{History, MigrationFile, Replay, ServerError};
use pgsteward_model::proof::{Observation, Proof, Verdict};
use pgsteward_model::rule::{Group, Rule};
use pgsteward_model::source::SourceFile;
use pgsteward_sql::Births;

use super::Proofs;
use super::files::edited_files;
use super::object::table_named;
use crate::collect::introspect;

/// Also returns how many fixes were left untried when the time was up.
pub(super) async fn prove(
    findings: &[Finding],
    chosen: &[usize],
    facts: &Facts,
    lab: &Lab,
    rules: &[&'static Rule],
    until: Instant,
) -> Result<(Proofs, usize)> {
    let mut proofs = Vec::new();
    if chosen.is_empty() {
        return Ok((proofs, 0));
    }
    let history = facts.history.as_ref().context("a migration fix without a history")?;
    let mut by_file: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in chosen {
        let path = findings[*index].at.file.as_ref().map(|range| range.file.clone());
        if let Some(file) = history.files.iter().position(|file| Some(&file.path) == path.as_ref()) {
            by_file.entry(file).or_default().push(*index);
        }
    }
    let mut walker = Walker::new(lab, facts, history, rules).await?;
    let mut untried = 0;
    // What the walker's database has, where nothing ran since it was read.
    let mut known: Option<Catalog> = None;
    for (file, indexes) in by_file {
        if Instant::now() > until {
            untried += indexes.len();
            continue;
        }
        let before = known.take().filter(|_| walker.done == file);
        walker.walk_to(file).await?;
        let catalog_before = match before {
            Some(catalog) => catalog,
            None => introspect(&walker.database).await?,
        };
        let mut clones = Vec::new();
        for index in indexes {
            clones.push((index, lab.clone_database(&walker.database).await?));
        }
        let replay = walker.step().await?;
        let original = introspect(&walker.database).await?;
        for (index, clone) in clones {
            let made = match &replay {
                None => Original::Made(&original),
                Some(error) => Original::Failed(error),
            };
            let proof = walker.prove(&findings[index], &clone, file, &catalog_before, made).await?;
            proofs.push((index, proof));
            lab.finish_database(clone).await?;
        }
        known = Some(original);
    }
    lab.finish_database(walker.database).await?;
    Ok((proofs, untried))
}

/// What the migration does as it is.
#[derive(Clone, Copy)]
enum Original<'a> {
    Made(&'a Catalog),
    Failed(&'a ServerError),
}

fn title(finding: &Finding) -> String {
    finding.fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default()
}

/// A database that runs the history file by file, with the pure catalog beside it.
struct Walker<'a> {
    lab: &'a Lab,
    facts: &'a Facts,
    history: &'a History,
    rules: Vec<&'static Rule>,
    database: Database,
    /// Files that ran.
    done: usize,
    /// What reading alone knows after them, and before the file that ran last.
    pure: Catalog,
    births: Births,
    previous: (Catalog, Births),
}

impl<'a> Walker<'a> {
    async fn new(
        lab: &'a Lab,
        facts: &'a Facts,
        history: &'a History,
        rules: &[&'static Rule],
    ) -> Result<Walker<'a>> {
        let database = lab.create_database().await?;
        let rules = rules
            .iter()
            .copied()
            .filter(|rule| rule.group == Group::Migration && rule.needs.iter().all(|need| facts.has(*need)))
            .collect();
        let pure = Catalog::empty(lab.version());
        let births = Births::default();
        Ok(Walker {
            lab,
            facts,
            history,
            rules,
            database,
            done: 0,
            previous: (pure.clone(), births.clone()),
            pure,
            births,
        })
    }

    async fn walk_to(&mut self, file: usize) -> Result<()> {
        self.run(self.done..file).await?;
        while self.done < file {
            self.read_next();
        }
        Ok(())
    }

    /// Runs one file; the server's error, if it fails.
    async fn step(&mut self) -> Result<Option<ServerError>> {
        let replay = self.run(self.done..self.done + 1).await?;
        self.read_next();
        Ok(replay.failures.values().next().map(|failure| failure.error.clone()))
    }

    async fn run(&self, files: Range<usize>) -> Result<Replay> {
        let mut replay = Replay::default();
        let options = ReplayOptions { trace: false, ..Default::default() };
        let sources = &self.facts.sources;
        pgsteward_lab::replay_files(
            self.lab,
            &self.database,
            self.history,
            sources,
            files,
            &options,
            &mut replay,
        )
        .await
        .context("replay the history")?;
        Ok(replay)
    }

    fn read_next(&mut self) {
        let file = &self.history.files[self.done];
        self.previous = (self.pure.clone(), self.births.clone());
        self.births.start_deploy();
        if let Some(source) = self.facts.sources.get(&file.path) {
            pgsteward_sql::analyze_file(&source.text, &mut self.pure, &mut self.births, self.history.regime);
        }
        self.done += 1;
    }

    async fn prove(
        &self,
        finding: &Finding,
        clone: &Database,
        file: usize,
        before: &Catalog,
        original: Original<'_>,
    ) -> Result<Proof> {
        let mut seen = Vec::new();
        let verdict = match self.attempt(finding, clone, file, before, original, &mut seen).await? {
            Ok(()) => Verdict::Proven,
            Err(reason) => Verdict::Refuted { reason },
        };
        Ok(Proof { subject: title(finding), server: Some(self.lab.version()), observations: seen, verdict })
    }

    async fn attempt(
        &self,
        finding: &Finding,
        clone: &Database,
        file: usize,
        before: &Catalog,
        original: Original<'_>,
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), String>> {
        let Some(fix) = &finding.fix else { return Ok(Err("there is no fix".into())) };
        let file = &self.history.files[file];
        let edited = match edited_files(&fix.change.steps, self.facts) {
            Ok(edited) => edited,
            Err(reason) => return Ok(Err(reason)),
        };
        let texts = self.files_of(file, &edited);
        if let Err(reason) = self.read_again(finding, file, &texts, seen) {
            return Ok(Err(reason));
        }
        let session = clone.session().await?;
        for (_, text) in &texts {
            let statements = pgsteward_sql::parse(text).statements.len();
            if statements == 0 {
                continue;
            }
            let ran = if statements == 1 {
                self.run_alone(&session, clone, before, text, seen).await?
            } else {
                session.simple(text).await
            };
            if let Err(error) = ran {
                let reason = format!("the rewritten migration fails: {}", error.message);
                seen.push(Observation::Failed { sql: text.clone(), error });
                session.close().await;
                return Ok(Err(reason));
            }
        }
        match original {
            Original::Made(original) => {
                let after = introspect(clone).await?;
                let differ = differences(original, &after, ColumnOrder::Matters);
                if !differ.is_empty() {
                    let differences = differ.iter().map(ToString::to_string).collect();
                    seen.push(Observation::CatalogDiffers { differences });
                    session.close().await;
                    return Ok(Err("the rewritten migration ends in another catalog".into()));
                }
                seen.push(Observation::SameCatalog);
            }
            // There is no catalog to reach: that the rewrite runs at all is the proof.
            Original::Failed(error) => {
                seen.push(Observation::Failed {
                    sql: format!("{} as it is", file.name),
                    error: error.clone(),
                });
            }
        }
        let mut outcome = Ok(());
        if let Rollback::Steps(steps) = &fix.change.rollback {
            let started = Instant::now();
            for step in steps {
                let Step::Sql(step) = step else { continue };
                if let Err(error) = session.simple(&step.sql).await {
                    outcome = Err(format!("the rollback fails: {}", error.message));
                    seen.push(Observation::Failed { sql: step.sql.clone(), error });
                    break;
                }
            }
            // With other statements in the file the rollback of this one has no catalog to be held against.
            if outcome.is_ok() && file.statements.len() == 1 {
                let now = introspect(clone).await?;
                let left: Vec<String> =
                    differences(before, &now, ColumnOrder::Ignored).iter().map(ToString::to_string).collect();
                if left.is_empty() {
                    seen.push(Observation::RolledBack {
                        micros: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
                    });
                } else {
                    seen.push(Observation::CatalogDiffers { differences: left });
                    outcome = Err("the rollback does not restore the catalog".into());
                }
            }
        }
        session.close().await;
        Ok(outcome)
    }

    async fn run_alone(
        &self,
        session: &pgsteward_pg::LabSession,
        clone: &Database,
        before: &Catalog,
        text: &str,
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), ServerError>> {
        let parsed = pgsteward_sql::parse(text);
        let Some(statement) = parsed.statements.first() else { return Ok(Ok(())) };
        let sql = text.get(statement.span.start..statement.span.end).unwrap_or(text);
        let mut scratch = (self.previous.0.clone(), self.previous.1.clone());
        let effect = pgsteward_sql::apply(&mut scratch.0, &statement.statement, &mut scratch.1);
        let trace =
            match pgsteward_lab::trace_statement(clone, session, sql, !effect.needs_no_transaction).await? {
                Ok(trace) => trace,
                Err(error) => return Ok(Err(error)),
            };
        seen.push(Observation::Applied { sql: sql.to_owned(), micros: trace.micros });
        for (relation, mode) in trace.locks {
            let Some(relation) = table_named(before, &relation) else { continue };
            seen.push(Observation::Lock { sql: sql.to_owned(), relation, mode });
        }
        for relation in trace.rewrites {
            seen.push(Observation::Rewrite { sql: sql.to_owned(), relation });
        }
        Ok(Ok(()))
    }

    /// Name and text of the file as edited and of the files that the fix puts after it, in the order they
    /// run.
    fn files_of(
        &self,
        file: &MigrationFile,
        edited: &BTreeMap<Arc<str>, Option<String>>,
    ) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        if !edited.contains_key(&file.path)
            && let Some(source) = self.facts.sources.get(&file.path)
        {
            texts.push((file.path.to_string(), source.text.to_string()));
        }
        texts.extend(edited.iter().filter_map(|(path, text)| Some((path.to_string(), text.clone()?))));
        texts.sort_by_key(|(path, _)| (path != &*file.path, path.clone()));
        texts
    }

    /// Reads the rewritten files as the check would: the finding must be gone and no other may come.
    fn read_again(
        &self,
        finding: &Finding,
        file: &MigrationFile,
        texts: &[(String, String)],
        seen: &mut Vec<Observation>,
    ) -> Result<(), String> {
        let (mut catalog, mut births) = (self.previous.0.clone(), self.previous.1.clone());
        let mut facts = self.facts.clone();
        let mut files = Vec::new();
        for (path, text) in texts {
            births.start_deploy();
            let analyzed = pgsteward_sql::analyze_file(text, &mut catalog, &mut births, self.history.regime);
            if let Some(error) = analyzed.errors.first() {
                return Err(format!("{path} no longer parses: {}", error.message));
            }
            facts.sources.add(SourceFile::new(path.as_str(), text.as_str()));
            let name = path.rsplit('/').nth(1).unwrap_or(path).to_owned();
            files.push(MigrationFile {
                name,
                path: path.as_str().into(),
                statements: analyzed.statements,
                errors: Vec::new(),
                judged: true,
                ..file.clone()
            });
        }
        let mut old = self.facts.clone();
        if let Some(history) = old.history.as_mut().map(Arc::make_mut) {
            history.files.retain(|other| other.name == file.name);
            history.files.iter_mut().for_each(|file| file.judged = true);
        }
        if let Some(history) = facts.history.as_mut().map(Arc::make_mut) {
            history.files = files;
        }
        // Notes do not refute a rewrite; a rule that is itself a note must still fall silent.
        let count = |facts: &Facts| {
            let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
            let found = self.rules.iter().flat_map(|rule| (rule.check)(facts));
            for found in found.filter(|found| found.severity > Severity::Info || found.rule == finding.rule) {
                *counts.entry(found.rule).or_default() += 1;
            }
            counts
        };
        let (before, after) = (count(&old), count(&facts));
        let of = |counts: &BTreeMap<&'static str, usize>, rule: &str| counts.get(rule).copied().unwrap_or(0);
        if of(&after, finding.rule) >= of(&before, finding.rule) {
            seen.push(Observation::FindingRemains);
            return Err("the finding remains after the rewrite".into());
        }
        seen.push(Observation::FindingGone);
        for (rule, number) in &after {
            if *number > of(&before, rule) {
                seen.push(Observation::NewFinding {
                    rule: (*rule).to_owned(),
                    message: "in the rewritten migration".into(),
                });
                return Err(format!("the rewrite brings a new finding of {rule}"));
            }
        }
        Ok(())
    }
}
