//! One column on its way to another: the pieces that bring the second one, fill it and let it take the first one's
//! place.

use pgsteward_model::catalog::{Index, QName, Table};
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::{ddl, quote_ident, quote_literal, quote_qualified};

use super::pieces::{FOLDER, Piece};
use crate::migrate::backfill::Definition;

/// So many rows that are not filled yet are filled by the migration itself: a new database, a small one.
const FILLED_AT_ONCE: u32 = 10_000;

/// One column on its way to another.
pub(super) struct Exchange<'a> {
    table: &'a Table,
    from: &'a str,
    /// The name that the second column has meanwhile, and the one that it ends with.
    through: String,
    to: &'a str,
    /// Type of the second column, and its value from the first (`NEW.` is put before the column by `value`).
    ty: String,
    using: Option<String>,
    /// The application names the two apart, so that writes to the second one go to the first as well.
    both_ways: bool,
    /// Statements that belong to the swap.
    pub(super) then: Vec<String>,
}

impl<'a> Exchange<'a> {
    pub(super) fn of(
        table: &'a Table,
        alter: &'a AlterTable,
        action: &'a AlterAction,
        text: &str,
    ) -> Option<Exchange<'a>> {
        match action {
            AlterAction::SetType { column, using, .. } => {
                let (_, actions) = pgsteward_rules::migration::alter_parts(text, alter.actions.len())?;
                Some(Exchange {
                    table,
                    from: column,
                    through: free_name(table, &format!("{column}_new")),
                    to: column,
                    ty: type_text(actions.first()?)?,
                    using: using.clone(),
                    both_ways: false,
                    then: Vec::new(),
                })
            }
            AlterAction::RenameColumn { from, to } => Some(Exchange {
                table,
                from,
                through: to.clone(),
                to,
                ty: ddl::column_type(&table.column(from)?.ty),
                using: None,
                both_ways: true,
                then: Vec::new(),
            }),
            _ => None,
        }
    }

    pub(super) fn pieces(&self) -> Vec<Piece> {
        let mut pieces = vec![self.expand(), self.fill()];
        pieces.extend(self.indexes().into_iter().map(|(temporary, index)| {
            let sql = ddl::index(&self.table.name, &Index { name: temporary, ..index.clone() }, true);
            Piece::settled(
                &format!("index_{}", index.name),
                "The index of the new column, built while all go on.",
                &[sql],
            )
        }));
        if self.table.column(self.from).is_some_and(|column| column.not_null) {
            pieces.extend(self.require());
        }
        pieces.push(self.contract());
        pieces
    }

    fn on(&self) -> String {
        quote_qualified(&self.table.name)
    }

    /// Name of the trigger and its function.
    fn sync(&self) -> String {
        short(&format!("{}_{}_sync", self.table.name.name, self.through))
    }

    /// The second column's value, read from the first of `row` ("NEW." or "").
    fn value(&self, row: &str) -> String {
        let column = quote_ident(self.from);
        match &self.using {
            None if self.both_ways => format!("{row}{column}"),
            None => format!("{row}{column}::{}", self.ty),
            Some(using) if row.is_empty() => format!("({using})"),
            Some(using) => format!("({})", qualified(using, self.from, row)),
        }
    }

    fn expand(&self) -> Piece {
        let (on, sync) = (self.on(), self.sync());
        let function = quote_qualified(&QName::new(&self.table.name.namespace, &sync));
        let (from, through) = (quote_ident(self.from), quote_ident(&self.through));
        let body = if self.both_ways {
            format!(
                "BEGIN\n  IF TG_OP = 'INSERT' THEN\n    IF NEW.{through} IS NULL THEN NEW.{through} := NEW.{from}; ELSE NEW.{from} := NEW.{through}; END IF;\n  \
                 ELSIF NEW.{through} IS DISTINCT FROM OLD.{through} THEN\n    NEW.{from} := NEW.{through};\n  \
                 ELSE\n    NEW.{through} := NEW.{from};\n  END IF;\n  RETURN NEW;\nEND"
            )
        } else {
            format!("BEGIN\n  NEW.{through} := {};\n  RETURN NEW;\nEND", self.value("NEW."))
        };
        let statements = [
            format!("ALTER TABLE {on} ADD COLUMN {through} {}", self.ty),
            format!(
                "CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $sync$\n{body}\n$sync$"
            ),
            format!(
                "CREATE TRIGGER {} BEFORE INSERT OR UPDATE ON {on} FOR EACH ROW EXECUTE FUNCTION {function}()",
                quote_ident(&sync)
            ),
        ];
        Piece::settled(
            &format!("expand_{}", self.through),
            "A second column, which a trigger keeps equal from now on. Both versions of the application may run.",
            &statements,
        )
    }

    fn fill(&self) -> Piece {
        let (on, through) = (self.on(), quote_ident(&self.through));
        let value = self.value("");
        let condition = format!("{through} IS DISTINCT FROM {value}");
        let text = format!(
            "-- The rows that were there before the trigger. Run `pgsteward migrate backfill {FOLDER}` before this is deployed:\n\
             -- it fills them in batches. Where few rows are left, this migration fills them itself.\n\
             DO $fill$\nBEGIN\n  IF (SELECT count(*) FROM (SELECT 1 FROM {on} WHERE {condition} LIMIT {}) AS rest) > {FILLED_AT_ONCE} THEN\n    \
             RAISE EXCEPTION 'more than {FILLED_AT_ONCE} rows of % are not filled yet', {}\n      USING HINT = {};\n  END IF;\n  \
             UPDATE {on} SET {through} = {value} WHERE {condition};\nEND\n$fill$;\n",
            FILLED_AT_ONCE + 1,
            quote_literal(&on),
            quote_literal(&format!("run: pgsteward migrate backfill {FOLDER}")),
        );
        Piece {
            settled: true,
            names_itself: true,
            backfill: Some(Definition {
                table: on,
                set: format!("{through} = {value}"),
                condition: Some(condition),
            }),
            ..Piece::new(&format!("fill_{}", self.through), text)
        }
    }

    /// Indexes with the column, with the names that their successors have meanwhile.
    fn indexes(&self) -> Vec<(String, Index)> {
        let mut found = Vec::new();
        for index in &self.table.indexes {
            let holds = index.keys.iter().any(|key| key.column.as_deref() == Some(self.from))
                || index.include.iter().any(|name| name == self.from);
            if !holds {
                continue;
            }
            let mut next = index.clone();
            for key in &mut next.keys {
                if key.column.as_deref() == Some(self.from) {
                    key.column = Some(self.through.clone());
                }
            }
            for name in &mut next.include {
                if name == self.from {
                    name.clone_from(&self.through);
                }
            }
            found.push((short(&format!("{}_new", index.name)), next));
        }
        found
    }

    /// NOT NULL without a scan under a lock: PostgreSQL takes a validated check for proof.
    fn require(&self) -> Vec<Piece> {
        let (on, through) = (self.on(), quote_ident(&self.through));
        let check = quote_ident(&short(&format!("{}_{}_not_null_check", self.table.name.name, self.through)));
        let slug = |what: &str| format!("{what}_{}", self.through);
        vec![
            Piece::settled(
                &slug("check"),
                "New rows are checked from now on, old ones by the next migration.",
                &[format!("ALTER TABLE {on} ADD CONSTRAINT {check} CHECK ({through} IS NOT NULL) NOT VALID")],
            ),
            Piece::settled(
                &slug("validate"),
                "Reads all rows while all go on.",
                &[format!("ALTER TABLE {on} VALIDATE CONSTRAINT {check}")],
            ),
            Piece::settled(
                &slug("require"),
                "The check spares the scan.",
                &[
                    format!("ALTER TABLE {on} ALTER COLUMN {through} SET NOT NULL"),
                    format!("ALTER TABLE {on} DROP CONSTRAINT {check}"),
                ],
            ),
        ]
    }

    fn contract(&self) -> Piece {
        let (on, sync) = (self.on(), self.sync());
        let function = quote_qualified(&QName::new(&self.table.name.namespace, &sync));
        let mut statements = vec![
            format!("DROP TRIGGER {} ON {on}", quote_ident(&sync)),
            format!("DROP FUNCTION {function}()"),
            format!("ALTER TABLE {on} DROP COLUMN {}", quote_ident(self.from)),
        ];
        if self.through != self.to {
            statements.push(format!(
                "ALTER TABLE {on} RENAME COLUMN {} TO {}",
                quote_ident(&self.through),
                quote_ident(self.to)
            ));
        }
        let column = self.table.column(self.from);
        if let Some(default) = column.and_then(|column| column.default.as_deref()) {
            let to = quote_ident(self.to);
            statements.push(format!("ALTER TABLE {on} ALTER COLUMN {to} SET DEFAULT {default}"));
        }
        if let Some(comment) = column.and_then(|column| column.comment.as_deref()) {
            let to = quote_ident(self.to);
            statements.push(format!("COMMENT ON COLUMN {on}.{to} IS {}", quote_literal(comment)));
        }
        for (temporary, index) in self.indexes() {
            let temporary = QName::new(&self.table.name.namespace, temporary);
            statements.push(format!(
                "ALTER INDEX {} RENAME TO {}",
                quote_qualified(&temporary),
                quote_ident(&index.name)
            ));
        }
        statements.extend(self.then.iter().cloned());
        let (slug, why, after) = if self.both_ways {
            (
                format!("drop_{}", self.from),
                format!("Deploy it when no application that runs names {} any more.", quote_ident(self.from)),
                Some(format!(
                    "no running version of the application names \"{}\" of \"{}\" any more",
                    self.from,
                    self.table.name.display()
                )),
            )
        } else {
            (format!("swap_{}", self.to), "The second column takes the place of the first.".to_owned(), None)
        };
        Piece { after, ..Piece::settled(&slug, &why, &statements) }
    }
}

