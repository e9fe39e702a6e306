//! `migrate adopt`: a proven `down.sql` for migrations that are there already, and for each new one.

use std::collections::BTreeSet;

use pgsteward_lab::{Lab, LabOptions};
use pgsteward_model::migrate::rollback::{AdoptReport, Adopted, Down, Worth, Written};
use pgsteward_model::migration::Regime;

use super::chain::Chain;
use super::file::{self, DownFile, Verdict};
use super::major::Major;
use crate::Progress;
use crate::collect::LabWish;
use crate::migrate::error::MigrateError;
use crate::migrate::project::{MigrateProject, MigrationFolder, ProjectOptions};

#[derive(Clone, Debug, Default)]
pub struct AdoptOptions {
    pub project: ProjectOptions,
    /// The database that the ways back are for.
    pub url: Option<String>,
    pub wish: LabWish,
    /// Names of migrations; none: all of them.
    pub names: Vec<String>,
    /// Makes anew what somebody wrote or edited.
    pub force: bool,
    /// Proves again what was proven already.
    pub again: bool,
    /// Writes no file.
    pub dry_run: bool,
}

/// Makes or proves the `down.sql` of each named migration. Statements that somebody wrote are tried as they are
/// and never overwritten without `force`.
pub async fn adopt(options: &AdoptOptions, progress: &dyn Progress) -> Result<AdoptReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let folders = project.migrations()?;
    let wanted = wanted(&folders, &options.names)?;
    let loaded =
        crate::config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
    let mut report = AdoptReport::default();
    // What was proven and not touched since needs no lab.
    let mut left: BTreeSet<usize> = BTreeSet::new();
    for position in wanted {
        let folder = &folders[position];
        let file = file::read(folder)?;
        let judged = file::judge(folder, file.as_ref());
        let settled = matches!(
            judged.verdict,
            Verdict::Proven | Verdict::OverEmptyTables(_) | Verdict::Irreversible(_)
        );
        if settled && !options.again && !options.force && !options.dry_run {
            report.migrations.push(kept(folder, &judged, file));
        } else {
            left.insert(position);
        }
    }
    let configured = &loaded.config.lab;
    let url = options.url.as_deref();
    let major = Major::choose(&project, url, &options.wish, configured.major, progress).await?;
    report.notes.extend(major.of_kept(&report.migrations));
    let Some(last) = left.last().copied() else { return Ok(report) };
    progress.phase("start PostgreSQL in the lab");
    let lab = lab(Some(major.number), options.wish.offline || configured.offline).await?;
    report.server = Some(lab.version().to_string());
    report.notes.extend(major.notes(&lab));
    let outcome = prove(&lab, &folders, &left, last, options, &project, &mut report, progress).await;
    let stopped = lab.stop().await;
    outcome?;
    stopped.map_err(|error| MigrateError::new(format!("end the lab: {error}")))?;
    report.migrations.sort_by_key(|one| folders.iter().position(|folder| folder.name == one.down.migration));
    Ok(report)
}

#[expect(clippy::too_many_arguments, reason = "one walk with everything it needs")]
async fn prove(
    lab: &Lab,
    folders: &[MigrationFolder],
    left: &BTreeSet<usize>,
    last: usize,
    options: &AdoptOptions,
    project: &MigrateProject,
    report: &mut AdoptReport,
    progress: &dyn Progress,
) -> Result<(), MigrateError> {
    let failed = |error: anyhow::Error| MigrateError::new(format!("{error:#}"));
    let mut chain = Chain::new(lab, &scripts(&folders[..=last]), regime(project)).await.map_err(failed)?;
    for position in left {
        let folder = &folders[*position];
        progress.phase(&format!("prove what undoes {}", folder.name));
        chain.walk_to(*position).await.map_err(failed)?;
        let file = file::read(folder)?.filter(|_| !options.force);
        let own = file.as_ref().filter(|file| is_own(file)).map(|file| file.body.as_str());
        // Nothing in the states around it says what a plan wrote for a folder that only fills rows.
        let is_proven = file.as_ref().is_some_and(|file| file::judge(folder, Some(file)).is_proven());
        let known = file.as_ref().filter(|file| is_proven && !file.body.trim().is_empty());
        let known = known.map(|file| file.body.as_str());
        let mut down = chain.next_or(own, known).await.map_err(failed)?;
        down.checksum.clone_from(&folder.checksum);
        let written = match own {
            Some(_) => Written::HandWritten,
            None => Written::Generated,
        };
        if !options.dry_run {
            file::write(folder, &down)?;
        }
        report.migrations.push(Adopted { down, statements: written });
    }
    chain.finish().await.map_err(failed)
}

