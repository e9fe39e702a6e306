//! What belongs to a view or a column beside its definition. Who gave it may be nobody's migration, so a step that makes one
//! anew asks the server that runs it. Names stand in no body of a function, so that a statement can leave out their namespace.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_class, pg_attribute, pg_attrdef, pg_trigger, pg_rewrite) and
//! "System Information Functions" (aclexplode, pg_get_triggerdef, pg_get_ruledef).

pub(in crate::migrate) mod columns;
pub(in crate::migrate) mod routines;
pub(in crate::migrate) mod types;

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

const ROLE: &str = "CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END";
const GRANT_OPTION: &str = "CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";
const KIND: &str = "CASE view.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END";

/// What becomes of that which does not fit the object any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::migrate) enum Misfits {
    Fail,
    /// Left out with a warning: a way back must not fail over what is beside it.
    Warn,
}

/// Parts of views, as [`kept`] calls them, which are not the server's to say: `option security_barrier`, `rule r`, `trigger g`,
/// `index i`, `of index i` (comment, CLUSTER), `statistics app.s`, `of statistics app.s` (owner, comment, target), `comment.column`, `default.column`, `privilege SELECT of role.column`.
pub(in crate::migrate) type Parts = BTreeSet<(QName, String)>;

/// What gives a column of a table the privileges on the column alone that another one of it has. Those of its own stay.
pub(in crate::migrate) fn of_column(table: &QName, from: &str, to: &str) -> [String; 2] {
    let table = quote_literal(&quote_qualified(table));
    let (from, to) = (quote_literal(from), quote_literal(&quote_ident(to)));
    [
        format!(
            "-- Privileges on the column alone go along, whoever gave them.\n\
             SELECT pg_catalog.set_config('pgsteward.privileges', coalesce(array_agg(format('GRANT %s (%s) ON %s TO %s%s', \
             acl.privilege_type, {to},\n  attrelid::regclass, {ROLE}, {GRANT_OPTION})), '{{}}')::text, false)\n\
             FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl\n\
             WHERE attrelid = {table}::regclass AND attname = {from}"
        ),
        format!(
            "DO $kept$\nDECLARE\n  given text;\nBEGIN\n{}END\n$kept$",
            executed("privileges", Misfits::Fail)
        ),
    ]
}

/// What gives a view the privileges that a table has, and no others: default privileges may give a view what its table never
/// had. Both are as a statement names them.
pub(in crate::migrate) fn of_table(table: &str, view: &str) -> [String; 2] {
    let (table, view) = (quote_literal(table), quote_literal(view));
    [
        format!(
            "-- Privileges on the table go along, whoever gave them.\n\
             SELECT pg_catalog.set_config('pgsteward.privileges', coalesce(array_agg(given.sql), '{{}}')::text, false)\n\
             FROM (\n  SELECT format('GRANT %s ON %s TO %s%s', acl.privilege_type, {view}::regclass, {ROLE}, {GRANT_OPTION}) AS sql\n  \
             FROM pg_catalog.pg_class AS own\n  \
             CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(own.relacl, pg_catalog.acldefault('r', own.relowner))) AS acl\n  \
             WHERE own.oid = {table}::regclass\n  \
             UNION ALL SELECT format('GRANT %s (%I) ON %s TO %s%s', acl.privilege_type, attname, {view}::regclass, {ROLE}, {GRANT_OPTION})\n  \
             FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl WHERE attrelid = {table}::regclass AND NOT attisdropped\n\
             ) AS given"
        ),
        format!(
            "DO $kept$\nDECLARE\n  given text;\nBEGIN\n  FOR given IN SELECT DISTINCT\n    \
             CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END\n    \
             FROM pg_catalog.pg_class AS view CROSS JOIN LATERAL pg_catalog.aclexplode(view.relacl) AS acl\n    \
             WHERE view.oid = {view}::regclass AND acl.grantee <> view.relowner\n  LOOP\n    \
             EXECUTE format('REVOKE ALL ON %s FROM %s', {view}::regclass, given);\n  END LOOP;\n{}END\n$kept$",
            executed("privileges", Misfits::Fail)
        ),
    ]
}

/// Executes what was remembered, one after the other, and forgets it.
fn executed(setting: &str, misfits: Misfits) -> String {
    let each = match misfits {
        Misfits::Fail => "    EXECUTE given;\n",
        // Who waits too long for a lock tries all of it again.
        Misfits::Warn => {
            "    BEGIN\n      EXECUTE given;\n    EXCEPTION\n      \
             WHEN deadlock_detected OR lock_not_available OR serialization_failure THEN RAISE;\n      \
             WHEN OTHERS THEN RAISE WARNING 'left out: % (%)', given, SQLERRM;\n    END;\n"
        }
    };
    format!(
        "  FOREACH given IN ARRAY pg_catalog.current_setting('pgsteward.{setting}')::text[] LOOP\n{each}  END LOOP;\n  \
         PERFORM pg_catalog.set_config('pgsteward.{setting}', '{{}}', false);\n"
    )
}

