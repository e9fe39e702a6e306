//! Whether the database is what its history makes: the applied migrations are replayed in the lab, and everything that
//! the catalog knows is compared, also what no Prisma schema can say. A comparison that found nothing is remembered, so
//! that the next one of the same history and the same catalog needs no lab.

use std::path::PathBuf;

use anyhow::{Context, Result};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences, schema_only};
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_sql::Births;
use sha2::{Digest, Sha256};

use super::project::MigrationFolder;
use crate::Progress;
use crate::collect::{LabWish, Laboratory, introspect};

/// What the comparison came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Compared {
    /// Sorted lines; none: equal.
    Differences(Vec<String>),
    /// Why it was not compared.
    Not(String),
}

/// Holds `live`, which was read without statistics, against what `applied` makes. The histories' tables do not
/// count.
pub(super) async fn compare(
    live: &Catalog,
    applied: &[&MigrationFolder],
    namespaces: &[String],
    wish: &LabWish,
    progress: &dyn Progress,
) -> Compared {
    let live = comparable(live, namespaces);
    let key = remembered(&live, applied);
    if key.as_ref().is_some_and(|path| path.is_file()) {
        return Compared::Differences(Vec::new());
    }
    let wish = LabWish { major: wish.major.or(Some(live.version.major())), ..wish.clone() };
    let laboratory = Laboratory::new(wish);
    let Some(running) = laboratory.lab(progress).await else {
        let why = laboratory.gap().await.map_or(String::new(), |gap| format!("{} ({})", gap.why, gap.hint));
        return Compared::Not(format!("drift was not looked for: {why}"));
    };
    if running.version().major() != live.version.major() {
        return Compared::Not(format!(
            "drift was not looked for: the lab has PostgreSQL {} and the server is {}",
            running.version(),
            live.version
        ));
    }
    progress.phase(&format!("replay {} migrations in the lab", applied.len()));
    let replayed = match replay(&running, applied).await {
        Ok(Replayed::Catalog(catalog)) => comparable(&catalog, namespaces),
        Ok(Replayed::Incomplete(why)) => return Compared::Not(format!("drift was not looked for: {why}")),
        Err(error) => return Compared::Not(format!("drift was not looked for: {error:#}")),
    };
    let found: Vec<String> = differences(&replayed, &live, ColumnOrder::Ignored)
        .iter()
        .map(|difference| {
            let what = match difference.what.as_str() {
                "only before" => "is missing in the database".to_owned(),
                "only after" => "is in the database and in no migration".to_owned(),
                // Values follow; the first is the history's.
                other => format!("history and database differ: {other}"),
            };
            format!("{}: {what}", difference.object)
        })
        .collect();
    if found.is_empty()
        && let Some(path) = key
    {
        remember(&path);
    }
    Compared::Differences(found)
}

enum Replayed {
    Catalog(Box<Catalog>),
    /// The lab left something out, so the comparison would tell of that.
    Incomplete(String),
}

async fn replay(running: &pgsteward_lab::Lab, applied: &[&MigrationFolder]) -> Result<Replayed> {
    let database = running.create_database().await.context("create a database in the lab")?;
    let mut sources = Sources::default();
    let mut catalog = Catalog::empty(running.version());
    let mut births = Births::default();
    let files: Vec<MigrationFile> = applied
        .iter()
        .map(|folder| {
            let source = sources.add(SourceFile::new(folder.name.as_str(), folder.script()));
            births.start_file();
            let analyzed =
                pgsteward_sql::analyze_file(&source.text, &mut catalog, &mut births, Regime::OneMessage);
            MigrationFile {
                name: folder.name.clone(),
                path: source.path.clone(),
                down: None,
                judged: false,
                statements: analyzed.statements,
                errors: analyzed.errors,
                checksum: folder.checksum.clone(),
            }
        })
        .collect();
    let history = History {
        directory: String::new(),
        layout: Layout::Prisma,
        files,
        // What ran on the server ran in some regime; statement by statement accepts all of them.
        regime: Regime::Psql,
        judged_because: String::new(),
        replay: None,
    };
    let options = pgsteward_lab::ReplayOptions { trace: false, time_limit: None };
    let replay = pgsteward_lab::replay(running, &database, &history, &sources, &options)
        .await
        .context("replay the migrations in the lab")?;
    if let Some((name, failure)) = replay.failures.iter().next() {
        return Ok(Replayed::Incomplete(format!(
            "the migration {name} does not run in the lab: {}",
            failure.error.message
        )));
    }
    let lost = replay.skipped.iter().find(|skipped| !skipped.what.starts_with("role "));
    if let Some(skipped) = lost {
        return Ok(Replayed::Incomplete(format!(
            "the lab left out {} of {}: {}",
            skipped.what, skipped.file, skipped.why
        )));
    }
    Ok(Replayed::Catalog(Box::new(introspect(&database).await?)))
}

/// What both sides can have: no owners and grants, none of the tables that hold histories, and only the namespaces
/// of the project.
pub(super) fn comparable(catalog: &Catalog, namespaces: &[String]) -> Catalog {
    let mut plain = schema_only(catalog);
    let of_project = |namespace: &str| namespaces.iter().any(|name| name == namespace);
    plain.tables.retain(|name, _| {
        of_project(&name.namespace)
            && !matches!(name.name.as_str(), "_prisma_migrations" | "pgsteward_migrations")
    });
    plain.views.retain(|name, _| of_project(&name.namespace));
    plain.sequences.retain(|name, _| of_project(&name.namespace));
    plain.enums.retain(|name, _| of_project(&name.namespace));
    plain.domains.retain(|name, _| of_project(&name.namespace));
    plain.composites.retain(|name, _| of_project(&name.namespace));
    plain.ranges.retain(|name, _| of_project(&name.namespace));
    plain.functions.retain(|id, _| of_project(&id.name.namespace));
    // Managed servers come with extensions of their own, and the namespace `public` with comments and owners.
    plain.extensions.clear();
    plain.namespaces.clear();
    // An index that is being built or failed is told apart by itself.
    for table in plain.tables.values_mut().map(std::sync::Arc::make_mut) {
        for index in &mut table.indexes {
            index.valid = true;
        }
    }
    plain
}

/// The file whose presence says that this catalog was found equal to what this history makes.
fn remembered(live: &Catalog, applied: &[&MigrationFolder]) -> Option<PathBuf> {
    let mut hasher = Sha256::new();
    hasher.update(crate::VERSION);
    for folder in applied {
        hasher.update(&folder.name);
        hasher.update(&folder.checksum);
    }
    // Plain data in sorted maps: the same catalog always prints the same.
    hasher.update(format!("{live:?}"));
    let name: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    Some(named.or(home)?.join("pgsteward").join("drift").join(name))
}

/// Notes of a month ago go as new ones come.
fn remember(path: &std::path::Path) {
    let Some(folder) = path.parent() else { return };
    let month = std::time::Duration::from_secs(30 * 24 * 3600);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > month) {
            // What cannot be removed costs a few bytes.
            drop(std::fs::remove_file(entry.path()));
        }
    }
    // Without a cache the next comparison takes the lab again.
    drop(std::fs::create_dir_all(folder).and_then(|()| std::fs::write(path, "")));
}
