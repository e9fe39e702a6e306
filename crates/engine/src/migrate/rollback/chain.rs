//! A history in one lab database, each migration up, down and up again.

use std::ops::Range;
use std::sync::Arc;

use anyhow::{Context, Result};
use pgsteward_lab::{Database, Lab, ReplayOptions};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::migrate::rollback::{Down, Worth};
use pgsteward_model::migration::{History, Layout, MigrationFile, Regime, Replay, ReplayFailure};
use pgsteward_model::source::{SourceFile, Sources};
use pgsteward_sql::Births;

use super::from_current;
use super::generate::generate;
use super::lost::{gone, losses, touched};
use super::refill::{Refilled, refilled};
use super::replaced::{Columns, replaced};
use super::rows;
use super::state::{self, State};
use super::statements::{digest, run, split, text_of};
use super::twin::{Seen, Trial};

/// A database of the lab that is as some migration leaves it, with the files of the whole history.
pub struct Chain<'a> {
    lab: &'a Lab,
    /// The history as the runner sends it.
    history: Arc<History>,
    /// The same, and the same by statement.
    histories: [Arc<History>; 2],
    sources: Sources,
    database: Database,
    /// So many files ran.
    done: usize,
    /// The state after them, where it was read.
    state: Option<State>,
    /// A second database of the same schema for trials with rows, and how many files ran there. To keep one is
    /// cheaper than a clone for each trial: removing databases takes longer than making them.
    twin: Option<(Database, usize)>,
}

