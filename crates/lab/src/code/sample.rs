//! Values for the parameters of a statement: those of rows that exist, so that the statement finds something.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Column, ConstraintKind, QName, Table};
use pgsteward_model::code::{Query, QueryParameter, StatementKind};
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::Workbench;

/// Values of a list, and rows of a page.
const LIST: usize = 20;
const PAGE: u64 = 20;

/// Whose rows are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whose {
    /// Any row's values: another `turn` takes another row.
    #[default]
    Any,
    /// Of the parents with the most children, as the tenants are that complain first.
    Busiest,
}

/// The values of one parameter as SQL: one, or those of a list.
pub type Values = Vec<String>;

impl Workbench {
    /// The values of a statement's parameters. The error says which parameter has none.
    pub async fn values(&self, query: &Query, turn: u64, whose: Whose) -> Result<Vec<Values>, String> {
        let mut values = Vec::new();
        for parameter in &query.parameters {
            values.push(self.value(query, parameter, turn, whose).await?);
        }
        Ok(values)
    }

    /// The statement with values in place of its parameters.
    pub async fn bound(&self, query: &Query, turn: u64, whose: Whose) -> Result<String, String> {
        bind(&query.sql, &self.values(query, turn, whose).await?)
    }

    async fn value(
        &self,
        query: &Query,
        parameter: &QueryParameter,
        turn: u64,
        whose: Whose,
    ) -> Result<Values, String> {
        let last = parameter.path.rsplit('.').next().unwrap_or_default();
        let Some((namespace, name, column)) = &parameter.column else {
            return Ok(vec![match last {
                "offset" | "skip" => "0".to_owned(),
                _ => PAGE.to_string(),
            }]);
        };
        // A count is a number whatever it counts.
        if parameter.path.split('.').any(|part| part == "_count") {
            return Ok(vec!["1".to_owned()]);
        }
        let name = QName::new(namespace.clone(), name.clone());
        let found = self.catalog.table(&name).and_then(|table| Some((table, table.column(column)?)));
        let Some((table, column)) = found else {
            return Err(format!("the lab has no column \"{}.{column}\"", name.display()));
        };
        if query.kind == StatementKind::Insert
            && is_in_unique_key(table, column)
            && !refers(table, column)
            && !has_parent_in_key(table, column)
        {
            return Ok(vec![fresh(column, turn)]);
        }
        let no_value = || format!("\"{}.{}\" has no value in the lab", name.display(), column.name);
        if parameter.list {
            let list = match whose {
                Whose::Busiest if refers(table, column) => self.busiest(&name, &column.name, LIST, 0).await,
                _ => self.list(&name, column, turn).await,
            };
            let list = list.ok_or_else(no_value)?;
            return Ok(list.iter().map(|value| quote_literal(value)).collect());
        }
        // Beside a value of some row the bound must not lose that row; alone it leaves few rows, as a request would.
        let beside = query.parameters.iter().any(|other| {
            other.column.as_ref().is_some_and(|(namespace, table, _)| {
                *namespace == name.namespace && *table == name.name && !is_bound(&other.path)
            })
        });
        let few = if beside { 0.02 } else { 0.95 };
        let parent = table
            .foreign_keys()
            .find(|(_, key)| key.columns.contains(&column.name))
            .filter(|_| query.kind == StatementKind::Insert);
        let value = match (last, parent) {
            // Another parent, so that a key of several columns is new.
            (_, Some((_, key))) => self.of_parent(&key.references, key, &column.name, turn).await,
            ("gt" | "gte", _) => self.percentile(&name, column, few).await,
            ("lt" | "lte", _) => self.percentile(&name, column, 1.0 - few).await,
            _ => self.of_row(query, table, column, turn, whose).await,
        };
        let value = value.ok_or_else(no_value)?;
        let characters: Vec<char> = value.chars().collect();
        let part = |from: usize, to: usize| characters[from..to].iter().collect::<String>();
        let count = characters.len();
        let value = match last {
            // Eight characters from the end of the middle: enough to tell rows apart.
            "contains" | "string_contains" => {
                part(count.saturating_sub(9).min(count / 2 + 2), count.saturating_sub(1))
            }
            "startsWith" | "string_starts_with" => part(0, count.min(12)),
            "endsWith" | "string_ends_with" => part(count.saturating_sub(8), count),
            _ => value,
        };
        Ok(vec![quote_literal(&value)])
    }

