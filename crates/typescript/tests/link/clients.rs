//! What is a call of Prisma Client, and what only looks like one.

use crate::support::{DB, calls, linked, linked_in, package, schema, world};
use pgsteward_typescript::ClientProject;
use std::sync::Arc;

#[test]
fn clients_are_followed_through_the_ways_they_are_made() {
    let made = [
        (
            "globalThis",
            "const kept = globalThis as any\nexport const prisma = kept.prisma ?? new PrismaClient()",
        ),
        ("extends", "export const prisma = new PrismaClient().$extends({ name: 'x' })"),
        ("factory", "const make = () => new PrismaClient().$extends(log)\nexport const prisma = make()"),
        (
            "singleton",
            "import { once } from './once'\nexport const prisma = once('db', () => new PrismaClient())",
        ),
        (
            "function",
            "function make() { return new PrismaClient() }\nexport const prisma = globalThis.db || make()",
        ),
        ("class", "class Db extends PrismaClient {}\nexport const prisma = new Db()"),
        ("renamed", "const client = new PrismaClient()\nexport { client as prisma }"),
    ];
    for (way, text) in made {
        let db = format!("import {{ PrismaClient }} from '@prisma/client'\n{text}\n");
        let code = linked(&[
            ("src/db.ts", &db),
            (
                "src/once.ts",
                "export function once<T>(key: string, make: () => T): T { return store[key] ??= make() }",
            ),
            ("src/a.ts", "import { prisma } from './db'\nexport const f = () => prisma.user.findMany()"),
        ]);
        assert_eq!(calls(&code), ["src/a.ts User.findMany Resolved"], "{way}");
    }
}

#[test]
fn injected_services_are_known_by_their_types() {
    let code = linked(&[
        (
            "src/prisma.service.ts",
            "import { Injectable } from '@nestjs/common'\nimport { PrismaClient } from '@prisma/client'\n\
             @Injectable()\nexport class PrismaService extends PrismaClient {}",
        ),
        (
            "src/users.service.ts",
            "import { PrismaService } from './prisma.service'\n@Injectable()\nexport class UsersService {\n\
             constructor(private readonly db: PrismaService) {}\n\
             one(id: string) { return this.db.user.findUnique({ where: { id } }) } }",
        ),
    ]);
    assert_eq!(calls(&code), ["src/users.service.ts User.findUnique Resolved"]);
}

#[test]
fn parameters_are_clients_by_type_and_by_what_callers_give() {
    let code = linked(&[
        DB,
        (
            "src/a.ts",
            "import type { Prisma, PrismaClient } from '@prisma/client'\n\
             type Db = PrismaClient | Prisma.TransactionClient\n\
             export const typed = (db: Db) => db.user.count()\n\
             export const inTransaction = (db: Prisma.TransactionClient) => db.user.count()\n\
             export const object = ({ db }: { db: PrismaClient }) => db.user.count()\n\
             export const given = (thing: any) => thing.user.count()\n",
        ),
        (
            "src/b.ts",
            "import { prisma } from './db'\nimport { given } from './a'\nexport const g = () => given(prisma)",
        ),
    ]);
    assert_eq!(
        calls(&code),
        [
            "src/a.ts User.count Typed",
            "src/a.ts User.count Typed tx",
            "src/a.ts User.count Typed",
            "src/a.ts User.count Resolved",
        ]
    );
}

#[test]
fn what_only_looks_like_a_call_is_none() {
    let code = linked(&[
        DB,
        (
            "src/slack.ts",
            "import { WebClient } from '@slack/web-api'\nconst slack = new WebClient()\n\
             export const f = () => slack.user.update({ channel: 'c', text: 'where' })\n\
             export const g = (caller) => caller.post.create({ name: 'x' })\n\
             export const h = (api) => api.order.findMany()\n\
             export const i = () => prisma.invoice.count()\n",
        ),
    ]);
    assert_eq!(calls(&code), Vec::<String>::new());
}

#[test]
fn a_shape_that_fits_a_model_is_enough_where_nothing_was_followed() {
    let code = linked(&[(
        "src/a.ts",
        "export const f = (x) => x.user.findMany({ where: { email: 'a' } })\n\
         export const g = (ctx) => ctx.prisma.post.count()\n\
         export const h = (x) => x.user.findMany({ where: { colour: 'a' } })",
    )]);
    assert_eq!(calls(&code), ["src/a.ts User.findMany Shape", "src/a.ts Post.count Typed"]);
}

