//! Code of every kind and in every state: what is read, what is left out, and that it is said.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::{HEAD, Project, Review};

const RULE: &str = "insensitive-equals-is-pattern";

const MODELS: &str =
    "model User {\n  id    Int    @id @default(autoincrement())\n  email String @unique\n}\n";

const DB: &str = "import { PrismaClient } from '@prisma/client'\nexport const prisma = new PrismaClient()\n";

/// A function with one call that the rule speaks of, as everyone who sends an address decides the pattern.
const CALL: &str = "export async function byEmail(email: string) {\n\
    return prisma.user.findFirst({ where: { email: { equals: email, mode: 'insensitive' } } })\n}\n";

fn project(files: &[(&str, &str)]) -> Project {
    let project = Project::new(&[("prisma/schema.prisma", &format!("{HEAD}\n{MODELS}")), ("src/db.ts", DB)]);
    for (path, text) in files {
        project.write(path, text);
    }
    project
}

fn check(files: &[(&str, &str)]) -> Review {
    project(files).check(&["--no-lab"])
}

fn code(review: &Review) -> (u64, u64, u64) {
    let code = &review.json["project"]["code"];
    let number = |name: &str| code[name].as_u64().unwrap_or_else(|| panic!("{name} of {code}"));
    (number("files"), number("calls"), number("understood"))
}

fn place(finding: &Value) -> String {
    format!("{}:{}", finding["location"]["file"].as_str().unwrap(), finding["location"]["line"])
}

fn places(review: &Review) -> Vec<String> {
    review.of_rule(RULE).into_iter().map(place).collect()
}

#[test]
fn calls_are_found_judged_and_counted() {
    let project = project(&[("src/users.ts", &format!("import {{ prisma }} from './db'\n{CALL}"))]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(places(&review), ["src/users.ts:3"]);
    assert_eq!(code(&review), (2, 1, 1));
    let text = project.run(&["check", "--no-lab"]).stdout;
    assert!(text.contains("1 call (100 % understood) in 2 code files"), "{text}");
    let markdown = project.run(&["check", "--no-lab", "--format", "markdown"]).stdout;
    assert!(markdown.contains("1 call (100 % understood) in 2 code files"), "{markdown}");
}

#[test]
fn decorators_jsx_enums_and_namespaces_are_read() {
    let review = check(&[
        (
            "src/users.service.ts",
            "import { Injectable, Inject } from '@nestjs/common'\nimport { PrismaClient } from '@prisma/client'\n\
             enum Kind { A = 'a' }\nnamespace Old { export const x = 1 }\n@Injectable({ scope: 'x' })\n\
             export class Users {\n  constructor(@Inject('db') private readonly db: PrismaClient) {}\n\
             @Log() byEmail(email: string) {\n\
             return this.db.user.findFirst({ where: { email: { equals: email, mode: 'insensitive' } } })\n  }\n}\n",
        ),
        (
            "src/page.tsx",
            "import { prisma } from './db'\nexport default async function Page({ params }: { params: { email: string } }) {\n\
             const user = await prisma.user.findFirst({ where: { email: { equals: params.email, mode: 'insensitive' } } })\n\
             return <p>{user?.email ?? <></>}</p>\n}\n",
        ),
        (
            "src/old.cjs",
            "const { prisma } = require('./db')\nexports.byEmail = async (req) =>\n\
             prisma.user.findFirst({ where: { email: { equals: req.query.email, mode: 'insensitive' } } })\n",
        ),
    ]);
    assert_eq!(places(&review), ["src/old.cjs:3", "src/page.tsx:3", "src/users.service.ts:9"]);
}

#[test]
fn a_file_that_does_not_parse_costs_no_other() {
    let good = format!("import {{ prisma }} from './db'\n{CALL}");
    let review = check(&[
        ("src/broken.ts", "import { prisma } from './db'\nexport const f = ( => { prisma.user.findMany(\n"),
        ("src/users.ts", &good),
    ]);
    assert_eq!(places(&review), ["src/users.ts:3"]);
    let gap = review.gap("code of src/broken.ts").unwrap();
    assert!(gap.contains("parse"), "{gap}");
    assert_ne!(review.code, Some(2), "a gap is no failure");
}

#[test]
fn bundles_and_files_of_ten_megabytes_are_left_out() {
    let bundle = format!("var a=1;{}\n", "a+=prisma.user.findMany();".repeat(4_000));
    let huge = "// prisma.user.findMany()\n".repeat(400_000);
    let project = project(&[("src/vendor.js", &bundle), ("src/huge.ts", &huge)]);
    project.write("src/latin.ts", b"// caf\xe9\nprisma.user.findMany()\n");
    let review = project.check(&["--no-lab"]);
    for (file, why) in [("vendor.js", "minified"), ("huge.ts", "over 2 MB"), ("latin.ts", "UTF-8")] {
        let gap = review.gap(&format!("code of src/{file}")).unwrap_or_else(|| panic!("{}", review.gaps()));
        assert!(gap.contains(why), "{file}: {gap}");
    }
    assert_eq!(code(&review).1, 0);
}

#[test]
fn other_peoples_code_and_output_are_not_read() {
    let text = format!("import {{ prisma }} from '../src/db'\n{CALL}");
    let review = check(&[
        (".gitignore", "ignored/\n"),
        ("node_modules/x/index.js", &text),
        ("dist/index.js", &text),
        (".next/server.js", &text),
        ("ignored/a.ts", &text),
        ("package.json", "{\"name\": \"shop\"}"),
        ("build/index.js", &text),
        ("src/build/index.ts", &text.replace("../src/db", "../db")),
    ]);
    assert_eq!(code(&review), (2, 1, 1), "src/db.ts and src/build/index.ts");
}

#[test]
fn links_out_of_the_folder_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("a.ts"), CALL).unwrap();
    let project = project(&[]);
    std::os::unix::fs::symlink(outside.path(), project.path().join("src/elsewhere")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("a.ts"), project.path().join("src/one.ts")).unwrap();
    std::os::unix::fs::symlink(project.path().join("src"), project.path().join("same")).unwrap();
    let review = project.check(&["--no-lab"]);
    assert_eq!(places(&review), Vec::<String>::new());
    let gap =
        review.gap("code behind src/elsewhere, src/one.ts").unwrap_or_else(|| panic!("{}", review.gaps()));
    assert!(gap.contains("links are not followed"), "{gap}");
}

