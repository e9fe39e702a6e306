//! Which parent each row has. A foreign key's columns are its parent's expressions at the number of one
//! parent row, so the key holds without a look at the parent.
//!
//! Where two keys share a column (the tenant's) their parents must agree on it: such tables deal the shared
//! value out in turns, so that the rows of one tenant are known by their numbers.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{QName, Table};

use super::order::{Reference, Turn, may_be_null};
use super::plan::set_of;
use super::skew::{self, Skew};
use super::template::{Template, salt};

/// What is known of a table that is planned.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) rows: u64,
    /// Never NULL: for every row number up to `rows`.
    pub(super) columns: BTreeMap<String, Template>,
    pub(super) turns: BTreeMap<String, Turns>,
}

/// A column whose values come in turns: row `i` has the value of row `1 + (i - 1) % modulus` of its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turns {
    pub(super) modulus: u64,
    pub(super) origin: (QName, String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum State {
    /// The parent's rows are known.
    Ready,
    /// The table refers to itself.
    Itself,
    /// NULL at first, set when the parent has its rows.
    Later,
    /// NULL: the parent has no rows.
    Absent,
}

pub(super) struct Group {
    pub(super) reference: Reference,
    pub(super) state: State,
    /// Rows to pick from.
    pub(super) size: u64,
    /// The number of the parent's row; a draw at random where it is not decided.
    pub(super) pick: Option<Template>,
    /// The pick follows from a shared column and cannot be chosen to make a key unique.
    pub(super) bound: bool,
    nullable: bool,
    /// How the children are spread over their parents, where statistics say so.
    skew: Option<Skew>,
    /// Expressions of the parent by our column.
    values: BTreeMap<String, Template>,
    index: usize,
}

/// The foreign keys of one table.
pub(super) struct Groups {
    pub(super) all: Vec<Group>,
    /// Columns that come in turns.
    pub(super) turns: BTreeMap<String, Turns>,
    parents: Vec<Option<Known>>,
}

impl Groups {
    pub(super) fn open(
        table: &Table,
        references: &[Reference],
        turn: &Turn<'_>,
        known: &BTreeMap<QName, Known>,
    ) -> Result<Groups, String> {
        let mut groups = Groups { all: Vec::new(), turns: BTreeMap::new(), parents: Vec::new() };
        for (index, reference) in references.iter().enumerate() {
            let key = &reference.key;
            let nullable = may_be_null(table, key);
            let parent = known.get(&key.references);
            let state = if key.references == table.name {
                State::Itself
            } else if parent.is_some_and(|parent| {
                key.referenced_columns.iter().all(|column| parent.columns.contains_key(column))
            }) {
                State::Ready
            } else if !reference.enforced {
                continue;
            } else if !nullable {
                return Err(format!("it needs rows of \"{}\", which has none", key.references.display()));
            } else if turn.later.contains(&index) {
                State::Later
            } else {
                State::Absent
            };
            let mut values = BTreeMap::new();
            if let (Some(parent), State::Ready) = (parent, &state) {
                for (own, theirs) in key.columns.iter().zip(&key.referenced_columns) {
                    values.extend(parent.columns.get(theirs).map(|value| (own.clone(), value.clone())));
                }
            }
            groups.all.push(Group {
                reference: reference.clone(),
                size: parent.map_or(0, |parent| parent.rows),
                state,
                pick: None,
                bound: false,
                nullable,
                skew: skew::of_key(table, &key.columns),
                values,
                index,
            });
            groups.parents.push(parent.cloned());
        }
        Ok(groups)
    }

    /// Makes keys that share a column agree on it, and deals out in turns what other tables' keys will share.
    pub(super) fn correlate(&mut self, structured: &dyn Fn(&str) -> bool, seed: u64) -> Result<(), String> {
        let mut shared: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, group) in self.all.iter().enumerate() {
            if matches!(group.state, State::Ready | State::Itself) {
                for column in &group.reference.key.columns {
                    shared.entry(column.clone()).or_default().push(number);
                }
            }
        }
        shared.retain(|column, groups| {
            let several = groups.len() > 1 && groups.iter().any(|group| self.is_composite(*group));
            several
                || (structured(column) && groups.iter().any(|group| self.all[*group].state == State::Ready))
        });
        // One column can come in turns; a second one would need turns of turns.
        let Some((column, groups)) =
            shared.into_iter().max_by_key(|(column, groups)| (groups.len(), structured(column)))
        else {
            return Ok(());
        };
        let mut origin: Option<(QName, String)> = None;
        let mut modulus = u64::MAX;
        let mut agreed = Vec::new();
        for number in groups {
            if self.all[number].state == State::Itself {
                // A row whose parent is itself agrees with it.
                self.all[number].pick = Some(Template::row());
                self.all[number].bound = true;
                continue;
            }
            let turns = self.turns_of(number, &column);
            let fits = turns.as_ref().is_some_and(|turns| {
                turns.modulus > 0 && origin.as_ref().is_none_or(|known| *known == turns.origin)
            });
            match turns.filter(|_| fits) {
                Some(turns) => {
                    modulus = modulus.min(turns.modulus).min(self.all[number].size);
                    origin = Some(turns.origin);
                    agreed.push((number, turns.modulus));
                }
                None if self.all[number].nullable && self.is_composite(number) => {
                    self.all[number].state = State::Absent;
                }
                None if agreed.is_empty() => {}
                None => {
                    return Err(format!(
                        "two of its foreign keys share column \"{column}\", and no rows were found that suit both"
                    ));
                }
            }
        }
        let Some(origin) = origin else { return Ok(()) };
        for (number, step) in agreed {
            let group = &mut self.all[number];
            let first = format!("(1 + ({{i}} - 1) % {modulus})");
            let more = Template::chance(salt(seed, &["turn", &column, &number.to_string()]), 1 << 40);
            // Rows of the parent with the same value stand `step` apart.
            let pick = if step >= group.size {
                first
            } else {
                format!(
                    "({first} + {step} * ({} % (({} - {first}) / {step} + 1)))",
                    more.sql("{i}"),
                    group.size
                )
            };
            group.pick = Some(Template::new(&pick));
            group.bound = true;
        }
        self.turns.insert(column, Turns { modulus, origin });
        Ok(())
    }

    fn is_composite(&self, group: usize) -> bool {
        self.all[group].reference.key.columns.len() > 1
    }

    /// How the parent of a group deals out the column. Its own key comes in turns of all its rows.
    fn turns_of(&self, group: usize, column: &str) -> Option<Turns> {
        let parent = self.parents[group].as_ref()?;
        let key = &self.all[group].reference.key;
        let place = key.columns.iter().position(|name| name == column)?;
        let theirs = key.referenced_columns.get(place)?;
        if let Some(turns) = parent.turns.get(theirs) {
            return Some(turns.clone());
        }
        let origin = (key.references.clone(), theirs.clone());
        (key.columns.len() == 1).then_some(Turns { modulus: parent.rows, origin })
    }

    /// The expression of a column that the key of another table decides.
    pub(super) fn value(&self, column: &str) -> Option<Template> {
        let group = self
            .all
            .iter()
            .filter(|group| group.state == State::Ready)
            .filter(|group| group.reference.key.columns.iter().any(|name| name == column))
            .max_by_key(|group| (group.bound, group.reference.key.columns.len(), group.reference.enforced))?;
        let pick = group.pick.clone().unwrap_or_else(|| self.random(group));
        Some(group.values.get(column)?.at(&pick))
    }

    /// Columns that a key of the table to itself decides, each with the column that it repeats and the row
    /// that it repeats it from: one that comes before, or the row itself.
    pub(super) fn of_itself(&self) -> Vec<(&str, &str, Template)> {
        let mut found = Vec::new();
        for group in self.all.iter().filter(|group| group.state == State::Itself) {
            let key = &group.reference.key;
            let before = Template::chance(salt(0, &["itself", &key.columns.join(",")]), 1 << 40);
            let before = before.within("(1 + {e} % greatest({i} - 1, 1))");
            let pick = group.pick.clone().unwrap_or(before);
            for (own, theirs) in key.columns.iter().zip(&key.referenced_columns) {
                if self.value(own).is_none() {
                    found.push((own.as_str(), theirs.as_str(), pick.clone()));
                }
            }
        }
        found
    }

    /// As the statistics have it; else few parents have most of the children, as it is nearly everywhere.
    fn random(&self, group: &Group) -> Template {
        let key = &group.reference.key;
        let mut parts = vec![key.references.namespace.as_str(), &key.references.name, "pick"];
        parts.extend(key.columns.iter().map(String::as_str));
        if let Some(skew) = &group.skew {
            return skew.index(salt(0, &parts), group.size);
        }
        let chance = Template::chance(salt(0, &parts), 1 << 20);
        chance.within(&format!(
            "(1 + pg_catalog.floor(pg_catalog.power({{e}} / 1048576.0::double precision, 3) * {})::bigint)",
            group.size
        ))
    }

    /// Whether a key decides the column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.all
            .iter()
            .filter(|group| matches!(group.state, State::Ready | State::Itself))
            .any(|group| set_of(&group.reference.key.columns).contains(column))
    }

    /// The keys to be set when all rows are there.
    pub(super) fn later(&self) -> impl Iterator<Item = (usize, Reference)> {
        self.all
            .iter()
            .filter(|group| group.state == State::Later)
            .map(|group| (group.index, group.reference.clone()))
    }

    /// A key that may be NULL and decides the column.
    pub(super) fn nullable_group(&self, column: &str) -> Option<usize> {
        self.all
            .iter()
            .position(|group| group.nullable && group.reference.key.columns.iter().any(|name| name == column))
    }

    pub(super) fn is_of_itself(&self, group: usize) -> bool {
        self.all[group].state == State::Itself
    }

    /// Columns that must be NULL, because the parents that they name have no rows or not yet.
    pub(super) fn empty_columns(&self, table: &Table) -> BTreeSet<String> {
        self.all
            .iter()
            .filter(|group| matches!(group.state, State::Later | State::Absent))
            .filter_map(|group| {
                let columns = &group.reference.key.columns;
                let free = |name: &&String| {
                    table.column(name).is_some_and(|column| !column.not_null) && !self.has(name)
                };
                columns.iter().find(free).or_else(|| {
                    columns.iter().find(|name| table.column(name).is_some_and(|column| !column.not_null))
                })
            })
            .cloned()
            .collect()
    }
}
