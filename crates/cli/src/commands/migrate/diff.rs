//! `migrate diff`: what leads from one schema to another. Exit codes as Prisma has them: 0, or with `--exit-code` 0
//! where nothing differs and 2 where something does; 1 is an error.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgGroup, Args};
use pgsteward_engine::migrate::diff::{DiffRequest, Side, diff};
use pgsteward_engine::migrate::place::Place;

use super::{LabArguments, ProjectArguments};
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
#[command(group = ArgGroup::new("from").required(true), group = ArgGroup::new("to").required(true))]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// From nothing.
    #[arg(long, group = "from")]
    from_empty: bool,
    /// From a Prisma schema: a file, or a folder of files.
    #[arg(long, value_name = "PATH", group = "from", alias = "from-schema-datamodel")]
    from_schema: Option<PathBuf>,
    /// From a folder of migrations; they are replayed in the lab.
    #[arg(long, value_name = "FOLDER", group = "from")]
    from_migrations: Option<PathBuf>,
    /// From the project's database.
    #[arg(long, group = "from")]
    from_config_datasource: bool,
    /// From this database, as Prisma up to 6 took it.
    #[arg(long, value_name = "URL", group = "from", hide = true)]
    from_url: Option<String>,
    /// From the database that this schema names, as Prisma up to 6 took it.
    #[arg(long, value_name = "PATH", group = "from", hide = true)]
    from_schema_datasource: Option<PathBuf>,
    /// To nothing.
    #[arg(long, group = "to")]
    to_empty: bool,
    /// To a Prisma schema: a file, or a folder of files.
    #[arg(long, value_name = "PATH", group = "to", alias = "to-schema-datamodel")]
    to_schema: Option<PathBuf>,
    /// To a folder of migrations; they are replayed in the lab.
    #[arg(long, value_name = "FOLDER", group = "to")]
    to_migrations: Option<PathBuf>,
    /// To the project's database.
    #[arg(long, group = "to")]
    to_config_datasource: bool,
    /// To this database, as Prisma up to 6 took it.
    #[arg(long, value_name = "URL", group = "to", hide = true)]
    to_url: Option<String>,
    /// To the database that this schema names, as Prisma up to 6 took it.
    #[arg(long, value_name = "PATH", group = "to", hide = true)]
    to_schema_datasource: Option<PathBuf>,
    /// Accepted for Prisma's sake: migrations are replayed in the lab, never on a server of yours.
    #[arg(long, value_name = "URL", hide = true)]
    shadow_database_url: Option<String>,
    /// Print SQL instead of a summary.
    #[arg(long)]
    script: bool,
    /// Exit with 2 where something differs.
    #[arg(long)]
    exit_code: bool,
    /// Write to a file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    lab: LabArguments,
}

/// The one flag of a group that was given; clap has seen to it that it is one.
fn side(
    schema: Option<&PathBuf>,
    migrations: Option<&PathBuf>,
    database: bool,
    url: Option<&String>,
    datasource: Option<&PathBuf>,
) -> Side {
    match (schema, migrations, url, datasource) {
        (Some(path), ..) => Side::Schema(path.clone()),
        (_, Some(path), ..) => Side::Migrations(path.clone()),
        (_, _, Some(url), _) => Side::Url(url.clone()),
        (_, _, _, Some(path)) => Side::SchemaDatabase(path.clone()),
        _ if database => Side::Database,
        _ => Side::Empty,
    }
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let request = DiffRequest {
        from: side(
            arguments.from_schema.as_ref(),
            arguments.from_migrations.as_ref(),
            arguments.from_config_datasource,
            arguments.from_url.as_ref(),
            arguments.from_schema_datasource.as_ref(),
        ),
        to: side(
            arguments.to_schema.as_ref(),
            arguments.to_migrations.as_ref(),
            arguments.to_config_datasource,
            arguments.to_url.as_ref(),
            arguments.to_schema_datasource.as_ref(),
        ),
        place: Place { project: arguments.project.options(), url: None },
        wish: arguments.lab.wish(),
    };
    let spinner = Spinner::new(false);
    let report = diff(&request, &spinner).await;
    spinner.finish();
    let report = report?;
    for note in &report.notes {
        output::talk(&format!("note: {note}"));
    }
    let mut text = if arguments.script { report.script } else { report.summary };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    // Prisma's command line ends what its engine prints with one more line end.
    text.push('\n');
    match &arguments.output {
        Some(path) => {
            std::fs::write(path, &text).with_context(|| format!("write {}", path.display()))?;
        }
        None => output::print(&text)?,
    }
    Ok(if arguments.exit_code && !report.empty { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
