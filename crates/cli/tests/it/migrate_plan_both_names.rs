//! `migrate plan --safe` where one migration gives a value of an enum and a column another name, and one view reads both.

use crate::migrate_plan::{Server, deployed_one_by_one, project};
use crate::migrate_plan_types::planned;

const FIRST: &str = "20260101000000_init";
const INIT: &str = "CREATE TYPE \"Status\" AS ENUM ('OPEN', 'VOID', 'PAID');\n\
                    CREATE TABLE \"Order\" (id SERIAL PRIMARY KEY, total INTEGER NOT NULL DEFAULT 0, status \"Status\" NOT NULL DEFAULT 'OPEN');\n\
                    CREATE VIEW voided AS SELECT id, total, status FROM \"Order\" WHERE status = 'VOID';\n";
const VALUE: &str = "ALTER TYPE \"Status\" RENAME VALUE 'VOID' TO 'CANCELLED';\n";
const COLUMN: &str = "ALTER TABLE \"Order\" RENAME COLUMN total TO amount;\n";

#[test]
fn a_view_of_a_renamed_value_and_a_renamed_column_has_its_rows_at_every_stage() {
    for major in [17, 15] {
        for migration in [format!("{VALUE}{COLUMN}"), format!("{COLUMN}{VALUE}")] {
            let Some(server) = Server::start(major) else { continue };
            let project = project(&[(FIRST, INIT)]);
            assert_eq!(server.run(&project, &["migrate", "deploy"]).code, Some(0));
            server
                .rows("INSERT INTO \"Order\" (total, status) SELECT n, 'VOID' FROM generate_series(1, 5) n");
            planned(&server, &project, &migration);
            deployed_one_by_one(&server, &project, &mut |name| {
                let seen = server.value("SELECT concat_ws(' ', count(*), sum(total)) FROM voided");
                assert_eq!(seen, "5 15", "{major}: {name} of {migration}");
            });
            let made = "INSERT INTO \"Order\" (amount, status) VALUES (10, 'CANCELLED'); SELECT 1";
            server.rows(made);
            assert_eq!(server.value("SELECT sum(total) FROM voided WHERE status = 'CANCELLED'"), "25");
            let columns = "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns WHERE table_name = 'Order'";
            assert_eq!(server.value(columns), "amount id status");
        }
    }
}
