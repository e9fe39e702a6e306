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

impl Workbench {
    /// The values of a statement's parameters as SQL; a list is written with commas. Another `turn` takes
    /// another row. The error says which parameter has none.
    pub async fn values(&self, query: &Query, turn: u64) -> Result<Vec<String>, String> {
        let mut values = Vec::new();
        for parameter in &query.parameters {
            values.push(self.value(query, parameter, turn).await?);
        }
        Ok(values)
    }

    /// The statement with values in place of its parameters.
    pub async fn bound(&self, query: &Query, turn: u64) -> Result<String, String> {
        bind(&query.sql, &self.values(query, turn).await?)
    }

    async fn value(&self, query: &Query, parameter: &QueryParameter, turn: u64) -> Result<String, String> {
        let last = parameter.path.rsplit('.').next().unwrap_or_default();
        let Some((namespace, name, column)) = &parameter.column else {
            return Ok(match last {
                "offset" | "skip" => "0".to_owned(),
                _ => PAGE.to_string(),
            });
        };
        let name = QName::new(namespace.clone(), name.clone());
        let found = self.catalog.table(&name).and_then(|table| Some((table, table.column(column)?)));
        let Some((table, column)) = found else {
            return Err(format!("the lab has no column \"{}.{column}\"", name.display()));
        };
        if query.kind == StatementKind::Insert && is_in_unique_key(table, column) && !refers(table, column) {
            return Ok(fresh(column, turn));
        }
        let no_value = || format!("\"{}.{}\" has no value in the lab", name.display(), column.name);
        if parameter.list {
            let list = self.list(&name, column, turn).await.ok_or_else(no_value)?;
            return Ok(list.iter().map(|value| quote_literal(value)).collect::<Vec<_>>().join(", "));
        }
        let value = match last {
            // Few rows lie beyond a bound that a request asks for.
            "gt" | "gte" => self.percentile(&name, column, 0.95).await,
            "lt" | "lte" => self.percentile(&name, column, 0.05).await,
            _ => self.of_row(query, &name, column, turn).await,
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
        Ok(quote_literal(&value))
    }

    /// A value of a row that has all the values that the statement asks for at once.
    async fn of_row(&self, query: &Query, table: &QName, column: &Column, turn: u64) -> Option<String> {
        let together: BTreeSet<&str> = query
            .parameters
            .iter()
            .filter(|parameter| !parameter.list)
            .filter_map(|parameter| parameter.column.as_ref())
            .filter(|(namespace, name, _)| *namespace == table.namespace && *name == table.name)
            .map(|(_, _, column)| column.as_str())
            .collect();
        let all: Vec<String> =
            together.iter().map(|name| format!("{} IS NOT NULL", quote_ident(name))).collect();
        for condition in [all.join(" AND "), format!("{} IS NOT NULL", quote_ident(&column.name))] {
            let sql = format!(
                "SELECT {}::text FROM {} WHERE {condition} LIMIT 1 OFFSET {}",
                quote_ident(&column.name),
                quote_qualified(table),
                31 + turn * 17,
            );
            if let Some(value) = first(&self.session, &sql).await {
                return Some(value);
            }
        }
        // Few rows: whichever there is.
        let sql = format!(
            "SELECT {name}::text FROM {} WHERE {name} IS NOT NULL LIMIT 1",
            quote_qualified(table),
            name = quote_ident(&column.name)
        );
        first(&self.session, &sql).await
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

/// Writes values where `$1`, `$2` … stand outside of quotes.
pub fn bind(sql: &str, values: &[String]) -> Result<String, String> {
    let mut bound = String::with_capacity(sql.len() + 64);
    let mut rest = sql;
    while let Some(at) = rest.find(['$', '\'', '"']) {
        bound.push_str(&rest[..at]);
        rest = &rest[at..];
        let quote = rest.chars().next().unwrap_or('$');
        if quote == '$' {
            let length = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
            match rest[1..length].parse::<usize>() {
                Ok(number) => {
                    let value = number.checked_sub(1).and_then(|index| values.get(index));
                    bound.push_str(value.ok_or_else(|| format!("parameter ${number} has no value"))?);
                }
                Err(_) => bound.push_str(&rest[..length]),
            }
            rest = &rest[length..];
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
        let values: Vec<String> = (1..=11).map(|number| format!("'v{number}'")).collect();
        let sql = "SELECT '$1', \"a$2\" FROM t WHERE a = $1 AND b IN ($11) AND c = '' AND d = $2";
        assert_eq!(
            bind(sql, &values).unwrap(),
            "SELECT '$1', \"a$2\" FROM t WHERE a = 'v1' AND b IN ('v11') AND c = '' AND d = 'v2'"
        );
        assert_eq!(bind("LIMIT $3", &values[..2]).unwrap_err(), "parameter $3 has no value");
    }
}
