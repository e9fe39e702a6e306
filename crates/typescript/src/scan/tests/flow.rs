//! Loops, transactions, errors, conditions.

use pgsteward_model::code::{Awaited, EffectKind, LoopKind, Over, TransactionKind};

use super::{body, call, unit};

fn over(text: &str) -> (Over, bool, bool) {
    let unit = body(text);
    let call = unit.calls.last().expect("a call");
    let of = &unit.loops[*call.site.loops.last().expect("a loop")];
    (of.over.clone(), of.concurrent, of.limited)
}

#[test]
fn what_loops_go_through() {
    assert_eq!(over("for (const a of ['x', 'y']) { await prisma.o.count() }").0, Over::Constant(Some(2)));
    assert_eq!(over("for (let i = 0; i < 3; i++) { await prisma.o.count() }").0, Over::Constant(Some(3)));
    assert_eq!(over("for (let i = 0; i < id.length; i += 100) { await prisma.o.count() }").0, Over::Chunks);
    assert_eq!(over("for (const part of chunk(id, 100)) { await prisma.o.count() }").0, Over::Chunks);
    assert_eq!(
        over("for (let attempt = 0; attempt < max; attempt++) { await prisma.o.count() }").0,
        Over::Retry
    );
    assert_eq!(over("for (const a of id) { await prisma.o.count() }").0, Over::Parameter(0));
    assert_eq!(
        over("const rows = await prisma.r.findMany(); for (const row of rows) { await prisma.o.count() }").0,
        Over::Rows(0)
    );
    assert_eq!(over("let cursor; while (true) { const rows = await prisma.o.findMany({ take: 10, cursor }); if (!rows.length) break }").0, Over::Pages);
    assert_eq!(over("let current = id; while (current) { const c = await prisma.o.findUnique({ where: { id: current } }); current = c.parentId }").0, Over::Ancestors);
    assert_eq!(
        over("await Promise.all(id.map((x) => prisma.o.update({})))"),
        (Over::Parameter(0), true, false)
    );
    assert!(
        over("const tasks = id.map(async (x) => { await prisma.o.update({}) }); await Promise.all(tasks)").1
    );
    assert_eq!(
        over("await Promise.all(id.map((x) => limit(() => prisma.o.update({}))))"),
        (Over::Parameter(0), false, true)
    );
    assert!(over("await pMap(id, async (x) => { await prisma.o.update({}) }, { concurrency: 3 })").2);
    assert_eq!(
        over("for (const x of id) { for (const y of Object.keys({ a: 1 })) { await prisma.o.count() } }").0,
        Over::Constant(Some(1))
    );
}

#[test]
fn a_query_in_the_head_of_a_loop_runs_once() {
    let call = call("for (const row of await prisma.row.findMany()) { use(row) }");
    assert!(call.site.loops.is_empty());
}

#[test]
fn loops_nest_and_end_at_functions() {
    let unit = body(
        "for (const x of id) { x.map(async (y) => { await prisma.a.count() }); function g() { return prisma.b.count() } }",
    );
    let a = unit.calls.iter().find(|call| call.model.as_deref() == Some("a")).expect("a");
    assert_eq!(a.site.loops.len(), 2);
    assert_eq!(unit.loops[a.site.loops[1]].parent, Some(a.site.loops[0]));
    assert_eq!(unit.loops[a.site.loops[1]].kind, LoopKind::Callback);
    let b = unit.calls.iter().find(|call| call.model.as_deref() == Some("b")).expect("b");
    assert!(b.site.loops.is_empty());
}

#[test]
fn how_promises_are_waited_for() {
    let how = |text: &str| call(text).site.awaited;
    assert_eq!(how("await prisma.a.count()"), Awaited::Await);
    assert_eq!(how("return prisma.a.count()"), Awaited::Returned);
    assert_eq!(how("prisma.a.count()"), Awaited::Not);
    assert_eq!(how("void prisma.a.count().catch(() => {})"), Awaited::Not);
    assert_eq!(how("const [a] = await Promise.all([prisma.a.count(), x()])"), Awaited::Together);
    assert_eq!(how("const p = prisma.a.count(); await Promise.all([p, x()])"), Awaited::Together);
    assert_eq!(how("await prisma.$transaction([prisma.a.update({})])"), Awaited::Batch);
    assert_eq!(
        how("const ops = []; ops.push(prisma.a.update({})); await prisma.$transaction(ops)"),
        Awaited::Batch
    );
    assert_eq!(how("await prisma.$transaction(id.map((x) => prisma.a.update({})))"), Awaited::Batch);
    assert_eq!(how("const p = prisma.a.count(); return await p"), Awaited::Await);
}

