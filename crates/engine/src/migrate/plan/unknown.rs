//! What stands on a column and in no migration: an index that somebody built on a bad day, a check, a default, NOT NULL, a
//! column made of it, a table that inherits it. `ALTER COLUMN … TYPE` keeps it; a column that gives way to another takes it
//! along, without a word. So the database is asked, before anything and again when the column goes.
//!
//! Source: PostgreSQL documentation, "ALTER TABLE" (DROP COLUMN), "Inheritance" and "System Catalogs" (pg_attribute, pg_depend:
//! `deptype` "a", pg_inherits). What is generated depends on a column by itself up to PostgreSQL 14, and by its expression later.

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_sql::{quote_literal, quote_qualified};

use super::exchange::Exchange;
use super::family;
use super::swap::{Swap, temporary};
use super::sync::MARK;

impl Swap<'_> {
    /// Fails, before there is anything to undo, where something that is in no migration stands on the column.
    pub(super) fn refused_first(&self, one: &Exchange<'_>) -> Vec<String> {
        let hint = "write what is to stay as a migration before this one and plan anew, or drop it; then \
                    pgsteward migrate resolve --rolled-back, and deploy again";
        let known = known(self.catalog, one.table);
        let mut guards = vec![
            refused(&one.table.name, one.from, of_first(one), &known, hint),
            overtaken(&one.table.name, one.from, &one.sync()),
        ];
        guards.extend(self.read_first(one));
        guards
    }

    /// The same for what was made since.
    pub(super) fn refused_last(&self, one: &Exchange<'_>) -> Vec<String> {
        let hint = format!(
            "make what is to stay over \"{}\" too, then drop this; pgsteward migrate resolve --rolled-back, and deploy again",
            one.through
        );
        let known = known(self.catalog, one.table);
        let mut guards = vec![
            refused(&one.table.name, one.from, of_first(one), &known, &hint),
            overtaken(&one.table.name, one.from, &one.sync()),
        ];
        guards.extend(self.read_last(one));
        guards
    }

    /// The same where the second column goes, which has nothing but indexes of the plan's.
    pub(super) fn refused_second(&self, one: &Exchange<'_>) -> String {
        let hint = format!(
            "make what is to stay over \"{}\", which gets the name, then drop this; pgsteward migrate resolve --rolled-back, and \
             deploy again",
            one.from
        );
        let known = known(self.catalog, one.table).iter().map(|name| temporary(name)).collect();
        let own = Own { default: one.kept_default().is_some(), ..Own::default() };
        refused(&one.table.name, &one.through, own, &known, &hint)
    }
}

/// What a column has of the plan's or of migrations' beside its type.
#[derive(Clone, Copy, Default)]
struct Own {
    default: bool,
    not_null: bool,
    identity: bool,
}

fn of_first(one: &Exchange<'_>) -> Own {
    one.table.column(one.from).map_or_else(Own::default, |column| Own {
        default: column.default.is_some() || column.generated.is_some(),
        not_null: column.not_null,
        identity: column.identity.is_some(),
    })
}

/// Names of all that migrations gave to the table and its partitions.
fn known(catalog: &Catalog, table: &Table) -> BTreeSet<String> {
    let family: Vec<&Table> = std::iter::once(table).chain(family::partitions(catalog, table)).collect();
    let indexes = family.iter().flat_map(|one| one.indexes.iter().map(|index| index.name.clone()));
    let constraints = family.iter().flat_map(|one| one.constraints.iter().map(|other| other.name.clone()));
    let own = |owner: &QName| family.iter().any(|one| one.name == *owner);
    let sequences = catalog.sequences.values().filter(|sequence| {
        let owner = sequence.owned_by.as_ref();
        owner.is_some_and(|(owner, _)| own(owner))
    });
    // Those that are known are of columns that the migration drops: they go with these there, too.
    let statistics = catalog.statistics_objects.values().filter(|one| own(&one.on));
    let named = sequences.map(|sequence| &sequence.name).chain(statistics.map(|one| &one.name));
    indexes.chain(constraints).chain(named.map(|name| name.name.clone())).collect()
}