#[test]
fn models_that_the_schema_lacks_are_counted() {
    let code = linked(&[
        DB,
        (
            "src/a.ts",
            "import { prisma } from './db'\n\
             export const f = () => prisma.invoice.findMany({ where: { id: 1 } })\n\
             export const g = (m) => prisma[m].findMany()\n",
        ),
    ]);
    assert!(code.calls.is_empty());
    assert_eq!(code.counts.missing_models.get("invoice"), Some(&1));
    assert_eq!(code.counts.calls, 2);
}

#[test]
fn no_two_projects_claim_the_same_call() {
    let mut world = world();
    world.projects[0].folder = "packages/a".into();
    world.projects[0].modules.clear();
    world.projects[0].outputs = vec!["packages/a/generated".into()];
    world.projects.push(ClientProject {
        folder: "packages/b".into(),
        schema: Some(Arc::new(schema("User(id, email) Team(id)"))),
        outputs: vec!["packages/b/generated/client".into()],
        modules: Vec::new(),
    });
    world.packages = vec![
        package("@x/a", "packages/a", &[(".", "packages/a/src/index.ts")], &[]),
        package("@x/b", "packages/b", &[(".", "packages/b/dist/index.js")], &[]),
        package("web", "apps/web", &[], &["@x/b"]),
    ];
    let files = [
        (
            "packages/a/src/index.ts",
            "import { PrismaClient } from '../generated'\nexport const prisma = new PrismaClient()",
        ),
        (
            "packages/b/src/index.ts",
            "import { PrismaClient } from '../generated/client/client'\nexport const prisma = new PrismaClient()",
        ),
        ("apps/api/src/a.ts", "import { prisma } from '@x/a'\nexport const f = () => prisma.user.findMany()"),
        ("apps/web/src/b.ts", "import { prisma } from '@x/b'\nexport const f = () => prisma.user.findMany()"),
        ("apps/web/src/c.ts", "export const f = (x) => x.user.findMany({ where: { email: '' } })"),
        ("apps/web/src/d.ts", "export const f = (x) => x.post.findMany({ where: { title: '' } })"),
    ];
    let first = linked_in(&files, &world);
    world.this = 1;
    let second = linked_in(&files, &world);
    assert_eq!(
        calls(&first),
        ["apps/api/src/a.ts User.findMany Resolved", "apps/web/src/d.ts Post.findMany Shape"]
    );
    assert_eq!(
        calls(&second),
        ["apps/web/src/b.ts User.findMany Resolved", "apps/web/src/c.ts User.findMany Shape"]
    );
    assert_eq!(first.counts.files + second.counts.files, files.len());
}

/// Delegates and operations that names hold, and models that a key names.
#[test]
fn models_and_operations_may_be_held_by_names() {
    for (body, expected) in [
        ("const { order } = prisma; return order.findMany()", "Order.findMany"),
        ("const { order: all } = prisma; return all.findMany()", "Order.findMany"),
        ("const find = prisma.order.findMany; return find({ where: { userId: id } })", "Order.findMany"),
        ("return prisma[id as 'order'].findMany()", "Order.findMany"),
        ("const model = 'order'; return prisma[model].findMany()", "Order.findMany"),
        ("return prisma.order.findMany(...[{ where: { userId: id } }])", "Order.findMany"),
        ("return prisma.order.findMany(...rest)", "Order.findMany"),
    ] {
        let code = linked(&[
            DB,
            (
                "src/a.ts",
                &format!("import {{ prisma }} from './db'\nexport const f = (id, ...rest) => {{ {body} }}"),
            ),
        ]);
        assert_eq!(calls(&code), [format!("src/a.ts {expected} Resolved")], "{body}");
    }
    for body in ["return prisma[id].findMany()", "const model = pick(); return prisma[model].findMany()"] {
        let code = linked(&[
            DB,
            ("src/a.ts", &format!("import {{ prisma }} from './db'\nexport const f = (id) => {{ {body} }}")),
        ]);
        let why = code.counts.not_understood.iter().collect::<Vec<_>>();
        assert_eq!((code.counts.calls, code.calls.len()), (1, 0), "{body}: {why:?}");
        assert_eq!(code.counts.not_understood.get("the model is chosen when the program runs"), Some(&1));
    }
    // What else is taken apart and called is no client's.
    let code = linked(&[
        DB,
        (
            "src/a.ts",
            "import { prisma } from './db'\nexport const f = (seen) => { const { user } = seen(); user.update({ at: 1 }); const count = seen.size.count; return count() }",
        ),
    ]);
    assert_eq!(calls(&code), Vec::<String>::new());
}
