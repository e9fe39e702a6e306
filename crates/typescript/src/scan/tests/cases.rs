//! Conditions that decide together what an argument holds.

use pgsteward_model::code::{Node, Value};

use super::{call, short};

/// How the properties `a` and `b` of a filter belong together.
fn together(node: &Node) -> &'static str {
    let object = node.object().unwrap();
    let (Some(a), Some(b)) = (object.get("a"), object.get("b")) else { return "only one" };
    match (a.conditional, b.conditional) {
        (false, false) => "both",
        (true, true) if a.when.is_always() || b.when.is_always() => "unknown",
        (true, true) if a.when == b.when => "same",
        (true, true) if a.when.and(&b.when).is_none() => match a.when.or(&b.when).is_always() {
            true => "one of them",
            false => "not both",
        },
        _ => "free",
    }
}

fn filter(text: &str) -> Node {
    call(text).argument.get("where").unwrap().clone()
}

#[test]
fn spreads_under_one_condition_are_one_choice() {
    for (spreads, expected) in [
        ("...(opt ? { a: 1 } : { b: 2 })", "one of them"),
        ("...(opt && { a: 1 }), ...(!opt && { b: 2 })", "one of them"),
        ("...(opt && { a: 1 }), ...(opt ? { b: 2 } : {})", "same"),
        ("...(opt && { a: 1 }), ...(!!opt && { b: 2 })", "same"),
        ("...(opt && { a: 1 }), ...(Boolean(opt) && { b: 2 })", "same"),
        ("...(opt === 'x' && { a: 1 }), ...(opt !== \"x\" && { b: 2 })", "one of them"),
        ("...(id && opt && { a: 1 }), ...(!opt && { b: 2 })", "not both"),
        ("...(id || opt ? { a: 1 } : { b: 2 })", "one of them"),
        ("...(opt && { a: 1 }), ...(id && { b: 2 })", "free"),
        ("...(isAdmin(id) && { a: 1 }), ...(!isAdmin(id) && { b: 2 })", "one of them"),
        // The next time it may come out otherwise.
        ("...(next() && { a: 1 }), ...(!next() && { b: 2 })", "free"),
        ("...(next() ? { a: 1 } : { b: 2 })", "one of them"),
    ] {
        let node = filter(&format!("await prisma.a.findMany({{ where: {{ {spreads} }} }})"));
        assert_eq!(together(&node), expected, "{spreads}");
    }
}

#[test]
fn branches_that_write_into_an_object_exclude_each_other() {
    for (statements, expected) in [
        ("if (opt) { where.a = 1 } else { where.b = 2 }", "one of them"),
        ("if (opt) where.a = 1; if (!opt) where.b = 2", "one of them"),
        ("if (opt) where.a = 1; if (opt) where.b = 2", "same"),
        ("if (opt) { where.a = 1 } else if (id) { where.b = 2 }", "not both"),
        ("switch (opt) { case 'x': where.a = 1; break; case 'y': where.b = 2; break }", "not both"),
        ("switch (opt) { case 'x': where.a = 1; break; default: where.b = 2 }", "one of them"),
        ("switch (opt) { case 'x': where.a = 1; default: where.b = 2 }", "free"),
        // Each turn takes a way of its own.
        ("for (const x of xs) { if (x) where.a = 1; else where.b = 2 }", "free"),
        ("let on = opt; if (on) where.a = 1; on = id; if (!on) where.b = 2", "free"),
        ("const o = f(); if (o.x) where.a = 1; o.x = id; if (!o.x) where.b = 2", "free"),
        // Whoever does not come here does not matter.
        ("if (!opt) return; if (opt) where.a = 1; where.b = 2", "both"),
        ("where.b = 2; if (opt) where.a = 1; if (opt) return", "only one"),
        ("where.b = 2; where.a = 1; delete where.a", "only one"),
    ] {
        let node = filter(&format!("const where = {{}}; {statements}; await prisma.a.findMany({{ where }})"));
        assert_eq!(together(&node), expected, "{statements}");
    }
    let inside = "const where = {}; if (opt) { where.a = 1 } else { where.b = 2 } if (opt) { await prisma.a.findMany({ where }) }";
    assert_eq!(short(&filter(inside)), "{ a: 1 }");
}

