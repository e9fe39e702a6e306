//! A migration that takes a key away whose values nothing gives back: that its way back needs an empty table is said before it
//! runs, and again before it is undone.

use crate::migrate_support::{Database, Server, add, migrate, project};

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const INIT: &str = "CREATE TABLE \"Item\" (code TEXT NOT NULL, name TEXT NOT NULL, CONSTRAINT \"Item_pkey\" PRIMARY KEY (code));\n";
const KEY: &str = "ALTER TABLE \"Item\" DROP CONSTRAINT \"Item_pkey\", DROP COLUMN code;\n\
                   ALTER TABLE \"Item\" ADD COLUMN id SERIAL, ADD CONSTRAINT \"Item_pkey\" PRIMARY KEY (id);\n";
/// What somebody writes who knows where the values come from.
const FILLED: &str = "ALTER TABLE \"Item\" DROP CONSTRAINT \"Item_pkey\", DROP COLUMN id, ADD COLUMN code TEXT;\n\
                      UPDATE \"Item\" SET code = 'item ' || ctid;\n\
                      ALTER TABLE \"Item\" ADD CONSTRAINT \"Item_pkey\" PRIMARY KEY (code);\n";

#[test]
fn on_17() {
    on(17);
}

#[test]
fn on_15() {
    on(15);
}

fn key(database: &Database<'_>) -> String {
    database.value(
        "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] \
         WHERE indrelid = '\"Item\"'::regclass AND indisprimary",
    )
}

fn on(major: u32) {
    let Some(server) = Server::start(major) else { return };
    let database = server.database();
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    database.run("INSERT INTO \"Item\" (code, name) VALUES ('a', 'one'), ('b', 'two')");
    add(&project, NEXT, KEY);
    let adopted = migrate(&project, &database, &["adopt", NEXT]);
    assert_eq!(adopted.code, Some(1), "{}", adopted.both());
    for said in [
        "structure proven over empty tables only",
        "down.sql does not run over rows of \"Item\": column \"code\"",
        "1 over empty tables only",
    ] {
        assert!(adopted.stdout.contains(said), "{}", adopted.both());
    }
    let again = migrate(&project, &database, &["adopt", NEXT]);
    assert!(again.code == Some(1) && again.stdout.contains("only, as before"), "{}", again.both());

    let refused = migrate(&project, &database, &["deploy"]);
    assert_eq!((refused.code, key(&database).as_str()), (Some(1), "code"), "{}", refused.both());
    let said = "can be undone only while its tables are empty: down.sql does not run over rows of \"Item\"";
    assert!(
        refused.stderr.contains(said) && refused.stderr.contains("--accept-irreversible"),
        "{}",
        refused.both()
    );
    let deployed = migrate(&project, &database, &["deploy", "--accept-irreversible"]);
    assert_eq!((deployed.code, key(&database).as_str()), (Some(0), "id"), "{}", deployed.both());

    let rollback = ["rollback", "--accept-data-loss"];
    for more in [&[][..], &["--dry-run"]] {
        let refused = migrate(&project, &database, &[&rollback, more].concat());
        assert_eq!((refused.code, key(&database).as_str()), (Some(1), "id"), "{}", refused.both());
        let said = "cannot be undone while \"Item\" has rows: its column \"code\" comes back without values";
        assert!(
            refused.stderr.contains(said) && refused.stderr.contains("nothing was run"),
            "{}",
            refused.both()
        );
    }
    assert_eq!(database.value("SELECT count(*) FROM \"Item\""), "2");
    // Without rows it is as good as any.
    database.run("DELETE FROM \"Item\"");
    let undone = migrate(&project, &database, &rollback);
    assert_eq!((undone.code, key(&database).as_str()), (Some(0), "code"), "{}", undone.both());

    // Where somebody says which values they get, the rows are in nobody's way.
    database.run("INSERT INTO \"Item\" (code, name) VALUES ('a', 'one'), ('b', 'two')");
    project.write(&format!("prisma/migrations/{NEXT}/down.sql"), FILLED);
    let adopted = migrate(&project, &database, &["adopt", NEXT]);
    assert!(
        adopted.code == Some(0) && adopted.stdout.contains("structure proven, data lost"),
        "{}",
        adopted.both()
    );
    assert_eq!(migrate(&project, &database, &["deploy"]).code, Some(0));
    let undone = migrate(&project, &database, &rollback);
    assert_eq!((undone.code, key(&database).as_str()), (Some(0), "code"), "{}", undone.both());
    assert_eq!(database.value("SELECT string_agg(name, ' ' ORDER BY name) FROM \"Item\""), "one two");
}
