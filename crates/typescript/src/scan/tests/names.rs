//! Imports, exports, functions, classes, clients, receivers.

use pgsteward_model::code::FunctionRole;

use super::unit;
use crate::scan;
use crate::unit::{Depth, Exported, ImportKind, Imported, Origin};

#[test]
fn imports_of_all_kinds() {
    let unit = unit(
        "import def, { a as b, type T } from './m';\nimport * as ns from 'n';\nimport './side';\n\
         const { x } = require('./r');\nexport const y = async () => { const d = await import('./d'); return d.run() }",
    );
    let names: Vec<(&str, &Imported, &str, ImportKind)> = unit
        .imports
        .iter()
        .map(|one| (one.module.as_str(), &one.name, one.local.as_str(), one.kind))
        .collect();
    assert_eq!(names[0], ("./m", &Imported::Name("default".into()), "def", ImportKind::Static));
    assert_eq!(names[1], ("./m", &Imported::Name("a".into()), "b", ImportKind::Static));
    assert!(unit.imports[2].type_only);
    assert_eq!(names[3], ("n", &Imported::Namespace, "ns", ImportKind::Static));
    assert_eq!(names[4].1, &Imported::Nothing);
    assert_eq!(names[5].3, ImportKind::Require);
    assert_eq!(names[6], ("./d", &Imported::Namespace, "d", ImportKind::Dynamic));
    let x = unit.variables.iter().find(|one| one.name == "x").expect("x");
    assert_eq!(x.origin, Origin::Member(Box::new(Origin::Import(5)), "x".into()));
}

#[test]
fn exports_of_all_kinds() {
    let unit = unit(
        "const a = 1; function f() {}\nexport { a as b, f };\nexport * from './x';\nexport * as y from './y';\n\
         export { z } from './z';\nexport default class K {}\nmodule.exports.q = f;\nexport type { T } from './t'",
    );
    let found =
        |name: &str| unit.exports.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(found("b").what, Exported::Local(Origin::Variable(0)));
    assert_eq!(found("f").what, Exported::Local(Origin::Function(1)));
    assert_eq!(found("").what, Exported::Star { module: "./x".into() });
    assert_eq!(found("y").what, Exported::From { module: "./y".into(), name: Imported::Namespace });
    assert_eq!(found("z").what, Exported::From { module: "./z".into(), name: Imported::Name("z".into()) });
    assert_eq!(found("default").what, Exported::Local(Origin::Class(0)));
    assert_eq!(found("q").what, Exported::Local(Origin::Function(1)));
    assert!(found("T").type_only);
}

#[test]
fn files_without_a_database_give_their_names_only() {
    let unit =
        scan("src/x.ts", "import { a } from './a'; export { a }; export const b = 1; export * from './c'");
    assert_eq!(unit.depth, Depth::Names);
    assert_eq!(unit.exports[0].what, Exported::Local(Origin::Import(0)));
    assert_eq!(unit.exports.len(), 3);
}

fn roles(path: &str, text: &str) -> Vec<(String, FunctionRole)> {
    let unit = super::super::scan_fully(path, text);
    unit.functions.iter().skip(1).map(|one| (one.name.clone(), one.role)).collect()
}

