//! `init`: a commented `pgsteward.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::config::FILE_NAME;
use crate::discover::discover;

/// Writes the file into `folder`; an existing one is never overwritten.
pub fn init(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(FILE_NAME);
    if path.exists() {
        bail!("{} exists already; it was left as it is\nhint: edit it, or remove it first", path.display());
    }
    let found = discover(folder)?;
    let newest = found
        .projects
        .iter()
        .filter_map(|project| project.migrations.as_ref()?.files.last())
        .map(|file| file.name.as_str())
        .next_back();
    std::fs::write(&path, text(newest)).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn text(newest: Option<&str>) -> String {
    let applied = match newest {
        Some(name) => format!("applied_through = \"{name}\""),
        None => "# applied_through = \"20260101000000_init\"".to_owned(),
    };
    format!(
        "# Configuration of pgsteward. Every key is optional; flags win over this file.\n\
         # Secrets do not belong here: a database is named with --url or --url env.\n\
         \n\
         [check]\n\
         # Rules or groups to run (all by default) and to leave out; `pgsteward rules` lists them.\n\
         # select = [\"migration\", \"index\"]\n\
         # ignore = [\"timestamp-without-time-zone\"]\n\
         # Lowest severity that makes `check` exit with 1: error, warning or info.\n\
         # fail_on = \"error\"\n\
         # Findings to accept, written by `pgsteward check --write-baseline`.\n\
         # baseline = \"pgsteward-baseline.json\"\n\
         \n\
         [migrations]\n\
         # The last migration that every database already has. Those after it are judged; those before it are\n\
         # history. With --url or on a git branch pgsteward finds this out by itself.\n\
         {applied}\n\
         # How the runner sends a file: \"one-message\" (Prisma up to 7.3), \"per-statement\" (from 7.4), \"psql\".\n\
         # regime = \"one-message\"\n\
         \n\
         [lab]\n\
         # Major version of PostgreSQL that the lab runs; use production's.\n\
         # major = 17\n\
         # Never download PostgreSQL binaries.\n\
         # offline = true\n\
         # Extensions that `pgsteward lab up` makes in the development database.\n\
         # extensions = [\"citext\"]\n\
         \n\
         # Databases that migrations are deployed to, one after the other. `url_env` names a variable.\n\
         # [target.staging]\n\
         # url_env = \"STAGING_DATABASE_URL\"\n\
         # [target.production]\n\
         # url_env = \"PRODUCTION_DATABASE_URL\"\n\
         # after = \"staging\"\n\
         \n\
         # Severity by rule.\n\
         # [severity]\n\
         # money-in-float = \"warning\"\n\
         \n\
         # What is accepted, with its reason. `object` is a glob over names like \"Order.total\" or over file paths.\n\
         # [[allow]]\n\
         # rule = \"foreign-key-without-index\"\n\
         # object = \"AuditLog.*\"\n\
         # reason = \"rows of the parent are never deleted\"\n\
         # until = \"2027-06-30\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::config::parse;

    #[test]
    fn the_written_file_is_valid_commented_or_not() {
        let config = parse(&text(Some("20260101000000_init"))).unwrap();
        assert_eq!(config.migrations.applied_through.as_deref(), Some("20260101000000_init"));
        let prose = [
            "Configuration of",
            "Secrets do",
            "Rules or",
            "Lowest sev",
            "Findings to",
            "The last",
            "history.",
            "How the",
            "Major ver",
            "Never down",
            "Extensions that",
            "Databases that",
            "Severity by",
            "What is",
        ];
        let uncommented: String = text(None)
            .lines()
            .filter(|line| !prose.iter().any(|start| line.trim_start_matches("# ").starts_with(start)))
            .map(|line| line.strip_prefix("# ").unwrap_or(line).to_owned() + "\n")
            .collect();
        let config = parse(&uncommented).unwrap();
        assert_eq!(config.allow.len(), 1);
        assert_eq!(config.lab.major, Some(17));
        assert_eq!(config.target.len(), 2);
    }
}
