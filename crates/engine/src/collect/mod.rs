//! From a path and perhaps a URL to [`Facts`]. What could not be had becomes a gap, never silence.

mod code;
mod dialect;
pub mod fit;
mod history;
mod lab;
mod live;
mod repository;
mod twin;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use pgsteward_lab::Lab;
use pgsteward_model::catalog::Catalog;
use pgsteward_model::drift::{Drift, DriftBetween};
use pgsteward_model::facts::{CatalogFacts, CatalogOrigin, Facts, Need, Target};
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::ServerUrl;

use crate::Progress;
use crate::config::Config;
use crate::discover::FoundProject;
use crate::judge::Judged;
pub use code::{CodeReader, Linked};
use history::REPLAY_NEEDS;
pub(crate) use lab::broke_down;
pub use lab::{LabWish, Laboratory, Made, introspect};
pub use live::Live;
pub use twin::twin;

/// The version that SQL is judged for where no server, lab or setting names one.
pub const DEFAULT_MAJOR: u32 = 17;

/// What a check collects from.
#[derive(Clone)]
pub struct Collector<'a> {
    pub root: &'a Path,
    pub config: &'a Config,
    pub all_migrations: bool,
    pub since: Option<&'a str>,
    /// Decides which migrations are judged in place of everything else.
    pub judged: Option<Judged>,
    pub live: Option<&'a Live>,
    pub url: Option<&'a ServerUrl>,
    /// Whether any rule wants to know what differs between schema, history and database.
    pub drift: bool,
    /// None where no rule asks for code.
    pub code: Option<&'a CodeReader>,
    pub laboratory: &'a Laboratory,
    pub progress: &'a dyn Progress,
}

/// The facts of one project or database, and the lab databases that they are tried on.
pub struct Collected {
    pub facts: Facts,
    /// In the state that the history leaves. None where there is no lab, or nothing to put into it.
    pub database: Option<Made>,
    /// With the schema of the live database, where that is not the same.
    pub twin: Option<Made>,
    /// The project's code, to see what an edit makes of it.
    pub linked: Option<Linked>,
}

