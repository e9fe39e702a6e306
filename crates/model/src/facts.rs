//! All that is known about one target when the rules run.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::code::Code;
use crate::drift::Drift;
use crate::migration::History;
use crate::prisma::PrismaSchema;
use crate::project::Project;
use crate::source::Sources;

/// What the facts are about. All findings' keys carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Folder of the project relative to the reviewed path: the same on every machine.
    pub project: Option<String>,
    pub system_identifier: Option<u64>,
    pub database: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub target: Target,
    pub sources: Sources,
    pub project: Project,
    /// Shared, because every proof looks at facts of its own that differ elsewhere.
    pub prisma: Option<Arc<PrismaSchema>>,
    pub history: Option<Arc<History>>,
    /// None where there is no code to read, or it was not asked for.
    pub code: Option<Arc<Code>>,
    pub catalog: Option<CatalogFacts>,
    pub cluster: Option<Cluster>,
    /// None: not compared. Empty: compared and equal.
    pub drift: Option<Vec<Drift>>,
    pub gaps: Vec<Gap>,
}

#[derive(Clone, Debug)]
pub struct CatalogFacts {
    pub catalog: Catalog,
    pub origin: CatalogOrigin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogOrigin {
    /// Read from the server of `--url`: the only one with statistics.
    Live,
    /// Introspected in the lab after the whole history ran.
    Replayed,
    /// The Prisma schema's own SQL, run in the lab or not: a project without migrations.
    Schema,
    /// The pure replay, without a server.
    Pure,
}

/// A kind of fact that a rule needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Need {
    Prisma,
    History,
    /// The history ran on a lab server.
    Replay,
    Catalog,
    /// A live catalog with statistics.
    Statistics,
    Cluster,
    Drift,
    Project,
    /// Calls of the database in the application's code.
    Code,
}

impl Need {
    pub fn word(self) -> &'static str {
        match self {
            Need::Prisma => "prisma",
            Need::History => "migrations",
            Need::Replay => "replay",
            Need::Catalog => "catalog",
            Need::Statistics => "statistics",
            Need::Cluster => "cluster",
            Need::Drift => "drift",
            Need::Project => "project",
            Need::Code => "code",
        }
    }
}

impl Facts {
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Prisma => self.prisma.is_some(),
            Need::History => self.history.is_some(),
            Need::Replay => self.history.as_ref().is_some_and(|history| history.replay.is_some()),
            Need::Catalog => self.catalog.is_some(),
            Need::Statistics => {
                self.catalog.as_ref().is_some_and(|facts| facts.origin == CatalogOrigin::Live)
            }
            Need::Cluster => self.cluster.is_some(),
            Need::Drift => self.drift.is_some(),
            Need::Project => true,
            Need::Code => self.code.is_some(),
        }
    }

    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_ref().map(|facts| &facts.catalog)
    }
}

/// A fact that could not be had. `skipped_rules` is filled in by the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// A word of [`Need::word`] or a longer name of the thing: `extension vector`.
    pub what: String,
    /// A full sentence.
    pub why: String,
    /// Imperative: the GRANT, the setting, the command.
    pub hint: String,
    pub needs: Vec<Need>,
    pub skipped_rules: Vec<String>,
}

impl Gap {
    pub fn new(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Gap {
        Gap {
            what: what.into(),
            why: why.into(),
            hint: hint.into(),
            needs: Vec::new(),
            skipped_rules: Vec::new(),
        }
    }

    #[must_use]
    pub fn for_needs(self, needs: &[Need]) -> Gap {
        Gap { needs: needs.to_vec(), ..self }
    }
}
