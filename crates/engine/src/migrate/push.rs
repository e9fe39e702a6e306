//! `db push`: makes the database what the schema says, without a migration and without a history. For prototypes:
//! nothing of it can be repeated elsewhere.

use pgsteward_model::migrate::dev::PushReport;
use pgsteward_pg::{CatalogOptions, WriteSession};
use pgsteward_prisma::diff::{DiffOptions, SchemaStep, diff};
use pgsteward_prisma::{calculate, render};

use super::ask::Ask;
use super::connection::Connection;
use super::error::{MigrateError, words};
use super::losses::Losses;
use super::namespace::{as_default, in_sql};
use super::place::{Place, valid_schema};
use super::production::{self, Allowed, Consent};
use super::shadow::without_external;
use super::{dev, generator, keep, reset, server};
use crate::Progress;

pub struct PushRequest {
    pub place: Place,
    /// `--accept-data-loss`.
    pub accept_data_loss: bool,
    /// `--force-reset`: empty the database first.
    pub force_reset: bool,
    /// `--skip-generate`.
    pub skip_generate: bool,
    pub consent: Consent,
}

/// Pushes. None where the person said no.
pub async fn push(
    request: &PushRequest,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<Option<PushReport>, MigrateError> {
    let (project, connection) = request.place.open()?;
    let schema = valid_schema(&project)?;
    let (session, made) = server::connect_or_create(&connection, "db push").await?;
    let mut report = PushReport {
        database: server::database_name(&connection, session.version()),
        was_reset: false,
        warnings: Vec::new(),
        unexecutable: Vec::new(),
        kept: Vec::new(),
        statements: 0,
        generator: None,
        notes: connection.note.iter().cloned().collect(),
    };
    report.notes.extend(made.then(|| format!("made the database \"{}\"", connection.database())));
    if request.force_reset {
        if !request.destroy(&connection, "db push --force-reset", ask).await? {
            session.close().await;
            return Ok(None);
        }
        progress.phase("empty the database");
        let namespaces = server::namespaces(&project, connection.namespace());
        let asked = "db push --force-reset";
        report.notes.extend(reset::empty(&connection, &namespaces, false, asked, progress).await?);
        report.was_reset = true;
    }
    progress.phase("compare the database with the schema");
    server::refuse_read_only(&session).await?;
    let (live, _) = session.catalog(&CatalogOptions::default()).await?;
    let (tables, enums) = project
        .config
        .as_ref()
        .map_or((&[][..], &[][..]), |config| (&config.external_tables[..], &config.external_enums[..]));
    let own = dev::default_namespace(&schema, &connection);
    let from = without_external(&as_default(&live, own), tables, enums);
    let to = without_external(&calculate(&schema, live.version), tables, enums);
    let options = DiffOptions::of(&schema);
    let (steps, kept) = keep::keep(diff(&from, &to, &options), &from, &options, None);
    report.kept = kept;
    let losses = Losses::of(&steps, &from, &to, &options);
    let weighed = losses.weigh(&session, &[]).await?;
    (report.warnings, report.unexecutable) = (weighed.warnings, weighed.unexecutable);
    if !report.unexecutable.is_empty() {
        session.close().await;
        return Err(MigrateError::new(format!(
            "some changes cannot be executed:\n{}",
            bullets(&report.unexecutable)
        ))
        .with_hint("change the schema or the rows, or empty the database first with --force-reset"));
    }
    // A table that is empty now may have rows when it is dropped, so what was said in advance is held against the name.
    let may_lose = !report.warnings.is_empty() || (request.accept_data_loss && !losses.is_empty());
    if may_lose && !request.losses_allowed(&connection, &report.warnings, ask).await? {
        session.close().await;
        return Ok(None);
    }
    progress.phase("change the database");
    let ran = run(&session, &steps, own).await;
    session.close().await;
    report.statements = ran?;
    report.generator = generator::run(&project, request.skip_generate).await;
    Ok(Some(report))
}

impl PushRequest {
    /// The gate before data is destroyed.
    async fn destroy(
        &self,
        connection: &Connection,
        doing: &str,
        ask: &dyn Ask,
    ) -> Result<bool, MigrateError> {
        let allowed = production::allow(&connection.url, doing, None, &self.consent, ask).await?;
        production::refuse_agents(doing, &|name| std::env::var(name).ok())?;
        Ok(allowed == Allowed::Yes)
    }

    async fn losses_allowed(
        &self,
        connection: &Connection,
        warnings: &[String],
        ask: &dyn Ask,
    ) -> Result<bool, MigrateError> {
        if self.accept_data_loss {
            return self.destroy(connection, "db push --accept-data-loss", ask).await;
        }
        let text = format!("There might be data loss when applying the changes:\n\n{}", bullets(warnings));
        if !ask.interactive() {
            return Err(
                MigrateError::new(text).with_hint("use --accept-data-loss to go on; nothing was changed")
            );
        }
        ask.tell(&text);
        if ask.confirm("Do you want to ignore the warning(s)?").await != Some(true) {
            return Ok(false);
        }
        self.destroy(connection, "db push --accept-data-loss", ask).await
    }
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  • {line}")).collect::<Vec<_>>().join("\n")
}

/// Runs the steps: together, so that all happen or none, unless they change an enum, which ends a transaction
/// midway or cannot be used before it has ended. Returns the number of statements.
async fn run(session: &WriteSession, steps: &[SchemaStep], namespace: &str) -> Result<usize, MigrateError> {
    let statements: Vec<String> = steps.iter().flat_map(render::statements).collect();
    if statements.is_empty() {
        return Ok(0);
    }
    let enums = steps.iter().any(|step| matches!(step, SchemaStep::AlterEnum(_)));
    if !enums {
        let sql = in_sql(&format!("{};", statements.join(";\n")), namespace);
        session.simple(&sql).await.map_err(|error| {
            MigrateError::new(format!("the changes failed: {}", words(&error)))
                .with_hint("nothing was changed; correct the schema or the rows and run it again")
        })?;
        return Ok(statements.len());
    }
    for step in steps {
        let sql = in_sql(&format!("{};", render::statements(step).join(";\n")), namespace);
        session.simple(&sql).await.map_err(|error| {
            MigrateError::new(format!("{} failed: {}", step.title(), words(&error))).with_hint(
                "what was done before this step stays; correct the schema or the rows and run it again: the rest \
                 will be done",
            )
        })?;
    }
    Ok(statements.len())
}
