//! `migrate rollback` over views and columns on which somebody's hands gave what no migration says: it stays where it fits, it
//! stops no way back where it does not, and what the migration gave goes with the migration.

use crate::migrate_plan::{Server, deployed_one_by_one, folders, project};
use crate::migrate_plan_types::planned;
use crate::support::Run;

const FIRST: &str = "20260101000000_init";
const NEXT: &str = "20260102000000_next";

const ORDER: &str = "CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, owner TEXT NOT NULL, total INTEGER NOT NULL DEFAULT 0);\n";
const VIEW: &str = "CREATE VIEW v AS SELECT id, total FROM \"Order\";\n";
const WIDER: &str = "CREATE VIEW v AS SELECT id, total, owner FROM \"Order\";\n";
const MATERIALIZED: &str = "CREATE MATERIALIZED VIEW v AS SELECT id, total FROM \"Order\";\n";
const MADE: &str =
    "CREATE FUNCTION made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n";

pub(crate) struct Case<'a> {
    pub(crate) first: String,
    pub(crate) next: String,
    pub(crate) hand: &'a str,
    /// Expressions and their values when all is undone.
    pub(crate) then: &'a [(&'a str, &'a str)],
}

/// Two migrations are deployed, hands give something, and the second one is undone: what is there then is what the case says.
pub(crate) fn undone(server: &Server, number: usize, case: &Case<'_>) -> Run {
    server.as_superuser(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public",
    );
    let project = project(&[(FIRST, &case.first), (NEXT, &case.next)]);
    let adopted = server.run(&project, &["migrate", "adopt"]);
    assert_eq!(adopted.code, Some(0), "{}", adopted.both());
    let down = project.read(&format!("prisma/migrations/{NEXT}/down.sql"));
    // A column that no cast leads back to comes back without its values.
    let lost = adopted.stdout.contains("1 proven, 1 with the structure proven");
    assert!(lost || adopted.stdout.contains("2 proven"), "case {number}: {}\n{down}", adopted.both());
    let deployed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(deployed.code, Some(0), "case {number}: {}", deployed.both());
    server.rows(case.hand);
    let undone = server.run(&project, &["migrate", "rollback", "--accept-data-loss"]);
    assert_eq!(undone.code, Some(0), "case {number}: {}\n{down}", undone.both());
    for (what, value) in case.then {
        let found = server.value(&format!("SELECT ({what})::text"));
        let value = match *value {
            "t" => "true",
            "f" => "false",
            other => other,
        };
        assert_eq!(found, value, "case {number}: {what}\n{down}");
    }
    undone
}

const OPTIONS: &str = "(SELECT reloptions FROM pg_class WHERE relname = 'v')";
const TRIGGERS: &str =
    "(SELECT string_agg(tgname, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'v'::regclass)";
const GIVEN: &str = "(SELECT string_agg(attname || ' ' || attacl::text, ' ' ORDER BY attname) FROM pg_attribute WHERE attrelid = 'v'::regclass AND attacl IS NOT NULL)";

