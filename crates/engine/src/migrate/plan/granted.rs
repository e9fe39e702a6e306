//! Privileges on a column alone. Who gave them may be nobody's migration, so the step reads them where it runs.

use pgsteward_sql::{quote_ident, quote_literal};

/// What gives a column of `on`, a quoted name, the privileges that another one of it has. Those of its own stay.
///
/// Sources: PostgreSQL documentation, "System Catalogs" (pg_attribute.attacl) and "System Information Functions" (aclexplode).
pub(super) fn copied(on: &str, from: &str, to: &str) -> String {
    let (table, from, to) = (quote_literal(on), quote_literal(from), quote_literal(&quote_ident(to)));
    format!(
        "-- Privileges on the column alone go along, whoever gave them.\n\
         DO $grants$\nDECLARE\n  given text;\nBEGIN\n  \
         FOR given IN SELECT format('GRANT %s (%s) ON %s TO %s%s', acl.privilege_type, {to}, attrelid::regclass,\n      \
         CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END,\n      \
         CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)\n    \
         FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl\n    \
         WHERE attrelid = {table}::regclass AND attname = {from}\n  \
         LOOP\n    EXECUTE given;\n  END LOOP;\nEND\n$grants$"
    )
}
