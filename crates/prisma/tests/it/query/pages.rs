//! Pages: order, take and skip, cursors, distinct, and what of it is left to memory.

use super::{becomes, becomes_with};

#[test]
fn a_page_without_order_is_ordered_by_key() {
    becomes(
        "User",
        "findMany",
        r#"{ take: 10, skip: 20, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 ORDER BY "users"."id" ASC LIMIT $1 OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ skip: 0, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 OFFSET $1
        "#,
    );
    becomes(
        "User",
        "findFirst",
        r#"{ where: { id: 1 }, take: -1, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 ORDER BY "users"."id" DESC LIMIT $2 OFFSET $3
            memory: reverse of ""
        "#,
    );
}

#[test]
fn take_zero_asks_nothing() {
    becomes(
        "User",
        "findMany",
        r#"{ take: 0 }"#,
        r#"

        "#,
    );
}

#[test]
fn orders_reach_over_relations() {
    becomes(
        "User",
        "findMany",
        r#"{ orderBy: [{ posts: { _count: "desc" } }, { manager: { name: "asc" } }], select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" LEFT JOIN (SELECT "Post"."authorId", COUNT(*) AS "orderby_aggregator" FROM "Post" WHERE 1=1 GROUP BY "Post"."authorId") AS "orderby_1_Post" ON ("users"."id" = "orderby_1_Post"."authorId") LEFT JOIN "users" AS "orderby_2" ON ("orderby_2"."id") = ("users"."managerId") WHERE 1=1 ORDER BY COALESCE("orderby_1_Post"."orderby_aggregator", $1) DESC, "orderby_2"."name" ASC OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ orderBy: [{ groups: { _count: "desc" } }, { age: { sort: "asc", nulls: "last" } }], select: { id: true }, take: -2 }"#,
        r#"
            SELECT "users"."id" FROM "users" LEFT JOIN (SELECT "_GroupToUser"."B", COUNT("_GroupToUser"."B") AS "orderby_aggregator" FROM "Group" LEFT JOIN "_GroupToUser" ON ("Group"."id" = "_GroupToUser"."A") WHERE 1=1 GROUP BY "_GroupToUser"."B") AS "orderby_1_Group" ON ("users"."id" = "orderby_1_Group"."B") WHERE 1=1 ORDER BY COALESCE("orderby_1_Group"."orderby_aggregator", $1) ASC, "users"."age"DESC NULLS FIRST LIMIT $2 OFFSET $3
            memory: reverse of ""
        "#,
    );
}

#[test]
fn a_stable_cursor_keeps_its_limit() {
    becomes(
        "User",
        "findMany",
        r#"{ cursor: { id: 3 }, take: 3, skip: 1, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."id" >= (SELECT "users"."id" FROM "users" WHERE ("users"."id") = ($1)) ORDER BY "users"."id" ASC LIMIT $2 OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ cursor: { id: 3 }, take: 3, orderBy: [{ createdAt: "desc" }, { id: "asc" }], select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (("users"."created_at" = (SELECT "users"."created_at" FROM "users" WHERE ("users"."id") = ($1)) AND "users"."id" >= (SELECT "users"."id" FROM "users" WHERE ("users"."id") = ($2))) OR ("users"."created_at" < (SELECT "users"."created_at" FROM "users" WHERE ("users"."id") = ($3)))) ORDER BY "users"."created_at" DESC, "users"."id" ASC LIMIT $4 OFFSET $5
        "#,
    );
}

