//! What the lab says of a plan: each folder alone and in order, on an empty database and on one with rows, must end
//! where the migration ends, and hold no lock that stops writers for more than a change of the catalog.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use pgsteward_lab::{DataOptions, Database, Lab, Tracer};
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::facts::Facts;
use pgsteward_model::migrate::plan::PlannedLock;
use pgsteward_model::migration::MigrationFile;
use pgsteward_model::printed::alike;
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_qualified};

use super::fired;
use super::pieces::Piece;
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
            return Ok(Err(format!("part {number} of it fails in the lab: {error}")));
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
            wanted = Some((rows, columns, views));
        }
        // Rows that nobody chose may break what the migration asks of rows.
        Err(error) => shown.without_rows = Some(error),
    }
    let traced = if wanted.is_some() { twin } else { ground.lab.clone_database(ground.before).await? };
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
    if let Some((rows, columns, views)) = wanted {
        if count(&traced, &columns).await? != rows {
            return Ok(Err(other_rows(ground.catalog, &touched)));
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
async fn run_text(database: &Database, text: &str) -> Result<Result<(), String>> {
    let session = database.session().await.context("connect to the lab")?;
    let ran = session.simple(text).await;
    session.close().await;
    Ok(ran.map_err(|error| format!("{} (SQLSTATE {})", error.message, error.sqlstate)))
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
    let by_statement = |error: &String| {
        [UNSAFE_NEW_ENUM_VALUE, ACTIVE_TRANSACTION]
            .iter()
            .any(|code| error.ends_with(&format!("(SQLSTATE {code})")))
    };
    if !ran.as_ref().is_err_and(by_statement) {
        return Ok((database, ran));
    }
    // The message may hold a COMMIT, and what it did until there stays.
    lab.finish_database(database).await?;
    let database = lab.clone_database(before).await?;
    for one in pgsteward_sql::parse(text).statements {
        if matches!(one.statement, Statement::Begin | Statement::Commit) {
            continue;
        }
        if let Err(error) = run_text(&database, text.get(one.span.start..one.span.end).unwrap_or("")).await? {
            return Ok((database, Err(error)));
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

/// Columns by table whose values must be the same: all but new ones that the server makes up row by row.
fn comparable(
    before: &Catalog,
    after: &Catalog,
    touched: &BTreeSet<QName>,
    files: &[MigrationFile],
) -> BTreeMap<QName, Vec<String>> {
    let alters = files.iter().flat_map(|file| &file.statements).filter_map(|one| match &one.statement {
        Statement::AlterTable(alter) => Some(alter),
        _ => None,
    });
    // Also one that has its default for the rows that are there only, and loses it again.
    let given: BTreeSet<(QName, &str)> = alters
        .flat_map(|alter| alter.actions.iter().map(|action| (alter.name.qualified(), action)))
        .filter_map(|(table, action)| match action {
            AlterAction::SetDefault { column, expression } if expression.contains('(') => {
                Some((table, column.as_str()))
            }
            _ => None,
        })
        .collect();
    let of = |name: &QName| {
        let (old, new) = (before.table(name), after.table(name)?);
        let made_up = |default: &Option<String>| default.as_deref().is_some_and(|text| text.contains('('));
        let columns = new.columns.iter().filter(|column| {
            let given = given.contains(&(name.clone(), column.name.as_str()));
            let had = old.and_then(|old| old.column(&column.name));
            // What a row without a value gets is the time at which it is filled.
            let timed = had.is_some_and(|had| !had.not_null && column.not_null && is_time(&column.default));
            had.is_some() && !timed || had.is_none() && !given && !made_up(&column.default)
        });
        let mut names: Vec<String> = columns.map(|column| column.name.clone()).collect();
        names.sort();
        Some((name.clone(), names))
    };
    touched.iter().filter_map(of).collect()
}

/// Whether a default is the time of the transaction.
fn is_time(default: &Option<String>) -> bool {
    default.as_deref().is_some_and(|text| {
        let text = text.to_ascii_lowercase();
        ["current_", "localtime", "now("].iter().any(|word| text.contains(word))
    })
}

fn other_rows(catalog: &Catalog, touched: &BTreeSet<QName>) -> String {
    let fired = touched.iter().filter_map(|name| {
        let table = catalog.table(name)?;
        if table.partition_of.as_ref().is_some_and(|of| touched.contains(&of.parent)) {
            return None;
        }
        let runs = fired::names(catalog, table)?;
        Some(format!("; {runs} for each row of {} that is filled", name.display()))
    });
    format!("its parts leave other rows than the migration{}", fired.collect::<String>())
}

/// Materialized views that the migration makes and fills.
fn made(original: &str, after: &Catalog) -> BTreeSet<QName> {
    let filled = |name: &QName| after.views.get(name).is_some_and(|view| view.materialized && view.populated);
    let names = pgsteward_sql::parse(original).statements.into_iter().filter_map(|one| match one.statement {
        Statement::CreateView { name, materialized: true, .. } => Some(name.qualified()),
        _ => None,
    });
    names.filter(filled).collect()
}

/// Those of the materialized views that have the rows which a REFRESH gives them. One that asks for the time has not.
async fn fresh(database: &Database, views: BTreeSet<QName>) -> Result<BTreeSet<QName>> {
    let session = database.session().await.context("connect to the lab")?;
    let mut fresh = BTreeSet::new();
    for view in views {
        let name = quote_qualified(&view);
        let rows = format!(
            "SELECT count(*)::text, coalesce(sum(hashtextextended((ROW(v.*))::text, 0)::numeric), 0)::text FROM {name} v"
        );
        let before = session.rows(&rows).await.ok();
        let refreshed = session.simple(&format!("REFRESH MATERIALIZED VIEW {name}")).await.is_ok();
        if before.is_some() && refreshed && session.rows(&rows).await.ok() == before {
            fresh.insert(view);
        }
    }
    session.close().await;
    Ok(fresh)
}

/// Number of rows and a sum of their hashes that no order of rows changes, by table.
async fn count(
    database: &Database,
    columns: &BTreeMap<QName, Vec<String>>,
) -> Result<BTreeMap<QName, Vec<Option<String>>>> {
    let session = database.session().await.context("connect to the lab")?;
    let mut counted = BTreeMap::new();
    for (table, names) in columns {
        let list: Vec<String> = names.iter().map(|name| format!("t.{}", quote_ident(name))).collect();
        let sql = format!(
            "SELECT count(*)::text, coalesce(sum(hashtextextended((ROW({}))::text, 0)::numeric), 0)::text FROM {} t",
            list.join(", "),
            quote_qualified(table)
        );
        let rows = session.rows(&sql).await;
        match rows {
            Ok(rows) => counted.insert(table.clone(), rows.into_iter().next().unwrap_or_default()),
            Err(error) => {
                session.close().await;
                return Err(anyhow!("count the rows of {table}: {}", error.message));
            }
        };
    }
    session.close().await;
    Ok(counted)
}
