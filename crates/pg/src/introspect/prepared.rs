//! Tables read again and again in one session: planning the queries costs more than running them, so they are
//! prepared once. Only for a session that is nobody else's: a pooler would hand it on.

use futures_util::future::{join, try_join_all};
use pgsteward_model::catalog::{QName, Table};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

use super::{BEGIN, COMMIT, Queries, SETTINGS, Scope, asked, tables_of};
use crate::error::ReadError;

/// The queries find their rows by index for any number of tables, so one plan fits all.
const ONE_PLAN: &str = "SELECT pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true)";

/// The queries about some tables, planned.
pub(crate) struct Prepared {
    scope: Statement,
    of_tables: Vec<Statement>,
}

impl Prepared {
    /// Names in the queries are looked up now, with the search path that they run with later.
    pub(crate) async fn new(client: &Client, queries: &Queries) -> Result<Prepared, ReadError> {
        let all = async {
            begin(client).await?;
            let scope = client.prepare_typed(&queries.some.scope, &[Type::TEXT_ARRAY, Type::TEXT_ARRAY]);
            let types: Vec<Type> = Scope::default().parameters().into_iter().map(|(_, ty)| ty).collect();
            let of_tables = queries.some.of_tables.iter().map(|sql| client.prepare_typed(sql, &types));
            let prepared = Prepared { scope: scope.await?, of_tables: try_join_all(of_tables).await? };
            client.batch_execute(COMMIT).await?;
            Ok(prepared)
        };
        in_order(client, all).await.map_err(ReadError::server("prepare to read tables from the catalog"))
    }

    /// As [`super::tables`], in one transaction.
    pub(crate) async fn tables(
        &self,
        client: &Client,
        queries: &Queries,
        relations: &[QName],
    ) -> Result<Vec<Table>, ReadError> {
        let rows = async {
            let (namespaces, names) = asked(relations);
            let parameters: [&(dyn ToSql + Sync); 2] = [&namespaces, &names];
            let (begun, scope) = join(begin(client), client.query(&self.scope, &parameters)).await;
            begun?;
            let scope = Scope::read(scope?.iter())?;
            let parameters = scope.parameters().map(|(value, _)| value);
            let read = self.of_tables.iter().map(|query| client.query(query, &parameters));
            let (rows, committed) = join(try_join_all(read), client.batch_execute(COMMIT)).await;
            let rows: Vec<Vec<Row>> = rows?;
            committed?;
            tables_of(queries.version, &rows, relations)
        };
        in_order(client, rows).await.map_err(ReadError::server("read tables from the catalog"))
    }
}

async fn begin(client: &Client) -> Result<(), Error> {
    client.batch_execute(&format!("{BEGIN}; {SETTINGS}; {ONE_PLAN}")).await
}

/// Leaves the transaction of work that failed in its midst.
async fn in_order<T>(client: &Client, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let done = work.await;
    if done.is_err() {
        // The error that counts is the one that came first.
        drop(client.batch_execute("ROLLBACK").await);
    }
    done
}
