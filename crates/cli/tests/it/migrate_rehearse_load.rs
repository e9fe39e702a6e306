//! What a rehearsal learns from those around a migration: its `checks.sql`, and the application that still runs.

use serde_json::Value;

use crate::migrate_rehearse::{Production, migration, project, rules, succeed};
use crate::support::Project;

fn rehearse(production: &Production, project: &Project, code: i32) -> Value {
    let url = production.url();
    let run = project.run(&[
        "migrate", "rehearse", "--url", &url, "--format", "json", "--quiet", "--scale", "0.1%", "--limit",
        "60s",
    ]);
    succeed(&run, code)
}

fn reasons(migration: &Value) -> String {
    let reasons = migration["reasons"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
    reasons.collect::<Vec<_>>().join("\n")
}

/// Requests of a table that were refused, each with its kind and the line of the statement that broke it.
fn broken<'a>(migration: &'a Value, relation: &str) -> Vec<(&'a str, Option<u64>, &'a str)> {
    let all = migration["broken"].as_array().unwrap().iter().filter(|one| one["relation"] == relation);
    all.map(|one| (one["request"].as_str().unwrap(), one["line"].as_u64(), one["error"].as_str().unwrap()))
        .collect()
}

pub(crate) fn checks_decide(production: &Production) {
    let project = project(&[
        ("20260102000000_fill", "UPDATE \"Order\" SET \"amount\" = 7 WHERE \"id\" <= 2;\n"),
        ("20260103000000_column", "ALTER TABLE \"Order\" ADD COLUMN \"seen\" BOOLEAN;\n"),
        ("20260104000000_alone", "CREATE INDEX CONCURRENTLY \"i\" ON \"Order\"(\"note\");\n"),
    ]);
    let checks =
        |name: &str, text: &str| project.write(&format!("prisma/migrations/{name}/checks.sql"), text);
    checks(
        "20260102000000_fill",
        "-- before\nSELECT \"id\" FROM \"Order\" WHERE \"id\" < 0;\n-- after\n\
         SELECT \"id\" FROM \"Order\" WHERE \"amount\" = 7 AND \"id\" <= 2 ORDER BY \"id\";\n\
         SELECT count(*) = 2 FROM \"Order\" WHERE \"amount\" = 7 AND \"id\" <= 2;\n",
    );
    // Asked where the column is not there yet, and where it is.
    checks(
        "20260103000000_column",
        "-- before\nSELECT NOT EXISTS (SELECT FROM pg_attribute WHERE attname = 'seen');\n\
         -- after\nSELECT \"id\" FROM \"Order\" WHERE \"seen\";\n",
    );
    checks("20260104000000_alone", "-- after\nSELECT \"nothing\" FROM \"Order\";\n");
    let report = rehearse(production, &project, 3);
    let fill = migration(&report, "20260102000000_fill");
    assert_eq!(fill["verdict"], "unsafe", "{fill:#}");
    let said = "line 4 of checks.sql does not hold on the twin: violations of checks.sql (after): SELECT \"id\" FROM \
                \"Order\" WHERE \"amount\" = 7 AND \"id\" <= 2 ORDER BY \"id\": 2 rows (1, 2)";
    assert!(reasons(fill).contains(said), "{fill:#}");
    let results: Vec<&str> = fill["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"]["result"].as_str().unwrap())
        .collect();
    assert_eq!(results, ["passed", "violated", "passed"]);
    let column = migration(&report, "20260103000000_column");
    assert_eq!(column["verdict"], "safe_with_settings", "{column:#}");
    assert_eq!(column["checks"].as_array().unwrap().len(), 2);
    let alone = migration(&report, "20260104000000_alone");
    assert_eq!(alone["verdict"], "unsafe", "{alone:#}");
    assert!(reasons(alone).contains("it fails: column \"nothing\" does not exist"), "{alone:#}");
    // A file that is not understood is no file that is passed over.
    checks("20260104000000_alone", "SELECT 1;\n");
    let run = project.run(&["migrate", "rehearse", "--url", &production.url()]);
    assert_eq!(run.code, Some(1), "{}", run.both());
    assert!(run.stderr.contains("stands in no section"), "{}", run.stderr);
}

