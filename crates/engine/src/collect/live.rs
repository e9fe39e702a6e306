//! A live database, read only, with the grants it was given.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::cluster::Cluster;
use pgsteward_model::drift::{Drift, DriftBetween};
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts, Gap, Need};
use pgsteward_pg::{AppliedMigration, CatalogOptions, ReadError, ReadSession, ServerUrl};
use pgsteward_prisma::diff::{DiffOptions, diff};

/// What was read from the database of `--url`.
pub struct Live {
    pub cluster: Cluster,
    pub catalog: Catalog,
    pub database: Option<String>,
    /// Rows of `_prisma_migrations`; none where the table is absent.
    pub applied: Option<Vec<AppliedMigration>>,
    pub gaps: Vec<Gap>,
}

impl Live {
    pub async fn read(url: &ServerUrl) -> Result<Live> {
        let session = ReadSession::connect(url).await?;
        let (cluster, mut gaps) = session.cluster().await.context("read the server's settings and roles")?;
        let options = CatalogOptions { statistics: true, ..CatalogOptions::default() };
        let (catalog, catalog_gaps) = session.catalog(&options).await.context("read the catalog")?;
        gaps.extend(catalog_gaps);
        let applied = match session.applied_migrations(url.schema()).await {
            Ok(applied) => applied,
            Err(ReadError::Denied { gap, .. }) => {
                gaps.push(gap);
                None
            }
            Err(error) => {
                let why = format!("Which migrations are applied could not be read: {error:#}.");
                gaps.push(Gap::new("applied migrations", why, error.hint()).for_needs(&[]));
                None
            }
        };
        Ok(Live { cluster, catalog, database: url.database().map(str::to_owned), applied, gaps })
    }

    /// Migrations that ended well and were not rolled back.
    pub(super) fn applied_names(&self) -> Option<BTreeSet<String>> {
        let rows = self.applied.as_ref()?;
        Some(rows.iter().filter(|row| row.finished && !row.rolled_back).map(|row| row.name.clone()).collect())
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
        let Some(applied) = self.applied_names() else { return false };
        facts
            .history
            .as_ref()
            .is_some_and(|history| history.files.iter().all(|file| applied.contains(&file.name)))
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
