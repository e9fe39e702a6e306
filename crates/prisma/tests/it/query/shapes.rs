//! Arguments that are not all written at the call.

use super::{becomes, one, refused, variants};

#[test]
fn a_value_is_a_parameter_whatever_it_is() {
    let expected = r#"
        SELECT "users"."id" FROM "users" WHERE ("users"."name" = $1 AND "users"."age" = $2) OFFSET $3
    "#;
    let arguments = r#"{ where: { name: input.name, age: 3 | other }, select: { id: true } }"#;
    becomes("User", "findMany", arguments, expected);
}

#[test]
fn what_may_be_absent_makes_two_statements() {
    let arguments = r#"{ where: { name?: q, age: ageOrUndefined }, select: { id: true } }"#;
    becomes(
        "User",
        "findMany",
        arguments,
        r#"
        SELECT "users"."id" FROM "users" WHERE ("users"."name" = $1 AND "users"."age" = $2) OFFSET $3
        --
        SELECT "users"."id" FROM "users" WHERE "users"."name" = $1 OFFSET $2
        --
        SELECT "users"."id" FROM "users" WHERE "users"."age" = $1 OFFSET $2
        --
        SELECT "users"."id" FROM "users" WHERE 1=1 OFFSET $1
        "#,
    );
}

#[test]
fn a_choice_of_direction_makes_two_statements() {
    let arguments = r#"{ orderBy: { name: "asc" | "desc" }, select: { id: true } }"#;
    assert_eq!(variants("User", "findMany", arguments).len(), 2);
    let both = variants("User", "findMany", r#"{ where: { name: null | "x" }, select: { id: true } }"#);
    assert_eq!(both.len(), 2);
}

#[test]
fn undefined_is_no_condition() {
    becomes(
        "User",
        "deleteMany",
        "{ where: { name: undefined } }",
        r#"
        DELETE FROM "users" WHERE 1=1
        "#,
    );
}

#[test]
fn what_is_not_written_at_the_call_is_refused() {
    assert_eq!(refused("User", "findMany", "{ where: filter }"), "where is not written at the call");
    assert_eq!(refused("User", "findMany", "{ include: relations }"), "include is not written at the call");
    assert_eq!(refused("User", "findMany", "{ orderBy: order }"), "orderBy is not written at the call");
    assert_eq!(refused("User", "findMany", "arguments"), "the argument is not written at the call");
    assert_eq!(refused("User", "create", "{ data }"), "data is not written at the call");
    assert_eq!(refused("User", "createMany", "{ data: rows }"), "data is not written at the call");
    assert_eq!(
        refused("User", "findMany", "{ where: { ...filter, name } }"),
        "where has properties that are not written at the call"
    );
    let arguments = "{ where: { name?: a, age?: b, email?: c, uid?: d, role?: e } }";
    assert_eq!(refused("User", "findMany", arguments), "more than 16 shapes of arguments");
    assert_eq!(refused("Nobody", "findMany", "{}"), "the schema has no such model");
    assert_eq!(refused("User", "findMany", "{ where: { nothing: 1 } }"), "a field that the model lacks");
}

#[test]
fn an_unknown_page_is_a_parameter() {
    let variant = one("User", "findMany", "{ take: limit, skip: offset, select: { id: true } }");
    assert_eq!(
        &*variant.queries[0].sql,
        r#"SELECT "public"."users"."id" FROM "public"."users" WHERE 1=1 ORDER BY "public"."users"."id" ASC LIMIT $1 OFFSET $2"#
    );
}

#[test]
fn json_is_one_value_whatever_it_holds() {
    let arguments =
        "{ where: { id: 1 }, data: { meta: { a?: 1, b?: 2, c?: 3, d?: 4, ...rest } }, select: { id: true } }";
    becomes(
        "User",
        "update",
        arguments,
        r#"
        UPDATE "users" SET "meta" = $1, "updatedAt" = $2 WHERE ("users"."id" = $3 AND 1=1) RETURNING "users"."id"
        "#,
    );
}

#[test]
fn many_columns_that_may_be_left_out_are_taken_to_be_there() {
    let arguments =
        "{ where: { id: 1 }, data: { name?: a, age?: b, uid?: c, score?: d }, select: { id: true } }";
    let access = &one("User", "update", arguments).queries[0].accesses[0].columns;
    assert_eq!(**access, ["name", "age", "uid", "score", "updatedAt", "id"]);
}

#[test]
fn sixteen_shapes_are_told_apart() {
    let arguments = "{ where: { name?: a, age?: b, email?: c, uid?: d }, select: { id: true } }";
    assert_eq!(variants("User", "findMany", arguments).len(), 16);
}

/// `where` and both sides of an upsert are one product: what is written is the part that may be simplified.
#[test]
fn what_an_upsert_may_leave_out_is_taken_to_be_there() {
    let arguments = "{ where: { id: 1 }, create: { name?: a, age?: b, uid?: c, email: d }, \
                     update: { name?: a, age?: b, uid?: c }, select: { id: true } }";
    for variant in variants("User", "upsert", arguments) {
        let written = variant.queries.iter().flat_map(|query| &query.accesses).filter(|access| access.writes);
        for access in written {
            assert!(["name", "age", "uid"].iter().all(|name| access.columns.contains(&(*name).to_owned())));
        }
    }
}

/// Of a list that a callback makes nobody knows how long it is.
#[test]
fn a_made_list_of_conditions_has_none_one_or_more_of_them() {
    let arguments = "{ where: { OR: [{ name: a }, { name: a } | undefined] }, select: { id: true } }";
    let all = variants("User", "findMany", arguments);
    let conditions: Vec<&str> = all
        .iter()
        .filter_map(|variant| variant.queries[0].sql.split(" WHERE ").nth(1)?.split(" ORDER").next())
        .collect();
    assert_eq!(conditions.len(), 3, "{conditions:?}");
    assert!(conditions.iter().any(|one| one.starts_with("1=0")), "{conditions:?}");
    assert!(conditions.iter().any(|one| one.contains(" OR ")), "{conditions:?}");
    assert!(conditions.iter().any(|one| !one.contains(" OR ")), "{conditions:?}");
}

#[test]
fn a_made_list_of_rows_is_written_by_one_statement() {
    let arguments = "{ data: [{ name: a, uid: b }, { name: a, uid: b } | undefined] }";
    let variant = one("User", "createMany", arguments);
    assert_eq!(variant.queries.len(), 1);
    assert_eq!(variant.queries[0].sql.matches("VALUES").count(), 1);
    assert!(!variant.queries[0].sql.contains("),("), "{}", variant.queries[0].sql);
}

/// Prisma looks for each of them, and connects or creates it.
#[test]
fn a_made_list_of_what_is_connected_or_created_is_not_one_row() {
    let arguments = "{ data: { name: a, email: b, posts: { connectOrCreate: [{ where: { id: c }, create: { title: t } }, \
                     { where: { id: c }, create: { title: t } } | undefined] } }, select: { id: true } }";
    assert_eq!(variants("User", "create", arguments).len(), 2, "one of them and more");
}

/// The fullest of what is written stands for the others only where it writes whatever they write.
#[test]
fn what_writes_other_columns_is_no_smaller_shape() {
    let arguments = "{ where: { name?: a, age?: b, email?: c, uid?: d }, data: { name: x } | { age: y } }";
    assert_eq!(refused("User", "updateMany", arguments), "more than 16 shapes of arguments");
    let arguments =
        "{ where: { name?: a, age?: b, email?: c, uid?: d }, data: { name: x } | { name: x, age: y } }";
    assert_eq!(variants("User", "updateMany", arguments).len(), 16);
}

/// Parts that hang on the same condition are there together; those of its two branches never are.
#[test]
fn one_condition_is_one_choice() {
    let filters = |arguments: &str| -> Vec<String> {
        let all = variants("User", "findMany", &format!("{{ {arguments}, select: {{ id: true }} }}"));
        all.iter()
            .map(|variant| {
                let sql = variant.queries[0].sql.replace("\"public\".\"users\".", "");
                sql.split(" WHERE ").nth(1).unwrap_or(&sql).to_owned()
            })
            .collect()
    };
    assert_eq!(
        filters("where: { name?@c: a, age?@!c: b }"),
        ["\"name\" = $1 OFFSET $2", "\"age\" = $1 OFFSET $2"]
    );
    let all = "where: { name?@c: a, age?@c: b, email?@c: d, uid?@c: e, role?@c: f }, take?@c: 5";
    assert_eq!(filters(all).len(), 2, "all of them or none");
    assert_eq!(
        filters("where: { name: a } @c | { age: b } @!c, orderBy?@c: { name: \"asc\" }"),
        ["\"name\" = $1 ORDER BY \"name\" ASC OFFSET $2", "\"age\" = $1 OFFSET $2"]
    );
    // What is undefined on purpose is so where its condition does not hold.
    assert_eq!(
        filters("where: { name@c: nameOrUndefined, age?@!c: b }"),
        ["\"name\" = $1 OFFSET $2", "\"age\" = $1 OFFSET $2"]
    );
    assert_eq!(filters("where: { name?@c: a, name?@!c: b }"), ["\"name\" = $1 OFFSET $2"]);
    assert_eq!(filters("where: { name: a, name?@c: null }").len(), 2);
    // Other conditions come out any way.
    assert_eq!(filters("where: { name?@c: a, age?@d: b }").len(), 4);
    let either = "where: { OR: [{ name: a } @c | undefined @!c, { age: b } @!c | undefined @c] }";
    assert_eq!(filters(either).len(), 2);
}
