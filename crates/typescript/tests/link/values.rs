//! Values that other files and callers say.

use pgsteward_model::code::{Node, Value};

use crate::support::{DB, linked};

fn argument(files: &[(&str, &str)]) -> Node {
    let mut files = files.to_vec();
    files.push(DB);
    linked(&files).calls[0].argument.clone()
}

fn keys(node: &Node) -> Vec<&str> {
    node.object()
        .map(|object| object.properties.iter().map(|one| one.name.as_str()).collect())
        .unwrap_or_default()
}

#[test]
fn imported_constants_are_laid_out() {
    let argument = argument(&[
        (
            "src/select.ts",
            "import { PAGE } from './page'\nexport const card = { id: true, email: true }\nexport const paging = { take: PAGE }",
        ),
        ("src/page.ts", "export const PAGE = 20\nexport enum Status { Open = 'OPEN' }"),
        (
            "src/a.ts",
            "import { prisma } from './db'\nimport * as selects from './select'\nimport { card, paging } from './select'\n\
             export const f = (id: string) => prisma.user.findMany({ where: { id }, select: { ...card, name: true }, ...paging, omit: selects.card })",
        ),
    ]);
    assert_eq!(keys(argument.get("select").unwrap()), ["id", "email", "name"]);
    assert!(!argument.get("select").unwrap().object().unwrap().open && !argument.object().unwrap().open);
    assert_eq!(argument.get("take").unwrap().number(), Some(20));
    assert_eq!(keys(argument.get("omit").unwrap()), ["id", "email"]);
}

#[test]
fn fragments_that_functions_return_get_their_arguments() {
    let argument = argument(&[
        (
            "src/where.ts",
            "export function visibleTo(user, status = 'x') { return { teamId: user.teamId, status } }",
        ),
        (
            "src/a.ts",
            "import { prisma } from './db'\nimport { visibleTo } from './where'\n\
             export const f = (me) => prisma.user.findMany({ where: { ...visibleTo(me, 'OPEN'), email: 'a' } })",
        ),
    ]);
    let filter = argument.get("where").unwrap();
    assert_eq!(keys(filter), ["teamId", "status", "email"]);
    assert_eq!(filter.get("status").unwrap().text(), Some("OPEN"));
}

#[test]
fn what_all_callers_give_is_the_set_of_shapes() {
    let argument = argument(&[
        (
            "src/a.ts",
            "import { prisma } from './db'\nexport const list = (where) => prisma.user.findMany({ where })",
        ),
        (
            "src/b.ts",
            "import { list } from './a'\nexport const one = () => list({ email: 'a' })\nexport const two = (id) => list({ id })",
        ),
    ]);
    let shapes: Vec<Vec<&str>> =
        argument.get("where").unwrap().alternatives().into_iter().map(keys).collect();
    assert_eq!(shapes, [["email"], ["id"]]);
}

#[test]
fn what_one_caller_hides_is_not_guessed() {
    let argument = argument(&[
        (
            "src/a.ts",
            "import { prisma } from './db'\nexport const list = (where) => prisma.user.findMany({ where })",
        ),
        (
            "src/b.ts",
            "import { list } from './a'\nexport const one = () => list({ email: 'a' })\nexport const two = (filter) => list(make(filter))",
        ),
    ]);
    assert!(matches!(argument.get("where").unwrap().value, Value::Expression { .. }));
}

/// A member of an enum or of an object is its value, and not its name.
#[test]
fn members_of_enums_are_their_values() {
    let argument = argument(&[
        (
            "src/states.ts",
            "import { prisma } from './db'\nexport enum Status { Open = 'open', Paid = `paid` }\n\
             export enum Level { Low, High = 5, Higher }\nexport const Kind = { One: 'one' } as const\n\
             export enum Made { A = make() }\nexport namespace Status { export const Live = make() }\n\
             export enum Twice { First = 'first' }\nexport enum Twice { Second = 'second' }\nexport const count = () => prisma.team.count",
        ),
        (
            "src/a.ts",
            "import { prisma } from './db'\nimport { Kind, Level, Made, Status, Twice } from './states'\n\
             enum Own { Sent = 'sent' }\n\
             export const f = (id: string) => prisma.user.findMany({ where: { a: Status.Paid, b: Level.Higher, c: Kind.One, \
             d: Own.Sent, e: Made.A, f: Level.Low, g: Kind[id], h: Status[id], \
             i: Status.Live, j: Twice.First } })",
        ),
    ]);
    let filter = argument.get("where").unwrap();
    let text = |name: &str| filter.get(name).unwrap().text();
    assert_eq!(text("a"), Some("paid"));
    assert_eq!(filter.get("b").unwrap().number(), Some(6));
    assert_eq!(text("c"), Some("one"));
    assert_eq!(text("d"), Some("sent"));
    // Of `Twice` one block is known at most, and what another one says is never `undefined`.
    for unknown in ["e", "g", "h", "i", "j"] {
        assert!(matches!(filter.get(unknown).unwrap().value, Value::Expression { .. }), "{unknown}");
    }
    assert_eq!(filter.get("f").unwrap().number(), Some(0));
}

/// A helper is known by all that it returns, or not at all.
#[test]
fn helpers_that_return_other_things_too_are_not_known() {
    for (body, known) in [
        ("if (user) return { teamId: user.teamId }; return { name: 'x' }", true),
        ("if (user) return { teamId: user.teamId }; return remembered()", false),
        ("if (user) return { teamId: user.teamId }; return kept.filter", false),
        (
            "if (user.a) return { id: 1 }; if (user.b) return { id: 2 }; if (user.c) return { id: 3 }; if (user.d) return { id: 4 }; return { name: 'x' }",
            false,
        ),
    ] {
        let node = argument(&[
            ("src/where.ts", &format!("export function visibleTo(user) {{ {body} }}")),
            (
                "src/a.ts",
                "import { prisma } from './db'\nimport { visibleTo } from './where'\n\
                 export const f = (me) => prisma.user.findMany({ where: visibleTo(me) })",
            ),
        ]);
        let filter = node.get("where").unwrap();
        let laid_out = filter.alternatives().iter().all(|one| one.object().is_some());
        assert_eq!(laid_out, known, "{body}: {filter:?}");
    }
}
