//! `migrate plan --safe` of an enum where hands changed what migrations made: words of views and policies, values, owners. The plan
//! refuses them by name, and so does the first folder, before anything changes.

use crate::migrate_plan::{Server, folders, project};
use crate::migrate_plan_strangers::{FIRST, INIT, NEXT};
use crate::migrate_plan_types::planned;

/// The swap gives views and policies the words of migrations: rows that hands hid would be seen again.
#[test]
fn what_hands_changed_of_views_and_policies_is_named_before_anything_changes() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    let init = format!(
        "{INIT}CREATE POLICY our_rows ON \"Other\" AS RESTRICTIVE FOR UPDATE USING (EXISTS (SELECT FROM \"Order\" AS o \
         WHERE o.id = \"Other\".id AND o.status = 'OPEN')) WITH CHECK (id IN (SELECT n FROM \"Order\" WHERE status = 'VOID'));\n"
    );
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let project = project(&[(FIRST, &init)]);
        assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        let change = |policy: &str, check: &str, view: &str| {
            server.rows(&format!("ALTER POLICY our_policy ON \"Order\" USING (status {policy} 'PAID')"));
            server.rows(&format!(
                "ALTER POLICY our_rows ON \"Other\" WITH CHECK (id IN (SELECT n FROM \"Order\" WHERE status = '{check}'))"
            ));
            server
                .rows(&format!("CREATE OR REPLACE VIEW our_view AS SELECT id, status FROM \"Order\"{view}"));
        };
        let by_hand = || change("=", "OPEN", " WHERE n > 0");
        let as_made = || change("<>", "VOID", "");
        let named = |text: &str| {
            let plain = text.replace('\\', "");
            for name in [
                "policy our_policy on table public.\"Order\" (changed by hand)",
                "policy our_rows on table public.\"Other\" (changed by hand)",
                "view public.our_view (changed by hand)",
            ] {
                assert!(plain.contains(name), "{name}: {text}");
            }
            assert!(!text.contains("over_view"), "{text}");
        };
        by_hand();
        project.write(&format!("prisma/migrations/{NEXT}/migration.sql"), rename);
        let plan = server.run(&project, &["migrate", "plan", "--safe", "--write"]);
        assert_eq!(plan.code, Some(1), "{}", plan.both());
        named(&plan.stdout);
        assert_eq!(folders(&project).len(), 2, "nothing is written");

        as_made();
        planned(&server, &project, rename);
        let names = folders(&project);
        by_hand();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        named(&deployed.both());
        assert_eq!(
            server.value("SELECT string_agg(typname, ' ') FROM pg_type WHERE typname ~ '^Status'"),
            "Status"
        );
        let again = |name: &str| {
            assert_eq!(server.run(&project, &["migrate", "resolve", "--rolled-back", name]).code, Some(0));
        };
        again(&names[1]);

        as_made();
        let last = names.last().unwrap();
        let apart = project.path().join("apart");
        std::fs::rename(project.path().join("prisma/migrations").join(last), &apart).unwrap();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        std::fs::rename(&apart, project.path().join("prisma/migrations").join(last)).unwrap();
        by_hand();
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        named(&deployed.both());
        let words = "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'our_policy'";
        assert!(server.value(words).contains("status = 'PAID'"), "as hands left it");
        as_made();
        again(last);
        let deployed = server.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert!(server.value(words).contains("status <> 'PAID'"), "as migrations made it");
    }
}

/// Versions word views differently, which is nobody's change.
#[test]
fn views_and_policies_are_compared_as_the_server_words_them_that_runs_the_plan() {
    let rename = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
    for (major, other) in [(17, 15), (15, 17)] {
        let (Some(server), Some(other)) = (Server::start(major), Server::start(other)) else { continue };
        let project = project(&[(FIRST, INIT)]);
        for server in [&server, &other] {
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
        }
        planned(&server, &project, rename);
        let view = "CREATE OR REPLACE VIEW our_view AS SELECT id, status FROM \"Order\"";
        other.rows(&format!("{view} WHERE n > 0"));
        let deployed = other.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(1), "{}", deployed.both());
        assert!(
            deployed.both().contains("leave these: view public.our_view (changed by hand)"),
            "{}",
            deployed.both()
        );
        other.rows(view);
        let first = &folders(&project)[1];
        assert_eq!(other.run(&project, &["migrate", "resolve", "--rolled-back", first]).code, Some(0));
        let deployed = other.run(&project, &["migrate", "deploy"]);
        assert_eq!(deployed.code, Some(0), "{}", deployed.both());
        assert_eq!(other.value("SELECT count(*) FROM pg_class WHERE relname = 'pgsteward_words'"), "0");
    }
}
