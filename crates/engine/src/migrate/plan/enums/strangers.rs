//! What hands made upon an enum, its columns and its functions, and a swap can neither carry nor leave: files do not know it, so
//! the server that runs the plan is asked, before the first folder changes anything and again in the swap. What they changed of
//! that which migrations made is asked for in [`super::words`].
//!
//! Sources: PostgreSQL documentation, "System Catalogs" (pg_depend, pg_attrdef, pg_rewrite) and "System Information Functions"
//! (pg_describe_object, pg_has_role, pg_partition_tree) and "ALTER TYPE" (OWNER TO: who may become the owner).

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, ConstraintKind, QName, Table};
use pgsteward_sql::{quote_literal, quote_qualified};

use super::Change;
use super::read::users;
use crate::migrate::plan::exchange::Exchange;
use crate::migrate::plan::readers::{speaks, texts};
use crate::migrate::plan::remade::Remade;

/// Whether things are asked whose they are: who reads for the plan may be another role than who deploys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owners {
    Asked,
    Left,
}

/// In the body of a guard: the server words things with the namespaces of all that they name.
pub(in crate::migrate::plan) const FULL_NAMES: &str =
    "PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);";
/// The same where the namespace is left to the connection: things have names as the connection finds them.
pub(in crate::migrate::plan) const OWN_NAMES: &str =
    "PERFORM pg_catalog.set_config('search_path', path, true);";

/// Kind, relation and name of a thing that migrations made.
type Known = BTreeSet<(&'static str, String, String)>;

/// What a swap is made upon.
pub(super) struct Upon<'a> {
    /// The database before the migration.
    pub(super) start: &'a Catalog,
    /// The database before the change.
    pub(super) catalog: &'a Catalog,
    /// Something that reading alone may not follow into views and policies got another name in between.
    pub(super) renamed_before: bool,
    /// What the swap makes anew.
    pub(super) remade: &'a Remade,
    pub(super) exchanges: &'a [Exchange<'a>],
    pub(super) ty: &'a QName,
    /// The migration says nothing of its columns' defaults.
    pub(super) keeps_defaults: bool,
}

