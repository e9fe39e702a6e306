//! The key of a table: rows in its order, from one batch's end to the next.

use pgsteward_model::migration::ServerError;
use pgsteward_pg::WriteSession;
use pgsteward_sql::{quote_ident, quote_literal};

use crate::migrate::error::MigrateError;

/// Values of a key as the server prints them, in the order of its columns.
pub(super) type Values = Vec<String>;

/// Names and types of the key's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// The table in SQL.
    table: String,
    pub(super) columns: Vec<(String, String)>,
}

impl Key {
    /// The primary key, else the shortest unique index over columns that are never NULL.
    pub(super) async fn of(session: &WriteSession, table: &str) -> Result<Key, MigrateError> {
        let sql = format!(
            "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM (\
               SELECT i.indexrelid, i.indrelid, i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i \
               WHERE i.indrelid = {}::pg_catalog.regclass AND i.indisunique AND i.indisvalid AND i.indimmediate \
               AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (\
                 SELECT FROM pg_catalog.pg_attribute n WHERE n.attrelid = i.indrelid AND n.attnum = ANY (i.indkey) \
                 AND NOT n.attnotnull) \
               ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) k \
             CROSS JOIN LATERAL pg_catalog.unnest(k.indkey::int2[]) WITH ORDINALITY AS c(attnum, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.indrelid AND a.attnum = c.attnum \
             WHERE c.place <= k.indnkeyatts ORDER BY c.place",
            quote_literal(table)
        );
        let rows = session.rows(&sql).await.map_err(|error| match error.sqlstate.as_str() {
            "42P01" | "3F000" | "42602" => MigrateError::new(format!("there is no table {table}")).with_hint(
                "write its name as SQL has it: \"Order\" with its quotes, app.\"Order\" with its namespace",
            ),
            _ => MigrateError::server("read the key of the table", &error),
        })?;
        let columns: Vec<(String, String)> = rows
            .into_iter()
            .filter_map(|row| match <[Option<String>; 2]>::try_from(row) {
                Ok([Some(name), Some(ty)]) => Some((name, ty)),
                _ => None,
            })
            .collect();
        if columns.is_empty() {
            return Err(MigrateError::new(format!(
                "{table} has no primary key and no unique index over columns that are never NULL, so it has no batches"
            ))
            .with_hint("add a primary key first"));
        }
        Ok(Key { table: table.to_owned(), columns })
    }

    fn list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quote_ident(name)).collect();
        names.join(", ")
    }

    fn literal(&self, values: &Values) -> String {
        let typed =
            self.columns.iter().zip(values).map(|((_, ty), value)| format!("{}::{ty}", quote_literal(value)));
        typed.collect::<Vec<_>>().join(", ")
    }

    /// Rows behind one key and up to another, as a condition.
    pub(super) fn between(&self, after: Option<&Values>, last: &Values) -> String {
        let list = self.list();
        let last = format!("({list}) <= ({})", self.literal(last));
        match after {
            Some(after) => format!("({list}) > ({}) AND {last}", self.literal(after)),
            None => last,
        }
    }

    /// The key that ends a batch of so many rows behind `after`, and whether the batch is full; none where no row is
    /// left.
    pub(super) async fn end_of_batch(
        &self,
        session: &WriteSession,
        after: Option<&Values>,
        size: u32,
    ) -> Result<Option<(Values, bool)>, ServerError> {
        let list = self.list();
        let shown: Vec<String> =
            self.columns.iter().map(|(name, _)| format!("{}::text", quote_ident(name))).collect();
        let behind =
            after.map(|after| format!(" WHERE ({list}) > ({})", self.literal(after))).unwrap_or_default();
        let select = format!("SELECT {} FROM {} AS keyed{behind} ORDER BY", shown.join(", "), self.table);
        let values = |rows: Vec<Vec<Option<String>>>| -> Option<Values> {
            rows.into_iter().next().and_then(|row| row.into_iter().collect::<Option<Values>>())
        };
        // A bare name would be that of the output, which sorts as text: "10" before "9".
        let ordered = |way: &str| {
            let columns: Vec<String> =
                self.columns.iter().map(|(name, _)| format!("keyed.{}{way}", quote_ident(name))).collect();
            columns.join(", ")
        };
        let full = format!("{select} {} OFFSET {} LIMIT 1", ordered(""), size.saturating_sub(1));
        if let Some(last) = values(session.rows(&full).await?) {
            return Ok(Some((last, true)));
        }
        let rest = format!("{select} {} LIMIT 1", ordered(" DESC"));
        Ok(values(session.rows(&rest).await?).map(|last| (last, false)))
    }
}
