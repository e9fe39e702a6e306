//! What a user reads at three in the morning: what stands in the way by its name, and the command that leads on.

use crate::migrate_support::{Server, add, done, migrate, project};
use crate::support::Run;

const INIT: &str = "20260101000000_init";
const MORE: &str = "20260102000000_more";

#[test]
fn are_named() {
    let Some(server) = Server::start(17) else { return };
    another_projects_database(&server);
    odd_histories(&server);
    who_holds_the_lock(&server);
    tables_without_a_history(&server);
    a_failed_migration(&server);
}

fn says(run: &Run, code: i32, words: &[&str]) {
    assert_eq!(run.code, Some(code), "{}", run.both());
    for words in words {
        assert!(run.both().contains(words), "{words}: {}", run.both());
    }
}

fn another_projects_database(server: &Server) {
    let database = server.database();
    let theirs = project(&[("20250101000000_theirs", "CREATE TABLE theirs (id int);")]);
    assert_eq!(migrate(&theirs, &database, &["deploy"]).code, Some(0));
    let ours = project(&[(INIT, "CREATE TABLE ours (id int);"), (MORE, "CREATE TABLE more (id int);")]);
    let run = migrate(&ours, &database, &["deploy"]);
    says(
        &run,
        1,
        &["(\"20250101000000_theirs\"), and none of them is in the migrations folder", "nothing was run"],
    );
    assert!(run.stderr.contains("hint: correct the connection URL"), "{}", run.stderr);
    assert_eq!((database.history().len(), database.relations()), (1, vec!["theirs".to_owned()]));
    // Who means it says so once.
    assert_eq!(migrate(&ours, &database, &["resolve", "--applied", INIT]).code, Some(0));
    says(
        &migrate(&ours, &database, &["deploy"]),
        0,
        &["missing in the migrations folder: \"20250101000000_theirs\""],
    );
    assert_eq!(database.relations(), ["more", "theirs"]);
    // Services that share a history.
    let database = server.database();
    assert_eq!(migrate(&theirs, &database, &["deploy"]).code, Some(0));
    says(&migrate(&ours, &database, &["deploy"]), 1, &["--accept-other-history"]);
    says(
        &migrate(&ours, &database, &["deploy", "--accept-other-history"]),
        0,
        &["missing in the migrations folder: \"20250101000000_theirs\""],
    );
    assert_eq!(database.relations(), ["more", "ours", "theirs"]);
}

fn odd_histories(server: &Server) {
    let database = server.database();
    let ours = project(&[(INIT, "CREATE TABLE a (id int);"), (MORE, "CREATE TABLE b (id int);")]);
    let quiet = migrate(&ours, &database, &["deploy"]);
    assert!(quiet.code == Some(0) && !quiet.stdout.contains("note:"), "{}", quiet.both());
    add(&ours, INIT, "CREATE TABLE a (id int, name text);");
    add(&ours, "20260101120000_late", "CREATE TABLE c (id int);");
    let edited = format!("edited after they were applied, and not run again: \"{INIT}\"");
    let order = format!("sorts before \"{MORE}\", which is applied already");
    says(
        &migrate(&ours, &database, &["deploy"]),
        0,
        &[&edited, &order, "another order: \"20260101120000_late\""],
    );
    let again = migrate(&ours, &database, &["deploy"]);
    says(&again, 0, &["No pending migrations to apply.", &edited]);
    assert!(!again.stdout.contains("another order"), "{}", again.stdout);
}

fn who_holds_the_lock(server: &Server) {
    let database = server.database();
    let ours = project(&[(INIT, "CREATE TABLE a (id int);")]);
    assert_eq!(migrate(&ours, &database, &["deploy"]).code, Some(0));
    add(&ours, MORE, "CREATE TABLE b (id int);\nALTER TABLE a ADD COLUMN name text;\n");
    let holder = server.runtime.block_on(database.session());
    server
        .runtime
        .block_on(holder.simple("SET application_name = 'nightly report'; BEGIN; SELECT * FROM a"))
        .unwrap();
    let deploy = ["deploy", "--lock-timeout", "50ms", "--lock-retries", "0"];
    let run = migrate(&ours, &database, &deploy);
    let who =
        format!("\"a\" is locked (ACCESS SHARE) by process {} (\"nightly report\")", holder.backend_pid());
    says(
        &run,
        1,
        &[
            "at line 2",
            "nothing of it is in the database",
            &who,
            "idle in transaction",
            "hint: wait until it is done",
        ],
    );
    // A session that is in nobody's way is not blamed.
    server.runtime.block_on(holder.simple("COMMIT; BEGIN; SELECT * FROM a")).unwrap();
    add(&ours, MORE, "CREATE INDEX i ON a (id);\n");
    says(&migrate(&ours, &database, &["deploy"]), 0, &["applied 20260102000000_more"]);
    server.runtime.block_on(holder.close());
}

fn tables_without_a_history(server: &Server) {
    let database = server.database();
    database.run("CREATE TABLE by_hand (id int)");
    let ours = project(&[(INIT, "CREATE TABLE a (id int);")]);
    let run = migrate(&ours, &database, &["status", "--no-lab"]);
    says(&run, 1, &["holds tables (\"by_hand\") and no history", "refuses it (P3005)", "resolve --applied"]);
    says(&migrate(&ours, &database, &["deploy"]), 1, &["P3005", "\"public.by_hand\""]);
    assert_eq!(database.history(), []);
}

fn a_failed_migration(server: &Server) {
    let database = server.database();
    let wrong = "CREATE TABLE b (id int);\nCREATE INDEX CONCURRENTLY i ON b (id);\nCREATE TABLE c (id int);\n\
                 CREATE TABLE d (id int);\nCREATE TABEL e (id int);\n";
    let ours = project(&[(INIT, "CREATE TABLE a (id int);"), (MORE, wrong)]);
    let doctor = "`pgsteward migrate doctor`";
    says(
        &migrate(&ours, &database, &["deploy"]),
        1,
        &[
            "P3018",
            ">   5 CREATE TABEL e",
            "4 statements of it are applied (the next one is in line 5)",
            doctor,
        ],
    );
    assert_eq!(database.history()[0], done(INIT));
    says(&migrate(&ours, &database, &["deploy"]), 1, &["P3009", "4 statements of it are applied", doctor]);
    says(
        &migrate(&ours, &database, &["status", "--no-lab"]),
        1,
        &["syntax error at or near \"TABEL\"", doctor],
    );
    says(&migrate(&ours, &database, &["rollback"]), 1, &["P3009", "is not known", doctor]);
    says(
        &migrate(&ours, &database, &["rehearse"]),
        0,
        &["No migration is pending", "failed on the database", doctor],
    );
    says(&migrate(&ours, &database, &["doctor"]), 1, &["line 5", "is not valid SQL", "correct it, then"]);
    add(&ours, MORE, &wrong.replace("TABEL", "TABLE"));
    let run = migrate(&ours, &database, &["doctor"]);
    says(
        &run,
        1,
        &["there    line 4: CREATE TABLE d", "missing  line 5: CREATE TABLE e", "It is half applied."],
    );
}
