//! `queries --states`: drawn in all formats, and its triggers tried in the lab.

use crate::support::{HEAD, Project};

const SHOP: &str = "enum OrderStatus {\n  PENDING\n  PAID\n  SHIPPED  @map(\"shipped\")\n  LOST\n  RETURNED\n}\n\n\
    model Order {\n  id     Int         @id @default(autoincrement())\n  status OrderStatus @default(PENDING)\n}\n\n\
    model Job {\n  id    Int    @id @default(autoincrement())\n  state String @map(\"job_state\")\n\n  @@map(\"jobs\")\n}\n";

const SHOP_SQL: &str = "CREATE TYPE \"OrderStatus\" AS ENUM ('PENDING', 'PAID', 'shipped', 'LOST', 'RETURNED');\n\
    CREATE TABLE \"Order\" (\"id\" SERIAL NOT NULL, \"status\" \"OrderStatus\" NOT NULL DEFAULT 'PENDING', CONSTRAINT \"Order_pkey\" PRIMARY KEY (\"id\"));\n\
    CREATE TABLE \"jobs\" (\"id\" SERIAL NOT NULL, \"job_state\" TEXT NOT NULL, CONSTRAINT \"jobs_pkey\" PRIMARY KEY (\"id\"));\n";

/// No rule finds anything wrong with the orders: every update names the status that it expects, but the one of lost ones.
const SHOP_TS: &str = r#"import { PrismaClient, OrderStatus } from '@prisma/client'

const prisma = new PrismaClient()

export const order = () => prisma.order.create({ data: {}, select: { id: true } })

export async function pay(id: number) {
  return prisma.order.updateMany({ where: { id, status: 'PENDING' }, data: { status: 'PAID' } })
}

export async function ship(id: number) {
  return prisma.order.updateMany({ where: { id, status: OrderStatus.PAID }, data: { status: OrderStatus.SHIPPED } })
}

export async function lose(id: number) {
  return prisma.order.update({ where: { id }, data: { status: 'LOST' }, select: { id: true } })
}

export async function work(id: number) {
  return prisma.job.updateMany({ where: { id, state: 'queued' }, data: { state: 'running' } })
}

export async function set(id: number, state: string) {
  return prisma.job.update({ where: { id }, data: { state }, select: { id: true } })
}
"#;