/// Replacements of views in place, which keep what belongs to them beside the options: `OR REPLACE` takes these away.
pub(in crate::migrate) fn with_options<'a>(
    views: impl Iterator<Item = &'a QName>,
    but: &Parts,
    misfits: Misfits,
    replaced: Vec<String>,
) -> Vec<String> {
    let (list, options, theirs) = (oids(views), options(KIND), theirs(but, "(view.oid, kept.what)"));
    let kept = format!(
        "-- The options of the views.\n\
         SELECT pg_catalog.set_config('pgsteward.options', coalesce(array_agg(kept.sql), '{{}}')::text, false)\n\
         FROM pg_catalog.pg_class AS view CROSS JOIN LATERAL (\n  {options}\n) AS kept\n\
         WHERE view.oid = ANY ({list}) AND {theirs}"
    );
    let given =
        format!("DO $kept$\nDECLARE\n  given text;\nBEGIN\n{}END\n$kept$", executed("options", misfits));
    std::iter::once(kept).chain(replaced).chain(std::iter::once(given)).collect()
}

fn options(kind: &str) -> String {
    format!(
        "SELECT 4 AS place, 'option ' || split_part(one, '=', 1) AS what, \
         format('ALTER %s %s SET (%s)', {kind}, view.oid::regclass, one) AS sql FROM unnest(view.reloptions) AS one"
    )
}

fn oids<'a>(views: impl Iterator<Item = &'a QName>) -> String {
    let names: Vec<String> = views.map(regclass).collect();
    format!("ARRAY[{}]::oid[]", names.join(", "))
}

fn regclass(name: &QName) -> String {
    format!("{}::regclass", quote_literal(&quote_qualified(name)))
}

/// The condition that a row is none of the parts.
fn theirs(but: &Parts, row: &str) -> String {
    if but.is_empty() {
        return "true".to_owned();
    }
    let parts: Vec<String> = but
        .iter()
        .map(|(name, part)| format!("({}::oid, {})", regclass(name), quote_literal(part)))
        .collect();
    format!("{row} NOT IN ({})", parts.join(", "))
}

