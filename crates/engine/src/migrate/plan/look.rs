//! A look at all rows before there is a second column: where one of them has no value there, the fill would fail when both
//! columns are there already, and so would every UPDATE of that row.

use pgsteward_model::catalog::ColumnType;
use pgsteward_sql::ddl::column_type;
use pgsteward_sql::{quote_ident, quote_literal};

use super::exchange::{Exchange, Ways};
use super::filled;
use super::pieces::Piece;
use super::swap::Swap;
use super::sync::is_one_value;

/// Rows whose keys are shown.
const EXAMPLES: u32 = 5;

impl Swap<'_> {
    /// The second columns. All that may stand in the way of one of them is looked at before the first comes, and once more where
    /// another folder has been deployed since.
    pub(super) fn expanding(&self) -> Vec<Piece> {
        let looks: Vec<Vec<String>> = self.exchanges.iter().map(|one| self.looks(one)).collect();
        let expand = |(at, one): (usize, &Exchange<'_>)| match at {
            0 => one.expand(&looks.concat()),
            _ => one.expand(&looks[at]),
        };
        let mut pieces: Vec<Piece> = self.exchanges.iter().enumerate().map(expand).collect();
        if let Some(first) = pieces.first_mut() {
            first.asks = self.asks();
        }
        pieces
    }

    fn looks(&self, one: &Exchange<'_>) -> Vec<String> {
        // Values of an enum that go are waited for.
        let values = [defaulted(one), look(one)].into_iter().flatten().filter(|_| self.types.is_empty());
        let first = self.refused_first(one).into_iter().chain(filled::without_batches(one.table));
        first.chain(values).chain(doubted(one)).collect()
    }
}

/// Fails where rows cannot be converted, with keys of some. None where all can.
fn look(one: &Exchange<'_>) -> Option<String> {
    let known = one.table.column(one.from)?;
    if one.ways == Ways::Apart || one.using.is_none() && !one.demands && always_fits(&known.ty, &one.ty) {
        return None;
    }
    let (on, value, key) = (one.on(), one.assigned("one."), key(one));
    let missing = if one.demands || one.required() && one.using.is_some() {
        "      IF made IS NULL THEN\n        \
         RAISE not_null_violation USING MESSAGE = 'it becomes NULL';\n      END IF;\n"
    } else {
        ""
    };
    let hint = "correct these rows, or let USING do it; then pgsteward migrate resolve --rolled-back, and deploy again";
    Some(format!(
        "-- A row without a value of the new type would stop the fill, and from now on whoever writes it.\n\
         DO $look$\nDECLARE\n  one record;\n  made {ty};\n  found text[] := '{{}}';\n  why text;\nBEGIN\n  \
         BEGIN\n    FOR one IN SELECT * FROM {on} LOOP\n      made := {value};\n{missing}    END LOOP;\n    RETURN;\n  \
         EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN\n    NULL;\n  END;\n  \
         FOR one IN SELECT * FROM {on} LOOP\n    BEGIN\n      made := {value};\n{missing}    \
         EXCEPTION WHEN data_exception OR integrity_constraint_violation THEN\n      \
         why := coalesce(why, SQLERRM);\n      found := found || ({key});\n      \
         EXIT WHEN pg_catalog.cardinality(found) >= {EXAMPLES};\n    END;\n  END LOOP;\n  \
         RAISE EXCEPTION '% of % has values that % has not (%): %', {column}, {table}, {shown}, why, \
         pg_catalog.array_to_string(found, '; ')\n    USING ERRCODE = 'data_exception', HINT = {hint};\nEND\n$look$",
        ty = one.ty,
        column = quote_literal(&quote_ident(one.from)),
        table = quote_literal(&on),
        shown = quote_literal(&one.ty),
        hint = quote_literal(hint),
    ))
}

/// Fails where the default has no value of the new type: from now on whoever leaves the column out would fail.
fn defaulted(one: &Exchange<'_>) -> Option<String> {
    let known = one.table.column(one.from).filter(|known| known.generated.is_none())?;
    let default = known.default.as_deref().filter(|text| is_one_value(text))?;
    if one.ways == Ways::Apart || one.using.is_none() && always_fits(&known.ty, &one.ty) {
        return None;
    }
    let written =
        format!("(SELECT ({default})::{} AS {}) AS written", column_type(&known.ty), quote_ident(one.from));
    let doubt = one.doubt.as_ref().map_or_else(String::new, |doubt| {
        format!(
            "  IF (SELECT {doubt} FROM {written}) THEN\n    \
             RAISE data_exception USING MESSAGE = 'it reads otherwise';\n  END IF;\n"
        )
    });
    let hint = "drop or change the default in a migration before this one, or write a USING that converts it, and plan anew; then \
                pgsteward migrate resolve --rolled-back, and deploy again";
    Some(format!(
        "-- Whoever leaves the column out writes its default.\n\
         DO $default$\n#variable_conflict use_column\nDECLARE\n  made {ty};\nBEGIN\n  \
         made := (SELECT {value} FROM {written});\n{doubt}EXCEPTION\n  \
         WHEN data_exception OR integrity_constraint_violation THEN\n    \
         RAISE EXCEPTION 'the default % of % of % has no value as % (%)', {default_text}, {column}, {table}, {shown}, SQLERRM\n      \
         USING ERRCODE = 'data_exception', HINT = {hint};\n  \
         -- What USING makes of other columns too is known when there is a row.\n  \
         WHEN undefined_column OR undefined_table THEN NULL;\nEND\n$default$",
        ty = one.ty,
        value = one.assigned(""),
        default_text = quote_literal(default),
        column = quote_literal(&quote_ident(one.from)),
        table = quote_literal(&one.on()),
        shown = quote_literal(&one.ty),
        hint = quote_literal(hint),
    ))
}

