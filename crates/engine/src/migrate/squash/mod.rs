//! `migrate squash`: joins the migrations that a database has applied into one. What the new file makes is held
//! against what the old ones make in the lab: schema, rows, sequences. The databases run nothing: `settle` records
//! the new migration where all joined ones are applied.
//!
//! [`members`] says which migrations a squashed one joins, `made` what a history makes, `text` writes it down,
//! `choose` says which migrations may go, and `files` changes the disk.

mod choose;
mod files;
mod known;
mod made;
mod members;
mod settle;
mod text;

use std::collections::BTreeSet;

use pgsteward_model::catalog::QName;
use pgsteward_model::migrate::rollback::{Down, Worth};
use pgsteward_model::migrate::squash::{SquashForm, SquashOutcome, SquashReport};

pub use known::{Meeting, as_recorded, meeting};
pub use members::joined;
pub use settle::{meet, settle, told, unrecorded, without_members};
pub(super) use text::{data_statements, in_lines};

use super::ask::Ask;
use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions, checksum};
use super::rollback;
use super::shadow::{Replayed, Script, Shadow};
use crate::Progress;
use crate::collect::LabWish;
use choose::Chosen;
use files::{Disk, Restored};
use made::Made;
use text::Names;

#[derive(Clone, Debug, Default)]
pub struct SquashOptions {
    pub project: ProjectOptions,
    /// `--url`: the database whose history says what may be joined.
    pub url: Option<String>,
    /// `--to`: the last migration to join; then no database is asked unless one is named.
    pub to: Option<String>,
    /// `--name`: of the new migration, behind its number.
    pub name: Option<String>,
    /// Join the statements as they are.
    pub keep_statements: bool,
    pub dry_run: bool,
    /// The old folders may go unasked.
    pub yes: bool,
    /// They may go although git does not have them as they are.
    pub allow_dirty: bool,
    pub wish: LabWish,
}

/// Joins, proves and writes. An error where anything differs; then no file was touched.
pub async fn squash(
    options: &SquashOptions,
    ask: &dyn Ask,
    progress: &dyn Progress,
) -> Result<SquashReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let mut folders = project.migrations()?;
    let disk = Disk::of(&project);
    let Restored { back, swept } = disk.restore(&folders)?;
    if !back.is_empty() {
        folders = project.migrations()?;
    }
    if let Some(report) = swept_only(&project, &folders, swept) {
        return Ok(report);
    }
    if let Some(report) = finish(options, (&project, &disk), &folders, ask).await? {
        return Ok(report);
    }
    if !options.dry_run && !options.yes && !ask.interactive() {
        return Err(nobody());
    }
    let chosen = choose::choose(options, &project, folders, progress).await?;
    let mut report = chosen.report(&project);
    report.notes.extend(back.iter().map(|name| format!("{name}: put back after an interrupted squash")));
    if let Err(error) = choose::refuse_uncommitted(&project, &chosen.folders) {
        if !options.dry_run && !options.allow_dirty {
            return Err(error);
        }
        report.notes.push(error.message);
    }
    let mut wish = options.wish.clone();
    wish.major = wish.major.or(chosen.major);
    if wish.major.is_none() {
        // With `--to` no database was asked.
        let loaded =
            crate::config::load(&project.root).map_err(|error| MigrateError::new(format!("{error:#}")))?;
        wish.major = loaded.config.lab.major;
        report.notes.push(
            "no database was asked for its version (--to): name it with --url, or the version with --pg-major, where it is another \
             one than the squash is proven on"
                .into(),
        );
    }
    let init = project.init_shadow_db();
    let has_init = init.is_some();
    let shadow = Shadow::start(&wish, &chosen.namespace, init, progress).await?;
    report.server = Some(shadow.version().to_string());
    report.notes.extend(shadow.note());
    let proof = Proof { shadow: &shadow, chosen: &chosen, progress };
    let keep = match (options.keep_statements, has_init) {
        (true, _) => Some("--keep-statements".to_owned()),
        (_, true) => Some("initShadowDb runs before the migrations".to_owned()),
        _ => None,
    };
    proof.run(keep, &mut report).await?;
    report.sql.push_str(&chosen.trailer());
    report.notes.extend(choose::side_files(&chosen.folders));
    if options.dry_run {
        return Ok(report);
    }
    let question =
        format!("Write \"{}\" and remove {} {}?", report.name, report.joined.len(), things(&project));
    if !confirmed(options, ask, &question).await? {
        report.outcome = SquashOutcome::Cancelled;
        return Ok(report);
    }
    let joined: Vec<&MigrationFolder> = chosen.folders.iter().collect();
    disk.run(&files::steps(&chosen.files(&report), &joined))?;
    report.outcome = SquashOutcome::Written;
    Ok(report)
}

