//! What is written into objects after they were made.

use super::{call, short, unit};

/// The filter of the only call behind some statements.
fn filter(before: &str) -> String {
    let node = call(&format!("{before}; await prisma.a.findMany({{ where }})")).argument;
    short(node.get("where").unwrap())
}

#[test]
fn what_a_helper_may_write_is_not_known() {
    for (before, found) in [
        ("addTenant(where, opt)", "{ a: 1, ...: «addTenant(where, opt)», open }"),
        ("await scope.tenant(where)", "{ a: 1, ...: «scope.tenant(where)», open }"),
        ("if (opt) addCatalogFilter(where)", "{ a: 1, ...: «addCatalogFilter(where)», open }"),
        ("const w = where; w.b = 2", "{ a: 1, ...: «w = where», open }"),
        ("const w = opt ? where : {}; w.b = 2", "{ a: 1, ...: «opt ? where : {}», open }"),
        ("const w = opt ?? where; w.b = 2", "{ a: 1, ...: «opt ?? where», open }"),
        ("let w; w = where; w.b = 2", "{ a: 1, ...: «w = where», open }"),
        ("const args = { take: 1, where }; args.where.b = 2", "{ a: 1, ...: «where», open }"),
        (
            "const args = {}; args.where = where; args.where.b = 2",
            "{ a: 1, ...: «args.where = where», open }",
        ),
        ("const args = { where }; args.take = 2; args.where = opt", "{ a: 1 }"),
        ("_.set(where, 'b', 2)", "{ a: 1, ...: «_.set(where, 'b', 2)», open }"),
        ("known.set(where, 2)", "{ a: 1 }"),
        ("opt.forEach((apply) => apply(where))", "{ a: 1, ...: «apply(where)», open }"),
        ("[where.b] = [2]", "{ a: 1, b: «where.b» }"),
        ("({ x: where.a } = opt)", "{ a: «where.a» }"),
        ("delete where[opt]", "{ a: 1, ...: «delete where[opt]», open }"),
        ("logger.info(where)", "{ a: 1 }"),
        ("logQuery(where)", "{ a: 1 }"),
        ("all.push(where)", "{ a: 1 }"),
        ("const total = await count(where)", "{ a: 1 }"),
        ("const w = { ...where }; w.b = 2", "{ a: 1 }"),
        ("const { a, ...w } = where; w.b = 2", "{ a: 1 }"),
    ] {
        assert_eq!(filter(&format!("const where = {{ a: 1 }}; {before}")), found, "{before}");
    }
    assert_eq!(
        filter("const where = opt ? { a: 1 } : { b: 2 }; where.c = 3"),
        "({ a: 1, c: 3 } | { b: 2, c: 3 })"
    );
}

/// A function that stands further down may have run by then.
#[test]
fn what_other_functions_write_is_seen_wherever_they_stand() {
    let of = |text: &str| {
        let whole = unit(&format!("import {{ prisma }} from './db'\n{text}"));
        short(whole.calls[0].argument.get("where").unwrap())
    };
    let inner = "export async function h() { const where = { a: 1 }; add(); return prisma.a.findMany({ where })\n\
                 function add() { where.b = 2 } }";
    assert_eq!(of(inner), "{ a: 1, b?: 2 }");
    let outer = "const where = { a: 1 }\nexport const h = () => prisma.a.findMany({ where })\n\
                 export const only = (b) => { where.b = b }";
    assert_eq!(of(outer), "{ a: 1, b?: «b» }");
    let again = "let where = { a: 1 }\nexport const h = () => prisma.a.findMany({ where })\n\
                 export const only = () => { where = { b: 2 } }";
    assert_eq!(of(again), "({ a: 1 } | { b: 2 })");
}

