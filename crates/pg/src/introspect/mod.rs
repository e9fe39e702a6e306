//! The system catalogs as a [`Catalog`].
//!
//! The queries stand in `.sql` files, one per kind of object, beside the Rust that reads their rows. They
//! join next to nothing: rows come with object ids, and names are looked up here, which costs the server a
//! tenth of what the joins would. All of them are sent at once in one read-only transaction, so a catalog
//! is one moment of the database and two round trips at most.
//!
//! Expressions and definitions are printed with the search path `pg_catalog`, so every name in them that is
//! not the system's is qualified: `nextval('public."Order_id_seq"'::regclass)`.
//!
//! Left out: the system's namespaces and objects (ids below 16384), temporary and TOAST relations, what
//! belongs to an extension, and kinds of objects that the model has no word for (operators, casts, rules,
//! publications, event triggers, triggers on views).

mod acl;
mod column;
mod comment;
mod constraint;
mod default_privilege;
mod extension;
mod function;
pub(crate) mod identity;
mod index;
mod inheritance;
mod invalid;
mod names;
mod namespace;
mod policy;
mod prepared;
mod relation;
mod sequence;
mod statistics_object;
mod table;
mod trigger;
mod types;
mod view;

use std::collections::BTreeSet;
use std::ops::Range;

use futures_util::future::join_all;
use pgsteward_model::catalog::{Catalog, QName, Table};
use pgsteward_model::facts::Gap;
use pgsteward_model::version::ServerVersion;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::error::ReadError;
use crate::statistics;
pub use invalid::Invalid;
pub(crate) use invalid::invalid;
pub(crate) use names::Names;
pub(crate) use prepared::Prepared;

/// What to read of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogOptions {
    /// Only objects of these namespaces; all of them where none.
    pub namespaces: Option<Vec<String>>,
    /// Sizes, counters, column statistics and the last values of sequences as well.
    pub statistics: bool,
    /// With the statistics, the most common values of columns and the bounds of their histograms. These are data.
    pub values: bool,
}

/// Begins the transaction that all catalog queries run in.
pub(crate) const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Settings for that transaction only: behind a pooler anything longer would meet somebody else's queries.
/// Up to here the search path may be anybody's, so names are qualified; from here on they need not be.
pub(crate) const SETTINGS: &str = "SELECT pg_catalog.set_config('search_path', 'pg_catalog', true), \
     pg_catalog.set_config('statement_timeout', '30s', true), pg_catalog.set_config('lock_timeout', '2s', true)";

pub(crate) const COMMIT: &str = "COMMIT";

/// The texts of all queries for one server version.
pub(crate) struct Queries {
    version: ServerVersion,
    of_tables: Vec<String>,
    of_database: Vec<String>,
    scope: String,
    some: SomeTables,
}

/// The queries about tables that are named: every one finds its rows by an index.
struct SomeTables {
    scope: String,
    of_tables: Vec<String>,
}

/// The order of [`Queries::of_tables`].
const OF_TABLES: [&str; 11] = [
    namespace::SQL,
    relation::SQL,
    types::SQL,
    column::SQL,
    constraint::SQL,
    index::SQL,
    index::OPERATOR_CLASS_SQL,
    trigger::SQL,
    policy::SQL,
    inheritance::SQL,
    comment::SQL,
];

/// The order of [`Queries::of_database`].
const OF_DATABASE: [&str; 6] =
    [view::SQL, sequence::SQL, function::SQL, extension::SQL, default_privilege::SQL, statistics_object::SQL];

impl Queries {
    pub(crate) fn for_version(version: ServerVersion) -> Queries {
        let lines = |extent| move |sql: &&str| lines_for(sql, version.major(), extent);
        let scope = include_str!("scope.sql");
        Queries {
            version,
            of_tables: OF_TABLES.iter().map(lines(Extent::All)).collect(),
            of_database: OF_DATABASE.iter().map(lines(Extent::All)).collect(),
            scope: lines(Extent::All)(&scope),
            some: SomeTables {
                scope: lines(Extent::Tables)(&scope),
                of_tables: OF_TABLES.iter().map(lines(Extent::Tables)).collect(),
            },
        }
    }
}

