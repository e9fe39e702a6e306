"""What Prisma 7.10 takes and refuses, and what `validate` does: one schema, and it again with one thing changed at a time.

    python3 bench/validation.py [--verbose]

Each change is a line put in the place of another (or beside it). Agreement means that both take the schema or both refuse it.
"""

import argparse
import json
import subprocess
import sys

import corpus
from schema_engine import SchemaEngine

VALIDATE = corpus.RELEASE / "examples" / "validate"

BASE = """generator client {
  provider = "prisma-client"
  output   = "../generated"
}

datasource db {
  provider = "postgresql"
}

model User {
  id        Int       @id @default(autoincrement())
  email     String    @unique
  name      String?   @db.VarChar(80)
  role      Role      @default(MEMBER)
  active    Boolean   @default(true)
  score     Float     @default(1.5)
  balance   Decimal   @default(0) @db.Decimal(12, 2)
  big       BigInt    @default(0)
  data      Json      @default("{}")
  raw       Bytes?
  tags      String[]  @default([])
  born      DateTime? @db.Date
  createdAt DateTime  @default(now()) @map("created_at")
  updatedAt DateTime  @updatedAt
  point     Unsupported("point")?
  posts     Post[]
  profile   Profile?
  labels    Label[]

  @@index([name, role])
  @@map("users")
}

model Profile {
  id     String @id @default(uuid()) @db.Uuid
  bio    String
  userId Int    @unique
  user   User   @relation(fields: [userId], references: [id], onDelete: Cascade)
}

model Post {
  id       Int    @default(autoincrement())
  tenant   Int
  slug     String
  title    String
  authorId Int
  author   User   @relation(fields: [authorId], references: [id])
  parentId Int?
  parentOf Int?
  parent   Post?  @relation("Tree", fields: [parentId, parentOf], references: [tenant, id])
  children Post[] @relation("Tree")

  @@id([tenant, id])
  @@unique([tenant, slug], map: "post_slug")
  @@index([title(sort: Desc)], type: BTree)
}

model Label {
  id    Int    @id
  text  String
  users User[]
}

enum Role {
  OWNER
  MEMBER @map("member")

  @@map("role")
}
"""

EMAIL, NAME, ROLE, ACTIVE = "  email     String    @unique", "  name      String?   @db.VarChar(80)", "@default(MEMBER)", "@default(true)"
ID, USER_INDEX, USER_MAP = "  id        Int       @id @default(autoincrement())", "  @@index([name, role])", '  @@map("users")'
PROFILE = "  user   User   @relation(fields: [userId], references: [id], onDelete: Cascade)"
AUTHOR = "  author   User   @relation(fields: [authorId], references: [id])"
POST_ID, POST_UNIQUE, POST_INDEX = "  @@id([tenant, id])", '  @@unique([tenant, slug], map: "post_slug")', "  @@index([title(sort: Desc)], type: BTree)"
SOURCE, CLIENT = '  provider = "postgresql"', '  output   = "../generated"'
LABEL = "  text  String"


def fields(*lines):
    """Lines in the place of a plain field of Label."""
    return [(LABEL, f"  {line}") for line in lines]


def attributes(*written):
    """Attributes of a block in the place of an index of User."""
    return [(USER_INDEX, f"  {one}") for one in written]


def beside(line, *more):
    return [(line, f"{line}\n{one}") for one in more]


def instead(line, *others):
    return [(line, other) for other in others]


def top(*blocks):
    return [("enum Role {", f"{block}\n\nenum Role {{") for block in blocks]


