//! What a migration changes of a published table is named before it runs, and the subscriber goes on where it is done as said.

use std::time::{Duration, Instant};

use pgsteward_pg::LabSession;

use crate::migrate_plan::{Server, project};
use crate::support::Project;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";
const INIT: &str =
    "CREATE TABLE \"Order\" (id INTEGER PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0, note TEXT);\n";

/// The lab's servers replicate nothing unless told so.
const LOGICAL: &[(&str, &str)] = &[
    ("wal_level", "logical"),
    ("max_replication_slots", "4"),
    ("max_wal_senders", "4"),
    ("max_worker_processes", "8"),
    ("max_logical_replication_workers", "4"),
];

/// A database of the same server that subscribes to the publication "orders".
struct Subscriber<'a> {
    server: &'a Server,
}

impl Subscriber<'_> {
    fn start(server: &Server) -> Subscriber<'_> {
        server.as_superuser("CREATE PUBLICATION orders FOR TABLE \"Order\"");
        server.as_superuser("SELECT pg_create_logical_replication_slot('orders', 'pgoutput')");
        server.as_superuser("CREATE DATABASE subscriber");
        let subscriber = Subscriber { server };
        subscriber.value(INIT);
        let (folder, database) = subscriber.place();
        subscriber.value(&format!(
            "CREATE SUBSCRIPTION orders CONNECTION 'host={folder} dbname={database} user=pgsteward' PUBLICATION orders \
             WITH (create_slot = false, slot_name = 'orders')"
        ));
        subscriber
    }

    /// The folder of the socket, and the publisher's database.
    fn place(&self) -> (String, String) {
        let url = self.server.url();
        let (rest, folder) = url.split_once("?host=").unwrap();
        (folder.to_owned(), rest.rsplit('/').next().unwrap().to_owned())
    }

    fn value(&self, sql: &str) -> String {
        let (folder, _) = self.place();
        self.server.runtime.block_on(async {
            let session =
                LabSession::connect_socket(folder.as_ref(), 5432, "pgsteward", "subscriber").await.unwrap();
            let rows = session.rows(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
            rows.first().and_then(|row| row.first()?.clone()).unwrap_or_default()
        })
    }

    fn waits_for(&self, sql: &str, wanted: &str) {
        let limit = Instant::now() + Duration::from_secs(60);
        while self.value(sql) != wanted {
            assert!(Instant::now() < limit, "{sql}: {}", self.value(sql));
        }
    }

    /// Ends the worker, which the server's end would wait for.
    fn end(&self) {
        self.value("ALTER SUBSCRIPTION orders DISABLE");
        self.value("ALTER SUBSCRIPTION orders SET (slot_name = NONE)");
        self.value("DROP SUBSCRIPTION orders");
    }
}

fn next(project: &Project, sql: &str) {
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), sql);
}

/// The statement that the note asks for.
fn asked(said: &str) -> String {
    let at = said.find("before this is deployed: ").unwrap_or_else(|| panic!("{said}"));
    let rest = &said[at + "before this is deployed: ".len()..];
    rest[..rest.find(". Without it").unwrap()].to_owned()
}

