//! Raw SQL and its holes; checks of input.

use pgsteward_model::code::{FieldCheck, HoleKind};

use super::{body, short, unit};
use crate::unit::UnitRaw;

fn raw(text: &str) -> UnitRaw {
    let unit = body(text);
    assert_eq!(unit.raw.len(), 1, "{:?}", unit.raw);
    unit.raw[0].clone()
}

fn holes(raw: &UnitRaw) -> Vec<(HoleKind, String)> {
    raw.holes.iter().map(|hole| (hole.kind, short(&hole.value))).collect()
}

#[test]
fn templates_have_parameters() {
    let raw = raw("await prisma.$queryRaw<Row[]>`SELECT * FROM a WHERE id = ${id}::uuid`");
    assert_eq!(raw.text.as_deref(), Some("SELECT * FROM a WHERE id = $1::uuid"));
    assert_eq!(holes(&raw), [(HoleKind::Parameter, "«id»".to_string())]);
}

#[test]
fn fragments_are_followed() {
    let raw = raw("const where = opt ? Prisma.sql`AND b = ${opt}` : Prisma.empty;\n\
         await prisma.$queryRaw(Prisma.sql`SELECT 1 FROM a WHERE c IN (${Prisma.join(ids)}) ${where} ORDER BY ${Prisma.raw(id)}`)");
    assert_eq!(raw.text.as_deref(), Some("SELECT 1 FROM a WHERE c IN ($1) AND b = $2 ORDER BY $3"));
    let kinds: Vec<HoleKind> = raw.holes.iter().map(|hole| hole.kind).collect();
    assert_eq!(kinds, [HoleKind::Fragment, HoleKind::Parameter, HoleKind::Text]);
}

#[test]
fn what_a_join_names_is_part_of_the_text() {
    let parts = "[Prisma.sql`SELECT 1 FROM a WHERE `, Prisma.raw(id), Prisma.sql` AND b = ${opt}`]";
    let text = Some("SELECT 1 FROM a WHERE $1 AND b = $2");
    let kinds = |raw: &UnitRaw| raw.holes.iter().map(|hole| hole.kind).collect::<Vec<_>>();
    let here = raw(&format!("await prisma.$queryRaw(Prisma.join({parts}, ''))"));
    assert_eq!((here.text.as_deref(), kinds(&here)), (text, vec![HoleKind::Text, HoleKind::Parameter]));
    let named = raw(&format!("const parts = {parts}; await prisma.$queryRaw`${{Prisma.join(parts, '')}}`"));
    assert_eq!((named.text.as_deref(), kinds(&named)), (text, vec![HoleKind::Text, HoleKind::Parameter]));
    let values = raw("await prisma.$queryRaw`SELECT 1 FROM a WHERE b IN (${Prisma.join([id, opt])})`");
    assert_eq!(values.text.as_deref(), Some("SELECT 1 FROM a WHERE b IN ($1,$2)"));
    assert_eq!(kinds(&values), [HoleKind::Parameter, HoleKind::Parameter]);
    // More may be put into it, or around it.
    let filled =
        raw(&format!("const p = {parts}; p.push(opt); await prisma.$queryRaw`${{Prisma.join(p, '')}}`"));
    assert_eq!(kinds(&filled), [HoleKind::Fragment]);
    let framed = raw("await prisma.$queryRaw`SELECT 1 ${Prisma.join([Prisma.raw(id)], ' AND ', 'WHERE ')}`");
    assert_eq!(kinds(&framed), [HoleKind::Fragment]);
}

#[test]
fn unsafe_texts_have_holes_of_text() {
    let joined =
        raw("await prisma.$queryRawUnsafe('SELECT * FROM a WHERE x = $1 ORDER BY ' + id + ' LIMIT 5', opt)");
    assert_eq!(joined.text.as_deref(), Some("SELECT * FROM a WHERE x = $1 ORDER BY $2 LIMIT 5"));
    let kinds: Vec<HoleKind> = joined.holes.iter().map(|hole| hole.kind).collect();
    assert_eq!(kinds, [HoleKind::Parameter, HoleKind::Text]);
    let constant = raw("const table = 'orders'; await prisma.$executeRawUnsafe(`TRUNCATE ${table}`)");
    assert_eq!((constant.text.as_deref(), constant.holes.len()), (Some("TRUNCATE orders"), 0));
    let elsewhere = raw("await prisma.$queryRawUnsafe(id)");
    assert_eq!(elsewhere.text, None);
}

