//! One statement for each table that fills it: the expression of every column for any row number.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Column, ConstraintKind, ForeignKey, QName, Table};
use pgsteward_sql::{quote_ident, quote_qualified};

use super::DataOptions;
use super::keys::{self, Drawn};
use super::limits::{Limit, Limits};
use super::order::{self, Reference, Turn};
use super::picks::{Groups, Known};
use super::rows::TablePlan;
use super::series::{Ask, Series, series};
use super::skew;
use super::template::{Template, salt};
use super::words;

/// What is to be done, and what will not be.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) tables: Vec<TablePlan>,
    /// Tables that get no rows, each with the reason.
    pub(super) left_out: Vec<(QName, String)>,
}

/// Plans the rows of all tables but those that the server refused before.
pub(super) fn plan(catalog: &Catalog, options: &DataOptions, refused: &BTreeMap<QName, String>) -> Plan {
    let tables = order::candidates(catalog);
    let counts = order::row_counts(&tables, options);
    let (turns, stuck) = order::turns(&tables, options);
    let mut plan = Plan::default();
    for name in stuck {
        let why = "its foreign keys run in a circle and none of them may be NULL".to_owned();
        plan.left_out.push((name.clone(), why));
    }
    let referenced = referenced_columns(&tables, options);
    let mut known: BTreeMap<QName, Known> = BTreeMap::new();
    let mut afterwards: Vec<(QName, Vec<(Reference, u64)>)> = Vec::new();
    for turn in &turns {
        let name = &turn.table.name;
        if let Some(why) = refused.get(name) {
            plan.left_out.push((name.clone(), why.clone()));
            continue;
        }
        let rows = counts.get(name).copied().unwrap_or(1);
        let planner = Planner { catalog, options, table: turn.table, known: &known, referenced: &referenced };
        match planner.table(turn, rows) {
            Ok((table, of_table, later)) => {
                if !later.is_empty() {
                    afterwards.push((name.clone(), later));
                }
                known.insert(name.clone(), of_table);
                plan.tables.push(table);
            }
            Err(why) => plan.left_out.push((name.clone(), why)),
        }
    }
    for (name, later) in afterwards {
        let (Some(table), Some(of_table)) = (tables.get(&name), known.get(&name)) else { continue };
        let updates = later.iter().filter_map(|(reference, salt)| {
            update(table, of_table, &reference.key, known.get(&reference.key.references)?, *salt)
        });
        let updates: Vec<String> = updates.collect();
        if let Some(planned) = plan.tables.iter_mut().find(|planned| planned.name == name) {
            planned.afterwards = updates;
        }
    }
    plan
}

/// Columns that foreign keys refer to, by table: they are never NULL, and whether several columns together.
fn referenced_columns(
    tables: &BTreeMap<&QName, &Table>,
    options: &DataOptions,
) -> BTreeMap<QName, BTreeMap<String, bool>> {
    let mut found: BTreeMap<QName, BTreeMap<String, bool>> = BTreeMap::new();
    for table in tables.values() {
        for reference in order::references(table, options) {
            let of_parent = found.entry(reference.key.references.clone()).or_default();
            let several = reference.key.referenced_columns.len() > 1;
            for column in reference.key.referenced_columns {
                *of_parent.entry(column).or_default() |= several;
            }
        }
    }
    found
}

/// Gives a part of the rows the parent that was not there when they came.
fn update(table: &Table, own: &Known, key: &ForeignKey, parent: &Known, salt: u64) -> Option<String> {
    let (_, primary) = table.primary_key()?;
    let pick = Template::chance(salt, parent.rows).within("(1 + {e})");
    let values: Option<Vec<String>> = key
        .referenced_columns
        .iter()
        .map(|column| Some(parent.columns.get(column)?.at(&pick).sql("g.i")))
        .collect();
    let keys: Option<Vec<String>> =
        primary.iter().map(|column| Some(own.columns.get(column)?.sql("g.i"))).collect();
    let listed =
        |columns: &[String]| columns.iter().map(|column| quote_ident(column)).collect::<Vec<_>>().join(", ");
    Some(format!(
        "UPDATE {} SET ({}) = ROW({}) FROM pg_catalog.generate_series(1::bigint, {}::bigint) AS g(i) \
         WHERE ({}) = ({}) AND {} = 0",
        quote_qualified(&table.name),
        listed(&key.columns),
        values?.join(", "),
        own.rows,
        listed(primary),
        keys?.join(", "),
        Template::chance(salt, 2).sql("g.i"),
    ))
}

struct Planner<'a> {
    catalog: &'a Catalog,
    options: &'a DataOptions,
    table: &'a Table,
    known: &'a BTreeMap<QName, Known>,
    referenced: &'a BTreeMap<QName, BTreeMap<String, bool>>,
}

type Later = Vec<(Reference, u64)>;

