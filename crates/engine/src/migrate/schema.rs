//! `format` and `validate`: the Prisma schema as text, without a database.

use std::sync::Arc;

use pgsteward_model::source::{SourceFile, Sources};

use super::error::MigrateError;
use super::project::{MigrateProject, ProjectOptions};
use super::pull::write;
use super::release;

/// What `format` did or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formatted {
    /// The schema's file or folder, relative to the working folder.
    pub schema: String,
    /// Files whose text is not what it should be.
    pub changed: Vec<String>,
}

/// Formats all files of the schema; with `check` nothing is written. P1012 where the result is no valid schema, and
/// then nothing is written either.
pub fn format(options: &ProjectOptions, check: bool) -> Result<Formatted, MigrateError> {
    let project = MigrateProject::find(options)?;
    let files = files(&project)?;
    let formatted: Vec<Arc<SourceFile>> = pgsteward_prisma::format::format(&files)
        .into_iter()
        .map(|(path, text)| Arc::new(SourceFile::new(path, text)))
        .collect();
    refuse(&project, &formatted)?;
    let mut changed = Vec::new();
    for (before, after) in files.iter().zip(&formatted) {
        if before.text == after.text {
            continue;
        }
        if !check {
            write(&project.root.join(&*after.path), &after.text)?;
        }
        changed.push(after.path.to_string());
    }
    Ok(Formatted { schema: name(&project), changed })
}

/// Whether Prisma would take the schema: the path of what is valid and the number of its files, or P1012.
pub fn validate(options: &ProjectOptions) -> Result<(String, usize), MigrateError> {
    let project = MigrateProject::find(options)?;
    let files = files(&project)?;
    refuse(&project, &files)?;
    Ok((name(&project), files.len()))
}

fn name(project: &MigrateProject) -> String {
    project
        .schema_path
        .as_ref()
        .map_or_else(String::new, |path| crate::discover::relative(&project.root, path))
}

/// The files of the project's schema, in the order in which they are read.
pub(super) fn files(project: &MigrateProject) -> Result<Vec<Arc<SourceFile>>, MigrateError> {
    let Some(schema) = &project.schema else {
        return Err(MigrateError::new("there is no Prisma schema here")
            .with_hint("name it with --schema, or go to the project's folder"));
    };
    Ok(schema.files.iter().filter_map(|path| project.sources.get(path).cloned()).collect())
}

pub(super) fn refuse_invalid(project: &MigrateProject) -> Result<(), MigrateError> {
    refuse(project, &files(project)?)
}

/// P1012 with every error and its place.
fn refuse(project: &MigrateProject, files: &[Arc<SourceFile>]) -> Result<(), MigrateError> {
    let errors = pgsteward_prisma::validate(files, release::major(&project.root));
    if errors.is_empty() {
        return Ok(());
    }
    let mut sources = Sources::default();
    for file in files {
        sources.add(SourceFile::new(file.path.clone(), file.text.clone()));
    }
    let mut message = String::from("the Prisma schema is not valid");
    for error in &errors {
        let range = sources.range(&error.at.file, error.at.span);
        let (line, column) = (range.start.line, range.start.column);
        message.push_str(&format!("\n  {}:{line}:{column}: {}", error.at.file, error.message));
    }
    let count = errors.len();
    message.push_str(&format!("\nvalidation error count: {count}"));
    Err(MigrateError::coded("P1012", message).with_hint("correct the schema and run the command again"))
}
