//! Where the real projects are. They are not part of the repository.

use std::path::PathBuf;
use std::sync::Arc;

use pgsteward_model::source::SourceFile;

pub(crate) const PROJECTS: [&str; 6] =
    ["amplication", "hoppscotch", "langfuse", "saas-starter-kit", "trigger.dev", "umami"];

/// The folder of one project, or nothing (and a word on stderr) where the corpus is absent.
pub(crate) fn project(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PGSTEWARD_CORPUS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus"),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("the corpus project {name} is not here; nothing was checked");
    None
}

pub(crate) fn schema_file(folder: &std::path::Path) -> Arc<SourceFile> {
    let text = std::fs::read_to_string(folder.join("prisma/schema.prisma")).unwrap();
    Arc::new(SourceFile::new("prisma/schema.prisma", text))
}
