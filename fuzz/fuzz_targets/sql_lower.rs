//! SQL text: statements, what they do to a catalog, fingerprints. What is promised for every text:
//!
//! - nothing panics but the borrowed parser, whose panics are caught (see [`quiet`]);
//! - statements follow each other, and every span lies inside the text on character boundaries;
//! - reading is repeatable, and a statement's fingerprint knows neither white space, comments nor neighbours;
//! - a file can be applied to the state that it has left behind.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::{Corpus, fuzz_target};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::migration::Regime;
use pgsteward_model::source::Span;
use pgsteward_model::version::ServerVersion;
use pgsteward_sql::{Births, analyze_file, long_identifiers, parse, types};

fuzz_target!(init: quiet(), |data: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(data) else { return Corpus::Reject };
    statements(text);
    replay(text);
    for (span, name) in long_identifiers(text) {
        fits(text, span);
        assert!(name.len() > 63);
    }
    types::parse_type(text);
    Corpus::Keep
});

/// The parser that this crate borrows asserts that it makes progress, and the crate catches the panic. The
/// fuzzer's own hook would end the process before it can; this one lets panics unwind, and names those that
/// are ours.
fn quiet() {
    std::panic::set_hook(Box::new(|panic| {
        let borrowed = panic.location().is_some_and(|place| place.file().contains("squawk-"));
        if !borrowed {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
        }
    }));
}

fn statements(text: &str) {
    let file = parse(text);
    let mut end = 0;
    for statement in &file.statements {
        let span = statement.span;
        assert!(end <= span.start && span.start < span.end, "{span:?} begins before {end}");
        fits(text, span);
        end = span.end;

        let alone = parse(&text[span.start..span.end]);
        let fingerprints: Vec<&str> = alone.statements.iter().map(|one| one.fingerprint.as_str()).collect();
        assert_eq!(fingerprints, [statement.fingerprint.as_str()], "alone and among its neighbours");
        assert_eq!(alone.statements[0].statement, statement.statement);
    }
    file.errors.iter().for_each(|error| fits(text, error.span));

    let moved = parse(&format!("\n-- a comment\n\t{text}"));
    assert_eq!(moved.statements.len(), file.statements.len());
    for (one, other) in moved.statements.iter().zip(&file.statements) {
        assert_eq!(one.fingerprint, other.fingerprint);
        assert_eq!(one.statement, other.statement);
    }
}

fn replay(text: &str) {
    let mut catalog = known().clone();
    let mut births = Births::default();
    births.start_deploy();
    for regime in [Regime::OneMessage, Regime::PerStatement, Regime::Psql] {
        births.start_file();
        let file = analyze_file(text, &mut catalog, &mut births, regime);
        file.statements.iter().for_each(|statement| fits(text, statement.span));
        file.errors.iter().for_each(|error| fits(text, error.span));
    }
}

fn fits(text: &str, span: Span) {
    assert!(text.get(span.start..span.end).is_some(), "{span:?} does not fit the text");
}

/// A small database with one of most things, for statements to meet.
fn known() -> &'static Catalog {
    static KNOWN: OnceLock<Catalog> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut catalog = Catalog::empty(ServerVersion::of_major(18));
        let file = analyze_file(PRELUDE, &mut catalog, &mut Births::default(), Regime::Psql);
        assert_eq!(file.errors, []);
        catalog
    })
}

const PRELUDE: &str = "
    CREATE TYPE m AS ENUM ('a', 'b');
    CREATE DOMAIN d AS int CHECK (VALUE > 0);
    CREATE TABLE t (id serial PRIMARY KEY, a text, b int REFERENCES t, c m, e d, UNIQUE (a, b));
    CREATE TABLE p (at date NOT NULL) PARTITION BY RANGE (at);
    CREATE TABLE q PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
    CREATE INDEX i ON t (b DESC) WHERE a IS NOT NULL;
    CREATE VIEW v AS SELECT a FROM t;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();
    CREATE POLICY o ON t USING (true);
    ALTER TABLE t ADD CONSTRAINT k CHECK (b > 0) NOT VALID;
";
