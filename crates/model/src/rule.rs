//! The shape of a rule. Rules themselves live in the `rules` crate.

use std::borrow::Cow;

use crate::facts::{Facts, Need};
use crate::finding::{Finding, Severity};

/// A plain function from facts to findings, with its page.
pub struct Rule {
    /// Kebab-case; names the wrong thing and reads well after "allow".
    pub id: &'static str,
    pub group: Group,
    /// Severity of a finding unless the rule knows better.
    pub severity: Severity,
    /// Without all of these the rule is skipped, and the gap says so.
    pub needs: &'static [Need],
    /// With these its findings are more exact.
    pub sharper_with: &'static [Need],
    /// Version of pgsteward that brought it.
    pub since: &'static str,
    /// Names of the same idea in other tools: `squawk:…`, `splinter:…`.
    pub ancestors: &'static [&'static str],
    /// The Markdown page: documentation and test.
    pub page: &'static str,
    /// Same facts, same findings, same order.
    pub check: fn(&Facts) -> Vec<Finding>,
}

impl Rule {
    /// The page's first paragraph after its title: one sentence.
    pub fn summary(&self) -> &'static str {
        self.page.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).unwrap_or("")
    }
}

/// Rules whose hazards `migrate plan --safe` writes another way.
pub const SAFELY_WRITTEN: [&str; 21] = [
    "check-validated-at-once",
    "column-dropped",
    "column-renamed",
    "enum-value-removed",
    "enum-value-renamed",
    "foreign-key-validated-at-once",
    "index-drop-not-concurrent",
    "index-not-concurrent",
    "new-enum-value-used",
    "not-null-set-at-once",
    "partitioned-parent-locked",
    "primary-key-builds-index",
    "refresh-not-concurrent",
    "reindex-not-concurrent",
    "table-dropped",
    "table-renamed",
    "type-change-rewrites",
    "type-renamed",
    "unique-constraint-builds-index",
    "validated-in-same-transaction",
    "volatile-default-rewrites",
];

/// Rules about code that inform, whatever they find: of what they said of applications that they had not been tuned on, a
/// reader agreed with less than eight in ten (`bench/README.md`). A project that knows better raises them in its
/// configuration.
pub const INFORMING: [&str; 14] = [
    "insensitive-equals-is-pattern",
    "nested-take-in-memory",
    "outer-client-in-transaction",
    "query-in-loop",
    "read-then-write-race",
    "secret-column-returned",
    "status-updated-blindly",
    "swallowed-database-error",
    "tenant-filter-missing",
    "transactions-lock-in-different-order",
    "unbounded-parallel-queries",
    "undefined-filter",
    "write-in-loop",
    "writes-without-transaction",
];

/// What some of these rules are sure of all the same: findings of these kinds stay as loud as they are (`Finding::sure`).
/// Of each kind at least fifteen findings were judged, and at least nine of ten were right.
pub const SURE_OF: [(&str, &str); 1] =
    [("insensitive-equals-is-pattern", "addresses of mail that are compared by pattern")];

const INFORMS: &str = "
## Why it only informs

Whether this hurts depends on what a file does not say: how long a list gets, who may call, what is meant. On applications
that nobody had tuned the rule on, a reader agreed with less than eight of ten of its findings. So it reports them as `info`,
and stops no build. In a project where it is right, raise it in `pgsteward.toml`:

    [severity]
    RULE = \"warning\"
";

const SAFE_PATH: &str = "
## The safe path

- `pgsteward migrate rehearse` runs the pending migrations on a twin of production and says who would wait, and for how long.
- `pgsteward migrate plan --safe` writes them as several folders that make nobody wait, and proves that they end in the same
  schema. See docs/guides/zero-downtime.md.
";

impl Rule {
    /// The page as users read it: with the commands that take the safe path, where there is one, and why a rule only
    /// informs.
    pub fn help(&self) -> Cow<'static, str> {
        let page = self.page.trim_end();
        if SAFELY_WRITTEN.contains(&self.id) {
            Cow::Owned(format!("{page}\n{SAFE_PATH}"))
        } else if INFORMING.contains(&self.id) {
            let sure = SURE_OF.iter().find(|(rule, _)| *rule == self.id);
            let sure = sure.map_or(String::new(), |(_, kind)| {
                format!("\nOne kind was right nine times in ten, and stays as loud as it is: {kind}.\n")
            });
            Cow::Owned(format!("{page}\n{}{sure}", INFORMS.replace("RULE", self.id)))
        } else {
            Cow::Borrowed(self.page)
        }
    }

    /// How loud its findings are at most, where the configuration says nothing; those that it is sure of may be louder.
    pub fn loudest(&self) -> Severity {
        if INFORMING.contains(&self.id) { Severity::Info } else { self.severity }
    }
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Rule({})", self.id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    Migration,
    Schema,
    Index,
    Drift,
    Config,
    Code,
}

impl Group {
    pub fn word(self) -> &'static str {
        match self {
            Group::Migration => "migration",
            Group::Schema => "schema",
            Group::Index => "index",
            Group::Drift => "drift",
            Group::Config => "config",
            Group::Code => "code",
        }
    }
}
