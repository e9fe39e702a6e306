//! Which database a verb works on. The URL comes from the command line, the environment, `.env` or
//! `prisma.config.ts`, as Prisma takes it; a URL that leads to a pooler is exchanged for a direct one where the user
//! gave one. No URL with a password ever gets into a message.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pgsteward_model::prisma::UrlValue;
use pgsteward_pg::ServerUrl;

use super::config_file::Origin;
use super::error::MigrateError;
use super::project::{MigrateProject, read_utf8};
use crate::discover::environment::variables;

/// A database and how it was found.
#[derive(Clone, Debug)]
pub struct Connection {
    pub url: ServerUrl,
    /// "DATABASE_URL of .env", for people.
    pub origin: String,
    /// What was decided about a pooler, for people.
    pub note: Option<String>,
}

impl Connection {
    /// The namespace that Prisma works in: `?schema=`, by default `public`.
    pub fn namespace(&self) -> &str {
        self.url.schema()
    }

    /// The database's name, as the URL has it or the server takes it.
    pub fn database(&self) -> &str {
        self.url.database().or(self.url.user()).unwrap_or_default()
    }
}

/// What a verb needs the connection for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Reading works through any pooler.
    Read,
    /// Session settings, advisory locks and statements that refuse transactions need a session of their own.
    Write,
}

/// Where variables are looked up: the environment first, then the `.env` files that Prisma reads.
#[derive(Debug)]
pub struct Environment {
    files: Vec<(PathBuf, Vec<(String, String)>)>,
}

impl Environment {
    /// Reads the `.env` files of the project: of its root, of its package, beside the schema, above the schema.
    /// With a configuration file Prisma leaves that to the file, which loads them or does not.
    pub fn of(project: &MigrateProject) -> Result<Environment, MigrateError> {
        let mut environment = Environment { files: Vec::new() };
        if project.config.as_ref().is_some_and(|config| !config.loads_environment) {
            return Ok(environment);
        }
        let package = project.root.ancestors().find(|folder| folder.join("package.json").is_file());
        let schema = project.schema_path.as_deref().and_then(Path::parent);
        let folders = [Some(project.root.as_path()), package, schema, schema.and_then(Path::parent)];
        for folder in folders.into_iter().flatten() {
            let path = folder.join(".env");
            if !path.is_file() || environment.files.iter().any(|(known, _)| *known == path) {
                continue;
            }
            let read =
                variables(&read_utf8(&path)?).into_iter().map(|(name, value, _)| (name, value)).collect();
            environment.files.push((path, read));
        }
        Ok(environment)
    }

    /// The value of a variable and where it stands. Empty values do not count.
    pub fn get(&self, name: &str) -> Option<(String, String)> {
        if let Ok(value) = std::env::var(name)
            && !value.is_empty()
        {
            return Some((value, format!("{name} of the environment")));
        }
        let of_file = self.files.iter().find_map(|(path, read)| {
            let value = read.iter().rev().find(|(key, value)| key == name && !value.is_empty())?.1.clone();
            Some((value, path))
        });
        of_file.map(|(value, path)| {
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            (self.expanded(&value, 0), format!("{name} of {file}"))
        })
    }

