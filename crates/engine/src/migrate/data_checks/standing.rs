//! A constraint that the table has and that does not hold of all rows yet: an earlier deploy added it, or hands did, so what it
//! says is asked of the server.
//!
//! Source: PostgreSQL documentation, "System Catalogs" (pg_constraint).

use pgsteward_model::migration::ServerError;
use pgsteward_model::statement::Name;
use pgsteward_pg::WriteSession;
use pgsteward_sql::quote_literal;

use super::{Question, breaking, nulls, orphans, quoted};

/// Rows that stand in the way of its VALIDATE. None where there is nothing to validate.
pub(super) async fn question(
    session: &WriteSession,
    table: Name,
    name: &str,
    line: u32,
) -> Result<Option<Question>, ServerError> {
    let names = |relation: &str, numbers: &str| {
        format!(
            "(SELECT pg_catalog.array_to_json(pg_catalog.array_agg(a.attname ORDER BY k.place)) \
             FROM pg_catalog.unnest({numbers}) WITH ORDINALITY AS k(number, place) \
             JOIN pg_catalog.pg_attribute a ON a.attrelid = {relation} AND a.attnum = k.number)"
        )
    };
    let sql = format!(
        "SELECT c.contype, {}, pg_catalog.pg_get_expr(c.conbin, c.conrelid), c.confrelid::pg_catalog.regclass::text, \
         (SELECT r.relname FROM pg_catalog.pg_class r WHERE r.oid = c.confrelid), {} \
         FROM pg_catalog.pg_constraint c \
         WHERE c.conrelid = pg_catalog.to_regclass({}) AND c.conname = {} AND NOT c.convalidated",
        names("c.conrelid", "c.conkey"),
        names("c.confrelid", "c.confkey"),
        quote_literal(&quoted(&table)),
        quote_literal(name)
    );
    let rows = session.rows(&sql).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let cell = |at: usize| row.get(at).and_then(Option::as_deref);
    let list = |at: usize| -> Vec<String> {
        cell(at).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    let (columns, referenced) = (list(1), list(5));
    let (columns, referenced): (Vec<&str>, Vec<&str>) =
        (columns.iter().map(String::as_str).collect(), referenced.iter().map(String::as_str).collect());
    Ok(match (cell(0), cell(2), cell(3).zip(cell(4))) {
        (Some("c"), Some(expression), _) => Some(breaking(&table, name, expression, line)),
        (Some("f"), _, Some(parent)) => Some(orphans(&table, &columns, parent, &referenced, line)),
        (Some("n"), ..) => Some(nulls(&table, &columns, line)),
        _ => None,
    })
}