#[test]
fn aliases_workspaces_and_a_client_in_an_unusual_place() {
    let schema = |output: &str| {
        HEAD.replace("\"prisma-client-js\"", &format!("\"prisma-client\"\n  output = \"{output}\"")) + MODELS
    };
    let project = Project::new(&[
        ("packages/db/prisma/schema.prisma", &schema("../src/__generated__/client")),
        ("packages/db/package.json", "{\"name\": \"@acme/db\", \"main\": \"dist/index.js\"}"),
        ("packages/db/src/index.ts", "export * from './client'\n"),
        (
            "packages/db/src/client.ts",
            "import { PrismaClient } from './__generated__/client/client'\nexport const prisma = new PrismaClient()\n",
        ),
        ("packages/log/prisma/schema.prisma", &schema("../generated")),
        (
            "packages/log/src/db.ts",
            "import { PrismaClient } from '../generated'\nexport const log = new PrismaClient()\n",
        ),
        ("apps/web/package.json", "{\"name\": \"web\", \"dependencies\": {\"@acme/db\": \"workspace:*\"}}"),
        (
            "apps/web/tsconfig.json",
            "{ // aliases\n  \"compilerOptions\": { \"paths\": { \"@/*\": [\"./src/*\"], } } }",
        ),
        ("apps/web/src/lib/db.ts", "export { prisma } from '@acme/db'\n"),
        ("apps/web/src/users.ts", &format!("import {{ prisma }} from '@/lib/db'\n{CALL}")),
        ("packages/log/src/users.ts", &format!("import {{ log as prisma }} from './db'\n{CALL}")),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(places(&review), ["apps/web/src/users.ts:3", "packages/log/src/users.ts:3"]);
    assert_eq!(code(&review).1, 2, "each call belongs to one schema");
}

#[test]
fn cyclic_imports_come_to_an_end() {
    let review = check(&[
        (
            "src/a.ts",
            "export * from './b'\nimport { helper } from './b'\nexport const again = () => helper()\n",
        ),
        (
            "src/b.ts",
            &format!(
                "export * from './a'\nimport {{ again }} from './a'\nimport {{ prisma }} from './db'\nexport const helper = () => again()\n{CALL}"
            ),
        ),
    ]);
    assert_eq!(places(&review), ["src/b.ts:6"]);
}

#[test]
fn models_that_the_schema_lacks_are_said() {
    let review = check(&[(
        "src/a.ts",
        "import { prisma } from './db'\nexport const f = () => prisma.invoice.findMany({ where: { id: 1 } })\n",
    )]);
    let gap = review.gap("models of the code").unwrap();
    assert!(gap.contains("invoice"), "{gap}");
    let reasons = review.json["project"]["code"]["not_understood"].as_array().unwrap();
    assert_eq!(reasons[0]["reason"], "the schema has no such model");
    assert_eq!(code(&review), (2, 1, 0));
}

#[test]
fn a_schema_file_alone_has_no_code() {
    let project = project(&[("src/users.ts", &format!("import {{ prisma }} from './db'\n{CALL}"))]);
    let review = project.check(&["--no-lab", "prisma/schema.prisma"]);
    assert!(review.json["project"]["code"].is_null());
    assert!(review.gap("code").unwrap().contains("single file"), "{}", review.gaps());
    let review = project.check(&["--no-lab", "--select", "money-in-float"]);
    assert!(review.json["project"]["code"].is_null(), "no rule asked for it");
}

#[test]
fn a_comment_in_the_code_allows() {
    let allowed = CALL.replace(
        "return prisma",
        "// pgsteward: allow(insensitive-equals-is-pattern) addresses are checked\n  return prisma",
    );
    let unused = "// pgsteward: allow(raw-query-unsafe) nothing here is raw\nexport const one = () => prisma.user.count()\n";
    let review = check(&[("src/users.ts", &format!("import {{ prisma }} from './db'\n{allowed}{unused}"))]);
    assert_eq!(places(&review), Vec::<String>::new());
    assert_eq!(review.json["summary"]["allowed"], 1);
    assert_eq!(review.of_rule("unused-allow").len(), 1);
    let review =
        check(&[("src/plain.ts", "// pgsteward: allow(query-in-loop) once\nexport const one = 1\n")]);
    assert_eq!(review.of_rule("unused-allow").len(), 1, "in a file that asks nothing, too");
}

/// Gives a file a time. Of files that changed a moment ago, or will in the future, nothing linked is kept: what a moment is must
/// not hang on how fast the machine is.
fn date(project: &Project, path: &str, time: SystemTime) {
    let file = std::fs::File::options().write(true).open(project.path().join(path)).unwrap();
    file.set_modified(time).unwrap();
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_cache_that_is_broken_or_cannot_be_written_changes_nothing() {
    let users = format!("import {{ prisma }} from './db'\n{CALL}{}", "// filler;\n".repeat(60_000));
    let project = project(&[("src/users.ts", &users), ("src/more.ts", &users)]);
    date(&project, "src/users.ts", SystemTime::now() + HOUR);
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let run = |folder: &str| {
        let run = project.run_with(&["check", "--format", "json", "--no-lab"], &[("XDG_CACHE_HOME", folder)]);
        let review = run.review();
        (places(&review), code(&review))
    };
    let cold = run(folder);
    assert_eq!(cold.0, ["src/more.ts:3", "src/users.ts:3"]);
    let kept: Vec<_> = std::fs::read_dir(cache.path().join("pgsteward/code")).unwrap().flatten().collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(run(folder), cold, "warm");
    let path = kept[0].path();
    let bytes = std::fs::read(&path).unwrap();
    for broken in [&bytes[..bytes.len() / 2], b"", b"nonsense"] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(run(folder), cold);
        assert_eq!(std::fs::read(&path).unwrap().len(), bytes.len(), "it is written anew");
    }
    assert_eq!(run("/proc/nowhere"), cold);
    project.write("src/more.ts", "export const nothing = 1\n");
    project.write("src/filler.ts", "// filler;\n".repeat(120_000));
    assert_eq!(run(folder).0, ["src/users.ts:3"], "what changed is read again");
}

#[test]
fn what_was_linked_is_kept_for_as_long_as_nothing_changed() {
    let users = format!("import {{ prisma }} from './db'\n{CALL}{}", "// filler;\n".repeat(60_000));
    let project = project(&[("src/users.ts", &users), ("src/more.ts", &users)]);
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let run = || {
        let run = project.run_with(&["check", "--format", "json", "--no-lab"], &[("XDG_CACHE_HOME", folder)]);
        let review = run.review();
        (places(&review), code(&review))
    };
    let linked = || {
        let kept = std::fs::read_dir(cache.path().join("pgsteward/code")).unwrap().flatten();
        kept.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "code"))
    };
    date(&project, "src/users.ts", SystemTime::now() + HOUR);
    let cold = run();
    assert_eq!(linked(), None, "files of this very second may change again without a trace");
    let age = |path: &str, seconds: u64| {
        date(&project, path, SystemTime::now() - Duration::from_secs(seconds));
    };
    for entry in std::fs::read_dir(project.path().join("src")).unwrap().flatten() {
        age(&format!("src/{}", entry.file_name().to_str().unwrap()), 60);
    }
    assert_eq!(run(), cold);
    let path = linked().expect("kept");
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(run(), cold, "from what was kept");
    for broken in [&bytes[..bytes.len() / 2], b"", b"nonsense"] {
        std::fs::write(&path, broken).unwrap();
        assert_eq!(run(), cold);
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is written anew");
    }
    project.write("src/more.ts", "export const nothing = 1\n");
    assert_eq!(run().0, ["src/users.ts:3"], "what changed is read again");
    project.write("src/more.ts", &users);
    age("src/more.ts", 40);
    assert_eq!(run(), cold);
    std::fs::remove_file(project.path().join("src/more.ts")).unwrap();
    assert_eq!(run().0, ["src/users.ts:3"], "what is gone is gone");
    let schema = std::fs::read_to_string(project.path().join("prisma/schema.prisma")).unwrap();
    project.write("prisma/schema.prisma", schema.replace("model User", "model Person"));
    assert_eq!(run().0, Vec::<String>::new(), "the schema has no such model any more");
}