impl Change<'_> {
    /// Fails with the names where there is something. `before` is what else of the migration has run by then.
    pub(super) fn guard(&self, upon: &Upon<'_>, before: &[String]) -> String {
        let hint = "drop each before (a value: let a migration add it), and make it again when the last of these folders is deployed; or let a migration make it, or change \
                    it so (pgsteward migrate dev --from-database), and plan again. Then pgsteward migrate resolve --rolled-back, and \
                    deploy again";
        format!(
            "-- What no migration made and would be lost, or in the way, at the end: named before anything changes.\n\
             DO $strangers$\nDECLARE\n  strangers text;\n  one record;\n  words text[];\n  meanwhile regclass;\n  \
             path text := pg_catalog.current_setting('search_path');\nBEGIN\n  \
             -- Words have the namespaces of all that they name.\n  \
             {FULL_NAMES}\n  \
             strangers := (\n{}\n  );\n{}  \
             PERFORM pg_catalog.set_config('search_path', path, true);\n  \
             IF strangers IS NOT NULL THEN\n    \
             RAISE EXCEPTION 'the swap of the enum % can neither carry nor leave these: %', {}, strangers\n      \
             USING HINT = {};\n  END IF;\nEND\n$strangers$",
            self.query(&self.known(upon.catalog, &self.places(), upon), Owners::Asked, ""),
            upon.compared(before),
            quote_literal(&self.name.display()),
            quote_literal(hint)
        )
    }

    /// A query for one text, the names of all of it, or NULL, for a database that is as it was before the migration. What comes
    /// before the change, another enum's swap it may be, has not run there.
    pub(super) fn asks(&self, upon: &Upon<'_>) -> String {
        let mut known = self.known(upon.catalog, &self.places(), upon);
        let columns = users(upon.start, &self.name);
        let places: Vec<(&Table, &str)> =
            columns.into_iter().map(|(table, column)| (table, column.name.as_str())).collect();
        known.extend(self.known(upon.start, &places, &Upon { exchanges: &[], ..*upon }));
        self.query(&known, Owners::Left, &upon.differ())
    }

    fn query(&self, known: &Known, owners: Owners, others: &str) -> String {
        let known: Vec<String> = known
            .iter()
            .map(|(kind, place, name)| {
                format!("({}, {}, {})", quote_literal(kind), quote_literal(place), quote_literal(name))
            })
            .collect();
        let kept: BTreeSet<&String> =
            self.old.values.iter().filter(|value| self.new.contains(value)).collect();
        let lost = self.old.values.iter().filter(|value| !kept.contains(value));
        let lost: Vec<String> = lost.map(|value| quote_literal(value)).collect();
        let (owner, owned) = match owners {
            Owners::Asked => ("AND pg_has_role(function.proowner, 'USAGE') ", OWNED),
            Owners::Left => ("", ""),
        };
        QUERY
            .replace("{known}", &known.join(",\n      "))
            .replace("{type}", &quote_literal(&quote_qualified(&self.name)))
            .replace("{owner}", owner)
            .replace("{lost}", &lost.join(", "))
            .replace("{others}", others)
            .replace("{owned}", owned)
    }

    /// What the swap sees to, or the plan was refused for. `places` are the columns of the enum.
    fn known(&self, catalog: &Catalog, places: &[(&Table, &str)], upon: &Upon<'_>) -> Known {
        let mut known = Known::new();
        let reads = |name: &QName| places.iter().any(|(table, _)| table.name == *name);
        for table in catalog.tables.values() {
            self.known_of_table(table, reads(&table.name), &mut known);
        }
        for (table, column) in places {
            let place = quote_qualified(&table.name);
            known.insert(("column", place.clone(), (*column).to_owned()));
            if table.column(column).is_some_and(|column| column.not_null) {
                known.insert(("required", place, (*column).to_owned()));
            }
        }
        for one in upon.exchanges.iter().filter(|one| one.refuses) {
            known.insert(("constraint", one.on(), one.check()));
        }
        let values = catalog.enums.get(&self.name).map(|own| &own.values);
        for value in values.into_iter().flatten().chain(&self.new) {
            known.insert(("value", quote_qualified(&self.name), value.clone()));
        }
        for composite in self.composites(catalog) {
            for (attribute, _) in &composite.attributes {
                known.insert(("attribute", quote_qualified(&composite.name), attribute.clone()));
            }
        }
        for view in catalog.views.values() {
            if speaks(&view.definition, &self.name.name) || view.reads.iter().any(reads) {
                known.insert(("relation", quote_qualified(&view.name), String::new()));
            }
        }
        let policies = upon.remade.policies.iter();
        known.extend(policies.map(|(table, name)| ("policy", quote_qualified(table), name.clone())));
        for kind in ["relation", "remade"] {
            known.extend(upon.remade.views.iter().map(|name| (kind, quote_qualified(name), String::new())));
        }
        known
    }

    /// Of a table with a column of the enum all, of another one what speaks of the enum.
    fn known_of_table(&self, table: &Table, own: bool, known: &mut Known) {
        let on = quote_qualified(&table.name);
        let names = |text: &str| own || speaks(text, &self.name.name);
        let some = |text: &Option<String>| text.as_deref().is_some_and(names);
        let mut add = |kind, name: &str| known.insert((kind, on.clone(), name.to_owned()));
        for column in &table.columns {
            let generated = column.generated.as_ref().is_some_and(|one| names(&one.expression));
            if some(&column.default) || generated {
                add("default", &column.name);
            }
        }
        for constraint in &table.constraints {
            let speaks = match &constraint.kind {
                ConstraintKind::Check { expression, .. } => names(expression),
                ConstraintKind::Exclusion { definition } => names(definition),
                _ => own,
            };
            if speaks {
                add("constraint", &constraint.name);
            }
        }
        for policy in table.policies.iter().filter(|policy| own || texts(policy).any(names)) {
            add("policy", &policy.name);
        }
        for trigger in table.triggers.iter().filter(|trigger| names(&trigger.definition)) {
            add("trigger", &trigger.name);
        }
        for index in &table.indexes {
            if own || some(&index.predicate) || index.keys.iter().any(|key| some(&key.expression)) {
                let name = QName::new(table.name.namespace.clone(), index.name.clone());
                known.insert(("relation", quote_qualified(&name), String::new()));
            }
        }
    }
}