#[test]
fn drivers_and_typed_sql() {
    let one = raw("await pool.query('SELECT 1 FROM a WHERE id = $1', [id])");
    assert!(one.driver);
    assert_eq!(holes(&one), [(HoleKind::Parameter, "«id»".to_string())]);
    let two = raw("await client.query({ text: 'DELETE FROM a WHERE id = $1', values: [id] })");
    assert_eq!(two.text.as_deref(), Some("DELETE FROM a WHERE id = $1"));
    let unit = unit(
        "import postgres from 'postgres'; import { getUsers } from '@prisma/client/sql'; const sql = postgres('');\n\
         export async function f(id) { await sql`SELECT ${id}`; await prisma.$queryRawTyped(getUsers(id)) }",
    );
    assert_eq!(unit.raw.len(), 2);
    assert_eq!(unit.raw[0].text.as_deref(), Some("SELECT $1"));
    assert_eq!(unit.raw[1].typed, Some(crate::unit::Origin::Import(1)));
    assert!(body("await search.query('what is new')").raw.is_empty());
}

#[test]
fn checks_of_input() {
    let unit = unit(
        "const review = z.object({ rating: z.number().int().min(1).max(5), mail: z.string().email().max(200).optional(), \
         kind: z.enum(['a', 'b']), code: z.string().regex(/^[A-Z]+$/), \
         open: z.string().email().or(z.literal('')), kept: z.string().max(9).transform(JSON.parse), \
         unset: z.string().min(1).default(''), flagged: z.string().max(9).regex(/^[a-z]+$/i) })",
    );
    let found =
        |field: &str| unit.validations.iter().find(|one| one.field == field).expect(field).checks.clone();
    assert_eq!(
        found("rating"),
        [
            FieldCheck::Integer,
            FieldCheck::Min { value: 1.0, inclusive: true },
            FieldCheck::Max { value: 5.0, inclusive: true }
        ]
    );
    assert_eq!(found("mail"), [FieldCheck::Email, FieldCheck::MaxLength(200)]);
    assert_eq!(found("kind"), [FieldCheck::OneOf(vec!["a".into(), "b".into()])]);
    assert_eq!(found("code"), [FieldCheck::Pattern("^[A-Z]+$".into())]);
    assert_eq!(found("flagged"), [FieldCheck::MaxLength(9)]);
    for other in ["open", "kept", "unset"] {
        assert!(unit.validations.iter().all(|one| one.field != other), "{other} may be something else");
    }
    assert_eq!(unit.validations[0].schema, "review");
}

#[test]
fn checks_hold_for_what_is_stored() {
    let checks = |chain: &str| {
        let unit = unit(&format!("const review = z.object({{ title: {chain} }})"));
        unit.validations.first().map_or_else(Vec::new, |one| one.checks.clone())
    };
    let whole = [FieldCheck::MinLength(1), FieldCheck::MaxLength(9)];
    assert_eq!(checks("z.string().trim().min(1).max(9)"), whole);
    assert_eq!(checks("z.string().min(1).max(9).trim()"), [FieldCheck::MaxLength(9)], "'' may be left");
    assert_eq!(
        checks("z.string().max(9).trim().min(1)"),
        [FieldCheck::MaxLength(9), FieldCheck::MinLength(1)]
    );
    assert_eq!(checks("z.string().min(1).max(9).toUpperCase()"), [FieldCheck::MinLength(1)], "ß becomes SS");
    assert_eq!(checks("z.string().email().trim().toLowerCase()"), [FieldCheck::Email]);
    assert_eq!(checks("z.string().regex(/^[A-Z]+$/).toLowerCase().nullable()"), []);
    assert_eq!(checks("z.string().max(9).normalize()"), []);
    assert_eq!(checks("z.optional(z.string().min(1)).overwrite(f)"), []);
    assert_eq!(checks("z.number().min(1).overwrite(Math.floor)"), []);
}
