//! A live server, read only: alone and against the repository, on two major versions, with many grants and
//! with few, and one that dies while it is read. The server is a lab's, which listens on a socket as many local
//! servers do.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pgsteward_lab::Lab;
use pgsteward_pg::LabSession;

use crate::servers;
use crate::support::{HAZARD_SQL, HEAD, Project, SHOP, SHOP_SQL};

const RULE: &str = "foreign-key-without-index";
const HAZARD: &str = "index-not-concurrent";
const INDEX: &str = "prisma/migrations/20260102000000_index/migration.sql";
/// What `prisma migrate deploy` keeps, as its own migration makes it.
const PRISMA_TABLE: &str = "CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, \
    finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, \
    started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)";

struct Server {
    lab: Lab,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start(major: u32) -> Option<Server> {
        let (lab, runtime) = servers::start(major, &[])?;
        Some(Server { lab, runtime })
    }

    /// A database with this content; its name.
    fn database(&self, sql: &[&str]) -> String {
        let name = self.runtime.block_on(self.lab.create_database()).unwrap().name().to_owned();
        for sql in sql {
            self.run(&name, "postgres", sql);
        }
        name
    }

    fn run(&self, database: &str, role: &str, sql: &str) {
        self.runtime.block_on(async {
            let session = LabSession::connect_socket(self.lab.folder(), 5432, role, database).await.unwrap();
            session.simple(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            session.close().await;
        });
    }

    fn url(&self, role: &str, database: &str) -> String {
        format!("postgresql://{role}@localhost/{database}?host={}", self.lab.folder().display())
    }
}

fn applied(names: &[&str]) -> String {
    let rows: Vec<String> =
        names.iter().enumerate().map(|(id, name)| format!("('{id}', 'x', now(), '{name}')")).collect();
    format!(
        "INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES {}",
        rows.join(", ")
    )
}

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn on(major: u32) {
    let Some(server) = Server::start(major) else { return };
    alone(&server, major);
    with_a_repository(&server);
    with_drift(&server);
    with_few_grants(&server);
    plain_sql(&server);
    several_projects(&server);
    without_an_answer(&server);
    that_dies(&server);
}

fn alone(server: &Server, major: u32) {
    let database = server.database(&[SHOP_SQL]);
    let elsewhere = Project::new(&[]);
    let review = elsewhere.check(&["--url", &server.url("postgres", &database)]);
    // A lab's own settings (fsync = off) are an error on a server that keeps data.
    assert!(!review.of_rule("crash-unsafe-setting").is_empty(), "{:?}", review.rules());
    assert_eq!(review.code, Some(1), "{}", review.stderr);
    let review = elsewhere.check(&[
        "--prove",
        "none",
        "--url",
        &server.url("postgres", &database),
        "--ignore",
        "config",
    ]);
    assert_eq!(review.code, Some(0), "{}", review.stderr);
    assert!(review.json["server_version"].as_str().unwrap().starts_with(&major.to_string()));
    let found = review.of_rule(RULE);
    assert_eq!(found.len(), 1, "{:?}", review.rules());
    assert_eq!(found[0]["object"]["relation"], "Order");
    assert!(found[0]["location"].is_null(), "there is no file: {}", found[0]["location"]);
    assert!(review.gap("live database").is_none(), "{}", review.gaps());
    // Reading leaves nothing behind: the same again.
    let again = elsewhere.check(&["--prove", "none", "--url", &server.url("postgres", &database)]);
    assert_eq!(again.of_rule(RULE)[0]["key"], found[0]["key"]);
    // Through the environment as well.
    let run = elsewhere.run_with(
        &["check", "--prove", "none", "--url", "env", "--format", "json"],
        &[("DATABASE_URL", &server.url("postgres", &database))],
    );
    assert_eq!(run.review().of_rule(RULE).len(), 1);
    let doctor = elsewhere.run(&["doctor", "--url", &server.url("postgres", &database)]);
    assert!(doctor.stdout.contains("read as postgres, 2 tables"), "{}", doctor.stdout);
}

fn with_a_repository(server: &Server) {
    let database = server.database(&[SHOP_SQL, PRISMA_TABLE, &applied(&["20260101000000_init"])]);
    let url = server.url("postgres", &database);
    let project = Project::shop(&[(INDEX, HAZARD_SQL)]);
    let review = project.check(&["--prove", "none", "--url", &url]);
    assert_eq!(review.migrations(), (2, 1), "what is pending on the database is judged");
    let hazard = review.of_rule(HAZARD);
    assert!(hazard.len() <= 1, "{hazard:#?}");
    let run = project.run(&["check", "--prove", "none", "--url", &url]);
    assert!(run.stdout.contains("pending on the database"), "{}", run.stdout);
    assert!(run.stdout.contains("1 of 2"), "{}", run.stdout);
    // Rows make the pending index a hazard for certain.
    server.run(
        &database,
        "postgres",
        "INSERT INTO \"Vendor\" DEFAULT VALUES; INSERT INTO \"Order\" (\"vendorId\") SELECT 1 FROM generate_series(1, 200000); ANALYZE",
    );
    let review = project.check(&["--prove", "none", "--url", &url]);
    assert_eq!(review.of_rule(HAZARD).len(), 1, "{:?}", review.rules());
    // Once deployed nothing is pending, and history and database agree.
    server.run(&database, "postgres", HAZARD_SQL);
    server.run(&database, "postgres", &applied(&["20260102000000_index"]).replace("('0'", "('9'"));
    project.write(
        "prisma/schema.prisma",
        project.read("prisma/schema.prisma").replace("[id])\n", "[id])\n\n  @@index([vendorId])\n"),
    );
    let review = project.check(&["--prove", "none", "--url", &url]);
    assert_eq!(review.migrations(), (2, 0));
    assert_eq!(review.of_rule(RULE).len(), 0);
    let drift: Vec<_> = review.findings().iter().filter(|finding| finding["group"] == "drift").collect();
    assert!(drift.is_empty(), "{drift:#?}");
    assert!(review.gap("drift of the database").is_none(), "{}", review.gaps());
}

fn with_drift(server: &Server) {
    let database = server.database(&[
        SHOP_SQL,
        PRISMA_TABLE,
        &applied(&["20260101000000_init"]),
        "ALTER TABLE \"Order\" ADD COLUMN by_hand text; CREATE INDEX by_hand_idx ON \"Order\" (by_hand)",
    ]);
    let project = Project::shop(&[]);
    let review = project.check(&["--prove", "none", "--url", &server.url("postgres", &database)]);
    let found = review.of_rule("database-differs-from-history");
    assert!(!found.is_empty(), "{:?} {}", review.rules(), review.gaps());
    assert!(found.iter().any(|finding| finding.to_string().contains("by_hand")), "{found:#?}");
}

fn with_few_grants(server: &Server) {
    let database = server.database(&[SHOP_SQL, PRISMA_TABLE, &applied(&["20260101000000_init"])]);
    server.run(&database, "pgsteward", "CREATE ROLE reader LOGIN");
    server.run(&database, "pgsteward", &format!("GRANT CONNECT ON DATABASE {database} TO reader"));
    let url = server.url("reader", &database);
    let project = Project::shop(&[]);
    let review = project.check(&["--prove", "none", "--url", &url, "--ignore", "config"]);
    assert_eq!(review.code, Some(0), "what may not be read is no error: {}", review.stderr);
    assert_eq!(review.of_rule(RULE).len(), 1, "{:?}", review.rules());
    assert!(review.gaps().contains("GRANT "), "{}", review.gaps());
    let applied = review.gap("applied migrations").unwrap_or_else(|| panic!("{}", review.gaps()));
    assert!(applied.contains("GRANT SELECT ON") && applied.contains("_prisma_migrations"), "{applied}");
    assert_eq!(review.migrations(), (1, 0));
    assert_eq!(
        Project::new(&[]).check(&["--prove", "none", "--url", &url, "--ignore", "config"]).code,
        Some(0)
    );
    let strict = project.run(&["check", "--prove", "none", "--url", &url, "--strict"]);
    assert_eq!(strict.code, Some(2));
    // The GRANTs of the gaps are the cure: once run, these gaps are gone.
    let grants: Vec<String> = review.json["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|gap| gap["hint"].as_str())
        .flat_map(|hint| hint.trim_start_matches("run ").split(';'))
        .map(|part| part.trim().to_owned())
        .filter(|part| part.starts_with("GRANT ") && part.contains(" TO "))
        .collect();
    assert!(!grants.is_empty(), "{}", review.gaps());
    for grant in &grants {
        server.run(&database, "pgsteward", grant);
    }
    let review = project.check(&["--prove", "none", "--url", &url]);
    assert!(!review.gaps().contains("GRANT "), "{grants:?}\n{}", review.gaps());
    server.run(&database, "pgsteward", "DROP OWNED BY reader; DROP ROLE reader");
}

fn plain_sql(server: &Server) {
    let database = server.database(&[SHOP_SQL]);
    let project =
        Project::new(&[("migrations/1_init.sql", SHOP_SQL), ("migrations/2_index.sql", HAZARD_SQL)]);
    let url = server.url("postgres", &database);
    let review = project.check(&["--prove", "none", "--url", &url, "--ignore", "config"]);
    assert_eq!(review.code, Some(0), "{}", review.stderr);
    assert_eq!(review.of_rule(RULE).len(), 1, "the database has no such index yet");
    assert_eq!(review.migrations().1, 0, "nothing says what is applied");
    let named = project.check(&["migrations/2_index.sql", "--prove", "none", "--url", &url]);
    assert_eq!(named.migrations(), (2, 1), "a file that is named is judged, after what runs before it");
    // The project's own history says it, as soon as there is one.
    let rows = format!(
        "{}; INSERT INTO pgsteward_migrations (id, checksum, finished_at, migration_name) VALUES ('1', 'x', now(), '1_init')",
        PRISMA_TABLE.replace("_prisma_migrations", "pgsteward_migrations")
    );
    server.run(&database, "postgres", &rows);
    let review = project.check(&["--prove", "none", "--url", &url, "--ignore", "config"]);
    assert_eq!(review.migrations(), (2, 1), "what is pending is judged");
}

fn without_an_answer(server: &Server) {
    let project = Project::shop(&[]);
    for (role, database) in [("postgres", "no_such_database"), ("no_such_role", "postgres")] {
        let run = project.run(&["check", "--prove", "none", "--url", &server.url(role, database)]);
        assert_eq!(run.code, Some(2), "{}", run.both());
        assert!(run.stderr.contains("no_such_") && run.stderr.contains("\nhint: "), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

/// Several projects of a repository: the database has the tables of one.
fn several_projects(server: &Server) {
    let database = server.database(&[SHOP_SQL]);
    let url = server.url("postgres", &database);
    let blog = "model User {\n  id    Int    @id @default(autoincrement())\n  posts Post[]\n}\n\n\
        model Post {\n  id       Int  @id @default(autoincrement())\n  authorId Int\n  \
        author   User @relation(fields: [authorId], references: [id])\n}\n";
    let project = Project::new(&[
        ("apps/blog/prisma/schema.prisma", &format!("{HEAD}\n{blog}")),
        ("apps/shop/prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("apps/shop/prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
    ]);
    let check = |path: &str, url: &str| project.check(&[path, "--prove", "none", "--url", url]);
    let review = check(".", &url);
    let gap = review.json["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|gap| gap["what"] == "live database")
        .unwrap_or_else(|| panic!("{}", review.gaps()));
    let why = gap["why"].as_str().unwrap();
    assert!(why.contains("apps/shop, which fits it best") && why.contains("0 of its 2 tables"), "{why}");
    assert!(gap["hint"].as_str().unwrap().contains("apps/blog"), "{gap}");
    assert!(!gap["skipped_rules"].as_array().unwrap().is_empty(), "{gap}");
    // The blog is reviewed by its files, and nothing of it is missing in the shop's database.
    assert!(review.of_rule(RULE).iter().any(|finding| finding["object"]["relation"] == "Post"));
    assert!(review.of_rule(RULE).iter().any(|finding| finding["object"]["relation"] == "Order"));
    let drift: Vec<_> = review.findings().iter().filter(|finding| finding["group"] == "drift").collect();
    assert!(drift.is_empty(), "{drift:#?}");
    // Named, a project is held against the database whatever it looks like.
    let named = check("apps/blog", &url);
    assert!(named.gap("live database").is_none(), "{}", named.gaps());
    assert!(named.findings().iter().any(|finding| finding["group"] == "drift"), "{:?}", named.rules());
    // A database of neither is reviewed by itself.
    let other = server.database(&["CREATE TABLE ledger (id int, total real)"]);
    let review = check(".", &server.url("postgres", &other));
    assert!(
        review.of_rule("table-without-primary-key").iter().any(|it| it["object"]["relation"] == "ledger")
    );
    assert!(review.gaps().contains("reviewed alone"), "{}", review.gaps());
}

const PASSWORD: &str = "s3cr3t-w0rd";

/// Stands between client and server and cuts the connection after so many bytes of the server's, as a server
/// does that is killed. Counts them.
struct Proxy {
    port: u16,
    passed: Arc<AtomicUsize>,
}

impl Proxy {
    fn before(server: &Server, cut_after: usize) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let socket = server.lab.folder().join(".s.PGSQL.5432");
        let passed = Arc::new(AtomicUsize::new(0));
        let counted = passed.clone();
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || pass_on(from, to));
                answer(&server, &client, cut_after, &counted);
                // Either side may be gone already.
                let _gone = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
            }
        });
        Proxy { port, passed }
    }

    fn url(&self, database: &str) -> String {
        format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

fn pass_on(mut from: TcpStream, mut to: UnixStream) {
    // Ends when either side does.
    let _ended = std::io::copy(&mut from, &mut to);
    let _gone = to.shutdown(Shutdown::Write);
}

fn answer(mut server: &UnixStream, mut client: &TcpStream, cut_after: usize, passed: &AtomicUsize) {
    let mut buffer = [0; 4096];
    let mut left = cut_after;
    while left > 0 {
        let Ok(count @ 1..) = server.read(&mut buffer) else { return };
        let count = count.min(left);
        if client.write_all(&buffer[..count]).is_err() {
            return;
        }
        left -= count;
        passed.fetch_add(count, Ordering::SeqCst);
    }
}

fn that_dies(server: &Server) {
    let database = server.database(&[SHOP_SQL, PRISMA_TABLE, &applied(&["20260101000000_init"])]);
    let project = Project::shop(&[]);
    let whole = Proxy::before(server, usize::MAX);
    let check = |proxy: &Proxy| project.run(&["check", "--prove", "none", "--url", &proxy.url(&database)]);
    let run = check(&whole);
    assert!(run.code == Some(0) || run.code == Some(1), "the proxy passes everything on: {}", run.both());
    let bytes = whole.passed.load(Ordering::SeqCst);
    assert!(bytes > 10_000, "{bytes}");
    // In the greeting, in the first answers, in the middle and near the end of the catalog.
    for cut_after in [0, 1, 10, 200, bytes / 8, bytes / 4, bytes / 2, bytes * 3 / 4, bytes - 2_000] {
        let run = check(&Proxy::before(server, cut_after));
        assert!(!run.both().contains(PASSWORD), "{cut_after}: {}", run.both());
        if run.code != Some(2) {
            // What is read last may be missing without ending the review; that it is missing is said.
            let gaps = run.stdout.contains("connection") || run.stdout.contains("08006");
            assert!(gaps && cut_after > bytes / 2, "{cut_after} of {bytes}: {}", run.both());
            continue;
        }
        assert_eq!(run.stdout, "", "{cut_after}: half a review is none");
        assert!(run.stderr.starts_with("error: "), "{cut_after}: {}", run.stderr);
        assert!(run.stderr.contains("\nhint: "), "{cut_after}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{cut_after}: {}", run.stderr);
    }
}

/// Nobody counted statements: the list is there all the same, and the gap says what to do.
#[test]
fn queries_without_counted_statements_say_what_is_missing() {
    let Some(server) = Server::start(17) else { return };
    let database = server.database(&[SHOP_SQL]);
    let project = Project::shop(&[(
        "src/orders.ts",
        "import { PrismaClient } from '@prisma/client'\nconst prisma = new PrismaClient()\n\
         export const orders = (vendorId: number) => prisma.order.findMany({ where: { vendorId } })\n",
    )]);
    let url = server.url("postgres", &database);
    let run = project.run(&["queries", "--no-lab", "--format", "json", "--url", &url]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let queries = run.json();
    assert_eq!(queries["calls"][0]["call"], "order.findMany");
    let gaps = queries["gaps"].as_array().unwrap();
    let workload = gaps.iter().find(|gap| gap["what"] == "workload").unwrap();
    assert!(
        workload["hint"].as_str().unwrap().contains("CREATE EXTENSION pg_stat_statements"),
        "{workload:#}"
    );
    let run = project.run(&["queries", "--no-lab", "--url", "postgresql://nobody@localhost:1/none"]);
    assert_eq!(run.code, Some(2), "what was named must work: {}", run.both());
}
