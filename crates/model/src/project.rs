//! What was found in a repository besides schema and migrations: configuration files and connection URLs.

use std::sync::Arc;

use crate::prisma::Secret;
use crate::source::Span;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// Folder of the project, relative to the reviewed path; empty for that path itself.
    pub root: String,
    /// Version of Prisma that the project uses, `(7, 4)`, from package.json or a lock file.
    pub prisma_version: Option<(u32, u32)>,
    /// Schema style: `url` in the datasource (5, 6) or a `prisma.config.ts` (7).
    pub prisma_config: Option<Arc<str>>,
    /// Database URLs in files that git tracks (or would), and the one given on the command line.
    pub urls: Vec<ConfiguredUrl>,
}

/// A connection URL where it is written, taken apart. The password is kept apart and never printed.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfiguredUrl {
    /// `DATABASE_URL`, `url`, `--url`.
    pub name: String,
    pub origin: UrlOrigin,
    pub file: Option<Arc<str>>,
    pub span: Span,
    pub scheme: String,
    pub host: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub database: Option<String>,
    /// Query parameters in order.
    pub parameters: Vec<(String, String)>,
}

impl ConfiguredUrl {
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A host that is this machine, a socket, or a container's neighbour name without a dot.
    pub fn is_local(&self) -> bool {
        match self.host.as_deref() {
            None => true,
            Some(host) => {
                host.is_empty()
                    || host.starts_with('/')
                    || host == "localhost"
                    || host == "::1"
                    || host.starts_with("127.")
                    || !host.contains('.')
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlOrigin {
    /// In the Prisma schema itself.
    Schema,
    /// In a `.env` file that git tracks.
    CommittedEnvironment,
    /// In a `.env` file that git ignores.
    LocalEnvironment,
    /// `.env.example` and the like: placeholders, not secrets.
    ExampleEnvironment,
    CommandLine,
}