/// Whichever of two functions that call each other is asked first.
#[test]
fn circles_are_gone_round_from_each_of_their_names() {
    for order in [["g", "f"], ["f", "g"]] {
        let uses = order.map(|name| {
            format!("export const {name}1 = async () => {{ const where = {{ a: 1 }}; {name}(where); await prisma.a.findMany({{ where }}) }}\n")
        });
        let whole = unit(&format!(
            "import {{ prisma }} from './db'\nfunction g(y) {{ f(y); y.b = 2 }}\nfunction f(x) {{ g(x) }}\n{}{}",
            uses[0], uses[1]
        ));
        for call in &whole.calls {
            assert!(call.argument.get("where").and_then(|node| node.object()).unwrap().open, "{order:?}");
        }
    }
}

/// Of functions of the same file the text tells whether they write.
#[test]
fn helpers_of_the_file_are_looked_into() {
    for (helper, call, known) in [
        ("function f(x) { x.b = 2 }", "f(where)", false),
        ("const f = (x) => { Object.assign(x, { b: 2 }) }", "const n = f(where)", false),
        ("function f(x) { g(x) }\nfunction g({ a, ...x }) { x.b = 2 }", "f(where)", true),
        ("function f(x) { g(x) }\nfunction g({ AND }) { AND.push(2) }", "f(where)", false),
        ("function f(x) { f(x) }", "f(where)", true),
        ("function f(x) { x = { b: 2 } }", "f(where)", true),
        ("function tell(x) { kept = x.a }", "tell(where)", true),
    ] {
        let whole = unit(&format!(
            "import {{ prisma }} from './db'\n{helper}\nexport async function h() {{ const where = {{ a: 1 }}; {call}; \
             return prisma.a.findMany({{ where }}) }}"
        ));
        let node = whole.calls[0].argument.get("where").unwrap();
        assert_eq!(node.object().is_some_and(|object| !object.open), known, "{helper}");
    }
}

#[test]
fn what_is_written_into_an_object_within_another_is_seen() {
    let arguments = |before: &str| short(&call(&format!("{before}; await prisma.a.findMany(args)")).argument);
    assert_eq!(
        arguments("const where = { a: 1 }; const args = { where }; where.b = 2"),
        "{ where: { a: 1, b: 2 } }"
    );
    assert_eq!(
        arguments("const where = { a: 1 }; const args = { where: { ...where } }; where.b = 2"),
        "{ where: { a: 1 } }"
    );
    assert_eq!(
        arguments("const args = { where: { a: 1 } }; const { where } = args; where.b = 2"),
        "{ where: { a: 1, ...: «{ where } = args», open } }"
    );
    assert_eq!(
        arguments("const args = { where: { a: 1 } }; delete args.where.a"),
        "{ where: { a: 1, ...: «delete args.where.a», open } }"
    );
    assert_eq!(
        arguments("const args = { where: { a: 1 } }; addTenant(args.where)"),
        "{ where: { a: 1, ...: «addTenant(args.where)», open } }"
    );
}

/// A key or a helper that is not known stays so, whatever linking makes of a spread beside it.
#[test]
fn what_is_not_known_is_no_spread_of_something() {
    for text in ["{ ...base, [opt]: 1 }", "{ ...base }; where[opt] = 1", "{ ...base }; addTenant(where)"] {
        let whole = unit(&format!(
            "import {{ prisma }} from './db'\nimport {{ base }} from './base'\n\
             export async function f(opt) {{ const where = {text}; return prisma.a.findMany({{ where }}) }}"
        ));
        let object = whole.calls[0].argument.get("where").unwrap().object().unwrap().clone();
        let spreads: Vec<bool> = object
            .properties
            .iter()
            .filter(|one| one.name == crate::SPREAD)
            .map(|one| whole.reference(one.value.span).is_some())
            .collect();
        assert!(object.open && spreads == [true, false], "{text}: {spreads:?}");
    }
}

