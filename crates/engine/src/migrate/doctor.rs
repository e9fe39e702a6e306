//! `migrate doctor`: which statements of a failed migration are in the database, and what to run next. Reads only.
//!
//! The lab replays the history and then the migration statement by statement. For each object that a statement
//! changes, the live catalog is held against every one of these states: the states that it agrees with lie before or
//! after the statement. Statements run in order, so what is known of one says something about its neighbours.

mod presence;

use std::collections::BTreeSet;

use pgsteward_model::catalog::{Catalog, TableKind};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::migrate::doctor::{DoctorReport, Presence, Verdict, Way};
use pgsteward_model::migrate::said_by_server;
use pgsteward_model::migration::ServerError;
use pgsteward_pg::history::{HistoryRow, RowState};
use pgsteward_pg::{CatalogOptions, ReadSession};

use self::presence::{counted, in_order, pieces, statements, verdict};
use super::connection::{Use, resolve};
use super::drift::comparable;
use super::error::MigrateError;
use super::project::{MigrateProject, MigrationFolder, ProjectOptions};
use super::server;
use super::shadow::{Replayed, Script, Shadow};
use super::{backfill, squash, target};
use crate::Progress;
use crate::collect::LabWish;

#[derive(Clone, Debug, Default)]
pub struct DoctorOptions {
    pub project: ProjectOptions,
    pub url: Option<String>,
    /// `--target`, a name of pgsteward.toml.
    pub target: Option<String>,
    /// The migration to look at; the first failed one where none.
    pub migration: Option<String>,
    pub lab: LabWish,
}

/// Looks at the failed migration of a database.
pub async fn doctor(options: &DoctorOptions, progress: &dyn Progress) -> Result<DoctorReport, MigrateError> {
    let project = MigrateProject::find(&options.project)?;
    let connection = match &options.target {
        Some(name) => target::choose(&project, name, Use::Read)?.connection,
        None => resolve(&project, options.url.as_deref(), Use::Read)?,
    };
    let folders = project.migrations()?;
    progress.phase("read the database");
    let session = ReadSession::connect(&connection.url).await?;
    let rows = session.history(&project.history_table(connection.namespace())).await;
    let namespaces = server::namespaces(&project, connection.namespace());
    let read = session
        .catalog(&CatalogOptions { namespaces: Some(namespaces.clone()), ..CatalogOptions::default() })
        .await;
    let version = session.version();
    let failed = rows.as_ref().ok().and_then(|rows| looked_at(rows.as_deref()?, options).next());
    let (fills, filled) = match failed {
        Some(row) if backfill::is_of(&project, &row.name)? => {
            (true, Some(backfill::told(&session, connection.namespace(), &row.name).await))
        }
        _ => (false, None),
    };
    session.close().await;
    let filled = filled.transpose()?;
    let rows = rows?.unwrap_or_default();
    let (live, _) = read?;
    let mut report = DoctorReport {
        database: server::database_name(&connection, version),
        notes: connection.note.iter().cloned().collect(),
        ..DoctorReport::default()
    };
    let mut failed = looked_at(&rows, options);
    let Some(row) = failed.next() else {
        return match &options.migration {
            None => Ok(report),
            Some(name) => Err(MigrateError::coded(
                "P3012",
                format!("the migration \"{name}\" is not in a failed state"),
            )
            .with_hint("`pgsteward migrate status` shows how the migrations stand")),
        };
    };
    let others = failed.map(|row| format!("\"{}\"", row.name)).collect::<BTreeSet<_>>();
    if !others.is_empty() {
        let others = others.into_iter().collect::<Vec<_>>().join(", ");
        report.notes.push(format!("{others} failed too: name it to look at it"));
    }
    let Some(folder) = folders.iter().find(|folder| folder.name == row.name) else {
        return Err(missing(&row.name, &folders));
    };
    let logs = row.logs.as_deref().unwrap_or_default();
    report.migration = Some(row.name.clone());
    report.started_at = Some(row.started_at.clone());
    let (error, hint) = said_by_server(logs);
    (report.error, report.hint) = (error.map(str::to_owned), hint.map(str::to_owned));
    report.edited = !folder.has_checksum(&row.checksum);
    if report.edited {
        report
            .notes
            .push("the file was edited since it ran: this is about the text that is on disk now".into());
    }
    let there = squash::as_recorded(&folders, rows.clone())?;
    let applied: Vec<&MigrationFolder> = folders
        .iter()
        .filter(|one| one.name != row.name)
        .filter(|one| there.iter().any(|row| row.name == one.name && row.state() == RowState::Applied))
        .collect();
    let wish = LabWish { major: options.lab.major.or(Some(version.major())), ..options.lab.clone() };
    let shadow = Shadow::start(&wish, connection.namespace(), project.init_shadow_db(), progress).await?;
    report.notes.extend(shadow.note());
    report.notes.extend(filled);
    let case =
        Case { shadow: &shadow, applied: &applied, namespaces: &namespaces, folder, row, live: &live, fills };
    case.look(&mut report, progress).await?;
    Ok(report)
}