    /// A value of a row that has all the values that the statement asks for at once.
    async fn of_row(
        &self,
        query: &Query,
        table: &Table,
        column: &Column,
        turn: u64,
        whose: Whose,
    ) -> Option<String> {
        let together: BTreeSet<&str> = query
            .parameters
            .iter()
            .filter(|parameter| !parameter.list)
            .filter_map(|parameter| parameter.column.as_ref())
            .filter(|(namespace, name, _)| *namespace == table.name.namespace && *name == table.name.name)
            .map(|(_, _, column)| column.as_str())
            .collect();
        let mut all: Vec<String> =
            together.iter().map(|name| format!("{} IS NOT NULL", quote_ident(name))).collect();
        let key = table
            .columns
            .iter()
            .find(|column| together.contains(column.name.as_str()) && refers(table, column))
            .filter(|_| whose == Whose::Busiest);
        let mut skipped = format!(
            "(SELECT (greatest(c.reltuples, 0) / 3)::bigint + {} FROM pg_catalog.pg_class c WHERE c.oid = {}::regclass)",
            turn * 7,
            quote_literal(&quote_qualified(&table.name))
        );
        if let Some(key) = key {
            let parent = self.busiest(&table.name, &key.name, 1, turn).await?.into_iter().next()?;
            all.push(format!("{} = {}", quote_ident(&key.name), quote_literal(&parent)));
            skipped = "0".to_owned();
        }
        let name = quote_ident(&column.name);
        let from = quote_qualified(&table.name);
        let attempts = [
            format!("SELECT {name}::text FROM {from} WHERE {} LIMIT 1 OFFSET {skipped}", all.join(" AND ")),
            // The row that is asked for at once may be rare: any of them, then any at all.
            format!("SELECT {name}::text FROM {from} WHERE {} LIMIT 1", all.join(" AND ")),
            format!("SELECT {name}::text FROM {from} WHERE {name} IS NOT NULL LIMIT 1"),
        ];
        for sql in attempts {
            if let Some(value) = first(&self.session, &sql).await {
                return Some(value);
            }
        }
        None
    }

    async fn of_parent(
        &self,
        parent: &QName,
        key: &pgsteward_model::catalog::ForeignKey,
        column: &str,
        turn: u64,
    ) -> Option<String> {
        let place = key.columns.iter().position(|own| own == column)?;
        let theirs = quote_ident(key.referenced_columns.get(place)?);
        let from = quote_qualified(parent);
        let sql = format!("SELECT {theirs}::text FROM {from} ORDER BY {theirs} LIMIT 1 OFFSET {}", 10 + turn);
        first(&self.session, &sql).await
    }

    /// The values of a foreign key that most rows have, the most frequent first.
    async fn busiest(&self, table: &QName, column: &str, count: usize, turn: u64) -> Option<Vec<String>> {
        let name = quote_ident(column);
        let sql = format!(
            "SELECT {name}::text FROM {} WHERE {name} IS NOT NULL GROUP BY {name} \
             ORDER BY pg_catalog.count(*) DESC, {name} LIMIT {count} OFFSET {turn}",
            quote_qualified(table)
        );
        let rows = self.session.rows(&sql).await.ok()?;
        let values: Vec<String> =
            rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        (!values.is_empty()).then_some(values)
    }

    async fn percentile(&self, table: &QName, column: &Column, share: f64) -> Option<String> {
        let sql = format!(
            "SELECT pg_catalog.percentile_disc({share}) WITHIN GROUP (ORDER BY {})::text FROM {}",
            quote_ident(&column.name),
            quote_qualified(table)
        );
        first(&self.session, &sql).await
    }

    async fn list(&self, table: &QName, column: &Column, turn: u64) -> Option<Vec<String>> {
        let name = quote_ident(&column.name);
        let sql = format!(
            "SELECT DISTINCT {name}::text FROM (SELECT {name} FROM {} WHERE {name} IS NOT NULL \
             LIMIT {} OFFSET {}) AS some_rows LIMIT {LIST}",
            quote_qualified(table),
            LIST * 10,
            turn * 17,
        );
        let rows = self.session.rows(&sql).await.ok()?;
        let values: Vec<String> =
            rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        (!values.is_empty()).then_some(values)
    }
}

async fn first(session: &LabSession, sql: &str) -> Option<String> {
    session.rows(sql).await.ok()?.into_iter().next()?.into_iter().next()?
}