/// Whether a query is about a database, with namespaces perhaps, or about tables that are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    All,
    Tables,
}

/// Keeps the lines that a version has: a line may end in `-- since 15` or `-- before 15`.
pub(crate) fn for_version(sql: &str, major: u32) -> String {
    lines_for(sql, major, Extent::All)
}

/// As [`for_version`]; a line may also end in `-- of all` or `-- of tables`.
fn lines_for(sql: &str, major: u32, extent: Extent) -> String {
    let kept = |line: &&str| {
        let Some((_, comment)) = line.rsplit_once("-- ") else { return true };
        match comment.trim_end().split_once(' ').map(|(word, rest)| (word, rest, rest.parse::<u32>())) {
            Some(("since", _, Ok(first))) => major >= first,
            Some(("before", _, Ok(first))) => major < first,
            Some(("of", "all", _)) => extent == Extent::All,
            Some(("of", "tables", _)) => extent == Extent::Tables,
            _ => true,
        }
    };
    sql.lines().filter(kept).collect::<Vec<_>>().join("\n")
}

/// Which relations the queries are about; ids, or all where none.
#[derive(Clone, Debug, Default)]
struct Scope {
    wanted: Option<Vec<u32>>,
    /// The wanted ones and those they refer to, whose names and columns are needed.
    named: Option<Vec<u32>>,
    last_values: bool,
}

impl Scope {
    /// From the answer to `scope.sql`.
    fn read<'a>(rows: impl Iterator<Item = &'a Row>) -> Result<Scope, Error> {
        let (mut wanted, mut named) = (Vec::new(), Vec::new());
        for row in rows {
            let oid: u32 = row.try_get(0)?;
            if row.try_get(1)? {
                wanted.push(oid);
            }
            named.push(oid);
        }
        Ok(Scope { wanted: Some(wanted), named: Some(named), last_values: false })
    }

    fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [(&self.wanted, Type::OID_ARRAY), (&self.named, Type::OID_ARRAY), (&self.last_values, Type::BOOL)]
    }
}

/// The whole catalog; see [`CatalogOptions`].
pub(crate) async fn catalog(
    client: &Client,
    queries: &Queries,
    options: &CatalogOptions,
) -> Result<(Catalog, Vec<Gap>), ReadError> {
    match catalog_once(client, queries, options).await {
        Err(error) if is_race(&error) => catalog_once(client, queries, options).await,
        other => other,
    }
}

/// Only the tables of these names, in the order of their names.
pub(crate) async fn tables(
    client: &Client,
    queries: &Queries,
    relations: &[QName],
) -> Result<Vec<Table>, ReadError> {
    match tables_once(client, queries, relations).await {
        Err(error) if is_race(&error) => tables_once(client, queries, relations).await,
        other => other,
    }
}

/// Functions such as `pg_get_viewdef` look at the present, not at the snapshot: they fail on an object that
/// was dropped since the transaction began ("could not open relation with OID …"). The next try sees the
/// database without it.
pub(crate) fn is_race(error: &ReadError) -> bool {
    let dropped = [SqlState::INTERNAL_ERROR, SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_OBJECT];
    matches!(error, ReadError::Server { error, .. } if dropped.iter().any(|state| state.code() == error.sqlstate))
}

async fn catalog_once(
    client: &Client,
    queries: &Queries,
    options: &CatalogOptions,
) -> Result<(Catalog, Vec<Gap>), ReadError> {
    let failed = ReadError::server("read the catalog");
    let mut scope = Scope { last_values: options.statistics, ..Scope::default() };
    if let Some(namespaces) = &options.namespaces {
        scope = scope_of(client, queries, namespaces, scope).await.map_err(&failed)?;
    }
    let texts: Vec<&str> = queries.of_tables.iter().chain(&queries.of_database).map(String::as_str).collect();
    let rows = in_transaction(client, &texts, &scope.parameters()).await.map_err(&failed)?;
    let (mut catalog, names, mut gaps) = assemble(queries.version, &rows, options).map_err(&failed)?;
    if options.statistics {
        gaps.extend(statistics::fill(client, &mut catalog, &names, &scope.wanted, options.values).await);
    }
    Ok((catalog, gaps))
}