CHANGES = [
    *fields(
        "text String @foo", "text String @db.Foo", "text String @db.VarChar", "text String @db.VarChar(0)", "text String @db.VarChar(10485761)",
        "text String @db.VarChar(\"x\")", "text String @db.VarChar(1, 2)", "text Int @db.VarChar(3)", "text String @db.Integer", "text String @pg.Text",
        "text Foo", "text Foo?", "text String[]?", "text String?[]", "text string", "text int", "text Text", "text", "text String String",
        "Text String", "_text String", "1text String", "te-xt String", "text String @unique @unique", "text String @unique(foo: 1)",
        "text String @unique(map: \"x\")", "text String @unique(map: \"\")", "text String @unique(map: 1)", "text String @unique(sort: Desc)",
        "text String @unique(sort: Up)", "text String @unique(length: 10)", "text String @unique(name: \"x\")", "text String[] @unique", "text Json @unique",
        "text Bytes @unique", "text String @id", "text String @map(\"t\")", "text String @map(\"\")", "text String @map(1)", "text String @map()", "text String @map(name: \"t\")",
        "text String @map(\"id\")", "text String @map(\"t\") @map(\"u\")", "text String @map(\"t u\")", "text String @ignore", "text String @ignore @unique", "text String @ignore(1)",
        "text String @ignore @ignore", "text String @relation", "text String @relation(\"x\")", "text String @updatedAt", "text DateTime @updatedAt", "text DateTime? @updatedAt",
        "text DateTime[] @updatedAt", "text DateTime @updatedAt(1)", "text DateTime @updatedAt @default(now())", "text Int @updatedAt",
        "text Decimal @db.Decimal", "text Decimal @db.Decimal(10)", "text Decimal @db.Decimal(10, 2)", "text Decimal @db.Decimal(2, 10)", "text Decimal @db.Decimal(1001, 2)",
        "text Decimal @db.Money", "text Float @db.Real", "text Float @db.Decimal(3, 1)", "text Int @db.SmallInt", "text Int @db.BigInt", "text Int @db.Oid", "text BigInt @db.Oid",
        "text DateTime @db.Timestamptz(3)", "text DateTime @db.Timestamptz(7)", "text DateTime @db.Timetz", "text DateTime @db.Time(6)", "text DateTime @db.Date(1)",
        "text String @db.Uuid", "text String @db.Citext", "text String @db.Inet", "text String @db.Bit(3)", "text String @db.VarBit", "text String @db.Xml", "text String @db.Char(0)",
        "text Json @db.Json", "text Json @db.JsonB", "text Bytes @db.ByteA", "text Boolean @db.Boolean", "text String @db.Text @db.Text", "text Role @db.Text",
        "text Unsupported(\"x\")", "text Unsupported(\"x\") @unique", "text Unsupported(\"x\") @default(dbgenerated(\"1\"))", "text Unsupported()", "text Unsupported(\"\")", "text Unsupported(1)",
        "text Unsupported(\"x\") @db.Text", "text Unsupported(\"x\")[]", "text Role?", "text Role[]", "text Role @unique", "text User", "text User?", "text User[]",
        "/// said\n  text String", "text String // why", "text String @default(\"a\") /// x", "@@foo", "@@db.Text", "id Int", "posts String",
    ),
    *fields(*(f"text {kind} @default({value})" for kind, value in [
        ("String", '"x"'), ("String", "x"), ("String", "1"), ("String", "true"), ("String", "now()"), ("String", "uuid()"), ("String", "uuid(4)"), ("String", "uuid(7)"),
        ("String", "uuid(5)"), ("String", 'uuid("4")'), ("String", "cuid()"), ("String", "cuid(2)"), ("String", "cuid(3)"), ("String", "nanoid()"), ("String", "nanoid(5)"), ("String", "nanoid(1)"), ("String", "nanoid(255)"),
        ("String", "nanoid(256)"), ("String", "ulid()"), ("String", "ulid(1)"), ("String", "autoincrement()"), ("String", "dbgenerated()"), ("String", 'dbgenerated("x()")'), ("String", 'dbgenerated("")'), ("String", "dbgenerated(1)"),
        ("String", "foo()"), ("String", ""), ("String", '"x", "y"'), ("String", 'value: "x"'), ("String", 'foo: "x"'), ("String", '"x", map: "y"'), ("String", "[]"), ("String", '["x"]'), ("String", "null"), ("String", "env(\"X\")"), ("String", "auto()"), ("String", "sequence()"),
        ("Int", "1"), ("Int", "-1"), ("Int", "1.5"), ("Int", '"1"'), ("Int", "true"), ("Int", "autoincrement()"), ("Int", "autoincrement(1)"), ("Int", "now()"), ("Int", "uuid()"), ("Int", "2147483648"), ("Int", "99999999999999999999"), ("Int", "dbgenerated(\"1\")"),
        ("Int?", "autoincrement()"), ("Int?", "1"), ("Int[]", "[1, 2]"), ("Int[]", "1"), ("Int[]", '["a"]'), ("Int[]", "autoincrement()"), ("Int[]", "[1.5]"), ("Int[]", "[[1]]"), ("String[]", '"x"'), ("String[]", 'dbgenerated("x")'), ("Int[]", "[]"),
        ("BigInt", "1"), ("BigInt", "autoincrement()"), ("BigInt", "1.5"), ("BigInt", '"1"'), ("BigInt", "9223372036854775807"), ("BigInt", "9223372036854775808"),
        ("Float", "1"), ("Float", "1.5"), ("Float", '"1.5"'), ("Float", "1e5"), ("Float", "autoincrement()"), ("Decimal", "1"), ("Decimal", "1.50"), ("Decimal", '"1.5"'), ("Decimal", '"x"'),
        ("Boolean", "true"), ("Boolean", "false"), ("Boolean", '"true"'), ("Boolean", "1"), ("Boolean", "TRUE"), ("Boolean", "autoincrement()"),
        ("DateTime", "now()"), ("DateTime", "now(1)"), ("DateTime", '"2020-01-01T00:00:00Z"'), ("DateTime", '"2020-01-01"'), ("DateTime", '"x"'), ("DateTime", "1"), ("DateTime", "uuid()"),
        ("Json", '"{}"'), ("Json", '"{"'), ("Json", "1"), ("Json", '"[1]"'), ("Json", "now()"), ("Json", '"x"'), ("Bytes", '"aGVsbG8="'), ("Bytes", '"x"'), ("Bytes", "1"), ("Bytes", '"!!"'),
        ("Role", "MEMBER"), ("Role", "NOBODY"), ("Role", '"MEMBER"'), ("Role", "member"), ("Role", "1"), ("Role[]", "[MEMBER, OWNER]"), ("Role[]", "[NOBODY]"), ("Role[]", "MEMBER"), ("Role", "MEMBER()"), ("Role?", "MEMBER"), ("Role", 'dbgenerated("x")'),
    ])),
    *fields('text String @default("a") @default("b")', "text String @default"),
    *instead(ID, "  id        Int       @default(autoincrement())", "  id        Int?      @id", "  id        Int[]     @id", "  id        Int       @id @id", "  id        Json      @id", "  id        Bytes     @id", "  id        Float     @id", "  id        DateTime  @id @default(now())", '  id        Unsupported("x") @id', "  id        Role      @id",
             "  id        Int       @id(map: \"x\")", "  id        Int       @id(foo: 1)", "  id        Int       @id(sort: Desc)", "  id        Int       @id(map: \"\")", "  id        Int       @id(\"x\")", "  id        Int       @id @unique", "  id        Int       @id @default(autoincrement()) @db.SmallInt", "  id        BigInt    @id @default(autoincrement())", "  id        Int       @id @ignore", "  ID        Int       @id", "  id        Decimal   @id", "  id        Boolean   @id"),
    *instead(EMAIL, "  email     String", "  email     String?   @unique", "  email     String    @unique @db.Text", "  email     String    @unique(map: \"users_pkey\")", "  email     String    @unique(map: \"users_name_role_idx\")", "  email     String    @unique(map: \"post_slug\")", f"  email     String    @unique(map: \"{'x' * 64}\")", f"  email     String    @unique(map: \"{'x' * 63}\")"),
    *attributes("@@index([nope])", "@@index([])", "@@index()", "@@index", "@@index(name)", "@@index([name, name])", "@@index([posts])", "@@index([point])", "@@index([tags])", "@@index([tags], type: Gin)", "@@index([data], type: Gin)", "@@index([data(ops: JsonbPathOps)], type: Gin)", "@@index([data(ops: JsonbPathOps)])", "@@index([name(ops: raw(\"gin_trgm_ops\"))], type: Gin)", "@@index([name(ops: TextOps)], type: Gin)", "@@index([name(ops: TextMinMaxOps)], type: Brin)", "@@index([name], type: Brin)", "@@index([name], type: Hash)", "@@index([name, role], type: Hash)", "@@index([name(sort: Desc)], type: Hash)", "@@index([name], type: Foo)", "@@index([name], type: \"Gin\")", "@@index([name], type: Gin)", "@@index([name], type: SpGist)", "@@index([name], type: Gist)", "@@index([name(sort: Up)])", "@@index([name(sort: Asc)])", "@@index([name(length: 3)])", "@@index([name(foo: 3)])",
                "@@index([name], map: \"x\")", "@@index([name], map: \"\")", "@@index([name], name: \"x\")", "@@index([name], name: \"x\", map: \"y\")", "@@index([name], foo: 1)", "@@index(fields: [name])", "@@index(fields: [name], map: \"users_pkey\")", "@@index([name], [role])", "@@index([name], clustered: true)", "@@index([name], where: raw(\"active\"))", "@@index([name])\n  @@index([name])", "@@index([name], map: \"x\")\n  @@index([role], map: \"x\")", "@@fulltext([name])", "@@index([\"name\"])", "@@index([name.x])", "@@index([name]) // x",
                "@@unique([name])", "@@unique([name, role], name: \"x\")", "@@unique([name, role], name: \"x y\")", "@@unique([name, role], name: \"\")", "@@unique([name], name: \"email\")", "@@unique([name, role], name: \"posts\")", "@@unique([nope])", "@@unique([posts])", "@@unique([name], type: Hash)", "@@unique([name(sort: Desc)])", "@@unique([name(ops: TextOps)])", "@@unique([point])", "@@unique([name, name])", "@@unique([email])", "@@unique([name])\n  @@unique([name])", "@@unique([name, role], name: \"a\")\n  @@unique([role, name], name: \"a\")",
                "@@id([name])", "@@id([email, role])", "@@map(\"x\")", "@@map(\"\")", "@@ignore", "@@ignore(1)", "@@schema(\"x\")", "@@foo", "@@foo([name])", "@@db.Text", "@unique", "@@index([name]) @@index([role])", "@@allow(all)", "what is this", "}", "{", "@@shardKey([name])"),
    *instead(USER_MAP, '  @@map("Post")', '  @@map("Profile")', '  @@map("a b")', "  @@map(users)", "  @@map(name: \"users\")", '  @@map("_prisma_migrations")', '  @@map("role")', '  @@map("users")\n  @@map("other")', "", f'  @@map("{"x" * 64}")'),
    *instead(PROFILE, "", "  user   User?  @relation(fields: [userId], references: [id])", "  user   User[] @relation(fields: [userId], references: [id])", "  user   User   @relation(fields: [userId])", "  user   User   @relation(references: [id])", "  user   User   @relation(fields: [], references: [])", "  user   User   @relation(fields: [nope], references: [id])", "  user   User   @relation(fields: [userId], references: [nope])", "  user   User   @relation(fields: [userId], references: [email])", "  user   User   @relation(fields: [bio], references: [email])", "  user   User   @relation(fields: [bio], references: [name])", "  user   User   @relation(fields: [userId], references: [id], onDelete: Foo)", "  user   User   @relation(fields: [userId], references: [id], onDelete: SetNull)", "  user   User   @relation(fields: [userId], references: [id], onDelete: SetDefault)", "  user   User   @relation(fields: [userId], references: [id], onUpdate: NoAction)", "  user   User   @relation(fields: [userId], references: [id], onUpdate: SetNull)", "  user   User   @relation(fields: [userId], references: [id], map: \"x\")", "  user   User   @relation(fields: [userId], references: [id], map: \"Profile_pkey\")", "  user   User   @relation(fields: [userId], references: [id], map: \"\")", "  user   User   @relation(fields: [userId], references: [id], foo: 1)", "  user   User   @relation(\"x\", fields: [userId], references: [id])", "  user   User   @relation(name: \"\", fields: [userId], references: [id])", "  user   User   @relation(fields: [userId, bio], references: [id, email])", "  user   User   @relation(fields: [userId, userId], references: [id, id])", "  user   User   @relation(fields: [userId], references: [id, email])", "  user   User   @relation(fields: [user], references: [id])", "  user   User   @relation(fields: userId, references: id)", "  user   User", "  user   User   @relation", "  user   User   @relation(fields: [userId], references: [id]) @unique", "  user   User   @relation(fields: [userId], references: [id]) @map(\"u\")", "  user   User   @relation(fields: [userId], references: [id]) @default(1)", "  user   User   @relation(fields: [userId], references: [id]) @ignore", "  user   User   @relation(fields: [userId], references: [id]) @db.Text", "  user   User   @relation(fields: [userId], references: [id]) @id", "  user   User   @relation(fields: [userId], references: [id]) @updatedAt", "  user   User   @relation(\"UserProfile\", fields: [userId], references: [id])", "  user   User   @relation(fields: [userId], references: [id]) @relation(fields: [userId], references: [id])", "  user   Nobody @relation(fields: [userId], references: [id])", "  user   Role   @relation(fields: [userId], references: [id])"),
    *instead("  userId Int    @unique", "  userId Int", "  userId Int?   @unique", "  userId String @unique", "  userId BigInt @unique", "  userId Int[]  @unique", "  userId Int    @unique @db.BigInt", "  userId Int    @id"),
    *instead("  profile   Profile?", "", "  profile   Profile", "  profile   Profile[]", "  profile   Profile?  @relation(\"x\")", "  profile   Profile?  @relation(onDelete: Cascade)", "  profile   Profile?  @relation(fields: [id], references: [userId])", "  profile   Profile?  @unique", "  profile   Profile?\n  other     Profile?", "  profile   Profile?  @ignore"),
    *instead(AUTHOR, "  author   User?  @relation(fields: [authorId], references: [id])", "  author   User", "", "  author   User   @relation(fields: [authorId], references: [id], onDelete: SetNull)", "  author   User   @relation(fields: [authorId, tenant], references: [id, id])", "  author   User   @relation(fields: [authorId], references: [id], map: \"Post_pkey\")", "  author   User   @relation(fields: [authorId], references: [id], map: \"post_slug\")", "  author   User   @relation(fields: [authorId], references: [id])\n  other    User   @relation(fields: [authorId], references: [id])", "  author   User   @relation(fields: [tenant], references: [id])"),
    *instead("  posts     Post[]", "", "  posts     Post", "  posts     Post?", "  posts     Post[] @relation(fields: [id], references: [authorId])", "  posts     Post[] @default([])", "  posts     Post[] @relation(onDelete: Cascade)", "  posts     Post[] @relation(\"Tree\")", "  posts     Post[] @map(\"x\")"),
    *instead("  children Post[] @relation(\"Tree\")", "", "  children Post[]", "  children Post  @relation(\"Tree\")", "  children Post? @relation(\"Tree\")"),
    *instead('  parent   Post?  @relation("Tree", fields: [parentId, parentOf], references: [tenant, id])', '  parent   Post  @relation("Tree", fields: [parentId, parentOf], references: [tenant, id])', '  parent   Post?  @relation("Tree", fields: [parentId, parentOf], references: [id, tenant])', '  parent   Post?  @relation("Tree", fields: [parentId], references: [id])', '  parent   Post?  @relation("Tree", fields: [parentId, parentOf], references: [tenant, slug])', '  parent   Post?  @relation(fields: [parentId, parentOf], references: [tenant, id])', '  parent   Post?  @relation("Tree", fields: [parentId, parentOf], references: [tenant, id], onDelete: SetNull)', '  parent   Post?  @relation("Tree", fields: [tenant, parentOf], references: [tenant, id])', '  parent   Post?  @relation("Tree", fields: [tenant, parentOf], references: [tenant, id], onDelete: SetNull)'),
    *instead(POST_ID, "", "  @@id([tenant])", "  @@id([id])", "  @@id([tenant, nope])", "  @@id([])", "  @@id([tenant, tenant])", "  @@id([tenant, id], name: \"x\")", "  @@id([tenant, id], name: \"x\", map: \"y\")", "  @@id([tenant, id], map: \"post_slug\")", "  @@id([tenant, id], foo: 1)", "  @@id([tenant(sort: Desc), id])", "  @@id([tenant(length: 2), id])", "  @@id([tenant, parentId])", "  @@id([tenant, author])", "  @@id([tenant, id])\n  @@id([id, tenant])", "  @@id([tenant, id], type: Hash)", "  @@id(fields: [tenant, id])", "  @@id([tenant, id], name: \"title\")", "  @@id([tenant, id], name: \"tenant_slug\")"),
    *instead(POST_UNIQUE, "", "  @@unique([tenant, slug], map: \"Post_pkey\")", "  @@unique([tenant, slug], map: \"users_email_key\")", "  @@unique([tenant, slug], map: \"\")", "  @@unique([tenant, slug], where: raw(\"slug <> ''\"))", "  @@unique([tenant, id])"),
    *instead("  labels    Label[]", "", "  labels    Label", "  labels    Label?", "  labels    Label[] @relation(\"x\")", "  labels    Label[] @relation(fields: [id], references: [id])", "  labels    Label[] @relation(onDelete: Cascade)", "  labels    Label[] @relation(references: [id])"),
    *instead("  users User[]", "", "  users User?", "  users User[]\n  more  User[]", "  users User[] @relation(\"x\")", "  users User[]\n  posts Post[]"),
    *top("model Two {\n  a     Int\n  b     Int\n  posts Three[]\n\n  @@id([a, b])\n}\n\nmodel Three {\n  id   Int @id\n  twos Two[]\n}"),
    *beside(SOURCE, '  url = env("X")', '  url = "postgres://x"', '  directUrl = env("X")', '  shadowDatabaseUrl = env("X")', '  relationMode = "prisma"', '  relationMode = "foreignKeys"', '  relationMode = "foo"', "  relationMode = prisma", '  referentialIntegrity = "prisma"', '  foo = "bar"', "  extensions = [pgcrypto]", '  extensions = [pgcrypto(version: "1")]', '  extensions = ["pgcrypto"]', '  schemas = ["public"]', '  schemas = []', '  schemas = ["public", "auth"]', '  provider = "postgresql"'),
    *instead(SOURCE, "", '  provider = "postgres"', '  provider = "mysql"', '  provider = "cockroachdb"', '  provider = "foo"', "  provider = postgresql", '  provider = ["postgresql"]', '  provider = env("X")', '  provider = ""'),
    *beside(CLIENT, '  previewFeatures = ["views"]', '  previewFeatures = ["metrics"]', '  previewFeatures = ["foo"]', '  previewFeatures = ["tracing"]', '  previewFeatures = ["fullTextSearch"]', '  previewFeatures = ["fullTextSearchPostgres"]', '  previewFeatures = ["multiSchema"]', '  previewFeatures = ["driverAdapters"]', '  previewFeatures = ["queryCompiler"]', '  previewFeatures = ["omitApi"]', '  previewFeatures = ["interactiveTransactions"]', '  previewFeatures = ["jsonProtocol"]', '  previewFeatures = ["deno"]', '  previewFeatures = ["clientExtensions"]', '  previewFeatures = ["postgresqlExtensions"]', '  previewFeatures = ["relationJoins", "typedSql", "strictUndefinedChecks", "nativeDistinct", "partialIndexes", "shardKeys"]', '  previewFeatures = ["prismaSchemaFolder"]', '  previewFeatures = ["reactNative"]', '  previewFeatures = "views"', "  previewFeatures = [views]", "  previewFeatures = []", '  binaryTargets = ["native"]', '  binaryTargets = "native"', '  foo = "bar"', "  foo = bar", '  engineType = "client"', '  foo = env("X")', '  provider = "x"', "  foo = 1", "  foo", "  foo = [1, \"a\"]"),
    *instead('  provider = "prisma-client"', "", "  provider = prisma", '  provider = env("X")', "  provider = 1", '  provider = ""'),
    *top('datasource two {\n  provider = "postgresql"\n}', 'generator client {\n  provider = "x"\n}', 'generator two {\n  provider = "x"\n}', "model User {\n  id Int @id\n}", "model Role {\n  id Int @id\n}", "enum User {\n  A\n}", "enum Role {\n  A\n}", "enum Empty {\n}", "enum Two {\n  A\n  A\n}", "enum Two {\n  A @map(\"x\")\n  B @map(\"x\")\n}", "enum Two {\n  A @map(\"\")\n}", "enum Two {\n  A @map(\"B\")\n  B\n}", "enum Two {\n  1A\n}", "enum Two {\n  A-B\n}", "enum Two {\n  A @foo\n}", "enum Two {\n  A @default\n}", "enum Two {\n  A\n  @@foo\n}", "enum Two {\n  A\n  @@map(\"role\")\n}", "enum Two {\n  A\n  @@schema(\"x\")\n}", "enum two {\n  A\n}", "enum String {\n  A\n}", "enum Two {\n  A // x\n  /// y\n  B\n}", "enum Two {\n  A, B\n}", "enum Two {\n  true\n}", "enum Two {\n  _A\n}", "enum Two {\n  A B\n}",
         "model Empty {\n}", "model Two {\n  a Int\n}", "model Two {\n  a Int? @unique\n}", "model Two {\n  a Int @unique\n}", "model Two {\n  a Int\n  @@ignore\n}", "model Two {\n  a Int\n  a String\n  @@id([a])\n}", "model two {\n  id Int @id\n}", "model String {\n  id Int @id\n}", "model Int {\n  id Int @id\n}", "model PrismaClient {\n  id Int @id\n}", "model async {\n  id Int @id\n}", "model Prisma {\n  id Int @id\n}", "model _Two {\n  id Int @id\n}", "model Two3 {\n  id Int @id\n}", "model 2Two {\n  id Int @id\n}", "model Tw-o {\n  id Int @id\n}", "model Two {\n  id Int @id\n  posts Post[]\n}", "model Two {\n  id Int @id,\n}", "model Two { id Int @id }", "model Two\n{\n  id Int @id\n}", "model Two {\n  id Int @id\n  @@map(\"users\")\n}", "model Two {\n  id Int @id(map: \"users_pkey\")\n}", "model Two {\n  id Int @id\n\n", "model Two {\n  Id Int @id\n  id Int\n}", "model Two {\n  a Int\n  b Int @map(\"a\")\n  @@id([a])\n}", "model Batch {\n  id Int @id\n}", "model Null {\n  id Int @id\n}", "model delete {\n  id Int @id\n}",
         "type Address {\n  street String\n}", "type Name = String", "view V {\n  id Int\n}", "view V {\n  id Int @unique\n}", "view V {\n  id Int @id\n}", "foo Bar {\n}", "// only a comment", "/* comment */", "/// doc", "hello", "model Two {\n  id Int @id @default(dbgenerated(\"x\")) // y\n}", "import x", "extend model User {\n}"),
]


