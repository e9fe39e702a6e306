//! What imports stand for.

use pgsteward_typescript::Depth;

use crate::support::{DB, alias, calls, linked, linked_in, package, units, world};

const USE: &str = "export const f = () => prisma.user.findMany()";

#[test]
fn relative_imports_find_their_files() {
    for specifier in ["./db", "./db.js", "./db.ts", "../src/db", "./lib", "./lib/index.js"] {
        let text = format!("import {{ prisma }} from '{specifier}'\n{USE}");
        let code = linked(&[DB, ("src/lib/index.ts", "export * from '../db'"), ("src/a.ts", &text)]);
        assert_eq!(calls(&code), ["src/a.ts User.findMany Resolved"], "{specifier}");
    }
}

#[test]
fn aliases_and_packages_are_followed() {
    let mut world = world();
    world.aliases = vec![alias("", "@/*", "src/*"), alias("apps/web", "~/*", "apps/web/app/*")];
    world.packages = vec![
        package(
            "@acme/db",
            "packages/db",
            &[(".", "packages/db/dist/index.js"), ("./client", "packages/db/dist/client.js")],
            &[],
        ),
        package("plain", "packages/plain", &[], &[]),
    ];
    let client = "import { PrismaClient } from '@prisma/client'\nexport const prisma = new PrismaClient()\n";
    let cases = [
        ("src/deep/a.ts", "@/db"),
        ("apps/web/app/x/a.ts", "~/db.server"),
        ("apps/web/a.ts", "@acme/db"),
        ("apps/web/a.ts", "@acme/db/client"),
        ("apps/web/a.ts", "plain"),
        ("apps/web/a.ts", "plain/deep/db"),
    ];
    for (path, specifier) in cases {
        let text = format!("import {{ prisma }} from '{specifier}'\n{USE}");
        let code = linked_in(
            &[
                ("src/db.ts", client),
                ("apps/web/app/db.server.ts", client),
                ("packages/db/src/index.ts", "export { prisma } from './client'"),
                ("packages/db/src/client.ts", client),
                ("packages/plain/index.ts", client),
                ("packages/plain/src/deep/db.ts", client),
                (path, &text),
            ],
            &world,
        );
        assert_eq!(calls(&code), [format!("{path} User.findMany Resolved")], "{specifier}");
    }
}

#[test]
fn cycles_of_imports_come_to_an_end() {
    let code = linked(&[
        DB,
        ("src/a.ts", "export * from './b'\nimport { g } from './b'\nexport const f = () => g()"),
        (
            "src/b.ts",
            "export * from './a'\nimport { f } from './a'\nimport { prisma } from './db'\n\
             export const g = () => { f(); return prisma.user.count() }\nexport const x = missing.y\n",
        ),
        (
            "src/c.ts",
            "import { y } from './c'\nexport const y = y.prisma\nexport { z } from './c'\nexport const w = () => y.user.count({ where: { id: '1' } })",
        ),
    ]);
    assert_eq!(calls(&code), ["src/b.ts User.count Resolved", "src/c.ts User.count Shape"]);
    assert!(
        code.functions
            .iter()
            .filter(|function| ["f", "g"].contains(&function.name.as_str()))
            .all(|function| function.recursive)
    );
}

#[test]
fn clients_in_unusual_places_are_known_by_the_generator() {
    let mut world = world();
    world.projects[0].modules = vec!["@acme/generated-client".into()];
    world.projects[0].outputs = vec!["src/__generated__/prisma".into()];
    world.aliases = vec![alias("", "#gen/*", "src/__generated__/*")];
    for specifier in [
        "@acme/generated-client",
        "./__generated__/prisma",
        "./__generated__/prisma/client.js",
        "#gen/prisma",
    ] {
        let text = format!(
            "import {{ PrismaClient as Client }} from '{specifier}'\nconst db = new Client()\nexport const f = () => db.user.count()"
        );
        let code = linked_in(&[("src/a.ts", &text)], &world);
        assert_eq!(calls(&code), ["src/a.ts User.count Resolved"], "{specifier}");
    }
}

#[test]
fn what_is_read_in_full_is_told_name_by_name() {
    let users = format!(
        "import {{ prisma }} from './db'\nexport class UserStore {{ all() {{ return prisma.user.findMany() }} }}\n{USE}"
    );
    let files = [
        DB,
        (
            "src/all.ts",
            "export * from './format'\nexport * from './users'\nexport { late as early } from './late'\n",
        ),
        (
            "src/format.ts",
            "export const short = (text: string) => text.slice(1)\nexport interface Store {}\n",
        ),
        ("src/late.ts", "import { f } from './all'\nexport const late = () => f()\n"),
        ("src/users.ts", users.as_str()),
        ("src/uses-format.ts", "import { short, Store } from './all'\nexport const a = short('b')\n"),
        ("src/uses-users.ts", "import { f } from './all'\nexport const g = () => f()\n"),
        ("src/uses-renamed.ts", "import { early } from './all'\nexport const h = () => early()\n"),
        ("src/uses-everything.ts", "import * as all from './all'\nexport const i = () => all.f()\n"),
        ("src/uses-what-nobody-knows.ts", "import { made } from './all'\nexport const j = () => made()\n"),
        ("src/uses.test.ts", "import { f } from './all'\nf()\n"),
    ];
    let read = units(&files, &world());
    let full = read.iter().filter(|unit| unit.depth == Depth::Full).map(|unit| &*unit.file);
    assert_eq!(
        full.collect::<Vec<_>>(),
        [
            "src/db.ts",
            "src/late.ts",
            "src/users.ts",
            "src/uses-everything.ts",
            "src/uses-renamed.ts",
            "src/uses-users.ts",
            "src/uses-what-nobody-knows.ts",
        ]
    );
}

#[test]
fn files_that_hand_on_each_others_names_end() {
    let files = [
        DB,
        ("src/a.ts", "export * from './b'\nexport { x } from './b'\n"),
        ("src/b.ts", "export * from './a'\nexport { y as x } from './a'\nexport { x as y } from './a'\n"),
        (
            "src/c.ts",
            "import { x, z } from './a'\nimport { prisma } from './db'\nx(z, prisma.user.findMany())\n",
        ),
    ];
    assert_eq!(calls(&linked(&files)), ["src/c.ts User.findMany Resolved"]);
}