/// What the swap makes anew is given to its owner again, whom that takes the right to make it. A superuser may give anything to anyone.
const OWNED: &str = "
      UNION ALL SELECT NULL, format('%s (%s)', pg_describe_object(own.classid, own.oid, 0), CASE WHEN pg_has_role(own.owner, 'MEMBER')
          THEN format('its owner may make nothing there: GRANT CREATE ON SCHEMA %s TO %I', own.namespace::regnamespace, pg_get_userbyid(own.owner))
          ELSE format('its owner is a role that this one is no member of: GRANT %I TO %I', pg_get_userbyid(own.owner), current_user) END)
      FROM (
        SELECT 'pg_type'::regclass AS classid, oid, typowner AS owner, typnamespace AS namespace FROM pg_catalog.pg_type
        WHERE oid IN (SELECT oid FROM type) AND typtype = 'e'
        UNION ALL SELECT 'pg_class'::regclass, oid, relowner, relnamespace FROM pg_catalog.pg_class WHERE oid IN (SELECT oid FROM remade)
        UNION ALL SELECT 'pg_proc'::regclass, oid, proowner, pronamespace FROM pg_catalog.pg_proc
        WHERE oid IN (SELECT oid FROM function) AND pg_has_role(proowner, 'MEMBER')
      ) AS own WHERE pg_get_userbyid(own.owner) <> current_user
        AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)
        AND NOT (pg_has_role(own.owner, 'MEMBER') AND has_schema_privilege(own.owner, own.namespace, 'CREATE'))";