#[test]
fn an_unstable_cursor_reads_all_rows() {
    becomes(
        "User",
        "findMany",
        r#"{ cursor: { id: 3 }, take: 3, orderBy: { createdAt: "desc" }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."created_at" <= (SELECT "users"."created_at" FROM "users" WHERE ("users"."id") = ($1)) ORDER BY "users"."created_at" DESC OFFSET $2
            memory: cursor of ""
            memory: page Some(3) None of ""
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ cursor: { id: 3 }, take: -3, orderBy: [{ age: "desc" }, { id: "asc" }], where: { name: "a" }, select: { name: true } }"#,
        r#"
            SELECT "users"."id", "users"."name" FROM "users" WHERE ("users"."name" = $1 AND ((("users"."age" = (SELECT "users"."age" FROM "users" WHERE ("users"."id") = ($2)) OR (SELECT "users"."age" FROM "users" WHERE ("users"."id") = ($3)) IS NULL OR "users"."age" IS NULL) AND "users"."id" <= (SELECT "users"."id" FROM "users" WHERE ("users"."id") = ($4))) OR (("users"."age" > (SELECT "users"."age" FROM "users" WHERE ("users"."id") = ($5)) OR "users"."age" IS NULL OR (SELECT "users"."age" FROM "users" WHERE ("users"."id") = ($6)) IS NULL)))) ORDER BY "users"."age" ASC, "users"."id" DESC OFFSET $7
            memory: cursor of ""
            memory: page Some(3) None of ""
            memory: reverse of ""
        "#,
    );
}

#[test]
fn a_compound_primary_key_counts_as_unstable() {
    becomes(
        "Comment",
        "findMany",
        r#"{ cursor: { postId_n: { postId: "a", n: 3 } }, take: 3, select: { text: true } }"#,
        r#"
            SELECT "Comment"."postId", "Comment"."n", "Comment"."text" FROM "Comment" WHERE (("Comment"."postId" = (SELECT "Comment"."postId" FROM "Comment" WHERE ("Comment"."postId","Comment"."n") = ($1,$2)) AND "Comment"."n" >= (SELECT "Comment"."n" FROM "Comment" WHERE ("Comment"."postId","Comment"."n") = ($3,$4))) OR ("Comment"."postId" > (SELECT "Comment"."postId" FROM "Comment" WHERE ("Comment"."postId","Comment"."n") = ($5,$6)))) ORDER BY "Comment"."postId" ASC, "Comment"."n" ASC OFFSET $7
            memory: cursor of ""
            memory: page Some(3) None of ""
        "#,
    );
}

#[test]
fn distinct_is_done_in_memory() {
    becomes(
        "User",
        "findMany",
        r#"{ distinct: ["name", "age"], take: 2, skip: 1, orderBy: { age: "asc" }, select: { id: true } }"#,
        r#"
            SELECT "users"."id", "users"."name", "users"."age" FROM "users" WHERE 1=1 ORDER BY "users"."age" ASC OFFSET $1
            memory: distinct ["name", "age"] of ""
            memory: page Some(2) Some(1) of ""
        "#,
    );
}

#[test]
fn distinct_may_be_native() {
    becomes_with(
        &["nativeDistinct"],
        "User",
        "findMany",
        r#"{ distinct: ["name"], select: { id: true } }"#,
        r#"
            SELECT DISTINCT ON ("users"."name") "users"."id", "users"."name" FROM "users" WHERE 1=1 OFFSET $1
        "#,
    );
}

#[test]
fn pages_of_relations_are_cut_in_memory() {
    becomes(
        "User",
        "findMany",
        r#"{ select: { posts: { take: -2, skip: 1, cursor: { id: "x" } } } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 OFFSET $1
            SELECT "Post"."id", "Post"."title", "Post"."body", "Post"."published", "Post"."views", "Post"."authorId", "Post"."editorId", "Post"."at" FROM "Post" WHERE ("Post"."authorId" IN ($1) AND "Post"."id" <= (SELECT "Post"."id" FROM "Post" WHERE ("Post"."id") = ($2))) ORDER BY "Post"."id" DESC OFFSET $3
            memory: cursor of "posts"
            memory: page Some(2) Some(1) of "posts"
            memory: reverse of "posts"
        "#,
    );
    becomes(
        "User",
        "findFirst",
        r#"{ select: { posts: { take: 2 } } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 LIMIT $1 OFFSET $2
            SELECT "Post"."id", "Post"."title", "Post"."body", "Post"."published", "Post"."views", "Post"."authorId", "Post"."editorId", "Post"."at" FROM "Post" WHERE "Post"."authorId" IN ($1) ORDER BY "Post"."id" ASC OFFSET $2
            memory: page Some(2) None of "posts"
        "#,
    );
}
