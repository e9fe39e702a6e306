//! Writes of one model.

use super::becomes;

#[test]
fn create_sends_the_defaults_that_the_client_knows() {
    becomes(
        "User",
        "create",
        r#"{ data: { email: "a", data: { x: 1 } }, select: { id: true } }"#,
        r#"
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
        "#,
    );
    becomes(
        "User",
        "create",
        r#"{ data: { email: "a", data: Prisma.JsonNull, role: "ADMIN", roles: ["ADMIN"], nums: { set: [1] }, name: null }, select: { role: true } }"#,
        r#"
            INSERT INTO "users" ("email","name","role","roles","active","data","nums","created_at","updatedAt","uid") VALUES ($1,$2,CAST($3::text AS "role_kind"),CAST($4::text[] AS "role_kind"[]),$5,$6,$7,$8,$9,$10) RETURNING "users"."id", "users"."role"::text
        "#,
    );
}

#[test]
fn create_with_a_relation_reads_back() {
    becomes(
        "Post",
        "create",
        r#"{ data: { title: "a", authorId: 3 }, select: { author: { select: { name: true } } } }"#,
        r#"
            BEGIN
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id"
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE "Post"."id" = $1 LIMIT $2 OFFSET $3
            SELECT "users"."id", "users"."name" FROM "users" WHERE "users"."id" = $1 OFFSET $2
            COMMIT
        "#,
    );
}

#[test]
fn many_rows_have_one_shape() {
    becomes(
        "User",
        "createMany",
        r#"{ data: [{ email: "a", data: 1 }, { email: "b", data: 2, name: "x" }], skipDuplicates: true }"#,
        r#"
            INSERT INTO "users" ("email","name","role","active","data","created_at","updatedAt","uid") VALUES ($1,null,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7), ($8,$9,CAST($10::text AS "role_kind"),$11,$12,$13,$14,$15) ON CONFLICT DO NOTHING
        "#,
    );
    becomes(
        "Group",
        "createMany",
        r#"{ data: [{ orgId: 1, code: "a", title: "x" }, { orgId: 1, title: "x", code: "b", id: 4 }] }"#,
        r#"
            INSERT INTO "Group" ("orgId","code","title","id") VALUES ($1,$2,$3,DEFAULT), ($4,$5,$6,$7)
        "#,
    );
    becomes(
        "Post",
        "createManyAndReturn",
        r#"{ data: [{ title: "a", authorId: 1 }], select: { id: true, author: { select: { name: true } } } }"#,
        r#"
            BEGIN
            INSERT INTO "Post" ("id","title","published","views","authorId") VALUES ($1,$2,$3,$4,$5) RETURNING "Post"."id", "Post"."authorId"
            SELECT "users"."id", "users"."name" FROM "users" WHERE "users"."id" IN ($1) OFFSET $2
            COMMIT
        "#,
    );
}

#[test]
fn update_sets_and_returns() {
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1 }, data: { age: { increment: 1 }, nums: { push: 3 }, name: { set: "x" }, role: "USER" }, select: { id: true } }"#,
        r#"
            UPDATE "users" SET "age" = ("users"."age" + $1), "nums" = "users"."nums" || $2, "name" = $3, "role" = CAST($4::text AS "role_kind"), "updatedAt" = $5 WHERE ("users"."id" = $6 AND 1=1) RETURNING "users"."id"
        "#,
    );
    becomes(
        "User",
        "update",
        r#"{ where: { id: 1, manager: { name: "x" } }, data: { name: "x" }, select: { id: true } }"#,
        r#"
            UPDATE "users" SET "name" = $1, "updatedAt" = $2 WHERE ("users"."id" = $3 AND EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE ("t0"."name" = $4 AND ("users"."managerId") = ("t0"."id") AND "t0"."id" IS NOT NULL))) RETURNING "users"."id"
        "#,
    );
    becomes(
        "Tag",
        "update",
        r#"{ where: { id: 1 }, data: {}, select: { id: true } }"#,
        r#"
            SELECT "Tag"."id" FROM "Tag" WHERE ("Tag"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
        "#,
    );
}

