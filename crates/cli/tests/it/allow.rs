//! What is accepted, with its reason; and a baseline of today's findings.

use crate::support::{HAZARD_SQL, HEAD, Project, SHOP};

const RULE: &str = "foreign-key-without-index";
const HAZARD: &str = "index-not-concurrent";
const INDEX: &str = "prisma/migrations/20260102000000_index/migration.sql";

fn allowed(review: &crate::support::Review) -> u64 {
    review.json["summary"]["allowed"].as_u64().unwrap()
}

#[test]
fn a_comment_in_the_schema() {
    let relation = "  vendor   Vendor @relation";
    for (comment, own_line) in [
        ("// pgsteward: allow(foreign-key-without-index) vendors are never deleted", true),
        ("// pgsteward: allow(foreign-key-without-index) vendors are never deleted", false),
    ] {
        let shop = if own_line {
            SHOP.replace(relation, &format!("  {comment}\n{relation}"))
        } else {
            SHOP.replace("references: [id])", &format!("references: [id]) {comment}"))
        };
        let project = Project::shop(&[("prisma/schema.prisma", &format!("{HEAD}\n{shop}"))]);
        let review = project.check(&["--no-lab"]);
        assert_eq!(review.of_rule(RULE).len(), 0, "own line: {own_line}");
        assert_eq!(allowed(&review), 1);
        assert!(!review.rules().iter().any(|rule| rule.contains("allow")), "{:?}", review.rules());
    }
}

#[test]
fn a_comment_in_a_migration() {
    let sql = format!("-- pgsteward: allow({HAZARD}) the table is small\n{HAZARD_SQL}");
    let project = Project::shop(&[(INDEX, &sql)]);
    let review = project.check(&["--no-lab", "--all-migrations"]);
    assert_eq!(review.of_rule(HAZARD).len(), 0);
    assert_eq!(allowed(&review), 1);
    // Where the migration is not judged any more the allow is history as well.
    let review = project.check(&["--no-lab"]);
    assert!(!review.rules().iter().any(|rule| rule.contains("allow")), "{:?}", review.rules());
}

#[test]
fn allows_that_are_wrong_themselves() {
    let shop = SHOP.replace(
        "  vendor   Vendor @relation",
        "  // pgsteward: allow(foreign-key-without-index)\n  vendor   Vendor @relation",
    );
    let shop = shop.replace(
        "model Vendor",
        "// pgsteward: allow(money-in-float) nothing here is money\n// pgsteward: allow(no-such-rule) what?\nmodel Vendor",
    );
    let project = Project::shop(&[("prisma/schema.prisma", &format!("{HEAD}\n{shop}"))]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.of_rule(RULE).len(), 0, "an allow without a reason still allows");
    for (rule, word) in [
        ("allow-without-reason", RULE),
        ("unused-allow", "money-in-float"),
        ("unknown-rule-in-allow", "no-such-rule"),
    ] {
        let found = review.of_rule(rule);
        assert_eq!(found.len(), 1, "{rule}: {:?}", review.rules());
        assert!(found[0]["message"].as_str().unwrap().contains(word), "{}", found[0]["message"]);
        assert_eq!(found[0]["location"]["file"], "prisma/schema.prisma");
    }
    // An allow of a rule that did not run is not unused.
    let review = project.check(&["--no-lab", "--ignore", "money-in-float"]);
    assert_eq!(review.of_rule("unused-allow").len(), 0);
}

/// What files alone show of a fix takes none of the ten places of those that a lab has to try.
#[test]
fn an_unused_allow_takes_no_place() {
    let numbers: Vec<u32> = (0..12).collect();
    let of = |one: &dyn Fn(&u32) -> String| numbers.iter().map(one).collect::<String>();
    let schema = format!(
        "{HEAD}\n// pgsteward: allow({RULE}) nothing here refers to anything\nmodel Vendor {{\n  id Int @id\n{}}}\n{}",
        of(&|n| format!("  t{n} T{n}[]\n")),
        of(&|n| format!(
            "model T{n} {{\n  id Int @id\n  vendorId Int\n  vendor Vendor @relation(fields: [vendorId], references: [id])\n}}\n"
        ))
    );
    let sql = format!(
        "CREATE TABLE \"Vendor\" (\"id\" INTEGER PRIMARY KEY);\n{}",
        of(&|n| format!(
            "CREATE TABLE \"T{n}\" (\"id\" INTEGER PRIMARY KEY, \"vendorId\" INTEGER NOT NULL REFERENCES \"Vendor\"(\"id\"));\n"
        ))
    );
    let project = Project::new(&[
        ("prisma/schema.prisma", &schema),
        ("prisma/migrations/20260101000000_init/migration.sql", &sql),
    ]);
    let rules = format!("{RULE},unused-allow");
    let review = project.check(&["--no-lab", "--prove", "top", "--select", &rules]);
    let keys = review.of_rule(RULE);
    assert_eq!(keys.len(), 12, "{:?}", review.rules());
    assert_eq!(keys.iter().filter(|finding| !finding["proof"].is_null()).count(), 10);
    let unused = review.of_rule("unused-allow");
    assert_eq!(unused[0]["proof"]["verdict"], "proven", "{:#}", unused[0]);
    assert!(review.gaps().contains("2 fixes or findings were not tried"), "{}", review.gaps());
}

