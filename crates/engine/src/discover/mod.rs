//! What is in a repository: Prisma schemas, migrations, configuration. Reads names and small files only;
//! nothing of the repository is run, and links out of it are not followed.

pub mod environment;
mod kept;
pub(crate) mod listing;
pub(crate) mod migrations;
mod package;
mod schema;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow, bail};

use pgsteward_model::facts::Gap;
use pgsteward_model::migration::Layout;
use rustc_hash::FxHashSet;

use self::listing::{Kind, Listing};
use self::package::Surroundings;
use self::schema::ReadSchema;

/// Files larger than this are left out with a gap: no schema or migration written by people comes near it.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// How deep below a folder schemas and migrations are looked for.
const DEEPEST: usize = 16;

/// Everything found below a path.
#[derive(Debug, Default)]
pub struct Found {
    /// The folder that paths are relative to.
    pub root: PathBuf,
    pub projects: Vec<FoundProject>,
    pub gaps: Vec<Gap>,
    /// What was looked through. None where a single file was named.
    pub(crate) listing: Option<Arc<Listing>>,
}

/// One schema with its migrations, or one folder of plain SQL migrations.
#[derive(Debug, Default)]
pub struct FoundProject {
    /// Relative to the root, `/` between parts; empty for the root itself.
    pub folder: String,
    /// Absolute paths.
    pub schema_files: Vec<PathBuf>,
    pub migrations: Option<FoundMigrations>,
    pub environment: Vec<environment::EnvironmentFile>,
    /// From package.json: `(6, 19)`.
    pub prisma_version: Option<(u32, u32)>,
    /// `prisma.config.ts` and the like.
    pub prisma_config: Option<PathBuf>,
    /// Of the schema files, when somebody has asked.
    schema: OnceLock<ReadSchema>,
}

#[derive(Debug, Clone)]
pub struct FoundMigrations {
    pub folder: PathBuf,
    pub layout: Layout,
    /// In the order they run.
    pub files: Vec<FoundMigration>,
    /// Name of the one migration that was named on the command line: it is there to be judged.
    pub named: Option<String>,
}

#[derive(Debug, Clone)]
pub struct FoundMigration {
    pub name: String,
    pub path: PathBuf,
    pub down: Option<PathBuf>,
}

/// Looks through `path`, a folder or a single schema or SQL file.
pub fn discover(path: &Path) -> Result<Found> {
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => anyhow!(
            "there is no file or folder {}\nhint: name the folder of the project, or one .prisma or .sql file",
            path.display()
        ),
        _ => anyhow!("{} cannot be opened: {error}\nhint: check its permissions", path.display()),
    })?;
    let root = if metadata.is_dir() {
        path.to_path_buf()
    } else {
        path.parent().unwrap_or(Path::new(".")).to_path_buf()
    };
    let root = if root.as_os_str().is_empty() { PathBuf::from(".") } else { root };
    let mut found = Found {
        root: root.canonicalize().with_context(|| format!("open {}", root.display()))?,
        ..Found::default()
    };
    if metadata.is_file() {
        return single_file(path, found);
    }
    let files = walk(&mut found);
    let around = Surroundings::default();
    prisma_projects(&files, &around, &mut found);
    plain_projects(&files, &mut found);
    let folders: Vec<PathBuf> =
        found.projects.iter().map(|project| found.root.join(&project.folder)).collect();
    let environments = environment::find(&folders, &found.root);
    for ((project, folder), environment) in found.projects.iter_mut().zip(&folders).zip(environments) {
        project.environment = environment;
        project.read_package(folder, &around);
    }
    Ok(found)
}

impl FoundProject {
    fn read_package(&mut self, folder: &Path, around: &Surroundings) {
        let top = around.repository_of(folder);
        self.prisma_version = package::nearest(folder, &top).prisma_version;
        self.prisma_config = around.prisma_config(folder, &top);
    }
}

impl Found {
    /// Takes the folder that pgsteward.toml names for the migrations of the project that holds it.
    pub fn use_migrations(&mut self, folder: &Path) -> Result<()> {
        let read = folder.canonicalize().ok().and_then(|folder| migrations::read_any(&folder));
        let Some(read) = read else {
            bail!(
                "path = \"{}\" in [migrations] of pgsteward.toml names no folder of SQL migrations\n\
                 hint: name the folder that holds them, relative to pgsteward.toml",
                folder.display()
            );
        };
        self.projects.retain(|project| {
            !project.schema_files.is_empty()
                || project.migrations.as_ref().is_none_or(|other| other.folder != read.folder)
        });
        let root = self.root.clone();
        let home = self
            .projects
            .iter_mut()
            .filter(|project| !project.schema_files.is_empty())
            .filter(|project| read.folder.starts_with(root.join(&project.folder)))
            .max_by_key(|project| project.folder.len());
        match home {
            Some(project) => project.migrations = Some(read),
            None => self.projects.push(FoundProject {
                folder: relative(&self.root, &read.folder),
                migrations: Some(read),
                ..FoundProject::default()
            }),
        }
        Ok(())
    }
}

