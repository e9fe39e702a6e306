//! One project of the corpus, collected as `check` does it.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use pgsteward_engine::NoProgress;
use pgsteward_engine::collect::{Collected, Collector, LabWish, Laboratory};
use pgsteward_engine::config::Config;
use pgsteward_engine::discover::discover;
use pgsteward_lab::Lab;

/// Its facts and, where a lab is given, the lab database that its history makes.
pub(crate) async fn collect(corpus: &Path, name: &str, lab: Option<&Arc<Lab>>) -> Result<Collected> {
    let path = corpus.join(name).join("prisma");
    let found = discover(&path)?;
    let config = Config::default();
    let wish = LabWish { none: lab.is_none(), ..LabWish::default() };
    let laboratory = match lab {
        Some(lab) => Laboratory::of(lab.clone(), wish),
        None => Laboratory::new(wish),
    };
    let collector = Collector {
        root: &found.root,
        config: &config,
        all_migrations: false,
        since: None,
        judged: None,
        drift: true,
        live: None,
        url: None,
        code: None,
        laboratory: &laboratory,
        progress: &NoProgress,
    };
    let project = found.projects.first().with_context(|| format!("{} holds no project", path.display()))?;
    collector.project(project).await
}
