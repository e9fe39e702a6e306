//! `migrate diff`: what leads from one schema to another, each of them a Prisma schema, a folder of migrations, a
//! database or nothing. Reads; writes nowhere. Folders of migrations are replayed in the lab, so no shadow
//! database is needed.

use std::path::PathBuf;
use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::dev::DiffReport;
use pgsteward_model::migration::OWN_TABLES;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::{CatalogOptions, ReadSession, ServerUrl};
use pgsteward_prisma::diff::{DiffOptions, diff as steps_between};
use pgsteward_prisma::{calculate, render, summary};

use super::config_file;
use super::connection::{Use, resolve};
use super::error::MigrateError;
use super::namespace::as_default;
use super::place::{Place, valid_schema};
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::shadow::{Script, Shadow, without_external};
use crate::Progress;
use crate::collect::{DEFAULT_MAJOR, LabWish};
use crate::config;

/// One end of the comparison, as it is named on the command line.
#[derive(Clone, Debug)]
pub enum Side {
    /// `--from-empty`.
    Empty,
    /// `--from-schema`: a file, or a folder of files.
    Schema(PathBuf),
    /// `--from-migrations`: a folder.
    Migrations(PathBuf),
    /// `--from-config-datasource`: the project's database.
    Database,
    /// `--from-url`, of Prisma up to 6.
    Url(String),
    /// `--from-schema-datasource`, of Prisma up to 6: the database that a schema names.
    SchemaDatabase(PathBuf),
}

#[derive(Clone, Debug)]
pub struct DiffRequest {
    pub from: Side,
    pub to: Side,
    pub place: Place,
    pub wish: LabWish,
}

pub async fn diff(request: &DiffRequest, progress: &dyn Progress) -> Result<DiffReport, MigrateError> {
    let config = request.config()?;
    let (from, to) = (request.end(&request.from)?, request.end(&request.to)?);
    let options = options(&from, &to);
    let mut reader =
        Reader { wish: request.wish.clone(), init: None, namespace: None, shadow: None, notes: Vec::new() };
    reader.init = config.as_ref().and_then(|config| config.init_shadow_db.clone());
    // What is read from a server says which version the lab should have.
    let mut catalogs: [Option<Catalog>; 2] = [None, None];
    for (at, end) in [&from, &to].into_iter().enumerate() {
        if let End::Database(url) = end {
            progress.phase("read the catalog of the database");
            let catalog = database_catalog(url).await?;
            reader.wish.major.get_or_insert(catalog.version.major());
            reader.namespace.get_or_insert_with(|| url.schema().to_owned());
            catalogs[at] = Some(catalog);
        }
    }
    let configured = request.configured_lab()?;
    reader.wish.major = reader.wish.major.or(configured.major);
    reader.wish.offline |= configured.offline;
    for (at, end) in [&from, &to].into_iter().enumerate() {
        if let End::Migrations(folders) = end {
            catalogs[at] = Some(reader.replay(folders, progress).await?);
        }
    }
    let version = catalogs.iter().flatten().next().map_or_else(
        || ServerVersion::of_major(reader.wish.major.unwrap_or(DEFAULT_MAJOR)),
        |read| read.version,
    );
    let external = |catalog: &Catalog| match &config {
        Some(config) => without_external(catalog, &config.external_tables, &config.external_enums),
        None => catalog.clone(),
    };
    let lists = |end: &End| match end {
        End::Schema(schema) => schema.datasource.as_ref().is_some_and(|source| !source.schemas.is_empty()),
        _ => false,
    };
    // Where a schema lists its namespaces, the connection's is one like the others.
    let lists_none = !lists(&from) && !lists(&to);
    let [read_from, read_to] = catalogs;
    let finish = |end: &End, read: Option<Catalog>| match (end, read) {
        (End::Database(url), Some(read)) if lists_none => external(&as_default(&read, url.schema())),
        (End::Migrations(_), Some(read)) if lists_none => {
            external(&as_default(&read, reader.namespace.as_deref().unwrap_or("public")))
        }
        (_, Some(read)) => external(&read),
        (End::Schema(schema), None) => external(&calculate(schema, version)),
        (_, None) => nothing(version),
    };
    let (before, after) = (finish(&from, read_from), finish(&to, read_to));
    let steps = steps_between(&before, &after, &options);
    Ok(DiffReport {
        script: render::render(&steps),
        summary: summary(&steps, &before, &after, &options),
        empty: steps.is_empty(),
        notes: reader.notes,
    })
}

