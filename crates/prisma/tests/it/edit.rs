//! Edits change the meaning that was asked for, and no other byte.

use pgsteward_model::change::{EditAction, PrismaEdit, TextEdit};
use pgsteward_model::prisma::{Arity, FieldType, PrismaSchema, Scalar};
use pgsteward_model::source::{SourceFile, Sources, Span};
use pgsteward_prisma::edit::{self, EditError};
use pgsteward_prisma::parse;

const SCHEMA: &str = r#"// The shop.
model Order {
  id        Int      @id @default(autoincrement()) // counts up
  placedAt  DateTime @default(now())
  total     Float // in euros
  note      String? @db.VarChar(20)   // free text

  /// The seller.
  vendorId  Int
  vendor    Vendor   @relation(fields: [vendorId], references: [id])

  // keys
  @@unique([placedAt, vendorId]) // once
}

model Vendor {
  id     Int     @id
  orders Order[]
}

model Empty {
}
"#;

fn read(text: &str) -> (PrismaSchema, Sources) {
    let mut sources = Sources::default();
    let file = sources.add(SourceFile::new("schema.prisma", text));
    (parse(&[file]), sources)
}

fn edited(text: &str, edits: &[PrismaEdit]) -> String {
    let (schema, sources) = read(text);
    let files = edit::apply_all(&schema, &sources, edits).unwrap();
    assert_eq!(files.len(), 1);
    let EditAction::Replace(edits) = &files[0].action else { panic!("{:?}", files[0].action) };
    TextEdit::apply_all(text, edits).unwrap()
}

fn field(model: &str, field: &str, attribute: &str) -> (String, String, String) {
    (model.into(), field.into(), attribute.into())
}

fn add(parts: (String, String, String)) -> PrismaEdit {
    PrismaEdit::AddFieldAttribute { model: parts.0, field: parts.1, attribute: parts.2 }
}

fn set(parts: (String, String, String)) -> PrismaEdit {
    PrismaEdit::SetFieldAttribute { model: parts.0, field: parts.1, attribute: parts.2 }
}

fn block(model: &str, attribute: &str) -> PrismaEdit {
    PrismaEdit::AddBlockAttribute { model: model.into(), attribute: attribute.into() }
}

/// The text with one line exchanged for others, as the only difference.
fn with(old: &str, new: &str) -> String {
    assert_eq!(SCHEMA.matches(old).count(), 1, "{old}");
    SCHEMA.replacen(old, new, 1)
}

#[test]
fn a_block_attribute_goes_below_the_last_one_or_below_the_fields() {
    let text = edited(SCHEMA, &[block("Order", "@@index([vendorId])")]);
    assert_eq!(text, with("vendorId]) // once\n", "vendorId]) // once\n  @@index([vendorId])\n"));
    let (schema, _) = read(&text);
    assert_eq!(schema.model("Order").unwrap().indexes[0].fields[0].field, "vendorId");

    let text = edited(SCHEMA, &[block("Vendor", "@@map(\"vendors\")"), block("Vendor", "@@ignore")]);
    let wanted = "  orders Order[]\n\n  @@map(\"vendors\")\n  @@ignore\n";
    assert_eq!(text, with("  orders Order[]\n", wanted));
    assert_eq!(read(&text).0.model("Vendor").unwrap().db_name, "vendors");

    assert_eq!(
        edited(SCHEMA, &[block("Empty", "@@ignore")]),
        with("model Empty {\n}", "model Empty {\n  @@ignore\n}")
    );
    assert_eq!(
        edited("model A { id Int @id }", &[block("A", "@@map(\"a\")")]),
        "model A { id Int @id\n  @@map(\"a\")\n}"
    );
}

#[test]
fn a_field_attribute_goes_before_the_trailing_comment_and_below_its_neighbours() {
    let text = edited(SCHEMA, &[add(field("Order", "placedAt", "@db.Timestamptz(3)"))]);
    assert_eq!(text, with("@default(now())\n", "@default(now()) @db.Timestamptz(3)\n"));
    let native = read(&text).0.model("Order").unwrap().field("placedAt").unwrap().native.clone().unwrap();
    assert_eq!((native.name.as_str(), native.arguments), ("Timestamptz", vec!["3".to_owned()]));

    assert_eq!(
        edited(SCHEMA, &[add(field("Order", "total", "@map(\"sum\")"))]),
        with("Float // in", "Float    @map(\"sum\") // in")
    );
}

#[test]
fn set_replaces_an_attribute_of_the_same_kind() {
    assert_eq!(
        edited(SCHEMA, &[set(field("Order", "note", "@db.Text"))]),
        with("@db.VarChar(20)   //", "@db.Text   //")
    );
    assert_eq!(
        edited(SCHEMA, &[set(field("Order", "id", "@default(5)"))]),
        with("@default(autoincrement())", "@default(5)")
    );
    assert_eq!(
        edited(SCHEMA, &[set(field("Vendor", "id", "@map(\"key\")"))]),
        with("     @id\n", "     @id @map(\"key\")\n")
    );
}

#[test]
fn a_type_changes_while_attributes_keep_their_column() {
    let ty = |field: &str, ty: &str| PrismaEdit::SetFieldType {
        model: "Order".into(),
        field: field.into(),
        ty: ty.into(),
    };
    let text = edited(SCHEMA, &[ty("id", "BigInt")]);
    assert_eq!(text, with("Int      @id @def", "BigInt   @id @def"));
    assert_eq!(edited(SCHEMA, &[ty("placedAt", "Int")]), with("DateTime @default", "Int      @default"));
    let text = edited(SCHEMA, &[ty("total", "Decimal?")]);
    assert_eq!(text, with("Float //", "Decimal? //"));
    let (schema, _) = read(&text);
    let total = schema.model("Order").unwrap().field("total").unwrap();
    assert_eq!((&total.ty, total.arity), (&FieldType::Scalar(Scalar::Decimal), Arity::Optional));
}

