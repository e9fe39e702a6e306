//! Migrations with the effect of each statement on the schema as it is at that point of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use pgsteward_model::catalog::Catalog;
use pgsteward_model::facts::{Facts, Gap, Need};
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime};
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::Births;
use sha2::{Digest, Sha256};

use super::Collector;
use crate::config::RegimeName;
use crate::discover::FoundMigrations;
use crate::hexadecimal::hexadecimal;
use crate::judge::{self, Wish};

impl Collector<'_> {
    /// The history, and the catalog that it leaves as far as reading alone can tell.
    pub(super) fn history(
        &self,
        facts: &mut Facts,
        found: &FoundMigrations,
        sources: &BTreeMap<String, Arc<SourceFile>>,
        version: ServerVersion,
    ) -> Result<(History, Catalog)> {
        let names: Vec<_> = found.files.iter().map(|file| (file.name.clone(), file.path.clone())).collect();
        let applied = self.applied(facts, found, sources);
        let wish = Wish {
            named: found.named.clone(),
            all: self.all_migrations,
            applied,
            since: self.since.map(str::to_owned),
            applied_through: self.config.migrations.applied_through.clone(),
        };
        let judged = match &self.judged {
            Some(judged) => judged.clone(),
            None => judge::choose(&names, &found.folder, &wish)?,
        };
        facts.gaps.extend(judged.gap.clone());
        let regime = self.regime(facts, found.layout);
        let mut catalog = Catalog::empty(version);
        let mut births = Births::default();
        let mut files = Vec::new();
        let mut in_deploy = false;
        for file in &found.files {
            let Some(source) = sources.get(&file.name) else { continue };
            let is_judged = judged.names.contains(&file.name);
            if !(is_judged && in_deploy) || judged.each_alone {
                births.start_deploy();
            } else {
                births.start_file();
            }
            in_deploy = is_judged;
            let analyzed = pgsteward_sql::analyze_file(&source.text, &mut catalog, &mut births, regime);
            if !analyzed.errors.is_empty() && !is_judged {
                // Syntax errors in history matter only where the server agrees; the replay will tell.
                facts.gaps.push(
                    Gap::new(
                        format!("migration {}", file.name),
                        format!("A statement of {} could not be read, so what it changes is not known without the lab.", source.path),
                        "let the lab replay the history",
                    )
                    .for_needs(&[]),
                );
            }
            files.push(MigrationFile {
                name: file.name.clone(),
                path: source.path.clone(),
                down: file.down.as_ref().map(|path| super::source_path(self.root, path)),
                judged: is_judged,
                statements: analyzed.statements,
                errors: analyzed.errors,
                checksum: checksum(&source.text),
            });
        }
        let history = History {
            directory: crate::discover::relative(self.root, &found.folder),
            layout: found.layout,
            files,
            regime,
            judged_because: judged.because,
            replay: None,
        };
        Ok((history, catalog))
    }

    /// What the live database has of the migrations.
    fn applied(
        &self,
        facts: &mut Facts,
        found: &FoundMigrations,
        sources: &BTreeMap<String, Arc<SourceFile>>,
    ) -> Option<BTreeSet<String>> {
        let files = found.files.iter().filter_map(|file| {
            let source = sources.get(&file.name)?;
            Some((file.name.as_str(), &*source.text))
        });
        let (applied, error) = self.live?.counted(found.layout, files)?;
        facts.gaps.extend(error.map(|error| {
            let hint = error.hint.as_deref().unwrap_or("`pgsteward migrate status` says how they stand");
            Gap::new("applied migrations", format!("{error}."), hint).for_needs(&[])
        }));
        Some(applied)
    }

    /// How the team's runner sends a file, from the configuration or the version of Prisma.
    fn regime(&self, facts: &Facts, layout: Layout) -> Regime {
        match (self.config.migrations.regime, layout, facts.project.prisma_version) {
            (Some(RegimeName::OneMessage), _, _) => Regime::OneMessage,
            (Some(RegimeName::PerStatement), _, _) => Regime::PerStatement,
            (Some(RegimeName::Psql), _, _) => Regime::Psql,
            (None, Layout::Prisma, Some(version)) if version >= (7, 4) => Regime::PerStatement,
            (None, Layout::Prisma, _) => Regime::OneMessage,
            (None, Layout::Files | Layout::UpDown, _) => Regime::Psql,
        }
    }
}

/// Lower-case hexadecimal SHA-256 of the text, as `_prisma_migrations.checksum` holds it.
fn checksum(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// The gap of a missing lab lists what a replay would have told.
pub(super) const REPLAY_NEEDS: &[Need] = &[Need::Replay];
