//! Which value of its series each unique column takes, so that no unique key and no exclusion constraint is
//! hurt, and how many rows that leaves room for.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Column, ConstraintKind, Table};

use super::limits::columns_named;
use super::picks::{Groups, State};
use super::series::Series;
use super::template::Template;

/// The decision: the number of the value in its series by column, for columns that are not drawn at random.
pub(super) struct Drawn {
    pub(super) rows: u64,
    pub(super) index: BTreeMap<String, Template>,
}

/// Filled by a sequence: the row number is the value.
pub(super) fn counts_by_itself(column: &Column) -> bool {
    let number = matches!(column.ty.name.as_str(), "smallint" | "integer" | "bigint") && column.ty.array == 0;
    let sequence = column.default.as_deref().is_some_and(|default| default.starts_with("nextval("));
    number && (column.identity.is_some() || sequence)
}

/// A part of a unique key that can be chosen for each row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Group(usize),
    Column(String),
}

pub(super) fn draw(table: &Table, groups: &mut Groups, series: &BTreeMap<&str, &Series>, rows: u64) -> Drawn {
    let mut drawing = Drawing { table, groups, series, rows, index: BTreeMap::new(), taken: BTreeSet::new() };
    for column in table.columns.iter().filter(|column| counts_by_itself(column)) {
        let most = match column.ty.name.as_str() {
            "smallint" => 32_767,
            _ => u64::MAX,
        };
        drawing.rows = drawing.rows.min(most);
    }
    drawing.exclusions();
    let mut keys = unique_keys(table);
    keys.sort_by_key(BTreeSet::len);
    for key in &keys {
        drawing.unique(key);
    }
    Drawn { rows: drawing.rows, index: drawing.index }
}

/// The columns of every unique key. A partial index is taken for a whole one; an expression for its columns.
fn unique_keys(table: &Table) -> Vec<BTreeSet<String>> {
    let mut keys: Vec<BTreeSet<String>> = Vec::new();
    for constraint in &table.constraints {
        if let ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } =
            &constraint.kind
        {
            keys.push(columns.iter().cloned().collect());
        }
    }
    for index in table.indexes.iter().filter(|index| index.unique) {
        let mut key = BTreeSet::new();
        for part in &index.keys {
            key.extend(part.column.clone());
            let expression = part.expression.as_deref().unwrap_or_default();
            key.extend(columns_named(table, expression).into_iter().map(str::to_owned));
        }
        keys.push(key);
    }
    keys.sort();
    keys.dedup();
    keys
}

struct Drawing<'a> {
    table: &'a Table,
    groups: &'a mut Groups,
    series: &'a BTreeMap<&'a str, &'a Series>,
    rows: u64,
    index: BTreeMap<String, Template>,
    /// Parts whose values are decided already.
    taken: BTreeSet<Part>,
}

