//! Errors are named where they are, and cost nothing else of the schema.

use std::sync::Arc;

use pgsteward_model::prisma::{Arity, DefaultValue, FieldType, PrismaSchema, Scalar, UrlValue};
use pgsteward_model::source::SourceFile;
use pgsteward_prisma::{many_to_many, parse, relation_name};

use crate::corpus;

fn read(text: &str) -> PrismaSchema {
    parse(&[Arc::new(SourceFile::new("schema.prisma", text))])
}

/// The messages, each with the line it is on.
fn errors(text: &str) -> Vec<(u32, String)> {
    let file = Arc::new(SourceFile::new("schema.prisma", text));
    let schema = parse(std::slice::from_ref(&file));
    schema.errors.into_iter().map(|error| (file.position(error.at.span.start).line, error.message)).collect()
}

fn one(text: &str, line: u32, message: &str) {
    let found = errors(text);
    assert_eq!(found, [(line, message.to_owned())], "{text}");
}

fn names(schema: &PrismaSchema, model: &str) -> Vec<String> {
    schema.model(model).unwrap().fields.iter().map(|field| field.name.clone()).collect()
}

#[test]
fn every_error_has_its_place() {
    one("model A {\n  id Int @id\n  b Bar\n}", 3, "unknown type \"Bar\"");
    one("model A {\n  id Int @id\n  id String\n}", 3, "field \"id\" is defined twice on \"A\"");
    one("model A {\n  id Int @id\n  n Int @uniqe\n}", 3, "unknown attribute \"@uniqe\"");
    one("model A {\n  id Int @id\n\n  @@indx([id])\n}", 4, "unknown attribute \"@@indx\" on a model");
    one("model A {\n  id Int @id\n  n String @db.Varchar(3)\n}", 3, "unknown native type \"Varchar\"");
    one(
        "model A {\n  id Int @id\n  n Int @db.Text\n}",
        3,
        "native type \"Text\" does not fit the field's type; it needs String",
    );
    one("model A {\n  id Int @id\n  @@index([nope])\n}", 3, "model \"A\" has no field \"nope\"");
    one("model A {\n  id Int\n}", 1, "model \"A\" needs a primary key or a unique key over required fields");
    one("enum E {\n  A\n  A\n}", 3, "value \"A\" is defined twice on \"E\"");
    one("enum E {\n A\n}\nenum E {\n A\n}", 4, "\"E\" is defined twice");
    one("enum E {\n A\n}\nmodel M {\n id Int @id\n e E @default(B)\n}", 6, "enum \"E\" has no value \"B\"");
    one("modle A {\n  id Int @id\n}", 1, "unknown block keyword \"modle\"");
    one("model A {\n  id Int @id\n", 1, "missing \"}\" at the end of \"A\"");
    one("model A {\n  id Int @id @default(foo())\n}", 2, "unknown function \"foo\" in a default");
    one("model A {\n  id Int! @id\n}", 2, "fields are required by default, \"!\" is not needed");
    one("model A {\n  id Int @id\n t [Int]\n}", 3, "a list is written \"Int[]\", not \"[Int]\"");
    one(
        "model A {\n id Int @id\n b B\n}\nmodel B {\n id Int @id\n}",
        3,
        "relation field \"b\" of \"A\" has no opposite field on \"B\"",
    );
    one(
        "model A {\n id Int @id\n bId Int\n b B @relation(fields: [bId])\n}\nmodel B {\n id Int @id\n a A[]\n}",
        4,
        "relation field \"b\" of \"A\" needs both \"fields\" and \"references\", or neither",
    );
    one(
        "model A {\n id Int @id\n bId Int\n b B @relation(fields: [bId], references: [id])\n}\nmodel B {\n id Int @id\n a A?\n}",
        4,
        "relation field \"b\" of \"A\" is one-to-one, so its fields need a unique key",
    );
}

#[test]
fn an_error_never_loses_the_next_field_or_block() {
    let schema = read(
        "model A {\n  id Int @id\n  a String @default(\"x\n  b String @map(\"b\"\n  c String @@@ %\n  d\n  e Int @default(1\n\n  f String[ @db.Text\n  g Int\n\nmodel B {\n  id Int @id @default(\n}\n?!\nenum C {\n  X\n}\n",
    );
    assert_eq!(names(&schema, "A"), ["id", "a", "b", "c", "e", "f", "g"]);
    assert_eq!(names(&schema, "B"), ["id"]);
    assert_eq!(schema.enums[0].values[0].name, "X");
    assert!(schema.errors.len() >= 7, "{:#?}", schema.errors);
}

