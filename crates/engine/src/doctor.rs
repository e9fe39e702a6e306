//! `doctor`: what was found, what is missing, how to get it.

use std::path::Path;

use crate::check::find;
use crate::collect::connect;
use crate::{config, git};

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub what: &'static str,
    pub state: State,
    pub detail: String,
    /// The next step, where there is one.
    pub hint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Good,
    /// Works, but not at its best.
    Note,
    Missing,
}

impl Check {
    fn good(what: &'static str, detail: impl Into<String>) -> Check {
        Check { what, state: State::Good, detail: detail.into(), hint: None }
    }

    fn other(what: &'static str, state: State, detail: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { what, state, detail: detail.into(), hint: Some(hint.into()) }
    }
}

/// Looks at the project, the machine and, if named, the database. Reads only; starts no lab.
pub async fn doctor(path: &Path, url: Option<&str>) -> Vec<Check> {
    let mut checks = Vec::new();
    let loaded = config::load(path);
    match &loaded {
        Ok(loaded) => checks.push(match &loaded.file {
            Some((file, _)) => Check::good("configuration", file.display().to_string()),
            None => Check::other(
                "configuration",
                State::Note,
                "no pgsteward.toml; the defaults hold",
                "pgsteward init writes one with comments",
            ),
        }),
        Err(error) => checks.push(Check::other(
            "configuration",
            State::Missing,
            format!("{error:#}"),
            "mend the file, or remove it",
        )),
    }
    project(path, &loaded.unwrap_or_default(), &mut checks);
    checks.push(match git::Git::of(path) {
        Some(git) if git.is_shallow() => Check::other(
            "git",
            State::Note,
            "a shallow clone: new migrations cannot be told from old ones",
            "git fetch --unshallow",
        ),
        Some(_) => Check::good("git", "a repository with its history"),
        None => Check::other(
            "git",
            State::Note,
            "no repository",
            "name the last applied migration as applied_through in pgsteward.toml",
        ),
    });
    lab(&mut checks);
    if let Some(url) = url {
        database(url, &mut checks).await;
    }
    checks
}

fn project(path: &Path, loaded: &config::Loaded, checks: &mut Vec<Check>) {
    let found = match find(path, loaded) {
        Ok(found) => found,
        Err(error) => {
            checks.push(Check::other(
                "project",
                State::Missing,
                format!("{error:#}"),
                "name an existing folder",
            ));
            return;
        }
    };
    if found.projects.is_empty() {
        checks.push(Check::other(
            "project",
            State::Missing,
            "no Prisma schema and no folder of SQL migrations",
            "name the folder of the project",
        ));
    }
    for project in &found.projects {
        let name = if project.folder.is_empty() { ".".to_owned() } else { project.folder.clone() };
        let schemas = match project.schema_files.len() {
            0 => "no Prisma schema".to_owned(),
            1 => "a Prisma schema".to_owned(),
            count => format!("a Prisma schema of {count} files"),
        };
        let migrations = match &project.migrations {
            Some(migrations) => format!("{} migrations", migrations.files.len()),
            None => "no migrations (judged on the schema's own SQL)".to_owned(),
        };
        let version = project
            .prisma_version
            .map(|(major, minor)| format!(", Prisma {major}.{minor}"))
            .unwrap_or_default();
        checks.push(Check::good("project", format!("{name}: {schemas}, {migrations}{version}")));
    }
    checks.extend(
        found.gaps.iter().map(|gap| Check::other("project", State::Note, gap.why.clone(), gap.hint.clone())),
    );
}

fn lab(checks: &mut Vec<Check>) {
    match pgsteward_lab::installed() {
        Ok(found) if found.is_empty() => checks.push(Check::other(
            "lab",
            State::Note,
            "no PostgreSQL on this machine; the first check downloads one (about 23 MB)",
            "install PostgreSQL or set PGSTEWARD_PG_BIN to keep it offline",
        )),
        Ok(found) => checks.extend(found.iter().map(|found| {
            Check::good("lab", format!("PostgreSQL {} in {}", found.version, found.folder.display()))
        })),
        Err(error) => checks.push(Check::other("lab", State::Missing, error.to_string(), error.hint())),
    }
}

async fn database(url: &str, checks: &mut Vec<Check>) {
    match connect(url).await {
        Ok((_, live)) => {
            let role = live.cluster.current_role.as_deref().unwrap_or("?");
            checks.push(Check::good(
                "database",
                format!(
                    "PostgreSQL {}, read as {role}, {} tables",
                    live.cluster.version,
                    live.catalog.tables.len()
                ),
            ));
            checks.extend(
                live.gaps
                    .iter()
                    .map(|gap| Check::other("database", State::Note, gap.why.clone(), gap.hint.clone())),
            );
        }
        Err(error) => checks.push(Check::other(
            "database",
            State::Missing,
            format!("{error:#}"),
            "mend the URL or the server, then run doctor again",
        )),
    }
}