/// A squash that was interrupted when there was nothing left to do but to delete what had gone.
fn swept_only(
    project: &MigrateProject,
    folders: &[MigrationFolder],
    swept: Vec<String>,
) -> Option<SquashReport> {
    let by = members::joined(folders).remove(swept.first()?)?;
    let folder = folders.iter().find(|folder| folder.name == by)?;
    let mut report = choose::empty_report(project, &folder.name, &folder.file);
    report.joined = swept;
    report.next = choose::next(project, &folder.name);
    report.outcome = SquashOutcome::Finished;
    Some(report)
}

/// Goes on with a squash that was interrupted behind its first half. None where there is none.
async fn finish(
    options: &SquashOptions,
    (project, disk): (&MigrateProject, &Disk),
    folders: &[MigrationFolder],
    ask: &dyn Ask,
) -> Result<Option<SquashReport>, MigrateError> {
    for folder in folders {
        let members = members::members(folder);
        let there: Vec<&MigrationFolder> =
            folders.iter().filter(|other| members.iter().any(|member| member.name == other.name)).collect();
        if there.is_empty() {
            continue;
        }
        let edited = there.iter().find(|other| {
            members.iter().any(|member| member.name == other.name && !member.has_checksum(&other.checksum))
        });
        if let Some(edited) = edited {
            return Err(MigrateError::new(format!(
                "\"{}\" joins \"{}\", whose text is not the joined one",
                folder.name, edited.name
            ))
            .with_hint("remove one of the two"));
        }
        let mut report = choose::empty_report(project, &folder.name, &folder.file);
        report.joined = there.iter().map(|folder| folder.name.clone()).collect();
        report.next = choose::next(project, &folder.name);
        if options.dry_run {
            return Ok(Some(report));
        }
        let question = format!(
            "A squash into \"{}\" was interrupted: remove {} {} that it joins?",
            folder.name,
            there.len(),
            things(project)
        );
        report.outcome = SquashOutcome::Cancelled;
        if confirmed(options, ask, &question).await? {
            disk.run(&files::removal(&there))?;
            report.outcome = SquashOutcome::Finished;
        }
        return Ok(Some(report));
    }
    Ok(None)
}

async fn confirmed(options: &SquashOptions, ask: &dyn Ask, question: &str) -> Result<bool, MigrateError> {
    if options.yes {
        return Ok(true);
    }
    if !ask.interactive() {
        return Err(nobody());
    }
    Ok(ask.confirm(question).await == Some(true))
}

fn nobody() -> MigrateError {
    MigrateError::new("a squash removes folders, and nobody is at a terminal to confirm it")
        .with_hint("look at it with --dry-run, then run it with --yes; nothing was written")
}

/// What goes, in a question.
fn things(project: &MigrateProject) -> &'static str {
    if project.is_prisma() { "folders" } else { "migrations" }
}

/// Nothing leads to before the first migration. `text` is what the history takes for the migration's.
fn down_text(report: &SquashReport, text: &str) -> String {
    let reason = format!("it is the start of the history, {} migrations in one", report.joined.len());
    rollback::down_text(&Down {
        migration: report.name.clone(),
        checksum: checksum(text),
        sql: String::new(),
        worth: Worth::Irreversible { reason },
        lost: Vec::new(),
        changes_schema: true,
        server: report.server.clone(),
    })
}

/// The old files and the new one in the lab.
struct Proof<'a> {
    shadow: &'a Shadow,
    chosen: &'a Chosen,
    progress: &'a dyn Progress,
}

