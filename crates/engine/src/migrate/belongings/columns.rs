//! What a column of a table has beside its definition, for one that takes its place: privileges, comment, label, and what
//! hands set so that plans of queries are good. `ALTER COLUMN … TYPE` keeps all of it.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_attribute, pg_description, pg_seclabel) and "ALTER TABLE".

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::{GRANT_OPTION, Misfits, ROLE, executed};

/// What gives a column all that another one of the table has, on each partition for itself. `alike` says that the two are of one
/// type: storage and compression go with it.
pub(in crate::migrate) fn all_of(table: &QName, from: &str, to: &str, alike: bool) -> [String; 2] {
    let table = quote_literal(&quote_qualified(table));
    let (from, to) = (quote_literal(from), quote_literal(&quote_ident(to)));
    let alter = |what: &str, value: &str| {
        format!(
            "format('ALTER TABLE ONLY %s ALTER COLUMN %s SET {what}', own.attrelid::regclass, {to}, {value})"
        )
    };
    let mut given = vec![
        format!(
            "SELECT 1, format('GRANT %s (%s) ON %s TO %s%s', acl.privilege_type, {to}, own.attrelid::regclass, {ROLE}, {GRANT_OPTION})\n    \
             FROM pg_catalog.aclexplode(own.attacl) AS acl"
        ),
        format!("SELECT 2, {} WHERE own.attstattarget >= 0", alter("STATISTICS %s", "own.attstattarget")),
        format!(
            "SELECT 2, {} WHERE own.attoptions IS NOT NULL",
            alter("(%s)", "array_to_string(own.attoptions, ', ')")
        ),
        format!(
            "SELECT 2, format('COMMENT ON COLUMN %s.%s IS %L', own.attrelid::regclass, {to}, col_description(own.attrelid, own.attnum))\n    \
             WHERE col_description(own.attrelid, own.attnum) IS NOT NULL"
        ),
        format!(
            "SELECT 2, format('SECURITY LABEL FOR %I ON COLUMN %s.%s IS %L', provider, own.attrelid::regclass, {to}, label)\n    \
             FROM pg_catalog.pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = own.attrelid AND objsubid = own.attnum"
        ),
    ];
    if alike {
        given.push(format!(
            "SELECT 2, {} FROM pg_catalog.pg_type AS type WHERE type.oid = own.atttypid AND type.typstorage <> own.attstorage",
            alter("STORAGE %s", "CASE own.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL' ELSE 'EXTENDED' END")
        ));
        // The attribute came with PostgreSQL 14.
        given.push(format!(
            "SELECT 2, {} WHERE to_jsonb(own) ->> 'attcompression' IN ('p', 'l')",
            alter(
                "COMPRESSION %s",
                "CASE to_jsonb(own) ->> 'attcompression' WHEN 'p' THEN 'pglz' ELSE 'lz4' END"
            )
        ));
    }
    [
        format!(
            "-- What the column has beside its values goes along, whoever gave it.\n\
             SELECT pg_catalog.set_config('pgsteward.column', coalesce(array_agg(given.sql ORDER BY given.place), '{{}}')::text, false)\n\
             FROM pg_catalog.pg_attribute AS own CROSS JOIN LATERAL (\n    {}\n) AS given (place, sql)\n\
             WHERE own.attname = {from} AND own.attrelid IN (\n  \
             SELECT {table}::regclass UNION SELECT relid FROM pg_catalog.pg_partition_tree({table}::regclass))",
            given.join("\n    UNION ALL ")
        ),
        format!("DO $kept$\nDECLARE\n  given text;\nBEGIN\n{}END\n$kept$", executed("column", Misfits::Fail)),
    ]
}