#[test]
fn what_files_say_is_kept_from_the_second_reading_on() {
    let users = format!("import {{ prisma }} from './db'\n{CALL}{}", "// filler;\n".repeat(60_000));
    let project = project(&[("src/users.ts", &users), ("src/more.ts", &users)]);
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().to_str().unwrap();
    let kept = || -> Vec<String> {
        for entry in std::fs::read_dir(project.path().join("src")).unwrap().flatten() {
            let path = format!("src/{}", entry.file_name().to_str().unwrap());
            let length = entry.metadata().unwrap().len();
            date(&project, &path, SystemTime::now() - Duration::from_secs(60 + length % 1000));
        }
        project.run_with(&["check", "--format", "json", "--no-lab"], &[("XDG_CACHE_HOME", folder)]).review();
        let entries = std::fs::read_dir(cache.path().join("pgsteward/code")).unwrap().flatten();
        let ends = entries.filter_map(|entry| Some(entry.path().extension()?.to_str()?.to_owned()));
        let mut ends: Vec<String> = ends.collect();
        ends.sort();
        ends
    };
    assert_eq!(kept(), ["code"], "a check that comes once has no use for more");
    project.write("src/more.ts", format!("{users}// more\n"));
    assert_eq!(kept(), ["code", "units"], "one that comes again reads what changed");
}

