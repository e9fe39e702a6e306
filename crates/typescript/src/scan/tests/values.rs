//! What arguments are.

use pgsteward_model::code::{Source, Value};

use super::{body, call, short, unit};
use crate::unit::Origin;

fn argument(text: &str) -> String {
    short(&call(text).argument)
}

#[test]
fn literals_casts_and_templates() {
    assert_eq!(
        argument(
            "await prisma.order.findMany({ where: { a: 'x', b: -1, c: null, d: `t`, e: true } as const, take: 1_000 })"
        ),
        "{ where: { a: 'x', b: -1, c: null, d: 't', e: true }, take: 1_000 }"
    );
    assert_eq!(argument("await prisma.order.findMany()"), "undefined");
    assert_eq!(
        argument("await prisma.order.count({ where: { id } } satisfies X)"),
        "{ where: { id: «id» } }"
    );
    assert_eq!(argument("await prisma.order.findMany(Prisma.validator<X>()({ take: 3 }))"), "{ take: 3 }");
}

#[test]
fn constants_are_followed_and_spreads_laid_out() {
    assert_eq!(
        argument("const base = { a: 1, b: 2 }; await prisma.order.findMany({ where: { ...base, b: 3 } })"),
        "{ where: { a: 1, b: 3 } }"
    );
    assert_eq!(
        argument(
            "const selects = { card: { id: true } }; await prisma.order.findMany({ select: selects.card })"
        ),
        "{ select: { id: true } }"
    );
    assert_eq!(
        argument(
            "await prisma.order.findMany({ where: { ...(opt ? { status: opt } : {}), ...(id && { id }) } })"
        ),
        "{ where: { status?: «opt», id?: «id» } }"
    );
    assert_eq!(
        argument("await prisma.order.create({ data: { ...input, id } })"),
        "{ data: { ...: «input», id: «id», open } }"
    );
}

#[test]
fn objects_are_built_up_by_assignments() {
    assert_eq!(
        argument(
            "const where: any = { id }; if (opt) { where.status = opt } where.a = 1; \
             await prisma.order.findMany({ where }); where.late = 1"
        ),
        "{ where: { id: «id», status?: «opt», a: 1 } }"
    );
    assert_eq!(
        argument(
            "const all = [{ a: 1 }]; all.push({ b: 2 }); await prisma.order.findMany({ where: { AND: all } })"
        ),
        "{ where: { AND: [{ a: 1 }, { b: 2 }] } }"
    );
    assert_eq!(
        argument("let where = {}; if (opt) where = { status: opt }; await prisma.order.findMany({ where })"),
        "{ where: ({  } | { status: «opt» }) }"
    );
}

#[test]
fn undefined_has_its_reason() {
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: opt } })"),
        "{ where: { a: «opt: Optional» } }"
    );
    assert_eq!(
        argument("if (!opt) return; await prisma.order.findMany({ where: { a: opt } })"),
        "{ where: { a: «opt» } }"
    );
    assert_eq!(
        argument("if (opt) { await prisma.order.findMany({ where: { a: opt } }) }"),
        "{ where: { a: «opt» } }"
    );
    assert_eq!(
        argument("if (opt === undefined) throw 1; await prisma.order.findMany({ where: { a: opt } })"),
        "{ where: { a: «opt» } }"
    );
    assert_eq!(
        argument("if (!id || !opt) return; await prisma.order.findMany({ where: { a: opt } })"),
        "{ where: { a: «opt» } }"
    );
    assert_eq!(
        argument("if (id || opt) { await prisma.order.findMany({ where: { a: opt } }) }"),
        "{ where: { a: «opt: Optional» } }"
    );
    assert_eq!(argument("await prisma.order.findMany({ where: { a: opt! } })"), "{ where: { a: «opt» } }");
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: opt ?? 'x' } })"),
        "{ where: { a: («opt» | 'x') } }"
    );
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: opt || undefined } })"),
        "{ where: { a: «opt || undefined: Deliberate» } }"
    );
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: user?.id } })"),
        "{ where: { a: «user?.id: OptionalChain» } }"
    );
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: process.env.X } })"),
        "{ where: { a: «process.env.X: Environment» } }"
    );
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: list.find((x) => x) } })"),
        "{ where: { a: «list.find((x) => x): Lookup» } }"
    );
    assert_eq!(
        argument("await prisma.order.findMany({ where: { a: list[0] } })"),
        "{ where: { a: «list[0]: Lookup» } }"
    );
}