impl Planner<'_> {
    fn salt(&self, what: &str) -> u64 {
        salt(self.options.seed, &[&self.table.name.namespace, &self.table.name.name, what])
    }

    fn table(&self, turn: &Turn<'_>, rows: u64) -> Result<(TablePlan, Known, Later), String> {
        let table = self.table;
        let has_partition = |other: &std::sync::Arc<Table>| {
            other.partition_of.as_ref().is_some_and(|of| of.parent == table.name)
        };
        if table.partitioning.is_some() && !self.catalog.tables.values().any(has_partition) {
            return Err("it is partitioned and has no partition".into());
        }
        let mut limits = Limits::of_table(self.catalog, table);
        super::partition::narrow(self.catalog, table, &mut limits);
        let references = order::references(table, self.options);
        let mut groups = Groups::open(table, &references, turn, self.known)?;
        let structured = |column: &str| {
            self.referenced.get(&table.name).and_then(|columns| columns.get(column)) == Some(&true)
        };
        groups.correlate(&structured, self.options.seed)?;
        let mut of_columns: BTreeMap<&str, (Series, Limit)> = BTreeMap::new();
        for column in &table.columns {
            let limit = limits.column(&column.name);
            let ask = self.ask(column, &limit, rows);
            if let Some(series) = series(&ask) {
                of_columns.insert(&column.name, (series, limit));
            }
        }
        let known_series: BTreeMap<&str, &Series> =
            of_columns.iter().map(|(name, (series, _))| (*name, series)).collect();
        let drawn = keys::draw(table, &mut groups, &known_series, rows);
        let rows = drawn.rows;
        let mut columns: BTreeMap<String, Template> = BTreeMap::new();
        let repeated: BTreeSet<String> =
            groups.of_itself().iter().map(|(column, ..)| (*column).to_owned()).collect();
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            if repeated.contains(&column.name) {
                continue;
            }
            if let Some(value) = self.value(column, &groups, &of_columns, &drawn) {
                columns.insert(column.name.clone(), value);
            }
        }
        for (column, of, pick) in groups.of_itself() {
            if let Some(value) = columns.get(of).map(|value| value.at(&pick)) {
                columns.insert(column.to_owned(), value);
            }
        }
        let empty = groups.empty_columns(table);
        self.order(&limits, &groups, &drawn, &mut columns);
        let mut filled = Vec::new();
        for column in table.columns.iter().filter(|column| column.generated.is_none()) {
            let limit = limits.column(&column.name);
            let Some(value) = columns
                .get(&column.name)
                .filter(|_| limit.present != Some(false) && !empty.contains(&column.name))
            else {
                if column.not_null && column.default.is_none() && column.identity.is_none() {
                    return Err(format!(
                        "column \"{}\" has type {}, for which no values can be written within its limits",
                        column.name, column.ty
                    ));
                }
                continue;
            };
            let value = self.with_nulls(column, value, &limits, &groups, rows);
            filled.push((column.name.clone(), value.sql("g.i")));
        }
        let later =
            groups.later().map(|(index, reference)| (reference, self.salt(&format!("later {index}"))));
        let later = later.collect();
        if filled.is_empty() {
            return Err("it has no column that takes a value".into());
        }
        let plan = TablePlan {
            name: table.name.clone(),
            rows,
            columns: filled,
            afterwards: Vec::new(),
            unread: limits.unread,
            forced_row_security: table.row_security && table.force_row_security,
        };
        Ok((plan, Known { rows, columns, turns: groups.turns }, later))
    }

    fn ask<'b>(&'b self, column: &'b Column, limit: &'b Limit, rows: u64) -> Ask<'b> {
        Ask { catalog: self.catalog, table: &self.table.name, column, limit, seed: self.options.seed, rows }
    }

    /// The value of a column for any row, before some rows get NULL.
    fn value(
        &self,
        column: &Column,
        groups: &Groups,
        of_columns: &BTreeMap<&str, (Series, Limit)>,
        drawn: &Drawn,
    ) -> Option<Template> {
        let name = column.name.as_str();
        if let Some(value) = groups.value(name) {
            return Some(value);
        }
        if keys::counts_by_itself(column) {
            return Some(Template::row());
        }
        let (series, _) = of_columns.get(name)?;
        if let Some(index) = drawn.index.get(name) {
            return Some(series.value.at(index));
        }
        if words::is_creation(name) && column.ty.name.starts_with("timestamp") {
            return Some(series.value.at(&Template::row()));
        }
        let mut usual = series.usual.min(series.count).max(1);
        let statistics = column.statistics.as_ref();
        if let Some(distinct) = statistics.map(|statistics| statistics.distinct).filter(|count| *count != 0.0)
        {
            let of_rows = |share: f64| share * f64::from(u32::try_from(drawn.rows).unwrap_or(u32::MAX));
            let distinct = if distinct > 0.0 { distinct } else { of_rows(-distinct) };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to small positive numbers"
            )]
            let distinct = distinct.clamp(1.0, 1e9) as u64;
            usual = distinct.min(series.count);
        }
        let salts = (self.salt(name), self.salt(&format!("{name} bound")));
        if let Some(value) =
            statistics.and_then(|known| skew::value(column, known, &series.value, usual, salts))
        {
            return Some(value);
        }
        let index = Template::chance(self.salt(name), usual).within("(1 + {e})");
        let value = series.value.at(&index);
        let Some(top) = statistics.and_then(|statistics| statistics.top_frequency) else {
            return Some(value);
        };
        // The most common value has the share that it has in the database.
        let common = series.value.at(&Template::new("1::bigint"));
        let thousandth = (top.clamp(0.0, 1.0) * 1000.0).round();
        let chance = Template::chance(self.salt(&format!("{name} top")), 1000);
        Some(value.within(&format!(
            "CASE WHEN {} < {thousandth} THEN {} ELSE {{e}} END",
            chance.sql("{i}"),
            common.sql("{i}")
        )))
    }

    /// Columns of which one may not exceed the other: the second follows from the first.
    fn order(
        &self,
        limits: &Limits,
        groups: &Groups,
        drawn: &Drawn,
        columns: &mut BTreeMap<String, Template>,
    ) {
        let free = |name: &str| {
            !groups.has(name)
                && !drawn.index.contains_key(name)
                && self.table.column(name).is_some_and(|column| !keys::counts_by_itself(column))
        };
        for (low, high, strict) in &limits.ordered {
            let (Some(of_low), Some(of_high)) = (columns.get(low), columns.get(high)) else { continue };
            let (from, to, sign) = if free(high) {
                (of_low.clone(), high, "+")
            } else if free(low) {
                (of_high.clone(), low, "-")
            } else {
                continue;
            };
            let Some(column) = self.table.column(to) else { continue };
            let distance = Template::chance(self.salt(&format!("{to} distance")), 30);
            let least = i32::from(*strict);
            let number = format!("({} + {least})", distance.sql("{i}"));
            let limit = limits.column(to);
            let ty = pgsteward_sql::ddl::column_type(&column.ty);
            let text = match column.ty.name.as_str() {
                name if name.starts_with("timestamp") => {
                    format!("({{e}} {sign} interval '1 day' * {number})")
                }
                "date" => format!("({{e}} {sign} {number}::integer)"),
                "integer" | "bigint" | "smallint" | "numeric" | "real" | "double precision" => {
                    let moved = format!("({{e}} {sign} {number})");
                    match (sign, limit.max, limit.min) {
                        ("+", Some(max), _) => format!("least({moved}, {max})::{ty}"),
                        ("-", _, Some(min)) => format!("greatest({moved}, {min})::{ty}"),
                        _ => format!("{moved}::{ty}"),
                    }
                }
                _ => continue,
            };
            columns.insert(to.clone(), from.within(&text));
        }
    }

    fn with_nulls(
        &self,
        column: &Column,
        value: &Template,
        limits: &Limits,
        groups: &Groups,
        rows: u64,
    ) -> Template {
        let name = column.name.as_str();
        for (number, alternatives) in limits.choices.iter().enumerate() {
            if !alternatives.iter().any(|one| one.contains_key(name)) {
                continue;
            }
            let possible: Vec<&BTreeMap<String, bool>> = alternatives
                .iter()
                .filter(|one| {
                    one.iter().all(|(name, null)| {
                        !null || self.table.column(name).is_none_or(|column| !column.not_null)
                    })
                })
                .collect();
            let chance = Template::chance(
                self.salt(&format!("choice {number}")),
                u64::try_from(possible.len()).unwrap_or(1),
            );
            let present: Vec<String> = possible
                .iter()
                .enumerate()
                .filter(|(_, one)| one.get(name) != Some(&true))
                .map(|(index, _)| index.to_string())
                .collect();
            let text = match present.len() {
                0 => "NULL".to_owned(),
                _ => format!("CASE WHEN {} IN ({}) THEN {{e}} END", chance.sql("{i}"), present.join(", ")),
            };
            return value.within(&text);
        }
        let never = column.not_null
            || limits.column(name).present == Some(true)
            || self.referenced.get(&self.table.name).is_some_and(|columns| columns.contains_key(name))
            || self.table.constraints.iter().any(|constraint| match &constraint.kind {
                ConstraintKind::PrimaryKey { columns } => columns.iter().any(|column| column == name),
                ConstraintKind::Unique { columns, nulls_not_distinct: true } => {
                    columns.iter().any(|column| column == name)
                }
                _ => false,
            });
        if never {
            return value.clone();
        }
        if let Some(group) = groups.nullable_group(name) {
            if groups.is_of_itself(group) {
                // The first rows of a tree are its roots.
                return value.within(&format!("CASE WHEN {{i}} > {} THEN {{e}} END", (rows / 20).max(1)));
            }
            let share = column.statistics.as_ref().map_or(0.2, |statistics| statistics.null_fraction);
            return value.or_null(self.salt(&format!("null of key {group}")), share);
        }
        let share = match &column.statistics {
            Some(statistics) => statistics.null_fraction,
            None if words::is_rare_time(name) => 0.9,
            None => 0.2,
        };
        value.or_null(self.salt(&format!("null {name}")), share)
    }
}

/// Names of columns, for sets.
pub(super) fn set_of(columns: &[String]) -> BTreeSet<&str> {
    columns.iter().map(String::as_str).collect()
}
