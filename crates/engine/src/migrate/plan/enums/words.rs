//! Views and policies that migrations made and hands changed. The swap would give them the words of migrations again, and rows that
//! somebody hid would be seen: the server is asked for its own before anything changes.
//!
//! Major versions word the same thing differently. So the folders, which any database may get, compare words that differ once more
//! as one server words both, in views that are gone when they are read. A plan reads words of one version alone.
//!
//! Sources: PostgreSQL documentation, "System Information Functions" (pg_get_viewdef, pg_get_expr) and "CREATE POLICY".

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Policy, QName};
use pgsteward_sql::{quote_literal, quote_qualified};

use super::strangers::Upon;

/// Kind, relation, name and words, as a query.
type Row = [String; 4];

impl Upon<'_> {
    /// What adds names to `strangers`, in the body of a function that has `one` and `words`. Empty where there is nothing to ask.
    pub(super) fn compared(&self) -> String {
        // What the server did not word stands here as the migration has it, and could not be told from somebody's change.
        let (mut rows, mut server) = (self.rows(self.catalog), self.rows(self.start));
        server.extend(self.after.into_iter().flat_map(|after| self.rows(after)));
        rows.retain(|row| !self.renamed_before && server.contains(row));
        if rows.is_empty() {
            return String::new();
        }
        COMPARED.replace("{words}", &words(&rows))
    }

    /// Another part of the query for names, for a database that is as it was before the migration.
    pub(super) fn differ(&self) -> String {
        // What the migration gives other words, before it comes to the enum, is its own to say.
        let (mut rows, stays) = (self.rows(self.start), self.rows(self.catalog));
        rows.retain(|row| self.renamed_before || stays.contains(row));
        if rows.is_empty() {
            return String::new();
        }
        DIFFER.replace("{words}", &words(&rows)).replace("{major}", &self.catalog.version.major().to_string())
    }

    /// What the swap gives words again, with those that it has in the catalog.
    fn rows(&self, catalog: &Catalog) -> BTreeSet<Row> {
        let views = self.remade.views.iter().filter_map(|name| {
            let words = catalog.views.get(name)?.definition.clone();
            Some(["view".to_owned(), quote_qualified(name), String::new(), words])
        });
        let policies = self.remade.policies.iter().filter_map(|(table, name)| {
            let policy = catalog.table(table)?.policies.iter().find(|one| one.name == *name)?;
            Some(["policy".to_owned(), quote_qualified(table), name.clone(), as_query(table, policy)])
        });
        views.chain(policies).collect()
    }
}

/// As [`WORDS`] makes it of what the server has.
fn as_query(table: &QName, policy: &Policy) -> String {
    let text =
        |text: &Option<String>| text.as_ref().map_or_else(|| "NULL".to_owned(), |text| format!("({text})"));
    let (using, check) = (text(&policy.using), text(&policy.with_check));
    format!("SELECT {using} AS seen, {check} AS written FROM {}", quote_qualified(table))
}

fn words(rows: &BTreeSet<Row>) -> String {
    let rows = rows.iter().map(|row| {
        let cells: Vec<String> = row.iter().map(|cell| quote_literal(cell)).collect();
        format!("({})", cells.join(", "))
    });
    WORDS.replace("{rows}", &rows.collect::<Vec<_>>().join(",\n      "))
}

const WORDS: &str = "SELECT CASE had.kind WHEN 'view' THEN 'view ' ELSE format('policy %I on table ', had.name) END || had.place AS name, had.made,
      CASE had.kind WHEN 'view' THEN pg_get_viewdef(to_regclass(had.place)::oid) ELSE (
        SELECT 'SELECT ' || coalesce('(' || pg_get_expr(own.polqual, own.polrelid) || ')', 'NULL') || ' AS seen, '
          || coalesce('(' || pg_get_expr(own.polwithcheck, own.polrelid) || ')', 'NULL') || ' AS written FROM ' || had.place
        FROM pg_catalog.pg_policy AS own WHERE own.polrelid = to_regclass(had.place)::oid AND own.polname = had.name
      ) END AS has
    FROM (VALUES
      {rows}
    ) AS had (kind, place, name, made)";

const DIFFER: &str = "
      UNION ALL SELECT NULL, words.name || CASE WHEN words.has IS NULL THEN ' (not there any more)' ELSE ' (changed by hand)' END FROM (
      {words}
      ) AS words WHERE words.has IS DISTINCT FROM words.made AND current_setting('server_version_num')::integer / 10000 = {major}";

const COMPARED: &str = "  FOR one IN
    {words}
  LOOP
    words := ARRAY[one.made, one.has];
    BEGIN
      IF one.made <> one.has THEN
        FOR place IN 1 .. 2 LOOP
          EXECUTE 'CREATE TEMPORARY VIEW pgsteward_words AS ' || words[place];
          words[place] := pg_get_viewdef('pg_temp.pgsteward_words'::regclass);
          DROP VIEW pg_temp.pgsteward_words;
        END LOOP;
      END IF;
      IF words[1] IS DISTINCT FROM words[2] THEN
        strangers := concat_ws(', ', strangers, one.name || CASE WHEN one.has IS NULL THEN ' (not there any more)' ELSE ' (changed by hand)' END);
      END IF;
    EXCEPTION
      WHEN deadlock_detected OR lock_not_available OR serialization_failure THEN RAISE;
      WHEN OTHERS THEN strangers := concat_ws(', ', strangers, format('%s (not to be compared with what migrations made: %s)', one.name, SQLERRM));
    END;
  END LOOP;
";