#[test]
fn reads_every_form_of_the_language() {
    let first = "\u{feff}// note\r\ndatasource pg {\r\n  provider = \"postgresql\"\r\n  url = env(\"DATABASE_URL\")\r\n  directUrl = \"postgres://u:p@h/d\"\r\n  schemas = [\"public\", \"audit\"]\r\n  extensions = [pgcrypto, uuid_ossp(map: \"uuid-ossp\")]\r\n  relationMode = \"prisma\"\r\n}\r\ngenerator client {\r\n  provider = \"prisma-client-js\"\r\n  previewFeatures = [\"views\"]\r\n}\r\n";
    let second = r#"
/// A person.
/// Two lines.
model User {
  id     BigInt @id(map: "pk") @default(autoincrement())
  name   String @default("a \"quoted\"\nline") @pg.VarChar(10) /// The name.
  tags   String[] @default(["x", "y"])
  role   Role? @default(ADMIN)
  geo    Unsupported("geometry(Point, 4326)")?
  uid    String @default(dbgenerated("gen_random_uuid()")) @pg.Uuid
  boss   User? @relation("Chain", fields: [bossId], references: [id], onDelete: SetNull,
           map: "boss_fk")
  bossId BigInt?
  below  User[] @relation("Chain")
  groups Group[]
  friends User[] @relation("Friends")
  friendOf User[] @relation("Friends")
  when   DateTime @default(now()) @updatedAt @ignore
  score  Decimal @default(-1.50)
  key    String @default(uuid(7)) @unique(map: "u", sort: Desc)

  @@unique(fields: [name, when(sort: Desc)], name: "by_name", map: "u2")
  @@index([tags(ops: ArrayOps)], type: Gin)
  @@index([uid(ops: raw("uuid_ops"))], map: "i", where: raw("uid is not null"))
  @@index([name], where: { role: "ADMIN", bossId: null, score: { not: 1 } })
  @@map("users")
  @@schema("audit")
}

view Active {
  id Int @unique
}

model Group {
  id    Int @id
  users User[]
  @@ignore
}

enum Role {
  ADMIN @map("admin")
  GUEST
  @@map("role")
}
"#;
    let files = [Arc::new(SourceFile::new("a.prisma", first)), Arc::new(SourceFile::new("b.prisma", second))];
    let schema = parse(&files);
    assert_eq!(schema.errors, []);
    let source = schema.datasource.as_ref().unwrap();
    assert_eq!((source.name.as_str(), source.relation_mode.as_deref()), ("pg", Some("prisma")));
    assert_eq!(source.schemas, ["public", "audit"]);
    assert_eq!(source.extensions, ["pgcrypto", "uuid-ossp"]);
    assert!(matches!(&source.url, Some(UrlValue::Env { name, .. }) if name == "DATABASE_URL"));
    assert!(
        matches!(&source.direct_url, Some(UrlValue::Literal { text, .. }) if text.expose().starts_with("postgres:"))
    );
    assert_eq!(schema.generators[0].preview_features, ["views"]);

    let user = schema.model("User").unwrap();
    assert_eq!(user.documentation.as_deref(), Some("A person.\nTwo lines."));
    assert_eq!((user.db_name.as_str(), user.namespace.as_deref()), ("users", Some("audit")));
    assert_eq!(user.primary_key.as_ref().unwrap().map.as_deref(), Some("pk"));
    let field = |name: &str| user.field(name).unwrap();
    assert_eq!(field("name").documentation.as_deref(), Some("The name."));
    let default = |name: &str| field(name).default.clone().unwrap().value;
    assert_eq!(default("name"), DefaultValue::String("a \"quoted\"\nline".into()));
    assert_eq!(
        default("tags"),
        DefaultValue::List(vec![DefaultValue::String("x".into()), DefaultValue::String("y".into())])
    );
    assert_eq!(default("role"), DefaultValue::EnumValue("ADMIN".into()));
    assert_eq!(default("score"), DefaultValue::Number("-1.50".into()));
    assert_eq!(default("uid"), DefaultValue::DbGenerated(Some("gen_random_uuid()".into())));
    assert_eq!(field("geo").ty, FieldType::Unsupported("geometry(Point, 4326)".into()));
    assert_eq!(field("geo").arity, Arity::Optional);
    assert_eq!(field("id").ty, FieldType::Scalar(Scalar::BigInt));
    let boss = field("boss").relation.as_ref().unwrap();
    assert_eq!(boss.opposite, Some(("User".into(), "below".into())));
    assert_eq!((boss.map.as_deref(), boss.on_delete.as_deref()), (Some("boss_fk"), Some("SetNull")));
    assert!(field("when").ignored && field("when").updated_at);
    assert!(user.uniques[0].on_field && user.uniques[0].fields[0].descending);
    assert_eq!(user.uniques[1].name.as_deref(), Some("by_name"));
    assert!(user.uniques[1].fields[1].descending);
    assert_eq!(user.indexes[0].method.as_deref(), Some("Gin"));
    assert_eq!(user.indexes[0].fields[0].ops.as_deref(), Some("array_ops"));
    assert_eq!(user.indexes[1].fields[0].ops.as_deref(), Some("uuid_ops"));
    assert_eq!(user.indexes[1].predicate.as_deref(), Some("uid is not null"));
    let object = "\"role\" = 'ADMIN' AND \"bossId\" IS NULL AND \"score\" != 1";
    assert_eq!(user.indexes[2].predicate.as_deref(), Some(object));

    assert!(schema.model("Active").unwrap().view);
    assert!(schema.model("Group").unwrap().ignored);
    assert_eq!(schema.enums[0].values[0].db_name, "admin");
    let tables: Vec<(String, &str, &str)> = many_to_many(&schema)
        .into_iter()
        .map(|relation| (relation.name, relation.a_field.name.as_str(), relation.b_field.name.as_str()))
        .collect();
    assert_eq!(
        tables,
        [("Friends".to_owned(), "friendOf", "friends"), ("GroupToUser".to_owned(), "users", "groups")]
    );
    assert_eq!(relation_name(user, field("groups")).as_deref(), Some("GroupToUser"));
}

