//! Plain SQL of another database: a folder of migrations says nowhere whose they are, its text does.
//!
//! A word of another dialect proves nothing alone, it may stand in a string; beside a statement that is no
//! PostgreSQL it does.

use super::repository::ReadProject;

/// Words that only one other database has, in capitals as they are looked for.
const WORDS: &[(&str, &[&str])] = &[
    (
        "ClickHouse",
        &["MERGETREE", "LOWCARDINALITY(", "NULLABLE(", "BLOOM_FILTER", "MATERIALIZE INDEX", "DATETIME64("],
    ),
    ("MySQL", &["AUTO_INCREMENT", "ENGINE=INNODB", "ENGINE = INNODB", "UTF8MB4", "TINYINT("]),
    ("SQLite", &["AUTOINCREMENT", "PRAGMA ", "WITHOUT ROWID"]),
    ("SQL Server", &["NVARCHAR(", "[DBO]", "UNIQUEIDENTIFIER"]),
];

/// The database that a folder of migrations is written for, where it is not PostgreSQL.
pub(super) fn other_database(read: &ReadProject) -> Option<&'static str> {
    read.migrations.values().find_map(|file| {
        let text = file.text.to_uppercase();
        let (database, _) = WORDS.iter().find(|(_, words)| words.iter().any(|word| text.contains(word)))?;
        (!pgsteward_sql::parse(&file.text).errors.is_empty()).then_some(*database)
    })
}