fn refused(table: &QName, column: &str, own: Own, known: &BTreeSet<String>, hint: &str) -> String {
    let known: Vec<String> = known.iter().map(|name| quote_literal(name)).collect();
    let on = quote_literal(&quote_qualified(table));
    let properties = [
        ("default value", "own.atthasdef", own.default),
        ("NOT NULL", "own.attnotnull", own.not_null),
        ("identity", "own.attidentity <> ''", own.identity),
    ];
    let properties: String = properties
        .iter()
        .filter(|(.., known)| !known)
        .map(|(what, is, _)| {
            format!(
                "    UNION ALL SELECT '{what} of ' || pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, own.attrelid, own.attnum)\n      \
                 FROM own WHERE {is}\n"
            )
        })
        .collect();
    format!(
        "-- What stands on the column and in no migration would go with it, unnoticed.\n\
         DO $known$\nDECLARE\n  found text;\nBEGIN\n  \
         WITH tree AS (\n    SELECT {on}::regclass AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree({on}::regclass)\n  \
         ), own AS (\n    SELECT one.* FROM tree JOIN pg_catalog.pg_attribute AS one ON one.attrelid = tree.oid AND one.attname = {}\n  \
         )\n  SELECT string_agg(DISTINCT strange.name, ', ') INTO found FROM (\n    \
         SELECT pg_catalog.pg_describe_object(one.classid, one.objid, one.objsubid) AS name\n      \
         FROM own JOIN pg_catalog.pg_depend AS one ON one.refclassid = 'pg_catalog.pg_class'::regclass\n        \
         AND one.refobjid = own.attrelid AND one.refobjsubid = own.attnum AND one.deptype = 'a'\n      \
         LEFT JOIN pg_catalog.pg_class AS class ON one.classid = 'pg_catalog.pg_class'::regclass AND class.oid = one.objid\n        \
         AND class.relkind IN ('i', 'I', 'S') AND NOT class.relispartition\n      \
         LEFT JOIN pg_catalog.pg_constraint AS bound ON one.classid = 'pg_catalog.pg_constraint'::regclass AND bound.oid = one.objid\n        \
         AND bound.contype <> 'n' AND bound.conparentid = 0 AND bound.coninhcount = 0\n      \
         LEFT JOIN pg_catalog.pg_statistic_ext AS statistics\n        \
         ON one.classid = 'pg_catalog.pg_statistic_ext'::regclass AND statistics.oid = one.objid\n      \
         WHERE coalesce(class.relname, bound.conname, statistics.stxname) IS NOT NULL\n        \
         AND coalesce(class.relname, bound.conname, statistics.stxname) <> ALL (ARRAY[{}]::name[])\n    \
         UNION ALL SELECT 'generated ' || pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, made.attrelid, made.attnum)\n      \
         FROM own JOIN pg_catalog.pg_attribute AS made ON made.attrelid = own.attrelid AND made.attnum <> own.attnum AND made.attgenerated <> ''\n      \
         JOIN pg_catalog.pg_attrdef AS value ON value.adrelid = made.attrelid AND value.adnum = made.attnum\n      \
         WHERE EXISTS (SELECT FROM pg_catalog.pg_depend AS one WHERE one.refclassid = 'pg_catalog.pg_class'::regclass\n        \
         AND one.refobjid = own.attrelid AND one.refobjsubid = own.attnum\n        \
         AND (one.classid = 'pg_catalog.pg_attrdef'::regclass AND one.objid = value.oid\n          \
         OR one.classid = 'pg_catalog.pg_class'::regclass AND one.objid = made.attrelid AND one.objsubid = made.attnum))\n    \
         UNION ALL SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, child.oid, 0) || ', which inherits it'\n      \
         FROM tree JOIN pg_catalog.pg_inherits AS heir ON heir.inhparent = tree.oid\n      \
         JOIN pg_catalog.pg_class AS child ON child.oid = heir.inhrelid AND NOT child.relispartition\n\
         {properties}  ) AS strange;\n  \
         IF found IS NOT NULL THEN\n    \
         RAISE EXCEPTION '% of % goes, and no migration made what stands on it: %', {}, {on}, found\n      \
         USING HINT = {};\n  END IF;\nEND\n$known$",
        quote_literal(column),
        known.join(", "),
        quote_literal(&pgsteward_sql::quote_ident(column)),
        quote_literal(hint),
    )
}

