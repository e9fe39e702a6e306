//! What reads columns of a type, around the moment in which another type takes its name: views are made anew, because
//! types of their columns change, with all that belongs to them on the server; policies let no row through meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use pgsteward_model::catalog::{Catalog, Policy, QName, Table, View};
use pgsteward_sql::{ddl, quote_literal, quote_qualified};

use super::readers::{closure, names, policies, reads, speaks, texts, views};

/// Both run in the transaction of the swap.
#[derive(Default)]
pub(super) struct Remade {
    pub(super) ahead: Vec<String>,
    pub(super) behind: Vec<String>,
}

impl Remade {
    /// `after` is the catalog with the other type. An error says what cannot be made anew.
    pub(super) fn of(
        catalog: &Catalog,
        after: &Catalog,
        places: &[(&Table, &str)],
        ty: &QName,
    ) -> Result<Remade, String> {
        let mut remade = Remade::default();
        // The words of policies and views name the type wherever they hold a value of it.
        let all =
            catalog.tables.values().flat_map(|on| on.policies.iter().map(move |one| (on.as_ref(), one)));
        let of_type = all.filter(|(_, policy)| texts(policy).any(|text| speaks(text, &ty.name)));
        let of_columns = places.iter().flat_map(|(table, column)| policies(catalog, table, column));
        let readers: BTreeMap<(&QName, &str), (&Table, &Policy)> =
            of_type.chain(of_columns).map(|(on, one)| ((&on.name, one.name.as_str()), (on, one))).collect();
        for (on, policy) in readers.into_values() {
            let next = after.table(&on.name);
            let next = next.and_then(|next| next.policies.iter().find(|other| other.name == policy.name));
            let next = next.ok_or_else(|| names(on, policy))?;
            let nothing = |text: &Option<String>| text.as_ref().map(|_| "false".to_owned());
            let closed =
                Policy { using: nothing(&next.using), with_check: nothing(&next.with_check), ..next.clone() };
            remade.ahead.push(ddl::policy_altered(&on.name, &closed));
            remade.behind.push(ddl::policy_altered(&on.name, next));
        }
        let of_type = catalog.views.values().filter(|view| speaks(&view.definition, &ty.name));
        let of_columns = places.iter().flat_map(|(table, column)| views(catalog, table, column));
        let mut readers: BTreeSet<&QName> = of_type.chain(of_columns).map(|view| &view.name).collect();
        readers.extend(closure(catalog, &readers));
        remade.views(catalog, after, &readers)?;
        Ok(remade)
    }

    fn views(&mut self, catalog: &Catalog, after: &Catalog, views: &BTreeSet<&QName>) -> Result<(), String> {
        if views.is_empty() {
            return Ok(());
        }
        let (mut old, mut new) = (Catalog::empty(after.version), Catalog::empty(after.version));
        for name in views.iter().copied() {
            let Some(view) = catalog.views.get(name) else { continue };
            let next = after.views.get(name).filter(|next| !view.materialized && !next.materialized);
            let bare = |view: &View| View { owner: None, grants: Vec::new(), comment: None, ..view.clone() };
            new.views.insert(name.clone(), bare(next.ok_or_else(|| reads(view))?));
            old.views.insert(name.clone(), bare(view));
        }
        let none = Catalog::empty(after.version);
        let list = oids(old.views.keys());
        self.ahead.push(kept(&list));
        self.ahead.extend(ddl::diff(&old, &none).statements);
        self.behind.extend(ddl::diff(&none, &new).statements);
        self.behind.push(given_back(&list));
        Ok(())
    }
}

/// Replacements of views in place, which keep what belongs to them beside the options: `OR REPLACE` takes these away, and who
/// set them may be nobody's migration.
pub(super) fn with_options(views: &[&View], replaced: Vec<String>) -> Vec<String> {
    if views.is_empty() {
        return replaced;
    }
    let list = oids(views.iter().map(|view| &view.name));
    let kept = format!(
        "-- The options of the views.\n\
         SELECT pg_catalog.set_config('pgsteward.views', coalesce(string_agg({OPTIONS}, '; '), ''), false)\n\
         FROM pg_catalog.pg_class AS view WHERE view.oid = ANY ({list}) AND view.reloptions IS NOT NULL"
    );
    let given = "DO $views$\nBEGIN\n  EXECUTE pg_catalog.current_setting('pgsteward.views');\n  \
                 PERFORM pg_catalog.set_config('pgsteward.views', '', false);\nEND\n$views$";
    std::iter::once(kept).chain(replaced).chain(std::iter::once(given.to_owned())).collect()
}

