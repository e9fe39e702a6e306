//! The history as reading alone knows it, up to the migration that is planned, and facts about the pieces that
//! take its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::facts::Facts;
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::Births;

use super::change::Place;
use super::kept::Read;
use super::pieces::Piece;
use crate::migrate::project::MigrationFolder;
use crate::migrate::subscribers::Change;

/// Folder that the pieces lie in as long as they have no names.
const FOLDER: &str = "pieces";

/// What a statement gives another name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A value of the enum.
    Value(QName),
    Column(QName, String),
}

pub(super) struct Deck {
    /// Prisma schema and code; no history.
    base: Facts,
    pub(super) catalog: Catalog,
    /// What the server makes of the migration that is planned, where that was asked and it runs.
    pub(super) after: Option<Catalog>,
    /// The same just after some of its statements, in their order: where values of enums and columns get other names, what reads both
    /// is worded for the one change while the other is still to come, or is done.
    pub(super) along: Vec<(Named, Catalog)>,
    /// The same at the end while the columns whose type it changes have the names of second ones. Read where it makes materialized views.
    pub(super) meanwhile: Option<Catalog>,
    /// What the migration that is planned says for the plan.
    pub(super) read: Read,
    /// Columns whose change of type works on all rows, where that was asked.
    pub(super) moving: Option<BTreeSet<Place>>,
    /// What earlier migrations set beside definitions, as the proof calls it, and what takes it back. Read where columns that are
    /// dropped and added again are kept; so are their extended statistics, in the catalog.
    pub(super) settings: BTreeMap<String, String>,
    births: Births,
    /// The last file belonged to the deploy that is planned.
    in_deploy: bool,
}

impl Deck {
    pub(super) fn new(base: Facts, version: ServerVersion) -> Deck {
        Deck {
            base,
            catalog: Catalog::empty(version),
            after: None,
            along: Vec::new(),
            meanwhile: None,
            read: Read::default(),
            moving: None,
            settings: BTreeMap::new(),
            births: Births::default(),
            in_deploy: false,
        }
    }

    /// Goes past a migration as it is written.
    pub(super) fn pass(&mut self, folder: &MigrationFolder, planned: bool) {
        self.begin(planned);
        pgsteward_sql::analyze_file(folder.script(), &mut self.catalog, &mut self.births, Regime::OneMessage);
        self.in_deploy = planned;
    }

    /// Views and policies as the server words them, which names each column.
    pub(super) fn take_words(&mut self, server: &Catalog) {
        for (name, view) in &mut self.catalog.views {
            if let Some(known) = server.views.get(name) {
                view.clone_from(known);
            }
        }
        for (name, table) in &mut self.catalog.tables {
            if let Some(known) = server.table(name).filter(|known| known.policies != table.policies) {
                Arc::make_mut(table).policies.clone_from(&known.policies);
            }
        }
    }

    /// What the server makes of the migration up to the statement that gives the name, or else of all of it.
    pub(super) fn after(&self, named: &Named) -> Option<&Catalog> {
        let own = self.along.iter().rfind(|(other, _)| other == named).map(|(_, catalog)| catalog);
        own.or(self.after.as_ref())
    }

    /// What pending migrations make is as new to the ones after them as if they were one.
    fn begin(&mut self, planned: bool) {
        if planned && self.in_deploy { self.births.start_file() } else { self.births.start_deploy() }
    }

    /// The database as it is when the first `count` pieces have run.
    pub(super) fn catalog_after(&self, pieces: &[Piece], count: usize) -> Catalog {
        let (mut catalog, mut births) = (self.catalog.clone(), self.births.clone());
        for piece in pieces.iter().take(count) {
            births.start_file();
            pgsteward_sql::analyze_file(&piece.text, &mut catalog, &mut births, Regime::OneMessage);
        }
        catalog
    }

    /// What one of the pieces does.
    pub(super) fn change(&self, pieces: &[Piece], at: usize) -> Change {
        let (mut catalog, mut births) = (self.catalog_after(pieces, at), self.births.clone());
        Change::of(&pieces[at].text, &mut catalog, &mut births)
    }