#[test]
fn a_field_goes_below_the_last_field_and_keeps_windows_line_ends() {
    let line = PrismaEdit::AddField { model: "Vendor".into(), line: "name String @db.Text".into() };
    let wanted = with("Order[]\n", "Order[]\n  name String @db.Text\n");
    assert_eq!(edited(SCHEMA, std::slice::from_ref(&line)), wanted);
    let windows = SCHEMA.replace('\n', "\r\n");
    assert_eq!(edited(&windows, &[line]), wanted.replace('\n', "\r\n"));
    assert_eq!(
        edited(&windows, &[block("Vendor", "@@ignore")]),
        with("Order[]\n", "Order[]\n\n  @@ignore\n").replace('\n', "\r\n")
    );
}

#[test]
fn removal_takes_the_line_and_what_belongs_to_it() {
    let remove = |needle: &str| {
        let start = SCHEMA.find(needle).unwrap();
        PrismaEdit::Remove { file: "schema.prisma".into(), span: Span::new(start, start + needle.len()) }
    };
    assert_eq!(
        edited(SCHEMA, &[remove("@@unique([placedAt, vendorId])")]),
        with("  @@unique([placedAt, vendorId]) // once\n", "")
    );
    assert_eq!(
        edited(SCHEMA, &[remove("vendorId  Int")]),
        with("  /// The seller.\n  vendorId  Int\n", ""),
        "the documentation would fall to the next field"
    );
    assert_eq!(
        edited(SCHEMA, &[remove("@db.VarChar(20)")]),
        with("String? @db.VarChar(20)   //", "String?   //")
    );
    assert_eq!(
        edited(SCHEMA, &[remove("@default(autoincrement())"), remove("@id")]),
        with("@id @default(autoincrement()) //", "//").replace("Int      //", "Int //")
    );
}

#[test]
fn removal_takes_a_comment_in_blocks_only_where_it_ends_the_line() {
    let remove = |text: &str| {
        let (schema, _) = read(text);
        let at = schema.model("A").unwrap().field("n").unwrap().at.clone();
        edited(text, &[PrismaEdit::Remove { file: at.file, span: at.span }])
    };
    let alone = "model A {\n  n Int /* gone */\n  id Int @id\n}\n";
    assert_eq!(remove(alone), "model A {\n  id Int @id\n}\n");
    for shared in ["n Int /* a */ b Int", "n Int /* a */ // b */", "n Int /* open\n  shut */ b Int"] {
        let text = format!("model A {{\n  {shared}\n  id Int @id\n}}\n");
        let rest = shared.strip_prefix("n Int").unwrap();
        assert_eq!(remove(&text), format!("model A {{\n  {rest}\n  id Int @id\n}}\n"), "{shared}");
    }
}

#[test]
fn a_new_line_goes_below_a_comment_over_several_lines() {
    let text = "model A {\n  id Int @id /* one */ /* open\n  shut */\n}\n";
    let line = PrismaEdit::AddField { model: "A".into(), line: "n Int?".into() };
    assert_eq!(edited(text, &[line]), "model A {\n  id Int @id /* one */ /* open\n  shut */\n  n Int?\n}\n");
    let text = "model A {\n  id Int @id\n  @@map(\"a\") /* open\n  shut */ // end\n}\n";
    assert_eq!(
        edited(text, &[block("A", "@@index([id])")]),
        "model A {\n  id Int @id\n  @@map(\"a\") /* open\n  shut */ // end\n  @@index([id])\n}\n"
    );
}

#[test]
fn several_edits_see_each_other() {
    let edits = [
        PrismaEdit::AddField { model: "Vendor".into(), line: "name String".into() },
        add(field("Vendor", "name", "@unique")),
        block("Vendor", "@@index([name])"),
        set(field("Vendor", "name", "@unique(map: \"n\")")),
    ];
    assert_eq!(
        edited(SCHEMA, &edits),
        with("Order[]\n", "Order[]\n  name String    @unique(map: \"n\")\n\n  @@index([name])\n")
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    let (schema, sources) = read(SCHEMA);
    let error = |edit: PrismaEdit| edit::apply(&schema, &sources, &edit).unwrap_err();
    assert_eq!(error(block("No", "@@ignore")), EditError::UnknownModel { model: "No".into() });
    assert_eq!(
        error(add(field("Order", "no", "@id"))),
        EditError::UnknownField { model: "Order".into(), field: "no".into() }
    );
    assert!(matches!(error(add(field("Order", "id", "@id"))), EditError::AlreadyThere { .. }));
    for bad in ["@@index([a]\n}", "@@index([a", "index([a])", "@@ignore\n}\nmodel X {", "@@"] {
        assert!(matches!(error(block("Order", bad)), EditError::Malformed { .. }), "{bad}");
    }
    let nowhere = PrismaEdit::Remove { file: "schema.prisma".into(), span: Span::new(0, 3) };
    assert_eq!(error(nowhere), EditError::NothingThere { file: "schema.prisma".into() });
    let (schema, _) = read(SCHEMA);
    let missing = edit::apply(&schema, &Sources::default(), &block("Order", "@@ignore")).unwrap_err();
    assert_eq!(missing, EditError::MissingFile { file: "schema.prisma".into() });
}
