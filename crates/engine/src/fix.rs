//! Writing fixes down: edits of files, and migration folders for what touches a database. Nothing here
//! touches a database.

mod folders;
mod merge;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pgsteward_model::change::{FileEdit, Rollback, Safety, SqlStep, Step};
use pgsteward_model::facts::Facts;
use pgsteward_model::finding::Finding;
use similar::TextDiff;

use crate::check::Checked;

/// Which findings to fix.
#[derive(Clone, Debug)]
pub enum Choice {
    /// `check --fix`: all that are `Safe`.
    Safe,
    /// `fix KEY…`: these, whatever their safety.
    Keys(Vec<String>),
    /// `fix --rule R`: all of a rule that are `Safe` or `Review`.
    Rule(String),
}

/// One file that is to be written, with its text before (none: it is new) and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Relative to the root, `/` between parts.
    pub path: String,
    pub before: Option<String>,
    pub after: String,
}

/// A file or a folder that gets another name before anything is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Both relative to the root, `/` between parts.
    pub from: String,
    pub to: String,
}

/// What a fix run will write, and what it leaves to a person.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In an order in which each finds its new name free once those behind it are done.
    pub moves: Vec<Move>,
    pub writes: Vec<Write>,
    /// Titles of the fixes that are in it.
    pub titles: Vec<String>,
    /// Keys of the findings that these fixes are for.
    pub keys: Vec<String>,
    /// Sentences: a fix that overlaps another, SQL that has no migrations folder to go to.
    pub notes: Vec<String>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// A unified diff of all files.
    pub fn diff(&self) -> String {
        let renamed = |one: &Move| format!("rename from {}\nrename to {}\n", one.from, one.to);
        let mut out: String = self.moves.iter().map(renamed).collect();
        for write in &self.writes {
            let before = write.before.as_deref().unwrap_or("");
            let old =
                if write.before.is_some() { format!("a/{}", write.path) } else { "/dev/null".to_owned() };
            let diff = TextDiff::from_lines(before, write.after.as_str());
            out.push_str(
                &diff.unified_diff().context_radius(3).header(&old, &format!("b/{}", write.path)).to_string(),
            );
        }
        out
    }

    /// Writes every file; a file that changed since it was read stops all before the first write.
    pub fn write(&self, root: &Path) -> Result<()> {
        self.check_moves(root)?;
        for write in &self.writes {
            let path = root.join(self.now(&write.path));
            match &write.before {
                None if path.exists() => bail!("{} exists already; nothing was written", path.display()),
                Some(before) => {
                    let now =
                        std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                    if now.strip_prefix('\u{feff}').unwrap_or(&now) != before {
                        bail!(
                            "{} changed while it was reviewed; nothing was written\nhint: run the command again",
                            path.display()
                        );
                    }
                }
                None => {}
            }
        }
        self.rename(root)?;
        for write in &self.writes {
            let path = root.join(&write.path);
            // Reading leaves a byte order mark out of the text; the file keeps it.
            let mark = write.before.is_some()
                && std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with("\u{feff}".as_bytes()));
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("make the folder {}", folder.display()))?;
            }
            let mark = if mark { "\u{feff}" } else { "" };
            replace_file(&path, &format!("{mark}{}", write.after))?;
        }
        Ok(())
    }

    /// Where a file that gets another name is before that.
    fn now(&self, path: &str) -> String {
        let found = self.moves.iter().find_map(|one| {
            let rest = path.strip_prefix(&one.to)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{}{rest}", one.from))
        });
        found.unwrap_or_else(|| path.to_owned())
    }

    fn check_moves(&self, root: &Path) -> Result<()> {
        for one in &self.moves {
            let leaves = self.moves.iter().any(|other| other.from == one.to);
            let to = root.join(&one.to);
            if !leaves && to.exists() {
                bail!("{} exists already; nothing was written", to.display());
            }
        }
        Ok(())
    }

    /// Gives all the new names, or none.
    fn rename(&self, root: &Path) -> Result<()> {
        let mut done: Vec<&Move> = Vec::new();
        for one in self.moves.iter().rev() {
            let (from, to) = (root.join(&one.from), root.join(&one.to));
            if let Err(error) = std::fs::rename(&from, &to) {
                for one in done.iter().rev() {
                    std::fs::rename(root.join(&one.to), root.join(&one.from))
                        .with_context(|| format!("give {} its name back", one.to))?;
                }
                return Err(error).with_context(|| format!("rename {}; nothing was written", from.display()));
            }
            done.push(one);
        }
        Ok(())
    }
}

