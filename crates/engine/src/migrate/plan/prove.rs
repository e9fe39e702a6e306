//! What the lab says of a plan: each folder alone and in order, on an empty database and on one with rows, must end
//! where the migration ends, and hold no lock that stops writers for more than a change of the catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result};
use pgsteward_lab::{DataOptions, Database, Lab, Tracer};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::facts::Facts;
use pgsteward_model::migrate::plan::PlannedLock;
use pgsteward_model::migration::{MigrationFile, ServerError};
use pgsteward_model::printed::alike;
use pgsteward_model::statement::Statement;
use pgsteward_pg::LabSession;

use super::pieces::Piece;
use super::rows::{comparable, count, fresh, made, other_rows, repeated};
use crate::collect::introspect;
use crate::migrate::rollback::state::{self, State};

/// Rows of each table that the migration touches.
const ROWS: u64 = 400;
const LIMIT: Duration = Duration::from_secs(20);

/// The lab just before a migration.
pub(super) struct Ground<'a> {
    pub(super) lab: &'a Lab,
    /// Without sessions.
    pub(super) before: &'a Database,
    pub(super) catalog: &'a Catalog,
}

/// What a plan that holds showed.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// One list a piece.
    pub(super) locks: Vec<Vec<PlannedLock>>,
    /// Why nothing is known about rows, where that is so.
    pub(super) without_rows: Option<String>,
    /// Columns whose values the migration makes up each time it runs, and tables with such a number of rows.
    pub(super) made_up: Vec<String>,
}

/// `facts` are those of the pieces; `read` is the migration as the plan reads it, whose rows are those wanted. The inner error says
/// why the plan does not hold.
pub(super) async fn prove(
    ground: &Ground<'_>,
    original: &str,
    read: &str,
    pieces: &[Piece],
    facts: &Facts,
) -> Result<Result<Shown, String>> {
    let files = facts.history.as_ref().map(|history| history.files.clone()).unwrap_or_default();
    let (empty, ran) = run_original(ground.lab, ground.before, original).await?;
    let wanted = match ran {
        Ok(()) => state::read(&empty).await?,
        Err(error) => return Ok(Err(format!("the migration itself fails in the lab: {error}"))),
    };
    ground.lab.finish_database(empty).await?;
    let tried = ground.lab.clone_database(ground.before).await?;
    for (piece, number) in pieces.iter().zip(1..) {
        if let Err(error) = run_text(&tried, &piece.text).await? {
            let words = in_words(&error);
            return Ok(Err(format!("part {number} of it fails in the lab: {words}{}", advice(&error))));
        }
    }
    if let Err(reason) = same(&wanted, &state::read(&tried).await?) {
        return Ok(Err(reason));
    }
    ground.lab.finish_database(tried).await?;
    with_rows(ground, read, pieces, &files).await
}

