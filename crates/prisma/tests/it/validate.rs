//! What Prisma 7.10 refuses is refused, and what it takes is taken.

use std::sync::Arc;

use pgsteward_model::source::SourceFile;
use pgsteward_prisma::validate;

use crate::corpus;

const HEAD: &str = "datasource db {\n  provider = \"postgresql\"\n}\n";
const OTHER: &str = "model B {\n  id Int @id\n  x  Int\n  as A[]\n}\n";

fn messages(text: &str) -> Vec<String> {
    let file = Arc::new(SourceFile::new("schema.prisma", text));
    validate(&[file], Some(7)).into_iter().map(|error| error.message).collect()
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
        (model("a String @unique(foo: 1)"), "takes no argument \"foo\""),
        (model("a String @unique(map: \"\")"), "is empty"),
        (model("a String @unique(sort: Up)"), "Asc or Desc"),
        (model("a String @ignore @ignore"), "stands twice"),
        (model("a String @db.Text @db.Citext"), "stands twice"),
        (model("a String @default(\"x\", \"y\")"), "\"value\" twice"),
        (model("a DateTime @default(now(1))"), "cannot stand here"),
        (model("a DateTime @default(\"2020-01-01\")"), "no value of the type DateTime"),
        (model("a Json @default(\"{\")"), "no value of the type Json"),
        (model("a Bytes @default(\"!\")"), "no value of the type Bytes"),
        (model("a DateTime @db.Timestamptz(9)"), "0 to 6 digits"),
        (model("a Decimal @db.Decimal(3)"), "a precision and a scale"),
        (model("a String @unique @db.Xml"), "cannot be compared"),
        (model("a-b String"), "has a \"-\""),
        (model("1a String"), "does not begin with a letter"),
        (model("@@index([])"), "names no field"),
        (model("@@index([id, id])"), "names \"id\" twice"),
        (model("@@index([id], type: \"Gin\")"), "without quotes"),
        (model("@@index([id], type: Gin)"), "no default operator class"),
        (model("@@index([id(ops: Foo)], type: Gin)"), "unknown operator class"),
        (model("@@index([id(ops: ArrayOps)], type: Gin)"), "does not go with Gin"),
        (model("@@index([id(sort: Desc)], type: Hash)"), "has no order"),
        (model("a String\n  @@unique([a], name: \"id\")"), "is a field of"),
        (format!("{HEAD}view V {{\n  id Int @unique\n}}\n"), "need \"views\""),
        (format!("{HEAD}model A {{ id Int @id }}\n"), "a line of its own"),
        (format!("{HEAD}enum E {{\n  _A\n}}\n"), "does not begin with a letter"),
        (
            "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"X\")\n}\n".to_owned(),
            "prisma.config.ts",
        ),
        ("datasource db {\n  provider = \"oracle\"\n}\n".to_owned(), "unknown provider"),
        ("datasource db {\n  provider = \"postgresql\"\n  foo      = 1\n}\n".to_owned(), "has no \"foo\""),
        (
            format!("generator g {{\n  provider        = \"x\"\n  previewFeatures = [\"foo\"]\n}}\n{HEAD}"),
            "unknown preview feature",
        ),
        (
            format!(
                "generator g {{\n  provider        = \"x\"\n  previewFeatures = [\"metrics\"]\n}}\n{HEAD}"
            ),
            "any more",
        ),
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
    let partial = "generator g {\n  provider        = \"x\"\n  previewFeatures = [\"partialIndexes\"]\n}\n";
    let restricted = "onDelete: Restrict, onUpdate: Restrict";
    for text in [
        format!(
            "{partial}{HEAD}model A {{\n  id Int @id\n  a  String @unique(where: raw(\"a <> ''\"))\n}}\n"
        ),
        format!(
            "datasource db {{\n  provider     = \"postgresql\"\n  relationMode = \"prisma\"\n}}\nmodel A {{\n  id Int @id\n  \
             p  Int\n  up A @relation(\"t\", fields: [p], references: [id], {restricted})\n  as A[] @relation(\"t\")\n}}\n"
        ),
    ] {
        assert_eq!(messages(&text), [""; 0], "{text}");
    }
    for project in corpus::PROJECTS {
        let Some(folder) = corpus::project(project) else { continue };
        // They are of several releases.
        assert_eq!(validate(&[corpus::schema_file(&folder)], None), [], "{project}");
    }
}
