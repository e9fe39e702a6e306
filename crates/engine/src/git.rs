//! The few questions that pgsteward asks of git. Where git or a repository is missing the answer is "none".

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Git {
    folder: PathBuf,
    root: PathBuf,
}

impl Git {
    /// The repository that holds `folder`, if git is there and it is one.
    pub(crate) fn of(folder: &Path) -> Option<Git> {
        // To start a program for the answer takes longer than to look.
        let named = std::env::var_os("GIT_DIR").is_some();
        if !named && !folder.canonicalize().ok()?.ancestors().any(|above| above.join(".git").exists()) {
            return None;
        }
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

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The branch that others are merged into.
    pub(crate) fn default_branch(&self) -> Option<String> {
        let remote_head = self.run(&["symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"]);
        let candidates = ["main", "master", "origin/main", "origin/master"].map(String::from);
        remote_head.into_iter().chain(candidates).find(|branch| self.commit(branch).is_some())
    }

    /// Branches with commits that `base` does not have; one name for those that stand at the same commit.
    pub(crate) fn unmerged(&self, base: &str) -> Vec<String> {
        let no_merged = format!("--no-merged={base}");
        let format = "--format=%(objectname) %(symref) %(refname:short)";
        let listed = self.run(&["for-each-ref", &no_merged, format, "refs/heads", "refs/remotes"]);
        let mut seen = BTreeSet::new();
        let listed = listed.unwrap_or_default();
        listed
            .lines()
            .filter_map(|line| {
                let mut words = line.splitn(3, ' ');
                let (commit, link, name) = (words.next()?, words.next()?, words.next()?);
                (link.is_empty() && seen.insert(commit.to_owned())).then(|| name.to_owned())
            })
            .collect()
    }

    /// Where a branch left the base.
    pub(crate) fn fork_of(&self, base: &str, branch: &str) -> Option<String> {
        self.run(&["merge-base", &self.commit(base)?, &self.commit(branch)?])
    }

    /// Paths below a folder (relative to the root, as the results are) at a revision.
    pub(crate) fn files_at(&self, revision: &str, folder: &str) -> Vec<String> {
        let Some(commit) = self.commit(revision) else { return Vec::new() };
        let listed = self.run(&["ls-tree", "-r", "-z", "--full-tree", "--name-only", &commit, "--", folder]);
        let listed = listed.unwrap_or_default();
        listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect()
    }

    /// What happened to the files below a folder between two revisions: `A`, `M`, `D` and the path.
    pub(crate) fn changes(&self, from: &str, to: &str, folder: &str) -> Vec<(char, String)> {
        let (Some(from), Some(to)) = (self.commit(from), self.commit(to)) else { return Vec::new() };
        let below = format!(":/{folder}");
        let listed = self.run(&["diff", "--no-renames", "--name-status", "-z", &from, &to, "--", &below]);
        let listed = listed.unwrap_or_default();
        let parts: Vec<&str> = listed.split('\0').collect();
        parts
            .chunks(2)
            .filter_map(|pair| match pair {
                [status, path] => Some((status.chars().next()?, (*path).to_owned())),
                _ => None,
            })
            .collect()
    }

    /// The text of a file at a revision, with the line ends that a checksum counts.
    pub(crate) fn text_at(&self, revision: &str, path: &str) -> Option<String> {
        self.whole(&["cat-file", "blob", &format!("{}:{path}", self.commit(revision)?)])
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

    /// Those of some files that git tracks, by their canonical names.
    pub(crate) fn tracked(&self, files: &BTreeSet<&Path>) -> BTreeSet<PathBuf> {
        let list = |files: &mut dyn Iterator<Item = &&Path>| {
            let mut arguments = vec!["ls-files".to_owned(), "-z".into(), "--".into()];
            arguments.extend(files.map(|file| file.to_string_lossy().into_owned()));
            self.whole(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
        };
        // One that lies in a submodule makes git refuse all of them.
        let listed = list(&mut files.iter()).unwrap_or_else(|| {
            files.iter().filter_map(|file| list(&mut std::iter::once(file))).collect::<String>()
        });
        // git names them as seen from the folder, with `..` for what lies above it.
        let whole = |path: &str| self.folder.join(path).canonicalize().ok();
        listed.split('\0').filter(|path| !path.is_empty()).filter_map(whole).collect()
    }

    fn run(&self, arguments: &[&str]) -> Option<String> {
        self.whole(arguments).map(|output| output.trim_end_matches('\n').to_owned())
    }

    /// What git prints, to the last byte.
    fn whole(&self, arguments: &[&str]) -> Option<String> {
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
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
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