fn cases() -> Vec<Case<'static>> {
    let order_and = |more: &str| format!("{ORDER}{more}");
    vec![
        // A column that goes takes what was given on it along, whoever gave it; options stay one by one.
        Case {
            first: order_and(VIEW),
            next: format!(
                "DROP VIEW v;\n{}GRANT SELECT (total) ON v TO reader;\nCOMMENT ON COLUMN v.total IS 'said';\n\
                 COMMENT ON COLUMN v.owner IS 'who';\nALTER VIEW v ALTER COLUMN total SET DEFAULT 7;\n",
                WIDER.replace(" AS ", " WITH (security_barrier = true) AS ")
            ),
            hand: "GRANT SELECT (owner), SELECT (id) ON v TO clerk; COMMENT ON COLUMN v.id IS 'by hand'; \
                   ALTER VIEW v SET (check_option = local); GRANT SELECT ON v TO clerk",
            then: &[
                (GIVEN, "id {clerk=r/postgres}"),
                ("has_table_privilege('clerk', 'v', 'SELECT')", "t"),
                ("col_description('v'::regclass, 1)", "by hand"),
                ("col_description('v'::regclass, 2) IS NULL", "t"),
                ("(SELECT count(*) FROM pg_attrdef WHERE adrelid = 'v'::regclass)", "0"),
                (OPTIONS, "{check_option=local}"),
            ],
        },
        // The same without a column that goes: the view is replaced where it is.
        Case {
            first: order_and(VIEW),
            next: format!(
                "{}COMMENT ON COLUMN v.total IS 'said';\n",
                VIEW.replace("CREATE", "CREATE OR REPLACE")
                    .replace(" AS ", " WITH (check_option = local) AS ")
                    .replace("\"Order\"", "\"Order\" WHERE total > 0")
            ),
            hand: "ALTER VIEW v SET (security_barrier = true)",
            then: &[(OPTIONS, "{security_barrier=true}"), ("col_description('v'::regclass, 2) IS NULL", "t")],
        },
        // Triggers: the migration's goes, that of before comes back as it was, somebody's stays.
        Case {
            first: format!(
                "{ORDER}{VIEW}{MADE}CREATE TRIGGER old INSTEAD OF UPDATE ON v FOR EACH ROW EXECUTE FUNCTION made();\n"
            ),
            next: format!(
                "{}COMMENT ON COLUMN v.owner IS 'who';\n\
                 CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION made();\n",
                WIDER.replace("CREATE", "CREATE OR REPLACE")
            ),
            hand: "CREATE TRIGGER h INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION made()",
            then: &[(TRIGGERS, "h old")],
        },
        // A trigger that the migration gives and nothing else.
        Case {
            first: format!("{ORDER}{VIEW}{MADE}"),
            next: "CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION made();\n"
                .to_owned(),
            hand: "SELECT",
            then: &[(TRIGGERS, "")],
        },
        // Rules: one with another body comes back as it was, one that does not fit is left out.
        Case {
            first: order_and(&format!(
                "{VIEW}CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO \"Order\" (owner, total) VALUES ('x', new.total);\n"
            )),
            next: format!(
                "DROP VIEW v;\n{WIDER}CREATE RULE r AS ON INSERT TO v DO INSTEAD \
                 INSERT INTO \"Order\" (owner, total) VALUES (new.owner, new.total);\n"
            ),
            hand: "CREATE RULE s AS ON UPDATE TO v DO INSTEAD UPDATE \"Order\" SET owner = new.owner WHERE id = new.id; \
                   CREATE RULE t AS ON DELETE TO v DO INSTEAD NOTHING",
            then: &[
                (
                    "(SELECT string_agg(rulename, ' ' ORDER BY rulename) FROM pg_rewrite WHERE ev_class = 'v'::regclass)",
                    "_RETURN r t",
                ),
                ("(SELECT pg_get_ruledef(oid) ~ 'new.owner' FROM pg_rewrite WHERE rulename = 'r')", "f"),
            ],
        },
        // A view of the migration's own goes with its rule and its trigger.
        Case {
            first: order_and(MADE),
            next: format!(
                "{VIEW}CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION made();\n\
                 CREATE RULE t AS ON DELETE TO v DO INSTEAD NOTHING;\nGRANT SELECT (total) ON v TO reader;\n"
            ),
            hand: "GRANT SELECT ON v TO clerk",
            then: &[("to_regclass('v') IS NULL", "t")],
        },
        // What somebody filled is full.
        Case {
            first: order_and(
                "CREATE MATERIALIZED VIEW sums AS SELECT sum(total) AS total FROM \"Order\" WITH NO DATA;\n",
            ),
            next: "DROP MATERIALIZED VIEW sums;\nALTER TABLE \"Order\" ALTER COLUMN total TYPE BIGINT;\n\
                   CREATE MATERIALIZED VIEW sums AS SELECT sum(total) AS total FROM \"Order\";\n"
                .to_owned(),
            hand: "INSERT INTO \"Order\" (owner, total) VALUES ('ann', 5); REFRESH MATERIALIZED VIEW sums",
            then: &[("(SELECT total FROM sums)", "5")],
        },
        // An index that hands built on a materialized view, which REFRESH … CONCURRENTLY needs; one of a column that goes does not
        // stay, and those of migrations are as the migrations say.
        Case {
            first: order_and(&format!(
                "{MATERIALIZED}CREATE INDEX v_total ON v(total);\nCREATE INDEX v_both ON v(total, id);\n"
            )),
            next: format!(
                "DROP MATERIALIZED VIEW v;\n{}CREATE INDEX v_owner ON v(id);\nCREATE INDEX v_both ON v(id, total);\n",
                WIDER.replace("VIEW", "MATERIALIZED VIEW")
            ),
            hand: "INSERT INTO \"Order\" (owner, total) VALUES ('ann', 5); CREATE UNIQUE INDEX \"By hand\" ON v(id) WITH (fillfactor = 70); \
                   COMMENT ON INDEX \"By hand\" IS 'of hands'; ALTER MATERIALIZED VIEW v CLUSTER ON \"By hand\"; \
                   CREATE INDEX by_owner ON v(owner, id); REFRESH MATERIALIZED VIEW CONCURRENTLY v",
            then: &[
                (
                    "(SELECT string_agg(indexname, ', ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'v')",
                    "By hand, v_both, v_total",
                ),
                (
                    "(SELECT indisunique AND indisclustered AND reloptions::text = '{fillfactor=70}' FROM pg_index JOIN pg_class ON oid = indexrelid \
                     WHERE relname = 'By hand')",
                    "t",
                ),
                ("obj_description('\"By hand\"'::regclass)", "of hands"),
                ("pg_get_indexdef('v_both'::regclass) LIKE '%(total, id)'", "t"),
                ("(SELECT total FROM v)", "5"),
            ],
        },
        // So it is with extended statistics.
        Case {
            first: order_and(&format!(
                "{MATERIALIZED}CREATE STATISTICS s_first ON id, total FROM v;\nCREATE STATISTICS s_both ON id, total FROM v;\n"
            )),
            next: format!(
                "DROP MATERIALIZED VIEW v;\n{}CREATE STATISTICS s_next ON id, total FROM v;\nCREATE STATISTICS s_both ON id, total FROM v;\n",
                WIDER.replace("VIEW", "MATERIALIZED VIEW")
            ),
            hand: "CREATE STATISTICS \"By hand\" (mcv) ON id, total FROM v; ALTER STATISTICS \"By hand\" SET STATISTICS 500; \
                   ALTER STATISTICS \"By hand\" OWNER TO boss; COMMENT ON STATISTICS \"By hand\" IS 'of hands'; \
                   ALTER STATISTICS s_both SET STATISTICS 70; CREATE STATISTICS of_owner ON owner, id FROM v",
            then: &[
                (
                    "(SELECT string_agg(concat_ws(' ', stxname, nullif(to_jsonb(s) ->> 'stxstattarget', '-1')), ', ' ORDER BY stxname) \
                     FROM pg_statistic_ext s)",
                    "By hand 500, s_both 70, s_first",
                ),
                (
                    "(SELECT concat_ws(' ', pg_get_userbyid(stxowner), obj_description(oid, 'pg_statistic_ext'), stxkind) \
                     FROM pg_statistic_ext WHERE stxname = 'By hand')",
                    "boss of hands {m}",
                ),
            ],
        },
        // A view that is materialized or the other way round: what fits the other kind comes back with it.
        Case {
            first: order_and(VIEW),
            next: format!(
                "DROP VIEW v;\n{MATERIALIZED}COMMENT ON MATERIALIZED VIEW v IS 'of the migration';\n"
            ),
            hand: "ALTER MATERIALIZED VIEW v OWNER TO boss; GRANT SELECT ON v TO reader WITH GRANT OPTION; \
                   GRANT SELECT (id) ON v TO clerk; COMMENT ON COLUMN v.id IS 'by hand'; ALTER MATERIALIZED VIEW v SET (fillfactor = 70)",
            then: &[
                ("(SELECT relkind FROM pg_class WHERE relname = 'v')", "v"),
                ("(SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'v')", "boss"),
                ("has_table_privilege('reader', 'v', 'SELECT WITH GRANT OPTION')", "t"),
                ("has_column_privilege('clerk', 'v', 'id', 'SELECT')", "t"),
                ("has_table_privilege('clerk', 'v', 'SELECT')", "f"),
                ("col_description('v'::regclass, 1)", "by hand"),
                ("obj_description('v'::regclass) IS NULL", "t"),
                ("(SELECT reloptions IS NULL FROM pg_class WHERE relname = 'v')", "t"),
            ],
        },
        Case {
            first: format!("{ORDER}{MADE}{MATERIALIZED}CREATE INDEX v_id ON v (id);\n"),
            next: format!("DROP MATERIALIZED VIEW v;\n{VIEW}GRANT SELECT ON v TO clerk;\n"),
            hand: "INSERT INTO \"Order\" (owner, total) VALUES ('ann', 5); GRANT SELECT ON v TO reader; COMMENT ON VIEW v IS 'by hand'; \
                   ALTER VIEW v SET (security_barrier = true); ALTER VIEW v ALTER COLUMN total SET DEFAULT 7; \
                   CREATE TRIGGER h INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION made(); \
                   CREATE RULE r AS ON UPDATE TO v DO INSTEAD NOTHING",
            then: &[
                ("(SELECT relkind FROM pg_class WHERE relname = 'v')", "m"),
                ("(SELECT total FROM v)", "5"),
                ("has_table_privilege('reader', 'v', 'SELECT')", "t"),
                ("has_table_privilege('clerk', 'v', 'SELECT')", "f"),
                ("obj_description('v'::regclass)", "by hand"),
                ("to_regclass('v_id') IS NOT NULL", "t"),
            ],
        },
        // Names that two columns exchange: values and privileges stay where they are.
        Case {
            first: "CREATE TABLE p (a TEXT, b INTEGER);\nCREATE TABLE q (x INTEGER, y INTEGER);\n".to_owned(),
            next:
                "ALTER TABLE p RENAME a TO c;\nALTER TABLE p RENAME b TO a;\nALTER TABLE p RENAME c TO b;\n\
                   ALTER TABLE q RENAME x TO z;\nALTER TABLE q RENAME y TO x;\nALTER TABLE q RENAME z TO y;\n"
                    .to_owned(),
            hand: "GRANT SELECT (a) ON p TO reader; INSERT INTO q (x, y) VALUES (1, 2)",
            then: &[
                ("has_column_privilege('reader', 'p', 'a', 'SELECT')", "f"),
                ("has_column_privilege('reader', 'p', 'b', 'SELECT')", "t"),
                ("(SELECT x FROM q)", "2"),
            ],
        },
        // The same in a migration that does nothing else.
        Case {
            first: "CREATE TABLE q (x INTEGER, y INTEGER);\n".to_owned(),
            next:
                "ALTER TABLE q RENAME x TO z;\nALTER TABLE q RENAME y TO x;\nALTER TABLE q RENAME z TO y;\n"
                    .to_owned(),
            hand: "INSERT INTO q (x, y) VALUES (1, 2)",
            then: &[("(SELECT x FROM q)", "2")],
        },
        // The owner's own, and that of a member who rolls back.
        Case {
            first: order_and(VIEW),
            next: format!("DROP VIEW v;\n{WIDER}"),
            hand: "ALTER VIEW v OWNER TO boss; GRANT SELECT ON v TO postgres; REVOKE INSERT ON v FROM boss",
            then: &[
                ("(SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'v')", "boss"),
                (
                    "(SELECT string_agg(DISTINCT privilege_type, ' ') FROM pg_class, aclexplode(relacl) WHERE relname = 'v' AND grantee = 'postgres'::regrole)",
                    "SELECT",
                ),
                ("has_table_privilege('boss', 'v', 'INSERT')", "f"),
                ("has_table_privilege('boss', 'v', 'UPDATE')", "t"),
            ],
        },
    ]
}

