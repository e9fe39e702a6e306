//! What a read session sees, with all rights and with few.

use pgsteward_model::catalog::QName;
use pgsteward_model::facts::Gap;
use pgsteward_pg::{AppliedMigration, CatalogOptions, LabSession, ReadError, ReadSession};

use crate::support::Server;

const KITCHEN_SINK: &str = include_str!("kitchen_sink.sql");
const STATISTICS: CatalogOptions = CatalogOptions { namespaces: None, statistics: true, values: false };

async fn kitchen_sink() -> Option<(Server, LabSession)> {
    let server = Server::start(&[]).await?;
    let admin = server.session("postgres", "postgres").await;
    admin.simple(KITCHEN_SINK).await.unwrap();
    admin.simple("CREATE ROLE \"lim ited\" LOGIN").await.unwrap();
    Some((server, admin))
}

async fn connect(server: &Server, user: &str) -> ReadSession {
    ReadSession::connect(&server.url(user, "postgres")).await.unwrap()
}

/// Runs the GRANT that a hint names.
async fn follow(admin: &LabSession, gap: &Gap) {
    let sql = gap.hint.strip_prefix("run ").unwrap_or_else(|| panic!("no command: {}", gap.hint));
    let sql = sql.split(" or connect").next().unwrap_or(sql);
    admin.simple(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

#[tokio::test]
async fn a_limited_role_gets_gaps_whose_hints_close_them() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    let session = connect(&server, "lim%20ited").await;
    let (catalog, gaps) = session.catalog(&STATISTICS).await.unwrap();
    assert_eq!(catalog.tables.len(), 9, "definitions are open to everybody");
    let what: Vec<&str> = gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(what, ["sequence values", "column statistics"]);
    assert_eq!(
        gaps[0].hint,
        "run GRANT SELECT ON SEQUENCE \"public\".\"counter_n_seq\", \"public\".\"invoice\", \
         \"public\".\"vendor_id_seq\" TO \"lim ited\";"
    );
    assert_eq!(gaps[1].hint, "run GRANT SELECT ON ALL TABLES IN SCHEMA \"public\" TO \"lim ited\";");
    assert_eq!(catalog.sequences[&QName::public("invoice")].last_value, None);
    let vendor = catalog.table(&QName::public("vendor")).unwrap();
    assert!(vendor.column("name").unwrap().statistics.is_some(), "PUBLIC may read vendor");
    for gap in &gaps {
        follow(&admin, gap).await;
    }
    let (catalog, gaps) = session.catalog(&STATISTICS).await.unwrap();
    assert_eq!(catalog.sequences[&QName::public("invoice")].last_value, Some(15));
    assert_eq!(gaps.len(), 1, "row security still hides one table: {gaps:?}");
    assert!(gaps[0].why.contains("the table \"Order\""), "{}", gaps[0].why);
    follow(&admin, &gaps[0]).await;
    assert_eq!(session.catalog(&STATISTICS).await.unwrap().1, []);
}

#[tokio::test]
async fn the_cluster_and_what_is_hidden_of_it() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    admin
        .simple(
            "GRANT app TO \"lim ited\" WITH ADMIN OPTION; \
             ALTER ROLE app SET statement_timeout = '5s'; ALTER DATABASE postgres SET lock_timeout = '7s'; \
             REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC",
        )
        .await
        .unwrap();
    admin.simple("CREATE DATABASE second").await.unwrap();
    let full = connect(&server, "postgres").await;
    let (cluster, gaps) = full.cluster().await.unwrap();
    assert_eq!(gaps, []);
    let identifier = admin.rows("SELECT system_identifier FROM pg_control_system()").await.unwrap();
    assert_eq!(cluster.system_identifier.map(|number| number.to_string()), identifier[0][0]);
    assert_eq!(
        (cluster.version, cluster.encrypted, cluster.in_recovery),
        (full.version(), Some(false), false)
    );
    assert_eq!(cluster.databases, ["postgres", "second"]);
    assert_eq!(cluster.current_role.as_deref(), Some("postgres"));
    let setting = |name: &str| {
        let setting = &cluster.settings[name];
        (setting.value.as_str(), setting.unit.as_deref(), setting.source.as_str())
    };
    assert_eq!(setting("lock_timeout"), ("7000", Some("ms"), "database"), "the server's, not the session's");
    assert_eq!(setting("statement_timeout"), ("0", Some("ms"), "default"));
    assert_eq!(setting("fsync"), ("off", None, "command line"));
    assert!(!cluster.settings.contains_key("default_transaction_read_only"), "the session's own");
    let role = |name: &str| cluster.roles.iter().find(|role| role.name == name).unwrap();
    assert!(role("postgres").superuser && !role("app").login && role("lim ited").login);
    assert_eq!(role("app").settings, ["statement_timeout=5s"]);
    let membership = cluster.memberships.iter().find(|membership| membership.role == "app").unwrap();
    assert_eq!((membership.member.as_str(), membership.admin), ("lim ited", true));

    let limited = connect(&server, "lim%20ited").await;
    let (cluster, gaps) = limited.cluster().await.unwrap();
    assert_eq!(cluster.system_identifier, None);
    let what: Vec<&str> = gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(what, ["hidden settings", "system identifier"]);
    for gap in &gaps {
        follow(&admin, gap).await;
    }
    let (cluster, gaps) = limited.cluster().await.unwrap();
    assert_eq!((gaps, cluster.system_identifier.is_some()), (vec![], true));
}

