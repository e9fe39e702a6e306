//! `facts export` writes how common values are, and the values themselves only on request and of nothing personal.

use pgsteward_lab::{Lab, LabOptions};
use serde_json::Value;

use crate::support::{HEAD, Project};

const ROWS: &str = "CREATE TABLE \"Order\" (\"id\" SERIAL PRIMARY KEY, \"vendorId\" INTEGER NOT NULL, \"state\" TEXT NOT NULL, \
        \"buyerCity\" TEXT NOT NULL, \"email\" TEXT NOT NULL, \"cents\" INTEGER NOT NULL, \"remark\" TEXT NOT NULL);
    INSERT INTO \"Order\" (\"vendorId\", \"state\", \"buyerCity\", \"email\", \"cents\", \"remark\")
        SELECT 90000 + g % 5, CASE WHEN g % 10 < 7 THEN 'posted' ELSE 'waits' END, 'Ulm', 'ann@example.com', g % 3 * 111,
            'words of customer ' || g % 500 FROM generate_series(1, 2000) g;
    ANALYZE";

#[test]
fn values_are_written_on_request_only() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let lab = match runtime.block_on(Lab::start(&LabOptions { major: Some(17), ..LabOptions::default() })) {
        Ok(lab) => lab,
        Err(error) => return eprintln!("not tested: {error}; {}", error.hint()),
    };
    let database = runtime.block_on(lab.create_database()).unwrap();
    runtime.block_on(async {
        let session = database.session().await.unwrap();
        session.simple(ROWS).await.unwrap();
        session.close().await;
    });
    let url = format!("postgresql://postgres@localhost/{}?host={}", database.name(), lab.folder().display());
    let project = Project::new(&[("prisma/schema.prisma", HEAD)]);
    let export = |flags: &[&str]| {
        let run = project.run(&[&["facts", "export", "--url", &url, "--quiet"], flags].concat());
        assert_eq!(run.code, Some(0), "{}", run.both());
        run.stdout
    };
    let column = |text: &str, name: &str| -> Value {
        let facts: Value = serde_json::from_str(text).unwrap();
        let columns = facts["tables"][0]["columns"].as_array().unwrap();
        columns.iter().find(|column| column["name"] == name).unwrap().clone()
    };
    let without = export(&[]);
    let share = column(&without, "state")["frequencies"][0].as_f64().unwrap();
    assert!((share - 0.7).abs() < 0.05, "how common values are is no value: {share}");
    for value in ["posted", "waits", "Ulm", "ann@", "customer", "90001"] {
        assert!(!without.contains(value), "{value} is data");
    }
    let with = export(&["--with-values"]);
    assert_eq!(column(&with, "state")["common_values"], serde_json::json!(["posted", "waits"]));
    assert_eq!(column(&with, "cents")["common_values"].as_array().unwrap().len(), 3);
    for (value, why) in [
        ("Ulm", "where somebody lives"),
        ("ann@", "an address"),
        ("customer", "free text"),
        ("90001", "a key"),
    ] {
        assert!(!with.contains(value), "{value} is {why}");
    }
    runtime.block_on(lab.stop()).unwrap();
}