/// Writes beside the file and renames over it, so that a crash leaves the old text or the new one.
fn replace_file(path: &Path, text: &str) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pgsteward-new");
    let beside = PathBuf::from(beside);
    let wrote = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    if wrote.is_err() && beside.exists() {
        std::fs::remove_file(&beside).with_context(|| format!("remove {}", beside.display()))?;
    }
    wrote.with_context(|| format!("write {}", path.display()))
}

/// Plans the chosen fixes of a review. `separate` asks for a migration folder per statement that must run
/// alone, however many; `now` is the time in seconds since 1970.
pub fn plan(checked: &Checked, choice: &Choice, separate: bool, now: u64) -> Result<Plan> {
    let chosen = choose(&checked.review.findings, choice)?;
    let mut plan = Plan::default();
    for facts in &checked.projects {
        let of_project: Vec<&Finding> =
            chosen.iter().copied().filter(|finding| belongs_to(finding, facts, checked)).collect();
        plan_project(facts, &of_project, separate, now, &mut plan);
    }
    Ok(plan)
}

fn choose<'a>(findings: &'a [Finding], choice: &Choice) -> Result<Vec<&'a Finding>> {
    let safety = |finding: &Finding| finding.fix.as_ref().map(|fix| fix.safety);
    match choice {
        Choice::Safe => Ok(findings.iter().filter(|finding| safety(finding) == Some(Safety::Safe)).collect()),
        Choice::Rule(rule) => {
            crate::config::check_name(rule)?;
            let of_rule = |finding: &&Finding| {
                finding.rule == rule
                    || pgsteward_rules::find(finding.rule).is_some_and(|known| known.group.word() == rule)
            };
            Ok(findings
                .iter()
                .filter(of_rule)
                .filter(|finding| matches!(safety(finding), Some(Safety::Safe | Safety::Review)))
                .collect())
        }
        Choice::Keys(keys) => keys
            .iter()
            .map(|key| {
                let finding = findings.iter().find(|finding| finding.key == *key).with_context(|| {
                    format!("no finding has the key {key}\nhint: `pgsteward check --format agent` lists findings with their keys")
                })?;
                if finding.fix.is_none() {
                    let why = match &finding.proof {
                        Some(proof) => format!(
                            "its fix was tried and withdrawn: {}",
                            proof.verdict.reason().unwrap_or("")
                        ),
                        None => format!("do this: {}", finding.hint),
                    };
                    bail!("the finding {key} ({}) has no fix that pgsteward can write; {why}", finding.rule);
                }
                Ok(finding)
            })
            .collect(),
    }
}

/// A finding belongs to the project whose key it carries.
fn belongs_to(finding: &Finding, facts: &Facts, checked: &Checked) -> bool {
    checked.projects.len() == 1 || finding.key.starts_with(&finding.key_on(&facts.target))
}

fn plan_project(facts: &Facts, findings: &[&Finding], separate: bool, now: u64, plan: &mut Plan) {
    let mut edits: Vec<FileEdit> = Vec::new();
    let mut pieces: Vec<folders::Piece> = Vec::new();
    for finding in findings {
        let Some(fix) = &finding.fix else { continue };
        let file_edits: Vec<FileEdit> = fix
            .change
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Edit(edit) => Some(edit.clone()),
                _ => None,
            })
            .collect();
        if merge::overlaps(&edits, &file_edits) {
            plan.notes.push(format!(
                "left out: {} (it edits the same lines as another fix; run the command again for it)",
                fix.title
            ));
            continue;
        }
        edits.extend(file_edits);
        // What two fixes share, a table that both write to, is made once.
        let is_new = |step: &SqlStep| {
            pieces.iter().all(|piece: &folders::Piece| !piece.up.contains(step) && !piece.down.contains(step))
        };
        let mut piece = folders::Piece { title: fix.title.clone(), up: Vec::new(), down: Vec::new() };
        for step in &fix.change.steps {
            match step {
                Step::Sql(step) if is_new(step) => piece.up.push(step.clone()),
                Step::Sql(_) => {}
                Step::Wait { until } => plan.notes.push(format!("{}: wait until {until}", fix.title)),
                Step::Edit(_) | Step::Prisma(_) => {}
            }
        }
        match &fix.change.rollback {
            Rollback::Steps(steps) => piece.down.extend(steps.iter().filter_map(|step| match step {
                Step::Sql(step) if is_new(step) => Some(step.clone()),
                _ => None,
            })),
            Rollback::Impossible { reason } => {
                plan.notes.push(format!("{} cannot be undone: {reason}", fix.title));
            }
        }
        plan.titles.push(fix.title.clone());
        plan.keys.push(finding.key.clone());
        pieces.push(piece);
    }
    plan.writes.extend(merge::merge(&edits, facts, &mut plan.notes));
    if pieces.iter().any(|piece| !piece.up.is_empty()) {
        folders::write(facts, &pieces, separate, now, plan);
    }
}