#[tokio::test]
async fn prismas_history_is_read_or_the_grant_is_named() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    let full = connect(&server, "postgres").await;
    let first = AppliedMigration {
        name: "20260101_init".into(),
        checksum: "aa".into(),
        finished: true,
        rolled_back: false,
        logs: None,
    };
    let second = AppliedMigration {
        name: "20260102_next".into(),
        checksum: "bb".into(),
        finished: false,
        rolled_back: true,
        logs: Some("ERROR".into()),
    };
    let expected = Some(vec![first, second]);
    assert_eq!(full.applied_migrations("public").await.unwrap(), expected);
    assert_eq!(full.applied_migrations("audit").await.unwrap(), None);
    assert_eq!(full.applied_migrations("no 'such\"").await.unwrap(), None);
    let limited = connect(&server, "lim%20ited").await;
    let Err(ReadError::Denied { gap, .. }) = limited.applied_migrations("public").await else {
        panic!("the role may not read the table")
    };
    assert_eq!(gap.hint, "run GRANT SELECT ON \"public\".\"_prisma_migrations\" TO \"lim ited\";");
    follow(&admin, &gap).await;
    assert_eq!(limited.applied_migrations("public").await.unwrap(), expected);
}

#[tokio::test]
async fn an_exclusive_lock_costs_sizes_but_not_the_catalog() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    let session = connect(&server, "postgres").await;
    admin.simple("BEGIN; LOCK TABLE special_vendor IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let (catalog, gaps) = session.catalog(&STATISTICS).await.unwrap();
    let what: Vec<&str> = gaps.iter().map(|gap| gap.what.as_str()).collect();
    assert_eq!(what, ["sizes"]);
    let vendor = catalog.table(&QName::public("vendor")).unwrap().statistics.clone().unwrap();
    assert!(vendor.bytes >= 8192 && vendor.total_bytes > vendor.bytes, "{vendor:?}");
    admin.simple("ROLLBACK").await.unwrap();
    assert_eq!(session.catalog(&STATISTICS).await.unwrap().1, []);
}

#[tokio::test]
async fn a_broken_connection_is_told_from_a_refusal() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    let session = connect(&server, "postgres").await;
    let processes = "FROM pg_stat_activity WHERE application_name = 'pgsteward'";
    admin.rows(&format!("SELECT pg_terminate_backend(pid) {processes}")).await.unwrap();
    while !admin.rows(&format!("SELECT 1 {processes}")).await.unwrap().is_empty() {}
    let error = session.catalog(&CatalogOptions::default()).await.unwrap_err();
    let ReadError::Server { error: sent, .. } = &error else { panic!("{error:?}") };
    assert!(["57P01", "08006"].contains(&sent.sqlstate.as_str()), "{error:?}");
    assert!(!error.hint().is_empty());
}

#[tokio::test]
async fn nothing_is_left_behind_in_the_session() {
    let Some((server, admin)) = kitchen_sink().await else { return };
    let session = connect(&server, "postgres").await;
    session.catalog(&STATISTICS).await.unwrap();
    session.cluster().await.unwrap();
    session.applied_migrations("public").await.unwrap();
    let sql = "SELECT state, backend_xid IS NULL, backend_xmin IS NULL FROM pg_stat_activity WHERE application_name = 'pgsteward'";
    let rows = admin.rows(sql).await.unwrap();
    assert_eq!(rows, [["idle", "t", "t"].map(|text| Some(text.to_owned()))], "no transaction stays open");
}
