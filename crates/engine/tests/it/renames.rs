//! Renames in a real server: nothing is left to do afterwards, the rows stay, and on two major versions.

use std::sync::Arc;

use pgsteward_engine::NoProgress;
use pgsteward_engine::collect::LabWish;
use pgsteward_engine::migrate::rename::{self, Renaming, Wish};
use pgsteward_engine::migrate::shadow::{Replayed, Script, Shadow};
use pgsteward_model::catalog::Catalog;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_prisma::diff::{DiffOptions, diff};
use pgsteward_prisma::{calculate, parse, render};

fn schema(text: &str) -> PrismaSchema {
    let schema = parse(&[Arc::new(SourceFile::new("schema.prisma", text))]);
    assert_eq!(schema.errors, [], "{text}");
    schema
}

/// A state that one schema's SQL makes, with rows.
async fn state(shadow: &Shadow, before: &PrismaSchema, rows: &str) -> Replayed {
    let wanted = calculate(before, shadow.version());
    let steps = diff(&Catalog::empty(shadow.version()), &wanted, &DiffOptions::of(before));
    let sql = format!("{}\n{rows}", render::render(&steps));
    shadow.replay(&[Script { name: "init", text: &sql }], &NoProgress).await.unwrap()
}

/// Renames as wished and runs what is left to the new schema. Returns the SQL of the renames and of the rest.
async fn renamed(
    shadow: &Shadow,
    history: &Replayed,
    after: &PrismaSchema,
    wishes: &[&str],
) -> (Replayed, String, String) {
    let to = calculate(after, shadow.version());
    let options = DiffOptions::of(after);
    let wishes: Vec<Wish> = wishes.iter().map(|text| Wish::parse(text).unwrap()).collect();
    let renamings = rename::resolve(&wishes, &history.catalog, &to, after).unwrap();
    let sql = rename::sql(&renamings);
    let between = shadow.attempt(history, "rename", &sql).await.unwrap().unwrap();
    let rest = diff(&between.catalog, &to, &options);
    let rest = render::render(&rest);
    let done = shadow.attempt(&between, "rest", &rest).await.unwrap().unwrap();
    let left = diff(&done.catalog, &to, &options);
    assert_eq!(left, [], "{sql}\n{rest}\nleaves {}", render::render(&left));
    (done, sql, rest)
}

async fn value(state: &Replayed, sql: &str) -> String {
    let session = state.database.session().await.unwrap();
    let rows = session.rows(sql).await.unwrap();
    session.close().await;
    let cells: Vec<String> =
        rows.into_iter().flatten().map(|cell| cell.unwrap_or_else(|| "NULL".to_owned())).collect();
    cells.join(",")
}

async fn shadow(major: u32) -> Option<Shadow> {
    let wish = LabWish { major: Some(major), ..LabWish::default() };
    match Shadow::start(&wish, "public", None, &NoProgress).await {
        Ok(shadow) if shadow.version().major() == major => Some(shadow),
        Ok(shadow) => {
            eprintln!("not tested on PostgreSQL {major}: there is only {}", shadow.version());
            None
        }
        Err(error) => {
            eprintln!("not tested on PostgreSQL {major}: {error}");
            None
        }
    }
}

const SHOP: &str = "
model User {
  id    Int     @id @default(autoincrement())
  name  String  @unique
  age   Int?
  posts Post[]
  tags  Tag[]
  @@index([age, name])
}
model Post {
  id     Int  @id @default(autoincrement())
  userId Int
  kind   Kind @default(A)
  user   User @relation(fields: [userId], references: [id])
}
model Tag {
  id    Int    @id
  users User[]
}
enum Kind {
  A
  B
}
";

const ROWS: &str = "
INSERT INTO \"User\" (name, age) VALUES ('ann', 7), ('bob', NULL);
INSERT INTO \"Post\" (\"userId\", kind) VALUES (2, 'B');
INSERT INTO \"Tag\" VALUES (5);
INSERT INTO \"_TagToUser\" VALUES (5, 1);
";

