//! Edits of a migration that is not deployed yet: one of its statements becomes others, in its place and in
//! folders that follow. A folder's name is the original's with an ending, so it sorts right after it; the history as
//! a whole ends in the same catalog. Prisma's layout only: other runners name their files in ways we do not know.

use std::sync::Arc;

use pgsteward_model::change::{Change, EditAction, FileEdit, Fix, Rollback, Safety, Step, TextEdit};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{History, Layout, MigrationFile, MigrationStatement};
use pgsteward_model::place::ObjectKind;
use pgsteward_model::source::{SourceFile, Span};

use super::undo::Undo;

/// Prisma refuses migration names of more bytes (P3010).
const MAX_NAME: usize = 200;

/// A migration that follows the rewritten one.
pub(super) struct Folder {
    /// Says what it does and to what; made safe for a file name here.
    pub(super) name: String,
    /// Without semicolons. `… CONCURRENTLY` stands alone in its folder.
    pub(super) statements: Vec<String>,
}

impl Folder {
    pub(super) fn new<S: Into<String>>(name: &str, statements: impl IntoIterator<Item = S>) -> Folder {
        Folder { name: name.to_owned(), statements: statements.into_iter().map(Into::into).collect() }
    }
}

/// A statement that may be rewritten.
pub(super) struct Rewrite<'a> {
    history: &'a History,
    file: &'a MigrationFile,
    statement: &'a MigrationStatement,
    source: &'a SourceFile,
}

impl<'a> Rewrite<'a> {
    /// None where a part of the statement must not run after the rest of its file: a later statement names what it
    /// makes (`names`), drops or renames what it works on, or is not understood.
    pub(super) fn of(
        facts: &'a Facts,
        file: &'a MigrationFile,
        statement: &'a MigrationStatement,
        names: &[&str],
    ) -> Option<Rewrite<'a>> {
        let history = facts.history.as_ref()?;
        let source = facts.sources.get(&file.path)?;
        let prefix = format!("{}_", file.name);
        let neighbour = history.files.iter().any(|other| other.name.starts_with(&prefix));
        let later = file.statements.iter().filter(|other| other.span.start >= statement.span.end);
        let movable = later.into_iter().all(|other| {
            let text = source.slice(other.span);
            !other.effect.unknown
                && !names.iter().any(|name| text.contains(name))
                && !takes_away(other, statement)
        });
        (history.layout == Layout::Prisma && !neighbour && movable).then_some(Rewrite {
            history,
            file,
            statement,
            source,
        })
    }

    /// The statement as written, without its semicolon.
    pub(super) fn text(&self) -> &'a str {
        self.source.slice(self.statement.span)
    }

    pub(super) fn alone(&self) -> bool {
        self.file.statements.len() == 1
    }

    /// `here` takes the statement's place; without it the statement is taken out of its file or, where nothing else
    /// is in it, gives way to the first of the folders. The rollback takes back what the statement did, wherever it
    /// ran already, and brings the files back.
    pub(super) fn fix(
        &self,
        title: impl Into<String>,
        here: Option<String>,
        following: Vec<Folder>,
        undo: Undo,
    ) -> Fix {
        let mut following = following;
        let here = match here {
            None if self.alone() && !following.is_empty() => {
                Some(following.remove(0).statements.join(";\n\n"))
            }
            here => here,
        };
        let mut comments = "";
        let edit = match here {
            Some(text) => TextEdit { span: self.statement.span, text },
            None => {
                let (span, above) = self.removal();
                comments = above;
                TextEdit { span, text: String::new() }
            }
        };
        let original = self.source.text.to_string();
        let length = original.len() - (edit.span.end - edit.span.start) + edit.text.len();
        let mut steps = vec![self.edit(self.file.path.clone(), EditAction::Replace(vec![edit]))];
        let whole = TextEdit { span: Span::new(0, length), text: original };
        let mut restore = vec![self.edit(self.file.path.clone(), EditAction::Replace(vec![whole]))];
        let several = following.len() > 1;
        for (number, folder) in (1..).zip(&following) {
            let mut text = std::mem::take(&mut comments).to_owned();
            for (at, statement) in folder.statements.iter().enumerate() {
                let gap = if at == 0 { "" } else { "\n" };
                text += &format!("{gap}{statement};\n");
            }
            let number = if several { format!("_{number}") } else { String::new() };
            let path = self.path(&format!("{}{number}_{}", self.file.name, slug(&folder.name)));
            restore.push(self.edit(path.clone(), EditAction::Delete));
            steps.push(self.edit(path, EditAction::Create(text)));
        }
        let rollback = match undo {
            Ok(sql) => Rollback::Steps(sql.into_iter().chain(restore).collect()),
            Err(reason) => Rollback::Impossible { reason },
        };
        Fix { title: title.into(), safety: Safety::Manual, change: Change { steps, rollback } }
    }

    fn edit(&self, file: Arc<str>, action: EditAction) -> Step {
        Step::Edit(FileEdit { file, action })
    }

    fn path(&self, name: &str) -> Arc<str> {
        let name = name.get(..MAX_NAME).unwrap_or(name);
        format!("{}/{name}/migration.sql", self.history.directory).into()
    }

    /// The statement with its semicolon, the comment lines right above it and the empty line after it; and those
    /// comments, which go where the statement goes.
    fn removal(&self) -> (Span, &'a str) {
        let text: &str = &self.source.text;
        let before = text.get(..self.statement.span.start).unwrap_or("");
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let mut start = self.statement.span.start;
        if before.get(line..).is_some_and(|lead| lead.trim().is_empty()) {
            start = line;
            for line in before.get(..line).unwrap_or("").split_inclusive('\n').rev() {
                if !line.trim_start().starts_with("--") {
                    break;
                }
                start -= line.len();
            }
        }
        let comments = self.source.slice(Span::new(start, line.max(start)));
        let after = text.get(self.statement.span.end..).unwrap_or("");
        let rest = after.trim_start().strip_prefix(';').unwrap_or(after).trim_start_matches([' ', '\t']);
        let rest = rest.trim_start_matches(['\n', '\r']);
        (Span::new(start, text.len() - rest.len()), comments)
    }
}

