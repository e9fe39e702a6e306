//! `migrate plan --safe` of an enum where hands made things upon it that no file knows: the plan refuses them by name, and so does
//! the first folder, before anything changes, and the swap, where they came meanwhile.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_types::planned;

pub(crate) const FIRST: &str = "20260101000000_init";
pub(crate) const NEXT: &str = "20260102000000_next";

pub(crate) const INIT: &str = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, status \"Status\" DEFAULT 'OPEN', n INTEGER NOT NULL DEFAULT 0);\n\
    CREATE INDEX \"Order_status_idx\" ON \"Order\"(status);\n\
    ALTER TABLE \"Order\" ADD CONSTRAINT our_check CHECK (status <> 'VOID' OR n >= 0);\n\
    CREATE VIEW our_view AS SELECT id, status FROM \"Order\";\nCREATE VIEW over_view AS SELECT id FROM our_view;\n\
    CREATE VIEW beside_view AS SELECT id, n FROM \"Order\";\n\
    ALTER TABLE \"Order\" ENABLE ROW LEVEL SECURITY;\nCREATE POLICY our_policy ON \"Order\" USING (status <> 'PAID');\n\
    CREATE FUNCTION ranked(s \"Status\") RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT CASE WHEN s = ''PAID'' THEN 2 ELSE 1 END';\n\
    CREATE TABLE \"Other\" (id INTEGER PRIMARY KEY);\n";