#[test]
fn optional_members_of_declared_types() {
    let unit = unit(
        "interface Filter { status?: string; id: string }\n\
         export const list = ({ status, id }: Filter, other: Filter) => \
         prisma.order.findMany({ where: { status, id, a: other.status, b: other.id } })",
    );
    assert_eq!(
        short(&unit.calls[0].argument),
        "{ where: { status: «status: Optional», id: «id», a: «other.status: Optional», b: «other.id» } }"
    );
}

#[test]
fn defaults_stand_in_for_undefined() {
    let unit = unit(
        "export async function f(take: number = 10, { page = 1 }: { page?: number } = {}) { await prisma.a.findMany({ take, skip: page }) }",
    );
    assert_eq!(short(&unit.calls[0].argument), "{ take: «take», skip: «page» }");
}

fn sources(text: &str) -> Vec<Source> {
    let call = call(text);
    let node = call.argument.at(&["where", "a"]).expect("where.a").clone();
    match node.value {
        Value::Expression { sources, .. } => sources,
        other => panic!("{other:?}"),
    }
}

#[test]
fn sources_of_values() {
    let of = |value: &str| sources(&format!("await prisma.order.findMany({{ where: {{ a: {value} }} }})"));
    assert_eq!(of("id"), [Source::Parameter { index: 0 }]);
    assert_eq!(of("new Date()"), [Source::Time]);
    assert_eq!(of("crypto.randomUUID()"), [Source::Random]);
    assert_eq!(of("process.env.A!"), [Source::Environment]);
    assert_eq!(of("req.body.a"), [Source::Request]);
    assert_eq!(of("schema.parse(await req.json()).a"), [Source::Request]);
    assert_eq!(of("id.slice(0, req.query.limit)"), [Source::Parameter { index: 0 }]);
    assert_eq!(of("id.concat(req.query.more)"), [Source::Parameter { index: 0 }, Source::Request]);
    assert_eq!(of("session.user.id"), [Source::Session]);
    assert_eq!(of("ctx.session.user.id"), [Source::Session]);
    assert_eq!(of("`${id}-x`"), [Source::Parameter { index: 0 }]);
    assert_eq!(of("compute(1)"), [Source::Function { name: "compute".into() }]);
    assert_eq!(
        sources("const { query } = req; await prisma.order.findMany({ where: { a: query.a } })"),
        [Source::Request]
    );
}

#[test]
fn sources_of_earlier_results_and_loops() {
    let unit = body(
        "const user = await prisma.user.findFirst();\n\
         const { team } = user;\n\
         const rows = await prisma.row.findMany();\n\
         for (const row of rows) { await prisma.a.count({ where: { a: team.id, b: row.id } }) }\n\
         await prisma.b.findMany({ where: { a: { in: rows.map((row) => row.id) } } })",
    );
    let sources = |call: usize, path: &[&str]| match &unit.calls[call].argument.at(path).expect("path").value
    {
        Value::Expression { sources, .. } => sources.clone(),
        other => panic!("{other:?}"),
    };
    let result = |call: usize, path: &[&str]| Source::Result {
        call,
        path: path.iter().map(|one| one.to_string()).collect(),
    };
    assert_eq!(sources(2, &["where", "a"]), [result(0, &["team", "id"])]);
    assert_eq!(sources(2, &["where", "b"]), [Source::Loop { of: 0 }, result(1, &["id"])]);
    assert_eq!(sources(3, &["where", "a", "in"]), [result(1, &["id"])]);
}

#[test]
fn imported_constants_and_parameters_leave_a_reference() {
    let unit = unit(
        "import { userSelect } from './selects';\n\
         export const get = (id: string, args: Args) => prisma.user.findMany({ select: userSelect, where: { id }, ...args })",
    );
    let select = unit.calls[0].argument.get("select").expect("select");
    assert_eq!(unit.reference(select.span), Some(&Origin::Import(0)));
    let spread = unit.calls[0].argument.get(crate::SPREAD).expect("spread");
    assert_eq!(unit.reference(spread.span), Some(&Origin::Parameter { function: 1, index: 1 }));
}

