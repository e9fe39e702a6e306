//! Calls of Prisma Client to statements. What is expected here is what Prisma 7.10's own query compiler says
//! (`bench/lowering.py`); `"public".` is cut out of it for the reader.

mod corners;
mod facts;
mod joins;
mod literal;
mod nested;
mod pages;
mod raw;
mod reads;
mod shapes;
mod writes;

use std::sync::{Arc, LazyLock};

use pgsteward_model::code::{InMemory, Lowered, Operation, Variant};
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_prisma::query::{ClientFeatures, Lowerer};

/// A schema with a case of everything: mapped names, enums, lists, Json, compound keys, each kind of relation.
static SCHEMA: LazyLock<PrismaSchema> = LazyLock::new(|| parse(include_str!("schema.prisma")));

fn parse(text: &str) -> PrismaSchema {
    let schema = pgsteward_prisma::parse(&[Arc::new(SourceFile::new("schema.prisma", text))]);
    assert_eq!(schema.errors, []);
    schema
}

fn lowered_with(features: &[&str], model: &str, operation: &str, arguments: &str) -> Lowered {
    lowered_in(&SCHEMA, features, model, operation, arguments)
}

fn lowered_in(
    schema: &PrismaSchema,
    features: &[&str],
    model: &str,
    operation: &str,
    arguments: &str,
) -> Lowered {
    let client =
        ClientFeatures { preview_features: features.iter().map(|name| (*name).to_owned()).collect() };
    let operation = Operation::of_name(operation).unwrap();
    Lowerer::new(schema, client).lower_operation(model, operation, &literal::node(arguments))
}

fn variants(model: &str, operation: &str, arguments: &str) -> Vec<Variant> {
    match lowered_with(&[], model, operation, arguments) {
        Lowered::Understood(variants) => variants,
        Lowered::NotUnderstood { reason } => panic!("{model}.{operation}({arguments}): {reason}"),
    }
}

fn one(model: &str, operation: &str, arguments: &str) -> Variant {
    let mut all = variants(model, operation, arguments);
    assert_eq!(all.len(), 1, "{model}.{operation}({arguments})");
    all.remove(0)
}

fn refused(model: &str, operation: &str, arguments: &str) -> String {
    match lowered_with(&[], model, operation, arguments) {
        Lowered::NotUnderstood { reason } => reason,
        Lowered::Understood(variants) => panic!("{model}.{operation}({arguments}): {variants:?}"),
    }
}

/// The statements, and the steps in memory below them.
fn shown(variant: &Variant) -> String {
    let mut lines: Vec<String> =
        variant.queries.iter().map(|query| query.sql.replace("\"public\".", "")).collect();
    if variant.transaction {
        lines.insert(0, "BEGIN".into());
        lines.push("COMMIT".into());
    }
    lines.extend(variant.in_memory.iter().map(|step| match step {
        InMemory::Distinct { path, fields } => format!("memory: distinct {fields:?} of {path:?}"),
        InMemory::Page { path, take, skip } => format!("memory: page {take:?} {skip:?} of {path:?}"),
        InMemory::Cursor { path } => format!("memory: cursor of {path:?}"),
        InMemory::Reverse { path } => format!("memory: reverse of {path:?}"),
    }));
    lines.join("\n")
}

#[track_caller]
fn becomes(model: &str, operation: &str, arguments: &str, expected: &str) {
    becomes_with(&[], model, operation, arguments, expected);
}

#[track_caller]
fn becomes_with(features: &[&str], model: &str, operation: &str, arguments: &str, expected: &str) {
    compare(lowered_with(features, model, operation, arguments), arguments, expected);
}

#[track_caller]
fn becomes_in(schema: &PrismaSchema, model: &str, operation: &str, arguments: &str, expected: &str) {
    compare(lowered_in(schema, &[], model, operation, arguments), arguments, expected);
}

#[track_caller]
fn compare(lowered: Lowered, arguments: &str, expected: &str) {
    let variants = match lowered {
        Lowered::Understood(variants) => variants,
        Lowered::NotUnderstood { reason } => panic!("{arguments}: {reason}"),
    };
    let shown: Vec<String> = variants.iter().map(shown).collect();
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(shown.join("\n--\n"), expected.join("\n"), "{arguments}");
}