#[test]
fn tests_are_told_of_by_queries_and_where_other_code_imports_them() {
    let call = format!("import {{ prisma }} from './db'\n{CALL}");
    let project = project(&[
        ("src/users.ts", &call),
        ("src/users.test.ts", &call),
        ("src/testing/fixtures.test.ts", &call.replace("'./db'", "'../db'")),
        ("prisma/seed.ts", "import { byEmail } from '../src/testing/fixtures.test'\nawait byEmail('a')\n"),
    ]);
    assert_eq!(code(&project.check(&["--no-lab"])), (5, 2, 2), "src/users.ts and what the seed imports");
    let listed = project.run(&["queries", "--no-lab", "--format", "json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["total"], 3, "{listed}");
}

#[test]
fn a_comment_counts_in_a_file_that_asks_two_databases() {
    let schema = |output: &str| {
        HEAD.replace("\"prisma-client-js\"", &format!("\"prisma-client\"\n  output = \"{output}\"")) + MODELS
    };
    let asks = |client: &str| {
        CALL.replace("prisma.user", &format!("{client}.user"))
            .replace("byEmail", &format!("{client}ByEmail"))
            .replace("return", "// pgsteward: allow(insensitive-equals-is-pattern) staff only\n  return")
    };
    let both = format!(
        "import {{ PrismaClient as One }} from '../one/client/client'\nimport {{ PrismaClient as Two }} from '../two/client/client'\n\
         const one = new One()\nconst two = new Two()\n{}{}",
        asks("one"),
        asks("two")
    );
    let project = Project::new(&[
        ("one/schema.prisma", &schema("./client")),
        ("two/schema.prisma", &schema("./client")),
        ("src/both.ts", &both),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(places(&review), Vec::<String>::new());
    assert_eq!(review.json["summary"]["allowed"], 2, "{}", review.json["summary"]);
}
