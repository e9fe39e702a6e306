//! `migrate plan --safe` for indexes and keys that are made anew under their own names: the old one serves until the new one does,
//! and upserts by what it was over until no version of the application has them.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Project;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE \"Post\" (id INTEGER NOT NULL, slug TEXT NOT NULL, author INTEGER NOT NULL, likes INTEGER NOT NULL DEFAULT 0,\n\
                    CONSTRAINT \"Post_pkey\" PRIMARY KEY (id));\n\
                    CREATE INDEX \"Post_author_idx\" ON \"Post\"(author);\n\
                    CREATE UNIQUE INDEX \"Post_slug_key\" ON \"Post\"(slug);\n\
                    CREATE TABLE \"Like\" (id SERIAL PRIMARY KEY, post INTEGER,\n\
                    CONSTRAINT \"Like_post_fkey\" FOREIGN KEY (post) REFERENCES \"Post\"(id));\n";

const ROWS: &str = "INSERT INTO \"Post\" SELECT n, 'post ' || n, n % 5 FROM generate_series(1, 30) n";

fn begun(server: &Server) -> Project {
    let project = project(&[(FIRST, INIT)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows(ROWS);
    project
}

fn upsert(server: &Server, number: usize, by: &str) {
    let row = format!("INSERT INTO \"Post\" (id, slug, author) VALUES ({number}, 'post {number}', 1)");
    for _ in 0..2 {
        server.rows(&format!("{row} ON CONFLICT ({by}) DO UPDATE SET likes = \"Post\".likes + 1"));
    }
}

fn back(server: &Server, project: &Project) {
    let steps = (folders(project).len() - 1).to_string();
    let back = server.run(project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
    assert_eq!(back.code, Some(0), "{}", back.both());
}

/// Definitions of the indexes of a table, each whole.
fn indexes(server: &Server) -> String {
    server.value(
        "SELECT string_agg(pg_get_indexdef(indexrelid), '; ' ORDER BY indexrelid::regclass::text) FROM pg_index \
         WHERE indrelid = '\"Post\"'::regclass AND indisvalid",
    )
}

#[test]
fn an_index_that_is_made_anew_is_never_missing() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server);
        let before = indexes(&server);
        let next = "-- DROP INDEX \"Post_author_idx\"; is not all.\nDROP INDEX \"Post_author_idx\";\n\n-- DropIndex\nDROP INDEX \"Post_slug_key\";\n\n\
                    -- AlterTable\nALTER TABLE \"Post\" ADD COLUMN \"tenant\" INTEGER NOT NULL DEFAULT 1;\n\n\
                    -- CreateIndex\nCREATE INDEX \"Post_author_idx\" ON \"Post\"(\"author\" DESC, \"id\");\n\n\
                    -- CreateIndex\nCREATE UNIQUE INDEX \"Post_slug_key\" ON \"Post\"(\"tenant\", \"slug\");\n";
        let shown = planned(&server, &project, next);
        assert!(shown.contains("counts on \\\"slug\\\" being unique in \\\"Post\\\""), "{shown}");
        assert!(
            shown.contains("ON CONFLICT (slug) on Post"),
            "people are told of two unique indexes: {shown}"
        );
        let (mut number, mut built) = (100, 0);
        let last = folders(&project).pop().unwrap();
        assert!(last.ends_with("_swap_post_slug_key"), "{last}");
        deployed_one_by_one(&server, &project, &mut |name| {
            let all = indexes(&server);
            assert!(all.contains("(author)") || all.contains("(author DESC, id)"), "{name}: {all}");
            number += 1;
            if name != last {
                upsert(&server, number, "slug");
            }
            if all.contains("(tenant, slug)") {
                built += 1;
                upsert(&server, number + 1000, "tenant, slug");
            }
        });
        assert!(built > 1, "the new version has its index before the old one goes");
        assert_eq!(server.value("SELECT sum(likes) FROM \"Post\""), (number - 101 + built).to_string());
        let all = indexes(&server);
        assert!(
            all.contains("INDEX \"Post_slug_key\" ON public.\"Post\" USING btree (tenant, slug)")
                && all.contains("INDEX \"Post_author_idx\" ON public.\"Post\" USING btree (author DESC, id)")
                && !all.contains("_new"),
            "{all}"
        );
        back(&server, &project);
        assert_eq!(indexes(&server), before);
    }
}

