//! `migrate reset`: empties the database's namespaces and applies every migration again. All data is lost, so the
//! gate of `production` stands before it.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::dev::ResetReport;
use pgsteward_pg::{CatalogOptions, WriteSession};

use super::ask::Ask;
use super::connection::Connection;
use super::error::{MigrateError, words};
use super::place::Place;
use super::production::{self, Allowed, Consent};
use super::project::MigrateProject;
use super::{generator, plain_files, release, seed, server};
use crate::Progress;

/// What Prisma up to 6 runs after a reset, unless told not to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skip {
    /// `--skip-generate`.
    pub generate: bool,
    /// `--skip-seed`.
    pub seed: bool,
}

/// Resets and migrates; then runs what the project's own Prisma would run. None where the person said no.
pub async fn reset(
    place: &Place,
    consent: &Consent,
    skip: Skip,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<Option<ResetReport>, MigrateError> {
    let (project, connection) = place.open()?;
    project.check_provider_lock()?;
    // What cannot be read later is better found while there is something to lose.
    project.migrations()?;
    let (session, made) = server::connect_or_create(&connection, "migrate reset").await?;
    let version = session.version();
    session.close().await;
    let question = format!(
        "Reset the database \"{}\" at {}? All data will be lost.",
        connection.database(),
        connection.url.place()
    );
    // A database that was made this moment holds nothing.
    let consent = if made { &Consent { force: true, ..consent.clone() } } else { consent };
    let allowed = production::allow(&connection.url, "migrate reset", Some(&question), consent, ask).await?;
    if allowed == Allowed::Cancelled {
        return Ok(None);
    }
    production::refuse_agents("migrate reset", &|name| std::env::var(name).ok())?;
    progress.phase("empty the database");
    let namespaces = server::namespaces(&project, connection.namespace());
    let mut notes: Vec<String> = connection.note.iter().cloned().collect();
    notes.extend(left_alone(&project)?);
    notes.extend(empty(&connection, &namespaces, !project.is_prisma(), "migrate reset", progress).await?);
    let applied = place.apply(progress).await?;
    progress.phase("run what belongs to the project");
    let generator = generator::run(&project, skip.generate).await;
    let seed = seeded(&project, place, skip.seed, progress).await?;
    Ok(Some(ResetReport {
        database: server::database_name(&connection, version),
        namespaces,
        applied,
        generator,
        seed,
        notes,
    }))
}

/// The seed command is one out of the repository: it runs only where a reset by the project's own Prisma would run
/// it, which 7 does not.
async fn seeded(
    project: &MigrateProject,
    place: &Place,
    skip: bool,
    progress: &dyn Progress,
) -> Result<Option<String>, MigrateError> {
    let Some(command) = seed::configured(project)? else { return Ok(None) };
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if skip || set("PRISMA_MIGRATE_SKIP_SEED") {
        return Ok(Some("the seed command was not run, as asked".to_owned()));
    }
    // It takes the database from the environment, and would fill that one.
    if place.url.is_some() {
        return Ok(Some("the seed command was not run: it does not know the database of --url".to_owned()));
    }
    if release::major(&project.root).is_none_or(|major| major >= 7) {
        return Ok(Some("the seed command was not run; `pgsteward db seed` runs it".to_owned()));
    }
    progress.phase(&format!("run the seed command `{}`", command.text));
    match seed::run(project, &command, &[], seed::Output::Talk).await? {
        true => Ok(Some(format!("ran the seed command `{}` of {}", command.text, command.origin))),
        false => Err(MigrateError::new(format!(
            "the database was reset and migrated, and the seed command `{}` failed",
            command.text
        ))
        .with_hint("correct it, and run `pgsteward db seed`")),
    }
}

/// Namespaces that stay, because migrations make them only where they are not there.
fn left_alone(project: &MigrateProject) -> Result<Option<String>, MigrateError> {
    if project.is_prisma() {
        return Ok(None);
    }
    let perhaps = plain_files::namespaces(&project.migrations()?).perhaps;
    let names: Vec<String> =
        perhaps.iter().filter(|name| *name != "public").map(|name| format!("\"{name}\"")).collect();
    Ok((!names.is_empty()).then(|| {
        format!("{} left as it was: the migrations make it only where it is not there", names.join(", "))
    }))
}

/// Drops everything in the namespaces and the history of migrations. All of it or nothing. With `made_by_migrations`
/// those besides the connection's own are not made again.
pub(super) async fn empty(
    connection: &Connection,
    namespaces: &[String],
    made_by_migrations: bool,
    asked: &str,
    progress: &dyn Progress,
) -> Result<Option<String>, MigrateError> {
    let session = server::connect(connection, asked).await?;
    server::refuse_read_only(&session).await?;
    // Whoever applies migrations right now would find its tables gone.
    server::lock(&session, server::LOCK_WAIT, progress).await?;
    let quote = pgsteward_sql::quote_ident;
    let mut sql: String = namespaces
        .iter()
        .map(|namespace| {
            let name = quote(namespace);
            match made_by_migrations && namespace != connection.namespace() {
                true => format!("DROP SCHEMA IF EXISTS {name} CASCADE;\n"),
                false => format!("DROP SCHEMA IF EXISTS {name} CASCADE;\nCREATE SCHEMA {name};\n"),
            }
        })
        .collect();
    let own = quote(connection.namespace());
    sql.push_str(&format!("DROP TABLE IF EXISTS {own}._prisma_migrations;\n"));
    let result = match session.simple(&sql).await {
        Ok(()) => Ok(None),
        // SQLSTATE insufficient_privilege: the role owns what is in the namespace, and not the namespace.
        Err(error) if error.sqlstate == "42501" => one_by_one(&session, namespaces).await.map(|()| {
            Some(format!("the namespace itself could not be dropped ({}); its objects were", error.message))
        }),
        Err(error) => Err(MigrateError::server("empty the database", &error)),
    };
    session.close().await;
    result
}

/// Drops the objects and leaves the namespaces.
async fn one_by_one(session: &WriteSession, namespaces: &[String]) -> Result<(), MigrateError> {
    let (catalog, _) = session.catalog(&CatalogOptions::default()).await?;
    let sql = drops(&catalog, namespaces);
    session.simple(&sql).await.map_err(|error| {
        MigrateError::coded(
            "P3016",
            format!(
                "The fallback method for database resets failed, meaning Migrate could not clean up the database \
                 entirely. Original error: {}",
                words(&error)
            ),
        )
        .with_hint("connect as the owner of the database; nothing was dropped")
    })
}

fn drops(catalog: &Catalog, namespaces: &[String]) -> String {
    let mut out = String::new();
    let mut drop = |kind: &str, namespace: &str, name: &str| {
        if namespaces.iter().any(|one| one == namespace) {
            let name = format!(
                "{}.{}",
                pgsteward_sql::quote_ident(namespace),
                if kind == "ROUTINE" { name.to_owned() } else { pgsteward_sql::quote_ident(name) }
            );
            out.push_str(&format!("DROP {kind} IF EXISTS {name} CASCADE;\n"));
        }
    };
    for view in catalog.views.values() {
        let kind = if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" };
        drop(kind, &view.name.namespace, &view.name.name);
    }
    for table in catalog.tables.values() {
        let kind = match table.kind {
            pgsteward_model::catalog::TableKind::Foreign => "FOREIGN TABLE",
            _ => "TABLE",
        };
        drop(kind, &table.name.namespace, &table.name.name);
    }
    for sequence in catalog.sequences.values().filter(|sequence| sequence.owned_by.is_none()) {
        drop("SEQUENCE", &sequence.name.namespace, &sequence.name.name);
    }
    for id in catalog.functions.keys() {
        let signature = format!("{}({})", pgsteward_sql::quote_ident(&id.name.name), id.arguments);
        drop("ROUTINE", &id.name.namespace, &signature);
    }
    let types = catalog.enums.keys().chain(catalog.composites.keys()).chain(catalog.ranges.keys());
    for name in types {
        drop("TYPE", &name.namespace, &name.name);
    }
    for name in catalog.domains.keys() {
        drop("DOMAIN", &name.namespace, &name.name);
    }
    out
}
