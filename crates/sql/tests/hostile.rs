//! Text that nobody would write: nothing may panic, and an error never costs more than its statement.

use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::Regime;
use pgsteward_model::statement::Statement;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file, long_identifiers, parse, quote_ident, quote_literal, types};

/// Reads and replays a text on a small known state, and holds the promises that every text has.
fn survive(text: &str) {
    let mut catalog = Catalog::empty(ServerVersion::of_major(18));
    let mut births = Births::default();
    analyze_file(
        "CREATE TABLE t (id serial PRIMARY KEY, a text, b int REFERENCES t)",
        &mut catalog,
        &mut births,
        Regime::Psql,
    );
    for regime in [Regime::OneMessage, Regime::PerStatement] {
        let file = analyze_file(text, &mut catalog, &mut births, regime);
        let mut end = 0;
        for statement in &file.statements {
            let span = statement.span;
            assert!(end <= span.start && span.start < span.end && span.end <= text.len());
            assert!(text.get(span.start..span.end).is_some(), "a span cuts a character");
            end = span.end;
        }
        for error in &file.errors {
            assert!(error.span.start <= error.span.end && error.span.end <= text.len());
        }
    }
    long_identifiers(text);
    types::parse_type(text);
}

const SEEDS: &[&str] = &[
    r#"CREATE TABLE "Order" ("id" SERIAL NOT NULL, "total" DECIMAL(65,30) DEFAULT 0, "at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP, tags TEXT[], CONSTRAINT "Order_pkey" PRIMARY KEY ("id"));"#,
    r#"ALTER TABLE "t" DROP CONSTRAINT "t_b_fkey", ADD COLUMN "c" INTEGER NOT NULL DEFAULT 1, ALTER COLUMN "a" SET DATA TYPE VARCHAR(20) USING ("a"::text), RENAME COLUMN a TO z;"#,
    r#"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON public.t USING btree (lower(a) text_pattern_ops DESC NULLS LAST, b) INCLUDE (id) NULLS NOT DISTINCT WITH (fillfactor=70) WHERE a IS NOT NULL;"#,
    r#"BEGIN; CREATE TYPE "M_new" AS ENUM ('a', 'b''c'); ALTER TABLE t ALTER COLUMN a TYPE "M_new" USING (a::text::"M_new"); ALTER TYPE "M_new" RENAME TO "M"; DROP TYPE IF EXISTS "M_old" CASCADE; COMMIT;"#,
    r#"CREATE OR REPLACE FUNCTION f(IN a int DEFAULT 1, OUT b text, VARIADIC c int[]) RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$ BEGIN RETURN; END $body$;"#,
    r#"CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT CASE WHEN 1 = 1 THEN 2 END; SELECT 3; END;"#,
    r#"DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint) THEN ALTER TABLE t ADD CONSTRAINT x CHECK (b > 0) NOT VALID; END IF; EXECUTE 'DROP TABLE t'; END $$;"#,
    r#"WITH x AS (SELECT * FROM t WHERE a = E'\x41\'' || U&'d\0061' ORDER BY extract(year FROM now())) UPDATE t SET (a, b) = (SELECT 1, 2), c = $1 FROM x WHERE t.id = x.id RETURNING *;"#,
    r#"CREATE TABLE p (at date) PARTITION BY RANGE (at); CREATE TABLE q PARTITION OF p FOR VALUES FROM ('2024-01-01') TO (MAXVALUE); ALTER TABLE p DETACH PARTITION q CONCURRENTLY;"#,
    r#"GRANT SELECT (a, b), INSERT ON TABLE t TO PUBLIC, "me"; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM x; COMMENT ON COLUMN public.t.a IS 'é'; CREATE POLICY p ON t AS RESTRICTIVE FOR SELECT TO x USING (a = 'b') WITH CHECK (true);"#,
    r#"CREATE DOMAIN d AS int CONSTRAINT c CHECK (VALUE > 0) NOT NULL; CREATE SEQUENCE s AS smallint INCREMENT BY -1 MINVALUE -5 START 99999999999999999999 OWNED BY t.id; ALTER SEQUENCE s OWNED BY NONE; VACUUM (FULL, ANALYZE) t; REINDEX (CONCURRENTLY) TABLE t; SET LOCAL lock_timeout TO '2s'; DROP SCHEMA public CASCADE;"#,
    "/* a /* b */ c */ -- d\nSELECT 1 -- e\n;;; SELECT '\0', \"x\0y\"; \u{feff}",
];

#[test]
fn mutilated_statements() {
    // A fixed sequence, so that a failure can be seen again (xorshift, George Marsaglia 2003).
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    let noise = [
        "(", ")", "'", "\"", "$$", "$x$", ";", ",", "--", "/*", "*/", "\0", "é", "::", "[", "]", " NOT ",
        " CASE ", "E'\\", "U&\"", ".", " AS ", " ON ", "0x", "1e",
    ];
    for seed in SEEDS {
        survive(seed);
        let boundaries: Vec<usize> = seed.char_indices().map(|(at, _)| at).chain([seed.len()]).collect();
        for _ in 0..150 {
            let mut text = (*seed).to_owned();
            for _ in 0..=next(3) {
                let pick = |next: &mut dyn FnMut(usize) -> usize, text: &str| {
                    let mut at = next(text.len() + 1);
                    while !text.is_char_boundary(at) {
                        at -= 1;
                    }
                    at
                };
                let (one, two) = (pick(&mut next, &text), pick(&mut next, &text));
                let (start, end) = (one.min(two), one.max(two));
                match next(4) {
                    0 => text.truncate(end),
                    1 => text.replace_range(start..end, ""),
                    2 => text.insert_str(start, noise[next(noise.len())]),
                    _ => {
                        let other = SEEDS[next(SEEDS.len())];
                        let cut = pick(&mut next, other);
                        text.insert_str(start, &other[cut..]);
                    }
                }
            }
            survive(&text);
        }
        for at in boundaries.iter().step_by(3) {
            survive(&seed[..*at]);
            survive(&seed[*at..]);
        }
    }
}

