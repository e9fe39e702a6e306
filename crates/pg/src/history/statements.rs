//! The statements of a row's life, as text: so a caller can put them into the transaction that the migration
//! itself runs in. Times are the server's clock, which all writers of one history share.

use super::HistoryTable;

/// The table as Prisma's schema engine makes it, column for column. Source: the migration persistence of
/// prisma-engines, as it stands in a database that Prisma 5 to 7 made.
pub fn create_table(table: &HistoryTable) -> String {
    format!(
        "CREATE TABLE {} (\n    id                      VARCHAR(36) PRIMARY KEY NOT NULL,\n    \
         checksum                VARCHAR(64) NOT NULL,\n    \
         finished_at             TIMESTAMPTZ,\n    \
         migration_name          VARCHAR(255) NOT NULL,\n    \
         logs                    TEXT,\n    \
         rolled_back_at          TIMESTAMPTZ,\n    \
         started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),\n    \
         applied_steps_count     INTEGER NOT NULL DEFAULT 0\n)",
        table.quoted()
    )
}

/// A row of a migration that begins to run. `logs` says what an unfinished row means, where that is not plain.
pub fn start(table: &HistoryTable, id: &str, checksum: &str, name: &str, logs: Option<&str>) -> String {
    format!(
        "INSERT INTO {} (id, checksum, started_at, migration_name, logs) VALUES ({}, {}, \
         pg_catalog.clock_timestamp(), {}, {})",
        table.quoted(),
        literal(id),
        literal(checksum),
        literal(name),
        logs.map_or_else(|| "NULL".to_owned(), literal)
    )
}

/// The whole row of a migration that ran to its end within the open transaction: it began when that did.
pub fn record(table: &HistoryTable, id: &str, checksum: &str, name: &str) -> String {
    format!(
        "INSERT INTO {} (id, checksum, started_at, finished_at, migration_name, applied_steps_count) \
         VALUES ({}, {}, pg_catalog.now(), pg_catalog.clock_timestamp(), {}, 1)",
        table.quoted(),
        literal(id),
        literal(checksum),
        literal(name)
    )
}

/// The migration ran to its end. Prisma counts a whole script as one step.
pub fn finish(table: &HistoryTable, id: &str) -> String {
    format!(
        "UPDATE {} SET applied_steps_count = 1, finished_at = pg_catalog.clock_timestamp(), logs = NULL \
         WHERE id = {}",
        table.quoted(),
        literal(id)
    )
}

/// So many statements of the script are done and committed.
pub fn set_progress(table: &HistoryTable, id: &str, statements: usize) -> String {
    format!("UPDATE {} SET applied_steps_count = {statements} WHERE id = {}", table.quoted(), literal(id))
}

/// The migration stopped with this error; the row stays unfinished.
pub fn fail(table: &HistoryTable, id: &str, logs: &str) -> String {
    format!("UPDATE {} SET logs = {} WHERE id = {}", table.quoted(), literal(logs), literal(id))
}

/// An unfinished row is taken up again by the text that is on disk now.
pub fn reopen(table: &HistoryTable, id: &str, checksum: &str, logs: &str) -> String {
    format!(
        "UPDATE {} SET checksum = {}, logs = {} WHERE id = {}",
        table.quoted(),
        literal(checksum),
        literal(logs),
        literal(id)
    )
}

/// An applied migration is about to be undone piece by piece: it is neither applied nor rolled back until then.
pub fn unfinish(table: &HistoryTable, id: &str, logs: &str) -> String {
    format!(
        "UPDATE {} SET finished_at = NULL, logs = {} WHERE id = {}",
        table.quoted(),
        literal(logs),
        literal(id)
    )
}

/// `migrate resolve --rolled-back`.
pub fn roll_back(table: &HistoryTable, id: &str) -> String {
    format!(
        "UPDATE {} SET rolled_back_at = pg_catalog.clock_timestamp() WHERE id = {}",
        table.quoted(),
        literal(id)
    )
}

/// `migrate resolve --applied`: started and finished in one instant, no step counted, empty logs.
pub fn mark_applied(table: &HistoryTable, id: &str, checksum: &str, name: &str) -> String {
    format!(
        "INSERT INTO {} (id, checksum, logs, started_at, finished_at, migration_name) \
         SELECT {}, {}, '', instant, instant, {} FROM pg_catalog.clock_timestamp() AS instant",
        table.quoted(),
        literal(id),
        literal(checksum),
        literal(name)
    )
}

/// A random UUID (version 4) in its canonical form.
pub fn new_id() -> String {
    let mut bytes = [0u8; 16];
    // The operating system's source does not fail once it is up; should it, the time still makes ids differ.
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        bytes = (since.as_nanos() << 32 | u128::from(std::process::id())).to_be_bytes();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A string literal that means the same whatever `standard_conforming_strings` says. The protocol ends its
/// texts with a NUL, which no error text may bring in.
fn literal(text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}");
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_of_version_4() {
        let (one, other) = (new_id(), new_id());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn literals_survive_every_character() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b\0"), "E'a\\\\''b\u{fffd}'");
    }
}
