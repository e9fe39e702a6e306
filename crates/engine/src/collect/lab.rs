//! The lab as the engine uses it: started once, on first need; a lab that cannot be had is one gap.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use pgsteward_lab::{Database, Lab, LabError, LabOptions};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::facts::{Gap, Need};
use pgsteward_model::migration::Skipped;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::CatalogOptions;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

use super::history::REPLAY_NEEDS;
use crate::Progress;

/// Whether and which lab is wanted.
#[derive(Clone, Debug, Default)]
pub struct LabWish {
    /// `--no-lab`.
    pub none: bool,
    pub major: Option<u32>,
    /// Never download.
    pub offline: bool,
}

/// A lab database, and what introspection read in it. Nothing writes in it any more: what is tried is tried in clones.
#[derive(Clone, Debug)]
pub struct Made {
    pub database: Database,
    pub catalog: Catalog,
}

impl Made {
    pub async fn read(database: Database) -> Result<Made> {
        let catalog = introspect(&database).await?;
        Ok(Made { database, catalog })
    }
}

/// One lab for a whole run.
pub struct Laboratory {
    wish: LabWish,
    started: OnceCell<Result<Arc<Lab>, Gap>>,
    /// A start that nobody waits for yet.
    ahead: Mutex<Option<JoinHandle<Result<Lab, LabError>>>>,
}

impl Laboratory {
    pub fn new(wish: LabWish) -> Laboratory {
        Laboratory { wish, started: OnceCell::new(), ahead: Mutex::default() }
    }

    /// A laboratory whose lab runs already.
    pub fn of(lab: Arc<Lab>, wish: LabWish) -> Laboratory {
        Laboratory { wish, started: OnceCell::new_with(Some(Ok(lab))), ahead: Mutex::default() }
    }

    /// Begins to start the lab, for one who has other things to do before he needs it.
    pub fn start_ahead(&self) {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.wish.none && self.started.get().is_none() && ahead.is_none() {
            let options = self.options();
            *ahead = Some(tokio::spawn(async move { Lab::start(&options).await }));
        }
    }

    fn options(&self) -> LabOptions {
        LabOptions { major: self.wish.major, offline: self.wish.offline, ..LabOptions::default() }
    }

    /// The lab, started now if it was not; none where it cannot be had (see [`Laboratory::gap`]).
    pub async fn lab(&self, progress: &dyn Progress) -> Option<Arc<Lab>> {
        self.started.get_or_init(|| self.start(progress)).await.as_ref().ok().cloned()
    }

    /// Why there is no lab; none before the first try and where there is one.
    pub async fn gap(&self) -> Option<Gap> {
        self.started.get()?.as_ref().err().cloned()
    }

    /// The running lab, without starting one.
    pub fn running(&self) -> Option<Arc<Lab>> {
        self.started.get()?.as_ref().ok().cloned()
    }

    async fn start(&self, progress: &dyn Progress) -> Result<Arc<Lab>, Gap> {
        if self.wish.none {
            return Err(Gap::new(
                "lab",
                "The lab was switched off, so nothing was replayed and no fix was tried.",
                "run without --no-lab",
            )
            .for_needs(REPLAY_NEEDS));
        }
        progress.phase("start the lab");
        let ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner).take();
        let started = match ahead {
            Some(ahead) => ahead.await.unwrap_or_else(|error| Err(LabError::Task(error.to_string()))),
            None => Lab::start(&self.options()).await,
        };
        match started {
            Ok(lab) => Ok(Arc::new(lab)),
            Err(error) => {
                Err(Gap::new("lab", format!("No lab server could be started: {error}."), error.hint())
                    .for_needs(REPLAY_NEEDS))
            }
        }
    }
}

/// A lab that broke down in the midst of its work: a full disk, a server that is gone.
pub(crate) fn broke_down(error: &anyhow::Error) -> Gap {
    let hint = error.chain().find_map(crate::hint_of);
    Gap::new(
        "lab",
        format!("The lab could not go on: {error:#}."),
        hint.unwrap_or_else(|| "run the command again".to_owned()),
    )
}

/// Everything in a lab database.
pub async fn introspect(database: &Database) -> Result<Catalog> {
    let session = database.session().await.context("connect to the lab")?;
    let read = session.catalog(&CatalogOptions::default()).await;
    // A database with sessions cannot be cloned.
    session.close().await;
    let (catalog, _) = read.context("introspect the lab database")?;
    Ok(catalog)
}

/// Runs the SQL of a schema without migrations. The gap says why it did not run.
pub(super) async fn build_schema(
    database: &Database,
    schema: &PrismaSchema,
    version: ServerVersion,
) -> Result<Option<Gap>> {
    let wanted = pgsteward_prisma::calculate(schema, version);
    let steps = pgsteward_prisma::diff::diff(&Catalog::empty(version), &wanted, &Default::default());
    let sql = pgsteward_prisma::render::render(&steps);
    let session = database.session().await.context("connect to the lab")?;
    let ran = session.simple(&sql).await;
    session.close().await;
    match ran {
        Ok(()) => Ok(None),
        Err(error) => Ok(Some(
            Gap::new(
                "schema in the lab",
                format!(
                    "The schema's own SQL did not run on the lab server: {} ({}).",
                    error.message, error.sqlstate
                ),
                "correct the schema; the review goes on with what the schema says by itself",
            )
            .for_needs(&[Need::Replay]),
        )),
    }
}

/// A statement that the lab left out is something that was not checked.
pub(super) fn skipped_gap(skipped: &Skipped) -> Gap {
    Gap::new(
        skipped.what.clone(),
        skipped.why.clone(),
        format!(
            "see {}; install the extension where the lab finds it, or read this part yourself",
            skipped.file
        ),
    )
}

/// Objects that reading alone did not foresee: what the judged statements do to them was judged on a guess.
pub(super) fn unexpected(pure: &Catalog, real: &Catalog) -> Option<Gap> {
    let columns = |catalog: &Catalog| -> Vec<String> {
        catalog
            .user_tables()
            .flat_map(|table| {
                table.columns.iter().map(|column| format!("{}.{}", table.name.display(), column.name))
            })
            .collect()
    };
    let (guessed, there) = (columns(pure), columns(real));
    let mut differ: Vec<&String> = there
        .iter()
        .filter(|name| !guessed.contains(name))
        .chain(guessed.iter().filter(|name| !there.contains(name)))
        .collect();
    if differ.is_empty() {
        return None;
    }
    differ.sort();
    let total = differ.len();
    let shown: Vec<&str> = differ.iter().take(5).map(|name| name.as_str()).collect();
    let more = if total > shown.len() { format!(" and {} more", total - shown.len()) } else { String::new() };
    Some(Gap::new(
        "effects of statements",
        format!(
            "Reading the migrations did not foresee what the server made of them: {}{more}.",
            shown.join(", ")
        ),
        "look at statements in DO blocks and functions; findings about these objects rest on the server's catalog",
    ))
}
