//! Schemas to catalogs, catalogs to steps, steps to SQL.

use std::collections::HashSet;
use std::sync::Arc;

use pgsteward_model::catalog::Catalog;
use pgsteward_model::prisma::PrismaSchema;
use pgsteward_model::source::SourceFile;
use pgsteward_model::version::ServerVersion;
use pgsteward_prisma::diff::{DiffOptions, SchemaStep, diff};
use pgsteward_prisma::{calculate, parse, render};

use crate::corpus;

const VERSION: ServerVersion = ServerVersion(150_018);

fn read(text: &str) -> PrismaSchema {
    let schema = parse(&[Arc::new(SourceFile::new("schema.prisma", text))]);
    assert_eq!(schema.errors, [], "{text}");
    schema
}

fn steps(from: &str, to: &str) -> Vec<SchemaStep> {
    let (from, to) = (read(from), read(to));
    diff(&calculate(&from, VERSION), &calculate(&to, VERSION), &DiffOptions::of(&to))
}

fn migration(from: &str, to: &str) -> String {
    render::render(&steps(from, to))
}

fn from_empty(schema: &PrismaSchema) -> Vec<SchemaStep> {
    diff(&Catalog::empty(VERSION), &calculate(schema, VERSION), &DiffOptions::of(schema))
}

