//! `migrate plan --safe`: migrations that are not applied yet, written as several that stop nobody, in the order
//! expand, fill, contract. Nothing is written that was not tried in the lab, and nothing here touches a database
//! of the user's beyond reading its history.

mod added;
mod alias;
mod built;
mod change;
mod code;
mod deck;
mod dependents;
mod drops;
mod enums;
mod exchange;
mod expand;
mod family;
mod filled;
mod fired;
mod followed;
mod forgotten;
mod guard;
mod kept;
mod keys;
mod locked;
mod look;
mod lossless;
mod name;
mod namespace;
mod obstacle;
mod partition;
mod pieces;
mod plain;
mod prove;
mod readers;
mod recreated;
mod rekeyed;
mod relation;
mod remade;
mod renamed;
mod renewed;
mod renumber;
mod returning;
mod reworded;
mod rewrite;
mod rows;
mod sequence;
mod several;
mod sight;
mod standing;
mod swap;
mod sync;
mod torn;
mod unknown;
mod upserts;

use std::collections::BTreeMap;

use pgsteward_lab::{Lab, LabOptions, ReplayOptions};
use pgsteward_model::facts::Facts;
use pgsteward_model::migrate::plan::{PlanReport, PlanVerdict, PlannedFolder, PlannedMigration};
use pgsteward_model::migration::Replay;

use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::{rollback, told};
use crate::Progress;
use crate::collect::introspect;
use crate::fix::Plan as Changes;
use deck::Deck;
pub(super) use followed::fill;
use pieces::Piece;
use prove::Ground;
use standing::Standing;
pub(super) use sync::{MARK as SYNC_MARK, Synced, synced};

#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    /// Names of migrations; none: all that are pending.
    pub names: Vec<String>,
    /// Writes the migrations; without it they are shown.
    pub write: bool,
}

/// Plans each migration that is named or pending. An error where the project, the history or the lab cannot be
/// had; what cannot be planned safely is a verdict of the report.
pub async fn plan(options: &PlanOptions, progress: &dyn Progress) -> Result<PlanReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let folders = project.migrations()?;
    let mut report = PlanReport::default();
    let standing = standing::read(&project, &folders, options, &mut report, progress).await?;
    let joined = standing.as_ref().map(|known| &known.joined);
    let wanted = standing::wanted(&folders, joined, &options.names)?;
    let Some(last) = wanted.last().copied() else {
        report.notes.push("No migration is pending.".into());
        return Ok(report);
    };
    let loaded =
        crate::config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
    progress.phase("start PostgreSQL in the lab");
    let major = standing.as_ref().map(|known| known.major).or(loaded.config.lab.major);
    let lab = LabOptions { major, offline: loaded.config.lab.offline, ..LabOptions::default() };
    let lab = Lab::start(&lab)
        .await
        .map_err(|error| MigrateError::new(format!("start the lab: {error}")).with_hint(error.hint()))?;
    report.server = Some(lab.version().to_string());
    report.notes.extend(lab.note().map(str::to_owned));
    let offline = loaded.config.lab.offline;
    let run = Run {
        project: &project,
        folders: &folders,
        standing: standing.as_ref(),
        lab: &lab,
        offline,
        progress,
    };
    let facts = run.facts(&mut report.notes);
    let planned = run.all(facts, &wanted, last).await;
    let written = match planned {
        Ok((migrations, changes)) => {
            report.migrations = migrations;
            run.write(options.write, changes, &mut report).await
        }
        Err(error) => Err(MigrateError::new(format!("{error:#}"))),
    };
    let stopped = lab.stop().await;
    written?;
    stopped.map_err(|error| MigrateError::new(format!("end the lab: {error}")))?;
    Ok(report)
}

struct Run<'a> {
    project: &'a MigrateProject,
    folders: &'a [MigrationFolder],
    standing: Option<&'a Standing>,
    lab: &'a Lab,
    /// Nothing is to be downloaded.
    offline: bool,
    progress: &'a dyn Progress,
}

