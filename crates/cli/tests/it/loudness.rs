//! How loud a finding about code is: a rule that informs is loud of what it is sure of, and of nothing else.

use crate::support::{HEAD, Project};

const MODELS: &str = "model Payment {\n  id       Int       @id\n  kind     String\n  state    String\n  parentId Int?\n  \
                      parent   Payment?  @relation(\"parts\", fields: [parentId], references: [id])\n  \
                      parts    Payment[] @relation(\"parts\")\n}\n";

const DB: &str = "import { PrismaClient } from '@prisma/client'\nexport const prisma = new PrismaClient()\n";

/// A function that calls itself for each part of a payment, with a step of its own on the way.
fn walk(step: &str) -> String {
    format!(
        "import {{ prisma }} from './db'\nimport {{ handlers }} from './handlers'\n\
         export async function walk(id: number, found: string[]) {{\n\
           const payment = await prisma.payment.findUniqueOrThrow({{ where: {{ id }}, include: {{ parts: true }} }})\n\
           {step}\n\
           for (const part of payment.parts) {{ await walk(part.id, found) }}\n}}\n"
    )
}

#[test]
fn a_tree_is_told_of_aloud_where_the_function_only_reads() {
    let steps = [
        ("found.push(payment.kind)", "warning"),
        ("await prisma.$queryRaw`SELECT 1 FROM \"Payment\" WHERE \"id\" = ${payment.id}`", "warning"),
        (
            "await prisma.$executeRaw`UPDATE \"Payment\" SET \"state\" = 'x' WHERE \"id\" = ${payment.id}`",
            "info",
        ),
        ("await prisma.payment.update({ where: { id: payment.id }, data: { state: 'x' } })", "info"),
        ("await handlers[payment.kind].settle(prisma, payment.id)", "info"),
    ];
    for (step, severity) in steps {
        let schema = format!("{HEAD}\n{MODELS}");
        let files =
            [("prisma/schema.prisma", schema.as_str()), ("src/db.ts", DB), ("src/walk.ts", &walk(step))];
        let review = Project::new(&files).check(&["--no-lab"]);
        let found = review.of_rule("query-in-loop");
        assert_eq!(found.len(), 1, "{step}: {}", review.stderr);
        assert_eq!(found[0]["severity"], severity, "{step}");
    }
}
