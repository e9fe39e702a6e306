//! What the facts say of a statement: what an index could do for it.

use pgsteward_model::code::{Access, Limit, Pattern, PatternKind, Purpose, SortColumn};

use super::one;

fn main_access(model: &str, operation: &str, arguments: &str) -> Access {
    one(model, operation, arguments).queries.remove(0).accesses.remove(0)
}

fn pattern(column: &str, kind: PatternKind, insensitive: bool) -> Pattern {
    Pattern { column: column.into(), kind, insensitive }
}

#[test]
fn conditions_are_sorted_by_what_serves_them() {
    let arguments = r#"{
        where: { name: "a", age: { gte: 3 }, role: { in: roles }, email: { startsWith: "x" }, score: { not: 3 }, uid: null },
        orderBy: [{ createdAt: "desc" }, { id: "asc" }], take: 10, skip: page, select: { id: true }
    }"#;
    let access = main_access("User", "findMany", arguments);
    let sort = |column: &str, descending| SortColumn { column: column.into(), descending, nulls_first: None };
    assert_eq!(
        access,
        Access {
            namespace: "public".into(),
            table: "users".into(),
            equal: vec!["name".into()],
            any_of: vec!["role".into()],
            range: vec!["age".into()],
            patterns: vec![pattern("email", PatternKind::Prefix, false)],
            other: vec!["score".into(), "uid".into()],
            sort: vec![sort("created_at", true), sort("id", false)],
            limit: Limit::Rows(10),
            offset: true,
            columns: vec!["id".into()].into(),
            ..Access::default()
        }
    );
}

#[test]
fn what_stands_in_or_and_not_holds_by_itself_only() {
    let arguments =
        r#"{ where: { age: 3, OR: [{ name: { contains: q } }, { email: q }], NOT: { uid: "x" } } }"#;
    let access = main_access("User", "findMany", arguments);
    assert_eq!(access.equal, ["age"]);
    assert_eq!(access.patterns, []);
    assert_eq!(access.patterns_apart, [pattern("name", PatternKind::Contains, false)]);
    assert_eq!(access.other, ["email", "uid"]);
}

#[test]
fn a_whole_unique_key_is_one_row() {
    assert!(main_access("User", "findFirst", r#"{ where: { email: "x", age: 3 } }"#).unique);
    assert!(main_access("User", "findFirst", r#"{ where: { name: "x", age: 3 } }"#).unique);
    assert!(!main_access("User", "findFirst", r#"{ where: { name: "x" } }"#).unique);
    assert!(
        !main_access("User", "findFirst", r#"{ where: { email: { equals: "x", mode: "insensitive" } } }"#)
            .unique
    );
    assert!(!main_access("User", "findFirst", r#"{ where: { email: { in: list } } }"#).unique);
}

#[test]
fn relations_have_accesses_of_their_own() {
    let arguments =
        r#"{ where: { posts: { some: { title: "x" } }, manager: { name: "y" } }, include: { posts: true } }"#;
    let variant = one("User", "findMany", arguments);
    let main = &variant.queries[0];
    let tables: Vec<(&str, bool, Vec<&str>)> = main
        .accesses
        .iter()
        .map(|access| {
            (access.table.as_str(), access.joined, access.equal.iter().map(String::as_str).collect())
        })
        .collect();
    assert_eq!(
        tables,
        [
            ("users", false, vec![]),
            ("Post", true, vec!["authorId", "title"]),
            ("users", true, vec!["id", "name"])
        ]
    );
    let relation = &variant.queries[1];
    assert_eq!(relation.purpose, Purpose::Relation("posts".into()));
    assert_eq!(relation.accesses[0].any_of, ["authorId"]);
}

#[test]
fn counts_read_all_that_match() {
    let access = main_access("User", "count", r#"{ where: { name: "x" } }"#);
    assert!(access.aggregates);
    assert_eq!(access.equal, ["name"]);
    let counted = one("User", "findMany", "{ include: { _count: { select: { posts: true } } } }");
    let child = &counted.queries[0].accesses[1];
    assert_eq!((child.table.as_str(), child.aggregates, child.equal.len()), ("Post", true, 0));
}

#[test]
fn parameters_know_their_column() {
    let variant = one("User", "findMany", r#"{ where: { createdAt: { lt: when }, role: "USER" }, take: n }"#);
    let parameters: Vec<(String, Option<String>)> = variant.queries[0]
        .parameters
        .iter()
        .map(|parameter| (parameter.path.clone(), parameter.column.as_ref().map(|column| column.2.clone())))
        .collect();
    let named = |path: &str, column: Option<&str>| (path.to_owned(), column.map(str::to_owned));
    assert_eq!(
        parameters,
        [
            named("where.createdAt.lt", Some("created_at")),
            named("where.role", Some("role")),
            named("limit", None),
            named("offset", None)
        ]
    );
    assert_eq!(variant.queries[0].accesses[0].limit, Limit::Parameter);
}

#[test]
fn writes_say_what_they_write() {
    let variant = one("User", "updateMany", r#"{ where: { name: "x" }, data: { age: { increment: 1 } } }"#);
    let access = &variant.queries[0].accesses[0];
    assert!(access.writes);
    assert_eq!(*access.columns, ["age", "updatedAt"]);
    assert_eq!(access.equal, ["name"]);
    let nested =
        one("User", "update", r#"{ where: { id: 1 }, data: { posts: { create: { title: "x" } } } }"#);
    let purposes: Vec<&Purpose> = nested.queries.iter().map(|query| &query.purpose).collect();
    assert_eq!(purposes, [&Purpose::ReadBack, &Purpose::Nested("posts".into()), &Purpose::ReadBack]);
}

#[test]
fn columns_of_nested_writes_are_not_lost() {
    let variant = one("User", "update", r#"{ where: { id: 1 }, data: { groups: { connect: { id: 2 } } } }"#);
    let between = &variant.queries[2].accesses[0];
    assert_eq!((between.table.as_str(), between.writes), ("_GroupToUser", true));
    assert_eq!(*between.columns, ["B", "A"]);
}