#[test]
fn transactions() {
    let unit = body(
        "await prisma.$transaction(async (tx) => { await tx.a.create({}); await prisma.b.create({}) }, \
         { isolationLevel: 'Serializable', timeout: 10_000 }); await prisma.c.create({})",
    );
    let tx = &unit.transactions[0];
    assert_eq!(
        (tx.kind, tx.client.as_deref(), tx.isolation.as_deref(), tx.timeout_ms),
        (TransactionKind::Interactive, Some("tx"), Some("Serializable"), Some(10_000))
    );
    let inside: Vec<Option<usize>> = unit.calls.iter().map(|call| call.site.transaction).collect();
    assert_eq!(inside, [Some(0), Some(0), None]);
    assert!(!tx.retried);
    let again = body(
        "for (let attempt = 0; attempt < 3; attempt++) { try { await prisma.$transaction(async (tx) => {}) } catch (e) {} }",
    );
    assert!(again.transactions[0].retried);
    let again = body(
        "let retriesLeft = 5; do { try { await prisma.$transaction(async (tx) => {}) } catch (e) { retriesLeft -= 1 } } \
         while (retriesLeft > 0)",
    );
    assert!(again.transactions[0].retried);
    let pages = body("do { await prisma.$transaction(async (tx) => {}) } while (more)");
    assert!(!pages.transactions[0].retried);
}

#[test]
fn what_becomes_of_errors() {
    let catch = |text: &str| {
        let unit = body(text);
        let of = *unit.calls[0].site.tries.first().expect("a try");
        unit.tries[of].catch.clone().expect("a catch")
    };
    let empty = catch("try { await prisma.a.create({}) } catch { /* fine */ }");
    assert!(empty.empty && !empty.handles && !empty.logs);
    let logged = catch("try { await prisma.a.create({}) } catch (e) { console.error(e) }");
    assert!(logged.logs && !logged.handles && !logged.empty);
    let coded =
        catch("try { await prisma.a.create({}) } catch (e) { if (e.code === 'P2002') return null; throw e }");
    assert_eq!((coded.codes, coded.rethrows, coded.handles), (vec!["P2002".to_string()], true, true));
    assert!(catch("await prisma.a.create({}).catch(() => {})").empty);
    assert!(catch("await prisma.a.create({}).catch(() => null)").empty);
    assert!(catch("await prisma.a.create({}).catch((e) => { throw new X(e) })").rethrows);
}

#[test]
fn guards_of_a_place() {
    let call = call("if (!opt) { return } if (id === 'x') { await prisma.a.count() }");
    let guards: Vec<(&str, bool)> =
        call.site.guards.iter().map(|guard| (&*guard.text, guard.negated)).collect();
    assert_eq!(guards, [("opt", false), ("id === 'x'", false)]);
}

#[test]
fn an_await_before_it_in_the_same_turn() {
    let unit = body("for (const x of id) { await prisma.a.count(); await prisma.b.count() }");
    assert!(!unit.calls[0].site.after_await_in_loop);
    assert!(unit.calls[1].site.after_await_in_loop);
}

#[test]
fn effects_outside_of_the_database() {
    let unit = unit(
        "import Stripe from 'stripe'; import { Queue } from 'bullmq'; import nodemailer from 'nodemailer';\n\
         const stripe = new Stripe(''); const mails = new Queue('mails'); const transport = nodemailer.createTransport({});\n\
         export async function f() {\n\
           await fetch('https://x'); await stripe.charges.create({}, { idempotencyKey: 'k' }); await mails.add('x', {});\n\
           await transport.sendMail({}); await new Promise((done) => setTimeout(done, 100)) }",
    );
    let kinds: Vec<(EffectKind, bool)> = unit.effects.iter().map(|one| (one.kind, one.idempotent)).collect();
    assert_eq!(
        kinds,
        [
            (EffectKind::Request, false),
            (EffectKind::Payment, true),
            (EffectKind::Queue, false),
            (EffectKind::Mail, false),
            (EffectKind::Sleep, false),
        ]
    );
}