/// Remembers what belongs to the views on the server that runs this: owner, privileges, options, comments, defaults, triggers,
/// rules, indexes and extended statistics, and whether a materialized one was filled. To be run before they are dropped. Those that are `turned` are plain
/// now and come back materialized, or the other way round.
pub(in crate::migrate) fn kept<'a>(
    views: impl Iterator<Item = &'a QName>,
    turned: &BTreeSet<QName>,
    but: &Parts,
) -> String {
    let (kind, stays) = match turned.is_empty() {
        true => (KIND.to_owned(), String::new()),
        false => {
            let turned = oids(turned.iter());
            let kind = format!(
                "CASE (view.relkind = 'm') <> (view.oid = ANY ({turned})) WHEN true THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END"
            );
            (kind, format!(" AND view.oid <> ALL ({turned})"))
        }
    };
    let (views, options, theirs) = (oids(views), options(&kind), theirs(but, "(view.oid, kept.what)"));
    // The owner comes first: what others have is the owner's to give, and what the owner took from itself stays away.
    format!(
        "-- What belongs to the views beside their text.\n\
         SELECT pg_catalog.set_config('pgsteward.views', coalesce(array_agg(kept.sql ORDER BY kept.place, view.oid)\n    \
         FILTER (WHERE kept.sql IS NOT NULL), '{{}}')::text, false),\n  \
         pg_catalog.set_config('pgsteward.names', coalesce(array_agg(DISTINCT view.oid::regclass::text), '{{}}')::text, false)\n\
         FROM pg_catalog.pg_class AS view LEFT JOIN LATERAL (\n  \
         SELECT 0 AS place, '' AS what, format('DO $fill$ BEGIN IF NOT (SELECT relispopulated FROM pg_catalog.pg_class WHERE oid = %1$L::regclass) \
         THEN REFRESH MATERIALIZED VIEW %1$s; END IF; END $fill$', view.oid::regclass) AS sql\n  \
         WHERE view.relkind = 'm' AND view.relispopulated{stays}\n  \
         UNION ALL SELECT 1, '', format('ALTER %s %s OWNER TO %I', {kind}, view.oid::regclass, pg_get_userbyid(view.relowner))\n  \
         WHERE pg_get_userbyid(view.relowner) <> current_user\n  \
         UNION ALL SELECT 2, '', format('REVOKE ALL ON %s FROM %I', view.oid::regclass, pg_get_userbyid(view.relowner))\n  \
         WHERE view.relacl IS NOT NULL\n  \
         UNION ALL SELECT 3, '', format('GRANT %s ON %s TO %s%s', acl.privilege_type, view.oid::regclass, {ROLE}, {GRANT_OPTION})\n  \
         FROM pg_catalog.aclexplode(view.relacl) AS acl\n  \
         UNION ALL SELECT 3, format('privilege %s of %s.%I', acl.privilege_type, {ROLE}, attname),\n    \
         format('GRANT %s (%I) ON %s TO %s%s', acl.privilege_type, attname, attrelid::regclass, {ROLE}, {GRANT_OPTION})\n  \
         FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl WHERE attrelid = view.oid\n  \
         UNION ALL SELECT 4, '', format('COMMENT ON %s %s IS %L', {kind}, objoid::regclass, description)\n  \
         FROM pg_catalog.pg_description WHERE classoid = 'pg_class'::regclass AND objoid = view.oid AND objsubid = 0\n  \
         UNION ALL SELECT 4, format('comment.%I', attname),\n    \
         format('COMMENT ON COLUMN %s.%I IS %L', attrelid::regclass, attname, col_description(attrelid, attnum))\n  \
         FROM pg_catalog.pg_attribute WHERE attrelid = view.oid AND col_description(attrelid, attnum) IS NOT NULL\n  \
         UNION ALL SELECT 4, format('default.%I', attname),\n    \
         format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', attrelid::regclass, attname, pg_get_expr(adbin, adrelid))\n  \
         FROM pg_catalog.pg_attrdef JOIN pg_catalog.pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = view.oid\n  \
         UNION ALL SELECT 4, format('trigger %I', tgname), pg_get_triggerdef(oid)\n  \
         FROM pg_catalog.pg_trigger WHERE tgrelid = view.oid AND NOT tgisinternal\n  \
         UNION ALL SELECT 4, format('rule %I', rulename), rtrim(pg_get_ruledef(oid), ';')\n  \
         FROM pg_catalog.pg_rewrite WHERE ev_class = view.oid AND rulename <> '_RETURN'\n  \
         UNION ALL SELECT part.place, part.what || class.relname, part.sql\n  \
         FROM pg_catalog.pg_index AS own JOIN pg_catalog.pg_class AS class ON class.oid = own.indexrelid\n  \
         CROSS JOIN LATERAL (VALUES (4, 'index ', pg_get_indexdef(class.oid)),\n    \
         (5, 'of index ', format('COMMENT ON INDEX %s IS ', class.oid::regclass) || quote_literal(obj_description(class.oid, 'pg_class'))),\n    \
         (5, 'of index ', CASE WHEN own.indisclustered THEN format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', view.oid::regclass, class.relname) END)\n  \
         ) AS part (place, what, sql) WHERE own.indrelid = view.oid AND own.indisvalid{stays}\n  \
         UNION ALL SELECT part.place, part.what || space.nspname || '.' || stxname, part.sql\n  \
         FROM pg_catalog.pg_statistic_ext AS own JOIN pg_catalog.pg_namespace AS space ON space.oid = stxnamespace CROSS JOIN LATERAL (VALUES (4, 'statistics ', pg_get_statisticsobjdef(own.oid)),\n    \
         (5, 'of statistics ', format('COMMENT ON STATISTICS %I.%I IS ', nspname, stxname) || quote_literal(obj_description(own.oid, 'pg_statistic_ext'))),\n    \
         (5, 'of statistics ', format('ALTER STATISTICS %I.%I SET STATISTICS ', nspname, stxname) || nullif(to_jsonb(own) ->> 'stxstattarget', '-1')),\n    \
         (5, 'of statistics ', CASE WHEN pg_get_userbyid(stxowner) <> current_user THEN format('ALTER STATISTICS %I.%I OWNER TO %I', nspname, stxname, pg_get_userbyid(stxowner)) END)\n  \
         ) AS part (place, what, sql) WHERE own.stxrelid = view.oid{stays}\n  \
         UNION ALL {options}\n) AS kept ON {theirs}\nWHERE view.oid = ANY ({views})"
    )
}

/// Gives the views what [`kept`] remembers, and takes from them what default privileges gave.
pub(in crate::migrate) fn given_back(misfits: Misfits) -> String {
    format!(
        "DO $views$\nDECLARE\n  made record;\n  given text;\nBEGIN\n  \
         FOR made IN SELECT DISTINCT view.oid::regclass AS name, acl.grantee FROM pg_catalog.pg_class AS view\n    \
         CROSS JOIN LATERAL pg_catalog.aclexplode(view.relacl) AS acl\n    \
         WHERE view.oid = ANY (pg_catalog.current_setting('pgsteward.names')::regclass[]::oid[])\n      \
         AND acl.grantee <> view.relowner\n  LOOP\n    \
         EXECUTE format('REVOKE ALL ON %s FROM %s', made.name,\n      \
         CASE made.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(made.grantee)) END);\n  END LOOP;\n{}END\n$views$",
        executed("views", misfits)
    )
}