fn shop() -> Project {
    Project::new(&[
        ("prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("prisma/migrations/20260101000000_init/migration.sql", SHOP_SQL),
        ("package.json", "{\"dependencies\": {\"@prisma/client\": \"6.19.0\"}}\n"),
        ("src/shop.ts", SHOP_TS),
    ])
}

#[test]
fn states_are_drawn_without_a_finding() {
    let project = shop();
    let check = project.run(&["check", "--no-lab", "--select", "status-updated-blindly", "--format", "json"]);
    assert_eq!(check.json()["findings"].as_array().map(Vec::len), Some(0), "{}", check.both());
    let run = project.run(&["queries", "--states", "--no-lab"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    insta::assert_snapshot!("states", run.snapshot());
    let markdown = project.run(&["queries", "--states", "Order", "--no-lab", "--format", "markdown"]);
    assert!(markdown.stdout.contains("```mermaid\nstateDiagram-v2\n"), "{}", markdown.stdout);
    assert!(markdown.stdout.contains("    [*] --> s0\n"), "{}", markdown.stdout);
    assert!(!markdown.stdout.contains("Job"), "only what was named: {}", markdown.stdout);
}

/// Rows may begin in a state that the code does not spell out.
#[test]
fn states_that_a_create_may_set_are_not_unset() {
    let creates = [
        "(status: OrderStatus) => prisma.order.create({ data: { status } })",
        "(input: any) => prisma.order.create({ data: { ...input } })",
        "() => prisma.$executeRaw`INSERT INTO \"Order\" (\"status\") VALUES ('RETURNED')`",
    ];
    for create in creates {
        let project = shop();
        project.write(
            "src/more.ts",
            format!("{}\nexport const more = {create}\n", &SHOP_TS[..SHOP_TS.find("export").unwrap()]),
        );
        let run = project.run(&["queries", "--states", "Order", "--no-lab"]);
        assert!(run.stdout.contains("PENDING → PAID"), "{}", run.both());
        assert!(!run.stdout.contains("nothing in the code sets"), "{create}: {}", run.both());
    }
}

/// Of a text the value of an enum's member counts, and not its name; one that is not known is no state at all.
#[test]
fn members_of_an_enum_are_states_by_their_values() {
    let project = shop();
    project.write(
        "src/jobs.ts",
        "import { PrismaClient } from '@prisma/client'\nimport { Outside } from 'somewhere'\n\n\
         const prisma = new PrismaClient()\n\nenum JobState { Running = 'r', Done = 'd' }\n\n\
         export const end = (id: number) =>\n  prisma.job.updateMany({ where: { id, state: JobState.Running }, data: { state: JobState.Done } })\n\n\
         export const leave = (id: number) =>\n  prisma.job.updateMany({ where: { id, state: 'r' }, data: { state: Outside.Gone } })\n",
    );
    let run = project.run(&["queries", "--states", "Job.state", "--no-lab"]);
    assert!(run.stdout.contains("r → d"), "{}", run.both());
    assert!(!run.stdout.contains("Done") && !run.stdout.contains("Gone"), "{}", run.both());
}

/// The trigger of a column that no rule complains of is tried as the fix of a finding is: it lets pass what it allows,
/// refuses the rest, and its way back leaves nothing.
fn trigger_is_proven(major: &str) {
    let project = shop();
    let run = project.run(&["queries", "--states", "--format", "json", "--pg-major", major]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let found = run.json();
    let columns = found["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 2, "{found:#}");
    let (order, job) = (&columns[0], &columns[1]);
    assert_eq!(order["proof"]["verdict"], "proven", "{order:#}");
    assert_eq!(order["begins"], serde_json::json!(["PENDING"]));
    assert_eq!(order["unset"], serde_json::json!(["RETURNED"]));
    let seen = order["proof"]["observations"].as_array().unwrap();
    let tried = |what: &str| {
        seen.iter()
            .find(|one| one["kind"] == "attacked" && one["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {order:#}"))
    };
    assert!(tried("from PENDING to PAID")["refused"].is_null());
    assert!(tried("from PAID to LOST")["refused"].is_null(), "any state may go there");
    assert_eq!(
        tried("from PENDING to shipped")["refused"]["sqlstate"],
        "23514",
        "spelt as the database does"
    );
    for kind in ["rolled_back", "applied_again"] {
        assert!(seen.iter().any(|one| one["kind"] == kind), "{kind}: {order:#}");
    }
    assert!(!seen.iter().any(|one| one["kind"] == "finding_gone"), "there was none: {order:#}");
    assert_eq!(job["trigger"], serde_json::json!([]), "a write of it is not known: {job:#}");
    assert_eq!(job["unknown"][0]["line"], 24, "{job:#}");
}

#[test]
fn triggers_of_states_are_proven_in_the_lab() {
    trigger_is_proven("17");
    trigger_is_proven("15");
}

#[test]
fn states_as_sql_come_with_their_way_back() {
    let project = shop();
    let run = project.run(&["queries", "--states", "Order.status", "--format", "sql"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    for part in [
        "-- proven on PostgreSQL",
        "CREATE FUNCTION \"Order_status_transition\"() RETURNS trigger",
        "CREATE TRIGGER \"Order_status_transition\" BEFORE UPDATE OF status ON \"Order\"",
        "-- the way back: DROP TRIGGER \"Order_status_transition\" ON \"Order\";",
        "-- the way back: DROP FUNCTION \"Order_status_transition\"();",
    ] {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let wrong = project.run(&["queries", "--states", "Order.sttus", "--no-lab"]);
    assert_eq!(wrong.code, Some(2), "{}", wrong.both());
    assert!(wrong.stderr.contains("did you mean Order.status?"), "{}", wrong.stderr);
}
