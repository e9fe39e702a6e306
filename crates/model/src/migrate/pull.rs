//! What `db pull` read and wrote.

use serde::Serialize;

use super::DatabaseName;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PullReport {
    pub database: DatabaseName,
    pub models: usize,
    pub enums: usize,
    /// The schema's files by path, as they are now or would be.
    pub texts: Vec<(String, String)>,
    /// Paths of the files that were written; none with `--print`.
    pub written: Vec<String>,
    /// Prisma's warnings, as Prisma prints them.
    pub warnings: Option<String>,
    /// What the schema cannot say: `function public.touch()`, `table public.Order`.
    pub objects: Vec<String>,
    /// What neither the schema nor the SQL file says, and why.
    pub left_out: Vec<(String, String)>,
    /// The SQL file with those objects, where one was written.
    pub objects_file: Option<String>,
    pub milliseconds: f64,
}
