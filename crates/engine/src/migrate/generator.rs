//! The project's generator (Prisma Client) after a migration: Prisma up to 6 runs it, 7 does not. It runs only
//! where node and the project's own `prisma` package are there; nothing is fetched.

use std::process::Stdio;

use super::project::MigrateProject;
use super::release::installed;

/// Runs `prisma generate` where the project's Prisma would. The sentence says what was done, or why nothing was;
/// none where the schema has no generator.
pub async fn run(project: &MigrateProject, skip: bool) -> Option<String> {
    let schema = project.schema.as_ref()?;
    if schema.generators.is_empty() {
        return None;
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if skip || set("PRISMA_MIGRATE_SKIP_GENERATE") {
        return Some("the generators were not run, as asked".to_owned());
    }
    let Some(package) = installed(&project.root) else {
        return Some(
            "the generators were not run: the package prisma is not installed in this project".to_owned(),
        );
    };
    if package.major >= 7 {
        return Some(format!(
            "the generators were not run, as Prisma {} does not run them here either; run `npx prisma generate`",
            package.version
        ));
    }
    let mut command = tokio::process::Command::new("node");
    command.arg(&package.program).arg("generate");
    if let Some(path) = &project.schema_path {
        command.arg("--schema").arg(path);
    }
    command.current_dir(&project.root).stdin(Stdio::null()).kill_on_drop(true);
    match command.output().await {
        Ok(output) if output.status.success() => {
            Some(format!("ran `prisma generate` of Prisma {}", package.version))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
            Some(format!("`prisma generate` of Prisma {} failed: {}", package.version, last.trim()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("the generators were not run: there is no node on this machine".to_owned())
        }
        Err(error) => Some(format!("the generators were not run: node cannot be started: {error}")),
    }
}
