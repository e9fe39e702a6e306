//! What belongs to a view or a column beside its definition. Who gave it may be nobody's migration, so a step that makes one
//! anew asks the server that runs it. Names stand in no body of a function, so that a statement can leave out their namespace.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_class, pg_attribute, pg_attrdef, pg_trigger, pg_rewrite) and
//! "System Information Functions" (aclexplode, pg_get_triggerdef, pg_get_ruledef).

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

const ROLE: &str = "CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END";
const GRANT_OPTION: &str = "CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";
const KIND: &str = "CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END";

/// What gives a column of a table the privileges on the column alone that another one of it has. Those of its own stay.
pub(in crate::migrate) fn of_column(table: &QName, from: &str, to: &str) -> [String; 2] {
    let table = quote_literal(&quote_qualified(table));
    let (from, to) = (quote_literal(from), quote_literal(&quote_ident(to)));
    [
        format!(
            "-- Privileges on the column alone go along, whoever gave them.\n\
             SELECT pg_catalog.set_config('pgsteward.privileges', coalesce(string_agg(format('GRANT %s (%s) ON %s TO %s%s', \
             acl.privilege_type, {to},\n  attrelid::regclass, {ROLE}, {GRANT_OPTION}), '; '), ''), false)\n\
             FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl\n\
             WHERE attrelid = {table}::regclass AND attname = {from}"
        ),
        run("privileges"),
    ]
}

/// Executes what was remembered, and forgets it.
fn run(setting: &str) -> String {
    format!(
        "DO $kept$\nBEGIN\n  EXECUTE pg_catalog.current_setting('pgsteward.{setting}');\n  \
         PERFORM pg_catalog.set_config('pgsteward.{setting}', '', false);\nEND\n$kept$"
    )
}

/// Replacements of views in place, which keep what belongs to them beside the options: `OR REPLACE` takes these away.
pub(in crate::migrate) fn with_options<'a>(
    views: impl Iterator<Item = &'a QName>,
    replaced: Vec<String>,
) -> Vec<String> {
    let list = oids(views);
    let options = options();
    let kept = format!(
        "-- The options of the views.\n\
         SELECT pg_catalog.set_config('pgsteward.options', coalesce(string_agg({options}, '; '), ''), false)\n\
         FROM pg_catalog.pg_class AS view WHERE view.oid = ANY ({list}) AND view.reloptions IS NOT NULL"
    );
    std::iter::once(kept).chain(replaced).chain(std::iter::once(run("options"))).collect()
}

fn options() -> String {
    format!(
        "format('ALTER %s %s SET (%s)', {KIND}, view.oid::regclass, array_to_string(view.reloptions, ', '))"
    )
}

fn oids<'a>(views: impl Iterator<Item = &'a QName>) -> String {
    let names: Vec<String> =
        views.map(|name| format!("{}::regclass", quote_literal(&quote_qualified(name)))).collect();
    format!("ARRAY[{}]::oid[]", names.join(", "))
}

/// Remembers what belongs to the views on the server that runs this: owner, privileges, options, comments, defaults, triggers
/// and rules. To be run before they are dropped.
pub(in crate::migrate) fn kept<'a>(views: impl Iterator<Item = &'a QName>) -> String {
    let (views, options) = (oids(views), options());
    format!(
        "-- What belongs to the views beside their text.\n\
         SELECT pg_catalog.set_config('pgsteward.views', coalesce(string_agg(kept.sql, '; ' ORDER BY kept.place), ''), false),\n  \
         pg_catalog.set_config('pgsteward.names', string_agg(DISTINCT view.oid::regclass::text, E'\\n'), false)\n\
         FROM pg_catalog.pg_class AS view LEFT JOIN LATERAL (\n  \
         SELECT 1 AS place, format('GRANT %s ON %s TO %s%s', acl.privilege_type, view.oid::regclass, {ROLE}, {GRANT_OPTION}) AS sql\n  \
         FROM pg_catalog.aclexplode(view.relacl) AS acl WHERE acl.grantee <> view.relowner\n  \
         UNION ALL SELECT 1, format('GRANT %s (%I) ON %s TO %s%s', acl.privilege_type, attname, attrelid::regclass, {ROLE}, {GRANT_OPTION})\n  \
         FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl WHERE attrelid = view.oid\n  \
         UNION ALL SELECT 2, format('COMMENT ON %s %s IS %L', {KIND}, objoid::regclass, description)\n  \
         FROM pg_catalog.pg_description WHERE classoid = 'pg_class'::regclass AND objoid = view.oid AND objsubid = 0\n  \
         UNION ALL SELECT 2, format('COMMENT ON COLUMN %s.%I IS %L', attrelid::regclass, attname, col_description(attrelid, attnum))\n  \
         FROM pg_catalog.pg_attribute WHERE attrelid = view.oid AND col_description(attrelid, attnum) IS NOT NULL\n  \
         UNION ALL SELECT 3, format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', attrelid::regclass, attname, pg_get_expr(adbin, adrelid))\n  \
         FROM pg_catalog.pg_attrdef JOIN pg_catalog.pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = view.oid\n  \
         UNION ALL SELECT 3, pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = view.oid AND NOT tgisinternal\n  \
         UNION ALL SELECT 3, rtrim(pg_get_ruledef(oid), ';') FROM pg_catalog.pg_rewrite WHERE ev_class = view.oid AND rulename <> '_RETURN'\n  \
         UNION ALL SELECT 3, {options} WHERE view.reloptions IS NOT NULL\n  \
         UNION ALL SELECT 4, format('ALTER %s %s OWNER TO %I', {KIND}, view.oid::regclass, pg_get_userbyid(view.relowner))\n  \
         WHERE pg_get_userbyid(view.relowner) <> current_user\n) AS kept ON true\nWHERE view.oid = ANY ({views})"
    )
}

/// Gives the views what [`kept`] remembers, and takes from them what default privileges gave.
pub(in crate::migrate) fn given_back() -> String {
    "DO $views$\nDECLARE\n  given record;\nBEGIN\n  \
     FOR given IN SELECT DISTINCT view.oid::regclass AS name, acl.grantee FROM pg_catalog.pg_class AS view\n    \
     CROSS JOIN LATERAL pg_catalog.aclexplode(view.relacl) AS acl\n    \
     WHERE view.oid = ANY (string_to_array(pg_catalog.current_setting('pgsteward.names'), E'\\n')::regclass[]::oid[])\n      \
     AND acl.grantee <> view.relowner\n  LOOP\n    \
     EXECUTE format('REVOKE ALL ON %s FROM %s', given.name,\n      \
     CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(given.grantee)) END);\n  END LOOP;\n  \
     EXECUTE pg_catalog.current_setting('pgsteward.views');\n  \
     PERFORM pg_catalog.set_config('pgsteward.views', '', false);\nEND\n$views$"
        .to_owned()
}
