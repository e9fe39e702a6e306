//! Reads: filters, selections, relations by statements of their own, aggregates.

use super::becomes;

#[test]
fn scalars_are_compared() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { name: { contains: "a" }, age: { gte: 3, lt: 9 }, role: "ADMIN" }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."name"::text LIKE ('%' || $1 || '%') AND "users"."age" >= $2 AND "users"."age" < $3 AND "users"."role" = CAST($4::text AS "role_kind")) OFFSET $5
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { name: null, age: { not: null }, role: { in: ["ADMIN"] }, score: { not: 3 } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."name" IS NULL AND "users"."age" IS NOT NULL AND "users"."role" IN (CAST($1::text AS "role_kind")) AND "users"."score" <> $2) OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { id: { in: [1, 2] }, age: { notIn: [3] }, email: { in: ["a"], mode: "insensitive" } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."id" IN ($1) AND "users"."age" NOT IN ($2) AND LOWER("users"."email") IN (LOWER($3))) OFFSET $4
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { email: { not: { contains: "x" } }, name: { not: { in: ["a"] } } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."email"::text NOT LIKE ('%' || $1 || '%') AND "users"."name" NOT IN ($2)) OFFSET $3
        "#,
    );
}

#[test]
fn insensitive_is_a_pattern() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { email: { equals: "x", mode: "insensitive" } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."email" ILIKE $1 OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { email: { mode: "insensitive", contains: "a", startsWith: "b", not: "c" } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."email" NOT ILIKE $1 AND "users"."email" ILIKE ('%' || $2 || '%') AND "users"."email" ILIKE ($3 || '%')) OFFSET $4
        "#,
    );
    becomes(
        "User",
        "findFirstOrThrow",
        r#"{ where: { name: { lt: "x", mode: "insensitive" } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE LOWER("users"."name") < LOWER($1) LIMIT $2 OFFSET $3
        "#,
    );
}

#[test]
fn groups_are_laid_out() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { AND: [{ OR: [{ name: "a" }, { OR: [{ name: "b" }, { age: 3 }] }] }, { NOT: { NOT: { name: "c" } } }] }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (("users"."name" = $1 OR "users"."name" = $2 OR "users"."age" = $3) AND (NOT (NOT "users"."name" = $4))) OFFSET $5
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { AND: [], OR: [{}], NOT: [] }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (1=0 AND 1=1) OFFSET $1
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { NOT: [{ name: "a" }, { age: 4 }] }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ((NOT "users"."name" = $1) AND (NOT "users"."age" = $2)) OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { OR: [] }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=0 OFFSET $1
        "#,
    );
}

#[test]
fn lists_and_enums() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { labels: { has: "x" }, nums: { hasSome: [1] }, roles: { hasEvery: ["ADMIN"] } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."labels" @> $1 AND "users"."nums" && $2 AND "users"."roles" @> $3) OFFSET $4
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { labels: { isEmpty: true }, nums: { equals: [1] }, roles: { equals: ["USER"] } }, select: { id: true, roles: true } }"#,
        r#"
            SELECT "users"."id", "users"."roles"::text[] FROM "users" WHERE ("users"."labels" = '{}' AND "users"."nums" = $1 AND "users"."roles" = CAST($2::text[] AS "role_kind"[])) OFFSET $3
        "#,
    );
}

