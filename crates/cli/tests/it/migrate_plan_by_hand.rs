//! What `migrate plan --safe` leaves as it is written and what it says to do by hand: who does that finds the rest planned.

use crate::migrate_plan::{Server, project};

const FIRST: &str = "20260101000000_init";
const BEFORE: &str = "20260102000000_before";
const NEXT: [&str; 4] =
    ["20260103000001_total", "20260103000002_level", "20260103000003_size", "20260103000004_event"];
const BEHIND: &str = "20260104000000_behind";

const INIT: &str = "CREATE TYPE level AS ENUM ('low', 'high');\nCREATE DOMAIN shown AS level CHECK (VALUE <> 'high');\n\
    CREATE TYPE size AS ENUM ('small', 'large');\nCREATE TYPE parcel AS (size size, count INTEGER);\n\
    CREATE TABLE item (id SERIAL PRIMARY KEY, total INTEGER NOT NULL, rest INTEGER GENERATED ALWAYS AS (total % 7) STORED, \
    level shown, parcel parcel);\n\
    CREATE TABLE event (id INTEGER NOT NULL, at DATE NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);\n\
    CREATE TABLE event_all PARTITION OF event DEFAULT;\n\
    CREATE TABLE note (id SERIAL PRIMARY KEY, event INTEGER, at DATE, CONSTRAINT note_event_fkey FOREIGN KEY (event, at) REFERENCES event (id, at));\n";

/// The change that is wanted, as PostgreSQL takes it; then what is said of it, what comes before and behind it by hand, and
/// how it is written between the two.
const CASES: [[&str; 5]; 4] = [
    [
        "ALTER TABLE item DROP COLUMN rest;\nALTER TABLE item ALTER COLUMN total TYPE BIGINT;\n\
         ALTER TABLE item ADD COLUMN rest BIGINT GENERATED ALWAYS AS (total % 7) STORED;\n",
        "make the generated column a plain one before (ALTER COLUMN … DROP EXPRESSION), which a BEFORE trigger writes",
        "ALTER TABLE item ALTER COLUMN rest DROP EXPRESSION;\n\
         CREATE FUNCTION item_made() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.rest := NEW.total % 7; RETURN NEW; END $$;\n\
         CREATE TRIGGER item_made BEFORE INSERT OR UPDATE ON item FOR EACH ROW EXECUTE FUNCTION item_made();\n",
        "",
        "ALTER TABLE item ALTER COLUMN total TYPE BIGINT;\nALTER TABLE item ALTER COLUMN rest TYPE BIGINT;\n",
    ],
    [
        "ALTER TYPE level RENAME VALUE 'low' TO 'little';\n",
        "give its columns the enum itself before, what the domain checks as check constraints (over their text), and drop it",
        "ALTER TABLE item ALTER COLUMN level TYPE level;\n\
         ALTER TABLE item ADD CONSTRAINT item_level_check CHECK (level::text <> 'high') NOT VALID;\nDROP DOMAIN shown;\n",
        "",
        "ALTER TYPE level RENAME VALUE 'low' TO 'little';\n",
    ],
    [
        "ALTER TYPE size RENAME VALUE 'small' TO 'tiny';\n",
        "change the column to text before and back after it, in migrations of their own; text keeps the old name of a value, which USING",
        "ALTER TABLE item ALTER COLUMN parcel TYPE TEXT;\n",
        "ALTER TABLE item ALTER COLUMN parcel TYPE parcel USING replace(parcel, '(small,', '(tiny,')::parcel;\n",
        "ALTER TYPE size RENAME VALUE 'small' TO 'tiny';\n",
    ],
    [
        "ALTER TABLE event ALTER COLUMN id TYPE BIGINT;\n",
        "drop the key before and add it again after it, in migrations of their own",
        "ALTER TABLE note DROP CONSTRAINT note_event_fkey;\n",
        "ALTER TABLE note ADD CONSTRAINT note_event_fkey FOREIGN KEY (event, at) REFERENCES event (id, at);\n",
        "ALTER TABLE event ALTER COLUMN id TYPE BIGINT;\n",
    ],
];

#[test]
fn what_is_said_of_what_is_left_is_right() {
    for major in [17, 15] {
        let Some(server) = Server::start(major) else { continue };
        let ours = project(&[(FIRST, INIT)]);
        assert_eq!(server.run(&ours, &["migrate", "deploy"]).code, Some(0));
        let each = |at: usize| NEXT.into_iter().zip(CASES.iter().map(move |case| case[at]));
        let wanted: Vec<(&str, &str)> = std::iter::once((FIRST, INIT)).chain(each(0)).collect();
        let run = server.run(&project(&wanted), &["migrate", "plan", "--safe"]);
        for case in CASES {
            assert!(run.stdout.contains(case[1]), "on {major}: {}\n{}", case[1], run.both());
        }

        let all = |at: usize| CASES.iter().map(|case| case[at]).collect::<String>();
        let mut pending = vec![(BEFORE, all(2))];
        pending.extend(each(4).map(|(name, sql)| (name, sql.to_owned())));
        pending.push((BEHIND, all(3)));
        for (name, sql) in &pending {
            ours.write(&format!("prisma/migrations/{name}/migration.sql"), sql);
        }
        let run = server.run(&ours, &["migrate", "plan", "--safe", "--format", "json"]);
        let verdicts: Vec<String> = run.json()["migrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| format!("{} {} {}", one["name"], one["verdict"], one["notes"]))
            .collect();
        assert_eq!(run.code, Some(0), "{verdicts:#?} {}", run.stderr);
        let json = run.json();
        let planned = json["migrations"].as_array().unwrap();
        for name in NEXT {
            let one = planned.iter().find(|one| one["name"] == name).unwrap();
            // No column holds values of the size any more: there is nothing to plan.
            let verdict = if name.ends_with("_size") { "unchanged" } else { "proven" };
            assert_eq!(one["verdict"]["verdict"], verdict, "on {major}: {one:#}");
            assert!(!one["notes"].to_string().contains("as it is written"), "on {major}: {one:#}");
        }
    }
}
