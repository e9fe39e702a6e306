//! `diff < pairs.jsonl > answers.jsonl`: the migration between two Prisma schemas, for `bench/conformance.py`.
//!
//! In, a line each: `{ "from": text | null, "to": text | null }`, where null is an empty database.
//! Out, a line each: `{ "sql": text, "summary": text }`.
#![expect(clippy::unwrap_used, reason = "input that is not as described ends the program")]

use std::io::Write;
use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::diff::{DiffOptions, diff};
use pgsteward_prisma::{calculate, parse, render, summary};
use serde_json::{Value as Json, json};

const VERSION: ServerVersion = ServerVersion(170_010);

fn main() {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lines() {
        let pair: Json = serde_json::from_str(&line.unwrap()).unwrap();
        let [from, to] = ["from", "to"].map(|side| {
            pair[side].as_str().map(|text| parse(&[Arc::new(SourceFile::new("schema.prisma", text))]))
        });
        let catalog = |schema: &Option<PrismaSchema>| match schema {
            Some(schema) => calculate(schema, VERSION),
            None => {
                let mut c = Catalog::empty(VERSION);
                c.namespaces.clear();
                c
            }
        };
        let empty = PrismaSchema::default();
        let options = DiffOptions::between(from.as_ref().unwrap_or(&empty), to.as_ref().unwrap_or(&empty));
        let steps = diff(&catalog(&from), &catalog(&to), &options);
        let mut summary = summary(&steps, &catalog(&from), &catalog(&to), &options);
        if steps.is_empty() {
            summary.push('\n');
        }
        let sql = render::render_in(&steps, options.style(&catalog(&to)));
        let end = if sql.ends_with('\n') { "" } else { "\n" };
        serde_json::to_writer(&mut out, &json!({ "sql": format!("{sql}{end}"), "summary": summary }))
            .unwrap();
        out.write_all(b"\n").unwrap();
    }
}
