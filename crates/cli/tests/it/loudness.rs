//! How loud a finding about code is: a rule that informs is loud of what it is sure of, and of nothing else.

use crate::support::{HEAD, Project};

const MODELS: &str = "model Shop {\n  id       Int      @id @default(autoincrement())\n  email    String\n  \
                      name     String\n  members  Member[]\n  parentId Int?\n  \
                      parent   Shop?    @relation(\"parts\", fields: [parentId], references: [id])\n  \
                      parts    Shop[]   @relation(\"parts\")\n}\n\n\
                      model Member {\n  id     Int  @id @default(autoincrement())\n  \
                      shopId Int\n  shop   Shop @relation(fields: [shopId], references: [id])\n}\n";

const DB: &str = "import { PrismaClient } from '@prisma/client'\nexport const prisma = new PrismaClient()\n";

const TREE: &str = "const shop = await prisma.shop.findUniqueOrThrow({ where: { id }, include: { parts: true } })\n\
                    for (const part of shop.parts) { await work(part.id, name) }";

const SHOP_AND_MEMBER: &str = "const shop = await prisma.shop.create({ data: { name, email: name } })\n\
                               await prisma.member.create({ data: { shopId: shop.id } })";

/// The severity of the one finding of a rule in a function with this body.
fn severity(rule: &str, body: &str, configuration: &str) -> String {
    let schema = format!("{HEAD}\n{MODELS}");
    let code = format!(
        "import {{ prisma }} from './db'\n\
         export async function work(id: number, name: string) {{\n{body}\n}}\n"
    );
    let files = [
        ("prisma/schema.prisma", schema.as_str()),
        ("src/db.ts", DB),
        ("src/work.ts", &code),
        ("pgsteward.toml", configuration),
    ];
    let review = Project::new(&files).check(&["--no-lab"]);
    let found = review.of_rule(rule);
    assert_eq!(found.len(), 1, "{body}: {}", review.stderr);
    found[0]["severity"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_rule_that_informs_is_loud_of_what_it_is_sure_of_alone() {
    let by = |field: &str| {
        format!(
            "return prisma.shop.findFirst({{ where: {{ {field}: {{ equals: name, mode: 'insensitive' }} }} }})"
        )
    };
    assert_eq!(severity("insensitive-equals-is-pattern", &by("email"), ""), "error");
    assert_eq!(severity("insensitive-equals-is-pattern", &by("name"), ""), "info");
    assert_eq!(severity("query-in-loop", TREE, ""), "info");
    assert_eq!(severity("writes-without-transaction", SHOP_AND_MEMBER, ""), "info");
}

#[test]
fn a_configuration_raises_it() {
    let raised = "[severity]\nwrites-without-transaction = \"warning\"\nquery-in-loop = \"warning\"\n";
    assert_eq!(severity("query-in-loop", TREE, raised), "warning");
    assert_eq!(severity("writes-without-transaction", SHOP_AND_MEMBER, raised), "warning");
}