impl Drawing<'_> {
    /// Ranges one after the other; of two times the second is where the next row begins.
    fn exclusions(&mut self) {
        for constraint in &self.table.constraints {
            let ConstraintKind::Exclusion { definition } = &constraint.kind else { continue };
            let named = columns_named(self.table, definition);
            let of = |words: &[&str]| -> Vec<&Column> {
                let mut found: Vec<&Column> = self
                    .table
                    .columns
                    .iter()
                    .filter(|column| named.contains(column.name.as_str()))
                    .filter(|column| words.iter().any(|word| column.ty.name.contains(word)))
                    .collect();
                found.sort_by_key(|column| definition.find(column.name.as_str()));
                found
            };
            let mut chosen = Vec::new();
            for column in of(&["range"]) {
                chosen.push((column.name.clone(), Template::row()));
            }
            for (place, column) in of(&["timestamp", "date"])
                .into_iter()
                .filter(|one| !one.ty.name.contains("range"))
                .enumerate()
            {
                chosen.push((column.name.clone(), Template::new(&format!("({{i}} + {place})"))));
            }
            if chosen.is_empty() {
                // Nothing but equality: a unique key in other words.
                let key: BTreeSet<String> = named.into_iter().map(str::to_owned).collect();
                self.unique(&key);
            }
            for (name, index) in chosen {
                if let Some(series) = self.series.get(name.as_str()) {
                    self.rows = self.rows.min(series.count.saturating_sub(2).max(1));
                }
                self.taken.insert(Part::Column(name.clone()));
                self.index.insert(name, index);
            }
        }
    }

    fn unique(&mut self, key: &BTreeSet<String>) {
        let columns: Vec<&Column> =
            self.table.columns.iter().filter(|column| key.contains(&column.name)).collect();
        let alone = |column: &&Column| {
            counts_by_itself(column) || self.index.get(&column.name) == Some(&Template::row())
        };
        if columns.iter().any(alone) {
            return;
        }
        let mut parts: Vec<Part> = Vec::new();
        for (number, group) in self.groups.all.iter().enumerate() {
            let of_group: BTreeSet<&str> = group.reference.key.columns.iter().map(String::as_str).collect();
            let inside = group.state == State::Ready && of_group.iter().all(|name| key.contains(*name));
            if inside && !group.bound {
                parts.push(Part::Group(number));
            }
            if inside && group.pick == Some(Template::row()) {
                return;
            }
        }
        let free: Vec<&Column> =
            columns.iter().filter(|column| !self.groups.has(&column.name)).copied().collect();
        // Text and uuids have room for every row, and nobody minds that each row has another.
        let wide = free.iter().find(|column| {
            !self.taken.contains(&Part::Column(column.name.clone()))
                && (is_wide(column) || key.len() == 1)
                && self.series.get(column.name.as_str()).is_some_and(|series| series.count >= self.rows)
        });
        if let Some(column) = wide {
            self.take(Part::Column(column.name.clone()), Template::row());
            return;
        }
        parts.extend(
            free.iter()
                .filter(|column| self.series.contains_key(column.name.as_str()))
                .map(|column| Part::Column(column.name.clone())),
        );
        let open: Vec<Part> = parts.iter().filter(|part| !self.taken.contains(part)).cloned().collect();
        let in_turns = self.groups.turns.iter().find(|(column, _)| key.contains(*column));
        let first = in_turns.map(|(_, turns)| turns.modulus);
        self.mix(open, first);
    }

    /// Every row another combination, as the digits of a number: `first` is the base of a digit that others
    /// decided.
    fn mix(&mut self, mut parts: Vec<Part>, first: Option<u64>) {
        let size = |drawing: &Self, part: &Part| match part {
            Part::Group(number) => drawing.groups.all[*number].size,
            Part::Column(name) => drawing.series.get(name.as_str()).map_or(1, |series| series.count),
        };
        // Keys first; a number or a day counts up within them, and what has the fewest values comes before.
        parts.sort_by_key(|part| (matches!(part, Part::Column(_)), size(self, part)));
        let mut base = first.unwrap_or(1).max(1);
        let mut before = String::from("0");
        if first.is_some() {
            before = format!("({{i}} - 1) % {base}");
        }
        for part in parts {
            let size = size(self, &part).max(1);
            // Shifted by the digit before, so that the same few values do not come first everywhere.
            let digit = format!("(1 + (({{i}} - 1) / {base} + ({before}) * 7) % {size})");
            before = format!("({{i}} - 1) / {base} % {size}");
            self.take(part, Template::new(&digit));
            base = base.saturating_mul(size);
        }
        self.rows = self.rows.min(base);
    }

    fn take(&mut self, part: Part, index: Template) {
        match &part {
            Part::Group(number) => self.groups.all[*number].pick = Some(index),
            Part::Column(name) => {
                if index == Template::row()
                    && let Some(series) = self.series.get(name.as_str())
                {
                    self.rows = self.rows.min(series.count);
                }
                self.index.insert(name.clone(), index);
            }
        }
        self.taken.insert(part);
    }
}

fn is_wide(column: &Column) -> bool {
    column.ty.array == 0
        && matches!(
            column.ty.name.as_str(),
            "text" | "character varying" | "character" | "citext" | "uuid" | "bytea" | "inet"
        )
}
