//! A migration taken apart: texts that run one after the other, each a migration of its own.

use std::ops::Range;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::{MigrationFile, MigrationStatement};
use pgsteward_model::source::Span;
use pgsteward_model::statement::{AlterAction, AlterTable};
use pgsteward_sql::Births;

use super::torn::torn_beside;
use crate::migrate::backfill::Definition;

/// One migration to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    /// The text of migration.sql.
    pub(super) text: String,
    /// What it does, for the name of its folder.
    pub(super) slug: String,
    /// Made by an expansion: nothing in it is to be rewritten again.
    pub(super) settled: bool,
    pub(super) backfill: Option<Definition>,
    /// What undoes it, where no comparison of catalogs can tell.
    pub(super) down: Option<String>,
    /// A query for the names of what stands in its way on the user's database: one text, or NULL.
    pub(super) asks: Option<String>,
    /// Takes away and renames only what migrations made, whatever its statements say.
    pub(super) keeps_strangers: bool,
    /// What to wait for before it is deployed.
    pub(super) after: Option<String>,
    /// Old and new name of the table whose view goes: of those that wait the first ones, because a view holds columns.
    pub(super) renamed: Option<(String, String)>,
    /// Follows one that waits, and so waits with it.
    pub(super) behind: bool,
    /// Comes behind what may still need what it takes away, and waits for nobody.
    pub(super) late: bool,
    /// Names that its own folder must be told, in place of `{folder}`.
    pub(super) names_itself: bool,
}

/// Stands for the folder's name in the text of a piece.
pub(super) const FOLDER: &str = "{folder}";

impl Piece {
    pub(super) fn new(slug: &str, text: impl Into<String>) -> Piece {
        Piece { text: text.into(), slug: slug.to_owned(), ..Piece::default() }
    }

    /// Statements of an expansion, without their semicolons; several are one transaction, whatever the runner
    /// makes of a file.
    pub(super) fn settled(slug: &str, why: &str, statements: &[String]) -> Piece {
        Piece { settled: true, ..Piece::new(slug, script(why, statements)) }
    }

    pub(super) fn is_empty(&self) -> bool {
        pgsteward_sql::parse(&self.text).statements.is_empty()
    }

    /// Whether the application has to do something before this is deployed.
    pub(super) fn waits(&self) -> bool {
        self.after.is_some() || self.behind
    }

    /// Its place among the others: what waits for the application is the last, so that nothing else waits with it.
    pub(super) fn order(&self) -> (bool, bool, bool) {
        (self.waits(), self.renamed.is_none(), self.late)
    }

    /// The same piece with another text.
    pub(super) fn with(&self, text: impl Into<String>) -> Piece {
        Piece { text: text.into(), ..self.clone() }
    }

    pub(super) fn slice(&self, statement: &MigrationStatement) -> &str {
        self.text.get(statement.span.start..statement.span.end).unwrap_or("")
    }
}

/// Statements without their semicolons as a text; several are one transaction.
pub(super) fn script(why: &str, statements: &[String]) -> String {
    let (why, body) = (remark(why), statements.join(";\n\n"));
    match statements {
        [_] => format!("{why}{body};\n"),
        _ => format!("{why}BEGIN;\n\n{body};\n\nCOMMIT;\n"),
    }
}

/// A text as comment lines: names that it tells may hold line breaks.
pub(super) fn remark(why: &str) -> String {
    let line = |line: &str| match line.starts_with("--") {
        true => format!("{line}\n"),
        false => format!("-- {line}\n"),
    };
    why.split(['\n', '\r']).map(line).collect()
}

/// Such a text without its transaction; any other as it is.
pub(super) fn without_own_transaction(script: &str) -> String {
    match script
        .split_once("\nBEGIN;\n\n")
        .and_then(|(why, rest)| Some((why, rest.strip_suffix("\nCOMMIT;\n")?)))
    {
        Some((why, body)) => format!("{why}\n{body}"),
        None => script.to_owned(),
    }
}

/// The statement of a piece as far as it stands for itself.
pub(super) enum Stands {
    /// There is nothing else in the piece.
    Alone,
    /// What the piece becomes on the way there.
    Among(Vec<Piece>),
}