    /// Facts whose history is the pieces, all of them judged.
    pub(super) fn facts(&self, pieces: &[Piece]) -> Facts {
        let (mut catalog, mut births) = (self.catalog.clone(), self.births.clone());
        let mut facts = self.base.clone();
        let mut files = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            if at == 0 && !self.in_deploy {
                births.start_deploy();
            } else {
                births.start_file();
            }
            let analyzed =
                pgsteward_sql::analyze_file(&piece.text, &mut catalog, &mut births, Regime::OneMessage);
            let path: Arc<str> = path_of(at).into();
            facts.sources.add(SourceFile::new(path.clone(), piece.text.as_str()));
            files.push(MigrationFile {
                name: name_of(at),
                path,
                down: None,
                judged: true,
                statements: analyzed.statements,
                errors: analyzed.errors,
                checksum: String::new(),
            });
        }
        facts.history = Some(Arc::new(History {
            directory: FOLDER.into(),
            layout: Layout::Prisma,
            files,
            regime: Regime::OneMessage,
            judged_because: "planned".into(),
            replay: None,
        }));
        facts
    }
}

/// The pieces that may still be rewritten, each with its place and its statements as `facts`, those of the pieces, have them.
pub(super) fn unsettled<'a>(
    facts: &'a Facts,
    pieces: &'a [Piece],
) -> impl Iterator<Item = (usize, &'a Piece, &'a MigrationFile)> {
    let files = facts.history.iter().flat_map(|history| &history.files);
    let all = pieces.iter().zip(files).enumerate();
    all.filter(|(_, (piece, _))| !piece.settled).map(|(at, (piece, file))| (at, piece, file))
}

fn name_of(at: usize) -> String {
    format!("p{at:05}")
}

pub(super) fn path_of(at: usize) -> String {
    format!("{FOLDER}/{}/migration.sql", name_of(at))
}

/// What a fix called the folder of a path that it made after the piece: `validate_total`.
pub(super) fn slug_of(path: &str, at: usize) -> String {
    let name = path.rsplit('/').nth(1).unwrap_or(path);
    let rest = name.strip_prefix(&name_of(at)).unwrap_or(name).trim_start_matches('_');
    let unnumbered = rest.trim_start_matches(|digit: char| digit.is_ascii_digit());
    if unnumbered.len() < rest.len() && unnumbered.starts_with('_') {
        unnumbered.trim_start_matches('_').to_owned()
    } else {
        rest.to_owned()
    }
}

/// The whole history as the lab runs it.
pub(super) fn history(
    folders: &[MigrationFolder],
    version: ServerVersion,
    regime: Regime,
) -> (History, Sources) {
    let mut sources = Sources::default();
    let (mut catalog, mut births) = (Catalog::empty(version), Births::default());
    let files = folders.iter().map(|folder| {
        let path: Arc<str> = format!("{}/migration.sql", folder.name).into();
        sources.add(SourceFile::new(path.clone(), folder.script()));
        births.start_deploy();
        let analyzed = pgsteward_sql::analyze_file(folder.script(), &mut catalog, &mut births, regime);
        MigrationFile {
            name: folder.name.clone(),
            path,
            down: None,
            judged: false,
            statements: analyzed.statements,
            errors: analyzed.errors,
            checksum: folder.checksum.clone(),
        }
    });
    let files = files.collect();
    let history = History {
        directory: String::new(),
        layout: Layout::Prisma,
        files,
        regime,
        judged_because: String::new(),
        replay: None,
    };
    (history, sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_called_after_what_they_do() {
        assert_eq!(slug_of("pieces/p00003_1_validate_total/migration.sql", 3), "validate_total");
        assert_eq!(slug_of("pieces/p00003_order_2024_idx/migration.sql", 3), "order_2024_idx");
        assert_eq!(slug_of("pieces/p00003_2024_idx/migration.sql", 3), "idx");
    }
}
