//! What a migrate verb works on: the Prisma schema with its configuration, or a folder of plain SQL files, found
//! where Prisma finds them. No tree is walked: Prisma looks at a few named places, and so does this.

mod find;
mod folder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pgsteward_model::migration::Layout;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_pg::history::HistoryTable;

use self::find::{find_schema, folder_of, no_schema, prisma_files};
pub use self::folder::{MigrationFolder, checksum};
use super::config_file::{self, PrismaConfig};
use super::error::MigrateError;
use super::plain_files;
use crate::discover::{migrations as folders, relative};

/// What the user named on the command line.
#[derive(Clone, Debug, Default)]
pub struct ProjectOptions {
    /// The folder to work in; the current one where none.
    pub folder: Option<PathBuf>,
    /// `--schema`: a file or a folder of files.
    pub schema: Option<PathBuf>,
    /// `--config`: `prisma.config.ts`.
    pub config: Option<PathBuf>,
    /// `--migrations`: the folder of the migrations.
    pub migrations: Option<PathBuf>,
}

/// One project. All paths are absolute.
#[derive(Debug)]
pub struct MigrateProject {
    /// The folder that the command was called for.
    pub root: PathBuf,
    /// The schema as it was found: a file, or a folder of files. None for plain SQL projects.
    pub schema_path: Option<PathBuf>,
    pub schema_files: Vec<PathBuf>,
    pub schema: Option<Arc<PrismaSchema>>,
    /// Texts of the schema files, by path relative to the root.
    pub sources: Sources,
    pub config: Option<PrismaConfig>,
    pub layout: Layout,
    /// Where migrations lie or would lie; it need not exist.
    pub migrations_folder: PathBuf,
}

/// Longest name of a migration in bytes, as Prisma's engine allows it.
pub const LONGEST_NAME: usize = 200;

impl MigrateProject {
    /// Finds schema, configuration and migrations. It is an error where there is neither a Prisma schema nor a
    /// folder of migrations.
    pub fn find(options: &ProjectOptions) -> Result<MigrateProject, MigrateError> {
        let root = folder_of(options.folder.as_deref())?;
        let config = match &options.config {
            Some(path) => {
                let path = root.join(path);
                if !path.is_file() {
                    let message = format!("there is no configuration file \"{}\"", path.display());
                    return Err(MigrateError::new(message).with_hint("correct --config"));
                }
                Some(config_file::read(&path)?)
            }
            None => config_file::find(&root).map(|path| config_file::read(&path)).transpose()?,
        };
        let schema_path = find_schema(&root, options.schema.as_deref(), config.as_ref())?;
        let mut project = MigrateProject {
            root,
            schema_path,
            schema_files: Vec::new(),
            schema: None,
            sources: Sources::default(),
            config,
            layout: Layout::Prisma,
            migrations_folder: PathBuf::new(),
        };
        project.read_schema()?;
        project.find_migrations(options)?;
        Ok(project)
    }

    fn read_schema(&mut self) -> Result<(), MigrateError> {
        let Some(path) = &self.schema_path else { return Ok(()) };
        let mut files = Vec::new();
        if path.is_dir() {
            prisma_files(path, &mut files)?;
            if files.is_empty() {
                let message = format!("the folder \"{}\" holds no .prisma file", path.display());
                return Err(MigrateError::coded("P1012", message).with_hint("correct the path of the schema"));
            }
        } else {
            files.push(path.clone());
        }
        let mut read = Vec::new();
        for file in &files {
            let text = read_utf8(file)?;
            let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
            read.push(self.sources.add(SourceFile::new(relative(&self.root, file), text)));
        }
        self.schema_files = files;
        self.schema = Some(Arc::new(pgsteward_prisma::parse(&read)));
        self.refuse_other_databases()
    }

    fn refuse_other_databases(&self) -> Result<(), MigrateError> {
        let provider = self.schema.as_ref().and_then(|schema| schema.datasource.as_ref()?.provider.clone());
        match provider.as_deref() {
            None | Some("postgresql" | "postgres") => Ok(()),
            Some(other) => Err(MigrateError::new(format!(
                "the schema's provider is \"{other}\", and pgsteward works with PostgreSQL only"
            ))
            .with_hint("name a schema whose datasource has provider = \"postgresql\"")),
        }
    }