async fn tables_once(
    client: &Client,
    queries: &Queries,
    relations: &[QName],
) -> Result<Vec<Table>, ReadError> {
    let failed = ReadError::server("read tables from the catalog");
    let (namespaces, names) = asked(relations);
    let parameters: [(&(dyn ToSql + Sync), Type); 2] =
        [(&namespaces, Type::TEXT_ARRAY), (&names, Type::TEXT_ARRAY)];
    let rows = in_transaction(client, &[&queries.some.scope], &parameters).await.map_err(&failed)?;
    let scope = Scope::read(rows.iter().flatten()).map_err(&failed)?;
    let texts: Vec<&str> = queries.some.of_tables.iter().map(String::as_str).collect();
    let rows = in_transaction(client, &texts, &scope.parameters()).await.map_err(&failed)?;
    tables_of(queries.version, &rows, relations).map_err(&failed)
}

/// Namespaces and names of relations, pairwise.
fn asked(relations: &[QName]) -> (Vec<String>, Vec<String>) {
    relations.iter().map(|name| (name.namespace.clone(), name.name.clone())).unzip()
}

/// The wanted tables from the answers to [`Queries::of_tables`].
fn tables_of(version: ServerVersion, rows: &[Vec<Row>], relations: &[QName]) -> Result<Vec<Table>, Error> {
    let names = Names::read(&rows[0], &rows[1], &rows[2], &rows[3], &rows[10])?;
    let wanted: BTreeSet<&QName> = relations.iter().collect();
    let (tables, _) = table::tables(version, &names, table_rows(rows))?;
    Ok(tables.into_values().filter(|table| wanted.contains(&table.name)).collect())
}

async fn scope_of(
    client: &Client,
    queries: &Queries,
    namespaces: &[String],
    scope: Scope,
) -> Result<Scope, Error> {
    let parameters: [(&(dyn ToSql + Sync), Type); 1] = [(&namespaces, Type::TEXT_ARRAY)];
    let rows = in_transaction(client, &[&queries.scope], &parameters).await?;
    Ok(Scope { last_values: scope.last_values, ..Scope::read(rows.iter().flatten())? })
}

