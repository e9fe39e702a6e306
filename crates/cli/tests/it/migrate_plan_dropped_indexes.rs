//! `migrate plan --safe` for indexes that go: what takes their place comes first, and what upserts of the old version name goes
//! when that version does.

use crate::migrate_plan::{NEXT, Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, email TEXT NOT NULL, tenant INTEGER NOT NULL, code INTEGER NOT NULL, \
                    n INTEGER NOT NULL DEFAULT 0);\n\
                    CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(email);\n\
                    CREATE UNIQUE INDEX \"User_tenant_code_key\" ON \"User\"(tenant, code);\n\
                    CREATE INDEX \"User_tenant_idx\" ON \"User\"(tenant);\n";

/// As Prisma writes it: first what goes.
const OTHER_KEYS: &str = "-- DropIndex\nDROP INDEX \"User_email_key\";\n\n-- DropIndex\nDROP INDEX \"User_tenant_idx\";\n\n\
                          -- DropIndex\nDROP INDEX \"User_tenant_code_key\";\n\n\
                          -- AlterTable\nALTER TABLE \"User\" ALTER COLUMN \"code\" SET DATA TYPE BIGINT;\n\n\
                          -- CreateIndex\nCREATE INDEX \"User_tenant_n_idx\" ON \"User\"(\"tenant\", \"n\");\n\n\
                          -- CreateIndex\nCREATE UNIQUE INDEX \"User_email_tenant_key\" ON \"User\"(\"email\", \"tenant\");\n";

fn position(names: &[String], end: &str) -> usize {
    names.iter().position(|name| name.ends_with(end)).unwrap_or_else(|| panic!("{end}: {names:?}"))
}

#[test]
fn upserts_of_the_old_version_find_their_index_until_it_goes() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows(
            "INSERT INTO \"User\" (email, tenant, code) SELECT n || '@example.com', n, n FROM generate_series(1, 30) n",
        );
        let shown = planned(&server, &project, OTHER_KEYS);
        assert!(shown.contains("counts on \\\"email\\\" being unique in \\\"User\\\""), "{shown}");
        let names = folders(&project);
        let (email, code) =
            (position(&names, "_drop_user_email_key"), position(&names, "_drop_user_tenant_code_key"));
        assert!(email + 1 == code && code + 1 == names.len(), "{names:?}");
        let (mut number, mut swapped, mut step) = (100, false, 0);
        deployed_one_by_one(&server, &project, &mut |name| {
            step += 1;
            number += 1;
            swapped |= name.contains("_swap_");
            let by = |columns: &str| {
                server.rows(&format!(
                    "INSERT INTO \"User\" (email, tenant, code) VALUES ('{number}@example.com', {number}, {number}) \
                     ON CONFLICT ({columns}) DO UPDATE SET n = \"User\".n + 1"
                ));
            };
            if step < email {
                by("email");
                by("email");
            }
            if step < code {
                by("tenant, code");
                by("tenant, code");
            }
            // What finds rows is never missing: the one that goes waits for the one that comes.
            let found = "SELECT count(*) FROM pg_index WHERE indrelid = '\"User\"'::regclass AND indisvalid AND indkey[0] = \
                         (SELECT attnum FROM pg_attribute WHERE attrelid = '\"User\"'::regclass AND attname = 'tenant') AND NOT indisunique";
            assert_ne!(server.value(found), "0", "{name}");
        });
        assert!(swapped, "{names:?}");
        let left = "SELECT string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid::regclass::text) FROM pg_index \
                    WHERE indrelid = '\"User\"'::regclass AND NOT indisprimary";
        assert_eq!(server.value(left), "\"User_email_tenant_key\", \"User_tenant_n_idx\"");
        let steps = (names.len() - 1).to_string();
        let back = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
        assert_eq!(back.code, Some(0), "{}", back.both());
        assert_eq!(server.value(left), "\"User_email_key\", \"User_tenant_code_key\", \"User_tenant_idx\"");
    }
}

#[test]
fn a_column_of_a_key_goes_behind_the_change_of_another() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        server.rows("INSERT INTO \"User\" (email, tenant, code) VALUES ('a', 1, 2), ('b', 2, 3)");
        planned(
            &server,
            &project,
            "ALTER TABLE \"User\" DROP COLUMN \"tenant\",\nALTER COLUMN \"code\" SET DATA TYPE BIGINT;\n",
        );
        let names = folders(&project);
        assert_eq!(position(&names, "_drop_tenant") + 1, names.len(), "{names:?}");
        deployed_one_by_one(&server, &project, &mut |name| {
            if !name.ends_with("_drop_tenant") {
                server.rows("INSERT INTO \"User\" (email, tenant, code) VALUES ('a', 1, 2) ON CONFLICT (tenant, code) DO NOTHING");
            }
        });
        assert_eq!(
            server.value("SELECT string_agg(email || code, ' ' ORDER BY code) FROM \"User\""),
            "a2 b3"
        );
    }
}

#[test]
fn an_index_with_a_successor_of_its_own_waits_for_nobody() {
    let Some(server) = Server::start(17) else { return };
    // The same keys in another order keep the same rows apart.
    for (next, last, text) in [
        (
            "DROP INDEX \"User_tenant_code_key\";\nCREATE UNIQUE INDEX \"User_code_tenant_key\" ON \"User\"(code, tenant);\n",
            "DROP INDEX CONCURRENTLY \"User_tenant_code_key\";\n",
            2,
        ),
        ("DROP INDEX \"User_tenant_idx\";\n", "DROP INDEX CONCURRENTLY \"User_tenant_idx\";\n", 1),
    ] {
        server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let shown = planned(&server, &project, next);
        assert!(!shown.contains("running version"), "{shown}");
        let names = folders(&project);
        assert_eq!(names.len(), 1 + text, "{names:?}");
        let file = project.read(&format!("prisma/migrations/{}/migration.sql", names[names.len() - 1]));
        assert_eq!(file, last);
        assert!(names[1].starts_with(NEXT), "{names:?}");
    }
}

#[test]
fn what_keeps_rows_apart_by_a_constraint_waits_as_well() {
    let Some(server) = Server::start(15) else { return };
    let init = "CREATE TABLE \"User\" (id SERIAL PRIMARY KEY, email TEXT, name TEXT, CONSTRAINT one_email UNIQUE (email));\n\
                CREATE UNIQUE INDEX lower_email ON \"User\"(lower(email)) WHERE name IS NOT NULL;\n";
    let project = project(&[(FIRST, init)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    let next =
        "DROP INDEX lower_email;\nALTER TABLE \"User\" ADD COLUMN extra TEXT, DROP CONSTRAINT one_email;\n";
    let shown = planned(&server, &project, next);
    assert!(shown.contains("what \\\"lower_email\\\" is over being unique"), "{shown}");
    assert!(shown.contains("counts on \\\"email\\\" being unique"), "{shown}");
    let names = folders(&project);
    let last = (position(&names, "_drop_lower_email"), position(&names, "_drop_one_email"));
    assert_eq!(last, (names.len() - 2, names.len() - 1), "{names:?}");
}