pub(crate) fn what_breaks_the_application(production: &Production) {
    let project = project(&[
        (
            "20260102000000_drop",
            "ALTER TABLE \"Vendor\" ADD COLUMN \"seen\" BOOLEAN;\nALTER TABLE \"Order\" DROP COLUMN \"note\";\n",
        ),
        (
            "20260103000000_required",
            "ALTER TABLE \"Vendor\" ADD COLUMN \"city\" TEXT;\nUPDATE \"Vendor\" SET \"city\" = 'x';\n\
             ALTER TABLE \"Vendor\" ALTER COLUMN \"city\" SET NOT NULL;\n",
        ),
        ("20260104000000_back", "ALTER TABLE \"Vendor\" ALTER COLUMN \"city\" DROP NOT NULL;\n"),
        (
            "20260105000000_refuse",
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'it stays'; END $$;\n\
             CREATE TRIGGER keep BEFORE DELETE ON \"Vendor\" FOR EACH ROW EXECUTE FUNCTION refuse();\n",
        ),
    ]);
    let report = rehearse(production, &project, 3);
    let drop = migration(&report, "20260102000000_drop");
    assert_eq!((drop["verdict"].as_str(), rules(drop)), (Some("unsafe"), vec!["column-dropped"]), "{drop:#}");
    let of_orders = broken(drop, "Order");
    let kinds: Vec<&str> = of_orders.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, ["INSERT", "SELECT"], "what names no dropped column goes on: {drop:#}");
    assert!(of_orders.iter().all(|(_, line, error)| *line == Some(2) && error.contains("42703")), "{drop:#}");
    assert!(broken(drop, "Vendor").is_empty(), "{drop:#}");
    let said = "line 2: the running application breaks at this statement: its INSERT of \"Order\" fails from then on: column \
                \"note\" of relation \"Order\" does not exist";
    assert!(reasons(drop).contains(said), "{drop:#}");
    // Reading and changing goes on, new rows do not.
    let required = migration(&report, "20260103000000_required");
    let of_vendors = broken(required, "Vendor");
    assert_eq!(of_vendors.len(), 1, "{required:#}");
    assert_eq!((of_vendors[0].0, of_vendors[0].1), ("INSERT", Some(3)), "{required:#}");
    assert!(of_vendors[0].2.contains("23502"), "{required:#}");
    assert!(rules(required).contains(&"constraint-rejects-old-writes"), "{required:#}");
    // What cannot be asked to begin with is said, and is nobody's fault.
    assert!(broken(migration(&report, "20260104000000_back"), "Vendor").is_empty(), "{report:#}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("the load inserts no rows into \\\"Vendor\\\": null value in column"), "{notes}");
    // The load deletes what it inserted.
    let refuse = migration(&report, "20260105000000_refuse");
    let of_vendors = broken(refuse, "Vendor");
    assert_eq!(of_vendors.len(), 1, "{refuse:#}");
    assert_eq!(of_vendors[0].0, "DELETE", "{refuse:#}");
    assert!(of_vendors[0].2.contains("it stays"), "{refuse:#}");
}

