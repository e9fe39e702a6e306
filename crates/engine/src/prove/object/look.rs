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

use crate::collect::Linked;
use crate::prove::files::{compare_again, edit_schema, edited_files};

/// Rule and identity of each finding, with its severity.
type Found = BTreeMap<(&'static str, String), Severity>;

/// What the lab has after the fix.
pub(super) enum Read<'a> {
    /// These tables, read again; one that is gone is absent.
    Tables(&'a BTreeSet<QName>, BTreeMap<QName, Table>),
    Everything(Box<Catalog>),
}

pub(super) struct Eyes<'a> {
    linked: Option<&'a Linked>,
    /// The user's facts with the lab's catalog in place of theirs, statistics kept.
    facts: Facts,
    /// What no look changes: all but sources, Prisma schema, catalog and drift.
    rest: Facts,
    /// Rules that look at the catalog.
    rules: Vec<&'static Rule>,
    /// Rules that look at drift, and what they find before any fix.
    drift_rules: Vec<&'static Rule>,
    drift: Found,
    /// What the rules find near some tables before any fix: many fixes are about the same table.
    known: BTreeMap<(BTreeSet<QName>, &'static str), Found>,
}

impl<'a> Eyes<'a> {
    pub(super) fn open(
        facts: &Facts,
        lab: &Catalog,
        rules: &[&'static Rule],
        linked: Option<&'a Linked>,
    ) -> Eyes<'a> {
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
        let rest =
            Facts { sources: Default::default(), prisma: None, catalog: None, drift: None, ..facts.clone() };
        Eyes { linked, facts, rest, rules, drift_rules, drift, known: BTreeMap::new() }
    }

    /// Compares what the rules say before and after. The error is the reason of a refutation.
    pub(super) fn look(
        &mut self,
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
        // What the server has is the truth, whatever the edited schema would make.
        let origin = self.facts.catalog.as_ref().map(|facts| facts.origin);
        let mut after = Facts {
            sources: self.facts.sources.clone(),
            prisma: self.facts.prisma.clone(),
            catalog: origin.map(|origin| CatalogFacts { catalog: self.catalog_after(read), origin }),
            drift: self.facts.drift.clone(),
            ..self.rest.clone()
        };
        if !edited.is_empty() {
            edit_schema(&mut after, &edited);
            after = self.edit_code(after, &edited)?;
        }
        let this = (finding.rule, finding.identity.clone());
        let mut rules = self.rules.clone();
        if !of_drift && !rules.iter().any(|rule| rule.id == finding.rule) {
            rules.extend(pgsteward_rules::find(finding.rule));
        }
        let (mut before, mut now) = match names {
            Some(names) => {
                let key = (names.clone(), finding.rule);
                if !self.known.contains_key(&key) {
                    let near = self.near(&self.facts, names);
                    self.known.insert(key.clone(), found(&rules, &near));
                }
                let before = self.known.get(&key).cloned().unwrap_or_default();
                (before, found(&rules, &self.near(&after, names)))
            }
            None => (found(&rules, &self.facts), found(&rules, &after)),
        };
        if names.is_some() && !of_drift && !before.contains_key(&this) {
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

    /// The facts with the code as the fix leaves it, where it edits any.
    fn edit_code(&self, after: Facts, edited: &BTreeMap<Arc<str>, Option<String>>) -> Result<Facts, String> {
        let schema = after.prisma.as_ref().map(|schema| schema.files.clone()).unwrap_or_default();
        let texts: Vec<(Arc<str>, String)> = edited
            .iter()
            .filter(|(file, _)| !schema.contains(file) && !file.ends_with(".sql"))
            .filter_map(|(file, text)| Some((file.clone(), text.clone()?)))
            .collect();
        match self.linked {
            Some(linked) if !texts.is_empty() => {
                linked.edited(&after, &texts).ok_or_else(|| "the edited code no longer parses".to_owned())
            }
            _ => Ok(after),
        }
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
        let mut near =
            Facts { sources: facts.sources.clone(), prisma: facts.prisma.clone(), ..self.rest.clone() };
        let Some(CatalogFacts { catalog: all, origin }) = &facts.catalog else { return near };
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
        let tables = keep.into_iter().filter_map(|name| {
            let table = all.tables.get(&name)?.clone();
            Some((name, table))
        });
        let catalog = Catalog { tables: tables.collect(), ..without_tables(all) };
        near.catalog = Some(CatalogFacts { catalog, origin: *origin });
        near
    }
}

/// Everything of a catalog but its tables.
fn without_tables(catalog: &Catalog) -> Catalog {
    Catalog {
        version: catalog.version,
        namespaces: catalog.namespaces.clone(),
        tables: BTreeMap::new(),
        views: catalog.views.clone(),
        sequences: catalog.sequences.clone(),
        enums: catalog.enums.clone(),
        domains: catalog.domains.clone(),
        composites: catalog.composites.clone(),
        ranges: catalog.ranges.clone(),
        functions: catalog.functions.clone(),
        statistics_objects: catalog.statistics_objects.clone(),
        extensions: catalog.extensions.clone(),
        default_privileges: catalog.default_privileges.clone(),
        statistics_age_seconds: catalog.statistics_age_seconds,
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
