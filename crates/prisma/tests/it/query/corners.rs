//! Corners that calls drawn at random found: empty lists and objects, lists of values, the order of what is built.

use super::becomes;

#[test]
fn a_written_list_of_some_types_has_a_parameter_for_each_value() {
    becomes(
        "User",
        "deleteMany",
        r#"{ where: { role: { in: ["ADMIN", "USER"] }, createdAt: { notIn: ["2024-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"] } } }"#,
        r#"
            DELETE FROM "users" WHERE ("users"."role" IN (CAST($1::text AS "role_kind"),CAST($2::text AS "role_kind")) AND "users"."created_at" NOT IN ($3,$4))
        "#,
    );
    becomes(
        "User",
        "deleteMany",
        r#"{ where: { dec: { in: ["1", "2.5"] }, email: { in: ["a", "b"] }, age: { in: [1, 2] } } }"#,
        r#"
            DELETE FROM "users" WHERE ("users"."dec" IN ($1,$2) AND "users"."email" IN ($3) AND "users"."age" IN ($4))
        "#,
    );
}

#[test]
fn an_empty_relation_asks_nothing() {
    becomes(
        "Comment",
        "deleteMany",
        r#"{ where: { user: {} } }"#,
        r#"
            DELETE FROM "Comment" WHERE 1=1
        "#,
    );
    becomes(
        "Comment",
        "deleteMany",
        r#"{ where: { n: 1, user: { is: {} } } }"#,
        r#"
            DELETE FROM "Comment" WHERE ("Comment"."n" = $1 AND EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE (1=1 AND ("Comment"."userId") = ("t0"."id") AND "t0"."id" IS NOT NULL)))
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { posts: {} }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 OFFSET $1
        "#,
    );
}