#[test]
fn no_text_makes_it_panic() {
    let mut texts: Vec<String> = vec![
        "[".repeat(20_000),
        format!("model A {{ a Int @default({}", "[".repeat(20_000)),
        format!("model A {{ a Int @default({}", "f(".repeat(20_000)),
        format!("model A {{ a Int @@index(where: {}", "{a:".repeat(20_000)),
        "model A {\n".repeat(20_000),
        "@".repeat(50_000),
        "\"\\u".repeat(20_000),
        "///\n".repeat(50_000),
        "model é { ü Int @map(\"\\ud800\\u0041\") @db.é }".into(),
    ];
    // Every prefix and every text with one byte dropped, of a schema that has everything.
    let whole = "datasource d { url = env(\"A\") }\nmodel A {\n id Int @id @default(1) /* x */ // é\n b A[] @relation(\"r\", fields: [id])\n\n @@index([id(sort: Desc, ops: raw(\"x\"))], where: { a: { not: null } })\n}\nenum E {\n A @map(\"a\")\n}\n";
    for (at, c) in whole.char_indices() {
        texts.push(whole[..at].to_owned());
        texts.push(format!("{}{}", &whole[..at], &whole[at + c.len_utf8()..]));
    }
    for text in texts {
        let file = Arc::new(SourceFile::new("schema.prisma", text.as_str()));
        for error in parse(std::slice::from_ref(&file)).errors {
            assert!(error.at.span.start <= error.at.span.end && error.at.span.end <= text.len());
            assert!(!error.message.is_empty());
        }
    }
}

/// A schema in which everything that is looked up by name occurs often, and most of it is wrong.
fn crowded(size: usize) -> String {
    let mut text = String::from("model A {\n  id Int @id\n");
    for at in 0..size {
        text.push_str(&format!("  f{at} A @relation(\"n\", fields: [g{at}])\n"));
    }
    text.push_str("}\n");
    for at in 0..size {
        text.push_str(&format!(
            "model M{at} {{\n  id Int @id\n  a A @relation(\"m{at}\")\n  @@map(\"t\")\n}}\n"
        ));
    }
    text
}

/// Sixteen times the text may take sixteen times as long, with room for a busy machine, but not 256 times.
#[test]
fn hostile_lengths_are_read_in_linear_time() {
    let time = |size: usize| {
        let text = crowded(size);
        let run = || {
            let started = std::time::Instant::now();
            assert!(!read(&text).errors.is_empty());
            started.elapsed()
        };
        (0..3).map(|_| run()).min().unwrap()
    };
    let (small, large) = (time(500), time(8_000));
    assert!(large < small * 100, "{small:?} and {large:?}");
}

#[test]
fn corpus_spans_point_at_what_they_name() {
    for name in corpus::PROJECTS {
        let Some(folder) = corpus::project(name) else { continue };
        let file = corpus::schema_file(&folder);
        for model in parse(std::slice::from_ref(&file)).models {
            assert_eq!(file.slice(model.name_at.span), model.name);
            assert!(file.slice(model.at.span).starts_with(if model.view { "view" } else { "model" }));
            assert!(file.slice(model.at.span).ends_with('}'));
            for field in &model.fields {
                assert_eq!(file.slice(field.name_at.span), field.name);
                assert!(file.slice(field.at.span).starts_with(&field.name));
                if let Some(native) = &field.native {
                    assert!(file.slice(native.at.span).starts_with("@db."));
                }
            }
        }
    }
}
