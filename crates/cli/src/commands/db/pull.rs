//! `db pull`: the database's schema into the Prisma schema.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pgsteward_engine::migrate::pull::{PullOptions, pull};
use pgsteward_report::migrate::{migrate_json, objects_text, pull_text};

use crate::commands::migrate::{ProjectArguments, ReportFormat};
use crate::output;
use crate::progress::Spinner;

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    project: ProjectArguments,
    /// The database to read [default: as Prisma finds it].
    #[arg(long, value_name = "URL", hide_env_values = true)]
    url: Option<String>,
    /// Forget the models of the schema, their names and comments; keep its configuration.
    #[arg(long)]
    force: bool,
    /// Print the schema and write nothing.
    #[arg(long)]
    print: bool,
    /// Namespaces to read, parted by commas, instead of those of the datasource.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    schemas: Option<Vec<String>>,
    /// Depth of composite types; PostgreSQL has none that Prisma reads. Taken for the sake of scripts.
    #[arg(long, value_name = "DEPTH", allow_hyphen_values = true, hide = true)]
    composite_type_depth: Option<i32>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    format: ReportFormat,
}

pub(super) async fn run(arguments: &Arguments) -> Result<ExitCode> {
    let options = PullOptions {
        project: arguments.project.options(),
        url: arguments.url.clone(),
        force: arguments.force,
        print: arguments.print,
        namespaces: arguments.schemas.clone(),
    };
    let spinner = Spinner::new(arguments.print);
    let report = pull(&options, &spinner).await;
    spinner.finish();
    let report = report?;
    match (arguments.format, arguments.print) {
        (ReportFormat::Json, _) => output::print(&migrate_json("db pull", &report))?,
        (ReportFormat::Text, false) => output::print(&pull_text(&report))?,
        (ReportFormat::Text, true) => {
            let several = report.texts.len() > 1;
            let named = |(path, text): &(String, String)| {
                if several { format!("// {path}\n{text}") } else { text.clone() }
            };
            output::print(&report.texts.iter().map(named).collect::<Vec<_>>().join("\n"))?;
            // What is printed may go into a file, so talk is kept apart, as comments.
            let talk = [report.warnings.clone().unwrap_or_default(), objects_text(&report)].join("\n");
            for line in talk.trim().lines() {
                output::talk(format!("// {line}").trim_end());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
