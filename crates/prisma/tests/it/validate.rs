//! What Prisma 7.10 refuses is refused, and what it takes is taken.

use std::sync::Arc;

use pgsteward_model::source::SourceFile;
use pgsteward_prisma::validate;

use crate::corpus;

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";
const OTHER: &str = "model B {\n  id Int @id\n  x  Int\n  as A[]\n}\n";

fn messages(text: &str) -> Vec<String> {
    let file = Arc::new(SourceFile::new("schema.prisma", text));
    validate(&[file]).into_iter().map(|error| error.message).collect()
}

#[test]
fn what_prisma_refuses_is_refused() {
    let model = |lines: &str| format!("{HEAD}model A {{\n  id Int @id\n  {lines}\n}}\n");
    let related = |lines: &str| format!("{}{OTHER}", model(lines));
    let cases = [
        (format!("{HEAD}enum E {{\n}}\n"), "has no value"),
        (format!("{HEAD}model class {{\n  id Int @id\n}}\n"), "reserved name"),
        (format!("{HEAD}model A {{\n  id Int? @id\n}}\n"), "must be required"),
        (format!("{HEAD}model A {{\n  a Int?\n  b Int\n\n  @@id([a, b])\n}}\n"), "part of the id"),
        (format!("generator g {{\n}}\n{HEAD}"), "has no provider"),
        (format!("{HEAD}type T {{\n  a Int\n}}\n"), "composite types"),
        (model("_a Int"), "does not begin with a letter"),
        (model("a Int @default(\"x\")"), "no value of the type Int"),
        (model("a String @default(5)"), "no value of the type String"),
        (model("a Int[] @default(5)"), "must be a list"),
        (model("a String @default(uuid(9))"), "no value of the type String"),
        (model("a Int @default(dbgenerated(\"\"))"), "no empty text"),
        (model("a Decimal @db.Decimal(10, 20)"), "larger than the precision"),
        (model("a String @updatedAt"), "is no DateTime"),
        (model("as String[ ]"), "blank between the brackets"),
        (model("@@index([\n    id\n  ])"), "one line"),
        (model("@@index([id], type: Foo)"), "unknown index type"),
        (model("@@index([id])\n  @@index([id])"), "used twice"),
        (model("@@index([id], where: raw(\"x\"))"), "partialIndexes"),
        (model("@@schema(\"x\")"), "not listed"),
        (model("p Int?\n  up A? @relation(fields: [p], references: [id])\n  down A[]"), "needs a name"),
        (related("c String\n  b B @relation(fields: [c], references: [id])"), "different types"),
        (related("c Int\n  b B @relation(fields: [c], references: [x])"), "no unique key"),
        (related("c Int?\n  b B @relation(fields: [c], references: [id])"), "must be too"),
    ];
    for (text, expected) in cases {
        let found = messages(&text);
        assert!(found.iter().any(|message| message.contains(expected)), "{expected}: {found:?} in\n{text}");
    }
}

#[test]
fn what_prisma_takes_is_taken() {
    for project in corpus::PROJECTS {
        let Some(folder) = corpus::project(project) else { continue };
        assert_eq!(validate(&[corpus::schema_file(&folder)]), [], "{project}");
    }
}
