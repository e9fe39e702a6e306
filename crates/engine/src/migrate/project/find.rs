//! Where the schema of a project lies: in the places where Prisma looks, in its order.

use std::path::{Path, PathBuf};

use super::read_utf8;
use crate::migrate::config_file::PrismaConfig;
use crate::migrate::error::MigrateError;

pub(super) fn folder_of(named: Option<&Path>) -> Result<PathBuf, MigrateError> {
    let folder = named.unwrap_or(Path::new("."));
    folder.canonicalize().map_err(|error| {
        MigrateError::new(format!("cannot open the folder \"{}\": {error}", folder.display()))
            .with_hint("name the folder of the project")
    })
}

/// Where Prisma looks, in its order: `--schema`, the configuration file, `prisma.schema` of package.json, then
/// the default places.
pub(super) fn find_schema(
    root: &Path,
    named: Option<&Path>,
    config: Option<&PrismaConfig>,
) -> Result<Option<PathBuf>, MigrateError> {
    let there = |path: PathBuf, of: &str| {
        if path.exists() {
            return Ok(Some(path));
        }
        let message = format!("there is no Prisma schema at \"{}\", which {of} names", path.display());
        Err(MigrateError::new(message).with_hint("correct the path, or name the schema with --schema"))
    };
    if let Some(path) = named {
        return there(root.join(path), "--schema");
    }
    if let Some(path) = config.and_then(|config| config.schema.clone()) {
        return there(path, "prisma.config.ts");
    }
    if let Some(path) = of_package(root)? {
        return there(path, "package.json");
    }
    let places = ["schema.prisma", "prisma/schema.prisma"];
    let file = places.iter().map(|place| root.join(place)).find(|path| path.is_file());
    Ok(file.or_else(|| {
        let folder = root.join("prisma/schema");
        let mut files = Vec::new();
        (prisma_files(&folder, &mut files).is_ok() && !files.is_empty()).then_some(folder)
    }))
}

/// `"prisma": { "schema": … }` of the package that the folder belongs to.
fn of_package(root: &Path) -> Result<Option<PathBuf>, MigrateError> {
    let Some(path) = root.ancestors().map(|folder| folder.join("package.json")).find(|path| path.is_file())
    else {
        return Ok(None);
    };
    let text = read_utf8(&path)?;
    let package: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        MigrateError::new(format!("\"{}\" is no JSON: {error}", path.display())).with_hint("correct the file")
    })?;
    let folder = path.parent().unwrap_or(root);
    Ok(package["prisma"]["schema"].as_str().map(|schema| folder.join(schema)))
}

/// The `.prisma` files of a folder and of the folders in it, sorted.
pub(super) fn prisma_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), MigrateError> {
    let unreadable = |error: std::io::Error| {
        MigrateError::new(format!("cannot read \"{}\": {error}", folder.display()))
            .with_hint("check its permissions")
    };
    let mut entries =
        std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() && entry.file_name() != "migrations" && entry.file_name() != "node_modules" {
            prisma_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "prisma") && path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

pub(super) fn no_schema(root: &Path) -> MigrateError {
    MigrateError::new(format!(
        "could not find a Prisma schema that is required for this command, nor a folder of SQL migrations, in \"{}\"; \
         looked for schema.prisma, prisma/schema.prisma, prisma/schema, prisma.config.ts, \"prisma\".\"schema\" in \
         package.json, migrations and db/migrations",
        root.display()
    ))
    .with_hint("run the command in the folder of the project, or name the schema with --schema")
}
