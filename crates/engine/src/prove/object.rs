//! Fixes of database objects, tried on the lab database that the history made.
//!
//! All fixes share one clone: each runs, is looked at and is rolled back before the next. Only the tables
//! that a fix touches are read again; one comparison of everything at the end catches what slipped through,
//! and then each fix is tried once more in a clone of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};
use pgsteward_lab::{Database, Lab, Tracer};
use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only, table_differences};
use pgsteward_model::change::{Fix, Rollback, Step};
use pgsteward_model::facts::{Facts, Need};
use pgsteward_model::finding::Finding;
use pgsteward_model::migration::ServerError;
use pgsteward_model::place::ObjectKind;
use pgsteward_model::proof::{Observation, Proof, Verdict};
use pgsteward_model::rule::Rule;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_pg::LabSession;

use crate::Progress;
use crate::collect::{Linked, Made, introspect};
use crate::prove::Proofs;
use look::{Eyes, Read};

mod look;

/// What all proofs of a batch share.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) facts: &'a Facts,
    pub(super) lab: &'a Lab,
    /// The database whose clones are tried on.
    pub(super) made: &'a Made,
    pub(super) rules: &'a [&'static Rule],
    /// The code, where a fix edits it besides.
    pub(super) linked: Option<&'a Linked>,
    /// Run each change once more after its rollback.
    pub(super) thorough: bool,
}

/// Fewer fixes than this are not worth a second clone.
const ENOUGH_FOR_TWO: usize = 6;

pub(super) async fn prove(
    findings: &[Finding],
    chosen: &[usize],
    setting: Setting<'_>,
    progress: &dyn Progress,
) -> Result<Proofs> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let before = &setting.made.catalog;
    let (chosen, mut proofs) = possible(findings, chosen, setting.facts, before, setting.rules);
    let done = AtomicUsize::new(0);
    let tick = || progress.step(done.fetch_add(1, Ordering::Relaxed), chosen.len());
    let (one, other) = if chosen.len() < ENOUGH_FOR_TWO {
        (&chosen[..], &[][..])
    } else {
        chosen.split_at(chosen.len() / 2)
    };
    // Both clones are made before either is worked on; from then on the two know nothing of each other.
    let (one, other) =
        tokio::try_join!(work(findings, one, setting, &tick), work(findings, other, setting, &tick),)?;
    proofs.extend(one);
    proofs.extend(other);
    Ok(proofs)
}

/// Tries some fixes one after another in one clone.
async fn work(
    findings: &[Finding],
    chosen: &[usize],
    setting: Setting<'_>,
    tick: &(dyn Fn() + Sync),
) -> Result<Proofs> {
    let mut proofs = Vec::new();
    if chosen.is_empty() {
        return Ok(proofs);
    }
    let mut bench = Bench::new(setting).await?;
    for index in chosen {
        tick();
        proofs.push((*index, bench.prove(&findings[*index]).await?));
    }
    let clean = bench.is_clean().await?;
    bench.close().await?;
    if clean {
        return Ok(proofs);
    }
    // Some fix left a trace outside the tables it touched: each gets a clone of its own.
    proofs.clear();
    for index in chosen {
        let mut alone = Bench::new(setting).await?;
        let mut proof = alone.prove(&findings[*index]).await?;
        let left = alone.left_behind().await?;
        if !left.is_empty() && proof.verdict == Verdict::Proven {
            proof.observations.push(Observation::CatalogDiffers { differences: left });
            proof.verdict = Verdict::Refuted { reason: "the rollback does not restore the catalog".into() };
        }
        alone.close().await?;
        proofs.push((*index, proof));
    }
    Ok(proofs)
}

