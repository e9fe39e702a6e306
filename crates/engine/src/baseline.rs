//! Today's findings, accepted, so that only new ones count. Entries live by their keys.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use pgsteward_model::finding::Finding;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Baseline {
    version: u32,
    findings: Vec<Entry>,
}

/// Rule and message are there for the people who read the file; the key alone decides.
#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    key: String,
    rule: String,
    message: String,
}

/// The keys of a baseline file.
pub fn read(path: &Path) -> Result<BTreeSet<String>> {
    let refused = |error: &dyn std::fmt::Display| {
        anyhow!(
            "read the baseline {}: {error}\nhint: `pgsteward check --write-baseline {0}` writes a new one",
            path.display()
        )
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(&error))?;
    let baseline: Baseline = serde_json::from_str(&text).map_err(|error| refused(&error))?;
    if baseline.version != VERSION {
        bail!(
            "the baseline {} has version {}; this pgsteward reads version {VERSION}\n\
             hint: use the pgsteward that wrote it, or write it anew with --write-baseline",
            path.display(),
            baseline.version
        );
    }
    Ok(baseline.findings.into_iter().map(|entry| entry.key).collect())
}

/// Writes all findings, sorted by key, so that two runs give the same file.
pub fn write(path: &Path, findings: &[Finding]) -> Result<()> {
    let mut entries: Vec<Entry> = findings
        .iter()
        .map(|finding| Entry {
            key: finding.key.clone(),
            rule: finding.rule.to_owned(),
            message: finding.message.clone(),
        })
        .collect();
    entries.sort_by(|a, b| (&a.rule, &a.message, &a.key).cmp(&(&b.rule, &b.message, &b.key)));
    let mut text = serde_json::to_string_pretty(&Baseline { version: VERSION, findings: entries })?;
    text.push('\n');
    std::fs::write(path, text).with_context(|| format!("write the baseline {}", path.display()))
}

/// Takes out the findings whose keys are in the baseline; returns how many.
pub fn subtract(findings: &mut Vec<Finding>, keys: &BTreeSet<String>) -> usize {
    let before = findings.len();
    findings.retain(|finding| !keys.contains(&finding.key));
    before - findings.len()
}