/// Sends all queries at once, in a transaction of their own, and returns the rows of each.
pub(crate) async fn in_transaction(
    client: &Client,
    texts: &[&str],
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Vec<Row>>, Error> {
    let all = [BEGIN, SETTINGS].iter().chain(texts).chain(&[COMMIT]).copied().collect::<Vec<_>>();
    let mut answers = pipeline(client, &all, 2..all.len() - 1, parameters).await?;
    Ok(answers.drain(2..all.len() - 1).collect())
}

/// Sends all statements at once and returns the rows of each; those in `with` get the parameters.
pub(crate) async fn pipeline(
    client: &Client,
    texts: &[&str],
    with: Range<usize>,
    parameters: &[(&(dyn ToSql + Sync), Type)],
) -> Result<Vec<Vec<Row>>, Error> {
    // Each future sends its query when it is first polled and join_all polls in order, so the queries are
    // on their way before the first answer is back, with nothing of another caller between them.
    let sent = texts.iter().enumerate().map(|(position, sql)| {
        client.query_typed(sql, if with.contains(&position) { parameters } else { &[] })
    });
    let mut all = Vec::with_capacity(texts.len());
    let mut aborted = None;
    for answer in one_by_one(sent.collect()).await {
        match answer {
            Ok(rows) => all.push(rows),
            // What follows the failing query in the transaction fails for its sake only.
            Err(error) if error.code() == Some(&SqlState::IN_FAILED_SQL_TRANSACTION) => {
                aborted.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match aborted {
        Some(error) => Err(error),
        None => Ok(all),
    }
}

/// `join_all` starts up to thirty futures in order; more than that it would start in any.
pub(crate) async fn one_by_one<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    debug_assert!(futures.len() <= 30, "too many queries to send in order");
    join_all(futures).await
}

fn table_rows(rows: &[Vec<Row>]) -> table::TableRows<'_> {
    table::TableRows {
        columns: &rows[3],
        constraints: &rows[4],
        indexes: &rows[5],
        operator_classes: &rows[6],
        triggers: &rows[7],
        policies: &rows[8],
        parents: &rows[9],
    }
}

fn assemble(
    version: ServerVersion,
    rows: &[Vec<Row>],
    options: &CatalogOptions,
) -> Result<(Catalog, Names, Vec<Gap>), Error> {
    let names = Names::read(&rows[0], &rows[1], &rows[2], &rows[3], &rows[10])?;
    let (tables, mut relation_indexes) = table::tables(version, &names, table_rows(rows))?;
    let (sequences, gaps) = sequence::read(&rows[12], &names, version, options.statistics)?;
    let columns = column::read(&rows[3], &names, version)?;
    let types = types::read(&rows[2], &rows[4], &names, &columns)?;
    let mut catalog = Catalog {
        version,
        namespaces: namespace::read(&rows[0], &names, version)?,
        tables: tables.into_iter().map(|(name, table)| (name, table.into())).collect(),
        views: view::read(&rows[11], &names, &columns, &mut relation_indexes, version)?,
        sequences,
        enums: types.enums,
        domains: types.domains,
        composites: types.composites,
        ranges: types.ranges,
        functions: function::read(&rows[13], &names, version)?,
        statistics_objects: statistics_object::read(&rows[16], &names)?,
        extensions: extension::read(&rows[14])?,
        default_privileges: default_privilege::read(&rows[15], version)?,
        statistics_age_seconds: None,
    };
    if let Some(wanted) = &options.namespaces {
        keep_namespaces(&mut catalog, wanted);
    }
    Ok((catalog, names, gaps))
}

/// Drops what the queries returned beyond the namespaces that were asked for. Extensions stay: they belong
/// to the database.
fn keep_namespaces(catalog: &mut Catalog, wanted: &[String]) {
    let keep = |name: &QName| wanted.contains(&name.namespace);
    catalog.namespaces.retain(|name, _| wanted.contains(name));
    catalog.tables.retain(|name, _| keep(name));
    catalog.views.retain(|name, _| keep(name));
    catalog.sequences.retain(|name, _| keep(name));
    catalog.enums.retain(|name, _| keep(name));
    catalog.domains.retain(|name, _| keep(name));
    catalog.composites.retain(|name, _| keep(name));
    catalog.ranges.retain(|name, _| keep(name));
    catalog.functions.retain(|id, _| keep(&id.name));
    catalog.statistics_objects.retain(|name, one| keep(name) && keep(&one.on));
    catalog
        .default_privileges
        .retain(|privilege| privilege.namespace.as_ref().is_none_or(|name| wanted.contains(name)));
}

#[cfg(test)]
mod tests {
    use super::{Extent, for_version, lines_for};

    #[test]
    fn lines_are_kept_by_version() {
        let sql = "SELECT a, -- since 15\n false, -- before 15\n b -- since the beginning";
        assert_eq!(for_version(sql, 14), " false, -- before 15\n b -- since the beginning");
        assert_eq!(for_version(sql, 15), "SELECT a, -- since 15\n b -- since the beginning");
    }

    #[test]
    fn lines_are_kept_by_what_is_asked_for() {
        let sql = "-- Names of all\nSELECT a\nWHERE true -- of all\nWHERE b = $1 -- of tables\n  AND c";
        assert_eq!(
            lines_for(sql, 17, Extent::All),
            "-- Names of all\nSELECT a\nWHERE true -- of all\n  AND c"
        );
        let some = "-- Names of all\nSELECT a\nWHERE b = $1 -- of tables\n  AND c";
        assert_eq!(lines_for(sql, 17, Extent::Tables), some);
    }
}