#[test]
fn a_new_schema_is_written_as_prisma_writes_it() {
    let schema = r#"
datasource db {
  provider = "postgresql"
}
model User {
  id        Int      @id @default(autoincrement())
  email     String   @unique @db.VarChar(255)
  role      Role     @default(admin)
  tags      String[] @default(["a", "it's"])
  seen      Role[]   @default([GUEST])
  balance   Decimal  @default(2.50)
  rate      Float?   @default(-0.5)
  extra     Json     @default("{\"a\": 1}")
  key       String   @default(dbgenerated("gen_random_uuid()")) @db.Uuid
  geo       Unsupported("geometry(Point, 4326)")?
  raw       Bytes    @default("aGVsbG8=")
  since     DateTime @default(now()) @db.Timestamptz(6)
  code      String   @default(cuid()) @map("short_code")
  posts     Post[]
  groups    Group[]
  bossId    Int?
  boss      User?    @relation("Boss", fields: [bossId], references: [id])
  below     User[]   @relation("Boss")

  @@unique([code, email(sort: Desc)])
  @@index([tags(ops: ArrayOps)], type: Gin)
  @@index([code(ops: raw("text_pattern_ops")), since(sort: Desc)], map: "by_code")
  @@map("users")
}
model Post {
  a      BigInt
  b      Int
  author User   @relation(fields: [b], references: [id], onDelete: Cascade, onUpdate: NoAction)
  @@id([a, b])
  @@schema_is_not_used
}
model Group {
  id    String @id @db.Uuid
  users User[]
}
enum Role {
  admin @map("ADMIN")
  GUEST
  @@map("user_role")
}
"#;
    let schema = schema.replace("  @@schema_is_not_used\n", "");
    let wanted = r#"-- CreateEnum
CREATE TYPE "user_role" AS ENUM ('ADMIN', 'GUEST');

-- CreateTable
CREATE TABLE "users" (
    "id" SERIAL NOT NULL,
    "email" VARCHAR(255) NOT NULL,
    "role" "user_role" NOT NULL DEFAULT 'ADMIN',
    "tags" TEXT[] DEFAULT ARRAY['a', 'it''s']::TEXT[],
    "seen" "user_role"[] DEFAULT ARRAY['GUEST']::"user_role"[],
    "balance" DECIMAL(65,30) NOT NULL DEFAULT 2.50,
    "rate" DOUBLE PRECISION DEFAULT -0.5,
    "extra" JSONB NOT NULL DEFAULT '{"a": 1}',
    "key" UUID NOT NULL DEFAULT gen_random_uuid(),
    "geo" geometry(Point, 4326),
    "raw" BYTEA NOT NULL DEFAULT '\x68656c6c6f',
    "since" TIMESTAMPTZ(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "short_code" TEXT NOT NULL,
    "bossId" INTEGER,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Post" (
    "a" BIGINT NOT NULL,
    "b" INTEGER NOT NULL,

    CONSTRAINT "Post_pkey" PRIMARY KEY ("a","b")
);

-- CreateTable
CREATE TABLE "Group" (
    "id" UUID NOT NULL,

    CONSTRAINT "Group_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "_GroupToUser" (
    "A" UUID NOT NULL,
    "B" INTEGER NOT NULL,

    CONSTRAINT "_GroupToUser_AB_pkey" PRIMARY KEY ("A","B")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");

-- CreateIndex
CREATE INDEX "users_tags_idx" ON "users" USING GIN ("tags" array_ops);

-- CreateIndex
CREATE INDEX "by_code" ON "users"("short_code" text_pattern_ops, "since" DESC);

-- CreateIndex
CREATE UNIQUE INDEX "users_short_code_email_key" ON "users"("short_code", "email" DESC);

-- CreateIndex
CREATE INDEX "_GroupToUser_B_index" ON "_GroupToUser"("B");

-- AddForeignKey
ALTER TABLE "users" ADD CONSTRAINT "users_bossId_fkey" FOREIGN KEY ("bossId") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Post" ADD CONSTRAINT "Post_b_fkey" FOREIGN KEY ("b") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "_GroupToUser" ADD CONSTRAINT "_GroupToUser_A_fkey" FOREIGN KEY ("A") REFERENCES "Group"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "_GroupToUser" ADD CONSTRAINT "_GroupToUser_B_fkey" FOREIGN KEY ("B") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#;
    let schema = read(&schema);
    similar(&render::render(&from_empty(&schema)), wanted);
    let same = diff(&calculate(&schema, VERSION), &calculate(&schema, VERSION), &DiffOptions::of(&schema));
    assert_eq!(render::render(&same), render::EMPTY);
}

fn similar(got: &str, wanted: &str) {
    for (got, wanted) in got.lines().zip(wanted.lines()) {
        assert_eq!(got, wanted);
    }
    assert_eq!(got, wanted);
}

#[test]
fn a_table_changes_in_one_statement() {
    let from = "model A {\n id Int @id\n gone Int\n old Int?\n n Int @default(1)\n t String\n s String @db.VarChar(3)\n l Int\n seq Int @default(autoincrement())\n}";
    let to = "model A {\n id Int @id\n zeta String @default(\"x\")\n alpha Boolean?\n old Int\n n BigInt @default(2)\n t Int?\n s String? @db.VarChar(9)\n l Int @default(autoincrement())\n seq Int\n}";
    similar(
        &migration(from, to),
        r#"-- AlterTable
CREATE SEQUENCE a_l_seq;
ALTER TABLE "A" DROP COLUMN "gone",
ADD COLUMN     "alpha" BOOLEAN,
ADD COLUMN     "zeta" TEXT NOT NULL DEFAULT 'x',
ALTER COLUMN "old" SET NOT NULL,
ALTER COLUMN "n" SET DEFAULT 2,
ALTER COLUMN "n" SET DATA TYPE BIGINT,
DROP COLUMN "t",
ADD COLUMN     "t" INTEGER,
ALTER COLUMN "s" DROP NOT NULL,
ALTER COLUMN "s" SET DATA TYPE VARCHAR(9),
ALTER COLUMN "l" SET DEFAULT nextval('a_l_seq'),
ALTER COLUMN "seq" DROP DEFAULT;
ALTER SEQUENCE a_l_seq OWNED BY "A"."l";
DROP SEQUENCE "A_seq_seq";
"#,
    );
}

#[test]
fn keys_and_indexes_change_as_prisma_changes_them() {
    let from = "model A {\n a Int\n b Int\n c String\n @@id([a])\n @@index([b])\n @@index([c], map: \"old\")\n @@unique([b, c])\n}";
    let to = "model A {\n a Int\n b Int\n c Int\n @@id([a, b], map: \"key\")\n @@index([b(sort: Desc)])\n @@index([c], map: \"new\")\n @@unique([b, c])\n}";
    similar(
        &migration(from, to),
        r#"-- DropIndex
DROP INDEX "A_b_idx";

-- AlterTable
ALTER TABLE "A" DROP CONSTRAINT "A_pkey",
DROP COLUMN "c",
ADD COLUMN     "c" INTEGER NOT NULL,
ADD CONSTRAINT "key" PRIMARY KEY ("a", "b");

-- CreateIndex
CREATE INDEX "A_b_idx" ON "A"("b" DESC);

-- CreateIndex
CREATE INDEX "new" ON "A"("c");

-- CreateIndex
CREATE UNIQUE INDEX "A_b_c_key" ON "A"("b", "c");

-- RenameIndex
ALTER INDEX "old" RENAME TO "new";
"#,
    );
    similar(
        &migration("model A {\n a Int @id\n}", "model A {\n a Int @id(map: \"k\")\n}"),
        "-- AlterTable\nALTER TABLE \"A\" RENAME CONSTRAINT \"A_pkey\" TO \"k\";\n",
    );
}

#[test]
fn relations_change_as_prisma_changes_them() {
    let schema = |fk: &str, rest: &str| {
        format!(
            "model A {{\n id Int @id\n bId Int\n b B @relation(fields: [bId], references: [id]{fk})\n}}\nmodel B {{\n id Int @id\n a A[]\n}}\n{rest}"
        )
    };
    let gone = "model C {\n id Int @id\n d D? @relation(fields: [id], references: [id])\n}\nmodel D {\n id Int @id\n c C?\n}";
    similar(
        &migration(&schema("", gone), &schema(", onDelete: Cascade", "")),
        r#"-- DropForeignKey
ALTER TABLE "A" DROP CONSTRAINT "A_bId_fkey";

-- DropForeignKey
ALTER TABLE "C" DROP CONSTRAINT "C_id_fkey";

-- DropTable
DROP TABLE "C";

-- DropTable
DROP TABLE "D";

-- AddForeignKey
ALTER TABLE "A" ADD CONSTRAINT "A_bId_fkey" FOREIGN KEY ("bId") REFERENCES "B"("id") ON DELETE CASCADE ON UPDATE CASCADE;
"#,
    );
    similar(
        &migration(&schema("", ""), &schema(", map: \"fk\"", "")),
        "-- RenameForeignKey\nALTER TABLE \"A\" RENAME CONSTRAINT \"A_bId_fkey\" TO \"fk\";\n",
    );
    let source = "datasource db {\n provider = \"postgresql\"\n relationMode = \"prisma\"\n}\n";
    similar(
        &migration(&schema("", ""), &format!("{source}{}", schema("", ""))),
        "-- DropForeignKey\nALTER TABLE \"A\" DROP CONSTRAINT \"A_bId_fkey\";\n",
    );
}

#[test]
fn enums_change_as_prisma_changes_them() {
    let schema = |values: &str| {
        format!(
            "model A {{\n id Int @id\n e E @default(X)\n l E[]\n}}\nenum E {{\n{values}\n}}\nenum Z {{\n A\n}}"
        )
    };
    similar(
        &migration(&schema(" X\n Y"), &schema(" X\n Y\n N\n M")),
        "-- AlterEnum\n-- This migration adds more than one value to an enum.\n-- With PostgreSQL versions 11 and earlier, this is not possible\n-- in a single migration. This can be worked around by creating\n-- multiple migrations, each migration adding only one value to\n-- the enum.\n\n\nALTER TYPE \"E\" ADD VALUE 'N';\nALTER TYPE \"E\" ADD VALUE 'M';\n",
    );
    similar(
        &migration(&schema(" X\n Y"), &schema(" X\n N").replace("enum Z {\n A\n}", "")),
        r#"-- AlterEnum
BEGIN;
CREATE TYPE "E_new" AS ENUM ('X', 'N');
ALTER TABLE "public"."A" ALTER COLUMN "e" DROP DEFAULT;
ALTER TABLE "A" ALTER COLUMN "e" TYPE "E_new" USING ("e"::text::"E_new");
ALTER TABLE "A" ALTER COLUMN "l" TYPE "E_new"[] USING ("l"::text::"E_new"[]);
ALTER TYPE "E" RENAME TO "E_old";
ALTER TYPE "E_new" RENAME TO "E";
DROP TYPE "public"."E_old";
ALTER TABLE "A" ALTER COLUMN "e" SET DEFAULT 'X';
COMMIT;

-- DropEnum
DROP TYPE "Z";
"#,
    );
}

#[test]
fn other_namespaces_are_named() {
    let source = "datasource db {\n provider = \"postgresql\"\n schemas = [\"public\", \"audit\"]\n}\n";
    let schema = format!(
        "{source}model A {{\n id Int @id @default(autoincrement())\n e E\n @@index([e])\n @@schema(\"audit\")\n}}\nenum E {{\n X\n @@schema(\"audit\")\n}}"
    );
    similar(
        &render::render(&from_empty(&read(&schema))),
        r#"-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "audit";

-- CreateEnum
CREATE TYPE "audit"."E" AS ENUM ('X');

-- CreateTable
CREATE TABLE "audit"."A" (
    "id" SERIAL NOT NULL,
    "e" "audit"."E" NOT NULL,

    CONSTRAINT "A_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "A_e_idx" ON "audit"."A"("e");
"#,
    );
}

#[test]
fn partial_indexes_need_the_preview_feature() {
    let preview =
        "generator g {\n provider = \"prisma-client\"\n previewFeatures = [\"partialIndexes\"]\n}\n";
    let plain = format!("{preview}model A {{\n id Int @id\n on Boolean @map(\"is_on\")\n @@index([id])\n}}");
    let partial = plain.replace("@@index([id])", "@@index([id], where: { on: true })");
    similar(
        &migration(&plain, &partial),
        "-- DropIndex\nDROP INDEX \"A_id_idx\";\n\n-- CreateIndex\nCREATE INDEX \"A_id_idx\" ON \"A\"(\"id\") WHERE (\"is_on\" = true);\n",
    );
    assert_eq!(migration(&partial, &partial), render::EMPTY);
}

/// Much of what Prisma wrote over the years is still what the schema says; each such statement must be
/// written the same. Tables, keys and indexes that were changed later are nowhere written as a whole: the
/// percentages are those of what was not.
#[test]
fn statements_are_those_that_prisma_wrote_into_the_corpus() {
    for (project, tables, indexes, keys) in [
        ("amplication", 14, 75, 48),
        ("hoppscotch", 26, 80, 100),
        ("langfuse", 38, 74, 87),
        ("saas-starter-kit", 60, 78, 88),
        ("trigger.dev", 36, 62, 85),
    ] {
        let Some(folder) = corpus::project(project) else { continue };
        let written = written_statements(&folder);
        let steps = from_empty(&parse(&[corpus::schema_file(&folder)]));
        for (title, least) in [("CreateTable", tables), ("CreateIndex", indexes), ("AddForeignKey", keys)] {
            let statements: Vec<String> =
                steps.iter().filter(|step| step.title() == title).flat_map(render::statements).collect();
            let found = statements.iter().filter(|text| written.contains(text.as_str())).count();
            assert!(
                found * 100 >= statements.len() * least,
                "{project}: {found} of {} {title}",
                statements.len()
            );
        }
    }
}

fn written_statements(folder: &std::path::Path) -> HashSet<String> {
    let mut statements = HashSet::new();
    for entry in std::fs::read_dir(folder.join("prisma/migrations")).unwrap() {
        let path = entry.unwrap().path().join("migration.sql");
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for statement in text.replace("\r\n", "\n").replace("\"public\".", "").split(";\n") {
            let body = statement.lines().skip_while(|line| line.starts_with("--") || line.is_empty());
            statements.insert(body.collect::<Vec<_>>().join("\n").trim_end_matches(';').to_owned());
        }
    }
    statements
}
