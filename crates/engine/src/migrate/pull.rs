//! `db pull`: the database's schema into the Prisma schema, and what that cannot say into a SQL file beside it. The
//! database is only read; files are written when everything has been read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::pull::PullReport;
use pgsteward_model::source::SourceFile;
use pgsteward_pg::{CatalogOptions, ReadSession};
use pgsteward_prisma::introspect::{IntrospectError, Pulled, Request, introspect};

use super::connection::{Connection, Use, resolve};
use super::error::MigrateError;
use super::project::{MigrateProject, ProjectOptions};
use super::{schema, server};
use crate::Progress;

pub mod objects;

#[derive(Clone, Debug, Default)]
pub struct PullOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    /// Forget what the schema says and keep its configuration only.
    pub force: bool,
    /// Write nothing; the texts are in the report.
    pub print: bool,
    /// `--schemas`: namespaces to read instead of those of the datasource.
    pub namespaces: Option<Vec<String>>,
}

/// Reads the database and writes the schema. P1012 where the schema cannot be read, P4001 where the database is
/// empty, P4002 where a foreign key leads out of the namespaces.
pub async fn pull(options: &PullOptions, progress: &dyn Progress) -> Result<PullReport, MigrateError> {
    let began = Instant::now();
    let project = MigrateProject::find(&options.project)?;
    let files = schema::files(&project)?;
    if !options.force {
        schema::refuse_invalid(&project)?;
    }
    let connection = resolve(&project, options.url.as_deref(), Use::Read)?;
    progress.phase("read the database");
    let session = ReadSession::connect(&connection.url).await?;
    let read = session.catalog(&CatalogOptions::default()).await;
    let version = session.version();
    session.close().await;
    let (catalog, _) = read?;
    let pulled = introspected(options, &project, &connection, &catalog, &files)?;
    let namespaces = options.namespaces.clone().unwrap_or_else(|| asked(&project, &connection));
    let extensions =
        project.schema.as_ref().and_then(|schema| Some(schema.datasource.as_ref()?.extensions.clone()));
    let found = objects::of(&catalog, &namespaces, &extensions.unwrap_or_default());
    let mut report = PullReport {
        database: server::database_name(&connection, version),
        models: pulled.models,
        enums: pulled.enums,
        texts: pulled.files.iter().map(|(path, text)| (path.to_string(), text.clone())).collect(),
        written: Vec::new(),
        warnings: pulled.warnings.clone(),
        objects: found.names.clone(),
        left_out: found.left_out.clone(),
        objects_file: None,
        milliseconds: 0.0,
    };
    if !options.print {
        write_schema(&project, &pulled, &mut report)?;
        let path = objects::path(&project);
        if objects::write(&path, &found)? {
            report.objects_file = Some(crate::discover::relative(&project.root, &path));
        }
    }
    report.milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    Ok(report)
}

/// The namespaces of the datasource, or the one of the URL.
fn asked(project: &MigrateProject, connection: &Connection) -> Vec<String> {
    let source = project.schema.as_ref().and_then(|schema| schema.datasource.as_ref());
    let named = source.map(|source| source.schemas.clone()).filter(|names| !names.is_empty());
    named.unwrap_or_else(|| vec![connection.namespace().to_owned()])
}

fn introspected(
    options: &PullOptions,
    project: &MigrateProject,
    connection: &Connection,
    catalog: &Catalog,
    files: &[Arc<SourceFile>],
) -> Result<Pulled, MigrateError> {
    let folder = project.schema_path.as_deref().unwrap_or(&project.root);
    let new_file = crate::discover::relative(&project.root, &folder.join("introspected.prisma"));
    let request = Request {
        files,
        force: options.force,
        namespaces: options.namespaces.as_deref(),
        search_path: connection.namespace(),
        new_file: &new_file,
    };
    introspect(catalog, &request).map_err(|error| match error {
        IntrospectError::Empty => MigrateError::coded("P4001", "the introspected database was empty")
            .with_hint("create a table first, or correct the connection URL or its schema parameter"),
        IntrospectError::CrossReference { from, to, constraint, namespace } => MigrateError::coded(
            "P4002",
            format!(
                "the foreign key \"{constraint}\" leads from \"{from}\" to \"{to}\", and \"{namespace}\" is not among \
                 the schemas that are read"
            ),
        )
        .with_hint(format!("add \"{namespace}\" to schemas in the datasource, or to --schemas")),
    })
}

fn write_schema(
    project: &MigrateProject,
    pulled: &Pulled,
    report: &mut PullReport,
) -> Result<(), MigrateError> {
    for (path, text) in &pulled.files {
        write(&project.root.join(&**path), text)?;
        report.written.push(path.to_string());
    }
    let schema = project.schema_path.as_deref().unwrap_or(&project.root);
    let folder = if schema.is_dir() { schema } else { schema.parent().unwrap_or(&project.root) };
    for view in &pulled.views {
        let folder = folder.join("views").join(safe(&view.namespace));
        std::fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let path = folder.join(format!("{}.sql", safe(&view.name)));
        write(&path, &format!("{}\n", view.definition.trim()))?;
        report.written.push(crate::discover::relative(&project.root, &path));
    }
    Ok(())
}

/// A name of the database as the name of a file: nothing in it may lead out of the folder.
fn safe(name: &str) -> String {
    let plain = name.replace(['/', '\\', '\0'], "_");
    if matches!(plain.as_str(), "." | "..") { "_".to_owned() } else { plain }
}

/// Replaces a file as a whole: a full disk leaves the old one.
pub(super) fn write(path: &Path, text: &str) -> Result<(), MigrateError> {
    let mut beside: PathBuf = path.to_path_buf();
    beside.as_mut_os_string().push(".new");
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        // What was begun is of no use; that it cannot be removed changes nothing.
        drop(std::fs::remove_file(&beside));
        unwritable(path, &error)
    })
}

fn unwritable(path: &Path, error: &std::io::Error) -> MigrateError {
    MigrateError::new(format!("cannot write \"{}\": {error}", path.display()))
        .with_hint("check the permissions of the file and its folder, and the space left")
}
