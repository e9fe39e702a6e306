//! Statements that the server counted, and what is said where it did not.

use pgsteward_model::facts::Gap;
use pgsteward_pg::{ReadError, ReadSession};

use crate::support::Server;

fn denied(result: Result<Vec<pgsteward_pg::CountedStatement>, ReadError>) -> Gap {
    match result {
        Err(ReadError::Denied { gap, .. }) => gap,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn counted_statements_come_with_their_comments() {
    let Some(server) = Server::start(&["shared_preload_libraries=pg_stat_statements"]).await else { return };
    let admin = server.session("postgres", "postgres").await;
    admin.simple("CREATE ROLE reader LOGIN").await.unwrap();
    let reader = ReadSession::connect(&server.url("reader", "postgres")).await.unwrap();
    let gap = denied(reader.counted_statements().await);
    assert!(gap.hint.contains("CREATE EXTENSION pg_stat_statements;"), "{gap:?}");

    admin.simple("CREATE SCHEMA \"Stats\"").await.unwrap();
    if let Err(error) = admin.simple("CREATE EXTENSION pg_stat_statements SCHEMA \"Stats\"").await {
        eprintln!("not tested: {error:?}");
        return;
    }
    let gap = denied(reader.counted_statements().await);
    let grants = gap.hint.strip_prefix("run ").unwrap();
    assert_eq!(
        grants,
        "GRANT USAGE ON SCHEMA \"Stats\" TO \"reader\"; GRANT pg_read_all_stats TO \"reader\";"
    );
    for grant in grants.split_inclusive(';') {
        admin.simple(grant).await.unwrap();
    }
    admin.simple("CREATE TABLE counted (id int)").await.unwrap();
    for number in 0..3 {
        let sql =
            format!("SELECT id FROM counted WHERE id = {number} /*prismaQuery='Counted.findMany%3Ax'*/");
        admin.rows(&sql).await.unwrap();
    }
    let statements = reader.counted_statements().await.unwrap();
    let own = statements.iter().find(|statement| statement.text.contains("FROM counted")).unwrap();
    assert_eq!((own.calls, own.rows), (3, 0));
    assert!(own.text.contains("id = $1") && own.text.contains("prismaQuery"), "{}", own.text);
    assert!(statements.iter().all(|statement| !statement.text.starts_with("CREATE")), "{statements:?}");
}

#[tokio::test]
async fn an_extension_without_its_library_is_told() {
    let Some(server) = Server::start(&[]).await else { return };
    let admin = server.session("postgres", "postgres").await;
    if let Err(error) = admin.simple("CREATE EXTENSION pg_stat_statements").await {
        eprintln!("not tested: {error:?}");
        return;
    }
    let session = ReadSession::connect(&server.url("postgres", "postgres")).await.unwrap();
    let gap = denied(session.counted_statements().await);
    assert!(gap.hint.contains("shared_preload_libraries"), "{gap:?}");
}
