//! Extended statistics, which no Prisma schema can say: they are seen, kept and written down like other objects.

use crate::migrate_status::{STATUS, cached};
use crate::migrate_support::{Server, add, migrate, project};

const INIT: &str = "20260101000000_init";
const TABLE: &str = "-- CreateTable\nCREATE TABLE \"place\" (\n    \"id\" SERIAL NOT NULL,\n    \"city\" TEXT,\n    \"zip\" TEXT,\n\n    \
                     CONSTRAINT \"place_pkey\" PRIMARY KEY (\"id\")\n);\n";
const MADE: &str = "CREATE STATISTICS of_place (dependencies) ON city, zip FROM place";

#[test]
fn drift_names_them() {
    for major in [17, 15, 13] {
        let Some(server) = Server::start(major) else { continue };
        let cache = tempfile::tempdir().unwrap();
        let (database, project) = (server.database(), project(&[(INIT, &format!("{TABLE}{MADE};\n"))]));
        let status = || {
            let run = cached(&project, &database.url(), cache.path(), &STATUS, "");
            let json = run.json();
            let drift = json["drift"].as_array().unwrap_or_else(|| panic!("{}", run.both())).clone();
            (run.code, drift.iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
        assert_eq!(status(), (Some(0), Vec::new()));
        database.run("CREATE STATISTICS by_hand ON id, zip FROM place");
        let found = vec!["statistics public.by_hand: is in the database and in no migration".to_owned()];
        assert_eq!(status(), (Some(5), found));
        database.run("DROP STATISTICS by_hand; ALTER STATISTICS of_place SET STATISTICS 300");
        let (code, found) = status();
        assert!(code == Some(5) && found.len() == 1, "{found:?}");
        assert!(found[0].starts_with("statistics public.of_place: history and database differ"), "{found:?}");
        database.run("DROP STATISTICS of_place");
        assert_eq!(
            status(),
            (Some(5), vec!["statistics public.of_place: is missing in the database".to_owned()])
        );
        database.run(MADE);
        assert_eq!(status(), (Some(0), Vec::new()));
        // The server names the columns in the order of the table.
        database.run("ALTER TABLE place DROP COLUMN city; ALTER TABLE place ADD COLUMN city TEXT");
        database.run(MADE);
        assert_eq!(status(), (Some(0), Vec::new()));
    }
}

#[test]
fn a_pull_writes_them_down_and_dev_keeps_them() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let (database, project) = (server.database(), project(&[]));
        database.run(&format!("{TABLE}{MADE}; ALTER STATISTICS of_place SET STATISTICS 300"));
        let pulled = project.run_with(&["db", "pull"], &[("DATABASE_URL", &database.url())]);
        assert_eq!(pulled.code, Some(0), "{}", pulled.both());
        let file = project.read("prisma/pgsteward.objects.sql");
        for words in [
            "CREATE STATISTICS public.of_place (dependencies) ON city, zip FROM",
            "ALTER STATISTICS public.of_place SET STATISTICS 300;",
        ] {
            assert!(file.contains(words), "{words}: {file}");
        }
        add(&project, INIT, TABLE);
        project.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
        assert_eq!(migrate(&project, &database, &["resolve", "--applied", INIT]).code, Some(0));
        let schema = project.read("prisma/schema.prisma");
        project.write("prisma/schema.prisma", schema.replace("zip ", "note String?\n  zip "));
        let dev = migrate(&project, &database, &["dev", "--name", "note"]);
        assert_eq!(dev.code, Some(0), "{}", dev.both());
        assert_eq!(database.value("SELECT count(*) FROM pg_statistic_ext"), "1");
        assert_eq!(
            database.value(
                "SELECT count(*) FROM pg_attribute WHERE attname = 'note' AND attrelid = 'place'::regclass"
            ),
            "1"
        );
    }
}

#[test]
fn plain_sql_is_written_with_them() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let database = server.database();
        let project = crate::support::Project::new(&[("migrations/000001_init.sql", TABLE)]);
        assert_eq!(migrate(&project, &database, &["dev"]).code, Some(0));
        database.run(MADE);
        let dev = migrate(&project, &database, &["dev", "--from-database", "--name", "statistics"]);
        assert_eq!(dev.code, Some(0), "{}", dev.both());
        let written = project.read("migrations/000002_statistics.sql");
        assert!(
            written.contains("CREATE STATISTICS of_place (dependencies) ON city, zip FROM place;"),
            "{written}"
        );
    }
}
