//! `db seed`: runs the project's own seed command, and the one place where a command out of the repository's
//! configuration is run. It runs because the user asked for exactly that, or for a reset in a project whose own Prisma seeds after it.
//!
//! As with Prisma it is no shell's: the text is split at blanks (`\ ` is a blank inside a word), and programs of
//! the project's packages are found in `node_modules/.bin`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::connection::Environment;
use super::error::MigrateError;
use super::project::MigrateProject;

/// What to run, and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedCommand {
    pub text: String,
    /// `prisma.config.ts` or `package.json`.
    pub origin: String,
}

/// The seed command of a project: `migrations.seed` of prisma.config.ts, else `prisma.seed` of the nearest
/// package.json, as Prisma up to 6 has it.
pub fn find(project: &MigrateProject) -> Result<SeedCommand, MigrateError> {
    configured(project)?.ok_or_else(|| {
        MigrateError::new("no seed command is configured").with_hint(
            "add seed to the section migrations of prisma.config.ts: migrations: { seed: \"tsx prisma/seed.ts\" }",
        )
    })
}

/// As [`find`]; none where the project has none.
pub fn configured(project: &MigrateProject) -> Result<Option<SeedCommand>, MigrateError> {
    find_in(project.config.as_ref().and_then(|config| config.seed.as_deref()), &project.root)
}

fn find_in(configured: Option<&str>, folder: &Path) -> Result<Option<SeedCommand>, MigrateError> {
    if let Some(text) = configured.map(str::trim).filter(|text| !text.is_empty()) {
        return Ok(Some(SeedCommand { text: text.to_owned(), origin: "prisma.config.ts".to_owned() }));
    }
    for above in folder.ancestors() {
        let path = above.join("package.json");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let package: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
            MigrateError::new(format!("\"{}\" is no JSON: {error}", path.display())).with_hint("correct it")
        })?;
        match &package["prisma"]["seed"] {
            serde_json::Value::String(text) if !text.trim().is_empty() => {
                let (text, origin) = (text.trim().to_owned(), "package.json".to_owned());
                return Ok(Some(SeedCommand { text, origin }));
            }
            serde_json::Value::Null => break,
            _ => {
                return Err(MigrateError::new(format!(
                    "prisma.seed in \"{}\" is no command",
                    path.display()
                ))
                .with_hint("write it as a text that is not empty"));
            }
        }
    }
    Ok(None)
}

/// Where what the command prints goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The caller's own output.
    Own,
    /// The caller's error output, because a report of ours is the output.
    Talk,
}

/// Runs it with the caller's input; true where it ended well. `arguments` are added as they are.
pub async fn run(
    project: &MigrateProject,
    command: &SeedCommand,
    arguments: &[String],
    output: Output,
) -> Result<bool, MigrateError> {
    let folder = &project.root;
    let mut words = split(&command.text).into_iter();
    let program = words.next().unwrap_or_default();
    let mut child = tokio::process::Command::new(&program);
    child.args(words).args(arguments).current_dir(folder).kill_on_drop(true);
    if output == Output::Talk {
        child.stdout(std::io::stderr());
    }
    child.env("PATH", path_with_packages(folder));
    // Prisma's CLI has read the `.env` files by then, and the command inherits what they say.
    for (name, value) in Environment::of(project)?.variables() {
        if std::env::var_os(&name).is_none() {
            child.env(name, value);
        }
    }
    let status = child.status().await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => format!("install \"{program}\", or correct the command"),
            _ => "correct the command".to_owned(),
        };
        MigrateError::new(format!("the seed command \"{}\" cannot be run: {error}", command.text))
            .with_hint(hint)
    })?;
    Ok(status.success())
}

/// Words of a command line without quotes, as Prisma's CLI splits it.
fn split(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for piece in text.split(' ').filter(|piece| !piece.is_empty()) {
        match words.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(' ');
                last.push_str(piece);
            }
            _ => words.push(piece.to_owned()),
        }
    }
    words
}

/// `PATH` with the project's `node_modules/.bin` folders before it, the nearest first.
pub(super) fn path_with_packages(folder: &Path) -> OsString {
    let mut parts: Vec<PathBuf> =
        folder.ancestors().map(|above| above.join("node_modules/.bin")).filter(|bin| bin.is_dir()).collect();
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    parts.extend(std::env::split_paths(&inherited));
    std::env::join_paths(parts).unwrap_or(inherited)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_at_blanks() {
        assert_eq!(split("tsx prisma/seed.ts"), ["tsx", "prisma/seed.ts"]);
        assert_eq!(split("  node  a\\ b.js --x "), ["node", "a b.js", "--x"]);
    }

    #[test]
    fn the_configuration_wins_over_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let package = folder.path().join("package.json");
        std::fs::write(&package, r#"{"prisma": {"seed": "node seed.js"}}"#).unwrap();
        let found = find_in(None, folder.path()).unwrap().unwrap();
        assert_eq!((found.text.as_str(), found.origin.as_str()), ("node seed.js", "package.json"));
        let found = find_in(Some("tsx seed.ts"), folder.path()).unwrap().unwrap();
        assert_eq!((found.text.as_str(), found.origin.as_str()), ("tsx seed.ts", "prisma.config.ts"));
        std::fs::write(&package, r#"{"prisma": {"seed": 3}}"#).unwrap();
        assert!(find_in(None, folder.path()).is_err());
        std::fs::write(&package, "{}").unwrap();
        assert_eq!(find_in(None, folder.path()), Ok(None));
    }
}
