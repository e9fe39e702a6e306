//! Views, policies and defaults that migrations made and hands changed. The swap would give them the words of migrations again, and
//! rows that somebody hid would be seen: the server is asked for its own before anything changes.
//!
//! Major versions word the same thing differently. So the folders, which any database may get, compare words that differ once more
//! as one server words both, in views that are gone when they are read. A plan reads words of one version alone.
//!
//! Sources: PostgreSQL documentation, "System Information Functions" (pg_get_viewdef, pg_get_expr) and "CREATE POLICY".

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, Policy, QName};
use pgsteward_model::printed::settled;
use pgsteward_sql::{quote_literal, quote_qualified};

use super::strangers::Upon;
use crate::migrate::plan::readers::speaks;

/// Kind, relation, name and words, as a query.
type Row = [String; 4];

impl Upon<'_> {
    /// What adds names to `strangers`, in the body of a function that has `one` and `words`. Empty where there is nothing to ask.
    /// `before` is what else of the migration has run by then.
    pub(super) fn compared(&self, before: &[String]) -> String {
        // What the server did not word stands here as the migration has it, and could not be told from somebody's change.
        let (mut rows, server) = (self.rows(self.catalog), self.rows(self.start));
        rows.retain(|row| !self.renamed_before && server.contains(row));
        rows.retain(|row| !before.iter().any(|statement| rewords(statement, row)));
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
        // No server worded defaults: only of a plain value is known how it would.
        let plain = self.defaults(self.start).into_iter().filter(|(_, plain)| *plain).map(|(row, _)| row);
        let plain: BTreeSet<Row> = plain.collect();
        rows.retain(|row| row[0] != DEFAULT || plain.contains(row));
        if rows.is_empty() {
            return String::new();
        }
        // Of a dump that was restored, the server has read its own words.
        let again = rows.iter().map(|[kind, place, name, words]| {
            [kind.clone(), place.clone(), name.clone(), settled(words).into_owned()]
        });
        let rows: BTreeSet<Row> = again.chain(rows.iter().cloned()).collect();
        DIFFER.replace("{words}", &words(&rows)).replace("{major}", &self.catalog.version.major().to_string())
    }

    /// What the swap gives words again, with those that it has in the catalog.
    fn rows(&self, catalog: &Catalog) -> BTreeSet<Row> {
        let views = self.remade.views.iter().filter_map(|name| {
            let words = catalog.views.get(name)?.definition.clone();
            Some(["view".to_owned(), quote_qualified(name), name.name.clone(), words])
        });
        let policies = self.remade.policies.iter().filter_map(|(table, name)| {
            let policy = catalog.table(table)?.policies.iter().find(|one| one.name == *name)?;
            Some(["policy".to_owned(), quote_qualified(table), name.clone(), as_query(table, policy)])
        });
        let defaults = self.defaults(catalog).into_iter().map(|(row, _)| row);
        views.chain(policies).chain(defaults).collect()
    }

    /// Defaults that a renamed value leaves to the swap, and whether they are worded as a server does it. What makes a type anew
    /// says itself which defaults its columns have.
    fn defaults(&self, catalog: &Catalog) -> Vec<(Row, bool)> {
        let exchanges = self.exchanges.iter().filter(|_| self.keeps_defaults);
        let defaults = exchanges.filter_map(|one| {
            let column = catalog.table(&one.table.name)?.column(one.from)?;
            let text = column.default.as_deref().filter(|_| column.generated.is_none())?;
            // NULL is no default to the server.
            if text.trim_start_matches('(').to_ascii_uppercase().starts_with("NULL") {
                return None;
            }
            let ty = format!("{}{}", quote_qualified(self.ty), "[]".repeat(column.ty.array as usize));
            let plain = plain(text);
            let text = plain.map_or_else(|| text.to_owned(), |value| format!("{value}::{ty}"));
            let words = format!("SELECT CAST(({text}) AS {ty}) AS value");
            let place = quote_qualified(&one.table.name);
            Some(([DEFAULT.to_owned(), place, one.from.to_owned(), words], plain.is_some()))
        });
        defaults.collect()
    }
}

