//! Functions across files: who calls whom, on which transaction, with what result.

use pgsteward_model::code::{FunctionRole, Whole};

use crate::support::{DB, callers, calls, function, linked, names};

#[test]
fn only_functions_that_reach_the_database_are_told_of() {
    let code = linked(&[
        DB,
        (
            "src/users.ts",
            "import { prisma } from './db'\nexport const one = (id: string) => prisma.user.findUnique({ where: { id } })\n\
             export const plain = () => 1\n",
        ),
        (
            "src/service.ts",
            "import * as users from './users'\nexport class Service {\n  async all(ids: string[]) {\n\
             for (const id of ids) { await this.each(id) }\n    return users.plain()\n  }\n\
             private each(id: string) { return users.one(id) }\n}\n",
        ),
    ]);
    // The module of the client is there for its sake.
    assert_eq!(names(&code), ["(module)", "Service.all", "Service.each", "one"]);
    assert_eq!(callers(&code, "one"), ["Service.each"]);
    assert_eq!(callers(&code, "Service.each"), ["Service.all"]);
    let looped =
        code.invocations.iter().find(|invocation| code.functions[invocation.callee].name == "Service.each");
    assert_eq!(looped.unwrap().site.loops.len(), 1, "the helper is called in a loop of another function");
}

#[test]
fn transactions_reach_into_other_files() {
    let code = linked(&[
        DB,
        (
            "src/move.ts",
            "export async function take(client, id) { await client.order.update({ where: { id }, data: { status: 'x' } }) }\n\
             export async function note(db, id) { await db.post.create({ data: { userId: id } }) }",
        ),
        (
            "src/a.ts",
            "import { prisma } from './db'\nimport { take, note } from './move'\n\
             export async function run(id: string) {\n  await prisma.$transaction(async (tx) => {\n\
             await take(tx, id)\n    await note(tx, id)\n  })\n  await note(prisma, id)\n}",
        ),
    ]);
    assert_eq!(calls(&code), ["src/move.ts Order.update Resolved tx", "src/move.ts Post.create Resolved"]);
    let inside = code.invocations.iter().filter(|invocation| invocation.site.transaction == Some(0)).count();
    assert_eq!((code.transactions.len(), inside, code.invocations.len()), (1, 2, 3));
}

#[test]
fn a_named_callback_runs_in_its_transaction() {
    let code = linked(&[
        DB,
        (
            "src/a.ts",
            "import { prisma } from './db'\nasync function work(tx) { await tx.user.count({ where: { id: '1' } }) }\n\
             export const run = () => prisma.$transaction(work)",
        ),
    ]);
    assert_eq!(code.calls.len(), 1);
    assert_eq!(code.calls[0].site.transaction, Some(0));
}

#[test]
fn rows_are_followed_to_the_callers_that_read_them() {
    let code = linked(&[
        DB,
        (
            "src/users.ts",
            "import { prisma } from './db'\n\
             export async function load(id: string) {\n  const user = await prisma.user.findUnique({ where: { id } })\n\
             return { user, at: 1 }\n}\n",
        ),
        (
            "src/a.ts",
            "import { load } from './users'\nexport async function name(id: string) {\n\
             const { user } = await load(id)\n  return user?.email.toLowerCase()\n}\n\
             export async function id(x: string) { const got = await load(x); console.log(got.at, got.user.id) }\n",
        ),
    ]);
    let result = &code.calls[0].result;
    assert_eq!(result.paths, [vec!["email".to_owned()], vec!["id".to_owned()]]);
    assert!(result.whole.is_empty() && result.complete, "{result:?}");
}

#[test]
fn rows_that_a_handler_returns_are_sent() {
    let code = linked(&[
        DB,
        (
            "src/users.ts",
            "import { prisma } from './db'\nexport async function me(id: string) { return prisma.user.findUnique({ where: { id } }) }\n\
             export async function list(request, response) { response.json(await prisma.user.findMany()) }",
        ),
        (
            "src/app.ts",
            "import { fastify } from 'fastify'\nimport { me, list } from './users'\nconst app = fastify()\n\
             app.get('/me', async (request) => me(request.userId))\napp.get('/users', list)\n",
        ),
    ]);
    let sent = |index: usize| matches!(code.calls[index].result.whole[..], [Whole::Response { .. }]);
    assert!(sent(0) && sent(1), "{:?}", code.calls.iter().map(|call| &call.result).collect::<Vec<_>>());
    assert_eq!(function(&code, "list").role, FunctionRole::RequestHandler);
}

#[test]
fn rows_of_exported_functions_without_known_callers_may_be_read_whole() {
    let code = linked(&[
        DB,
        ("src/a.ts", "import { prisma } from './db'\nexport const f = () => prisma.user.findMany()"),
    ]);
    assert_eq!(code.calls[0].result.whole, [Whole::Returned]);
    assert!(function(&code, "f").called_from_elsewhere);
}

#[test]
fn rows_are_followed_into_the_functions_that_are_given_them() {
    let code = linked(&[
        DB,
        (
            "src/label.ts",
            "const initials = ({ name }) => name.slice(0, 1)\n\
             export const label = (user) => `${initials(user)} ${user.email}`\n\
             export const pick = (users, id) => users.find((user) => user.id === id)\n\
             export const whole = (user) => JSON.stringify(user)\n\
             export const again = (user, depth) => depth > 0 ? again(user, depth - 1) : user.name\n",
        ),
        (
            "src/a.ts",
            "import { prisma } from './db'\nimport { label, pick, whole, again } from './label'\n\
             import { send } from 'elsewhere'\n\
             export async function one(id) {\n  const user = await prisma.user.findFirst({ where: { id } })\n\
             console.log(label(user))\n}\n\
             export async function two(id) {\n  const users = await prisma.user.findMany()\n\
             console.log(pick(users, id).email)\n}\n\
             export async function three(id) {\n  console.log(whole(await prisma.user.findFirst({ where: { id } })))\n}\n\
             export async function four(id) {\n  send(await prisma.user.findFirst({ where: { id } }))\n}\n\
             export async function five(id) {\n  const user = await prisma.user.findFirst({ where: { id } })\n\
             console.log(again(user, 3))\n}\n",
        ),
    ]);
    let seen: Vec<String> = code
        .calls
        .iter()
        .map(|call| {
            let read: Vec<String> = call.result.paths.iter().map(|path| path.join(".")).collect();
            format!("{} {} {:?}", read.join(","), call.result.followed.join(","), call.result.whole)
        })
        .collect();
    assert_eq!(
        seen,
        [
            "email,name initials,label []",
            // What is given back is followed at the caller that gave it.
            "email,id pick []",
            "  [Passed { to: \"whole\" }]",
            "  [Passed { to: \"send\" }]",
            // A function that calls itself is not followed in circles.
            "  [Passed { to: \"again\" }]",
        ]
    );
}