fn is_in_unique_key(table: &Table, column: &Column) -> bool {
    let named = |columns: &[String]| columns.contains(&column.name);
    table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => named(columns),
        _ => false,
    }) || table
        .indexes
        .iter()
        .any(|index| index.unique && index.keys.iter().any(|key| key.column.as_ref() == Some(&column.name)))
}

fn refers(table: &Table, column: &Column) -> bool {
    table.foreign_keys().any(|(_, key)| key.columns.contains(&column.name))
}

/// Whether the path ends with a comparison that leaves a range.
fn is_bound(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("gt" | "gte" | "lt" | "lte" | "limit" | "offset"))
}

/// Whether a unique key of the column's is new by another parent.
fn has_parent_in_key(table: &Table, column: &Column) -> bool {
    let refers = |name: &String| table.foreign_keys().any(|(_, key)| key.columns.contains(name));
    let shared = |columns: &[String]| columns.contains(&column.name) && columns.iter().any(refers);
    table.constraints.iter().any(|constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey { columns } | ConstraintKind::Unique { columns, .. } => shared(columns),
        _ => false,
    }) || table.indexes.iter().any(|index| {
        let columns: Vec<String> = index.keys.iter().filter_map(|key| key.column.clone()).collect();
        index.unique && shared(&columns)
    })
}

/// A value that no row has.
fn fresh(column: &Column, turn: u64) -> String {
    let digest = format!(
        "pg_catalog.md5('{}' || pg_catalog.clock_timestamp() || {turn})",
        column.name.replace('\'', "")
    );
    match column.ty.name.as_str() {
        "uuid" => format!("({digest}::uuid)"),
        "smallint" => (30_000 + turn).to_string(),
        "integer" | "bigint" | "numeric" => (1_000_000_000 + turn).to_string(),
        "character varying" | "character" => match column.ty.modifiers.first() {
            Some(width) => format!("pg_catalog.left({digest}, {width})"),
            None => digest,
        },
        name if name.starts_with("timestamp") || name == "date" => {
            format!("(timestamp '2030-01-01' + interval '1 day' * {turn})::{name}")
        }
        _ => digest,
    }
}

/// Writes values where `$1`, `$2` … stand outside of quotes. A cast around a list's parameter goes around each of
/// its values.
pub fn bind(sql: &str, values: &[Values]) -> Result<String, String> {
    let mut bound = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some(at) = rest.find(['$', '\'', '"']) {
        bound.push_str(&rest[..at]);
        rest = &rest[at..];
        let quote = rest.chars().next().unwrap_or('$');
        if quote == '$' {
            let length = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
            let Ok(number) = rest[1..length].parse::<usize>() else {
                bound.push_str(&rest[..length]);
                rest = &rest[length..];
                continue;
            };
            let value = number.checked_sub(1).and_then(|index| values.get(index));
            let value = value.ok_or_else(|| format!("parameter ${number} has no value"))?;
            rest = &rest[length..];
            match rest.find(')') {
                Some(end) if value.len() > 1 && bound.ends_with("CAST(") => {
                    let cast = &rest[..end];
                    bound.push_str(&value.join(&format!("{cast}), CAST(")));
                }
                _ => bound.push_str(&value.join(", ")),
            }
        } else {
            let end = rest[1..].find(quote).map_or(rest.len(), |end| end + 2);
            bound.push_str(&rest[..end]);
            rest = &rest[end..];
        }
    }
    bound.push_str(rest);
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::bind;

    #[test]
    fn values_go_where_parameters_stand() {
        let values: Vec<Vec<String>> = (1..=11).map(|number| vec![format!("'v{number}'")]).collect();
        let sql = "SELECT '$1', \"a$2\" FROM t WHERE a = $1 AND b IN ($11) AND c = '' AND d = $2";
        assert_eq!(
            bind(sql, &values).unwrap(),
            "SELECT '$1', \"a$2\" FROM t WHERE a = 'v1' AND b IN ('v11') AND c = '' AND d = 'v2'"
        );
        let list = [vec!["'a'".to_owned(), "'b'".to_owned()]];
        assert_eq!(bind("x IN ($1)", &list).unwrap(), "x IN ('a', 'b')");
        assert_eq!(
            bind("x IN (CAST($1::text AS \"S\")) AND y", &list).unwrap(),
            "x IN (CAST('a'::text AS \"S\"), CAST('b'::text AS \"S\")) AND y"
        );
        assert_eq!(bind("LIMIT $3", &values[..2]).unwrap_err(), "parameter $3 has no value");
    }
}
