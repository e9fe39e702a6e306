//! What belongs to a type beside its definition: owner, privileges, comment, label. A type that is made anew has those of
//! whoever makes it, and everybody may use it: that must not open what somebody closed.
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_seclabel, pg_type) and "System Information Functions" (aclexplode,
//! acldefault, obj_description).

use pgsteward_model::catalog::QName;
use pgsteward_sql::{quote_literal, quote_qualified};

use super::{GRANT_OPTION, ROLE};

/// Remembers it of the types; the comments of those in `remarks` alone, because others are the migration's to say.
pub(in crate::migrate) fn kept<'a>(
    types: impl Iterator<Item = &'a QName>,
    remarks: impl Iterator<Item = &'a QName>,
) -> String {
    let remarks: Vec<String> = remarks.map(oid).collect();
    let types: Vec<String> = types.map(oid).collect();
    format!(
        "-- What belongs to the type beside its values.\n\
         SELECT pg_catalog.set_config('pgsteward.types', coalesce(jsonb_agg(jsonb_build_object(\n    \
         'name', type.oid::regtype::text, 'owner', quote_ident(pg_get_userbyid(type.typowner)), 'plain', type.typacl IS NULL,\n    \
         'given', ARRAY(SELECT format('GRANT USAGE ON TYPE %s TO %s%s', type.oid::regtype, {ROLE}, {GRANT_OPTION})\n      \
         FROM pg_catalog.aclexplode(coalesce(type.typacl, pg_catalog.acldefault('T', type.typowner))) AS acl),\n    \
         'said', ARRAY(SELECT format('COMMENT ON TYPE %s IS %L', type.oid::regtype, obj_description(type.oid, 'pg_type'))\n      \
         WHERE type.oid = ANY (ARRAY[{}]::oid[])\n      \
         UNION ALL SELECT format('SECURITY LABEL FOR %I ON TYPE %s IS %L', provider, type.oid::regtype, label)\n      \
         FROM pg_catalog.pg_seclabel WHERE classoid = 'pg_type'::regclass AND objoid = type.oid AND objsubid = 0)\n    \
         )), '[]')::text, false)\n\
         FROM pg_catalog.pg_type AS type WHERE type.oid IN ({})",
        remarks.join(", "),
        types.join(", ")
    )
}

fn oid(name: &QName) -> String {
    format!("{}::regtype", quote_literal(&quote_qualified(name)))
}

/// Gives what [`kept`] remembers to the types that have the names now, and takes from them what default privileges gave.
pub(in crate::migrate) fn given_back() -> String {
    format!(
        "DO $types$\nDECLARE\n  one record;\n  made pg_catalog.pg_type;\n  given text;\nBEGIN\n  FOR one IN\n    \
         SELECT * FROM jsonb_to_recordset(pg_catalog.current_setting('pgsteward.types')::jsonb)\n      \
         AS kept (name text, owner text, plain boolean, given text[], said text[])\n  LOOP\n    BEGIN\n      \
         SELECT * INTO made FROM pg_catalog.pg_type WHERE pg_type.oid = one.name::regtype;\n      \
         IF made.typacl IS NOT NULL OR NOT one.plain THEN\n        \
         FOR given IN SELECT DISTINCT format('REVOKE ALL ON TYPE %s FROM %s', one.name, {ROLE})\n          \
         FROM pg_catalog.aclexplode(coalesce(made.typacl, pg_catalog.acldefault('T', made.typowner))) AS acl\n        \
         LOOP\n          EXECUTE given;\n        END LOOP;\n      END IF;\n      \
         EXECUTE format('ALTER TYPE %s OWNER TO %s', one.name, one.owner);\n      \
         IF made.typacl IS NOT NULL OR NOT one.plain THEN\n        \
         FOREACH given IN ARRAY one.given LOOP\n          EXECUTE given;\n        END LOOP;\n      END IF;\n      \
         FOREACH given IN ARRAY one.said LOOP\n        EXECUTE given;\n      END LOOP;\n    EXCEPTION\n      \
         WHEN deadlock_detected OR lock_not_available OR serialization_failure THEN RAISE;\n      \
         WHEN OTHERS THEN RAISE EXCEPTION 'the type % cannot have again what belonged to it: %', one.name, SQLERRM\n        \
         USING ERRCODE = SQLSTATE;\n    END;\n  END LOOP;\n  \
         PERFORM pg_catalog.set_config('pgsteward.types', '[]', false);\nEND\n$types$"
    )
}
