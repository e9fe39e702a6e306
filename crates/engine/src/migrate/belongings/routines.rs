//! Functions and procedures with what belongs to them: owner, privileges, comment, settings, label. Hands may have made them or
//! given it, so a step that makes one anew asks the server that runs it. What cannot be given back takes the step back: a function
//! that runs as its owner must never be open to more roles than before.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_default_acl, pg_depend, pg_proc, pg_seclabel) and "System Information
//! Functions" (pg_get_functiondef, pg_get_function_identity_arguments, pg_function_is_visible, aclexplode, acldefault).

use pgsteward_model::catalog::{FunctionId, QName};
use pgsteward_sql::{ddl, quote_literal, quote_qualified};

use super::{GRANT_OPTION, ROLE};

/// Where names live whose namespace a statement may leave out.
const PUBLIC: &str = "public";

/// Remembers the functions that take or return one of the types, whoever made them: text and all that belongs to them. Of those
/// in `but` only that they have to go.
pub(in crate::migrate) fn kept<'a>(types: impl Iterator<Item = &'a QName>, but: &[&FunctionId]) -> String {
    let types: Vec<String> =
        types.map(|ty| format!("{}::regtype", quote_literal(&quote_qualified(ty)))).collect();
    let theirs: String = but
        .iter()
        .map(|id| format!("\n  AND NOT EXISTS (SELECT FROM ({}) AS one WHERE {IS_ONE})", row_of(id)))
        .collect();
    // The owner comes first: what others have is the owner's to give, and what the owner took from itself stays away.
    format!(
        "-- The functions that take or return the type, with what belongs to them.\n\
         SELECT pg_catalog.set_config('pgsteward.functions', coalesce(array_agg(kept.sql ORDER BY kept.place, function.oid)\n    \
         FILTER (WHERE kept.sql IS NOT NULL), '{{}}')::text, false),\n  \
         pg_catalog.set_config('pgsteward.gone', coalesce(array_agg(DISTINCT function.oid), '{{}}')::text, false)\n\
         FROM pg_catalog.pg_proc AS function LEFT JOIN LATERAL (\n  \
         SELECT 1 AS place, pg_get_functiondef(function.oid) AS sql\n  \
         UNION ALL SELECT 2, format('ALTER ROUTINE %s OWNER TO %I', function.oid::regprocedure, pg_get_userbyid(function.proowner))\n  \
         WHERE pg_get_userbyid(function.proowner) <> current_user\n  \
         UNION ALL SELECT 3, format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', function.oid::regprocedure)\n  \
         UNION ALL SELECT 3, format('REVOKE ALL ON ROUTINE %s FROM %I', function.oid::regprocedure, pg_get_userbyid(function.proowner))\n  \
         WHERE function.proacl IS NOT NULL\n  \
         UNION ALL SELECT DISTINCT 3, format('REVOKE ALL ON ROUTINE %s FROM %s', function.oid::regprocedure, {ROLE})\n  \
         FROM pg_catalog.pg_default_acl AS given CROSS JOIN LATERAL pg_catalog.aclexplode(given.defaclacl) AS acl\n  \
         WHERE given.defaclobjtype = 'f' AND pg_get_userbyid(given.defaclrole) = current_user AND acl.grantee NOT IN (0, given.defaclrole)\n  \
         UNION ALL SELECT 4, format('GRANT EXECUTE ON ROUTINE %s TO %s%s', function.oid::regprocedure, {ROLE}, {GRANT_OPTION})\n  \
         FROM pg_catalog.aclexplode(coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))) AS acl\n  \
         WHERE function.proacl IS NOT NULL OR acl.grantee <> function.proowner\n  \
         UNION ALL SELECT 5, format('COMMENT ON ROUTINE %s IS %L', function.oid::regprocedure, obj_description(function.oid, 'pg_proc'))\n  \
         WHERE obj_description(function.oid, 'pg_proc') IS NOT NULL\n  \
         UNION ALL SELECT 5, concat('SECURITY LABEL FOR ', quote_ident(provider), ' ON ROUTINE ', function.oid::regprocedure, ' IS ', quote_literal(label))\n  \
         {LABELS}\n  \
         UNION ALL SELECT 5, concat('ALTER ROUTINE ', function.oid::regprocedure, ' DEPENDS ON EXTENSION ', quote_ident(extname))\n  \
         {EXTENSIONS}\n\
         ) AS kept ON true{theirs}\n\
         WHERE function.prokind <> 'a' AND EXISTS (\n  SELECT FROM pg_catalog.pg_depend AS uses\n  \
         JOIN pg_catalog.pg_type AS type ON uses.refobjid IN (type.oid, type.typarray)\n  \
         WHERE type.oid IN ({}) AND uses.refclassid = 'pg_type'::regclass\n    \
         AND uses.classid = 'pg_proc'::regclass AND uses.objid = function.oid\n)",
        types.join(", ")
    )
}