/// Those whose tables the lab has as the reviewed database has them; the others get a proof that says no more,
/// because what happens to another table says nothing. What drift is about is on one side only by its nature.
fn possible(
    findings: &[Finding],
    chosen: &[usize],
    facts: &Facts,
    lab: &Catalog,
    rules: &[&'static Rule],
) -> (Vec<usize>, Proofs) {
    let mut impossible = Vec::new();
    let Some(reviewed) = facts.catalog() else { return (chosen.to_vec(), impossible) };
    let (reviewed, lab) = (schema_only(reviewed), schema_only(lab));
    // What stands on a table and could not be made is missed only by the finding that is about it.
    let is_same = |name: &QName, part: Option<&str>| match (reviewed.table(name), lab.table(name)) {
        (Some(one), Some(other)) => {
            let mut one = one.clone();
            let is_part = |name: &str| part == Some(name);
            one.indexes.retain(|index| is_part(&index.name) || other.index(&index.name).is_some());
            one.triggers.retain(|trigger| {
                is_part(&trigger.name) || other.triggers.iter().any(|other| other.name == trigger.name)
            });
            one.policies.retain(|policy| {
                is_part(&policy.name) || other.policies.iter().any(|other| other.name == policy.name)
            });
            table_differences(&one, other, ColumnOrder::Ignored).is_empty()
        }
        (None, None) => true,
        _ => false,
    };
    let mut possible = Vec::new();
    for index in chosen {
        let finding = &findings[*index];
        let Some(fix) = &finding.fix else { continue };
        let of_drift = rules.iter().any(|rule| rule.id == finding.rule && rule.needs.contains(&Need::Drift));
        let part = finding.at.object.as_ref().and_then(|object| object.name.as_deref());
        let names = match touched(finding, fix) {
            Touched::Tables(names) => names,
            Touched::Everything => table_of(finding).into_iter().collect(),
        };
        match names.iter().find(|name| !of_drift && !is_same(name, part)) {
            None => possible.push(*index),
            Some(name) => {
                let reason = format!("the lab has not \"{}\" as the database has it", name.display());
                impossible.push((*index, super::unprovable(fix.title.clone(), reason)));
            }
        }
    }
    (possible, impossible)
}

/// One clone with a session, and the facts that follow it.
struct Bench<'a> {
    setting: Setting<'a>,
    database: Database,
    session: LabSession,
    tracer: Tracer,
    /// The catalog of the lab database before any fix.
    before: &'a Catalog,
    eyes: Eyes<'a>,
}