/// What hands make, by the name that it is refused under.
const STRANGERS: [(&str, &str, &str); 21] = [
    ("view public.w_column", "CREATE VIEW w_column AS SELECT status FROM \"Order\"", "DROP VIEW w_column"),
    (
        "materialized view public.w_filled",
        "CREATE MATERIALIZED VIEW w_filled AS SELECT status FROM \"Order\"",
        "DROP MATERIALIZED VIEW w_filled",
    ),
    ("view public.w_over", "CREATE VIEW w_over AS SELECT id FROM our_view", "DROP VIEW w_over"),
    ("view public.w_call", "CREATE VIEW w_call AS SELECT ranked('PAID') AS r", "DROP VIEW w_call"),
    (
        "default value for column",
        "ALTER TABLE \"Other\" ADD d INTEGER DEFAULT ranked('PAID')",
        "ALTER TABLE \"Other\" DROP d",
    ),
    ("index public.w_index", "CREATE INDEX w_index ON \"Order\" (status, n)", "DROP INDEX w_index"),
    (
        "index public.w_expression",
        "CREATE INDEX w_expression ON \"Order\" (ranked(status))",
        "DROP INDEX w_expression",
    ),
    (
        "constraint w_check on table",
        "ALTER TABLE \"Order\" ADD CONSTRAINT w_check CHECK (ranked(status) < 9)",
        "ALTER TABLE \"Order\" DROP CONSTRAINT w_check",
    ),
    (
        "policy w_policy on table",
        "CREATE POLICY w_policy ON \"Other\" USING (ranked('PAID') > 0)",
        "DROP POLICY w_policy ON \"Other\"",
    ),
    (
        "trigger w_trigger on table",
        "CREATE TRIGGER w_trigger BEFORE UPDATE ON \"Order\" FOR EACH ROW WHEN (ranked(NEW.status) > 0) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TRIGGER w_trigger ON \"Order\"",
    ),
    (
        "trigger w_of on table",
        "CREATE TRIGGER w_of BEFORE UPDATE OF status ON \"Order\" FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "DROP TRIGGER w_of ON \"Order\"",
    ),
    (
        "function public.w_fold(public.\"Status\")",
        "CREATE FUNCTION w_add(integer, \"Status\") RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1'; CREATE AGGREGATE w_fold(\"Status\") (SFUNC = w_add, STYPE = integer)",
        "DROP AGGREGATE w_fold(\"Status\"); DROP FUNCTION w_add(integer, \"Status\")",
    ),
    (
        "statistics object public.w_statistics",
        "CREATE STATISTICS w_statistics ON status, n FROM \"Order\"",
        "DROP STATISTICS w_statistics",
    ),
    ("column s of table", "CREATE TABLE w_table (s \"Status\"[])", "DROP TABLE w_table"),
    ("type public.w_domain", "CREATE DOMAIN w_domain AS \"Status\"", "DROP DOMAIN w_domain"),
    ("column s of composite type", "CREATE TYPE w_pair AS (s \"Status\")", "DROP TYPE w_pair"),
    (
        "function public.w_bound()",
        "CREATE FUNCTION w_bound() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(status) FROM \"Order\"; END",
        "DROP FUNCTION w_bound()",
    ),
    (
        "function public.w_default(public.\"Status\")",
        "CREATE FUNCTION w_default(s \"Status\" DEFAULT 'VOID') RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "DROP FUNCTION w_default(\"Status\")",
    ),
    (
        "NOT NULL of column status",
        "ALTER TABLE \"Order\" ALTER status SET NOT NULL",
        "ALTER TABLE \"Order\" ALTER status DROP NOT NULL",
    ),
    (
        "cast from",
        "CREATE CAST (\"Status\" AS integer) WITH FUNCTION ranked(\"Status\")",
        "DROP CAST (\"Status\" AS integer)",
    ),
    (
        "rule w_rule on table",
        "CREATE RULE w_rule AS ON UPDATE TO \"Other\" DO ALSO SELECT ranked('PAID')",
        "DROP RULE w_rule ON \"Other\"",
    ),
];

#[test]
fn what_hands_made_upon_an_enum_is_named_before_anything_changes() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        server.as_superuser("CREATE ROLE stranger; GRANT ALL ON SCHEMA public TO PUBLIC");
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let all = |statement: usize| {
            for (_, make, drop) in STRANGERS {
                server.rows([make, drop][statement]);
            }
        };
        let named = |text: &str| {
            for (name, ..) in STRANGERS {
                let name = name.replace("public.", "").replace('"', "");
                let plain = text.replace("public.", "").replace(['"', '\\'], "");
                assert!(plain.contains(&name), "{name}: {text}");
            }
            for ours in ["our_", "\"Order_status_idx", "beside_view", "over_view", "w_add"] {
                assert!(!text.contains(&format!(" {ours}")), "{ours}: {text}");
            }
        };
        all(0);
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let refused = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(refused.code, Some(1), "{}", refused.both());
        named(&refused.stdout);
        assert_eq!(folders(&project).len(), 2, "nothing is written");
        all(1);

        planned(&server, &project, rename);
        let names = folders(&project);
        all(0);
        // One that the role may not drop is named by the folder alone: the plan may be another role's.
        server.as_superuser(
            "CREATE FUNCTION w_theirs(s \"Status\") RETURNS integer LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION w_theirs(\"Status\") OWNER TO stranger",
        );
        let types = "SELECT string_agg(typname, ' ' ORDER BY typname) FROM pg_type WHERE typname ~ '^Status'";
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_ne!(deployed.code, Some(0), "{}", deployed.both());
        named(&deployed.both());
        assert!(deployed.both().contains("w_theirs("), "{}", deployed.both());
        assert_eq!(server.value(types), "Status", "nothing has changed");
        server.as_superuser("DROP FUNCTION w_theirs(\"Status\")");
        all(1);

        let first = &names[1];
        assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", first]).code, Some(0));
        // Something that came after the first folder: the swap names it, too, rather than to lose it.
        let last = names.last().unwrap();
        let apart = project.path().join("apart");
        std::fs::rename(project.path().join("prisma/migrations").join(last), &apart).unwrap();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        server.rows("CREATE INDEX late ON \"Order\" (status, n)");
        std::fs::rename(&apart, project.path().join("prisma/migrations").join(last)).unwrap();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_ne!(deployed.code, Some(0), "{}", deployed.both());
        assert!(deployed.both().contains("index public.late"), "{}", deployed.both());
        server.rows("DROP INDEX late");
        assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", last]).code, Some(0));
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(
            server.value("SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum"),
            "{OPEN,CANCELLED,PAID}"
        );
    }
}