impl<'a> Chain<'a> {
    /// `files` are names and texts in the order in which they run.
    pub async fn new(lab: &'a Lab, files: &[(String, String)], regime: Regime) -> Result<Chain<'a>> {
        let (history, sources) = history(files, regime, &Catalog::empty(lab.version()));
        let database = lab.create_database().await?;
        let by_statement = Arc::new(History { regime: Regime::Psql, ..history.clone() });
        let history = Arc::new(history);
        let histories = [history.clone(), by_statement];
        Ok(Chain { lab, history, histories, sources, database, done: 0, state: None, twin: None })
    }

    /// How many files ran.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Runs files without looking, up to but not including this one. Those that the server refuses are left.
    pub async fn walk_to(&mut self, file: usize) -> Result<()> {
        if file > self.done {
            self.up(self.done..file).await?;
            self.done = file;
            self.state = None;
        }
        Ok(())
    }

    /// Runs the next file, makes what undoes it (or takes `written`) and tries that. The database is behind the
    /// file afterwards, whatever came of it.
    pub async fn next(&mut self, written: Option<&str>) -> Result<Down> {
        self.next_or(written, None).await
    }

    /// The same, with a text that was proven before: where nothing can be made from the states, that is tried.
    pub(super) async fn next_or(&mut self, written: Option<&str>, known: Option<&str>) -> Result<Down> {
        let before = match self.state.take() {
            Some(state) => state,
            None => state::read(&self.database).await?,
        };
        let file = self.history.files.get(self.done).context("the history has no more files")?.clone();
        let mut down = Down {
            migration: file.name.clone(),
            checksum: file.checksum.clone(),
            sql: String::new(),
            worth: Worth::Proven,
            lost: Vec::new(),
            changes_schema: false,
            server: Some(self.lab.version().to_string()),
        };
        let failure = self.up(self.done..self.done + 1).await?;
        self.done += 1;
        if let Some(failure) = failure {
            let reason = format!("the migration fails in the lab: {}", failure.error.message);
            down.worth = Worth::Unproven { reason };
            return Ok(down);
        }
        let after = state::read(&self.database).await?;
        down.changes_schema = !before.is_same(&after);
        let text = self.sources.get(&file.path).map(|source| source.text.to_string()).unwrap_or_default();
        down.lost = rows::kept_changes(&file, &text, &before);
        // Also what says in a comment why there is nothing to undo.
        let only_says = |known: &str| split(known).is_empty() && gone(&before, &after).is_empty();
        let of_rows = |known: &&str| !down.changes_schema && (!down.lost.is_empty() || only_says(known));
        let written = written.or(known.filter(of_rows));
        // The same structure may be made of other columns, without the values of those that went.
        let anew = !down.changes_schema && down.lost.is_empty() && !gone(&before, &after).is_empty();
        if !down.changes_schema && !anew && written.is_none() {
            if !down.lost.is_empty() {
                let what: Vec<String> =
                    down.lost.iter().map(|loss| format!("{}: {}", loss.what, loss.why)).collect();
                down.worth = Worth::Irreversible {
                    reason: format!("it changes rows and no structure ({})", what.join("; ")),
                };
            }
            self.state = Some(after);
            return Ok(down);
        }
        let mut statements = match written {
            Some(written) => split(written),
            None => Vec::new(),
        };
        let mut made = Refilled::default();
        let mut replaced = Columns::new();
        if written.is_none() {
            made = self.made(&before, &after, &file, &text, &Columns::new()).await?;
            match known {
                _ if made.unsaid.is_empty() => {
                    statements = std::mem::take(&mut made.statements);
                    down.sql = text_of(&statements);
                    if !anew {
                        replaced = self::replaced(&before, &after);
                    }
                }
                Some(known) => {
                    statements = split(known);
                    known.clone_into(&mut down.sql);
                }
                None => {
                    down.worth = Worth::Irreversible { reason: made.unsaid.join("; ") };
                    self.state = Some(after);
                    return Ok(down);
                }
            }
        } else if let Some(written) = written {
            down.sql = written.to_owned();
        }
        let rows_lost = down.lost.clone();
        self.prove(&mut down, &file, &before, &after, &statements, &made).await?;
        if !replaced.is_empty() && !down.worth.is_proven() {
            // Its values need not be those of the column whose place it took.
            let mut made = self.made(&before, &after, &file, &text, &replaced).await?;
            let statements = std::mem::take(&mut made.statements);
            if made.unsaid.is_empty() {
                let mut apart = Down { sql: text_of(&statements), lost: rows_lost, ..down.clone() };
                self.prove(&mut apart, &file, &before, &after, &statements, &made).await?;
                if apart.worth.is_proven() {
                    return Ok(apart);
                }
            }
        }
        Ok(down)
    }

    /// What is made from the two states. Columns of `apart` are dropped and added anew, not changed.
    async fn made(
        &self,
        before: &State,
        after: &State,
        file: &MigrationFile,
        text: &str,
        apart: &Columns,
    ) -> Result<Refilled> {
        let generated = generate(self.lab, &self.database, (before, after), file, apart).await?;
        let mut made = refilled(generated, text, before);
        from_current::left_to_the_connection(&mut made.statements, &before.catalog, || {
            self.said(self.done - 1)
        });
        Ok(made)
    }

    /// The statements of the files before this one, the last first.
    fn said(&self, file: usize) -> impl Iterator<Item = &str> {
        let files = self.history.files.iter().take(file).rev();
        files.flat_map(|file| {
            let text = self.sources.get(&file.path).map(|source| source.text.as_ref());
            let said = file.statements.iter().rev();
            said.filter_map(move |one| text?.get(one.span.start..one.span.end))
        })
    }

    async fn prove(
        &mut self,
        down: &mut Down,
        file: &MigrationFile,
        before: &State,
        after: &State,
        statements: &[String],
        made: &Refilled,
    ) -> Result<()> {
        if let Err(error) = run(&self.database, statements).await? {
            down.worth = Worth::Unproven { reason: format!("the server refuses it: {}", error.message) };
            return self.rewind().await;
        }
        let mut back = state::read(&self.database).await?;
        back.unfilled(before, after);
        let differences = before.differences(&back);
        if !differences.is_empty() {
            let reason = format!("the schema is not what it was: {}", differences.join("; "));
            down.worth = Worth::Unproven { reason };
            return self.rewind().await;
        }
        let touched = touched(before, after, file);
        let seen = if touched.is_empty() {
            Seen::default()
        } else {
            let twin = self.twin(self.done - 1).await?;
            let trial = Trial {
                lab: self.lab,
                database: &twin,
                history: &self.histories[usize::from(by_statement(file))],
                sources: &self.sources,
                file: self.done - 1,
                before: &back,
                after,
                statements,
            };
            let (seen, intact) = trial.run(&touched).await?;
            if intact {
                self.twin = Some((twin, self.done - 1));
            } else {
                self.lab.finish_database(twin).await?;
            }
            seen
        };
        down.lost.extend(losses(before, after, &seen, made));
        down.lost.sort();
        down.lost.dedup();
        if let Some(failure) = self.up(self.done - 1..self.done).await? {
            let reason = format!("the migration cannot run again after it: {}", failure.error.message);
            down.worth = Worth::Unproven { reason };
            return self.rewind().await;
        }
        let again = state::read(&self.database).await?;
        let differences = after.differences(&again);
        if !differences.is_empty() {
            let reason = format!("the migration makes another schema after it: {}", differences.join("; "));
            down.worth = Worth::Unproven { reason };
            return self.rewind().await;
        }
        self.state = Some(again);
        down.worth = match seen.refused {
            Some(reason) => Worth::OverEmptyTables { reason },
            None if down.lost.is_empty() => Worth::Proven,
            None => Worth::StructureProven,
        };
        Ok(())
    }

    /// A new database with the same files run, after a trial that left the old one as nobody knows.
    async fn rewind(&mut self) -> Result<()> {
        let fresh = self.lab.create_database().await?;
        let old = std::mem::replace(&mut self.database, fresh);
        self.lab.finish_database(old).await?;
        self.state = None;
        self.up(0..self.done).await?;
        Ok(())
    }

    /// The database for a trial with rows, where the files before this one ran. The main one is there as well.
    async fn twin(&mut self, file: usize) -> Result<Database> {
        if let Some((twin, done)) = self.twin.take() {
            if self.up_in(&twin, done..file).await?.failures.is_empty() {
                return Ok(twin);
            }
            self.lab.finish_database(twin).await?;
        }
        Ok(self.lab.clone_database(&self.database).await?)
    }

    /// The failure of the last file, if any.
    async fn up(&self, files: Range<usize>) -> Result<Option<ReplayFailure>> {
        let last = files.end.checked_sub(1).and_then(|last| self.history.files.get(last));
        let mut replay = self.up_in(&self.database, files).await?;
        Ok(last.and_then(|last| replay.failures.remove(&last.name)))
    }

    /// Files that PostgreSQL refuses as one transaction run by statement.
    async fn up_in(&self, database: &Database, files: Range<usize>) -> Result<Replay> {
        let mut replay = Replay::default();
        let mut next = files.start;
        while next < files.end {
            let history = &self.histories[usize::from(by_statement(&self.history.files[next]))];
            let alike = |file: &usize| {
                by_statement(&self.history.files[*file]) == by_statement(&self.history.files[next])
            };
            let end = (next..files.end).take_while(alike).count() + next;
            let options = ReplayOptions { trace: false, ..Default::default() };
            pgsteward_lab::replay_files(
                self.lab,
                database,
                history,
                &self.sources,
                next..end,
                &options,
                &mut replay,
            )
            .await
            .context("replay the history")?;
            next = end;
        }
        Ok(replay)
    }

    /// Lets the databases go.
    pub async fn finish(self) -> Result<()> {
        if let Some((twin, _)) = self.twin {
            self.lab.finish_database(twin).await?;
        }
        self.lab.finish_database(self.database).await?;
        Ok(())
    }
}

/// Whether a file has several statements, and one of them refuses a transaction.
fn by_statement(file: &MigrationFile) -> bool {
    file.statements.len() > 1 && file.statements.iter().any(|one| one.effect.needs_no_transaction)
}

/// The files with the effect of each statement.
fn history(files: &[(String, String)], regime: Regime, empty: &Catalog) -> (History, Sources) {
    let (mut catalog, mut births) = (empty.clone(), Births::default());
    let mut sources = Sources::default();
    let mut read = Vec::new();
    for (name, text) in files {
        births.start_deploy();
        let analyzed = pgsteward_sql::analyze_file(text, &mut catalog, &mut births, regime);
        let source = sources.add(SourceFile::new(name.as_str(), text.as_str()));
        read.push(MigrationFile {
            name: name.clone(),
            path: source.path.clone(),
            down: None,
            judged: false,
            statements: analyzed.statements,
            errors: analyzed.errors,
            checksum: digest(text),
        });
    }
    let history = History {
        directory: String::new(),
        layout: Layout::Prisma,
        files: read,
        regime,
        judged_because: String::new(),
        replay: None,
    };
    (history, sources)
}