#[test]
fn json_is_looked_into() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { meta: { path: ["a", "b"], equals: 3 }, data: { path: ["x"], string_contains: "y" } }, select: { id: true } }"#,
        r##"
            SELECT "users"."id" FROM "users" WHERE (("users"."meta"#>ARRAY[$1, $2]::text[])::jsonb::jsonb = $3 AND (("users"."data"#>>ARRAY[$4]::text[]) LIKE ('%' || $5 || '%') AND JSONB_TYPEOF(("users"."data"#>ARRAY[$6]::text[])::jsonb) = $7)) OFFSET $8
        "##,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { meta: { equals: Prisma.AnyNull }, data: { not: Prisma.JsonNull } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (("users"."meta"::jsonb = $1 OR "users"."meta" IS NULL) AND "users"."data"::jsonb <> $2) OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { meta: { path: ["x"], gt: 4 }, data: { not: { a: 1 } } }, select: { id: true } }"#,
        r##"
            SELECT "users"."id" FROM "users" WHERE ((("users"."meta"#>ARRAY[$1]::text[])::jsonb > $2 AND JSONB_TYPEOF(("users"."meta"#>ARRAY[$3]::text[])::jsonb) = $4) AND "users"."data"::jsonb <> $5) OFFSET $6
        "##,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { NOT: { data: { path: ["a"], array_contains: ["x"] } } }, select: { id: true } }"#,
        r##"
            SELECT "users"."id" FROM "users" WHERE (NOT (("users"."data"#>ARRAY[$1]::text[])::jsonb @> $2 OR JSONB_TYPEOF(("users"."data"#>ARRAY[$3]::text[])::jsonb) != $4)) OFFSET $5
        "##,
    );
}

#[test]
fn relations_to_many_are_exists() {
    becomes(
        "User",
        "findMany",
        r#"{ where: { posts: { some: { title: "x" } } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE EXISTS(SELECT "t0"."authorId" FROM "Post" AS "t0" WHERE ("t0"."title" = $1 AND ("users"."id") = ("t0"."authorId") AND "t0"."authorId" IS NOT NULL)) OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { posts: { none: {} }, comments: { every: { text: "a", n: 4 } } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (NOT EXISTS(SELECT "t0"."authorId" FROM "Post" AS "t0" WHERE (1=1 AND ("users"."id") = ("t0"."authorId") AND "t0"."authorId" IS NOT NULL)) AND NOT EXISTS(SELECT "t1"."userId" FROM "Comment" AS "t1" WHERE ((NOT ("t1"."text" = $1 AND "t1"."n" = $2)) AND ("users"."id") = ("t1"."userId") AND "t1"."userId" IS NOT NULL))) OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { groups: { some: { title: "x" } } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE EXISTS(SELECT "t0"."B" FROM "_GroupToUser" AS "t0" INNER JOIN "Group" AS "j0" ON ("j0"."id") = ("t0"."A") WHERE ("j0"."title" = $1 AND ("users"."id") = ("t0"."B") AND "t0"."B" IS NOT NULL)) OFFSET $2
        "#,
    );
    becomes(
        "Comment",
        "findMany",
        r#"{ where: { likes: { some: { weight: 3 } } }, select: { text: true } }"#,
        r#"
            SELECT "Comment"."postId", "Comment"."n", "Comment"."text" FROM "Comment" WHERE EXISTS(SELECT "t0"."postId", "t0"."n" FROM "Like" AS "t0" WHERE ("t0"."weight" = $1 AND ("Comment"."postId","Comment"."n") = ("t0"."postId","t0"."n") AND "t0"."postId" IS NOT NULL AND "t0"."n" IS NOT NULL)) OFFSET $2
        "#,
    );
}

#[test]
fn relations_to_one_are_joined() {
    becomes(
        "Like",
        "findMany",
        r#"{ where: { comment: { post: { author: { name: "x" } } } }, select: { id: true } }"#,
        r#"
            SELECT "Like"."id" FROM "Like" LEFT JOIN "Comment" AS "j0" ON ("j0"."postId","j0"."n") = ("Like"."postId","Like"."n") LEFT JOIN "Post" AS "j1" ON ("j1"."id") = ("j0"."postId") LEFT JOIN "users" AS "j2" ON ("j2"."id") = ("j1"."authorId") WHERE ("j2"."name" = $1 AND ("j2"."id" IS NOT NULL) AND ("j1"."id" IS NOT NULL) AND ("j0"."postId" IS NOT NULL AND "j0"."n" IS NOT NULL)) OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { manager: { isNot: { name: "x" } } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" LEFT JOIN "users" AS "j0" ON ("j0"."id") = ("users"."managerId") WHERE ((NOT "j0"."name" = $1) OR ("j0"."id" IS NULL)) OFFSET $2
        "#,
    );
    becomes(
        "User",
        "findMany",
        r#"{ where: { manager: null, profile: { isNot: null } }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" LEFT JOIN "profile" AS "j0" ON ("j0"."user_id") = ("users"."id") WHERE (("users"."managerId" IS NULL) AND (NOT ("j0"."user_id" IS NULL))) OFFSET $1
        "#,
    );
}

#[test]
fn a_unique_key_is_one_row() {
    becomes(
        "User",
        "findUnique",
        r#"{ where: { id: 1 }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
        "#,
    );
    becomes(
        "User",
        "findUnique",
        r#"{ where: { name_age: { name: "a", age: 3 }, role: "USER" }, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE (("users"."name" = $1 AND "users"."age" = $2) AND "users"."role" = CAST($3::text AS "role_kind")) LIMIT $4 OFFSET $5
        "#,
    );
    becomes(
        "Comment",
        "findUnique",
        r#"{ where: { postId_n: { postId: "a", n: 3 } } }"#,
        r#"
            SELECT "Comment"."postId", "Comment"."n", "Comment"."text", "Comment"."userId" FROM "Comment" WHERE (("Comment"."postId" = $1 AND "Comment"."n" = $2) AND 1=1) LIMIT $3 OFFSET $4
        "#,
    );
}

#[test]
fn relations_are_read_for_all_parents() {
    becomes(
        "User",
        "findMany",
        r#"{ select: { name: true, groups: { where: { title: "a" }, orderBy: { title: "desc" }, take: 3 }, posts: { select: { title: true, tags: true } } } }"#,
        r#"
            SELECT "users"."id", "users"."name" FROM "users" WHERE 1=1 OFFSET $1
            SELECT "Group"."id", "Group"."orgId", "Group"."code", "Group"."title", "t0"."B" AS "GroupToUser@User" FROM "Group" INNER JOIN "_GroupToUser" AS "t0" ON "t0"."A" = "Group"."id" WHERE ("Group"."title" = $1 AND "t0"."B" IN ($2)) ORDER BY "Group"."title" DESC OFFSET $3
            SELECT "Post"."id", "Post"."title", "Post"."authorId" FROM "Post" WHERE "Post"."authorId" IN ($1) OFFSET $2
            SELECT "Tag"."id", "Tag"."name", "t1"."A" AS "PostToTag@Post" FROM "Tag" INNER JOIN "_PostToTag" AS "t1" ON "t1"."B" = "Tag"."id" WHERE (1=1 AND "t1"."A" IN ($1)) OFFSET $2
            memory: page Some(3) None of "groups"
        "#,
    );
    becomes(
        "User",
        "findUnique",
        r#"{ where: { id: 1 }, select: { posts: { take: 3, skip: 1, orderBy: { title: "asc" } }, groups: { take: 2 } } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE ("users"."id" = $1 AND 1=1) LIMIT $2 OFFSET $3
            SELECT "Post"."id", "Post"."title", "Post"."body", "Post"."published", "Post"."views", "Post"."authorId", "Post"."editorId", "Post"."at" FROM "Post" WHERE "Post"."authorId" = $1 ORDER BY "Post"."title" ASC LIMIT $2 OFFSET $3
            SELECT "Group"."id", "Group"."orgId", "Group"."code", "Group"."title", "t0"."B" AS "GroupToUser@User" FROM "Group" INNER JOIN "_GroupToUser" AS "t0" ON "t0"."A" = "Group"."id" WHERE (1=1 AND "t0"."B" = $1) ORDER BY "Group"."id" ASC LIMIT $2 OFFSET $3
        "#,
    );
    becomes(
        "Comment",
        "findMany",
        r#"{ take: 3, select: { text: true, likes: { select: { weight: true } }, post: { select: { title: true } } } }"#,
        r#"
            SELECT "Comment"."postId", "Comment"."n", "Comment"."text" FROM "Comment" WHERE 1=1 ORDER BY "Comment"."postId" ASC, "Comment"."n" ASC LIMIT $1 OFFSET $2
            SELECT "Like"."id", "Like"."weight", "Like"."postId", "Like"."n" FROM "Like" WHERE ("Like"."postId" IN ($1) AND "Like"."n" IN ($2)) OFFSET $3
            SELECT "Post"."id", "Post"."title" FROM "Post" WHERE "Post"."id" IN ($1) OFFSET $2
        "#,
    );
}

#[test]
fn counts_of_relations_aggregate_the_child() {
    becomes(
        "User",
        "findMany",
        r#"{ select: { _count: { select: { posts: { where: { title: "a" } }, groups: true } } } }"#,
        r#"
            SELECT "users"."id", COALESCE("aggr_selection_0_Post"."_aggr_count_posts", 0) AS "_aggr_count_posts", COALESCE("aggr_selection_1_Group"."_aggr_count_groups", 0) AS "_aggr_count_groups" FROM "users" LEFT JOIN (SELECT "Post"."authorId", COUNT(*) AS "_aggr_count_posts" FROM "Post" WHERE "Post"."title" = $1 GROUP BY "Post"."authorId") AS "aggr_selection_0_Post" ON ("users"."id" = "aggr_selection_0_Post"."authorId") LEFT JOIN (SELECT "_GroupToUser"."B", COUNT("_GroupToUser"."B") AS "_aggr_count_groups" FROM "Group" LEFT JOIN "_GroupToUser" ON ("Group"."id" = "_GroupToUser"."A") WHERE 1=1 GROUP BY "_GroupToUser"."B") AS "aggr_selection_1_Group" ON ("users"."id" = "aggr_selection_1_Group"."B") WHERE 1=1 OFFSET $2
        "#,
    );
}

#[test]
fn aggregates_stand_over_a_subquery() {
    becomes(
        "User",
        "count",
        r#"{ where: { name: "a" } }"#,
        r#"
            SELECT COUNT(*) AS "_count$_all" FROM (SELECT "users"."id" FROM "users" WHERE "users"."name" = $1 OFFSET $2) AS "sub"
        "#,
    );
    becomes(
        "User",
        "count",
        r#"{ select: { _all: true, name: true }, take: 7 }"#,
        r#"
            SELECT COUNT("name") AS "_count$name", COUNT(*) AS "_count$_all" FROM (SELECT "users"."name" FROM "users" WHERE 1=1 ORDER BY "users"."id" ASC LIMIT $1 OFFSET $2) AS "sub"
        "#,
    );
    becomes(
        "User",
        "aggregate",
        r#"{ _count: { name: true, _all: true }, _avg: { age: true }, _min: { createdAt: true, role: true }, where: { active: true } }"#,
        r#"
            SELECT COUNT("name") AS "_count$name", COUNT(*) AS "_count$_all", AVG("age") AS "_avg$age", MIN("created_at") AS "_min$created_at", MIN("role")::text AS "_min$role" FROM (SELECT "users"."name", "users"."age", "users"."created_at", "users"."role" FROM "users" WHERE "users"."active" = $1 OFFSET $2) AS "sub"
        "#,
    );
}

#[test]
fn groups_come_after_their_aggregates() {
    becomes(
        "User",
        "groupBy",
        r#"{ by: ["role"], _sum: { age: true }, having: { age: { _avg: { gt: 3 } } }, orderBy: { _count: { name: "desc" } } }"#,
        r#"
            SELECT SUM("users"."age") AS "_sum$age", "users"."role"::text FROM "users" WHERE 1=1 GROUP BY "users"."role" HAVING AVG("users"."age") > $1 ORDER BY COUNT("users"."name") DESC OFFSET $2
        "#,
    );
    becomes(
        "User",
        "groupBy",
        r#"{ by: ["age", "name"], _max: { createdAt: true }, having: { name: { contains: "x" }, age: { in: [3] } } }"#,
        r#"
            SELECT MAX("users"."created_at") AS "_max$created_at", "users"."age", "users"."name" FROM "users" WHERE 1=1 GROUP BY "users"."age", "users"."name" HAVING ("users"."name"::text LIKE ('%' || $1 || '%') AND "users"."age" IN ($2)) OFFSET $3
        "#,
    );
}
