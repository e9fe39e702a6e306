//! SQL that the code writes itself.

use pgsteward_model::code::{Hole, HoleKind, Lowered, Node, RawQuery, Site, StatementKind};
use pgsteward_prisma::query::lower_raw;

use super::SCHEMA;

fn raw(text: Option<&str>, holes: &[HoleKind]) -> Lowered {
    let holes = holes.iter().map(|kind| Hole { value: Node::default(), kind: *kind }).collect();
    let query = RawQuery {
        site: Site::default(),
        method: "$queryRaw".into(),
        text: text.map(str::to_owned),
        holes,
        file: None,
        lowered: Lowered::default(),
    };
    lower_raw(&query, &SCHEMA)
}

fn reason(lowered: &Lowered) -> &str {
    match lowered {
        Lowered::NotUnderstood { reason } => reason,
        Lowered::Understood(_) => "understood",
    }
}

#[test]
fn tables_are_named() {
    let text = r#"SELECT u.id FROM users u JOIN "Post" p ON p."authorId" = u.id WHERE u.age > $1"#;
    let lowered = raw(Some(text), &[HoleKind::Parameter]);
    let query = lowered.queries().next().unwrap();
    assert_eq!(query.kind, StatementKind::Select);
    assert_eq!(query.parameters.len(), 1);
    let tables: Vec<(&str, bool)> =
        query.accesses.iter().map(|access| (access.table.as_str(), access.joined)).collect();
    assert_eq!(tables, [("users", false), ("Post", true)]);
    assert_eq!(query.accesses[0].other, ["id", "age"]);
    assert_eq!(query.accesses[1].other, ["id", "authorId"]);
}

#[test]
fn writes_name_their_columns() {
    let lowered =
        raw(Some(r#"UPDATE users SET age = age + 1, name = $1 WHERE id = $2"#), &[HoleKind::Parameter]);
    let query = lowered.queries().next().unwrap();
    assert_eq!(query.kind, StatementKind::Update);
    assert!(query.accesses[0].writes);
    assert_eq!(*query.accesses[0].columns, ["age", "name"]);
}

#[test]
fn what_is_not_known_has_a_reason() {
    assert_eq!(reason(&raw(None, &[])), "the SQL is not written at the call");
    assert_eq!(
        reason(&raw(Some("SELECT * FROM $1"), &[HoleKind::Text])),
        "part of the SQL is known only when the program runs"
    );
    assert_eq!(reason(&raw(Some("SELEC 1"), &[])), "the SQL cannot be read");
    assert_eq!(reason(&raw(Some("VACUUM users"), &[])), "the SQL is no query");
    assert_eq!(reason(&raw(Some("  "), &[])), "the SQL is empty");
}
