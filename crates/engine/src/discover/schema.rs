//! The Prisma schema of a project, read and parsed once for all who ask.

use std::path::Path;
use std::sync::Arc;

use pgsteward_model::facts::Gap;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;

use super::{FoundProject, read_text, relative};

#[derive(Debug)]
pub(crate) struct ReadSchema {
    /// Those that could be read, in their order.
    pub(crate) files: Vec<Arc<SourceFile>>,
    /// Why the others could not.
    pub(crate) unread: Vec<Gap>,
    /// None without a file.
    pub(crate) schema: Option<Arc<PrismaSchema>>,
}

impl FoundProject {
    /// As the files were when the first one asked. `root`: what paths are shown relative to.
    pub(crate) fn schema(&self, root: &Path) -> &ReadSchema {
        self.schema.get_or_init(|| {
            let (mut files, mut unread) = (Vec::new(), Vec::new());
            for path in &self.schema_files {
                match read_text(path) {
                    Ok(text) => files.push(Arc::new(SourceFile::new(relative(root, path), text))),
                    Err(gap) => unread.push(gap),
                }
            }
            let schema = (!files.is_empty()).then(|| Arc::new(pgsteward_prisma::parse(&files)));
            ReadSchema { files, unread, schema }
        })
    }
}
