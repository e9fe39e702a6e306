//! What hands made that reads a column which goes: views, rules, policies, triggers that name columns, keys of other tables,
//! functions with a body that the server has read, row filters and column lists of publications. Unlike an index, none goes along
//! with its column: the server refuses the swap (2BP01), the last folder, and its hint is CASCADE. So it is asked before
//! anything, when the plan is made and in the first folder, and again in the swap, for what came meanwhile.
//!
//! Source: PostgreSQL documentation, "System Catalogs" (pg_depend: `deptype` "n", pg_rewrite, pg_policy, pg_trigger,
//! pg_publication_rel) and "Dependency Tracking".

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, ConstraintKind, Function, QName, Table};
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::exchange::Exchange;
use super::family::partitions;
use super::readers::{policies, speaks};
use super::swap::Swap;

impl Swap<'_> {
    /// Fails, before there is anything to undo, where hands made what reads the first column.
    pub(super) fn read_first(&self, one: &Exchange<'_>) -> Option<String> {
        let hint = "run what stands in parentheses, and make each again when the last of these folders is deployed; or bring them into \
                    the migrations (pgsteward migrate dev --from-database) and plan again. Then pgsteward migrate resolve \
                    --rolled-back, and deploy again";
        self.goes().then(|| guard(self.catalog, one.table, one.from, hint))
    }

    /// The same for what was made since.
    pub(super) fn read_last(&self, one: &Exchange<'_>) -> Option<String> {
        self.goes().then(|| guard(self.catalog, one.table, one.from, AT_THE_END))
    }

    /// The same where the second column goes.
    pub(super) fn read_second(&self, one: &Exchange<'_>) -> String {
        guard(self.catalog, one.table, &one.through, AT_THE_END)
    }

    /// A query for the names of all that hands made which reads a first column: one text, or NULL.
    pub(super) fn asks(&self) -> Option<String> {
        let of = |one: &Exchange<'_>| format!("({})", query(self.catalog, one.table, one.from, "  "));
        let queries: Vec<String> = self.exchanges.iter().filter(|_| self.goes()).map(of).collect();
        match queries.as_slice() {
            [] => None,
            _ => Some(format!("SELECT nullif(concat_ws(', ', {}), '')", queries.join(", "))),
        }
    }

    /// Whether the first columns go with nothing else that looks after what hands made: enums have a guard of their own.
    fn goes(&self) -> bool {
        self.types.is_empty()
    }
}

const AT_THE_END: &str = "run what stands in parentheses; pgsteward migrate resolve --rolled-back, deploy again, and make each again \
                          then";

fn guard(catalog: &Catalog, table: &Table, column: &str, hint: &str) -> String {
    format!(
        "-- What hands made and the server holds to the column would stop the swap: named before anything changes.\n\
         DO $readers$\nDECLARE\n  found text;\nBEGIN\n  found := (\n{}\n  );\n  \
         IF found IS NOT NULL THEN\n    \
         RAISE EXCEPTION '% of % goes, and no migration made what reads it: %', {}, {}, found\n      \
         USING HINT = {};\n  END IF;\nEND\n$readers$",
        query(catalog, table, column, "    "),
        quote_literal(&quote_ident(column)),
        quote_literal(&quote_qualified(&table.name)),
        quote_literal(hint),
    )
}