/// Makes, proves and writes the `down.sql` of one migration of the project: for verbs that make migrations.
pub async fn write_down(
    lab: &Lab,
    project: &MigrateProject,
    folders: &[MigrationFolder],
    name: &str,
) -> Result<Down, MigrateError> {
    let mut downs = write_downs(lab, project, folders, &[name]).await?;
    downs.pop().ok_or_else(|| not_there(name))
}

/// The same for several, which stand in the order of the disk.
pub async fn write_downs(
    lab: &Lab,
    project: &MigrateProject,
    folders: &[MigrationFolder],
    names: &[&str],
) -> Result<Vec<Down>, MigrateError> {
    let failed = |error: anyhow::Error| MigrateError::new(format!("{error:#}"));
    let positions: Vec<usize> = names
        .iter()
        .map(|name| folders.iter().position(|folder| folder.name == *name).ok_or_else(|| not_there(name)))
        .collect::<Result<_, _>>()?;
    let Some(last) = positions.last() else { return Ok(Vec::new()) };
    let mut chain = Chain::new(lab, &scripts(&folders[..=*last]), regime(project)).await.map_err(failed)?;
    let mut downs = Vec::with_capacity(positions.len());
    for position in positions {
        let folder = &folders[position];
        let file = file::read(folder)?;
        let own = file.as_ref().filter(|file| is_own(file)).map(|file| file.body.as_str());
        chain.walk_to(position).await.map_err(failed)?;
        let mut down = chain.next(own).await.map_err(failed)?;
        down.checksum.clone_from(&folder.checksum);
        file::write(folder, &down)?;
        downs.push(down);
    }
    chain.finish().await.map_err(failed)?;
    Ok(downs)
}

fn not_there(name: &str) -> MigrateError {
    MigrateError::new(format!("there is no migration \"{name}\" on disk"))
}

pub(super) fn scripts(folders: &[MigrationFolder]) -> Vec<(String, String)> {
    folders.iter().map(|folder| (folder.name.clone(), folder.script().to_owned())).collect()
}

/// As deploy runs a file where PostgreSQL allows it; a file that cannot be one transaction runs by statement.
pub fn regime(project: &MigrateProject) -> Regime {
    if project.is_prisma() { Regime::OneMessage } else { Regime::Psql }
}

/// Whether somebody wrote or edited the statements.
fn is_own(file: &DownFile) -> bool {
    let written = !file.body.trim().is_empty();
    written && file.header.as_ref().is_none_or(|header| super::statements::digest(&file.body) != header.body)
}

pub(super) async fn lab(major: Option<u32>, offline: bool) -> Result<Lab, MigrateError> {
    let options = LabOptions { major, offline, ..LabOptions::default() };
    Lab::start(&options)
        .await
        .map_err(|error| MigrateError::new(format!("start the lab: {error}")).with_hint(error.hint()))
}

fn kept(folder: &MigrationFolder, judged: &file::Reversibility, read: Option<DownFile>) -> Adopted {
    let header = read.as_ref().and_then(|file| file.header.clone()).unwrap_or_default();
    let worth = match &judged.verdict {
        Verdict::Irreversible(reason) => Worth::Irreversible { reason: reason.clone() },
        Verdict::OverEmptyTables(reason) => Worth::OverEmptyTables { reason: reason.clone() },
        _ if judged.lost.is_empty() => Worth::Proven,
        _ => Worth::StructureProven,
    };
    let down = Down {
        migration: folder.name.clone(),
        checksum: folder.checksum.clone(),
        sql: read.map(|file| file.body).unwrap_or_default(),
        changes_schema: true,
        worth,
        lost: judged.lost.clone(),
        server: header.server,
    };
    Adopted { down, statements: Written::Kept }
}

fn wanted(folders: &[MigrationFolder], names: &[String]) -> Result<Vec<usize>, MigrateError> {
    if names.is_empty() {
        return Ok((0..folders.len()).collect());
    }
    let mut positions = BTreeSet::new();
    for name in names {
        let name = name.trim_end_matches('/').rsplit('/').next().unwrap_or(name);
        let Some(position) = folders.iter().position(|folder| folder.name == name) else {
            let error = MigrateError::new(format!("there is no migration \"{name}\" on disk"));
            let near = folders.iter().rfind(|folder| folder.name.contains(name));
            return Err(error.with_hint(match near {
                Some(near) => format!("did you mean \"{}\"?", near.name),
                None => "`pgsteward migrate status` lists the migrations".to_owned(),
            }));
        };
        positions.insert(position);
    }
    Ok(positions.into_iter().collect())
}
