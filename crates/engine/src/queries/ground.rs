//! What the verbs that list calls begin with: the projects of a folder, their code, and a lab that starts when it is needed.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Result, bail};

use crate::Progress;
use crate::check::find;
use crate::collect::{CodeReader, Collector, DEFAULT_MAJOR, LabWish, Laboratory};
use crate::config::{self, Loaded};
use crate::discover::Found;

pub(super) struct Ground {
    pub(super) found: Found,
    loaded: Loaded,
    pub(super) laboratory: Laboratory,
}

impl Ground {
    /// An error means that the folder holds no project.
    pub(super) fn open(path: &Path, lab: &LabWish) -> Result<Ground> {
        if !path.is_dir() {
            bail!("{} is no folder\nhint: name the folder of the repository", path.display());
        }
        let loaded = config::load(path)?;
        let found = find(path, &loaded)?;
        if found.projects.is_empty() {
            bail!(
                "{} holds no Prisma schema with a datasource, so calls cannot be told from others\n\
                 hint: name the folder of the project",
                path.display()
            );
        }
        let laboratory = Laboratory::new(LabWish {
            major: lab.major.or(loaded.config.lab.major).or(Some(DEFAULT_MAJOR)),
            offline: lab.offline || loaded.config.lab.offline,
            none: lab.none,
        });
        Ok(Ground { found, loaded, laboratory })
    }

    pub(super) fn collector<'a>(
        &'a self,
        reader: &'a CodeReader,
        progress: &'a dyn Progress,
    ) -> Collector<'a> {
        Collector {
            root: &self.found.root,
            config: &self.loaded.config,
            all_migrations: false,
            since: None,
            judged: None,
            drift: false,
            live: None,
            url: None,
            code: Some(reader),
            laboratory: &self.laboratory,
            progress,
        }
    }
}

/// Names that share most of their letters with a wrong one.
pub(super) fn near<'a>(name: &str, known: &'a BTreeSet<String>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let ratio = |other: &str| similar::TextDiff::from_chars(wanted.as_str(), other.to_lowercase()).ratio();
    let mut rated: Vec<(f32, &str)> = known.iter().map(|other| (ratio(other), other.as_str())).collect();
    rated.sort_by(|one, other| other.0.total_cmp(&one.0));
    rated.into_iter().take_while(|(ratio, _)| *ratio > 0.7).take(2).map(|(_, name)| name).collect()
}