/// The failed migrations that were asked for.
fn looked_at<'a>(rows: &'a [HistoryRow], options: &'a DoctorOptions) -> impl Iterator<Item = &'a HistoryRow> {
    let failed = rows.iter().filter(|row| row.state() == RowState::Failed);
    failed.filter(|row| options.migration.as_ref().is_none_or(|name| *name == row.name))
}

fn missing(name: &str, folders: &[MigrationFolder]) -> MigrateError {
    match squash::joined(folders).get(name) {
        Some(by) => MigrateError::new(format!(
            "the failed migration \"{name}\" is missing on disk: \"{by}\" joins it"
        ))
        .with_hint("look at it, and deploy it, from the last commit that has its folder"),
        None => MigrateError::new(format!("the failed migration \"{name}\" is missing on disk"))
            .with_hint("bring its folder back from version control"),
    }
}

struct Case<'a> {
    shadow: &'a Shadow,
    applied: &'a [&'a MigrationFolder],
    namespaces: &'a [String],
    folder: &'a MigrationFolder,
    row: &'a HistoryRow,
    live: &'a Catalog,
    /// It has a backfill, which does in batches what it refuses to do at once.
    fills: bool,
}

impl Case<'_> {
    async fn look(&self, report: &mut DoctorReport, progress: &dyn Progress) -> Result<(), MigrateError> {
        let pieces = pieces(self.folder)?;
        let begin = self.begin(progress).await?;
        let mut states = vec![self.plain(&begin.catalog)];
        let mut now = begin.clone();
        progress.phase(&format!("run {} statement by statement in the lab", self.folder.name));
        for (at, piece) in pieces.iter().enumerate() {
            progress.step(at, pieces.len());
            match self.step(&now, &piece.sql).await? {
                Ok(next) => {
                    states.push(self.plain(&next.catalog));
                    let used = std::mem::replace(&mut now, next);
                    if used.database.name() != begin.database.name() {
                        self.let_go(used).await?;
                    }
                }
                Err(error) => {
                    report.notes.push(format!(
                        "the lab cannot run line {} either, so nothing is known of it and what follows: {}",
                        piece.line, error.message
                    ));
                    break;
                }
            }
        }
        let live = self.plain(self.live);
        report.statements = statements(&pieces, &states, &live);
        in_order(&mut report.statements, counted(self.row).as_ref());
        report.verdict = verdict(&report.statements);
        let name = &self.folder.name;
        let applied = format!("pgsteward migrate resolve --applied {name}");
        let rolled_back = format!("pgsteward migrate resolve --rolled-back {name}");
        match report.verdict {
            Verdict::Healthy | Verdict::Unclear => {}
            Verdict::Complete => report.ways.push(Way {
                title: "all of it is in the database: say so".into(),
                sql: String::new(),
                command: applied,
                proof: Ok(()),
            }),
            Verdict::Nothing if self.fills => report.ways.push(Way {
                title: "nothing of it is in the database, and it waits for rows: fill them in batches, say that it was rolled back, \
                        and deploy again"
                    .into(),
                sql: String::new(),
                command: format!("pgsteward migrate backfill {name} && {rolled_back} && pgsteward migrate deploy"),
                proof: Ok(()),
            }),
            Verdict::Nothing => report.ways.push(Way {
                title: "nothing of it is in the database: correct the cause, say so, and deploy again".into(),
                sql: String::new(),
                command: rolled_back,
                proof: Ok(()),
            }),
            Verdict::Partial => {
                let of = |presence: Presence| -> String {
                    let wanted =
                        pieces.iter().zip(&report.statements).filter(|(_, state)| state.presence == presence);
                    wanted.map(|(piece, _)| format!("{};\n", piece.sql)).collect()
                };
                let (there, missing) = (of(Presence::Present), of(Presence::Absent));
                let Ok(half) = self.step(&begin, &there).await? else {
                    report.notes.push(
                        "the lab cannot bring a database into this state, so no way out was tried".into(),
                    );
                    return Ok(());
                };
                let undo = pgsteward_sql::ddl::diff(&self.plain(&half.catalog), &states[0]);
                let undo_sql: String = undo.statements.iter().map(|sql| format!("{sql};\n")).collect();
                let complete = match states.len() > pieces.len() {
                    true => self.proof(&half, &missing, &states[states.len() - 1]).await?,
                    false => Err("the lab could not run all of the migration".to_owned()),
                };
                report.ways.push(Way {
                    title: "complete it: run what is missing, then say that it is applied".into(),
                    sql: missing.clone(),
                    command: applied,
                    proof: complete,
                });
                let undone = match undo.left_out.first() {
                    Some((what, why)) => Err(format!("{what}: {why}")),
                    None => self.proof(&half, &undo_sql, &states[0]).await?,
                };
                report.ways.push(Way {
                    title: "or undo it: take back what is there, then say that it is rolled back".into(),
                    sql: undo_sql,
                    command: rolled_back,
                    proof: undone,
                });
            }
        }
        Ok(())
    }

    /// The lab as the migration found the server. Without rows: those that the history writes are not the server's,
    /// and a constraint that failed over rows must not fail here.
    async fn begin(&self, progress: &dyn Progress) -> Result<Replayed, MigrateError> {
        let scripts: Vec<Script<'_>> =
            self.applied.iter().map(|folder| Script { name: &folder.name, text: folder.script() }).collect();
        let replayed = self.shadow.replay(&scripts, progress).await?;
        match self.shadow.attempt(&replayed, "empty", &emptying(&replayed.catalog)).await? {
            Ok(empty) => Ok(empty),
            Err(_) => Ok(replayed),
        }
    }

    /// The state after a text; where it fails, once more without the rows that the migration itself has written.
    async fn step(&self, on: &Replayed, sql: &str) -> Result<Result<Replayed, ServerError>, MigrateError> {
        let name = &self.folder.name;
        let error = match self.shadow.attempt(on, name, sql).await? {
            Ok(next) => return Ok(Ok(next)),
            Err(error) => error,
        };
        let emptied = format!("{}\n{sql}", emptying(&on.catalog));
        Ok(self.shadow.attempt(on, name, &emptied).await?.map_err(|_| error))
    }

    async fn let_go(&self, used: Replayed) -> Result<(), MigrateError> {
        let done = self.shadow.lab().finish_database(used.database).await;
        done.map_err(|error| MigrateError::new(error.to_string()).with_hint(error.hint()))
    }

    fn plain(&self, catalog: &Catalog) -> Catalog {
        comparable(catalog, self.namespaces)
    }

    /// Runs `sql` in the lab and holds what comes out against `wanted`.
    async fn proof(
        &self,
        on: &Replayed,
        sql: &str,
        wanted: &Catalog,
    ) -> Result<Result<(), String>, MigrateError> {
        let reached = match self.step(on, sql).await? {
            Ok(reached) => reached,
            Err(error) => return Ok(Err(format!("the lab refuses it: {}", error.message))),
        };
        let found = differences(wanted, &self.plain(&reached.catalog), ColumnOrder::Ignored);
        self.let_go(reached).await?;
        Ok(match found.first() {
            None => Ok(()),
            Some(first) => Err(format!("the schema is another one afterwards: {first}")),
        })
    }
}

/// Takes the rows of all tables away.
fn emptying(catalog: &Catalog) -> String {
    let tables = catalog
        .user_tables()
        .filter(|table| matches!(table.kind, TableKind::Ordinary | TableKind::Partitioned));
    let names: Vec<String> = tables.map(|table| pgsteward_sql::quote_qualified(&table.name)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("TRUNCATE {} CASCADE;", names.join(", ")),
    }
}