impl Proof<'_> {
    /// Writes the text that holds into the report. `keep` is why the statements are to stay as they are.
    async fn run(&self, keep: Option<String>, report: &mut SquashReport) -> Result<(), MigrateError> {
        let scripts: Vec<Script<'_>> = self.chosen.folders.iter().map(script).collect();
        let old = self.shadow.replay(&scripts, self.progress).await?;
        report.notes.extend(old.notes.iter().cloned());
        let made = self.read(&old).await?;
        report.data_statements = text::data_statements(&self.chosen.folders);
        let keep = keep
            .or_else(|| text::reaches_out(&self.chosen.folders))
            .or_else(|| old.notes.first().map(|note| format!("not all of it was tried: {note}")));
        let reason = match keep {
            Some(reason) => reason,
            None => match self.as_schema(&scripts, &made, report).await? {
                Ok(()) => return Ok(()),
                Err(reason) => reason,
            },
        };
        self.as_statements(&made, &reason, report).await?;
        report.form = Some(SquashForm::Statements { reason });
        Ok(())
    }

    /// Writes the schema and its rows down; the reason where that is not all that the history makes.
    async fn as_schema(
        &self,
        scripts: &[Script<'_>],
        made: &Made,
        report: &mut SquashReport,
    ) -> Result<Result<(), String>, MigrateError> {
        let made_up = match self.made_up(scripts, made).await? {
            Ok(made_up) => made_up,
            Err(reason) => return Ok(Err(reason)),
        };
        let mut reason = String::new();
        for names in text::WAYS {
            let body = text::of_schema(made, &self.chosen.namespace, names, &made_up);
            match self.differences(&body, made, &made_up).await? {
                Ok(_) => {
                    if names == Names::Full {
                        report.notes.push(
                            "names are written in full, because the short ones mean something else".into(),
                        );
                    }
                    report.rows = text::told_rows(made, &made_up);
                    report.sql = format!("{}{body}", self.chosen.heading());
                    report.form = Some(SquashForm::Schema);
                    return Ok(Ok(()));
                }
                Err(why) => reason = why,
            }
        }
        Ok(Err(format!("written as a schema it is not the same: {reason}")))
    }

    /// Columns whose values the history makes up as it runs; they get their default. The reason where that is no way.
    async fn made_up(
        &self,
        scripts: &[Script<'_>],
        made: &Made,
    ) -> Result<Result<BTreeSet<(QName, String)>, String>, MigrateError> {
        if made.rows.is_empty() {
            return Ok(Ok(BTreeSet::new()));
        }
        let again = self.shadow.replay(scripts, self.progress).await?;
        Ok(text::made_up(made, &self.read(&again).await?))
    }

    async fn as_statements(
        &self,
        made: &Made,
        reason: &str,
        report: &mut SquashReport,
    ) -> Result<(), MigrateError> {
        let body = text::of_statements(&self.chosen.folders);
        // Values that no two runs have in common are no difference: the statements that make them are the same.
        let scripts: Vec<Script<'_>> = self.chosen.folders.iter().map(script).collect();
        let again = self.shadow.replay(&scripts, self.progress).await?;
        let volatile = made.volatile(&self.read(&again).await?);
        let by_statement = self.differences(&body, made, &volatile).await?.map_err(|why| {
            MigrateError::new(format!(
                "the joined migrations do not make what they made one by one: {why}\n(they were joined as they are because of this: {reason})"
            ))
                .with_hint("nothing was written; squash fewer of them (--to NAME)")
        })?;
        report.rows = text::told_rows(made, &BTreeSet::new());
        report.sql = format!("{}{body}", self.chosen.heading());
        if by_statement {
            report.notes.push(
                "the server takes the new migration statement by statement only, which Prisma before 7.4 does not do".into(),
            );
        }
        Ok(())
    }

    /// Where a text does not make the same as the history, in words; else whether it needs its statements sent one
    /// by one.
    async fn differences(
        &self,
        text: &str,
        made: &Made,
        made_up: &BTreeSet<(QName, String)>,
    ) -> Result<Result<bool, String>, MigrateError> {
        let script = Script { name: &self.chosen.name, text };
        let new = match self.shadow.replay(&[script], self.progress).await {
            Ok(new) => new,
            Err(error) if error.code == Some("P3006") => return Ok(Err(error.message)),
            Err(error) => return Err(error),
        };
        let differences = made.differences(&self.read(&new).await?, made_up);
        let more = differences.len().saturating_sub(3);
        let mut words = differences.into_iter().take(3).collect::<Vec<_>>().join("; ");
        if more > 0 {
            words.push_str(&format!("; and {more} more"));
        }
        Ok(if words.is_empty() { Ok(!new.by_statement.is_empty()) } else { Err(words) })
    }

    async fn read(&self, replayed: &Replayed) -> Result<Made, MigrateError> {
        Made::read(&replayed.database).await.map_err(|error| MigrateError::new(format!("{error:#}")))
    }
}

fn script(folder: &MigrationFolder) -> Script<'_> {
    Script { name: &folder.name, text: folder.script() }
}
