//! Texts that nobody would write.

use super::super::nesting;
use super::unit;
use crate::scan;
use crate::unit::Depth;

#[test]
fn deep_nesting_is_refused_or_read_on_a_stack_of_its_own() {
    for (open, close) in [
        ("(", ")"),
        ("[", "]"),
        ("{", "}"),
        ("!", ""),
        ("a=>", ""),
        ("a?b:", ""),
        ("-", ""),
        ("`${", "}`"),
        ("if(a)", ""),
        ("a.b(", ")"),
        ("<a>", "</a>"),
        ("1+", ""),
        ("x.", ""),
        ("if(a){}else ", ""),
    ] {
        for times in [200, 1_200, 200_000] {
            let text = format!("const x = prisma.a.findMany({}1{})", open.repeat(times), close.repeat(times));
            let unit = scan("src/x.tsx", &text);
            assert!(unit.calls.len() <= 1);
            if times == 200_000 {
                assert_eq!(unit.left_out.len(), 1, "{open}");
            }
        }
    }
}

#[test]
fn the_depth_of_plain_code_is_small() {
    assert!(nesting::depth("const a = { b: [1, 2, 3], c: 'x' }; export function f() { return a }") < 12);
    assert!(nesting::depth(&"const a = 1;\n".repeat(1000)) < 12);
}

#[test]
fn broken_text_is_read_as_far_as_it_goes() {
    let unit =
        unit("export async function f() { await prisma.a.findMany({ where: { id: 1 } }); let x: = ; }");
    assert!(unit.calls.len() == 1 || unit.left_out.len() == 1);
    assert_eq!(scan("x.ts", "prisma.a.findMany(").left_out.len(), 1);
}

/// Each link's callback returns its parameter, which leads back to all links before.
#[test]
fn long_chains_of_callbacks_end() {
    let links = ".command('c', (y) => y, async () => { await boot() })\n.command('d', (z) => z.options({}), (w) => w)";
    let text =
        format!("const made = yargs{};\nawait prisma.order.findMany({{ where: made }})", links.repeat(200));
    assert_eq!(super::body(&text).calls.len(), 1);
}

#[test]
fn circles_end() {
    super::unit(
        "const a = { ...b }; const b = { ...a }; let c = c; const d = d.e; prisma.x.findMany({ where: { ...a, c, d } })",
    );
    super::unit(
        "const f = f.g(); const h = () => h(); class A extends A { x = this.x } prisma.x.findMany(f)",
    );
}

#[test]
fn large_and_minified_files_are_left_out() {
    let large = "x".repeat(super::super::LARGEST + 1);
    assert_eq!(scan("x.ts", &large).left_out.len(), 1);
    let minified = format!("var a={};", "f(),".repeat(20_000));
    let unit = scan("x.js", &minified);
    assert_eq!((unit.left_out.len(), unit.depth), (1, Depth::None));
    assert_eq!(scan("x.d.ts", "export declare const a: number").depth, Depth::None);
}

#[test]
fn many_uses_of_one_name_end() {
    let mut text = String::from("const where: any = {};\n");
    for at in 0..1_500 {
        text.push_str(&format!("where.a{at} = {at}; if (where.b) prisma.x.findMany({{ where }});\n"));
    }
    let unit = unit(&text);
    assert_eq!(unit.calls.len(), 1_500);
    assert!(unit.left_out.iter().all(|one| one.why.contains("in too many ways")), "{:?}", unit.left_out);
}

#[test]
fn what_is_given_up_is_said() {
    let mut text = String::from("export async function f(a: any) {\n");
    for at in 0..6_000 {
        text.push_str(&format!("  if (a.b{at}) return;\n  await prisma.x.count();\n"));
    }
    text.push_str("}\n");
    let unit = unit(&text);
    assert_eq!(unit.calls.len(), 6_000);
    assert_eq!(unit.left_out.len(), 1, "{:?}", unit.left_out);
}

#[test]
fn other_syntax() {
    let unit = unit(
        "enum E { A = 'a' } namespace N { export const q = () => prisma.a.findMany({ where: { e: E.A } }) }\n\
         abstract class C<T> { @dec() x?: T; abstract y(): void; static { prisma.b.count() } get z() { return prisma.c.count() } }\n\
         declare global { var prisma: any }\nlabel: for (;;) { break label }\nfunction* g() { yield prisma.d.count() }",
    );
    assert_eq!(unit.calls.len(), 4);
}
