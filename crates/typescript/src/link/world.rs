//! What linking must know of the repository besides its code: packages, path aliases, Prisma schemas. Whoever calls it
//! reads the files; all paths are relative to the folder under review, with `/` between their parts.

use std::sync::Arc;

use pgsteward_model::prisma::PrismaSchema;

#[derive(Clone, Debug, Default)]
pub struct World {
    pub aliases: Vec<PathAliases>,
    pub packages: Vec<Package>,
    /// Every project of the repository: a call belongs to one of them.
    pub projects: Vec<ClientProject>,
    /// Index of the project that is linked.
    pub this: usize,
}

/// `compilerOptions` of one tsconfig.json, with what it extends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathAliases {
    /// The folder of the file; empty for the root.
    pub folder: String,
    pub base_url: Option<String>,
    /// Patterns with at most one `*` and what they stand for.
    pub paths: Vec<(String, Vec<String>)>,
}

/// One package.json.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Package {
    pub name: String,
    pub folder: String,
    /// `exports`: `.`, `./x`, `./*` and the files they name under any condition, source before output.
    pub exports: Vec<(String, Vec<String>)>,
    /// `imports`: `#lib/*`.
    pub imports: Vec<(String, Vec<String>)>,
    /// `source`, `types`, `module`, `main`.
    pub entries: Vec<String>,
    pub dependencies: Vec<String>,
}

/// One Prisma schema and how code comes by its client.
#[derive(Clone, Debug, Default)]
pub struct ClientProject {
    pub folder: String,
    /// None for a folder of plain SQL migrations.
    pub schema: Option<Arc<PrismaSchema>>,
    /// Folders that clients are generated into.
    pub outputs: Vec<String>,
    /// Packages that clients are generated into: `@prisma/client` for a generator without an output.
    pub modules: Vec<String>,
}
