//! What a column of a table has beside its definition, for one that takes its place: privileges, comment, label, and what
//! hands set so that plans of queries are good. `ALTER COLUMN … TYPE` keeps all of it but storage and compression.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_attribute, pg_description, pg_inherits, pg_seclabel), "ALTER TABLE"
//! and "REVOKE".

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::{GRANT_OPTION, Misfits, ROLE, executed};

/// What gives a column all that another one of the table has, on each partition for itself. `alike` says that the two are of one
/// type: storage and compression go with it.
pub(in crate::migrate) fn all_of(table: &QName, from: &str, to: &str, alike: bool) -> [String; 2] {
    let table = quote_literal(&quote_qualified(table));
    let (from, to) = (quote_literal(from), quote_literal(&quote_ident(to)));
    [
        format!(
            "-- What the column has beside its values goes along, whoever gave it.\n\
             SELECT pg_catalog.set_config('pgsteward.column', coalesce(array_agg(given.sql ORDER BY given.place), '{{}}')::text, false)\n\
             FROM pg_catalog.pg_attribute AS own CROSS JOIN LATERAL (\n    {}\n) AS given (place, sql)\n\
             WHERE own.attname = {from} AND own.attrelid IN (\n  \
             SELECT {table}::regclass UNION SELECT relid FROM pg_catalog.pg_partition_tree({table}::regclass))",
            parts(&to, alike.then_some(""))
        ),
        given_back("column"),
    ]
}

/// A column that comes back, and the one, perhaps of its name, that has what it gets.
pub(in crate::migrate) struct Heir<'a> {
    pub(in crate::migrate) table: &'a QName,
    pub(in crate::migrate) from: &'a str,
    pub(in crate::migrate) to: &'a str,
    /// The two are of one type: storage and compression go with it.
    pub(in crate::migrate) alike: bool,
}

/// What remembers all that columns have for others, to be run before anything is dropped or taken from them, and what gives it to
/// these. Children of a table, which no migration may have made, change with it.
pub(in crate::migrate) fn all_of_each(heirs: &[Heir<'_>]) -> [String; 2] {
    let each = |one: &Heir<'_>| {
        let table = quote_literal(&quote_qualified(one.table));
        let (from, to) = (quote_literal(one.from), quote_literal(one.to));
        format!("({table}::regclass, {from}, {to}, {})", one.alike)
    };
    let heirs: Vec<String> = heirs.iter().map(each).collect();
    [
        format!(
            "-- What columns have beside their values goes to those that come back for them, whoever gave it.\n\
             SELECT pg_catalog.set_config('pgsteward.columns', coalesce(array_agg(given.sql ORDER BY given.place), '{{}}')::text, false)\n\
             FROM (VALUES {}) AS heir (relation, column_name, heir_name, alike)\n\
             JOIN pg_catalog.pg_attribute AS own ON own.attname = heir.column_name AND own.attrelid IN (\n  \
             WITH RECURSIVE family (id) AS (SELECT heir.relation::oid UNION SELECT inhrelid FROM pg_catalog.pg_inherits \
             JOIN family ON inhparent = id)\n  SELECT id FROM family)\n\
             CROSS JOIN LATERAL (\n    {}\n) AS given (place, sql)",
            heirs.join(", "),
            parts("quote_ident(heir.heir_name)", Some(" AND heir.alike"))
        ),
        given_back("columns"),
    ]
}

/// Around a REVOKE of privileges for a whole table or view, which takes them from its columns as well: whoever was given them on
/// a column alone has them there afterwards. No roles are PUBLIC.
pub(in crate::migrate) fn apart(table: &QName, roles: &[String], revoke: String) -> [String; 3] {
    let table = quote_literal(&quote_qualified(table));
    let grantee = |role: &String| format!("{}::regrole::oid", quote_literal(&quote_ident(role)));
    let grantees = match roles {
        [] => "0".to_owned(),
        roles => roles.iter().map(grantee).collect::<Vec<_>>().join(", "),
    };
    [
        format!(
            "-- What is taken from the whole goes from its columns, too. What was given on a column alone stays, whoever gave it.\n\
             SELECT pg_catalog.set_config('pgsteward.privileges', coalesce(array_agg(format('GRANT %s (%I) ON %s TO %s%s', \
             acl.privilege_type, attname,\n  attrelid::regclass, {ROLE}, {GRANT_OPTION})), '{{}}')::text, false)\n\
             FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl\n\
             WHERE attrelid = {table}::regclass AND NOT attisdropped AND acl.grantee IN ({grantees})"
        ),
        revoke,
        given_back("privileges"),
    ]
}

fn given_back(setting: &str) -> String {
    format!("DO $kept$\nDECLARE\n  given text;\nBEGIN\n{}END\n$kept$", executed(setting, Misfits::Fail))
}

/// Rows of a place and a statement that gives the column `to`, a text, what the column `own` has. `alike` is what the two being of
/// one type depends on besides.
fn parts(to: &str, alike: Option<&str>) -> String {
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
    if let Some(alike) = alike {
        given.push(format!(
            "SELECT 2, {} FROM pg_catalog.pg_type AS type WHERE type.oid = own.atttypid AND type.typstorage <> own.attstorage{alike}",
            alter("STORAGE %s", "CASE own.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'm' THEN 'MAIN' WHEN 'e' THEN 'EXTERNAL' ELSE 'EXTENDED' END")
        ));
        // The attribute came with PostgreSQL 14.
        given.push(format!(
            "SELECT 2, {} WHERE to_jsonb(own) ->> 'attcompression' IN ('p', 'l'){alike}",
            alter(
                "COMPRESSION %s",
                "CASE to_jsonb(own) ->> 'attcompression' WHEN 'p' THEN 'pglz' ELSE 'lz4' END"
            )
        ));
    }
    given.join("\n    UNION ALL ")
}