#[test]
fn handlers_of_frameworks() {
    let one = |path: &str, text: &str, name: &str, role: FunctionRole| {
        let found = roles(path, text);
        assert!(found.iter().any(|(have, of)| have == name && *of == role), "{path} {text}: {found:?}");
    };
    use FunctionRole::*;
    one("app/api/x/route.ts", "export async function GET(request: Request) {}", "GET", RequestHandler);
    one("app/api/x/route.ts", "export const POST = withAuth(async (request) => {})", "POST", RequestHandler);
    one("pages/api/x.ts", "export default async function handler(req, res) {}", "handler", RequestHandler);
    one(
        "pages/api/webhooks/stripe.ts",
        "export default async function handler(req, res) {}",
        "handler",
        Webhook,
    );
    one("src/a.ts", "'use server'\nexport async function save(data) {}", "save", RequestHandler);
    one("src/a.ts", "app.get('/x', async (req, res) => {})", "GET /x", RequestHandler);
    one(
        "src/a.ts",
        "fastify.route({ method: 'PUT', url: '/y', handler: async (r) => {} })",
        "PUT /y",
        RequestHandler,
    );
    one(
        "src/a.ts",
        "app.post('/stripe', async (req, res) => { stripe.webhooks.constructEvent(req.body) })",
        "POST /stripe",
        Webhook,
    );
    one(
        "src/a.ts",
        "app.post('/:id/webhooks', async (req, res) => {})",
        "POST /:id/webhooks",
        RequestHandler,
    );
    one("src/a.ts", "class C { @Get() list() {} }", "C.list", RequestHandler);
    one("src/a.ts", "@Resolver() class C { @ResolveField() posts() {} }", "C.posts", FieldResolver);
    one(
        "src/a.ts",
        "const resolvers = { User: { posts: (user) => 1 }, Query: { me: (a, b) => 1 } }",
        "resolvers.User.posts",
        FieldResolver,
    );
    one(
        "src/a.ts",
        "const resolvers = { User: { posts: (user) => 1 }, Query: { me: (a, b) => 1 } }",
        "resolvers.Query.me",
        RequestHandler,
    );
    one(
        "src/a.ts",
        "export const r = router({ all: publicProcedure.input(x).query(async ({ ctx }) => 1) })",
        "r.all",
        RequestHandler,
    );
    one("src/a.ts", "r.get(`${base}/x`, async (c) => 1)", "GET ${base}/x", RequestHandler);
    one("src/a.ts", "userRouter.get(`${base}`, async (c) => 1)", "GET ${base}", RequestHandler);
    let cached = roles("src/a.ts", "cache.get(`${id}:profile`, async () => 1)");
    assert!(cached.iter().all(|(_, role)| *role != RequestHandler), "a key: {cached:?}");
    one("app/routes/x.tsx", "export async function loader({ request }) {}", "loader", RequestHandler);
    one(
        "src/a.ts",
        "objectType({ definition(t) { t.field('posts', { resolve: (user) => 1 }) } })",
        "posts.resolve",
        FieldResolver,
    );
    one("src/a.ts", "new Worker('mail', async (job) => { await send(job) })", "job mail", Job);
    one("src/a.ts", "cron.schedule('* * *', async () => {})", "job * * *", Job);
    one("src/a.ts", "export const t = task({ id: 'sync', run: async () => {} })", "job sync", Job);
    one("src/a.tsx", "export function Card() { return <p/> }", "Card", Component);
    one("src/a.ts", "export const get = cache(async (id) => 1)", "get", Plain);
}

#[test]
fn clients_and_receivers() {
    let unit = unit(
        "import { PrismaClient } from '@prisma/client';\n\
         const kept = globalThis as any;\n\
         export const prisma = kept.prisma ?? new PrismaClient({ log: ['warn'] });\n\
         export const ext = prisma.$extends({});\n\
         class S { constructor(private readonly db: PrismaService) {} run() { return this.db.user.findMany() } }\n\
         const users = prisma.user;\n\
         export async function f(tx: Prisma.TransactionClient, { ctx }) {\n\
           await users.findMany(); await tx.a.count(); await ctx.prisma.b.count(); await prisma[name].findMany(); await ext.c.count();\n\
         }\n\
         function g() { return new PrismaClient() }",
    );
    assert_eq!(unit.clients.len(), 2);
    assert!(unit.clients[0].once && !unit.clients[1].once);
    let got: Vec<(Option<&str>, &str)> =
        unit.calls.iter().map(|call| (call.model.as_deref(), call.receiver.as_str())).collect();
    assert_eq!(
        got,
        [
            (Some("user"), "this.db"),
            (Some("user"), "prisma"),
            (Some("a"), "tx"),
            (Some("b"), "ctx.prisma"),
            (None, "prisma"),
            (Some("c"), "ext"),
        ]
    );
    assert_eq!(unit.calls[0].client, Origin::Member(Box::new(Origin::This(Some(0))), "db".into()));
    assert_eq!(unit.classes[0].fields[0].ty.as_deref(), Some("PrismaService"));
    let prisma = unit.variables.iter().find(|one| one.name == "prisma").expect("prisma");
    assert!(
        matches!(&prisma.origin, Origin::Either(all) if all.contains(&Origin::Client(0))),
        "{:?}",
        prisma.origin
    );
    let ext = unit.variables.iter().find(|one| one.name == "ext").expect("ext");
    assert!(matches!(ext.origin, Origin::Extended(_)));
}

#[test]
fn what_is_no_call_of_a_model() {
    let unit = unit(
        "const m = new Map(); m.delete('x'); cache.users.delete('k'); Object.a.create({}); slack.chat.update({ a: 1 })",
    );
    let left: Vec<&str> = unit.calls.iter().map(|call| call.receiver.as_str()).collect();
    // Only the schema can tell that `chat` is no model.
    assert_eq!(left, ["slack"]);
}

#[test]
fn invocations_and_what_they_call() {
    let unit = unit(
        "import * as orders from './orders'; import { send } from './mail';\n\
         export async function f(ids: string[]) { await orders.cancel(ids[0]); await Promise.all(ids.map(send)); new Job(ids) }\n\
         class Job { run() { return this.helper(1) } helper(n) {} }",
    );
    let names: Vec<&str> = unit.invocations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["orders.cancel", "send", "Job", "this.helper"]);
    assert!(unit.invocations[1].by_value && unit.invocations[1].site.loops.len() == 1);
    assert!(unit.invocations[2].constructs);
}