const OPTIONS: &str =
    "format('ALTER VIEW %s SET (%s)', view.oid::regclass, array_to_string(view.reloptions, ', '))";

fn oids<'a>(views: impl Iterator<Item = &'a QName>) -> String {
    let names: Vec<String> =
        views.map(|name| format!("{}::regclass", quote_literal(&quote_qualified(name)))).collect();
    format!("ARRAY[{}]::oid[]", names.join(", "))
}

/// Remembers what belongs to the views on the server that runs this, whoever gave it to them: owner, privileges, options,
/// comments, defaults, triggers and rules.
///
/// Sources: PostgreSQL documentation, "System Catalogs" (pg_class, pg_attribute, pg_attrdef, pg_trigger, pg_rewrite) and
/// "System Information Functions" (aclexplode, pg_get_triggerdef, pg_get_ruledef).
fn kept(views: &str) -> String {
    let role = "CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(acl.grantee)) END";
    let option = "CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";
    format!(
        "-- What belongs to the views beside their text.\n\
         SELECT pg_catalog.set_config('pgsteward.views', coalesce(string_agg(kept.sql, '; ' ORDER BY kept.place), ''), false)\n\
         FROM pg_catalog.pg_class AS view CROSS JOIN LATERAL (\n  \
         SELECT 1 AS place, format('GRANT %s ON %s TO %s%s', acl.privilege_type, view.oid::regclass, {role}, {option}) AS sql\n  \
         FROM pg_catalog.aclexplode(view.relacl) AS acl WHERE acl.grantee <> view.relowner\n  \
         UNION ALL SELECT 1, format('GRANT %s (%I) ON %s TO %s%s', acl.privilege_type, attname, attrelid::regclass, {role}, {option})\n  \
         FROM pg_catalog.pg_attribute CROSS JOIN LATERAL pg_catalog.aclexplode(attacl) AS acl WHERE attrelid = view.oid\n  \
         UNION ALL SELECT 2, format('COMMENT ON VIEW %s IS %L', objoid::regclass, description)\n  \
         FROM pg_catalog.pg_description WHERE classoid = 'pg_class'::regclass AND objoid = view.oid AND objsubid = 0\n  \
         UNION ALL SELECT 2, format('COMMENT ON COLUMN %s.%I IS %L', attrelid::regclass, attname, col_description(attrelid, attnum))\n  \
         FROM pg_catalog.pg_attribute WHERE attrelid = view.oid AND col_description(attrelid, attnum) IS NOT NULL\n  \
         UNION ALL SELECT 3, format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', attrelid::regclass, attname, pg_get_expr(adbin, adrelid))\n  \
         FROM pg_catalog.pg_attrdef JOIN pg_catalog.pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = view.oid\n  \
         UNION ALL SELECT 3, pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = view.oid AND NOT tgisinternal\n  \
         UNION ALL SELECT 3, rtrim(pg_get_ruledef(oid), ';') FROM pg_catalog.pg_rewrite WHERE ev_class = view.oid AND rulename <> '_RETURN'\n  \
         UNION ALL SELECT 3, {OPTIONS} WHERE view.reloptions IS NOT NULL\n  \
         UNION ALL SELECT 4, format('ALTER VIEW %s OWNER TO %I', view.oid::regclass, pg_get_userbyid(view.relowner))\n  \
         WHERE pg_get_userbyid(view.relowner) <> current_user\n) AS kept\nWHERE view.oid = ANY ({views})"
    )
}

/// Gives the views what [`kept`] remembers, and takes from them what default privileges gave.
fn given_back(views: &str) -> String {
    format!(
        "DO $views$\nDECLARE\n  given record;\nBEGIN\n  \
         FOR given IN SELECT DISTINCT view.oid::regclass AS name, acl.grantee FROM pg_catalog.pg_class AS view\n    \
         CROSS JOIN LATERAL pg_catalog.aclexplode(view.relacl) AS acl\n    \
         WHERE view.oid = ANY ({views}) AND acl.grantee <> view.relowner\n  LOOP\n    \
         EXECUTE format('REVOKE ALL ON %s FROM %s', given.name,\n      \
         CASE given.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(given.grantee)) END);\n  END LOOP;\n  \
         EXECUTE pg_catalog.current_setting('pgsteward.views');\n  \
         PERFORM pg_catalog.set_config('pgsteward.views', '', false);\nEND\n$views$"
    )
}
