//! `pgsteward.toml`: found by walking up from the reviewed path, every key optional, unknown keys refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

pub const FILE_NAME: &str = "pgsteward.toml";

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Config {
    pub check: Check,
    pub migrations: Migrations,
    pub lab: Lab,
    /// Databases that migrations are deployed to, by name.
    pub target: BTreeMap<String, Target>,
    /// Severity by rule id: `error`, `warning`, `info`.
    pub severity: BTreeMap<String, Level>,
    pub allow: Vec<Allow>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Check {
    /// Rule ids or groups to run; empty runs all.
    pub select: Vec<String>,
    /// Rule ids or groups to leave out.
    pub ignore: Vec<String>,
    pub fail_on: Option<Level>,
    /// Baseline file, relative to the configuration file.
    pub baseline: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Migrations {
    /// Name of the last migration that every database has: those after it are judged.
    pub applied_through: Option<String>,
    /// Folder of the migrations, relative to the configuration file.
    pub path: Option<PathBuf>,
    pub regime: Option<RegimeName>,
    /// `migrate deploy` refuses migrations whose rollback is not proven.
    pub require_rollback: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lab {
    /// Major version of PostgreSQL that the lab should run.
    pub major: Option<u32>,
    /// Never download.
    pub offline: bool,
    /// Extensions that `lab up` makes in the development database.
    pub extensions: Vec<String>,
}

/// A database that migrations are deployed to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name of the variable that holds the URL; the URL itself is a secret and has no place here.
    pub url_env: String,
    /// The target that migrations must have passed first.
    pub after: Option<String>,
    /// As in `[migrations]`, for this target.
    #[serde(default)]
    pub require_rollback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegimeName {
    OneMessage,
    PerStatement,
    Psql,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Error,
    Warning,
    Info,
}

impl Level {
    pub fn severity(self) -> pgsteward_model::finding::Severity {
        match self {
            Level::Error => pgsteward_model::finding::Severity::Error,
            Level::Warning => pgsteward_model::finding::Severity::Warning,
            Level::Info => pgsteward_model::finding::Severity::Info,
        }
    }
}

/// One `[[allow]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    pub rule: String,
    /// Glob over the object's name (`Order.total`, `audit.*`) or the file's path; absent allows all.
    pub object: Option<String>,
    pub reason: Option<String>,
    /// Last day of the allow, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// A configuration with the place it came from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    pub config: Config,
    /// The file, if there is one, with its text (allows point into it).
    pub file: Option<(PathBuf, String)>,
}

/// Looks for the file in `start` and the folders above it, up to the root of the repository.
pub fn load(start: &Path) -> Result<Loaded> {
    let start = if start.is_dir() { start } else { start.parent().unwrap_or(start) };
    let start = if start.as_os_str().is_empty() { Path::new(".") } else { start };
    let absolute =
        std::path::absolute(start).with_context(|| format!("find the folder {}", start.display()))?;
    for folder in absolute.ancestors() {
        let path = folder.join(FILE_NAME);
        if path.is_file() {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| anyhow!("{error}\nhint: make it readable, as UTF-8"))
                .with_context(|| format!("read {}", path.display()))?;
            let config = parse(&text).with_context(|| format!("read {}", path.display()))?;
            return Ok(Loaded { config, file: Some((path, text)) });
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Ok(Loaded::default())
}

/// Reads the text of a configuration file; an unknown key or a wrong value is an error that names its line.
pub fn parse(text: &str) -> Result<Config> {
    let config: Config = toml::from_str(text).map_err(|error| {
        anyhow!(
            "{}\nhint: `pgsteward init` in an empty folder writes every key there is",
            error.to_string().trim_end()
        )
    })?;
    for allow in &config.allow {
        if let Some(until) = &allow.until {
            crate::allow::Date::parse(until).ok_or_else(|| {
                anyhow!(
                    "`until = \"{until}\"` of the allow for `{}` is no date\nhint: write it like 2026-12-31",
                    allow.rule
                )
            })?;
        }
        if let Some(glob) = &allow.object {
            globset::Glob::new(glob).map_err(|error| {
                anyhow!(
                    "`object = \"{glob}\"` of the allow for `{}` is no glob: {}\n\
                     hint: write a name like Order.total, with * for any text",
                    allow.rule,
                    error.kind()
                )
            })?;
        }
    }
    check_targets(&config)?;
    for name in config.check.select.iter().chain(&config.check.ignore).chain(config.severity.keys()) {
        check_name(name)?;
    }
    if let Some(group) = config.severity.keys().find(|name| pgsteward_rules::find(name).is_none()) {
        return Err(anyhow!(
            "`{group}` in [severity] is a group of rules\nhint: name each rule; `pgsteward rules` lists them"
        ));
    }
    Ok(config)
}

/// Variables must be names, and `after` must name a target and never lead back to itself.
fn check_targets(config: &Config) -> Result<()> {
    for (name, target) in &config.target {
        let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
        if target.url_env.is_empty() || !target.url_env.chars().all(is_name) {
            return Err(anyhow!(
                "`url_env` of [target.{name}] is no name of a variable\n\
                 hint: write the name (STAGING_URL) here and the URL into the environment"
            ));
        }
        let mut before = target.after.as_ref();
        for _ in 0..config.target.len() {
            let Some(one) = before else { break };
            let Some(other) = config.target.get(one) else {
                return Err(anyhow!(
                    "[target.{name}] comes after `{one}`, which is no target\nhint: describe [target.{one}] too"
                ));
            };
            before = other.after.as_ref();
        }
        if before.is_some() {
            return Err(anyhow!(
                "the targets that come before [target.{name}] lead back to each other\nhint: one target has no `after`"
            ));
        }
    }
    Ok(())
}

/// A rule id or a group name; else an error with the nearest name.
pub fn check_name(name: &str) -> Result<()> {
    let rules = crate::rules();
    if rules.iter().any(|rule| rule.id == name || rule.group.word() == name) {
        return Ok(());
    }
    // A name that shares little with the nearest one was not meant to be it.
    let nearest = rules
        .iter()
        .map(|rule| (distance(rule.id, name), rule.id))
        .min()
        .filter(|(distance, _)| *distance <= name.chars().count().div_ceil(3));
    Err(anyhow!(
        "there is no rule or group `{name}`{}\nhint: `pgsteward rules` lists them",
        nearest.map(|(_, id)| format!("; did you mean `{id}`?")).unwrap_or_default()
    ))
}

/// Levenshtein distance, for "did you mean".
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let cost = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_and_rules_are_refused_with_a_pointer() {
        let error = parse("[chek]\nselect = []\n").unwrap_err().to_string();
        assert!(error.contains("chek"), "{error}");
        let error = parse("[check]\nignore = [\"foreign-key-without-indexes\"]\n").unwrap_err().to_string();
        assert!(error.contains("did you mean `foreign-key-without-index`?"), "{error}");
        let error =
            parse("[[allow]]\nrule = \"money-in-float\"\nuntil = \"soon\"\n").unwrap_err().to_string();
        assert!(error.contains("no date"), "{error}");
    }

    #[test]
    fn all_keys_are_read() {
        let config = parse(
            "[check]\nselect = [\"index\"]\nfail_on = \"warning\"\n[migrations]\napplied_through = \"1_a\"\n\
             regime = \"per-statement\"\n[lab]\nmajor = 17\n[severity]\nmoney-in-float = \"info\"\n",
        )
        .unwrap();
        assert_eq!(config.check.fail_on, Some(Level::Warning));
        assert_eq!(config.migrations.regime, Some(RegimeName::PerStatement));
        assert_eq!(config.lab.major, Some(17));
    }
}