    fn find_migrations(&mut self, options: &ProjectOptions) -> Result<(), MigrateError> {
        let named = options.migrations.as_ref().map(|path| self.root.join(path));
        let configured = self.config.as_ref().and_then(|config| config.migrations_path.clone());
        if self.schema.is_some() || configured.is_some() {
            self.migrations_folder = named.or(configured).unwrap_or_else(|| self.beside_schema());
            if options.migrations.is_some()
                && let Some(found) = folders::read_any(&self.migrations_folder)
            {
                self.layout = found.layout;
            }
            return Ok(());
        }
        let loaded =
            crate::config::load(&self.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
        let beside = loaded.file.as_ref().and_then(|(path, _)| path.parent()).unwrap_or(&self.root);
        let of_toml = loaded.config.migrations.path.as_ref().map(|path| beside.join(path));
        let places = [
            "migrations",
            "db/migrations",
            "database/migrations",
            "sql/migrations",
            "db/migrate",
            "migration",
            "migrate",
            ".",
        ];
        let folder = named.or(of_toml).or_else(|| {
            places.iter().map(|place| self.root.join(place)).find(|place| folders::read_any(place).is_some())
        });
        // The folder of the command itself is no place for migrations because it is empty.
        let begun = || {
            let places = places.iter().filter(|place| **place != ".").map(|place| self.root.join(place));
            places.into_iter().find(|place| plain_files::is_begun(place))
        };
        let Some(folder) = folder.or_else(begun) else { return Err(no_schema(&self.root)) };
        if plain_files::is_begun(&folder) {
            (self.layout, self.migrations_folder) = (Layout::Files, folder);
            return Ok(());
        }
        let Some(found) = folders::read_any(&folder) else {
            let message = format!("the folder \"{}\" holds no SQL migrations", folder.display());
            return Err(MigrateError::new(message).with_hint(
                "name a folder of numbered .sql files, of pairs of .up.sql and .down.sql, or of Prisma's migrations",
            ));
        };
        self.layout = found.layout;
        self.migrations_folder = found.folder;
        Ok(())
    }

    /// Prisma's default: beside the file that holds the datasource; for a folder of files also beside the folder,
    /// where there are migrations already.
    fn beside_schema(&self) -> PathBuf {
        let datasource = self.schema.as_ref().and_then(|schema| schema.datasource.as_ref());
        let file =
            datasource.map(|datasource| self.root.join(&*datasource.at.file)).or(self.schema_path.clone());
        let folder = file.as_deref().and_then(Path::parent).unwrap_or(&self.root).to_path_buf();
        let beside = folder.join("migrations");
        let above = folder.parent().map(|parent| parent.join("migrations")).filter(|above| above.is_dir());
        match above {
            Some(above)
                if !beside.is_dir() && self.schema_path.as_ref().is_some_and(|path| path.is_dir()) =>
            {
                above
            }
            _ => beside,
        }
    }

    /// True where the migrations are Prisma's folders and their history is `_prisma_migrations`.
    pub fn is_prisma(&self) -> bool {
        self.layout == Layout::Prisma
    }

    /// SQL that every replay of the migrations begins with: `migrations.initShadowDb` of prisma.config.ts.
    pub fn init_shadow_db(&self) -> Option<String> {
        self.config.as_ref().and_then(|config| config.init_shadow_db.clone())
    }

    /// The table that holds the history, in the namespace of the connection URL.
    pub fn history_table(&self, namespace: &str) -> HistoryTable {
        if self.is_prisma() { HistoryTable::prisma(namespace) } else { HistoryTable::plain(namespace) }
    }

    /// All migrations on disk in the order they run, read. A folder without `migration.sql` is P3015; a text that
    /// is not UTF-8 is an error that names the byte.
    pub fn migrations(&self) -> Result<Vec<MigrationFolder>, MigrateError> {
        if !self.migrations_folder.is_dir() {
            return Ok(Vec::new());
        }
        if !self.is_prisma() {
            return plain_files::read(&self.migrations_folder);
        }
        let unreadable = |error: std::io::Error| {
            MigrateError::new(format!("cannot read \"{}\": {error}", self.migrations_folder.display()))
                .with_hint("check its permissions")
        };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.migrations_folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            if entry.file_type().map_err(unreadable)?.is_dir() {
                let name = entry.file_name().into_string().map_err(|name| {
                    MigrateError::new(format!(
                        "the name of the migration folder \"{}\" is not UTF-8",
                        name.display()
                    ))
                    .with_hint("rename the folder")
                })?;
                names.push(name);
            }
        }
        names.sort_by_cached_key(|name| folders::locale_key(name));
        names.into_iter().map(|name| self.migration(name)).collect()
    }

    fn migration(&self, name: String) -> Result<MigrationFolder, MigrateError> {
        let folder = self.migrations_folder.join(&name);
        let file = folder.join("migration.sql");
        if !file.is_file() {
            let message = format!("could not find the migration file at \"{}\"", relative(&self.root, &file));
            return Err(MigrateError::coded("P3015", message).with_hint(
                "delete the folder to resolve the problem, or bring the file back from version control",
            ));
        }
        if name.len() > LONGEST_NAME {
            let message = format!("the name of the migration \"{name}\" is longer than {LONGEST_NAME} bytes");
            return Err(MigrateError::coded("P3010", message).with_hint("give the folder a shorter name"));
        }
        let down = Some(folder.join("down.sql")).filter(|path| path.is_file());
        let text = read_utf8(&file)?;
        Ok(MigrationFolder::new(name, file, text, down))
    }

    /// P3019 where `migration_lock.toml` names another provider than PostgreSQL.
    pub fn check_provider_lock(&self) -> Result<(), MigrateError> {
        let path = self.migrations_folder.join("migration_lock.toml");
        if !self.is_prisma() || !path.is_file() {
            return Ok(());
        }
        let text = read_utf8(&path)?;
        let locked = text.lines().map(str::trim).filter(|line| !line.starts_with('#')).find_map(|line| {
            let value = line.strip_prefix("provider")?.trim_start().strip_prefix('=')?.trim();
            Some(value.trim_matches(['"', '\'']).to_owned())
        });
        match locked.as_deref() {
            None | Some("postgresql" | "postgres") => Ok(()),
            Some(other) => Err(MigrateError::coded(
                "P3019",
                format!(
                    "the datasource provider \"postgresql\" specified in your schema does not match the one specified in \
                     the migration_lock.toml, \"{other}\""
                ),
            )
            .with_hint("remove the migrations folder and start a new history with `pgsteward migrate dev`")),
        }
    }
}

/// The text of a file, with the reason and the place where it is not UTF-8.
pub(super) fn read_utf8(path: &Path) -> Result<String, MigrateError> {
    let bytes = std::fs::read(path).map_err(|error| {
        MigrateError::new(format!("cannot read \"{}\": {error}", path.display()))
            .with_hint("check its permissions")
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        MigrateError::new(format!(
            "\"{}\" is not UTF-8: the first wrong byte is number {at} of the file, in line {line}",
            path.display()
        ))
        .with_hint("save the file as UTF-8; nothing was run")
    })
}