#[test]
fn what_goes_before_the_enum_changes_is_no_stranger() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    let less = "DROP INDEX \"Order_status_idx\";\n";
    let apart = ("20260101120000_less", less);
    let beside = format!("{less}{rename}");
    for (pending, text) in [(Some(apart), rename), (None, beside.as_str())] {
        let Some(server) = Server::start(17) else { return };
        let project = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        for (name, text) in pending.into_iter().chain([(NEXT, text)]) {
            project.write(&format!("prisma/migrations/{name}/migration.sql"), text);
        }
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write", NEXT]);
        assert_eq!(plan.code, Some(0), "{}", plan.both());
        assert!(folders(&project).len() > 4, "{}", plan.both());
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(
            server.value("SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum"),
            "{OPEN,CANCELLED,PAID}"
        );
    }
}

/// Of each enum that a migration changes, whatever the folders of those before it take away.
#[test]
fn what_hands_made_upon_any_of_several_enums_is_named_by_the_plan() {
    let init = format!(
        "{INIT}CREATE TYPE \"Kind\" AS ENUM ('A', 'B', 'C');\nCREATE TYPE \"Level\" AS ENUM ('L', 'M', 'H');\n\
         CREATE TABLE \"Sort\" (id INTEGER PRIMARY KEY, kind \"Kind\", level \"Level\" NOT NULL DEFAULT 'L', n INTEGER);\n\
         CREATE INDEX our_kinds ON \"Sort\"(kind);\nCREATE INDEX our_levels ON \"Sort\"(n, level);\n"
    );
    let renamed = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\nALTER TYPE \"Kind\" RENAME VALUE 'B' TO 'Z';\n";
    // In another order, which nobody waits for: the swap of the first stands before all folders of the second.
    let turned = "CREATE TYPE \"Kind_new\" AS ENUM ('C', 'B', 'A');\n\
        ALTER TABLE \"Sort\" ALTER COLUMN kind TYPE \"Kind_new\" USING (kind::text::\"Kind_new\");\n\
        ALTER TYPE \"Kind\" RENAME TO \"Kind_old\";\nALTER TYPE \"Kind_new\" RENAME TO \"Kind\";\nDROP TYPE \"Kind_old\";\n\
        CREATE TYPE \"Level_new\" AS ENUM ('H', 'M', 'L');\nALTER TABLE \"Sort\" ALTER COLUMN level DROP DEFAULT;\n\
        ALTER TABLE \"Sort\" ALTER COLUMN level TYPE \"Level_new\" USING (level::text::\"Level_new\");\n\
        ALTER TYPE \"Level\" RENAME TO \"Level_old\";\nALTER TYPE \"Level_new\" RENAME TO \"Level\";\nDROP TYPE \"Level_old\";\n\
        ALTER TABLE \"Sort\" ALTER COLUMN level SET DEFAULT 'L';\n";
    // A change of type before it, whose swap takes its own column away and nothing of hands.
    let typed = format!("ALTER TABLE \"Sort\" ALTER COLUMN n TYPE BIGINT;\n{renamed}");
    let cases = [
        (renamed, "\"Order\"(status, n)", "kind FROM \"Sort\""),
        (turned, "\"Sort\"(kind, n)", "level FROM \"Sort\""),
        (&typed, "\"Order\"(status, n)", "kind FROM \"Sort\""),
    ];
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        for (text, first, last) in cases {
            server.as_superuser(
                "DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC",
            );
            let project = project(&[(FIRST, &init)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), text);
            server.rows(&format!("CREATE VIEW w_last AS SELECT {last}"));
            let refused = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
            assert_eq!(refused.code, Some(1), "{}", refused.both());
            let said = "neither carry nor leave: view public.w_last;";
            assert!(refused.stdout.contains(said), "{}", refused.both());
            server.rows(&format!("CREATE INDEX w_first ON {first}"));
            let refused = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
            let said = "leave: index public.w_first, view public.w_last;";
            assert!(refused.stdout.contains(said), "{}", refused.both());
            server.rows("DROP VIEW w_last; DROP INDEX w_first");
            planned(&server, &project, text);
            let deployed = server.run(&project, &["migrate", "deploy"]);
            assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        }
    }
}