/// What `check` takes for allowed the rehearsal takes for accepted, and what has expired neither.
pub(crate) fn what_is_accepted(production: &Production) {
    let project = project(&[
        (
            "20260102000000_comment",
            "-- pgsteward: allow(column-dropped) no version reads it\nALTER TABLE \"Order\"\n  DROP COLUMN \"note\";\n",
        ),
        ("20260103000000_configured", "ALTER TABLE \"Order\" DROP COLUMN \"amount\";\n"),
        ("20260104000000_expired", "ALTER TABLE \"Vendor\" DROP COLUMN \"name\";\n"),
        ("20260105000000_named", "ALTER TABLE \"Order\" RENAME TO \"Purchase\";\n"),
    ]);
    project.write(
        "pgsteward.toml",
        "[[allow]]\nrule = \"column-dropped\"\nobject = \"Order.amount\"\nreason = \"never filled\"\n\n\
         [[allow]]\nrule = \"column-dropped\"\nobject = \"Vendor.*\"\nreason = \"soon\"\nuntil = \"2020-01-01\"\n",
    );
    let url = production.url();
    let rehearse = |accept: &str| {
        project.run(&["migrate", "rehearse", "--url", &url, "--quiet", "--scale", "0.1%", "--accept", accept])
    };
    let run = rehearse("table-renamed,index-not-concurrent");
    assert_eq!(run.code, Some(3), "{}", run.both());
    let told = |name: &str| run.stdout.split("\n\n").find(|part| part.starts_with(name)).unwrap_or_default();
    for (name, by) in [
        ("20260102000000_comment", "column-dropped; allow in the migration: no version reads it"),
        ("20260103000000_configured", "column-dropped; allow in pgsteward.toml: never filled"),
        ("20260105000000_named", "table-renamed; --accept"),
    ] {
        let said = told(name);
        assert!(said.starts_with(&format!("{name}: accepted\n")), "{}", run.both());
        assert!(said.contains(&format!("  accepted ({by}): line ")), "{said}");
        assert!(
            said.contains("with: lock_timeout = '3000ms'"),
            "what is accepted still takes its lock: {said}"
        );
        assert!(!said.contains("hint:"), "{said}");
    }
    let expired = told("20260104000000_expired");
    assert!(expired.starts_with("20260104000000_expired: unsafe\n"), "{expired}");
    assert!(expired.contains("accept it: `-- pgsteward: allow(column-dropped) why`"), "{expired}");
    let run = rehearse("column-droped");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("did you mean `column-dropped`?"), "{}", run.stderr);
    // As the review says.
    let review = project.check(&["--no-lab", "--all-migrations"]);
    let found = review.of_rule("column-dropped");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0]["location"]["file"].as_str().unwrap().contains("20260104000000_expired"));
}

/// The migration has the parent and wants the child, while a request that has the child wants the parent.
pub(crate) fn deadlocks_are_told(production: &Production) {
    let project = project(&[
        (
            "20260102000000_key",
            "ALTER TABLE \"Order\" ADD CONSTRAINT \"key\" FOREIGN KEY (\"vendorId\") REFERENCES \"Vendor\"(\"id\");\n",
        ),
        (
            "20260103000000_both",
            // The load asks "Order" only, whose new rows look at "Vendor". Goes on once one of them waits for that, or
            // nobody else is there.
            "DO $$ BEGIN\n\
               EXECUTE 'LOCK TABLE ' || quote_ident('Vendor');\n\
               WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()\n\
                             AND backend_type = 'client backend')\n\
               AND NOT EXISTS (SELECT FROM pg_locks wants JOIN pg_locks has USING (pid)\n\
                               WHERE NOT wants.granted AND wants.relation = '\"Vendor\"'::regclass\n\
                               AND has.granted AND has.relation = '\"Order\"'::regclass AND has.mode = 'RowExclusiveLock')\n\
               LOOP PERFORM pg_sleep(0.005); END LOOP;\n\
             END $$;\n\
             ALTER TABLE \"Order\" ADD COLUMN \"a\" INTEGER;\n",
        ),
    ]);
    let report = rehearse(production, &project, 3);
    let both = migration(&report, "20260103000000_both");
    assert_eq!(both["verdict"], "unsafe", "{both:#}");
    assert!(!both["deadlocks"].as_array().unwrap().is_empty(), "{both:#}");
    assert!(reasons(both).contains("waited for each other"), "{both:#}");
    assert!(rules(both).contains(&"lock-held-during-work"), "{both:#}");
    assert_eq!(
        both["broken"].as_array().unwrap().len(),
        0,
        "a deadlock is no request that fails from then on"
    );
}
