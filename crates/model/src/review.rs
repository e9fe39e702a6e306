//! The result of one `check`: everything an output format may need, and nothing it has to ask for.

use std::collections::BTreeMap;

use crate::code::Code;
use crate::facts::Gap;
use crate::finding::{Finding, Severity};
use crate::rule::Rule;
use crate::source::Sources;
use crate::version::ServerVersion;

#[derive(Debug, Default)]
pub struct Review {
    /// Version of pgsteward.
    pub tool_version: String,
    /// The reviewed path as the user wrote it, or the database's name where there was no path.
    pub root: String,
    /// Paths of the Prisma schema files, of all projects.
    pub schemas: Vec<String>,
    /// Number of migration files found, and how many of them were judged.
    pub migrations: usize,
    pub judged: usize,
    /// Why these: "after 20260102_init (applied_through)".
    pub judged_because: String,
    /// None where no code was read.
    pub code: Option<ReviewedCode>,
    /// Version of the server that was read or that the lab ran.
    pub server_version: Option<ServerVersion>,
    /// Sorted: most severe first, then by rule, then by place.
    pub findings: Vec<Finding>,
    pub gaps: Vec<Gap>,
    /// Findings that an allow or the baseline took out.
    pub allowed: usize,
    pub baselined: usize,
    /// Text of every file that a finding may point into.
    pub sources: Sources,
    /// Every rule there is, to look ids up.
    pub rules: Vec<&'static Rule>,
    pub elapsed_ms: u64,
}

/// What was read of the application's code, of all projects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReviewedCode {
    pub files: usize,
    pub bytes: usize,
    /// Calls of Prisma Client.
    pub calls: usize,
    /// Calls whose every statement is known.
    pub understood: usize,
    /// Queries written in SQL.
    pub raw: usize,
    /// Calls that are not understood, by reason.
    pub not_understood: BTreeMap<String, usize>,
}

impl ReviewedCode {
    pub fn add(&mut self, code: &Code) {
        self.files += code.counts.files;
        self.bytes += code.counts.bytes;
        self.calls += code.counts.calls;
        self.understood += code.counts.understood;
        self.raw += code.raw.len();
        for (reason, calls) in &code.counts.not_understood {
            *self.not_understood.entry(reason.clone()).or_default() += calls;
        }
    }
}

impl Review {
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    pub fn rule(&self, id: &str) -> Option<&'static Rule> {
        self.rules.iter().copied().find(|rule| rule.id == id)
    }
}