    /// What the files define, the first definition of each name.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (name, value) in self.files.iter().flat_map(|(_, read)| read) {
            all.entry(name.clone()).or_insert_with(|| self.expanded(value, 0));
        }
        all
    }

    /// `${NAME}` of the environment or of the files. What is not defined stays as it is written.
    fn expanded(&self, value: &str, depth: usize) -> String {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let named = after.split_once('}').filter(|_| depth < 8);
            let found = named.and_then(|(name, _)| {
                let own = std::env::var(name).ok();
                own.or_else(|| {
                    self.files
                        .iter()
                        .find_map(|(_, read)| Some(read.iter().find(|(key, _)| key == name)?.1.clone()))
                })
            });
            match (named, found) {
                (Some((_, after)), Some(found)) => {
                    out.push_str(&self.expanded(&found, depth + 1));
                    rest = after;
                }
                _ => {
                    out.push_str("${");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out
    }
}

/// The database of a project. `flag` is the URL of the command line, which wins over everything.
pub fn resolve(
    project: &MigrateProject,
    flag: Option<&str>,
    wanted: Use,
) -> Result<Connection, MigrateError> {
    if let Some(text) = flag {
        let url = ServerUrl::parse(text)?;
        return direct(Connection { url, origin: "--url".into(), note: None }, None, wanted);
    }
    let environment = Environment::of(project)?;
    let config = project.config.as_ref();
    let configured =
        config.map(|config| if config.direct_url.is_empty() { &config.url } else { &config.direct_url });
    if let Some(origins) = configured.filter(|origins| !origins.is_empty()) {
        let connection = of_config(origins, &environment, project)?;
        return direct(connection, Some(&environment), wanted);
    }
    let datasource = project.schema.as_ref().and_then(|schema| schema.datasource.as_ref());
    let of_schema = datasource.and_then(|source| source.direct_url.as_ref().or(source.url.as_ref()));
    let connection = match of_schema {
        Some(UrlValue::Env { name, .. }) => {
            of_variable(name, &environment).unwrap_or_else(|| Err(missing(name, project)))?
        }
        Some(UrlValue::Literal { text, .. }) => {
            let url = ServerUrl::parse(text.expose())?;
            Connection { url, origin: "the schema".into(), note: None }
        }
        // Neither the schema nor the configuration says it: the one variable that everybody uses.
        None => of_variable("DATABASE_URL", &environment)
            .unwrap_or_else(|| Err(missing("DATABASE_URL", project)))?,
    };
    direct(connection, Some(&environment), wanted)
}

/// The database that a variable names; none where it is not set.
pub(super) fn of_named(
    name: &str,
    environment: &Environment,
    wanted: Use,
) -> Result<Option<Connection>, MigrateError> {
    let Some(found) = of_variable(name, environment) else { return Ok(None) };
    // Another variable of the environment may be another target's.
    direct(found?, None, wanted).map(Some)
}

fn of_variable(name: &str, environment: &Environment) -> Option<Result<Connection, MigrateError>> {
    let (value, origin) = environment.get(name)?;
    let parsed = ServerUrl::parse(&value).map_err(|error| {
        let error = MigrateError::from(error);
        MigrateError { message: format!("{origin}: {}", error.message), ..error }
    });
    Some(parsed.map(|url| Connection { url, origin, note: None }))
}

fn of_config(
    origins: &[Origin],
    environment: &Environment,
    project: &MigrateProject,
) -> Result<Connection, MigrateError> {
    let mut name = "";
    for origin in origins {
        match origin {
            Origin::Variable(variable) => {
                name = variable;
                if let Some(connection) = of_variable(variable, environment) {
                    return connection;
                }
            }
            Origin::Literal(text) => {
                let url = ServerUrl::parse(text.expose())?;
                return Ok(Connection { url, origin: "prisma.config.ts".into(), note: None });
            }
        }
    }
    Err(missing(name, project))
}

fn missing(name: &str, project: &MigrateProject) -> MigrateError {
    let config = project.config.as_ref();
    if config.is_some_and(|config| config.unknown.iter().any(|key| key == "datasource.url")) {
        return MigrateError::new(
            "datasource.url of prisma.config.ts is computed, and the file is read without being run",
        )
        .with_hint("pass --url, or write it as env(\"DATABASE_URL\") or process.env.DATABASE_URL");
    }
    let message = format!("environment variable not found: {name}");
    let hint = match config {
        Some(config) if !config.loads_environment => format!(
            "set {name}, or import \"dotenv/config\" in prisma.config.ts to have .env read, or pass --url"
        ),
        _ => format!("set {name} in the environment or in .env, or pass --url"),
    };
    MigrateError::coded("P1012", message).with_hint(hint)
}

/// Variables that hosting services and teams use for the connection without a pooler.
const DIRECT: [&str; 4] =
    ["DIRECT_URL", "DIRECT_DATABASE_URL", "DATABASE_URL_UNPOOLED", "POSTGRES_URL_NON_POOLING"];

/// Exchanges the URL of a pooler for the direct one that the user's environment names.
fn direct(
    connection: Connection,
    environment: Option<&Environment>,
    wanted: Use,
) -> Result<Connection, MigrateError> {
    let Some(sign) = pooler(&connection.url).filter(|_| wanted == Use::Write) else { return Ok(connection) };
    for name in DIRECT {
        let Some(found) = environment.and_then(|environment| of_variable(name, environment)) else {
            continue;
        };
        let found = found?;
        if pooler(&found.url).is_none() {
            let note =
                format!("{} leads to a pooler ({sign}); {} is used instead", connection.origin, found.origin);
            return Ok(Connection { note: Some(note), ..found });
        }
    }
    if sign.certain && std::env::var_os("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK").is_none() {
        return Err(MigrateError::new(format!(
            "{} leads to a transaction pooler ({sign}): there the advisory lock of migrations and the settings of the \
             session would belong to somebody else",
            connection.origin
        ))
        .with_hint("set DIRECT_URL (or directUrl of the schema) to the server itself, or pass its URL with --url"));
    }
    let note = format!(
        "{} seems to lead to a pooler ({sign}) and no DIRECT_URL is set; in transaction mode the advisory lock would not \
         hold",
        connection.origin
    );
    Ok(Connection { note: Some(note), ..connection })
}

/// What gives a pooler away.
struct Sign {
    words: &'static str,
    certain: bool,
}

impl std::fmt::Display for Sign {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.words)
    }
}

fn pooler(url: &ServerUrl) -> Option<Sign> {
    let host = url.host();
    if url.is_pooled() {
        return Some(Sign { words: "pgbouncer=true", certain: true });
    }
    if host.contains("-pooler.") {
        return Some(Sign { words: "\"-pooler\" in the host name", certain: true });
    }
    if host.ends_with(".pooler.supabase.com") && url.port() == 6543 {
        return Some(Sign { words: "port 6543 of Supabase's pooler", certain: true });
    }
    (url.port() == 6432).then_some(Sign { words: "port 6432", certain: false })
}