#[test]
fn deep_and_long_chains() {
    let deep = 200_000;
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("NOT ", "true", ""),
        ("- ", "1", ""),
        ("CASE WHEN true THEN ", "1", " END"),
        ("ARRAY[", "1", "]"),
        ("f(", "1", ")"),
        ("(SELECT ", "1", ")"),
        ("1 + ", "1", ""),
        ("a.", "b", ""),
        ("1, (", "1", ")"),
        ("", "x", "::text"),
        ("", "x", "[1]"),
        ("", "1", " UNION SELECT 1"),
        ("", "1", " AND true"),
        ("", "1", " COLLATE \"C\""),
    ] {
        let text = format!("SELECT {}{middle}{}; SELECT 2", open.repeat(deep), close.repeat(deep));
        let file = parse(&text);
        assert!(matches!(file.statements[0].statement, Statement::Unparsed), "{open}");
        assert!(matches!(file.statements[1].statement, Statement::Select { .. }), "{open}");
        // Just below the limits the parser has to cope.
        for depth in [40, 190, 700, 3_900] {
            survive(&format!("SELECT {}{middle}{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    let body = format!("SELECT {}1", "(".repeat(deep));
    survive(&format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ {body} $$"));
    survive(&format!("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS E'{body}'"));
    let nested: String = (0..20_000).map(|level| format!("DO $a{level}$ BEGIN EXECUTE ")).collect();
    survive(&nested);
    for text in ["(".repeat(1 << 20), "[".repeat(1 << 20), "CASE ".repeat(1 << 18), "/*".repeat(1 << 18)] {
        survive(&text);
    }
}

#[test]
fn long_bodies_are_not_deep() {
    let body = "PERFORM 1 + 2; x := y;\n".repeat(5_000);
    let text = format!("CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body} END $$");
    assert_eq!(parse(&text).errors, []);
}

#[test]
fn megabytes_of_rows() {
    let row = "(1, 'a value that is not short', NULL, now()),\n";
    let text = format!("INSERT INTO t (a, b, c, d) VALUES {}(2, '', 3, now());", row.repeat(60_000));
    let file = parse(&text);
    assert_eq!(file.errors, []);
    assert!(matches!(file.statements[0].statement, Statement::Insert { from_select: false, .. }));
    let many = "SELECT 1;\n".repeat(50_000);
    assert_eq!(parse(&many).statements.len(), 50_000);
}

#[test]
fn unterminated_text() {
    for text in [
        "'",
        "\"",
        "$$",
        "$a$ x $b$",
        "E'\\",
        "U&'\\",
        "U&\"",
        "/*",
        "--",
        "B'1",
        "N'",
        "\0",
        "\u{feff}",
        "'a\0b",
        "\"\0",
    ] {
        for before in
            ["", "SELECT ", "CREATE TABLE ", "DO ", "COMMENT ON TABLE t IS ", "ALTER TYPE x ADD VALUE "]
        {
            survive(&format!("{before}{text}"));
        }
    }
}

#[test]
fn an_error_costs_one_statement() {
    for broken in [
        "CREATE TABEL x (id int)",
        "ALTER TABLE t ADD COLUMN (",
        "SELECT (((1",
        "DROP",
        "CREATE TABLE u (id int,,)",
    ] {
        let text = format!("SELECT 1;\n{broken};\nCREATE TABLE good (id int);");
        let file = parse(&text);
        assert_eq!(file.statements.len(), 3, "{broken}");
        assert!(matches!(file.statements[1].statement, Statement::Unparsed), "{broken}");
        assert!(matches!(file.statements[2].statement, Statement::CreateTable(_)), "{broken}");
        assert!(!file.errors.is_empty());
        let span = file.statements[1].span;
        assert_eq!(&text[span.start..span.end], broken);
        assert!(
            file.errors.iter().all(|error| span.start <= error.span.start && error.span.end <= span.end),
            "{broken}"
        );
    }
}

#[test]
fn quoting_reads_back() {
    for (name, quoted) in [
        ("plain_1", "plain_1"),
        ("Order", "\"Order\""),
        ("user", "\"user\""),
        ("int", "\"int\""),
        ("left", "\"left\""),
        ("name", "name"),
        ("1st", "\"1st\""),
        ("a\"b", "\"a\"\"b\""),
        ("", "\"\""),
        ("é", "\"é\""),
        ("a$b", "\"a$b\""),
    ] {
        assert_eq!(quote_ident(name), quoted);
    }
    assert_eq!(quote_literal("it's"), "'it''s'");
    assert_eq!(quote_literal("a\\b'"), "E'a\\\\b'''");
    let text = format!("ALTER TYPE x ADD VALUE {}", quote_literal("a\\b'c\n"));
    let file = parse(&text);
    assert!(format!("{:?}", file.statements[0].statement).contains(r#"value: "a\\b'c\n""#));
}