impl Run<'_> {
    async fn all(
        &self,
        facts: Facts,
        wanted: &[usize],
        last: usize,
    ) -> anyhow::Result<(Vec<PlannedMigration>, Changes)> {
        let regime = rollback::regime(self.project);
        let (history, sources) = deck::history(&self.folders[..=last], self.lab.version(), regime);
        let mut deck = Deck::new(facts, self.lab.version());
        let database = self.lab.create_database().await?;
        let replay = ReplayOptions { trace: false, ..Default::default() };
        let (mut planned, mut changes) = (Vec::new(), Changes::default());
        let mut names: Vec<String> = self.folders.iter().map(|folder| folder.name.clone()).collect();
        // The place among the planned of the one that gave each its last name.
        let mut movers: Vec<Option<usize>> = vec![None; names.len()];
        let mut done = 0;
        for at in wanted {
            self.progress.phase(&format!("plan {}", self.folders[*at].name));
            let mut ran = Replay::default();
            pgsteward_lab::replay_files(
                self.lab,
                &database,
                &history,
                &sources,
                done..*at,
                &replay,
                &mut ran,
            )
            .await?;
            for folder in &self.folders[done..*at] {
                deck.pass(folder, false);
            }
            if sight::names_roles(self.folders[*at].script()) {
                // Roles belong to the server: a trial makes those that the migration names.
                let trial = self.lab.clone_database(&database).await?;
                let only = *at..*at + 1;
                pgsteward_lab::replay_files(
                    self.lab,
                    &trial,
                    &history,
                    &sources,
                    only,
                    &replay,
                    &mut Replay::default(),
                )
                .await?;
                self.lab.finish_database(trial).await?;
            }
            let script = self.script(*at);
            deck.read = recreated::read(&deck, &script, &BTreeMap::new());
            let read = deck.read.text.clone().unwrap_or_else(|| script.clone());
            sight::look(&mut deck, self.lab, &database, self.folders[*at].script(), &read).await?;
            forgotten::look(&mut deck, &database).await?;
            recreated::settle(&mut deck, &script);
            let before = names.clone();
            let (one, writes) = self.one(*at, &deck, &database, &mut names).await?;
            for (mover, _) in
                movers.iter_mut().zip(before.iter().zip(&names)).filter(|(_, (before, now))| before != now)
            {
                *mover = Some(planned.len());
            }
            planned.push(one);
            changes.writes.extend(writes);
            pgsteward_lab::replay_files(
                self.lab,
                &database,
                &history,
                &sources,
                *at..*at + 1,
                &replay,
                &mut ran,
            )
            .await?;
            deck.pass(&self.folders[*at], true);
            done = *at + 1;
        }
        for ((folder, name), mover) in self.folders.iter().zip(&names).zip(movers) {
            if let Some(mover) = mover.and_then(|mover| planned.get_mut(mover)) {
                renumber::carry(self.project, folder, name, mover, &mut changes)?;
            }
        }
        Ok((planned, changes))
    }

    /// Writes the migrations, and for each what undoes it.
    async fn write(
        &self,
        wanted: bool,
        changes: Changes,
        report: &mut PlanReport,
    ) -> Result<(), MigrateError> {
        if !wanted || changes.is_empty() {
            return Ok(());
        }
        changes.write(&self.project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
        report.written = true;
        if !self.ways_back() {
            report.notes.push(
                "The project keeps no ways back, so none were written: `pgsteward migrate adopt` makes them."
                    .into(),
            );
            return Ok(());
        }
        self.progress.phase("make and prove what undoes them");
        let folders = self.project.migrations()?;
        let mut planned: Vec<&mut PlannedFolder> =
            report.migrations.iter_mut().flat_map(|migration| &mut migration.folders).collect();
        let names: Vec<&str> = planned.iter().map(|folder| folder.name.as_str()).collect();
        // They are right without: what fails here is told, and `migrate adopt` tries it again.
        match rollback::write_downs(self.lab, self.project, &folders, &names).await {
            Ok(downs) => {
                for (folder, down) in planned.iter_mut().zip(downs) {
                    folder.down = Some(down.in_words());
                }
            }
            Err(error) => report.notes.push(format!("No way back was made: {error}.")),
        }
        Ok(())
    }

    fn ways_back(&self) -> bool {
        plain::keeps_ways_back(self.project, self.folders)
    }

    /// What runs of a migration.
    fn script(&self, at: usize) -> String {
        let folder = &self.folders[at];
        if self.project.is_prisma() { folder.script().to_owned() } else { plain::script(folder) }
    }

    async fn one(
        &self,
        at: usize,
        deck: &Deck,
        database: &pgsteward_lab::Database,
        names: &mut [String],
    ) -> anyhow::Result<(PlannedMigration, Vec<crate::fix::Write>)> {
        let folder = &self.folders[at];
        let own = names[at].clone();
        let mut planned = PlannedMigration {
            name: folder.name.clone(),
            verdict: PlanVerdict::Unchanged,
            folders: Vec::new(),
            left: Vec::new(),
            notes: Vec::new(),
            diff: String::new(),
        };
        if let Some(reason) = self.standing.and_then(|known| known.refused(folder)) {
            planned.verdict = PlanVerdict::Refused { reason };
            return Ok((planned, Vec::new()));
        }
        let script = self.script(at);
        let text = script.as_str();
        let read = deck.read.text.as_deref().unwrap_or(text);
        planned.notes.clone_from(&deck.read.notes);
        let mut pieces = rewrite::rewrite(deck, read, &mut planned.notes);
        for piece in &pieces {
            told::of_text(&piece.text).for_each(|said| pieces::note(&mut planned.notes, said.to_owned()));
        }
        planned.left = rewrite::left(deck, &pieces);
        if let [only] = pieces.as_slice()
            && only.text == text
        {
            self.tell_subscribers(deck, &pieces, &mut planned.notes);
            return Ok((planned, Vec::new()));
        }
        if let Some(known) = self.standing {
            namespace::leave_out(&mut pieces, &known.namespace, text);
        }
        let stops = match self.standing {
            Some(known) => known.stops(&pieces, &self.folders[..at]).await?,
            None => None,
        };
        if let Some(reason) = stops {
            planned.verdict = PlanVerdict::Refused { reason };
            return Ok((planned, Vec::new()));
        }
        let named = match self.project.is_prisma() {
            true => name::name(names, &own, &mut pieces).map(|()| Vec::new()),
            false => plain::name(names, &own, &mut pieces, &|name| self.may_move(names, name)),
        };
        let free = |moves: &Vec<(String, String)>| match self.project.is_prisma() {
            true => Ok(()),
            false => renumber::free(self.project, self.folders, &own, &pieces, moves),
        };
        let moves = match named.and_then(|moves| free(&moves).map(|()| moves)) {
            Ok(moves) => moves,
            Err(reason) => {
                planned.verdict = PlanVerdict::Refused { reason };
                return Ok((planned, Vec::new()));
            }
        };
        if !self.project.is_prisma() {
            plain::settle(self.project.layout, folder, &mut pieces);
        }
        let catalog = introspect(database).await?;
        let ground = Ground { lab: self.lab, before: database, catalog: &catalog };
        let facts = deck.facts(&pieces);
        let shown = match prove::prove(&ground, text, &deck.read.over_rows(text), &pieces, &facts).await? {
            Ok(shown) => shown,
            Err(reason) => {
                planned.verdict = PlanVerdict::Refuted { reason };
                return Ok((planned, Vec::new()));
            }
        };
        if let Some(reason) = self.not_there(at, text, &pieces).await? {
            planned.verdict = PlanVerdict::Refuted { reason };
            return Ok((planned, Vec::new()));
        }
        planned.verdict = PlanVerdict::Proven;
        if let Some(reason) = shown.without_rows {
            planned
                .notes
                .push(format!("Tried without rows: the migration fails over generated ones ({reason})."));
        }
        if !shown.made_up.is_empty() {
            planned.notes.push(format!(
                "Not compared, because the migration makes other values each time it runs: {}.",
                shown.made_up.join(", ")
            ));
        }
        self.tell_subscribers(deck, &pieces, &mut planned.notes);
        planned.folders = name::folders(&pieces, shown.locks);
        let writes = match self.project.is_prisma() {
            true => name::writes(self.project, folder, &pieces),
            false => {
                let files = facts.history.as_ref().map_or(&[][..], |history| &history.files);
                planned.notes.extend(plain::notes(folder, &pieces, files)?);
                plain::writes(self.project, folder, &own, &pieces, files, self.ways_back())?
            }
        };
        for (old, new) in moves {
            names.iter_mut().filter(|name| **name == old).for_each(|name| name.clone_from(&new));
        }
        planned.diff = Changes { writes: writes.clone(), ..Changes::default() }.diff();
        Ok((planned, writes))
    }

    /// What subscribers of the database's publications have to be given for each of the folders.
    fn tell_subscribers(&self, deck: &Deck, pieces: &[Piece], notes: &mut Vec<String>) {
        let Some(standing) = self.standing.filter(|known| !known.publications.is_empty()) else { return };
        for (at, piece) in pieces.iter().enumerate() {
            let change = deck.change(pieces, at);
            let own = change.notes(&standing.publications, &standing.namespace);
            let name = if piece.slug.is_empty() { String::new() } else { format!("{}: ", piece.slug) };
            notes.extend(own.into_iter().map(|note| format!("{name}{note}")));
        }
    }

    /// Whether a migration may get another name: one that the database has not.
    fn may_move(&self, names: &[String], name: &str) -> bool {
        let at = names.iter().position(|one| one == name);
        at.and_then(|at| self.folders.get(at))
            .is_some_and(|folder| self.standing.is_none_or(|known| known.refused(folder).is_none()))
    }
}