const LABELS: &str =
    "FROM pg_catalog.pg_seclabel WHERE classoid = 'pg_proc'::regclass AND objoid = function.oid";
const EXTENSIONS: &str = "FROM pg_catalog.pg_depend JOIN pg_catalog.pg_extension AS extension ON extension.oid = refobjid\n  \
                          WHERE classid = 'pg_proc'::regclass AND objid = function.oid AND deptype = 'x'";

/// Takes away what [`kept`] found.
pub(in crate::migrate) const GONE: &str = "DO $functions$\nDECLARE\n  gone text;\nBEGIN\n  \
    SELECT 'DROP ROUTINE ' || string_agg(function.oid::regprocedure::text, ', ') INTO gone FROM pg_catalog.pg_proc AS function\n  \
    WHERE function.oid = ANY (pg_catalog.current_setting('pgsteward.gone')::oid[]);\n  \
    IF gone IS NOT NULL THEN\n    EXECUTE gone;\n  END IF;\nEND\n$functions$";

/// Brings back what [`kept`] remembers. Texts are read when all that they name has its name; what default privileges gave goes
/// before what was there comes back.
pub(in crate::migrate) const BACK: &str = "DO $functions$\nDECLARE\n  given text;\nBEGIN\n  \
    PERFORM pg_catalog.set_config('check_function_bodies', 'off', true);\n  \
    FOREACH given IN ARRAY pg_catalog.current_setting('pgsteward.functions')::text[] LOOP\n    BEGIN\n      \
    EXECUTE given;\n    EXCEPTION\n      \
    WHEN deadlock_detected OR lock_not_available OR serialization_failure THEN RAISE;\n      \
    WHEN OTHERS THEN RAISE EXCEPTION '%: %', left(given, 300), SQLERRM USING ERRCODE = SQLSTATE;\n    END;\n  END LOOP;\n  \
    PERFORM pg_catalog.set_config('pgsteward.functions', '{}', false), pg_catalog.set_config('pgsteward.gone', '{}', false);\nEND\n$functions$";

/// Sessions keep what they compiled of a function of PL/pgSQL until its text is given anew, even if it is the same; with an
/// assignment to a field or variable of the old type, whatever the text names, they fail (`cache lookup failed for type`).
///
/// CREATE OR REPLACE forgets the extensions that the function depends on, by an own statement of hands or migrations: it gets them again.
pub(in crate::migrate) const FORGOTTEN: &str = "-- Sessions that are open forget what they compiled of functions in PL/pgSQL: the old type may be in it.\n\
     DO $functions$\nDECLARE\n  one record;\n  extension text;\nBEGIN\n  PERFORM pg_catalog.set_config('check_function_bodies', 'off', true);\n  \
     FOR one IN SELECT function.oid::regprocedure AS name, pg_get_functiondef(function.oid) AS definition,\n      \
     ARRAY(SELECT extname::text FROM pg_catalog.pg_depend JOIN pg_catalog.pg_extension AS extension ON extension.oid = refobjid\n        \
     WHERE classid = 'pg_proc'::regclass AND objid = function.oid AND deptype = 'x') AS extensions\n    \
     FROM pg_catalog.pg_proc AS function\n    \
     JOIN pg_catalog.pg_language AS language ON language.oid = function.prolang AND language.lanname = 'plpgsql'\n    \
     WHERE function.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)\n      \
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend WHERE classid = 'pg_proc'::regclass AND objid = function.oid AND deptype = 'e')\n  \
     LOOP\n    BEGIN\n      EXECUTE one.definition;\n      \
     FOREACH extension IN ARRAY one.extensions LOOP\n        \
     EXECUTE format('ALTER ROUTINE %s DEPENDS ON EXTENSION %I', one.name, extension);\n      END LOOP;\n    \
     EXCEPTION WHEN insufficient_privilege THEN\n      \
     RAISE WARNING 'sessions that are open keep what they compiled of %, which belongs to another role', one.name;\n    \
     END;\n  END LOOP;\nEND\n$functions$";

