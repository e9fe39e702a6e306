//! What edits of code are offered for code as people write it: each function's name says how sure the edit must be.

use crate::support::{HEAD, Project};

const MODELS: &str = "model Person {\n  id        String    @id\n  email     String    @unique\n  phone     String?\n  name      String\n  first     String?\n  last      String?\n  city      String?\n  notes     Json?\n  deletedAt DateTime?\n  tasks     Task[]\n}\n\n\
    model Task {\n  id       Int     @id @default(autoincrement())\n  personId String\n  person   Person  @relation(fields: [personId], references: [id])\n  text     String\n  state    String\n  parentId Int?\n  parent   Task?   @relation(\"tree\", fields: [parentId], references: [id])\n  children Task[]  @relation(\"tree\")\n\n  @@index([personId])\n  @@index([parentId])\n}\n\n\
    model Log {\n  id   Int      @id @default(autoincrement())\n  text String\n}\n\n\
    model Event {\n  id   Int      @id @default(autoincrement())\n  text String\n  at   DateTime @default(now())\n}\n";

const CLIENT: &str =
    "import { PrismaClient } from '@prisma/client'\n\nexport const prisma = new PrismaClient()\n";

fn project(code: &str) -> Project {
    let code = format!("import {{ prisma }} from './client'\n{code}");
    Project::new(&[
        ("prisma/schema.prisma", &format!("{HEAD}\n{MODELS}")),
        ("package.json", "{\"dependencies\": {\"@prisma/client\": \"6.19.0\"}}\n"),
        ("src/client.ts", CLIENT),
        ("src/code.ts", &code),
    ])
}

/// The name of the function that each finding of a rule stands in, with how safe its edit is.
fn offered(project: &Project, rule: &str) -> Vec<(String, String)> {
    let review = project.check(&["--no-lab", "--select", rule]);
    let text = project.read("src/code.ts");
    let lines: Vec<&str> = text.lines().collect();
    let name = |line: u64| {
        let before = lines[..usize::try_from(line).unwrap()].iter().rev();
        let head = before.filter_map(|line| line.split_once("function ")).next();
        head.map_or(String::new(), |(_, rest)| rest.split(['(', '<']).next().unwrap().to_owned())
    };
    let of = |finding: &serde_json::Value| {
        let safety = finding["fix"]["safety"].as_str().unwrap_or("none");
        (name(finding["location"]["line"].as_u64().unwrap()), safety.to_owned())
    };
    review
        .of_rule(rule)
        .into_iter()
        .filter(|finding| finding["location"]["file"] == "src/code.ts")
        .map(of)
        .collect()
}

/// `safe1` has a safe edit, `review2` one to be reviewed, `none3` none or no finding at all.
fn assert_offers(project: &Project, rule: &str) {
    let text = project.read("src/code.ts");
    let offered = offered(project, rule);
    let functions = text.lines().filter_map(|line| line.split_once("function "));
    for name in functions.filter_map(|(_, rest)| rest.split(['(', '<']).next()) {
        let wanted = name.trim_end_matches(|one: char| one.is_ascii_digit());
        if !["safe", "review", "manual", "none"].contains(&wanted) {
            continue;
        }
        let found: Vec<&str> =
            offered.iter().filter(|(of, _)| of == name).map(|(_, safety)| safety.as_str()).collect();
        match wanted {
            "none" => assert!(found.iter().all(|safety| *safety == "none"), "{name}: {found:?}"),
            wanted => assert_eq!(found, [wanted], "{name}"),
        }
    }
}

#[test]
fn a_call_joins_the_transaction_only_where_it_runs_in_it() {
    let project = project(
        r#"import { replica } from './replica'
declare function after(run: () => Promise<void>): void

export async function review1(text: string) {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    await prisma.log.create({ data: { text } })
  })
}
export async function review2(texts: string[]) {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    await Promise.all(texts.map((text) => prisma.log.create({ data: { text } })))
  })
}
export async function none1() {
  await prisma.$transaction(async (tx) => {
    try {
      await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    } catch (error) {
      await prisma.log.create({ data: { text: String(error) } })
      throw error
    }
  })
}
export async function none2() {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    after(async () => {
      await prisma.log.create({ data: { text: 'done' } })
    })
  })
}
export async function none3() {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    await replica.log.create({ data: { text: 'done' } })
  })
}
export async function none4(texts: string[]) {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    await Promise.all(texts.map(async (tx) => { await prisma.log.create({ data: { text: tx } }) }))
  })
}
export async function none5() {
  await prisma.$transaction(async (tx) => {
    await tx.task.updateMany({ where: { state: 'A' }, data: { state: 'B' } })
    void prisma.log.create({ data: { text: 'done' } })
  })
}
"#,
    );
    project.write(
        "src/replica.ts",
        "import { PrismaClient } from '@prisma/client'\n\nexport const replica = new PrismaClient({ datasourceUrl: process.env.REPLICA })\n",
    );
    assert_offers(&project, "outer-client-in-transaction");
}