fn single_file(path: &Path, mut found: Found) -> Result<Found> {
    let path = path.canonicalize().with_context(|| format!("open {}", path.display()))?;
    let mut project = FoundProject::default();
    let around = Surroundings::default();
    project.read_package(&found.root, &around);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("prisma") => {
            project.migrations = around
                .configured_migrations(&path, &around.repository_of(&found.root))
                .and_then(|folder| migrations::read_prisma(&folder))
                .or_else(|| migrations::beside_schema(&found.root, &FxHashSet::default()));
            project.schema_files = vec![path];
        }
        Some("sql") => {
            let read = migrations::one_file(&path);
            found.root.clone_from(&read.folder);
            project.migrations = Some(read);
        }
        _ => bail!(
            "{} is neither a folder nor a .prisma or .sql file\nhint: name the folder of the project, or one .prisma \
             or .sql file",
            path.display()
        ),
    }
    found.projects.push(project);
    Ok(found)
}

/// The files that matter, by what they are.
#[derive(Default)]
struct Files {
    /// Folder → `.prisma` files in it.
    prisma: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Folders that hold `.sql` files directly or in numbered sub-folders, in no order.
    sql_folders: Vec<PathBuf>,
}

fn walk(found: &mut Found) -> Files {
    let listing = found.listing.insert(Arc::new(Listing::of(&found.root))).clone();
    let root = found.root.as_path();
    let start = root.as_os_str().len();
    // All of them begin with the root, and were put together part by part.
    let below = |path: &Path| {
        path.as_os_str()
            .as_encoded_bytes()
            .get(start..)
            .map_or(0, |rest| memchr::memchr_iter(b'/', rest).count())
    };
    let near = |path: &Path| below(path) <= DEEPEST;
    let mut gaps: Vec<(&Path, Gap)> = Vec::new();
    for (path, error) in listing.unreadable.iter().filter(|(path, _)| near(path)) {
        let why = format!("A part of the folder could not be read: {error}.");
        gaps.push((path, Gap::new("files", why, "check the permissions of that file or folder")));
    }
    let output = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| listing::SKIPPED.contains(&name))
    };
    for path in listing.links.iter().filter(|path| near(path) && !output(path)) {
        if migrations::would_matter(path) {
            let gap = Gap::new(
                format!("link {}", relative(root, path)),
                "It is a symbolic link, and links are not followed: they could lead anywhere.",
                "put the file or folder itself there, or name its own place as PATH",
            );
            gaps.push((path, gap));
        }
    }
    gaps.sort_by_key(|(path, _)| *path);
    let mut files = Files::default();
    let mut folders: FxHashSet<&OsStr> = FxHashSet::default();
    for (kind, path) in listing.files.iter().filter(|(_, path)| near(path)) {
        let parent = || path.parent().unwrap_or(root);
        match kind {
            Kind::Prisma => files.prisma.entry(parent().to_path_buf()).or_default().push(path.clone()),
            Kind::Sql => drop(folders.insert(parent().as_os_str())),
            Kind::Code | Kind::Package | Kind::Config => {}
        }
    }
    files.sql_folders = folders.into_iter().map(PathBuf::from).collect();
    files.prisma.values_mut().for_each(|paths| paths.sort());
    found.gaps.extend(gaps.into_iter().map(|(_, gap)| gap));
    files
}