#[test]
fn a_test_of_json_keeps_its_parentheses() {
    becomes(
        "Comment",
        "deleteMany",
        r#"{ where: { user: { meta: { path: ["a"], gt: 3 } } } }"#,
        r##"
            DELETE FROM "Comment" WHERE EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE ((("t0"."meta"#>ARRAY[$1]::text[])::jsonb > $2 AND JSONB_TYPEOF(("t0"."meta"#>ARRAY[$3]::text[])::jsonb) = $4) AND ("Comment"."userId") = ("t0"."id") AND "t0"."id" IS NOT NULL))
        "##,
    );
}

#[test]
fn many_rows_that_nothing_is_set_of_are_read() {
    becomes(
        "User",
        "updateMany",
        r#"{ where: { name: "x" }, data: {}, limit: 3 }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."name" = $1 OFFSET $2
        "#,
    );
    becomes(
        "Profile",
        "updateManyAndReturn",
        r#"{ where: { bio: "x" }, data: {} }"#,
        r#"
            SELECT "profile"."id", "profile"."bio", "profile"."user_id" FROM "profile" WHERE "profile"."bio" = $1 OFFSET $2
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { posts: { updateMany: { where: { title: "x" }, data: {} } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE ("Post"."title" = $1 AND "Post"."authorId" IN ($2)) OFFSET $3
            SELECT "Post"."id" FROM "Post" WHERE (1=1 AND "Post"."id" IN ($1)) OFFSET $2
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { name: "x", posts: { update: { where: { id: "x" }, data: {} } }, profile: { update: {} } }, select: { id: true } }"#,
        r#"
            BEGIN
            UPDATE "users" SET "name" = $1, "updatedAt" = $2 WHERE ("users"."id" = $3 AND 1=1) RETURNING "users"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn nothing_is_connected_by_an_empty_list() {
    becomes(
        "Post",
        "update",
        r#"{ where: { id: "x" }, data: { tags: { connect: [], disconnect: [] }, comments: { connect: [] } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Post",
        "update",
        r#"{ where: { id: "x" }, data: { tags: { delete: [{ id: 1 }, { id: 1 }] } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Tag"."id", "t0"."A" AS "PostToTag@Post" FROM "Tag" INNER JOIN "_PostToTag" AS "t0" ON "t0"."B" = "Tag"."id" WHERE ((("Tag"."id" = $1 AND 1=1) OR ("Tag"."id" = $2 AND 1=1)) AND "t0"."A" IN ($3)) OFFSET $4
            DELETE FROM "Tag" WHERE ("Tag"."id" IN ($1) AND (("Tag"."id" = $2 AND 1=1) OR ("Tag"."id" = $3 AND 1=1)))
            SELECT "Post"."id" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn a_list_that_a_row_lacks_is_null() {
    becomes(
        "User",
        "createMany",
        r#"{ data: [{ email: "a", data: 1, nums: [1] }, { email: "b", data: 2, roles: ["ADMIN"] }] }"#,
        r#"
            INSERT INTO "users" ("email","role","roles","active","data","nums","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),null,$3,$4,$5,$6,$7,$8), ($9,CAST($10::text AS "role_kind"),CAST($11::text[] AS "role_kind"[]),$12,$13,null,$14,$15,$16)
        "#,
    );
}

#[test]
fn keys_are_set_in_the_order_of_the_text() {
    becomes(
        "Comment",
        "update",
        r#"{ where: { postId_n: { postId: "x", n: 1 } }, data: { text: "x", user: { create: { email: "a", data: 1 } }, post: { connect: { id: "x" } } }, select: { n: true } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            UPDATE "Comment" SET "text" = $1, "userId" = $2, "postId" = $3 WHERE (("Comment"."postId" = $4 AND "Comment"."n" = $5) AND 1=1) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            COMMIT
        "#,
    );
    becomes(
        "Like",
        "update",
        r#"{ where: { id: 1 }, data: { comment: { create: { n: 1, text: "x", post: { connect: { id: "x" } } } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            INSERT INTO "Comment" ("postId","n","text") VALUES ($1,$2,$3) RETURNING "Comment"."postId", "Comment"."n"
            UPDATE "Like" SET "postId" = $1, "n" = $2 WHERE ("Like"."id" = $3 AND 1=1) RETURNING "Like"."id"
            SELECT "Like"."id" FROM "Like" WHERE "Like"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn a_parent_of_one_to_one_is_made_by_an_update() {
    becomes(
        "Profile",
        "update",
        r#"{ where: { id: "x" }, data: { bio: "x", user: { create: { email: "a", data: 1 } } }, select: { id: true } }"#,
        r#"
            BEGIN
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            UPDATE "profile" SET "bio" = $1, "user_id" = $2 WHERE ("profile"."id" = $3 AND 1=1) RETURNING "profile"."id", "profile"."user_id"
            SELECT "users"."id" FROM "users" WHERE (1=1 AND "users"."id" IN ($1)) OFFSET $2
            UPDATE "users" SET "id" = $1 WHERE ("users"."id" IN ($2) AND 1=1)
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            SELECT "profile"."id" FROM "profile" WHERE "profile"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Profile",
        "update",
        r#"{ where: { id: "x" }, data: { user: { connectOrCreate: { where: { email: "a" }, create: { email: "a", data: 1 } } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."email" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE (1=1 AND "profile"."user_id" IN ($1)) OFFSET $2
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE ("profile"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "users"."id" FROM "users" WHERE (1=1 AND "users"."id" IN ($1)) OFFSET $2
            UPDATE "users" SET "id" = $1 WHERE ("users"."id" IN ($2) AND 1=1)
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            SELECT "profile"."id" FROM "profile" WHERE "profile"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn aliases_are_numbered_from_the_last_statement() {
    becomes(
        "Comment",
        "upsert",
        r#"{ where: { postId_n: { postId: "x", n: 1 }, user: { name: "x" } }, create: { postId: "x", n: 1, text: "x" }, update: { text: "y" }, select: { n: true } }"#,
        r#"
            BEGIN
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" LEFT JOIN "users" AS "j1" ON ("j1"."id") = ("Comment"."userId") WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND ("j1"."name" = $3 AND ("j1"."id" IS NOT NULL))) OFFSET $4
            UPDATE "Comment" SET "text" = $1 WHERE (("Comment"."postId" IN ($2) AND "Comment"."n" IN ($3)) AND (("Comment"."postId" = $4 AND "Comment"."n" = $5) AND EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE ("t0"."name" = $6 AND ("Comment"."userId") = ("t0"."id") AND "t0"."id" IS NOT NULL)))) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            INSERT INTO "Comment" ("postId","n","text") VALUES ($1,$2,$3) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            COMMIT
        "#,
    );
    becomes(
        "Comment",
        "delete",
        r#"{ where: { postId_n: { postId: "x", n: 1 }, user: { name: "x" } }, select: { n: true, user: { select: { id: true } } } }"#,
        r#"
            BEGIN
            SELECT "Comment"."postId", "Comment"."n", "Comment"."userId" FROM "Comment" LEFT JOIN "users" AS "j1" ON ("j1"."id") = ("Comment"."userId") WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND ("j1"."name" = $3 AND ("j1"."id" IS NOT NULL))) LIMIT $4 OFFSET $5
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 OFFSET $2
            DELETE FROM "Comment" WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE ("t0"."name" = $3 AND ("Comment"."userId") = ("t0"."id") AND "t0"."id" IS NOT NULL)))
            COMMIT
        "#,
    );
    becomes(
        "Post",
        "update",
        r#"{ where: { id: "x", author: { name: "x" } }, data: { title: "x" }, select: { comments: { where: { user: { name: "y" } }, select: { n: true } } } }"#,
        r#"
            BEGIN
            UPDATE "Post" SET "title" = $1 WHERE ("Post"."id" = $2 AND EXISTS(SELECT "t1"."id" FROM "users" AS "t1" WHERE ("t1"."name" = $3 AND ("Post"."authorId") = ("t1"."id") AND "t1"."id" IS NOT NULL))) RETURNING "Post"."id"
            SELECT "Post"."id" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" LEFT JOIN "users" AS "j0" ON ("j0"."id") = ("Comment"."userId") WHERE (("j0"."name" = $1 AND ("j0"."id" IS NOT NULL)) AND "Comment"."postId" = $2) OFFSET $3
            COMMIT
        "#,
    );
}