#[test]
fn a_subscriber_goes_on_where_it_is_given_what_is_said() {
    for major in [17, 15] {
        let Some(server) = Server::start_with(major, LOGICAL) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let subscriber = Subscriber::start(&server);
        server.rows("INSERT INTO \"Order\" (id) VALUES (1)");
        subscriber.waits_for("SELECT count(*) FROM \"Order\"", "1");

        next(&project, "ALTER TABLE \"Order\" ADD COLUMN fax VARCHAR(20);\n");
        let plan = server.run(&project, &["migrate", "plan", "--safe"]);
        let rehearsed = server.run(&project, &["migrate", "rehearse"]);
        assert_eq!(asked(&plan.stdout), "ALTER TABLE public.\"Order\" ADD COLUMN fax character varying(20)");
        assert_eq!(asked(&rehearsed.stdout), asked(&plan.stdout), "{}", rehearsed.both());
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(asked(&run.stderr), asked(&plan.stdout), "{}", run.both());
        // Nobody listened.
        server.rows("INSERT INTO \"Order\" (id) VALUES (2)");
        let failed = "SELECT apply_error_count > 0 FROM pg_stat_subscription_stats WHERE subname = 'orders'";
        subscriber.waits_for(failed, "t");
        assert_eq!(subscriber.value("SELECT count(*) FROM \"Order\""), "1");
        subscriber.value(&asked(&plan.stdout));
        subscriber.waits_for("SELECT count(*) FROM \"Order\"", "2");

        // Somebody does: the second column of a change of type is one, too.
        project.write(
            "prisma/migrations/20260103000000_wide/migration.sql",
            "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n",
        );
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert_eq!(asked(&plan.stdout), "ALTER TABLE public.\"Order\" ADD COLUMN total_new bigint");
        let retyped = "has \"total\" of \"Order\" with the old type: change it there before this is deployed";
        assert!(plan.stdout.contains(retyped), "{}", plan.both());
        subscriber.value("SELECT pg_stat_reset_subscription_stats(NULL)");
        subscriber.value(&asked(&plan.stdout));
        subscriber.value("ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let (before, _) = run.stderr.split_once("applied ").unwrap_or((&run.stderr, ""));
        assert_eq!(asked(before), asked(&plan.stdout), "{}", run.both());
        server.rows("INSERT INTO \"Order\" (id, total) VALUES (3, 5000000000)");
        subscriber.waits_for("SELECT max(total) FROM \"Order\"", "5000000000");
        subscriber.waits_for(
            "SELECT apply_error_count FROM pg_stat_subscription_stats WHERE subname = 'orders'",
            "0",
        );
        subscriber.end();
    }
}

#[test]
fn a_listed_column_does_not_go_and_that_is_said_before() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.as_superuser("CREATE PUBLICATION listed FOR TABLE \"Order\" (id, note)");
        next(&project, "ALTER TABLE \"Order\" DROP COLUMN note;\n");
        let plan = server.run(&project, &["migrate", "plan", "--safe"]);
        let said = "the publication listed lists \"note\" of \"Order\", and PostgreSQL refuses to drop a listed column or to change its type";
        assert!(plan.stdout.contains(said), "{}", plan.both());
        let refused = server.try_rows("ALTER TABLE \"Order\" DROP COLUMN note").unwrap_err();
        assert!(refused.contains("other objects depend on it"), "{refused}");
        let refused = server.try_rows("ALTER TABLE \"Order\" ALTER COLUMN note TYPE varchar(9)").unwrap_err();
        assert!(refused.contains("cannot alter type of a column used by a publication"), "{refused}");

        next(&project, "ALTER TABLE \"Order\" ADD COLUMN fax TEXT;\n");
        let plan = server.run(&project, &["migrate", "plan", "--safe"]);
        let said = "sends listed columns of \"Order\" only, and not \"fax\"";
        assert!(plan.stdout.contains(said) && !plan.stdout.contains("missing replicated"), "{}", plan.both());
        server.as_superuser(
            "DROP PUBLICATION listed; CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA public",
        );
        next(&project, "CREATE TABLE \"Tag\" (id INTEGER PRIMARY KEY);\n");
        let plan = server.run(&project, &["migrate", "plan", "--safe"]);
        let said = "each subscriber of the publication of_schema needs the table public.\"Tag\" before this is deployed";
        assert!(plan.stdout.contains(said), "{}", plan.both());
        server.as_superuser("DROP PUBLICATION of_schema");
        let plan = server.run(&project, &["migrate", "plan", "--safe"]);
        assert!(!plan.both().contains("subscriber"), "{}", plan.both());
    }
}