/// What the catalog type does not hold counts as well: hands set it in migrations, and queries get slow without it.
fn same(wanted: &State, made: &State) -> Result<(), String> {
    let mut differ: Vec<String> = differences(&wanted.catalog, &made.catalog, ColumnOrder::Ignored)
        .iter()
        .map(ToString::to_string)
        .collect();
    let (wanted, made) = (&wanted.identities.asides, &made.identities.asides);
    for what in wanted.keys().chain(made.keys()).collect::<BTreeSet<_>>() {
        match (wanted.get(what), made.get(what)) {
            (Some(one), Some(other)) if alike(&one.value, &other.value) || one.set.is_empty() => {}
            (Some(one), Some(other)) => {
                differ.push(format!("{what}: was {}, is {}", one.value, other.value));
            }
            (Some(_), None) => differ.push(format!("{what}: is gone")),
            (None, _) => differ.push(format!("{what}: is new")),
        }
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(format!("its parts end in another catalog: {}", differ.join("; ")))
}

async fn with_rows(
    ground: &Ground<'_>,
    original: &str,
    pieces: &[Piece],
    files: &[MigrationFile],
) -> Result<Result<Shown, String>> {
    let touched = touched(ground.catalog, files);
    let twin = ground.lab.clone_database(ground.before).await?;
    let mut shown = Shown::default();
    fill(ground, &twin, &touched).await?;
    let (plain, ran) = run_original(ground.lab, &twin, original).await?;
    let mut wanted = None;
    match ran {
        Ok(()) => {
            let catalog = introspect(&plain).await?;
            let columns = comparable(ground.catalog, &catalog, &touched, files);
            let rows = count(&plain, &columns).await?;
            let views = fresh(&plain, made(original, &catalog)).await?;
            wanted = Some((rows, columns, views, plain));
        }
        // Rows that nobody chose may break what the migration asks of rows.
        Err(error) => shown.without_rows = Some(error),
    }
    let traced = ground.lab.clone_database(if wanted.is_some() { &twin } else { ground.before }).await?;
    let session = traced.session().await.context("connect to the lab")?;
    let mut tracer = Tracer::new(&traced);
    let mut refuted = None;
    for (piece, file) in pieces.iter().zip(files) {
        match trace(ground, &mut tracer, &session, piece, file).await? {
            Ok(locks) => shown.locks.push(locks),
            Err(reason) => {
                refuted = Some(reason);
                break;
            }
        }
    }
    tracer.close().await;
    session.close().await;
    if let Some(reason) = refuted {
        return Ok(Err(reason));
    }
    if let Some((rows, columns, views, plain)) = wanted {
        if count(&traced, &columns).await? != rows {
            let again = run_original(ground.lab, &twin, original).await?.0;
            let (same, made_up) = repeated(&plain, &again, &columns).await?;
            if made_up.is_empty() || count(&traced, &same).await? != count(&plain, &same).await? {
                return Ok(Err(other_rows(ground.catalog, &touched)));
            }
            shown.made_up = made_up;
        }
        let kept = fresh(&traced, views.clone()).await?;
        if let Some(view) = views.difference(&kept).next() {
            return Ok(Err(format!(
                "its parts leave other rows in the materialized view \"{}\" than a REFRESH",
                view.display()
            )));
        }
    }
    Ok(Ok(shown))
}

/// Runs a folder statement by statement and says what each locked; the reason why it must not be written where a
/// lock that stops writers lasts as long as a table is large.
async fn trace(
    ground: &Ground<'_>,
    tracer: &mut Tracer,
    session: &LabSession,
    piece: &Piece,
    file: &MigrationFile,
) -> Result<Result<Vec<PlannedLock>, String>> {
    let mut locks: BTreeMap<String, PlannedLock> = BTreeMap::new();
    for statement in &file.statements {
        if matches!(statement.statement, Statement::Begin | Statement::Commit) {
            continue;
        }
        let sql = piece.text.get(statement.span.start..statement.span.end).unwrap_or("");
        let transactional = !statement.effect.needs_no_transaction;
        let trace = match tracer.trace(session, sql, transactional).await? {
            Ok(trace) => trace,
            Err(error) => {
                return Ok(Err(format!("\"{}\" fails over rows: {}", first_line(sql), error.message)));
            }
        };
        for (relation, mode) in trace.locks {
            let Some(table) = ground.catalog.tables.keys().find(|name| name.to_string() == relation) else {
                continue;
            };
            let works = statement.effect.touches.iter().any(|touch| {
                touch.relation == *table
                    && (touch.rewrite.is_some() || touch.scan.is_some() || touch.builds_index)
            });
            if mode.blocks_writes() && (works || trace.rewrites.contains(&relation)) {
                return Ok(Err(format!(
                    "\"{}\" works on all of \"{}\" under {mode}",
                    first_line(sql),
                    table.display()
                )));
            }
            let known = locks.entry(relation).or_insert_with(|| PlannedLock {
                relation: table.display(),
                mode: mode.to_string(),
                blocks_reads: mode.blocks_reads(),
                blocks_writes: mode.blocks_writes(),
                micros: trace.micros,
            });
            if (mode.blocks_reads(), mode.blocks_writes()) > (known.blocks_reads, known.blocks_writes) {
                known.mode = mode.to_string();
                (known.blocks_reads, known.blocks_writes) = (mode.blocks_reads(), mode.blocks_writes());
            }
            known.micros = known.micros.max(trace.micros);
        }
    }
    Ok(Ok(locks.into_values().collect()))
}

fn first_line(sql: &str) -> String {
    let line = sql.lines().next().unwrap_or("");
    line.chars().take(120).collect()
}

/// Runs a file as the runner sends it: one message. The server's words where it refuses.
async fn run_text(database: &Database, text: &str) -> Result<Result<(), ServerError>> {
    let session = database.session().await.context("connect to the lab")?;
    let ran = session.simple(text).await;
    session.close().await;
    Ok(ran)
}

fn in_words(error: &ServerError) -> String {
    format!("{} (SQLSTATE {})", error.message, error.sqlstate)
}

/// What a check of ours says is to be done. What comes after that is for whoever deploys.
fn advice(error: &ServerError) -> String {
    let hint = error.hint.as_deref().and_then(|hint| hint.split_once("; then pgsteward migrate resolve"));
    hint.map_or_else(String::new, |(hint, _)| format!("; {hint}"))
}

/// The migration itself, in a copy of a database without sessions. A value of an enum that is used where it is added fails in
/// one transaction, as does CONCURRENTLY beside other statements, and runs as newer versions of Prisma and `psql` send it,
/// statement by statement: then the plan is what makes it run everywhere.
pub(super) async fn run_original(
    lab: &Lab,
    before: &Database,
    text: &str,
) -> Result<(Database, Result<(), String>)> {
    const UNSAFE_NEW_ENUM_VALUE: &str = "55P04";
    const ACTIVE_TRANSACTION: &str = "25001";
    let database = lab.clone_database(before).await?;
    let ran = run_text(&database, text).await?;
    let by_statement =
        |error: &ServerError| [UNSAFE_NEW_ENUM_VALUE, ACTIVE_TRANSACTION].contains(&error.sqlstate.as_str());
    if !ran.as_ref().is_err_and(by_statement) {
        return Ok((database, ran.map_err(|error| in_words(&error))));
    }
    // The message may hold a COMMIT, and what it did until there stays.
    lab.finish_database(database).await?;
    let database = lab.clone_database(before).await?;
    for one in pgsteward_sql::parse(text).statements {
        if matches!(one.statement, Statement::Begin | Statement::Commit) {
            continue;
        }
        if let Err(error) = run_text(&database, text.get(one.span.start..one.span.end).unwrap_or("")).await? {
            return Ok((database, Err(in_words(&error))));
        }
    }
    Ok((database, Ok(())))
}

/// Tables of before that the pieces name.
fn touched(catalog: &Catalog, files: &[MigrationFile]) -> BTreeSet<QName> {
    let statements = files.iter().flat_map(|file| &file.statements);
    let touches = statements.flat_map(|statement| &statement.effect.touches);
    touches.map(|touch| touch.relation.clone()).filter(|name| catalog.table(name).is_some()).collect()
}

/// Makes rows in the tables and in all that they refer to.
async fn fill(ground: &Ground<'_>, database: &Database, touched: &BTreeSet<QName>) -> Result<()> {
    let mut wanted = touched.clone();
    let mut new: Vec<QName> = touched.iter().cloned().collect();
    while let Some(name) = new.pop() {
        let Some(table) = ground.catalog.table(&name) else { continue };
        let keys = table.foreign_keys().map(|(_, key)| key.references.clone());
        let parents = table.partition_of.iter().map(|partition| partition.parent.clone());
        new.extend(
            keys.chain(parents).chain(table.inherits.clone()).filter(|other| wanted.insert(other.clone())),
        );
    }
    let mut catalog = ground.catalog.clone();
    catalog.tables.retain(|name, _| wanted.contains(name));
    let rows = wanted.into_iter().map(|name| (name, ROWS)).collect();
    let options = DataOptions { rows, budget: 0, limit: LIMIT, analyze: false, ..DataOptions::default() };
    pgsteward_lab::fill(ground.lab, database, &catalog, &options).await.context("make rows in the lab")?;
    Ok(())
}
