//! The join strategy.

use super::becomes_with;

#[test]
fn children_become_json() {
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { id: true, createdAt: true, role: true, posts: { select: { title: true } } } }"#,
        r#"
            SELECT "t0"."id", "t0"."created_at" AS "createdAt", "t0"."role"::text, "User_posts"."__prisma_data__" AS "posts" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('title', "t2"."title") AS "__prisma_data__" FROM (SELECT "t1".* FROM "Post" AS "t1" WHERE "t0"."id" = "t1"."authorId" /* root select */) AS "t2" /* inner select */) AS "t3" /* middle select */) AS "t4" /* outer select */) AS "User_posts" ON true
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { name: true, profile: true, manager: { select: { name: true } } } }"#,
        r#"
            SELECT "t0"."id", "t0"."name", "User_profile"."__prisma_data__" AS "profile", "t0"."managerId", "User_manager"."__prisma_data__" AS "manager" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT JSONB_BUILD_OBJECT('id', "t1"."id", 'bio', "t1"."bio", 'userId', "t1"."user_id") AS "__prisma_data__" FROM "profile" AS "t1" WHERE "t0"."id" = "t1"."user_id" LIMIT $1) AS "User_profile" ON true LEFT JOIN LATERAL (SELECT JSONB_BUILD_OBJECT('name', "t2"."name") AS "__prisma_data__" FROM "users" AS "t2" WHERE "t0"."managerId" = "t2"."id" LIMIT $2) AS "User_manager" ON true
        "#,
    );
}

#[test]
fn pages_of_relations_are_cut_by_the_server() {
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { name: true, posts: { where: { title: "x" }, orderBy: { views: "desc" }, take: 2, select: { title: true } } } }"#,
        r#"
            SELECT "t0"."id", "t0"."name", "User_posts"."__prisma_data__" AS "posts" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('title', "t2"."title") AS "__prisma_data__", "t2"."views", "t2"."title" FROM (SELECT "t1".* FROM "Post" AS "t1" WHERE "t0"."id" = "t1"."authorId" /* root select */) AS "t2" /* inner select */) AS "t3" WHERE "t3"."title" = $1 ORDER BY "t3"."views" DESC LIMIT $2 /* middle select */) AS "t4" /* outer select */) AS "User_posts" ON true
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { name: true, groups: { where: { title: "x" }, orderBy: { title: "desc" }, take: 2 } } }"#,
        r#"
            SELECT "t0"."id", "t0"."name", "User_groups_m2m"."__prisma_data__" AS "groups" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t2"."__prisma_data__" FROM "_GroupToUser" AS "t1" LEFT JOIN LATERAL (SELECT JSONB_BUILD_OBJECT('orgId', "t5"."orgId", 'code', "t5"."code", 'title', "t5"."title", 'id', "t5"."id") AS "__prisma_data__", "t5"."title", "t5"."id" FROM (SELECT "t4".* FROM "Group" AS "t4" WHERE "t1"."A" = "t4"."id" /* root select */) AS "t5") AS "t2" ON true WHERE ("t1"."B" = "t0"."id" AND "t2"."title" = $1) ORDER BY "t2"."title" DESC LIMIT $2 /* inner */) AS "t3" /* outer */) AS "User_groups_m2m" ON true
        "#,
    );
}

#[test]
fn counts_are_lateral() {
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { name: true, posts: { select: { id: true } }, _count: { select: { posts: true, groups: true } } } }"#,
        r#"
            SELECT "t0"."id", "t0"."name", "User_posts"."__prisma_data__" AS "posts", JSONB_BUILD_OBJECT('posts', COALESCE("User_posts"."_aggr_count_posts", 0), 'groups', COALESCE("t5"."_aggr_count_groups", 0)) AS "_count" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__", COUNT("__prisma_data__") AS "_aggr_count_posts" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id") AS "__prisma_data__" FROM (SELECT "t1".* FROM "Post" AS "t1" WHERE "t0"."id" = "t1"."authorId" /* root select */) AS "t2" /* inner select */) AS "t3" /* middle select */) AS "t4" /* outer select */) AS "User_posts" ON true LEFT JOIN LATERAL (SELECT COUNT(*) AS "_aggr_count_groups" FROM "Group" AS "t6" LEFT JOIN "_GroupToUser" AS "t7" ON "t7"."A" = "t6"."id" WHERE "t7"."B" = "t0"."id") AS "t5" ON true
        "#,
    );
}

#[test]
fn a_cursor_or_a_word_falls_back() {
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ cursor: { id: 3 }, take: 3, select: { id: true } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE "users"."id" >= (SELECT "users"."id" FROM "users" WHERE ("users"."id") = ($1)) ORDER BY "users"."id" ASC LIMIT $2 OFFSET $3
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ relationLoadStrategy: "query", select: { posts: { select: { id: true } } } }"#,
        r#"
            SELECT "users"."id" FROM "users" WHERE 1=1 OFFSET $1
            SELECT "Post"."id", "Post"."authorId" FROM "Post" WHERE "Post"."authorId" IN ($1) OFFSET $2
        "#,
    );
}

#[test]
fn distinct_is_pushed_down_where_the_order_begins_alike() {
    becomes_with(
        &["relationJoins"],
        "Post",
        "findMany",
        r#"{ distinct: ["title", "views"], orderBy: { title: "asc" }, take: 2, select: { title: true } }"#,
        r#"
            SELECT DISTINCT ON ("t0"."title", "t0"."views") "t0"."id", "t0"."title", "t0"."views" FROM "Post" AS "t0" ORDER BY "t0"."title" ASC LIMIT $1
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ distinct: ["createdAt"], orderBy: { name: "asc" }, take: 2, select: { id: true } }"#,
        r#"
            SELECT "t0"."id", "t0"."created_at" AS "createdAt" FROM "users" AS "t0" ORDER BY "t0"."name" ASC
            memory: distinct ["createdAt"] of ""
            memory: page Some(2) None of ""
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findFirst",
        r#"{ distinct: ["createdAt"], orderBy: { name: "asc" }, select: { id: true } }"#,
        r#"
            SELECT "t0"."id", "t0"."created_at" AS "createdAt" FROM "users" AS "t0" ORDER BY "t0"."name" ASC LIMIT $1
            memory: distinct ["createdAt"] of ""
        "#,
    );
    becomes_with(
        &["relationJoins"],
        "User",
        "findMany",
        r#"{ select: { reports: { orderBy: { id: "asc" }, take: -2, select: { id: true } }, posts: { distinct: ["title"], orderBy: { views: "asc" }, select: { title: true } } } }"#,
        r#"
            SELECT "t0"."id", "User_reports"."__prisma_data__" AS "reports", "User_posts"."__prisma_data__" AS "posts" FROM "users" AS "t0" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id") AS "__prisma_data__", "t2"."id" FROM (SELECT "t1".* FROM "users" AS "t1" WHERE "t0"."id" = "t1"."managerId" /* root select */) AS "t2" /* inner select */) AS "t3" ORDER BY "t3"."id" DESC LIMIT $1 /* middle select */) AS "t4" /* outer select */) AS "User_reports" ON true LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t7"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('title', "t6"."title") AS "__prisma_data__", "t6"."views", "t6"."title" FROM (SELECT "t5".* FROM "Post" AS "t5" WHERE "t0"."id" = "t5"."authorId" /* root select */) AS "t6" /* inner select */) AS "t7" ORDER BY "t7"."views" ASC /* middle select */) AS "t8" /* outer select */) AS "User_posts" ON true
            memory: distinct ["title"] of "posts"
            memory: reverse of "reports"
        "#,
    );
}