/// Whether `other` drops or renames a table that `statement` works on, or a column of it.
fn takes_away(other: &MigrationStatement, statement: &MigrationStatement) -> bool {
    let renamed = other.effect.renamed.iter().map(|(old, _)| old);
    other.effect.dropped.iter().chain(renamed).any(|object| {
        matches!(object.kind, ObjectKind::Table | ObjectKind::Column | ObjectKind::MaterializedView)
            && statement.effect.touches.iter().any(|touch| {
                object.relation.as_deref() == Some(&touch.relation.name)
                    && object.namespace.as_deref() == Some(&touch.relation.namespace)
            })
    })
}

/// Lower case, with `_` for whatever a file name should not have.
fn slug(name: &str) -> String {
    name.chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_lowercase() } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use pgsteward_model::migration::Regime;
    use pgsteward_model::source::SourceFile;

    use super::*;

    fn facts(text: &str) -> Facts {
        let path: Arc<str> = "prisma/migrations/1_a/migration.sql".into();
        let mut facts = Facts::default();
        facts.sources.add(SourceFile::new(path.clone(), text));
        let parsed = pgsteward_sql::parse(text);
        let statements = parsed.statements.into_iter().map(|parsed| MigrationStatement {
            span: parsed.span,
            statement: parsed.statement,
            fingerprint: parsed.fingerprint,
            effect: Default::default(),
            own_transaction: false,
            lock_timeout_ms: None,
        });
        let file = MigrationFile {
            name: "1_a".into(),
            path,
            down: None,
            judged: true,
            statements: statements.collect(),
            errors: Vec::new(),
            checksum: String::new(),
        };
        facts.history = Some(std::sync::Arc::new(History {
            directory: "prisma/migrations".into(),
            layout: Layout::Prisma,
            files: vec![file],
            regime: Regime::OneMessage,
            judged_because: String::new(),
            replay: None,
        }));
        facts
    }

    fn rewrite<'a>(facts: &'a Facts, at: usize, names: &[&str]) -> Option<Rewrite<'a>> {
        let file = facts.history.as_ref().unwrap().files.first().unwrap();
        Rewrite::of(facts, file, &file.statements[at], names)
    }

    /// The files that the steps leave, in their order, and whether the rollback brings the first one back.
    fn files(facts: &Facts, fix: &Fix) -> Vec<(String, String)> {
        let before = facts.sources.get("prisma/migrations/1_a/migration.sql").unwrap().text.clone();
        let mut files = vec![("prisma/migrations/1_a/migration.sql".to_owned(), before.to_string())];
        let run = |files: &mut Vec<(String, String)>, steps: &[Step]| {
            for step in steps {
                let Step::Edit(edit) = step else { panic!("{step:?}") };
                let at = files.iter().position(|(path, _)| *path == *edit.file);
                match &edit.action {
                    EditAction::Create(text) => files.push((edit.file.to_string(), text.clone())),
                    EditAction::Delete => drop(files.remove(at.unwrap())),
                    EditAction::Replace(edits) => {
                        let text = &mut files[at.unwrap()].1;
                        *text = TextEdit::apply_all(text, edits).unwrap();
                    }
                }
            }
        };
        run(&mut files, &fix.change.steps);
        let after = files.clone();
        let Rollback::Steps(undo) = &fix.change.rollback else { panic!("{:?}", fix.change.rollback) };
        run(&mut files, undo);
        assert_eq!(files, [("prisma/migrations/1_a/migration.sql".to_owned(), before.to_string())]);
        after
    }

    #[test]
    fn a_statement_moves_with_its_comments() {
        let facts = facts(
            "-- AlterTable\nALTER TABLE a ADD b INT;\n\n-- CreateIndex\n-- for search\nCREATE INDEX i ON a (b);\n\nSELECT 1;\n",
        );
        let fix = rewrite(&facts, 1, &["i"]).unwrap().fix(
            "",
            None,
            vec![Folder::new("I \"x\"", ["CREATE INDEX CONCURRENTLY i ON a (b)"])],
            Ok(Vec::new()),
        );
        assert_eq!(
            files(&facts, &fix),
            [
                (
                    "prisma/migrations/1_a/migration.sql".into(),
                    "-- AlterTable\nALTER TABLE a ADD b INT;\n\nSELECT 1;\n".to_owned()
                ),
                (
                    "prisma/migrations/1_a_i__x_/migration.sql".into(),
                    "-- CreateIndex\n-- for search\nCREATE INDEX CONCURRENTLY i ON a (b);\n".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn a_statement_alone_gives_way_in_its_place() {
        let facts = facts("-- CreateIndex\nCREATE INDEX i ON a (b); -- why\n");
        let fix = rewrite(&facts, 0, &["i"]).unwrap().fix(
            "",
            None,
            vec![Folder::new("i", ["X"]), Folder::new("j", ["Y", "Z"])],
            Ok(Vec::new()),
        );
        assert_eq!(
            files(&facts, &fix),
            [
                ("prisma/migrations/1_a/migration.sql".into(), "-- CreateIndex\nX; -- why\n".to_owned()),
                ("prisma/migrations/1_a_j/migration.sql".into(), "Y;\n\nZ;\n".to_owned()),
            ]
        );
    }

    #[test]
    fn several_folders_keep_their_order() {
        let facts = facts("SELECT 1; ALTER TABLE a ADD CHECK (b > 0); SELECT 2;");
        let here = Some("HERE".to_owned());
        let fix = rewrite(&facts, 1, &[]).unwrap().fix(
            "",
            here,
            vec![Folder::new("z", ["A"]), Folder::new("a", ["B"])],
            Ok(Vec::new()),
        );
        let files = files(&facts, &fix);
        let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(files[0].1, "SELECT 1; HERE; SELECT 2;");
        assert_eq!(
            paths[1..],
            ["prisma/migrations/1_a_1_z/migration.sql", "prisma/migrations/1_a_2_a/migration.sql"]
        );
    }

    #[test]
    fn what_later_statements_need_does_not_move() {
        let facts = facts("CREATE INDEX i ON a (b);\nALTER TABLE a ADD CONSTRAINT c UNIQUE USING INDEX i;");
        assert!(rewrite(&facts, 0, &["i"]).is_none());
        assert!(rewrite(&facts, 1, &["c"]).is_some());
    }
}