impl Collector<'_> {
    pub async fn project(&self, found: &FoundProject) -> Result<Collected> {
        let mut read = repository::read(self.root, found, self.config);
        let mut facts = Facts {
            target: Target { project: Some(found.folder.clone()), ..Target::default() },
            sources: std::mem::take(&mut read.sources),
            project: std::mem::take(&mut read.project),
            prisma: read.prisma.take(),
            gaps: std::mem::take(&mut read.gaps),
            ..Facts::default()
        };
        if let Some(url) = self.url {
            facts.project.urls.push(url.to_configured(
                "--url",
                pgsteward_model::project::UrlOrigin::CommandLine,
                None,
                Default::default(),
            ));
        }
        let history = found.migrations.is_some() && !read.foreign;
        if history || facts.prisma.is_some() {
            // It will be needed, and the code can be read meanwhile.
            self.laboratory.start_ahead();
        }
        let mut linked = None;
        if let Some(reader) = self.code.filter(|_| !read.foreign) {
            self.progress.phase("read the code");
            linked = reader.add_to(found, &mut facts);
        }
        let version = self.version();
        let mut pure = None;
        if let Some(migrations) = found.migrations.as_ref().filter(|_| !read.foreign) {
            let (history, catalog) = self.history(&mut facts, migrations, &read.migrations, version)?;
            facts.history = Some(Arc::new(history));
            pure = Some(catalog);
        }
        let database = self.laboratory_catalog(&mut facts, pure.as_ref()).await?;
        if facts.catalog.is_none() {
            facts.catalog = self.catalog_without_lab(&facts, pure, version);
        }
        let unread = found.migrations.as_ref().map_or(0, |migrations| migrations.files.len())
            != facts.history.as_ref().map_or(0, |history| history.files.len());
        facts.drift = self.history_drift(&facts, unread);
        let mut twin = None;
        if let Some(live) = self.live {
            let made = database.as_ref().and(facts.catalog());
            let same = made.is_some_and(|made| twin::same_schema(made, &live.catalog));
            live.add_to(&mut facts);
            if !same {
                twin = self.twin(live, &mut facts).await?;
            }
        }
        Ok(Collected { facts, database, twin, linked })
    }

    /// The live database's schema in the lab, if there is one.
    async fn twin(&self, live: &Live, facts: &mut Facts) -> Result<Option<Made>> {
        let Some(lab) = self.laboratory.lab(self.progress).await else { return Ok(None) };
        self.progress.phase("build the schema of the database in the lab");
        match twin::twin(&lab, &live.catalog, &mut facts.gaps).await {
            Ok(twin) => Ok(twin),
            Err(error) => {
                facts.gaps.push(lab::broke_down(&error));
                Ok(None)
            }
        }
    }

    /// A database alone, without a repository. `prove`: whether fixes will be tried.
    pub async fn database_only(&self, live: &Live, prove: bool) -> Result<Collected> {
        let mut facts = Facts {
            target: Target {
                project: None,
                system_identifier: live.cluster.system_identifier,
                database: live.database.clone(),
            },
            ..Facts::default()
        };
        if let Some(url) = self.url {
            facts.project.urls.push(url.to_configured(
                "--url",
                pgsteward_model::project::UrlOrigin::CommandLine,
                None,
                Default::default(),
            ));
        }
        live.add_to(&mut facts);
        let mut twin = None;
        if prove {
            twin = self.twin(live, &mut facts).await?;
            // No rule is skipped for want of a lab here; its fixes are not tried.
            facts.gaps.extend(self.laboratory.gap().await.map(|gap| gap.for_needs(&[])));
        }
        Ok(Collected { facts, database: None, twin, linked: None })
    }

    /// The server's version, else the lab's, else the configured one, else [`DEFAULT_MAJOR`].
    fn version(&self) -> ServerVersion {
        self.live
            .map(|live| live.cluster.version)
            .unwrap_or_else(|| ServerVersion::of_major(self.config.lab.major.unwrap_or(DEFAULT_MAJOR)))
    }

    /// Without a lab: the pure replay of the history, or what the schema itself would make.
    fn catalog_without_lab(
        &self,
        facts: &Facts,
        pure: Option<Catalog>,
        version: ServerVersion,
    ) -> Option<CatalogFacts> {
        if let Some(catalog) = pure {
            return Some(CatalogFacts { catalog, origin: CatalogOrigin::Pure });
        }
        let schema = facts.prisma.as_ref()?;
        Some(CatalogFacts {
            catalog: pgsteward_prisma::calculate(schema, version),
            origin: CatalogOrigin::Schema,
        })
    }

    /// What `prisma migrate dev` would write next. Half a schema or half a history is no measure of it.
    fn history_drift(&self, facts: &Facts, unread: bool) -> Option<Vec<Drift>> {
        let (schema, catalog) = (facts.prisma.as_ref()?, facts.catalog.as_ref()?);
        facts.history.as_ref()?;
        if unread || !schema.errors.is_empty() || !self.drift {
            return None;
        }
        // After a failed replay the catalog is not what the history means, and each lost object would
        // look like drift.
        let failed = facts
            .history
            .as_ref()
            .and_then(|history| history.replay.as_ref())
            .is_some_and(|replay| !replay.failures.is_empty());
        (!failed).then(|| pgsteward_prisma::drift(&catalog.catalog, schema))
    }

    async fn laboratory_catalog(&self, facts: &mut Facts, pure: Option<&Catalog>) -> Result<Option<Made>> {
        if facts.history.is_none() && facts.prisma.is_none() {
            return Ok(None);
        }
        let Some(lab) = self.laboratory.lab(self.progress).await else {
            if let Some(gap) = self.laboratory.gap().await {
                facts.gaps.push(gap.for_needs(&[Need::Replay]));
            }
            return Ok(None);
        };
        match self.made_in_the_lab(&lab, facts, pure).await {
            Ok(made) => Ok(made),
            // The review goes on with what can be had without the lab.
            Err(error) => {
                facts.gaps.push(lab::broke_down(&error).for_needs(REPLAY_NEEDS));
                Ok(None)
            }
        }
    }

    /// The lab database that history or schema make, and its catalog into the facts.
    async fn made_in_the_lab(
        &self,
        lab: &Lab,
        facts: &mut Facts,
        pure: Option<&Catalog>,
    ) -> Result<Option<Made>> {
        let database = lab.create_database().await.context("create a database in the lab")?;
        let origin = if let Some(history) = &facts.history {
            self.progress.phase(&format!(
                "replay {} migrations on PostgreSQL {}",
                history.files.len(),
                lab.version()
            ));
            // Locks are read when a fix is tried; tracing all of history would cost more than it tells.
            let options = pgsteward_lab::ReplayOptions { trace: false, ..Default::default() };
            let replay = pgsteward_lab::replay(lab, &database, history, &facts.sources, &options)
                .await
                .context("replay the migrations in the lab")?;
            for skipped in &replay.skipped {
                facts.gaps.push(lab::skipped_gap(skipped));
            }
            if let Some(history) = facts.history.as_mut().map(Arc::make_mut) {
                history.replay = Some(replay);
            }
            CatalogOrigin::Replayed
        } else if let Some(schema) = &facts.prisma {
            self.progress.phase("build the schema in the lab");
            if let Some(gap) = lab::build_schema(&database, schema, lab.version()).await? {
                facts.gaps.push(gap);
                return Ok(None);
            }
            CatalogOrigin::Schema
        } else {
            return Ok(None);
        };
        let made = Made::read(database).await?;
        if let (CatalogOrigin::Replayed, Some(pure)) = (origin, pure) {
            facts.gaps.extend(lab::unexpected(pure, &made.catalog));
        }
        facts.catalog = Some(CatalogFacts { catalog: made.catalog.clone(), origin });
        Ok(Some(made))
    }
}

/// The facts of a project that its schema files alone say: no history, no lab.
pub fn schema_alone(root: &Path, found: &FoundProject) -> Facts {
    let mut read = repository::read_schema(root, found);
    Facts {
        target: Target { project: Some(found.folder.clone()), ..Target::default() },
        sources: std::mem::take(&mut read.sources),
        prisma: read.prisma.take(),
        gaps: read.gaps,
        ..Facts::default()
    }
}

/// Opens the database of `--url`; an error here is the user's to mend, because they named it.
pub async fn connect(text: &str) -> Result<(ServerUrl, Live)> {
    let url = ServerUrl::parse(text).context("read the URL of --url")?;
    let live = Live::read(&url).await?;
    Ok((url, live))
}

/// Drift of a database against what the repository says.
fn against(
    from: &Catalog,
    schema: &pgsteward_model::prisma::PrismaSchema,
    between: DriftBetween,
) -> Vec<Drift> {
    let mut drift = pgsteward_prisma::drift(from, schema);
    for item in &mut drift {
        item.between = between;
    }
    drift
}

/// A path as sources know it.
pub(crate) fn source_path(root: &Path, path: &Path) -> Arc<str> {
    crate::discover::relative(root, path).into()
}