/// Whether a statement stands alone, and what to do first where it does not. None where it cannot be taken out.
pub(super) fn stands(
    piece: &Piece,
    file: &MigrationFile,
    statement: &MigrationStatement,
    notes: &mut Vec<String>,
) -> Option<Stands> {
    let at = file.statements.iter().position(|one| one.span == statement.span)?;
    stand(piece, file, at..at + 1, notes)
}

/// The same of several that follow each other and stay together.
pub(super) fn stand(
    piece: &Piece,
    file: &MigrationFile,
    run: Range<usize>,
    notes: &mut Vec<String>,
) -> Option<Stands> {
    let together = file.statements.get(run.clone())?;
    let (first, last) = (together.first()?, together.last()?);
    if file.statements.len() == together.len() {
        return Some(Stands::Alone);
    }
    let bare = without_transaction(&piece.text)?;
    let within = |one: &MigrationStatement| together.iter().any(|other| other.span == one.span);
    if let Some(reason) = run.clone().find_map(|at| torn_beside(file, at, &within)) {
        note(notes, left_whole(first, &reason));
        return None;
    }
    Some(Stands::Among(match bare == piece.text {
        true => apart(piece, Span::new(first.span.start, last.span.end)),
        false => vec![piece.with(bare)],
    }))
}

/// Each action of an `ALTER TABLE` as a statement of its own, but for a column that goes and comes back, without which no statement
/// may stand between; none where there is one only, or the text has another number of them than the parser saw.
pub(super) fn single_actions(alter: &AlterTable, text: &str) -> Option<Vec<String>> {
    let (head, actions) = pgsteward_rules::migration::alter_parts(text, alter.actions.len())?;
    let of = |at: usize| {
        let back = twin(alter, at).and_then(|back| actions.get(back));
        let back = back.map_or_else(String::new, |back| format!(",\n{back}"));
        Some(format!("{head} {}{back};\n", actions.get(at)?))
    };
    let comes_back: Vec<usize> = (0..actions.len()).filter_map(|at| twin(alter, at)).collect();
    let singles: Vec<String> =
        (0..actions.len()).filter(|at| !comes_back.contains(at)).filter_map(of).collect();
    (singles.len() > 1).then_some(singles)
}

/// The action that adds the column again which the one at a place drops.
pub(super) fn twin(alter: &AlterTable, at: usize) -> Option<usize> {
    let AlterAction::DropColumn { name, .. } = alter.actions.get(at)? else { return None };
    let back = |action: &AlterAction| matches!(action, AlterAction::AddColumn { column, .. } if column.column.name == *name);
    alter.actions.iter().skip(at).position(back).map(|place| at + place)
}

/// The database just before a statement of the file that `catalog` comes before.
pub(super) fn state_before(
    catalog: &Catalog,
    file: &MigrationFile,
    statement: &MigrationStatement,
) -> Catalog {
    let (mut before, mut births) = (catalog.clone(), Births::default());
    for one in file.statements.iter().take_while(|one| one.span.end <= statement.span.start) {
        pgsteward_sql::apply(&mut before, &one.statement, &mut births);
    }
    before
}

/// Says of a statement why it stays among the others.
pub(super) fn left_whole(statement: &MigrationStatement, reason: &str) -> String {
    let touched = statement.effect.touches.first();
    let name = touched.map_or_else(|| "a statement".to_owned(), |touch| touch.relation.display());
    format!("{name} is changed as it is written: {reason}")
}

/// Says something once.
pub(super) fn note(notes: &mut Vec<String>, text: String) {
    if !notes.contains(&text) {
        notes.push(text);
    }
}

/// The piece with one statement apart from those before and after it. Comments above a statement stay with it.
pub(super) fn apart(piece: &Piece, statement: Span) -> Vec<Piece> {
    cut(piece, statement).into_iter().filter(|part| !part.is_empty()).collect()
}

