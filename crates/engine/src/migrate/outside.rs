//! Objects that differ between the history and the database and that Prisma does not look at: functions,
//! triggers, views, policies, check constraints, special indexes. They are named, and nothing is done about them.
//! Pure.

use pgsteward_model::catalog::{Catalog, ConstraintKind, Index};
use pgsteward_model::catalog_compare::{ColumnOrder, differences as compare, schema_only};
use pgsteward_model::migration::OWN_TABLES;

/// One line an object: `function public.touch(): only in the database`.
pub fn differences(history: &Catalog, database: &Catalog, namespaces: &[String]) -> Vec<String> {
    let (history, database) = (schema_only(history), schema_only(database));
    let mut out = Vec::new();
    for difference in compare(&history, &database, ColumnOrder::Ignored) {
        let Some((kind, name)) = difference.object.split_once(' ') else { continue };
        let compared = namespaces
            .iter()
            .any(|namespace| name.strip_prefix(namespace.as_str()).is_some_and(|rest| rest.starts_with('.')));
        let of_own = OWN_TABLES.iter().any(|own| name.contains(&format!(".{own}")));
        if !compared || name.contains("._prisma_migrations") || of_own {
            continue;
        }
        let unseen = match kind {
            "function" | "view" | "domain" | "type" | "range" | "statistics" | "trigger" | "policy" => true,
            "constraint" => is_special_constraint(name, &history) || is_special_constraint(name, &database),
            "index" => is_special_index(name, &history) || is_special_index(name, &database),
            _ => false,
        };
        if !unseen {
            continue;
        }
        let what = match difference.what.as_str() {
            "only before" => "only in the migrations",
            "only after" => "only in the database",
            _ => "not the same in the migrations and in the database",
        };
        out.push(format!("{} {name}: {what}", if kind == "range" { "type" } else { kind }));
    }
    out
}

fn is_special_constraint(name: &str, catalog: &Catalog) -> bool {
    catalog.user_tables().any(|table| {
        table.constraints.iter().any(|constraint| {
            matches!(constraint.kind, ConstraintKind::Check { .. } | ConstraintKind::Exclusion { .. })
                && name == format!("{}.{}", table.name, constraint.name)
        })
    })
}

fn is_special_index(name: &str, catalog: &Catalog) -> bool {
    let special = |index: &Index| {
        !index.is_plain()
            || index.predicate.is_some()
            || !index.include.is_empty()
            || index.nulls_not_distinct
            || index.keys.iter().any(|key| key.nulls_first != key.descending)
    };
    catalog.user_tables().any(|table| {
        table
            .indexes
            .iter()
            .any(|index| special(index) && name == format!("{}.{}", table.name.namespace, index.name))
    })
}