fn query(catalog: &Catalog, table: &Table, column: &str, indent: &str) -> String {
    let known: Vec<String> = known(catalog, table, column)
        .into_iter()
        .map(|(kind, place, name)| {
            format!(",\n    ('{kind}', {}, {})", quote_literal(&place), quote_literal(&name))
        })
        .collect();
    let on = quote_literal(&quote_qualified(&table.name));
    let query = QUERY
        .replace("{known}", &known.concat())
        .replace("{on}", &on)
        .replace("{column}", &quote_literal(column));
    query.lines().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// What migrations made that may read the column, by kind, relation and name: the plan has seen to it, or was refused for it.
fn known(catalog: &Catalog, table: &Table, column: &str) -> BTreeSet<(&'static str, String, String)> {
    let family: Vec<&Table> = std::iter::once(table).chain(partitions(catalog, table)).collect();
    let is_own = |name: &QName| family.iter().any(|one| one.name == *name);
    let mut known = BTreeSet::new();
    for view in catalog.views.values().filter(|view| view.reads.iter().any(is_own)) {
        known.insert(("view", quote_qualified(&view.name), String::new()));
    }
    for (on, policy) in family.iter().flat_map(|one| policies(catalog, one, column)) {
        known.insert(("policy", quote_qualified(&on.name), policy.name.clone()));
    }
    let reads = |function: &&Function| {
        let definition = function.definition.as_deref().unwrap_or(&function.body);
        speaks(definition, column) || speaks(&function.body, column)
    };
    for function in catalog.functions.values().filter(reads) {
        known.insert(("function", String::new(), function.id.name.name.clone()));
    }
    for other in catalog.tables.values() {
        let names = other.constraints.iter().filter(|constraint| match &constraint.kind {
            ConstraintKind::ForeignKey(key) => is_own(&key.references) || other.name == table.name,
            _ => other.name == table.name,
        });
        let on = quote_qualified(&other.name);
        known.extend(names.map(|constraint| ("constraint", on.clone(), constraint.name.clone())));
    }
    known
}

const QUERY: &str = "WITH known AS (
  SELECT one.kind, CASE WHEN one.place <> '' THEN to_regclass(one.place)::oid END AS place, one.name FROM (VALUES
    ('', '', ''){known}
  ) AS one (kind, place, name)
), tree AS (
  SELECT {on}::regclass::oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree({on}::regclass)
), held AS (
  SELECT DISTINCT uses.classid, uses.objid FROM tree
  JOIN pg_catalog.pg_attribute AS own ON own.attrelid = tree.oid AND own.attname = {column}
  JOIN pg_catalog.pg_depend AS uses ON uses.refclassid = 'pg_catalog.pg_class'::regclass AND uses.refobjid = own.attrelid
    AND uses.refobjsubid = own.attnum AND uses.deptype = 'n'
)
SELECT string_agg(DISTINCT format('%s (%s)', strange.name, strange.away), ', ') FROM (
  SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, class.oid, 0) AS name,
    format('DROP %s %s', CASE class.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, class.oid::regclass) AS away
  FROM held JOIN pg_catalog.pg_rewrite AS rule ON held.classid = 'pg_catalog.pg_rewrite'::regclass AND rule.oid = held.objid
  JOIN pg_catalog.pg_class AS class ON class.oid = rule.ev_class AND class.relkind IN ('v', 'm')
  WHERE NOT EXISTS (SELECT FROM known WHERE known.kind = 'view' AND known.place = class.oid)
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, rule.oid, 0), format('DROP RULE %I ON %s', rule.rulename, rule.ev_class::regclass)
  FROM held JOIN pg_catalog.pg_rewrite AS rule ON held.classid = 'pg_catalog.pg_rewrite'::regclass AND rule.oid = held.objid
  JOIN pg_catalog.pg_class AS class ON class.oid = rule.ev_class AND class.relkind NOT IN ('v', 'm')
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, one.oid, 0), format('DROP POLICY %I ON %s', one.polname, one.polrelid::regclass)
  FROM held JOIN pg_catalog.pg_policy AS one ON held.classid = 'pg_catalog.pg_policy'::regclass AND one.oid = held.objid
  WHERE NOT EXISTS (SELECT FROM known WHERE known.kind = 'policy' AND known.place = one.polrelid AND known.name = one.polname)
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, one.oid, 0), format('DROP TRIGGER %I ON %s', one.tgname, one.tgrelid::regclass)
  FROM held JOIN pg_catalog.pg_trigger AS one ON held.classid = 'pg_catalog.pg_trigger'::regclass AND one.oid = held.objid
  WHERE NOT one.tgisinternal AND coalesce(to_jsonb(one) ->> 'tgparentid', '0') = '0'
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, one.oid, 0), format('ALTER TABLE %s DROP CONSTRAINT %I', one.conrelid::regclass, one.conname)
  FROM held JOIN pg_catalog.pg_constraint AS one ON held.classid = 'pg_catalog.pg_constraint'::regclass AND one.oid = held.objid
  WHERE one.conrelid <> 0 AND one.conparentid = 0 AND one.coninhcount = 0
    AND NOT EXISTS (SELECT FROM known WHERE known.kind = 'constraint' AND known.place = one.conrelid AND known.name = one.conname)
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, one.oid, 0),
    format('DROP %s %s', CASE one.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, one.oid::regprocedure)
  FROM held JOIN pg_catalog.pg_proc AS one ON held.classid = 'pg_catalog.pg_proc'::regclass AND one.oid = held.objid
  WHERE NOT EXISTS (SELECT FROM known WHERE known.kind = 'function' AND known.name = one.proname)
  UNION ALL SELECT pg_catalog.pg_describe_object(held.classid, one.oid, 0), format('ALTER PUBLICATION %I DROP TABLE %s', publication.pubname, one.prrelid::regclass)
  FROM held JOIN pg_catalog.pg_publication_rel AS one ON held.classid = 'pg_catalog.pg_publication_rel'::regclass AND one.oid = held.objid
  JOIN pg_catalog.pg_publication AS publication ON publication.oid = one.prpubid
) AS strange";