#[test]
fn what_is_assigned_replaces_what_was_there() {
    for (statements, expected) in [
        ("let where = {}; where = { a: 1 }", "{ a: 1 }"),
        ("let where = {}; if (opt) where = { a: 1 }", "({  } | { a: 1 })"),
        ("let where = {}; if (opt) where = { a: 1 }; else where = { b: 2 }", "({ a: 1 } | { b: 2 })"),
        (
            "let where; if (opt) where = { a: 1 }; else if (id) where = { b: 2 }; else where = { c: 3 }",
            "({ a: 1 } | { b: 2 } | { c: 3 })",
        ),
        // Nobody assigned it where the condition does not hold.
        ("let where; if (opt) where = { a: 1 }", "(undefined | { a: 1 })"),
        ("let where: Where; if (opt) where = { a: 1 }", "{ a: 1 }"),
        ("let where = { a: 1 }; for (const x of xs) { where = { b: 2 } }", "({ a: 1 } | { b: 2 })"),
        // It may have failed before, unless nothing comes after a failure.
        ("let where = { a: 1 }; try { where = { b: f() } } catch {}", "({ a: 1 } | { b: «f()» })"),
        ("let where = { a: 1 }; try { where = { b: 2 } } catch { return }", "{ b: 2 }"),
        ("let where = { a: 1 }; try { where = { b: 2 } } finally { f() }", "{ b: 2 }"),
    ] {
        let node = filter(&format!("{statements}; await prisma.a.findMany({{ where }})"));
        assert_eq!(short(&node), expected, "{statements}");
    }
}

/// In the same block it is what was assigned last, whatever that block hangs on.
#[test]
fn what_is_assigned_in_the_block_of_a_call_is_what_it_sends() {
    for (before, after, expected) in [
        ("let where; for (const x of xs) { where = { a: 1 };", "}", "{ a: 1 }"),
        ("let where; try { where = { a: 1 };", "} catch {}", "{ a: 1 }"),
        ("let where; if (opt) { where = { a: 1 };", "}", "{ a: 1 }"),
        ("let where; switch (opt) { case 'x': where = { a: 1 };", "}", "{ a: 1 }"),
        ("const where = {}; for (const x of xs) { where.a = 1;", "}", "{ a: 1 }"),
        ("let where = {}; try { where = { a: 1 } } catch {", "}", "({  } | { a: 1 })"),
    ] {
        let node = filter(&format!("{before} await prisma.a.findMany({{ where }}) {after}"));
        assert_eq!(short(&node), expected, "{before}");
    }
}

/// A branch of a value and a spread beside it hang on the same condition; so do values that are `undefined` on purpose.
#[test]
fn choices_know_their_conditions() {
    let node =
        call("await prisma.a.findMany({ where: opt ? { a: 1 } : {}, ...(opt && { take: 9 }) })").argument;
    let Value::Choice { when, .. } = &node.get("where").unwrap().value else { panic!("{node:?}") };
    let take = &node.object().unwrap().get("take").unwrap().when;
    assert_eq!(&when[0], take);
    assert_eq!(when[1].and(take), None);
    let node =
        filter("await prisma.a.findMany({ where: { a: opt ? id : undefined, ...(!opt && { b: 2 }) } })");
    let object = node.object().unwrap();
    assert_eq!(object.get("a").unwrap().when.and(&object.get("b").unwrap().when), None);
    assert!(!object.get("a").unwrap().conditional);
    let node = filter(
        "const all = [opt && { a: 1 }, !opt && { b: 2 }].filter(Boolean); await prisma.a.findMany({ where: { AND: all } })",
    );
    let Value::List(items) = &node.get("AND").unwrap().value else { panic!("{node:?}") };
    let when = |at: usize| items[at].cases()[0].1.clone();
    assert_eq!(when(0).and(&when(1)), None);
}
