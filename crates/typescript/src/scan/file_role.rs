//! What files are for: by their path, and by what a program that is run by hand says.

use pgsteward_model::code::FileRole;

/// What the folders of a path say.
#[derive(Default)]
struct Folders {
    generated: bool,
    test: bool,
    seed: bool,
    migration: bool,
    script: bool,
}

impl Folders {
    fn of(path: &str) -> Folders {
        let mut found = Folders::default();
        let mut inner = "";
        for folder in path.rsplit('/').skip(1) {
            match folder {
                "generated" | "__generated__" | ".prisma" | "dist" | "build" | ".next" => {
                    found.generated = true;
                }
                "test" | "tests" | "test-utils" | "testcontainers" | "test-helpers" | "_test-utils"
                | "__test-utils__" | "testing" | "__tests__" | "__mocks__" | "e2e" | "spec" | "specs"
                | "fixtures" | "cypress" | "playwright" => found.test = true,
                "seed" | "seeds" | "seeder" | "seeders" | "seeding" => found.seed = true,
                "migration" | "backfills" | "backfill" => found.migration = true,
                "scripts" | "script" | "bin" | "tools" | "one-off" | "oneoff" | "one-time" => {
                    found.script = true;
                }
                _ => {
                    found.test |= ["-tests", "-test", "-e2e"].iter().any(|end| folder.ends_with(end));
                    found.migration |= folder.ends_with("migrations") || folder.starts_with("migration-");
                    found.script |= inner == "temp" && folder == "admin";
                }
            }
            inner = folder;
        }
        found
    }
}

/// By the path alone.
pub(super) fn of_path(path: &str) -> FileRole {
    let path = path.to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let stem = name.split('.').next().unwrap_or(name);
    let folders = Folders::of(&path);
    let between_dots =
        name.split_once('.').and_then(|(_, rest)| rest.rsplit_once('.')).map_or("", |(inner, _)| inner);
    let marked = |marks: &[&str]| between_dots.split('.').any(|part| marks.contains(&part));
    if folders.generated || marked(&["generated", "gen"]) || name.ends_with(".min.js") {
        return FileRole::Generated;
    }
    if folders.test
        || marked(&["test", "spec", "stories", "bench", "mock"])
        || name.contains(".e2e")
        || matches!(stem, "mock" | "mocks")
        || name.starts_with("vitest.")
        || name.starts_with("jest.")
        || stem.ends_with("-test")
    {
        return FileRole::Test;
    }
    if folders.seed
        || stem.starts_with("seed")
        || stem == "populate"
        || stem.ends_with("seed")
        || stem.ends_with("seeder")
    {
        return FileRole::Seed;
    }
    if folders.migration || stem.starts_with("backfill") {
        return FileRole::Migration;
    }
    if folders.script { FileRole::Script } else { FileRole::Application }
}

/// Of a file whose path says nothing: by what it says.
pub(super) fn of_text(name: &str, text: &str) -> FileRole {
    // `orders.integration.ts` may be a test, and may be what talks to another system.
    let is_test = name.contains(".integration.") && text.contains("describe(") && text.contains("expect(");
    if is_test {
        FileRole::Test
    } else if is_program(text) {
        FileRole::Script
    } else {
        FileRole::Application
    }
}

/// A program that is run by hand, by what it says: it gives nothing to other files, ends itself when it is done, talks
/// to a terminal or both calls what it declares and leaves, and waits for no requests and no jobs.
pub(super) fn is_program(text: &str) -> bool {
    const ENDS: [&str; 4] = ["process.exit(0)", "process.exit()", "process.argv", "readline"];
    const GIVES: [&str; 4] = ["export ", "export{", "module.exports", "exports."];
    const WAITS: [&str; 14] = [
        ".listen(",
        "serve(",
        "createServer",
        "Server(",
        "server(",
        "createApp",
        "new Worker(",
        "Worker.create(",
        ".process(",
        ".consume(",
        "eachMessage",
        ".work(",
        "taskList",
        "NestFactory",
    ];
    const LASTS: [&str; 9] =
        ["setInterval(", "cron", "schedule", "while (", "while(", "for (;;)", "for(;;)", "subscribe", ".on("];
    const LEAVES: [&str; 2] = ["$disconnect", "process.exit"];
    let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // Nearly every file gives something, and soon.
    text.starts_with("#!")
        || !holds(&GIVES)
            && !holds(&WAITS)
            && (holds(&ENDS) || holds(&LEAVES) && !holds(&LASTS) && runs_itself(text))
}

/// `(async () => { … })()`, `main()` or `run().catch(…)` at the start of a line.
fn runs_itself(text: &str) -> bool {
    text.lines().any(|line| {
        let called = ["main(", "run(", "start("].iter().any(|name| {
            let line = line.strip_prefix("await ").or_else(|| line.strip_prefix("void ")).unwrap_or(line);
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(')'))
        });
        called || line.starts_with("(async ") || line.starts_with(";(async ")
    })
}

#[cfg(test)]
mod tests {
    use pgsteward_model::code::FileRole;

    use super::{is_program, of_path, of_text};

    #[test]
    fn a_name_that_may_be_a_tests_is_asked_for_its_text() {
        let test = "describe('orders', () => { it('counts', () => { expect(1).toBe(1) }) })\n";
        assert_eq!(of_text("orders.integration.ts", test), FileRole::Test);
        assert_eq!(
            of_text("slack.integration.ts", "export const send = () => fetch(url)\n"),
            FileRole::Application
        );
        assert_eq!(of_text("describe.ts", test), FileRole::Application);
    }

    #[test]
    fn what_fills_a_database_is_no_application() {
        for path in ["prisma/seed.ts", "src/prisma/seeder/src/old/users.ts", "db/seeding/users.ts"] {
            assert_eq!(of_path(path), FileRole::Seed, "{path}");
        }
        assert_eq!(of_path("src/reseeding-pools.ts"), FileRole::Application);
        assert_eq!(of_path("src/shop/mock.ts"), FileRole::Test);
        assert_eq!(of_path("src/mockups/shop.ts"), FileRole::Application);
    }

    #[test]
    fn programs_run_themselves_and_end() {
        assert!(is_program(
            "import { prisma } from './db'\n(async () => {\n  await prisma.x.count()\n  await prisma.$disconnect()\n})()\n"
        ));
        assert!(is_program("async function run() {}\n\nrun().finally(() => db.$disconnect());\n"));
        assert!(is_program("async function main() {}\nawait main()\nprocess.exit(code)\n"));
        assert!(
            !is_program("export async function run() {}\nrun()\ndb.$disconnect()\n"),
            "others may call it"
        );
        assert!(!is_program("async function f() {\n  run()\n}\ndb.$disconnect()\n"), "not at the top");
    }

    #[test]
    fn what_never_ends_is_no_program() {
        for body in [
            "app.listen(3000)",
            "await startStandaloneServer(new ApolloServer({ resolvers }))",
            "await Hapi.server({ port: 3000 }).start()",
            "await channel.consume('orders', handle)",
            "await boss.work('orders', handle)",
            "await consumer.run({ eachMessage: handle })",
            "setInterval(poll, 1000)",
            "for (;;) await poll()",
            "while (running) await poll()",
            "do { await poll() } while(true)",
        ] {
            let text = format!("async function main() {{ {body} }}\nmain().catch(() => process.exit(1))\n");
            assert!(!is_program(&text), "{body}");
        }
        assert!(!is_program("async function main() { await poll() }\nmain()\n"), "nothing says that it ends");
    }
}