#[test]
fn many_rows_are_updated_without_joins() {
    becomes(
        "User",
        "updateMany",
        r#"{ where: { manager: { name: "x" } }, data: { active: false }, limit: 3 }"#,
        r#"
            UPDATE "users" SET "active" = $1, "updatedAt" = $2 WHERE ("users"."id") IN (SELECT "users"."id" FROM "users" WHERE EXISTS(SELECT "t0"."id" FROM "users" AS "t0" WHERE ("t0"."name" = $3 AND ("users"."managerId") = ("t0"."id") AND "t0"."id" IS NOT NULL)) LIMIT $4)
        "#,
    );
    becomes(
        "User",
        "updateManyAndReturn",
        r#"{ where: { name: "a" }, data: { name: "x" }, select: { id: true, role: true } }"#,
        r#"
            UPDATE "users" SET "name" = $1, "updatedAt" = $2 WHERE "users"."name" = $3 RETURNING "users"."id", "users"."role"::text
        "#,
    );
}

#[test]
fn delete_returns_or_reads_first() {
    becomes(
        "Comment",
        "delete",
        r#"{ where: { postId_n: { postId: "a", n: 3 } } }"#,
        r#"
            DELETE FROM "Comment" WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND 1=1) RETURNING "Comment"."postId", "Comment"."n", "Comment"."text", "Comment"."userId"
        "#,
    );
    becomes(
        "Post",
        "delete",
        r#"{ where: { id: "a" }, select: { id: true, tags: { select: { name: true } } } }"#,
        r#"
            BEGIN
            SELECT "Post"."id" FROM "Post" WHERE ("Post"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Tag"."id", "Tag"."name", "t0"."A" AS "PostToTag@Post" FROM "Tag" INNER JOIN "_PostToTag" AS "t0" ON "t0"."B" = "Tag"."id" WHERE (1=1 AND "t0"."A" = $1) OFFSET $2
            DELETE FROM "Post" WHERE ("Post"."id" = $1 AND 1=1)
            COMMIT
        "#,
    );
    becomes(
        "User",
        "deleteMany",
        r#"{ where: { profile: null, manager: null, groups: { none: {} } } }"#,
        r#"
            DELETE FROM "users" WHERE (("users"."id") NOT IN (SELECT "profile"."user_id" FROM "profile" WHERE "profile"."user_id" IS NOT NULL) AND ("users"."managerId" IS NULL) AND NOT EXISTS(SELECT "t0"."B" FROM "_GroupToUser" AS "t0" INNER JOIN "Group" AS "j0" ON ("j0"."id") = ("t0"."A") WHERE (1=1 AND ("users"."id") = ("t0"."B") AND "t0"."B" IS NOT NULL)))
        "#,
    );
    becomes(
        "User",
        "deleteMany",
        r#"{ where: { name: "x" }, limit: 5 }"#,
        r#"
            DELETE FROM "users" WHERE ("users"."id") IN (SELECT "users"."id" FROM "users" WHERE "users"."name" = $1 LIMIT $2)
        "#,
    );
}

#[test]
fn upsert_is_native_where_the_keys_agree() {
    becomes(
        "User",
        "upsert",
        r#"{ where: { email: "a" }, create: { email: "a", data: 1 }, update: { name: "x" }, select: { id: true } }"#,
        r#"
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) ON CONFLICT ("email") DO UPDATE SET "name" = $8, "updatedAt" = $9 WHERE ("users"."email" = $10 AND 1=1) RETURNING "users"."id"
        "#,
    );
    becomes(
        "User",
        "upsert",
        r#"{ where: { name_age: { name: "a", age: 3 } }, create: { email: "a", data: 1, name: "a", age: 3 }, update: { age: { increment: 1 } }, select: { id: true } }"#,
        r#"
            INSERT INTO "users" ("email","name","age","role","active","data","created_at","updatedAt","uid") VALUES ($1,$2,$3,CAST($4::text AS "role_kind"),$5,$6,$7,$8,$9) ON CONFLICT ("name","age") DO UPDATE SET "age" = ("users"."age" + $10), "updatedAt" = $11 WHERE (("users"."name" = $12 AND "users"."age" = $13) AND 1=1) RETURNING "users"."id"
        "#,
    );
}

