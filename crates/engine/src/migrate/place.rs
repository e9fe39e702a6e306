//! Where a verb works: the project and its database, opened together.

use std::sync::Arc;

use pgsteward_model::prisma::PrismaSchema;

use super::connection::{Connection, Use, resolve};
use super::deploy::{DeployOptions, deploy};
use super::error::MigrateError;
use super::project::{MigrateProject, ProjectOptions};
use crate::Progress;

/// What the user named on the command line.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub project: ProjectOptions,
    /// `--url`.
    pub url: Option<String>,
}

impl Place {
    /// The project and the database to write to.
    pub fn open(&self) -> Result<(MigrateProject, Connection), MigrateError> {
        let project = MigrateProject::find(&self.project)?;
        let connection = resolve(&project, self.url.as_deref(), Use::Write)?;
        Ok((project, connection))
    }

    /// Applies what is pending, as `migrate deploy` does; the names of what was applied.
    pub async fn apply(&self, progress: &dyn Progress) -> Result<Vec<String>, MigrateError> {
        let options = DeployOptions {
            project: self.project.clone(),
            url: self.url.clone(),
            // A development database is made anew where something cannot be undone.
            accept_irreversible: true,
            // Nobody but its developer asks it.
            unused_for: std::time::Duration::ZERO,
            ..DeployOptions::default()
        };
        let deployed = deploy(&options, progress).await?;
        match deployed.error {
            Some(error) => Err(error),
            None => Ok(deployed.report.applied().map(|file| file.name.clone()).collect()),
        }
    }
}

/// The Prisma schema of a project, where it has one that Prisma would accept; else P1012.
pub fn valid_schema(project: &MigrateProject) -> Result<Arc<PrismaSchema>, MigrateError> {
    let Some(schema) = &project.schema else {
        return Err(MigrateError::new("this project has no Prisma schema to write a migration from")
            .with_hint("run the command where the schema lies, or name it with --schema"));
    };
    let Some(first) = schema.errors.first() else { return Ok(schema.clone()) };
    let at = project.sources.range(&first.at.file, first.at.span);
    let more = match schema.errors.len() {
        1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    Err(MigrateError::coded(
        "P1012",
        format!(
            "the schema is not valid: {}:{}:{}: {}{more}",
            at.file, at.start.line, at.start.column, first.message
        ),
    )
    .with_hint("correct the schema; nothing was changed"))
}
