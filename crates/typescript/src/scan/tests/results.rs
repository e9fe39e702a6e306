//! What becomes of results.

use super::{body, call, unit};
use crate::unit::Use;

/// Uses in short: `read a.b`.
fn uses(text: &str) -> Vec<String> {
    let call = call(text);
    assert!(call.usage.complete, "{:?}", call.usage);
    call.usage.uses.iter().map(short).collect()
}

fn short(one: &Use) -> String {
    let (kind, path, wrap) = match one {
        Use::Read { path } => ("read", path, None),
        Use::Tested { path } => ("tested", path, None),
        Use::Returned { path, wrap } => ("returned", path, Some(wrap)),
        Use::Response { path, .. } => ("response", path, None),
        Use::Argument { path, wrap, .. } => ("argument", path, Some(wrap)),
        Use::Passed { path, .. } => ("passed", path, None),
        Use::Query { path, .. } => ("query", path, None),
        Use::Other { path } => ("other", path, None),
    };
    let wrap = wrap
        .filter(|wrap| !wrap.is_empty())
        .map(|wrap| format!(" in {}", wrap.join(".")))
        .unwrap_or_default();
    let mut out = kind.to_string();
    if !path.is_empty() {
        out.push_str(&format!(" {}", path.join(".")));
    }
    out + &wrap
}

#[test]
fn fields_are_read() {
    assert_eq!(
        uses("const row = await prisma.a.findFirst(); if (!row) return; log(`${row.name} ${row.team.id}`)"),
        ["tested", "read name", "read team.id"]
    );
    assert_eq!(
        uses("const { name, team: { id: x } } = await prisma.a.findFirst(); console.log(name, x)"),
        ["read name", "read team.id"]
    );
    assert_eq!(
        uses(
            "const rows = await prisma.a.findMany(); for (const row of rows) { console.log(row.a) } return rows.map((r) => r.b)"
        ),
        ["read a", "returned b"]
    );
    assert_eq!(uses("const n = (await prisma.a.findMany()).length; console.log(n)"), ["tested"]);
    assert_eq!(
        uses("const [a, b] = await Promise.all([x(), prisma.a.findFirst()]); return { b: b.id }"),
        ["returned id in b"]
    );
    assert_eq!(uses("prisma.a.findFirst().then((row) => { console.log(row.id) })"), ["read id"]);
}

#[test]
fn whole_rows_go_somewhere() {
    assert_eq!(uses("return prisma.a.findMany()"), ["returned"]);
    assert_eq!(
        uses("const rows = await prisma.a.findMany(); return { rows, n: rows.length }"),
        ["returned in rows", "tested"]
    );
    assert_eq!(uses("const row = await prisma.a.findFirst(); return { ...row, x: 1 }"), ["returned"]);
    assert_eq!(uses("const row = await prisma.a.findFirst(); res.json(row)"), ["response"]);
    assert_eq!(uses("const row = await prisma.a.findFirst(); return Response.json({ row })"), ["response"]);
    assert_eq!(uses("const row = await prisma.a.findFirst(); audit(row)"), ["passed"]);
    assert_eq!(uses("const row = await prisma.a.findFirst(); cache.set(id, JSON.stringify(row))"), ["other"]);
    assert_eq!(uses("await prisma.a.update({})"), Vec::<String>::new());
}

#[test]
fn what_was_taken_out_of_a_row() {
    assert_eq!(
        uses("const { password, ...safe } = await prisma.user.findFirst(); return safe"),
        ["read password", "returned -password"]
    );
}

#[test]
fn a_handler_answers_with_what_it_returns() {
    let unit = unit("app.get('/me', async (request) => { return prisma.user.findFirst() })");
    assert!(matches!(unit.calls[0].usage.uses.as_slice(), [Use::Response { .. }]));
}

#[test]
fn results_go_into_other_queries_and_functions() {
    let unit = body(
        "const row = await prisma.a.findFirst(); await prisma.b.update({ where: { id: row.id } }); await g({ row }); async function g(x) {}",
    );
    let uses: Vec<String> = unit.calls[0].usage.uses.iter().map(short).collect();
    assert_eq!(uses, ["query id", "argument in row"]);
}

#[test]
fn relations_are_called_on_results() {
    let call = call(
        "const posts = await prisma.user.findUnique({ where: { id } }).posts({ take: 3 }); return posts.map((p) => p.id)",
    );
    assert_eq!(call.fluent.len(), 1);
    assert_eq!(call.fluent[0].0, "posts");
    assert_eq!(call.usage.uses.iter().map(short).collect::<Vec<_>>(), ["returned id"]);
}

#[test]
fn callbacks_are_given_more_than_an_element() {
    let rows = |rest: &str| uses(&format!("const rows = await prisma.a.findMany(); {rest}"));
    assert_eq!(
        rows("return rows.filter((r, i, all) => all.findIndex((o) => o.email === r.name) === i).length"),
        ["read name", "read email", "tested"]
    );
    let all = call("const rows = await prisma.a.findMany(); rows.forEach((...given) => log(given[0].a))");
    assert!(!all.usage.complete, "{:?}", all.usage);
    for reduced in ["(best.a > r.b ? best : r))", "(!best || best.a < r.b ? r : best), null)"] {
        let found = rows(&format!("log(rows.reduce((best, r) => {reduced}.c)"));
        for one in ["read a", "read b", "read c"] {
            assert!(found.contains(&one.to_owned()), "{reduced}: {found:?}");
        }
    }
    assert_eq!(rows("rows.sort(byCity); log(rows.map((r) => r.a).length)"), ["passed", "tested a"]);
    assert_eq!(rows("log(Array.from(rows, (r) => r.a).length)"), ["tested a"]);
}

#[test]
fn keys_that_are_worked_out_ask_for_any_field() {
    let rows = |rest: &str| uses(&format!("const rows = await prisma.a.findMany(); {rest}"));
    for index in ["i", "0", "i + 1", "rows.length - 1", "Math.floor(x)", "rowIndex", "state.index"] {
        let found = rows(&format!("log(rows[{index}].a)"));
        assert!(found.contains(&"read a".to_owned()) && !found.contains(&"read".to_owned()), "{index}");
    }
    for key in ["key", "field + 'Name'", "keys[0]", "column.field", "k"] {
        assert!(rows(&format!("log(rows[0][{key}].length)")).contains(&"read".to_owned()), "{key}");
    }
    assert_eq!(rows("rows.map((r, at) => log(rows[at].a))"), ["read a"]);
    assert!(rows("log(rows.filter((r) => r[key]).length)").contains(&"read".to_owned()));
    assert!(
        rows("log(rows.filter((r) => keys.reduce((n, key) => n + r[key].length, 0)).length)")
            .contains(&"read".to_owned())
    );
    assert_eq!(rows("log({ rows, others }[kind].map((r) => r.a).length)"), ["tested a"]);
}

#[test]
fn an_assignment_gives_its_value_on() {
    assert_eq!(
        uses("let known; const rows = await prisma.a.findMany(); return (known = rows)"),
        ["returned"]
    );
}