#[test]
fn a_shape_has_no_values() {
    let call = call("await prisma.order.findMany({ where: { vendorId: id, total: { gt: 5 } }, take: 3 })");
    assert_eq!(call.shape, "findMany({ where: { vendorId, total: { gt } }, take })");
}

#[test]
fn parts_of_the_path_are_there() {
    let in_path = super::super::scan_fully(
        "pages/api/teams/[slug].ts",
        "export default async function handler(req, res) { const { page } = req.query; \
         await prisma.a.findMany({ where: { a: req.query.slug, b: req.query.page, c: page, d: req.params.id, e: (req.query as Q).x } }) }",
    );
    assert_eq!(
        short(in_path.calls[0].argument.get("where").expect("where")),
        "{ a: «req.query.slug», b: «req.query.page: Request», c: «page: Request», d: «req.params.id», e: «(req.query as Q).x: Request» }"
    );
}

/// The value below `data` of the only call.
fn data(text: &str) -> String {
    short(call(text).argument.get("data").expect("data"))
}

#[test]
fn lists_that_callbacks_make_are_lists_of_their_objects() {
    let one = "[{ a: «row.a» }, ({ a: «row.a» } | undefined)]";
    for list in [
        "rows.map((row) => ({ a: row.a }))",
        "rows.map(function (row) { return { a: row.a } })",
        "rows.filter((row) => row.b).map((row) => ({ a: row.a }))",
        "rows.map((row) => ({ a: row.a })).filter(Boolean)",
        "rows.map((row) => (row.b ? { a: row.a } : null)).filter(Boolean)",
        "rows.map((row) => { if (!row.b) return null; return { a: row.a } }).filter((row) => row)",
        "groups.flatMap((rows) => rows.map((row) => ({ a: row.a })))",
        "rows.flatMap((row) => [{ a: row.a }])",
        "Array.from(rows, (row) => ({ a: row.a }))",
        "await Promise.all(rows.map(async (row) => { await seen(row); return { a: row.a } }))",
    ] {
        assert_eq!(data(&format!("await prisma.order.createMany({{ data: {list} }})")), one, "{list}");
        let kept = format!("const data = {list};\nawait prisma.order.createMany({{ data }})");
        assert_eq!(data(&kept), one, "{list}");
    }
}

#[test]
fn what_a_callback_may_return_else_is_not_guessed() {
    for list in [
        "rows.map((row) => row.a)",
        "rows.map((row) => convert(row))",
        "rows.map((row) => (row.b ? { a: row.a } : row))",
        "rows.map((row) => { for (const x of row) { return x } return { a: row.a } })",
        "rows.map((row) => { if (row.b) { while (row.c) { return row } } return { a: row.a } })",
        "rows.map((row) => { try { return row } catch {} return { a: row.a } })",
        "rows.map((row) => { if (row.b) return { a: row.a } })",
        "rows.slice(0, 3)",
    ] {
        let found = data(&format!("await prisma.order.createMany({{ data: {list} }})"));
        assert!(found.starts_with('«'), "{list}: {found}");
    }
}

#[test]
fn conditions_that_a_filter_may_take_away() {
    let found =
        call("await prisma.order.findMany({ where: { AND: [id && { id }, { a: 1 }].filter(Boolean) } })");
    assert_eq!(
        short(found.argument.get("where").unwrap()),
        "{ AND: [({ id: «id» } | undefined), { a: 1 }] }"
    );
}

/// A `?.` on the way to the list leaves nothing of it, unless something else is taken then.
#[test]
fn a_list_that_is_made_may_be_absent() {
    let made = "[{ a: «x» }, ({ a: «x» } | undefined)]";
    let of = |list: &str| argument(&format!("await prisma.order.findMany({{ where: {{ OR: {list} }} }})"));
    let map = ".map((x) => ({ a: x }))";
    assert_eq!(of(&format!("rows{map}")), format!("{{ where: {{ OR: {made} }} }}"));
    assert_eq!(of(&format!("rows?{map}")), format!("{{ where: {{ OR: ({made} | undefined) }} }}"));
    assert_eq!(of(&format!("user?.rows{map}")), format!("{{ where: {{ OR: ({made} | undefined) }} }}"));
    assert_eq!(of(&format!("rows?{map} ?? []")), format!("{{ where: {{ OR: ({made} | []) }} }}"));
}
