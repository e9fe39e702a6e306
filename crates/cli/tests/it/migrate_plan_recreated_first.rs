//! `migrate plan --safe` for columns that are dropped and added again: what would stand in the way later is said before anything
//! changes, and what does not is not.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

#[test]
fn a_default_without_a_value_in_the_new_type_is_said() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let changed = "ALTER TABLE item DROP COLUMN value, ADD COLUMN value INTEGER NOT NULL DEFAULT 0;\n";
        let using = "ALTER TABLE item ALTER COLUMN value DROP DEFAULT, ALTER COLUMN value TYPE INTEGER USING (nullif(value, 'none')::integer);\n";
        let other = "ALTER TABLE item ALTER COLUMN value DROP DEFAULT, ALTER COLUMN value TYPE INTEGER USING (length(value || note));\n";
        for (default, next, words) in [
            (
                "none",
                changed,
                "the default 'none' of value of public.item has no value as integer (invalid input syntax",
            ),
            (
                "007",
                changed,
                "the default '007' of value of public.item has no value as integer (it reads otherwise)",
            ),
            ("7", changed, ""),
            ("none", using, ""),
            ("none", other, ""),
        ] {
            let init = format!(
                "CREATE TABLE item (id SERIAL PRIMARY KEY, note TEXT, value TEXT DEFAULT '{default}');\n"
            );
            let project = project(&[(FIRST, &init), (NEXT, next)]);
            let run = server.run(&project, &["migrate", "plan", "--safe", NEXT]);
            let found =
                if words.is_empty() { run.stdout.contains("proven") } else { run.stdout.contains(words) };
            assert!(found, "{default} {next}: {}", run.both());
        }
    }
}

#[test]
fn all_columns_are_looked_at_before_the_first_one_comes() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project =
            project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, a TEXT, b TEXT, c TEXT);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (a, b, c) VALUES ('1', '2', '3'), ('1', '2', 'x')");
        let next = "ALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER, DROP COLUMN b, ADD COLUMN b INTEGER, DROP COLUMN c, ADD COLUMN c INTEGER;\n";
        planned(&server, &project, next);
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(run.both().contains("c of public.item has values that integer has not"), "{}", run.both());
        assert!(run.both().contains("id=2"), "{}", run.both());
        let columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'item'";
        assert_eq!(server.value(columns), "4", "nothing was begun");
        server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
        server.rows("DELETE FROM item WHERE id = 2");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(server.value("SELECT a + b + c FROM item"), "6");
    }
}

#[test]
fn a_table_that_no_fill_can_go_through_is_said() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (next, key) in [
            ("ALTER TABLE item DROP COLUMN code, ADD COLUMN code INTEGER;\n", ""),
            ("ALTER TABLE item RENAME COLUMN code TO number;\n", ""),
            (
                "ALTER TABLE item DROP COLUMN code, ADD COLUMN code INTEGER;\n",
                "CREATE UNIQUE INDEX by_hand ON item (id);",
            ),
        ] {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let project = project(&[(FIRST, "CREATE TABLE item (id INTEGER NOT NULL, code TEXT);\n")]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server
                .rows(&format!("{key} INSERT INTO item SELECT n, n::text FROM generate_series(1, 10001) n"));
            planned(&server, &project, next);
            let hidden = project.path().join("later");
            std::fs::create_dir(&hidden).unwrap();
            for name in folders(&project).into_iter().filter(|name| name.starts_with(&format!("{NEXT}_"))) {
                std::fs::rename(project.path().join("prisma/migrations").join(&name), hidden.join(name))
                    .unwrap();
            }
            let run = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(run.code, Some(i32::from(key.is_empty())), "{}", run.both());
            assert_eq!(run.both().contains("no primary key"), key.is_empty(), "{}", run.both());
        }
    }
}

#[test]
fn rows_without_a_value_that_came_since_are_named_before_the_check() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project =
            project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, note TEXT, value TEXT);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (value) VALUES ('1')");
        planned(
            &server,
            &project,
            "ALTER TABLE item DROP COLUMN value, ADD COLUMN value INTEGER NOT NULL;\n",
        );
        let hidden = project.path().join("later");
        std::fs::create_dir(&hidden).unwrap();
        let all = folders(&project);
        let check = all.iter().position(|name| name.contains("_check_")).unwrap();
        let at = |name: &str| project.path().join("prisma/migrations").join(name);
        all[check..].iter().for_each(|name| std::fs::rename(at(name), hidden.join(name)).unwrap());
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (value) VALUES ('2'), (NULL)");
        all[check..].iter().for_each(|name| std::fs::rename(hidden.join(name), at(name)).unwrap());
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(1), "{}", run.both());
        assert!(
            run.both().contains("value of public.item has no value that integer may have: id=3"),
            "{}",
            run.both()
        );
        server.rows("UPDATE item SET note = 'still written' WHERE id = 3");
        server.run(&project, &["migrate", "resolve", "--rolled-back", &all[check]]);
        server.rows("UPDATE item SET value = '3' WHERE id = 3");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        assert_eq!(server.value("SELECT sum(value) FROM item"), "6");
    }
}

#[test]
fn a_column_that_need_not_have_a_value_any_more_may_be_null_from_the_swap_on() {
    for major in [18, 17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, a TEXT NOT NULL);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (a) VALUES ('1')");
        planned(&server, &project, "ALTER TABLE item DROP COLUMN a, ADD COLUMN a INTEGER;\n");
        let mut swapped = false;
        deployed_one_by_one(&server, &project, &mut |name| {
            swapped |= name.contains("_swap_");
            assert_eq!(server.try_rows("INSERT INTO item (a) VALUES (NULL)").is_ok(), swapped, "{name}");
        });
        assert!(swapped);
        assert_eq!(server.value("SELECT string_agg(coalesce(a::text, '-'), '' ORDER BY id) FROM item"), "1-");
    }
}

#[test]
fn addresses_with_and_without_a_mask_are_kept() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, ip TEXT);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "INSERT INTO item (ip) VALUES ('10.0.0.1'), ('::1'), ('10.0.0.0/8'), ('10.0.0.2/32'), (NULL)",
        );
        planned(&server, &project, "ALTER TABLE item DROP COLUMN ip, ADD COLUMN ip INET;\n");
        server.rows("INSERT INTO item (ip) VALUES ('10.0.00.1')");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert!(run.code == Some(1) && run.both().contains("id=6"), "{}", run.both());
        server.run(&project, &["migrate", "resolve", "--rolled-back", NEXT]);
        server.rows("DELETE FROM item WHERE id = 6");
        let run = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let values = "SELECT string_agg(format('%s', ip), ' ' ORDER BY id) FROM item";
        assert_eq!(server.value(values), "10.0.0.1 ::1 10.0.0.0/8 10.0.0.2 ");
    }
}

#[test]
fn rows_that_get_the_time_of_the_fill_refute_no_plan() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, "CREATE TABLE item (id SERIAL PRIMARY KEY, at DATE);\n")]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO item (at) VALUES ('2026-01-02'), (NULL)");
        planned(
            &server,
            &project,
            "ALTER TABLE item DROP COLUMN at, ADD COLUMN at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP;\n",
        );
        let run = server.run(&project, &["migrate", "deploy", "--accept-irreversible"]);
        assert_eq!(run.code, Some(0), "{}", run.both());
        let values = "SELECT string_agg(CASE id WHEN 1 THEN at::text ELSE (at > '2026-02-01')::text END, ' ' ORDER BY id) FROM item";
        assert_eq!(server.value(values), "2026-01-02 00:00:00 true");
    }
}
