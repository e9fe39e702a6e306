//! TypeScript and JavaScript. What is promised for every text: nothing panics or overflows the stack, reading is
//! repeatable, every place lies inside the text on character boundaries, and every index points into its list.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use pgsteward_model::code::{Node, Object, Site, Source, Value};
use pgsteward_model::source::Span;
use pgsteward_typescript::{Origin, Unit, scan, scan_fully};

fuzz_target!(|data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    for path in ["src/a.tsx", "app/api/route.ts", "src/a.cjs"] {
        let unit = scan_fully(path, text);
        check(&unit, text);
        assert_eq!(unit, scan_fully(path, text), "reading is repeatable");
        let names = scan(path, text);
        assert!(names.imports.len() <= unit.imports.len());
    }
    Corpus::Keep
});

fn check(unit: &Unit, text: &str) {
    for call in &unit.calls {
        site(&call.site, unit, text);
        place(call.name_at.span, text);
        node(&call.argument, unit, text);
        origin(&call.client, unit);
        assert!(call.invocation.is_none_or(|at| at < unit.invocations.len()));
    }
    for invocation in &unit.invocations {
        site(&invocation.site, unit, text);
        origin(&invocation.callee, unit);
        invocation.arguments.iter().for_each(|one| node(one, unit, text));
        invocation.origins.iter().for_each(|one| origin(one, unit));
    }
    for raw in &unit.raw {
        site(&raw.site, unit, text);
        raw.holes.iter().for_each(|hole| node(&hole.value, unit, text));
    }
    unit.transactions.iter().for_each(|one| site(&one.site, unit, text));
    unit.effects.iter().for_each(|one| site(&one.site, unit, text));
    for client in &unit.clients {
        site(&client.site, unit, text);
        node(&client.argument, unit, text);
    }
    for function in unit.functions.iter().skip(1) {
        place(function.at.span, text);
        assert!(function.parent.is_some_and(|parent| parent < unit.functions.len()));
        function.returns.iter().for_each(|one| origin(one, unit));
    }
    for variable in &unit.variables {
        place(variable.span, text);
        origin(&variable.origin, unit);
    }
    for (index, one) in unit.loops.iter().enumerate() {
        place(one.at.span, text);
        assert!(one.parent.is_none_or(|parent| parent < unit.loops.len() && parent != index));
    }
    unit.references.windows(2).for_each(|two| assert!(two[0].span < two[1].span, "references are sorted"));
}

fn place(span: Span, text: &str) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} is no place of the text");
}

fn site(site: &Site, unit: &Unit, text: &str) {
    place(site.at.span, text);
    assert!(site.function < unit.functions.len());
    assert!(site.loops.iter().all(|one| *one < unit.loops.len()));
    assert!(site.tries.iter().all(|one| *one < unit.tries.len()));
    assert!(site.transaction.is_none_or(|one| one < unit.transactions.len()));
    site.guards.iter().for_each(|guard| sources(&guard.sources, unit));
}

fn node(node: &Node, unit: &Unit, text: &str) {
    place(node.span, text);
    match &node.value {
        Value::List(nodes) | Value::Choice(nodes) => nodes.iter().for_each(|one| self::node(one, unit, text)),
        Value::Object(Object { properties, .. }) => properties.iter().for_each(|one| {
            place(one.span, text);
            self::node(&one.value, unit, text);
        }),
        Value::Expression { sources, .. } => self::sources(sources, unit),
        _ => {}
    }
}

fn sources(sources: &[Source], unit: &Unit) {
    for source in sources {
        match source {
            Source::Result { call, .. } => assert!(*call < unit.calls.len()),
            Source::Loop { of } => assert!(*of < unit.loops.len()),
            _ => {}
        }
    }
}

fn origin(of: &Origin, unit: &Unit) {
    match of.root() {
        Origin::Import(at) => assert!(*at < unit.imports.len()),
        Origin::Variable(at) => assert!(*at < unit.variables.len()),
        Origin::Function(at) | Origin::Parameter { function: at, .. } => assert!(*at < unit.functions.len()),
        Origin::Class(at) => assert!(*at < unit.classes.len()),
        Origin::Transaction(at) => assert!(*at < unit.transactions.len()),
        Origin::Result(at) => assert!(*at < unit.calls.len()),
        Origin::Client(at) => assert!(*at < unit.clients.len()),
        _ => {}
    }
}
