//! How each pending file is going to run, foretold by reading all files in order.

use std::collections::BTreeSet;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::Regime;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, ParsedFile};
use rayon::prelude::*;

use crate::migrate::error::MigrateError;
use crate::migrate::project::MigrationFolder;
use crate::migrate::regime::{FilePlan, plan};

/// Plans of the pending files, each statement in the state of the schema that it meets as far as reading tells.
/// `fresh`: nothing was in the database before the first of them.
pub fn plans(
    folders: &[MigrationFolder],
    pending: &[&MigrationFolder],
    version: ServerVersion,
    fresh: bool,
) -> Result<Vec<FilePlan>, MigrateError> {
    let mut catalog = Catalog::empty(version);
    let mut births = Births::default();
    let mut plans = Vec::with_capacity(pending.len());
    let names: BTreeSet<&str> = pending.iter().map(|folder| folder.name.as_str()).collect();
    let last = folders.iter().rposition(|folder| names.contains(folder.name.as_str()));
    // No file says how another one is read.
    let parsed: Vec<ParsedFile> = folders[..last.map_or(0, |last| last + 1)]
        .par_iter()
        .map(|folder| pgsteward_sql::parse(folder.script()))
        .collect();
    for (folder, file) in folders.iter().zip(parsed) {
        let wanted = names.contains(folder.name.as_str());
        if wanted && !plans.is_empty() {
            births.start_file();
        } else {
            births.start_deploy();
        }
        let analyzed = pgsteward_sql::analyze_parsed(file, &mut catalog, &mut births, Regime::OneMessage);
        if wanted {
            plans.push(plan(folder, &analyzed, fresh)?);
        }
    }
    Ok(plans)
}