#[test]
fn what_hands_gave_stays_and_stops_no_way_back() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser(
            "CREATE ROLE clerk; CREATE ROLE reader; CREATE ROLE boss; GRANT boss TO postgres; GRANT ALL ON SCHEMA public TO boss",
        );
        for (number, case) in cases().into_iter().enumerate() {
            let undone = undone(&server, number, &case);
            // What does not fit the object any more is left out, and never without a word.
            let misfits = case.hand.contains("by_owner") || case.hand.contains("of_owner");
            let said = undone.stdout.contains(&format!("{NEXT}: left out: CREATE "));
            assert!(said || !misfits, "case {number}: {}", undone.both());
        }
        what_a_deploy_takes_is_said(&server);
    }
}

/// On the way there PostgreSQL takes it away with the view, and the migration's author may not know of it.
fn what_a_deploy_takes_is_said(server: &Server) {
    server.as_superuser(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public",
    );
    let project = project(&[(FIRST, &format!("{ORDER}{VIEW}"))]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.rows(
        "GRANT SELECT ON v TO clerk, reader; GRANT SELECT (id) ON v TO clerk; COMMENT ON VIEW v IS 'by hand'",
    );
    let next = format!("DROP VIEW v;\n{MATERIALIZED}GRANT SELECT ON v TO clerk;\n");
    project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), next);
    let deployed = server.run(&project, &["migrate", "deploy"]);
    let said = "it made \"v\" anew, without what was given to the view before; where that is to stay, run: ";
    let rest = deployed.stdout.split_once(said).map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let rest = rest.unwrap_or_else(|| panic!("{}", deployed.both()));
    let (kept, gone) = ("GRANT SELECT ON v TO clerk", "GRANT SELECT ON v TO reader");
    assert!(rest.contains(gone) && !rest.contains(kept), "{rest}");
    assert!(rest.contains("COMMENT ON MATERIALIZED VIEW v IS 'by hand'"), "{rest}");
    // What is said runs, and then there is nothing more to say.
    server.rows(rest);
    assert_eq!(server.value("SELECT has_table_privilege('reader', 'v', 'SELECT')"), "t");
    assert_eq!(server.value("SELECT has_column_privilege('clerk', 'v', 'id', 'SELECT')"), "t");
    assert_eq!(server.value("SELECT obj_description('v'::regclass)"), "by hand");
    // Without a unique index no REFRESH … CONCURRENTLY runs. One that the migration makes in another way is the migration's.
    server.rows("CREATE UNIQUE INDEX by_hand ON v(id); CREATE INDEX v_total ON v(total)");
    let again = format!(
        "DROP MATERIALIZED VIEW v;\n{}CREATE UNIQUE INDEX v_total ON v(total, id);\n",
        WIDER.replace("VIEW", "MATERIALIZED VIEW")
    );
    project.write("prisma/migrations/20260103000000_again/migration.sql", &again);
    let deployed = server.run(&project, &["migrate", "deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.both());
    let rest = deployed.stdout.split_once(said).map(|(_, rest)| rest.lines().next().unwrap_or_default());
    let rest = rest.unwrap_or_else(|| panic!("{}", deployed.both()));
    assert!(rest.contains("CREATE UNIQUE INDEX by_hand ON public.v USING btree (id)"), "{rest}");
    assert!(!rest.contains("v_total"), "{rest}");
    server.rows(rest);
    server.rows("REFRESH MATERIALIZED VIEW CONCURRENTLY v");
    // Of a view that goes for good there is nothing to say, of the one beside it there is.
    server.rows("CREATE VIEW w AS SELECT id FROM \"Order\"; GRANT SELECT ON w TO reader");
    let last = format!(
        "DROP MATERIALIZED VIEW v;\nDROP VIEW w;\n{VIEW}CREATE VIEW w AS SELECT id FROM v;\n\
         CREATE OR REPLACE VIEW w AS SELECT id FROM \"Order\";\nDROP VIEW v;\n"
    );
    project.write("prisma/migrations/20260104000000_last/migration.sql", &last);
    let deployed = server.run(&project, &["migrate", "deploy"]);
    let said = "it made \"w\" anew, without what was given to the view before; where that is to stay, run: GRANT SELECT ON w TO reader";
    let lines: Vec<&str> =
        deployed.stdout.lines().filter(|line| line.contains("anew")).map(str::trim).collect();
    assert!(lines.len() == 1 && lines[0].ends_with(said), "{}", deployed.both());
}

#[test]
fn each_thing_by_itself_is_said_of_a_plain_view() {
    let given = [
        ("GRANT SELECT ON v TO reader", "GRANT SELECT ON v TO reader"),
        ("GRANT SELECT (id) ON v TO reader", "GRANT SELECT (id) ON v TO reader"),
        ("COMMENT ON VIEW v IS 'by hand'", "COMMENT ON VIEW v IS 'by hand'"),
        ("COMMENT ON COLUMN v.id IS 'by hand'", "COMMENT ON COLUMN v.id IS 'by hand'"),
        ("ALTER VIEW v ALTER COLUMN total SET DEFAULT 3", "ALTER VIEW v ALTER COLUMN total SET DEFAULT 3"),
        ("ALTER VIEW v SET (security_barrier = true)", "ALTER VIEW v SET (security_barrier=true)"),
        ("CREATE RULE r AS ON DELETE TO v DO INSTEAD NOTHING", "CREATE RULE r AS"),
        (
            "CREATE TRIGGER h INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION made()",
            "CREATE TRIGGER h INSTEAD OF DELETE",
        ),
    ];
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser("CREATE ROLE reader");
        let project = project(&[(FIRST, &format!("{ORDER}{MADE}{VIEW}"))]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        for (at, (sql, said)) in std::iter::once(("SELECT 1", "")).chain(given).enumerate() {
            server.rows(sql);
            let path = format!("prisma/migrations/202602010000{at:02}_again/migration.sql");
            project.write(&path, format!("DROP VIEW v;\n{VIEW}"));
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(0), "{}", deployed.both());
            let told = format!(
                "it made \"v\" anew, without what was given to the view before; where that is to stay, run: {said}"
            );
            assert_eq!(deployed.stdout.contains(&told), !said.is_empty(), "{sql}: {}", deployed.both());
        }
    }
}

/// A renamed column whose second one stays: the first takes along on its way back what was given on it.
#[test]
fn the_first_of_two_names_comes_back_with_its_privileges() {
    let Some(server) = Server::start(17) else { return };
    let project = project(&[(FIRST, ORDER)]);
    assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
    server.as_superuser("CREATE ROLE clerk");
    server.rows("GRANT SELECT (total) ON \"Order\" TO clerk");
    planned(
        &server,
        &project,
        "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\nCREATE INDEX i ON \"Order\"(amount);\n",
    );
    deployed_one_by_one(&server, &project, &mut |_| ());
    let names = folders(&project);
    let dropped = names.iter().position(|name| name.ends_with("_drop_total")).unwrap();
    let steps = (names.len() - dropped).to_string();
    let undone = server.run(&project, &["migrate", "rollback", "--steps", &steps, "--accept-data-loss"]);
    assert_eq!(undone.code, Some(0), "{}", undone.both());
    for column in ["total", "amount"] {
        let may = format!("SELECT has_column_privilege('clerk', '\"Order\"', '{column}', 'SELECT')");
        assert_eq!(server.value(&may), "t", "{column}");
    }
}