/// A function that is made where another one goes, or that gets another text.
pub(in crate::migrate) struct Successor<'a> {
    pub(in crate::migrate) from: &'a FunctionId,
    pub(in crate::migrate) to: &'a FunctionId,
    /// Made, so that it has nothing of what the other one had.
    pub(in crate::migrate) anew: bool,
    /// Whether it is the server's to say with whose rights it runs.
    pub(in crate::migrate) security: bool,
    /// Settings that are not the server's to say.
    pub(in crate::migrate) but: Vec<String>,
}

/// Remembers what belongs to functions beside their texts. To be run before the first of them changes.
pub(in crate::migrate) fn kept_of(successors: &[Successor<'_>]) -> String {
    let rows: Vec<String> = successors
        .iter()
        .zip(1..)
        .map(|(one, number)| {
            let but: Vec<String> = one.but.iter().map(|name| quote_literal(name)).collect();
            format!(
                "SELECT {number} AS number, {} AS anew, {} AS security, ARRAY[{}]::text[] AS but, row.* FROM ({}) AS row",
                one.anew,
                one.security,
                but.join(", "),
                row_of(one.from)
            )
        })
        .collect();
    format!(
        "-- What belongs to the functions beside their texts.\n\
         SELECT pg_catalog.set_config('pgsteward.routines', coalesce(jsonb_agg(jsonb_build_array(one.number, kept.head, kept.tail)\n    \
         ORDER BY one.number, kept.place), '[]')::text, false)\n\
         FROM (\n  {}\n) AS one\n\
         JOIN pg_catalog.pg_proc AS function ON {IS_ONE}\n\
         CROSS JOIN LATERAL (\n  \
         SELECT 1 AS place, 'ALTER ROUTINE ' AS head, ' OWNER TO ' || quote_ident(pg_get_userbyid(function.proowner)) AS tail\n  \
         WHERE one.anew AND pg_get_userbyid(function.proowner) <> current_user\n  \
         UNION ALL SELECT 2, 'REVOKE ALL ON ROUTINE ', ' FROM ' || quote_ident(pg_get_userbyid(function.proowner))\n  \
         WHERE one.anew AND function.proacl IS NOT NULL\n  \
         UNION ALL SELECT 3, 'GRANT EXECUTE ON ROUTINE ', concat(' TO ', {ROLE}, {GRANT_OPTION})\n  \
         FROM pg_catalog.aclexplode(coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))) AS acl\n  \
         WHERE one.anew AND (function.proacl IS NOT NULL OR acl.grantee <> function.proowner)\n  \
         UNION ALL SELECT 4, 'COMMENT ON ROUTINE ', ' IS ' || quote_nullable(obj_description(function.oid, 'pg_proc')) WHERE one.anew\n  \
         UNION ALL SELECT 4, concat('SECURITY LABEL FOR ', quote_ident(provider), ' ON ROUTINE '), ' IS ' || quote_literal(label)\n  \
         {LABELS} AND one.anew\n  \
         UNION ALL SELECT 4, 'ALTER ROUTINE ', ' DEPENDS ON EXTENSION ' || quote_ident(extname)\n  \
         {EXTENSIONS}\n  \
         UNION ALL SELECT 5, 'ALTER ROUTINE ', CASE WHEN function.prosecdef THEN ' SECURITY DEFINER' ELSE ' SECURITY INVOKER' END\n  \
         WHERE one.security AND function.prokind <> 'a'\n  \
         UNION ALL SELECT 5, 'ALTER FUNCTION ', ' NOT LEAKPROOF' WHERE NOT function.proleakproof AND function.prokind = 'f'\n  \
         UNION ALL SELECT 5, 'ALTER ROUTINE ', ' RESET ALL' WHERE function.prokind <> 'a'\n  \
         UNION ALL SELECT 6, 'ALTER ROUTINE ', ' SET ' || line.found[1]\n  \
         FROM regexp_matches(CASE WHEN function.prokind <> 'a' THEN split_part(pg_get_functiondef(function.oid), E'\\nAS ', 1) END,\n    \
         '^ SET ([^\\n]+)$', 'gn') AS line (found)\n  \
         WHERE (regexp_match(line.found[1], '^(.+?) TO '))[1] <> ALL (one.but)\n\
         ) AS kept",
        rows.join("\n  UNION ALL ")
    )
}

/// Gives the functions what [`kept_of`] remembers. Of what was not found nobody but its owner gets anything.
pub(in crate::migrate) fn given_back_to(successors: &[Successor<'_>]) -> [String; 2] {
    let rows: Vec<String> = successors
        .iter()
        .zip(1..)
        .map(|(one, number)| {
            format!("SELECT {number} AS number, {} AS anew, row.* FROM ({}) AS row", one.anew, row_of(one.to))
        })
        .collect();
    let number = successors.len();
    [
        format!(
            "SELECT pg_catalog.set_config('pgsteward.functions', coalesce(array_agg(given.sql ORDER BY one.number, given.place, given.at)\n    \
             FILTER (WHERE given.sql IS NOT NULL), '{{}}')::text, false),\n  \
             pg_catalog.set_config('pgsteward.found', count(DISTINCT one.number)::text, false)\n\
             FROM (\n  {}\n) AS one\n\
             JOIN pg_catalog.pg_proc AS function ON {IS_ONE}\n\
             LEFT JOIN LATERAL (\n  \
             SELECT 0 AS place, 0 AS at, format('REVOKE ALL ON ROUTINE %s FROM %s', function.oid::regprocedure, {ROLE}) AS sql\n  \
             FROM pg_catalog.aclexplode(coalesce(function.proacl, pg_catalog.acldefault('f', function.proowner))) AS acl\n  \
             WHERE one.anew AND acl.grantee <> function.proowner\n  \
             UNION ALL SELECT 1, kept.at, concat(kept.item ->> 1, function.oid::regprocedure, kept.item ->> 2)\n  \
             FROM jsonb_array_elements(pg_catalog.current_setting('pgsteward.routines')::jsonb) WITH ORDINALITY AS kept (item, at)\n  \
             WHERE (kept.item ->> 0)::integer = one.number\n) AS given ON true",
            rows.join("\n  UNION ALL ")
        ),
        format!(
            "DO $functions$\nDECLARE\n  given text;\nBEGIN\n  \
             IF pg_catalog.current_setting('pgsteward.found')::integer <> {number} THEN\n    \
             RAISE EXCEPTION 'a function that was just made has another name';\n  END IF;\n  \
             FOREACH given IN ARRAY pg_catalog.current_setting('pgsteward.functions')::text[] LOOP\n    EXECUTE given;\n  END LOOP;\n  \
             PERFORM pg_catalog.set_config('pgsteward.functions', '{{}}', false), pg_catalog.set_config('pgsteward.routines', '[]', false);\nEND\n$functions$"
        ),
    ]
}

/// Whether the `function` is the `one` of [`row_of`].
const IS_ONE: &str = "function.proname = one.name AND pg_get_function_identity_arguments(function.oid) = one.arguments\n  \
    AND CASE WHEN one.namespace IS NULL THEN pg_function_is_visible(function.oid)\n  \
    ELSE function.pronamespace::regnamespace::text = quote_ident(one.namespace) END";

/// A function by its name and its arguments as the server prints them to who sees the namespace of migrations.
fn row_of(id: &FunctionId) -> String {
    let namespace = match id.name.namespace.as_str() {
        PUBLIC => "NULL".to_owned(),
        other => quote_literal(other),
    };
    format!(
        "SELECT {}::name AS name, {}::text AS arguments, {namespace}::text AS namespace",
        quote_literal(&id.name.name),
        quote_literal(&ddl::unqualified(&id.arguments, PUBLIC))
    )
}
