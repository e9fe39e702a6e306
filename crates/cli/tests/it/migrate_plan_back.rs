//! Ways back of folders of `migrate plan --safe`: the column that comes back has the values of the one that stayed.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner VARCHAR(50) NOT NULL, total INTEGER NOT NULL DEFAULT 0);\n";
const SUMS: &str = "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) AS total FROM \"Order\";\n";

/// Twenty rows with a total of 210, and a clerk who reads it; the plan of `next` is deployed. The folder that ends it, and how
/// many there are from it on.
fn deployed(server: &Server, init: &str, next: &str, accepted: &[&str]) -> (Project, usize) {
    let project = project(&[(FIRST, init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.as_superuser("CREATE ROLE clerk LOGIN");
    server.rows("GRANT SELECT (total) ON \"Order\" TO clerk");
    server.rows("INSERT INTO \"Order\" (owner, total) SELECT 'ann', n FROM generate_series(1, 20) n");
    planned(server, &project, next);
    let run = server.run(&project, &[&["migrate", "deploy"], accepted].concat());
    assert_eq!(run.code, Some(0), "{}", run.both());
    let names = folders(&project);
    let ends = |name: &String| name.contains("_swap_total") || name.contains("_drop_total");
    let last = names.iter().position(ends).unwrap();
    (project, names.len() - last)
}

fn back(server: &Server, project: &Project, steps: usize) -> (Option<i32>, String) {
    let steps = steps.to_string();
    let run = server.run(project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
    (run.code, run.both())
}

fn both(server: &Server, other: &str) -> String {
    server.value(&format!("SELECT concat_ws(' ', sum(total), sum({other})) FROM \"Order\""))
}

#[test]
fn a_column_that_comes_back_has_the_values_of_the_one_that_stayed() {
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";
    let used = format!("{rename}CREATE INDEX \"Order_amount_idx\" ON \"Order\"(amount);\n");
    let retype = format!(
        "DROP MATERIALIZED VIEW sums;\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n{SUMS}"
    );
    for (major, next, other) in [
        (17, used.as_str(), "amount"),
        (15, used.as_str(), "amount"),
        (17, rename, "amount"),
        (15, retype.as_str(), "total_new"),
    ] {
        let Some(server) = Server::start(major) else { continue };
        let sums = if next == used { "" } else { SUMS };
        let (project, steps) = deployed(&server, &format!("{INIT}{sums}"), next, &[]);
        let (code, said) = back(&server, &project, steps);
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(both(&server, other), "210 210", "{next}");
        server.rows("UPDATE \"Order\" SET owner = 'bob'");
        assert_eq!(both(&server, other), "210 210", "{next}");
        server.rows("UPDATE \"Order\" SET total = total + 1");
        assert_eq!(both(&server, other), "230 230", "{next}");
        let told = "SELECT has_column_privilege('clerk', '\"Order\"', 'total', 'SELECT')";
        assert_eq!(server.value(told), "t", "{next}");
        if next == retype {
            assert_eq!(server.value("SELECT total FROM sums"), "210");
        }
        // There again, and with more rows than are filled under a lock.
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let column = if other == "amount" { "amount" } else { "total" };
        let sum = format!("SELECT sum({column}) FROM \"Order\"");
        assert_eq!(server.value(&sum), "230", "{next}");
        if next == retype {
            server.rows("UPDATE \"Order\" SET total = 3000000000 WHERE id = 1");
            let (code, said) = back(&server, &project, steps);
            assert!(code == Some(1) && said.contains("out of range"), "{said}");
            assert_eq!(server.value("SELECT max(total) FROM \"Order\""), "3000000000");
        }
        server.rows(&format!(
            "INSERT INTO \"Order\" (owner, {column}) SELECT 'eve', 0 FROM generate_series(1, 10000)"
        ));
        let before = server.value(&sum);
        let (code, said) = back(&server, &project, steps);
        assert!(code == Some(1) && said.contains("more than 10000 rows"), "{said}");
        assert_eq!(server.value(&sum), before, "{next}");
    }
}

#[test]
fn a_key_that_gets_no_values_by_itself_comes_back_over_rows() {
    let init = "CREATE TABLE \"Code\" (id INTEGER PRIMARY KEY, word TEXT);\n\
                CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);\n\
                CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');\n";
    for major in [18, 15] {
        for table in ["\"Code\"", "event"] {
            let Some(server) = Server::start(major) else { continue };
            let project = project(&[(FIRST, init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows("INSERT INTO \"Code\" VALUES (3, 'c'), (7, NULL); INSERT INTO event VALUES (3, '2025-01-01'), (7, '2025-02-01')");
            planned(&server, &project, &format!("ALTER TABLE {table} ALTER COLUMN id TYPE BIGINT;\n"));
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            let (code, said) = back(&server, &project, 1);
            assert_eq!(code, Some(0), "{said}");
            let rows =
                format!("SELECT string_agg(concat_ws(' ', id, id_new), ', ' ORDER BY id) FROM {table}");
            assert_eq!(server.value(&rows), "3 3, 7 7");
            let column = format!(
                "SELECT concat_ws(' ', attnotnull, atttypid::regtype) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attname = 'id'"
            );
            assert_eq!(server.value(&column), "t integer", "{table} on {major}");
        }
    }
}

#[test]
fn values_without_a_way_back_stay() {
    let Some(server) = Server::start(17) else { return };
    let next = "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT USING (total::bigint * 100);\n";
    // What cannot come back is said before the first folder runs, and has to be accepted.
    let (project, steps) = deployed(&server, INIT, next, &["--accept-irreversible"]);
    let swap = folders(&project)[folders(&project).len() - steps].clone();
    let down = project.read(&format!("prisma/migrations/{swap}/down.sql"));
    let why = "have none in \"total\" that they come from";
    assert!(down.contains(why), "{down}");
    let (code, said) = back(&server, &project, steps);
    assert!(code == Some(1) && said.contains(why), "{said}");
    assert_eq!(server.value("SELECT sum(total) FROM \"Order\""), "21000");
}

#[test]
fn values_of_an_enum_have_their_old_names_again() {
    let init = "CREATE TYPE \"Status\" AS ENUM ('VOID', 'PAID');\n\
                CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" NOT NULL, seen \"Status\"[]);\n\
                CREATE TABLE \"Kind\" (status \"Status\" PRIMARY KEY);\n";
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (status, seen) VALUES ('VOID', '{PAID,VOID}'), ('PAID', NULL)");
        server.rows("INSERT INTO \"Kind\" VALUES ('VOID')");
        planned(&server, &project, rename);
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        server.rows("INSERT INTO \"Order\" (status) VALUES ('CANCELLED')");
        let (code, said) = back(&server, &project, folders(&project).len() - 1);
        assert_eq!(code, Some(0), "{said}");
        let all = "SELECT string_agg(concat_ws(' ', status, seen), ', ' ORDER BY id) FROM \"Order\"";
        assert_eq!(server.value(all), "VOID {PAID,VOID}, PAID, VOID");
        assert_eq!(server.value("SELECT status FROM \"Kind\""), "VOID");
        assert!(!said.contains("while the table is empty"), "the key was filled: {said}");
    }
}

/// A fill writes what the trigger of its plan keeps equal: nothing that somebody wrote is other than it was. What is written
/// besides is named.
#[test]
fn the_fill_of_a_plan_takes_no_values_with_it() {
    let retype = "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n";
    let halved = "ALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT USING (total / 2);\n";
    let rename = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";
    for (major, next) in [(17, retype), (15, halved), (15, rename), (17, rename)] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (owner, total) SELECT 'ann', n FROM generate_series(1, 20) n");
        planned(&server, &project, next);
        let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
        let down = format!("prisma/migrations/{fill}/down.sql");
        let proven = project.read(&down);
        assert!(proven.contains("worth proven\n") && !proven.contains("lost "), "{proven}");
        assert!(proven.contains("Nothing is to be undone"), "{proven}");
        let run = server.run(&project, &["migrate", "deploy", "--accept-irreversible"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert!(!run.both().contains("does not bring back rows"), "{}", run.both());
        let again = server.run(&project, &["migrate", "adopt", &fill, "--again"]);
        assert!(again.stdout.contains("1 proven, 0 with the structure proven"), "{}", again.both());
        assert_eq!(project.read(&down), proven);

        let file = format!("prisma/migrations/{fill}/migration.sql");
        let text = project.read(&file);
        let edited = |sql: String| {
            assert_ne!(sql, text);
            project.write(&file, &sql);
            server.run(&project, &["migrate", "adopt", &fill, "--force", "--dry-run"]).both()
        };
        let (update, end) = ("  UPDATE public.\"Order\" SET ", ";\nEND\n$fill$");
        // Whatever stands in it besides makes it somebody's own.
        let more = "  UPDATE public.\"Order\" SET owner = 'eve';\n";
        for said in [
            edited(text.replace(end, &format!(";\n{more}END\n$fill$"))),
            edited(text.replace(update, &format!("{more}{update}"))),
            edited(text.replace("BEGIN\n", &format!("BEGIN\n{more}"))),
            edited(
                text.rsplit_once(" WHERE ")
                    .map(|(set, rest)| format!("{set}, owner = 'eve' WHERE {rest}"))
                    .unwrap(),
            ),
        ] {
            assert!(said.contains("the DO block in line 3 writes rows"), "{said}");
        }
        // The same block with another column, or with another value.
        let column = if next == rename { "amount" } else { "total_new" };
        let own = edited(text.replace(column, "id"));
        assert!(own.contains("rows of \"Order\": the fill in line 3 gives \"id\" a value"), "{own}");
        let set = text.find(&format!("{update}{column} = ")).unwrap() + update.len() + column.len() + 3;
        let condition = set + text[set..].find(" WHERE ").unwrap();
        let other = edited(format!("{}7{}", &text[..set], &text[condition..]));
        assert!(other.contains(&format!("the fill in line 3 gives \"{column}\" a value")), "{other}");
        // What another trigger does with each row, nobody takes back.
        let init = format!("prisma/migrations/{FIRST}/migration.sql");
        project.write(
            &init,
            format!(
                "{INIT}CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.owner := 'eve'; RETURN NEW; END $$;\n\
                 CREATE TRIGGER \"A\" BEFORE UPDATE ON \"Order\" FOR EACH ROW EXECUTE FUNCTION seen();\n"
            ),
        );
        project.write(&file, &text);
        let fired = server.run(&project, &["migrate", "adopt", &fill, "--force", "--dry-run"]).both();
        assert!(fired.contains("the fill in line 3 makes the trigger \"A\" run"), "{fired}");
    }
}

#[test]
fn the_fill_of_a_generated_column_takes_no_values_with_it() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let made = "ALTER TABLE \"Order\" ADD COLUMN twice INTEGER GENERATED ALWAYS AS (total * 2) STORED;\n";
        let project = project(&[(FIRST, &format!("{INIT}{made}"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        planned(&server, &project, "ALTER TABLE \"Order\" RENAME COLUMN twice TO \"both\";\n");
        let fill = folders(&project).into_iter().find(|name| name.contains("_fill_")).unwrap();
        let down = project.read(&format!("prisma/migrations/{fill}/down.sql"));
        assert!(down.contains("worth proven\n"), "{down}");
    }
}