#[test]
fn a_loop_of_writes_is_one_statement_only_where_no_turn_hangs_on_another() {
    let project = project(
        r#"export async function safe1() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.task.findMany({ where: { state: 'A' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.task.updateMany({ where: { id: row.id, state: 'A' }, data: { state: 'B' } })
    }
  })
}
export async function safe2(texts: string[]) {
  await prisma.$transaction(async (tx) => {
    for (const text of texts) {
      await tx.log.create({ data: { text } as any })
    }
  })
}
export async function review1(texts: string[]) {
  await prisma.$transaction(async (tx) => {
    for (const text of texts) {
      await tx.event.create({ data: { text } })
    }
  })
}
export async function review2() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.person.findMany({ where: { city: 'x' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.person.updateMany({ where: { id: row.id }, data: { deletedAt: new Date() } })
    }
  })
}
export async function review3() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.task.findMany({ where: { state: 'A' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.task.updateMany({ where: { id: row.id, text: states.next() }, data: { state: 'B' } })
    }
  })
}
export async function none5() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.task.findMany({ where: { state: 'A' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.task.deleteMany({ where: { id: row.id, parentId: null } })
    }
  })
}
export async function none1() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.task.findMany({ where: { state: 'A' }, take: 100, orderBy: { id: 'desc' } })
    for (const row of rows) {
      await tx.task.deleteMany({ where: { id: row.id, children: { none: {} } } })
    }
  })
}
export async function none2() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.task.findMany({ where: { state: 'A' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.task.updateMany({ where: { id: row.id, NOT: { parent: { state: 'A' } } }, data: { state: 'B' } })
    }
  })
}
export async function none3() {
  await prisma.$transaction(async (tx) => {
    const rows = await tx.person.findMany({ where: { city: 'x' }, take: 100, orderBy: { id: 'asc' } })
    for (const row of rows) {
      await tx.person.updateMany({ where: { phone: row.phone }, data: { city: 'y' } })
    }
  })
}
export async function none4(names: string[], clientFor: (name: string) => typeof prisma) {
  for (const name of names) {
    await clientFor(name).log.create({ data: { text: name } })
  }
}
export async function safe3(texts: string[]) {
  await prisma.$transaction(async (tx) => {
    for (const text of texts) {
      await tx.log.create({ data: { text } })
    }
    [1, 2].forEach((one) => texts.push(String(one)))
  })
}
"#,
    );
    assert_offers(&project, "write-in-loop");
    let diff = project.run(&["check", "--fix", "--diff", "--no-lab", "--select", "write-in-loop"]).stdout;
    assert!(diff.contains("texts.map((text) => ({ text } as any))"), "casts stay: {diff}");
    assert!(diff.contains("({ text })) });\n"), "what follows begins with a bracket: {diff}");
}

#[test]
fn a_loop_of_reads_is_one_query_only_where_nothing_moves_meanwhile() {
    let project = project(
        r#"declare function add(ids: string[]): void

export async function safe1(ids: string[]) {
  for (const id of ids) {
    const person = await prisma.person.findUnique({ where: { id } })
    console.log(person?.name)
  }
}
export async function review1(ids: string[]) {
  for (const id of ids) {
    const person = await prisma.person.findUnique({ where: { id }, select: { tasks: { select: { id: true } } } })
    person?.tasks.push({ id: 1 })
    console.log(person?.tasks.length)
  }
}
export async function review2(ids: string[]) {
  for (const id of ids) {
    const person = await prisma.person.findUnique({ where: { id } })
    if (person) person['name'] = 'x'
    console.log(person?.name)
  }
}
export async function none1(ids: string[], clientFor: (id: string) => typeof prisma) {
  for (const id of ids) {
    const person = await clientFor(id).person.findUnique({ where: { id } })
    console.log(person?.name)
  }
}
export async function none2() {
  const tasks = await prisma.task.findMany({ where: { state: 'A' } })
  for (const task of tasks) {
    task.personId = task.personId.toLowerCase()
    const person = await prisma.person.findUnique({ where: { id: task.personId } })
    console.log(person?.name)
  }
}
export async function none3(ids: string[]) {
  for (const id of ids) {
    const person = await prisma.person.findUnique({ where: { id } })
    add(ids)
    console.log(person?.name)
  }
}
export async function none4(ids: string[]) {
  all: // of them
  for (const id of ids) {
    const person = await prisma.person.findUnique({ where: { id } })
    if (!person) continue all
    console.log(person.name)
  }
}
export async function none5(ids: string[]) {
  for (const id of ids) {
    const one = ids
    await prisma.person.findUnique({ where: { id } })
    console.log(one)
  }
}
"#,
    );
    assert_offers(&project, "query-in-loop");
}

