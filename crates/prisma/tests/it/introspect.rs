//! A catalog back to a schema. That the text is Prisma's is held by the live tests and the benchmark; here, that nothing
//! gets lost on the way.

use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::catalog_compare::{ColumnOrder, differences};
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::introspect::{IntrospectError, Pulled, Request, introspect};
use pgsteward_prisma::{calculate, parse};

use crate::corpus;

const HEAD: &str = "generator client {\n  provider = \"prisma-client-js\"\n}\n\ndatasource db {\n  provider = \"postgresql\"\n}\n";

fn version() -> ServerVersion {
    ServerVersion::of_major(17)
}

fn pull(catalog: &Catalog, files: &[Arc<SourceFile>], force: bool) -> Result<Pulled, IntrospectError> {
    let request =
        Request { files, force, namespaces: None, search_path: "public", new_file: "introspected.prisma" };
    introspect(catalog, &request)
}

fn file(path: &str, text: &str) -> Arc<SourceFile> {
    Arc::new(SourceFile::new(path, text))
}

fn catalog_of(files: &[(Arc<str>, String)]) -> Catalog {
    let files: Vec<_> = files.iter().map(|(path, text)| file(path, text)).collect();
    let schema = parse(&files);
    assert_eq!(schema.errors, [], "Prisma would refuse what was written");
    calculate(&schema, version())
}

#[test]
fn a_schema_pulled_from_its_own_catalog_means_the_same() {
    for project in corpus::PROJECTS {
        let Some(folder) = corpus::project(project) else { continue };
        let before = corpus::schema_file(&folder);
        let catalog = calculate(&parse(std::slice::from_ref(&before)), version());
        for force in [false, true] {
            let pulled = pull(&catalog, std::slice::from_ref(&before), force).unwrap();
            let mut after = catalog_of(&pulled.files);
            after.namespaces.clone_from(&catalog.namespaces);
            let mut different = differences(&catalog, &after, ColumnOrder::Matters);
            // Prisma reads no operator class of a B-tree, so pulling loses it.
            different.retain(|one| !one.what.contains("text_pattern_ops"));
            assert_eq!(different, [], "{project}, force {force}");
        }
    }
}

#[test]
fn what_only_the_schema_knows_is_kept() {
    let text = format!(
        "{HEAD}\nmodel Member {{\n  /// who\n  ident   String    @id @default(cuid(2)) @map(\"id\")\n  seen    DateTime  @updatedAt\n  cid     Int\n  company Company   @relation(\"Works\", fields: [cid], references: [id])\n  tags    Tag[]     @relation(\"MemberTags\")\n\n  @@unique([cid, seen], name: \"once\")\n  @@map(\"Members\")\n}}\n\n/// Firms\nmodel Company {{\n  id    Int      @id\n  staff Member[] @relation(\"Works\")\n}}\n\nmodel Tag {{\n  id      Int      @id\n  holders Member[] @relation(\"MemberTags\")\n}}\n"
    );
    let before = file("schema.prisma", &text);
    let catalog = calculate(&parse(std::slice::from_ref(&before)), version());
    let pulled = pull(&catalog, &[before], false).unwrap();
    let expected = text
        .replace("String    @id", "String   @id")
        .replace("DateTime  @u", "DateTime @u")
        .replace("Company   @r", "Company  @r")
        .replace("Tag[]     @r", "Tag[]    @r");
    assert_eq!(pulled.files, [("schema.prisma".into(), expected)]);
    assert!(pulled.warnings.unwrap().contains("- Model: \"Member\", field: \"ident\""));
}

#[test]
fn blocks_go_where_they_were_and_new_ones_to_a_file_of_their_own() {
    let files = [file("a.prisma", HEAD), file("b.prisma", "model Old {\n  id Int @id\n}\n")];
    let both =
        parse(&[files[0].clone(), files[1].clone(), file("c.prisma", "model New {\n  id Int @id\n}\n")]);
    let pulled = pull(&calculate(&both, version()), &files, false).unwrap();
    let expected = [
        ("a.prisma", HEAD),
        ("b.prisma", "model Old {\n  id Int @id\n}\n"),
        ("introspected.prisma", "model New {\n  id Int @id\n}\n"),
    ];
    let expected: Vec<(Arc<str>, String)> =
        expected.into_iter().map(|(path, text)| (path.into(), text.to_owned())).collect();
    assert_eq!(pulled.files, expected);
}

#[test]
fn an_empty_database_has_no_schema() {
    let error = pull(&Catalog::empty(version()), &[file("schema.prisma", HEAD)], false).unwrap_err();
    assert_eq!(error, IntrospectError::Empty);
}

#[test]
fn a_foreign_key_out_of_the_namespaces_is_refused() {
    let text = format!(
        "{}\nmodel A {{\n  id Int @id\n  b  B   @relation(fields: [id], references: [id])\n\n  @@schema(\"one\")\n}}\n\nmodel B {{\n  id Int @id\n  a  A?\n\n  @@schema(\"two\")\n}}\n",
        HEAD.replace("\"postgresql\"\n", "\"postgresql\"\n  schemas  = [\"one\", \"two\"]\n")
    );
    let catalog = calculate(&parse(&[file("schema.prisma", &text)]), version());
    let head = file("schema.prisma", HEAD);
    let request = |names: &'static [&'static str]| {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let request = Request {
            files: std::slice::from_ref(&head),
            force: false,
            namespaces: Some(&names),
            search_path: "public",
            new_file: "introspected.prisma",
        };
        introspect(&catalog, &request)
    };
    let refused = request(&["one"]).unwrap_err();
    let IntrospectError::CrossReference { from, to, namespace, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((from.as_str(), to.as_str(), namespace.as_str()), ("one.A", "two.B", "two"));
    let pulled = request(&["one", "two"]).unwrap();
    assert_eq!(pulled.models, 2);
    assert!(pulled.files[0].1.contains("@@schema(\"two\")"), "{}", pulled.files[0].1);
}
