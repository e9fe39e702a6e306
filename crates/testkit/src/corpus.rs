//! Real projects with known truth, outside the repository.

use std::path::PathBuf;

/// The folder named by `PGSTEWARD_CORPUS`, else `../shared/corpus` beside the checkout; none where neither
/// is there.
pub fn folder() -> Option<PathBuf> {
    let configured = std::env::var_os("PGSTEWARD_CORPUS").map(PathBuf::from);
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpus"));
    configured.or_else(|| beside.canonicalize().ok()).filter(|folder| folder.is_dir())
}

/// Names of the projects.
pub const PROJECTS: &[&str] =
    &["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"];
