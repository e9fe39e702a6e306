//! A live database, read only, with the grants it was given.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::cluster::Cluster;
use pgsteward_model::drift::{Drift, DriftBetween};
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts, Gap, Need};
use pgsteward_model::migration::Layout;
use pgsteward_pg::history::{HistoryRow, HistoryTable, RowState};
use pgsteward_pg::{AppliedMigration, CatalogOptions, ReadError, ReadSession, ServerUrl};
use pgsteward_prisma::diff::{DiffOptions, diff};

use crate::migrate::{MigrateError, MigrationFolder, squash};

/// What was read from the database of `--url`.
pub struct Live {
    pub cluster: Cluster,
    pub catalog: Catalog,
    pub database: Option<String>,
    /// Rows of `_prisma_migrations`; none where the table is absent.
    pub applied: Option<Vec<AppliedMigration>>,
    /// Rows of `pgsteward_migrations`, the history of plain SQL; none where the table is absent.
    pub plain: Option<Vec<HistoryRow>>,
    pub gaps: Vec<Gap>,
}

impl Live {
    pub async fn read(url: &ServerUrl) -> Result<Live> {
        let session = ReadSession::connect(url).await?;
        let (cluster, mut gaps) = session.cluster().await.context("read the server's settings and roles")?;
        let options = CatalogOptions { statistics: true, ..CatalogOptions::default() };
        let (catalog, catalog_gaps) = session.catalog(&options).await.context("read the catalog")?;
        gaps.extend(catalog_gaps);
        let applied = known(session.applied_migrations(url.schema()).await, &mut gaps);
        let plain = known(session.history(&HistoryTable::plain(url.schema())).await, &mut gaps);
        Ok(Live { cluster, catalog, database: url.database().map(str::to_owned), applied, plain, gaps })
    }

    fn rows(&self, layout: Layout) -> Option<Vec<HistoryRow>> {
        match layout {
            Layout::Prisma => Some(self.applied.as_ref()?.iter().map(row_of).collect()),
            Layout::Files | Layout::UpDown => self.plain.clone(),
        }
    }

    /// Migrations that ended well and were not rolled back.
    pub(super) fn applied_names(&self, layout: Layout) -> Option<BTreeSet<String>> {
        self.rows(layout).map(|rows| names(&rows))
    }

    /// The same with squashed migrations that the next deploy records and does not run. An error, beside the names without
    /// them, where the database has a part of one.
    pub(super) fn counted<'a>(
        &self,
        layout: Layout,
        files: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Option<(BTreeSet<String>, Option<MigrateError>)> {
        let rows = self.rows(layout)?;
        let folder =
            |(name, text): (&str, &str)| MigrationFolder::new(name, name.into(), text.to_owned(), None);
        let folders: Vec<MigrationFolder> = files.map(folder).collect();
        Some(match squash::as_recorded(&folders, rows.clone()) {
            Ok(rows) => (names(&rows), None),
            Err(error) => (names(&rows), Some(error)),
        })
    }

    /// Puts the live catalog in the place of the replayed one, and what differs between the two into drift.
    pub(super) fn add_to(&self, facts: &mut Facts) {
        facts.target.system_identifier = self.cluster.system_identifier;
        facts.target.database.clone_from(&self.database);
        facts.cluster = Some(self.cluster.clone());
        facts.gaps.extend(self.gaps.iter().cloned());
        let replayed = facts.catalog.take();
        facts.catalog = Some(CatalogFacts { catalog: self.catalog.clone(), origin: CatalogOrigin::Live });
        let drift = match (&replayed, &facts.prisma) {
            (Some(before), _) if before.origin == CatalogOrigin::Replayed && self.nothing_pending(facts) => {
                history_and_database(&self.catalog, &before.catalog)
            }
            (Some(before), Some(schema)) if before.origin == CatalogOrigin::Schema => {
                super::against(&self.catalog, schema, DriftBetween::SchemaAndDatabase)
            }
            _ => {
                facts.gaps.push(
                    Gap::new(
                        "drift of the database",
                        "Migrations are pending on the database, or there is no history to hold it against.",
                        "deploy the pending migrations, or review it after the deploy",
                    )
                    .for_needs(&[Need::Drift]),
                );
                return;
            }
        };
        facts.drift.get_or_insert_default().extend(drift);
    }

    fn nothing_pending(&self, facts: &Facts) -> bool {
        let Some(history) = &facts.history else { return false };
        let text = |path: &str| facts.sources.get(path).map_or("", |source| source.text.as_ref());
        let files = history.files.iter().map(|file| (file.name.as_str(), text(&file.path)));
        let Some((applied, _)) = self.counted(history.layout, files) else { return false };
        history.files.iter().all(|file| applied.contains(&file.name))
    }
}

fn names(rows: &[HistoryRow]) -> BTreeSet<String> {
    let applied = rows.iter().filter(|row| row.state() == RowState::Applied);
    applied.map(|row| row.name.clone()).collect()
}

/// What could be read of a history; a gap where it could not.
fn known<T>(read: Result<Option<T>, ReadError>, gaps: &mut Vec<Gap>) -> Option<T> {
    match read {
        Ok(rows) => rows,
        Err(ReadError::Denied { gap, .. }) => {
            gaps.push(gap);
            None
        }
        Err(error) => {
            let why = format!("Which migrations are applied could not be read: {error:#}.");
            gaps.push(Gap::new("applied migrations", why, error.hint()).for_needs(&[]));
            None
        }
    }
}

/// As much of a row as was read: its times say only whether there are any.
fn row_of(read: &AppliedMigration) -> HistoryRow {
    HistoryRow {
        id: String::new(),
        checksum: read.checksum.clone(),
        finished_at: read.finished.then(String::new),
        name: read.name.clone(),
        logs: read.logs.clone(),
        rolled_back_at: read.rolled_back.then(String::new),
        started_at: String::new(),
        applied_steps_count: 0,
    }
}

/// The steps that would bring the database to what the whole history makes.
fn history_and_database(database: &Catalog, history: &Catalog) -> Vec<Drift> {
    let options = DiffOptions {
        namespaces: history.namespaces.keys().cloned().collect(),
        partial_indexes: true,
        ..DiffOptions::default()
    };
    diff(database, history, &options)
        .iter()
        .map(|step| Drift {
            between: DriftBetween::HistoryAndDatabase,
            kind: pgsteward_prisma::drift_kind(step),
            object: step.object(),
            at: None,
            sql: pgsteward_prisma::render::statements(step).join(";\n"),
            inexpressible: false,
            restore: None,
        })
        .collect()
}
