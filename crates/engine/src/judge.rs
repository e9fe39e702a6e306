//! Which migrations are judged. What is applied is history: it gives no finding unless it breaks the replay.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use pgsteward_model::facts::Gap;

use crate::git::{Git, MergeBase};

/// What the user said about it, strongest first.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The one migration whose file was named on the command line.
    pub named: Option<String>,
    pub all: bool,
    /// Names that the database of `--url` has applied.
    pub applied: Option<BTreeSet<String>>,
    pub since: Option<String>,
    pub applied_through: Option<String>,
}

/// The choice, with its reason in words.
#[derive(Clone, Debug)]
pub struct Judged {
    pub names: BTreeSet<String>,
    pub because: String,
    /// Each file is a deploy of its own, rather than all of them together.
    pub each_alone: bool,
    pub gap: Option<Gap>,
}

/// Chooses among the migrations `(name, absolute path)`, given in the order they run.
pub fn choose(migrations: &[(String, PathBuf)], folder: &Path, wish: &Wish) -> Result<Judged> {
    let all = || migrations.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
    let chosen =
        |names: BTreeSet<String>, because: String| Judged { names, because, each_alone: false, gap: None };
    if let Some(named) = &wish.named {
        return Ok(chosen(BTreeSet::from([named.clone()]), "named on the command line".into()));
    }
    if wish.all {
        return Ok(Judged {
            each_alone: true,
            ..chosen(all(), "--all-migrations, each file by itself".into())
        });
    }
    if let Some(applied) = &wish.applied {
        return Ok(chosen(
            all().difference(applied).cloned().collect(),
            "pending on the database of --url".into(),
        ));
    }
    let git = Git::of(folder);
    if let Some(revision) = &wish.since {
        let git = git.ok_or_else(|| {
            anyhow!(
                "--since {revision} needs git and a repository; {} is in none\n\
                 hint: name the last applied migration as applied_through in pgsteward.toml, or pass --all-migrations",
                folder.display()
            )
        })?;
        let commit = git.commit(revision).ok_or_else(|| {
            let hint = if git.is_shallow() {
                "the clone is shallow: fetch the whole history with `git fetch --unshallow`, or `fetch-depth: 0` in \
                 actions/checkout"
            } else {
                "name a branch, a tag or a commit, as `git log` shows them"
            };
            anyhow!("--since {revision}: git knows no such commit\nhint: {hint}")
        })?;
        return Ok(chosen(changed(&git, &commit, migrations, folder), format!("changed since {revision}")));
    }
    let mut gap = None;
    match git.as_ref().map(Git::merge_base) {
        Some(MergeBase::Found { branch, commit }) => {
            let names = git.as_ref().map(|git| changed(git, &commit, migrations, folder)).unwrap_or_default();
            if !names.is_empty() || wish.applied_through.is_none() {
                return Ok(chosen(names, format!("new since the merge base with {branch}")));
            }
        }
        Some(MergeBase::Shallow { branch }) if wish.applied_through.is_none() => {
            gap = Some(Gap::new(
                "migrations to judge",
                format!(
                    "The clone is shallow, so the merge base with {branch} is unknown and no migration was judged."
                ),
                "fetch the whole history (`git fetch --unshallow`, or `fetch-depth: 0` in actions/checkout), or pass --all-migrations",
            ));
        }
        _ => {}
    }
    // A name that no project knows was refused before; here it is another project's.
    let last = wish.applied_through.as_ref();
    if let Some((last, at)) =
        last.and_then(|last| Some((last, migrations.iter().position(|(name, _)| name == last)?)))
    {
        let names = migrations[at + 1..].iter().map(|(name, _)| name.clone()).collect();
        return Ok(chosen(names, format!("after {last} (applied_through)")));
    }
    let because = if gap.is_some() {
        "shallow clone"
    } else {
        "nothing says which are new: --all-migrations judges all"
    };
    Ok(Judged { gap, ..chosen(BTreeSet::new(), because.into()) })
}

fn changed(git: &Git, commit: &str, migrations: &[(String, PathBuf)], folder: &Path) -> BTreeSet<String> {
    let files: BTreeSet<PathBuf> =
        git.changed_since(commit, folder).iter().filter_map(|path| path.canonicalize().ok()).collect();
    migrations
        .iter()
        .filter(|(_, path)| path.canonicalize().is_ok_and(|path| files.contains(&path)))
        .map(|(name, _)| name.clone())
        .collect()
}