/// Groups `.prisma` files into schemas. A file with a datasource starts a schema; files without one belong
/// to the nearest schema above them, as Prisma reads a folder of files.
fn prisma_projects(files: &Files, around: &Surroundings, found: &mut Found) {
    let top = around.repository_of(&found.root);
    let mut schemas: Vec<(PathBuf, PathBuf, Vec<PathBuf>)> = Vec::new();
    let mut parts: Vec<(PathBuf, PathBuf)> = Vec::new();
    for (folder, paths) in &files.prisma {
        for path in paths {
            match read_text(path) {
                Ok(text) if has_datasource(&text) => {
                    schemas.push((folder.clone(), path.clone(), vec![path.clone()]));
                }
                Ok(_) => parts.push((folder.clone(), path.clone())),
                Err(gap) => found.gaps.push(gap),
            }
        }
    }
    for (folder, path) in parts {
        let home = schemas
            .iter_mut()
            .filter(|(schema_folder, main, _)| {
                folder.starts_with(schema_folder) && around.reads_folder(main, &top)
            })
            .max_by_key(|(schema_folder, _, _)| schema_folder.components().count());
        match home {
            Some((_, _, members)) => members.push(path),
            None => found.gaps.push(Gap::new(
                format!("schema file {}", relative(&found.root, &path)),
                "The file has no datasource and no schema above it reads it, so it was left out.",
                "move it into the folder of its schema, or name the folder in prisma.config.ts",
            )),
        }
    }
    let listing = found.listing.clone().unwrap_or_default();
    let seen: FxHashSet<&OsStr> = listing.of_kind(Kind::Sql).map(Path::as_os_str).collect();
    for (folder, main, mut members) in schemas {
        members.sort();
        let migrations = around
            .configured_migrations(&main, &top)
            .and_then(|folder| migrations::read_prisma_of(&folder, &seen))
            .or_else(|| migrations::beside_schema(&folder, &seen));
        let home = migrations::project_folder(&folder);
        found.projects.push(FoundProject {
            folder: relative(&found.root, &home),
            schema_files: members,
            migrations,
            ..FoundProject::default()
        });
    }
}

/// Whether a folder is another one or stands in it, for paths that were put together from one root.
fn is_below(folder: &Path, outer: &Path) -> bool {
    let rest = folder.as_os_str().as_encoded_bytes().strip_prefix(outer.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

/// Folders of plain SQL migrations that belong to no Prisma schema.
fn plain_projects(files: &Files, found: &mut Found) {
    let prisma: Vec<PathBuf> = found
        .projects
        .iter()
        .filter_map(|project| Some(project.migrations.as_ref()?.folder.clone()))
        .collect();
    // Nearly all of them are single migrations of Prisma's: to put these in order takes longer than all else here.
    let inside_prisma = |folder: &Path| prisma.iter().any(|known| is_below(folder, known));
    let mut others: Vec<&PathBuf> =
        files.sql_folders.iter().filter(|folder| !inside_prisma(folder.as_path())).collect();
    others.sort_unstable();
    let mut seen: Vec<PathBuf> = Vec::new();
    for folder in others {
        if seen.iter().any(|known| folder.starts_with(known)) {
            continue;
        }
        let Some(read) = migrations::read_plain(folder, &found.root) else { continue };
        seen.push(read.folder.clone());
        let home = match read.layout {
            Layout::Prisma => migrations::project_folder(read.folder.parent().unwrap_or(&found.root)),
            Layout::Files | Layout::UpDown => read.folder.clone(),
        };
        found.projects.push(FoundProject {
            folder: relative(&found.root, &home),
            migrations: Some(read),
            ..FoundProject::default()
        });
    }
}

/// A line that opens a datasource block, outside comments.
fn has_datasource(text: &str) -> bool {
    text.lines().any(|line| {
        line.trim_start().strip_prefix("datasource").is_some_and(|rest| rest.starts_with([' ', '\t', '{']))
    })
}

/// Text of a file, or the gap that says why it is left out.
pub fn read_text(path: &Path) -> Result<String, Gap> {
    let what = format!("file {}", path.display());
    let unread = |error: std::io::Error| {
        let why = format!("The file could not be read: {error}.");
        Gap::new(what.clone(), why, "check that it exists and may be read")
    };
    let mut file = std::fs::File::open(path).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    if size > MAX_FILE_BYTES {
        return Err(Gap::new(
            what,
            format!("The file has {size} bytes; files over {MAX_FILE_BYTES} bytes are left out."),
            "move data out of the migration, or split the file",
        ));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.read_to_end(&mut bytes).map_err(unread)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Gap::new(
            what,
            format!(
                "The file is not UTF-8 (first wrong byte at offset {}).",
                error.utf8_error().valid_up_to()
            ),
            "save it as UTF-8",
        )
    })?;
    // A byte order mark is no part of the text: PostgreSQL and Prisma both stumble over it, rules should not.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A path below `root` as reports show it; a path elsewhere stays absolute.
pub fn relative(root: &Path, path: &Path) -> String {
    // Nearly every path is written as it is to be shown; part by part takes ten times as long.
    if let (Some(root), Some(path)) = (root.to_str(), path.to_str())
        && let Some(short) = path.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'))
        && !(short.starts_with('.') || short.ends_with('/') || short.contains("//") || short.contains("/."))
        && std::path::MAIN_SEPARATOR == '/'
    {
        return short.to_owned();
    }
    let short = path.strip_prefix(root).unwrap_or(path);
    short.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