#[test]
fn upsert_is_emulated_otherwise() {
    becomes(
        "User",
        "upsert",
        r#"{ where: { email: "a" }, create: { email: "b", data: 1 }, update: { name: "x" }, select: { id: true } }"#,
        r#"
            BEGIN
            SELECT "users"."id" FROM "users" WHERE ("users"."email" = $1 AND 1=1) OFFSET $2
            UPDATE "users" SET "name" = $1, "updatedAt" = $2 WHERE ("users"."id" IN ($3) AND ("users"."email" = $4 AND 1=1)) RETURNING "users"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            INSERT INTO "users" ("email","role","active","data","created_at","updatedAt","uid") VALUES ($1,CAST($2::text AS "role_kind"),$3,$4,$5,$6,$7) RETURNING "users"."id"
            SELECT "users"."id" FROM "users" WHERE "users"."id" = $1 LIMIT $2 OFFSET $3
            COMMIT
        "#,
    );
    becomes(
        "Comment",
        "upsert",
        r#"{ where: { postId_n: { postId: "a", n: 1 } }, create: { postId: "b", n: 1, text: "x" }, update: { text: "y" }, select: { n: true } }"#,
        r#"
            BEGIN
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND 1=1) OFFSET $3
            UPDATE "Comment" SET "text" = $1 WHERE (("Comment"."postId" IN ($2) AND "Comment"."n" IN ($3)) AND (("Comment"."postId" = $4 AND "Comment"."n" = $5) AND 1=1)) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            INSERT INTO "Comment" ("postId","n","text") VALUES ($1,$2,$3) RETURNING "Comment"."postId", "Comment"."n"
            SELECT "Comment"."postId", "Comment"."n" FROM "Comment" WHERE ("Comment"."postId" = $1 AND "Comment"."n" = $2) LIMIT $3 OFFSET $4
            COMMIT
        "#,
    );
}

/// The client keeps the relations: what points at deleted rows is read, and let go where it may be.
#[test]
fn relation_mode_prisma_looks_after_the_children() {
    let schema = super::parse(
        r#"
        datasource db {
          provider = "postgresql"
          relationMode = "prisma"
        }
        model Team {
          id Int @id
          members Member[]
          sites Site[]
        }
        model Member {
          id Int @id
          teamId Int
          team Team @relation(fields: [teamId], references: [id])
        }
        model Site {
          id Int @id
          teamId Int?
          team Team? @relation(fields: [teamId], references: [id])
        }
        "#,
    );
    super::becomes_in(
        &schema,
        "Team",
        "delete",
        "{ where: { id: 1 } }",
        r#"
        BEGIN
        DELETE FROM "Team" WHERE ("Team"."id" = $1 AND 1=1) RETURNING "Team"."id"
        SELECT "Member"."id", "Member"."teamId" FROM "Member" WHERE (1=1 AND "Member"."teamId" IN ($1)) OFFSET $2
        SELECT "Site"."id", "Site"."teamId" FROM "Site" WHERE (1=1 AND "Site"."teamId" IN ($1)) OFFSET $2
        UPDATE "Site" SET "teamId" = $1 WHERE ("Site"."id" IN ($2) AND 1=1)
        COMMIT
        "#,
    );
}

/// The table of a relation of many to many stands in the namespace of the model in its column `A`.
#[test]
fn namespaces_are_written() {
    let schema = super::parse(
        r#"
        datasource db {
          provider = "postgresql"
          schemas = ["base", "shop"]
        }
        model Owner {
          id Int @id
          marks Mark[]
          @@schema("base")
        }
        model Mark {
          id Int @id
          owners Owner[]
          @@schema("shop")
        }
        "#,
    );
    super::becomes_in(
        &schema,
        "Owner",
        "findMany",
        "{ where: { marks: { some: { id: 3 } } } }",
        r#"
        SELECT "base"."Owner"."id" FROM "base"."Owner" WHERE EXISTS(SELECT "t0"."B" FROM "shop"."_MarkToOwner" AS "t0" INNER JOIN "shop"."Mark" AS "j0" ON ("j0"."id") = ("t0"."A") WHERE ("j0"."id" = $1 AND ("base"."Owner"."id") = ("t0"."B") AND "t0"."B" IS NOT NULL)) OFFSET $2
        "#,
    );
}