#[test]
fn the_next_turn_of_a_loop_sees_what_this_one_wrote() {
    let turns = |text: &str| short(&call(&format!("const args = {{ take: 9 }}; {text}")).argument);
    assert_eq!(
        turns("while (opt) { await prisma.a.findMany(args); args.skip = 1 }"),
        "{ take: 9, skip?: 1 }"
    );
    assert_eq!(turns("await prisma.a.findMany(args); args.skip = 1"), "{ take: 9 }");
    assert_eq!(
        short(
            &call(
                "let cursor = undefined; do { await prisma.a.findMany({ cursor }); cursor = { id: 1 } } while (opt)"
            )
            .argument
        ),
        "{ cursor: (undefined | { id: 1 }) }"
    );
    // Each turn has one of its own.
    assert_eq!(
        short(
            &call(
                "for (const x of xs) { const args = { take: 9 }; await prisma.a.findMany(args); args.skip = 1 }"
            )
            .argument
        ),
        "{ take: 9 }"
    );
}

/// What a call gave or a caller handed over is another object by then: what they know of it is not asked.
#[test]
fn what_was_written_into_stands_for_nothing() {
    let known = |parameter: &str, before: &str, argument: &str| {
        let whole = unit(&format!(
            "import {{ prisma }} from './db'\nfunction build() {{ return {{ a: 1 }} }}\n\
             export async function f({parameter}) {{ {before} return prisma.a.findMany({{ where: {argument} }}) }}"
        ));
        let node = whole.calls[0].argument.get("where").unwrap();
        whole.reference(node.span).is_some()
    };
    for (before, argument, expected) in [
        ("const where = build();", "where", true),
        ("const where = build(); where.c = 3;", "where", false),
        ("const args = { where: build() }; args.where.c = 3;", "args.where", false),
        ("const { where } = build(); where.c = 3;", "where", false),
    ] {
        assert_eq!(known("", before, argument), expected, "{before}");
    }
    for (before, expected) in [
        ("", true),
        ("where.b = 2;", false),
        ("where = { ...where, b: 2 };", false),
        ("add(where);", false),
        ("log(where);", true),
        ("const w = where; w.b = 2;", false),
    ] {
        assert_eq!(known("where", before, "where"), expected, "{before}");
    }
    assert!(!known("args", "args.where.b = 2;", "args.where"));
    assert!(!known("args", "const { where } = args; where.b = 2;", "args.where"));
    assert!(known("args", "args.take = 2;", "args.where"));
}

/// What a helper returns is not what it was given, where it wrote into that.
#[test]
fn a_parameter_that_is_written_into_and_returned_is_not_put_in() {
    for (body, known) in [("return where", true), ("where.b = 2; return where", false)] {
        let whole = unit(&format!(
            "import {{ prisma }} from './db'\nfunction add(where) {{ {body} }}\n\
             export const f = () => prisma.a.findMany({{ where: add({{ a: 1 }}) }})"
        ));
        for node in whole.functions.iter().flat_map(|one| &one.returned) {
            assert!(known || whole.reference(node.span).is_none(), "{body}: {node:?}");
        }
    }
}

#[test]
fn what_is_pushed_as_a_spread_is_in_the_list() {
    let data = |text: &str| {
        let node = call(&format!("{text}; await prisma.a.createMany({{ data }})")).argument;
        short(node.get("data").unwrap())
    };
    assert_eq!(data("const data = [{ a: 1 }]; data.push(...more)"), "[{ a: 1 }, «...more»]");
    assert_eq!(
        data("const data = [{ a: 1 }]; data.push({ b: 2 }, ...[{ c: 3 }])"),
        "[{ a: 1 }, { b: 2 }, { c: 3 }]"
    );
    assert_eq!(
        data("const data = []; for (const all of rows) data.push(...all.map((x) => ({ a: x.a })))"),
        "[{ a: «x.a» }, ({ a: «x.a» } | undefined)]"
    );
    assert_eq!(
        data("const data = [{ a: 1 }]; data.splice(0, 1, opt)"),
        "[{ a: 1 }, «data.splice(0, 1, opt)»]"
    );
}
