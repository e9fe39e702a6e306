//! Values that were written since a migration and that the old type of their column has no room for: a cast would cut or round
//! them without a word. A way back that was made looks at them first, under the lock that it needs anyway, and refuses.
//! No name of the database stands in a body, so that a statement can leave out its namespace.

use pgsteward_model::catalog::{Catalog, ColumnType, Table};
use pgsteward_model::statement::{AlterAction, AlterTable, Statement};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::refill::block;

/// With this the user gave values away: `SET LOCAL pgsteward.accept_data_loss = 'on'`.
pub(super) const ACCEPTED: &str = "pgsteward.accept_data_loss";

/// The statements, each that changes types behind a look at the values. `catalog` is what they start from, with the names that
/// they use, and `wanted` what they lead to. Without a transaction around them no lock can be taken ahead.
pub(super) fn guarded(
    catalog: &Catalog,
    wanted: &Catalog,
    alone: bool,
    statements: Vec<String>,
) -> Vec<String> {
    let mut all = Vec::with_capacity(statements.len());
    for sql in statements {
        if sql.starts_with("ALTER TABLE ") && sql.contains(" TYPE ") {
            for one in pgsteward_sql::parse(&sql).statements {
                let Statement::AlterTable(alter) = &one.statement else { continue };
                let Some(table) = catalog.table(&alter.name.qualified()) else { continue };
                all.extend(guard(table, &changing(table, wanted, alter), alone));
            }
        }
        all.push(sql);
    }
    all
}

/// A column that gets another type, with the rows whose value does not survive that.
struct Changing {
    column: String,
    to: ColumnType,
    rows: String,
}

fn changing(table: &Table, wanted: &Catalog, alter: &AlterTable) -> Vec<Changing> {
    let to = wanted.table(&table.name);
    let changing = |action: &AlterAction| {
        let AlterAction::SetType { column, ty, using: Some(using) } = action else { return None };
        let from = &table.column(column)?.ty;
        // The statement does not say what is an enum.
        let to = to.and_then(|table| table.column(column)).map_or(ty, |column| &column.ty);
        let rows = ddl::changed(column, from, to, using)?;
        Some(Changing { column: column.clone(), to: to.clone(), rows })
    };
    alter.actions.iter().filter_map(changing).collect()
}

fn guard(table: &Table, changing: &[Changing], alone: bool) -> Vec<String> {
    if changing.is_empty() {
        return Vec::new();
    }
    let on = quote_qualified(&table.name);
    let name = table.name.display();
    let listed = |each: fn(&Changing) -> String| changing.iter().map(each).collect::<Vec<_>>().join(", ");
    let columns = listed(|one| format!("\"{}\"", one.column));
    let types = listed(|one| ddl::column_type(&one.to));
    let rows: Vec<&str> = changing.iter().map(|one| one.rows.as_str()).collect();
    let message = format!("values of {columns} of \"{name}\" would not be the same as {types}");
    let hint = "change them in the rows that are named or save them elsewhere, and roll back again; \
                `pgsteward migrate rollback --accept-data-loss` lets go of what does not fit";
    let body = format!(
        "\nBEGIN\n  IF pg_catalog.current_setting('pgsteward.changed') <> ''\n    \
         AND coalesce(pg_catalog.current_setting('{ACCEPTED}', true), '') <> 'on' THEN\n    \
         RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE = {},\n      \
         DETAIL = 'rows: ' || pg_catalog.current_setting('pgsteward.changed'),\n      HINT = {};\n  END IF;\nEND\n",
        quote_literal(&message),
        quote_literal(hint)
    );
    let mut sql = vec![
        format!(
            "-- Values of {} that their old type has no room for are neither cut nor rounded. Where row security hides rows, this fails.\n\
             SELECT pg_catalog.set_config('row_security', 'off', false)",
            columns.replace('\n', " ")
        ),
        format!(
            "SELECT pg_catalog.set_config('pgsteward.changed', (SELECT coalesce(pg_catalog.string_agg(few.found, '; '), '') FROM (\n  \
             SELECT {} AS found FROM {on}\n  WHERE {}\n  LIMIT 3\n) AS few), false)",
            key(table),
            rows.join("\n    OR ")
        ),
        block(&body),
        "SELECT pg_catalog.set_config('row_security', 'on', false)".to_owned(),
    ];
    if !alone {
        // What is written between the look and the change would be cut all the same.
        sql.insert(0, format!("LOCK TABLE {on} IN ACCESS EXCLUSIVE MODE"));
    }
    sql
}

/// What people find a row by.
fn key(table: &Table) -> String {
    let columns: Vec<&str> = match table.primary_key() {
        Some((_, columns)) => columns.iter().map(String::as_str).collect(),
        None => vec!["ctid"],
    };
    let each = columns.iter().map(|column| {
        format!("pg_catalog.concat({}, {})", quote_literal(&format!("{column} = ")), quote_ident(column))
    });
    format!("pg_catalog.concat_ws(', ', {})", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use pgsteward_model::version::ServerVersion;

    use super::*;

    #[test]
    fn only_what_may_change_values_is_looked_at() {
        let mut catalog = Catalog::empty(ServerVersion::of_major(17));
        let wanted = catalog.clone();
        drop(pgsteward_sql::analyze_file(
            "CREATE TABLE t (id integer PRIMARY KEY, a text, b integer);",
            &mut catalog,
            &mut pgsteward_sql::Births::default(),
            pgsteward_model::migration::Regime::Psql,
        ));
        let of = |sql: &str| guarded(&catalog, &wanted, false, vec![sql.to_owned()]);
        let short =
            "ALTER TABLE public.t ALTER COLUMN a TYPE character varying(20) USING a::character varying(20)";
        let sql = of(short);
        assert_eq!(sql.len(), 6, "{sql:?}");
        assert_eq!(sql[0], "LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE");
        assert!(sql[2].contains("concat('id = ', id)"), "{sql:?}");
        assert!(sql[3].contains("values of \"a\" of \"t\" would not be the same as character varying(20)"));
        assert_eq!(sql[5], short);
        let longer = "ALTER TABLE public.t ALTER COLUMN b TYPE bigint USING b::bigint";
        assert_eq!(of(longer), [longer]);
        assert_eq!(guarded(&catalog, &wanted, true, vec![short.to_owned()]).len(), 5);
    }
}