/// The type as the action says it: what follows TYPE, up to USING.
fn type_text(action: &str) -> Option<String> {
    let upper = action.to_ascii_uppercase();
    let start = upper.find(" TYPE ")? + " TYPE ".len();
    let end = upper.get(start..)?.find(" USING ").map_or(action.len(), |at| start + at);
    Some(action.get(start..end)?.trim().to_owned())
}

/// An expression over one column, read from a row.
fn qualified(expression: &str, column: &str, row: &str) -> String {
    let quoted = format!("\"{column}\"");
    if expression.contains(&quoted) {
        return expression.replace(&quoted, &format!("{row}{quoted}"));
    }
    let mut out = String::new();
    let mut word = String::new();
    let mut literal = false;
    for character in expression.chars().chain(std::iter::once(' ')) {
        if !literal && (character.is_alphanumeric() || character == '_') {
            word.push(character);
            continue;
        }
        if word.eq_ignore_ascii_case(column) && !out.ends_with(['"', '.', ':']) {
            out.push_str(row);
        }
        out.push_str(&std::mem::take(&mut word));
        literal ^= character == '\'';
        out.push(character);
    }
    out.truncate(out.len().saturating_sub(1));
    out
}

fn free_name(table: &Table, wanted: &str) -> String {
    let mut name = short(wanted);
    let mut number = 2;
    while table.column(&name).is_some() {
        name = short(&format!("{wanted}{number}"));
        number += 1;
    }
    name
}

