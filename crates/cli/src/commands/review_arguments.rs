//! Arguments of every verb that reviews.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use pgsteward_engine::check::CheckOptions;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::prove::ProveMode;

#[derive(Args)]
pub(crate) struct ReviewArguments {
    /// Folder of the repository, or one .prisma or .sql file [default: the current folder].
    pub(crate) path: Option<PathBuf>,
    /// Read this database too: a PostgreSQL URL, or `env` for DATABASE_URL (environment, then .env).
    #[arg(long, value_name = "URL", env = "PGSTEWARD_URL", hide_env_values = true)]
    url: Option<String>,
    /// Judge every migration, each as a deploy of its own.
    #[arg(long, conflicts_with = "since")]
    all_migrations: bool,
    /// Judge migrations that changed since this git revision.
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Run these rules or groups only.
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    select: Vec<String>,
    /// Leave these rules or groups out.
    #[arg(long, value_delimiter = ',', value_name = "RULE")]
    ignore: Vec<String>,
    /// How many fixes to try in the lab.
    #[arg(long, value_enum, default_value_t = Prove::All)]
    prove: Prove,
    /// Start no lab server: read files and the database only.
    #[arg(long)]
    no_lab: bool,
    /// Major version of PostgreSQL for the lab [default: the database's, else 17].
    #[arg(long, value_name = "MAJOR", env = "PGSTEWARD_PG_MAJOR", value_parser = clap::value_parser!(u32).range(12..=18))]
    pg_major: Option<u32>,
    /// Never download PostgreSQL.
    #[arg(long, env = "PGSTEWARD_OFFLINE", value_parser = clap::builder::FalseyValueParser::new())]
    offline: bool,
    /// Show no progress.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Prove {
    All,
    Top,
    None,
}

impl ReviewArguments {
    /// The arguments of a review that a fix is written from: everything is judged as a check would.
    pub(crate) fn for_fix(
        path: Option<PathBuf>,
        url: Option<String>,
        all_migrations: bool,
        no_lab: bool,
        offline: bool,
    ) -> ReviewArguments {
        ReviewArguments {
            path,
            url,
            all_migrations,
            since: None,
            select: Vec::new(),
            ignore: Vec::new(),
            prove: Prove::All,
            no_lab,
            pg_major: None,
            offline,
            quiet: false,
        }
    }

    pub(crate) fn options(&self, baseline: Option<PathBuf>) -> Result<CheckOptions> {
        let url = match self.url.as_deref() {
            Some("env") => Some(environment_url(self.path.as_deref())?),
            Some(url) => Some(url.to_owned()),
            None => None,
        };
        Ok(CheckOptions {
            path: self.path.clone(),
            url,
            all_migrations: self.all_migrations,
            since: self.since.clone(),
            select: self.select.clone(),
            ignore: self.ignore.clone(),
            baseline,
            ignore_baseline: false,
            prove: match self.prove {
                Prove::All => ProveMode::All,
                Prove::Top => ProveMode::Top,
                Prove::None => ProveMode::None,
            },
            lab: LabWish { none: self.no_lab, major: self.pg_major, offline: self.offline },
        })
    }
}

pub(crate) fn environment_url(path: Option<&std::path::Path>) -> Result<String> {
    if let Ok(url) = std::env::var("DATABASE_URL")
        && !url.is_empty()
    {
        return Ok(url);
    }
    let here = std::path::Path::new(".");
    let folder = match path {
        Some(file) if file.is_file() => file.parent().unwrap_or(here),
        Some(folder) => folder,
        None => here,
    };
    match pgsteward_engine::discover::environment::database_url(folder) {
        Some(url) => Ok(url),
        None => bail!(
            "--url env: DATABASE_URL is neither in the environment nor in {}\nhint: set it, or pass the URL itself",
            folder.join(".env").display()
        ),
    }
}
