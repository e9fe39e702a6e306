//! Writes nested in relations.

use super::becomes;

#[test]
fn parents_come_first() {
    becomes(
        "Comment",
        "create",
        r#"{ data: { n: 1, text: "x", post: { connect: { id: "x" } }, user: { connect: { id: 3 } } }, select: { n: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            INSERT INTO "Comment" ("postId","n","text","userId") VALUES ($1,$2,$3,$4) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            COMMIT
        "#,
    );
    becomes(
        "Post",
        "create",
        r#"{ data: { title: "a", author: { connectOrCreate: { where: { email: "e" }, create: { email: "e", data: 1 } } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."email" = $1 AND 1=1) LIMIT $2 OFFSET $3
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id"
            SELECT "Post"."id" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { name: "q", manager: { connect: { id: 3 } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            UPDATE "users" SET "name" = $1, "updatedAt" = $2, "managerId" = $3 WHERE ("users"."id" = $4 AND 1=1) RETURNING "users"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn children_follow() {
    becomes(
        "User",
        "create",
        r#"{ data: { email: "a", data: 1, posts: { create: [{ title: "x" }, { title: "y", tags: { create: { name: "t" } } }] } }, select: { id: true } }"#,
        r#"
            BEGIN
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id"
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id"
            INSERT INTO "Tag" ("name") VALUES ($1) RETURNING "Tag"."id"
            INSERT INTO "_PostToTag" ("A","B") VALUES ($1,$2) ON CONFLICT DO NOTHING
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "create",
        r#"{ data: { email: "q", data: 1, posts: { create: [{ title: "t" }, { title: "u", views: 3 }] } }, select: { id: true } }"#,
        r#"
            BEGIN
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5), ($6,$7,$8,$9,$10)
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { name: "q", reports: { connect: [{ id: 3 }, { email: "r" }], disconnect: { id: 5 } } }, select: { id: true } }"#,
        r#"
            BEGIN
            UPDATE "users" SET "name" = $1, "updatedAt" = $2 WHERE ("users"."id" = $3 AND 1=1) RETURNING "users"."id"
            UPDATE "users" SET "managerId" = $1, "updatedAt" = $2 WHERE (("users"."id" = $3 AND 1=1) OR ("users"."email" = $4 AND 1=1))
            SELECT "users"."id", "users"."managerId" FROM "users" WHERE (("users"."id" = $1 AND 1=1) AND "users"."managerId" IN ($2)) OFFSET $3
            UPDATE "users" SET "managerId" = $1 WHERE ("users"."id" IN ($2) AND ("users"."id" = $3 AND 1=1))
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn children_are_changed_by_key() {
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { posts: { update: { where: { id: "a" }, data: { title: "t" } }, deleteMany: { title: "a" } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE (("Post"."id" = $1 AND 1=1) AND "Post"."authorId" IN ($2)) OFFSET $3
            UPDATE "Post" SET "title" = $1 WHERE ("Post"."id" IN ($2) AND ("Post"."id" = $3 AND 1=1)) RETURNING "Post"."id"
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE ("Post"."title" = $1 AND "Post"."authorId" IN ($2)) OFFSET $3
            DELETE FROM "Post" WHERE ("Post"."id" IN ($1) AND 1=1)
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Comment",
        "update",
        r#"{ where: { postId_n: { postId: "a", n: 1 } }, data: { likes: { updateMany: { where: { weight: 3 }, data: { weight: { increment: 1 } } }, delete: { id: 4 } } }, select: { n: true } }"#,
        r#"
            BEGIN
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND 1=1) LIMIT $3 OFFSET $4
            SELECT "Like"."id", "Like"."postId", "Like"."n" FROM "Like" WHERE ("Like"."weight" = $1 AND "Like"."postId" IN ($2) AND "Like"."n" IN ($3)) OFFSET $4
            UPDATE "Like" SET "weight" = ("Like"."weight" + $1) WHERE ("Like"."id" IN ($2) AND 1=1)
            SELECT "Like"."id", "Like"."postId", "Like"."n" FROM "Like" WHERE (("Like"."id" = $1 AND 1=1) AND "Like"."postId" IN ($2) AND "Like"."n" IN ($3)) OFFSET $4
            DELETE FROM "Like" WHERE ("Like"."id" IN ($1) AND ("Like"."id" = $2 AND 1=1))
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { posts: { upsert: { where: { id: "a" }, create: { title: "c" }, update: { title: "t" } } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE (("Post"."id" = $1 AND 1=1) AND "Post"."authorId" IN ($2)) OFFSET $3
            UPDATE "Post" SET "title" = $1 WHERE ("Post"."id" IN ($2) AND ("Post"."id" = $3 AND 1=1)) RETURNING "Post"."id"
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn set_disconnects_the_rest() {
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { comments: { set: [] } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Comment"."postId", "Comment"."n", "Comment"."userId" FROM "Comment" WHERE (1=1 AND "Comment"."userId" IN ($1)) OFFSET $2
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE 1=0 OFFSET $1
            UPDATE "Comment" SET "userId" = $1 WHERE ("Comment"."postId" IN ($2) AND "Comment"."n" IN ($3) AND 1=1)
            UPDATE "Comment" SET "userId" = $1 WHERE ("Comment"."postId" IN ($2) AND "Comment"."n" IN ($3) AND 1=1)
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { groups: { set: [{ id: 1 }] } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Group"."id", "t0"."B" AS "GroupToUser@User" FROM "Group" INNER JOIN "_GroupToUser" AS "t0" ON "t0"."A" = "Group"."id" WHERE (1=1 AND "t0"."B" IN ($1)) OFFSET $2
            DELETE FROM "_GroupToUser" WHERE ("_GroupToUser"."B" = ($1) AND "_GroupToUser"."A" IN ($2))
            SELECT "Group"."id" FROM "Group" WHERE ("Group"."id" = $1 AND 1=1) OFFSET $2
            INSERT INTO "_GroupToUser" ("B","A") VALUES ($1,$2) ON CONFLICT DO NOTHING
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn a_table_between_is_written() {
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { groups: { connect: { id: 1 }, disconnect: { id: 2 } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Group"."id" FROM "Group" WHERE ("Group"."id" = $1 AND 1=1) OFFSET $2
            INSERT INTO "_GroupToUser" ("B","A") VALUES ($1,$2) ON CONFLICT DO NOTHING
            SELECT "Group"."id", "t0"."B" AS "GroupToUser@User" FROM "Group" INNER JOIN "_GroupToUser" AS "t0" ON "t0"."A" = "Group"."id" WHERE ("Group"."id" = $1 AND 1=1 AND "t0"."B" IN ($2)) OFFSET $3
            DELETE FROM "_GroupToUser" WHERE ("_GroupToUser"."B" = ($1) AND "_GroupToUser"."A" IN ($2))
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Post",
        "update",
        r#"{ where: { id: "x" }, data: { tags: { connectOrCreate: [{ where: { name: "a" }, create: { name: "a" } }] } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Tag"."id" FROM "Tag" WHERE ("Tag"."name" = $1 AND 1=1) LIMIT $2 OFFSET $3
            INSERT INTO "_PostToTag" ("A","B") VALUES ($1,$2) ON CONFLICT DO NOTHING
            INSERT INTO "Tag" ("name") VALUES ($1) RETURNING "Tag"."id"
            INSERT INTO "_PostToTag" ("A","B") VALUES ($1,$2) ON CONFLICT DO NOTHING
            SELECT "Post"."id" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}

#[test]
fn one_to_one_lets_go_first() {
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { profile: { create: { bio: "x" } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE (1=1 AND "profile"."user_id" IN ($1)) OFFSET $2
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            INSERT INTO "profile" ("id","bio","user_id") VALUES ($1,$2,$3) RETURNING "profile"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Profile",
        "create",
        r#"{ data: { bio: "x", user: { connect: { id: 3 } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE (1=1 AND "profile"."user_id" IN ($1)) OFFSET $2
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            INSERT INTO "profile" ("id","bio","user_id") VALUES ($1,$2,$3) RETURNING "profile"."id"
            SELECT "profile"."id" FROM "profile" WHERE "profile"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { profile: { connect: { id: "x" } } }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE ("profile"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE (1=1 AND "profile"."user_id" IN ($1)) OFFSET $2
            SELECT "profile"."id", "profile"."user_id" FROM "profile" WHERE (1=1 AND "profile"."user_id" IN ($1)) OFFSET $2
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            UPDATE "profile" SET "user_id" = $1 WHERE ("profile"."id" IN ($2) AND 1=1)
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
}
