//! The files of one project, read and parsed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use pgsteward_model::facts::{Gap, Need};
use pgsteward_model::prisma::{PrismaSchema, UrlValue};
use pgsteward_model::project::{Project, UrlOrigin};
use pgsteward_model::source::{SourceFile, Sources, Span};
use pgsteward_pg::ServerUrl;

use super::{dialect, source_path};
use crate::config::Config;
use crate::discover::environment::variables;
use crate::discover::{FoundProject, read_text};
use crate::plain::Directions;

#[derive(Default)]
pub(super) struct ReadProject {
    pub(super) sources: Sources,
    pub(super) project: Project,
    pub(super) prisma: Option<Arc<PrismaSchema>>,
    /// Migration name → its source, for those that could be read.
    pub(super) migrations: BTreeMap<String, Arc<SourceFile>>,
    /// The schema is another database's: so are its migrations.
    pub(super) foreign: bool,
    pub(super) gaps: Vec<Gap>,
}

/// No migration and no environment: what the schema files say alone.
pub(super) fn read_schema(root: &Path, found: &FoundProject) -> ReadProject {
    let mut read = ReadProject::default();
    read.project.root = found.folder.clone();
    read.project.prisma_version = found.prisma_version;
    read.project.prisma_config = found.prisma_config.as_ref().map(|path| source_path(root, path));
    read.schema(root, found);
    read
}

pub(super) fn read(root: &Path, found: &FoundProject, _config: &Config) -> ReadProject {
    let mut read = read_schema(root, found);
    let migrations = found.migrations.as_ref().filter(|_| !read.foreign);
    for migration in migrations.iter().flat_map(|migrations| &migrations.files) {
        match read_text(&migration.path) {
            Ok(text) => {
                let file = SourceFile::new(source_path(root, &migration.path), Directions::of(&text).text());
                read.migrations.insert(migration.name.clone(), read.sources.add(file));
            }
            Err(gap) => read.gaps.push(gap.for_needs(&[Need::Replay])),
        }
    }
    read.leave_other_databases(found);
    for file in &found.environment {
        match read_text(&file.path) {
            Ok(text) => read.environment(source_path(root, &file.path), &text, file.origin),
            Err(gap) => read.gaps.push(gap),
        }
    }
    read
}

impl ReadProject {
    /// Migrations without a Prisma schema may be written for any database.
    fn leave_other_databases(&mut self, found: &FoundProject) {
        if self.prisma.is_some() || self.foreign {
            return;
        }
        if let Some(other) = dialect::other_database(self) {
            let folder = if found.folder.is_empty() { "." } else { &found.folder };
            self.gaps.push(
                Gap::new(
                    format!("migrations {folder}"),
                    format!("They are written for {other}; pgsteward reviews PostgreSQL only."),
                    "nothing to do, or name the folder of the PostgreSQL project",
                )
                .for_needs(&[]),
            );
            self.migrations.clear();
            self.foreign = true;
        }
    }

    fn schema(&mut self, root: &Path, found: &FoundProject) {
        let read = found.schema(root);
        read.files.iter().for_each(|file| self.sources.add_shared(file.clone()));
        let unread = read.unread.iter().map(|gap| gap.clone().for_needs(&[Need::Prisma, Need::Drift]));
        self.gaps.extend(unread);
        let Some(schema) = &read.schema else { return };
        let provider = schema.datasource.as_ref().and_then(|source| source.provider.as_deref());
        if let Some(other) = provider.filter(|provider| !matches!(*provider, "postgresql" | "postgres")) {
            self.gaps.push(
                Gap::new(
                    format!("schema {}", read.files[0].path),
                    format!("Its datasource provider is \"{other}\"; pgsteward reviews PostgreSQL only."),
                    "nothing to do, unless the provider is a mistake",
                )
                .for_needs(&[Need::Prisma]),
            );
            self.foreign = true;
            return;
        }
        if let Some(datasource) = &schema.datasource {
            for (name, value) in [("url", &datasource.url), ("directUrl", &datasource.direct_url)] {
                if let Some(UrlValue::Literal { text, at }) = value
                    && let Ok(url) = ServerUrl::parse(text.expose())
                {
                    self.project.urls.push(url.to_configured(
                        name,
                        UrlOrigin::Schema,
                        Some(at.file.clone()),
                        at.span,
                    ));
                }
            }
        }
        self.prisma = Some(schema.clone());
    }

    fn environment(&mut self, path: Arc<str>, text: &str, origin: UrlOrigin) {
        let mut any = false;
        for (name, value, offset) in variables(text) {
            // Other databases' and services' URLs are no business of this tool.
            if !value.starts_with("postgres") {
                continue;
            }
            let Ok(url) = ServerUrl::parse(&value) else { continue };
            let span = Span::new(offset, offset + value.len());
            self.project.urls.push(url.to_configured(&name, origin, Some(path.clone()), span));
            any = true;
        }
        // The text may be shown in a code frame: secrets are blanked out in the copy that is kept.
        if any {
            self.sources.add(SourceFile::new(path, blank_values(text)));
        }
    }
}

/// Replaces every value by dots of the same length in bytes, so that spans still fit and nothing secret is
/// left to print.
fn blank_values(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for (_, value, offset) in variables(text) {
        for byte in bytes.iter_mut().skip(offset).take(value.len()) {
            if *byte != b'\n' {
                *byte = b'.';
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_leave_no_trace_in_the_kept_text() {
        let kept = blank_values("URL=\"postgres://a:sécret@h/d\"\nB=1\n");
        assert!(!kept.contains("cret"), "{kept}");
        assert_eq!(kept.len(), "URL=\"postgres://a:sécret@h/d\"\nB=1\n".len());
        assert!(kept.starts_with("URL=\""));
    }
}
