//! `prisma.config.ts` read as syntax. It is a program out of someone's repository, so it is never run: literals,
//! `path.join` of literals, `env("X")`, `process.env.X`, alternatives (`a ?? b`) and constants of the same file
//! are understood, and everything else is unknown rather than guessed.

mod reader;
mod tokens;

use std::path::{Path, PathBuf};

use reader::Value;

use super::error::MigrateError;

/// Where a URL comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment.
    Variable(String),
    /// Written out. It may hold a password.
    Literal(pgsteward_model::prisma::Secret),
}

/// What the configuration says, as far as it can be read without running it. Paths are absolute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrismaConfig {
    pub path: PathBuf,
    pub schema: Option<PathBuf>,
    pub migrations_path: Option<PathBuf>,
    /// `migrations.seed`: a command line.
    pub seed: Option<String>,
    /// `migrations.initShadowDb`: SQL.
    pub init_shadow_db: Option<String>,
    /// Alternatives in the order they are tried; so below.
    pub url: Vec<Origin>,
    pub direct_url: Vec<Origin>,
    pub shadow_database_url: Vec<Origin>,
    /// `schema.name` of tables and enums that something else manages.
    pub external_tables: Vec<String>,
    pub external_enums: Vec<String>,
    /// The file loads `.env` itself (`import "dotenv/config"`): Prisma does so by itself only where there is no
    /// configuration file.
    pub loads_environment: bool,
    /// Settings whose value is no literal: `datasource.url`.
    pub unknown: Vec<String>,
}

/// The names that Prisma looks for, in its order.
const NAMES: [&str; 12] = [
    "prisma.config.js",
    "prisma.config.ts",
    "prisma.config.mjs",
    "prisma.config.cjs",
    "prisma.config.mts",
    "prisma.config.cts",
    ".config/prisma.js",
    ".config/prisma.ts",
    ".config/prisma.mjs",
    ".config/prisma.cjs",
    ".config/prisma.mts",
    ".config/prisma.cts",
];

/// The configuration file of a folder.
pub(super) fn find(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

pub(super) fn read(path: &Path) -> Result<PrismaConfig, MigrateError> {
    let text = super::project::read_utf8(path)?;
    let mut config = from_text(&text, path.parent().unwrap_or(Path::new(".")));
    config.path = path.to_path_buf();
    Ok(config)
}

fn from_text(text: &str, folder: &Path) -> PrismaConfig {
    let mut config = PrismaConfig {
        loads_environment: ["dotenv", "loadEnvFile", "@dotenvx/", "@next/env"]
            .iter()
            .any(|word| text.contains(word)),
        ..PrismaConfig::default()
    };
    let root = reader::read(text);
    if root == Value::Unknown {
        config.unknown.push("the whole file".into());
        return config;
    }
    let mut path = |keys: &[&str]| match root.at(keys) {
        Some(Value::Text(text)) => Some(folder.join(text)),
        Some(_) => {
            config.unknown.push(keys.join("."));
            None
        }
        None => None,
    };
    config.schema = path(&["schema"]);
    config.migrations_path = path(&["migrations", "path"]);
    let mut text = |keys: &[&str]| match root.at(keys) {
        Some(Value::Text(text)) => Some(text.clone()),
        Some(_) => {
            config.unknown.push(keys.join("."));
            None
        }
        None => None,
    };
    config.seed = text(&["migrations", "seed"]);
    config.init_shadow_db = text(&["migrations", "initShadowDb"]);
    let mut url = |keys: &[&str]| {
        let mut found = Vec::new();
        if let Some(value) = root.at(keys) {
            value.origins(&mut found);
            if found.is_empty() {
                config.unknown.push(keys.join("."));
            }
        }
        found
    };
    config.url = url(&["datasource", "url"]);
    config.direct_url = url(&["datasource", "directUrl"]);
    config.shadow_database_url = url(&["datasource", "shadowDatabaseUrl"]);
    let mut list = |keys: &[&str]| match root.at(keys) {
        Some(Value::List(values)) => values
            .iter()
            .filter_map(|value| match value {
                Value::Text(text) => Some(text.clone()),
                _ => {
                    config.unknown.push(keys.join("."));
                    None
                }
            })
            .collect(),
        Some(_) => {
            config.unknown.push(keys.join("."));
            Vec::new()
        }
        None => Vec::new(),
    };
    config.external_tables = list(&["tables", "external"]);
    config.external_enums = list(&["enums", "external"]);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str) -> Origin {
        Origin::Variable(name.into())
    }

    #[test]
    fn the_forms_that_projects_use() {
        let config = from_text(
            "import 'dotenv/config' // why not\nimport path from \"node:path\"\n\
             import { defineConfig, env } from \"prisma/config\"\n\
             export default defineConfig({\n  schema: path.join(\"db\", 'schema'),\n  migrations: { path: `db/m`, seed: 'tsx \"seed\".ts', },\n\
             datasource: { url: env<Env>(\"DATABASE_URL\"), shadowDatabaseUrl: process.env['SHADOW'] ?? \"postgres://x\" },\n\
             tables: { external: [\"auth.users\", 'public.z'] }, async adapter() { return {} },\n}) satisfies X",
            Path::new("/p"),
        );
        assert_eq!(config.schema, Some("/p/db/schema".into()));
        assert_eq!(config.migrations_path, Some("/p/db/m".into()));
        assert_eq!(config.seed.as_deref(), Some("tsx \"seed\".ts"));
        assert_eq!(config.url, [variable("DATABASE_URL")]);
        assert_eq!(config.shadow_database_url.len(), 2);
        assert_eq!(config.shadow_database_url[0], variable("SHADOW"));
        assert_eq!(config.external_tables, ["auth.users", "public.z"]);
        assert!(config.loads_environment && config.unknown.is_empty(), "{:?}", config.unknown);
    }

    #[test]
    fn constants_and_what_cannot_be_known() {
        let config = from_text(
            "const url = process.env.DB_URL!;\nconst config: PrismaConfig = { schema: find(), datasource: { url } };\n\
             /* module */ export default config;",
            Path::new("/p"),
        );
        assert_eq!(config.url, [variable("DB_URL")]);
        assert_eq!(config.unknown, ["schema"]);
        assert!(!config.loads_environment);
        assert_eq!(from_text("export default make({})", Path::new("/")).unknown, ["the whole file"]);
        assert_eq!(from_text("module.exports = { schema: `${x}/y` }", Path::new("/")).unknown, ["schema"]);
    }

    #[test]
    fn text_that_is_no_program_ends() {
        for text in [
            "",
            "export default {",
            "export default defineConfig({a:[{",
            "'",
            "`${",
            "/*",
            "export default (((((",
        ] {
            let config = from_text(text, Path::new("/"));
            assert!(config.url.is_empty(), "{text}");
        }
        let deep = format!("export default {}", "[".repeat(100_000));
        assert!(from_text(&deep, Path::new("/")).url.is_empty());
    }
}
