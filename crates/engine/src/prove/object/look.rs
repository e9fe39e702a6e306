//! What the rules see before and after a fix.
//!
//! A fix of some tables is looked at on those tables and their neighbours by foreign keys alone, before and
//! after: the other thousand columns of the database say the same either way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::change::Fix;
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts, Need};
use pgsteward_model::finding::{Finding, Severity};
use pgsteward_model::proof::Observation;
use pgsteward_model::rule::Rule;

use crate::prove::files::{compare_again, edited_files, with_schema};

/// Rule and identity of each finding, with its severity.
type Found = BTreeMap<(&'static str, String), Severity>;

/// What the lab has after the fix.
pub(super) enum Read<'a> {
    /// These tables, read again; one that is gone is absent.
    Tables(&'a BTreeSet<QName>, BTreeMap<QName, Table>),
    Everything(Box<Catalog>),
}

pub(super) struct Eyes {
    /// The user's facts with the lab's catalog in place of theirs, statistics kept.
    facts: Facts,
    /// Rules that look at the catalog.
    rules: Vec<&'static Rule>,
    /// Rules that look at drift, and what they find before any fix.
    drift_rules: Vec<&'static Rule>,
    drift: Found,
}

impl Eyes {
    pub(super) fn open(facts: &Facts, lab: &Catalog, rules: &[&'static Rule]) -> Eyes {
        let mut facts = facts.clone();
        let mut catalog = lab.clone();
        if let Some(known) = facts.catalog() {
            keep_statistics(&mut catalog, known);
        }
        let origin = facts.catalog.as_ref().map_or(CatalogOrigin::Replayed, |facts| facts.origin);
        facts.catalog = Some(CatalogFacts { catalog, origin });
        compare_again(&mut facts);
        let possible = |rule: &&&'static Rule| rule.needs.iter().all(|need| facts.has(*need));
        let needing = |needs: &[Need]| -> Vec<&'static Rule> {
            let wanted = |rule: &&&'static Rule| needs.iter().any(|need| rule.needs.contains(need));
            rules.iter().filter(possible).filter(wanted).copied().collect()
        };
        let drift_rules = needing(&[Need::Drift]);
        // What a rule reads in the history no fix of an object changes.
        let mut rules = needing(&[Need::Catalog, Need::Statistics]);
        rules.retain(|rule| {
            !rule.needs.contains(&Need::History) && !rule.sharper_with.contains(&Need::History)
        });
        let drift = found(&drift_rules, &facts);
        Eyes { facts, rules, drift_rules, drift }
    }

    /// Compares what the rules say before and after. The error is the reason of a refutation.
    pub(super) fn look(
        &self,
        finding: &Finding,
        fix: &Fix,
        read: Read<'_>,
        seen: &mut Vec<Observation>,
    ) -> Result<(), String> {
        let edited = edited_files(&fix.change.steps, &self.facts)?;
        let of_drift = self.drift_rules.iter().any(|rule| rule.id == finding.rule);
        let names = match &read {
            Read::Tables(names, _) => Some(*names),
            Read::Everything(_) => None,
        };
        let catalog = self.catalog_after(read);
        let mut after =
            if edited.is_empty() { self.facts.clone() } else { with_schema(&self.facts, &edited) };
        // `with_schema` may have calculated a catalog; what the server has is the truth here.
        if let Some(facts) = &mut after.catalog {
            facts.catalog = catalog;
        }
        let this = (finding.rule, finding.identity.clone());
        let mut rules = self.rules.clone();
        if !of_drift && !rules.iter().any(|rule| rule.id == finding.rule) {
            rules.extend(pgsteward_rules::find(finding.rule));
        }
        let near = names.map(|names| (self.near(&self.facts, names), self.near(&after, names)));
        let (mut before, mut now) = match &near {
            Some((before, now)) => (found(&rules, before), found(&rules, now)),
            None => (found(&rules, &self.facts), found(&rules, &after)),
        };
        if near.is_some() && !of_drift && !before.contains_key(&this) {
            // The rule needs more of the database than the neighbourhood to say what it said.
            before = found(&rules, &self.facts);
            now = found(&rules, &after);
        }
        if of_drift || !edited.is_empty() {
            compare_again(&mut after);
            before.extend(self.drift.clone());
            now.extend(found(&self.drift_rules, &after));
        }
        let mut outcome = Ok(());
        if now.contains_key(&this) {
            seen.push(Observation::FindingRemains);
            outcome = Err("the finding remains after the fix".to_owned());
        } else {
            seen.push(Observation::FindingGone);
        }
        // Where two things are wrong in one place the rule may name the other one now: a finding is new when
        // there are more of its rule than before. Notes do not refute a fix.
        let known = counts(&before);
        for (rule, count) in counts(&now) {
            if count > known.get(rule).copied().unwrap_or(0) {
                let new = now.keys().find(|key| key.0 == rule && !before.contains_key(*key));
                let message = new.map_or_else(String::new, |(_, identity)| identity.clone());
                seen.push(Observation::NewFinding { rule: rule.to_owned(), message });
                outcome = outcome.and(Err(format!("the fix brings a new finding of {rule}")));
            }
        }
        outcome
    }

    fn catalog_after(&self, read: Read<'_>) -> Catalog {
        let known = self.facts.catalog().cloned();
        match (read, known) {
            (Read::Tables(names, mut now), Some(mut catalog)) => {
                for name in names {
                    let old = catalog.tables.remove(name);
                    if let Some(mut table) = now.remove(name) {
                        keep_table_statistics(&mut table, old.as_deref());
                        catalog.tables.insert(name.clone(), Arc::new(table));
                    }
                }
                catalog
            }
            (Read::Everything(mut catalog), Some(known)) => {
                keep_statistics(&mut catalog, &known);
                *catalog
            }
            (Read::Everything(catalog), None) => *catalog,
            (Read::Tables(_, now), None) => {
                let mut catalog = Catalog::empty(pgsteward_model::version::ServerVersion(0));
                catalog.tables = now.into_iter().map(|(name, table)| (name, Arc::new(table))).collect();
                catalog
            }
        }
    }

    /// The facts with these tables and their neighbours by foreign keys only, and without drift.
    fn near(&self, facts: &Facts, names: &BTreeSet<QName>) -> Facts {
        let mut near = Facts { drift: None, ..facts.clone() };
        let Some(all) = facts.catalog() else { return near };
        let mut keep = names.clone();
        for table in all.tables.values() {
            for (_, key) in table.foreign_keys() {
                if names.contains(&table.name) {
                    keep.insert(key.references.clone());
                }
                if names.contains(&key.references) {
                    keep.insert(table.name.clone());
                }
            }
        }
        if let Some(facts) = &mut near.catalog {
            facts.catalog.tables.retain(|name, _| keep.contains(name));
        }
        near
    }
}

fn found(rules: &[&'static Rule], facts: &Facts) -> Found {
    rules
        .iter()
        .flat_map(|rule| (rule.check)(facts))
        .map(|finding| ((finding.rule, finding.identity), finding.severity))
        .collect()
}

fn counts(found: &Found) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for ((rule, _), _) in found.iter().filter(|(_, severity)| **severity > Severity::Info) {
        *counts.entry(*rule).or_insert(0) += 1;
    }
    counts
}

/// Carries the source's statistics over to what the lab, which has no rows, read anew.
fn keep_statistics(catalog: &mut Catalog, known: &Catalog) {
    for (name, table) in &mut catalog.tables {
        keep_table_statistics(Arc::make_mut(table), known.table(name));
    }
    for (name, sequence) in &mut catalog.sequences {
        sequence.last_value = known.sequences.get(name).and_then(|sequence| sequence.last_value);
    }
    catalog.statistics_age_seconds = known.statistics_age_seconds;
}

fn keep_table_statistics(table: &mut Table, known: Option<&Table>) {
    let Some(known) = known else { return };
    table.statistics.clone_from(&known.statistics);
    for column in &mut table.columns {
        column.statistics = known.column(&column.name).and_then(|column| column.statistics.clone());
    }
    for index in &mut table.indexes {
        index.statistics = known.index(&index.name).and_then(|index| index.statistics.clone());
    }
}