#[test]
fn find_unique_takes_the_place_only_of_a_value_that_is_there() {
    let calls: String = (0..20)
        .map(|number| {
            format!("export async function other{number}(id: string) {{\n  return prisma.person.findUnique({{ where: {{ id }} }})\n}}\n")
        })
        .collect();
    let code = calls
        + r#"export async function safe1(id: string) {
  return prisma.person.findFirst({ where: { id } })
}
export async function review1(id) {
  return prisma.person.findFirst({ where: { id } })
}
export async function review2(email: string | { contains: string }) {
  return prisma.person.findFirst({ where: { email } })
}
export async function review3(email: any) {
  return prisma.person.findFirst({ where: { email } })
}
export async function review4(given: Partial<{ email: string }>) {
  const { email } = given
  return prisma.person.findFirst({ where: { email } })
}
export async function review5(id: string, ids: any[]) {
  return [id, ...ids].map((id) => prisma.person.findFirst({ where: { id } }))
}
export async function none1(id: string) {
  return prisma.person.findFirst<any>({ where: { id } })
}
"#;
    let plain = project(&code);
    assert_offers(&plain, "find-first-by-unique-key");
    let extended = project(
        &code.replace("function safe1", "function manual1").replace("function review", "function left"),
    );
    extended.write(
        "src/client.ts",
        "import { PrismaClient } from '@prisma/client'\n\nconst base = new PrismaClient()\nexport const prisma = base.$extends({ query: { person: { findFirst: ({ args, query }) => query({ ...args, where: { ...args.where, deletedAt: null } }) } } })\n",
    );
    assert_offers(&extended, "find-first-by-unique-key");
}

#[test]
fn a_cursor_gets_its_last_key_in_the_list_itself() {
    let project = project(
        r#"export async function safe1(id: string) {
  return prisma.person.findMany({ take: 9, cursor: { id }, orderBy: [{ name: 'desc' } as const] })
}
export async function none1(id: string) {
  return prisma.person.findMany({ take: 9, cursor: { id }, orderBy: [({ name: 'desc' })] })
}
export async function none2(id: string, ways: ('asc' | 'desc')[]) {
  return prisma.person.findMany({ take: 9, cursor: { id }, orderBy: { name: ways.pop() } })
}
"#,
    );
    assert_offers(&project, "cursor-without-unique-order");
}

#[test]
fn fields_are_left_out_only_where_no_type_and_no_extension_may_want_them() {
    let code = r#"import type { Person } from '@prisma/client'

export async function safe1() {
  const people = await prisma.person.findMany({ where: { city: 'x' }, take: 500 })
  return people.map((person) => person.name)
}
export async function review1() {
  const people: Person[] = await prisma.person.findMany({ where: { city: 'x' }, take: 500 })
  return people.map((person) => person.name)
}
export async function review2() {
  const people = await prisma.person.findMany({ where: { city: 'x' }, take: 500 })
  return people.map((person: Person) => person.name)
}
export async function none1() {
  const people = await prisma.person.findMany({ where: { city: 'x' }, take: 500 })
  return people.map((person) => person.name + person.fullName)
}
export async function none2(byCity: (a: object, b: object) => number) {
  const people = await prisma.person.findMany({ where: { city: 'x' }, take: 500 })
  people.sort(byCity)
  return people.map((person) => person.name)
}
"#;
    assert_offers(&project(code), "over-fetch");
    let extended = project(&code.replace("safe1", "review3"));
    extended.write(
        "src/client.ts",
        "import { PrismaClient } from '@prisma/client'\n\nexport const prisma = new PrismaClient().$extends({ result: { person: { fullName: { needs: { first: true }, compute: (one) => one.first } } } })\n",
    );
    assert_offers(&extended, "over-fetch");
}

#[test]
fn a_relation_is_left_out_only_where_nothing_may_read_it() {
    let project = project(
        r#"export async function safe1(id: string) {
  const person = await prisma.person.findUniqueOrThrow({ where: { id }, include: { tasks: true } })
  return person.name
}
export async function none1(id: string) {
  const key = 'tasks'
  const person = await prisma.person.findUniqueOrThrow({ where: { id }, include: { tasks: true } })
  return person[key].length
}
"#,
    );
    assert_offers(&project, "include-unused");
}