const DEFAULT: &str = "default";

/// The literal of an expression that is nothing but that, perhaps with its type, and that a server gives back as it was given.
fn plain(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('\'')?;
    let end = inside.find('\'')?;
    let (value, rest) = (inside.get(..end)?, inside.get(end + 1..)?);
    let typed = rest.is_empty() || rest.starts_with("::") && !rest.contains(['(', '\'', '|', ' ']);
    let simple = !value.chars().any(|one| one.is_whitespace() || matches!(one, '"' | '\\'));
    (typed && simple).then(|| text.get(..end + 2)).flatten()
}

/// Whether a statement may give it other words: it speaks of it, or of something in its words that gets another name.
fn rewords(statement: &str, [_, _, name, words]: &Row) -> bool {
    let moves = super::gives_another_name(statement);
    let mut names = statement.split(|one: char| !one.is_alphanumeric() && one != '_');
    speaks(statement, name) || moves && names.any(|name| !name.is_empty() && speaks(words, name))
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

const WORDS: &str = "SELECT CASE had.kind WHEN 'view' THEN 'view ' WHEN 'policy' THEN format('policy %I on table ', had.name)
      ELSE format('default of column %I of table ', had.name) END || had.place AS name, had.made,
      CASE had.kind WHEN 'view' THEN pg_get_viewdef(to_regclass(had.place)::oid) WHEN 'policy' THEN (
        SELECT 'SELECT ' || coalesce('(' || pg_get_expr(own.polqual, own.polrelid) || ')', 'NULL') || ' AS seen, '
          || coalesce('(' || pg_get_expr(own.polwithcheck, own.polrelid) || ')', 'NULL') || ' AS written FROM ' || had.place
        FROM pg_catalog.pg_policy AS own WHERE own.polrelid = to_regclass(had.place)::oid AND own.polname = had.name
      ) ELSE (
        SELECT format('SELECT CAST((%s) AS %s) AS value', pg_get_expr(own.adbin, own.adrelid), format_type(attribute.atttypid, attribute.atttypmod))
        FROM pg_catalog.pg_attribute AS attribute JOIN pg_catalog.pg_attrdef AS own ON own.adrelid = attribute.attrelid AND own.adnum = attribute.attnum
        WHERE attribute.attrelid = to_regclass(had.place)::oid AND attribute.attname = had.name
      ) END AS has
    FROM (VALUES
      {rows}
    ) AS had (kind, place, name, made)";

const DIFFER: &str = "
      UNION ALL SELECT NULL, words.name || CASE WHEN words.has IS NULL THEN ' (not there any more)' ELSE ' (changed by hand)' END FROM (
      {words}
      ) AS words WHERE current_setting('server_version_num')::integer / 10000 = {major}
      GROUP BY words.name, words.has HAVING bool_and(words.has IS DISTINCT FROM words.made)";

const COMPARED: &str = "  FOR one IN
    {words}
  LOOP
    words := ARRAY[one.made, one.has];
    BEGIN
      IF one.made <> one.has THEN
        FOR place IN 1 .. 2 LOOP
          -- What no server worded names things as the migration does.
          PERFORM pg_catalog.set_config('search_path', path, true);
          EXECUTE 'CREATE VIEW pgsteward_words AS ' || words[place];
          meanwhile := to_regclass('pgsteward_words');
          PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
          words[place] := pg_get_viewdef(meanwhile);
          EXECUTE format('DROP VIEW %s', meanwhile);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_value_is_told_from_other_expressions() {
        for (text, value) in [
            ("'OPEN'", Some("'OPEN'")),
            ("'OPEN'::\"Status\"", Some("'OPEN'")),
            ("'{OPEN,VOID}'::\"Status\"[]", Some("'{OPEN,VOID}'")),
            ("'{OPEN, VOID}'", None),
            ("'it''s'", None),
            ("'a' || 'b'", None),
            ("'a'::text || 'b'", None),
            ("lower('A')", None),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }
}
