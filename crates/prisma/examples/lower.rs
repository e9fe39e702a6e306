//! `lower < cases.json > answers.json`: calls of Prisma Client as JSON to their statements, for `bench/lowering.py`.
//!
//! In:  `{ "schemas": { name: text }, "cases": [{ schema, features, model, op, args }] }`
//!      An object is `{ "entries": [[name, value], …] }`, for the order of its properties counts.
//! Out: `[{ queries: [sql], memory: [{ step, path, … }], transaction }]` or `{ error }`, in the order of the cases.
#![expect(clippy::unwrap_used, reason = "input that is not as described ends the program")]

use std::collections::BTreeMap;
use std::sync::Arc;

use pgsteward_model::code::{InMemory, Lowered, Node, Object, Operation, Property, Value};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_prisma::query::{ClientFeatures, Lowerer};
use serde_json::{Value as Json, json};

fn main() {
    let input: Json = serde_json::from_reader(std::io::stdin().lock()).unwrap();
    let mut schemas: BTreeMap<String, PrismaSchema> = BTreeMap::new();
    for (name, text) in input["schemas"].as_object().unwrap() {
        let file = Arc::new(SourceFile::new(format!("{name}.prisma"), text.as_str().unwrap()));
        schemas.insert(name.clone(), pgsteward_prisma::parse(&[file]));
    }
    let answers: Vec<Json> =
        input["cases"].as_array().unwrap().iter().map(|case| answer(&schemas, case)).collect();
    serde_json::to_writer(std::io::stdout().lock(), &answers).unwrap();
}

fn answer(schemas: &BTreeMap<String, PrismaSchema>, case: &Json) -> Json {
    let schema = &schemas[case["schema"].as_str().unwrap()];
    let features = case["features"].as_array().into_iter().flatten();
    let client =
        ClientFeatures { preview_features: features.map(|name| name.as_str().unwrap().to_owned()).collect() };
    let operation = Operation::of_name(case["op"].as_str().unwrap()).unwrap();
    let model = case["model"].as_str().unwrap();
    match Lowerer::new(schema, client).lower_operation(model, operation, &node(&case["args"])) {
        Lowered::NotUnderstood { reason } => json!({ "error": reason }),
        Lowered::Understood(variants) => {
            let variant = &variants[0];
            json!({
                "queries": variant.queries.iter().map(|query| &*query.sql).collect::<Vec<_>>(),
                "memory": variant.in_memory.iter().map(step).collect::<Vec<_>>(),
                "transaction": variant.transaction,
                "facts": variant.queries.iter().map(|query| format!("{:?}", query.accesses)).collect::<Vec<_>>(),
            })
        }
    }
}

fn step(step: &InMemory) -> Json {
    match step {
        InMemory::Distinct { path, fields } => json!({ "step": "distinct", "path": path, "fields": fields }),
        InMemory::Page { path, take, skip } => {
            json!({ "step": "page", "path": path, "take": take, "skip": skip })
        }
        InMemory::Cursor { path } => json!({ "step": "cursor", "path": path }),
        InMemory::Reverse { path } => json!({ "step": "reverse", "path": path }),
    }
}

/// What the scanner would have made of the same literal. `{"$": "DbNull"}` stands for `Prisma.DbNull`.
fn node(json: &Json) -> Node {
    let value = match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(node).collect()),
        Json::Object(entries) => match entries.get("$").and_then(Json::as_str) {
            Some(name) => {
                Value::Expression { text: format!("Prisma.{name}"), sources: Vec::new(), undefined: None }
            }
            None => {
                let property = |entry: &Json| {
                    Property::new(entry[0].as_str().unwrap(), Default::default(), node(&entry[1]))
                };
                let properties = entries["entries"].as_array().unwrap().iter().map(property).collect();
                Value::Object(Object { properties, open: false })
            }
        },
    };
    Node { span: Default::default(), value }
}
