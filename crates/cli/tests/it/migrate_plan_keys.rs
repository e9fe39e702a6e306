//! `migrate plan --safe` for foreign keys that another one over the same columns takes the place of: rows are checked, and go with
//! what they refer to, all the time.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";

const INIT: &str = "CREATE TABLE \"User\" (id TEXT PRIMARY KEY, n INTEGER);\n\
                    CREATE TABLE \"Post\" (id SERIAL PRIMARY KEY, size TEXT, \"authorId\" TEXT, \"editorId\" TEXT);\n\
                    ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") REFERENCES \"User\"(id) \
                    ON DELETE CASCADE ON UPDATE CASCADE;\n\
                    ALTER TABLE \"Post\" ADD CONSTRAINT \"Post_editorId_fkey\" FOREIGN KEY (\"editorId\") REFERENCES \"User\"(id) \
                    ON DELETE CASCADE ON UPDATE CASCADE;\n";

const GONE: &str = "-- DropForeignKey\nALTER TABLE \"Post\" DROP CONSTRAINT \"Post_authorId_fkey\";\n\n\
                    -- DropForeignKey\nALTER TABLE \"Post\" DROP CONSTRAINT \"Post_editorId_fkey\";\n\n";

/// Keys that Prisma makes of relations that have another `onDelete`.
const BACK: &str = "-- AddForeignKey\nALTER TABLE \"Post\" ADD CONSTRAINT \"Post_authorId_fkey\" FOREIGN KEY (\"authorId\") \
                    REFERENCES \"User\"(\"id\") ON DELETE RESTRICT ON UPDATE CASCADE;\n\n\
                    -- AddForeignKey\nALTER TABLE \"Post\" ADD CONSTRAINT \"Post_editorId_fkey\" FOREIGN KEY (\"editorId\") \
                    REFERENCES \"User\"(\"id\") ON DELETE SET NULL ON UPDATE CASCADE;\n";

/// What stands between, the number of keys that change places in one transaction as a swap, and what is asked of the values.
const CASES: [(&str, &str); 3] = [
    ("", ""),
    ("ALTER TABLE \"Post\" DROP COLUMN size, ADD COLUMN size INTEGER;\n\n", "size"),
    (
        "ALTER TABLE \"Post\" DROP COLUMN \"authorId\", ADD COLUMN \"authorId\" INTEGER NOT NULL, DROP COLUMN \"editorId\", \
         ADD COLUMN \"editorId\" INTEGER;\n\n\
         ALTER TABLE \"User\" DROP CONSTRAINT \"User_pkey\", DROP COLUMN id, ADD COLUMN id INTEGER NOT NULL, \
         ADD CONSTRAINT \"User_pkey\" PRIMARY KEY (id);\n\n",
        "Post",
    ),
];

#[test]
fn a_key_goes_as_its_successor_comes() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (between, swap) in CASES {
            server.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            let project = project(&[(FIRST, INIT)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server.rows(
                "INSERT INTO \"User\" SELECT n::text, n FROM generate_series(1, 200) n; \
                 INSERT INTO \"Post\" (size, \"authorId\") SELECT n::text, n::text FROM generate_series(1, 200) n",
            );
            planned(&server, &project, &format!("{GONE}{between}{BACK}"));
            assert!(swap.is_empty() || folders(&project).iter().any(|name| name.contains("_swap_")));
            deployed_one_by_one(&server, &project, &mut |name| {
                // From the new key on the second may be refused.
                let user = "(SELECT min(n) FROM \"User\")";
                let deleted = server.try_rows(&format!("DELETE FROM \"User\" WHERE n = {user}"));
                assert!(deleted.is_ok() || deleted.is_err_and(|error| error.contains("fkey")), "{name}");
                let bad = "INSERT INTO \"Post\" (\"authorId\") VALUES ('999')";
                assert!(server.try_rows(bad).is_err_and(|error| error.contains("fkey")), "{name}");
                let alone = "SELECT count(*) FROM \"Post\" LEFT JOIN \"User\" ON \"User\".id = \"authorId\" WHERE \"User\".id IS NULL";
                assert_eq!(server.value(alone), "0", "{name}");
            });
            let keys = "SELECT string_agg(concat(conname, ' ', confdeltype, ' ', convalidated::text), ', ' ORDER BY conname) FROM pg_constraint WHERE contype = 'f'";
            assert_eq!(server.value(keys), "Post_authorId_fkey r true, Post_editorId_fkey n true");
            let steps = (folders(&project).len() - 1).to_string();
            let run = server.run(&project, &["migrate", "rollback", "--accept-data-loss", "--steps", &steps]);
            assert_eq!(run.code, Some(0), "{}", run.both());
            assert_eq!(server.value(keys), "Post_authorId_fkey c true, Post_editorId_fkey c true");
        }
    }
}
