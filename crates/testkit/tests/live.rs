//! A check of a database: what it finds is tried on a copy of its schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use pgsteward_engine::NoProgress;
use pgsteward_engine::check::{CheckOptions, Checked, check};
use pgsteward_engine::collect::LabWish;
use pgsteward_lab::{Database, Lab};
use pgsteward_model::finding::Finding;
use pgsteward_model::proof::{Observation, Verdict};
use pgsteward_testkit::labs::{MAJORS, lab, runtime};

const SCHEMA: &str = "
    CREATE SCHEMA shop;
    CREATE TYPE shop.state AS ENUM ('new', 'paid');
    CREATE FUNCTION shop.next_code() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE TABLE shop.customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text NOT NULL);
    CREATE TABLE shop.\"Order\" (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        code int NOT NULL DEFAULT shop.next_code(),
        state shop.state NOT NULL DEFAULT 'new',
        customer_id bigint NOT NULL REFERENCES shop.customer
    );
    CREATE VIEW shop.open_order AS SELECT o.* FROM shop.\"Order\" o WHERE o.state = 'new';
    INSERT INTO shop.customer (email) VALUES ('a@example.org'), ('a@example.org');
";

/// Fails for the duplicates and leaves an invalid index.
const BROKEN: &str = "CREATE UNIQUE INDEX CONCURRENTLY customer_email ON shop.customer (email)";

async fn database(lab: &Lab) -> Database {
    let database = lab.create_database().await.unwrap();
    let session = database.session().await.unwrap();
    session.simple(SCHEMA).await.unwrap();
    session.simple(BROKEN).await.unwrap_err();
    session.close().await;
    database
}

/// The review of a database of a lab, which plays the live server.
async fn review(database: &Database, major: u32, path: Option<std::path::PathBuf>) -> Checked {
    let options = CheckOptions {
        path,
        url: Some(database.url()),
        lab: LabWish { major: Some(major), ..LabWish::default() },
        ..CheckOptions::default()
    };
    check(&options, &NoProgress).await.unwrap()
}

fn finding<'a>(checked: &'a Checked, rule: &str) -> &'a Finding {
    let findings = &checked.review.findings;
    findings.iter().find(|finding| finding.rule == rule).unwrap_or_else(|| {
        let found: Vec<_> = findings.iter().map(|finding| (finding.rule, &finding.message)).collect();
        panic!("no finding of {rule} in {found:#?}")
    })
}

fn verdict(finding: &Finding) -> &Verdict {
    let proof = finding.proof.as_ref();
    &proof.unwrap_or_else(|| panic!("no proof of {}: {}", finding.rule, finding.message)).verdict
}

fn proven(finding: &Finding) {
    assert_eq!(*verdict(finding), Verdict::Proven, "{}", finding.message);
    let seen = &finding.proof.as_ref().unwrap().observations;
    assert!(seen.iter().any(|one| matches!(one, Observation::FindingGone)), "{seen:#?}");
}

fn copies(checked: &Checked) -> Vec<&str> {
    let gaps = checked.review.gaps.iter();
    gaps.filter(|gap| gap.what == "copy of the database").map(|gap| gap.why.as_str()).collect()
}

#[test]
fn findings_of_a_database_alone_are_proven_on_its_schema() {
    for major in MAJORS {
        let lab = match lab(major) {
            Ok(lab) => lab,
            Err(why) => {
                eprintln!("not tested on PostgreSQL {major}: {why}");
                continue;
            }
        };
        runtime().block_on(async {
            let live = database(&lab).await;
            let checked = review(&live, major, None).await;
            assert_eq!(copies(&checked), [""; 0]);
            proven(finding(&checked, "foreign-key-without-index"));
            proven(finding(&checked, "invalid-index"));
            lab.drop_database(live).await.unwrap();
        });
    }
}

/// A table that the lab cannot make says nothing about the fix of another one.
#[test]
fn what_the_lab_cannot_make_is_told_and_its_fixes_are_not_judged() {
    let lab = match lab(MAJORS[0]) {
        Ok(lab) => lab,
        Err(why) => return eprintln!("not tested on PostgreSQL {}: {why}", MAJORS[0]),
    };
    runtime().block_on(async {
        let live = database(&lab).await;
        let session = live.session().await.unwrap();
        // The model does not hold collations of people, so this table cannot be made again.
        session
            .simple(
                "CREATE COLLATION shop.own (provider = libc, locale = 'C');
                 CREATE TABLE shop.odd (id int PRIMARY KEY, name text COLLATE shop.own, customer_id bigint REFERENCES shop.customer)",
            )
            .await
            .unwrap();
        session.close().await;
        let checked = review(&live, MAJORS[0], None).await;
        let gaps = copies(&checked);
        assert_eq!(gaps.len(), 1, "{gaps:#?}");
        assert!(gaps[0].contains("table shop.odd") && gaps[0].contains("shop.own"), "{gaps:#?}");
        let found = checked.review.findings.iter().filter(|one| one.rule == "foreign-key-without-index");
        for one in found {
            match one.message.contains("odd") {
                true => assert!(matches!(verdict(one), Verdict::Unprovable { .. }), "{one:#?}"),
                false => proven(one),
            }
        }
        let odd = |one: &&Finding| one.rule == "foreign-key-without-index" && one.message.contains("odd");
        let odd = checked.review.findings.iter().find(odd).expect("a finding of the odd table");
        assert!(odd.fix.is_some(), "a fix that could not be tried is kept");
        lab.drop_database(live).await.unwrap();
    });
}

/// With a repository that does not make what the database has, the database is what a fix meets.
#[test]
fn a_database_that_left_its_history_is_proven_as_it_is() {
    let lab = match lab(MAJORS[0]) {
        Ok(lab) => lab,
        Err(why) => return eprintln!("not tested on PostgreSQL {}: {why}", MAJORS[0]),
    };
    let folder = tempfile::tempdir().unwrap();
    let migration = folder.path().join("prisma/migrations/20260101000000_init");
    std::fs::create_dir_all(&migration).unwrap();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";
    std::fs::write(folder.path().join("prisma/schema.prisma"), schema).unwrap();
    std::fs::write(migration.join("migration.sql"), "CREATE TABLE other (id int PRIMARY KEY);\n").unwrap();
    runtime().block_on(async {
        let live = database(&lab).await;
        let checked = review(&live, MAJORS[0], Some(folder.path().to_owned())).await;
        assert_eq!(copies(&checked), [""; 0]);
        proven(finding(&checked, "foreign-key-without-index"));
        proven(finding(&checked, "invalid-index"));
        lab.drop_database(live).await.unwrap();
    });
}
