//! The ways back that somebody wrote beside plain SQL and nobody proved: tried in the lab when they are about to run. Their
//! files stay as they are; `adopt` is what writes into them.

use std::collections::BTreeMap;

use pgsteward_model::migrate::rollback::Down;
use pgsteward_model::migration::Regime;

use super::adopt::{lab, scripts};
use super::chain::Chain;
use super::file;
use crate::Progress;
use crate::migrate::error::MigrateError;
use crate::migrate::project::{MigrateProject, MigrationFolder};

/// What each of these migrations' ways back is worth, by name. Names that are not on disk, that have no way back, or whose
/// way back was proven before are left out.
pub(super) async fn prove(
    project: &MigrateProject,
    folders: &[MigrationFolder],
    names: &[&str],
    major: u32,
    progress: &dyn Progress,
) -> Result<BTreeMap<String, Down>, MigrateError> {
    let mut written = BTreeMap::new();
    for (at, folder) in folders.iter().enumerate().filter(|(_, folder)| names.contains(&folder.name.as_str()))
    {
        if let Some(file) = file::read(folder)?.filter(|file| file.header.is_none()) {
            written.insert(at, file.body);
        }
    }
    let Some(last) = written.keys().last().copied() else { return Ok(BTreeMap::new()) };
    progress.phase("prove the ways back in the lab");
    let loaded =
        crate::config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
    let lab = lab(Some(major), loaded.config.lab.offline).await.map_err(or_unproven)?;
    let tried = async {
        let mut chain = Chain::new(&lab, &scripts(&folders[..=last]), Regime::Psql).await?;
        let mut proven = BTreeMap::new();
        for (at, body) in written {
            chain.walk_to(at).await?;
            proven.insert(folders[at].name.clone(), chain.next(Some(&body)).await?);
        }
        chain.finish().await?;
        Ok::<_, anyhow::Error>(proven)
    };
    let tried = tried.await;
    let stopped = lab.stop().await;
    let proven = tried.map_err(|error| or_unproven(MigrateError::new(format!("{error:#}"))))?;
    stopped.map_err(|error| MigrateError::new(format!("end the lab: {error}")))?;
    Ok(proven)
}

/// Where nothing can be proven, its author may vouch for it.
fn or_unproven(error: MigrateError) -> MigrateError {
    let way = "--accept-unproven runs it as it is";
    let hint = match &error.hint {
        Some(hint) => format!("{hint}; {way}"),
        None => way.to_owned(),
    };
    error.with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_proven_may_be_run_as_it_is() {
        let with = or_unproven(MigrateError::new("start the lab: no server").with_hint("install one"));
        assert_eq!(with.hint.as_deref(), Some("install one; --accept-unproven runs it as it is"));
        let without = or_unproven(MigrateError::new("broke"));
        assert_eq!(without.hint.as_deref(), Some("--accept-unproven runs it as it is"));
    }
}