#[tokio::test(flavor = "multi_thread")]
async fn renames_keep_rows_and_leave_nothing_on_17() {
    renames_keep_rows_and_leave_nothing(17).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renames_keep_rows_and_leave_nothing_on_15() {
    renames_keep_rows_and_leave_nothing(15).await;
}

async fn renames_keep_rows_and_leave_nothing(major: u32) {
    let Some(shadow) = shadow(major).await else { return };
    let history = state(&shadow, &schema(SHOP), ROWS).await;

    // A field with a unique key and an index, and one more change of it.
    let after = schema(
        &SHOP
            .replace("name  String  @unique", "fullName String? @unique")
            .replace("[age, name]", "[age, fullName]"),
    );
    let (done, sql, rest) = renamed(&shadow, &history, &after, &["User.name=fullName"]).await;
    assert_eq!(sql, "-- RenameColumn\nALTER TABLE \"User\" RENAME COLUMN \"name\" TO \"fullName\";");
    assert!(rest.contains("RENAME TO \"User_fullName_key\""), "{rest}");
    assert!(rest.contains("ALTER COLUMN \"fullName\" DROP NOT NULL"), "{rest}");
    assert_eq!(value(&done, "SELECT \"fullName\" FROM \"User\" ORDER BY id").await, "ann,bob");

    // A key that others refer to, with its sequence.
    let after = schema(
        &SHOP
            .replace("id    Int     @id @default", "uid    Int     @id @default")
            .replace("references: [id])", "references: [uid])"),
    );
    let (done, sql, _) = renamed(&shadow, &history, &after, &["User.id=uid"]).await;
    assert!(sql.contains("ALTER SEQUENCE \"User_id_seq\" RENAME TO \"User_uid_seq\""), "{sql}");
    let next = "INSERT INTO \"User\" (name) VALUES ('eve') RETURNING uid";
    assert_eq!(value(&done, next).await, "3", "the sequence goes on");

    // A model: its keys, the tables that refer to it, and the many-to-many table, whose columns change places.
    let after = schema(
        &SHOP
            .replace("model User", "model Account")
            .replace("  User ", "  Account ")
            .replace("User[]", "Account[]")
            .replace(" User @", " Account @"),
    );
    let (done, sql, rest) = renamed(&shadow, &history, &after, &["User=Account"]).await;
    assert!(sql.contains("ALTER TABLE \"User\" RENAME TO \"Account\""), "{sql}");
    assert!(sql.contains("ALTER TABLE \"_TagToUser\" RENAME TO \"_AccountToTag\""), "{sql}");
    assert!(!rest.contains("DROP TABLE") && !rest.contains("CREATE TABLE"), "{rest}");
    assert_eq!(value(&done, "SELECT \"A\", \"B\" FROM \"_AccountToTag\"").await, "1,5");
    assert_eq!(
        value(&done, "SELECT count(*) FROM \"Account\" a JOIN \"Post\" p ON p.\"userId\" = a.id").await,
        "1"
    );

    // A model and a field of it at once, and an enum.
    let after = schema(
        &SHOP
            .replace("model Post", "model Article")
            .replace("Post[]", "Article[]")
            .replace("userId", "authorId")
            .replace("Kind", "Sort"),
    );
    let wishes = ["Post=Article", "Post.userId=authorId", "Kind=Sort"];
    let (done, sql, rest) = renamed(&shadow, &history, &after, &wishes).await;
    assert!(sql.contains("ALTER TYPE \"Kind\" RENAME TO \"Sort\""), "{sql}");
    assert!(rest.contains("\"Article_authorId_fkey\""), "{rest}");
    assert_eq!(value(&done, "SELECT \"authorId\", kind FROM \"Article\"").await, "2,B");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_name_their_reasons_and_change_nothing() {
    let before = schema(SHOP);
    let after = schema(
        &SHOP
            .replace("name  String  @unique", "fullName String @unique")
            .replace("[age, name]", "[age, fullName]")
            .replace("model Tag ", "model Label ")
            .replace("Tag[]", "Label[]"),
    );
    let version = pgsteward_model::version::ServerVersion::of_major(17);
    let (from, to) = (calculate(&before, version), calculate(&after, version));
    let guesses = rename::guesses(&from, &to, &after, &DiffOptions::of(&after));
    let flags: Vec<String> = guesses.iter().map(rename::Guess::flag).collect();
    assert!(flags.contains(&"--rename User.name=fullName".to_owned()), "{flags:?}");
    let name = guesses.iter().find(|guess| guess.wish.to == "fullName").unwrap();
    assert_eq!(name.reasons[0], "same type text");
    // Types that cannot be cast are no rename.
    let other = schema(&SHOP.replace("age   Int?", "years Json?").replace("[age, name]", "[years, name]"));
    let to = calculate(&other, version);
    assert_eq!(rename::guesses(&from, &to, &other, &DiffOptions::of(&other)), []);
}

#[test]
fn a_wish_that_fits_nothing_says_what_is_missing() {
    let (before, after) =
        (schema(SHOP), schema(&SHOP.replace("age   Int?", "years Int?").replace("[age,", "[years,")));
    let version = pgsteward_model::version::ServerVersion::of_major(17);
    let (from, to) = (calculate(&before, version), calculate(&after, version));
    let resolve = |text: &str| rename::resolve(&[Wish::parse(text).unwrap()], &from, &to, &after);
    let right = resolve("User.age=years").unwrap();
    assert!(matches!(&right[..], [Renaming::Column { from, to, .. }] if from == "age" && to == "years"));
    for (text, why) in [
        ("User.size=years", "no column \"size\""),
        ("User.age=size", "no field \"size\""),
        ("User.name=years", "still has \"name\""),
        ("Nobody.age=years", "no model \"Nobody\""),
        ("Old=New", "no model or enum \"New\""),
        ("Old=User", ""),
    ] {
        match resolve(text) {
            Err(error) => assert!(error.message.contains(why), "{text}: {}", error.message),
            Ok(found) => assert_eq!((text, found), ("Old=User", Vec::new())),
        }
    }
    for text in ["", "a", "=b", "a.=b", "a="] {
        assert!(Wish::parse(text).is_err(), "{text}");
    }
}
