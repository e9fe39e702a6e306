//! `migrate rollback` over columns on which hands gave or took what no migration says. A column that the way back drops and adds
//! anew keeps it, and nobody may read more than before.

use crate::migrate_plan::Server;
use crate::migrate_rollback_views::{Case, undone};

const TABLE: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, tags JSON, note TEXT, total INTEGER);\n";
/// No cast leads back.
const BYTES: &str = "ALTER TABLE t DROP COLUMN tags, ADD COLUMN tags BYTEA;\n";
const SETTINGS: &str = "(SELECT concat_ws(' ', nullif(attstattarget, -1), attoptions, attstorage, col_description(attrelid, attnum)) \
                        FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'tags')";
const TYPE: &str = "(SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'tags')";

const READER: &str = "has_column_privilege('reader', 't', 'tags', 'SELECT')";
const CLERK: &str = "has_column_privilege('clerk', 't', 'tags', 'SELECT')";
const WRITER: &str = "has_column_privilege('clerk', 't', 'tags', 'UPDATE')";

fn cases() -> Vec<Case<'static>> {
    vec![
        // What hands gave to the column that goes is on the one that comes; what the migration gave is not.
        Case {
            first: TABLE.to_owned(),
            next: format!(
                "{BYTES}GRANT SELECT (tags) ON t TO reader;\nCOMMENT ON COLUMN t.tags IS 'said';\n\
                 ALTER TABLE t ALTER COLUMN tags SET STORAGE EXTERNAL;\n"
            ),
            hand: "GRANT SELECT (tags) ON t TO clerk WITH GRANT OPTION; GRANT UPDATE (tags), REFERENCES (id) ON t TO clerk; \
                   GRANT INSERT (tags) ON t TO PUBLIC; ALTER TABLE t ALTER tags SET STATISTICS 700, ALTER tags SET (n_distinct = -0.5)",
            then: &[
                (READER, "f"),
                ("has_column_privilege('clerk', 't', 'tags', 'SELECT WITH GRANT OPTION')", "t"),
                (WRITER, "t"),
                ("has_column_privilege('clerk', 't', 'tags', 'UPDATE WITH GRANT OPTION')", "f"),
                ("has_column_privilege('clerk', 't', 'id', 'REFERENCES')", "t"),
                ("has_column_privilege('reader', 't', 'tags', 'INSERT')", "t"),
                ("has_table_privilege('clerk', 't', 'SELECT')", "f"),
                (TYPE, "json"),
                (SETTINGS, "700 {n_distinct=-0.5} x"),
            ],
        },
        // A comment of hands stays, and so does what is the same on both sides of the migration.
        Case {
            first: format!(
                "{TABLE}GRANT SELECT (tags) ON t TO reader;\nALTER TABLE t ALTER COLUMN tags SET STATISTICS 300;\n\
                 ALTER TABLE t ALTER COLUMN tags SET STORAGE EXTERNAL;\n"
            ),
            next: format!(
                "{BYTES}GRANT SELECT (tags) ON t TO reader;\nALTER TABLE t ALTER COLUMN tags SET STATISTICS 300;\n\
                 ALTER TABLE t ALTER COLUMN tags SET STORAGE EXTERNAL;\n"
            ),
            hand: "COMMENT ON COLUMN t.tags IS 'by hand'",
            then: &[(READER, "t"), (TYPE, "json"), (SETTINGS, "300 e by hand")],
        },
        // What hands took stays taken, though the migrations gave it before and after.
        Case {
            first: format!("{TABLE}GRANT SELECT (tags) ON t TO reader, clerk;\n"),
            next: format!("{BYTES}GRANT SELECT (tags) ON t TO reader, clerk;\n"),
            hand: "REVOKE SELECT (tags) ON t FROM reader",
            then: &[(READER, "f"), (CLERK, "t"), (TYPE, "json")],
        },
        // So it is where a second column got the name of the first, and what hands gave to it goes to the first.
        Case {
            first: format!(
                "{TABLE}ALTER TABLE t ADD COLUMN tags_new JSONB;\nGRANT SELECT (tags) ON t TO reader, clerk;\n"
            ),
            next: "ALTER TABLE t DROP COLUMN tags;\nALTER TABLE t RENAME COLUMN tags_new TO tags;\n\
                   GRANT SELECT (tags), INSERT (tags) ON t TO reader, clerk;\n"
                .to_owned(),
            hand: "REVOKE SELECT (tags) ON t FROM reader; GRANT UPDATE (tags) ON t TO clerk; COMMENT ON COLUMN t.tags IS 'by hand'",
            then: &[
                (READER, "f"),
                (CLERK, "t"),
                (WRITER, "t"),
                ("has_column_privilege('clerk', 't', 'tags', 'INSERT')", "f"),
                ("has_column_privilege('clerk', 't', 'tags_new', 'SELECT, INSERT')", "f"),
                (TYPE, "json"),
                (SETTINGS, "x by hand"),
            ],
        },
        // What the migration took is as it was.
        Case {
            first: format!("{TABLE}GRANT SELECT (tags) ON t TO reader;\n"),
            next: BYTES.to_owned(),
            hand: "GRANT UPDATE (tags) ON t TO clerk",
            then: &[(READER, "t"), (WRITER, "t")],
        },
        // A column that is made of another.
        Case {
            first: format!("{TABLE}ALTER TABLE t ADD COLUMN twice INTEGER GENERATED ALWAYS AS (total * 2) STORED;\n"),
            next: "ALTER TABLE t DROP COLUMN twice, ADD COLUMN twice INTEGER GENERATED ALWAYS AS (total * 3) STORED;\n".to_owned(),
            hand: "GRANT SELECT (twice) ON t TO reader",
            then: &[("has_column_privilege('reader', 't', 'twice', 'SELECT')", "t")],
        },
        // A table with another name, and a column with one that wants quotes.
        Case {
            first: "CREATE TABLE t (\"a \"\"b'\" JSON);\n".to_owned(),
            next: "ALTER TABLE t DROP COLUMN \"a \"\"b'\", ADD COLUMN \"a \"\"b'\" BYTEA;\nALTER TABLE t RENAME TO \"T\";\n".to_owned(),
            hand: "GRANT SELECT (\"a \"\"b'\") ON \"T\" TO reader",
            then: &[("has_column_privilege('reader', 't', 'a \"b''', 'SELECT')", "t")],
        },
        // A partition, and a table that inherits, of which no migration knows.
        Case {
            first: "CREATE TABLE t (id INTEGER, tags JSON) PARTITION BY RANGE (id);\n\
                    CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);\nCREATE TABLE p (id INTEGER, tags JSON);\n"
                .to_owned(),
            next: format!("{BYTES}{}GRANT SELECT (tags) ON t1 TO reader;\n", BYTES.replace("TABLE t", "TABLE p")),
            hand: "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20); CREATE TABLE c (more TEXT) INHERITS (p); \
                   GRANT SELECT (tags) ON t1, t2, c TO clerk",
            then: &[
                ("has_column_privilege('clerk', 't1', 'tags', 'SELECT')", "t"),
                ("has_column_privilege('clerk', 't2', 'tags', 'SELECT')", "t"),
                ("has_column_privilege('clerk', 'c', 'tags', 'SELECT')", "t"),
                (CLERK, "f"),
                ("has_column_privilege('reader', 't1', 'tags', 'SELECT')", "f"),
            ],
        },
        // What is taken from the table again was given on a column by hands: there it stays, and nowhere else.
        Case {
            first: format!("{TABLE}CREATE VIEW v AS SELECT id, note FROM t;\n"),
            next: "GRANT SELECT, UPDATE ON t TO reader;\nGRANT UPDATE (tags) ON t TO reader;\nGRANT SELECT ON v TO PUBLIC;\n\
                   GRANT SELECT (note) ON v TO clerk;\n"
                .to_owned(),
            hand: "GRANT SELECT (id) ON t TO reader WITH GRANT OPTION; GRANT SELECT (id) ON v TO PUBLIC",
            then: &[
                ("has_column_privilege('reader', 't', 'id', 'SELECT WITH GRANT OPTION')", "t"),
                ("has_column_privilege('reader', 't', 'note', 'SELECT')", "f"),
                ("has_column_privilege('reader', 't', 'tags', 'UPDATE')", "f"),
                ("has_column_privilege('reader', 'v', 'id', 'SELECT')", "t"),
                ("has_column_privilege('reader', 'v', 'note', 'SELECT')", "f"),
                ("has_column_privilege('clerk', 'v', 'note', 'SELECT')", "f"),
            ],
        },
        // The same of a view that is made anew.
        Case {
            first: format!("{TABLE}CREATE VIEW v AS SELECT id FROM t;\n"),
            next: "DROP VIEW v;\nCREATE VIEW v AS SELECT id, note FROM t;\nGRANT SELECT ON v TO reader;\n".to_owned(),
            hand: "GRANT SELECT (id) ON v TO reader",
            then: &[
                ("has_column_privilege('reader', 'v', 'id', 'SELECT')", "t"),
                ("has_table_privilege('reader', 'v', 'SELECT')", "f"),
            ],
        },
        // A type that changes forgets how its values are stored.
        Case {
            first: format!("{TABLE}ALTER TABLE t ALTER COLUMN note SET STORAGE EXTERNAL;\n"),
            next: "ALTER TABLE t ALTER COLUMN note TYPE VARCHAR(90);\nALTER TABLE t ALTER COLUMN note SET STORAGE EXTERNAL;\n\
                   ALTER TABLE t ALTER COLUMN total TYPE TEXT;\nALTER TABLE t ALTER COLUMN total SET STORAGE MAIN;\n"
                .to_owned(),
            hand: "GRANT SELECT (note) ON t TO reader",
            then: &[
                ("has_column_privilege('reader', 't', 'note', 'SELECT')", "t"),
                ("(SELECT attstorage FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'note')", "e"),
            ],
        },
    ]
}

#[test]
fn what_hands_gave_on_a_column_comes_back_with_it() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser("CREATE ROLE clerk; CREATE ROLE reader");
        for (number, case) in cases().iter().enumerate() {
            undone(&server, number, case);
        }
    }
}
