//! `migrate_diff < pairs.jsonl > answers.jsonl`: the migration between two states, for `bench/conformance.py`.
//!
//! In, a line each: `{ "from": side, "to": side, "schema": text? }`. A side is null (an empty database),
//! `{ "schema": text }` or `{ "url": text }`. `schema` says what is asked of a database: its preview features and
//! namespaces.
//! Out, a line each: `{ "sql": text, "summary": text, "warnings": text }`.
#![expect(clippy::unwrap_used, reason = "input that is not as described ends the program")]

use std::io::Write;
use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_pg::{CatalogOptions, ReadSession, ServerUrl};
use pgsteward_prisma::diff::{DiffOptions, diff};
use pgsteward_prisma::{calculate, data_loss, parse, render, summary};
use serde_json::{Value as Json, json};

const VERSION: ServerVersion = ServerVersion(170_010);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let pair: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let (from, to) = (catalog(&pair["from"]).await, catalog(&pair["to"]).await);
        let options = options(&pair);
        let steps = diff(&from, &to, &options);
        let dangers = data_loss::dangers(&steps, &from, &to, &options);
        let answer = json!({
            "sql": render::render_in(&steps, options.style(&to)),
            "summary": summary(&steps, &from, &to, &options),
            "warnings": data_loss::comment(&dangers),
        });
        serde_json::to_writer(&mut out, &answer).unwrap();
        out.write_all(b"\n").unwrap();
    }
}

fn schema(text: &Json) -> Option<PrismaSchema> {
    text.as_str().map(|text| parse(&[Arc::new(SourceFile::new("schema.prisma", text))]))
}

async fn catalog(side: &Json) -> Catalog {
    if let Some(schema) = schema(&side["schema"]) {
        return calculate(&schema, VERSION);
    }
    if let Some(url) = side["url"].as_str() {
        let session = ReadSession::connect(&ServerUrl::parse(url).unwrap()).await.unwrap();
        let (catalog, _) = session.catalog(&CatalogOptions::default()).await.unwrap();
        session.close().await;
        return catalog;
    }
    let mut nothing = Catalog::empty(VERSION);
    nothing.namespaces.clear();
    nothing
}

fn options(pair: &Json) -> DiffOptions {
    let (from, to) = (&pair["from"], &pair["to"]);
    let nothing = PrismaSchema::default();
    let asked = schema(&pair["schema"]).unwrap_or_default();
    match (schema(&from["schema"]), schema(&to["schema"])) {
        (Some(before), Some(after)) => DiffOptions::between(&before, &after),
        (None, Some(after)) if from.is_null() => DiffOptions::between(&nothing, &after),
        (None, Some(after)) => DiffOptions::of(&after),
        (Some(before), None) if to.is_null() => DiffOptions::between(&before, &nothing),
        (Some(before), None) => DiffOptions::to_database(Some(&before), &asked),
        (None, None) if to.is_null() => DiffOptions::of(&asked),
        (None, None) if from.is_null() => DiffOptions::to_database(Some(&nothing), &asked),
        (None, None) => DiffOptions::to_database(None, &asked),
    }
}