const QUERY: &str = "    WITH known AS (
      SELECT known.kind, to_regclass(known.place)::oid AS place, known.name FROM (VALUES
      {known}
      ) AS known (kind, place, name)
    ), type AS (
      SELECT unnest(ARRAY[type.oid, type.typarray]) AS oid FROM pg_catalog.pg_type AS type WHERE type.oid = to_regtype({type})
    ), remade AS (
      SELECT class.oid, class.reltype, row.typarray FROM known JOIN pg_catalog.pg_class AS class ON class.oid = known.place
      JOIN pg_catalog.pg_type AS row ON row.oid = class.reltype WHERE known.kind = 'remade'
    ), place AS (
      SELECT attribute.attrelid, attribute.attnum, attribute.attname, attribute.attnotnull, known.place
      FROM known JOIN pg_catalog.pg_attribute AS attribute ON attribute.attname = known.name
      WHERE known.kind = 'column' AND (attribute.attrelid = known.place
        OR attribute.attrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree(known.place::regclass)))
    ), function AS (
      SELECT DISTINCT uses.objid AS oid FROM pg_catalog.pg_depend AS uses
      WHERE uses.classid = 'pg_proc'::regclass AND uses.refclassid = 'pg_type'::regclass AND uses.refobjid IN (SELECT oid FROM type)
    ), held AS (
      SELECT uses.classid, uses.objid, uses.objsubid, bool_and(uses.refclassid = 'pg_type'::regclass)
        AND bool_or(uses.refclassid = 'pg_type'::regclass AND uses.refobjid IN (SELECT oid FROM type)) AS by_type
      FROM pg_catalog.pg_depend AS uses
      WHERE uses.deptype IN ('n', 'a') AND CASE uses.refclassid
        WHEN 'pg_type'::regclass THEN uses.refobjid IN (SELECT oid FROM type UNION ALL SELECT unnest(ARRAY[reltype, typarray]) FROM remade)
        WHEN 'pg_proc'::regclass THEN uses.refobjid IN (SELECT oid FROM function)
        WHEN 'pg_class'::regclass THEN (uses.refobjid, uses.refobjsubid) IN (SELECT attrelid, attnum FROM place)
          OR uses.refobjid IN (SELECT oid FROM remade) AND uses.classid NOT IN ('pg_trigger'::regclass, 'pg_attrdef'::regclass)
      END
      GROUP BY uses.classid, uses.objid, uses.objsubid
    )
    SELECT string_agg(DISTINCT strange.name, ', ' ORDER BY strange.name) FROM (
      SELECT (SELECT CASE class.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END || class.oid::regclass
          FROM pg_catalog.pg_class AS class WHERE class.relkind IN ('v', 'm') AND class.oid = CASE held.classid
            WHEN 'pg_rewrite'::regclass THEN (SELECT rule.ev_class FROM pg_catalog.pg_rewrite AS rule WHERE rule.oid = held.objid)
            WHEN 'pg_class'::regclass THEN held.objid END) AS view,
        pg_describe_object(held.classid, held.objid, held.objsubid) AS name
      FROM held
      WHERE CASE held.classid
        WHEN 'pg_class'::regclass THEN NOT EXISTS (SELECT FROM known WHERE known.kind = 'relation' AND known.place = held.objid)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS class WHERE class.oid = held.objid
            AND held.objsubid = 0 AND class.relispartition)
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS attribute
            WHERE attribute.attrelid = held.objid AND attribute.attnum = held.objsubid AND held.objsubid > 0 AND (attribute.attinhcount > 0
            OR EXISTS (SELECT FROM known WHERE known.kind IN ('column', 'attribute') AND known.place = attribute.attrelid AND known.name = attribute.attname)))
        WHEN 'pg_rewrite'::regclass THEN NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite AS rule
          JOIN known ON known.kind = 'relation' AND known.place = rule.ev_class WHERE rule.oid = held.objid)
        WHEN 'pg_attrdef'::regclass THEN NOT EXISTS (SELECT FROM pg_catalog.pg_attrdef AS value
          JOIN pg_catalog.pg_attribute AS attribute ON attribute.attrelid = value.adrelid AND attribute.attnum = value.adnum
          WHERE value.oid = held.objid AND (attribute.attinhcount > 0
          OR EXISTS (SELECT FROM known WHERE known.kind = 'default' AND known.place = value.adrelid AND known.name = attribute.attname)))
        WHEN 'pg_constraint'::regclass THEN NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS own WHERE own.oid = held.objid
          AND (own.coninhcount > 0 OR own.conparentid <> 0 OR own.contype = 'n'
          OR EXISTS (SELECT FROM known WHERE known.kind = 'constraint' AND known.place = own.conrelid AND known.name = own.conname)))
        WHEN 'pg_trigger'::regclass THEN NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS own WHERE own.oid = held.objid
          AND (own.tgisinternal OR coalesce(to_jsonb(own) ->> 'tgparentid', '0') <> '0'
          OR EXISTS (SELECT FROM known WHERE known.kind = 'trigger' AND known.place = own.tgrelid AND known.name = own.tgname)))
        WHEN 'pg_policy'::regclass THEN NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS own
          JOIN known ON known.kind = 'policy' AND known.place = own.polrelid AND known.name = own.polname WHERE own.oid = held.objid)
        WHEN 'pg_proc'::regclass THEN NOT held.by_type OR NOT EXISTS (SELECT FROM pg_catalog.pg_proc AS function
          JOIN pg_catalog.pg_language AS language ON language.oid = function.prolang
          WHERE function.oid = held.objid AND function.prokind IN ('f', 'p') AND language.lanname IN ('sql', 'plpgsql')
            {owner}AND to_jsonb(function) ->> 'prosqlbody' IS NULL
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS own WHERE own.classid = 'pg_proc'::regclass AND own.objid = function.oid AND own.deptype = 'e')
            AND NOT EXISTS (SELECT FROM unnest(ARRAY[{lost}]::text[]) AS value WHERE strpos(pg_get_function_arguments(function.oid), quote_literal(value)) > 0))
        ELSE true
      END
      UNION ALL SELECT NULL, format('value %L of the enum', own.enumlabel) FROM pg_catalog.pg_enum AS own
      WHERE own.enumtypid IN (SELECT oid FROM type) AND NOT EXISTS (SELECT FROM known WHERE known.kind = 'value' AND known.name = own.enumlabel)
      UNION ALL SELECT NULL, format('NOT NULL of column %s of table %s', place.attname, place.place::regclass) FROM place
      WHERE place.attnotnull AND place.attrelid = place.place
        AND NOT EXISTS (SELECT FROM known WHERE known.kind = 'required' AND known.place = place.place AND known.name = place.attname){others}{owned}
    ) AS found (view, name) CROSS JOIN LATERAL (SELECT coalesce(found.view, found.name) AS name) AS strange";