/// Fails where a subscription writes the table: its workers run no trigger that is not made for them, and what brings such a
/// trigger back would have to know which ones were.
///
/// Source: PostgreSQL documentation, "Logical Replication" (Architecture) and "System Catalogs" (pg_subscription_rel).
pub(super) fn subscribed(table: &QName) -> String {
    let on = quote_literal(&quote_qualified(table));
    let hint = "let the migration run as it was written, or end the subscription of this table first; then \
                pgsteward migrate resolve --rolled-back, and deploy again";
    format!(
        "DO $subscribed$\nBEGIN\n  \
         IF EXISTS (SELECT FROM pg_catalog.pg_subscription_rel WHERE srrelid = {on}::regclass\n    \
         OR srrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree({on}::regclass))) THEN\n    \
         RAISE EXCEPTION 'a subscription writes %, and its workers run no trigger that keeps two columns equal', {on}\n      \
         USING HINT = {};\n  END IF;\nEND\n$subscribed$",
        quote_literal(hint)
    )
}

/// Fails where a trigger that is in no migration runs behind the one that keeps the columns equal: what it makes of the first,
/// the second would not have.
fn overtaken(table: &QName, column: &str, sync: &str) -> String {
    let hint = format!(
        "ALTER TRIGGER ... RENAME TO a name that sorts before {sync}; then pgsteward migrate resolve --rolled-back, and deploy again"
    );
    beside(table, column, &format!("one.tgname > {}::name", quote_literal(sync)), &hint)
}

/// The same where both columns are written: one that runs before and names the first is passed over by what writes the second.
pub(super) fn between(one: &Exchange<'_>) -> String {
    let hint = "drop it until the last of these folders is deployed, or write it as a migration before this one and plan anew; then \
                pgsteward migrate resolve --rolled-back, and deploy again";
    let which = format!(
        "(one.tgname > {}::name OR pg_catalog.strpos(runs.prosrc, {}) > 0)",
        quote_literal(&one.sync()),
        quote_literal(one.from)
    );
    beside(&one.table.name, one.from, &which, hint)
}

/// Fails where there are such triggers before a row is written, but for those of plans.
fn beside(table: &QName, column: &str, which: &str, hint: &str) -> String {
    let on = quote_literal(&quote_qualified(table));
    let column = quote_literal(&pgsteward_sql::quote_ident(column));
    format!(
        "DO $behind$\nDECLARE\n  found text;\nBEGIN\n  \
         SELECT string_agg(pg_catalog.pg_describe_object('pg_catalog.pg_trigger'::regclass, one.oid, 0), ', ') INTO found\n  \
         FROM pg_catalog.pg_trigger AS one JOIN pg_catalog.pg_proc AS runs ON runs.oid = one.tgfoid\n  \
         WHERE (one.tgrelid = {on}::regclass OR one.tgrelid IN (SELECT relid FROM pg_catalog.pg_partition_tree({on}::regclass)))\n    \
         AND NOT one.tgisinternal AND one.tgenabled <> 'D'\n    \
         -- BEFORE, FOR EACH ROW; INSERT or UPDATE.\n    \
         AND one.tgtype & 3 = 3 AND one.tgtype & 20 <> 0 AND {which}\n    \
         AND pg_catalog.strpos(runs.prosrc, {}) = 0;\n  \
         IF found IS NOT NULL THEN\n    \
         RAISE EXCEPTION 'what this changes in % of % would not be in the column that takes its place: %', {column}, {on}, found\n      \
         USING HINT = {};\n  END IF;\nEND\n$behind$",
        quote_literal(MARK),
        quote_literal(hint)
    )
}
