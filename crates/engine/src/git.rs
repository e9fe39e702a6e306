//! The few questions that pgsteward asks of git. Where git or a repository is missing the answer is "none".

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Git {
    folder: PathBuf,
    root: PathBuf,
}

impl Git {
    /// The repository that holds `folder`, if git is there and it is one.
    pub(crate) fn of(folder: &Path) -> Option<Git> {
        let mut git = Git { folder: folder.to_path_buf(), root: PathBuf::new() };
        git.root = PathBuf::from(git.run(&["rev-parse", "--show-toplevel"])?);
        Some(git)
    }

    /// Where the work on this branch began: the merge base with the default branch.
    pub(crate) fn merge_base(&self) -> MergeBase {
        let remote_head = self.run(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]);
        let candidates = remote_head
            .into_iter()
            .chain(["origin/main", "origin/master", "main", "master"].map(String::from));
        for branch in candidates {
            if self.run(&["rev-parse", "--verify", "--quiet", &format!("{branch}^{{commit}}")]).is_none() {
                continue;
            }
            return match self.run(&["merge-base", "HEAD", &branch]) {
                Some(commit) => MergeBase::Found { branch, commit },
                None if self.is_shallow() => MergeBase::Shallow { branch },
                None => MergeBase::None,
            };
        }
        if self.is_shallow() {
            MergeBase::Shallow { branch: "the default branch".into() }
        } else {
            MergeBase::None
        }
    }

    /// The commit of a revision that the user named.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        // A revision that begins with a dash would be read as an option.
        if revision.starts_with('-') {
            return None;
        }
        self.run(&["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")])
    }

    /// The branch that is checked out; none where HEAD is detached.
    pub(crate) fn branch(&self) -> Option<String> {
        self.run(&["symbolic-ref", "--quiet", "--short", "HEAD"])
    }

    pub(crate) fn is_shallow(&self) -> bool {
        self.run(&["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true")
    }

    /// Files below `folder` that differ from a commit or that git does not track yet, as absolute paths.
    pub(crate) fn changed_since(&self, commit: &str, folder: &Path) -> Vec<PathBuf> {
        let folder = folder.to_string_lossy();
        let changed = self.run(&["diff", "--name-only", "--diff-filter=d", "-z", commit, "--", &folder]);
        let untracked =
            self.run(&["ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", &folder]);
        let lists = [changed, untracked];
        lists
            .iter()
            .flatten()
            .flat_map(|list| list.split('\0'))
            .filter(|name| !name.is_empty())
            .map(|name| self.root.join(name))
            .collect()
    }

    /// Whether git tracks a file.
    pub(crate) fn tracks(&self, file: &Path) -> bool {
        self.run(&["ls-files", "--error-unmatch", "--", &file.to_string_lossy()]).is_some()
    }

    fn run(&self, arguments: &[&str]) -> Option<String> {
        // A repository's own configuration must not make git start a program for us.
        let output = Command::new("git")
            .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"])
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_OPTIONAL_LOCKS", "0")
            .stdin(std::process::Stdio::null())
            .output()
            .ok()?;
        if !output.status.success() {
            return None;
        }
        Some(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned())
    }
}

pub(crate) enum MergeBase {
    Found {
        branch: String,
        commit: String,
    },
    /// History was cut off before the branches met.
    Shallow {
        branch: String,
    },
    None,
}