#[test]
fn allows_in_the_configuration() {
    let config = "# [[allow]]\n# rule = \"commented-out\"\n\n\
                  [[allow]]\nrule = \"foreign-key-without-index\"\nobject = \"Order\"\nreason = \"vendors are never deleted\"\nuntil = \"2999-12-31\"\n\n\
                  [[allow]]\nrule = \"serial-column\"\nreason = \"Prisma's default\"\n\n\
                  [[allow]]\nrule = \"table-without-creation-time\"\nobject = \"Vend*\"\nuntil = \"2020-01-01\"\nreason = \"soon\"\n\n\
                  [[allow]]\nrule = \"money-in-float\"\nobject = \"Nothing.*\"\nreason = \"x\"\n\n\
                  [[allow]]\nrule = \"integer-key-overflow\"\nobject = \"Vendor.id\"\n";
    let project = Project::shop(&[("pgsteward.toml", config)]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.of_rule(RULE).len(), 0);
    assert_eq!(review.of_rule("serial-column").len(), 0);
    assert_eq!(review.of_rule("table-without-creation-time").len(), 2, "what has run out allows nothing");
    assert_eq!(review.of_rule("integer-key-overflow").len(), 1, "of Order alone");
    let line = |text: &str| {
        let upto = config.split(text).next().unwrap();
        upto[..upto.rfind("[[allow]]").unwrap()].lines().count() + 1
    };
    for (rule, of, count) in [
        ("expired-allow", "table-without-creation-time", 1),
        ("unused-allow", "money-in-float", 1),
        ("allow-without-reason", "integer-key-overflow", 1),
    ] {
        let found = review.of_rule(rule);
        assert_eq!(found.len(), count, "{rule}: {:?}", review.rules());
        assert_eq!(found[0]["location"]["file"], "pgsteward.toml");
        assert_eq!(found[0]["location"]["line"], line(of), "{rule}");
    }
}

#[test]
fn an_allow_in_the_configuration_is_used_if_any_project_needs_it() {
    let plain = "model Tag {\n  id Int @id\n}\n";
    let project = Project::new(&[
        ("a/prisma/schema.prisma", &format!("{HEAD}\n{SHOP}")),
        ("b/prisma/schema.prisma", &format!("{HEAD}\n{plain}")),
        (
            "pgsteward.toml",
            "[[allow]]\nrule = \"foreign-key-without-index\"\nreason = \"few rows\"\n\n[[allow]]\nrule = \"money-in-float\"\nreason = \"none\"\n",
        ),
    ]);
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.of_rule(RULE).len(), 0);
    let unused = review.of_rule("unused-allow");
    assert_eq!(unused.len(), 1, "said once, and of the other allow only: {unused:#?}");
    assert!(unused[0]["message"].as_str().unwrap().contains("money-in-float"));
}

#[test]
fn a_baseline_accepts_today_and_shows_tomorrow() {
    let project = Project::shop(&[]);
    let run = project.run(&["check", "--no-lab", "--write-baseline=accepted.json"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert!(run.stderr.contains("wrote 7 findings to accepted.json"), "{}", run.stderr);
    let review = project.check(&["--no-lab", "--baseline", "accepted.json", "--fail-on", "info"]);
    assert_eq!(review.findings().len(), 0, "{:?}", review.rules());
    assert_eq!(review.json["summary"]["baselined"], 7);
    assert_eq!(review.code, Some(0));
    // Keys outlive what moves lines, and the lab.
    let schema = project.read("prisma/schema.prisma");
    project.write("prisma/schema.prisma", format!("// A line more.\n\n{schema}"));
    assert_eq!(project.check(&["--baseline", "accepted.json"]).findings().len(), 0);
    // What is new is shown.
    project.write(
        "prisma/schema.prisma",
        format!("{schema}\nmodel Price {{\n  id    Int   @id\n  price Float\n}}\n"),
    );
    let review = project.check(&["--no-lab", "--baseline", "accepted.json"]);
    assert!(review.rules().contains(&"schema-not-migrated"), "{:?}", review.rules());
    assert_eq!(review.of_rule(RULE).len(), 0);
}

#[test]
fn a_baseline_that_the_configuration_names_can_be_written_and_written_again() {
    let project = Project::shop(&[("pgsteward.toml", "[check]\nbaseline = \"pgsteward-baseline.json\"\n")]);
    let run = project.run(&["check", "--no-lab", "--write-baseline"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    let first = project.read("pgsteward-baseline.json");
    assert_eq!(project.check(&["--no-lab"]).findings().len(), 0);
    let run = project.run(&["check", "--no-lab", "--write-baseline"]);
    assert_eq!(run.code, Some(0), "{}", run.both());
    assert_eq!(project.read("pgsteward-baseline.json"), first, "accepting again loses nothing");
}

#[test]
fn thresholds_and_choices() {
    let project = Project::shop(&[]);
    for (arguments, code) in [
        ([].as_slice(), 0),
        (&["--fail-on", "warning"], 1),
        (&["--fail-on", "info"], 1),
        (&["--fail-on", "warning", "--ignore", "index"], 0),
        (&["--fail-on", "info", "--select", "foreign-key-without-index"], 1),
        (&["--fail-on", "info", "--select", "drift,config"], 0),
    ] {
        let run = project.run(&[&["check", "--no-lab"], arguments].concat());
        assert_eq!(run.code, Some(code), "{arguments:?}: {}", run.both());
    }
    let review = project.check(&["--no-lab", "--select", "index", "--ignore", RULE]);
    assert!(review.findings().iter().all(|finding| finding["group"] == "index" && finding["rule"] != RULE));
    project.write(
        "pgsteward.toml",
        "[check]\nfail_on = \"warning\"\nignore = [\"serial-column\"]\n\n[severity]\n\"integer-key-overflow\" = \"error\"\n",
    );
    let review = project.check(&["--no-lab"]);
    assert_eq!(review.code, Some(1));
    assert_eq!(review.of_rule("serial-column").len(), 0);
    assert!(review.of_rule("integer-key-overflow").iter().all(|finding| finding["severity"] == "error"));
    assert_eq!(project.run(&["check", "--no-lab", "--ignore", "index,schema"]).code, Some(0));
}
