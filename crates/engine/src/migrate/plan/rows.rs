//! Which rows two databases must have alike, and whether they have.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, anyhow};
use pgsteward_lab::Database;
use pgsteward_model::catalog::{Catalog, QName};
use pgsteward_model::migration::{MigrationFile, ServerError};
use pgsteward_model::statement::{AlterAction, Statement};
use pgsteward_pg::LabSession;
use pgsteward_sql::{quote_ident, quote_literal, quote_qualified};

use super::fired;

/// Columns by table whose values must be the same: all but new ones that the server makes up row by row.
pub(super) fn comparable(
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
        let made_up = |default: &Option<String>| {
            default.as_deref().is_some_and(|text| text.contains('(')) || is_time(default)
        };
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

pub(super) fn other_rows(catalog: &Catalog, touched: &BTreeSet<QName>) -> String {
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
pub(super) fn made(original: &str, after: &Catalog) -> BTreeSet<QName> {
    let filled = |name: &QName| after.views.get(name).is_some_and(|view| view.materialized && view.populated);
    let names = pgsteward_sql::parse(original).statements.into_iter().filter_map(|one| match one.statement {
        Statement::CreateView { name, materialized: true, .. } => Some(name.qualified()),
        _ => None,
    });
    names.filter(filled).collect()
}

/// Those of the materialized views that have the rows which a REFRESH gives them. One that asks for the time has not.
pub(super) async fn fresh(database: &Database, views: BTreeSet<QName>) -> Result<BTreeSet<QName>> {
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

/// Of the columns those that have the same values in two databases in which the same migration ran, and the others by name.
pub(super) async fn repeated(
    one: &Database,
    other: &Database,
    columns: &BTreeMap<QName, Vec<String>>,
) -> Result<(BTreeMap<QName, Vec<String>>, Vec<String>)> {
    let (mut same, mut made_up) = (BTreeMap::new(), Vec::new());
    for (table, names) in columns {
        let of = |names: &[String]| BTreeMap::from([(table.clone(), names.to_vec())]);
        let rows = of(&[]);
        if count(one, &rows).await? != count(other, &rows).await? {
            made_up.push(format!("the rows of {}", table.display()));
            continue;
        }
        let mut kept = Vec::new();
        for name in names {
            let only = of(std::slice::from_ref(name));
            if count(one, &only).await? == count(other, &only).await? {
                kept.push(name.clone());
            } else {
                made_up.push(format!("{}.{name}", table.display()));
            }
        }
        same.insert(table.clone(), kept);
    }
    Ok((same, made_up))
}

/// Number of rows and a sum of their hashes that no order of rows changes, by table.
pub(super) async fn count(
    database: &Database,
    columns: &BTreeMap<QName, Vec<String>>,
) -> Result<BTreeMap<QName, Vec<Option<String>>>> {
    let session = database.session().await.context("connect to the lab")?;
    let mut counted = BTreeMap::new();
    for (table, names) in columns {
        let list: Vec<String> = names.iter().map(|name| format!("t.{}", quote_ident(name))).collect();
        let name = quote_qualified(table);
        let sql = format!(
            "SELECT count(*)::text, coalesce(sum(hashtextextended((ROW({}))::text, 0)::numeric), 0)::text FROM {name} t",
            list.join(", "),
        );
        let rows = match open_to_owner(&session, &name).await {
            Ok(()) => session.rows(&sql).await,
            Err(error) => Err(error),
        };
        let closed = session.simple("ROLLBACK").await;
        match rows.and_then(|rows| closed.map(|()| rows)) {
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

/// Begins a transaction, to be undone, in which the table's owner sees all rows: a policy may hide some, or ask for a setting that
/// nobody has made here.
async fn open_to_owner(session: &LabSession, name: &str) -> Result<(), ServerError> {
    let forced = format!(
        "BEGIN; SELECT 1 FROM pg_catalog.pg_class WHERE oid = {}::pg_catalog.regclass AND relforcerowsecurity",
        quote_literal(name)
    );
    if session.rows(&forced).await?.is_empty() {
        return Ok(());
    }
    session.simple(&format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")).await
}