/// PostgreSQL cuts names after 63 bytes.
fn short(name: &str) -> String {
    const MOST: usize = 63;
    if name.len() <= MOST {
        return name.to_owned();
    }
    let digest = crate::migrate::project::checksum(name);
    let end = (0..=MOST - 9).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
    format!("{}_{}", name.get(..end).unwrap_or(""), digest.get(..8).unwrap_or(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_from_the_row() {
        assert_eq!(qualified("\"total\"::bigint", "total", "NEW."), "NEW.\"total\"::bigint");
        assert_eq!(
            qualified("coalesce(total, 0)::text || 'total'", "total", "NEW."),
            "coalesce(NEW.total, 0)::text || 'total'"
        );
        assert_eq!(qualified("total::bigint", "total", "NEW."), "NEW.total::bigint");
    }

    #[test]
    fn types_are_taken_as_written() {
        assert_eq!(
            type_text("ALTER COLUMN \"a\" SET DATA TYPE NUMERIC(10, 2)").as_deref(),
            Some("NUMERIC(10, 2)")
        );
        assert_eq!(
            type_text("ALTER COLUMN a TYPE \"Role_new\" USING (a::text::\"Role_new\")").as_deref(),
            Some("\"Role_new\"")
        );
    }

    #[test]
    fn long_names_stay_apart() {
        let (a, b) = (short(&"a".repeat(70)), short(&"a".repeat(71)));
        assert!(a.len() <= 63 && b.len() <= 63 && a != b);
        assert_eq!(short("b"), "b");
    }
}