impl<'a> Bench<'a> {
    async fn new(setting: Setting<'a>) -> Result<Bench<'a>> {
        let before = &setting.made.catalog;
        let clone =
            setting.lab.clone_database(&setting.made.database).await.context("clone the lab database")?;
        let session = clone.session().await.context("connect to the clone")?;
        let eyes = Eyes::open(setting.facts, before, setting.rules, setting.linked);
        let tracer = Tracer::new(&clone);
        Ok(Bench { setting, database: clone, session, tracer, before, eyes })
    }

    async fn close(self) -> Result<()> {
        self.session.close().await;
        self.tracer.close().await;
        self.setting.lab.finish_database(self.database).await.context("drop the clone")?;
        Ok(())
    }

    async fn left_behind(&self) -> Result<Vec<String>> {
        let now = introspect(&self.database).await?;
        Ok(differences(self.before, &now, ColumnOrder::Ignored).iter().map(ToString::to_string).collect())
    }

    async fn is_clean(&self) -> Result<bool> {
        Ok(self.left_behind().await?.is_empty())
    }

    async fn prove(&mut self, finding: &Finding) -> Result<Proof> {
        let fix = finding.fix.as_ref().context("a finding without a fix")?;
        let mut observations = Vec::new();
        let verdict = match self.attempt(finding, fix, &mut observations).await? {
            Ok(()) => Verdict::Proven,
            Err(reason) => Verdict::Refuted { reason },
        };
        Ok(Proof {
            subject: fix.title.clone(),
            server: Some(self.setting.lab.version()),
            observations,
            verdict,
        })
    }

    /// Runs, looks, rolls back. The inner error is the reason of a refutation.
    async fn attempt(
        &mut self,
        finding: &Finding,
        fix: &Fix,
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), String>> {
        let touched = touched(finding, fix);
        let mut done = Vec::new();
        for step in &fix.change.steps {
            let Step::Sql(step) = step else { continue };
            done.push(step.sql.as_str());
            if let Err(error) = self.run(&step.sql, step.transactional, seen).await? {
                let reason = format!("`{}` failed: {}", first_line(&step.sql), error.message);
                seen.push(Observation::Failed { sql: step.sql.clone(), error });
                self.start_over().await?;
                return Ok(Err(reason));
            }
        }
        let read = match &touched {
            Touched::Tables(names) => Read::Tables(names, self.tables(names).await?),
            Touched::Everything => Read::Everything(Box::new(introspect(&self.database).await?)),
        };
        let mut outcome = self.eyes.look(finding, fix, read, seen);
        if let Rollback::Steps(steps) = &fix.change.rollback {
            let back = self.roll_back(steps, &touched, seen).await?;
            if back.is_ok() && self.setting.thorough {
                outcome = outcome.and(self.again(fix, steps, seen).await?);
            }
            outcome = outcome.and(back);
        } else {
            self.start_over().await?;
        }
        Ok(outcome)
    }

    async fn roll_back(
        &mut self,
        steps: &[Step],
        touched: &Touched,
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), String>> {
        let started = Instant::now();
        for step in steps {
            let Step::Sql(step) = step else { continue };
            if let Err(error) = self.session.simple(&step.sql).await {
                let reason = format!("the rollback `{}` failed: {}", first_line(&step.sql), error.message);
                seen.push(Observation::Failed { sql: step.sql.clone(), error });
                self.start_over().await?;
                return Ok(Err(reason));
            }
        }
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let left: Vec<String> = match touched {
            Touched::Tables(names) => {
                let now = self.tables(names).await?;
                let mut left = Vec::new();
                for name in names {
                    match (self.before.table(name), now.get(name)) {
                        (Some(before), Some(after)) => {
                            left.extend(
                                table_differences(before, after, ColumnOrder::Ignored)
                                    .iter()
                                    .map(ToString::to_string),
                            );
                        }
                        (None, None) => {}
                        _ => left.push(format!("table {name} came or went")),
                    }
                }
                left
            }
            Touched::Everything => self.left_behind().await?,
        };
        if left.is_empty() {
            seen.push(Observation::RolledBack { micros });
            return Ok(Ok(()));
        }
        seen.push(Observation::CatalogDiffers { differences: left });
        self.start_over().await?;
        Ok(Err("the rollback does not restore the catalog".to_owned()))
    }

    /// The change and its rollback a second time: what was left over would show here.
    async fn again(
        &mut self,
        fix: &Fix,
        rollback: &[Step],
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), String>> {
        for step in fix.change.steps.iter().chain(rollback) {
            let Step::Sql(step) = step else { continue };
            if let Err(error) = self.session.simple(&step.sql).await {
                let reason = format!("after its rollback the change no longer runs: {}", error.message);
                seen.push(Observation::Failed { sql: step.sql.clone(), error });
                self.start_over().await?;
                return Ok(Err(reason));
            }
        }
        seen.push(Observation::AppliedAgain);
        Ok(Ok(()))
    }

    /// Runs a step under observation.
    async fn run(
        &mut self,
        sql: &str,
        transactional: bool,
        seen: &mut Vec<Observation>,
    ) -> Result<Result<(), ServerError>> {
        let trace = match self.tracer.trace(&self.session, sql, transactional).await? {
            Ok(trace) => trace,
            Err(error) => return Ok(Err(error)),
        };
        seen.push(Observation::Applied { sql: sql.to_owned(), micros: trace.micros });
        for (relation, mode) in trace.locks {
            // An index is locked with its table; the table's lock is what others wait for.
            let Some(relation) = self.table_named(&relation) else { continue };
            seen.push(Observation::Lock { sql: sql.to_owned(), relation, mode });
        }
        for relation in trace.rewrites {
            let relation = self.table_named(&relation).unwrap_or(relation);
            seen.push(Observation::Rewrite { sql: sql.to_owned(), relation });
        }
        Ok(Ok(()))
    }

    /// The table that the lab calls `namespace.name`, as people write it.
    fn table_named(&self, relation: &str) -> Option<String> {
        table_named(self.before, relation)
    }

    /// A fresh clone, after something went wrong in this one.
    async fn start_over(&mut self) -> Result<()> {
        let fresh = self.setting.lab.clone_database(&self.setting.made.database).await?;
        let session = fresh.session().await?;
        std::mem::replace(&mut self.session, session).close().await;
        std::mem::replace(&mut self.tracer, Tracer::new(&fresh)).close().await;
        let old = std::mem::replace(&mut self.database, fresh);
        self.setting.lab.finish_database(old).await?;
        Ok(())
    }

    async fn tables(&self, names: &BTreeSet<QName>) -> Result<BTreeMap<QName, Table>> {
        let names: Vec<QName> = names.iter().cloned().collect();
        let tables = self.session.catalog_of(&names).await.context("read the touched tables")?;
        Ok(tables.into_iter().map(|table| (table.name.clone(), table)).collect())
    }
}

enum Touched {
    Tables(BTreeSet<QName>),
    Everything,
}

/// The relation that a finding is about.
fn table_of(finding: &Finding) -> Option<QName> {
    let object = finding.at.object.as_ref()?;
    Some(QName::new(object.namespace.clone()?, object.relation.clone()?))
}

/// The tables that the SQL of a fix and its rollback can change, if that is all they can change.
fn touched(finding: &Finding, fix: &Fix) -> Touched {
    let mut names: BTreeSet<QName> = table_of(finding).into_iter().collect();
    let rollback = match &fix.change.rollback {
        Rollback::Steps(steps) => steps.as_slice(),
        Rollback::Impossible { .. } => &[],
    };
    for step in fix.change.steps.iter().chain(rollback) {
        let Step::Sql(step) = step else { continue };
        for parsed in pgsteward_sql::parse(&step.sql).statements {
            match parsed.statement {
                Statement::CreateIndex(create) => {
                    names.insert(create.table.qualified());
                }
                Statement::Reindex { .. } | Statement::Drop { kind: ObjectKind::Index, .. } => {}
                Statement::AlterTable(alter) if alter.actions.iter().all(changes_only_its_table) => {
                    names.insert(alter.name.qualified());
                }
                _ => return Touched::Everything,
            }
        }
    }
    if names.is_empty() { Touched::Everything } else { Touched::Tables(names) }
}

fn changes_only_its_table(action: &AlterAction) -> bool {
    matches!(
        action,
        AlterAction::AddConstraint { .. }
            | AlterAction::DropConstraint { cascade: false, .. }
            | AlterAction::ValidateConstraint { .. }
            | AlterAction::RenameConstraint { .. }
            | AlterAction::SetNotNull { .. }
            | AlterAction::DropNotNull { .. }
            | AlterAction::SetDefault { .. }
            | AlterAction::DropDefault { .. }
            | AlterAction::SetType { .. }
    )
}

fn first_line(sql: &str) -> &str {
    sql.lines().next().unwrap_or(sql)
}

/// The table or view of a catalog that the lab calls `namespace.name`, as people write it.
pub(super) fn table_named(catalog: &Catalog, relation: &str) -> Option<String> {
    let (namespace, name) = relation.split_once('.')?;
    let name = QName::new(namespace, name);
    let known = catalog.tables.contains_key(&name) || catalog.views.contains_key(&name);
    known.then(|| name.display())
}