/// One statement of a piece, and what stands before and behind it.
pub(super) fn taken_out(piece: &Piece, statement: Span) -> (Piece, Vec<Piece>) {
    let [before, own, behind] = cut(piece, statement);
    (own, [before, behind].into_iter().filter(|part| !part.is_empty()).collect())
}

/// What stands before a statement, the statement with the comments above it, and what stands behind it.
fn cut(piece: &Piece, statement: Span) -> [Piece; 3] {
    let text = &piece.text;
    let parsed = pgsteward_sql::parse(text);
    let end_of = |span: Span| {
        let rest = text.get(span.end..).unwrap_or("");
        match rest.trim_start().strip_prefix(';') {
            Some(after) => text.len() - after.len(),
            None => span.end,
        }
    };
    let before = parsed.statements.iter().rfind(|other| other.span.end <= statement.start);
    let start = before.map_or(0, |before| end_of(before.span));
    let end = end_of(statement);
    let part = |from: usize, to: usize| {
        let text = format!("{}\n", text.get(from..to).unwrap_or("").trim());
        Piece { text, ..piece.clone() }
    };
    [part(0, start), part(start, end), part(end, text.len())]
}

/// The text without the statements that begin and end transactions, which make no sense in its parts.
pub(super) fn without_transaction(text: &str) -> Option<String> {
    use pgsteward_model::statement::Statement;

    let mut out = text.to_owned();
    for parsed in pgsteward_sql::parse(text).statements.iter().rev() {
        match parsed.statement {
            Statement::Begin | Statement::Commit => {
                let rest = out.get(parsed.span.end..)?;
                let end = match rest.trim_start().strip_prefix(';') {
                    Some(after) => out.len() - after.len(),
                    None => parsed.span.end,
                };
                out.replace_range(parsed.span.start..end, "");
            }
            // Who rolls back or sets savepoints has a plan of their own.
            Statement::Rollback | Statement::Savepoint => return None,
            _ => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_taken_out_with_its_comments() {
        let text = "-- AlterTable\nALTER TABLE a ADD b INT;\n\n-- CreateIndex\nCREATE INDEX i ON a (b);\n\n-- AddForeignKey\nSELECT 1;";
        let piece = Piece::new("", text);
        let parsed = pgsteward_sql::parse(text);
        let parts = apart(&piece, parsed.statements[1].span);
        let texts: Vec<&str> = parts.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(
            texts,
            [
                "-- AlterTable\nALTER TABLE a ADD b INT;\n",
                "-- CreateIndex\nCREATE INDEX i ON a (b);\n",
                "-- AddForeignKey\nSELECT 1;\n"
            ]
        );
        assert_eq!(apart(&parts[1], pgsteward_sql::parse(&parts[1].text).statements[0].span).len(), 1);
    }

    #[test]
    fn a_comment_that_quotes_a_statement_is_not_taken_for_it() {
        let text = "-- ALTER TABLE a RENAME b TO c was forgotten\nALTER TABLE a ADD d INT;\nALTER TABLE a RENAME b TO c;";
        let parsed = pgsteward_sql::parse(text);
        let (own, rest) = taken_out(&Piece::new("", text), parsed.statements[1].span);
        assert_eq!(own.text, "ALTER TABLE a RENAME b TO c;\n");
        let rest: Vec<&str> = rest.iter().map(|part| part.text.as_str()).collect();
        assert_eq!(rest, ["-- ALTER TABLE a RENAME b TO c was forgotten\nALTER TABLE a ADD d INT;\n"]);
    }

    #[test]
    fn a_line_break_in_a_name_ends_no_comment() {
        let told =
            script("Deploy it when nobody names \"a\nDROP TABLE b;\".\n-- marker", &["SELECT 1".to_owned()]);
        assert_eq!(told, "-- Deploy it when nobody names \"a\n-- DROP TABLE b;\".\n-- marker\nSELECT 1;\n");
    }

    #[test]
    fn transactions_of_their_own_are_left_alone() {
        assert_eq!(without_transaction("BEGIN;\nSELECT 1;\nCOMMIT;").as_deref(), Some("\nSELECT 1;\n"));
        assert_eq!(without_transaction("BEGIN; SAVEPOINT a; COMMIT;"), None);
    }
}