#[test]
fn upserts_by_a_key_that_gets_another_column_go_on() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server);
        let before = indexes(&server);
        let next = "-- DropForeignKey\nALTER TABLE \"Like\" DROP CONSTRAINT \"Like_post_fkey\";\n\n\
                    -- AlterTable\nALTER TABLE \"Post\" DROP CONSTRAINT \"Post_pkey\",\nADD COLUMN \"tenant\" INTEGER NOT NULL DEFAULT 1,\n\
                    ADD CONSTRAINT \"Post_pkey\" PRIMARY KEY (\"tenant\", \"id\");\n\n\
                    -- AlterTable\nALTER TABLE \"Like\" ADD COLUMN \"tenant\" INTEGER;\n\n\
                    -- AddForeignKey\nALTER TABLE \"Like\" ADD CONSTRAINT \"Like_post_fkey\" FOREIGN KEY (\"tenant\", \"post\") \
                    REFERENCES \"Post\"(\"tenant\", \"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n";
        let shown = planned(&server, &project, next);
        assert!(shown.contains("counts on \\\"id\\\" being unique in \\\"Post\\\""), "{shown}");
        assert!(shown.contains("ON CONFLICT (id) on Post"), "people are told of two unique indexes: {shown}");
        let last = folders(&project).pop().unwrap();
        assert!(last.ends_with("_drop_post_pkey_old"), "{last}");
        let mut number = 100;
        deployed_one_by_one(&server, &project, &mut |name| {
            let key =
                "SELECT count(*) FROM pg_constraint WHERE conrelid = '\"Post\"'::regclass AND contype = 'p'";
            assert_eq!(server.value(key), "1", "{name}");
            number += 1;
            upsert(&server, number, if name == last { "tenant, id" } else { "id" });
        });
        let all = indexes(&server);
        assert!(all.contains("INDEX \"Post_pkey\" ON public.\"Post\" USING btree (tenant, id)"), "{all}");
        assert!(!all.contains("_old") && !all.contains("_new"), "{all}");
        server.rows("INSERT INTO \"Like\" (post, tenant) VALUES (1, 1)");
        let refused = server.try_rows("INSERT INTO \"Like\" (post, tenant) VALUES (1, 2)");
        assert!(refused.is_err(), "the foreign key looks at both columns");
        back(&server, &project);
        assert_eq!(indexes(&server), before);
    }
}

#[test]
fn another_column_becomes_the_key_while_rows_are_written_by_both() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = begun(&server);
        let next = "ALTER TABLE \"Like\" DROP CONSTRAINT \"Like_post_fkey\";\n\
                    ALTER TABLE \"Post\" DROP CONSTRAINT \"Post_pkey\",\nDROP COLUMN \"id\",\n\
                    ADD CONSTRAINT \"Post_pkey\" PRIMARY KEY (\"slug\");\n";
        planned(&server, &project, next);
        let names = folders(&project);
        assert!(names[names.len() - 1].ends_with("_drop_id"), "{names:?}");
        let (mut number, mut relaxed) = (100, false);
        deployed_one_by_one(&server, &project, &mut |name| {
            number += 1;
            relaxed |= name.ends_with("_relax_id");
            if !name.ends_with("_drop_id") {
                upsert(&server, number, "id");
            }
            if relaxed {
                let row = format!("INSERT INTO \"Post\" (slug, author) VALUES ('new {number}', 1)");
                server.rows(&format!("{row} ON CONFLICT (slug) DO NOTHING"));
            }
        });
        assert!(relaxed, "{names:?}");
        assert_eq!(server.value("SELECT count(*) FROM \"Post\" WHERE slug LIKE 'new %'"), "2");
        assert!(indexes(&server).contains("INDEX \"Post_pkey\" ON public.\"Post\" USING btree (slug)"));
    }
}