def changed():
    for old, new in CHANGES:
        if old not in BASE:
            raise SystemExit(f"the schema has no line {old!r}")
        yield f"{old.strip()} → {new.strip()}", BASE.replace(old, new, 1)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--binary", default=str(VALIDATE))
    arguments.add_argument("--verbose", action="store_true", help="name each schema on which they disagree")
    options = arguments.parse_args()
    cases = [("as it is", BASE), *changed()]
    done = subprocess.run([options.binary], input=json.dumps([text for _, text in cases]), capture_output=True, text=True, check=True)
    ours = json.loads(done.stdout)
    counts = {"both take": 0, "both refuse": 0, "only Prisma refuses": 0, "only pgsteward refuses": 0}
    with SchemaEngine() as engine:
        for (name, text), mine in zip(cases, ours):
            theirs = engine.ask("validate", schema=text)
            kind = {
                (True, True): "both refuse",
                (False, False): "both take",
                (True, False): "only Prisma refuses",
                (False, True): "only pgsteward refuses",
            }[(theirs is not None, bool(mine))]
            counts[kind] += 1
            if kind.startswith("only") and options.verbose:
                said = mine[0] if mine else theirs["message"].split("error:")[-1].strip().splitlines()[0]
                print(f"{kind}: {name!r}\n    {said}", file=sys.stderr)
    alike = counts["both take"] + counts["both refuse"]
    print(f"{alike} of {len(cases)} schemas: {', '.join(f'{count} {kind}' for kind, count in counts.items())}")


if __name__ == "__main__":
    main()
