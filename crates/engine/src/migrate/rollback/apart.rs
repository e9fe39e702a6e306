//! Privileges for a whole table or view that a way back takes again. PostgreSQL takes them from its columns as well, where hands
//! may have given them to the same role, before the migration or since: those are not the migration's.

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::statement::{GrantObjects, Statement};

use crate::migrate::belongings::columns;

/// The statements, and around each such REVOKE what keeps the privileges on columns. `catalog` is what they start from.
pub(super) fn kept_apart(catalog: &Catalog, statements: Vec<String>) -> Vec<String> {
    let mut all = Vec::with_capacity(statements.len());
    for sql in statements {
        match revoked(&sql) {
            Some((table, roles)) if catalog.table(&table).is_some() || catalog.views.contains_key(&table) => {
                all.extend(columns::apart(&table, &roles, sql));
            }
            _ => all.push(sql),
        }
    }
    all
}

/// The table and the roles from whom a statement of ours takes privileges for all of it. No roles are PUBLIC.
fn revoked(sql: &str) -> Option<(QName, Vec<String>)> {
    if !sql.starts_with("REVOKE ") {
        return None;
    }
    let parsed = pgsteward_sql::parse(sql);
    let [one] = parsed.statements.as_slice() else { return None };
    let Statement::Grant { privileges, objects: GrantObjects::Tables(tables), roles, revoke: true } =
        &one.statement
    else {
        return None;
    };
    let [table] = tables.as_slice() else { return None };
    let whole = privileges.iter().all(|privilege| !privilege.contains('('));
    let roles = roles.iter().filter(|role| *role != "public").cloned().collect();
    whole.then(|| (table.qualified(), roles))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_taken_from_a_whole_table_is_kept_apart() {
        let of = |sql: &str| revoked(sql).map(|(table, roles)| format!("{table} {}", roles.join(" ")));
        assert_eq!(of("REVOKE SELECT ON TABLE app.t FROM \"A b\"").as_deref(), Some("app.t A b"));
        assert_eq!(of("REVOKE GRANT OPTION FOR UPDATE ON TABLE app.t FROM a").as_deref(), Some("app.t a"));
        assert_eq!(of("REVOKE ALL ON TABLE app.t FROM PUBLIC").as_deref(), Some("app.t "));
        for sql in [
            "REVOKE SELECT (a) ON TABLE app.t FROM a",
            "REVOKE USAGE ON SEQUENCE app.s FROM a",
            "REVOKE EXECUTE ON ROUTINE app.f() FROM a",
            "GRANT SELECT ON TABLE app.t TO a",
        ] {
            assert_eq!(of(sql), None, "{sql}");
        }
    }
}