/// Fails where a second column that must have a value has none in rows that were written since, with keys of some.
pub(super) fn missing(one: &Exchange<'_>) -> String {
    let hint = "correct these rows; then pgsteward migrate resolve --rolled-back, and deploy again";
    format!(
        "-- Who writes such a row anew would fail from now on, whatever is written.\n\
         DO $missing$\n#variable_conflict use_column\nDECLARE\n  found text;\nBEGIN\n  \
         SELECT pg_catalog.string_agg(few.key, '; ') INTO found FROM (\n    \
         SELECT {key} AS key FROM {on} AS one WHERE one.{through} IS NULL LIMIT {EXAMPLES}\n  ) AS few;\n  \
         IF found IS NOT NULL THEN\n    \
         RAISE EXCEPTION '% of % has no value that % may have: %', {column}, {table}, {shown}, found\n      \
         USING ERRCODE = 'not_null_violation', HINT = {hint};\n  END IF;\nEND\n$missing$",
        key = key(one),
        on = one.on(),
        through = quote_ident(&one.through),
        column = quote_literal(&quote_ident(one.from)),
        table = quote_literal(&one.on()),
        shown = quote_literal(&one.ty),
        hint = quote_literal(hint),
    )
}

/// Fails where a value that nobody said how to convert reads otherwise in the new type, with keys of some.
fn doubted(one: &Exchange<'_>) -> Option<String> {
    let doubt = one.doubt.as_ref()?;
    let hint = "correct these rows; or write ALTER COLUMN ... TYPE ... USING in place of DROP COLUMN and ADD COLUMN, which says what \
                becomes of them, and plan anew; then pgsteward migrate resolve --rolled-back, and deploy again";
    Some(format!(
        "-- A value that reads otherwise in the new type is not converted without a word.\n\
         DO $doubt$\n#variable_conflict use_column\nDECLARE\n  found text;\nBEGIN\n  \
         SELECT pg_catalog.string_agg(few.key, '; ') INTO found FROM (\n    \
         SELECT {key} AS key FROM {on} AS one WHERE {doubt} LIMIT {EXAMPLES}\n  ) AS few;\n  \
         IF found IS NOT NULL THEN\n    \
         RAISE EXCEPTION '% of % has values that read otherwise as %: %', {column}, {table}, {shown}, found\n      \
         USING ERRCODE = 'data_exception', HINT = {hint};\n  END IF;\nEND\n$doubt$",
        key = key(one),
        on = one.on(),
        column = quote_literal(&quote_ident(one.from)),
        table = quote_literal(&one.on()),
        shown = quote_literal(&one.ty),
        hint = quote_literal(hint),
    ))
}

/// What people find a row by: an expression over the row `one`.
fn key(one: &Exchange<'_>) -> String {
    match one.table.primary_key() {
        Some((_, columns)) => {
            let parts: Vec<String> = columns
                .iter()
                .map(|name| {
                    format!("{} || one.{}::text", quote_literal(&format!("{name}=")), quote_ident(name))
                })
                .collect();
            parts.join(" || ', ' || ")
        }
        None => "'a row without a primary key'".to_owned(),
    }
}

/// Whether each value of the one type is one of the other. Rather too few.
fn always_fits(from: &ColumnType, to: &str) -> bool {
    let to = to.trim().to_ascii_lowercase();
    if from.namespace.is_some() || from.array > 0 {
        return false;
    }
    let width = |ty: &str| match ty {
        "smallint" | "int2" => Some(2),
        "integer" | "int" | "int4" => Some(4),
        "bigint" | "int8" => Some(8),
        _ => None,
    };
    let is_text = matches!(to.as_str(), "text" | "varchar" | "character varying");
    let is_number = matches!(to.as_str(), "numeric" | "decimal" | "double precision" | "float8");
    match width(&from.name) {
        Some(had) => is_text || is_number || width(&to).is_some_and(|has| has >= had),
        None => is_text || from.name.starts_with("timestamp") && (to == "timestamptz" || to == "timestamp"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_types_spare_the_look() {
        let fits = |from: &str, to: &str| always_fits(&ColumnType::builtin(from, &[]), to);
        assert!(fits("integer", "BIGINT") && fits("smallint", "int4") && fits("integer", "TEXT"));
        assert!(fits("character varying", "text") && fits("timestamp without time zone", "TIMESTAMPTZ"));
        assert!(
            !fits("bigint", "INTEGER") && !fits("text", "VARCHAR(10)") && !fits("integer", "NUMERIC(5, 2)")
        );
        assert!(!fits("timestamp without time zone", "timestamptz(3)"));
    }
}
