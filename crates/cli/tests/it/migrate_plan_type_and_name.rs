//! `migrate plan --safe` for a column whose name and type change in one migration: the type first, then the name, and a way back
//! for each folder.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

fn next(ty: &str) -> String {
    format!(
        "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nALTER TABLE \"Order\" ALTER COLUMN amount DROP DEFAULT;\n\
         ALTER TABLE \"Order\" ALTER COLUMN amount TYPE {ty};\nALTER TABLE \"Order\" ALTER COLUMN amount SET DEFAULT 3;\n"
    )
}

#[test]
fn a_column_with_another_type_and_name_serves_both_versions() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let init = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER DEFAULT 0);\n\
                    CREATE INDEX \"Order_total_idx\" ON \"Order\"(total);\n";
        let project = project(&[(FIRST, init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 30) n");
        let shown = planned(&server, &project, &next("BIGINT"));
        assert!(shown.contains("is changed first and gets the name"), "{shown}");
        let names = folders(&project);
        let at = |what: &str| names.iter().position(|name| name.ends_with(what)).unwrap();
        assert!(
            at("_swap_total") < at("_expand_amount") && at("_drop_total") == names.len() - 1,
            "{names:?}"
        );
        let (mut filled, mut number) = (false, 100);
        deployed_one_by_one(&server, &project, &mut |name| {
            filled |= name.ends_with("_fill_amount");
            let mut write = |column: &str| {
                number += 1;
                let id =
                    server.value(&format!("INSERT INTO \"Order\" ({column}) VALUES ({number}) RETURNING id"));
                assert_eq!(
                    server.value(&format!("SELECT {column} FROM \"Order\" WHERE id = {id}")),
                    number.to_string()
                );
                server.rows("INSERT INTO \"Order\" DEFAULT VALUES");
            };
            if *name != names[names.len() - 1] {
                write("total");
            }
            if filled {
                write("amount");
            }
            if filled && *name != names[names.len() - 1] {
                let apart = "SELECT count(*) FROM \"Order\" WHERE total IS DISTINCT FROM amount";
                assert_eq!(server.value(apart), "0", "{name}");
            }
        });
        let ty = "SELECT data_type || ' ' || column_default FROM information_schema.columns WHERE column_name = 'amount'";
        assert_eq!(server.value(ty), "bigint 3");
        assert_eq!(server.value("SELECT sum(amount) FROM \"Order\" WHERE id <= 30"), "465");
    }
}

#[test]
fn a_default_that_comes_with_a_name_takes_no_write_of_the_old_version() {
    let Some(server) = Server::start(15) else { return };
    let project =
        project(&[(FIRST, "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER DEFAULT 0);\n")]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let next = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nALTER TABLE \"Order\" ALTER COLUMN amount SET DEFAULT 3;\n";
    planned(&server, &project, next);
    let last = folders(&project).pop().unwrap();
    deployed_one_by_one(&server, &project, &mut |name| {
        if *name != last {
            let id = server.value("INSERT INTO \"Order\" (total) VALUES (7) RETURNING id");
            assert_eq!(server.value(&format!("SELECT total FROM \"Order\" WHERE id = {id}")), "7", "{name}");
        }
    });
    assert_eq!(server.value("SELECT count(DISTINCT amount) FROM \"Order\""), "1");
    let id = server.value("INSERT INTO \"Order\" DEFAULT VALUES RETURNING id");
    assert_eq!(server.value(&format!("SELECT amount FROM \"Order\" WHERE id = {id}")), "3");
}

#[test]
fn each_folder_of_such_a_change_has_a_way_back_with_the_values() {
    for (major, from, to) in [
        (17, "INTEGER NOT NULL DEFAULT 0", "TEXT"),
        (15, "TEXT NOT NULL DEFAULT '0'", "INTEGER USING (amount::integer)"),
        (15, "INTEGER DEFAULT 0", "BIGINT"),
    ] {
        let Some(server) = Server::start(major) else { continue };
        let init = format!("CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total {from});\n");
        let project = project(&[(FIRST, &init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"Order\" (total) SELECT n FROM generate_series(1, 30) n");
        planned(&server, &project, &next(to));
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let steps = (folders(&project).len() - 1).to_string();
        let run = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(run.code, Some(0), "{to}: {}", run.both());
        let ty = "SELECT data_type FROM information_schema.columns WHERE column_name = 'total'";
        assert_eq!(server.value(ty), from.split(' ').next().unwrap().to_lowercase());
        assert_eq!(server.value("SELECT sum(total::integer) FROM \"Order\""), "465", "{to}");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "there again: {}", run.both());
        assert_eq!(server.value("SELECT sum(amount::integer) FROM \"Order\""), "465", "{to}");
    }
}