/// An end, found and read as far as files go.
enum End {
    Nothing,
    Schema(Arc<PrismaSchema>),
    Migrations(Vec<MigrationFolder>),
    Database(ServerUrl),
}

impl DiffRequest {
    /// The configuration file counts whatever is compared: it names what is left out.
    fn config(&self) -> Result<Option<config_file::PrismaConfig>, MigrateError> {
        let needs_project = |side: &Side| matches!(side, Side::Database);
        match MigrateProject::find(&self.place.project) {
            Ok(project) => Ok(project.config),
            Err(error) if needs_project(&self.from) || needs_project(&self.to) => Err(error),
            // Neither a schema nor migrations in this folder: both ends are named, so none is needed.
            Err(_) => Ok(None),
        }
    }

    /// What pgsteward.toml says of the lab: its version where neither the command line nor a database does.
    fn configured_lab(&self) -> Result<config::Lab, MigrateError> {
        let start = match MigrateProject::find(&self.place.project) {
            Ok(project) => project.root,
            // Both ends are named, so the folder need not hold a project.
            Err(_) => self.place.project.folder.clone().unwrap_or_else(|| PathBuf::from(".")),
        };
        let loaded = config::load(&start).map_err(|error| MigrateError::new(format!("{error:#}")))?;
        Ok(loaded.config.lab)
    }

    fn end(&self, side: &Side) -> Result<End, MigrateError> {
        let of_schema = |path: &PathBuf| {
            let options = ProjectOptions { schema: Some(path.clone()), ..self.place.project.clone() };
            MigrateProject::find(&options)
        };
        Ok(match side {
            Side::Empty => End::Nothing,
            Side::Schema(path) => End::Schema(valid_schema(&of_schema(path)?)?),
            Side::Migrations(path) => {
                let options = ProjectOptions { migrations: Some(path.clone()), ..self.place.project.clone() };
                End::Migrations(MigrateProject::find(&options)?.migrations()?)
            }
            Side::Database => {
                let project = MigrateProject::find(&self.place.project)?;
                End::Database(resolve(&project, self.place.url.as_deref(), Use::Read)?.url)
            }
            Side::Url(text) => End::Database(ServerUrl::parse(text)?),
            Side::SchemaDatabase(path) => End::Database(resolve(&of_schema(path)?, None, Use::Read)?.url),
        })
    }
}

/// What `--from-empty` means: not even `public` is there, so Prisma makes that too.
fn nothing(version: ServerVersion) -> Catalog {
    let mut catalog = Catalog::empty(version);
    catalog.namespaces.clear();
    catalog
}

/// Namespaces and preview features come from whichever end is a schema.
fn options(from: &End, to: &End) -> DiffOptions {
    let mut options = match (from, to) {
        (End::Schema(before), End::Schema(after)) => DiffOptions::between(before, after),
        (_, End::Schema(schema)) => DiffOptions::of(schema),
        (End::Schema(schema), _) => {
            let of = DiffOptions::of(schema);
            DiffOptions { before: Some(of.hints.clone()), hints: Default::default(), ..of }
        }
        _ => DiffOptions::default(),
    };
    options.to_database = matches!(to, End::Database(_));
    options
}

struct Reader {
    wish: LabWish,
    init: Option<String>,
    namespace: Option<String>,
    shadow: Option<Shadow>,
    notes: Vec<String>,
}

impl Reader {
    async fn replay(
        &mut self,
        folders: &[MigrationFolder],
        progress: &dyn Progress,
    ) -> Result<Catalog, MigrateError> {
        let shadow = match self.shadow.take() {
            Some(shadow) => shadow,
            None => {
                let namespace = self.namespace.as_deref().unwrap_or("public");
                Shadow::start(&self.wish, namespace, self.init.clone(), progress).await?
            }
        };
        let scripts: Vec<Script<'_>> =
            folders.iter().map(|folder| Script { name: &folder.name, text: folder.script() }).collect();
        let replayed = shadow.replay(&scripts, progress).await?;
        self.notes.extend(replayed.notes);
        self.shadow = Some(shadow);
        Ok(replayed.catalog)
    }
}

/// Everything in a live database but our own tables, read only.
async fn database_catalog(url: &ServerUrl) -> Result<Catalog, MigrateError> {
    let session = ReadSession::connect(url).await?;
    let read = session.catalog(&CatalogOptions::default()).await;
    session.close().await;
    let (mut catalog, _) = read?;
    catalog.tables.retain(|name, _| !OWN_TABLES.contains(&name.name.as_str()));
    Ok(catalog)
}
